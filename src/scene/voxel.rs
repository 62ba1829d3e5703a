//! Voxels, and blocks of 8×8×8 of them.
//!
//! A block keeps only its occupied voxels, ordered by their place in it: a 512-bit mask says which
//! are there. Features stand out of line, so that a map without features pays nothing for them.

use super::half;
use nalgebra::Point3;

/// Edge length of a block in voxels.
pub(super) const EDGE: i32 = 8;
/// Bytes that a block costs in the hash tables that lead to it, on average.
const INDEX_BYTES: usize = 40;

/// What a voxel remembers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Voxel {
    /// Mean point relative to the voxel's lower corner, in voxel edges (0..1).
    pub(super) offset: [f32; 3],
    /// Mean colour, 0..=255.
    pub(super) rgb: [f32; 3],
    /// Points merged into it.
    pub(super) count: u32,
    /// Pixels that its feature is the mean of, as far as they are remembered; 0 means it has none.
    pub(super) feature_pixels: u16,
    /// Evidence that something is there; see [`super::RemovalConfig`].
    pub(super) evidence: i16,
    /// When it was first hit, nanoseconds.
    pub(super) first_seen_ns: i64,
    /// When it was last hit, nanoseconds.
    pub(super) last_seen_ns: i64,
}

/// What one frame says about one voxel: sums over its points.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hit {
    /// Sum of points relative to the voxel's lower corner, in voxel edges.
    pub offset_sum: [f32; 3],
    /// Sum of colours.
    pub rgb_sum: [u32; 3],
    /// Points.
    pub count: u32,
}

impl Hit {
    /// Adds the points of another hit of the same voxel.
    pub fn add(&mut self, other: &Hit) {
        for axis in 0..3 {
            self.offset_sum[axis] += other.offset_sum[axis];
            self.rgb_sum[axis] += other.rgb_sum[axis];
        }
        self.count += other.count;
    }
}

impl Voxel {
    /// A voxel nothing has hit yet.
    pub(super) fn unseen(stamp_ns: i64) -> Self {
        Self {
            offset: [0.0; 3],
            rgb: [0.0; 3],
            count: 0,
            feature_pixels: 0,
            evidence: 0,
            first_seen_ns: stamp_ns,
            last_seen_ns: stamp_ns,
        }
    }

    /// The mean point in world coordinates, metres, of the voxel at voxel coordinates `key`.
    pub(super) fn point_m(&self, key: [i32; 3], voxel_size_m: f64) -> Point3<f64> {
        Point3::from(std::array::from_fn::<_, 3, _>(|axis| {
            (f64::from(key[axis]) + f64::from(self.offset[axis])) * voxel_size_m
        }))
    }

    /// Moves the running means towards the points of `hit`. Where nothing was seen for longer than
    /// `revisit_ns`, other things may stand now, and the old feature counts no more than a look like
    /// this one.
    pub(super) fn merge(&mut self, hit: &Hit, stamp_ns: i64, revisit_ns: i64) {
        if stamp_ns.saturating_sub(self.last_seen_ns) > revisit_ns {
            let one_look = u16::try_from(hit.count).unwrap_or(u16::MAX);
            self.feature_pixels = self.feature_pixels.min(one_look);
        }
        let points = hit.count as f32;
        self.count = self.count.saturating_add(hit.count);
        let share = points / self.count as f32;
        for axis in 0..3 {
            let mean = hit.offset_sum[axis] / points;
            self.offset[axis] += (mean - self.offset[axis]) * share;
            let mean = hit.rgb_sum[axis] as f32 / points;
            self.rgb[axis] += (mean - self.rgb[axis]) * share;
        }
        self.first_seen_ns = self.first_seen_ns.min(stamp_ns);
        self.last_seen_ns = self.last_seen_ns.max(stamp_ns);
    }
}

/// 8×8×8 places, of which the occupied ones are stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    /// Block coordinates: voxel coordinates divided by 8, rounded down.
    pub key: [i32; 3],
    /// Bit `place` of the mask says whether that place is occupied.
    pub mask: [u64; 8],
    /// The occupied voxels in order of place.
    pub voxels: Vec<Voxel>,
    /// `(voxels, width)` halves, or empty while no voxel of the block has a feature.
    pub features: Vec<u16>,
    /// When any voxel of it was last hit, nanoseconds.
    pub last_seen_ns: i64,
    /// Whether what regions are made of has changed since the map's objects last followed them: all but
    /// evidence. No part of the map.
    pub is_news: bool,
}

