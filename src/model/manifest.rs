//! `scenellm.yaml`: what a checkpoint folder holds and how it wants to be used.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chat::ChatManifest;
use super::error::ModelError;
use super::parts::{LanguageSpec, PositionEmbedding, ProjectorSpec, VisionSpec, WeightsFormat};
use super::template::PromptTemplate;
use crate::language::BeamOptions;
use crate::vision::Provenance;

/// Name of the manifest in a checkpoint folder.
pub const MANIFEST_FILE: &str = "scenellm.yaml";

/// Most 3D tokens a prompt may hold of one kind.
const MOST_TOKENS: usize = 1 << 16;

/// Kinds of model folders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// A Scene-LLM checkpoint: [`Manifest`].
    #[default]
    SceneLlm,
    /// Any chat model: [`super::ChatManifest`].
    Chat,
}

impl ModelKind {
    /// The kind that the manifest in `folder` names; whatever else it says is not looked at.
    /// Without a manifest, a GGUF file or a folder as Hugging Face has it is a chat model.
    pub fn of(folder: &Path) -> Result<Self, ModelError> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(default)]
            kind: ModelKind,
        }
        if ChatManifest::of_weights(folder).is_some() {
            return Ok(Self::Chat);
        }
        let path = folder.join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ModelError::Read { path: path.clone(), source })?;
        match serde_yaml::from_str::<Kind>(&text) {
            Ok(Kind { kind }) => Ok(kind),
            Err(error) => {
                Err(ModelError::Manifest { path, field: "kind".into(), reason: error.to_string() })
            }
        }
    }
}

/// The manifest of a checkpoint. Paths are relative to its folder and stay inside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `scene_llm`, which is what a manifest without it means.
    #[serde(default, skip_serializing)]
    pub kind: ModelKind,
    /// Name as it stands in reports.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Licence of the weights.
    pub license: String,
    /// Where the weights come from.
    pub provenance: Provenance,
    /// The command that made it, or several, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What it is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSource>,
    /// The language model.
    pub language: LanguageSpec,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// The features the projector was made for; absent in a blind model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vision: Option<VisionSpec>,
    /// The projector; absent in a blind model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projector: Option<ProjectorSpec>,
    /// How many tokens a prompt may hold.
    pub tokens: TokenBudget,
    /// How metres become numbers near one.
    #[serde(default)]
    pub coordinates: Coordinates,
    /// The words around what is seen, asked and answered.
    pub prompt: PromptTemplate,
    /// Actions and words of plans, a YAML file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<PathBuf>,
    /// How answers are searched.
    #[serde(default)]
    pub decoding: Decoding,
    /// A reader of goals that has a say in what is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<PriorSpec>,
    /// Measured scores, by name of the benchmark.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

/// Something that a model is made of: a data set, or the weights of another model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// What it is.
    pub name: String,
    /// Its licence.
    pub license: String,
}

/// How many tokens a prompt may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenBudget {
    /// 3D tokens of the egocentric frame.
    pub frame: usize,
    /// 3D tokens of the scene.
    pub scene: usize,
    /// Everything: 3D tokens, words and the answer.
    pub context: usize,
}

/// `(xyz - centre) / scale` is what the projector sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coordinates {
    /// Subtracted from positions, metres.
    pub centre_m: [f32; 3],
    /// Length that becomes one, metres.
    pub scale_m: f32,
}

impl Default for Coordinates {
    fn default() -> Self {
        Self { centre_m: [0.0; 3], scale_m: 1.0 }
    }
}

/// A reader of goals ([`super::GoalReader`]) that judges beside this model what a goal asks to be done, in
/// the same actions and words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorSpec {
    /// Its folder.
    pub folder: PathBuf,
    /// How much its judgement counts, 0..=1; that of this model counts the rest.
    pub weight: f64,
}

/// How answers are searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decoding {
    /// Answers grown side by side; 1 is greedy.
    pub beams: usize,
    /// Longest answer, in tokens; no longer than the context.
    pub max_tokens: usize,
    /// Answers are ranked by log-probability over length to this power.
    pub length_penalty: f32,
}

impl Default for Decoding {
    fn default() -> Self {
        Self { beams: 1, max_tokens: 256, length_penalty: 1.0 }
    }
}

