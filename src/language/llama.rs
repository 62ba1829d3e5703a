//! The Llama decoder, from input embeddings to the logits of the next token.

use candle_core::{DType, Device, Tensor};

use super::attention::attend;
use super::config::LlamaConfig;
use super::embedder::TokenEmbedder;
use super::error::LanguageError;
use super::faults::TensorShape;
use super::kv_cache::KvCache;
use super::layer::{Layer, norm};
use super::linear::Linear;
use super::rope::{Rope, RopeTables};
use super::weights::Weights;

/// Positions of a prompt that are processed at once.
pub const PREFILL_CHUNK: usize = 512;

/// A Llama with its weights.
#[derive(Debug)]
pub struct Llama {
    config: LlamaConfig,
    embedder: TokenEmbedder,
    blocks: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    rope: Rope,
    /// Of the layers with a window, where it is another.
    window_rope: Option<Rope>,
}

impl LlamaConfig {
    /// Names and shapes of all tensors, as Hugging Face calls them: what [`Llama::load`] asks for.
    pub fn tensor_shapes(&self) -> Result<Vec<TensorShape>, LanguageError> {
        let mut weights = Weights::Listing(Vec::new());
        Llama::load(self.clone(), &mut weights, &Device::Cpu)?;
        match weights {
            Weights::Listing(shapes) => Ok(shapes),
            _ => Ok(Vec::new()),
        }
    }

    /// Number of weights of the whole model.
    pub fn parameters(&self) -> Result<u64, LanguageError> {
        let of_shape = |shape: &[usize]| shape.iter().map(|dim| *dim as u64).product::<u64>();
        Ok(self.tensor_shapes()?.iter().map(|(_, shape)| of_shape(shape)).sum())
    }
}

impl Llama {
    /// Reads all tensors of `config` from `weights`.
    pub fn load(
        config: LlamaConfig,
        weights: &mut Weights,
        device: &Device,
    ) -> Result<Self, LanguageError> {
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        let embedder = TokenEmbedder::load(&config, weights, device)?;
        let norm = norm(&config, weights, "model.norm", hidden, device)?;
        let head = if config.tie_word_embeddings {
            embedder.as_linear()?
        } else {
            weights.linear("lm_head.weight", vocabulary, hidden, device)?
        };
        let blocks: Result<_, _> =
            (0..config.layers).map(|layer| Layer::load(&config, layer, weights, device)).collect();
        Ok(Self {
            embedder,
            blocks: blocks?,
            norm,
            head,
            rope: Rope::new(&config, weights.rope_factors()?.as_deref()),
            window_rope: Rope::of_window(&config),
            config,
        })
    }

    /// The numbers that fix this model.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.embedder.device()
    }

    /// Type of embeddings and activations.
    pub fn dtype(&self) -> DType {
        self.embedder.dtype()
    }

    /// An empty cache for at most `capacity` positions.
    pub fn new_cache(&self, capacity: usize) -> Result<KvCache, LanguageError> {
        KvCache::new(&self.config, capacity, self.dtype(), self.device())
    }

    /// The table of its tokens.
    pub fn embedder(&self) -> &TokenEmbedder {
        &self.embedder
    }

    /// Embeddings `(1, n, hidden)` of token ids.
    pub fn embed(&self, ids: &[u32]) -> Result<Tensor, LanguageError> {
        self.embedder.embed(ids)
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
        let tables = |rope: &Rope| rope.tables(offset, count, self.dtype(), self.device());
        let everywhere = tables(&self.rope)?;
        let in_window = self.window_rope.as_ref().map(tables).transpose()?;
        let eps = self.config.rms_norm_eps as f32;
        let norm = |x: &Tensor, weight: &Tensor| candle_nn::ops::rms_norm(x, weight, eps);
        let mut x =
            embeds.to_dtype(self.dtype())?.reshape((batch * count, hidden))?.contiguous()?;
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
        block: &Layer,
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
