//! SAM: masks of things that are pointed at, or of all things (arXiv 2304.02643), from checkpoints in
//! Hugging Face's `SamModel` layout or in segment-anything's own; and MobileSAM (arXiv 2306.14289),
//! which has a smaller picture tower.

mod automatic;
mod config;
mod crossing;
mod decoder;
mod encoder;
mod layout;
mod mask;
mod prompts;
mod tensor_sizes;
mod tiny_vit;
mod upscale;

#[cfg(test)]
mod parity;

use std::path::Path;

use candle_core::{Device, Module, Tensor};
use image::RgbImage;

pub use automatic::AutomaticMasks;
pub(super) use automatic::POINTS_AT_ONCE;
pub use config::{SamConfig, SamDecoderConfig, SamPromptConfig, SamVisionConfig, TinyVitConfig};
pub use mask::{Mask, SegmentedMask};
pub use prompts::SamPrompt;

use super::checkpoint::{Checkpoint, TensorShape};
use super::norm::LayerNorm;
use super::{ImageProcessor, Placement, VisionError};
use decoder::{MaskDecoder, Places};
use encoder::PictureEncoder;
use layout::SamLayout;
use mask::Enlarger;
use prompts::PromptEncoder;
use tensor_sizes::TensorSizes;
use tiny_vit::TinyVit;

type Computed = Result<Tensor, candle_core::Error>;

/// Name in errors.
const NAME: &str = "sam";

/// The model.
#[derive(Debug)]
pub struct Sam {
    config: SamConfig,
    processor: ImageProcessor,
    parts: Parts,
}

#[derive(Debug)]
struct Parts {
    picture: PictureTower,
    prompts: PromptEncoder,
    decoder: MaskDecoder,
}

#[derive(Debug)]
enum PictureTower {
    Windows(Box<PictureEncoder>),
    Tiny(Box<TinyVit>),
}

/// A picture as SAM has seen it; any number of prompts may follow.
#[derive(Debug, Clone)]
pub struct SamPicture {
    /// What the tower made of it, row by row: `(1, places, width)`.
    embedding: Tensor,
    /// The same as prompts without a mask find it.
    places: Places,
    /// Width and height as it came, pixels.
    size_px: (usize, usize),
    /// Width and height as the tower sees it, pixels.
    scaled_px: (usize, usize),
}

/// What SAM answers to a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct SamAnswer {
    /// The mask, over the picture as it came, and how sure it is.
    pub mask: SegmentedMask,
    /// `(4 grid)²` numbers above zero where the thing is; the next prompt's [`SamPrompt::mask`].
    pub logits: Vec<f32>,
}

impl Sam {
    /// Loads a folder of Hugging Face's with `config.json` and safetensors; or segment-anything's or
    /// MobileSAM's one file (`sam_vit_b_01ec64.pth`, `mobile_sam.pt`), or a folder that holds it. Of
    /// these the sizes are read off the tensors; what the tensors do not tell (heads of the decoder,
    /// epsilon of its norms, edge of MobileSAM's pictures) is as published, or, where the folder has a
    /// `config.json`, as Hugging Face reads that.
    pub fn load(path: &Path, on: impl Into<Placement>) -> Result<Self, VisionError> {
        let (config, layout, checkpoint) = Self::open(path, on)?;
        let usual = ImageProcessor::sam(config.vision_config.image_size);
        let processor = match path.is_dir() {
            true => ImageProcessor::read(path, usual)?,
            false => usual,
        };
        let load = |from: &mut Checkpoint| Parts::load(&config, layout, from);
        let parts = load(&mut checkpoint.checked(layout.unused(), load)?)?;
        Ok(Self { config, processor, parts })
    }

    /// The tensors that the model at `path` needs, and which of them are missing, have another
    /// shape, or are not asked for.
    pub(super) fn check(path: &Path) -> Result<(Vec<TensorShape>, Vec<String>), VisionError> {
        let (config, layout, checkpoint) = Self::open(path, &Device::Cpu)?;
        let wanted = Self::wanted(&config, layout)?;
        let faults = checkpoint.faults(&wanted, layout.unused());
        Ok((wanted, faults))
    }

    /// The sizes of the model at `path`. Of its weights only the header is read.
    pub(super) fn sizes(path: &Path) -> Result<SamConfig, VisionError> {
        Self::open(path, &Device::Cpu).map(|(config, ..)| config)
    }

    fn open(
        path: &Path,
        on: impl Into<Placement>,
    ) -> Result<(SamConfig, SamLayout, Checkpoint), VisionError> {
        let checkpoint = Checkpoint::open(NAME, path, on)?;
        let layout = SamLayout::of(&checkpoint);
        let said = path.is_dir() && path.join("config.json").exists();
        let config = match layout {
            SamLayout::HuggingFace => SamConfig::read(path)?,
            _ if said => SamConfig::read(path)?,
            _ => SamConfig::of_authors(),
        };
        let config = config.sized(layout, &TensorSizes(checkpoint.shapes()));
        match config {
            Ok(config) => Ok((config, layout, checkpoint)),
            Err(reason) => Err(checkpoint.fault(reason)),
        }
    }

    /// Names and shapes of the tensors of a model of these sizes.
    fn wanted(config: &SamConfig, layout: SamLayout) -> Result<Vec<TensorShape>, VisionError> {
        Checkpoint::listing(NAME, |from| Parts::load(config, layout, from))
    }

    /// The sizes.
    pub fn config(&self) -> &SamConfig {
        &self.config
    }

