//! Sizes of a vision transformer, and how they are found out.

use std::path::Path;

use serde::Deserialize;

use super::VisionError;
use super::checkpoint::{Checkpoint, bad, read_json};
use super::transformer::{Activation, BlockConfig, too_many};
use super::vit_names::{HF_DINOV2, HF_VIT, VitNames};

/// Name of the extractor in errors and manifests.
pub(super) const NAME: &str = "vit";
/// Width of an attention head of timm's plain ViTs, as long as they have no more of them than
/// [`MOST_HEADS`]: those wider than the large one (huge, giant, gigantic) have wider heads instead.
const HEAD: usize = 64;
/// Most attention heads of timm's plain ViTs.
const MOST_HEADS: usize = 16;

/// Between what neighbours positions are interpolated for pictures of another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionFilter {
    /// Four by four; what stands between is skipped where the grid shrinks.
    FourNeighbours,
    /// As many as the scale asks for.
    Antialiased,
}

/// Sizes of a vision transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct VitConfig {
    /// Edge length of the pictures it was trained with, pixels; a multiple of `patch_px`.
    pub image_px: usize,
    /// Edge length of a patch, pixels.
    pub patch_px: usize,
    /// Length of a feature vector; a multiple of `heads`.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Length of the hidden layer of each block.
    pub hidden: usize,
    /// Whether a class token stands before the patches.
    pub class_token: bool,
    /// Tokens between the class token and the patches that stand for no part of the picture.
    pub registers: usize,
    /// Between the two maps of a block's small network.
    pub activation: Activation,
    /// What norms add to the variance.
    pub epsilon: f64,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Whether the convolution that makes patches has a bias.
    pub patch_bias: bool,
    /// Whether a norm stands before the blocks.
    pub pre_norm: bool,
    /// Whether blocks scale what they add by channel.
    pub layer_scale: bool,
    /// Whether the small networks are gated (SwiGLU).
    pub gated: bool,
    /// How positions are interpolated.
    pub positions: PositionFilter,
}

impl Default for VitConfig {
    /// A tiny one: 224 pixels, 16-pixel patches, width 192, 4 blocks.
    fn default() -> Self {
        Self {
            image_px: 224,
            patch_px: 16,
            width: 192,
            depth: 4,
            heads: 3,
            hidden: 768,
            class_token: false,
            registers: 0,
            activation: Activation::Gelu,
            epsilon: 1e-6,
            qkv_bias: true,
            patch_bias: true,
            pre_norm: false,
            layer_scale: false,
            gated: false,
            positions: PositionFilter::Antialiased,
        }
    }
}

/// `config.json` of Hugging Face's `ViTModel`, `Dinov2Model` and `Dinov2WithRegistersModel`.
#[derive(Deserialize)]
struct HfConfig {
    model_type: String,
    image_size: usize,
    patch_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: Option<usize>,
    mlp_ratio: Option<f64>,
    hidden_act: Activation,
    layer_norm_eps: f64,
    #[serde(default = "yes")]
    qkv_bias: bool,
    #[serde(default)]
    use_swiglu_ffn: bool,
    num_register_tokens: Option<usize>,
    #[serde(default = "three")]
    num_channels: usize,
}

fn yes() -> bool {
    true
}

fn three() -> usize {
    3
}

impl VitConfig {
    /// Patches along an edge of the pictures it was trained with.
    pub fn grid(&self) -> usize {
        self.image_px / self.patch_px
    }

    /// Tokens before those of the patches.
    pub(super) fn leading(&self) -> usize {
        usize::from(self.class_token) + self.registers
    }

    pub(super) fn block(&self) -> BlockConfig {
        BlockConfig {
            width: self.width,
            heads: self.heads,
            hidden: self.hidden,
            epsilon: self.epsilon,
            activation: self.activation,
            qkv_bias: self.qkv_bias,
            layer_scale: self.layer_scale,
            gated: self.gated,
        }
    }

    /// What in the sizes does not go together or is larger than anything that exists.
    pub(super) fn fault(&self) -> Option<String> {
        let within = [
            ("image size", self.image_px, 4096),
            ("patch size", self.patch_px, 256),
            ("width", self.width, 16_384),
            ("heads", self.heads, 1024),
            ("hidden size", self.hidden, 131_072),
            ("layers", self.depth, 256),
        ];
        if let Some((what, found, most)) =
            within.into_iter().find(|(_, found, most)| !(1..=*most).contains(found))
        {
            return Some(format!("{what} is {found}, must lie within 1..={most}"));
        }
        let fits = |what: &str, whole: usize, part: usize| {
            (!whole.is_multiple_of(part))
                .then(|| format!("{what}: {whole} is no multiple of {part}"))
        };
        fits("image size over patch size", self.image_px, self.patch_px)
            .or_else(|| fits("width over heads", self.width, self.heads))
            .or_else(|| too_many(self.grid() * self.grid(), self.heads))
            .or_else(|| (self.registers > 64).then(|| format!("{} registers", self.registers)))
            .or_else(|| {
                let usual = self.epsilon > 0.0 && self.epsilon < 1.0;
                (!usual).then(|| format!("epsilon is {}", self.epsilon))
            })
    }

