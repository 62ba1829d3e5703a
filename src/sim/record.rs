//! A drive through a home as the sensor events a robot would have published, in order of arrival.

use super::agent::{Agent, base_T_camera_link, camera_link_T_optical};
use super::error::SimError;
use super::exposure::Exposure;
use super::home::Home;
use super::noise::SensorNoise;
use super::render::Renderer;
use crate::geometry::{CameraModel, Pose};
use crate::sensing::{SensorEvent, StampedTransform};
use nalgebra::Vector3;

/// Topic of raw colour images; `/compressed` follows when they are JPEG.
pub const COLOR_TOPIC: &str = "/camera/color/image_raw";
/// Topic of the colour camera's calibration.
pub const COLOR_INFO_TOPIC: &str = "/camera/color/camera_info";
/// Topic of raw depth images, registered to colour; `/compressedDepth` follows when they are PNG.
pub const DEPTH_TOPIC: &str = "/camera/aligned_depth_to_color/image_raw";
/// Topic of the registered depth camera's calibration.
pub const DEPTH_INFO_TOPIC: &str = "/camera/aligned_depth_to_color/camera_info";
/// Topic of the true boxes of what is in sight.
pub const DETECTIONS_TOPIC: &str = "/scenellm/detections";
/// Frame of both cameras.
pub const OPTICAL_FRAME: &str = "camera_color_optical_frame";

/// Transforms a second.
const TF_RATE_HZ: f64 = 50.0;
/// From the exposure to the arrival of an image, nanoseconds.
const IMAGE_DELAY_NS: i64 = 12_000_000;
/// From the stamp to the arrival of a transform, nanoseconds.
const TF_DELAY_NS: i64 = 1_000_000;

/// How a drive is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordOptions {
    /// Camera; rectified.
    pub camera: CameraModel,
    /// Length of the recording, seconds, up to an hour.
    pub seconds: f64,
    /// Images a second, up to 120.
    pub fps: f64,
    /// Seed of the sensor noise.
    pub seed: u64,
    /// Whether images are noisy as those of a sensor, or exact.
    pub noise: bool,
    /// Whether images are compressed: colour as JPEG, depth as PNG.
    pub compressed: bool,
    /// Stamp of the start, nanoseconds.
    pub start_ns: i64,
}

impl Default for RecordOptions {
    /// Ten seconds of noisy, raw 320×240 images, 15 a second, 60° wide.
    fn default() -> Self {
        Self {
            camera: CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5),
            seconds: 10.0,
            fps: 15.0,
            seed: 0,
            noise: true,
            compressed: false,
            start_ns: 1_700_000_000_000_000_000,
        }
    }
}

impl RecordOptions {
    /// Refuses what cannot be recorded.
    ///
    /// # Errors
    ///
    /// The first option that is out of its range.
    pub fn check(&self) -> Result<(), SimError> {
        let refuse = |option, value, range| Err(SimError::Option { option, value, range });
        if !(self.seconds > 0.0 && self.seconds <= 3600.0) {
            return refuse("seconds", self.seconds, "0 to 3600, without 0");
        }
        if !(self.fps > 0.0 && self.fps <= 120.0) {
            return refuse("fps", self.fps, "0 to 120, without 0");
        }
        if !(0..=4_000_000_000_000_000_000).contains(&self.start_ns) {
            return refuse("start_ns", self.start_ns as f64, "0 to 4e18");
        }
        Ok(())
    }
}

