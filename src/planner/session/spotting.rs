//! Things that are looked for by words: which frames a detector looks at, and how what it found
//! comes into the map.

use super::Session;
use crate::planner::{Found, Spotted};
use crate::sensing::RgbdFrame;
use crate::vision::{Detector, VisionError};
use std::sync::Arc;

impl Session {
    /// Lets things be looked for by words: in the first frame of each camera from now on, and then as
    /// often as the configuration says. A frame waits until its detections are in the map.
    pub fn set_detector(&mut self, detector: Box<dyn Detector>) {
        self.detector = Some(detector);
    }

    /// Takes the detector away, so that it can work elsewhere; what it finds there is put in with
    /// [`Self::place`].
    pub fn take_detector(&mut self) -> Option<Box<dyn Detector>> {
        self.detector.take()
    }

    /// Of the pictures that the session's own detector looked at, the one in which it found most.
    pub fn spotted(&self) -> Option<&Spotted> {
        self.spotted.as_ref()
    }

    /// Puts what a detector found in a frame into the map; of a frame that is no longer the newest,
    /// what is still there ([`still_there`]). A look may take minutes, and what went meanwhile would
    /// stay in the map for good: its voxels cannot go once more. What has none goes when looks do not
    /// find it ([`observe_frame`]).
    ///
    /// [`still_there`]: crate::scene::SceneMap::still_there
    /// [`observe_frame`]: crate::scene::SceneMap::observe_frame
    pub fn place(&mut self, found: &Found) {
        let Found { frame, detections, names, .. } = found;
        let is_old = self.newest_frame().is_some_and(|newest| newest.stamp_ns > frame.stamp_ns);
        let left = is_old.then(|| self.map.still_there(detections, frame));
        let detections = left.as_ref().unwrap_or(detections);
        self.map.observe_frame(detections, frame, names);
    }

