//! Sizes of a SAM model, from Hugging Face's `config.json`.

use std::path::Path;

use serde::Deserialize;

use super::super::checkpoint::read_config;
use super::super::transformer::{Activation, too_many};
use crate::vision::VisionError;

/// Sizes of a SAM model; what a file leaves out is that of ViT-B.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct SamConfig {
    pub(super) model_type: String,
    /// The picture tower. Of MobileSAM's it only tells the sizes of what goes in and comes out.
    pub vision_config: SamVisionConfig,
    /// The picture tower of MobileSAM.
    #[serde(skip)]
    pub tiny_vit: Option<TinyVitConfig>,
    /// Points, boxes and masks.
    pub prompt_encoder_config: SamPromptConfig,
    /// From tokens to masks.
    pub mask_decoder_config: SamDecoderConfig,
}

/// Sizes of the picture tower.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct SamVisionConfig {
    /// Width of a patch.
    pub hidden_size: usize,
    /// Channels of what comes out.
    pub output_channels: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Number of attention heads.
    pub num_attention_heads: usize,
    /// Edge length of pictures, pixels.
    pub image_size: usize,
    /// Edge length of a patch, pixels.
    pub patch_size: usize,
    /// Between the two maps of a block's small network.
    pub hidden_act: Activation,
    /// What norms add to the variance.
    pub layer_norm_eps: f64,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Whether patches have positions.
    pub use_abs_pos: bool,
    /// Whether attention knows how far patches are apart.
    pub use_rel_pos: bool,
    /// Edge of the windows that blocks look through, patches.
    pub window_size: usize,
    /// Blocks that look at everything.
    pub global_attn_indexes: Vec<usize>,
    /// Half the width of positions of prompts.
    pub num_pos_feats: usize,
    /// Length of the hidden layer of each block.
    pub mlp_dim: Option<usize>,
    /// The same as a multiple of the width.
    pub mlp_ratio: f64,
}

impl Default for SamVisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            output_channels: 256,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 1024,
            patch_size: 16,
            hidden_act: Activation::Gelu,
            layer_norm_eps: 1e-6,
            qkv_bias: true,
            use_abs_pos: true,
            use_rel_pos: true,
            window_size: 14,
            global_attn_indexes: vec![2, 5, 8, 11],
            num_pos_feats: 128,
            mlp_dim: None,
            mlp_ratio: 4.0,
        }
    }
}

/// Sizes of TinyViT, MobileSAM's picture tower, which has four stages; the default has none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TinyVitConfig {
    /// Channels of each stage.
    pub widths: [usize; 4],
    /// Blocks of each stage.
    pub depths: [usize; 4],
    /// Attention heads of all stages but the first, which has no attention.
    pub heads: [usize; 3],
    /// Edges of their windows, patches.
    pub windows: [usize; 3],
}

/// Sizes of the prompt encoder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct SamPromptConfig {
    /// Width of a prompt.
    pub hidden_size: usize,
    /// Channels between a mask and its embedding.
    pub mask_input_channels: usize,
    /// Between the convolutions of a mask.
    pub hidden_act: Activation,
    /// What norms add to the variance.
    pub layer_norm_eps: f64,
}

impl Default for SamPromptConfig {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            mask_input_channels: 16,
            hidden_act: Activation::Gelu,
            layer_norm_eps: 1e-6,
        }
    }
}

/// Sizes of the mask decoder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct SamDecoderConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Between the two maps of a block's small network.
    pub hidden_act: Activation,
    /// Length of the hidden layer of each block.
    pub mlp_dim: usize,
    /// Number of two-way blocks.
    pub num_hidden_layers: usize,
    /// Number of attention heads.
    pub num_attention_heads: usize,
    /// By what attention between tokens and picture is narrower.
    pub attention_downsample_rate: usize,
    /// Masks of a prompt that can mean several things.
    pub num_multimask_outputs: usize,
    /// Maps of the head that tells how good masks are.
    pub iou_head_depth: usize,
    /// Width of its hidden layers.
    pub iou_head_hidden_dim: usize,
    /// What norms add to the variance.
    pub layer_norm_eps: f64,
}

impl Default for SamDecoderConfig {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            hidden_act: Activation::Relu,
            mlp_dim: 2048,
            num_hidden_layers: 2,
            num_attention_heads: 8,
            attention_downsample_rate: 2,
            num_multimask_outputs: 3,
            iou_head_depth: 3,
            iou_head_hidden_dim: 256,
            layer_norm_eps: 1e-6,
        }
    }
}

impl SamConfig {
    /// Reads `config.json` in `folder`.
    pub fn read(folder: &Path) -> Result<Self, VisionError> {
        read_config(folder, Self::fault)
    }

    /// Patches along an edge of a picture.
    pub fn grid(&self) -> usize {
        self.vision_config.image_size / self.vision_config.patch_size
    }

