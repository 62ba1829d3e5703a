//! The regions of a map, and of one frame.

use super::belief::beliefs;
use super::cells::Cells;
use super::grid::Neighbours;
use super::grow::Field;
use super::region::Details;
use super::relate::relate;
use super::smooth::smooth;
use super::{NamedVectors, Region, RegionConfig};
use crate::geometry::Pose;
use crate::scene::{EgoFrame, SceneError, SceneMap};
use crate::vision::FeatureMap;
use nalgebra::Point3;

impl SceneMap {
    /// The regions of the map that look like one of `names`, in world coordinates. What looks like
    /// [`RegionConfig::structure`] is no region.
    ///
    /// # Errors
    ///
    /// When the features of the map and the vectors of the names cannot be compared.
    pub fn regions(
        &self,
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> Result<Vec<Region>, SceneError> {
        Ok(self.regions_and_details(names, config)?.0)
    }

    /// [`Self::regions`], and what else their objects are told.
    pub(super) fn regions_and_details(
        &self,
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> Result<(Vec<Region>, Vec<Details>), SceneError> {
        self.check_names(names)?;
        Ok(find(&Cells::of_map(self), names, config))
    }

    /// Whether features of the map can be compared with `names`.
    ///
    /// # Errors
    ///
    /// When they have another length, or stand in another space.
    pub fn check_names(&self, names: &NamedVectors) -> Result<(), SceneError> {
        let expected = self.config().feature_width;
        if names.width() != expected {
            return Err(SceneError::FeatureWidth { expected, found: names.width() });
        }
        let features = &self.config().feature_space;
        if names.space() != features {
            let (features, names) = (features.clone(), names.space().to_owned());
            return Err(SceneError::Space { features, names });
        }
        Ok(())
    }
}

/// The regions of one frame that look like one of `names`. `features` are those that `frame` was
/// made with.
///
/// Middles of boxes stand in camera coordinates; the boxes themselves lie along the axes of the
/// world, whose z is up. Of `world_T_camera` only the rotation counts.
///
/// # Errors
///
/// When frame, features and names do not fit together.
pub fn frame_regions(
    frame: &EgoFrame,
    features: &FeatureMap,
    world_T_camera: &Pose,
    names: &NamedVectors,
    config: &RegionConfig,
) -> Result<Vec<Region>, SceneError> {
    if names.width() != features.width {
        let (expected, found) = (features.width, names.width());
        return Err(SceneError::FeatureWidth { expected, found });
    }
    config.validate()?;
    let turn = world_T_camera.rotation;
    let cells = Cells::of_frame(frame, features, &turn, config.frame_voxel_m)?;
    let (mut regions, _) = find(&cells, names, config);
    for region in &mut regions {
        region.centre_m = (turn.inverse() * Point3::from(region.centre_m)).into();
    }
    Ok(regions)
}

fn find(cells: &Cells, names: &NamedVectors, config: &RegionConfig) -> (Vec<Region>, Vec<Details>) {
    let near = Neighbours::new(&cells.keys);
    let own = beliefs(cells, names, config);
    let agreed = smooth(cells, &near, &own);
    let structure = names.are_in(&config.structure);
    let field =
        Field { cells, near: &near, own: &own, agreed: &agreed, structure: &structure, config };
    let (mut regions, details) = field.grow();
    relate(&mut regions);
    (regions, details)
}
