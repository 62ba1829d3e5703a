//! The choice of visual tokens: at most N, the same every time, and covering what there is.
//!
//! Points are pooled into voxels; the voxels are doubled in size until only a few times the budget
//! are left; of those, N are chosen so that each is far from the others (and holds enough points to
//! be trusted); the rest join the nearest chosen one. Every point thus counts in one token.

use super::{EgoFrame, SceneMap, TokenFrame, VisualTokens};
use crate::vision::FeatureMap;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Pooled voxels kept for the choice, as a multiple of the budget.
const CANDIDATES: usize = 4;

type KeyMap<V> = HashMap<[i32; 3], V, FxBuildHasher>;

/// Weighted sums of the points in one coarse voxel.
#[derive(Debug, Clone, Copy, Default)]
struct Pool {
    weight: f64,
    xyz: [f64; 3],
    rgb: [f64; 3],
}

impl Pool {
    fn add(&mut self, other: &Pool) {
        self.weight += other.weight;
        for axis in 0..3 {
            self.xyz[axis] += other.xyz[axis];
            self.rgb[axis] += other.rgb[axis];
        }
    }

    fn of(xyz_m: [f32; 3], rgb: [u8; 3], weight: f64) -> Self {
        Self {
            weight,
            xyz: xyz_m.map(|v| f64::from(v) * weight),
            rgb: rgb.map(|v| f64::from(v) * weight),
        }
    }

    fn mean(&self) -> [f64; 3] {
        self.xyz.map(|sum| sum / self.weight)
    }
}

/// At most `budget` tokens of one frame, in camera coordinates. Points are pooled into voxels of
/// `voxel_size_m` first. Without features the tokens have width 0.
pub fn select_frame_tokens(
    frame: &EgoFrame,
    features: Option<&FeatureMap>,
    voxel_size_m: f64,
    budget: usize,
) -> VisualTokens {
    let keys: Vec<[i32; 3]> = frame
        .xyz_m
        .iter()
        .map(|xyz_m| xyz_m.map(|v| (f64::from(v) / voxel_size_m).floor() as i32))
        .collect();
    let pools = frame.xyz_m.iter().zip(&frame.rgb).map(|(xyz_m, rgb)| Pool::of(*xyz_m, *rgb, 1.0));
    let (tokens, token_of) = choose(&keys, pools, budget);
    // Features are pooled through the number of points of each token in each cell.
    let features = features.filter(|_| frame.cell.len() == frame.len());
    let width = features.map_or(0, |map| map.width);
    let mut sums = Means::new(tokens.len(), width);
    if let Some(map) = features {
        let mut uses: Vec<(u32, u32)> =
            token_of.iter().copied().zip(frame.cell.iter().copied()).collect();
        uses.sort_unstable();
        for uses in uses.chunk_by(|a, b| a == b) {
            let (token, cell) = uses[0];
            let start = cell as usize * width;
            if let Some(feature) = map.data.get(start..start + width) {
                sums.add(token, uses.len() as f32, |weight, sum| {
                    sum.iter_mut().zip(feature).for_each(|(sum, value)| *sum += weight * value);
                    true
                });
            }
        }
    }
    finish(TokenFrame::Camera, &tokens, sums)
}

/// At most `budget` tokens of a scene map, in world coordinates. Voxels count by the logarithm of
/// their points, so that what the robot stared at does not drown the rest.
pub fn select_scene_tokens(map: &SceneMap, budget: usize) -> VisualTokens {
    let voxels: Vec<_> = map.voxels().collect();
    let keys: Vec<[i32; 3]> = voxels.iter().map(|voxel| voxel.key).collect();
    let weight_of = |count: u32| f64::from(count.max(1)).ln() + 1.0;
    let pools = voxels.iter().map(|v| Pool::of(v.xyz_m, v.rgb, weight_of(v.count)));
    let (tokens, token_of) = choose(&keys, pools, budget);
    let mut sums = Means::new(tokens.len(), map.config().feature_width);
    for (voxel, token) in voxels.iter().zip(&token_of) {
        let weight = weight_of(voxel.count) as f32;
        sums.add(*token, weight, |weight, sum| voxel.add_feature(weight, sum));
    }
    finish(TokenFrame::World, &tokens, sums)
}

