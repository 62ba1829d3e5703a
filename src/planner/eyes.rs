//! Which eyes a session gets: those that the parameters name, or those of the model.

use super::{PlannerConfig, Session, VisionConfig};
use crate::model::{MANIFEST_FILE, Manifest, ModelError, ModelKind};
use crate::scene::{NamedVectors, SceneError, SceneMap};
use crate::tasks::GoalPlanner;
use crate::vision::{VisionError, open_extractor, open_text_encoder};
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

    /// The extractor and its weights. `auto` are the eyes that the manifest of the model names with
    /// their weights; where it names none, or there is no model, those that need no weights.
    ///
    /// # Errors
    ///
    /// When the manifest cannot be read.
    pub fn eyes(&self) -> Result<VisionConfig, ModelError> {
        let VisionConfig { extractor, weights, weight_format } = self.vision.clone();
        if extractor != AUTO {
            return Ok(self.vision.clone());
        }
        let folder = &self.plan.model;
        let is_ours = folder.join(MANIFEST_FILE).is_file();
        if is_ours && ModelKind::of(folder)? == ModelKind::SceneLlm {
            let vision = Manifest::load(folder)?.vision;
            if let Some((vision, own)) = vision.and_then(|vision| {
                let own = vision.weights.clone()?;
                Some((vision, own))
            }) {
                let weights = Some(weights.unwrap_or_else(|| folder.join(own)));
                return Ok(VisionConfig { extractor: vision.extractor, weights, weight_format });
            }
        }
        Ok(VisionConfig { extractor: WITHOUT_WEIGHTS.into(), weights, weight_format })
    }
}

impl Session {
    /// A session with the eyes that `config` names, with the names it gives where texts have vectors
    /// in their space, and with the detector it gives weights of.
    ///
    /// # Errors
    ///
    /// When they cannot be loaded, or the names cannot be compared with what they see.
    pub fn open(config: &PlannerConfig, device: &Device) -> Result<Self, EyesError> {
        let eyes = config.eyes()?;
        let (weights, on) = (eyes.weights.as_deref(), eyes.placement(device));
        let extractor = match eyes.extractor.as_str() {
            "none" => None,
            kind => Some(open_extractor(kind, weights, &on)?),
        };
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
    fn names_are_looked_for_in_any_space_of_texts() {
        let vision = VisionConfig {
            extractor: "clip".into(),
            weights: Some(fixture("clip_tiny")),
            weight_format: WeightFormat::Q8_0,
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
