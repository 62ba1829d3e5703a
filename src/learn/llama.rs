//! A Llama decoder through which gradients flow.
//!
//! The fused operations that make inference fast (`rms_norm`, `rope`, `softmax_last_dim`) have no
//! backward pass in candle and would leave weights silently unlearnt, so training runs this forward
//! pass of plain operations over the same weights with the same names. Tests hold every weight to
//! its true gradient, and the outputs to PyTorch's and to those of the fast forward pass.

use candle_core::{D, Device, Result, Tensor, Var};
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
    /// Longest sequence the finished model is promised to read.
    pub max_positions: usize,
    /// Base of the rotary position frequencies.
    pub rope_theta: f32,
}

/// Epsilon of the RMS norms.
pub const NORM_EPS: f64 = 1e-5;

/// A decoder whose weights are variables, under their Hugging Face names.
#[derive(Debug)]
pub struct TrainableLlama {
    /// Its size.
    pub shape: LlamaShape,
    /// Number of tokens.
    pub vocabulary: usize,
    /// The weights; the output layer is the transposed embedding.
    pub weights: BTreeMap<String, Var>,
}

/// Drops activations with a fixed probability, from a seed.
pub struct Dropout<'a> {
    /// Probability of a zero.
    pub probability: f32,
    /// Where chance comes from.
    pub rng: &'a mut Pcg64Mcg,
}

