//! Sizes of a CLIP model, from Hugging Face's `config.json` or open_clip's `open_clip_config.json`.

use std::path::Path;

use serde::Deserialize;

use super::super::checkpoint::read_json;
use super::super::transformer::{Activation, BlockConfig};
use super::super::vit_config::{PositionFilter, VitConfig};
use crate::vision::{CropStart, Filter, ImageProcessor, Resize, VisionError};

/// open_clip's file of sizes.
const OPEN_CLIP_FILE: &str = "open_clip_config.json";
/// Hugging Face's file of sizes.
const HF_FILE: &str = "config.json";
/// Widest space that pictures and texts share.
const MOST_PROJECTION: usize = 16_384;

/// How the tensors of a checkpoint are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipLayout {
    /// `vision_model.…`, `text_model.…`: Hugging Face's `CLIPModel`.
    HuggingFace,
    /// `visual.…`, `transformer.…`: open_clip.
    OpenClip,
}

impl ClipLayout {
    /// The layout of what is in `folder`. LAION's folders hold both; then it is Hugging Face's where
    /// its weights are there.
    pub fn of(folder: &Path) -> Self {
        let has = |name: &str| folder.join(name).exists();
        let weights = has("model.safetensors")
            || has("model.safetensors.index.json")
            || has("pytorch_model.bin.index.json")
            || has("pytorch_model.bin");
        match has(OPEN_CLIP_FILE) && !(has(HF_FILE) && weights) {
            true => Self::OpenClip,
            false => Self::HuggingFace,
        }
    }
}

/// Sizes of the text tower.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipTextConfig {
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Most tokens of a text, the marks at its ends included.
    pub context: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Length of the hidden layer of each block.
    pub hidden: usize,
    /// Between the two maps of a block's small network.
    pub activation: Activation,
    /// What norms add to the variance.
    pub epsilon: f64,
}

/// Sizes of a CLIP model.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipConfig {
    /// How its tensors are called.
    pub layout: ClipLayout,
    /// Width of the space that pictures and texts share.
    pub projection: usize,
    /// The picture tower.
    pub vision: VitConfig,
    /// The text tower.
    pub text: ClipTextConfig,
}

impl ClipTextConfig {
    pub(super) fn block(&self) -> BlockConfig {
        BlockConfig {
            width: self.width,
            heads: self.heads,
            hidden: self.hidden,
            epsilon: self.epsilon,
            activation: self.activation,
            qkv_bias: true,
            layer_scale: false,
            gated: false,
        }
    }
}

/// Hugging Face's text part; what is left out has `CLIPTextConfig`'s default.
#[derive(Deserialize)]
#[serde(default)]
struct HfText {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: Activation,
    layer_norm_eps: f64,
}

