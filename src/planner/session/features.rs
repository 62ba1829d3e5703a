//! Features of frames: which frames get them, and the newest that has.

use super::Session;
use crate::geometry::Pose;
use crate::scene::{EgoConfig, EgoFrame, SceneError};
use crate::sensing::RgbdFrame;
use crate::vision::{FeatureMap, VisionError};

impl Session {
    /// The features of a frame when it is its turn: a slow encoder need not hold the geometry of the
    /// others back.
    pub(super) fn features(
        &mut self,
        frame: &RgbdFrame,
        camera: usize,
    ) -> Result<Option<FeatureMap>, VisionError> {
        let Some(extractor) = &self.extractor else { return Ok(None) };
        if !self.features_turns.take(camera) {
            return Ok(None);
        }
        extractor.extract(frame).map(Some)
    }

    /// Name of the extractor that gives voxels their features, if there is one.
    pub fn extractor_name(&self) -> Option<&str> {
        self.extractor.as_ref().map(|extractor| extractor.name())
    }

    /// The points of the newest frame that has features, with these and its pose in the world.
    pub(super) fn newest_points(
        &self,
    ) -> Result<Option<(EgoFrame, &FeatureMap, &Pose)>, SceneError> {
        let Some((frame, features)) = &self.newest_features else { return Ok(None) };
        let rays = frame.camera.ray_table();
        let [min_depth_m, max_depth_m] = self.map.config().depth_range_m();
        let config = EgoConfig { min_depth_m, max_depth_m, ..EgoConfig::default() };
        let points = EgoFrame::new(frame, &rays, Some(features), &config)?;
        Ok(Some((points, features, &frame.world_T_camera)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{HEIGHT, WIDTH, frame, show};
    use super::*;
    use crate::planner::PlannerConfig;
    use crate::vision::{FeatureExtractor, Provenance};
    use std::sync::{Arc, Mutex};

    /// Says of which frames its features are.
    struct Noting(Arc<Mutex<Vec<i64>>>);

    impl FeatureExtractor for Noting {
        fn name(&self) -> &str {
            "noting"
        }

        fn width(&self) -> usize {
            1
        }

        fn provenance(&self) -> Provenance {
            Provenance::Analytic
        }

        fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
            self.0.lock().unwrap().push(frame.stamp_ns);
            let data = vec![frame.stamp_ns as f32];
            Ok(FeatureMap { rows: 1, columns: 1, width: 1, data })
        }
    }

    #[test]
    fn one_of_so_many_frames_of_a_camera_is_given_features() {
        let mut config = PlannerConfig::default();
        config.vision.every_frames = 3;
        config.cameras = vec!["front".into(), "rear".into()];
        let noted = Arc::new(Mutex::new(Vec::new()));
        let extractor = Box::new(Noting(Arc::clone(&noted)));
        let mut session = Session::new(&config, Some(extractor)).unwrap();
        assert!(session.newest_points().unwrap().is_none());
        for stamp_ns in 0..12 {
            show(&mut session, stamp_ns as usize % 2, frame(stamp_ns, &[]));
        }
        assert_eq!(*noted.lock().unwrap(), [0, 1, 6, 7], "the first of each, and each third");
        assert_eq!(session.map().counts().points, 12 * (WIDTH * HEIGHT) as u64);
        assert_eq!(session.newest_frame().unwrap().stamp_ns, 11);
        // What is shown of a frame is that of its own features.
        let (points, features, _) = session.newest_points().unwrap().unwrap();
        assert_eq!((points.stamp_ns, features.data[0]), (7, 7.0));
    }
}
