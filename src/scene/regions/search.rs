//! The search for regions, and what it keeps for the next one.
//!
//! What is found of a tile rests on its cells and on those around it, so only tiles that have changed,
//! and those that may hear of it, are looked at again; the regions are then grown of the pieces of all
//! tiles, old and new. A search that knows nothing looks at all, in the same way, and finds the same.

use super::belief::{Belief, beliefs};
use super::cells::{Cells, Source};
use super::grid::{Neighbours, STEPS, beside};
use super::grow::{Field, Grown};
use super::region::Details;
use super::relate::relate;
use super::smooth::{ROUNDS, smooth};
use super::tile::{Link, Tile};
use super::{NamedVectors, Region, RegionConfig};
use crate::scene::voxel::{EDGE, Voxel};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes that are kept for each voxel, about: its two beliefs, its piece and its place in it, and its
/// share of what is kept of a block.
const BYTES_A_VOXEL: usize = 2 * size_of::<Belief>() + 16;
/// Bytes that a voxel takes beside its feature, at least.
const VOXEL_BYTES: usize = size_of::<Voxel>();
/// News reach no cells but those of the tiles around.
const _: () = assert!(ROUNDS <= EDGE as usize);

/// A search for regions in something that changes.
#[derive(Debug, Clone, Default)]
pub(in crate::scene) struct RegionSearch {
    /// The names and settings that all that is kept was found with.
    asked: Option<(NamedVectors, RegionConfig)>,
    /// Searches so far.
    number: u64,
    tiles: BTreeMap<[i32; 3], Tile>,
    /// What things were grown.
    grown: Grown,
}

/// Tiles in order, and their cells without features, tile after tile.
struct Reach {
    tiles: Vec<[i32; 3]>,
    spans: Vec<Range<usize>>,
    cells: Cells,
    near: Neighbours,
}

impl RegionSearch {
    /// Forgets what was found with other names or settings.
    pub fn keep_for(&mut self, names: &NamedVectors, config: &RegionConfig) {
        let is_same =
            |asked: &(NamedVectors, RegionConfig)| asked.0 == *names && asked.1 == *config;
        if !self.asked.as_ref().is_some_and(is_same) {
            *self = Self { asked: Some((names.clone(), config.clone())), ..Self::default() };
        }
    }

