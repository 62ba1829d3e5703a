//! MobileSAM's picture tower: TinyViT (arXiv 2207.10666), convolutions first, then attention in
//! windows, each block of which also looks at its neighbours.
//!
//! candle-transformers has one whose GELU is the approximate one, unlike the reference, and which
//! takes pictures of 1024 pixels only.

use candle_core::{Module, Tensor};

use super::super::attend::{Added, Table, attend};
use super::super::checkpoint::Checkpoint;
use super::super::conv::{Along, Conv, SIZE};
use super::super::detector::go_on;
use super::super::linear::{Linear, WeightFormat};
use super::super::norm::LayerNorm;
use super::super::pointwise::finished;
use super::super::transformer::Activation;
use super::super::windows;
use super::config::{SamConfig, TinyVitConfig};
use super::encoder::Neck;
use super::{Computed, NAME};
use crate::vision::VisionError;

/// Hidden channels of a block, as a multiple of its own.
const EXPANSION: usize = 4;
/// PyTorch's default, in norms over batches and over channels.
const EPSILON: f64 = 1e-5;
/// By what the picture shrinks behind each of the first three stages.
const STRIDES: [usize; 3] = [2, 2, 1];

#[derive(Debug)]
pub(super) struct TinyVit {
    patches: [Conv; 2],
    /// The first stage.
    convolutions: Vec<Inverted>,
    /// What stands before each further stage, and its blocks.
    stages: Vec<(Chain, Vec<Block>)>,
    neck: Neck,
}

/// Three convolutions: to other channels, along the picture channel by channel, to other channels.
#[derive(Debug)]
struct Chain {
    to: Linear,
    along: Along,
    back: Linear,
}

/// A chain to more channels and back, added to what came in (MobileNet's inverted bottleneck).
#[derive(Debug)]
struct Inverted(Chain);

#[derive(Debug)]
struct Block {
    /// Edge of its windows, patches.
    window: usize,
    attention: Attention,
    /// Along the picture channel by channel.
    local: Along,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

#[derive(Debug)]
struct Attention {
    heads: usize,
    norm: LayerNorm,
    qkv: Linear,
    proj: Linear,
    /// For each distance down and across within a window: `(heads, window²)`.
    biases: Tensor,
}

impl TinyVit {
    pub fn load(
        config: &SamConfig,
        sizes: &TinyVitConfig,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let [first, .., last] = sizes.widths;
        let named = |part: &str| format!("vision_encoder.{part}");
        let patches = [
            halved(&named("patch_embed.seq.0"), [3, first / 2], from)?,
            halved(&named("patch_embed.seq.2"), [first / 2, first], from)?,
        ];
        let convolutions = (0..sizes.depths[0])
            .map(|index| {
                let name = named(&format!("layers.0.blocks.{index}"));
                let chain = Chain::load(&name, [first, EXPANSION * first, first], 1, from)?;
                Ok(Inverted(chain))
            })
            .collect::<Result<_, VisionError>>()?;
        let mut stages = Vec::new();
        for (before, stride) in STRIDES.into_iter().enumerate() {
            let stage = before + 1;
            let (from_width, width) = (sizes.widths[before], sizes.widths[stage]);
            let name = named(&format!("layers.{before}.downsample"));
            let merge = Chain::load(&name, [from_width, width, width], stride, from)?;
            let (heads, window) = (sizes.heads[before], sizes.windows[before]);
            let blocks = (0..sizes.depths[stage])
                .map(|index| {
                    let name = named(&format!("layers.{stage}.blocks.{index}"));
                    Block::load(&name, width, heads, window, from)
                })
                .collect::<Result<_, _>>()?;
            stages.push((merge, blocks));
        }
        let neck = Neck::load(last, config.vision_config.output_channels, from)?;
        Ok(Self { patches, convolutions, stages, neck })
    }

    /// `pixels` `(1, 3, edge, edge)` to `(1, places, channels)`, row by row.
    pub fn forward(
        &self,
        pixels: &Tensor,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Tensor, VisionError> {
        let [first, second] = &self.patches;
        // Channels stand last in all that follows.
        let pixels = pixels.permute((0, 2, 3, 1))?.contiguous()?;
        let mut x = second.forward(&first.forward(&pixels, Some(Activation::Gelu))?, None)?;
        for Inverted(chain) in &self.convolutions {
            let more = chain.back.added_to(&x, &chain.widened(&x)?, None)?;
            x = finished(more, None, Some(Activation::Gelu))?;
        }
        for (merge, blocks) in &self.stages {
            x = merge.back.forward(&merge.widened(&x)?)?;
            for block in blocks {
                go_on(NAME, wanted)?;
                x = block.forward(&x)?;
            }
        }
        Ok(self.neck.forward(&x)?)
    }
}

impl Chain {
    /// Through channels `[inputs, hidden, outputs]`.
    fn load(
        name: &str,
        [inputs, hidden, outputs]: [usize; 3],
        stride: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        Ok(Self {
            to: map(&format!("{name}.conv1"), [inputs, hidden], from)?,
            along: along(&format!("{name}.conv2"), hidden, stride, from)?,
            back: map(&format!("{name}.conv3"), [hidden, outputs], from)?,
        })
    }

