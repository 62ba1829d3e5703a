//! Puts things into a room: at walls, and on the surfaces of other things.

use super::catalogue::{Model, Palette, Surface};
use super::home::Entity;
use crate::geometry::Pose;
use nalgebra::{Translation3, UnitQuaternion, Vector3};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::{FRAC_PI_2, PI};

/// A place for small things: a surface of an entity.
pub(super) struct Place {
    pub entity: u32,
    pub category: &'static str,
    pub world_T_surface: Pose,
    pub surface: Surface,
}

pub(super) struct Builder {
    pub rng: Pcg64Mcg,
    pub palette: Palette,
    pub size_m: [f64; 3],
    pub entities: Vec<Entity>,
    pub places: Vec<Place>,
}

impl Builder {
    /// A builder of an empty room with these inner edge lengths, metres.
    pub fn new(rng: Pcg64Mcg, palette: Palette, size_m: [f64; 3]) -> Self {
        Self { rng, palette, size_m, entities: Vec::new(), places: Vec::new() }
    }

    /// Adds a model that stands at `world_T_model` and returns its id.
    pub fn add(
        &mut self,
        category: &'static str,
        model: Model,
        world_T_model: Pose,
        parent: Option<u32>,
        is_receptacle: bool,
    ) -> u32 {
        let id = self.entities.len() as u32 + 1;
        let (low, high) = model.bounds_m();
        let centre = (low + high) * 0.5;
        let mut parts = model.parts;
        for part in &mut parts {
            part.entity_T_part.translation.vector -= centre;
        }
        let mut surfaces = model.surfaces.clone();
        for surface in &mut surfaces {
            surface.centre_m = (Vector3::from(surface.centre_m) - centre).into();
        }
        for surface in model.surfaces {
            let at = Translation3::from(surface.centre_m);
            self.places.push(Place {
                entity: id,
                category,
                world_T_surface: world_T_model * at,
                surface,
            });
        }
        self.entities.push(Entity {
            id,
            category,
            parts,
            world_T_entity: world_T_model * Translation3::from(centre),
            size_m: (high - low).into(),
            parent,
            is_receptacle,
            surfaces,
        });
        id
    }

    /// Maps coordinates of a wall to the world: origin at its left end as seen from inside the
    /// room, x into the room, y along the wall. Wall 0 lies at +x, 1 at +y, 2 at −x, 3 at −y.
    pub fn wall(&self, side: usize) -> (Pose, f64) {
        let [x, y, _] = self.size_m.map(|s| 0.5 * s);
        let (corner, length) =
            [([x, y], 2.0 * y), ([-x, y], 2.0 * x), ([-x, -y], 2.0 * y), ([x, -y], 2.0 * x)][side];
        let yaw = PI + FRAC_PI_2 * side as f64;
        let corner = Translation3::new(corner[0], corner[1], 0.0);
        (Pose::from_parts(corner, UnitQuaternion::from_euler_angles(0.0, 0.0, yaw)), length)
    }

    /// Adds a model with its back to wall `side`, its middle `along` metres from the wall's origin,
    /// its underside at height `z`.
    #[allow(clippy::too_many_arguments)]
    pub fn add_at_wall(
        &mut self,
        category: &'static str,
        model: Model,
        side: usize,
        along: f64,
        z: f64,
        parent: Option<u32>,
        is_receptacle: bool,
    ) -> u32 {
        let (world_T_wall, _) = self.wall(side);
        let depth = 0.004 - model.bounds_m().0.x;
        let pose = world_T_wall * Translation3::new(depth, along, z);
        self.add(category, model, pose, parent, is_receptacle)
    }
}
