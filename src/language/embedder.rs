//! Tokens as the numbers a decoder begins with.

use candle_core::{DType, Device, Tensor};

use super::config::LlamaConfig;
use super::error::LanguageError;
use super::linear::{Embedding, Linear};
use super::weights::Weights;

/// The embedding table of a language model, which is all that a prompt needs of it.
#[derive(Debug)]
pub struct TokenEmbedder {
    table: Embedding,
    vocabulary: usize,
    width: usize,
    /// By what rows are multiplied, where the family wants it.
    factor: Option<f64>,
    dtype: DType,
    device: Device,
}

impl TokenEmbedder {
    /// Reads the table of `config` from `weights`, and nothing else of them.
    pub fn load(
        config: &LlamaConfig,
        weights: &mut Weights,
        device: &Device,
    ) -> Result<Self, LanguageError> {
        let (width, vocabulary) = (config.hidden_size, config.vocab_size);
        let table = weights.embedding("model.embed_tokens.weight", vocabulary, width, device)?;
        let factor = config.family.is_gemma().then(|| (width as f64).sqrt());
        let (dtype, device) = (weights.compute_dtype(device), device.clone());
        Ok(Self { table, vocabulary, width, factor, dtype, device })
    }

    /// The same table as an output layer.
    pub(super) fn as_linear(&self) -> Result<Linear, LanguageError> {
        Ok(self.table.as_linear()?)
    }

    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.vocabulary
    }

    /// Type of embeddings.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where they are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Embeddings `(1, n, hidden)` of token ids.
    pub fn embed(&self, ids: &[u32]) -> Result<Tensor, LanguageError> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.vocabulary) {
            let size = self.vocabulary;
            return Err(LanguageError::Argument(format!(
                "token {id} is outside the vocabulary of {size}; does the tokenizer belong to \
                 this model?"
            )));
        }
        if ids.is_empty() {
            return Ok(Tensor::zeros((1, 0, self.width), self.dtype, &self.device)?);
        }
        let ids = Tensor::new(ids, &self.device)?;
        let embeds = self.table.forward(&ids)?.to_dtype(self.dtype)?.unsqueeze(0)?;
        match self.factor {
            Some(factor) => Ok((embeds * factor)?),
            None => Ok(embeds),
        }
    }
}
