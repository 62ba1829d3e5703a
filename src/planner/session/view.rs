//! What a model is shown of a session's map and of its newest frame.

use super::Session;
use crate::model::TokenKind;
use crate::scene::{Region, SceneError, frame_regions, select_frame_tokens, select_scene_tokens};
use crate::tasks::{SceneView, ViewSpec};
use crate::vision::extractor_of_kind;

impl Session {
    /// What a model that takes in `spec` is shown: regions that were seen, or voxels, and those of the
    /// newest frame that has features. `None` where the map has no such features, or, for regions,
    /// no names are known.
    ///
    /// # Errors
    ///
    /// As [`Self::frame_regions`].
    pub fn view(&self, spec: &ViewSpec) -> Result<Option<SceneView>, SceneError> {
        let view = match spec.tokens {
            TokenKind::Regions => {
                let names = self.names.as_ref().filter(|names| names.width() == spec.width);
                let Some(names) = names else { return Ok(None) };
                let (scene, frame) = (self.seen.confirmed(&self.map), self.frame_regions()?);
                let glimpses = self.map.glimpses(&scene, names, &self.regions)?;
                SceneView { glimpses, ..SceneView::of_regions(&scene, Some(&frame), spec) }
            }
            TokenKind::Voxels => {
                let is_other = |name| name != extractor_of_kind(&spec.extractor);
                let (map, extractor) = (&self.map, self.extractor_name());
                if extractor.is_some_and(is_other) {
                    return Ok(None);
                }
                let found = map.config().feature_width;
                if found != spec.width {
                    let (kind, wanted) = (&spec.extractor, spec.width);
                    tracing::warn!(
                        "the model is shown nothing: it takes features of `{kind}` of width {wanted}, \
                         and those of the map have width {found}"
                    );
                    return Ok(None);
                }
                let voxel_m = map.config().voxel_size_m;
                let frame = self.newest_points()?.map(|(points, features, _)| {
                    select_frame_tokens(&points, Some(features), voxel_m, spec.frame)
                });
                let scene = Some(select_scene_tokens(map, spec.scene));
                SceneView { frame, scene, ..SceneView::default() }
            }
        };
        let in_frame = self.newest_frame().map(|frame| self.map.objects_in(frame));
        Ok(Some(SceneView { in_frame, states: self.states(), ..view }))
    }

    /// The regions of the newest frame that has features, in its camera's coordinates; none without
    /// names.
    ///
    /// # Errors
    ///
    /// When frame and features do not fit together.
    pub fn frame_regions(&self) -> Result<Vec<Region>, SceneError> {
        let (Some((points, features, pose)), Some(names)) = (self.newest_points()?, &self.names)
        else {
            return Ok(Vec::new());
        };
        frame_regions(&points, features, pose, names, &self.regions)
    }
}
