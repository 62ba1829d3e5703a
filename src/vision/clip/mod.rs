//! CLIP: pictures and texts in one space (arXiv 2103.00020), as OpenAI and LAION published it.
//!
//! What the picture tower gives to a patch can be read in two ways. In the *text space*, a patch is
//! compared with words; by MaskCLIP's way (arXiv 2112.01071) the last block hands every patch its
//! own value instead of a mixture of all, since it is the mixture that was trained to speak for the
//! whole picture. As *patches*, a feature is the tower's own output, better for telling places
//! apart and not comparable with words.

mod config;
mod text;
mod tokenizer;
mod vision;
mod words;

#[cfg(test)]
mod parity;

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candle_nn::{Linear, Module};

pub use config::{ClipConfig, ClipLayout, ClipTextConfig};
pub use vision::{ClipFeatures, ClipVision};
pub use words::ClipText;

use super::checkpoint::{Checkpoint, TensorShape};
use super::tower::Tower;
use super::vit_names::{HF_CLIP, OPEN_CLIP};
use super::{ImageProcessor, Placement, VisionError};
use text::TextTower;

/// Name in errors and manifests.
const NAME: &str = "clip";
/// Buffers and numbers that features do not need, by how their names end.
const UNUSED: [&str; 4] = ["position_ids", "logit_scale", "logit_bias", "attn_mask"];
/// Weights in open_clip's own layout; its folders may hold Hugging Face's as well.
const OPEN_CLIP_FILES: [&str; 2] = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"];

/// A folder with the weights of a CLIP model.
#[derive(Debug)]
pub(super) struct ClipFolder {
    path: PathBuf,
    config: ClipConfig,
    processor: ImageProcessor,
}

impl ClipFolder {
    /// Reads the sizes in `folder`.
    pub fn read(folder: &Path) -> Result<Self, VisionError> {
        let (config, processor) = ClipConfig::read(folder)?;
        Ok(Self { path: folder.into(), config, processor })
    }

    /// Names and shapes of its tensors as the sizes have them.
    pub fn wanted(&self) -> Result<Vec<TensorShape>, VisionError> {
        Checkpoint::listing(NAME, |from| self.whole(from))
    }

    /// Every tensor that is missing, has another shape or is not asked for.
    pub fn faults(&self) -> Result<Vec<String>, VisionError> {
        Ok(self.checkpoint(&Device::Cpu)?.faults(&self.wanted()?, &UNUSED))
    }

    /// Its tensors, checked against the sizes.
    fn open(&self, on: impl Into<Placement>) -> Result<Checkpoint, VisionError> {
        self.checkpoint(on)?.checked(&UNUSED, |from| self.whole(from))
    }

    /// Name of the space that pictures and texts share. Two models with spaces of one width are told
    /// apart by a hash (FNV-1a) of the maps into them.
    fn space(&self, from: &mut Checkpoint) -> Result<String, VisionError> {
        let (_, picture) = projection_names(self.config.layout);
        let picture = Projection::load(&self.config, picture, self.config.vision.width, from)?;
        let values: Vec<f32> = picture.0.weight().flatten_all()?.to_vec1()?;
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Ok(format!("{NAME} {hash:016x}"))
    }

    fn checkpoint(&self, on: impl Into<Placement>) -> Result<Checkpoint, VisionError> {
        let own = OPEN_CLIP_FILES.map(|name| self.path.join(name));
        let own = own.iter().find(|path| path.exists());
        let own = own.filter(|_| self.config.layout == ClipLayout::OpenClip);
        Checkpoint::open(NAME, own.unwrap_or(&self.path), on)
    }

    fn whole(&self, from: &mut Checkpoint) -> Result<(), VisionError> {
        load_vision(&self.config, from)?;
        load_text(&self.config, from)?;
        Ok(())
    }
}

/// The picture tower and its way into the shared space.
fn load_vision(
    config: &ClipConfig,
    from: &mut Checkpoint,
) -> Result<(Tower, Projection), VisionError> {
    let (names, prefix) = match config.layout {
        ClipLayout::HuggingFace => (&HF_CLIP, "vision_model."),
        ClipLayout::OpenClip => (&OPEN_CLIP, "visual."),
    };
    let (_, projection) = projection_names(config.layout);
    let tower = Tower::load(&config.vision, names, prefix, from)?;
    Ok((tower, Projection::load(config, projection, config.vision.width, from)?))
}

/// The text tower and its way into the shared space.
fn load_text(
    config: &ClipConfig,
    from: &mut Checkpoint,
) -> Result<(TextTower, Projection), VisionError> {
    let (projection, _) = projection_names(config.layout);
    let tower = TextTower::load(config, from)?;
    Ok((tower, Projection::load(config, projection, config.text.width, from)?))
}

/// What the maps of texts and of pictures into the shared space are called.
fn projection_names(layout: ClipLayout) -> (&'static str, &'static str) {
    match layout {
        ClipLayout::HuggingFace => ("text_projection.weight", "visual_projection.weight"),
        ClipLayout::OpenClip => ("text_projection", "visual.proj"),
    }
}

/// A linear map into the space that pictures and texts share.
#[derive(Debug)]
struct Projection(Linear);

impl Projection {
    fn load(
        config: &ClipConfig,
        name: &str,
        width: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let weight = match config.layout {
            ClipLayout::HuggingFace => from.tensor(name, &[config.projection, width])?,
            // open_clip multiplies from the other side.
            ClipLayout::OpenClip => from.tensor(name, &[width, config.projection])?.t()?,
        };
        Ok(Self(Linear::new(weight, None)))
    }

    /// Vectors `(…, width)` in the shared space, of length 1.
    fn unit(&self, x: &Tensor) -> Result<Tensor, candle_core::Error> {
        let x = self.0.forward(x)?;
        let length = x.sqr()?.sum_keepdim(candle_core::D::Minus1)?.sqrt()?;
        // What has no direction stays as it is rather than becoming no number.
        x.broadcast_div(&length.maximum(1e-12)?)
    }
}
