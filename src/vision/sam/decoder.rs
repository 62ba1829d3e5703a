//! SAM's mask decoder: tokens and picture look at each other in turn, then each mask token becomes
//! the weights by which the enlarged picture is summed to a mask.

use candle_core::{Module, Tensor};

use super::super::attention::{Attention, Perceptron};
use super::super::checkpoint::Checkpoint;
use super::super::linear::Linear;
use super::super::norm::LayerNorm;
use super::super::pointwise::finished;
use super::super::transformer::Activation;
use super::Computed;
use super::config::{SamConfig, SamDecoderConfig};
use super::encoder::CHANNEL_EPSILON;
use crate::vision::VisionError;

/// Epsilon of the last norm: PyTorch's default, whatever the configuration says.
const LAST_EPSILON: f64 = 1e-5;

#[derive(Debug)]
pub(super) struct MaskDecoder {
    /// The token of quality, then those of masks: `(1 + masks, width)`.
    tokens: Tensor,
    blocks: Vec<TwoWayBlock>,
    last_attention: Attention,
    last_norm: LayerNorm,
    upscale: [Doubled; 2],
    upscale_norm: LayerNorm,
    weights: Vec<Perceptron>,
    quality: Perceptron,
}

/// A transposed convolution whose kernel is as large as its stride: each place becomes four, by a map of
/// its own for each of them.
#[derive(Debug)]
struct Doubled {
    /// `(inputs, outputs, 2, 2)`.
    weight: Tensor,
    bias: Tensor,
}

#[derive(Debug)]
struct TwoWayBlock {
    /// The first block's tokens have nothing to add positions to yet.
    first: bool,
    among: Attention,
    norm1: LayerNorm,
    to_picture: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
    norm3: LayerNorm,
    norm4: LayerNorm,
    to_tokens: Attention,
}

impl MaskDecoder {
    pub fn load(config: &SamConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let decoder = &config.mask_decoder_config;
        let (width, masks) = (decoder.hidden_size, decoder.num_multimask_outputs + 1);
        let quality = from.tensor("mask_decoder.iou_token.weight", &[1, width])?;
        let tokens = from.tensor("mask_decoder.mask_tokens.weight", &[masks, width])?;
        let blocks = (0..decoder.num_hidden_layers)
            .map(|index| TwoWayBlock::load(decoder, index, from))
            .collect::<Result<_, _>>()?;
        let narrow = width / decoder.attention_downsample_rate;
        let name = "mask_decoder.transformer.final_attn_token_to_image";
        let last_attention = load_attention(decoder, name, narrow, from)?;
        let name = "mask_decoder.transformer.layer_norm_final_attn";
        let last_norm = from.norm(name, width, LAST_EPSILON)?;
        let upscale = [
            Doubled::load("upscale_conv1", [width, width / 4], from)?,
            Doubled::load("upscale_conv2", [width / 4, width / 8], from)?,
        ];
        let upscale_norm =
            from.norm("mask_decoder.upscale_layer_norm", width / 4, CHANNEL_EPSILON)?;
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
            tokens,
            blocks,
            last_attention,
            last_norm,
            upscale,
            upscale_norm,
            weights,
            quality: head,
        })
    }

    /// Masks `(prompts, masks, 4 grid, 4 grid)` and what share of its union with the true one each
    /// is thought to have, `(prompts, masks)`. The first mask is for prompts that mean one thing.
    ///
    /// `picture` and `positions` are `(1, width, grid, grid)`, `dense` is that or the same
    /// everywhere, `prompts` is `(prompts, tokens, width)`.
    pub fn forward(
        &self,
        picture: &Tensor,
        positions: &Tensor,
        prompts: Option<&Tensor>,
        dense: &Tensor,
    ) -> Result<(Tensor, Tensor), candle_core::Error> {
        let count = prompts.map_or(Ok(1), |prompts| prompts.dim(0))?;
        let (own, width) = self.tokens.dims2()?;
        let tokens = self.tokens.unsqueeze(0)?.broadcast_as((count, own, width))?;
        let tokens = match prompts {
            Some(prompts) => Tensor::cat(&[&tokens, prompts], 1)?,
            None => tokens.contiguous()?,
        };
        let picture = picture.broadcast_add(dense)?;
        let (_, _, rows, columns) = picture.dims4()?;
        let flat = |x: &Tensor| x.flatten_from(2)?.transpose(1, 2)?.contiguous();
        let positions = flat(positions)?;
        let mut keys =
            flat(&picture)?.broadcast_as((count, rows * columns, width))?.contiguous()?;
        let mut queries = tokens.clone();
        for block in &self.blocks {
            (queries, keys) = block.forward(&queries, &keys, &tokens, &positions)?;
        }
        let placed = keys.broadcast_add(&positions)?;
        let seen = self.last_attention.forward(&(&queries + &tokens)?, &placed, &keys, None)?;
        let queries = self.last_norm.forward(&(queries + seen)?)?;

        let x = self.upscale[0].forward(&keys.reshape((count, rows, columns, width))?, None)?;
        let x = finished(self.upscale_norm.forward(&x)?, None, Some(Activation::Gelu))?;
        let x = self.upscale[1].forward(&x, Some(Activation::Gelu))?;
        let (_, height, across, channels) = x.dims4()?;
        let weights = self.weights.iter().enumerate().map(|(mask, perceptron)| {
            perceptron.forward(&queries.narrow(1, 1 + mask, 1)?.contiguous()?)
        });
        let weights = Tensor::cat(&weights.collect::<Result<Vec<_>, _>>()?, 1)?;
        let x = x.reshape((count, height * across, channels))?;
        let masks = weights.matmul(&x.transpose(1, 2)?)?;
        let masks = masks.reshape((count, self.weights.len(), height, across))?;
        let quality = self.quality.forward(&queries.narrow(1, 0, 1)?.contiguous()?)?;
        Ok((masks, quality.squeeze(1)?))
    }
}

