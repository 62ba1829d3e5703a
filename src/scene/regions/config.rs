//! Settings of the search for regions.

use crate::scene::SceneError;
use serde::{Deserialize, Serialize};

/// Cell edge for which [`RegionConfig::min_mass`] is meant, metres.
const USUAL_EDGE_M: f64 = 0.05;

/// How regions are found, and how often objects are made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegionConfig {
    /// Every how many frames the objects of the map follow its regions; 0 leaves them to detectors.
    pub every_frames: u32,
    /// Names of the things that are looked for, where the extractor was not taught any.
    pub names: Vec<String>,
    /// Names of what belongs to the room: it is told apart from things, and never becomes one.
    pub structure: Vec<String>,
    /// What cosines are divided by before they become probabilities.
    pub temperature: f32,
    /// Cosine at which a name is as likely as none: something that has no name here.
    pub nothing: f32,
    /// Least mean probability of its name at which a region is kept, 0..=1.
    pub min_score: f32,
    /// Least sum of probabilities over the voxels of a region, for voxels of 5 cm: three that are
    /// nearly sure, or five that are half sure.
    pub min_mass: f32,
    /// Edge length of the voxels that a single frame is pooled into, metres.
    pub frame_voxel_m: f64,
}

impl Default for RegionConfig {
    fn default() -> Self {
        let structure = ["floor", "wall", "ceiling", "window", "door", "backsplash"];
        Self {
            every_frames: 4,
            names: Vec::new(),
            structure: structure.map(str::to_owned).to_vec(),
            temperature: 0.05,
            nothing: 0.1,
            min_score: 0.35,
            min_mass: 2.5,
            frame_voxel_m: 0.05,
        }
    }
}

impl RegionConfig {
    /// The names that are looked for, and those of the room, to be told apart.
    pub fn names_and_structure(&self) -> Vec<String> {
        self.names.iter().chain(&self.structure).cloned().collect()
    }

    /// [`Self::min_mass`] for cells with edges of `edge_m` metres.
    pub(super) fn least_mass(&self, edge_m: f64) -> f32 {
        self.min_mass * ((USUAL_EDGE_M / edge_m).powi(2) as f32).max(0.5)
    }

    /// Whether every setting can be used.
    ///
    /// # Errors
    ///
    /// The first setting that cannot, and what would be right.
    pub fn validate(&self) -> Result<(), SceneError> {
        let check = |holds: bool, field: &'static str, reason: &str| {
            if holds { Ok(()) } else { Err(SceneError::Setting { field, reason: reason.into() }) }
        };
        check(
            (1e-3..=10.0).contains(&self.temperature),
            "regions.temperature",
            "must lie between 0.001 and 10",
        )?;
        check((-1.0..=1.0).contains(&self.nothing), "regions.nothing", "must lie in -1..=1")?;
        check((0.0..=1.0).contains(&self.min_score), "regions.min_score", "must lie in 0..=1")?;
        check(
            (0.0..=1e6).contains(&self.min_mass),
            "regions.min_mass",
            "must lie between 0 and 1000000 voxels",
        )?;
        check(
            (0.001..=10.0).contains(&self.frame_voxel_m),
            "regions.frame_voxel_m",
            "must lie between 0.001 and 10 metres",
        )
    }
}
