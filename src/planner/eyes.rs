//! Which eyes a session gets: those that the parameters name, or those of the model.

#[cfg(test)]
mod model_tests;

use super::{PlannerConfig, Session, VisionConfig};
use crate::model::{MANIFEST_FILE, Manifest, ModelError, ModelKind, VisionSpec};
use crate::scene::{NamedVectors, SceneError, SceneMap};
use crate::tasks::GoalPlanner;
use crate::vision::{FeatureExtractor, VisionError, open_extractor, open_text_encoder};
use candle_core::Device;

/// Name that leaves the choice to the model.
const AUTO: &str = "auto";
/// What sees where the model brings no eyes.
const WITHOUT_WEIGHTS: &str = "color_geometry";

/// What keeps a session from seeing.
#[derive(Debug, thiserror::Error)]
pub enum EyesError {
    /// The extractor, or the encoder of names.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The map, or the names of things.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// The model whose eyes are wanted.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model's own kind of eyes, with weights that it was not made for.
    #[error(
        "the model takes features of `{extractor}` of width {expected}, and these weights give width \
         {found}: name others with `vision.weights` (--vision-weights), or eyes that are not the \
         model's with `vision.extractor` (--extractor)"
    )]
    OtherWidth {
        /// Name of the extractor.
        extractor: String,
        /// Width that the model takes.
        expected: usize,
        /// Width that there is.
        found: usize,
    },
    /// Pictures of a size that the extractor does not take.
    #[error("vision.image_px: is {image_px}: {reason}")]
    ImageSize {
        /// Shorter edge of pictures that is asked for, pixels.
        image_px: usize,
        /// Why it is not taken.
        reason: String,
    },
    /// More names than a detector may be asked for.
    #[error(
        "detector.names: {names} names take {passes} passes of every picture, and detector.most_passes \
         is {most}: name fewer things, or raise it; each pass takes about as long as the first"
    )]
    TooManyNames {
        /// Names there are.
        names: usize,
        /// Passes that they take.
        passes: usize,
        /// Most passes that are allowed.
        most: usize,
    },
}

impl PlannerConfig {
    /// Gives a planner the encoder of the space in which the features of `map` stand, where texts have
    /// vectors in it. Of one that reads the objects as text, what a goal means then has a say in what is
    /// left out of a list that is too long; of one that sees, what regions look like has one in where it
    /// goes. Beside any, what has no object is looked for by its look. Without the encoder's weights none
    /// of this is so, which is said in the log.
    pub fn give_text_encoder(&self, planner: &mut GoalPlanner, map: &SceneMap, device: &Device) {
        let space = map.config().feature_space.as_str();
        if space.is_empty() {
            return;
        }
        let encoder = self.eyes().map_err(EyesError::from).and_then(|eyes| {
            let on = eyes.placement(device);
            Ok(open_text_encoder(space, eyes.weights.as_deref(), &on)?)
        });
        match encoder {
            Ok(encoder) => planner.set_text_encoder(encoder.into()),
            Err(error) => tracing::warn!("words are not compared by what they mean: {error}"),
        }
    }

    /// The extractor and its weights. `auto` are the eyes that the manifest of the model names, with the
    /// weights that are given, or else with its own; where it names no eyes, neither has weights, or
    /// there is no model, those that need no weights.
    ///
    /// # Errors
    ///
    /// When the manifest cannot be read.
    pub fn eyes(&self) -> Result<VisionConfig, ModelError> {
        let vision = self.vision.clone();
        if vision.extractor != AUTO {
            return Ok(vision);
        }
        if let Some(VisionSpec { extractor, weights: own, .. }) = self.eyes_of_model()? {
            let own = own.map(|own| self.plan.model.join(own));
            if let Some(weights) = vision.weights.clone().or(own) {
                return Ok(VisionConfig { extractor, weights: Some(weights), ..vision });
            }
        }
        Ok(VisionConfig { extractor: WITHOUT_WEIGHTS.into(), ..vision })
    }

    /// What the manifest of the model says of its eyes; `None` where it is blind, or no Scene-LLM.
    fn eyes_of_model(&self) -> Result<Option<VisionSpec>, ModelError> {
        let folder = &self.plan.model;
        let is_ours = folder.join(MANIFEST_FILE).is_file();
        if !is_ours || ModelKind::of(folder)? != ModelKind::SceneLlm {
            return Ok(None);
        }
        Ok(Manifest::load(folder)?.vision)
    }

