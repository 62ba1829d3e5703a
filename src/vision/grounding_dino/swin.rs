//! Swin transformer as a backbone: blocks that look through windows, every second one through
//! windows moved by half their edge, in stages each of which halves the grid (arXiv 2103.14030).

use candle_core::{Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};

use super::super::attend::{Added, Table, attend};
use super::super::checkpoint::Checkpoint;
use super::super::detector::go_on;
use super::super::linear::Linear;
use super::super::norm::LayerNorm;
use super::super::transformer::Activation;
use super::super::windows;
use super::swin_config::SwinConfig;
use super::{Computed, NAME};
use crate::vision::VisionError;

/// Epsilon of the norms outside blocks: PyTorch's default, whatever the configuration says.
const OUTER_EPSILON: f64 = 1e-5;
/// Added to scores between patches that only the move has brought into one window.
const APART: f32 = -100.0;

#[derive(Debug)]
pub(super) struct Swin {
    patch_px: usize,
    patches: Conv2d,
    norm: LayerNorm,
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    window: usize,
    blocks: Vec<Block>,
    /// In front of what goes on from here, if this stage's map does.
    out: Option<LayerNorm>,
    /// From four patches to one of twice the width; none behind the last stage.
    merge: Option<(LayerNorm, Linear)>,
}

#[derive(Debug)]
struct Block {
    /// By how much its windows are moved, patches.
    shift: usize,
    heads: usize,
    before: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    /// What is added to scores by how far patches are apart: `((2 window − 1)², heads)`.
    distances: Tensor,
    after: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
}

impl Swin {
    /// Loads the backbone whose tensors begin with `prefix`.
    pub fn load(
        config: &SwinConfig,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, patch_px) = (config.embed_dim, config.patch_size);
        let stride = Conv2dConfig { stride: patch_px, ..Conv2dConfig::default() };
        let name = format!("{prefix}.embeddings.patch_embeddings.projection");
        let patches = from.conv(&name, [width, 3, patch_px], true, stride)?;
        let norm = from.norm(&format!("{prefix}.embeddings.norm"), width, OUTER_EPSILON)?;
        let stages = (1..=config.depths.len())
            .map(|stage| Stage::load(config, stage, prefix, from))
            .collect::<Result<_, _>>()?;
        Ok(Self { patch_px, patches, norm, stages })
    }

    /// Maps `(1, width, rows, columns)` of the stages that go on, of `pixels` `(1, 3, height, width)`.
    pub fn forward(
        &self,
        pixels: &Tensor,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<Tensor>, VisionError> {
        let (_, _, height, width) = pixels.dims4()?;
        let full = |edge: usize| edge.next_multiple_of(self.patch_px) - edge;
        let pixels =
            pixels.pad_with_zeros(2, 0, full(height))?.pad_with_zeros(3, 0, full(width))?;
        let x = self.patches.forward(&pixels)?.permute((0, 2, 3, 1))?.contiguous()?;
        let mut x = self.norm.forward(&x)?;
        let mut maps = Vec::new();
        for stage in &self.stages {
            go_on(NAME, wanted)?;
            x = stage.forward(&x)?;
            if let Some(norm) = &stage.out {
                maps.push(norm.forward(&x)?.permute((0, 3, 1, 2))?.contiguous()?);
            }
            x = stage.halved(x)?;
        }
        Ok(maps)
    }
}

impl Stage {
    fn load(
        config: &SwinConfig,
        stage: usize,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, window) = (config.width(stage), config.window_size);
        let prefix_of_stage = format!("{prefix}.encoder.layers.{}", stage - 1);
        let depth = config.depths.get(stage - 1).copied().unwrap_or_default();
        let blocks = (0..depth)
            .map(|index| {
                let shift = if index % 2 == 0 { 0 } else { window / 2 };
                let name = format!("{prefix_of_stage}.blocks.{index}");
                Block::load(config, stage, shift, &name, from)
            })
            .collect::<Result<_, _>>()?;
        let merge = if stage < config.depths.len() {
            let name = format!("{prefix_of_stage}.downsample");
            let norm = from.norm(&format!("{name}.norm"), 4 * width, OUTER_EPSILON)?;
            let weight =
                from.tensor(&format!("{name}.reduction.weight"), &[2 * width, 4 * width])?;
            Some((norm, from.map(&weight, None)?))
        } else {
            None
        };
        let out = if config.stages().contains(&stage) {
            let name = format!("{prefix}.hidden_states_norms.stage{stage}");
            Some(from.norm(&name, width, OUTER_EPSILON)?)
        } else {
            None
        };
        Ok(Self { window, blocks, out, merge })
    }

    /// `(1, rows, columns, width)` behind its blocks.
    fn forward(&self, x: &Tensor) -> Computed {
        let shift = self.blocks.iter().map(|block| block.shift).max().unwrap_or_default();
        let mask = match shift {
            0 => None,
            shift => Some(strangers(x, self.window, shift)?),
        };
        self.blocks
            .iter()
            .try_fold(x.clone(), |x, block| block.forward(&x, self.window, mask.as_ref()))
    }

    /// Each four patches as one, as the next stage begins.
    fn halved(&self, x: Tensor) -> Computed {
        let Some((norm, map)) = &self.merge else { return Ok(x) };
        let x = windows::filled(&x, 2)?;
        let (_, rows, columns, width) = x.dims4()?;
        // The upper left patch of four comes first, then that below it, then the right two.
        let four = x.reshape((1, rows / 2, 2, columns / 2, 2, width))?;
        let four = four.permute((0, 1, 3, 4, 2, 5))?;
        map.forward(&norm.forward(&four.reshape((1, rows / 2, columns / 2, 4 * width))?)?)
    }
}