impl Doubled {
    /// That called `mask_decoder.name`.
    fn load(
        name: &str,
        [inputs, outputs]: [usize; 2],
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("mask_decoder.{name}.{part}");
        let weight = from.tensor(&named("weight"), &[inputs, outputs, 2, 2])?;
        Ok(Self { weight, bias: from.tensor(&named("bias"), &[outputs])? })
    }

    /// `(count, 2 rows, 2 columns, outputs)` of `(count, rows, columns, inputs)`.
    fn forward(&self, x: &Tensor, activation: Option<Activation>) -> Computed {
        let (count, rows, columns, inputs) = x.dims4()?;
        let outputs = self.bias.elem_count();
        // To the four, row by row.
        let map = self.weight.permute((0, 2, 3, 1))?.flatten_from(1)?;
        let four = x.reshape(((), inputs))?.matmul(&map)?;
        let four = four.reshape(&[count, rows, columns, 2, 2, outputs])?;
        let all = four.permute([0, 1, 3, 2, 4, 5].as_slice())?;
        let all = all.reshape((count, 2 * rows, 2 * columns, outputs))?;
        finished(all, Some(&self.bias), activation)
    }
}

impl TwoWayBlock {
    fn load(
        config: &SamDecoderConfig,
        index: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("mask_decoder.transformer.layers.{index}.{part}");
        let (width, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let narrow = width / config.attention_downsample_rate;
        Ok(Self {
            first: index == 0,
            among: load_attention(config, &named("self_attn"), width, from)?,
            norm1: from.norm(&named("layer_norm1"), width, epsilon)?,
            to_picture: load_attention(config, &named("cross_attn_token_to_image"), narrow, from)?,
            norm2: from.norm(&named("layer_norm2"), width, epsilon)?,
            fc1: from.linear(&named("mlp.lin1"), width, config.mlp_dim)?,
            activation: config.hidden_act,
            fc2: from.linear(&named("mlp.lin2"), config.mlp_dim, width)?,
            norm3: from.norm(&named("layer_norm3"), width, epsilon)?,
            norm4: from.norm(&named("layer_norm4"), width, epsilon)?,
            to_tokens: load_attention(config, &named("cross_attn_image_to_token"), narrow, from)?,
        })
    }

    /// Tokens and picture one block further; `tokens` and `positions` are added to them where they
    /// are compared.
    fn forward(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        tokens: &Tensor,
        positions: &Tensor,
    ) -> Result<(Tensor, Tensor), candle_core::Error> {
        let queries = if self.first {
            self.among.forward(queries, queries, queries, None)?
        } else {
            let placed = (queries + tokens)?;
            (queries + self.among.forward(&placed, &placed, queries, None)?)?
        };
        let queries = self.norm1.forward(&queries)?;
        let placed = keys.broadcast_add(positions)?;
        let seen = self.to_picture.forward(&(&queries + tokens)?, &placed, keys, None)?;
        let queries = self.norm2.forward(&(queries + seen)?)?;
        let hidden = self.fc1.activated(&queries, self.activation)?;
        let queries = self.norm3.forward(&self.fc2.added_to(&queries, &hidden, None)?)?;
        let told = self.to_tokens.forward(&placed, &(&queries + tokens)?, &queries, None)?;
        let keys = self.norm4.forward(&(keys + told)?)?;
        Ok((queries, keys))
    }
}

/// The maps called `name`, through `inner` channels.
fn load_attention(
    config: &SamDecoderConfig,
    name: &str,
    inner: usize,
    from: &mut Checkpoint,
) -> Result<Attention, VisionError> {
    let [q, k, v, out] =
        ["q_proj", "k_proj", "v_proj", "out_proj"].map(|part| format!("{name}.{part}"));
    let sizes = [config.hidden_size, inner];
    Attention::load([&q, &k, &v, &out], config.num_attention_heads, sizes, from)
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
