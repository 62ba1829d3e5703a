//! From pixels to voxels: what one frame says about each voxel it hits.
//!
//! A cell of the feature grid that lies across the edge of a thing speaks of the thing: what is seen
//! behind it in the same cell does not take its feature (`layers`).
//!
//! Neighbouring pixels mostly hit the same voxel, so runs along a row are summed first and only
//! runs go through a hash table. The image is cut into fixed strips that are summed in parallel
//! and merged in order: the result does not depend on the number of threads.

use super::layers::front_limits_m;
use super::voxel::{EDGE, Hit};
use super::{MapConfig, SceneError};
use crate::geometry::RayTable;
use crate::sensing::RgbdFrame;
use crate::vision::FeatureMap;
use hashbrown::HashMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

/// Rows of one strip.
const STRIP_ROWS: usize = 64;
/// Bits of a local block coordinate.
const BLOCK_BITS: u32 = 14;
/// Farthest that is mapped, in multiples of the greatest depth: a pixel 70° off the axis.
const REACH: f64 = 3.0;

/// A voxel relative to the frame's origin: block coordinates, then the place in the block. The
/// order of local keys is the order of (block, place).
pub(super) type LocalKey = u64;

/// How many pixels of a voxel lie in one cell of the feature grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CellUse {
    pub key: LocalKey,
    pub cell: u32,
    pub pixels: u32,
}

/// All a frame says about voxels.
#[derive(Debug)]
pub(super) struct FrameHits {
    /// Block coordinates of local block (0, 0, 0).
    origin_block: [i32; 3],
    /// One entry a voxel, in order of key.
    pub hits: Vec<(LocalKey, Hit)>,
    /// One entry for each voxel and cell, in order; empty without features.
    pub cells: Vec<CellUse>,
    /// Points summed.
    pub points: usize,
}

impl FrameHits {
    /// The hits of each block: its coordinates and its range of `hits`, in order.
    pub fn blocks(&self) -> Vec<([i32; 3], std::ops::Range<usize>)> {
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < self.hits.len() {
            let block = self.hits[start].0 >> 9;
            let count = self.hits[start..].iter().take_while(|(key, _)| key >> 9 == block).count();
            let part =
                |shift: u32| ((block >> (shift * BLOCK_BITS)) & ((1 << BLOCK_BITS) - 1)) as i32;
            let local = [part(2), part(1), part(0)];
            let key = std::array::from_fn(|axis| self.origin_block[axis] + local[axis]);
            blocks.push((key, start..start + count));
            start += count;
        }
        blocks
    }
}

/// Sums one strip or frame by voxel.
#[derive(Default)]
struct Sums {
    index: HashMap<LocalKey, u32, FxBuildHasher>,
    hits: Vec<(LocalKey, Hit)>,
    cells: Vec<CellUse>,
}

impl Sums {
    fn add(&mut self, key: LocalKey, hit: &Hit) {
        let index = *self.index.entry(key).or_insert_with(|| {
            self.hits.push((key, Hit::default()));
            (self.hits.len() - 1) as u32
        });
        self.hits[index as usize].1.add(hit);
    }
}

/// Maps camera coordinates to local voxel coordinates, all of which are positive.
struct Projection<'a> {
    frame: &'a RgbdFrame,
    rays: &'a RayTable,
    min_depth_m: f32,
    max_depth_m: f32,
    /// Camera axes in voxel edges a metre.
    axes: [[f32; 3]; 3],
    /// The camera's centre in local voxel coordinates.
    centre: [f32; 3],
    /// Local voxel coordinates must lie below this.
    limit: u32,
    /// Rows and columns of the feature grid, if there is one.
    grid: Option<(usize, usize)>,
    /// Of each cell the depth up to which its feature counts, metres.
    limits_m: Vec<f32>,
}

/// Sums the points of `frame` by voxel.
pub(super) fn gather(
    frame: &RgbdFrame,
    rays: &RayTable,
    config: &MapConfig,
    features: Option<&FeatureMap>,
) -> Result<FrameHits, SceneError> {
    let voxel_m = config.voxel_size_m;
    let reach_blocks =
        (f64::from(config.max_depth_m) * REACH / voxel_m / f64::from(EDGE)).ceil() + 1.0;
    let centre_voxels = frame.world_T_camera.translation.vector / voxel_m;
    let rotation = frame.world_T_camera.rotation.to_rotation_matrix();
    let origin = centre_voxels.map(|v| (v / f64::from(EDGE)).floor() - reach_blocks);
    let in_reach = |v: &f64| v.is_finite() && v.abs() < f64::from(1 << 27);
    if !origin.iter().all(in_reach) || !rotation.matrix().iter().all(|v| v.is_finite()) {
        return Err(SceneError::BadPose { stamp_ns: frame.stamp_ns });
    }
    let origin_block: [i32; 3] = std::array::from_fn(|axis| origin[axis] as i32);
    let projection = Projection {
        frame,
        rays,
        min_depth_m: config.min_depth_m,
        max_depth_m: config.max_depth_m,
        axes: std::array::from_fn(|row| {
            std::array::from_fn(|column| (rotation[(row, column)] / voxel_m) as f32)
        }),
        centre: std::array::from_fn(|axis| {
            (centre_voxels[axis] - f64::from(origin_block[axis]) * f64::from(EDGE)) as f32
        }),
        limit: ((2.0 * reach_blocks + 1.0) * f64::from(EDGE)) as u32,
        grid: features.map(|map| (map.rows, map.columns)),
        limits_m: features
            .map_or_else(Vec::new, |map| front_limits_m(&frame.depth_m, map.rows, map.columns)),
    };
    let rows = frame.depth_m.height as usize;
    let strips: Vec<Sums> = (0..rows.div_ceil(STRIP_ROWS))
        .into_par_iter()
        .map(|strip| projection.sum(strip * STRIP_ROWS..rows.min((strip + 1) * STRIP_ROWS)))
        .collect();
    Ok(merge(strips, origin_block))
}

