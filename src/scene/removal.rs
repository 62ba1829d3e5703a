//! What moved away is removed: a three-way test of stored voxels against a new depth image.
//!
//! A voxel in view is *present* when a reading near its projection lies about where it is,
//! *occluded* when one lies in front of it, and *absent* when all of them lie behind it. Missing
//! readings say nothing. All readings within a radius must agree, which protects thin things,
//! edges and surfaces seen at a grazing angle from small errors of the pose.

use super::lens::Lens;
use super::voxel::{Block, EDGE, Voxel, voxel_at};
use super::{MapConfig, RemovalConfig};
use crate::sensing::RgbdFrame;
use nalgebra::{Matrix3, Point3, Vector3};

/// Coarsest level of the pyramid: cells of 64 pixels.
const LEVELS: usize = 7;

/// What a depth image says about one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Outside the image, too near its border, or out of range.
    OutOfView,
    /// Some reading around it is missing.
    NoReading,
    /// Some reading is nearer, or about where it is.
    NotAbsent,
    /// All readings lie behind it.
    Absent,
}

/// The nearest depth in cells of 2ˡ × 2ˡ pixels; 0 where any reading of the cell is missing.
struct Level {
    width: usize,
    nearest_m: Vec<f32>,
}

/// A voxel that was seen to be gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct GoneVoxel {
    /// Its mean point in world coordinates, metres.
    pub point_m: Point3<f64>,
    /// When it was first hit, nanoseconds.
    pub first_seen_ns: i64,
}

/// A depth image made ready for the test.
pub(super) struct DepthView<'a> {
    levels: Vec<Level>,
    camera_T_world: nalgebra::Isometry3<f64>,
    /// Voxel edges along the world's axes, in camera coordinates.
    axes_m: Matrix3<f32>,
    frame: &'a RgbdFrame,
    lens: &'a Lens,
    max_depth_m: f32,
    voxel_size_m: f64,
    config: &'a RemovalConfig,
}

impl<'a> DepthView<'a> {
    /// Makes the depth image of `frame` ready.
    pub fn new(frame: &'a RgbdFrame, lens: &'a Lens, config: &'a MapConfig) -> Self {
        let camera_T_world = frame.world_T_camera.inverse();
        let axes_m = camera_T_world.rotation.to_rotation_matrix().matrix() * config.voxel_size_m;
        Self {
            levels: pyramid(frame),
            camera_T_world,
            axes_m: axes_m.cast::<f32>(),
            frame,
            lens,
            max_depth_m: config.max_depth_m,
            voxel_size_m: config.voxel_size_m,
            config: &config.removal,
        }
    }

    /// Lowest and highest block coordinates of a box around the frustum.
    pub fn block_bounds(&self) -> ([i32; 3], [i32; 3]) {
        let far = f64::from(self.max_depth_m);
        let [x, y] = self.lens.view;
        let corners = [(x[0], y[0]), (x[0], y[1]), (x[1], y[0]), (x[1], y[1])];
        let world_T_camera = &self.frame.world_T_camera;
        let points: Vec<Point3<f64>> = corners
            .iter()
            .map(|(x, y)| world_T_camera * Point3::new(x * far, y * far, far))
            .chain([Point3::from(world_T_camera.translation.vector)])
            .collect();
        let block_m = self.voxel_size_m * f64::from(EDGE);
        let bound = |axis: usize, pick: fn(f64, f64) -> f64, start: f64| {
            (points.iter().map(|p| p[axis]).fold(start, pick) / block_m).floor() as i32
        };
        (
            std::array::from_fn(|axis| bound(axis, f64::min, f64::INFINITY)),
            std::array::from_fn(|axis| bound(axis, f64::max, f64::NEG_INFINITY)),
        )
    }

    /// Whether any part of the block at `key` may stand in the frustum.
    pub fn may_see(&self, key: [i32; 3]) -> bool {
        let block_m = self.voxel_size_m * f64::from(EDGE);
        let centre = self.camera_T_world
            * Point3::from(Vector3::from(key.map(|v| (f64::from(v) + 0.5) * block_m)));
        let radius = block_m * 0.5 * 3f64.sqrt();
        let [x, y] = self.lens.view;
        // Signed distance from a side plane through the camera's centre.
        let outside = |along: f64, tangent: f64, side: f64| {
            side * (along - tangent * centre.z) > radius * tangent.hypot(1.0)
        };
        centre.z > -radius
            && centre.z < f64::from(self.max_depth_m) + radius
            && !outside(centre.x, x[0], -1.0)
            && !outside(centre.x, x[1], 1.0)
            && !outside(centre.y, y[0], -1.0)
            && !outside(centre.y, y[1], 1.0)
    }

