//! A Llama decoder through which gradients flow.
//!
//! The fused operations that make inference fast (`rms_norm`, `rope`, `softmax_last_dim`) have no
//! backward pass in candle and would leave weights silently unlearnt, so training runs this forward
//! pass of operations that have one over the same weights with the same names. Tests hold every
//! weight to its true gradient, and the outputs to PyTorch's and to those of the fast forward pass.

mod dropout;
mod weights;

pub use dropout::Dropout;
pub(super) use weights::{ADDED_HEAD, ADDED_ROWS, EMBEDDING, HEAD, TABLES, fresh_weight, normal};
pub use weights::{LlamaShape, fresh_weights, weight_shapes};

use super::lora::LoraSpec;
use crate::numeric::softmax::softmax;
use crate::vision::scene_vit::ops;
use candle_core::{DType, Device, Result, Tensor, Var};
use dropout::drop;
use std::collections::BTreeMap;

/// Epsilon of the RMS norms.
pub const NORM_EPS: f64 = 1e-5;

/// A decoder over weights with their Hugging Face names, variables or not.
#[derive(Debug, Clone)]
pub struct TrainableLlama {
    /// Its size.
    pub shape: LlamaShape,
    /// The weights.
    pub weights: BTreeMap<String, Tensor>,
    /// What its linear layers have learnt beside their weights, if anything.
    pub lora: Option<LoraSpec>,
    /// What is computed in; the weights may be kept in more bits.
    pub dtype: DType,
}

impl TrainableLlama {
    /// The decoder whose weights are these variables, in 32 bits.
    pub fn of_vars(shape: LlamaShape, weights: &BTreeMap<String, Var>) -> Self {
        let tensors = weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
        Self { shape, weights: tensors.collect(), lora: None, dtype: DType::F32 }
    }

    fn weight(&self, name: &str) -> Result<Tensor> {
        let missing = || candle_core::Error::Msg(format!("no weight `{name}` in the model"));
        self.weights.get(name).ok_or_else(missing)?.to_dtype(self.dtype)
    }

    /// Rows of all tokens, those of added tokens last.
    pub(super) fn embedding(&self) -> Result<Tensor> {
        let known = self.weight(EMBEDDING)?;
        if self.weights.contains_key(ADDED_ROWS) {
            return Tensor::cat(&[known, self.weight(ADDED_ROWS)?], 0);
        }
        Ok(known)
    }

    /// Embeddings `(tokens, hidden)` of a flat list of tokens.
    pub fn embed(&self, tokens: &Tensor) -> Result<Tensor> {
        self.embedding()?.index_select(tokens, 0)
    }

    /// Hidden states after the last norm, `(batch, length, hidden)`, of `tokens (batch, length)`.
    /// Attention is causal; padding must stand at the end.
    pub fn hidden(&self, tokens: &Tensor, dropout: &mut Option<Dropout<'_>>) -> Result<Tensor> {
        let (batch, length) = tokens.dims2()?;
        let embeds = self.embed(&tokens.flatten_all()?)?;
        self.hidden_of(&embeds.reshape((batch, length, self.shape.hidden))?, dropout)
    }

    /// The same of embeddings `(batch, length, hidden)`, be they of words or not.
    pub fn hidden_of(&self, embeds: &Tensor, dropout: &mut Option<Dropout<'_>>) -> Result<Tensor> {
        self.attending(embeds, dropout, &mut |_, _| Ok(()))
    }