/// Drives through `home` and tells `sink` each event with the time of its arrival, nanoseconds, in
/// order of arrival.
///
/// The frames are `map → odom → base_link → camera_link → camera_color_optical_frame`. Odometry
/// drifts, and `map → odom` makes up for it, so that `map → base_link` is exact.
pub fn record(
    home: &Home,
    options: &RecordOptions,
    sink: &mut dyn FnMut(i64, SensorEvent),
) -> Result<(), SimError> {
    options.check()?;
    let mut recorder = Recorder {
        home,
        options,
        renderer: Renderer::new(options.camera)?.with_shadows_of(home),
        agent: Agent::new(home)?,
        noise: SensorNoise::new(options.seed),
    };
    let stamp = |t_s: f64| options.start_ns + (t_s * 1e9).round() as i64;
    sink(options.start_ns, SensorEvent::StaticTransforms(static_transforms(options.start_ns)));
    // One transform more than needed, so that the last image lies between two.
    let transforms = (options.seconds * TF_RATE_HZ).ceil() as u32 + 2;
    let images = (options.seconds * options.fps).ceil() as u32;
    let (mut transform, mut image) = (0, 0);
    while transform < transforms || image < images {
        let transform_s = f64::from(transform) / TF_RATE_HZ;
        let image_s = f64::from(image) / options.fps;
        let transform_ns = stamp(transform_s) + TF_DELAY_NS;
        let image_ns = stamp(image_s) + IMAGE_DELAY_NS;
        if image >= images || (transform < transforms && transform_ns <= image_ns) {
            sink(transform_ns, recorder.transforms(transform_s, stamp(transform_s)));
            transform += 1;
        } else {
            for event in recorder.images(image_s, stamp(image_s))? {
                sink(image_ns, event);
            }
            image += 1;
        }
    }
    Ok(())
}

struct Recorder<'a> {
    home: &'a Home,
    options: &'a RecordOptions,
    renderer: Renderer,
    agent: Agent,
    noise: SensorNoise,
}

impl Recorder<'_> {
    fn transforms(&self, t_s: f64, stamp_ns: i64) -> SensorEvent {
        let map_T_odom = self.agent.pose(0.0) * drift(t_s);
        let odom_T_base = map_T_odom.inverse() * self.agent.pose(t_s);
        SensorEvent::Transforms(vec![
            transform(stamp_ns, "map", "odom", map_T_odom),
            transform(stamp_ns, "odom", "base_link", odom_T_base),
        ])
    }

    /// Both calibrations, both images and the boxes of one exposure.
    fn images(&mut self, t_s: f64, stamp_ns: i64) -> Result<[SensorEvent; 5], SimError> {
        let base_T_optical = base_T_camera_link() * camera_link_T_optical();
        let world_T_camera = self.agent.pose(t_s) * base_T_optical;
        let seen = self.renderer.render(self.home, &world_T_camera);
        let noise = self.options.noise.then_some(&mut self.noise);
        let camera = self.renderer.camera();
        Exposure { camera, compressed: self.options.compressed, stamp_ns }
            .events(seen, self.home, noise)
    }
}

/// Where odometry believes to be, as seen from where it is: it wanders by some centimetres.
fn drift(t_s: f64) -> Pose {
    let wander = |period_s: f64| (std::f64::consts::TAU * t_s / period_s).sin();
    Pose::new(
        Vector3::new(0.04 * wander(47.0), 0.03 * wander(61.0), 0.0),
        Vector3::z() * (0.02 * wander(83.0)),
    )
}

pub(super) fn transform(
    stamp_ns: i64,
    parent: &str,
    child: &str,
    parent_T_child: Pose,
) -> StampedTransform {
    StampedTransform { stamp_ns, parent: parent.into(), child: child.into(), parent_T_child }
}

