//! SAM's prompts: points, boxes and masks to tokens and to an embedding of each place of a picture.

use candle_core::{Device, Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};

use super::super::checkpoint::Checkpoint;
use super::super::norm::LayerNorm;
use super::super::transformer::Activation;
use super::config::SamConfig;
use super::{Computed, channel_norm};
use crate::vision::VisionError;

/// What is asked for. Positions are pixels of the picture as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamPrompt {
    /// Points (x, y), and whether the thing is there (or is not).
    pub points_px: Vec<([f32; 2], bool)>,
    /// Left, top, right, bottom of a box around the thing.
    pub box_px: Option<[f32; 4]>,
    /// A mask that went before, `(4 grid)²` numbers above and below zero, row by row; see
    /// [`super::SamAnswer::logits`].
    pub mask: Option<Vec<f32>>,
}

#[derive(Debug)]
pub(super) struct PromptEncoder {
    /// `(2, width / 2)`: a random, fixed map of places to angles.
    angles: Tensor,
    /// Not the thing, the thing, upper left corner, lower right corner; `(1, width)` each.
    kinds: [Tensor; 4],
    no_point: Tensor,
    no_mask: Tensor,
    mask: MaskEmbedding,
    image_px: usize,
    grid: usize,
}

#[derive(Debug)]
struct MaskEmbedding {
    steps: [(Conv2d, LayerNorm); 2],
    last: Conv2d,
    activation: Activation,
}

impl PromptEncoder {
    pub fn load(config: &SamConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let prompt = &config.prompt_encoder_config;
        let (width, channels) = (prompt.hidden_size, prompt.mask_input_channels);
        // The same numbers stand in the file once more, under `prompt_encoder.shared_embedding`.
        let angles = from.tensor("shared_image_embedding.positional_embedding", &[2, width / 2])?;
        let mut token =
            |name: &str| from.tensor(&format!("prompt_encoder.{name}.weight"), &[1, width]);
        let kinds = [
            token("point_embed.0")?,
            token("point_embed.1")?,
            token("point_embed.2")?,
            token("point_embed.3")?,
        ];
        let (no_point, no_mask) = (token("not_a_point_embed")?, token("no_mask_embed")?);
        let halved = Conv2dConfig { stride: 2, ..Conv2dConfig::default() };
        let named = |part: &str| format!("prompt_encoder.mask_embed.{part}");
        let epsilon = prompt.layer_norm_eps;
        let few = channels / 4;
        let first = from.conv(&named("conv1"), [few, 1, 2], true, halved)?;
        let first = (first, from.norm(&named("layer_norm1"), few, epsilon)?);
        let second = from.conv(&named("conv2"), [channels, few, 2], true, halved)?;
        let second = (second, from.norm(&named("layer_norm2"), channels, epsilon)?);
        let plain = Conv2dConfig::default();
        let last = from.conv(&named("conv3"), [width, channels, 1], true, plain)?;
        let mask = MaskEmbedding { steps: [first, second], last, activation: prompt.hidden_act };
        let (image_px, grid) = (config.vision_config.image_size, config.grid());
        Ok(Self { angles, kinds, no_point, no_mask, mask, image_px, grid })
    }

    /// Positions of all patches, row by row: `(1, places, width)`.
    pub fn grid_positions(&self) -> Computed {
        let grid = self.grid as f32;
        let places = (0..self.grid).flat_map(|row| {
            (0..self.grid)
                .map(move |column| [(column as f32 + 0.5) / grid, (row as f32 + 0.5) / grid])
        });
        self.positions(places)?.unsqueeze(0)
    }

    /// Tokens of single points on things, one prompt each: `(prompts, 2, width)`. Places are pixels
    /// of the picture as the tower sees it.
    pub fn points(&self, places_px: &[[f32; 2]]) -> Computed {
        let positions = self.positions(places_px.iter().map(|place| self.share(*place)))?;
        let there = positions.broadcast_add(&self.kinds[1])?.unsqueeze(1)?;
        let (count, _, width) = there.dims3()?;
        let none = self.no_point.unsqueeze(0)?.broadcast_as((count, 1, width))?;
        Tensor::cat(&[&there, &none], 1)
    }

    /// Tokens of one prompt, `(1, tokens, width)`, none where there is neither point nor box; its
    /// positions are pixels of the picture as the tower sees it.
    pub fn tokens(&self, prompt: &SamPrompt) -> Result<Option<Tensor>, candle_core::Error> {
        let mut rows = Vec::new();
        for (place, there) in &prompt.points_px {
            let position = self.positions(std::iter::once(self.share(*place)))?;
            rows.push((position + &self.kinds[usize::from(*there)])?);
        }
        match prompt.box_px {
            Some([left, top, right, bottom]) => {
                for (place, kind) in [([left, top], 2), ([right, bottom], 3)] {
                    let position = self.positions(std::iter::once(self.share(place)))?;
                    rows.push((position + &self.kinds[kind])?);
                }
            }
            None if !rows.is_empty() => rows.push(self.no_point.clone()),
            None => return Ok(None),
        }
        Ok(Some(Tensor::cat(&rows, 0)?.unsqueeze(0)?))
    }

    /// What stands for no mask, the same everywhere: `(1, 1, width)`.
    pub fn no_mask(&self) -> Computed {
        self.no_mask.unsqueeze(0)
    }

    /// Embedding of a mask of `(4 grid)²` numbers, row by row: `(1, places, width)`.
    pub fn mask(&self, mask: &[f32]) -> Computed {
        let side = 4 * self.grid;
        let mut x = Tensor::from_slice(mask, (1, 1, side, side), self.device())?;
        for (conv, norm) in &self.mask.steps {
            x = self.mask.activation.apply(channel_norm(norm, &conv.forward(&x)?)?)?;
        }
        self.mask.last.forward(&x)?.flatten_from(2)?.transpose(1, 2)
    }

    /// Where its tensors live.
    pub fn device(&self) -> &Device {
        self.angles.device()
    }

    /// The middle of a pixel as a share of the edge.
    fn share(&self, place_px: [f32; 2]) -> [f32; 2] {
        place_px.map(|at| (at + 0.5) / self.image_px as f32)
    }

    /// Sines and cosines of places within 0..=1: `(places, width)`.
    fn positions(&self, places: impl Iterator<Item = [f32; 2]>) -> Computed {
        let around: Vec<f32> = places.flatten().map(|at| 2.0 * at - 1.0).collect();
        let count = around.len() / 2;
        let places = Tensor::from_vec(around, (count, 2), self.device())?;
        let angles = (places.matmul(&self.angles)? * std::f64::consts::TAU)?;
        Tensor::cat(&[angles.sin()?, angles.cos()?], 1)
    }
}
