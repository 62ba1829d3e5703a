//! What the robot can see from where it stands.

use super::failure::Failure;
use super::world::{REACH_M, World};
use crate::geometry::CameraModel;
use crate::sim::{Entity, Renderer, SimError};

/// Width of the image in which things are looked for, pixels; the height is three quarters.
const WIDTH_PX: u32 = 160;
/// Focal length of that image, pixels: as wide as the robot's camera.
const FOCAL_PX: f64 = 138.5;
/// Fewest pixels that count as seeing something.
const MIN_PIXELS: usize = 3;

impl World {
    /// The small camera with which things are looked for: as wide as the robot's.
    pub(in crate::sim) fn finder() -> CameraModel {
        let height = WIDTH_PX * 3 / 4;
        let middle = |edge: u32| 0.5 * (f64::from(edge) - 1.0);
        CameraModel::pinhole(WIDTH_PX, height, FOCAL_PX, FOCAL_PX, middle(WIDTH_PX), middle(height))
    }

    /// Whether the camera sees an entity, as it stands and looks now.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered.
    pub fn sees(&self, id: u32) -> Result<bool, SimError> {
        let renderer = Renderer::new(Self::finder())?;
        let seen = renderer.instances(&self.shown(), &self.robot.world_T_camera());
        Ok(seen.iter().filter(|seen| **seen == id).count() >= MIN_PIXELS)
    }

    /// Whether an entity is near enough to be touched.
    ///
    /// # Errors
    ///
    /// When it is not, with the distance.
    pub(super) fn near(&self, entity: &Entity) -> Result<(), Failure> {
        let distance_m = self.gap_m(entity, &self.robot.xy_m);
        if distance_m <= REACH_M {
            return Ok(());
        }
        Err(Failure::OutOfReach { name: entity.category.into(), distance_m })
    }

    /// Whether an entity can be touched: near enough, and in sight.
    pub(super) fn touchable(&self, id: u32) -> Result<&Entity, Failure> {
        let gone = || Failure::NotSeen { name: "thing".into() };
        let entity = self.home.entity(id).ok_or_else(gone)?;
        self.near(entity)?;
        match self.sees(id) {
            Ok(true) => Ok(entity),
            _ => Err(Failure::NotSeen { name: entity.category.into() }),
        }
    }
}
