//! Grounding DINO: boxes of what words mean (arXiv 2303.05499), from checkpoints in Hugging Face's
//! `GroundingDinoForObjectDetection` layout.
//!
//! A Swin backbone sees the picture, BERT reads the names; in the encoder the two look at each other,
//! the places that are most like a word become boxes, and the decoder moves these. How much a box is
//! like a word is a product of the two.

mod bert;
mod config;
mod decoder;
mod deformable;
mod detection;
mod encoder;
mod prompt;
mod pyramid;
mod swin;
mod swin_config;
mod waves;

#[cfg(test)]
mod parity;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Module, Tensor};
use image::RgbImage;

pub use config::{BertConfig, GroundingDinoConfig};
pub use detection::Detection2d;
pub use swin_config::SwinConfig;

use super::attention::{Attention, Perceptron};
use super::checkpoint::{Checkpoint, TensorShape};
use super::detector::go_on;
use super::linear::Linear;
use super::{ImageProcessor, Placement, VisionError};
use bert::Bert;
use decoder::{Decoder, Proposals};
use detection::{Answer, Thresholds};
use encoder::{EncoderLayer, Text};
use prompt::{Prompt, Prompter};
use pyramid::{Level, Neck, Pyramid};
use swin::Swin;
use waves::{TEMPERATURE, Waves};

type Computed = Result<Tensor, candle_core::Error>;

/// Name in errors.
const NAME: &str = "grounding dino";
/// Buffers, and copies of the map that moves boxes.
const UNUSED: [&str; 4] =
    ["relative_position_index", "position_ids", "bbox_embed.", "model.decoder.bbox_embed."];
/// Most prompts whose words are kept: a quarter of a megabyte each, with public models.
const MOST_READ: usize = 128;
/// Edges of pictures where no processor is given, pixels: the shorter one, and the most that the
/// longer one has.
const EDGES_PX: (usize, usize) = (800, 1333);

/// The model.
#[derive(Debug)]
pub struct GroundingDino {
    config: GroundingDinoConfig,
    processor: ImageProcessor,
    prompter: Prompter,
    parts: Parts,
    device: Device,
}

#[derive(Debug)]
struct Parts {
    backbone: Swin,
    neck: Neck,
    bert: Bert,
    text_map: Linear,
    /// The words of prompts that were read, by their tokens: a robot looks for the same in every picture.
    read: Mutex<HashMap<Vec<u32>, Tensor>>,
    waves: Waves,
    encoder: Vec<EncoderLayer>,
    proposals: Proposals,
    decoder: Decoder,
}

/// What the encoder has made of a picture and a prompt.
#[derive(Debug)]
struct Encoded {
    /// `(1, places, width)`.
    places: Tensor,
    /// `(1, tokens, width)`.
    words: Tensor,
}

impl GroundingDino {
    /// Loads the model in `folder`: `config.json`, `tokenizer.json` and safetensors.
    pub fn load(folder: &Path, on: impl Into<Placement>) -> Result<Self, VisionError> {
        let (config, processor) = Self::sizes(folder)?;
        let prompter = Prompter::open(folder, &config)?;
        let on = on.into();
        let checkpoint = Checkpoint::open(NAME, folder, &on)?;
        let load = |from: &mut Checkpoint| Parts::load(&config, from);
        let parts = load(&mut checkpoint.checked(&UNUSED, load)?)?;
        Ok(Self { config, processor, prompter, parts, device: on.device })
    }

    /// The sizes of the model in `folder`, and how its pictures are prepared.
    pub(super) fn sizes(
        folder: &Path,
    ) -> Result<(GroundingDinoConfig, ImageProcessor), VisionError> {
        let usual = ImageProcessor::detr(EDGES_PX.0, EDGES_PX.1);
        Ok((GroundingDinoConfig::read(folder)?, ImageProcessor::read(folder, usual)?))
    }

    /// Names and shapes of the tensors of a model in `folder` as its sizes have them.
    pub(super) fn wanted(folder: &Path) -> Result<Vec<TensorShape>, VisionError> {
        let config = GroundingDinoConfig::read(folder)?;
        Checkpoint::listing(NAME, |from| Parts::load(&config, from))
    }