/// Blocks are equal when what is kept of them is.
impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
            && self.mask == other.mask
            && self.voxels == other.voxels
            && self.features == other.features
            && self.last_seen_ns == other.last_seen_ns
    }
}

/// Place of a voxel in its block: x slowest, z fastest.
pub(super) fn place_of(voxel: [i32; 3]) -> usize {
    let [x, y, z] = voxel.map(|v| v.rem_euclid(EDGE) as usize);
    (x * 8 + y) * 8 + z
}

/// Voxel coordinates of a place of a block.
pub(super) fn voxel_at(block: [i32; 3], place: usize) -> [i32; 3] {
    let inside = [place >> 6, (place >> 3) & 7, place & 7];
    std::array::from_fn(|axis| block[axis] * EDGE + inside[axis] as i32)
}

impl Block {
    /// A block without voxels.
    pub fn empty(key: [i32; 3]) -> Self {
        Self { key, last_seen_ns: i64::MIN, is_news: true, ..Self::default() }
    }

    /// Bytes it takes, its way through the hash tables included.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + INDEX_BYTES
            + self.voxels.len() * size_of::<Voxel>()
            + self.features.len() * size_of::<u16>()
    }

    /// The occupied places in order.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.mask.iter().enumerate().flat_map(|(word, &bits)| {
            std::iter::successors((bits != 0).then_some(bits), |b| {
                let rest = b & (b - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |b| word * 64 + b.trailing_zeros() as usize)
        })
    }

    /// Index among `voxels` of an occupied place.
    pub fn index_of(&self, place: usize) -> usize {
        let (word, bit) = (place / 64, place % 64);
        let before: u32 = self.mask[..word].iter().map(|b| b.count_ones()).sum();
        (before + (self.mask[word] & ((1u64 << bit) - 1)).count_ones()) as usize
    }

    /// The feature of the voxel at `index`, or `None` when it has none.
    pub fn feature(&self, index: usize, width: usize) -> Option<&[u16]> {
        (self.voxels[index].feature_pixels > 0)
            .then(|| &self.features[index * width..(index + 1) * width])
    }

    /// Makes room for all places of `mask`; new voxels are unseen. Returns how many are new.
    pub fn occupy(&mut self, mask: &[u64; 8], width: usize, stamp_ns: i64) -> usize {
        let union: [u64; 8] = std::array::from_fn(|w| self.mask[w] | mask[w]);
        let total: usize = union.iter().map(|b| b.count_ones() as usize).sum();
        let new = total - self.voxels.len();
        if new == 0 {
            return 0;
        }
        let has_features = !self.features.is_empty();
        let mut voxels = Vec::with_capacity(total);
        let mut features = Vec::with_capacity(if has_features { total * width } else { 0 });
        let mut old = 0;
        for (before, mut bits) in self.mask.into_iter().zip(union) {
            while bits != 0 {
                let bit = bits & bits.wrapping_neg();
                bits ^= bit;
                if before & bit != 0 {
                    voxels.push(self.voxels[old]);
                    if has_features {
                        features.extend_from_slice(&self.features[old * width..(old + 1) * width]);
                    }
                    old += 1;
                } else {
                    voxels.push(Voxel::unseen(stamp_ns));
                    if has_features {
                        features.resize(features.len() + width, 0);
                    }
                }
            }
        }
        (self.mask, self.voxels, self.features) = (union, voxels, features);
        new
    }

    /// Keeps the voxels for which `keep` holds. Returns how many are gone.
    pub fn retain(&mut self, width: usize, mut keep: impl FnMut(&Voxel) -> bool) -> usize {
        let kept: Vec<bool> = self.voxels.iter().map(&mut keep).collect();
        let gone = kept.iter().filter(|k| !**k).count();
        if gone == 0 {
            return 0;
        }
        self.is_news = true;
        let mut mask = self.mask;
        for (place, _) in self.places().zip(&kept).filter(|(_, kept)| !**kept) {
            mask[place / 64] &= !(1 << (place % 64));
        }
        self.mask = mask;
        let mut flags = kept.iter();
        self.voxels.retain(|_| *flags.next().expect("one flag a voxel"));
        self.voxels.shrink_to_fit();
        if !self.features.is_empty() {
            let rows = self.features.chunks_exact(width).zip(&kept).filter(|(_, kept)| **kept);
            // No more room than is counted: a list that grows takes up to twice that.
            let mut features = Vec::with_capacity(self.voxels.len() * width);
            rows.for_each(|(row, _)| features.extend_from_slice(row));
            self.features = features;
        }
        gone
    }

    /// Moves the mean feature of the voxel at `index` towards `feature`, which is that of one frame and
    /// as many `pixels` of it: a look from near counts more than one from far. No frame counts less
    /// than one in `memory` looks like it.
    pub fn merge_feature(&mut self, index: usize, feature: &[f32], pixels: u32, memory: u16) {
        let width = feature.len();
        if self.features.is_empty() {
            self.features = vec![0; self.voxels.len() * width];
        }
        let mean_of = &mut self.voxels[index].feature_pixels;
        let remembered = pixels.saturating_mul(memory.into());
        let pixels_in_all = pixels.saturating_add((*mean_of).into()).min(remembered).max(1);
        *mean_of = u16::try_from(pixels_in_all).unwrap_or(u16::MAX);
        let share = pixels as f32 / pixels_in_all as f32;
        let row = &mut self.features[index * width..(index + 1) * width];
        for (stored, new) in row.iter_mut().zip(feature) {
            let old = half::from_bits(*stored);
            *stored = half::to_bits(old + (new - old) * share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask_of(places: &[usize]) -> [u64; 8] {
        let mut mask = [0; 8];
        for place in places {
            mask[place / 64] |= 1 << (place % 64);
        }
        mask
    }

    #[test]
    fn places_and_voxels_match() {
        for place in 0..512 {
            let voxel = voxel_at([-3, 0, 7], place);
            assert_eq!(place_of(voxel), place);
            assert_eq!(voxel.map(|v| v.div_euclid(EDGE)), [-3, 0, 7]);
        }
    }

    #[test]
    fn near_looks_count_more_and_old_ones_are_forgotten() {
        let mut block = Block::empty([0; 3]);
        block.occupy(&mask_of(&[7]), 1, 0);
        let mut look = |feature: f32, pixels: u32| {
            block.merge_feature(0, &[feature], pixels, 4);
            half::from_bits(block.feature(0, 1).unwrap()[0])
        };
        assert_eq!(look(0.0, 10), 0.0);
        assert_eq!(look(1.0, 30), 0.75);
        // A glance from far still is one of four.
        assert_eq!(look(0.0, 1), 0.5625);
        assert_eq!(look(1.0, 1_000_000), 1.0);
    }

    #[test]
    fn occupy_and_retain_keep_voxels_and_features_aligned() {
        let mut block = Block::empty([0; 3]);
        assert_eq!(block.occupy(&mask_of(&[5, 200, 511]), 2, 10), 3);
        block.merge_feature(block.index_of(200), &[1.0, 2.0], 3, 4);
        block.voxels[1].count = 7;
        assert_eq!(block.occupy(&mask_of(&[5, 6, 199, 300]), 2, 20), 3);
        assert_eq!(block.places().collect::<Vec<_>>(), [5, 6, 199, 200, 300, 511]);
        let index = block.index_of(200);
        assert_eq!((index, block.voxels[index].count), (3, 7));
        assert_eq!(block.feature(index, 2).unwrap(), [half::to_bits(1.0), half::to_bits(2.0)]);
        assert!(block.feature(2, 2).is_none());
        assert_eq!(block.retain(2, |v| v.first_seen_ns == 10), 3);
        assert_eq!(block.places().collect::<Vec<_>>(), [5, 200, 511]);
        assert_eq!(block.feature(1, 2).unwrap(), [half::to_bits(1.0), half::to_bits(2.0)]);
        assert_eq!((block.features.len(), block.features.capacity()), (6, 6));
    }
}
