//! SAM's picture tower: a vision transformer most of whose blocks look through windows, with
//! attention that knows how far patches are apart (ViTDet).

use candle_core::{D, Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};

use super::super::attend::{Added, attend};
use super::super::checkpoint::Checkpoint;
use super::super::conv::{Conv, SIZE};
use super::super::detector::go_on;
use super::super::linear::{Linear, WeightFormat};
use super::super::norm::LayerNorm;
use super::super::transformer::Activation;
use super::super::windows;
use super::config::{SamConfig, SamVisionConfig};
use super::{Computed, NAME};
use crate::vision::VisionError;

/// Epsilon of the norms over channels, which no configuration names.
pub(super) const CHANNEL_EPSILON: f64 = 1e-6;

#[derive(Debug)]
pub(super) struct PictureEncoder {
    patches: Conv2d,
    /// `(1, grid, grid, width)`.
    positions: Option<Tensor>,
    blocks: Vec<WindowBlock>,
    neck: Neck,
}

/// From the channels of a tower to those of prompts.
#[derive(Debug)]
pub(super) struct Neck {
    map: Linear,
    norm1: LayerNorm,
    conv: Conv,
    norm2: LayerNorm,
}

#[derive(Debug)]
struct WindowBlock {
    /// Edge of its windows, patches; 0 looks at everything.
    window: usize,
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
}

#[derive(Debug)]
struct Attention {
    heads: usize,
    qkv: Linear,
    proj: Linear,
    /// For rows and columns: `(2 side − 1, head width)`, by distance.
    distances: Option<[Tensor; 2]>,
}

impl PictureEncoder {
    pub fn load(config: &SamConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let (vision, grid) = (&config.vision_config, config.grid());
        let width = vision.hidden_size;
        let stride = Conv2dConfig { stride: vision.patch_size, ..Conv2dConfig::default() };
        let name = "vision_encoder.patch_embed.projection";
        let patches = from.conv(name, [width, 3, vision.patch_size], true, stride)?;
        let positions = match vision.use_abs_pos {
            true => Some(from.tensor("vision_encoder.pos_embed", &[1, grid, grid, width])?),
            false => None,
        };
        let blocks = (0..vision.num_hidden_layers)
            .map(|index| WindowBlock::load(vision, grid, index, from))
            .collect::<Result<_, _>>()?;
        let neck = Neck::load(width, vision.output_channels, from)?;
        Ok(Self { patches, positions, blocks, neck })
    }

    /// `pixels` `(1, 3, edge, edge)` to `(1, places, channels)`, row by row.
    pub fn forward(
        &self,
        pixels: &Tensor,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Tensor, VisionError> {
        let mut x = self.patches.forward(pixels)?.permute((0, 2, 3, 1))?.contiguous()?;
        if let Some(positions) = &self.positions {
            x = x.broadcast_add(positions)?;
        }
        for block in &self.blocks {
            go_on(NAME, wanted)?;
            x = block.forward(&x)?;
        }
        Ok(self.neck.forward(&x)?)
    }
}

impl Neck {
    /// From `width` channels to `out`.
    pub fn load(width: usize, out: usize, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let named = |part: &str| format!("vision_encoder.neck.{part}");
        let weight = from.tensor(&named("conv1.weight"), &[out, width, 1, 1])?;
        let map = Linear::new(&weight.squeeze(3)?.squeeze(2)?, None, WeightFormat::F32)?;
        let norm1 = from.norm(&named("layer_norm1"), out, CHANNEL_EPSILON)?;
        let weight = from.tensor(&named("conv2.weight"), &[out, out, SIZE, SIZE])?;
        let conv = Conv { weight, bias: None, stride: 1 };
        let norm2 = from.norm(&named("layer_norm2"), out, CHANNEL_EPSILON)?;
        Ok(Self { map, norm1, conv, norm2 })
    }

