//! What decides how a seeing model is trained.

use super::super::fault::{dropout_fault, read_config, share_fault};
use super::super::llama::LlamaShape;
use super::super::lora::LoraSpec;
use super::super::optimizer::AdamWConfig;
use super::super::scenes::{Arrangement, Faults};
use super::super::{About, LearnError};
use super::lesson::TAUGHT;
use super::look::Guidance;
use super::school::Syllabus;
use crate::model::{Coordinates, PositionEmbedding, ProjectorSpec, TokenBudget, VisionSpec};
use crate::tasks::ActionVocabulary;
use candle_core::DType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything that decides what a training of the projector and the language model gives, but for
/// the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeeingTraining {
    /// What the finished model says of itself.
    pub about: About,
    /// Seed of all chance.
    pub seed: u64,
    /// Folder of the model to begin with: decoder, tokenizer, vocabulary (ALFRED's where it has none),
    /// and the projector where it has one of this shape.
    pub init: PathBuf,
    /// Random weights instead of those in `init`, of a decoder with so many tokens: to see that a
    /// training of this size runs. Tokenizer and vocabulary are those of `init` all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_weights: Option<usize>,
    /// Size of its decoder.
    pub model: LlamaShape,
    /// What of the decoder learns beside the projector.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub language: LanguagePart,
    /// The features that become 3D tokens.
    pub vision: VisionSpec,
    /// The projector.
    pub projector: ProjectorShape,
    /// Steps in which a fresh projector learns to say the names of things, before all else; features
    /// must stand in the space of hashed words.
    #[serde(default)]
    pub warm_steps: u64,
    /// How metres become numbers near one.
    pub coordinates: Coordinates,
    /// How many tokens a prompt may hold.
    pub tokens: TokenBudget,
    /// What is taught.
    #[serde(default)]
    pub syllabus: Syllabus,
    /// How oracle eyes err.
    #[serde(default)]
    pub faults: Faults,
    /// How what is seen is varied.
    #[serde(default)]
    pub arrangement: Arrangement,
    /// How often a lesson of each kind comes in an epoch on average; kinds not named do not come.
    pub mixture: BTreeMap<String, f64>,
    /// Share of the lessons that are taken with closed eyes, 0..=1.
    pub blind: f64,
    /// Number of passes over the lessons.
    pub epochs: u32,
    /// Lessons a step.
    pub batch_size: usize,
    /// Parts of a batch that are worked on side by side.
    pub replicas: usize,
    /// Rounds in which a batch is worked on, one behind the other; gradients are added up.
    pub rounds: usize,
    /// Longest lesson, tokens of all kinds; longer ones are left out.
    pub max_length: usize,
    /// How much the name of a place to go to counts in the loss; other answer tokens count 1.
    pub place_weight: f32,
    /// Whether attention is guided to what a name names.
    #[serde(default)]
    pub looking: Option<Guidance>,
    /// Dropout in the residual branches, 0 or more and below 1.
    pub dropout: f32,
    /// Probability of hiding a token of a person's words.
    pub hide_words: f64,
    /// Probability of tearing a person's word into other tokens.
    pub tear_words: f64,
    /// The optimiser; its learning rate is that of the decoder.
    pub optimizer: AdamWConfig,
    /// Learning rate of the projector and of tokens that are new.
    pub projector_rate: f64,
    /// Steps over which the learning rates rise before they fall along a cosine.
    pub warmup_steps: u64,
    /// Share of the floor plans that are never trained on and watched instead, 0..1.
    pub holdout: f64,
    /// Most lessons of a kind that are watched.
    pub watched: usize,
    /// Steps between two measurements, each with a checkpoint and a model.
    pub checkpoint_steps: u64,
    /// Measurements without a lower loss after which the training ends early; never unless given.
    #[serde(default)]
    pub patience: Option<usize>,
    /// Numbers that are computed with; weights that learn are kept in 32 bits.
    #[serde(default)]
    pub precision: Precision,
}