    /// Looks for things by words when it is the frame's turn.
    pub(super) fn detect(
        &mut self,
        frame: &Arc<RgbdFrame>,
        camera: usize,
    ) -> Result<(), VisionError> {
        let Some(detector) = &self.detector else { return Ok(()) };
        if !self.detector_turns.take(camera) {
            return Ok(());
        }
        let depth_m = self.map.config().depth_range_m();
        let found = Found::in_frame(detector.as_ref(), frame, depth_m)?;
        self.place(&found);
        let most = self.spotted.as_ref().map_or(0, |spotted| spotted.masks.len());
        if found.masks.len() > most {
            let picture = frame.color.clone();
            self.spotted = Some(Spotted { picture, masks: found.masks });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{HEIGHT, MUG, ROWS, VASE, WIDTH, frame, show};
    use super::*;
    use crate::geometry::Pose;
    use crate::planner::PlannerConfig;
    use crate::sensing::Detection;
    use crate::vision::{DetectedMask, Mask};
    use image::RgbImage;
    use std::sync::Mutex;

    /// Finds the mug and the vase of [`frame`].
    struct Things;

    impl Detector for Things {
        fn name(&self) -> &str {
            "things"
        }

        fn detect(&self, _: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
            let found = [("mug", MUG), ("vase", VASE)].map(|(label, columns)| {
                let inside = |x: usize, y: usize| columns.contains(&x) && ROWS.contains(&y);
                let mask = Mask::from_fn(WIDTH, HEIGHT, inside);
                DetectedMask { label: label.into(), score: 0.9, mask }
            });
            Ok(found.into())
        }
    }

    #[test]
    fn what_went_during_a_look_is_not_put_into_the_map() {
        let labels_after = |later: &[RgbdFrame]| -> Vec<String> {
            let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
            show(&mut session, 0, frame(0, &[MUG, VASE]));
            let depth_m = session.map().config().depth_range_m();
            let newest = session.newest_frame().unwrap();
            let mut found = Found::in_frame(&Things, newest, depth_m).unwrap();
            // The depth behind glass is that of the wall: the map never had anything in its box.
            found.detections.push(Detection {
                label: "glass".into(),
                frame_T_box: Pose::translation(0.0, -0.5, 2.0),
                ..found.detections[0].clone()
            });
            later.iter().for_each(|frame| show(&mut session, 0, frame.clone()));
            session.place(&found);
            session.map().objects().iter().map(|object| object.label.clone()).collect()
        };
        assert_eq!(labels_after(&[]), ["mug", "vase", "glass"]);
        assert_eq!(labels_after(&[frame(9, &[MUG, VASE])]), ["mug", "vase", "glass"]);
        assert_eq!(labels_after(&[frame(5, &[VASE]), frame(90, &[VASE])]), ["vase", "glass"]);
        // Another thing is in the mug's place by now.
        let other = [frame(5, &[]), frame(90, &[MUG])];
        assert_eq!(labels_after(&other), ["glass"]);
    }

    #[test]
    fn what_is_seen_from_straight_ahead_goes_with_its_voxels() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        show(&mut session, 0, frame(0, &[MUG, VASE]));
        let depth_m = session.map().config().depth_range_m();
        let found = Found::in_frame(&Things, session.newest_frame().unwrap(), depth_m).unwrap();
        assert!(found.detections[0].size_m[0] < 1e-6, "its box has no depth");
        session.place(&found);
        (1..20).for_each(|stamp_ns| show(&mut session, 0, frame(stamp_ns, &[VASE])));
        let left: Vec<&str> =
            session.map().objects().iter().map(|object| object.label.as_str()).collect();
        assert_eq!(left, ["vase"]);
    }

    #[test]
    fn what_is_looked_for_in_vain_goes() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        let mut labels_after_look = |stamp_ns: i64, sees_glass: bool| -> Vec<String> {
            show(&mut session, 0, frame(stamp_ns, &[MUG, VASE]));
            let depth_m = session.map().config().depth_range_m();
            let newest = session.newest_frame().unwrap();
            let mut found = Found::in_frame(&Things, newest, depth_m).unwrap();
            found.names = ["mug", "vase", "glass"].map(String::from).to_vec();
            if sees_glass {
                found.detections.push(Detection {
                    label: "glass".into(),
                    frame_T_box: Pose::translation(0.0, -0.5, 2.0),
                    size_m: [0.2; 3],
                    ..found.detections[0].clone()
                });
            }
            session.place(&found);
            session.map().objects().iter().map(|object| object.label.clone()).collect()
        };
        assert_eq!(labels_after_look(0, true), ["mug", "vase", "glass"]);
        for stamp_ns in 1..3 {
            assert_eq!(labels_after_look(stamp_ns, false), ["mug", "vase", "glass"]);
        }
        assert_eq!(labels_after_look(3, false), ["mug", "vase"]);
    }

    /// Notes of which camera a picture is: red tells its index.
    struct Noticing(Arc<Mutex<Vec<u8>>>);

    impl Detector for Noticing {
        fn name(&self) -> &str {
            "noticing"
        }

        fn detect(&self, image: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
            self.0.lock().unwrap().push(image.get_pixel(0, 0).0[0]);
            Ok(Vec::new())
        }
    }

    #[test]
    fn each_camera_has_its_turns_of_the_detector() {
        let mut config = PlannerConfig::default();
        config.detector.every_frames = 2;
        config.cameras = vec!["front".into(), "rear".into()];
        let noticed = Arc::new(Mutex::new(Vec::new()));
        let mut session = Session::new(&config, None).unwrap();
        session.set_detector(Box::new(Noticing(Arc::clone(&noticed))));
        for stamp_ns in 0..8 {
            let camera = stamp_ns as usize % 2;
            let mut shown = frame(stamp_ns, &[]);
            shown.color.put_pixel(0, 0, image::Rgb([camera as u8, 0, 0]));
            show(&mut session, camera, shown);
        }
        assert_eq!(*noticed.lock().unwrap(), [0, 1, 0, 1]);
    }
}