    /// `(1, grid, grid, width)` to `(1, places, out)`, row by row.
    pub fn forward(&self, x: &Tensor) -> Computed {
        let x = self.norm1.forward(&self.map.forward(x)?)?;
        self.norm2.forward(&self.conv.forward(&x, None)?)?.flatten(1, 2)
    }
}

impl WindowBlock {
    fn load(
        config: &SamVisionConfig,
        grid: usize,
        index: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("vision_encoder.layers.{index}.{part}");
        let (width, hidden, epsilon) = (config.hidden_size, config.hidden(), config.layer_norm_eps);
        let window =
            if config.global_attn_indexes.contains(&index) { 0 } else { config.window_size };
        let norm1 = from.norm(&named("layer_norm1"), width, epsilon)?;
        let weight = from.tensor(&named("attn.qkv.weight"), &[3 * width, width])?;
        let bias = match config.qkv_bias {
            true => Some(from.tensor(&named("attn.qkv.bias"), &[3 * width])?),
            false => None,
        };
        let qkv = from.map(&weight, bias)?;
        let proj = from.linear(&named("attn.proj"), width, width)?;
        let side = if window == 0 { grid } else { window };
        let shape = [2 * side - 1, width / config.num_attention_heads];
        let distances = match config.use_rel_pos {
            true => Some([
                from.tensor(&named("attn.rel_pos_h"), &shape)?,
                from.tensor(&named("attn.rel_pos_w"), &shape)?,
            ]),
            false => None,
        };
        let attention = Attention { heads: config.num_attention_heads, qkv, proj, distances };
        Ok(Self {
            window,
            norm1,
            attention,
            norm2: from.norm(&named("layer_norm2"), width, epsilon)?,
            fc1: from.linear(&named("mlp.lin1"), width, hidden)?,
            activation: config.hidden_act,
            fc2: from.linear(&named("mlp.lin2"), hidden, width)?,
        })
    }

    /// `(1, rows, columns, width)` one block further.
    fn forward(&self, x: &Tensor) -> Computed {
        let normed = self.norm1.forward(x)?;
        let mixed = match self.window {
            0 => self.attention.forward(&normed)?,
            window => {
                let (_, rows, columns, _) = x.dims4()?;
                let windows = self.attention.forward(&windows::cut(&normed, window)?)?;
                windows::joined(&windows, window, rows, columns)?
            }
        };
        let x = (x + mixed)?;
        let hidden = self.fc1.activated(&self.norm2.forward(&x)?, self.activation)?;
        self.fc2.added_to(&x, &hidden, None)
    }
}

impl Attention {
    /// Among the patches of each of `(batch, rows, columns, width)`.
    fn forward(&self, x: &Tensor) -> Computed {
        let (batch, rows, columns, width) = x.dims4()?;
        let (heads, tokens, head) = (self.heads, rows * columns, width / self.heads);
        let qkv = self.qkv.forward(x)?.reshape((batch, tokens, 3, heads, head))?;
        let qkv = qkv.permute((2, 0, 3, 1, 4))?.reshape((3, batch * heads, tokens, head))?;
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let scale = (head as f64).powf(-0.5);
        let distances = match &self.distances {
            None => None,
            Some([down, across]) => {
                let q = q.reshape((batch * heads, rows, columns, head))?;
                let down = q.broadcast_matmul(&by_distance(down, rows)?.transpose(1, 2)?)?;
                let turned = q.transpose(1, 2)?.contiguous()?;
                let across = by_distance(across, columns)?.transpose(1, 2)?;
                let across = turned.broadcast_matmul(&across)?.transpose(1, 2)?;
                Some([down.flatten(1, 2)?, across.flatten(1, 2)?])
            }
        };
        let distances = distances.as_ref().map(|[down, across]| [down, across]);
        let added = Added { distances, ..Added::default() };
        let mixed = attend(&q, &k, &v, scale, &added)?;
        let mixed = mixed.reshape((batch, heads, rows, columns, head))?;
        self.proj.forward(&mixed.permute((0, 2, 3, 1, 4))?.reshape((batch, rows, columns, width))?)
    }
}

/// Rows of `distances` for each pair of places along an edge: `(side, side, head width)`.
fn by_distance(distances: &Tensor, side: usize) -> Computed {
    let pairs =
        (0..side).flat_map(|query| (0..side).map(move |key| (query + side - 1 - key) as u32));
    let pairs = Tensor::from_iter(pairs, distances.device())?;
    distances.index_select(&pairs, 0)?.reshape((side, side, distances.dim(D::Minus1)?))
}