/// What of the decoder learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguagePart {
    /// Nothing but the tokens that are new: stage 1, in which the projector is aligned.
    Frozen,
    /// All of it: stage 2.
    Full,
    /// Low-rank matrices beside its layers, and the tokens that are new: stage 2 of large models.
    Lora(LoraSpec),
}

/// Size of a projector; the other widths follow from the features and the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorShape {
    /// Width of its hidden layers.
    pub hidden: usize,
    /// What positions add to the projected tokens.
    #[serde(default)]
    pub position: PositionEmbedding,
}

/// Numbers that are computed with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16, for GPUs.
    Bf16,
}

impl Precision {
    /// The same as tensors have it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl SeeingTraining {
    /// Reads a training configuration.
    pub fn read(path: &Path) -> Result<Self, LearnError> {
        read_config(path, Self::fault)
    }

    fn fault(&self) -> Option<String> {
        if let Some(fault) = self.model.fault() {
            return Some(fault.into());
        }
        if let Some(fault) = self.looking.as_ref().and_then(|g| g.fault(self.model.layers)) {
            return Some(fault.into());
        }
        let counts = [
            ("batch_size", self.batch_size),
            ("replicas", self.replicas),
            ("rounds", self.rounds),
            ("watched", self.watched),
            ("projector.hidden", self.projector.hidden),
            ("vision.width", self.vision.width),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Some(format!("{name} must be at least 1"));
        }
        if self.epochs == 0 || self.checkpoint_steps == 0 {
            return Some("epochs and checkpoint_steps must be at least 1".into());
        }
        if self.max_length > self.tokens.context || self.tokens.context > self.model.max_positions {
            return Some(
                "max_length must not exceed tokens.context, nor that model.max_positions".into(),
            );
        }
        let shares = [
            ("blind", self.blind),
            ("holdout", self.holdout),
            ("hide_words", self.hide_words),
            ("tear_words", self.tear_words),
            ("faults.confused", self.faults.confused),
            ("faults.lost_support", self.faults.lost_support),
            ("faults.merged", self.faults.merged),
            ("arrangement.mirror", self.arrangement.mirror),
            ("arrangement.dropped", self.arrangement.dropped),
            ("arrangement.world_views", self.arrangement.world_views),
        ];
        if let Some(fault) = dropout_fault(self.dropout).or_else(|| share_fault(&shares)) {
            return Some(fault);
        }
        let odd = |times: &f64| !times.is_finite() || *times < 0.0;
        if let Some((kind, times)) = self.mixture.iter().find(|(_, times)| odd(times)) {
            return Some(format!("mixture.{kind} is {times}, must be 0 or more"));
        }
        if self.times_of(TAUGHT) > 1.0 {
            return Some(format!("mixture.{TAUGHT} is the share of a teacher's goals, 0 to 1"));
        }
        if odd(&self.syllabus.toured) {
            return Some("syllabus.toured must be 0 or more".into());
        }
        if odd(&self.projector_rate) {
            return Some("projector_rate must be 0 or more".into());
        }
        if let Some(fault) = self.optimizer.fault() {
            return Some(fault);
        }
        match &self.language {
            LanguagePart::Lora(lora) => lora.fault(&self.model),
            LanguagePart::Frozen | LanguagePart::Full => None,
        }
    }

    /// Actions and words of the model to begin with; ALFRED's where it comes from elsewhere.
    ///
    /// # Errors
    ///
    /// When its file cannot be read.
    pub fn vocabulary(&self) -> Result<ActionVocabulary, LearnError> {
        let path = self.init.join("vocabulary.yaml");
        if !path.exists() {
            return Ok(ActionVocabulary::alfred());
        }
        ActionVocabulary::read(&path).map_err(|error| LearnError::invalid(&path, error))
    }

    /// How often a lesson of a kind comes in an epoch on average.
    pub(super) fn times_of(&self, kind: &str) -> f64 {
        self.mixture.get(kind).copied().unwrap_or(0.0)
    }

    /// The projector as the manifest will describe it.
    pub fn projector_spec(&self) -> ProjectorSpec {
        ProjectorSpec {
            weights: PROJECTOR_FILE.into(),
            input: self.vision.token_width() + 6,
            hidden: self.projector.hidden,
            output: self.model.hidden,
            position: self.projector.position,
        }
    }
}