impl Block {
    fn load(
        config: &SwinConfig,
        stage: usize,
        shift: usize,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("{prefix}.{part}");
        let (width, hidden) = (config.width(stage), config.hidden(stage));
        let heads = config.num_heads.get(stage - 1).copied().unwrap_or(1);
        let before = from.norm(&named("layernorm_before"), width, config.layer_norm_eps)?;
        let mut map = |part: &str| {
            let name = named(&format!("attention.self.{part}"));
            let weight = from.tensor(&format!("{name}.weight"), &[width, width])?;
            let bias = match config.qkv_bias {
                true => Some(from.tensor(&format!("{name}.bias"), &[width])?),
                false => None,
            };
            from.map(&weight, bias)
        };
        let (q, k, v) = (map("query")?, map("key")?, map("value")?);
        let side = 2 * config.window_size - 1;
        let name = named("attention.self.relative_position_bias_table");
        let distances = from.tensor(&name, &[side * side, heads])?;
        Ok(Self {
            shift,
            heads,
            before,
            q,
            k,
            v,
            out: from.linear(&named("attention.output.dense"), width, width)?,
            distances,
            after: from.norm(&named("layernorm_after"), width, config.layer_norm_eps)?,
            fc1: from.linear(&named("intermediate.dense"), width, hidden)?,
            activation: config.hidden_act,
            fc2: from.linear(&named("output.dense"), hidden, width)?,
        })
    }

    /// `(1, rows, columns, width)` one block further; `strangers` is for blocks whose windows are
    /// moved.
    fn forward(&self, x: &Tensor, window: usize, strangers: Option<&Tensor>) -> Computed {
        let normed = windows::filled(&self.before.forward(x)?, window)?;
        let (_, down, across, _) = normed.dims4()?;
        let (_, rows, columns, _) = x.dims4()?;
        let mixed = if self.shift == 0 {
            self.attend(&windows::cut(&normed, window)?, None)?
        } else {
            let shift = self.shift as i32;
            let moved = normed.roll(-shift, 1)?.roll(-shift, 2)?;
            self.attend(&windows::cut(&moved, window)?, strangers)?
        };
        let mixed = windows::joined(&mixed, window, down, across)?;
        let shift = self.shift as i32;
        let mixed = mixed.roll(shift, 1)?.roll(shift, 2)?;
        let x = (x + mixed.narrow(1, 0, rows)?.narrow(2, 0, columns)?)?;
        let hidden = self.fc1.activated(&self.after.forward(&x)?, self.activation)?;
        self.fc2.added_to(&x, &hidden, None)
    }

    /// Among the patches of each of `(count, window, window, width)`.
    fn attend(&self, x: &Tensor, strangers: Option<&Tensor>) -> Computed {
        let (count, window, _, width) = x.dims4()?;
        let (tokens, head) = (window * window, width / self.heads);
        let x = x.reshape((count, tokens, width))?;
        let split = |x: Tensor| {
            x.reshape((count, tokens, self.heads, head))?.transpose(1, 2)?.flatten(0, 1)
        };
        let (q, k) = (split(self.q.forward(&x)?)?, split(self.k.forward(&x)?)?);
        let v = split(self.v.forward(&x)?)?;
        let scale = (head as f64).powf(-0.5);
        let bias = self.bias(window)?;
        let bias = Some(Table { scores: &bias, every: 1 });
        let strangers = strangers.map(|scores| Table { scores, every: self.heads });
        let added = Added { tables: [bias, strangers], distances: None };
        let mixed =
            attend(&q, &k, &v, scale, &added)?.reshape((count, self.heads, tokens, head))?;
        let mixed = mixed.transpose(1, 2)?.reshape((count, window, window, width))?;
        self.out.forward(&mixed)
    }

    /// What is added to scores for where two patches of a window are: `(heads, window², window²)`.
    fn bias(&self, window: usize) -> Computed {
        let (tokens, side) = (window * window, 2 * window - 1);
        let pairs = (0..tokens).flat_map(|query| {
            (0..tokens).map(move |key| {
                let down = query / window + window - 1 - key / window;
                let across = query % window + window - 1 - key % window;
                (down * side + across) as u32
            })
        });
        let pairs = Tensor::from_iter(pairs, self.distances.device())?;
        let bias = self.distances.index_select(&pairs, 0)?;
        bias.reshape((tokens, tokens, self.heads))?.permute((2, 0, 1))?.contiguous()
    }
}

/// Added to scores within moved windows, `(count, window², window²)`: patches do not look at those
/// that came round from the other side.
fn strangers(x: &Tensor, window: usize, shift: usize) -> Computed {
    let (_, rows, columns, _) = x.dims4()?;
    let (rows, columns) = (rows.next_multiple_of(window), columns.next_multiple_of(window));
    let part =
        |at: usize, edge: usize| usize::from(at >= edge - window) + usize::from(at >= edge - shift);
    let parts = (0..rows * columns)
        .map(|at| (3 * part(at / columns, rows) + part(at % columns, columns)) as f32);
    let parts = Tensor::from_iter(parts, x.device())?.reshape((1, rows, columns, 1))?;
    let parts = windows::cut(&parts, window)?.reshape(((), 1, window * window))?;
    let apart = parts.broadcast_sub(&parts.transpose(1, 2)?)?.abs()?.clamp(0f32, 1f32)?;
    apart * f64::from(APART)
}