    /// The same; `attended` is told, by number of the layer, how much each position attends to each,
    /// `(batch, heads, length, length)`.
    pub fn attending(
        &self,
        embeds: &Tensor,
        dropout: &mut Option<Dropout<'_>>,
        attended: &mut dyn FnMut(usize, &Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let length = embeds.dim(1)?;
        let (cos, sin) = self.rotations(length, embeds.device())?;
        let mask = causal_mask(length, embeds.device())?.to_dtype(self.dtype)?;
        let mut x = drop(embeds.to_dtype(self.dtype)?, dropout)?;
        for layer in 0..self.shape.layers {
            let (mixed, weights) = self.attention(&x, layer, &cos, &sin, &mask)?;
            attended(layer, &weights)?;
            x = (x + drop(mixed, dropout)?)?;
            let fed = self.feed_forward(&x, layer)?;
            x = (x + drop(fed, dropout)?)?;
        }
        self.norm(&x, "model.norm.weight")
    }

    /// Logits `(rows, vocabulary)` of the given rows of the flattened hidden states, in 32 bits; those
    /// of added tokens last.
    pub fn logits(&self, hidden: &Tensor, rows: &Tensor) -> Result<Tensor> {
        self.scores(hidden, rows)?.to_dtype(DType::F32)
    }

    /// The same in the numbers that are computed with.
    pub(super) fn scores(&self, hidden: &Tensor, rows: &Tensor) -> Result<Tensor> {
        let flat = hidden.reshape(((), self.shape.hidden))?.index_select(rows, 0)?;
        let head = if self.shape.own_head { self.weight(HEAD)? } else { self.embedding()? };
        let mut logits = flat.matmul(&head.t()?)?;
        // Apart: the large table need not be copied for a few rows.
        if self.shape.own_head && self.weights.contains_key(ADDED_HEAD) {
            let added = flat.matmul(&self.weight(ADDED_HEAD)?.t()?)?;
            logits = Tensor::cat(&[logits, added], 1)?;
        }
        Ok(logits)
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        ops::rms_norm(x, &self.weight(name)?, NORM_EPS as f32)
    }

    /// `x Wᵀ`, and what was learnt beside it: `x Aᵀ Bᵀ alpha / rank` (LoRA, Hu et al., 2021).
    fn linear(&self, x: &Tensor, layer: &str) -> Result<Tensor> {
        let (batch, length, width) = x.dims3()?;
        let x = x.reshape((batch * length, width))?;
        let mut y = x.matmul(&self.weight(&format!("{layer}.weight"))?.t()?)?;
        if let Some(lora) = self.lora.as_ref().filter(|lora| lora.takes(layer)) {
            let a = self.weight(&LoraSpec::a(layer))?;
            let b = self.weight(&LoraSpec::b(layer))?;
            y = (y + (x.matmul(&a.t()?)?.matmul(&b.t()?)? * lora.scale())?)?;
        }
        y.reshape((batch, length, ()))
    }

    /// What attention adds, and how much each position attends to each.
    fn attention(
        &self,
        x: &Tensor,
        layer: usize,
        cos: &Tensor,
        sin: &Tensor,
        mask: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (batch, length, hidden) = x.dims3()?;
        let (heads, kv_heads) = (self.shape.heads, self.shape.kv_heads());
        let head = hidden / heads;
        let x = self.norm(x, &format!("model.layers.{layer}.input_layernorm.weight"))?;
        let project = |part: &str, heads: usize| -> Result<Tensor> {
            self.linear(&x, &format!("model.layers.{layer}.self_attn.{part}_proj"))?
                .reshape((batch, length, heads, head))?
                .transpose(1, 2)?
                .contiguous()
        };
        // Each head of keys and values serves its share of the heads that ask.
        let share = |x: Tensor| -> Result<Tensor> {
            if kv_heads == heads {
                return Ok(x);
            }
            x.unsqueeze(2)?
                .broadcast_as((batch, kv_heads, heads / kv_heads, length, head))?
                .reshape((batch, heads, length, head))
        };
        let q = candle_nn::rotary_emb::rope_slow(&project("q", heads)?, cos, sin)?;
        let k = share(candle_nn::rotary_emb::rope_slow(&project("k", kv_heads)?, cos, sin)?)?;
        let v = share(project("v", kv_heads)?)?;
        let scores = (q.matmul(&k.t()?)? * (1.0 / (head as f64).sqrt()))?;
        let weights = softmax(&scores.broadcast_add(mask)?)?;
        let mixed = weights.matmul(&v)?.transpose(1, 2)?.reshape((batch, length, hidden))?;
        let added = self.linear(&mixed, &format!("model.layers.{layer}.self_attn.o_proj"))?;
        Ok((added, weights))
    }

    fn feed_forward(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let x = self.norm(x, &name("post_attention_layernorm.weight"))?;
        let gate = self.linear(&x, &name("mlp.gate_proj"))?.silu()?;
        let up = self.linear(&x, &name("mlp.up_proj"))?;
        self.linear(&(gate * up)?, &name("mlp.down_proj"))
    }

    fn rotations(&self, length: usize, device: &Device) -> Result<(Tensor, Tensor)> {
        let head = self.shape.hidden / self.shape.heads;
        let frequency = |i: usize| 1.0 / self.shape.rope_theta.powf(2.0 * i as f32 / head as f32);
        let angles: Vec<f32> = (0..length)
            .flat_map(|position| (0..head / 2).map(move |i| position as f32 * frequency(i)))
            .collect();
        let angles = Tensor::from_vec(angles, (length, head / 2), device)?;
        Ok((angles.cos()?.to_dtype(self.dtype)?, angles.sin()?.to_dtype(self.dtype)?))
    }
}

fn causal_mask(length: usize, device: &Device) -> Result<Tensor> {
    let hidden = |row: usize, column: usize| if column > row { f32::NEG_INFINITY } else { 0.0 };
    let values: Vec<f32> =
        (0..length).flat_map(|row| (0..length).map(move |column| hidden(row, column))).collect();
    Tensor::from_vec(values, (1, 1, length, length), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Family, Llama, LlamaConfig, Looking, RopeScaling, Weights};
    use crate::learn::gradients::SHAPE;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    fn tiny() -> TrainableLlama {
        let vars = fresh_weights(&SHAPE, 11, &mut Pcg64Mcg::seed_from_u64(1)).unwrap();
        TrainableLlama::of_vars(SHAPE, &vars)
    }

    /// Shared heads of keys and values, an output layer of its own, added tokens, LoRA: all at once.
    fn full() -> BTreeMap<String, Var> {
        let shape = LlamaShape { heads: 4, kv_heads: Some(2), own_head: true, ..SHAPE };
        let mut rng = Pcg64Mcg::seed_from_u64(2);
        let mut vars = fresh_weights(&shape, 11, &mut rng).unwrap();
        let lora = lora().fresh(&shape, &Device::Cpu, &mut rng).unwrap();
        for (name, var) in lora {
            let noise = Tensor::randn(0f32, 0.3, var.shape(), &Device::Cpu).unwrap();
            vars.insert(name, Var::from_tensor(&noise).unwrap());
        }
        vars
    }

    fn lora() -> LoraSpec {
        let targets = ["q_proj", "v_proj", "down_proj"].map(String::from).to_vec();
        LoraSpec { rank: 3, alpha: 6.0, targets }
    }

    #[test]
    fn merged_lora_is_the_same_model() {
        let vars = full();
        let shape = LlamaShape { heads: 4, kv_heads: Some(2), own_head: true, ..SHAPE };
        let beside = TrainableLlama { lora: Some(lora()), ..TrainableLlama::of_vars(shape, &vars) };
        let mut merged = TrainableLlama { lora: None, ..beside.clone() };
        lora().merge(&mut merged.weights).unwrap();
        assert!(merged.weights.keys().eq(BTreeMap::from_iter(weight_shapes(&shape, 11)).keys()));
        let tokens = Tensor::new(&[[1u32, 2, 3, 4]], &Device::Cpu).unwrap();
        let hidden = |model: &TrainableLlama| model.hidden(&tokens, &mut None).unwrap();
        let apart = |a: &TrainableLlama, b: &TrainableLlama| {
            let off = (hidden(a) - hidden(b)).unwrap().abs().unwrap();
            off.max_all().unwrap().to_scalar::<f32>().unwrap()
        };
        let without = TrainableLlama { lora: None, ..beside.clone() };
        let adds = apart(&beside, &without);
        let off = apart(&beside, &merged);
        assert!(adds > 1e-3 && off < 0.01 * adds, "adds {adds}, merged is {off} off");
    }

    #[test]
    fn added_tokens_learn_while_the_others_stay() {
        let mut vars = fresh_weights(&SHAPE, 8, &mut Pcg64Mcg::seed_from_u64(1)).unwrap();
        let known = vars.remove(EMBEDDING).unwrap();
        let added = Tensor::randn(0f32, 0.02, (3, 16), &Device::Cpu).unwrap();
        vars.insert(ADDED_ROWS.into(), Var::from_tensor(&added).unwrap());
        let mut model = TrainableLlama::of_vars(SHAPE, &vars);
        model.weights.insert(EMBEDDING.into(), known.as_detached_tensor());
        let tokens = Tensor::new(&[[1u32, 8, 9, 10]], &Device::Cpu).unwrap();
        let hidden = model.hidden(&tokens, &mut None).unwrap();
        let rows = Tensor::new(&[0u32, 1], &Device::Cpu).unwrap();
        let logits = model.logits(&hidden, &rows).unwrap();
        let targets = Tensor::new(&[8u32, 2], &Device::Cpu).unwrap();
        let loss = candle_nn::loss::cross_entropy(&logits, &targets).unwrap();
        let gradients = loss.backward().unwrap();
        assert!(vars.values().all(|var| gradients.get(var).is_some()));
        assert!(gradients.get(known.as_tensor()).is_none());
    }

    /// The stored model shares each key-value head between two query heads and has an output layer
    /// of its own.
    #[test]
    fn hidden_states_agree_with_pytorch() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama_tiny");
        let file = format!("{folder}/model.safetensors");
        let tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let shape = LlamaShape {
            hidden: 32,
            intermediate: 48,
            layers: 2,
            heads: 4,
            kv_heads: Some(2),
            own_head: true,
            max_positions: 96,
            rope_theta: 1e4,
        };
        let weights = tensors.into_iter().map(|(name, t)| (name, t.to_dtype(DType::F32).unwrap()));
        let weights: BTreeMap<_, _> = weights.collect();
        assert!(weights.keys().eq(BTreeMap::from_iter(weight_shapes(&shape, 64)).keys()));
        let model = TrainableLlama { shape, weights, lora: None, dtype: DType::F32 };

        let golden = std::fs::read_to_string(format!("{folder}/golden.json")).unwrap();
        let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
        let tokens: Vec<u32> = serde_json::from_value(golden["tokens"].clone()).unwrap();
        // The logits of every third position.
        let expected: Vec<Vec<f32>> =
            serde_json::from_value(golden["logits"]["default"].clone()).unwrap();
        let tokens = Tensor::new(tokens, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let hidden = model.hidden(&tokens, &mut None).unwrap();
        let rows = Tensor::arange(0, tokens.elem_count() as u32, &Device::Cpu).unwrap();
        let logits = model.logits(&hidden, &rows).unwrap().to_vec2::<f32>().unwrap();
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
        let mut weights = Weights::Tensors(model.weights.clone().into_iter().collect());
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
