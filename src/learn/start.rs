//! What a training begins with: fresh weights, or those of a finished model.

use super::LearnError;
use super::alfred::Trajectory;
use super::llama::TrainableLlama;
use super::planner::PlannerTraining;
use super::tokenizer::train_tokenizer;
use crate::tasks::ActionVocabulary;
use candle_core::{DType, Device};
use rand_pcg::Pcg64Mcg;
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

/// The decoder with the weights of the finished model, or fresh ones.
pub fn model(
    config: &PlannerTraining,
    vocabulary_size: usize,
    rng: &mut Pcg64Mcg,
) -> Result<TrainableLlama, LearnError> {
    let model = TrainableLlama::new(config.model, vocabulary_size, rng)?;
    if let Some(folder) = &config.init {
        take_weights(&model, &folder.join("model.safetensors"))?;
    }
    Ok(model)
}

fn take_weights(model: &TrainableLlama, path: &Path) -> Result<(), LearnError> {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)
        .map_err(|error| LearnError::invalid(path, error))?;
    for (name, var) in &model.weights {
        let tensor = tensors
            .get(name)
            .ok_or_else(|| LearnError::invalid(path, format!("no tensor `{name}`")))?;
        if tensor.shape() != var.shape() {
            let reason = format!(
                "tensor `{name}` is {:?}, and the training's model needs {:?}",
                tensor.dims(),
                var.dims()
            );
            return Err(LearnError::invalid(path, reason));
        }
        var.set(&tensor.to_dtype(DType::F32)?)?;
    }
    Ok(())
}