    /// In front of the last of the three.
    fn widened(&self, x: &Tensor) -> Computed {
        self.along.forward(&self.to.activated(x, Activation::Gelu)?, Some(Activation::Gelu))
    }
}

impl Block {
    fn load(
        name: &str,
        width: usize,
        heads: usize,
        window: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("{name}.{part}");
        Ok(Self {
            window,
            attention: Attention::load(&named("attn"), width, heads, window, from)?,
            local: along(&named("local_conv"), width, 1, from)?,
            norm: from.norm(&named("mlp.norm"), width, EPSILON)?,
            fc1: from.linear(&named("mlp.fc1"), width, EXPANSION * width)?,
            fc2: from.linear(&named("mlp.fc2"), EXPANSION * width, width)?,
        })
    }

    /// `(1, rows, columns, width)` one block further.
    fn forward(&self, x: &Tensor) -> Computed {
        let (_, rows, columns, _) = x.dims4()?;
        let mixed = self.attention.forward(&windows::cut(x, self.window)?)?;
        let x = (x + windows::joined(&mixed, self.window, rows, columns)?)?;
        let x = self.local.forward(&x, None)?;
        let hidden = self.fc1.activated(&self.norm.forward(&x)?, Activation::Gelu)?;
        self.fc2.added_to(&x, &hidden, None)
    }
}

impl Attention {
    fn load(
        name: &str,
        width: usize,
        heads: usize,
        window: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("{name}.{part}");
        Ok(Self {
            heads,
            norm: from.norm(&named("norm"), width, EPSILON)?,
            qkv: from.linear(&named("qkv"), width, 3 * width)?,
            proj: from.linear(&named("proj"), width, width)?,
            biases: from.tensor(&named("attention_biases"), &[heads, window * window])?,
        })
    }

    /// Among the patches of each of `(batch, window, window, width)`. What windows are filled up
    /// with takes part, as in the reference.
    fn forward(&self, x: &Tensor) -> Computed {
        let (batch, rows, columns, width) = x.dims4()?;
        let (heads, tokens, head) = (self.heads, rows * columns, width / self.heads);
        // A head's query, key and value stand together.
        let qkv = self.qkv.forward(&self.norm.forward(x)?)?;
        let qkv = qkv.reshape((batch, tokens, heads, 3, head))?.permute((3, 0, 2, 1, 4))?;
        let qkv = qkv.contiguous()?;
        let qkv = qkv.reshape((3, batch * heads, tokens, head))?;
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let biases = self.by_distance(rows)?;
        let table = Some(Table { scores: &biases, every: 1 });
        let added = Added { tables: [table, None], distances: None };
        let mixed = attend(&q, &k, &v, (head as f64).powf(-0.5), &added)?;
        let mixed = mixed.reshape((batch, heads, tokens, head))?;
        let mixed = mixed.transpose(1, 2)?.reshape((batch, rows, columns, width))?;
        self.proj.forward(&mixed)
    }

    /// Biases for each pair of places in a window: `(heads, window², window²)`. That of a distance
    /// of `down` and `across` stands at `down · window + across`.
    fn by_distance(&self, window: usize) -> Computed {
        let places = window * window;
        let pairs = (0..places).flat_map(|one| {
            (0..places).map(move |other| {
                let down = (one / window).abs_diff(other / window);
                let across = (one % window).abs_diff(other % window);
                (down * window + across) as u32
            })
        });
        let pairs = Tensor::from_iter(pairs, self.biases.device())?;
        self.biases.index_select(&pairs, 1)?.reshape((self.heads, places, places))
    }
}

/// A convolution to half the edges.
fn halved(
    name: &str,
    [inputs, outputs]: [usize; 2],
    from: &mut Checkpoint,
) -> Result<Conv, VisionError> {
    let (weight, shift) = folded(name, [outputs, inputs, SIZE], from)?;
    Ok(Conv { weight, bias: Some(shift), stride: 2 })
}

/// A convolution along the picture, channel by channel.
fn along(
    name: &str,
    width: usize,
    stride: usize,
    from: &mut Checkpoint,
) -> Result<Along, VisionError> {
    let (weight, shift) = folded(name, [width, 1, SIZE], from)?;
    Ok(Along { weight, bias: shift, stride })
}

/// A convolution of single places.
fn map(
    name: &str,
    [inputs, outputs]: [usize; 2],
    from: &mut Checkpoint,
) -> Result<Linear, VisionError> {
    let (weight, shift) = folded(name, [outputs, inputs, 1], from)?;
    let weight = weight.squeeze(3)?.squeeze(2)?;
    Ok(Linear::new(&weight, Some(shift), WeightFormat::F32)?)
}

/// Weight `(outputs, inputs of a group, size, size)` and bias of convolution `name.c`, with the norm over
/// batches `name.bn` behind it made part of it.
fn folded(
    name: &str,
    [outputs, inputs, size]: [usize; 3],
    from: &mut Checkpoint,
) -> Result<(Tensor, Tensor), VisionError> {
    let weight = from.tensor(&format!("{name}.c.weight"), &[outputs, inputs, size, size])?;
    let mut norm = |part: &str| from.tensor(&format!("{name}.bn.{part}"), &[outputs]);
    let (scale, shift) = (norm("weight")?, norm("bias")?);
    let (mean, variance) = (norm("running_mean")?, norm("running_var")?);
    // What a file merely claims must not take memory.
    if from.lists() {
        return Ok((weight, shift));
    }
    if variance.min_all()?.to_scalar::<f32>()? < 0.0 {
        return Err(from.fault(format!("tensor `{name}.bn.running_var` holds variances below 0")));
    }
    let scale = (scale / (variance + EPSILON)?.sqrt()?)?;
    let weight = weight.broadcast_mul(&scale.reshape((outputs, 1, 1, 1))?)?;
    Ok((weight, (shift - (mean * scale)?)?))
}
