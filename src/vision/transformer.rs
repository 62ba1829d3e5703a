//! The block that every transformer encoder here is made of: attention, then a small network, each
//! behind a norm and added to what came in (pre-norm).

use candle_core::{D, Module, Tensor};

use super::VisionError;
use super::attend::{Added, attend};
use super::checkpoint::Checkpoint;
use super::linear::Linear;
use super::norm::LayerNorm;
use super::pointwise::finished;

/// Most bytes that the scores of one attention may take: more is no picture but a mistake.
const MOST_SCORE_BYTES: usize = 8 << 30;

/// Why `tokens` are too many for attention with so many heads, if they are.
pub(super) fn too_many(tokens: usize, heads: usize) -> Option<String> {
    let scores = tokens.saturating_mul(tokens).saturating_mul(heads);
    let bytes = scores.saturating_mul(size_of::<f32>());
    (bytes > MOST_SCORE_BYTES).then(|| {
        format!("attention of {heads} heads among {tokens} patches would take {} GiB", bytes >> 30)
    })
}

type Computed = Result<Tensor, candle_core::Error>;

/// What stands between the two maps of a block's small network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Activation {
    /// GELU by the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// `x · σ(1.702 x)`, OpenAI's GELU.
    #[serde(rename = "quick_gelu")]
    QuickGelu,
    /// GELU by the hyperbolic tangent.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluTanh,
    /// `max(0, x)`.
    #[serde(rename = "relu")]
    Relu,
}

impl Activation {
    /// `x` is not used again.
    pub(super) fn apply(self, x: Tensor) -> Computed {
        finished(x, None, Some(self))
    }
}

/// Sizes of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BlockConfig {
    pub width: usize,
    pub heads: usize,
    pub hidden: usize,
    pub epsilon: f64,
    pub activation: Activation,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Whether what is added is scaled by channel.
    pub layer_scale: bool,
    /// Whether the network is gated: `silu(a x) · b x` (SwiGLU).
    pub gated: bool,
}

/// What the parts of a block are called in a checkpoint.
#[derive(Debug)]
pub(super) struct BlockNames {
    pub norm1: &'static str,
    pub qkv: QkvNames,
    pub out: &'static str,
    pub norm2: &'static str,
    pub fc1: &'static str,
    pub fc2: &'static str,
    pub gated_in: &'static str,
    pub gated_out: &'static str,
    pub scale1: &'static str,
    pub scale2: &'static str,
}

