//! Where the blocks of a map live: one hash table to each block, one mask to each region of
//! 8×8×8 blocks, so that what stands in view is found without looking at the rest.

use super::voxel::{Block, EDGE, place_of, voxel_at};
use hashbrown::HashMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

/// Blocks handed to one worker at a time: small enough to balance, large enough to be worth it.
const BLOCKS_A_TASK: usize = 8;

/// All blocks of a map.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    slots: HashMap<[i32; 3], u32, FxBuildHasher>,
    regions: HashMap<[i32; 3], [u64; 8], FxBuildHasher>,
    blocks: Vec<Block>,
    bytes: usize,
    voxels: usize,
}

impl Store {
    /// Bytes all blocks take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of occupied voxels.
    pub fn voxels(&self) -> usize {
        self.voxels
    }

    /// When any block was last hit, nanoseconds.
    pub fn newest_ns(&self) -> Option<i64> {
        self.blocks.iter().map(|block| block.last_seen_ns).max()
    }

    /// Lets nothing have been seen later than `stamp_ns`.
    pub fn set_back(&mut self, stamp_ns: i64) {
        self.blocks.par_iter_mut().for_each(|block| {
            block.last_seen_ns = block.last_seen_ns.min(stamp_ns);
            block.is_news = true;
            for voxel in &mut block.voxels {
                voxel.first_seen_ns = voxel.first_seen_ns.min(stamp_ns);
                voxel.last_seen_ns = voxel.last_seen_ns.min(stamp_ns);
            }
        });
    }

    /// All blocks, in no order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    /// What has changed so far is no news any more.
    pub fn forget_news(&mut self) {
        self.blocks.iter_mut().for_each(|block| block.is_news = false);
    }

    /// The block at `key`.
    pub fn block(&self, key: &[i32; 3]) -> Option<&Block> {
        self.slots.get(key).map(|slot| &self.blocks[*slot as usize])
    }

    /// All blocks in order of their keys.
    pub fn sorted(&self) -> Vec<&Block> {
        let mut blocks: Vec<&Block> = self.blocks.iter().collect();
        blocks.sort_unstable_by_key(|block| block.key);
        blocks
    }

    /// Puts a block in; `false` when its place is taken or it is empty.
    pub fn insert(&mut self, block: Block) -> bool {
        if block.voxels.is_empty() || self.slots.contains_key(&block.key) {
            return false;
        }
        self.bytes += block.bytes();
        self.voxels += block.voxels.len();
        self.make_slot(block.key);
        let slot = self.slots[&block.key] as usize;
        self.blocks[slot] = block;
        true
    }

    fn make_slot(&mut self, key: [i32; 3]) -> u32 {
        *self.slots.entry(key).or_insert_with(|| {
            let mask = self.regions.entry(key.map(|v| v.div_euclid(EDGE))).or_default();
            let place = place_of(key);
            mask[place / 64] |= 1 << (place % 64);
            self.blocks.push(Block::empty(key));
            (self.blocks.len() - 1) as u32
        })
    }

    /// Drops the block at `key`, which must exist and be accounted for.
    fn drop_block(&mut self, key: [i32; 3]) {
        let Some(slot) = self.slots.remove(&key) else { return };
        let region = key.map(|v| v.div_euclid(EDGE));
        if let Some(mask) = self.regions.get_mut(&region) {
            let place = place_of(key);
            mask[place / 64] &= !(1 << (place % 64));
            if mask.iter().all(|word| *word == 0) {
                self.regions.remove(&region);
            }
        }
        let gone = self.blocks.swap_remove(slot as usize);
        self.bytes -= if gone.voxels.is_empty() { 0 } else { gone.bytes() };
        self.voxels -= gone.voxels.len();
        if let Some(moved) = self.blocks.get(slot as usize) {
            self.slots.insert(moved.key, slot);
        }
    }

    /// Runs `change` on the block at each of `keys`, in parallel; results come in order of `keys`,
    /// which must be distinct. Missing blocks are made; blocks left empty are dropped.
    pub fn update<R: Send>(
        &mut self,
        keys: &[[i32; 3]],
        change: impl Fn(usize, &mut Block) -> R + Sync,
    ) -> Vec<R> {
        let slots: Vec<u32> = keys.iter().map(|key| self.make_slot(*key)).collect();
        // Taken out and put back: workers get disjoint blocks without looking at all the others.
        let mut taken: Vec<Block> =
            slots.iter().map(|slot| std::mem::take(&mut self.blocks[*slot as usize])).collect();
        let account = |blocks: &[Block]| {
            let occupied = blocks.iter().filter(|block| !block.voxels.is_empty());
            occupied.fold((0, 0), |(bytes, voxels), b| (bytes + b.bytes(), voxels + b.voxels.len()))
        };
        let before = account(&taken);
        let results = taken
            .par_iter_mut()
            .enumerate()
            .with_min_len(BLOCKS_A_TASK)
            .map(|(index, block)| change(index, block))
            .collect();
        let after = account(&taken);
        self.bytes = self.bytes - before.0 + after.0;
        self.voxels = self.voxels - before.1 + after.1;
        let mut empty = Vec::new();
        for (slot, block) in slots.iter().zip(taken) {
            if block.voxels.is_empty() {
                empty.push(block.key);
            }
            self.blocks[*slot as usize] = block;
        }
        for key in empty {
            self.drop_block(key);
        }
        results
    }

