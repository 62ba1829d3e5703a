//! MobileSAM's picture tower: TinyViT (arXiv 2207.10666), convolutions first, then attention in
//! windows, each block of which also looks at its neighbours.
//!
//! candle-transformers has one whose GELU is the approximate one, unlike the reference, and which
//! takes pictures of 1024 pixels only.

use candle_core::{Module, Tensor};
use candle_nn::ops::softmax_last_dim;
use candle_nn::{Conv2d, Conv2dConfig, LayerNorm};

use super::super::checkpoint::Checkpoint;
use super::super::detector::go_on;
use super::super::linear::Linear;
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
    patches: [Conv2d; 2],
    /// The first stage.
    convolutions: Vec<Inverted>,
    /// What stands before each further stage, and its blocks.
    stages: Vec<(Chain, Vec<Block>)>,
    neck: Neck,
}

/// Three convolutions: to other channels, along the picture channel by channel, to other channels.
#[derive(Debug)]
struct Chain([Conv2d; 3]);

/// A chain to more channels and back, added to what came in (MobileNet's inverted bottleneck).
#[derive(Debug)]
struct Inverted(Chain);

#[derive(Debug)]
struct Block {
    /// Edge of its windows, patches.
    window: usize,
    attention: Attention,
    /// Along the picture channel by channel.
    local: Conv2d,
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
        let halved = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::default() };
        let named = |part: &str| format!("vision_encoder.{part}");
        let patches = [
            load_conv(&named("patch_embed.seq.0"), [first / 2, 3, 3], halved, from)?,
            load_conv(&named("patch_embed.seq.2"), [first, first / 2, 3], halved, from)?,
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

    /// `pixels` `(1, 3, edge, edge)` to `(1, channels, grid, grid)`.
    pub fn forward(
        &self,
        pixels: &Tensor,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Tensor, VisionError> {
        let [first, second] = &self.patches;
        let mut x = second.forward(&first.forward(pixels)?.gelu_erf()?)?;
        for block in &self.convolutions {
            x = (&x + block.0.forward(&x)?)?.gelu_erf()?;
        }
        for (merge, blocks) in &self.stages {
            x = merge.forward(&x)?;
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
        let plain = Conv2dConfig::default();
        Ok(Self([
            load_conv(&format!("{name}.conv1"), [hidden, inputs, 1], plain, from)?,
            load_along(&format!("{name}.conv2"), hidden, stride, from)?,
            load_conv(&format!("{name}.conv3"), [outputs, hidden, 1], plain, from)?,
        ]))
    }

    fn forward(&self, x: &Tensor) -> Computed {
        let [to, along, back] = &self.0;
        let x = along.forward(&to.forward(x)?.gelu_erf()?)?.gelu_erf()?;
        back.forward(&x)
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
            local: load_along(&named("local_conv"), width, 1, from)?,
            norm: from.norm(&named("mlp.norm"), width, EPSILON)?,
            fc1: from.linear(&named("mlp.fc1"), width, EXPANSION * width)?,
            fc2: from.linear(&named("mlp.fc2"), EXPANSION * width, width)?,
        })
    }

    /// `(1, width, rows, columns)` one block further.
    fn forward(&self, x: &Tensor) -> Computed {
        let x = x.permute((0, 2, 3, 1))?.contiguous()?;
        let (_, rows, columns, _) = x.dims4()?;
        let mixed = self.attention.forward(&windows::cut(&x, self.window)?)?;
        let x = (x + windows::joined(&mixed, self.window, rows, columns)?)?;
        let x = self.local.forward(&x.permute((0, 3, 1, 2))?.contiguous()?)?;
        let last = x.permute((0, 2, 3, 1))?.contiguous()?;
        let hidden = self.fc1.forward(&self.norm.forward(&last)?)?.gelu_erf()?;
        let x = (last + self.fc2.forward(&hidden)?)?;
        x.permute((0, 3, 1, 2))?.contiguous()
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
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let scores = (q * (head as f64).powf(-0.5))?.matmul(&k.t()?)?;
        let scores = scores.broadcast_add(&self.by_distance(rows)?)?;
        let mixed = softmax_last_dim(&scores)?.matmul(&v)?;
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

/// A convolution along the picture, channel by channel.
fn load_along(
    name: &str,
    width: usize,
    stride: usize,
    from: &mut Checkpoint,
) -> Result<Conv2d, VisionError> {
    let along = Conv2dConfig { padding: 1, stride, groups: width, ..Conv2dConfig::default() };
    load_conv(name, [width, 1, 3], along, from)
}

/// Convolution `name.c` of `[outputs, inputs of a group, size]`, with the norm over batches `name.bn`
/// behind it made part of it.
fn load_conv(
    name: &str,
    [outputs, inputs, size]: [usize; 3],
    config: Conv2dConfig,
    from: &mut Checkpoint,
) -> Result<Conv2d, VisionError> {
    let weight = from.tensor(&format!("{name}.c.weight"), &[outputs, inputs, size, size])?;
    let mut norm = |part: &str| from.tensor(&format!("{name}.bn.{part}"), &[outputs]);
    let (scale, shift) = (norm("weight")?, norm("bias")?);
    let (mean, variance) = (norm("running_mean")?, norm("running_var")?);
    // What a file merely claims must not take memory.
    if from.lists() {
        return Ok(Conv2d::new(weight, Some(shift), config));
    }
    if variance.min_all()?.to_scalar::<f32>()? < 0.0 {
        return Err(from.fault(format!("tensor `{name}.bn.running_var` holds variances below 0")));
    }
    let scale = (scale / (variance + EPSILON)?.sqrt()?)?;
    let weight = weight.broadcast_mul(&scale.reshape((outputs, 1, 1, 1))?)?;
    let shift = (shift - (mean * scale)?)?;
    Ok(Conv2d::new(weight, Some(shift), config))
}