    /// Every tensor of the model in `folder` that is missing, has another shape or is not asked for, and
    /// what keeps it from reading names.
    pub(super) fn faults(folder: &Path) -> Result<Vec<String>, VisionError> {
        let (config, _) = Self::sizes(folder)?;
        let checkpoint = Checkpoint::open(NAME, folder, &Device::Cpu)?;
        let mut faults = checkpoint.faults(&Self::wanted(folder)?, &UNUSED);
        faults.extend(Prompter::open(folder, &config).err().map(|fault| fault.to_string()));
        Ok(faults)
    }

    /// Passes of a picture that `names` take with the model in `folder`; see [`Self::detect`]. Only
    /// its sizes and its tokenizer are read.
    ///
    /// # Errors
    ///
    /// When these cannot be read, and for names as [`VisionError::BadText`] tells.
    pub fn passes(folder: &Path, names: &[&str]) -> Result<usize, VisionError> {
        let config = GroundingDinoConfig::read(folder)?;
        Ok(Prompter::open(folder, &config)?.prompts(names)?.len())
    }

    /// The sizes.
    pub fn config(&self) -> &GroundingDinoConfig {
        &self.config
    }

    /// Boxes of what `names` mean in a picture, surest first: those of which the model is surer than
    /// `box_threshold` (0.25 is the reference's), with the words of which it is surer than
    /// `text_threshold` (0.25 as well).
    ///
    /// Names that do not fit into one text are asked for in several passes, of which each costs as
    /// much as the first but for the backbone. Passes know nothing of each other, so that one thing
    /// may have boxes under names of several.
    ///
    /// # Errors
    ///
    /// For pictures without pixels, and for names as [`VisionError::BadText`] tells.
    pub fn detect(
        &self,
        image: &RgbImage,
        names: &[&str],
        box_threshold: f32,
        text_threshold: f32,
    ) -> Result<Vec<Detection2d>, VisionError> {
        self.detect_while(image, names, [box_threshold, text_threshold], &|| true)
    }

