//! The Llama decoder, from input embeddings to the logits of the next token.

use candle_core::{DType, Device, Tensor};

use super::attention::{Look, attend};
use super::config::LlamaConfig;
use super::error::LanguageError;
use super::family::Family;
use super::kv_cache::KvCache;
use super::linear::{Embedding, Linear};
use super::rope::{Rope, RopeTables};
use super::weights::Weights;

/// Positions of a prompt that are processed at once.
pub const PREFILL_CHUNK: usize = 512;

/// A matrix and what is added to its outputs.
#[derive(Debug)]
struct Projection {
    weight: Linear,
    bias: Option<Tensor>,
}

/// Matrices that read the same input: one by one, or as one matrix of all their rows.
#[derive(Debug)]
enum Projections<const N: usize> {
    Apart([Projection; N]),
    Fused { weight: Linear, rows: [usize; N] },
}

#[derive(Debug)]
struct Block {
    attention_norm: Tensor,
    queries_keys_values: Projections<3>,
    /// Norms of every head of the queries and of the keys.
    head_norms: Option<[Tensor; 2]>,
    output: Linear,
    /// Gemma: norms behind the attention and behind the feed-forward part.
    norms_behind: Option<[Tensor; 2]>,
    feed_forward_norm: Tensor,
    gate_up: Projections<2>,
    down: Linear,
    look: Look,
}

/// A Llama with its weights.
#[derive(Debug)]
pub struct Llama {
    config: LlamaConfig,
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: Tensor,
    head: Linear,
    rope: Rope,
    /// Of the layers with a window, where it is another.
    window_rope: Option<Rope>,
    dtype: DType,
    device: Device,
}

impl Llama {
    /// Reads all tensors of `config` from `weights`.
    pub fn load(
        config: LlamaConfig,
        weights: &mut Weights,
        device: &Device,
    ) -> Result<Self, LanguageError> {
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        let name = "model.embed_tokens.weight";
        let embedding = weights.embedding(name, vocabulary, hidden, device)?;
        let blocks: Result<_, _> =
            (0..config.layers).map(|layer| Block::load(&config, layer, weights, device)).collect();
        let head = if config.tie_word_embeddings {
            embedding.as_linear()?
        } else {
            weights.linear("lm_head.weight", vocabulary, hidden, device)?
        };
        Ok(Self {
            embedding,
            blocks: blocks?,
            norm: norm(&config, weights, "model.norm", hidden, device)?,
            head,
            rope: Rope::new(&config, weights.rope_factors()?.as_deref()),
            window_rope: Rope::of_window(&config),
            dtype: weights.compute_dtype(device),
            device: device.clone(),
            config,
        })
    }

    /// The numbers that fix this model.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Type of embeddings and activations.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// An empty cache for at most `capacity` positions.
    pub fn new_cache(&self, capacity: usize) -> Result<KvCache, LanguageError> {
        KvCache::new(&self.config, capacity, self.dtype, &self.device)
    }

