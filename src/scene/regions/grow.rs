//! From cells that agree to regions: connected components, with what broke off put back.
//!
//! Components are put together of the pieces that tiles were cut into. One whose tiles have not changed,
//! and that has the same pieces as before, is the same region as before.

use super::belief::Belief;
use super::cells::{Cells, Source};
use super::grid::{Neighbours, STEPS, beside};
use super::region::Details;
use super::shape::Shape;
use super::tile::{Bounds, Piece, Tile, bounds_of};
use super::{Region, RegionConfig};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// A fragment joins a neighbour that is at least this many times as large …
const LARGER: usize = 2;
/// … when its cells believe in that neighbour's name at least this much, compared with their own.
const DOUBT: f32 = 0.4;
/// Components of one name join where their boxes leave at most this many cells between them …
const GAP: i32 = 2;
/// … and some of their cells are no farther apart than this: the box of a corner worktop holds half
/// the kitchen.
const REACH: i32 = 6;
/// Cells of a component that are compared with those of another.
const COMPARED: usize = 256;
/// Times that all components are gone through.
const JOIN_PASSES: usize = 4;
/// A region with less of a mass than this share of the greatest one of its name is what the edge of
/// that one threw on something behind it.
const PART: f32 = 0.1;

/// What components became by their first pieces.
pub(super) type Grown = HashMap<PieceKey, Known, FxBuildHasher>;
/// A tile, and a piece of it.
type PieceKey = ([i32; 3], u32);

/// What a component became.
#[derive(Debug, Clone)]
pub(super) struct Known {
    name: u16,
    pieces: Vec<PieceKey>,
    mass: f32,
    /// None where it is believed too little.
    region: Option<(Region, Details)>,
}

/// Pieces of one name that touch, and what has joined them.
struct Component {
    name: u16,
    /// Numbers of the pieces in order of their first cells.
    pieces: Vec<u32>,
    /// How many cells they have.
    cells: usize,
    bounds: Bounds,
    /// Some of its cells, once they were asked for.
    sample: OnceCell<Vec<[i32; 3]>>,
}

/// What regions are grown of: the pieces of all tiles, numbered tile after tile.
pub(super) struct Field<'a, S> {
    source: &'a S,
    tiles: Vec<(&'a [i32; 3], &'a Tile)>,
    /// For each tile the number of its first piece.
    first: Vec<u32>,
    /// For each piece the index of its tile.
    tile_of: Vec<u32>,
    /// Which pieces touch.
    near: Neighbours,
    /// Number of this search; tiles that are the same since an earlier one are old.
    search: u64,
    /// For each name whether it is one of the room.
    structure: &'a [bool],
    config: &'a RegionConfig,
}

impl<'a, S: Source> Field<'a, S> {
    /// The field of `tiles`, which the `search` of this number has renewed.
    pub fn new(
        source: &'a S,
        tiles: &'a BTreeMap<[i32; 3], Tile>,
        search: u64,
        structure: &'a [bool],
        config: &'a RegionConfig,
    ) -> Self {
        let tiles: Vec<(&[i32; 3], &Tile)> = tiles.iter().collect();
        let places = tiles.iter().enumerate().map(|(at, (key, _))| (**key, at));
        let places: HashMap<[i32; 3], usize, FxBuildHasher> = places.collect();
        let (mut first, mut tile_of) = (Vec::with_capacity(tiles.len()), Vec::new());
        for (at, (_, tile)) in (0u32..).zip(&tiles) {
            first.push(tile_of.len() as u32);
            tile_of.resize(tile_of.len() + tile.pieces.len(), at);
        }
        let mut pairs = Vec::new();
        for (at, (key, tile)) in tiles.iter().enumerate() {
            for links in tile.links.chunk_by(|a, b| a.side == b.side) {
                let other = places.get(&beside(key, STEPS[usize::from(links[0].side)]));
                // One that has changed since tells of its links itself.
                let Some(to) = other.filter(|to| tiles[**to].1.since <= tile.since) else {
                    continue;
                };
                let (own, other) = (first[at], first[*to]);
                pairs.extend(links.iter().map(|link| (own + link.own, other + link.other)));
            }
        }
        let near = Neighbours::of_pairs(tile_of.len(), &pairs);
        Self { source, tiles, first, tile_of, near, search, structure, config }
    }