    /// Keys, in order, of the blocks between the block coordinates `low` and `high` (inclusive)
    /// for which `wanted` holds. The cost follows the regions in that box, not the map.
    pub fn within(
        &self,
        low: [i32; 3],
        high: [i32; 3],
        wanted: impl Fn([i32; 3]) -> bool,
    ) -> Vec<[i32; 3]> {
        let (first, last) = (low.map(|v| v.div_euclid(EDGE)), high.map(|v| v.div_euclid(EDGE)));
        let inside = |key: &[i32; 3], low: &[i32; 3], high: &[i32; 3]| {
            (0..3).all(|axis| (low[axis]..=high[axis]).contains(&key[axis]))
        };
        let boxed: f64 =
            (0..3).map(|axis| f64::from(last[axis]) - f64::from(first[axis]) + 1.0).product();
        let mut found = Vec::new();
        let mut visit = |region: [i32; 3], mask: &[u64; 8]| {
            for (word, &bits) in mask.iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    let key = voxel_at(region, word * 64 + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                    if inside(&key, &low, &high) && wanted(key) {
                        found.push(key);
                    }
                }
            }
        };
        if boxed > self.regions.len() as f64 {
            for (region, mask) in self.regions.iter().filter(|(r, _)| inside(r, &first, &last)) {
                visit(*region, mask);
            }
        } else {
            for x in first[0]..=last[0] {
                for y in first[1]..=last[1] {
                    for z in first[2]..=last[2] {
                        if let Some(mask) = self.regions.get(&[x, y, z]) {
                            visit([x, y, z], mask);
                        }
                    }
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// When the blocks take more than `max_bytes`: drops those seen longest ago (of those seen at
    /// the same time, lowest key first) until a sixteenth of the room is free, so that the search
    /// is paid for rarely. Returns how many voxels are gone.
    pub fn evict(&mut self, max_bytes: usize) -> usize {
        if self.bytes <= max_bytes {
            return 0;
        }
        let before = self.voxels;
        let mut oldest: Vec<_> = self.blocks.iter().map(|b| (b.last_seen_ns, b.key)).collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if self.bytes <= max_bytes - max_bytes / 16 {
                break;
            }
            self.drop_block(key);
        }
        before - self.voxels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::voxel::Voxel;

    fn store_of(keys: &[[i32; 3]]) -> Store {
        let mut store = Store::default();
        store.update(keys, |index, block| {
            block.occupy(&[1, 0, 0, 0, 0, 0, 0, 1 << 63], 0, index as i64);
            block.last_seen_ns = index as i64;
        });
        store
    }

    #[test]
    fn finds_what_stands_in_a_box() {
        let keys = [[0, 0, 0], [-1, 0, 0], [9, 9, 9], [100, 0, -100]];
        let store = store_of(&keys);
        assert_eq!(store.voxels(), 8);
        let all = store.within([-1000; 3], [1000; 3], |_| true);
        assert_eq!(all, [[-1, 0, 0], [0, 0, 0], [9, 9, 9], [100, 0, -100]]);
        assert_eq!(store.within([0; 3], [9; 3], |_| true), [[0, 0, 0], [9, 9, 9]]);
        assert_eq!(store.within([0; 3], [9; 3], |k| k[0] > 0), [[9, 9, 9]]);
        assert!(store.within([1; 3], [8; 3], |_| true).is_empty());
    }

    #[test]
    fn accounts_for_every_change() {
        let keys = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]];
        let mut store = store_of(&keys);
        let one = store.bytes() / 4;
        let gone = store.update(&keys[1..2], |_, block| block.retain(0, |_: &Voxel| false));
        assert_eq!((gone, store.voxels(), store.bytes()), (vec![2], 6, 3 * one));
        assert!(store.block(&keys[1]).is_none());
        assert_eq!(store.block(&keys[3]).unwrap().voxels.len(), 2);
        assert_eq!(store.evict(2 * one), 4, "a sixteenth is freed, so two of three blocks go");
        assert_eq!(store.sorted()[0].key, keys[3], "the one seen last stays");
        store.evict(0);
        assert_eq!((store.bytes(), store.voxels()), (0, 0));
        assert!(store.within([-9; 3], [9; 3], |_| true).is_empty());
    }
}
