//! What a training begins with: fresh weights, or those of a finished model.

use super::LearnError;
use super::alfred::Trajectory;
use super::llama::{EMBEDDING, LlamaShape, NORM_EPS, fresh_weight, fresh_weights, weight_shapes};
use super::planner::PlannerTraining;
use super::tokenizer::train_tokenizer;
use crate::language::{Family, LlamaConfig, RopeScaling, SafetensorsFiles};
use crate::tasks::ActionVocabulary;
use candle_core::{DType, Device, Tensor, Var};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use tokenizers::Tokenizer;

/// The tokenizer of the finished model, or a new one.
pub fn tokenizer(
    config: &PlannerTraining,
    trajectories: &[Trajectory],
    vocabulary: &ActionVocabulary,
) -> Result<Tokenizer, LearnError> {
    match &config.init {
        None => train_tokenizer(trajectories, vocabulary, config.tokenizer_size),
        Some(folder) => {
            let path = folder.join("tokenizer.json");
            Tokenizer::from_file(&path).map_err(|error| LearnError::invalid(&path, error))
        }
    }
}

/// The weights of the finished model, or fresh ones, to be trained.
pub fn weights(
    config: &PlannerTraining,
    vocabulary_size: usize,
    rng: &mut Pcg64Mcg,
) -> Result<BTreeMap<String, Var>, LearnError> {
    let weights = fresh_weights(&config.model, vocabulary_size, rng)?;
    if let Some(folder) = &config.init {
        let found = read_weights(folder, &config.model, Some(vocabulary_size))?;
        for (name, tensor) in found {
            if let Some(var) = weights.get(&name) {
                var.set(&tensor)?;
            }
        }
    }
    Ok(weights)
}

/// The weights of a decoder of this shape, in 32 bits, from one file or all shards in `folder`. It has
/// as many tokens as the embedding there has rows, unless `vocabulary_size` says how many.
///
/// # Errors
///
/// When the files cannot be read, or a tensor is missing or of another shape, which is named; and when
/// the `config.json` beside them tells of a decoder that computes otherwise than trainings do.
pub fn read_weights(
    folder: &Path,
    shape: &LlamaShape,
    vocabulary_size: Option<usize>,
) -> Result<BTreeMap<String, Tensor>, LearnError> {
    check_config(folder, shape)?;
    let mut files = SafetensorsFiles::open_folder(folder)?;
    let path = files.path().to_path_buf();
    let found: BTreeMap<String, Vec<usize>> =
        files.shapes().map(|(name, dims)| (name.to_string(), dims.to_vec())).collect();
    let rows = || found.get(EMBEDDING).and_then(|dims| dims.first().copied());
    let vocabulary_size = vocabulary_size.or_else(rows).unwrap_or(0);
    let mut weights = BTreeMap::new();
    for (name, needed) in weight_shapes(shape, vocabulary_size) {
        let Some(dims) = found.get(&name) else {
            return Err(LearnError::invalid(&path, format!("no tensor `{name}`")));
        };
        if *dims != needed {
            let reason =
                format!("tensor `{name}` is {dims:?}, and the training's model needs {needed:?}");
            return Err(LearnError::invalid(&path, reason));
        }
        let tensor = files.tensor(&name, &needed, DType::F32, &Device::Cpu)?;
        weights.insert(name, tensor);
    }
    Ok(weights)
}

/// Sees that the decoder in `folder`, where its `config.json` tells of it, computes what is computed
/// here. Its tensors do not tell: those that nobody asks for, such as biases, would be left out, and the
/// same weights with other heads or other frequencies are another model.
fn check_config(folder: &Path, shape: &LlamaShape) -> Result<(), LearnError> {
    let path = folder.join("config.json");
    if !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path).map_err(LearnError::file(&path))?;
    let found = LlamaConfig::from_json(&text, &path)?;
    match decoder_fault(&found, shape) {
        Some(fault) => Err(LearnError::invalid(&path, fault)),
        None => Ok(()),
    }
}

