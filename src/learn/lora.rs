//! Low-rank adaptation (Hu et al., 2021): a linear layer keeps its weight `W` and learns beside it
//! `alpha / rank · B A`, with few rows in `A` and few columns in `B`.

use super::llama::{LlamaShape, TABLES, normal, weight_shapes};
use candle_core::{Result, Tensor, Var};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which layers are adapted, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSpec {
    /// Rows of `A`, at least 1.
    pub rank: usize,
    /// What is learnt counts `alpha / rank`.
    pub alpha: f64,
    /// Last parts of the names of the layers, such as `q_proj`.
    pub targets: Vec<String>,
}

/// The linear layers of a decoder, with their outputs and inputs. Tables of tokens are none.
fn layers(shape: &LlamaShape) -> impl Iterator<Item = (String, [usize; 2])> {
    weight_shapes(shape, 0).into_iter().filter_map(|(name, dims)| {
        let is_table = TABLES.iter().any(|[table, _]| name == *table);
        let layer = name.strip_suffix(".weight").filter(|_| !is_table)?;
        let [outputs, inputs] = dims[..] else { return None };
        Some((layer.to_owned(), [outputs, inputs]))
    })
}

fn last_part(layer: &str) -> &str {
    layer.rsplit('.').next().unwrap_or(layer)
}

impl LoraSpec {
    /// Whether the layer of this name is adapted.
    pub fn takes(&self, layer: &str) -> bool {
        self.targets.iter().any(|target| target == last_part(layer))
    }

    /// Factor of what is learnt.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Name of `A (rank, inputs)` of a layer.
    pub(super) fn a(layer: &str) -> String {
        format!("{layer}.lora_A.weight")
    }

    /// Name of `B (outputs, rank)` of a layer.
    pub(super) fn b(layer: &str) -> String {
        format!("{layer}.lora_B.weight")
    }

    /// Names and shapes of all `A` and `B` of a decoder.
    pub fn shapes(&self, shape: &LlamaShape) -> Vec<(String, Vec<usize>)> {
        let mut shapes = Vec::new();
        for (layer, [outputs, inputs]) in layers(shape).filter(|(layer, _)| self.takes(layer)) {
            shapes.push((Self::a(&layer), vec![self.rank, inputs]));
            shapes.push((Self::b(&layer), vec![outputs, self.rank]));
        }
        shapes
    }

    /// What is wrong with it for a decoder of this shape, in the words of a configuration.
    pub(super) fn fault(&self, shape: &LlamaShape) -> Option<String> {
        if self.rank == 0 || self.targets.is_empty() {
            return Some("language.lora needs a rank of at least 1 and targets".into());
        }
        let has = |target: &str| layers(shape).any(|(layer, _)| last_part(&layer) == target);
        let unknown = self.targets.iter().find(|target| !has(target))?;
        Some(format!("language.lora.targets: the model has no linear layer `{unknown}` to adapt"))
    }

    /// What is learnt before anything is learnt: `A` by chance, `B` zero, so that nothing changes.
    pub fn fresh(
        &self,
        shape: &LlamaShape,
        device: &candle_core::Device,
        rng: &mut Pcg64Mcg,
    ) -> Result<BTreeMap<String, Var>> {
        let mut vars = BTreeMap::new();
        for (name, dims) in self.shapes(shape) {
            let count: usize = dims.iter().product();
            let deviation = match dims[..] {
                [_, inputs] if name.ends_with("lora_A.weight") => 1.0 / (inputs as f32).sqrt(),
                _ => 0.0,
            };
            let values: Vec<f32> = (0..count).map(|_| deviation * normal(rng)).collect();
            vars.insert(name, Var::from_vec(values, dims, device)?);
        }
        Ok(vars)
    }

    /// Adds what was learnt to the weights that it stands beside.
    pub fn merge(&self, weights: &mut BTreeMap<String, Tensor>) -> Result<()> {
        let layers: Vec<String> = weights
            .keys()
            .filter_map(|name| name.strip_suffix(".lora_A.weight").map(str::to_string))
            .collect();
        for layer in layers {
            let (a, b) = (weights.remove(&Self::a(&layer)), weights.remove(&Self::b(&layer)));
            let name = format!("{layer}.weight");
            if let (Some(a), Some(b), Some(weight)) = (a, b, weights.get(&name)) {
                let dtype = weight.dtype();
                let learnt = (b.matmul(&a)? * self.scale())?.to_dtype(dtype)?;
                let merged = (weight + learnt)?;
                weights.insert(name, merged);
            }
        }
        Ok(())
    }
}
