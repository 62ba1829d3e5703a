//! BERT as a text tower whose phrases do not see each other.

use candle_core::{Module, Tensor};
use candle_nn::Embedding;

use super::super::attention::Attention;
use super::super::checkpoint::Checkpoint;
use super::super::linear::Linear;
use super::super::norm::LayerNorm;
use super::super::transformer::Activation;
use super::Computed;
use super::config::BertConfig;
use crate::vision::VisionError;

#[derive(Debug)]
pub(super) struct Bert {
    words: Embedding,
    positions: Embedding,
    /// `(1, width)`: all text is of the first kind.
    kind: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

/// Norms stand behind attention and network (post-norm).
#[derive(Debug)]
struct Layer {
    attention: Attention,
    norm1: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
    norm2: LayerNorm,
}

impl Bert {
    /// Loads the tower whose tensors begin with `prefix`.
    pub fn load(
        config: &BertConfig,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let width = config.hidden_size;
        let mut table = |part: &str, rows: usize| {
            from.tensor(&format!("{prefix}.embeddings.{part}.weight"), &[rows, width])
        };
        let words = table("word_embeddings", config.vocab_size)?;
        let positions = table("position_embeddings", config.max_position_embeddings)?;
        let kind = table("token_type_embeddings", config.type_vocab_size)?.narrow(0, 0, 1)?;
        let norm =
            from.norm(&format!("{prefix}.embeddings.LayerNorm"), width, config.layer_norm_eps)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::load(config, &format!("{prefix}.encoder.layer.{index}"), from))
            .collect::<Result<_, _>>()?;
        let (words, positions) = (Embedding::new(words, width), Embedding::new(positions, width));
        Ok(Self { words, positions, kind, norm, layers })
    }

    /// What `tokens` at `places` have become, `(1, tokens, width)`; `mask` is added to the scores of
    /// attention, `(tokens, tokens)`. Tokens and places lie within the tables.
    pub fn forward(&self, tokens: &Tensor, places: &Tensor, mask: &Tensor) -> Computed {
        let x = (self.words.forward(tokens)? + self.positions.forward(places)?)?;
        let x = self.norm.forward(&x.broadcast_add(&self.kind)?.unsqueeze(0)?)?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, mask))
    }
}

impl Layer {
    fn load(config: &BertConfig, prefix: &str, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let named = |part: &str| format!("{prefix}.{part}");
        let (width, hidden) = (config.hidden_size, config.intermediate_size);
        let epsilon = config.layer_norm_eps;
        let [q, k, v] =
            ["query", "key", "value"].map(|part| named(&format!("attention.self.{part}")));
        let out = named("attention.output.dense");
        let heads = config.num_attention_heads;
        Ok(Self {
            attention: Attention::load([&q, &k, &v, &out], heads, [width, width], from)?,
            norm1: from.norm(&named("attention.output.LayerNorm"), width, epsilon)?,
            fc1: from.linear(&named("intermediate.dense"), width, hidden)?,
            activation: config.hidden_act,
            fc2: from.linear(&named("output.dense"), hidden, width)?,
            norm2: from.norm(&named("output.LayerNorm"), width, epsilon)?,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor) -> Computed {
        let x = self.norm1.forward(&(x + self.attention.forward(x, x, x, Some(mask))?)?)?;
        let hidden = self.fc1.activated(&x, self.activation)?;
        self.norm2.forward(&self.fc2.added_to(&x, &hidden, None)?)
    }
}
