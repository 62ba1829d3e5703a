//! A home as eyes saw it: the whole of it, and views of it.

use super::oracle::Oracle;
use super::truth::Thing;
use crate::geometry::Pose;
use crate::scene::{Region, VisualTokens};
use nalgebra::Point3;
use rand::Rng;

/// Pixels of a view, 160 × 120 in all, that show enough of a thing to see what it is.
const ENOUGH_PIXELS: f64 = 64.0;

/// A home, its scene in world coordinates and some views in camera coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenHome {
    /// Name of the trajectory or the seed.
    pub id: String,
    /// Name of the floor plan; what is held out is held out by it.
    pub scene: String,
    /// Whose eyes saw it, and what.
    pub eyes: Eyes,
}

/// Whose eyes saw a home.
#[derive(Debug, Clone, PartialEq)]
pub enum Eyes {
    /// Nobody's: the truth, to be seen anew with other faults each time.
    Oracle {
        /// All that shows.
        things: Vec<Thing>,
        /// Views: what shows in them.
        views: Vec<TrueView>,
    },
    /// Those of a robot that toured it.
    Real {
        /// What its map held in the end, world coordinates.
        scene: Seen,
        /// What it saw in single frames.
        views: Vec<RealView>,
    },
}

/// What a robot saw in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct RealView {
    /// Maps world coordinates to those of the camera (x right, y down, z ahead).
    pub camera_T_world: Pose,
    /// What it saw: points, and middles of regions, in camera coordinates; boxes of regions along
    /// the axes of the world.
    pub seen: Seen,
}

/// What is kept of what a robot saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// What hangs together and looks like one thing.
    Regions(Vec<Region>),
    /// Voxels, chosen and given as a planner gives them to a model.
    Voxels(VisualTokens),
}

impl Seen {
    /// Number of regions or voxels.
    pub fn len(&self) -> usize {
        match self {
            Self::Regions(regions) => regions.len(),
            Self::Voxels(tokens) => tokens.len(),
        }
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The regions; none of voxels.
    pub fn regions(&self) -> &[Region] {
        match self {
            Self::Regions(regions) => regions,
            Self::Voxels(_) => &[],
        }
    }

    /// The voxels, where these were kept.
    pub fn voxels(&self) -> Option<&VisualTokens> {
        match self {
            Self::Regions(_) => None,
            Self::Voxels(tokens) => Some(tokens),
        }
    }
}

/// What a camera would see from a pose.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueView {
    /// Maps world coordinates to those of the camera (x right, y down, z ahead).
    pub camera_T_world: Pose,
    /// Indices of the things in view, each with its pixels in an image of 160 × 120.
    pub pixels: Vec<(usize, f64)>,
}

impl SeenHome {
    /// Number of views.
    pub fn views(&self) -> usize {
        match &self.eyes {
            Eyes::Oracle { views, .. } => views.len(),
            Eyes::Real { views, .. } => views.len(),
        }
    }

    /// Number of regions or voxels that the scene has at most, but for spurious ones.
    pub fn size(&self) -> usize {
        match &self.eyes {
            Eyes::Oracle { things, .. } => things.len(),
            Eyes::Real { scene, .. } => scene.len(),
        }
    }

    /// Whether a robot saw it, and not oracle eyes.
    pub fn is_seen_by_real_eyes(&self) -> bool {
        matches!(self.eyes, Eyes::Real { .. })
    }

    /// Whether voxels were kept of it. What each of them is of is not known.
    pub fn is_kept_as_voxels(&self) -> bool {
        self.scene_voxels().is_some()
    }

    /// The voxels of the scene, world coordinates, where these were kept.
    pub fn scene_voxels(&self) -> Option<&VisualTokens> {
        match &self.eyes {
            Eyes::Oracle { .. } => None,
            Eyes::Real { scene, .. } => scene.voxels(),
        }
    }

    /// The voxels of a view, camera coordinates, where these were kept.
    pub fn view_voxels(&self, view: usize) -> Option<&VisualTokens> {
        match &self.eyes {
            Eyes::Oracle { .. } => None,
            Eyes::Real { views, .. } => views.get(view)?.seen.voxels(),
        }
    }

    /// Maps world coordinates to those of the camera of a view, if there is that view.
    pub fn camera_T_world(&self, view: usize) -> Option<&Pose> {
        match &self.eyes {
            Eyes::Oracle { views, .. } => Some(&views.get(view)?.camera_T_world),
            Eyes::Real { views, .. } => Some(&views.get(view)?.camera_T_world),
        }
    }

    /// The regions of the scene, world coordinates.
    pub fn scene(&self, oracle: &Oracle, rng: &mut impl Rng) -> Vec<Region> {
        match &self.eyes {
            Eyes::Oracle { things, .. } => oracle.regions(things, |_| 1.0, rng),
            Eyes::Real { scene, .. } => scene.regions().to_vec(),
        }
    }

    /// The regions of a view, camera coordinates; none for a view that there is not.
    pub fn view(&self, view: usize, oracle: &Oracle, rng: &mut impl Rng) -> Vec<Region> {
        match &self.eyes {
            Eyes::Real { views, .. } => {
                views.get(view).map(|view| view.seen.regions().to_vec()).unwrap_or_default()
            }
            Eyes::Oracle { things, views } => {
                let Some(view) = views.get(view) else { return Vec::new() };
                let shows = |thing: usize| {
                    let seen = view.pixels.iter().find(|(index, _)| *index == thing);
                    seen.map_or(0.0, |(_, pixels)| (pixels / ENOUGH_PIXELS).min(1.0))
                };
                let mut regions = oracle.regions(things, shows, rng);
                for region in &mut regions {
                    let at = view.camera_T_world * Point3::from(region.centre_m);
                    region.centre_m = at.coords.into();
                }
                regions
            }
        }
    }
}
