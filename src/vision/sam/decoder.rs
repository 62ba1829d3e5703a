//! SAM's mask decoder: tokens and picture look at each other in turn, then each mask token becomes
//! the weights by which the enlarged picture is summed to a mask.

use std::ops::Range;

use candle_core::{Module, Tensor};

use super::super::attention::{Attention, Perceptron};
use super::super::checkpoint::Checkpoint;
use super::super::linear::Linear;
use super::super::norm::LayerNorm;
use super::super::transformer::Activation;
use super::config::{SamConfig, SamDecoderConfig};
use super::crossing::{Heads, ToPicture, ToTokens};
use super::upscale::Upscale;
use crate::vision::VisionError;

/// Epsilon of the last norm: PyTorch's default, whatever the configuration says.
const LAST_EPSILON: f64 = 1e-5;

/// The places of a picture as all its prompts find them, row by row: `(1, places, width)` each.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// What is there.
    keys: Tensor,
    /// Where that is.
    positions: Tensor,
    /// Both.
    placed: Tensor,
}

#[derive(Debug)]
pub(super) struct MaskDecoder {
    /// Places along an edge of a picture.
    grid: usize,
    /// The token of quality, then those of masks: `(1 + masks, width)`.
    tokens: Tensor,
    blocks: Vec<TwoWayBlock>,
    last_attention: ToPicture,
    last_norm: LayerNorm,
    upscale: Upscale,
    weights: Vec<Perceptron>,
    quality: Perceptron,
}

#[derive(Debug)]
struct TwoWayBlock {
    /// The first block's tokens have nothing to add positions to yet.
    first: bool,
    among: Attention,
    norm1: LayerNorm,
    to_picture: ToPicture,
    norm2: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
    norm3: LayerNorm,
    norm4: LayerNorm,
    to_tokens: ToTokens,
}

impl Places {
    /// Of what a tower made of a picture, `(1, places, width)`, and the embedding of the mask that a prompt
    /// begins with: of that shape, or the same everywhere.
    pub fn new(
        embedding: &Tensor,
        mask: &Tensor,
        positions: Tensor,
    ) -> Result<Self, candle_core::Error> {
        let keys = embedding.broadcast_add(mask)?;
        let placed = (&keys + &positions)?;
        Ok(Self { keys, positions, placed })
    }

    /// The same places behind another mask.
    pub fn masked(&self, embedding: &Tensor, mask: &Tensor) -> Result<Self, candle_core::Error> {
        Self::new(embedding, mask, self.positions.clone())
    }
}

impl MaskDecoder {
    pub fn load(config: &SamConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let decoder = &config.mask_decoder_config;
        let (width, masks) = (decoder.hidden_size, decoder.num_multimask_outputs + 1);
        let quality = from.tensor("mask_decoder.iou_token.weight", &[1, width])?;
        let tokens = from.tensor("mask_decoder.mask_tokens.weight", &[masks, width])?;
        let heads = Heads::new(decoder, tokens.device())?;
        let blocks = (0..decoder.num_hidden_layers)
            .map(|index| TwoWayBlock::load(decoder, &heads, index, from))
            .collect::<Result<_, _>>()?;
        let name = "mask_decoder.transformer.final_attn_token_to_image";
        let last_attention = ToPicture::load(decoder, &heads, name, from)?;
        let name = "mask_decoder.transformer.layer_norm_final_attn";
        let last_norm = from.norm(name, width, LAST_EPSILON)?;
        let upscale = Upscale::load(width, from)?;
        let weights = (0..masks)
            .map(|mask| {
                let name = format!("mask_decoder.output_hypernetworks_mlps.{mask}");
                load_perceptron(&name, [width, width, width / 8], 3, from)
            })
            .collect::<Result<_, _>>()?;
        let sizes = [width, decoder.iou_head_hidden_dim, masks];
        let name = "mask_decoder.iou_prediction_head";
        let head = load_perceptron(name, sizes, decoder.iou_head_depth, from)?;
        let tokens = Tensor::cat(&[quality, tokens], 0)?;
        Ok(Self {
            grid: config.grid(),
            tokens,
            blocks,
            last_attention,
            last_norm,
            upscale,
            weights,
            quality: head,
        })
    }