    /// Embeddings `(1, n, hidden)` of token ids.
    pub fn embed(&self, ids: &[u32]) -> Result<Tensor, LanguageError> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.config.vocab_size) {
            let size = self.config.vocab_size;
            return Err(LanguageError::Argument(format!(
                "token {id} is outside the vocabulary of {size}; does the tokenizer belong to \
                 this model?"
            )));
        }
        if ids.is_empty() {
            let shape = (1, 0, self.config.hidden_size);
            return Ok(Tensor::zeros(shape, self.dtype, &self.device)?);
        }
        let ids = Tensor::new(ids, &self.device)?;
        let embeds = self.embedding.forward(&ids)?.to_dtype(self.dtype)?.unsqueeze(0)?;
        match self.config.family.is_gemma() {
            true => Ok((embeds * (self.config.hidden_size as f64).sqrt())?),
            false => Ok(embeds),
        }
    }

    /// Appends embeddings `(1, t, hidden)` to `cache`; logits `(vocabulary)` of the last position.
    pub fn forward_embeds(
        &self,
        embeds: &Tensor,
        cache: &mut KvCache,
    ) -> Result<Tensor, LanguageError> {
        let (_, count, _) = embeds.dims3()?;
        let mut start = 0;
        while start + PREFILL_CHUNK < count {
            let chunk = embeds.narrow(1, start, PREFILL_CHUNK)?;
            self.extend(&chunk, &mut [cache])?;
            start += PREFILL_CHUNK;
        }
        let rest = embeds.narrow(1, start, count - start)?;
        let hidden = self.extend(&rest, &mut [cache])?;
        Ok(self.logits_of_last(&hidden)?.squeeze(0)?)
    }

    /// One step of several texts at once: embeddings `(b, t, hidden)`, one cache a text, all of
    /// one length; logits `(b, vocabulary)`. The weights are read once for all of them.
    pub fn forward_batch(
        &self,
        embeds: &Tensor,
        caches: &mut [&mut KvCache],
    ) -> Result<Tensor, LanguageError> {
        let hidden = self.extend(embeds, caches)?;
        self.logits_of_last(&hidden)
    }

    #[cfg(test)]
    pub(super) fn forget_eos(&mut self) {
        self.config.eos.clear();
    }

    /// Runs all blocks over `embeds` `(b, t, hidden)` and fills the caches.
    fn extend(
        &self,
        embeds: &Tensor,
        caches: &mut [&mut KvCache],
    ) -> Result<Tensor, LanguageError> {
        let (batch, count, hidden) = embeds.dims3()?;
        let offset = self.check_input(batch, count, hidden, caches)?;
        let tables = |rope: &Rope| rope.tables(offset, count, self.dtype, &self.device);
        let everywhere = tables(&self.rope)?;
        let in_window = self.window_rope.as_ref().map(tables).transpose()?;
        let eps = self.config.rms_norm_eps as f32;
        let norm = |x: &Tensor, weight: &Tensor| candle_nn::ops::rms_norm(x, weight, eps);
        let mut x = embeds.to_dtype(self.dtype)?.reshape((batch * count, hidden))?.contiguous()?;
        for (layer, block) in self.blocks.iter().enumerate() {
            let normed = norm(&x, &block.attention_norm)?;
            let in_window = in_window.as_ref().filter(|_| block.look.window.is_some());
            let rope = in_window.unwrap_or(&everywhere);
            let [queries, keys, values] = self.heads(block, &normed, batch, count, rope)?;
            let mixed: Result<Vec<Tensor>, candle_core::Error> = caches
                .iter()
                .enumerate()
                .map(|(row, cache)| {
                    let (keys, values) =
                        cache.write(layer, &keys.narrow(0, row, 1)?, &values.narrow(0, row, 1)?)?;
                    attend(&queries.narrow(0, row, 1)?, &keys, &values, offset, block.look)
                })
                .collect();
            let mixed = Tensor::cat(&mixed?, 0)?.reshape((batch * count, ()))?;
            let [attended, fed] = match &block.norms_behind {
                Some([attention, feed_forward]) => [Some(attention), Some(feed_forward)],
                None => [None, None],
            };
            let behind = |y: Tensor, weight: Option<&Tensor>| match weight {
                Some(weight) => norm(&y, weight),
                None => Ok(y),
            };
            x = (x + behind(block.output.forward(&mixed)?, attended)?)?;
            let normed = norm(&x, &block.feed_forward_norm)?;
            x = (x + behind(block.feed_forward(&normed, self.config.family)?, fed)?)?;
        }
        for cache in caches {
            cache.advance(count);
        }
        Ok(x.reshape((batch, count, hidden))?)
    }

    /// Queries, keys and values, each `(b, t, heads, head_dim)`, in place.
    fn heads(
        &self,
        block: &Block,
        x: &Tensor,
        batch: usize,
        count: usize,
        rope: &RopeTables,
    ) -> candle_core::Result<[Tensor; 3]> {
        let split = |y: Tensor| y.reshape((batch, count, (), self.config.head_dim));
        let [queries, keys, values] = block.queries_keys_values.forward(x)?;
        let (mut queries, mut keys, values) = (split(queries)?, split(keys)?, split(values)?);
        if let Some([of_queries, of_keys]) = &block.head_norms {
            let eps = self.config.rms_norm_eps as f32;
            queries = candle_nn::ops::rms_norm(&queries, of_queries, eps)?;
            keys = candle_nn::ops::rms_norm(&keys, of_keys, eps)?;
        }
        Ok([rope.rotate(&queries)?, rope.rotate(&keys)?, values])
    }

    fn logits_of_last(&self, hidden: &Tensor) -> Result<Tensor, LanguageError> {
        let (_, count, _) = hidden.dims3()?;
        let last = hidden.narrow(1, count - 1, 1)?.squeeze(1)?.contiguous()?;
        let normed = candle_nn::ops::rms_norm(&last, &self.norm, self.config.rms_norm_eps as f32)?;
        let logits = self.head.forward(&normed)?.to_dtype(DType::F32)?;
        match self.config.logit_limit {
            Some(limit) => Ok(((logits / limit)?.tanh()? * limit)?),
            None => Ok(logits),
        }
    }

    /// The position at which the input begins, if the input can be taken at all.
    fn check_input(
        &self,
        batch: usize,
        count: usize,
        hidden: usize,
        caches: &[&mut KvCache],
    ) -> Result<usize, LanguageError> {
        let offset = caches.first().map_or(0, |cache| cache.len());
        let uneven = caches.iter().any(|cache| cache.len() != offset);
        if count == 0 || hidden != self.config.hidden_size || batch != caches.len() || uneven {
            return Err(LanguageError::Argument(format!(
                "embeddings ({batch}, {count}, {hidden}) with {} caches; a model of width {} \
                 needs (one a cache, 1.., {}) and caches of one length",
                caches.len(),
                self.config.hidden_size,
                self.config.hidden_size
            )));
        }
        match caches.iter().map(|cache| cache.capacity()).min() {
            Some(capacity) if offset + count > capacity => {
                Err(LanguageError::ContextFull { needed: offset + count, capacity })
            }
            _ => Ok(offset),
        }
    }
}

impl<const N: usize> Projections<N> {
    /// `(rows, inputs)` to `(rows, outputs)` of each.
    fn forward(&self, x: &Tensor) -> candle_core::Result<[Tensor; N]> {
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

impl Block {
    fn load(
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
        let (norms_behind, feed_forward_norm) = match family.is_gemma() {
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

    fn feed_forward(&self, x: &Tensor, family: Family) -> candle_core::Result<Tensor> {
        let [gate, up] = self.gate_up.forward(x)?;
        // Gemma's GELU is the one by tanh.
        let gate = if family.is_gemma() { gate.gelu()? } else { gate.silu()? };
        self.down.forward(&(gate * up)?)
    }
}

/// Reads the weights of a norm, which in Gemma's safetensors lack one.
fn norm(
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
