//! The regions of a map, and of one frame.

use super::cells::Cells;
use super::region::Details;
use super::search::RegionSearch;
use super::{NamedVectors, Region, RegionConfig};
use crate::geometry::Pose;
use crate::scene::{EgoFrame, SceneError, SceneMap};
use crate::vision::FeatureMap;
use nalgebra::Point3;

impl SceneMap {
    /// The regions of the map that look like one of `names`, in world coordinates. What looks like
    /// [`RegionConfig::structure`] is no region. It goes through the whole map; [`SceneMap::see_objects`]
    /// finds the same and goes through what has changed.
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
        Ok(RegionSearch::default().find(self, names, config))
    }

    /// The same, from what has changed since this was asked last.
    pub(super) fn follow_regions(
        &mut self,
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> Result<(Vec<Region>, Vec<Details>), SceneError> {
        self.check_names(names)?;
        let mut search = std::mem::take(&mut self.search);
        search.keep_for(names, config);
        let map: &Self = self;
        let found = search.find(map, names, config);
        self.search = search;
        self.store.forget_news();
        Ok(found)
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
    let (mut regions, _) = RegionSearch::default().find(&cells, names, config);
    for region in &mut regions {
        region.centre_m = (turn.inverse() * Point3::from(region.centre_m)).into();
    }
    Ok(regions)
}