    /// Lowers the evidence of the absent voxels of `block` and removes those that have none left.
    /// Voxels this frame hit are left alone. Returns those that are gone.
    pub fn sweep(&self, block: &mut Block, feature_width: usize) -> Vec<GoneVoxel> {
        let stamp_ns = self.frame.stamp_ns;
        let corner_m = block.key.map(|v| f64::from(v) * f64::from(EDGE) * self.voxel_size_m);
        let corner = (self.camera_T_world * Point3::from(Vector3::from(corner_m))).cast::<f32>();
        let places: Vec<usize> = block.places().collect();
        let mut gone = Vec::new();
        for (place, voxel) in places.iter().zip(&mut block.voxels) {
            if voxel.last_seen_ns == stamp_ns {
                continue;
            }
            let point = corner + self.axes_m * inside(*place, voxel);
            if self.sight(&point) == Sight::Absent {
                voxel.evidence = voxel.evidence.saturating_sub(self.config.miss);
                if voxel.evidence <= 0 {
                    let point_m = voxel.point_m(voxel_at(block.key, *place), self.voxel_size_m);
                    gone.push(GoneVoxel { point_m, first_seen_ns: voxel.first_seen_ns });
                }
            }
        }
        if !gone.is_empty() {
            block.retain(feature_width, |voxel| voxel.evidence > 0);
        }
        gone
    }

    /// What the image says about a point in camera coordinates.
    pub fn sight(&self, point: &Point3<f32>) -> Sight {
        let camera = &self.lens.camera;
        let z = point.z;
        // Written so that NaN is refused too.
        if !(z > 0.01 && z <= self.max_depth_m) {
            return Sight::OutOfView;
        }
        let Some(pixel) = camera.project(point.coords.cast::<f64>().into()) else {
            return Sight::OutOfView;
        };
        let [u, v] = pixel.map(|v| v as f32);
        let radius = (camera.fx as f32 * self.config.radius_m / z).max(1.0);
        let (right, bottom) = (camera.width as f32 - 1.0, camera.height as f32 - 1.0);
        let fits = |at: f32, end: f32| at >= radius && at <= end - radius;
        if !fits(u, right) || !fits(v, bottom) {
            return Sight::OutOfView;
        }
        let level = (radius as u32).ilog2().min(LEVELS as u32 - 1) as usize;
        let cells = |centre: f32| {
            let first = (centre - radius + 0.5) as usize >> level;
            let last = (centre + radius + 0.5) as usize >> level;
            first..=last
        };
        let (rows, columns) = (cells(v), cells(u));
        let pyramid = &self.levels[level];
        let behind = z + self.config.margin_m + self.config.margin_per_m2 * z * z;
        let mut missing = false;
        for row in rows {
            let row = &pyramid.nearest_m[row * pyramid.width..(row + 1) * pyramid.width];
            for nearest in &row[columns.clone()] {
                if *nearest == 0.0 {
                    missing = true;
                } else if *nearest <= behind {
                    return Sight::NotAbsent;
                }
            }
        }
        if missing { Sight::NoReading } else { Sight::Absent }
    }
}

/// The mean point of a voxel relative to its block's lower corner, in voxel edges.
fn inside(place: usize, voxel: &Voxel) -> Vector3<f32> {
    let corner = [place >> 6, (place >> 3) & 7, place & 7];
    Vector3::from_fn(|axis, _| corner[axis] as f32 + voxel.offset[axis])
}

fn pyramid(frame: &RgbdFrame) -> Vec<Level> {
    let depth = &frame.depth_m;
    let readable = |d: &f32| if *d > 0.0 { *d } else { 0.0 };
    let mut levels = Vec::with_capacity(LEVELS);
    levels.push(Level {
        width: depth.width as usize,
        nearest_m: depth.data_m.iter().map(readable).collect(),
    });
    while levels.len() < LEVELS {
        let fine = &levels[levels.len() - 1];
        let width = fine.width.div_ceil(2);
        let mut nearest_m = Vec::with_capacity(width * fine.nearest_m.len().div_ceil(fine.width));
        for rows in fine.nearest_m.chunks(2 * fine.width) {
            let (top, bottom) = rows.split_at(fine.width);
            let bottom = if bottom.is_empty() { top } else { bottom };
            let pairs = top.chunks(2).zip(bottom.chunks(2));
            nearest_m.extend(pairs.map(|(top, bottom)| {
                let least = |pair: &[f32]| pair[0].min(*pair.last().expect("chunks hold some"));
                least(top).min(least(bottom))
            }));
        }
        levels.push(Level { width, nearest_m });
    }
    levels
}
