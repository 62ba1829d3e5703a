//! One rendered view as bytes of a fixed number, so that any one can be read without the others.

use super::homes::Sight;
use crate::sim::Rendered;
use crate::sim::household::World;
use crate::vision::scene_vit::{CELL_PX, CELLS, COLUMNS, HEIGHT_PX, Part, View, WIDTH_PX};
use nalgebra::Vector3;
use std::collections::BTreeMap;

/// Names a cell is remembered to show; more are rare.
const NAMES_A_CELL: usize = 4;
/// Pixels of a picture.
const PIXELS: usize = WIDTH_PX * HEIGHT_PX;
const COLOR_BYTES: usize = 3 * PIXELS;
const DEPTH_BYTES: usize = 2 * PIXELS;
const VIEW_BYTES: usize = 16;
const PART_BYTES: usize = 3;
const LABEL_BYTES: usize = 2 * NAMES_A_CELL * CELLS;
/// Bytes of a view.
pub const RECORD_BYTES: usize = COLOR_BYTES + DEPTH_BYTES + VIEW_BYTES + PART_BYTES + LABEL_BYTES;

/// What a cell shows: indices of names, and how many of its pixels; 0 pixels where there is no more.
pub type Label = [(u8, u8); NAMES_A_CELL];

/// A view of a home as the sensor has it, with what its cells show.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Red, green and blue, row by row.
    pub rgb: Vec<u8>,
    /// Depth, millimetres, 0 for no reading.
    pub depth_mm: Vec<u16>,
    /// Up in camera coordinates, and the camera's height in metres.
    pub view: [f32; 4],
    /// What of the camera's picture it is: parts side by side, row, column.
    pub part: [u8; PART_BYTES],
    /// What each cell shows.
    pub labels: Vec<Label>,
}

impl Record {
    /// A view as it was rendered; `depth_mm` is what the sensor makes of its depth. What is called
    /// by nothing that `names` has is nothing.
    pub fn new(
        seen: Rendered,
        depth_mm: Vec<u16>,
        sight: &Sight,
        world: &World,
        names: &BTreeMap<String, u8>,
    ) -> Self {
        let entities = &world.home().entities;
        let name_of: Vec<Option<u8>> = std::iter::once(None)
            .chain(entities.iter().map(|entity| names.get(&world.called(entity)).copied()))
            .collect();
        let labels = (0..CELLS)
            .map(|cell| {
                let corner = (cell / COLUMNS) * CELL_PX * WIDTH_PX + (cell % COLUMNS) * CELL_PX;
                let pixels = (0..CELL_PX * CELL_PX)
                    .map(|i| corner + (i / CELL_PX) * WIDTH_PX + i % CELL_PX)
                    .filter_map(|pixel| name_of.get(seen.instance[pixel] as usize).copied()?);
                label(pixels)
            })
            .collect();
        let View { up, height_m } = View::of(&sight.world_T_camera);
        let part = [sight.part.across, sight.part.row, sight.part.column].map(|n| n as u8);
        let view = [up.x, up.y, up.z, height_m];
        Self { rgb: seen.color.into_raw(), depth_mm, view, part, labels }
    }

    /// How the camera stands.
    pub fn view(&self) -> View {
        let [x, y, z, height_m] = self.view;
        View { up: Vector3::new(x, y, z), height_m }
    }

    /// What of the camera's picture it is.
    pub fn part(&self) -> Part {
        let [across, row, column] = self.part.map(usize::from);
        Part { across, row, column }
    }

    /// The bytes, [`RECORD_BYTES`] of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        bytes.extend_from_slice(&self.rgb);
        bytes.extend(self.depth_mm.iter().flat_map(|mm| mm.to_le_bytes()));
        bytes.extend(self.view.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(self.part);
        bytes.extend(self.labels.iter().flatten().flat_map(|(name, count)| [*name, *count]));
        bytes
    }

    /// The view of these bytes; `None` where there are not [`RECORD_BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != RECORD_BYTES {
            return None;
        }
        let (rgb, rest) = bytes.split_at(COLOR_BYTES);
        let (depth, rest) = rest.split_at(DEPTH_BYTES);
        let (view, rest) = rest.split_at(VIEW_BYTES);
        let (part, labels) = rest.split_at(PART_BYTES);
        let mut numbers = view.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
        Some(Self {
            rgb: rgb.to_vec(),
            depth_mm: depth.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two)).collect(),
            view: std::array::from_fn(|_| numbers.next().unwrap_or_default()),
            part: std::array::from_fn(|at| part[at]),
            labels: labels_of(labels),
        })
    }
}

/// Where the labels of a record begin, bytes.
pub const LABELS_AT: usize = RECORD_BYTES - LABEL_BYTES;

/// The labels in the last bytes of a record.
pub fn labels_of(bytes: &[u8]) -> Vec<Label> {
    let cells = bytes.as_chunks::<{ 2 * NAMES_A_CELL }>().0.iter();
    cells.map(|cell| std::array::from_fn(|at| (cell[2 * at], cell[2 * at + 1]))).collect()
}

/// The commonest names of these pixels.
fn label(pixels: impl Iterator<Item = u8>) -> Label {
    let mut counts = [0u8; 256];
    pixels.for_each(|name| counts[usize::from(name)] += 1);
    let mut shown: Vec<(u8, u8)> = (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect();
    shown.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let mut label = [(0, 0); NAMES_A_CELL];
    label.iter_mut().zip(shown).for_each(|(to, from)| *to = from);
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_bytes() {
        let record = Record {
            rgb: (0..COLOR_BYTES).map(|i| (i % 251) as u8).collect(),
            depth_mm: (0..PIXELS).map(|i| (i % 60_000) as u16).collect(),
            view: [0.1, -0.9, 0.2, 1.28],
            part: [2, 1, 0],
            labels: vec![[(3, 60), (7, 4), (0, 0), (0, 0)]; CELLS],
        };
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Some(record.clone()));
        assert_eq!(labels_of(&bytes[LABELS_AT..]), record.labels);
        assert_eq!(Record::from_bytes(&bytes[1..]), None);
    }

    #[test]
    fn a_cell_is_called_by_what_it_shows_most() {
        let pixels = [5u8, 2, 5, 9, 2, 5, 1, 8].into_iter();
        assert_eq!(label(pixels), [(5, 3), (2, 2), (1, 1), (8, 1)]);
        assert_eq!(label(std::iter::empty()), [(0, 0); 4]);
    }
}