    /// What in the sizes does not go together or is larger than anything that exists.
    pub(super) fn fault(&self) -> Option<String> {
        let (vision, prompt) = (&self.vision_config, &self.prompt_encoder_config);
        let decoder = &self.mask_decoder_config;
        if self.model_type != "sam" {
            return Some(format!("model_type: is '{}', must be 'sam'", self.model_type));
        }
        let within = [
            ("vision_config.hidden_size", vision.hidden_size, 16_384),
            ("vision_config.output_channels", vision.output_channels, 4096),
            ("vision_config.num_hidden_layers", vision.num_hidden_layers, 256),
            ("vision_config.num_attention_heads", vision.num_attention_heads, 1024),
            ("vision_config.image_size", vision.image_size, 4096),
            ("vision_config.patch_size", vision.patch_size, 256),
            ("vision_config.window_size", vision.window_size, 4096),
            ("vision_config.mlp_dim", vision.hidden(), 131_072),
            ("prompt_encoder_config.mask_input_channels", prompt.mask_input_channels, 4096),
            ("mask_decoder_config.hidden_size", decoder.hidden_size, 4096),
            ("mask_decoder_config.mlp_dim", decoder.mlp_dim, 131_072),
            ("mask_decoder_config.num_hidden_layers", decoder.num_hidden_layers, 64),
            ("mask_decoder_config.num_attention_heads", decoder.num_attention_heads, 1024),
            (
                "mask_decoder_config.attention_downsample_rate",
                decoder.attention_downsample_rate,
                64,
            ),
            ("mask_decoder_config.num_multimask_outputs", decoder.num_multimask_outputs, 16),
            ("mask_decoder_config.iou_head_depth", decoder.iou_head_depth.saturating_sub(1), 16),
            ("mask_decoder_config.iou_head_hidden_dim", decoder.iou_head_hidden_dim, 16_384),
        ];
        if let Some((what, found, most)) =
            within.into_iter().find(|(_, found, most)| !(1..=*most).contains(found))
        {
            return Some(format!("{what}: is {found}, of at most {most}"));
        }
        let width = decoder.hidden_size;
        let narrow = width / decoder.attention_downsample_rate;
        let fits = [
            ("image_size over patch_size", vision.image_size, vision.patch_size),
            ("hidden_size over heads", vision.hidden_size, vision.num_attention_heads),
            ("decoder's hidden_size over 8", width, 8),
            ("decoder's hidden_size over the rate", width, decoder.attention_downsample_rate),
            ("decoder's heads", narrow, decoder.num_attention_heads),
            ("mask_input_channels over 4", prompt.mask_input_channels, 4),
        ];
        if let Some((what, whole, part)) =
            fits.into_iter().find(|(_, whole, part)| !whole.is_multiple_of(*part))
        {
            return Some(format!("{what}: {whole} is no multiple of {part}"));
        }
        let fault = match &self.tiny_vit {
            Some(tiny) => tiny.fault(vision.image_size),
            None => {
                let (grid, window) = (self.grid(), vision.window_size);
                // Patches are filled up to whole windows, whose scores are made all at once.
                let in_windows = grid.next_multiple_of(window) * window;
                too_many(in_windows.max(grid * grid), vision.num_attention_heads)
            }
        };
        if fault.is_some() {
            return fault;
        }
        let widths =
            [vision.output_channels, prompt.hidden_size, 2 * vision.num_pos_feats.min(width)];
        let equal = widths.iter().all(|other| *other == width);
        (!equal)
            .then(|| format!("widths of picture, prompt and positions {widths:?} must be {width}"))
    }
}

impl TinyVitConfig {
    /// What in the sizes does not go together or is larger than anything that exists.
    fn fault(&self, image_px: usize) -> Option<String> {
        let counts = [
            ("TinyViT's channels", self.widths.as_slice(), 4096),
            ("TinyViT's blocks", &self.depths, 256),
            ("TinyViT's heads", &self.heads, 1024),
            ("TinyViT's windows", &self.windows, 256),
        ];
        let wrong = counts
            .into_iter()
            .find(|(_, found, most)| found.iter().any(|found| !(1..=*most).contains(found)));
        if let Some((what, found, most)) = wrong {
            return Some(format!("{what}: are {found:?}, of at most {most}"));
        }
        for ((heads, window), width) in self.heads.iter().zip(self.windows).zip(&self.widths[1..]) {
            if !width.is_multiple_of(*heads) {
                return Some(format!(
                    "TinyViT's {width} channels are no multiple of {heads} heads"
                ));
            }
            // The first stage with attention has an eighth of the edge.
            let edge = (image_px / 8).next_multiple_of(window);
            if let Some(fault) = too_many(edge * window, *heads) {
                return Some(fault);
            }
        }
        None
    }
}

impl SamVisionConfig {
    /// Length of the hidden layer of each block.
    pub fn hidden(&self) -> usize {
        self.mlp_dim.unwrap_or((self.hidden_size as f64 * self.mlp_ratio) as usize)
    }
}