/// The projector's file in a model folder.
pub(super) const PROJECTOR_FILE: &str = "projector.safetensors";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{PlannerTraining, VisionTraining};
    use crate::vision::open_extractor;
    use candle_core::Device;

    #[test]
    fn shipped_configurations_are_sound_and_name_eyes_that_there_are() {
        // Without weights all but a few are refused, and only names that nobody knows for this reason.
        let is_unknown = |name: &str| {
            let opened = open_extractor(name, None, &Device::Cpu);
            opened.is_err_and(|error| error.to_string().contains("no such extractor"))
        };
        assert!(is_unknown("openclip_vit_h_14"));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/train");
        let mut seeing = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Those of a planner and of eyes have other fields.
            if PlannerTraining::read(&path).is_ok() || VisionTraining::read(&path).is_ok() {
                continue;
            }
            let config = SeeingTraining::read(&path).unwrap();
            let name = &config.vision.extractor;
            assert!(!is_unknown(name), "{}: there is no extractor `{name}`", path.display());
            seeing += 1;
        }
        assert!(seeing >= 5, "{seeing}");
    }

    #[test]
    fn tasks_are_broken_down_only_where_it_is_asked_for() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/train");
        let shares = |name: &str| {
            let config = SeeingTraining::read(&Path::new(folder).join(name)).unwrap();
            (config.syllabus.talk.decompositions, config.times_of("task_decomposition"))
        };
        for name in ["finetune.yaml", "llama2-7b.yaml", "llama2-7b-full.yaml"] {
            let (made, times) = shares(name);
            assert!(made > 0 && times > 0.0, "{name}: {made} are made, {times} are taught");
        }
        for name in ["align.yaml", "look.yaml"] {
            assert_eq!(shares(name), (0, 0.0), "{name}");
        }
    }

    #[test]
    fn faults_are_named() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/train");
        let text = std::fs::read_to_string(format!("{folder}/align.yaml")).unwrap();
        let config: SeeingTraining = serde_yaml::from_str(&text).unwrap();
        let fault = |change: &dyn Fn(&mut SeeingTraining)| {
            let mut config = config.clone();
            change(&mut config);
            config.fault().unwrap_or_default()
        };
        assert!(fault(&|c| c.blind = 1.5).contains("blind is 1.5"));
        assert!(fault(&|c| c.arrangement.world_views = 2.0).contains("arrangement.world_views is"));
        for dropout in [1.0, -0.1, f32::NAN] {
            assert!(fault(&|c| c.dropout = dropout).contains("dropout is"), "{dropout}");
        }
        let looking = Guidance { weight: 1.0, names: vec![9], follow: vec![], tell: vec![] };
        assert!(fault(&|c| c.looking = Some(looking.clone())).contains("looking names layers"));
        assert!(fault(&|c| c.rounds = 0).contains("rounds must be"));
        assert!(fault(&|c| c.max_length = 4096).contains("max_length"));
        assert!(fault(&|c| c.model.kv_heads = Some(3)).contains("model.kv_heads"));
        assert!(fault(&|c| c.projector_rate = f64::NAN).contains("projector_rate"));
        assert!(fault(&|c| c.optimizer.beta1 = 1.0).contains("optimizer.beta1 is 1"));
        let lora = |targets: &[&str]| {
            let targets: Vec<String> = targets.iter().map(|target| target.to_string()).collect();
            fault(&|c| {
                c.model.own_head = true;
                let targets = targets.clone();
                c.language = LanguagePart::Lora(LoraSpec { rank: 4, alpha: 8.0, targets });
            })
        };
        assert_eq!(lora(&["q_proj", "down_proj"]), "");
        assert!(lora(&[]).contains("targets"));
        // One that is there does not hide one that is not, and the output layer is a table.
        for name in ["nothing", "lm_head", "embed_tokens", "input_layernorm"] {
            let told = lora(&["q_proj", name]);
            assert!(told.contains("targets") && told.contains(&format!("`{name}`")), "{told}");
        }
    }
}