    /// The regions, in order of their first cells, and what else their objects are told. What they stand
    /// on is not said yet. `grown` is what the last search has grown, and then what this one has.
    pub fn grow(&self, grown: &mut Grown) -> (Vec<Region>, Vec<Details>) {
        let mut components = self.components();
        self.absorb(&mut components);
        components.retain(|c| !self.structure.get(usize::from(c.name)).is_some_and(|is| *is));
        self.join(&mut components);
        let mut before = std::mem::take(grown);
        let now: Vec<Known> = components.iter().map(|one| self.know(one, &mut before)).collect();
        let mut greatest = vec![0.0f32; self.structure.len()];
        for one in &now {
            if let Some(greatest) = greatest.get_mut(usize::from(one.name)) {
                *greatest = greatest.max(one.mass);
            }
        }
        let is_whole = |one: &&Known| {
            let greatest = greatest.get(usize::from(one.name)).copied().unwrap_or(0.0);
            one.mass >= PART * greatest
        };
        let regions = now.iter().filter(is_whole).filter_map(|one| one.region.clone()).unzip();
        *grown = now.into_iter().map(|one| (one.pieces[0], one)).collect();
        regions
    }

    /// What a component becomes: what it became before, if it is the same.
    fn know(&self, component: &Component, before: &mut Grown) -> Known {
        let key_of = |piece: &u32| {
            let at = self.tile_of[*piece as usize] as usize;
            (*self.tiles[at].0, piece - self.first[at])
        };
        let pieces: Vec<PieceKey> = component.pieces.iter().map(key_of).collect();
        let is_old = |piece: &u32| {
            let at = self.tile_of[*piece as usize] as usize;
            self.tiles[at].1.since < self.search
        };
        let name = component.name;
        let known = before.remove(&pieces[0]).filter(|known| {
            known.name == name && known.pieces == pieces && component.pieces.iter().all(is_old)
        });
        known.unwrap_or_else(|| {
            let (cells, agreed) = self.gather(&component.pieces, true);
            let shape = Shape { name, cells: &cells, agreed: &agreed, config: self.config };
            let region = shape.region();
            let region = region.map(|one| {
                let details = shape.details(&one, self.structure.len());
                (one, details)
            });
            Known { name, pieces, mass: shape.mass(), region }
        })
    }

    fn piece(&self, number: u32) -> &Piece {
        let at = self.tile_of[number as usize] as usize;
        &self.tiles[at].1.pieces[(number - self.first[at]) as usize]
    }

    /// The tile of a piece, and which of its cells it has.
    fn cells_of(&self, number: u32) -> (&Tile, &[u32]) {
        let at = self.tile_of[number as usize] as usize;
        let tile = self.tiles[at].1;
        (tile, tile.cells_of((number - self.first[at]) as usize))
    }

    /// The cells of pieces, which are in order, and what these agreed on.
    fn gather(&self, pieces: &[u32], with_features: bool) -> (Cells, Vec<Belief>) {
        let (mut cells, mut agreed) = (self.source.no_cells(), Vec::new());
        let tile_of = |piece: &u32| self.tile_of[*piece as usize] as usize;
        for pieces in pieces.chunk_by(|a, b| tile_of(a) == tile_of(b)) {
            let (key, tile) = self.tiles[tile_of(&pieces[0])];
            let picked = pieces.iter().flat_map(|piece| self.cells_of(*piece).1);
            let mut picked: Vec<u32> = picked.copied().collect();
            picked.sort_unstable();
            self.source.gather(*key, Some(&picked), with_features, &mut cells);
            agreed.extend(picked.iter().map(|cell| tile.agreed[*cell as usize]));
        }
        (cells, agreed)
    }

    /// Pieces of one name that touch.
    fn components(&self) -> Vec<Component> {
        let mut is_taken = vec![false; self.tile_of.len()];
        let mut components = Vec::new();
        for seed in 0..self.tile_of.len() {
            if std::mem::replace(&mut is_taken[seed], true) {
                continue;
            }
            let name = self.piece(seed as u32).name;
            let (mut members, mut next) = (vec![seed as u32], 0);
            while let Some(member) = members.get(next) {
                next += 1;
                for neighbour in self.near.of(*member as usize) {
                    let at = *neighbour as usize;
                    if !is_taken[at] && self.piece(*neighbour).name == name {
                        is_taken[at] = true;
                        members.push(*neighbour);
                    }
                }
            }
            components.push(self.component(name, members));
        }
        components
    }

    fn component(&self, name: u16, mut pieces: Vec<u32>) -> Component {
        pieces.sort_unstable();
        let cells = pieces.iter().map(|piece| self.cells_of(*piece).1.len()).sum();
        let bounds = bounds_of(pieces.iter().map(|piece| self.piece(*piece).bounds));
        Component { name, pieces, cells, bounds, sample: OnceCell::new() }
    }

