//! CLIP's text tower: tokens to one vector in the space that texts and pictures share.

use candle_core::{Device, Module, Tensor};
use candle_nn::Embedding;

use super::super::checkpoint::Checkpoint;
use super::super::norm::LayerNorm;
use super::super::transformer::Block;
use super::super::vit_names::{HF_CLIP, OPEN_CLIP};
use super::config::{ClipConfig, ClipLayout};
use crate::vision::VisionError;

/// A causal transformer; the last token has read the whole text.
#[derive(Debug)]
pub(super) struct TextTower {
    tokens: Embedding,
    /// `(context, width)`.
    positions: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl TextTower {
    pub fn load(config: &ClipConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let text = &config.text;
        let (tokens, positions, blocks, norm, names) = match config.layout {
            ClipLayout::HuggingFace => (
                "text_model.embeddings.token_embedding.weight",
                "text_model.embeddings.position_embedding.weight",
                "text_model.encoder.layers",
                "text_model.final_layer_norm",
                HF_CLIP.block,
            ),
            ClipLayout::OpenClip => (
                "token_embedding.weight",
                "positional_embedding",
                "transformer.resblocks",
                "ln_final",
                OPEN_CLIP.block,
            ),
        };
        let tokens = from.tensor(tokens, &[text.vocabulary, text.width])?;
        let positions = from.tensor(positions, &[text.context, text.width])?;
        let block = text.block();
        let blocks = (0..text.depth)
            .map(|index| Block::load(&block, names, &format!("{blocks}.{index}"), from))
            .collect::<Result<_, _>>()?;
        let norm = from.norm(norm, text.width, text.epsilon)?;
        Ok(Self { tokens: Embedding::new(tokens, text.width), positions, blocks, norm })
    }

    /// What the last of `tokens` has become: `(1, width)`. There are at most as many as the context
    /// has, each below the size of the vocabulary. What would stand behind them to fill a batch is
    /// left out: no token sees those behind it.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor, candle_core::Error> {
        let count = tokens.len();
        let ids = Tensor::new(tokens, self.positions.device())?;
        let x = self.tokens.forward(&ids)?;
        let mut x = (x + self.positions.narrow(0, 0, count)?)?.unsqueeze(0)?;
        let mask = causal(count, self.positions.device())?;
        for block in &self.blocks {
            x = block.forward(&x, Some(&mask))?;
        }
        self.norm.forward(&x.narrow(1, count - 1, 1)?.squeeze(1)?)
    }
}

/// Added to scores of attention, `(count, count)`: nobody sees what stands behind.
fn causal(count: usize, device: &Device) -> Result<Tensor, candle_core::Error> {
    let hidden = |at: usize| if at % count > at / count { f32::NEG_INFINITY } else { 0.0 };
    Tensor::from_vec((0..count * count).map(hidden).collect::<Vec<_>>(), (count, count), device)
}
