//! From places that are like the words to boxes: first boxes come from the best places, then layer by
//! layer each looks at the others, at the words and at the picture, and moves.

use candle_core::{Device, Module, Tensor};

use super::super::attention::{Attention, Perceptron};
use super::super::checkpoint::Checkpoint;
use super::super::norm::LayerNorm;
use super::config::GroundingDinoConfig;
use super::deformable::{Around, DeformableAttention};
use super::encoder::Network;
use super::pyramid::Pyramid;
use super::waves::{TEMPERATURE, Waves};
use super::{Computed, load_attention, load_perceptron};
use crate::vision::VisionError;

/// Box shares are kept so far from 0 and 1 before they become logits.
const MARGIN: f32 = 1e-5;

/// x and y of the middle, width and height, as shares of the picture's.
pub(super) type BoxShare = [f32; 4];

#[derive(Debug)]
pub(super) struct Decoder {
    /// What boxes begin with: `(queries, width)`.
    queries: Tensor,
    layers: Vec<DecoderLayer>,
    norm: LayerNorm,
    waves: Waves,
    /// From waves of a box to its position.
    positions: Perceptron,
    /// How boxes move behind each layer; one for all where they share it.
    moves: Vec<Perceptron>,
}

#[derive(Debug)]
struct DecoderLayer {
    among: Attention,
    among_norm: LayerNorm,
    to_text: Attention,
    text_norm: LayerNorm,
    to_picture: DeformableAttention,
    picture_norm: LayerNorm,
    network: Network,
}

/// Picks the places at which boxes begin.
#[derive(Debug)]
pub(super) struct Proposals {
    map: crate::vision::linear::Linear,
    norm: LayerNorm,
    boxes: Perceptron,
    /// Most boxes.
    count: usize,
}

impl Proposals {
    pub fn load(config: &GroundingDinoConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let width = config.d_model;
        Ok(Self {
            map: from.linear("model.enc_output", width, width)?,
            norm: from.norm("model.enc_output_norm", width, config.layer_norm_eps)?,
            boxes: load_perceptron(
                "model.encoder_output_bbox_embed",
                &[width, width, width, 4],
                from,
            )?,
            count: config.num_queries,
        })
    }

    /// First boxes, those at places most like a word first.
    pub fn forward(
        &self,
        places: &Tensor,
        words: &Tensor,
        pyramid: &Pyramid,
    ) -> Result<Vec<BoxShare>, candle_core::Error> {
        let starts = starts(pyramid);
        let kept = starts.iter().map(|start| if start.is_some() { 1f32 } else { 0.0 });
        let kept = Tensor::from_iter(kept, places.device())?.reshape((1, starts.len(), 1))?;
        let objects = self.norm.forward(&self.map.forward(&places.broadcast_mul(&kept)?)?)?;
        let likeness = objects.matmul(&words.t()?)?.max(2)?.squeeze(0)?.to_vec1::<f32>()?;
        let mut order: Vec<u32> = (0..likeness.len() as u32).collect();
        order.sort_by(|a, b| likeness[*b as usize].total_cmp(&likeness[*a as usize]));
        order.truncate(self.count);
        let chosen = Tensor::new(order.as_slice(), places.device())?;
        let moves = self.boxes.forward(&objects.index_select(&chosen, 1)?)?;
        let moves = moves.squeeze(0)?.to_vec2::<f32>()?;
        let boxes = order.iter().zip(moves).map(|(place, moves)| {
            // A place that is none begins as a box over everything.
            let start =
                starts[*place as usize].map_or([f32::INFINITY; 4], |share| share.map(logit));
            moved(start, &moves)
        });
        Ok(boxes.collect())
    }
}

/// A box around each place, the larger the coarser its scale; none at the edge and beside the
/// picture.
fn starts(pyramid: &Pyramid) -> Vec<Option<BoxShare>> {
    let mut starts = Vec::new();
    for (scale, level) in (0i32..).zip(&pyramid.levels) {
        let size = 0.05 * 2f32.powi(scale);
        starts.extend(level.cells().map(|(row, column)| {
            let [x, y] = level.middle(row, column);
            let share = [x, y, size, size];
            let inside = share.iter().all(|part| *part > 0.01 && *part < 0.99);
            (inside && level.is_seen(row, column)).then_some(share)
        }));
    }
    starts
}

fn logit(share: f32) -> f32 {
    (share / (1.0 - share)).ln()
}

/// A box, given as logits, behind a move.
fn moved(logits: BoxShare, moves: &[f32]) -> BoxShare {
    let mut share = logits;
    for (share, by) in share.iter_mut().zip(moves) {
        *share = 1.0 / (1.0 + (-(*share + by)).exp());
    }
    share
}