impl Default for HfText {
    fn default() -> Self {
        Self {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

/// Hugging Face's picture part; what is left out has `CLIPVisionConfig`'s default.
#[derive(Deserialize)]
#[serde(default)]
struct HfVision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: Activation,
    layer_norm_eps: f64,
}

impl Default for HfVision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

#[derive(Deserialize)]
struct HfClip {
    #[serde(default = "clip")]
    model_type: String,
    #[serde(default = "usual_projection")]
    projection_dim: usize,
    #[serde(default)]
    text_config: HfText,
    #[serde(default)]
    vision_config: HfVision,
}

fn clip() -> String {
    "clip".into()
}

fn usual_projection() -> usize {
    512
}

#[derive(Deserialize)]
struct OpenClipFile {
    model_cfg: OpenClipModel,
    #[serde(default)]
    preprocess_cfg: OpenClipPreprocess,
}

#[derive(Deserialize)]
struct OpenClipModel {
    embed_dim: usize,
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: OpenClipVision,
    text_cfg: OpenClipText,
}

#[derive(Deserialize)]
struct OpenClipVision {
    image_size: usize,
    layers: usize,
    width: usize,
    #[serde(default = "usual_head")]
    head_width: usize,
    patch_size: usize,
    #[serde(default = "usual_ratio")]
    mlp_ratio: f64,
}

#[derive(Deserialize)]
struct OpenClipText {
    context_length: usize,
    vocab_size: usize,
    width: usize,
    heads: usize,
    layers: usize,
}

/// What is left out has `PreprocessCfg`'s default.
#[derive(Default, Deserialize)]
struct OpenClipPreprocess {
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    interpolation: Option<OpenClipFilter>,
    resize_mode: Option<OpenClipResize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OpenClipFilter {
    /// `random` is chance while training, and this otherwise.
    #[serde(alias = "random")]
    Bicubic,
    Bilinear,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OpenClipResize {
    /// The shorter edge, and then the centre.
    Shortest,
    /// Both edges, so that no part is cut off.
    Squash,
}

impl OpenClipPreprocess {
    /// How pictures of `image_px` pixels an edge are prepared.
    fn processor(self, image_px: usize) -> ImageProcessor {
        let usual = ImageProcessor::clip(image_px);
        let (resize, crop_px) = match self.resize_mode {
            None | Some(OpenClipResize::Shortest) => (usual.resize, usual.crop_px),
            Some(OpenClipResize::Squash) => (Some(Resize::Exact(image_px, image_px)), None),
        };
        let filter = match self.interpolation {
            None | Some(OpenClipFilter::Bicubic) => Filter::Bicubic,
            Some(OpenClipFilter::Bilinear) => Filter::Bilinear,
        };
        ImageProcessor {
            resize,
            filter,
            crop_px,
            crop_start: CropStart::TiesToEven,
            mean: self.mean.unwrap_or(usual.mean),
            deviation: self.std.unwrap_or(usual.deviation),
            ..usual
        }
    }
}

fn usual_head() -> usize {
    64
}

fn usual_ratio() -> f64 {
    4.0
}

impl ClipConfig {
    /// Reads the sizes in `folder`, and how its pictures are prepared.
    pub fn read(folder: &Path) -> Result<(Self, ImageProcessor), VisionError> {
        let (path, config, processor) = if ClipLayout::of(folder) == ClipLayout::OpenClip {
            let path = folder.join(OPEN_CLIP_FILE);
            let file: OpenClipFile = read_json(&path)?;
            let processor = file.preprocess_cfg.processor(file.model_cfg.vision_cfg.image_size);
            (path, Self::of_open_clip(file.model_cfg), processor)
        } else {
            let path = folder.join(HF_FILE);
            let hf: HfClip = read_json(&path)?;
            let usual = ImageProcessor::clip(hf.vision_config.image_size);
            let processor = ImageProcessor::read(folder, usual)?;
            (path, Self::of_hf(hf), processor)
        };
        let fault = |reason: String| VisionError::Config { path: path.clone(), reason };
        let config = config.map_err(fault)?;
        match config.fault() {
            Some(reason) => Err(fault(reason)),
            None => Ok((config, processor)),
        }
    }

    fn of_hf(hf: HfClip) -> Result<Self, String> {
        let HfClip { model_type, projection_dim, text_config: text, vision_config: vision } = hf;
        if model_type != "clip" {
            return Err(format!("model_type: is '{model_type}', must be 'clip'"));
        }
        if vision.num_channels != 3 {
            return Err(format!("num_channels: is {}, must be 3", vision.num_channels));
        }
        let vision = VitConfig {
            image_px: vision.image_size,
            patch_px: vision.patch_size,
            width: vision.hidden_size,
            depth: vision.num_hidden_layers,
            heads: vision.num_attention_heads,
            hidden: vision.intermediate_size,
            activation: vision.hidden_act,
            epsilon: vision.layer_norm_eps,
            positions: PositionFilter::FourNeighbours,
            ..usual_vision()
        };
        let text = ClipTextConfig {
            vocabulary: text.vocab_size,
            context: text.max_position_embeddings,
            width: text.hidden_size,
            depth: text.num_hidden_layers,
            heads: text.num_attention_heads,
            hidden: text.intermediate_size,
            activation: text.hidden_act,
            epsilon: text.layer_norm_eps,
        };
        Ok(Self { layout: ClipLayout::HuggingFace, projection: projection_dim, vision, text })
    }

    fn of_open_clip(model: OpenClipModel) -> Result<Self, String> {
        let OpenClipModel { embed_dim, quick_gelu, vision_cfg: vision, text_cfg: text } = model;
        let activation = if quick_gelu { Activation::QuickGelu } else { Activation::Gelu };
        if vision.head_width == 0 {
            return Err("vision_cfg.head_width: is 0".into());
        }
        if !(0.1..=64.0).contains(&vision.mlp_ratio) {
            return Err(format!("vision_cfg.mlp_ratio: is {}", vision.mlp_ratio));
        }
        let vision = VitConfig {
            image_px: vision.image_size,
            patch_px: vision.patch_size,
            width: vision.width,
            depth: vision.layers,
            heads: vision.width / vision.head_width,
            hidden: (vision.width as f64 * vision.mlp_ratio) as usize,
            activation,
            epsilon: 1e-5,
            positions: PositionFilter::Antialiased,
            ..usual_vision()
        };
        let text = ClipTextConfig {
            vocabulary: text.vocab_size,
            context: text.context_length,
            width: text.width,
            depth: text.layers,
            heads: text.heads,
            hidden: text.width.saturating_mul(4),
            activation,
            epsilon: 1e-5,
        };
        Ok(Self { layout: ClipLayout::OpenClip, projection: embed_dim, vision, text })
    }

    fn fault(&self) -> Option<String> {
        let text = &self.text;
        // The text tower's blocks are those of pictures; its own sizes come besides.
        let blocks = VitConfig {
            width: text.width,
            depth: text.depth,
            heads: text.heads,
            hidden: text.hidden,
            epsilon: text.epsilon,
            ..VitConfig::default()
        };
        let within = [
            ("projection", self.projection, MOST_PROJECTION),
            ("vocabulary", text.vocabulary, 1 << 20),
            // Two tokens are the marks at the ends of a text.
            ("context", text.context.saturating_sub(2), 1 << 14),
        ];
        let text = blocks.fault().map(|fault| format!("text: {fault}"));
        self.vision.fault().map(|fault| format!("vision: {fault}")).or(text).or_else(|| {
            let wrong = within.into_iter().find(|(_, found, most)| !(1..=*most).contains(found));
            wrong.map(|(what, found, most)| format!("{what} is {found}, of at most {most}"))
        })
    }
}

/// What all CLIP picture towers have in common.
fn usual_vision() -> VitConfig {
    VitConfig { class_token: true, patch_bias: false, pre_norm: true, ..VitConfig::default() }
}
