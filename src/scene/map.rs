//! The scene map: what the robot has seen, in world coordinates.

use super::lens::Lens;
use super::regions::{ObjectMemory, RegionSearch};
use super::store::Store;
use super::support::Loss;
use super::voxel::{EDGE, place_of, voxel_at};
use super::{MapConfig, ObjectId, ObjectStore, SceneError, half};
use crate::geometry::PerCamera;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A hybrid point–voxel map: for each occupied voxel the mean point, mean colour, mean feature,
/// times and evidence, plus the objects a plan may refer to.
///
/// Frames that are merged in the same order give the same map whatever the number of threads.
#[derive(Debug, Clone)]
pub struct SceneMap {
    pub(super) config: MapConfig,
    pub(super) store: Store,
    pub(super) objects: ObjectStore,
    /// The cameras it is made with; no part of the map.
    pub(super) lenses: PerCamera<Arc<Lens>>,
    /// What speaks against objects since they were detected; no part of the map.
    pub(super) losses: BTreeMap<ObjectId, Loss>,
    /// What was found of objects made of regions; no part of the map, though saved with it.
    pub(super) memory: ObjectMemory,
    /// What the last search for regions found; no part of the map.
    pub(super) search: RegionSearch,
    /// The newest stamp of its frames, nanoseconds, once there was one; no part of the map.
    pub(super) newest_ns: Option<i64>,
}

/// How much a map holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct MapCounts {
    /// Occupied voxels.
    pub voxels: u64,
    /// Points merged into them.
    pub points: u64,
    /// Objects.
    pub objects: u64,
}

/// One occupied voxel, as it is read from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelView<'a> {
    /// Voxel coordinates: world coordinates divided by the voxel size, rounded down.
    pub key: [i32; 3],
    /// Mean point in world coordinates, metres.
    pub xyz_m: [f32; 3],
    /// Mean colour.
    pub rgb: [u8; 3],
    /// Points merged into it.
    pub count: u32,
    /// Evidence that something is there; see [`super::RemovalConfig`].
    pub evidence: i16,
    /// When it was first hit, nanoseconds.
    pub first_seen_ns: i64,
    /// When it was last hit, nanoseconds.
    pub last_seen_ns: i64,
    feature: Option<&'a [u16]>,
}

impl VoxelView<'_> {
    /// The mean feature, if any frame brought one.
    pub fn feature(&self) -> Option<Vec<f32>> {
        self.feature.map(|row| row.iter().map(|bits| half::from_bits(*bits)).collect())
    }

    /// Whether any frame brought a feature.
    pub(super) fn has_feature(&self) -> bool {
        self.feature.is_some()
    }

    /// Whether it has a mean feature that is not nothing: one that points somewhere.
    pub(super) fn has_direction(&self) -> bool {
        // All bits but the sign: there is a zero of either.
        self.feature.is_some_and(|row| row.iter().any(|bits| bits & 0x7fff != 0))
    }

    /// Adds `weight` times the mean feature to `sum`; `false` when the voxel has none.
    pub(super) fn add_feature(&self, weight: f32, sum: &mut [f32]) -> bool {
        let Some(row) = self.feature else { return false };
        for (sum, bits) in sum.iter_mut().zip(row) {
            *sum += weight * half::from_bits(*bits);
        }
        true
    }
}

impl SceneMap {
    /// An empty map.
    pub fn new(config: MapConfig) -> Result<Self, SceneError> {
        config.validate()?;
        Ok(Self {
            config,
            store: Store::default(),
            objects: ObjectStore::default(),
            lenses: PerCamera::default(),
            losses: BTreeMap::new(),
            memory: ObjectMemory::default(),
            search: RegionSearch::default(),
            newest_ns: None,
        })
    }

    /// The map's settings.
    pub fn config(&self) -> &MapConfig {
        &self.config
    }

