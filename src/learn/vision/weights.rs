//! The weights that a training of the eyes begins with.

use crate::learn::LearnError;
use crate::learn::llama::normal;
use crate::vision::{SceneVit, SceneVitNet, SceneVitShape};
use candle_core::{Device, Result, Tensor, Var};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;
use std::path::Path;

/// Fresh weights: normal, as wide as keeps the scale from layer to layer; smaller where a layer
/// writes into the residual stream.
pub fn fresh(shape: &SceneVitShape, rng: &mut Pcg64Mcg) -> Result<BTreeMap<String, Var>> {
    let residual = (2.0 * shape.layers as f32).powf(-0.5);
    let mut weights = BTreeMap::new();
    for (name, dims) in shape.weights() {
        let count: usize = dims.iter().product();
        let values: Vec<f32> = match dims.as_slice() {
            [_, inputs] => {
                let writes = ["out.weight", "down.weight", "near.1.weight", "split.weight"];
                let part =
                    if writes.iter().any(|end| name.ends_with(end)) { residual } else { 1.0 };
                let deviation = part / (*inputs as f32).sqrt();
                (0..count).map(|_| deviation * normal(rng)).collect()
            }
            _ if name.ends_with("bias") => vec![0.0; count],
            _ => vec![1.0; count],
        };
        weights.insert(name, Var::from_vec(values, dims, &Device::Cpu)?);
    }
    Ok(weights)
}

/// The weights of a finished model.
///
/// # Errors
///
/// When it cannot be loaded or has another shape.
pub fn finished(
    folder: &Path,
    shape: &SceneVitShape,
) -> std::result::Result<BTreeMap<String, Var>, LearnError> {
    let vit =
        SceneVit::load(folder, &Device::Cpu).map_err(|error| LearnError::invalid(folder, error))?;
    if vit.net().shape() != shape {
        return Err(LearnError::invalid(folder, "its shape is not that of the training's model"));
    }
    let vars = vit.net().weights().iter();
    Ok(vars
        .map(|(name, tensor)| Ok((name.clone(), Var::from_tensor(tensor)?)))
        .collect::<Result<_>>()?)
}

/// A network of these weights, through which gradients flow to them.
pub fn net(shape: &SceneVitShape, weights: &BTreeMap<String, Var>) -> Result<SceneVitNet> {
    let tensors = weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
    SceneVitNet::new(*shape, tensors.collect(), &Device::Cpu)
}

/// A network of these weights, which stand still.
pub fn still(shape: &SceneVitShape, weights: &BTreeMap<String, Tensor>) -> Result<SceneVitNet> {
    SceneVitNet::new(*shape, weights.clone(), &Device::Cpu)
}
