//! The thread that looks for things by words. A detector takes far longer than a frame lasts, so it
//! gets the newest frame whenever it is done with the last one, and what it found goes into the map
//! with the pose of that frame, as far as it is still there.

use super::inbox::Inbox;
use super::map_request::MapRequest;
use crate::planner::Found;
use crate::sensing::RgbdFrame;
use crate::vision::{Detector, VisionError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

/// Looks for things.
pub struct Spotter {
    pub detector: Box<dyn Detector>,
    /// Holds no frame back: one is handed over only while it is waited for.
    pub frames: Receiver<Arc<RgbdFrame>>,
    pub map: Arc<Inbox<MapRequest>>,
    /// Nearest and farthest depth that counts.
    pub depth_m: [f32; 2],
    /// Whether the node stops: it does not wait for a look that takes minutes.
    pub stops: Arc<AtomicBool>,
}

impl Spotter {
    /// Runs until nobody has frames any more, or the node stops in the middle of a look; gives the
    /// detector back.
    pub fn run(self) -> Box<dyn Detector> {
        let wanted = || !self.stops.load(Ordering::Relaxed);
        while let Ok(frame) = self.frames.recv() {
            let (detector, depth_m) = (self.detector.as_ref(), self.depth_m);
            match Found::in_frame_while(detector, &frame, depth_m, &wanted) {
                Ok(found) => {
                    if self.map.ask(MapRequest::Place(found)).is_err() {
                        tracing::warn!("detections are lost: too much is asked of the map");
                    }
                }
                Err(VisionError::Unwanted { .. }) => break,
                Err(error) => tracing::warn!("nothing was looked for in a frame: {error}"),
            }
        }
        self.detector
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Taken;
    use super::*;
    use crate::geometry::{CameraModel, Distortion, Pose};
    use crate::sensing::DepthImage;
    use crate::vision::{DetectedMask, Mask};
    use image::RgbImage;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    /// Takes the left half of every picture for a door; of black ones it wants to know nothing.
    struct Doors;

    impl Detector for Doors {
        fn name(&self) -> &str {
            "doors"
        }

        fn detect(&self, image: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
            if image.get_pixel(0, 0).0 == [0; 3] {
                let reason = "it is black".into();
                let (width, height) = image.dimensions();
                return Err(VisionError::BadImage {
                    extractor: "doors".into(),
                    width,
                    height,
                    reason,
                });
            }
            let mask = Mask::from_fn(32, 24, |x, _| x < 16);
            Ok(vec![DetectedMask { label: "door".into(), score: 0.7, mask }])
        }
    }

    /// Is never done while it is wanted.
    struct Endless;

    impl Detector for Endless {
        fn name(&self) -> &str {
            "endless"
        }

        fn detect(&self, image: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
            self.detect_while(image, &|| true)
        }

        fn detect_while(
            &self,
            _image: &RgbImage,
            wanted: &dyn Fn() -> bool,
        ) -> Result<Vec<DetectedMask>, VisionError> {
            while wanted() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(VisionError::Unwanted { extractor: "endless".into() })
        }
    }

    fn frame(grey: u8) -> Arc<RgbdFrame> {
        let camera = CameraModel {
            width: 32,
            height: 24,
            fx: 30.0,
            fy: 30.0,
            cx: 15.5,
            cy: 11.5,
            distortion: Distortion::None,
        };
        Arc::new(RgbdFrame {
            stamp_ns: i64::from(grey),
            color: RgbImage::from_pixel(32, 24, image::Rgb([grey; 3])),
            depth_m: DepthImage { width: 32, height: 24, data_m: vec![2.0; 32 * 24] },
            camera,
            world_T_camera: Pose::identity(),
        })
    }

    #[test]
    fn what_is_found_goes_to_the_map_and_a_failure_ends_nothing() {
        let map = Arc::new(Inbox::default());
        let (hand_over, frames) = sync_channel(0);
        let spotter = Spotter {
            detector: Box::new(Doors),
            frames,
            map: Arc::clone(&map),
            depth_m: [0.2, 6.0],
            stops: Arc::default(),
        };
        let thread = std::thread::spawn(move || spotter.run());
        for grey in [0, 9] {
            hand_over.send(frame(grey)).unwrap();
        }
        let Taken::Request(MapRequest::Place(found)) = map.take(Duration::from_secs(60)) else {
            panic!("nothing was found");
        };
        assert_eq!((found.frame.stamp_ns, found.detections.len()), (9, 1));
        assert_eq!(found.detections[0].label, "door");
        drop(hand_over);
        assert_eq!(thread.join().unwrap().name(), "doors");
    }

    #[test]
    fn a_look_under_way_ends_with_the_node() {
        let stops = Arc::new(AtomicBool::new(false));
        let (hand_over, frames) = sync_channel(0);
        let spotter = Spotter {
            detector: Box::new(Endless),
            frames,
            map: Arc::default(),
            depth_m: [0.2, 6.0],
            stops: Arc::clone(&stops),
        };
        let thread = std::thread::spawn(move || spotter.run());
        hand_over.send(frame(9)).unwrap();
        assert!(!thread.is_finished(), "it looks");
        stops.store(true, Ordering::Relaxed);
        assert_eq!(thread.join().unwrap().name(), "endless");
    }
}