impl TrainableLlama {
    /// Fresh weights: normal with deviation 0.02, smaller where a layer writes into the residual
    /// stream (GPT-2's rule), so that depth does not change the scale.
    pub fn new(shape: LlamaShape, vocabulary: usize, rng: &mut Pcg64Mcg) -> Result<Self> {
        let residual = 0.02 / (2.0 * shape.layers as f32).sqrt();
        let mut weights = BTreeMap::new();
        for (name, dims) in weight_shapes(&shape, vocabulary) {
            let deviation = match () {
                () if dims.len() == 1 => None,
                () if name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") => {
                    Some(residual)
                }
                () => Some(0.02),
            };
            let count: usize = dims.iter().product();
            let values: Vec<f32> = match deviation {
                None => vec![1.0; count],
                Some(deviation) => (0..count).map(|_| deviation * normal(rng)).collect(),
            };
            weights.insert(name, Var::from_vec(values, dims, &Device::Cpu)?);
        }
        Ok(Self { shape, vocabulary, weights })
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        let var = self.weights.get(name).ok_or_else(|| {
            candle_core::Error::Msg(format!("no weight `{name}` in the trainable model"))
        })?;
        Ok(var.as_tensor())
    }

    /// Hidden states after the last norm, `(batch, length, hidden)`, of `tokens (batch, length)`.
    /// Attention is causal; padding must stand at the end.
    pub fn hidden(&self, tokens: &Tensor, dropout: &mut Option<Dropout<'_>>) -> Result<Tensor> {
        let (batch, length) = tokens.dims2()?;
        let (cos, sin) = self.rotations(length)?;
        let mask = causal_mask(length)?;
        let embedding = self.weight("model.embed_tokens.weight")?;
        let mut x = embedding.index_select(&tokens.flatten_all()?, 0)?.reshape((
            batch,
            length,
            self.shape.hidden,
        ))?;
        x = drop(x, dropout)?;
        for layer in 0..self.shape.layers {
            let attended = self.attention(&x, layer, &cos, &sin, &mask)?;
            x = (x + drop(attended, dropout)?)?;
            let fed = self.feed_forward(&x, layer)?;
            x = (x + drop(fed, dropout)?)?;
        }
        self.norm(&x, "model.norm.weight")
    }

    /// Logits `(rows, vocabulary)` of the given rows of the flattened hidden states.
    pub fn logits(&self, hidden: &Tensor, rows: &Tensor) -> Result<Tensor> {
        let flat = hidden.reshape(((), self.shape.hidden))?.index_select(rows, 0)?;
        flat.matmul(&self.weight("model.embed_tokens.weight")?.t()?)
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        candle_nn::ops::rms_norm_slow(x, self.weight(name)?, NORM_EPS as f32)
    }

    fn linear(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let weight = self.weight(name)?;
        let (batch, length, width) = x.dims3()?;
        x.reshape((batch * length, width))?.matmul(&weight.t()?)?.reshape((batch, length, ()))
    }

    fn attention(
        &self,
        x: &Tensor,
        layer: usize,
        cos: &Tensor,
        sin: &Tensor,
        mask: &Tensor,
    ) -> Result<Tensor> {
        let (batch, length, hidden) = x.dims3()?;
        let (heads, head) = (self.shape.heads, hidden / self.shape.heads);
        let x = self.norm(x, &format!("model.layers.{layer}.input_layernorm.weight"))?;
        let project = |part: &str| -> Result<Tensor> {
            self.linear(&x, &format!("model.layers.{layer}.self_attn.{part}_proj.weight"))?
                .reshape((batch, length, heads, head))?
                .transpose(1, 2)?
                .contiguous()
        };
        let q = candle_nn::rotary_emb::rope_slow(&project("q")?, cos, sin)?;
        let k = candle_nn::rotary_emb::rope_slow(&project("k")?, cos, sin)?;
        let v = project("v")?;
        let scores = (q.matmul(&k.t()?)? * (1.0 / (head as f64).sqrt()))?;
        let weights = candle_nn::ops::softmax(&scores.broadcast_add(mask)?, D::Minus1)?;
        let mixed = weights.matmul(&v)?.transpose(1, 2)?.reshape((batch, length, hidden))?;
        self.linear(&mixed, &format!("model.layers.{layer}.self_attn.o_proj.weight"))
    }

    fn feed_forward(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        let x = self.norm(x, &name("post_attention_layernorm"))?;
        let gate = self.linear(&x, &name("mlp.gate_proj"))?.silu()?;
        let up = self.linear(&x, &name("mlp.up_proj"))?;
        self.linear(&(gate * up)?, &name("mlp.down_proj"))
    }

    fn rotations(&self, length: usize) -> Result<(Tensor, Tensor)> {
        let head = self.shape.hidden / self.shape.heads;
        let frequency = |i: usize| 1.0 / self.shape.rope_theta.powf(2.0 * i as f32 / head as f32);
        let angles: Vec<f32> = (0..length)
            .flat_map(|position| (0..head / 2).map(move |i| position as f32 * frequency(i)))
            .collect();
        let angles = Tensor::from_vec(angles, (length, head / 2), &Device::Cpu)?;
        Ok((angles.cos()?, angles.sin()?))
    }
}

/// Names and shapes of all weights, as `transformers` lays a Llama with tied embeddings out.
pub fn weight_shapes(shape: &LlamaShape, vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let (d, inner) = (shape.hidden, shape.intermediate);
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_string(), vec![vocabulary, d]),
        ("model.norm.weight".to_string(), vec![d]),
    ];
    for layer in 0..shape.layers {
        let mut add = |part: &str, dims: Vec<usize>| {
            shapes.push((format!("model.layers.{layer}.{part}.weight"), dims))
        };
        add("input_layernorm", vec![d]);
        add("post_attention_layernorm", vec![d]);
        for part in ["q", "k", "v", "o"] {
            add(&format!("self_attn.{part}_proj"), vec![d, d]);
        }
        add("mlp.gate_proj", vec![inner, d]);
        add("mlp.up_proj", vec![inner, d]);
        add("mlp.down_proj", vec![d, inner]);
    }
    shapes
}

fn causal_mask(length: usize) -> Result<Tensor> {
    let hidden = |row: usize, column: usize| if column > row { f32::NEG_INFINITY } else { 0.0 };
    let values: Vec<f32> =
        (0..length).flat_map(|row| (0..length).map(move |column| hidden(row, column))).collect();
    Tensor::from_vec(values, (1, 1, length, length), &Device::Cpu)
}