/// Pools points into at most `budget` tokens. Returns the tokens and the token of each point.
fn choose(
    keys: &[[i32; 3]],
    points: impl Iterator<Item = Pool>,
    budget: usize,
) -> (Vec<Pool>, Vec<u32>) {
    if budget == 0 || keys.is_empty() {
        return (Vec::new(), vec![0; keys.len()]);
    }
    let mut pools: KeyMap<Pool> = KeyMap::default();
    for (key, point) in keys.iter().zip(points) {
        pools.entry(*key).or_default().add(&point);
    }
    let mut shift = 0;
    while pools.len() > budget && pools.len() > budget.saturating_mul(CANDIDATES) && shift < 31 {
        shift += 1;
        let mut coarse: KeyMap<Pool> = KeyMap::default();
        // In order, for sums that do not depend on the hash table.
        for (key, pool) in in_order(pools) {
            coarse.entry(key.map(|v| v >> 1)).or_default().add(&pool);
        }
        pools = coarse;
    }
    let pools = in_order(pools);
    let (tokens, token_of_pool) = spread(&pools, budget);
    let by_key: KeyMap<u32> =
        pools.iter().map(|(key, _)| *key).zip(token_of_pool.iter().copied()).collect();
    let token_of = keys.iter().map(|key| by_key[&key.map(|v| v >> shift)]).collect();
    (tokens, token_of)
}

fn in_order(pools: KeyMap<Pool>) -> Vec<([i32; 3], Pool)> {
    let mut pools: Vec<_> = pools.into_iter().collect();
    pools.sort_unstable_by_key(|(key, _)| *key);
    pools
}

/// Farthest-point choice of `budget` pools; each pool joins the chosen one nearest to it.
fn spread(pools: &[([i32; 3], Pool)], budget: usize) -> (Vec<Pool>, Vec<u32>) {
    let budget = budget.min(pools.len());
    let means: Vec<[f64; 3]> = pools.iter().map(|(_, pool)| pool.mean()).collect();
    let mut weights: Vec<f64> = pools.iter().map(|(_, pool)| pool.weight).collect();
    weights.sort_unstable_by(f64::total_cmp);
    let typical = weights[weights.len() / 2];
    // A few stray points far away must not take a token from a surface.
    let trust: Vec<f64> =
        pools.iter().map(|(_, pool)| pool.weight / (pool.weight + typical)).collect();
    let mut nearest = vec![(f64::INFINITY, 0u32); pools.len()];
    // The first choice is the heaviest pool; ties go to the lowest key throughout.
    let mut next = best(pools.iter().map(|(_, pool)| pool.weight));
    for token in 0..budget as u32 {
        let chosen = means[next];
        // The chosen pool itself must belong to its token even if another lies on the same spot.
        nearest[next] = (-1.0, token);
        for (mean, nearest) in means.iter().zip(&mut nearest) {
            let square: f64 = (0..3).map(|axis| (mean[axis] - chosen[axis]).powi(2)).sum();
            if square < nearest.0 {
                *nearest = (square, token);
            }
        }
        next =
            best(nearest.iter().zip(&trust).map(
                |((square, _), trust)| {
                    if *square < 0.0 { -1.0 } else { square * trust }
                },
            ));
    }
    let mut tokens = vec![Pool::default(); budget];
    for ((_, pool), (_, token)) in pools.iter().zip(&nearest) {
        tokens[*token as usize].add(pool);
    }
    (tokens, nearest.into_iter().map(|(_, token)| token).collect())
}

/// Index of the greatest score; the first of equals.
fn best(scores: impl Iterator<Item = f64>) -> usize {
    let greatest = scores.enumerate().fold((0, f64::NEG_INFINITY), |best, (index, score)| {
        if score > best.1 { (index, score) } else { best }
    });
    greatest.0
}

/// Weighted means of features.
struct Means {
    width: usize,
    sums: Vec<f32>,
    weights: Vec<f32>,
}

impl Means {
    fn new(tokens: usize, width: usize) -> Self {
        Self { width, sums: vec![0.0; tokens * width], weights: vec![0.0; tokens] }
    }

    /// Lets `add` add its feature, weighted, to the sum of `token`; it says whether it had one.
    fn add(&mut self, token: u32, weight: f32, add: impl FnOnce(f32, &mut [f32]) -> bool) {
        let start = token as usize * self.width;
        if self.width > 0
            && start < self.sums.len()
            && add(weight, &mut self.sums[start..start + self.width])
        {
            self.weights[token as usize] += weight;
        }
    }
}

fn finish(frame: TokenFrame, tokens: &[Pool], means: Means) -> VisualTokens {
    let Means { width, sums: mut features, weights } = means;
    if width > 0 {
        for (row, weight) in features.chunks_exact_mut(width).zip(&weights) {
            if *weight > 0.0 {
                row.iter_mut().for_each(|value| *value /= weight);
            }
        }
    }
    VisualTokens {
        frame,
        width,
        features,
        xyz_m: tokens.iter().map(|token| token.mean().map(|v| v as f32)).collect(),
        rgb: tokens
            .iter()
            .map(|token| token.rgb.map(|sum| (sum / token.weight / 255.0) as f32))
            .collect(),
    }
}