fn merge(strips: Vec<Sums>, origin_block: [i32; 3]) -> FrameHits {
    let mut strips = strips.into_iter();
    let mut all = strips.next().unwrap_or_default();
    for strip in strips {
        for (key, hit) in &strip.hits {
            all.add(*key, hit);
        }
        all.cells.extend(strip.cells);
    }
    all.hits.sort_unstable_by_key(|(key, _)| *key);
    all.cells.sort_unstable();
    all.cells.dedup_by(|next, kept| {
        let same = (next.key, next.cell) == (kept.key, kept.cell);
        if same {
            kept.pixels += next.pixels;
        }
        same
    });
    let points = all.hits.iter().map(|(_, hit)| hit.count as usize).sum();
    FrameHits { origin_block, hits: all.hits, cells: all.cells, points }
}

impl Projection<'_> {
    fn sum(&self, rows: std::ops::Range<usize>) -> Sums {
        let width = self.frame.depth_m.width as usize;
        let mut sums = Sums::default();
        let mut xyz = [vec![0.0f32; width], vec![0.0; width], vec![0.0; width]];
        let cell_of_column: Vec<u32> = match self.grid {
            Some((_, columns)) => (0..width).map(|u| (u * columns / width) as u32).collect(),
            None => vec![0; width],
        };
        for v in rows {
            let depth = &self.frame.depth_m.data_m[v * width..(v + 1) * width];
            let color = &self.frame.color.as_raw()[v * width * 3..(v + 1) * width * 3];
            self.project_row(v, depth, &mut xyz);
            let first_cell = self.grid.map_or(0, |(rows, columns)| {
                (v * rows / self.frame.depth_m.height as usize * columns) as u32
            });
            self.sum_row(depth, color, &xyz, (first_cell, &cell_of_column), &mut sums);
        }
        sums
    }

    /// Local voxel coordinates of each pixel of a row; meaningless without depth or ray.
    fn project_row(&self, v: usize, depth: &[f32], xyz: &mut [Vec<f32>; 3]) {
        let width = depth.len();
        let rays = &self.rays.rays()[v * width..(v + 1) * width];
        for (axis, out) in xyz.iter_mut().enumerate() {
            let ([a, b, c], centre) = (self.axes[axis], self.centre[axis]);
            for ((out, d), [x, y]) in out.iter_mut().zip(depth).zip(rays) {
                *out = (a * x + b * y + c) * d + centre;
            }
        }
    }

    fn sum_row(
        &self,
        depth: &[f32],
        color: &[u8],
        [xs, ys, zs]: &[Vec<f32>; 3],
        (first_cell, cell_of_column): (u32, &[u32]),
        sums: &mut Sums,
    ) {
        let mut run = Hit::default();
        let mut run_voxel = [i32::MIN; 3];
        let (mut run_cell, mut run_depth_m) = (0, 0.0);
        let pixels = depth.iter().zip(xs).zip(ys).zip(zs).zip(color.chunks_exact(3));
        for (((((d, x), y), z), rgb), cell) in pixels.zip(cell_of_column) {
            // Written so that NaN is refused too.
            if !(*d >= self.min_depth_m && *d <= self.max_depth_m && *d > 0.0) {
                continue;
            }
            let voxel = [*x as i32, *y as i32, *z as i32];
            if voxel != run_voxel || *cell != run_cell {
                self.end_run(&run, run_voxel, (first_cell + run_cell, run_depth_m), sums);
                (run, run_voxel, run_cell) = (Hit::default(), voxel, *cell);
            }
            run_depth_m = *d;
            run.offset_sum[0] += x - voxel[0] as f32;
            run.offset_sum[1] += y - voxel[1] as f32;
            run.offset_sum[2] += z - voxel[2] as f32;
            run.rgb_sum[0] += u32::from(rgb[0]);
            run.rgb_sum[1] += u32::from(rgb[1]);
            run.rgb_sum[2] += u32::from(rgb[2]);
            run.count += 1;
        }
        self.end_run(&run, run_voxel, (first_cell + run_cell, run_depth_m), sums);
    }

    /// Adds a run at some depth in a cell to the sums, unless it lies out of reach (or nowhere: NaN
    /// becomes voxel 0).
    fn end_run(&self, run: &Hit, voxel: [i32; 3], (cell, depth_m): (u32, f32), sums: &mut Sums) {
        let inside = |v: i32| v > 0 && (v as u32) < self.limit;
        if run.count == 0 || !voxel.iter().all(|v| inside(*v)) {
            return;
        }
        let [x, y, z] = voxel.map(|v| v as u64);
        let block = ((((x >> 3) << BLOCK_BITS) | (y >> 3)) << BLOCK_BITS) | (z >> 3);
        let key = (block << 9) | ((x & 7) << 6) | ((y & 7) << 3) | (z & 7);
        sums.add(key, run);
        if self.limits_m.get(cell as usize).is_some_and(|limit_m| depth_m <= *limit_m) {
            sums.cells.push(CellUse { key, cell, pixels: run.count });
        }
    }
}
