//! One layer of the decoder.

use candle_core::{Device, Tensor};

use super::attention::Look;
use super::config::LlamaConfig;
use super::error::LanguageError;
use super::family::Family;
use super::linear::Linear;
use super::weights::Weights;

/// A matrix and what is added to its outputs.
#[derive(Debug)]
pub(super) struct Projection {
    weight: Linear,
    bias: Option<Tensor>,
}

/// Matrices that read the same input: one by one, or as one matrix of all their rows.
#[derive(Debug)]
pub(super) enum Projections<const N: usize> {
    Apart([Projection; N]),
    Fused { weight: Linear, rows: [usize; N] },
}

/// Attention and feed-forward part, with their norms.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Tensor,
    pub(super) queries_keys_values: Projections<3>,
    /// Norms of every head of the queries and of the keys.
    pub(super) head_norms: Option<[Tensor; 2]>,
    pub(super) output: Linear,
    /// Gemma 2 and 3: norms behind the attention and behind the feed-forward part.
    pub(super) norms_behind: Option<[Tensor; 2]>,
    pub(super) feed_forward_norm: Tensor,
    gate_up: Projections<2>,
    down: Linear,
    pub(super) look: Look,
}

impl<const N: usize> Projections<N> {
    /// `(rows, inputs)` to `(rows, outputs)` of each.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<[Tensor; N]> {
        let mut outputs = Vec::with_capacity(N);
        match self {
            Self::Apart(all) => {
                for projection in all {
                    let y = projection.weight.forward(x)?;
                    outputs.push(match &projection.bias {
                        Some(bias) => y.broadcast_add(bias)?,
                        None => y,
                    });
                }
            }
            Self::Fused { weight, rows } => {
                let y = weight.forward(x)?;
                let mut start = 0;
                for rows in rows {
                    outputs.push(y.narrow(1, start, *rows)?.contiguous()?);
                    start += rows;
                }
            }
        }
        let found = outputs.len();
        let wrong = move |_| candle_core::Error::Msg(format!("{found} projections, not {N}"));
        outputs.try_into().map_err(wrong)
    }
}

impl Layer {
    /// Reads layer `layer`.
    pub(super) fn load(
        config: &LlamaConfig,
        layer: usize,
        weights: &mut Weights,
        device: &Device,
    ) -> Result<Self, LanguageError> {
        let (hidden, inner, family) = (config.hidden_size, config.intermediate_size, config.family);
        let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let mut linear = |part: &str, outputs, inputs| {
            weights.linear(&name(&format!("{part}.weight")), outputs, inputs, device)
        };
        let (queries_keys_values, gate_up) = if family.is_fused() {
            let rows = [queries, keys, keys];
            let weight = linear("self_attn.qkv_proj", queries + 2 * keys, hidden)?;
            let gate_up = linear("mlp.gate_up_proj", 2 * inner, hidden)?;
            let gate_up = Projections::Fused { weight: gate_up, rows: [inner, inner] };
            (Projections::Fused { weight, rows }, gate_up)
        } else {
            let mut plain = |part: &str, outputs| -> Result<Projection, LanguageError> {
                Ok(Projection { weight: linear(part, outputs, hidden)?, bias: None })
            };
            let attention = [
                plain("self_attn.q_proj", queries)?,
                plain("self_attn.k_proj", keys)?,
                plain("self_attn.v_proj", keys)?,
            ];
            let gate_up = [plain("mlp.gate_proj", inner)?, plain("mlp.up_proj", inner)?];
            (Projections::Apart(attention), Projections::Apart(gate_up))
        };
        let output = linear("self_attn.o_proj", hidden, queries)?;
        let down = linear("mlp.down_proj", hidden, inner)?;
        let queries_keys_values = match queries_keys_values {
            Projections::Apart(mut all) if family.has_bias() => {
                for (projection, part) in all.iter_mut().zip(["q_proj", "k_proj", "v_proj"]) {
                    let rows = if part == "q_proj" { queries } else { keys };
                    let bias = name(&format!("self_attn.{part}.bias"));
                    projection.bias = Some(weights.tensor(&bias, &[rows], device)?);
                }
                Projections::Apart(all)
            }
            others => others,
        };
        let mut norm = |part: &str, width| self::norm(config, weights, &name(part), width, device);
        let head_norms = match family.norms_heads() {
            true => Some([
                norm("self_attn.q_norm", config.head_dim)?,
                norm("self_attn.k_norm", config.head_dim)?,
            ]),
            false => None,
        };
        let attention_norm = norm("input_layernorm", hidden)?;
        let after_attention = norm("post_attention_layernorm", hidden)?;
        // What Llama calls behind the attention stands before the feed-forward part.
        let (norms_behind, feed_forward_norm) = match family.norms_behind() {
            true => (
                Some([after_attention, norm("post_feedforward_layernorm", hidden)?]),
                norm("pre_feedforward_layernorm", hidden)?,
            ),
            false => (None, after_attention),
        };
        let looking = config.looking;
        let look = Look {
            scale: 1.0 / looking.query_scale.unwrap_or(config.head_dim as f64).sqrt(),
            window: looking.window_of(layer),
            limit: looking.score_limit,
        };
        Ok(Self {
            attention_norm,
            queries_keys_values,
            head_norms,
            output,
            norms_behind,
            feed_forward_norm,
            gate_up,
            down,
            look,
        })
    }

    /// The feed-forward part without its norms, `(rows, hidden)` to the same.
    pub(super) fn feed_forward(&self, x: &Tensor, family: Family) -> candle_core::Result<Tensor> {
        let [gate, up] = self.gate_up.forward(x)?;
        // Gemma's GELU is the one by tanh.
        let gate = if family.is_gemma() { gate.gelu()? } else { gate.silu()? };
        self.down.forward(&(gate * up)?)
    }
}

/// Reads the weights of a norm, which in Gemma's safetensors lack one.
pub(super) fn norm(
    config: &LlamaConfig,
    weights: &mut Weights,
    name: &str,
    width: usize,
    device: &Device,
) -> Result<Tensor, LanguageError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[width], device)?;
    match config.family.is_gemma() && weights.gguf().is_none() {
        true => Ok((weight + 1.0)?),
        false => Ok(weight),
    }
}