    /// Looks at a picture.
    pub fn look(&self, image: &RgbImage) -> Result<SamPicture, VisionError> {
        self.look_while(image, &|| true)
    }

    /// The same, which ends early when `wanted` says no: it is asked before every block of the tower.
    ///
    /// # Errors
    ///
    /// [`VisionError::Unwanted`] when it ended early, and as of [`Self::look`].
    pub fn look_while(
        &self,
        image: &RgbImage,
        wanted: &dyn Fn() -> bool,
    ) -> Result<SamPicture, VisionError> {
        let pixels = self.processor.picture(image, self.parts.prompts.device())?;
        let edge = self.config.vision_config.image_size;
        let (_, _, height, width) = pixels.dims4()?;
        if (height, width) != (edge, edge) {
            let reason = format!(
                "the image processor makes {width}×{height} of pictures, not {edge}×{edge}"
            );
            return Err(super::checkpoint::bad(NAME, reason));
        }
        let embedding = self.parts.picture.forward(&pixels, wanted)?;
        let prompts = &self.parts.prompts;
        let places = Places::new(&embedding, &prompts.no_mask()?, prompts.grid_positions()?)?;
        Ok(SamPicture {
            embedding,
            places,
            size_px: (image.width() as usize, image.height() as usize),
            scaled_px: self.processor.scaled_size(image)?,
        })
    }

    /// Masks of what `prompt` means, best first: one where `several` is false; else as many as the
    /// model tells apart, for prompts such as a single point that can mean a thing, its part, or
    /// what it is part of.
    pub fn segment(
        &self,
        picture: &SamPicture,
        prompt: &SamPrompt,
        several: bool,
    ) -> Result<Vec<SamAnswer>, VisionError> {
        let side = 4 * self.config.grid();
        if let Some(mask) = &prompt.mask
            && mask.len() != side * side
        {
            let (width, height) = (side as u32, side as u32);
            let reason = format!("a prompt's mask has {} numbers", mask.len());
            return Err(VisionError::BadImage { extractor: NAME.into(), width, height, reason });
        }
        let prompts = &self.parts.prompts;
        let tokens = prompts.tokens(&picture.scaled(prompt))?;
        let places = match &prompt.mask {
            Some(mask) => picture.places.masked(&picture.embedding, &prompts.mask(mask)?)?,
            None => picture.places.clone(),
        };
        let (masks, quality) = self.decode(&places, tokens.as_ref(), several)?;
        let (masks, quality) = (masks.squeeze(0)?, quality.squeeze(0)?.to_vec1::<f32>()?);
        let enlarger = Enlarger::new(picture, side, self.config.vision_config.image_size)?;
        let mut answers = Vec::new();
        for (index, quality) in quality.into_iter().enumerate() {
            let logits = masks.get(index)?;
            let mask = enlarger.mask(&logits, quality)?;
            answers.push(SamAnswer { mask, logits: logits.flatten_all()?.to_vec1()? });
        }
        answers.sort_by(|a, b| b.mask.quality.total_cmp(&a.mask.quality));
        Ok(answers)
    }

    /// Masks `(prompts, masks, side, side)` before they are enlarged, and their quality.
    fn decode(
        &self,
        places: &Places,
        tokens: Option<&Tensor>,
        several: bool,
    ) -> Result<(Tensor, Tensor), candle_core::Error> {
        let several_masks = self.config.mask_decoder_config.num_multimask_outputs;
        let masks = if several { 1..1 + several_masks } else { 0..1 };
        self.parts.decoder.forward(places, tokens, masks)
    }
}

impl Parts {
    fn load(
        config: &SamConfig,
        layout: SamLayout,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        from.spell(layout.spelling());
        let picture = match &config.tiny_vit {
            Some(sizes) => PictureTower::Tiny(Box::new(TinyVit::load(config, sizes, from)?)),
            None => PictureTower::Windows(Box::new(PictureEncoder::load(config, from)?)),
        };
        let prompts = PromptEncoder::load(config, from)?;
        Ok(Self { picture, prompts, decoder: MaskDecoder::load(config, from)? })
    }
}

impl PictureTower {
    /// `pixels` `(1, 3, edge, edge)` to `(1, places, channels)`, row by row.
    fn forward(&self, pixels: &Tensor, wanted: &dyn Fn() -> bool) -> Result<Tensor, VisionError> {
        match self {
            Self::Windows(tower) => tower.forward(pixels, wanted),
            Self::Tiny(tower) => tower.forward(pixels, wanted),
        }
    }
}

impl SamPicture {
    /// A place of the picture as the tower sees it.
    fn place(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let ((width, height), (across, down)) = (self.size_px, self.scaled_px);
        [x * across as f32 / width as f32, y * down as f32 / height as f32]
    }

    fn scaled(&self, prompt: &SamPrompt) -> SamPrompt {
        let points = prompt.points_px.iter().map(|(at, there)| (self.place(*at), *there));
        let corners = prompt.box_px.map(|[left, top, right, bottom]| {
            let ([left, top], [right, bottom]) =
                (self.place([left, top]), self.place([right, bottom]));
            [left, top, right, bottom]
        });
        SamPrompt { points_px: points.collect(), box_px: corners, mask: None }
    }
}

/// A norm over the channels of `(batch, channels, rows, columns)`.
fn channel_norm(norm: &LayerNorm, x: &Tensor) -> Computed {
    norm.forward(&x.permute((0, 2, 3, 1))?)?.permute((0, 3, 1, 2))?.contiguous()
}