    pub(super) fn validate(&self) -> Result<(), VisionError> {
        self.fault().map_or(Ok(()), |fault| Err(bad(NAME, format!("sizes do not fit: {fault}"))))
    }

    /// Reads the sizes off the shapes of a file with timm's names.
    pub(super) fn of_timm(from: &Checkpoint) -> Result<Self, VisionError> {
        let shapes = from.shapes();
        let patch = from.shape("patch_embed.proj.weight", 4)?;
        let class_token = from.contains("cls_token");
        let positions = from.shape("pos_embed", 3)?[1].saturating_sub(usize::from(class_token));
        let grid = positions.isqrt();
        if grid == 0 || grid * grid != positions {
            let reason = format!("`pos_embed` holds {positions} patches, which is no square");
            return Err(bad(NAME, reason));
        }
        let blocks = shapes
            .keys()
            .filter(|name| name.starts_with("blocks.") && name.ends_with(".norm1.weight"));
        let config = Self {
            image_px: grid.saturating_mul(patch[2]),
            patch_px: patch[2],
            width: patch[0],
            depth: blocks.count(),
            heads: (patch[0] / HEAD).clamp(1, MOST_HEADS),
            hidden: match from.contains("blocks.0.mlp.fc1.weight") {
                true => from.shape("blocks.0.mlp.fc1.weight", 2)?[0],
                false => patch[0].saturating_mul(4),
            },
            class_token,
            ..Self::default()
        };
        config.validate()?;
        Ok(config)
    }

    /// Reads `config.json` of a folder; what its tensors are called, too.
    pub(super) fn of_hf(folder: &Path) -> Result<(Self, &'static VitNames), VisionError> {
        let path = folder.join("config.json");
        let hf: HfConfig = read_json(&path)?;
        let fault = |reason: String| VisionError::Config { path: path.clone(), reason };
        let dinov2 = match hf.model_type.as_str() {
            "vit" => false,
            "dinov2" | "dinov2_with_registers" => true,
            other => {
                return Err(fault(format!(
                    "model_type: is '{other}'; known are vit, dinov2 and dinov2_with_registers"
                )));
            }
        };
        if hf.num_channels != 3 {
            return Err(fault(format!("num_channels: is {}, must be 3", hf.num_channels)));
        }
        let ratio = hf.mlp_ratio.unwrap_or(4.0);
        if !(0.1..=64.0).contains(&ratio) {
            return Err(fault(format!("mlp_ratio: is {ratio}")));
        }
        let wide = (hf.hidden_size as f64 * ratio) as usize;
        let gated = dinov2 && hf.use_swiglu_ffn;
        let hidden = match hf.intermediate_size {
            Some(hidden) if !dinov2 => hidden,
            // Two maps instead of one: each a third smaller, rounded up to eights.
            _ if gated => (wide.min(1 << 32) * 2 / 3).div_ceil(8) * 8,
            _ => wide,
        };
        let registers = hf.num_register_tokens.filter(|_| dinov2).unwrap_or(0);
        let config = Self {
            image_px: hf.image_size,
            patch_px: hf.patch_size,
            width: hf.hidden_size,
            depth: hf.num_hidden_layers,
            heads: hf.num_attention_heads,
            hidden,
            class_token: true,
            registers,
            activation: hf.hidden_act,
            epsilon: hf.layer_norm_eps,
            qkv_bias: hf.qkv_bias,
            patch_bias: true,
            pre_norm: false,
            layer_scale: dinov2,
            gated,
            positions: match registers {
                0 => PositionFilter::FourNeighbours,
                _ => PositionFilter::Antialiased,
            },
        };
        match config.fault() {
            Some(reason) => Err(fault(reason)),
            None => Ok((config, if dinov2 { &HF_DINOV2 } else { &HF_VIT })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::{DType, Device, Tensor};

    use super::*;

    /// Tensors do not tell them: these are timm's own numbers.
    #[test]
    fn the_widest_of_timms_have_wider_heads_and_not_more() {
        for (model, width, heads) in [
            ("tiny", 192, 3),
            ("small", 384, 6),
            ("base", 768, 12),
            ("large", 1024, 16),
            ("so400m", 1152, 16),
            ("huge", 1280, 16),
            ("giant", 1408, 16),
            ("gigantic", 1664, 16),
        ] {
            let shapes = [
                ("patch_embed.proj.weight", vec![width, 3, 2, 2]),
                ("pos_embed", vec![1, 4, width]),
                ("blocks.0.norm1.weight", vec![width]),
            ];
            let tensors: HashMap<String, Tensor> = shapes
                .into_iter()
                .map(|(name, shape)| {
                    (name.to_owned(), Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap())
                })
                .collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.safetensors");
            candle_core::safetensors::save(&tensors, &path).unwrap();
            let file = Checkpoint::open(NAME, &path, &Device::Cpu).unwrap();
            assert_eq!(VitConfig::of_timm(&file).unwrap().heads, heads, "{model}");
        }
    }
}
