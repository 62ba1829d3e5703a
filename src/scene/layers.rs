//! Cells of a feature grid in which the edge of a thing and what is behind it are seen together.
//!
//! The feature of such a cell is that of the thing, or of both. Given to the points behind, it throws
//! the shadow of a mug on the wall, where it stays: from other sides that wall is hidden.

use crate::sensing::DepthImage;
use rayon::prelude::*;

/// Readings of a cell that are looked at.
const MOST_READINGS: usize = 64;
/// Two readings next to one another in order of depth that are farther apart than this are on two
/// things, metres …
const JUMP_M: f32 = 0.1;
/// … and this much more a metre of depth: a floor seen at a grazing angle has no edge.
const JUMP_PER_M: f32 = 0.04;
/// Share of the readings that a thing has at least, to speak for its cell.
const FRONT: f32 = 0.25;

/// For each of `rows × columns` cells the depth up to which points take the cell's feature, metres;
/// infinite where there is no edge.
pub(super) fn front_limits_m(depth: &DepthImage, rows: usize, columns: usize) -> Vec<f32> {
    let (width, height) = (depth.width as usize, depth.height as usize);
    let cells: Vec<usize> = (0..rows * columns).collect();
    cells
        .par_iter()
        .with_min_len(64)
        .map(|cell| {
            // The pixels `p` with `p * cells / pixels == cell`.
            let span = |cell: usize, cells: usize, pixels: usize| {
                (cell * pixels).div_ceil(cells)..((cell + 1) * pixels).div_ceil(cells).min(pixels)
            };
            let (v, u) = (span(cell / columns, rows, height), span(cell % columns, columns, width));
            let step = ((v.len() * u.len()).div_ceil(MOST_READINGS) as f64).sqrt().ceil() as usize;
            let step = step.max(1);
            let mut readings = Vec::with_capacity(MOST_READINGS);
            for v in v.step_by(step) {
                let row = depth.data_m.get(v * width..(v + 1) * width).unwrap_or_default();
                let row = row.get(u.clone()).unwrap_or_default();
                readings.extend(row.iter().step_by(step).filter(|d| **d > 0.0));
            }
            limit_m(&mut readings)
        })
        .collect()
}

fn limit_m(readings: &mut [f32]) -> f32 {
    readings.sort_unstable_by(f32::total_cmp);
    let least = ((readings.len() as f32 * FRONT) as usize).max(1);
    let gaps = readings.windows(2).enumerate().skip(least - 1);
    let edge = gaps.map(|(_, pair)| (pair[0], pair[1]));
    let mut edge = edge.filter(|(near, far)| far - near > JUMP_M + JUMP_PER_M * near);
    edge.next().map_or(f32::INFINITY, |(near, far)| (near + far) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_speaks_for_a_cell_that_lies_across_an_edge() {
        // Two cells: in the left one the front fills half, in the right one a hair.
        let row = [1.0, 1.0, 3.0, 3.0, 1.0, 3.0, 3.0, 3.0, 3.0, 3.0];
        let mut data_m = row.repeat(4);
        data_m[4] = 3.0;
        data_m[5] = 0.0;
        let depth = DepthImage { width: 10, height: 4, data_m };
        let limits = front_limits_m(&depth, 1, 2);
        assert_eq!(limits, [2.0, f32::INFINITY]);
        assert_eq!(front_limits_m(&depth, 4, 10), [f32::INFINITY; 40]);
    }

    #[test]
    fn slopes_have_no_edge_and_images_no_odd_size() {
        let data_m = (0..300).map(|i| 2.0 + 0.02 * (i % 20) as f32).collect();
        let depth = DepthImage { width: 20, height: 15, data_m };
        assert!(front_limits_m(&depth, 2, 3).iter().all(|limit| limit.is_infinite()));
        let short = DepthImage { width: 20, height: 15, data_m: vec![1.0; 7] };
        assert_eq!(front_limits_m(&short, 2, 3).len(), 6);
        assert!(front_limits_m(&DepthImage { width: 0, height: 0, data_m: vec![] }, 1, 1)[0] > 9.0);
    }
}
