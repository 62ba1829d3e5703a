//! A finished training as a model folder in the layout of `transformers`, and its picture.

use super::LearnError;
use super::checkpoint::Progress;
use super::llama::{EMBEDDING, LlamaShape, NORM_EPS};
use super::planner::Watch;
use super::samples::{BEGIN, END, PAD};
use super::save::{save_tensors, save_text};
use super::seeing::template;
use crate::model::{
    Coordinates, DataSource, Decoding, LanguageKind, LanguageSpec, MANIFEST_FILE, Manifest,
    ModelKind, PromptTemplate, TokenBudget, WeightsFormat,
};
use crate::report::chart::{LineChart, Series};
use crate::tasks::ActionVocabulary;
use crate::vision::Provenance;
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tokenizers::Tokenizer;

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Name as it stands in reports.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Licence of the weights.
    pub license: String,
    /// What it is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSource>,
}

/// Answers grown side by side, and the longest one.
const DECODING: Decoding = Decoding { beams: 12, max_tokens: 256, length_penalty: 0.0 };

/// Writes `config.json`, `model.safetensors` (16-bit floats), `tokenizer.json` and
/// `vocabulary.yaml` into `out`.
pub fn model_folder(
    weights: &BTreeMap<String, Tensor>,
    shape: &LlamaShape,
    tokenizer: &Tokenizer,
    vocabulary: &ActionVocabulary,
    out: &Path,
) -> Result<(), LearnError> {
    let tensors = weights
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.to_dtype(DType::F16)?)))
        .collect::<candle_core::Result<HashMap<_, _>>>()?;
    save_tensors(&tensors, &out.join("model.safetensors"))?;
    let path = out.join("tokenizer.json");
    let text = tokenizer.to_string(false).map_err(|error| LearnError::invalid(&path, error))?;
    save_text(&text, &path)?;
    // A table may have more rows than there are tokens.
    let rows = weights.get(EMBEDDING).map_or(Ok(0), |table| table.dim(0))?;
    let config = serde_json::json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads(),
        "vocab_size": rows,
        "max_position_embeddings": shape.max_positions,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": !shape.own_head,
        "attention_bias": false,
        "mlp_bias": false,
        "bos_token_id": tokenizer.token_to_id(BEGIN),
        "eos_token_id": tokenizer.token_to_id(END),
        "pad_token_id": tokenizer.token_to_id(PAD),
        "torch_dtype": "float16",
    });
    save_text(&format!("{config:#}\n"), &out.join("config.json"))?;
    let text = serde_yaml::to_string(vocabulary).expect("names are YAML");
    save_text(&text, &out.join("vocabulary.yaml"))
}

/// Writes the manifest of a planner without eyes, which [`model_folder`] is the rest of and `command`
/// made.
pub fn blind_manifest(
    about: &About,
    shape: &LlamaShape,
    watch: Option<&Watch>,
    command: Option<&str>,
    out: &Path,
) -> Result<(), LearnError> {
    let watched = |watch: &Watch| {
        let shares = [
            ("held_out_plan_exact", watch.exact),
            ("held_out_plan_without_places_exact", watch.exact_without_places),
        ];
        shares.map(|(name, share)| (name.to_owned(), share))
    };
    let context = shape.max_positions;
    let blank = String::new;
    let plain = manifest(about, TokenBudget { frame: 0, scene: 0, context });
    let manifest = Manifest {
        command: command.map(str::to_owned),
        prompt: PromptTemplate {
            ego: blank(),
            scene: blank(),
            context: blank(),
            others: BTreeMap::new(),
            ..template()
        },
        decoding: Decoding {
            // A goal needs room as well.
            max_tokens: DECODING.max_tokens.min(context - context / 4),
            ..DECODING
        },
        scores: watch.into_iter().flat_map(watched).collect(),
        ..plain
    };
    write_manifest(&manifest, out)
}

/// What all manifests of models that were trained here say; of one that sees more is to be told.
pub fn manifest(about: &About, tokens: TokenBudget) -> Manifest {
    let About { name, description, license, data } = about.clone();
    Manifest {
        kind: ModelKind::SceneLlm,
        name,
        description,
        license,
        provenance: Provenance::Trained,
        command: None,
        data,
        language: LanguageSpec {
            kind: LanguageKind::Llama,
            format: WeightsFormat::Safetensors,
            weights: "model.safetensors".into(),
            endpoint: None,
        },
        tokenizer: "tokenizer.json".into(),
        vision: None,
        projector: None,
        tokens,
        coordinates: Coordinates::default(),
        prompt: template(),
        vocabulary: Some("vocabulary.yaml".into()),
        decoding: Decoding { max_tokens: DECODING.max_tokens.min(tokens.context), ..DECODING },
        prior: None,
        scores: BTreeMap::new(),
    }
}

/// Writes a manifest into a model folder.
pub fn write_manifest(manifest: &Manifest, out: &Path) -> Result<(), LearnError> {
    let path = out.join(MANIFEST_FILE);
    let text =
        serde_yaml::to_string(manifest).map_err(|error| LearnError::invalid(&path, error))?;
    save_text(&text, &path)
}

/// Draws training loss and the loss on held-out goals.
pub fn loss_curve(progress: &Progress<Watch>, path: &Path) -> Result<(), LearnError> {
    let training = progress
        .losses
        .iter()
        .enumerate()
        .map(|(at, &loss)| ((at as f64 + 1.0) * Progress::<Watch>::EVERY as f64, loss))
        .collect();
    let watched = progress.watches.iter().map(|watch| (watch.step as f64, watch.loss)).collect();
    let exact = progress.watches.iter().map(|watch| (watch.step as f64, watch.exact)).collect();
    let without_places = progress
        .watches
        .iter()
        .map(|watch| (watch.step as f64, watch.exact_without_places))
        .collect();
    let chart = LineChart {
        title: "Planner training".into(),
        x_label: "step".into(),
        y_label: "nats a token; share".into(),
        series: vec![
            Series { name: "training loss (smoothed)".into(), points: training },
            Series { name: "loss on held-out goals".into(), points: watched },
            Series { name: "held-out plans right".into(), points: exact },
            Series { name: "right but for places to go to".into(), points: without_places },
        ],
    };
    Ok(chart.write(path, 900, 500)?)
}