impl Decoding {
    /// The same as the search takes it.
    pub fn beam_options(&self) -> BeamOptions {
        let Self { beams, max_tokens, length_penalty } = *self;
        BeamOptions { beams, max_tokens, length_penalty, answers: 1 }
    }

    /// The first thing that cannot be used with answers of at most `most` tokens: field and reason.
    pub(super) fn fault(&self, most: usize) -> Option<(&'static str, String)> {
        let Self { beams, max_tokens, length_penalty } = *self;
        if !(1..=64).contains(&beams) {
            return Some(("decoding.beams", format!("is {beams}, must be 1..=64")));
        }
        if !(1..=most).contains(&max_tokens) {
            let reason = format!("is {max_tokens}, must be 1..={most}, the tokens of the context");
            return Some(("decoding.max_tokens", reason));
        }
        let finite = length_penalty.is_finite();
        (!finite).then(|| ("decoding.length_penalty", format!("is {length_penalty}")))
    }
}

impl Manifest {
    /// Reads and checks the manifest of the checkpoint in `folder`.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let manifest = Self::parse(&text, &path)?;
        let files = [
            ("tokenizer", Some(&manifest.tokenizer)),
            ("language.weights", Some(&manifest.language.weights)),
        ];
        let projector = manifest.projector.as_ref().map(|projector| &projector.weights);
        let others =
            [("projector.weights", projector), ("vocabulary", manifest.vocabulary.as_ref())];
        for (field, file) in files.into_iter().chain(others) {
            if let Some(file) = file.filter(|file| !folder.join(file).exists()) {
                return Err(ModelError::Manifest {
                    path,
                    field: field.into(),
                    reason: format!("'{}' is not in the checkpoint folder", file.display()),
                });
            }
        }
        Ok(manifest)
    }

    /// Parses and checks a manifest without looking for its files; `path` stands in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        parse_checked(text, path, |manifest: &Self| manifest.faults().into_iter().next())
    }

    /// Everything that is wrong with it, as field and reason.
    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut need = |sound: bool, field, reason: &dyn Fn() -> String| {
            if !sound {
                faults.push((field, reason()));
            }
        };
        need(self.kind == ModelKind::SceneLlm, "kind", &|| "must be scene_llm".into());
        need(!self.name.trim().is_empty(), "name", &|| "is empty".into());
        let is_told =
            |one: &DataSource| [&one.name, &one.license].iter().all(|text| !text.trim().is_empty());
        need(self.data.iter().all(is_told), "data", &|| {
            "name and license must not be empty".into()
        });
        let projector = self.projector.as_ref();
        let files = [
            ("tokenizer", Some(&self.tokenizer)),
            ("language.weights", Some(&self.language.weights)),
            ("projector.weights", projector.map(|projector| &projector.weights)),
            ("vision.weights", self.vision.as_ref().and_then(|vision| vision.weights.as_ref())),
            ("vocabulary", self.vocabulary.as_ref()),
            ("prior.folder", self.prior.as_ref().map(|prior| &prior.folder)),
        ];
        for (field, file) in files {
            need(file.is_none_or(|file| stays_inside(file)), field, &|| {
                "must be a path inside the checkpoint folder".into()
            });
        }
        let gguf = self.language.weights.extension().is_some_and(|extension| extension == "gguf");
        let is_gguf = self.language.format == WeightsFormat::Gguf;
        need(gguf == is_gguf, "language.format", &|| {
            format!("does not fit the name '{}'", self.language.weights.display())
        });
        need(projector.is_some() == self.vision.is_some(), "projector", &|| {
            "vision and projector belong together; a blind model has neither".into()
        });
        if let (Some(projector), Some(vision)) = (projector, &self.vision) {
            let sane = |width: &usize| (1..=1 << 16).contains(width);
            let widths = [vision.width, projector.input, projector.hidden, projector.output];
            need(widths.iter().all(sane), "projector", &|| {
                format!("widths {widths:?} must be 1..=65536")
            });
            let width = if sane(&vision.width) { vision.token_width() } else { 0 };
            need(width + 6 == projector.input, "projector.input", &|| {
                let input = projector.input;
                format!("is {input}; features of width {width} with xyz and rgb make {}", width + 6)
            });
            if let PositionEmbedding::Fourier { bands } = projector.position {
                need((1..=16).contains(&bands), "projector.position.bands", &|| {
                    format!("is {bands}, must be 1..=16")
                });
            }
        }
        let TokenBudget { frame, scene, context } = self.tokens;
        need(frame.max(scene) <= MOST_TOKENS, "tokens", &|| {
            format!("{frame} and {scene} must be at most {MOST_TOKENS}")
        });
        need(context > frame.saturating_add(scene), "tokens.context", &|| {
            format!("is {context}, must be more than frame {frame} and scene {scene} together")
        });
        let Coordinates { centre_m, scale_m } = self.coordinates;
        need(scale_m.is_normal() && scale_m > 0.0, "coordinates.scale_m", &|| {
            format!("is {scale_m}, must be above 0")
        });
        need(centre_m.iter().all(|metres| metres.is_finite()), "coordinates.centre_m", &|| {
            format!("{centre_m:?} must be finite")
        });
        let draft_end = &self.prompt.draft_end;
        let ends = draft_end.is_empty() || self.prompt.end.contains(draft_end);
        need(ends, "prompt.draft_end", &|| format!("'{draft_end}' is not among prompt.end"));
        if let Some(PriorSpec { weight, .. }) = self.prior {
            need((0.0..=1.0).contains(&weight), "prior.weight", &|| {
                format!("is {weight}, must be 0..=1")
            });
            need(!draft_end.is_empty(), "prior", &|| {
                "has a say in drafts; there are none without prompt.draft_end".into()
            });
        }
        if let Some(endpoint) = &self.language.endpoint {
            faults.extend(endpoint.fault());
        }
        faults.extend(self.decoding.fault(context));
        faults
    }
}