    /// Goes on with other settings. Those that its voxels were made with stay: the frame, the voxel size,
    /// and what the features are. What a lower cap leaves no room for is dropped at once.
    ///
    /// # Errors
    ///
    /// When the two do not go together; then nothing has changed.
    pub fn adopt(&mut self, settings: &MapConfig) -> Result<(), SceneError> {
        let config = MapConfig {
            frame_id: self.config.frame_id.clone(),
            voxel_size_m: self.config.voxel_size_m,
            feature_width: self.config.feature_width,
            feature_space: self.config.feature_space.clone(),
            ..settings.clone()
        };
        config.validate()?;
        self.config = config;
        self.store.evict(self.config.max_bytes);
        Ok(())
    }

    /// The objects of the map.
    pub fn objects(&self) -> &ObjectStore {
        &self.objects
    }

    /// The objects of the map, to be changed.
    pub fn objects_mut(&mut self) -> &mut ObjectStore {
        &mut self.objects
    }

    /// Forgets everything but the settings. Ids of objects are still never reused.
    pub fn clear(&mut self) {
        self.store = Store::default();
        self.objects.clear();
        self.losses.clear();
        self.memory = ObjectMemory::default();
        self.search = RegionSearch::default();
        self.newest_ns = None;
    }

    /// Number of occupied voxels.
    pub fn len(&self) -> usize {
        self.store.voxels()
    }

    /// Whether no voxel is occupied.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes the voxels take, with all it needs to find them.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Bytes a voxel takes on average; 0 in an empty map.
    pub fn bytes_per_voxel(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.bytes() as f64 / self.len() as f64 }
    }

    /// How much the map holds.
    pub fn counts(&self) -> MapCounts {
        MapCounts {
            voxels: self.len() as u64,
            points: self.voxels().map(|voxel| u64::from(voxel.count)).sum(),
            objects: self.objects.len() as u64,
        }
    }

    /// All occupied voxels, ordered by block (8×8×8 voxels) and place in the block.
    pub fn voxels(&self) -> impl Iterator<Item = VoxelView<'_>> {
        let width = self.config.feature_width;
        self.store.sorted().into_iter().flat_map(move |block| {
            block.places().enumerate().map(move |(index, place)| {
                self.view(voxel_at(block.key, place), block, index, width)
            })
        })
    }

    /// The voxel at voxel coordinates `key`, if it is occupied.
    pub fn voxel(&self, key: [i32; 3]) -> Option<VoxelView<'_>> {
        let block = self.store.block(&key.map(|v| v.div_euclid(EDGE)))?;
        let place = place_of(key);
        let occupied = block.mask[place / 64] >> (place % 64) & 1 == 1;
        occupied.then(|| self.view(key, block, block.index_of(place), self.config.feature_width))
    }

    pub(super) fn view<'a>(
        &self,
        key: [i32; 3],
        block: &'a super::voxel::Block,
        index: usize,
        width: usize,
    ) -> VoxelView<'a> {
        let voxel = &block.voxels[index];
        let point_m = voxel.point_m(key, self.config.voxel_size_m);
        VoxelView {
            key,
            xyz_m: point_m.cast::<f32>().into(),
            rgb: voxel.rgb.map(|c| c.round() as u8),
            count: voxel.count,
            evidence: voxel.evidence,
            first_seen_ns: voxel.first_seen_ns,
            last_seen_ns: voxel.last_seen_ns,
            feature: block.feature(index, width),
        }
    }

    /// Least and greatest mean point, metres; `None` in an empty map.
    pub fn bounds_m(&self) -> Option<([f32; 3], [f32; 3])> {
        let points = self.voxels().map(|voxel| (voxel.xyz_m, voxel.xyz_m));
        points.reduce(|(low, high), (point, _)| {
            (
                std::array::from_fn(|axis| low[axis].min(point[axis])),
                std::array::from_fn(|axis| high[axis].max(point[axis])),
            )
        })
    }
}

/// Maps are equal when their settings, voxels and objects are.
impl PartialEq for SceneMap {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
            && self.objects == other.objects
            && self.store.sorted() == other.store.sorted()
    }
}
