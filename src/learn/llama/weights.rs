//! The weights of a decoder: its size, their names and shapes, and what they are before anything is
//! learnt.

use candle_core::{Device, Result, Tensor, Var};
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Size of a decoder to train.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlamaShape {
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width inside the feed-forward layers.
    pub intermediate: usize,
    /// Number of layers.
    pub layers: usize,
    /// Number of attention heads; divides `hidden`.
    pub heads: usize,
    /// Heads of keys and values, each shared by several of the others; divides `heads`, as many
    /// unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Whether the output layer has weights of its own, and is not the transposed embedding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_head: bool,
    /// Longest sequence the finished model is promised to read.
    pub max_positions: usize,
    /// Base of the rotary position frequencies.
    pub rope_theta: f32,
}

impl LlamaShape {
    /// Heads of keys and values.
    pub fn kv_heads(&self) -> usize {
        self.kv_heads.unwrap_or(self.heads)
    }

    /// What is wrong with it, in the words of a configuration.
    pub(in crate::learn) fn fault(&self) -> Option<&'static str> {
        if self.heads == 0 || !self.hidden.is_multiple_of(2 * self.heads) {
            return Some("model.hidden must be an even multiple of model.heads");
        }
        if self.kv_heads() == 0 || !self.heads.is_multiple_of(self.kv_heads()) {
            return Some("model.heads must be a multiple of model.kv_heads");
        }
        None
    }
}

/// The embedding.
pub(in crate::learn) const EMBEDDING: &str = "model.embed_tokens.weight";
/// Rows of the embedding behind those of [`EMBEDDING`], for tokens that were added: they may learn
/// while the others stay.
pub(in crate::learn) const ADDED_ROWS: &str = "model.embed_tokens.added";
/// The output layer, where it is not the transposed embedding.
pub(in crate::learn) const HEAD: &str = "lm_head.weight";
/// Rows of the output layer behind those of [`HEAD`], for the same tokens: what is never learnt to be
/// said would not be said.
pub(in crate::learn) const ADDED_HEAD: &str = "lm_head.added";
/// The tables with a row for each token, and the names of their rows for tokens that were added.
pub(in crate::learn) const TABLES: [[&str; 2]; 2] = [[EMBEDDING, ADDED_ROWS], [HEAD, ADDED_HEAD]];

/// Names and shapes of all weights, as `transformers` lays a Llama out.
pub fn weight_shapes(shape: &LlamaShape, vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let (d, inner) = (shape.hidden, shape.intermediate);
    let kv = d / shape.heads * shape.kv_heads();
    let mut shapes = vec![
        (EMBEDDING.to_string(), vec![vocabulary, d]),
        ("model.norm.weight".to_string(), vec![d]),
    ];
    if shape.own_head {
        shapes.push((HEAD.to_string(), vec![vocabulary, d]));
    }
    for layer in 0..shape.layers {
        let mut add = |part: &str, dims: Vec<usize>| {
            shapes.push((format!("model.layers.{layer}.{part}.weight"), dims))
        };
        add("input_layernorm", vec![d]);
        add("post_attention_layernorm", vec![d]);
        for (part, outputs) in [("q", d), ("k", kv), ("v", kv), ("o", d)] {
            add(&format!("self_attn.{part}_proj"), vec![outputs, d]);
        }
        add("mlp.gate_proj", vec![inner, d]);
        add("mlp.up_proj", vec![inner, d]);
        add("mlp.down_proj", vec![d, inner]);
    }
    shapes
}

/// Fresh weights: normal with deviation 0.02, smaller where a layer writes into the residual
/// stream (GPT-2's rule), so that depth does not change the scale.
pub fn fresh_weights(
    shape: &LlamaShape,
    vocabulary: usize,
    rng: &mut Pcg64Mcg,
) -> Result<BTreeMap<String, Var>> {
    let mut weights = BTreeMap::new();
    for (name, dims) in weight_shapes(shape, vocabulary) {
        let weight = fresh_weight(shape, &name, dims, rng)?;
        weights.insert(name, Var::from_tensor(&weight)?);
    }
    Ok(weights)
}

/// The fresh weight of this name.
pub(in crate::learn) fn fresh_weight(
    shape: &LlamaShape,
    name: &str,
    dims: Vec<usize>,
    rng: &mut Pcg64Mcg,
) -> Result<Tensor> {
    let deviation = match () {
        () if dims.len() == 1 => None,
        () if name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") => {
            Some(0.02 / (2.0 * shape.layers as f32).sqrt())
        }
        () => Some(0.02),
    };
    let count: usize = dims.iter().product();
    let values: Vec<f32> = match deviation {
        None => vec![1.0; count],
        Some(deviation) => (0..count).map(|_| deviation * normal(rng)).collect(),
    };
    Tensor::from_vec(values, dims, &Device::Cpu)
}

/// A standard normal number (Box–Muller).
pub(in crate::learn) fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}