fn static_transforms(stamp_ns: i64) -> Vec<StampedTransform> {
    vec![
        transform(stamp_ns, "base_link", "camera_link", base_T_camera_link()),
        transform(stamp_ns, "camera_link", OPTICAL_FRAME, camera_link_T_optical()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::home::HomeKind;
    use super::*;
    use crate::sensing::ImagePayload;

    fn events(options: &RecordOptions) -> Vec<(i64, SensorEvent)> {
        let home = Home::generate(HomeKind::Kitchen, 1);
        let mut all = Vec::new();
        record(&home, options, &mut |at_ns, event| all.push((at_ns, event))).unwrap();
        all
    }

    fn short() -> RecordOptions {
        RecordOptions { seconds: 0.5, fps: 10.0, ..RecordOptions::default() }
    }

    #[test]
    fn a_recording_is_ordered_complete_and_the_same_for_the_same_seed() {
        let options = short();
        let first = events(&options);
        assert_eq!(format!("{first:?}"), format!("{:?}", events(&options)));
        assert!(first.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert!(matches!(first[0].1, SensorEvent::StaticTransforms(_)));
        let count = |is: fn(&SensorEvent) -> bool| first.iter().filter(|e| is(&e.1)).count();
        assert_eq!(count(|e| matches!(e, SensorEvent::Color(_))), 5);
        assert_eq!(count(|e| matches!(e, SensorEvent::Depth(_))), 5);
        assert_eq!(count(|e| matches!(e, SensorEvent::ColorInfo(_))), 5);
        assert_eq!(count(|e| matches!(e, SensorEvent::Detections(_))), 5);
        assert_eq!(count(|e| matches!(e, SensorEvent::Transforms(_))), 27);
        let other = events(&RecordOptions { seed: 1, ..options });
        assert_ne!(format!("{first:?}"), format!("{other:?}"));
    }

    #[test]
    fn transforms_compose_to_the_true_pose_and_boxes_are_in_sight() {
        let home = Home::generate(HomeKind::Kitchen, 1);
        let agent = Agent::new(&home).unwrap();
        let options = short();
        for (_, event) in events(&options) {
            match event {
                SensorEvent::Transforms(edges) => {
                    let t_s = (edges[0].stamp_ns - options.start_ns) as f64 * 1e-9;
                    let map_T_base = edges[0].parent_T_child * edges[1].parent_T_child;
                    let off = map_T_base.inverse() * agent.pose(t_s);
                    assert!(off.translation.vector.norm() < 1e-6);
                }
                SensorEvent::Detections(found) => {
                    assert_eq!((found.topic.as_str(), &*found.frame_id), (DETECTIONS_TOPIC, "map"));
                    assert!(found.detections.len() > 2);
                    for detection in found.detections {
                        let entity = home.entity(detection.track_id.parse().unwrap()).unwrap();
                        assert_eq!(entity.category, detection.label);
                        assert!(detection.score == 1.0 && !entity.is_structure());
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn compressed_images_decode_to_the_raw_ones() {
        let raw_options = RecordOptions { seconds: 0.1, noise: false, ..short() };
        let raw_events = events(&raw_options);
        let packed = events(&RecordOptions { compressed: true, ..raw_options });
        assert_eq!(raw_events.len(), packed.len());
        for ((_, raw), (_, packed)) in raw_events.iter().zip(&packed) {
            let (SensorEvent::Color(raw) | SensorEvent::Depth(raw)) = raw else { continue };
            let (SensorEvent::Color(packed) | SensorEvent::Depth(packed)) = packed else {
                panic!()
            };
            let ImagePayload::Raw { data, encoding, .. } = &raw.payload else { panic!() };
            let ImagePayload::Compressed { data: bytes, format } = &packed.payload else {
                panic!()
            };
            assert!(format.starts_with(encoding.as_str()));
            if encoding == "16UC1" {
                let image = image::load_from_memory(&bytes[12..]).unwrap().into_luma16();
                let back: Vec<u8> = image.iter().flat_map(|mm| mm.to_le_bytes()).collect();
                assert_eq!(&back, data);
            } else {
                let image = image::load_from_memory(bytes).unwrap().into_rgb8();
                let off: f64 = image.iter().zip(data).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
                assert!(off / (data.len() as f64) < 4.0);
            }
        }
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let home = Home::generate(HomeKind::Kitchen, 1);
        for options in [
            RecordOptions { seconds: f64::NAN, ..short() },
            RecordOptions { fps: 0.0, ..short() },
            RecordOptions { start_ns: -1, ..short() },
        ] {
            let refused = record(&home, &options, &mut |_, _| {});
            assert!(matches!(refused, Err(SimError::Option { .. })));
        }
    }
}
