//! Which detector a session gets: what to look for by words, and with which weights.

use super::EyesError;
use crate::geometry::Pose;
use crate::scene::lift;
use crate::sensing::{Detection, RgbdFrame};
use crate::vision::{
    DetectedMask, Detector, GroundedSam, GroundedSettings, GroundingDino, Placement, Sam,
    VisionError,
};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is looked for by words, and how: Grounded-SAM. Without weights nothing is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorConfig {
    /// Folder with weights of Grounding DINO, which finds boxes.
    pub grounding_dino: Option<PathBuf>,
    /// Folder with weights of SAM, which cuts out what is in them.
    pub sam: Option<PathBuf>,
    /// Names of what is looked for.
    pub names: Vec<String>,
    /// Every how many frames.
    pub every_frames: u32,
    /// Least score of a box.
    pub box_threshold: f32,
    /// Least score of a word.
    pub text_threshold: f32,
    /// Of two boxes that share more of their union than this the surer one stays.
    pub most_overlap: f32,
    /// Most things of a frame.
    pub most_masks: usize,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        let GroundedSettings { box_threshold, text_threshold, most_overlap, most_masks } =
            GroundedSettings::default();
        Self {
            grounding_dino: None,
            sam: None,
            names: Vec::new(),
            every_frames: 15,
            box_threshold,
            text_threshold,
            most_overlap,
            most_masks,
        }
    }
}

impl DetectorConfig {
    /// The first setting that cannot be used, and why.
    pub(super) fn fault(&self) -> Option<String> {
        let shares = [
            ("box_threshold", self.box_threshold),
            ("text_threshold", self.text_threshold),
            ("most_overlap", self.most_overlap),
        ];
        if let Some((name, _)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Some(format!("detector.{name} must lie between 0 and 1"));
        }
        if self.every_frames == 0 || self.most_masks == 0 {
            return Some("detector.every_frames and detector.most_masks must be at least 1".into());
        }
        match (&self.grounding_dino, &self.sam) {
            (Some(_), None) => {
                Some("detector.sam: give the weights that cut out boxes, too".into())
            }
            (None, Some(_)) => {
                Some("detector.grounding_dino: give the weights that find boxes, too".into())
            }
            (Some(_), Some(_)) if self.names.iter().all(|name| name.trim().is_empty()) => {
                Some("detector.names: say what to look for".into())
            }
            _ => None,
        }
    }

    /// The detector, if weights are given.
    ///
    /// # Errors
    ///
    /// When they cannot be loaded.
    pub fn open(&self, on: &Placement) -> Result<Option<Box<dyn Detector>>, EyesError> {
        let (Some(dino), Some(sam)) = (&self.grounding_dino, &self.sam) else { return Ok(None) };
        Ok(Some(Box::new(GroundedSam {
            dino: GroundingDino::load(dino, on)?,
            sam: Sam::load(sam, on)?,
            names: self.names.clone(),
            settings: GroundedSettings {
                box_threshold: self.box_threshold,
                text_threshold: self.text_threshold,
                most_overlap: self.most_overlap,
                most_masks: self.most_masks,
            },
        })))
    }
}

/// What a detector found in a frame.
#[derive(Debug, Clone)]
pub struct Found {
    /// Time of the frame, nanoseconds.
    pub stamp_ns: i64,
    /// Maps camera coordinates, in which the boxes stand, to world coordinates.
    pub world_T_camera: Pose,
    /// The boxes.
    pub detections: Vec<Detection>,
    /// What the boxes were drawn around, surest first; what has too little depth has no box.
    pub masks: Vec<DetectedMask>,
}

/// A picture, and what a detector found in it.
#[derive(Debug, Clone)]
pub struct Spotted {
    /// The picture.
    pub picture: RgbImage,
    /// What was found, surest first.
    pub masks: Vec<DetectedMask>,
}

impl Found {
    /// Looks for things in a frame; `depth_m` are the nearest and the farthest depth that counts.
    ///
    /// # Errors
    ///
    /// When the detector fails.
    pub fn in_frame(
        detector: &dyn Detector,
        frame: &RgbdFrame,
        depth_m: [f32; 2],
    ) -> Result<Self, VisionError> {
        let masks = detector.detect(&frame.color)?;
        Ok(Self {
            stamp_ns: frame.stamp_ns,
            world_T_camera: frame.world_T_camera,
            detections: lift(frame, &masks, depth_m),
            masks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Weights from chance, at small sizes: what it finds means nothing.
    #[test]
    fn mobile_sam_stands_wherever_sam_does() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision");
        let picture = image::open(fixtures.join("processor/picture.png")).unwrap().into_rgb8();
        for sam in ["sam_tiny", "mobile_sam_tiny"] {
            let config = DetectorConfig {
                grounding_dino: Some(fixtures.join("grounding_dino_tiny")),
                sam: Some(fixtures.join(sam)),
                names: vec!["a mug".into(), "the table".into()],
                box_threshold: 0.0,
                text_threshold: 0.0,
                most_masks: 3,
                ..DetectorConfig::default()
            };
            let detector = config.open(&(&candle_core::Device::Cpu).into()).unwrap().unwrap();
            let found = detector.detect(&picture).unwrap();
            assert!(!found.is_empty() && found.len() <= 3, "{sam}: {} masks", found.len());
            for one in found {
                assert!(config.names.contains(&one.label));
                assert_eq!((one.mask.width(), one.mask.height()), (122, 90), "{sam}");
            }
        }
    }
}
