//! What regions are grown of: occupied cells of a grid along the world's axes, with a feature each.

use crate::scene::{EgoFrame, SceneError, SceneMap};
use crate::vision::FeatureMap;
use hashbrown::HashMap;
use nalgebra::{Point3, UnitQuaternion};
use rustc_hash::FxBuildHasher;

/// Cells in order; all lists have one entry a cell.
pub(super) struct Cells {
    pub keys: Vec<[i32; 3]>,
    /// Mean points, metres, along the axes of the world.
    pub xyz_m: Vec<[f32; 3]>,
    /// Mean colours, 0..=255.
    pub rgb: Vec<[f32; 3]>,
    /// `(cells, width)`, each of length 1.
    pub features: Vec<f32>,
    pub width: usize,
    /// When each was first and last seen, nanoseconds.
    pub seen_ns: Vec<[i64; 2]>,
    pub edge_m: f64,
}

impl Cells {
    fn empty(width: usize, edge_m: f64) -> Self {
        let (keys, xyz_m, rgb) = (Vec::new(), Vec::new(), Vec::new());
        Self { keys, xyz_m, rgb, features: Vec::new(), width, seen_ns: Vec::new(), edge_m }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn feature(&self, cell: usize) -> &[f32] {
        &self.features[cell * self.width..(cell + 1) * self.width]
    }

    /// The voxels of `map` that have a feature.
    pub fn of_map(map: &SceneMap) -> Self {
        let width = map.config().feature_width;
        let mut cells = Self::empty(width, map.config().voxel_size_m);
        let mut feature = vec![0.0; width];
        for voxel in map.voxels() {
            feature.fill(0.0);
            if !voxel.add_feature(1.0, &mut feature) || !to_unit(&mut feature) {
                continue;
            }
            cells.keys.push(voxel.key);
            cells.xyz_m.push(voxel.xyz_m);
            cells.rgb.push(voxel.rgb.map(f32::from));
            cells.features.extend_from_slice(&feature);
            cells.seen_ns.push([voxel.first_seen_ns, voxel.last_seen_ns]);
        }
        cells
    }

    /// The points of `frame`, turned by `world_R_camera` but not moved, pooled into cells of
    /// `edge_m`.
    pub fn of_frame(
        frame: &EgoFrame,
        map: &FeatureMap,
        world_R_camera: &UnitQuaternion<f64>,
        edge_m: f64,
    ) -> Result<Self, SceneError> {
        let (width, grid) = (map.width, map.rows.saturating_mul(map.columns));
        if grid.checked_mul(width) != Some(map.data.len()) || frame.cell.len() != frame.len() {
            let FeatureMap { rows, columns, .. } = *map;
            let found = map.data.len();
            return Err(SceneError::FeatureSize { rows, columns, width, found });
        }
        let turn = world_R_camera.cast::<f32>();
        let turned: Vec<Point3<f32>> =
            frame.xyz_m.iter().map(|point| turn * Point3::from(*point)).collect();
        let key_of = |p: &Point3<f32>| -> [i32; 3] {
            std::array::from_fn(|axis| (f64::from(p[axis]) / edge_m).floor() as i32)
        };
        let mut cells = Self::empty(width, edge_m);
        cells.keys = turned.iter().map(key_of).collect();
        cells.keys.sort_unstable();
        cells.keys.dedup();
        let index: HashMap<[i32; 3], u32, FxBuildHasher> =
            cells.keys.iter().copied().zip(0..).collect();
        let count = cells.keys.len();
        let mut points = vec![0.0f32; count];
        (cells.xyz_m, cells.rgb) = (vec![[0.0; 3]; count], vec![[0.0; 3]; count]);
        let mut uses = Vec::with_capacity(turned.len());
        for ((point, rgb), cell) in turned.iter().zip(&frame.rgb).zip(&frame.cell) {
            let Some(at) = index.get(&key_of(point)) else { continue };
            uses.push((*at, *cell));
            let at = *at as usize;
            points[at] += 1.0;
            for axis in 0..3 {
                cells.xyz_m[at][axis] += point[axis];
                cells.rgb[at][axis] += f32::from(rgb[axis]);
            }
        }
        for (at, points) in points.iter().enumerate() {
            cells.xyz_m[at] = cells.xyz_m[at].map(|sum| sum / points);
            cells.rgb[at] = cells.rgb[at].map(|sum| sum / points);
        }
        uses.sort_unstable();
        cells.features = vec![0.0; count * width];
        for same in uses.chunk_by(|a, b| a == b) {
            let (at, cell) = (same[0].0 as usize * width, same[0].1 as usize * width);
            let Some(feature) = map.data.get(cell..cell + width) else { continue };
            let sum = &mut cells.features[at..at + width];
            sum.iter_mut().zip(feature).for_each(|(sum, value)| *sum += same.len() as f32 * value);
        }
        cells.features.chunks_exact_mut(width.max(1)).for_each(|feature| {
            to_unit(feature);
        });
        cells.seen_ns = vec![[frame.stamp_ns; 2]; count];
        Ok(cells)
    }
}

/// Gives a vector length 1; `false` where it has no direction, which leaves it as it is.
pub(in crate::scene) fn to_unit(vector: &mut [f32]) -> bool {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let has_direction = length > 1e-12 && length.is_finite();
    if has_direction {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    has_direction
}