    /// The regions of `source`, in order of their first cells, and what else their objects are told.
    pub(super) fn find(
        &mut self,
        source: &impl Source,
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> (Vec<Region>, Vec<Details>) {
        self.number += 1;
        let news = self.renew(source, names, config);
        let heard = self.around(&news);
        let reach = self.reach(source, &heard);
        self.agree(&reach, &heard);
        self.link(&reach);
        let structure = names.are_in(&config.structure);
        let field = Field::new(source, &self.tiles, self.number, &structure, config);
        let (mut regions, details) = field.grow(&mut self.grown);
        relate(&mut regions, names.names());
        (regions, details)
    }

    /// How many tiles the last search found other than the one before.
    #[cfg(test)]
    pub fn changed(&self) -> usize {
        self.tiles.values().filter(|tile| tile.since == self.number).count()
    }

    /// Takes in the tiles that have changed, and drops those that are gone. Returns the keys of both.
    fn renew(
        &mut self,
        source: &impl Source,
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> Vec<[i32; 3]> {
        let mut news = source.news(|tile| self.tiles.contains_key(tile));
        let new_tile = |key: &[i32; 3]| {
            let mut cells = source.no_cells();
            source.gather(*key, None, true, &mut cells);
            (*key, Tile::new(beliefs(&cells, names, config), self.number))
        };
        let renewed: Vec<([i32; 3], Tile)> = news.par_iter().map(new_tile).collect();
        self.tiles.extend(renewed);
        let gone = self.tiles.keys().filter(|tile| !source.has(tile)).copied();
        let gone: Vec<[i32; 3]> = gone.collect();
        for tile in &gone {
            self.tiles.remove(tile);
        }
        news.extend(gone);
        news
    }

    /// The tiles at and around `keys`, in order.
    fn around(&self, keys: &[[i32; 3]]) -> Vec<[i32; 3]> {
        let all = keys.iter().flat_map(|key| STEPS.map(|step| beside(key, step)));
        let mut known: Vec<[i32; 3]> = all.filter(|key| self.tiles.contains_key(key)).collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    /// The cells of the tiles `heard` and all that these may hear.
    fn reach(&self, source: &impl Source, heard: &[[i32; 3]]) -> Reach {
        let (tiles, mut cells) = (self.around(heard), source.no_cells());
        let mut spans = Vec::with_capacity(tiles.len());
        for tile in &tiles {
            let first = cells.len();
            source.gather(*tile, None, false, &mut cells);
            spans.push(first..cells.len());
        }
        let near = Neighbours::new(&cells.keys);
        Reach { tiles, spans, cells, near }
    }

    /// Lets cells talk. All who may hear news stand in the tiles `heard` around it, and all whom these hear
    /// in those of `reach`.
    fn agree(&mut self, reach: &Reach, heard: &[[i32; 3]]) {
        let tiles = reach.tiles.iter().filter_map(|tile| self.tiles.get(tile));
        let own: Vec<Belief> = tiles.flat_map(|tile| tile.own.iter().copied()).collect();
        debug_assert_eq!(own.len(), reach.cells.len(), "a block has changed and is no news");
        let agreed = smooth(&reach.cells, &reach.near, &own);
        let all = reach.tiles.iter().zip(&reach.spans);
        for (key, span) in all.filter(|(key, _)| heard.binary_search(key).is_ok()) {
            let Some(tile) = self.tiles.get_mut(key) else { continue };
            let now = &agreed[span.clone()];
            if tile.agreed.as_slice() != now {
                tile.agreed = now.to_vec();
                tile.since = self.number;
            }
        }
    }

    /// Cuts the tiles that have changed into pieces, and tells which others these touch.
    fn link(&mut self, reach: &Reach) {
        let Reach { tiles, spans, cells, near } = reach;
        // For each cell its piece and its tile.
        let (mut piece_of, mut tile_of) = (Vec::new(), Vec::new());
        let mut is_new = vec![false; tiles.len()];
        for (at, key) in tiles.iter().enumerate() {
            let Some(tile) = self.tiles.get_mut(key) else { continue };
            is_new[at] = tile.since == self.number;
            if is_new[at] {
                tile.cut(&cells.keys, near, spans[at].clone());
            }
            piece_of.extend_from_slice(&tile.piece_of);
            tile_of.resize(piece_of.len(), at);
        }
        for (at, key) in tiles.iter().enumerate().filter(|(at, _)| is_new[*at]) {
            let mut links = Vec::new();
            for cell in spans[at].clone() {
                for other in near.of(cell).iter().map(|other| *other as usize) {
                    let to = tile_of[other];
                    let side = side_of(key, &tiles[to]);
                    let link = Link { side, own: piece_of[cell], other: piece_of[other] };
                    // Of two that are new the first one tells.
                    let is_told =
                        if to == at { link.other <= link.own } else { to < at && is_new[to] };
                    if !is_told && links.last() != Some(&link) {
                        links.push(link);
                    }
                }
            }
            links.sort_unstable();
            links.dedup();
            links.shrink_to_fit();
            if let Some(tile) = self.tiles.get_mut(key) {
                tile.links = links;
            }
        }
    }
}

/// On which side of a tile another one is that touches it: index among [`STEPS`].
fn side_of(tile: &[i32; 3], other: &[i32; 3]) -> u8 {
    let [x, y, z]: [i32; 3] = std::array::from_fn(|axis| other[axis] - tile[axis] + 1);
    (x * 9 + y * 3 + z) as u8
}

/// Most bytes, about, that a search for the regions of a map keeps for the next one. The map takes at most
/// `map_bytes`, and its features have `width` numbers; of one without features nothing is kept.
pub fn most_search_bytes(map_bytes: usize, width: usize) -> u64 {
    let voxels = map_bytes / (VOXEL_BYTES + 2 * width);
    if width == 0 { 0 } else { (voxels as u64).saturating_mul(BYTES_A_VOXEL as u64) }
}
