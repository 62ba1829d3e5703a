//! One exposure of the simulated RGB-D camera as the events that carry it.

use super::error::SimError;
use super::home::Home;
use super::noise::SensorNoise;
use super::record::{
    COLOR_INFO_TOPIC, COLOR_TOPIC, DEPTH_INFO_TOPIC, DEPTH_TOPIC, DETECTIONS_TOPIC, OPTICAL_FRAME,
};
use super::render::Rendered;
use crate::geometry::CameraModel;
use crate::sensing::{
    CameraInfoEvent, Detection, DetectionsEvent, ImageEvent, ImagePayload, SensorEvent,
};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};

/// Quality of JPEG images.
const JPEG_QUALITY: u8 = 90;
/// Fewest pixels of an entity that count as seeing it.
const MIN_PIXELS: usize = 40;

/// How and when an image was taken.
pub(super) struct Exposure<'a> {
    pub camera: &'a CameraModel,
    /// Whether images are compressed: colour as JPEG, depth as PNG.
    pub compressed: bool,
    pub stamp_ns: i64,
}

impl Exposure<'_> {
    /// Both calibrations, both images, and the boxes that the entities of `home` have where they
    /// are `seen`. Without `noise` the images are exact.
    pub fn events(
        &self,
        mut seen: Rendered,
        home: &Home,
        noise: Option<&mut SensorNoise>,
    ) -> Result<[SensorEvent; 5], SimError> {
        let boxes = detections(home, &seen, self.stamp_ns);
        let depth_mm = match noise {
            Some(noise) => {
                noise.color(&mut seen.color);
                noise.depth_mm(&seen.depth_m, self.camera)
            }
            // 16UC1 ends at 65.535 m; rooms end before.
            None => seen.depth_m.data_m.iter().map(|m| (m * 1000.0).round() as u16).collect(),
        };
        Ok([
            SensorEvent::ColorInfo(self.info(COLOR_INFO_TOPIC)),
            SensorEvent::DepthInfo(self.info(DEPTH_INFO_TOPIC)),
            SensorEvent::Color(self.color(seen.color)?),
            SensorEvent::Depth(self.depth(&depth_mm)?),
            SensorEvent::Detections(boxes),
        ])
    }

    fn info(&self, topic: &str) -> CameraInfoEvent {
        let c = self.camera;
        CameraInfoEvent {
            camera: 0,
            topic: topic.into(),
            stamp_ns: self.stamp_ns,
            frame_id: OPTICAL_FRAME.into(),
            width: c.width,
            height: c.height,
            distortion_model: "plumb_bob".into(),
            d: vec![0.0; 5],
            k: [c.fx, 0.0, c.cx, 0.0, c.fy, c.cy, 0.0, 0.0, 1.0],
            r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p: [c.fx, 0.0, c.cx, 0.0, 0.0, c.fy, c.cy, 0.0, 0.0, 0.0, 1.0, 0.0],
            binning_x: 0,
            binning_y: 0,
            roi: [0; 4],
            roi_do_rectify: false,
        }
    }

    fn color(&self, image: RgbImage) -> Result<ImageEvent, SimError> {
        let (width, height) = image.dimensions();
        if !self.compressed {
            let payload = raw(width, height, "rgb8", 3, image.into_raw());
            return Ok(image_event(COLOR_TOPIC.into(), self.stamp_ns, payload));
        }
        let topic = format!("{COLOR_TOPIC}/compressed");
        let mut data = Vec::new();
        JpegEncoder::new_with_quality(&mut data, JPEG_QUALITY)
            .encode_image(&image)
            .map_err(|e| SimError::Compress { topic: topic.clone(), reason: e.to_string() })?;
        let payload =
            ImagePayload::Compressed { format: "rgb8; jpeg compressed bgr8".into(), data };
        Ok(image_event(topic, self.stamp_ns, payload))
    }

    fn depth(&self, depth_mm: &[u16]) -> Result<ImageEvent, SimError> {
        let CameraModel { width, height, .. } = *self.camera;
        if !self.compressed {
            let data = depth_mm.iter().flat_map(|mm| mm.to_le_bytes()).collect();
            let payload = raw(width, height, "16UC1", 2, data);
            return Ok(image_event(DEPTH_TOPIC.into(), self.stamp_ns, payload));
        }
        let topic = format!("{DEPTH_TOPIC}/compressedDepth");
        // The header of compressed_depth_image_transport: a format number and two parameters that
        // only inverse depth uses.
        let mut data = vec![0u8; 12];
        let samples: Vec<u8> = depth_mm.iter().flat_map(|mm| mm.to_ne_bytes()).collect();
        PngEncoder::new_with_quality(&mut data, CompressionType::Fast, FilterType::Up)
            .write_image(&samples, width, height, ExtendedColorType::L16)
            .map_err(|e| SimError::Compress { topic: topic.clone(), reason: e.to_string() })?;
        let payload =
            ImagePayload::Compressed { format: "16UC1; compressedDepth png".into(), data };
        Ok(image_event(topic, self.stamp_ns, payload))
    }
}

fn raw(width: u32, height: u32, encoding: &str, bytes: u32, data: Vec<u8>) -> ImagePayload {
    ImagePayload::Raw {
        width,
        height,
        encoding: encoding.into(),
        is_bigendian: false,
        step: bytes * width,
        data,
    }
}

fn image_event(topic: String, stamp_ns: i64, payload: ImagePayload) -> ImageEvent {
    ImageEvent { camera: 0, topic, stamp_ns, frame_id: OPTICAL_FRAME.into(), payload }
}

/// The true boxes of all furniture and things of which enough pixels are in sight.
fn detections(home: &Home, seen: &Rendered, stamp_ns: i64) -> DetectionsEvent {
    let mut pixels = vec![0usize; home.entities.len() + 1];
    for &id in &seen.instance {
        pixels[id as usize] += 1;
    }
    let in_sight = home
        .entities
        .iter()
        .filter(|entity| !entity.is_structure() && pixels[entity.id as usize] >= MIN_PIXELS);
    let detections = in_sight.map(|entity| Detection {
        label: entity.category.into(),
        score: 1.0,
        frame_T_box: entity.world_T_entity,
        size_m: entity.size_m,
        track_id: entity.id.to_string(),
    });
    DetectionsEvent {
        topic: DETECTIONS_TOPIC.into(),
        stamp_ns,
        frame_id: "map".into(),
        detections: detections.collect(),
    }
}
