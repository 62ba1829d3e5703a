//! Masks of things in a picture → boxes in space, by the depth behind their pixels.
//!
//! A mask seldom ends where the thing does, and the depth at an edge belongs to neither side. So of
//! the points behind a mask the largest group that hangs together is the thing; what is behind it,
//! before it or flies between the two is left out (as ConceptGraphs, arXiv 2309.16650, clusters
//! them). The box stands upright and is turned about the vertical so that it is smallest.

use super::upright::upright_box;
use crate::sensing::{Detection, RgbdFrame};
use crate::vision::DetectedMask;
use nalgebra::Point3;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Most pixels of a mask that are looked at; of a larger one every so many-th row and column.
const MOST_PIXELS: usize = 4096;
/// Fewest points that make a box.
const LEAST_POINTS: usize = 16;
/// Cells of points that touch hang together; their edge is this at least, metres ...
const CELL_M: f64 = 0.03;
/// ... and this often the distance of neighbouring points.
const CELL_POINTS: f64 = 2.5;

/// The boxes of `found` in camera coordinates, in their order; those without enough depth behind them
/// have none. `world_T_camera` of the frame says what is upright. Each mask is worked on by itself,
/// so the number of threads changes nothing.
pub fn lift(frame: &RgbdFrame, found: &[DetectedMask], depth_m: [f32; 2]) -> Vec<Detection> {
    let camera_T_world = frame.world_T_camera.inverse();
    let lifted = found.par_iter().filter_map(|one| {
        let (points, apart_m) = points(frame, one, depth_m);
        let points = largest_group(&points, CELL_M.max(CELL_POINTS * apart_m));
        let enough = Some(points).filter(|points| points.len() >= LEAST_POINTS)?;
        let (world_T_box, size_m) = upright_box(&enough)?;
        Some(Detection {
            label: one.label.clone(),
            score: one.score,
            frame_T_box: camera_T_world * world_T_box,
            size_m,
            track_id: String::new(),
        })
    });
    lifted.collect()
}

/// World points behind the pixels of a mask, and how far neighbours are apart at their median depth.
fn points(frame: &RgbdFrame, one: &DetectedMask, [near, far]: [f32; 2]) -> (Vec<Point3<f64>>, f64) {
    let mask = &one.mask;
    let [left, top, right, bottom] = mask.bounds().map(|edge| edge as usize);
    let step = (mask.area() as f64 / MOST_PIXELS as f64).sqrt().ceil().max(1.0) as usize;
    let width = frame.depth_m.width as usize;
    let height = frame.depth_m.height as usize;
    let (mut points, mut depths) = (Vec::new(), Vec::new());
    for v in (top..=bottom.min(height.saturating_sub(1))).step_by(step) {
        for u in (left..=right.min(width.saturating_sub(1))).step_by(step) {
            if !mask.contains(u, v) {
                continue;
            }
            let depth_m = frame.depth_m.data_m.get(v * width + u).copied().unwrap_or(0.0);
            let ray = frame.camera.unproject_ray(u as f64, v as f64);
            let (Some([x, y]), true) = (ray, depth_m > 0.0 && near <= depth_m && depth_m <= far)
            else {
                continue;
            };
            let z = f64::from(depth_m);
            points.push(frame.world_T_camera * Point3::new(x * z, y * z, z));
            depths.push(z);
        }
    }
    let middle = depths.len() / 2;
    let median_m = match depths.is_empty() {
        true => 0.0,
        false => *depths.select_nth_unstable_by(middle, f64::total_cmp).1,
    };
    let focal_px = frame.camera.fx.min(frame.camera.fy);
    (points, median_m * step as f64 / focal_px)
}

/// The largest group of points whose cells of `cell_m` touch.
fn largest_group(points: &[Point3<f64>], cell_m: f64) -> Vec<Point3<f64>> {
    let mut cells: BTreeMap<[i64; 3], Vec<usize>> = BTreeMap::new();
    for (index, point) in points.iter().enumerate() {
        let cell = [0, 1, 2].map(|axis| (point[axis] / cell_m).floor() as i64);
        cells.entry(cell).or_default().push(index);
    }
    let mut left: BTreeSet<[i64; 3]> = cells.keys().copied().collect();
    let mut largest: Vec<usize> = Vec::new();
    while let Some(first) = left.pop_first() {
        let (mut group, mut edge) = (Vec::new(), vec![first]);
        while let Some(cell) = edge.pop() {
            group.extend(&cells[&cell]);
            for at in 0..27 {
                let offset = [at % 3 - 1, at / 3 % 3 - 1, at / 9 - 1];
                let next = [0, 1, 2].map(|axis| cell[axis] + offset[axis]);
                if left.remove(&next) {
                    edge.push(next);
                }
            }
        }
        if group.len() > largest.len() {
            largest = group;
        }
    }
    largest.into_iter().map(|index| points[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::sensing::DepthImage;
    use crate::vision::Mask;
    use image::RgbImage;

    const WIDTH: u32 = 160;
    const HEIGHT: u32 = 20;
    /// Columns of pixels of a mask.
    const COLUMNS: usize = 10;

    #[test]
    fn boxes_keep_the_order_of_their_masks_on_any_number_of_threads() {
        let has_depth = |at: usize| at % 3 != 2;
        let depth_m = |at: usize| if has_depth(at) { 1.0 + 0.1 * at as f32 } else { 0.0 };
        let pixels = 0..(WIDTH * HEIGHT) as usize;
        let data_m = pixels.map(|pixel| depth_m(pixel % WIDTH as usize / COLUMNS)).collect();
        let frame = RgbdFrame {
            stamp_ns: 0,
            color: RgbImage::new(WIDTH, HEIGHT),
            depth_m: DepthImage { width: WIDTH, height: HEIGHT, data_m },
            camera: CameraModel::pinhole(WIDTH, HEIGHT, 100.0, 100.0, 79.5, 9.5),
            world_T_camera: Pose::identity(),
        };
        let mask = |at: usize| DetectedMask {
            label: format!("thing {at}"),
            score: 0.5,
            mask: Mask::from_fn(WIDTH as usize, HEIGHT as usize, |x, _| x / COLUMNS == at),
        };
        let masks: Vec<DetectedMask> = (0..WIDTH as usize / COLUMNS).map(mask).collect();
        let boxes_on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| lift(&frame, &masks, [0.2, 6.0]))
        };
        let boxes = boxes_on(1);
        let labels: Vec<String> = boxes.iter().map(|one| one.label.clone()).collect();
        let wanted = (0..masks.len()).filter(|at| has_depth(*at));
        assert_eq!(labels, wanted.map(|at| format!("thing {at}")).collect::<Vec<_>>());
        assert_eq!(boxes_on(4), boxes);
    }
}