    /// The same, which ends early when `wanted` says no: it is asked before every stage of the
    /// backbone, layer of the encoder, and pass through the decoder. `thresholds` are those of boxes
    /// and of words.
    ///
    /// # Errors
    ///
    /// [`VisionError::Unwanted`] when it ended early, and as of [`Self::detect`].
    pub fn detect_while(
        &self,
        image: &RgbImage,
        names: &[&str],
        [box_threshold, text_threshold]: [f32; 2],
        wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<Detection2d>, VisionError> {
        let prompts = self.prompter.prompts(names)?;
        let (pixels, seen_px) = self.pixels(image)?;
        let pyramid = self.parts.pyramid(&pixels, seen_px, wanted)?;
        let thresholds = Thresholds {
            of_box: box_threshold,
            of_word: text_threshold,
            context: self.config.max_text_len,
        };
        let size_px = [image.width() as f32, image.height() as f32];
        let mut found = Vec::new();
        for prompt in &prompts {
            let encoded = self.parts.encode(&pyramid, prompt, wanted)?;
            go_on(NAME, wanted)?;
            let answer = self.parts.answer(&pyramid, &encoded)?;
            found.extend(answer.detections(prompt, &self.prompter, thresholds, size_px)?);
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(found)
    }

    /// A picture as the backbone takes it in, and width and height of the part that is not filled up.
    fn pixels(&self, image: &RgbImage) -> Result<(Tensor, [usize; 2]), VisionError> {
        let pixels = self.processor.picture(image, &self.device)?;
        let (_, _, height, width) = pixels.dims4()?;
        let (across, down) = self.processor.scaled_size(image)?;
        Ok((pixels, [across.min(width), down.min(height)]))
    }
}

impl Parts {
    fn load(config: &GroundingDinoConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let prefix = "model.backbone.conv_encoder.model";
        let (text, width) = (&config.text_config, config.d_model);
        Ok(Self {
            backbone: Swin::load(&config.backbone_config, prefix, from)?,
            neck: Neck::load(config, from)?,
            bert: Bert::load(text, "model.text_backbone", from)?,
            text_map: from.linear("model.text_projection", text.hidden_size, width)?,
            read: Mutex::default(),
            waves: Waves::new(width, TEMPERATURE),
            encoder: (0..config.encoder_layers)
                .map(|index| EncoderLayer::load(config, index, from))
                .collect::<Result<_, _>>()?,
            proposals: Proposals::load(config, from)?,
            decoder: Decoder::load(config, from)?,
        })
    }

    /// The places of a picture before it has met any words.
    fn pyramid(
        &self,
        pixels: &Tensor,
        seen_px: [usize; 2],
        wanted: &dyn Fn() -> bool,
    ) -> Result<Pyramid, VisionError> {
        let (_, _, height, width) = pixels.dims4()?;
        let maps = self.backbone.forward(pixels, wanted)?;
        Ok(self.neck.forward(&maps, [width, height], seen_px)?)
    }

    /// The words of a prompt, which are read once, before they have met the picture: `(1, tokens, width)`.
    fn words(&self, prompt: &Prompt, mask: &Tensor) -> Computed {
        let read = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let known = read().get(&prompt.tokens).cloned();
        if let Some(words) = known {
            return Ok(words);
        }
        let tokens = Tensor::new(prompt.tokens.as_slice(), mask.device())?;
        let places = Tensor::new(prompt.places(), mask.device())?;
        let words = self.text_map.forward(&self.bert.forward(&tokens, &places, mask)?)?;
        let mut read = read();
        if read.len() >= MOST_READ {
            read.clear();
        }
        read.insert(prompt.tokens.clone(), words.clone());
        Ok(words)
    }

    /// Picture and prompt behind the encoder.
    fn encode(
        &self,
        pyramid: &Pyramid,
        prompt: &Prompt,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Encoded, VisionError> {
        let (device, count) = (pyramid.places.device(), prompt.tokens.len());
        let mask = Tensor::from_vec(prompt.mask(), (count, count), device)?;
        let mut words = self.words(prompt, &mask)?;
        let positions = prompt.places().into_iter().flat_map(|place| self.waves.of(place as f32));
        let positions = Tensor::from_iter(positions, device)?.reshape((1, count, ()))?;
        let middles: Vec<[f32; 2]> = pyramid.levels.iter().flat_map(middles).collect();
        let mut places = pyramid.places.clone();
        for layer in &self.encoder {
            go_on(NAME, wanted)?;
            let text = Text { words: &words, positions: &positions, mask: &mask };
            (places, words) = layer.forward(&places, &text, pyramid, &middles)?;
        }
        Ok(Encoded { places, words })
    }

    /// Boxes, and how much each is like each token.
    fn answer(&self, pyramid: &Pyramid, encoded: &Encoded) -> Result<Answer, VisionError> {
        let Encoded { places, words } = encoded;
        let first = self.proposals.forward(places, words, pyramid)?;
        let (objects, boxes) = self.decoder.forward(first, places, words, pyramid)?;
        let logits = objects.matmul(&words.squeeze(0)?.t()?)?.to_vec2()?;
        Ok(Answer { logits, boxes })
    }
}

fn middles(level: &Level) -> impl Iterator<Item = [f32; 2]> {
    level.cells().map(|(row, column)| level.middle(row, column))
}

/// The attention called `name`, whose maps keep the width.
fn load_attention(
    config: &GroundingDinoConfig,
    name: &str,
    heads: usize,
    from: &mut Checkpoint,
) -> Result<Attention, VisionError> {
    let [q, k, v, out] = ["query", "key", "value", "out_proj"].map(|part| format!("{name}.{part}"));
    Attention::load([&q, &k, &v, &out], heads, [config.d_model; 2], from)
}

/// The perceptron called `name`, through these sizes.
fn load_perceptron(
    name: &str,
    sizes: &[usize],
    from: &mut Checkpoint,
) -> Result<Perceptron, VisionError> {
    let pairs = sizes.iter().zip(sizes.iter().skip(1)).enumerate();
    let maps = pairs.map(|(index, (inputs, outputs))| {
        from.linear(&format!("{name}.layers.{index}"), *inputs, *outputs)
    });
    maps.collect::<Result<_, _>>().map(Perceptron)
}