    /// Those `masks`, `(prompts, masks, 4 grid, 4 grid)`, and what share of its union with the true one
    /// each is thought to have, `(prompts, masks)`. The first mask is for prompts that mean one thing.
    ///
    /// `prompts` is `(prompts, tokens, width)`.
    pub fn forward(
        &self,
        places: &Places,
        prompts: Option<&Tensor>,
        masks: Range<usize>,
    ) -> Result<(Tensor, Tensor), candle_core::Error> {
        let count = prompts.map_or(Ok(1), |prompts| prompts.dim(0))?;
        let (own, width) = self.tokens.dims2()?;
        let tokens = self.tokens.unsqueeze(0)?.broadcast_as((count, own, width))?;
        let tokens = match prompts {
            Some(prompts) => Tensor::cat(&[&tokens, prompts], 1)?,
            None => tokens.contiguous()?,
        };
        // All prompts see the same until the first block has told the picture of them.
        let shared = |x: &Tensor| x.broadcast_as((count, self.grid * self.grid, width));
        let (mut keys, mut placed) = (shared(&places.keys)?, shared(&places.placed)?);
        let mut queries = tokens.clone();
        for block in &self.blocks {
            (queries, keys) = block.forward(&queries, &tokens, &keys, &placed)?;
            placed = keys.broadcast_add(&places.positions)?;
        }
        let seen = self.last_attention.forward(&(&queries + &tokens)?, &placed, &keys)?;
        let queries = self.last_norm.forward(&(queries + seen)?)?;

        let token = |at: usize| queries.narrow(1, at, 1)?.contiguous();
        let weights = masks.clone().map(|mask| self.weights[mask].forward(&token(1 + mask)?));
        let weights = Tensor::cat(&weights.collect::<Result<Vec<_>, _>>()?, 1)?;
        let numbers = self.upscale.forward(&keys, &weights, [self.grid; 2])?;
        let quality = self.quality.forward(&token(0)?)?.squeeze(1)?;
        Ok((numbers, quality.narrow(1, masks.start, masks.len())?))
    }
}

impl TwoWayBlock {
    fn load(
        config: &SamDecoderConfig,
        heads: &Heads,
        index: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("mask_decoder.transformer.layers.{index}.{part}");
        let (width, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let among = ["q", "k", "v", "out"].map(|part| named(&format!("self_attn.{part}_proj")));
        let among = among.each_ref().map(String::as_str);
        Ok(Self {
            first: index == 0,
            among: Attention::load(among, config.num_attention_heads, [width, width], from)?,
            norm1: from.norm(&named("layer_norm1"), width, epsilon)?,
            to_picture: ToPicture::load(config, heads, &named("cross_attn_token_to_image"), from)?,
            norm2: from.norm(&named("layer_norm2"), width, epsilon)?,
            fc1: from.linear(&named("mlp.lin1"), width, config.mlp_dim)?,
            activation: config.hidden_act,
            fc2: from.linear(&named("mlp.lin2"), config.mlp_dim, width)?,
            norm3: from.norm(&named("layer_norm3"), width, epsilon)?,
            norm4: from.norm(&named("layer_norm4"), width, epsilon)?,
            to_tokens: ToTokens::load(config, heads, &named("cross_attn_image_to_token"), from)?,
        })
    }

    /// Tokens and picture one block further; `tokens` are added to the queries where they are compared, and
    /// `placed` are the keys with their positions.
    fn forward(
        &self,
        queries: &Tensor,
        tokens: &Tensor,
        keys: &Tensor,
        placed: &Tensor,
    ) -> Result<(Tensor, Tensor), candle_core::Error> {
        let queries = if self.first {
            self.among.forward(queries, queries, queries, None)?
        } else {
            let placed = (queries + tokens)?;
            (queries + self.among.forward(&placed, &placed, queries, None)?)?
        };
        let queries = self.norm1.forward(&queries)?;
        let seen = self.to_picture.forward(&(&queries + tokens)?, placed, keys)?;
        let queries = self.norm2.forward(&(queries + seen)?)?;
        let hidden = self.fc1.activated(&queries, self.activation)?;
        let queries = self.norm3.forward(&self.fc2.added_to(&queries, &hidden, None)?)?;
        let told = self.to_tokens.added_to(keys, placed, &(&queries + tokens)?, &queries)?;
        Ok((queries, self.norm4.forward(&told)?))
    }
}

/// `depth` maps from the first through the second to the third of `sizes`.
fn load_perceptron(
    name: &str,
    [inputs, hidden, outputs]: [usize; 3],
    depth: usize,
    from: &mut Checkpoint,
) -> Result<Perceptron, VisionError> {
    let mut maps = vec![from.linear(&format!("{name}.proj_in"), inputs, hidden)?];
    for index in 0..depth.saturating_sub(2) {
        maps.push(from.linear(&format!("{name}.layers.{index}"), hidden, hidden)?);
    }
    maps.push(from.linear(&format!("{name}.proj_out"), hidden, outputs)?);
    Ok(Perceptron(maps))
}
