//! Which detector a session gets: what to look for by words, and with which weights.

use super::EyesError;
use crate::scene::lift;
use crate::sensing::{Detection, RgbdFrame};
use crate::vision::{
    DetectedMask, Detector, GroundedSam, GroundedSettings, GroundingDino, Placement, Sam,
    VisionError,
};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Passes of a picture through Grounding DINO unless more are allowed. Public models take some 70 names
/// in one.
const MOST_PASSES: usize = 16;

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
    /// Most passes that a picture may take for them. As many names as fit into a text of the model are
    /// looked for in one pass, and each pass takes about as long as the first.
    pub most_passes: usize,
    /// Every how many frames of a camera.
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
            most_passes: MOST_PASSES,
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
        let counts = [
            ("every_frames", self.every_frames as usize),
            ("most_masks", self.most_masks),
            ("most_passes", self.most_passes),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Some(format!("detector.{name} must be at least 1"));
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
    /// When they cannot be loaded, or the names cannot be looked for or take more passes than allowed,
    /// which is known before any weights are.
    pub fn open(&self, on: &Placement) -> Result<Option<Box<dyn Detector>>, EyesError> {
        let (Some(dino), Some(sam)) = (&self.grounding_dino, &self.sam) else { return Ok(None) };
        self.check_names(dino)?;
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

    /// Holds the names against the passes that they take with the Grounding DINO in `folder`.
    fn check_names(&self, folder: &Path) -> Result<(), EyesError> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let passes = GroundingDino::passes(folder, &names)?;
        match passes <= self.most_passes {
            true => Ok(()),
            false => {
                Err(EyesError::TooManyNames { names: names.len(), passes, most: self.most_passes })
            }
        }
    }
}

/// What a detector found in a frame.
#[derive(Debug, Clone)]
pub struct Found {
    /// The frame; what was found may have gone since.
    pub frame: Arc<RgbdFrame>,
    /// The boxes, in coordinates of its camera.
    pub detections: Vec<Detection>,
    /// What the boxes were drawn around, surest first; what has too little depth has no box.
    pub masks: Vec<DetectedMask>,
    /// What was looked for; see [`Detector::names`].
    pub names: Vec<String>,
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
        frame: &Arc<RgbdFrame>,
        depth_m: [f32; 2],
    ) -> Result<Self, VisionError> {
        Self::in_frame_while(detector, frame, depth_m, &|| true)
    }

    /// The same, which ends early when `wanted` says no; see [`Detector::detect_while`].
    ///
    /// # Errors
    ///
    /// [`VisionError::Unwanted`] when it ended early, and when the detector fails.
    pub fn in_frame_while(
        detector: &dyn Detector,
        frame: &Arc<RgbdFrame>,
        depth_m: [f32; 2],
        wanted: &dyn Fn() -> bool,
    ) -> Result<Self, VisionError> {
        let masks = detector.detect_while(&frame.color, wanted)?;
        let detections = lift(frame, &masks, depth_m);
        let names = detector.names().to_vec();
        Ok(Self { frame: Arc::clone(frame), detections, masks, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::sensing::DepthImage;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision")
    }

    fn looking_for(names: Vec<String>) -> DetectorConfig {
        DetectorConfig {
            grounding_dino: Some(fixtures().join("grounding_dino_tiny")),
            sam: Some(fixtures().join("sam_tiny")),
            names,
            ..DetectorConfig::default()
        }
    }

    #[test]
    fn names_that_take_too_many_passes_are_refused_with_the_cure() {
        let opened = |config: &DetectorConfig| {
            let opened = config.open(&(&candle_core::Device::Cpu).into());
            opened.map(|detector| detector.is_some()).map_err(|error| error.to_string())
        };
        let many = |count: usize| (0..count).map(|at| format!("a {at} mug")).collect();
        let error = opened(&looking_for(many(5000))).unwrap_err();
        for part in ["detector.names: 5000 names", "detector.most_passes is 16", "name fewer"] {
            assert!(error.contains(part), "{error}");
        }
        // A small model takes some eight of these in one pass.
        let mut few = looking_for(many(40));
        assert_eq!(opened(&few), Ok(true));
        few.most_passes = 1;
        assert!(opened(&few).unwrap_err().contains("detector.most_passes is 1:"));
        let none = opened(&looking_for(Vec::new())).unwrap_err();
        assert!(none.contains("no names to look for"), "{none}");
        let blank = opened(&looking_for(vec!["mug".into(), " ".into()])).unwrap_err();
        assert!(blank.contains("name 1 (' ')"), "{blank}");
        let nothing = DetectorConfig { names: many(5000), ..DetectorConfig::default() };
        assert_eq!(opened(&nothing), Ok(false), "nobody looks");
    }

    #[test]
    fn a_look_that_nobody_waits_for_ends() {
        let on = (&candle_core::Device::Cpu).into();
        let detector = looking_for(vec!["a mug".into()]).open(&on).unwrap().unwrap();
        let frame = Arc::new(RgbdFrame {
            stamp_ns: 3,
            color: RgbImage::new(32, 24),
            depth_m: DepthImage { width: 32, height: 24, data_m: vec![2.0; 32 * 24] },
            camera: CameraModel::pinhole(32, 24, 30.0, 30.0, 15.5, 11.5),
            world_T_camera: Pose::identity(),
        });
        let look =
            |wanted: bool| Found::in_frame_while(detector.as_ref(), &frame, [0.2, 6.0], &|| wanted);
        let found = look(true).unwrap();
        assert_eq!((found.frame.stamp_ns, found.names), (3, vec!["a mug".to_owned()]));
        assert!(matches!(look(false), Err(VisionError::Unwanted { .. })));
    }

    /// Weights from chance, at small sizes: what it finds means nothing.
    #[test]
    fn mobile_sam_stands_wherever_sam_does() {
        let picture = image::open(fixtures().join("processor/picture.png")).unwrap().into_rgb8();
        for sam in ["sam_tiny", "mobile_sam_tiny"] {
            let config = DetectorConfig {
                sam: Some(fixtures().join(sam)),
                box_threshold: 0.0,
                text_threshold: 0.0,
                most_masks: 3,
                ..looking_for(vec!["a mug".into(), "the table".into()])
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