impl Decoder {
    pub fn load(config: &GroundingDinoConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let (width, depth) = (config.d_model, config.decoder_layers);
        let queries =
            from.tensor("model.query_position_embeddings.weight", &[config.num_queries, width])?;
        let layers = (0..depth)
            .map(|index| DecoderLayer::load(config, index, from))
            .collect::<Result<_, _>>()?;
        let norm = from.norm("model.decoder.layer_norm", width, config.layer_norm_eps)?;
        let name = "model.decoder.reference_points_head";
        let positions = load_perceptron(name, &[2 * width, width, width], from)?;
        let heads = if config.decoder_bbox_embed_share { 1 } else { depth };
        let moves = (0..heads)
            .map(|head| {
                load_perceptron(&format!("bbox_embed.{head}"), &[width, width, width, 4], from)
            })
            .collect::<Result<_, _>>()?;
        let waves = Waves::new(width / 2, TEMPERATURE);
        Ok(Self { queries, layers, norm, waves, positions, moves })
    }

    /// What boxes have become, `(boxes, width)`, to be compared with words, and where they are.
    pub fn forward(
        &self,
        first: Vec<BoxShare>,
        places: &Tensor,
        words: &Tensor,
        pyramid: &Pyramid,
    ) -> Result<(Tensor, Vec<BoxShare>), candle_core::Error> {
        let mut boxes = first;
        let mut x = self.queries.narrow(0, 0, boxes.len())?.unsqueeze(0)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let positions = self.positions_of(&boxes, pyramid, places.device())?;
            x = layer.forward(&x, &positions, &boxes, places, words, pyramid)?;
            let Some(head) = self.moves.get(index).or(self.moves.last()) else { continue };
            // Boxes between layers move by what a box has become, the last ones by its norm.
            let last = index + 1 == self.layers.len();
            let moves =
                if last { head.forward(&self.norm.forward(&x)?)? } else { head.forward(&x)? };
            let moves = moves.squeeze(0)?.to_vec2::<f32>()?;
            for (one, moves) in boxes.iter_mut().zip(moves) {
                *one = moved(one.map(|share| logit(share.clamp(MARGIN, 1.0 - MARGIN))), &moves);
            }
        }
        Ok((self.norm.forward(&x)?.squeeze(0)?, boxes))
    }

    fn positions_of(&self, boxes: &[BoxShare], pyramid: &Pyramid, device: &Device) -> Computed {
        let share = pyramid.levels.first().map_or([1.0; 2], |level| level.share());
        let waves = boxes.iter().flat_map(|[x, y, width, height]| {
            // The row comes before the column.
            let parts = [y * share[1], x * share[0], width * share[0], height * share[1]];
            parts.into_iter().flat_map(|part| self.waves.of(part))
        });
        let waves = Tensor::from_iter(waves, device)?.reshape((1, boxes.len(), ()))?;
        self.positions.forward(&waves)
    }
}

impl DecoderLayer {
    fn load(
        config: &GroundingDinoConfig,
        index: usize,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("model.decoder.layers.{index}.{part}");
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let epsilon = config.layer_norm_eps;
        let sizes = [heads, config.decoder_n_points];
        let prefix = format!("model.decoder.layers.{index}");
        Ok(Self {
            among: load_attention(config, &named("self_attn"), heads, from)?,
            among_norm: from.norm(&named("self_attn_layer_norm"), width, epsilon)?,
            to_text: load_attention(config, &named("encoder_attn_text"), heads, from)?,
            text_norm: from.norm(&named("encoder_attn_text_layer_norm"), width, epsilon)?,
            to_picture: DeformableAttention::load(config, sizes, &named("encoder_attn"), from)?,
            picture_norm: from.norm(&named("encoder_attn_layer_norm"), width, epsilon)?,
            network: Network::load(
                config,
                &prefix,
                config.decoder_ffn_dim,
                "final_layer_norm",
                from,
            )?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        positions: &Tensor,
        boxes: &[BoxShare],
        places: &Tensor,
        words: &Tensor,
        pyramid: &Pyramid,
    ) -> Computed {
        let placed = (x + positions)?;
        let mixed = self.among.forward(&placed, &placed, x, None)?;
        let x = self.among_norm.forward(&(x + mixed)?)?;
        let told = self.to_text.forward(&(&x + positions)?, words, words, None)?;
        let x = self.text_norm.forward(&(x + told)?)?;
        let around = Around::Boxes(boxes);
        let seen = self.to_picture.forward(&(&x + positions)?, around, places, pyramid)?;
        self.network.forward(&self.picture_norm.forward(&(x + seen)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_move_and_stay_shares() {
        let still = [0.5, 0.25, 0.1, 0.9];
        approx::assert_relative_eq!(
            moved(still.map(logit), &[0.0; 4]).as_slice(),
            still.as_slice(),
            epsilon = 1e-6
        );
        assert_eq!(moved([f32::INFINITY; 4], &[-5.0; 4]), [1.0; 4]);
        assert!(moved(still.map(logit), &[3.0, -3.0, 0.0, 0.0])[0] > 0.9);
    }
}
