//! From the backbone's maps to one list of places over all scales, each with its position.

use candle_core::{Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, GroupNorm};

use super::super::checkpoint::Checkpoint;
use super::config::{GROUPS, GroundingDinoConfig};
use super::waves::Waves;
use crate::vision::VisionError;

/// Epsilon of the norms over groups of channels: PyTorch's default.
const GROUP_EPSILON: f64 = 1e-5;

/// Maps into the model's width; scales smaller than the backbone's are made from its last.
#[derive(Debug)]
pub(super) struct Neck {
    maps: Vec<(Conv2d, GroupNorm)>,
    /// What tells a scale from the others: `(scales, width)`.
    scales: Tensor,
    waves: Waves,
}

/// One scale of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    pub rows: usize,
    pub columns: usize,
    /// Rows on which the picture stands; below it was filled up.
    pub seen_rows: usize,
    /// Columns on which the picture stands; right of it was filled up.
    pub seen_columns: usize,
    /// Number of its first place among those of all scales.
    pub first: usize,
}

/// All places of all scales.
#[derive(Debug)]
pub(super) struct Pyramid {
    pub levels: Vec<Level>,
    /// `(1, places, width)`.
    pub places: Tensor,
    /// Of the same shape.
    pub positions: Tensor,
    /// Where the picture was filled up, if it was.
    pub filling: Option<Filling>,
}

/// Which places are none of the picture's.
#[derive(Debug)]
pub(super) struct Filling {
    /// 1 for places of the picture, else 0: `(1, places, 1)`.
    pub kept: Tensor,
    /// Added to scores of attention to places: `(1, places)`.
    pub mask: Tensor,
}

impl Neck {
    pub fn load(config: &GroundingDinoConfig, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let (swin, width) = (&config.backbone_config, config.d_model);
        let widths: Vec<usize> = swin.stages().into_iter().map(|stage| swin.width(stage)).collect();
        let last = widths.last().copied().unwrap_or(width);
        let maps = (0..config.num_feature_levels)
            .map(|level| {
                let halved = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::default() };
                let (inputs, size, conv) = match widths.get(level) {
                    Some(inputs) => (*inputs, 1, Conv2dConfig::default()),
                    None if level == widths.len() => (last, 3, halved),
                    None => (width, 3, halved),
                };
                let name = format!("model.input_proj_vision.{level}");
                let map = from.conv(&format!("{name}.0"), [width, inputs, size], true, conv)?;
                let weight = from.tensor(&format!("{name}.1.weight"), &[width])?;
                let bias = from.tensor(&format!("{name}.1.bias"), &[width])?;
                Ok((map, GroupNorm::new(weight, bias, width, GROUPS, GROUP_EPSILON)?))
            })
            .collect::<Result<_, VisionError>>()?;
        let scales = from.tensor("model.level_embed", &[config.num_feature_levels, width])?;
        let waves = Waves::new(width / 2, config.positional_embedding_temperature);
        Ok(Self { maps, scales, waves })
    }

    /// The places of `maps` of a picture of `size_px`, of which the part of `seen_px` is not filled
    /// up; width and height each.
    pub fn forward(
        &self,
        maps: &[Tensor],
        size_px: [usize; 2],
        seen_px: [usize; 2],
    ) -> Result<Pyramid, candle_core::Error> {
        let (mut levels, mut places, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = maps.last().cloned();
        let mut first = 0;
        for (index, (map, norm)) in self.maps.iter().enumerate() {
            let projected = match (maps.get(index), &last) {
                (Some(own), _) => norm.forward(&map.forward(own)?)?,
                (None, Some(smaller)) => norm.forward(&map.forward(smaller)?)?,
                (None, None) => break,
            };
            if index >= maps.len() {
                last = Some(projected.clone());
            }
            let (_, _, rows, columns) = projected.dims4()?;
            let level = Level {
                rows,
                columns,
                seen_rows: seen(rows, size_px[1], seen_px[1]),
                seen_columns: seen(columns, size_px[0], seen_px[0]),
                first,
            };
            first += rows * columns;
            places.push(projected.flatten_from(2)?.transpose(1, 2)?);
            let own = Tensor::from_vec(
                level.positions(&self.waves),
                (1, rows * columns, projected.dim(1)?),
                projected.device(),
            )?;
            positions.push(own.broadcast_add(&self.scales.narrow(0, index, 1)?)?);
            levels.push(level);
        }
        let filling = Filling::of(&levels, self.scales.device())?;
        let (places, positions) = (Tensor::cat(&places, 1)?, Tensor::cat(&positions, 1)?);
        Ok(Pyramid { levels, places: places.contiguous()?, positions, filling })
    }
}

