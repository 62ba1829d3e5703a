//! What a training begins with: fresh weights, or those of a finished model.

use super::LearnError;
use super::alfred::Trajectory;
use super::llama::{EMBEDDING, LlamaShape, fresh_weight, fresh_weights, weight_shapes};
use super::planner::PlannerTraining;
use super::tokenizer::train_tokenizer;
use crate::language::SafetensorsFiles;
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
/// When the files cannot be read, or a tensor is missing or of another shape, which is named.
pub fn read_weights(
    folder: &Path,
    shape: &LlamaShape,
    vocabulary_size: Option<usize>,
) -> Result<BTreeMap<String, Tensor>, LearnError> {
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
