//! Which cells touch: the neighbours of every cell, found once; and the same of pieces made of cells.

use crate::scene::voxel::{EDGE, place_of};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::ops::Range;

const NOBODY: u32 = u32::MAX;
/// From a cell to those around it and to itself.
pub(super) const STEPS: [[i32; 3]; 27] = {
    let mut steps = [[0; 3]; 27];
    let mut side = 0;
    while side < 27 {
        let at = side as i32;
        steps[side] = [at / 9 - 1, at / 3 % 3 - 1, at % 3 - 1];
        side += 1;
    }
    steps
};

/// The occupied cells among the 26 around each cell, in a fixed order, or what else touches what.
pub(super) struct Neighbours {
    start: Vec<u32>,
    all: Vec<u32>,
}

impl Neighbours {
    /// `keys` are distinct.
    pub fn new(keys: &[[i32; 3]]) -> Self {
        let mut blocks: HashMap<[i32; 3], u32, FxBuildHasher> = HashMap::default();
        // One of each block of the grid, with its cells.
        let mut tables: Vec<[u32; 512]> = Vec::new();
        for (index, key) in (0u32..).zip(keys) {
            let block = *blocks.entry(key.map(|v| v.div_euclid(EDGE))).or_insert_with(|| {
                tables.push([NOBODY; 512]);
                tables.len() as u32 - 1
            });
            tables[block as usize][place_of(*key)] = index;
        }
        // Around each block, itself in the middle: looked up once, not for every cell at its side.
        let mut around = vec![[None; 27]; tables.len()];
        for (home, own) in &blocks {
            around[*own as usize] =
                std::array::from_fn(|side| blocks.get(&beside(home, STEPS[side])).copied());
        }
        let (mut start, mut all) = (Vec::with_capacity(keys.len() + 1), Vec::new());
        start.push(0);
        for key in keys {
            let home = key.map(|v| v.div_euclid(EDGE));
            let Some(around) = blocks.get(&home).map(|own| &around[*own as usize]) else {
                continue;
            };
            for step in STEPS.into_iter().filter(|step| *step != [0; 3]) {
                let next = beside(key, step);
                let there: [i32; 3] =
                    std::array::from_fn(|axis| next[axis].div_euclid(EDGE) - home[axis] + 1);
                let block = around[(there[0] * 9 + there[1] * 3 + there[2]) as usize];
                let found = block.map_or(NOBODY, |block| tables[block as usize][place_of(next)]);
                if found != NOBODY {
                    all.push(found);
                }
            }
            start.push(all.len() as u32);
        }
        Self { start, all }
    }

    /// Of `count` things those that stand with each in one of `pairs`.
    pub fn of_pairs(count: usize, pairs: &[(u32, u32)]) -> Self {
        let mut start = vec![0u32; count + 1];
        for (one, other) in pairs {
            start[*one as usize + 1] += 1;
            start[*other as usize + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut start {
            sum += *start;
            *start = sum;
        }
        let (mut next, mut all) = (start.clone(), vec![0; 2 * pairs.len()]);
        for (one, other) in pairs.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]) {
            all[next[one as usize] as usize] = other;
            next[one as usize] += 1;
        }
        Self { start, all }
    }

    /// The neighbours of a cell.
    pub fn of(&self, cell: usize) -> &[u32] {
        &self.all[self.span(cell)]
    }

    /// Where the neighbours of a cell stand among those of all cells, one cell after the other.
    pub fn span(&self, cell: usize) -> Range<usize> {
        self.start[cell] as usize..self.start[cell + 1] as usize
    }
}

/// The key a step away; at the end of the grid the same one.
pub(super) fn beside(key: &[i32; 3], step: [i32; 3]) -> [i32; 3] {
    std::array::from_fn(|axis| key[axis].saturating_add(step[axis]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_found_across_blocks() {
        let keys = [[7, 0, 0], [8, 0, -1], [-1, -1, -1], [0, 0, 0], [9, 9, 9]];
        let near = Neighbours::new(&keys);
        assert_eq!(near.of(0), [1]);
        assert_eq!(near.of(1), [0]);
        assert_eq!(near.of(2), [3]);
        assert_eq!(near.of(3), [2]);
        assert!(near.of(4).is_empty());
    }

    #[test]
    fn pairs_are_neighbours_of_each_other() {
        let near = Neighbours::of_pairs(4, &[(0, 2), (3, 2)]);
        let of = |one: usize| near.of(one).to_vec();
        assert_eq!([0, 1, 2, 3].map(of), [vec![2], vec![], vec![0, 3], vec![2]]);
    }
}