/// How many of `cells` along an edge of `edge_px` begin within its first `seen_px`, in 32 bits as
/// PyTorch finds the nearest pixel; at least one.
fn seen(cells: usize, edge_px: usize, seen_px: usize) -> usize {
    let scale = edge_px as f32 / cells as f32;
    (1..cells).take_while(|cell| ((*cell as f32 * scale) as usize) < seen_px).count() + 1
}

impl Level {
    /// Whether it has places beside the picture.
    pub fn is_filled(&self) -> bool {
        (self.seen_rows, self.seen_columns) != (self.rows, self.columns)
    }

    /// Row and column of every place, row by row.
    pub fn cells(&self) -> impl Iterator<Item = (usize, usize)> {
        let columns = self.columns;
        (0..self.rows * columns).map(move |at| (at / columns, at % columns))
    }

    /// Whether a place is one of the picture's.
    pub fn is_seen(&self, row: usize, column: usize) -> bool {
        row < self.seen_rows && column < self.seen_columns
    }

    /// The middle of a place as shares of the picture's width and height.
    pub fn middle(&self, row: usize, column: usize) -> [f32; 2] {
        [
            (column as f32 + 0.5) / self.seen_columns as f32,
            (row as f32 + 0.5) / self.seen_rows as f32,
        ]
    }

    /// What share of its width and height the picture takes.
    pub fn share(&self) -> [f32; 2] {
        [self.seen_columns as f32 / self.columns as f32, self.seen_rows as f32 / self.rows as f32]
    }

    /// The row in waves, then the column, of every place.
    fn positions(&self, waves: &Waves) -> Vec<f32> {
        // Beside the picture the reference goes on as it falls out; nothing reads it there.
        let along = |at: usize, seen: usize, beside: bool| {
            let count = if beside { 0 } else { (at + 1).min(seen) };
            let all = if beside { 0 } else { seen };
            waves.of(count as f32 / (all as f32 + 1e-6)).collect::<Vec<f32>>()
        };
        let table = |cells: usize, seen: usize| {
            (0..cells).map(|at| along(at, seen, false)).collect::<Vec<_>>()
        };
        let down = table(self.rows, self.seen_rows);
        let across = table(self.columns, self.seen_columns);
        let none = along(0, 0, true);
        let places = self.cells().flat_map(|(row, column)| {
            let row_waves = if column < self.seen_columns { &down[row] } else { &none };
            let column_waves = if row < self.seen_rows { &across[column] } else { &none };
            row_waves.iter().chain(column_waves).copied()
        });
        places.collect()
    }
}

impl Filling {
    fn of(
        levels: &[Level],
        device: &candle_core::Device,
    ) -> Result<Option<Self>, candle_core::Error> {
        if !levels.iter().any(Level::is_filled) {
            return Ok(None);
        }
        let seen = levels
            .iter()
            .flat_map(|level| level.cells().map(move |(row, column)| level.is_seen(row, column)));
        let seen: Vec<bool> = seen.collect();
        let kept = seen.iter().map(|seen| f32::from(u8::from(*seen)));
        let kept = Tensor::from_iter(kept, device)?.reshape((1, seen.len(), 1))?;
        let mask = seen.iter().map(|seen| if *seen { 0.0 } else { f32::NEG_INFINITY });
        let mask = Tensor::from_iter(mask, device)?.reshape((1, seen.len()))?;
        Ok(Some(Self { kept, mask }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_begin_in_the_picture_are_seen() {
        assert_eq!(seen(10, 80, 80), 10);
        assert_eq!(seen(10, 80, 73), 10);
        assert_eq!(seen(10, 80, 72), 9);
        assert_eq!(seen(3, 100, 1), 1);
        assert_eq!(seen(1, 5, 0), 1);
    }
}
