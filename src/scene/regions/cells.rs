//! What regions are grown of: occupied cells of a grid along the world's axes, with a feature each.

use crate::scene::voxel::voxel_at;
use crate::scene::{EgoFrame, SceneError, SceneMap};
use crate::vision::FeatureMap;
use hashbrown::HashMap;
use nalgebra::{Point3, UnitQuaternion};
use rustc_hash::FxBuildHasher;

/// Key of the tile that all cells of a frame are in.
const FRAME: [i32; 3] = [0; 3];

/// What regions are looked for in: cells that stand in tiles.
pub(super) trait Source: Sync {
    /// The tiles that have changed since regions were last looked for, and those that are not known
    /// from then, in order.
    fn news(&self, is_known: impl Fn(&[i32; 3]) -> bool) -> Vec<[i32; 3]>;

    /// Whether there is such a tile.
    fn has(&self, tile: &[i32; 3]) -> bool;

    /// No cells, to which others can be added.
    fn no_cells(&self) -> Cells;

    /// Adds the cells of a tile in order, or of these the `picked` ones, which are in order too; their
    /// features only where they are wanted.
    fn gather(
        &self,
        tile: [i32; 3],
        picked: Option<&[u32]>,
        with_features: bool,
        cells: &mut Cells,
    );
}

/// Cells in order; all lists have one entry a cell.
pub(super) struct Cells {
    pub keys: Vec<[i32; 3]>,
    /// Mean points, metres, along the axes of the world.
    pub xyz_m: Vec<[f32; 3]>,
    /// Mean colours, 0..=255.
    pub rgb: Vec<[f32; 3]>,
    /// `(cells, width)`, each of length 1; none where they are not wanted.
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

/// The voxels of a map that have a feature, in tiles of a block each.
impl Source for SceneMap {
    fn news(&self, is_known: impl Fn(&[i32; 3]) -> bool) -> Vec<[i32; 3]> {
        let news = self.store.blocks().filter(|block| block.is_news || !is_known(&block.key));
        let mut keys: Vec<[i32; 3]> = news.map(|block| block.key).collect();
        keys.sort_unstable();
        keys
    }

    fn has(&self, tile: &[i32; 3]) -> bool {
        self.store.block(tile).is_some()
    }

    fn no_cells(&self) -> Cells {
        Cells::empty(self.config.feature_width, self.config.voxel_size_m)
    }

    fn gather(
        &self,
        tile: [i32; 3],
        picked: Option<&[u32]>,
        with_features: bool,
        cells: &mut Cells,
    ) {
        let Some(block) = self.store.block(&tile) else { return };
        let width = self.config.feature_width;
        let places = block.places().enumerate();
        let voxels =
            places.map(|(index, place)| self.view(voxel_at(tile, place), block, index, width));
        let mut picked = picked.map(|picked| picked.iter().peekable());
        let mut feature = vec![0.0; width];
        for (cell, voxel) in (0u32..).zip(voxels.filter(|voxel| voxel.has_direction())) {
            if picked.as_mut().is_some_and(|picked| picked.next_if_eq(&&cell).is_none()) {
                continue;
            }
            cells.keys.push(voxel.key);
            cells.xyz_m.push(voxel.xyz_m);
            cells.rgb.push(voxel.rgb.map(f32::from));
            cells.seen_ns.push([voxel.first_seen_ns, voxel.last_seen_ns]);
            if with_features {
                feature.fill(0.0);
                voxel.add_feature(1.0, &mut feature);
                to_unit(&mut feature);
                cells.features.extend_from_slice(&feature);
            }
        }
    }
}

/// The cells of a frame, all in one tile.
impl Source for Cells {
    fn news(&self, is_known: impl Fn(&[i32; 3]) -> bool) -> Vec<[i32; 3]> {
        if is_known(&FRAME) { Vec::new() } else { vec![FRAME] }
    }

    fn has(&self, tile: &[i32; 3]) -> bool {
        *tile == FRAME
    }

    fn no_cells(&self) -> Cells {
        Self::empty(self.width, self.edge_m)
    }

    fn gather(&self, _: [i32; 3], picked: Option<&[u32]>, with_features: bool, cells: &mut Cells) {
        let mut add = |cell: usize| {
            cells.keys.push(self.keys[cell]);
            cells.xyz_m.push(self.xyz_m[cell]);
            cells.rgb.push(self.rgb[cell]);
            cells.seen_ns.push(self.seen_ns[cell]);
            if with_features {
                cells.features.extend_from_slice(self.feature(cell));
            }
        };
        match picked {
            Some(picked) => picked.iter().for_each(|cell| add(*cell as usize)),
            None => (0..self.len()).for_each(add),
        }
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