/// How queries, keys and values stand in a checkpoint.
#[derive(Debug)]
pub(super) enum QkvNames {
    /// A map each.
    Separate([&'static str; 3]),
    /// One map, `name` + `weight` and `name` + `bias`, of which each takes a third of the rows.
    Joined(&'static str),
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    heads: usize,
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    scale1: Option<Tensor>,
    norm2: LayerNorm,
    mlp: Mlp,
    scale2: Option<Tensor>,
}

#[derive(Debug)]
enum Mlp {
    Plain { fc1: Linear, activation: Activation, fc2: Linear },
    Gated { both: Linear, out: Linear },
}

impl Block {
    /// Loads the block whose tensors begin with `prefix`.
    pub fn load(
        config: &BlockConfig,
        names: &BlockNames,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, hidden) = (config.width, config.hidden);
        let named = |part: &str| format!("{prefix}.{part}");
        let norm1 = from.norm(&named(names.norm1), width, config.epsilon)?;
        let [q, k, v] = load_qkv(config, names, prefix, from)?;
        let out = from.linear(&named(names.out), width, width)?;
        let scale = |name: &str, from: &mut Checkpoint| match config.layer_scale {
            true => from.tensor(&named(name), &[width]).map(Some),
            false => Ok(None),
        };
        let scale1 = scale(names.scale1, from)?;
        let norm2 = from.norm(&named(names.norm2), width, config.epsilon)?;
        let mlp = if config.gated {
            Mlp::Gated {
                both: from.linear(&named(names.gated_in), width, 2 * hidden)?,
                out: from.linear(&named(names.gated_out), hidden, width)?,
            }
        } else {
            Mlp::Plain {
                fc1: from.linear(&named(names.fc1), width, hidden)?,
                activation: config.activation,
                fc2: from.linear(&named(names.fc2), hidden, width)?,
            }
        };
        let scale2 = scale(names.scale2, from)?;
        Ok(Self { heads: config.heads, norm1, q, k, v, out, scale1, norm2, mlp, scale2 })
    }

    /// `x` of shape `(batch, tokens, width)` one block further. `mask` is added to the scores of
    /// attention, `(tokens, tokens)`.
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Computed {
        let mixed = self.mix(&self.norm1.forward(x)?, mask)?;
        self.widen(&self.out.added_to(x, &mixed, self.scale1.as_ref())?)
    }

    /// The same without attention: every token gets its own value and none of the others', so that
    /// it stays where it is in the picture (MaskCLIP, arXiv 2112.01071).
    pub fn value_path(&self, x: &Tensor) -> Computed {
        let value = self.v.forward(&self.norm1.forward(x)?)?;
        self.widen(&self.out.added_to(x, &value, self.scale1.as_ref())?)
    }

    fn widen(&self, x: &Tensor) -> Computed {
        let scale = self.scale2.as_ref();
        let normed = self.norm2.forward(x)?;
        match &self.mlp {
            Mlp::Plain { fc1, activation, fc2 } => {
                fc2.added_to(x, &fc1.activated(&normed, *activation)?, scale)
            }
            Mlp::Gated { both, out } => {
                let both = both.forward(&normed)?;
                let hidden = both.dim(D::Minus1)? / 2;
                let gate = both.narrow(D::Minus1, 0, hidden)?.contiguous()?.silu()?;
                let gated = gate * both.narrow(D::Minus1, hidden, hidden)?.contiguous()?;
                out.added_to(x, &gated?, scale)
            }
        }
    }

    /// What all heads find, next to each other.
    fn mix(&self, x: &Tensor, mask: Option<&Tensor>) -> Computed {
        let (batch, tokens, width) = x.dims3()?;
        let head = width / self.heads;
        // (batch · heads, tokens, head width)
        let split = |x: Tensor| {
            x.reshape((batch, tokens, self.heads, head))?.transpose(1, 2)?.flatten(0, 1)
        };
        let q = split(self.q.forward(x)?)?;
        let (k, v) = (split(self.k.forward(x)?)?, split(self.v.forward(x)?)?);
        let mask = mask.map(|mask| mask.unsqueeze(0)).transpose()?;
        let scale = (head as f64).powf(-0.5);
        let mixed = attend(&q, &k, &v, scale, &Added::mask(mask.as_ref()))?;
        let mixed = mixed.reshape((batch, self.heads, tokens, head))?;
        mixed.transpose(1, 2)?.reshape((batch, tokens, width))
    }
}

fn load_qkv(
    config: &BlockConfig,
    names: &BlockNames,
    prefix: &str,
    from: &mut Checkpoint,
) -> Result<[Linear; 3], VisionError> {
    let width = config.width;
    let mut numbers = |name: &str, rows: usize, dot: &str| {
        let weight = from.tensor(&format!("{prefix}.{name}{dot}weight"), &[rows, width])?;
        let bias = match config.qkv_bias {
            true => Some(from.tensor(&format!("{prefix}.{name}{dot}bias"), &[rows])?),
            false => None,
        };
        Ok::<_, VisionError>((weight, bias))
    };
    match names.qkv {
        QkvNames::Separate([q, k, v]) => {
            let all = [numbers(q, width, ".")?, numbers(k, width, ".")?, numbers(v, width, ".")?];
            let [q, k, v] = all.map(|(weight, bias)| from.map(&weight, bias));
            Ok([q?, k?, v?])
        }
        QkvNames::Joined(name) => {
            let (weight, bias) = numbers(name, 3 * width, "")?;
            let third = |index: usize| {
                let bias = bias.as_ref().map(|bias| bias.narrow(0, index * width, width));
                let weight = weight.narrow(0, index * width, width)?;
                from.map(&weight, bias.transpose()?)
            };
            Ok([third(0)?, third(1)?, third(2)?])
        }
    }
}
