//! Boxes by where they are: which of them a point may lie in, without a look at all of them.
//!
//! Cells come in several sizes, each twice as wide as the one before. A box is kept in cells of the
//! smallest size that is no narrower than it is, so that it reaches into eight of them at most; a point
//! asks one cell of each size.

use hashbrown::HashMap;
use nalgebra::{Point3, Vector3};
use rustc_hash::FxBuildHasher;

/// Edge of the smallest cells, metres.
const LEAST_CELL_M: f64 = 0.25;
/// Sizes of cells; the largest are wider than a home.
const SIZES: usize = 10;
/// Boxes are taken to be wider by this all round, so that rounding leaves out no point on their sides,
/// metres.
const SLACK_M: f64 = 1e-6;

/// The numbers of the boxes that reach into a cell, by its place.
type Cells = HashMap<[i32; 3], Vec<u32>, FxBuildHasher>;

/// Boxes along the axes, numbered from 0 in their order.
#[derive(Debug, Default)]
pub(super) struct BoxGrid {
    /// The smallest cells first.
    sizes: [Cells; SIZES],
    /// Boxes that are wider than any cell.
    wide: Vec<u32>,
}

impl BoxGrid {
    /// The grid of boxes, each given by its centre and half of its edges, metres.
    pub fn new(boxes: impl IntoIterator<Item = (Point3<f64>, Vector3<f64>)>) -> Self {
        let mut grid = Self::default();
        for (number, (centre, half_m)) in (0..).zip(boxes) {
            grid.add(number, centre, half_m.add_scalar(SLACK_M));
        }
        grid
    }

    /// The numbers of the boxes in which a point may lie: a few lists, each in ascending order.
    pub fn around(&self, point: Point3<f64>) -> impl Iterator<Item = &[u32]> {
        let used = self.sizes.iter().enumerate().filter(|(_, cells)| !cells.is_empty());
        let lists = used.filter_map(move |(size, cells)| cells.get(&cell_at(point, size)));
        lists.map(Vec::as_slice).chain(std::iter::once(self.wide.as_slice()))
    }

    fn add(&mut self, number: u32, centre: Point3<f64>, half_m: Vector3<f64>) {
        let edge_m = 2.0 * half_m.max();
        let Some(size) = (0..SIZES).find(|size| edge_m <= edge_of_cell_m(*size)) else {
            self.wide.push(number);
            return;
        };
        let [low, high] = [centre - half_m, centre + half_m].map(|corner| cell_at(corner, size));
        for x in low[0]..=high[0] {
            for y in low[1]..=high[1] {
                for z in low[2]..=high[2] {
                    self.sizes[size].entry([x, y, z]).or_default().push(number);
                }
            }
        }
    }
}

/// The cell of a size in which a point lies.
fn cell_at(point: Point3<f64>, size: usize) -> [i32; 3] {
    [0, 1, 2].map(|axis| (point[axis] / edge_of_cell_m(size)).floor() as i32)
}

fn edge_of_cell_m(size: usize) -> f64 {
    LEAST_CELL_M * f64::from(1u32 << size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(grid: &BoxGrid, point: [f64; 3]) -> Vec<u32> {
        let mut numbers: Vec<u32> = grid.around(Point3::from(point)).flatten().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_point_asks_what_is_near_and_what_is_wide() {
        let boxed =
            |x_m: f64, half_m: f64| (Point3::new(x_m, 0.0, 0.0), Vector3::from_element(half_m));
        // A cup on the edge of a cell, a table far away, and the whole world.
        let grid = BoxGrid::new([boxed(1.0, 0.05), boxed(9.0, 0.5), boxed(0.0, 500.0)]);
        assert_eq!(around(&grid, [0.95, 0.0, 0.0]), [0, 2]);
        assert_eq!(around(&grid, [1.05, 0.05, -0.05]), [0, 2]);
        assert_eq!(around(&grid, [8.5, -0.5, 0.5]), [1, 2]);
        assert_eq!(around(&grid, [-3.0, 0.0, 0.0]), [2]);
        assert!(around(&BoxGrid::default(), [0.0; 3]).is_empty());
    }

    #[test]
    fn a_box_takes_few_cells_however_wide_it_is() {
        for half_m in [0.0, 0.04, 0.125, 0.9, 17.0, 64.0, 1e9, f64::INFINITY] {
            let grid = BoxGrid::new([(Point3::new(0.3, -7.7, 1e7), Vector3::from_element(half_m))]);
            let cells: usize = grid.sizes.iter().map(HashMap::len).sum();
            assert!(cells + grid.wide.len() <= 8, "{half_m} m: {cells} cells");
            assert_eq!(around(&grid, [0.3, -7.7, 1e7]), [0], "{half_m} m");
        }
    }
}