fn decoder_fault(found: &LlamaConfig, shape: &LlamaShape) -> Option<String> {
    if !matches!(found.family, Family::Llama | Family::Mistral) {
        return Some(format!("is of {:?}; trainings know Llama and Mistral", found.family));
    }
    if found.rope_scaling != RopeScaling::None || !found.rope_divisors.is_empty() {
        return Some("rope_scaling is there, which trainings do not know".into());
    }
    if let Some(window) = found.looking.window.filter(|window| *window < shape.max_positions) {
        let most = shape.max_positions;
        return Some(format!("sliding_window is {window}, and model.max_positions {most}"));
    }
    if found.tie_word_embeddings == shape.own_head {
        let (tied, own) = (found.tie_word_embeddings, shape.own_head);
        return Some(format!("tie_word_embeddings is {tied}, and model.own_head {own}"));
    }
    let (theta, eps) = (f64::from(shape.rope_theta), NORM_EPS);
    let numbers = [
        ("num_attention_heads", found.heads as f64, "model.heads", shape.heads as f64),
        ("num_key_value_heads", found.kv_heads as f64, "model.kv_heads", shape.kv_heads() as f64),
        ("rope_theta", found.rope_theta, "model.rope_theta", theta),
        ("rms_norm_eps", found.rms_norm_eps, "that of trainings", eps),
    ];
    // Frequencies are kept in 32 bits.
    let differs = |a: f64, b: f64| (a - b).abs() > 1e-6 * b.abs();
    let (name, there, of, here) = numbers.into_iter().find(|(_, a, _, b)| differs(*a, *b))?;
    Some(format!("{name} is {there}, and {of} {here}"))
}

/// Random weights of a decoder of this shape with `vocabulary_size` tokens, the same for the same
/// `seed`: billions of numbers, so all cores draw them, each tensor from a seed of its own.
pub fn random_weights(
    shape: &LlamaShape,
    vocabulary_size: usize,
    seed: u64,
) -> Result<BTreeMap<String, Tensor>, LearnError> {
    let weights = weight_shapes(shape, vocabulary_size)
        .into_par_iter()
        .enumerate()
        .map(|(number, (name, dims))| {
            let mut rng = Pcg64Mcg::seed_from_u64(seed ^ number as u64);
            let weight = fresh_weight(shape, &name, dims, &mut rng)?;
            Ok((name, weight))
        })
        .collect::<candle_core::Result<BTreeMap<_, _>>>()?;
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::gradients::SHAPE;
    use serde_json::{Value, json};

    #[test]
    fn a_decoder_that_computes_otherwise_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let fault = |name: &str, value: Value| {
            let mut config = json!({
                "model_type": "llama", "hidden_size": 16, "intermediate_size": 24,
                "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 14,
                "rms_norm_eps": 1e-5, "rope_theta": 1e4, "max_position_embeddings": 32,
                "tie_word_embeddings": true,
            });
            config[name] = value;
            std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
            let checked = check_config(folder.path(), &SHAPE);
            checked.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(fault("model_type", json!("llama")), "");
        assert_eq!(fault("model_type", json!("mistral")), "");
        let heads = fault("num_attention_heads", json!(4));
        assert!(heads.contains("num_attention_heads is 4, and model.heads 2"), "{heads}");
        let qwen = fault("model_type", json!("qwen2"));
        assert!(qwen.contains("config.json") && qwen.contains("Qwen2"), "{qwen}");
        let scaled = fault("rope_scaling", json!({"rope_type": "linear", "factor": 2.0}));
        assert!(scaled.contains("rope_scaling"), "{scaled}");
        let theta = fault("rope_theta", json!(500_000.0));
        assert!(theta.contains("rope_theta is 500000, and model.rope_theta 10000"), "{theta}");
        let eps = fault("rms_norm_eps", json!(1e-6));
        assert!(eps.contains("rms_norm_eps"), "{eps}");
        let head = fault("tie_word_embeddings", json!(false));
        assert!(head.contains("model.own_head false"), "{head}");
        // A model that is not from elsewhere needs none.
        std::fs::remove_file(folder.path().join("config.json")).unwrap();
        check_config(folder.path(), &SHAPE).unwrap();
    }
}