    /// Refuses eyes that were opened for the model, as `kind`, and give features of another width than
    /// it takes: it would be shown nothing, and plan without a word about that.
    fn check_width(&self, kind: &str, extractor: &dyn FeatureExtractor) -> Result<(), EyesError> {
        if self.vision.extractor != AUTO {
            return Ok(());
        }
        let wanted = self.eyes_of_model()?.filter(|vision| vision.extractor == kind);
        let (found, expected) = (extractor.width(), wanted.map(|vision| vision.width));
        match expected {
            Some(expected) if expected != found => {
                Err(EyesError::OtherWidth { extractor: kind.to_owned(), expected, found })
            }
            _ => Ok(()),
        }
    }
}

impl VisionConfig {
    /// The extractor of this name, for pictures of this size; nothing for `none`.
    ///
    /// # Errors
    ///
    /// When it cannot be loaded, or takes no pictures of this size.
    pub fn open(&self, device: &Device) -> Result<Option<Box<dyn FeatureExtractor>>, EyesError> {
        let kind = self.extractor.as_str();
        if kind == "none" {
            return Ok(None);
        }
        let mut eyes = open_extractor(kind, self.weights.as_deref(), self.placement(device))?;
        if let Some(image_px) = self.image_px {
            let refuse = |reason| EyesError::ImageSize { image_px, reason };
            eyes.set_image_px(image_px).map_err(refuse)?;
        }
        Ok(Some(eyes))
    }
}

impl Session {
    /// A session with the eyes that `config` names, with the names it gives where texts have vectors
    /// in their space, and with the detector it gives weights of.
    ///
    /// # Errors
    ///
    /// When they cannot be loaded, the names cannot be compared with what they see, or the model's own
    /// kind of eyes has another width than it takes.
    pub fn open(config: &PlannerConfig, device: &Device) -> Result<Self, EyesError> {
        let eyes = config.eyes()?;
        let (weights, on) = (eyes.weights.as_deref(), eyes.placement(device));
        let extractor = eyes.open(device)?;
        if let Some(extractor) = &extractor {
            config.check_width(&eyes.extractor, extractor.as_ref())?;
        }
        let mut session = Self::new(config, extractor)?;
        let space = session.map().config().feature_space.clone();
        if session.names().is_none() && !space.is_empty() && !config.regions.names.is_empty() {
            let words = open_text_encoder(&space, weights, &on)?;
            let names = config.regions.names_and_structure();
            session.name_things(NamedVectors::new(words.as_ref(), names)?)?;
        }
        if let Some(detector) = config.detector.open(&on)? {
            session.set_detector(detector);
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::WeightFormat;
    use std::path::Path;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision").join(name)
    }

    #[test]
    fn the_model_brings_its_eyes_unless_others_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = PlannerConfig::default();
        config.plan.model = folder.path().into();
        assert_eq!(config.eyes().unwrap().extractor, "color_geometry", "there is no model");
        let nano = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
        config.plan.model.clone_from(&nano);
        let eyes = config.eyes().unwrap();
        assert_eq!(eyes.extractor, "scene_vit");
        assert_eq!(eyes.weights, Some(nano.join("vision")));
        config.vision.extractor = "none".into();
        assert_eq!(config.eyes().unwrap().extractor, "none");
    }

    #[test]
    fn pictures_have_the_size_that_is_asked_for_or_there_are_no_eyes() {
        let mut config = PlannerConfig::default();
        config.plan.model = "no/such/model".into();
        config.vision.image_px = Some(448);
        let open = |config: &PlannerConfig| Session::open(config, &Device::Cpu);
        let refused = open(&config).err().unwrap().to_string();
        assert!(refused.contains("vision.image_px: is 448"), "{refused}");
        assert!(refused.contains("`color_geometry`"), "{refused}");
        config.vision.extractor = "clip".into();
        config.vision.weights = Some(fixture("clip_tiny"));
        open(&config).unwrap();
        config.vision.image_px = Some(4096);
        let refused = open(&config).err().unwrap().to_string();
        assert!(refused.contains("vision.image_px: is 4096: attention"), "{refused}");
    }

    #[test]
    fn names_are_looked_for_in_any_space_of_texts() {
        let vision = VisionConfig {
            extractor: "clip".into(),
            weights: Some(fixture("clip_tiny")),
            weight_format: WeightFormat::Q8_0,
            ..VisionConfig::default()
        };
        let mut config = PlannerConfig { vision, ..PlannerConfig::default() };
        let open = |config: &PlannerConfig| Session::open(config, &Device::Cpu);
        assert!(open(&config).unwrap().names().is_none(), "nothing is looked for");
        config.regions.names = vec!["mug".into(), "table".into()];
        let session = open(&config).unwrap();
        let names = session.names().unwrap();
        assert_eq!(names.space(), session.map().config().feature_space);
        assert_eq!(names.names()[..3], ["mug", "table", "floor"]);
    }
}