    /// Puts fragments back to what they broke off from: the rim of a worktop that looks somewhat
    /// like a cabinet, the shadow of a mug on the wall.
    fn absorb(&self, components: &mut Vec<Component>) {
        let mut owner = vec![0u32; self.tile_of.len()];
        for (index, component) in (0u32..).zip(components.iter()) {
            component.pieces.iter().for_each(|piece| owner[*piece as usize] = index);
        }
        let mut smallest_first: Vec<usize> = (0..components.len()).collect();
        smallest_first.sort_by_key(|index| components[*index].cells);
        for index in smallest_first {
            let Some(to) = self.absorber(index, components, &owner) else { continue };
            let pieces = std::mem::take(&mut components[index].pieces);
            pieces.iter().for_each(|piece| owner[*piece as usize] = to as u32);
            components[to].cells += components[index].cells;
            components[to].pieces.extend(pieces);
        }
        let grown = std::mem::take(components).into_iter().filter(|c| !c.pieces.is_empty());
        *components = grown.map(|c| self.component(c.name, c.pieces)).collect();
    }

    /// Which neighbour a component belongs to, if it is a fragment.
    fn absorber(&self, index: usize, components: &[Component], owner: &[u32]) -> Option<usize> {
        let fragment = &components[index];
        let mut beside: Vec<u32> = Vec::new();
        for piece in &fragment.pieces {
            let owners = self.near.of(*piece as usize).iter().map(|piece| owner[*piece as usize]);
            beside.extend(owners.filter(|owner| *owner as usize != index));
        }
        beside.sort_unstable();
        beside.dedup();
        beside.retain(|at| components[*at as usize].cells >= LARGER.saturating_mul(fragment.cells));
        let belief = |name: u16| -> f32 {
            let cells = fragment.pieces.iter().map(|piece| self.cells_of(*piece));
            let own =
                cells.flat_map(|(tile, cells)| cells.iter().map(move |at| tile.own[*at as usize]));
            own.map(|own| own.in_name(name)).sum()
        };
        let larger = beside.into_iter().map(|at| at as usize);
        let doubts = larger.map(|at| (belief(components[at].name), at));
        let (doubt, at) = doubts.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        (doubt > 0.0 && doubt >= DOUBT * belief(fragment.name)).then_some(at)
    }

    /// Joins components of one name that all but touch, or of which one lies in the other's box.
    fn join(&self, components: &mut Vec<Component>) {
        components.sort_by_key(|one| (one.name, one.bounds[0], one.pieces[0]));
        // A grown box may reach what came before it: another pass.
        for _ in 0..JOIN_PASSES {
            let before = components.len();
            let mut at = 0;
            while at < components.len() {
                while let Some(other) = self.next_to_join(components, at) {
                    let other = components.remove(other);
                    let mut pieces = std::mem::take(&mut components[at].pieces);
                    pieces.extend(other.pieces);
                    components[at] = self.component(other.name, pieces);
                }
                at += 1;
            }
            if components.len() == before {
                break;
            }
        }
        components.sort_by_key(|component| component.pieces[0]);
    }

    /// The first component behind `at` that belongs to it. They are in order of name and lower end.
    fn next_to_join(&self, components: &[Component], at: usize) -> Option<usize> {
        let one = &components[at];
        let [_, high] = one.bounds;
        let behind = components.iter().enumerate().skip(at + 1);
        let mut near = behind
            .take_while(|(_, other)| other.name == one.name && other.bounds[0][0] <= high[0] + GAP);
        near.find(|(_, other)| self.belong_together(one, other)).map(|(index, _)| index)
    }

    fn belong_together(&self, a: &Component, b: &Component) -> bool {
        let ([a_low, a_high], [b_low, b_high]) = (a.bounds, b.bounds);
        let boxes = (0..3)
            .all(|axis| a_low[axis] <= b_high[axis] + GAP && b_low[axis] <= a_high[axis] + GAP);
        if !boxes {
            return false;
        }
        let are_near = |a: &[i32; 3], b: &[i32; 3]| {
            (0..3).all(|axis| (a[axis].saturating_sub(b[axis])).abs() <= REACH)
        };
        let (a, b) = (self.sample(a), self.sample(b));
        a.iter().any(|a| b.iter().any(|b| are_near(a, b)))
    }

    /// Some cells of a component, all over it.
    fn sample<'b>(&self, component: &'b Component) -> &'b [[i32; 3]] {
        component.sample.get_or_init(|| {
            let keys = self.gather(&component.pieces, false).0.keys;
            keys.into_iter().step_by(component.cells.div_ceil(COMPARED)).collect()
        })
    }
}
