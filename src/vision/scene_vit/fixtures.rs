//! Small models for tests.

use super::{SceneVitConfig, SceneVitShape};
use candle_core::{DType, Tensor};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A network of one layer that does all that larger ones do.
pub(crate) const TINY: SceneVitShape = SceneVitShape {
    embed: 12,
    cell: 8,
    width: 16,
    layers: 1,
    heads: 2,
    hidden: 20,
    refine: 1,
    head: 24,
    features: 16,
};

/// Writes a finished model of these weights.
pub(crate) fn write_model(
    folder: &Path,
    config: &SceneVitConfig,
    weights: &BTreeMap<String, Tensor>,
) {
    let text = serde_json::to_string(config).unwrap();
    std::fs::write(folder.join("config.json"), text).unwrap();
    let half: HashMap<String, Tensor> = weights
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.to_dtype(DType::F16).unwrap()))
        .collect();
    candle_core::safetensors::save(&half, folder.join("model.safetensors")).unwrap();
}