fn drop(x: Tensor, dropout: &mut Option<Dropout<'_>>) -> Result<Tensor> {
    let Some(Dropout { probability, rng }) = dropout else { return Ok(x) };
    if *probability == 0.0 {
        return Ok(x);
    }
    let keep = 1.0 / (1.0 - *probability);
    // One random byte a number: a probability to 1/256 is all that dropout needs.
    let threshold = (*probability * 256.0).round() as u8;
    let mut bytes = vec![0u8; x.elem_count()];
    rng.fill(bytes.as_mut_slice());
    let mask: Vec<f32> =
        bytes.iter().map(|&byte| if byte < threshold { 0.0 } else { keep }).collect();
    let mask = Tensor::from_vec(mask, x.shape(), x.device())?;
    x * mask
}

/// A standard normal number (Box–Muller).
pub(super) fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Family, Llama, LlamaConfig, Looking, RopeScaling, Weights};
    use candle_core::DType;
    use rand::SeedableRng;

    fn tiny() -> TrainableLlama {
        let shape = LlamaShape {
            hidden: 16,
            intermediate: 24,
            layers: 2,
            heads: 2,
            max_positions: 32,
            rope_theta: 1e4,
        };
        TrainableLlama::new(shape, 11, &mut Pcg64Mcg::seed_from_u64(1)).unwrap()
    }

    fn loss(model: &TrainableLlama) -> Tensor {
        let tokens = Tensor::new(&[[1u32, 2, 3, 4], [5, 6, 7, 7]], &Device::Cpu).unwrap();
        let hidden = model.hidden(&tokens, &mut None).unwrap();
        let rows = Tensor::new(&[0u32, 1, 2, 5], &Device::Cpu).unwrap();
        let targets = Tensor::new(&[2u32, 3, 4, 7], &Device::Cpu).unwrap();
        candle_nn::loss::cross_entropy(&model.logits(&hidden, &rows).unwrap(), &targets).unwrap()
    }

    #[test]
    fn every_weight_receives_the_gradient_of_finite_differences() {
        let model = tiny();
        let gradients = loss(&model).backward().unwrap();
        for (name, var) in &model.weights {
            let gradient = gradients.get(var).unwrap_or_else(|| panic!("no gradient for {name}"));
            let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
            // The entry with the largest gradient has the best signal above rounding.
            let at = (0..gradient.len())
                .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
                .unwrap();
            let values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
            let shifted = |by: f32| {
                let mut values = values.clone();
                values[at] += by;
                var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
                loss(&model).to_scalar::<f32>().unwrap() as f64
            };
            // Small where the loss bends, large where rounding would drown the difference.
            let step = if gradient[at].abs() > 0.1 { 2e-3 } else { 2e-2 };
            let numeric = (shifted(step) - shifted(-step)) / (2.0 * step as f64);
            shifted(0.0);
            let analytic = gradient[at] as f64;
            assert!(
                (numeric - analytic).abs() <= 0.03 * analytic.abs() + 2e-5,
                "{name}: {analytic} by backward, {numeric} by differences"
            );
        }
    }

    /// The stored model shares each key-value head between two query heads and has an output layer
    /// of its own; with its key-value heads written out twice it is one of ours up to that layer.
    #[test]
    fn hidden_states_agree_with_pytorch() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama_tiny");
        let file = format!("{folder}/model.safetensors");
        let mut tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let head = tensors.remove("lm_head.weight").unwrap().to_dtype(DType::F32).unwrap();
        let shape = LlamaShape {
            hidden: 32,
            intermediate: 48,
            layers: 2,
            heads: 4,
            max_positions: 96,
            rope_theta: 1e4,
        };
        let mut model = TrainableLlama { shape, vocabulary: 64, weights: BTreeMap::new() };
        for (name, tensor) in tensors {
            let mut tensor = tensor.to_dtype(DType::F32).unwrap();
            if name.contains("k_proj") || name.contains("v_proj") {
                let shared = tensor.reshape((2, 1, 8, 32)).unwrap();
                tensor = shared.repeat((1, 2, 1, 1)).unwrap().reshape((32, 32)).unwrap();
            }
            model.weights.insert(name, Var::from_tensor(&tensor).unwrap());
        }
        assert!(model.weights.keys().eq(BTreeMap::from_iter(weight_shapes(&shape, 64)).keys()));

        let golden = std::fs::read_to_string(format!("{folder}/golden.json")).unwrap();
        let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
        let tokens: Vec<u32> = serde_json::from_value(golden["tokens"].clone()).unwrap();
        // The logits of every third position.
        let expected: Vec<Vec<f32>> =
            serde_json::from_value(golden["logits"]["default"].clone()).unwrap();
        let tokens = Tensor::new(tokens, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let hidden = model.hidden(&tokens, &mut None).unwrap().squeeze(0).unwrap();
        let logits = hidden.matmul(&head.t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        let found: Vec<_> = logits.into_iter().step_by(3).collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let size = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
            approx::assert_abs_diff_eq!(
                found.as_slice(),
                expected.as_slice(),
                epsilon = 1e-5 * size
            );
        }
    }

    #[test]
    fn logits_agree_with_the_fast_forward_pass() {
        let model = tiny();
        let tensors = model.weights.iter().map(|(name, var)| (name.clone(), var.as_tensor()));
        let mut weights = Weights::Tensors(tensors.map(|(n, t)| (n, t.clone())).collect());
        let config = LlamaConfig {
            family: Family::Llama,
            hidden_size: 16,
            intermediate_size: 24,
            layers: 2,
            heads: 2,
            kv_heads: 2,
            head_dim: 8,
            vocab_size: 11,
            rms_norm_eps: NORM_EPS,
            rope_theta: 1e4,
            rope_scaling: RopeScaling::None,
            rotary_dim: 8,
            rope_divisors: Vec::new(),
            rope_magnitude: 1.0,
            looking: Looking::default(),
            logit_limit: None,
            max_position_embeddings: 32,
            tie_word_embeddings: true,
            bos: None,
            eos: vec![],
        };
        let fast = Llama::load(config, &mut weights, &Device::Cpu).unwrap();
        let tokens = [3u32, 1, 4, 1, 5, 9, 2, 6];
        let mut cache = fast.new_cache(tokens.len()).unwrap();
        let batch = Tensor::new(&tokens, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let hidden = model.hidden(&batch, &mut None).unwrap();
        for (at, token) in (0u32..).zip(tokens) {
            let embeds = fast.embed(&[token]).unwrap();
            let fast: Vec<f32> =
                fast.forward_embeds(&embeds, &mut cache).unwrap().to_vec1().unwrap();
            let row = Tensor::new(&[at], &Device::Cpu).unwrap();
            let ours = model.logits(&hidden, &row).unwrap().squeeze(0).unwrap();
            let ours: Vec<f32> = ours.to_vec1().unwrap();
            approx::assert_abs_diff_eq!(ours.as_slice(), fast.as_slice(), epsilon = 1e-6);
        }
    }

    #[test]
    fn padding_at_the_end_changes_nothing_before_it() {
        let model = tiny();
        let of = |tokens: &[u32]| {
            let tokens = Tensor::new(tokens, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
            let hidden = model.hidden(&tokens, &mut None).unwrap();
            hidden.narrow(1, 0, 3).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        approx::assert_abs_diff_eq!(
            of(&[1, 2, 3]).as_slice(),
            of(&[1, 2, 3, 9, 9]).as_slice(),
            epsilon = 1e-6
        );
    }
}
