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
                let part = if writes(&name) || name == "split.weight" { residual } else { 1.0 };
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

/// Whether this weight writes what a layer found into what went into the layer.
fn writes(name: &str) -> bool {
    let near = name.starts_with("near.") || name.starts_with("refine.");
    name.ends_with("out.weight")
        || name.ends_with("down.weight")
        || near && name.ends_with("1.weight")
}

/// The weights of a finished model, grown where `shape` has more layers or wider hidden ones: what is
/// new is fresh, but is not listened to yet, so the grown network gives what the finished one gives
/// (Net2Net, Chen et al., ICLR 2016).
///
/// # Errors
///
/// When it cannot be loaded, or is larger or of other widths than `shape`.
pub fn finished(
    folder: &Path,
    shape: &SceneVitShape,
    rng: &mut Pcg64Mcg,
) -> std::result::Result<BTreeMap<String, Var>, LearnError> {
    let vit =
        SceneVit::load(folder, &Device::Cpu).map_err(|error| LearnError::invalid(folder, error))?;
    let of = vit.net().shape();
    let SceneVitShape { cell, width, heads, features, .. } = *shape;
    let grows = SceneVitShape { cell, width, heads, features, ..*of } == *of
        && shape.layers >= of.layers
        && shape.refine >= of.refine
        && shape.embed >= of.embed
        && shape.hidden >= of.hidden
        && shape.head >= of.head;
    if !grows {
        let reason = "it cannot grow into the training's model: cell, width, heads and features must \
                      be the same, all else as large or larger";
        return Err(LearnError::invalid(folder, reason));
    }
    let mut weights = fresh(shape, rng)?;
    for (name, var) in &mut weights {
        match vit.net().weights().get(name) {
            Some(old) => var.set(&grown(old, var)?)?,
            None if writes(name) => var.set(&var.zeros_like()?)?,
            None => {}
        }
    }
    Ok(weights)
}

/// `fresh` with `old` in its first corner; the old rows do not listen to new columns.
fn grown(old: &Tensor, fresh: &Tensor) -> Result<Tensor> {
    let mut all = old.clone();
    if let ([_, old_columns], [_, columns]) = (old.dims(), fresh.dims())
        && columns > old_columns
    {
        all = all.pad_with_zeros(1, 0, columns - old_columns)?;
    }
    let (old_rows, rows) = (old.dim(0)?, fresh.dim(0)?);
    if rows > old_rows {
        all = Tensor::cat(&[&all, &fresh.narrow(0, old_rows, rows - old_rows)?], 0)?;
    }
    Ok(all)
}

/// A network of these weights on `device`, through which gradients flow to them.
pub fn net(
    shape: &SceneVitShape,
    weights: &BTreeMap<String, Var>,
    device: &Device,
) -> Result<SceneVitNet> {
    let tensors = weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
    SceneVitNet::new(*shape, tensors.collect(), device)
}

/// A network of these weights on `device`, which stand still.
pub fn still(
    shape: &SceneVitShape,
    weights: &BTreeMap<String, Tensor>,
    device: &Device,
) -> Result<SceneVitNet> {
    SceneVitNet::new(*shape, weights.clone(), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::fixtures::write_fresh;
    use crate::vision::scene_vit::{CellWindow, INPUTS};
    use rand::SeedableRng;

    const SMALL: SceneVitShape = SceneVitShape {
        embed: 8,
        cell: 8,
        width: 8,
        layers: 1,
        heads: 2,
        hidden: 12,
        refine: 0,
        head: 8,
        features: 8,
    };

    /// A finished model of chance weights.
    fn folder(rng: &mut Pcg64Mcg) -> (tempfile::TempDir, SceneVitNet) {
        let folder = tempfile::tempdir().unwrap();
        write_fresh(folder.path(), SMALL, rng);
        let net = SceneVit::load(folder.path(), &Device::Cpu).unwrap().net().clone();
        (folder, net)
    }

    #[test]
    fn a_grown_network_gives_what_the_small_one_gives_and_can_learn() {
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let (folder, small) = folder(&mut rng);
        let large =
            SceneVitShape { embed: 12, layers: 3, hidden: 16, refine: 2, head: 10, ..SMALL };
        let weights = finished(folder.path(), &large, &mut rng).unwrap();
        let window = CellWindow { top: 4, left: 6, rows: 4, columns: 4 };
        let numbers: Vec<f32> = (0..window.count() * INPUTS).map(|_| normal(&mut rng)).collect();
        let inputs = Tensor::from_vec(numbers, (1, window.count(), INPUTS), &Device::Cpu).unwrap();
        let large_net = net(&large, &weights, &Device::Cpu).unwrap();
        let (of_small, of_large) =
            (small.forward(&inputs, window).unwrap(), large_net.forward(&inputs, window).unwrap());
        let apart = (&of_small - &of_large).unwrap().abs().unwrap().max_all().unwrap();
        assert!(apart.to_scalar::<f32>().unwrap() < 1e-5);
        let spread = of_small.flatten_all().unwrap().var(0).unwrap().to_scalar::<f32>().unwrap();
        assert!(spread > 1e-3, "features tell cells apart");
        let store = of_large.narrow(2, 0, 1).unwrap().sum_all().unwrap().backward().unwrap();
        for name in ["embed.1.weight", "blocks.2.down.weight", "refine.1.1.weight", "head.1.weight"]
        {
            let gradient = store.get(&weights[name]).unwrap();
            let last = gradient.narrow(1, gradient.dim(1).unwrap() - 1, 1).unwrap();
            let largest = last.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(largest > 0.0, "{name} learns");
        }
    }

    #[test]
    fn what_cannot_grow_is_refused() {
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let (folder, _) = folder(&mut rng);
        for shape in [
            SceneVitShape { width: 16, ..SMALL },
            SceneVitShape { hidden: 11, ..SMALL },
            SceneVitShape { features: 16, ..SMALL },
        ] {
            let error = finished(folder.path(), &shape, &mut rng).unwrap_err();
            assert!(error.to_string().contains("cannot grow"), "{error}");
        }
    }
}
