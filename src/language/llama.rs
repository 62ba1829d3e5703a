//! The Llama decoder, from input embeddings to the logits of the next token.

use candle_core::{DType, Device, Tensor};

use super::attention::attend;
use super::config::LlamaConfig;
use super::error::LanguageError;
use super::kv_cache::KvCache;
use super::linear::{Embedding, Linear};
use super::rope::Rope;
use super::weights::Weights;

/// Positions of a prompt that are processed at once.
pub const PREFILL_CHUNK: usize = 512;

#[derive(Debug)]
struct Block {
    attention_norm: Tensor,
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    feed_forward_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
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
            norm: weights.tensor("model.norm.weight", &[hidden], device)?,
            head,
            rope: Rope::new(&config, weights.rope_factors()?.as_deref()),
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
        Ok(self.embedding.forward(&ids)?.to_dtype(self.dtype)?.unsqueeze(0)?)
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
        let (cos, sin) = self.rope.tables(offset, count, self.dtype, &self.device)?;
        let eps = self.config.rms_norm_eps as f32;
        let mut x = embeds.to_dtype(self.dtype)?.reshape((batch * count, hidden))?.contiguous()?;
        for (layer, block) in self.blocks.iter().enumerate() {
            let normed = candle_nn::ops::rms_norm(&x, &block.attention_norm, eps)?;
            let [queries, keys, values] = self.heads(block, &normed, batch, count)?;
            let queries = candle_nn::rotary_emb::rope_thd(&queries, &cos, &sin)?;
            let keys = candle_nn::rotary_emb::rope_thd(&keys, &cos, &sin)?;
            let mixed: Result<Vec<Tensor>, candle_core::Error> = caches
                .iter()
                .enumerate()
                .map(|(row, cache)| {
                    let (keys, values) =
                        cache.write(layer, &keys.narrow(0, row, 1)?, &values.narrow(0, row, 1)?)?;
                    attend(&queries.narrow(0, row, 1)?, &keys, &values, offset)
                })
                .collect();
            let mixed = Tensor::cat(&mixed?, 0)?.reshape((batch * count, ()))?;
            x = (x + block.output.forward(&mixed)?)?;
            let normed = candle_nn::ops::rms_norm(&x, &block.feed_forward_norm, eps)?;
            x = (x + block.feed_forward(&normed)?)?;
        }
        for cache in caches {
            cache.advance(count);
        }
        Ok(x.reshape((batch, count, hidden))?)
    }

    /// Queries, keys and values, each `(b, t, heads, head_dim)`.
    fn heads(
        &self,
        block: &Block,
        x: &Tensor,
        batch: usize,
        count: usize,
    ) -> candle_core::Result<[Tensor; 3]> {
        let split = |projection: &Linear| {
            projection.forward(x)?.reshape((batch, count, (), self.config.head_dim))
        };
        Ok([split(&block.queries)?, split(&block.keys)?, split(&block.values)?])
    }

    fn logits_of_last(&self, hidden: &Tensor) -> Result<Tensor, LanguageError> {
        let (_, count, _) = hidden.dims3()?;
        let last = hidden.narrow(1, count - 1, 1)?.squeeze(1)?.contiguous()?;
        let normed = candle_nn::ops::rms_norm(&last, &self.norm, self.config.rms_norm_eps as f32)?;
        Ok(self.head.forward(&normed)?.to_dtype(DType::F32)?)
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

impl Block {
    fn load(
        config: &LlamaConfig,
        layer: usize,
        weights: &mut Weights,
        device: &Device,
    ) -> Result<Self, LanguageError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        let mut linear =
            |part: &str, outputs, inputs| weights.linear(&name(part), outputs, inputs, device);
        Ok(Self {
            queries: linear("self_attn.q_proj", queries, hidden)?,
            keys: linear("self_attn.k_proj", keys, hidden)?,
            values: linear("self_attn.v_proj", keys, hidden)?,
            output: linear("self_attn.o_proj", hidden, queries)?,
            gate: linear("mlp.gate_proj", inner, hidden)?,
            up: linear("mlp.up_proj", inner, hidden)?,
            down: linear("mlp.down_proj", hidden, inner)?,
            attention_norm: weights.tensor(&name("input_layernorm"), &[hidden], device)?,
            feed_forward_norm: weights.tensor(
                &name("post_attention_layernorm"),
                &[hidden],
                device,
            )?,
        })
    }

    fn feed_forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let gate = self.gate.forward(x)?.silu()?;
        self.down.forward(&(gate * self.up.forward(x)?)?)
    }
}