/// The manifest that `text` is, of which `fault` says what is wrong, as field and reason; `path` stands
/// in errors.
pub(super) fn parse_checked<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    fault: impl FnOnce(&T) -> Option<(&'static str, String)>,
) -> Result<T, ModelError> {
    let refuse = |field: &str, reason: String| ModelError::Manifest {
        path: path.into(),
        field: field.into(),
        reason,
    };
    let manifest: T =
        serde_yaml::from_str(text).map_err(|error| refuse("manifest", error.to_string()))?;
    match fault(&manifest) {
        Some((field, reason)) => Err(refuse(field, reason)),
        None => Ok(manifest),
    }
}

fn stays_inside(path: &Path) -> bool {
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    path.components().next().is_some() && path.components().all(inside)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const EXAMPLE: &str = r#"
name: tiny
description: A small model for tests.
license: Apache-2.0
provenance: untrained
language: {kind: llama, format: safetensors, weights: model.safetensors}
tokenizer: tokenizer.json
vision: {extractor: analytic, provenance: analytic, width: 10}
projector:
  {weights: projector.safetensors, input: 16, hidden: 12, output: 32, position: {kind: none}}
tokens: {frame: 4, scene: 8, context: 96}
coordinates: {centre_m: [0, 0, 1], scale_m: 5}
prompt: {begin: "<s>", ego: "I saw ", scene: "Scene: ", context: "", goal_prefix: "\nTask: ",
  goal_suffix: "\n", answer: "Next-step:", end: ["</s>"],
  others: {describe: {before: "\nLook: ", after: "\nSeen:"}}}
decoding: {beams: 2, max_tokens: 8}
scores: {alfworld: 0.5}
"#;

    fn parse(text: &str) -> Result<Manifest, ModelError> {
        Manifest::parse(text, Path::new("models/tiny/scenellm.yaml"))
    }

    #[test]
    fn what_is_written_is_read() {
        let manifest = parse(EXAMPLE).unwrap();
        assert_eq!(manifest.tokens, TokenBudget { frame: 4, scene: 8, context: 96 });
        assert_eq!(manifest.prompt.goal_prefix, "\nTask: ");
        let written = serde_yaml::to_string(&manifest).unwrap();
        assert_eq!(parse(&written).unwrap(), manifest);
        assert!(!written.contains("command") && !written.contains("data"), "{written}");
    }

    #[test]
    fn the_shipped_model_tells_how_and_of_what_it_was_made() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
        let manifest = Manifest::load(&folder).unwrap();
        let command = manifest.command.as_deref().unwrap();
        // Eyes, decoder, projector and prior: each file of the folder comes of some line.
        for made in ["train vision", "train planner", "train finetune", "prior: {folder"] {
            assert!(command.contains(made), "`{made}` is not in {command}");
        }
        assert!(manifest.data.iter().any(|one| one.license == "MIT"), "{:?}", manifest.data);
        for of in ["valid_seen_rest", "valid_unseen", "change"] {
            assert!(manifest.scores.keys().any(|name| name.contains(of)), "no score of {of}");
        }
        let written = serde_yaml::to_string(&manifest).unwrap();
        assert_eq!(parse(&written).unwrap(), manifest);
    }

    #[test]
    fn the_scores_of_the_shipped_model_stand_in_the_tables_beside_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let rows = readme.lines().filter(|line| line.starts_with('|'));
        let cells = rows.flat_map(|row| row.split('|'));
        let numbers: Vec<&str> = cells.filter_map(|cell| cell.split_whitespace().next()).collect();
        for (name, score) in Manifest::load(&folder).unwrap().scores {
            let score = format!("{score:.3}");
            assert!(
                numbers.contains(&score.as_str()),
                "{name}: {score} is in no table of README.md"
            );
        }
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            ("name: tiny", "name: ' '", "name: is empty"),
            ("scores:", "data: [{name: ALFRED, license: ''}]\nscores:", "data: name and license"),
            ("scores:", "data: [{name: ALFRED}]\nscores:", "license"),
            ("model.safetensors", "model.gguf", "language.format"),
            ("weights: model.safetensors", "weights: ../model.safetensors", "language.weights"),
            ("tokenizer.json", "/etc/tokenizer.json", "tokenizer: must be a path inside"),
            ("input: 16", "input: 17", "features of width 10 with xyz and rgb make 16"),
            ("scores:", "prior: {folder: ../words, weight: 0.5}\nscores:", "prior.folder"),
            ("scores:", "prior: {folder: words, weight: 1.5}\nscores:", "prior.weight: is 1.5"),
            (
                "scores:",
                "prior: {folder: words, weight: 0.5}\nscores:",
                "none without prompt.draft_end",
            ),
            ("width: 10", "width: 18446744073709551615", "projector: widths"),
            (
                "width: 10",
                "width: 10, tokens: regions",
                "features of width 23 with xyz and rgb make 29",
            ),
            ("width: 10", "width: 10, weights: ../eyes", "vision.weights: must be a path inside"),
            ("hidden: 12", "hidden: 0", "projector: widths"),
            ("vision: {extractor: analytic, provenance: analytic, width: 10}", "", "projector:"),
            ("{kind: none}", "{kind: fourier, bands: 99}", "projector.position.bands: is 99"),
            ("{kind: none}", "{kind: magic}", "magic"),
            ("context: 96", "context: 12", "tokens.context"),
            ("frame: 4", "frame: 18446744073709551615", "tokens"),
            ("scale_m: 5", "scale_m: 0", "coordinates.scale_m"),
            ("scale_m: 5", "scale_m: .nan", "coordinates.scale_m"),
            (
                "answer: \"Next",
                "draft_end: \"<p>\", answer: \"Next",
                "'<p>' is not among prompt.end",
            ),
            ("beams: 2", "beams: 0", "decoding.beams"),
            ("max_tokens: 8", "max_tokens: 0", "decoding.max_tokens: is 0"),
            ("max_tokens: 8", "max_tokens: 97", "decoding.max_tokens: is 97, must be 1..=96"),
            ("license: Apache-2.0", "licence: Apache-2.0", "licence"),
            ("kind: llama", "kind: mamba", "mamba"),
            (
                "weights: model.safetensors}",
                "weights: model.safetensors, endpoint: {url: 'ftp://here', model: m}}",
                "endpoint.url: 'ftp://here'",
            ),
        ];
        for (from, to, message) in cases {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_ne!(text, EXAMPLE);
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error} does not say {message}");
            assert!(error.starts_with("models/tiny/scenellm.yaml: "), "{error}");
        }
    }

    #[test]
    fn absent_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Manifest::load(folder.path()), Err(ModelError::Read { .. })));
        std::fs::write(folder.path().join(MANIFEST_FILE), EXAMPLE).unwrap();
        let error = Manifest::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tokenizer: 'tokenizer.json' is not in"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(.|\n|name: |tokens: |\\{|\\[|&a |\\*a ){0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn changed_manifests_never_panic(
            at in 0usize..EXAMPLE.len(),
            with in "[-0-9a-z:{}\\[\\], \n]{0,6}",
        ) {
            let cut = (at + with.len()).min(EXAMPLE.len());
            let _ = parse(&format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[cut..]));
        }
    }
}
