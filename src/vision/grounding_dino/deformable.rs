//! Attention that looks at a few places of each scale, at distances it learned to choose
//! (Deformable DETR, arXiv 2010.04159).

use candle_core::{Module, Tensor};
use candle_nn::ops::softmax_last_dim;
use rayon::prelude::*;

use super::super::checkpoint::Checkpoint;
use super::super::linear::Linear;
use super::Computed;
use super::config::GroundingDinoConfig;
use super::pyramid::{Level, Pyramid};
use crate::vision::VisionError;

#[derive(Debug)]
pub(super) struct DeformableAttention {
    heads: usize,
    /// Places of a scale that a head looks at.
    points: usize,
    offsets: Linear,
    weights: Linear,
    value: Linear,
    out: Linear,
}

/// From where queries look, as shares of the picture's width and height.
#[derive(Debug, Clone, Copy)]
pub(super) enum Around<'a> {
    /// Places: x, y. Distances are in cells of each scale.
    Places(&'a [[f32; 2]]),
    /// Boxes: x and y of the middle, width, height. Distances are in shares of the box.
    Boxes(&'a [[f32; 4]]),
}

impl DeformableAttention {
    /// Loads the attention whose tensors begin with `prefix`.
    pub fn load(
        config: &GroundingDinoConfig,
        [heads, points]: [usize; 2],
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let width = config.d_model;
        let taps = heads * config.num_feature_levels * points;
        Ok(Self {
            heads,
            points,
            offsets: from.linear(&format!("{prefix}.sampling_offsets"), width, 2 * taps)?,
            weights: from.linear(&format!("{prefix}.attention_weights"), width, taps)?,
            value: from.linear(&format!("{prefix}.value_proj"), width, width)?,
            out: from.linear(&format!("{prefix}.output_proj"), width, width)?,
        })
    }

    /// What `queries` `(1, queries, width)`, positions added, find `around` these places or boxes
    /// among `places` `(1, places, width)` of `pyramid`.
    pub fn forward(
        &self,
        queries: &Tensor,
        around: Around,
        places: &Tensor,
        pyramid: &Pyramid,
    ) -> Computed {
        let (_, count, width) = queries.dims3()?;
        let mut value = self.value.forward(places)?;
        if let Some(filling) = &pyramid.filling {
            value = value.broadcast_mul(&filling.kept)?;
        }
        let weights = self.weights.forward(queries)?.reshape((count * self.heads, ()))?;
        let taps = Taps {
            heads: self.heads,
            points: self.points,
            width,
            levels: &pyramid.levels,
            value: numbers(&value)?,
            offsets: numbers(&self.offsets.forward(queries)?)?,
            weights: numbers(&softmax_last_dim(&weights)?)?,
        };
        let found = Tensor::from_vec(taps.gather(around), (1, count, width), queries.device())?;
        self.out.forward(&found)
    }
}

fn numbers(x: &Tensor) -> Result<Vec<f32>, candle_core::Error> {
    x.flatten_all()?.to_vec1()
}

/// All that is summed. The sums are made by loops on the CPU, wherever the tensors live: as tensor
/// operations they would take every value sixteen times over.
struct Taps<'a> {
    heads: usize,
    points: usize,
    width: usize,
    levels: &'a [Level],
    /// `(places, heads, head width)`.
    value: Vec<f32>,
    /// `(queries, heads, levels, points, 2)`.
    offsets: Vec<f32>,
    /// `(queries, heads, levels, points)`.
    weights: Vec<f32>,
}

impl Taps<'_> {
    /// `(queries, width)`.
    fn gather(&self, around: Around) -> Vec<f32> {
        let taps = self.heads * self.levels.len() * self.points;
        let mut found = vec![0.0; self.weights.len() / taps * self.width];
        let queries =
            self.weights.par_chunks_exact(taps).zip(self.offsets.par_chunks_exact(2 * taps));
        let queries = queries.zip(found.par_chunks_exact_mut(self.width)).enumerate();
        queries.for_each(|(query, ((weights, offsets), found))| {
            let each = self.levels.len() * self.points;
            let heads = weights.chunks_exact(each).zip(offsets.chunks_exact(2 * each));
            let head_width = self.width / self.heads;
            for (head, ((weights, offsets), found)) in
                heads.zip(found.chunks_exact_mut(head_width)).enumerate()
            {
                let taps = weights.iter().zip(offsets.chunks_exact(2)).enumerate();
                for (tap, (weight, offset)) in taps {
                    let Some(level) = self.levels.get(tap / self.points) else { continue };
                    let offset = [offset[0], offset[1]];
                    let at = around.place(query, offset, self.points, level);
                    self.add(level, head * head_width, at, *weight, found);
                }
            }
        });
        found
    }

    /// Adds what stands at a place of `level`, between four cells; nothing stands outside.
    fn add(&self, level: &Level, channel: usize, [x, y]: [f32; 2], weight: f32, sum: &mut [f32]) {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = (x - left, y - top);
        for (row, row_share) in [(top, 1.0 - lower_share), (top + 1.0, lower_share)] {
            for (column, column_share) in [(left, 1.0 - right_share), (left + 1.0, right_share)] {
                let inside = (0.0..level.rows as f32).contains(&row)
                    && (0.0..level.columns as f32).contains(&column);
                if !inside {
                    continue;
                }
                let cell = level.first + row as usize * level.columns + column as usize;
                let start = cell * self.width + channel;
                let Some(values) = self.value.get(start..start + sum.len()) else { continue };
                let share = weight * row_share * column_share;
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
            }
        }
    }
}

impl Around<'_> {
    /// Where in `level` a query looks, in cells: the middle of the first is 0.
    fn place(self, query: usize, offset: [f32; 2], points: usize, level: &Level) -> [f32; 2] {
        let (cells, share) = ([level.columns as f32, level.rows as f32], level.share());
        std::array::from_fn(|axis| {
            let at = match self {
                Self::Places(places) => {
                    places[query][axis] * share[axis] + offset[axis] / cells[axis]
                }
                Self::Boxes(boxes) => {
                    let one = boxes[query];
                    let (middle, size) = (one[axis] * share[axis], one[axis + 2] * share[axis]);
                    middle + offset[axis] / points as f32 * size * 0.5
                }
            };
            at * cells[axis] - 0.5
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One scale of 2×3 cells with values 0 to 5, one head, one channel.
    fn look(at: [f32; 2], offset: [f32; 2]) -> f32 {
        let level = Level { rows: 2, columns: 3, seen_rows: 2, seen_columns: 3, first: 0 };
        let taps = Taps {
            heads: 1,
            points: 1,
            width: 1,
            levels: &[level],
            value: (0..6u8).map(f32::from).collect(),
            offsets: offset.to_vec(),
            weights: vec![1.0],
        };
        taps.gather(Around::Places(&[at]))[0]
    }

    #[test]
    fn places_between_cells_are_mixed_and_nothing_stands_outside() {
        let first = [0.5 / 3.0, 0.25];
        approx::assert_relative_eq!(look(first, [0.0, 0.0]), 0.0, epsilon = 1e-6);
        approx::assert_relative_eq!(look(first, [2.0, 1.0]), 5.0, epsilon = 1e-5);
        approx::assert_relative_eq!(look(first, [0.5, 0.5]), 2.0, epsilon = 1e-5);
        // Half of what is mixed lies beyond the right edge.
        approx::assert_relative_eq!(look(first, [2.5, 1.0]), 2.5, epsilon = 1e-5);
        assert_eq!(look(first, [1e30, 0.0]), 0.0);
        assert_eq!(look(first, [f32::NAN, 0.0]), 0.0);
    }
}
