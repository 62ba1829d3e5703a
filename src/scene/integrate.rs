//! One frame into the map.

use super::gather::{CellUse, FrameHits, gather};
use super::lens::Lens;
use super::removal::{DepthView, GoneVoxel};
use super::voxel::Block;
use super::{SceneError, SceneMap};
use crate::sensing::RgbdFrame;
use crate::vision::FeatureMap;
use std::ops::Range;
use std::sync::Arc;

/// What a frame did to the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct IntegrateReport {
    /// Points of the frame that were mapped.
    pub points: usize,
    /// Voxels they fell into.
    pub voxels: usize,
    /// Voxels that are new.
    pub new_voxels: usize,
    /// Voxels removed because what they showed has gone.
    pub removed_voxels: usize,
    /// Objects removed because the voxels in their boxes have gone.
    pub removed_objects: usize,
    /// Voxels dropped to keep the map below its byte cap.
    pub evicted_voxels: usize,
}

impl SceneMap {
    /// Merges one frame into the map: its points, its features if there are any, and what it
    /// shows to be gone. An error leaves the map as it was.
    pub fn integrate(
        &mut self,
        frame: &RgbdFrame,
        features: Option<&FeatureMap>,
    ) -> Result<IntegrateReport, SceneError> {
        check_frame(frame)?;
        if let Some(map) = features {
            self.check_features(map)?;
        }
        let lens = self.lens_of(frame)?;
        let hits = gather(frame, &lens.rays, &self.config, features)?;
        self.set_clock(frame.stamp_ns);
        let new_voxels = self.merge(&hits, frame.stamp_ns, features);
        let gone =
            if self.config.removal.enabled { self.remove_absent(frame, &lens) } else { Vec::new() };
        let removed_objects = self.remove_unsupported(&gone, frame.stamp_ns);
        let evicted_voxels = self.store.evict(self.config.max_bytes);
        Ok(IntegrateReport {
            points: hits.points,
            voxels: hits.hits.len(),
            new_voxels,
            removed_voxels: gone.len(),
            removed_objects,
            evicted_voxels,
        })
    }

    fn check_features(&self, map: &FeatureMap) -> Result<(), SceneError> {
        let (expected, found) = (self.config.feature_width, map.width);
        if expected != found || found == 0 {
            return Err(SceneError::FeatureWidth { expected, found });
        }
        check_grid(map)
    }

    /// The frame's camera made ready, once.
    pub(super) fn lens_of(&mut self, frame: &RgbdFrame) -> Result<Arc<Lens>, SceneError> {
        self.lenses.get_or_make(&frame.camera, || Lens::new(&frame.camera).map(Arc::new))
    }

    fn merge(&mut self, hits: &FrameHits, stamp_ns: i64, features: Option<&FeatureMap>) -> usize {
        let blocks = hits.blocks();
        let keys: Vec<[i32; 3]> = blocks.iter().map(|(key, _)| *key).collect();
        let (width, memory) = (self.config.feature_width, self.config.feature_memory);
        let (gain, most) = (self.config.removal.hit, self.config.removal.max_evidence);
        let revisit_ns = self.config.revisit_ns();
        let new = self.store.update(&keys, |index, block| {
            let range = blocks[index].1.clone();
            let new = block.occupy(&mask_of(hits, range.clone()), width, stamp_ns);
            for (key, hit) in &hits.hits[range.clone()] {
                let voxel = block.index_of((key & 511) as usize);
                let voxel = &mut block.voxels[voxel];
                voxel.merge(hit, stamp_ns, revisit_ns);
                voxel.evidence = voxel.evidence.saturating_add(gain).min(most);
            }
            block.last_seen_ns = block.last_seen_ns.max(stamp_ns);
            block.is_news = true;
            if let Some(map) = features {
                merge_features(block, cells_of(hits, range), map, memory);
            }
            new
        });
        new.into_iter().sum()
    }

    /// Takes out the voxels that a frame shows to be gone, and tells which.
    fn remove_absent(&mut self, frame: &RgbdFrame, lens: &Lens) -> Vec<GoneVoxel> {
        let view = DepthView::new(frame, lens, &self.config);
        let (low, high) = view.block_bounds();
        let keys = self.store.within(low, high, |key| view.may_see(key));
        let width = self.config.feature_width;
        self.store
            .update(&keys, |_, block| view.sweep(block, width))
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Whether the parts of a frame fit together.
pub(super) fn check_frame(frame: &RgbdFrame) -> Result<(), SceneError> {
    let (width, height) = (frame.camera.width, frame.camera.height);
    let sizes = [
        ("colour", frame.color.width(), frame.color.height()),
        ("depth", frame.depth_m.width, frame.depth_m.height),
    ];
    for (what, found_width, found_height) in sizes {
        let stamp_ns = frame.stamp_ns;
        if (found_width, found_height) != (width, height) {
            let wrong =
                SceneError::FrameSize { stamp_ns, what, found_width, found_height, width, height };
            return Err(wrong);
        }
    }
    if frame.depth_m.data_m.len() as u64 != u64::from(width) * u64::from(height) {
        let reason = format!("the depth image holds {} readings", frame.depth_m.data_m.len());
        return Err(SceneError::BadCamera { width, height, reason });
    }
    Ok(())
}

/// Whether a feature grid holds as many numbers as it says.
pub(super) fn check_grid(map: &FeatureMap) -> Result<(), SceneError> {
    let FeatureMap { rows, columns, width, .. } = *map;
    let wanted = rows.checked_mul(columns).and_then(|cells| cells.checked_mul(width));
    if wanted != Some(map.data.len()) || map.data.is_empty() {
        return Err(SceneError::FeatureSize { rows, columns, width, found: map.data.len() });
    }
    Ok(())
}

fn mask_of(hits: &FrameHits, range: Range<usize>) -> [u64; 8] {
    let mut mask = [0; 8];
    for (key, _) in &hits.hits[range] {
        let place = (key & 511) as usize;
        mask[place / 64] |= 1 << (place % 64);
    }
    mask
}

/// The cell uses of the voxels in `range`, all of one block.
fn cells_of(hits: &FrameHits, range: Range<usize>) -> &[CellUse] {
    let (first, last) = (hits.hits[range.start].0, hits.hits[range.end - 1].0);
    let start = hits.cells.partition_point(|cell| cell.key < first);
    let end = hits.cells.partition_point(|cell| cell.key <= last);
    &hits.cells[start..end]
}

/// Merges into each voxel the mean feature of the frame's cells it was seen in.
fn merge_features(block: &mut Block, cells: &[CellUse], map: &FeatureMap, memory: u16) {
    let mut mean = vec![0.0; map.width];
    for uses in cells.chunk_by(|a, b| a.key == b.key) {
        let pixels: u32 = uses.iter().map(|one| one.pixels).sum();
        mean.fill(0.0);
        for one in uses {
            let start = one.cell as usize * map.width;
            let share = one.pixels as f32 / pixels as f32;
            for (sum, value) in mean.iter_mut().zip(&map.data[start..start + map.width]) {
                *sum += value * share;
            }
        }
        let index = block.index_of((uses[0].key & 511) as usize);
        block.merge_feature(index, &mean, pixels, memory);
    }
}
