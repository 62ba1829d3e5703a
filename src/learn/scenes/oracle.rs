//! Oracle eyes: regions read off the truth, with the faults of real eyes.

use super::lexicon::Lexicon;
use super::truth::{Thing, things_of};
use crate::scene::Region;
use crate::sim::household::{World, is_portable};
use crate::vision::unit;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

/// How often and how much oracle eyes err. All probabilities are 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Deviation of a feature's numbers, times the square root of their count: the length of what is
    /// added to a vector of length 1. Each region draws its own, up to twice this.
    pub feature_noise: f32,
    /// Probability that a thing looks like another of its size.
    pub confused: f64,
    /// Probability that a thing of no size at all is overlooked.
    pub missed: f64,
    /// Size at which that probability has fallen to its e-th part, metres.
    pub missed_size_m: f64,
    /// Deviation of a centre and of the edges of a box, as a share of the edges.
    pub box_jitter: f64,
    /// Probability that it is not known what a thing stands on.
    pub lost_support: f64,
    /// Probability that pieces of furniture of one name side by side become one.
    pub merged: f64,
    /// Mean number of regions where nothing is.
    pub spurious: f64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            feature_noise: 0.45,
            confused: 0.08,
            missed: 0.5,
            missed_size_m: 0.06,
            box_jitter: 0.08,
            lost_support: 0.08,
            merged: 0.3,
            spurious: 1.5,
        }
    }
}

impl Faults {
    /// Eyes that never err.
    pub const NONE: Self = Self {
        feature_noise: 0.0,
        confused: 0.0,
        missed: 0.0,
        missed_size_m: 0.06,
        box_jitter: 0.0,
        lost_support: 0.0,
        merged: 0.0,
        spurious: 0.0,
    };
}

/// Gap between pieces of furniture that may become one, metres.
const TOUCHING_M: f64 = 0.06;
/// No region is thinner, metres.
const THINNEST_M: f64 = 0.01;
/// How much of a confused thing's own name is left in its feature, at most.
const LEFT: f32 = 0.5;

/// Eyes that know the truth.
#[derive(Debug, Clone)]
pub struct Oracle {
    /// Names and vectors.
    pub lexicon: Lexicon,
    /// How they err.
    pub faults: Faults,
}

/// The regions that `oracle` sees in `world`, world coordinates.
pub fn regions_of_world(world: &World, oracle: &Oracle, rng: &mut impl Rng) -> Vec<Region> {
    oracle.regions(&things_of(world), |_| 1.0, rng)
}

impl Oracle {
    /// The regions of `things`, world coordinates. `shows` tells how much of each can be seen, 0..=1:
    /// little is easily overlooked, and what does not show at all is left out.
    pub fn regions(
        &self,
        things: &[Thing],
        shows: impl Fn(usize) -> f64,
        rng: &mut impl Rng,
    ) -> Vec<Region> {
        let merged = self.merge(things, rng);
        // Where each thing went among the regions.
        let mut region_of: Vec<Option<usize>> = vec![None; things.len()];
        let mut regions: Vec<Region> = Vec::new();
        let mut standing: Vec<Option<usize>> = Vec::new();
        for (at, thing) in things.iter().enumerate() {
            if let Some(into) = merged.get(at).copied().flatten() {
                if let Some(region) = region_of[into] {
                    join(&mut regions[region], thing);
                    region_of[at] = Some(region);
                }
                continue;
            }
            let share = shows(at);
            if share <= 0.0 || self.misses(thing, share, rng) {
                continue;
            }
            let Some(region) = self.region(thing, rng) else { continue };
            region_of[at] = Some(regions.len());
            let known = !rng.random_bool(self.faults.lost_support);
            standing.push(thing.on.filter(|_| known));
            regions.push(region);
        }
        for (region, on) in regions.iter_mut().zip(standing) {
            region.on = on.and_then(|on| region_of.get(on).copied().flatten());
        }
        self.add_spurious(&mut regions, rng);
        regions
    }

    /// For each thing the one that it becomes part of.
    fn merge(&self, things: &[Thing], rng: &mut impl Rng) -> Vec<Option<usize>> {
        let mut into: Vec<Option<usize>> = vec![None; things.len()];
        if self.faults.merged == 0.0 {
            return into;
        }
        for (at, thing) in things.iter().enumerate().filter(|(_, t)| !is_portable(t.category)) {
            let beside = things[..at].iter().enumerate().find(|(other, first)| {
                into[*other].is_none() && first.category == thing.category && touch(first, thing)
            });
            if let Some((first, _)) = beside
                && rng.random_bool(self.faults.merged)
            {
                into[at] = Some(first);
            }
        }
        into
    }

    fn misses(&self, thing: &Thing, share: f64, rng: &mut impl Rng) -> bool {
        let mut edges = thing.size_m;
        edges.sort_by(f64::total_cmp);
        let size_m = (edges[1] * edges[2] * share).sqrt();
        let missed = self.faults.missed * (-size_m / self.faults.missed_size_m).exp();
        rng.random_bool(missed.clamp(0.0, 1.0))
    }

    fn region(&self, thing: &Thing, rng: &mut impl Rng) -> Option<Region> {
        let number = self.lexicon.number(thing.category)?;
        let mut feature = self.lexicon.vector(number).to_vec();
        let mut name = number;
        if rng.random_bool(self.faults.confused)
            && let Some(&other) = self.lexicon.alike(number).choose(rng)
        {
            let left = rng.random_range(0.0..LEFT);
            let taken_for = self.lexicon.vector(other);
            feature.iter_mut().zip(taken_for).for_each(|(f, o)| *f = left * *f + (1.0 - left) * o);
            name = other;
        }
        let size = f64::from(feature.len() as u32).sqrt() as f32;
        let deviation = self.faults.feature_noise * rng.random_range(0.0..2.0f32) / size;
        feature.iter_mut().for_each(|f| *f += deviation * normal(rng));
        let jitter = self.faults.box_jitter;
        let mut shift = |edge: f64| jitter * edge * f64::from(normal(rng));
        let size_m = thing.size_m.map(|edge| (edge + shift(edge)).max(THINNEST_M));
        let mut centre_m = thing.centre_m;
        centre_m.iter_mut().zip(thing.size_m).for_each(|(at, edge)| *at += shift(edge));
        let light = if jitter > 0.0 { rng.random_range(0.7..1.1f32) } else { 1.0 };
        Some(Region {
            name,
            score: if jitter > 0.0 { rng.random_range(0.5..1.0) } else { 1.0 },
            feature: unit(feature),
            centre_m,
            size_m,
            rgb: thing.rgb.map(|channel| (channel * light).clamp(0.0, 1.0)),
            voxels: 1,
            on: None,
            seen_ns: [0, 0],
        })
    }

    /// Regions where nothing is: small ones, near others, that look like anything.
    fn add_spurious(&self, regions: &mut Vec<Region>, rng: &mut impl Rng) {
        if self.lexicon.is_empty() || self.faults.spurious <= 0.0 {
            return;
        }
        // Geometric instead of Poisson: as many on average, with the same code for any rate.
        let go_on = self.faults.spurious / (1.0 + self.faults.spurious);
        while rng.random_bool(go_on) {
            let Some(near) = regions.choose(rng).cloned() else { return };
            let number = rng.random_range(0..self.lexicon.len());
            let vector = self.lexicon.vector(number);
            let deviation = 1.0 / f64::from(vector.len() as u32).sqrt() as f32;
            let feature = vector.iter().map(|f| f + deviation * normal(rng)).collect();
            let centre_m = near.centre_m.map(|at| at + rng.random_range(-0.3..0.3));
            let size_m = [(); 3].map(|()| rng.random_range(0.03..0.25));
            regions.push(Region {
                name: number,
                score: rng.random_range(0.3..0.7),
                feature: unit(feature),
                centre_m,
                size_m,
                ..near
            });
        }
    }
}

/// Whether two boxes are side by side, at one height.
fn touch(a: &Thing, b: &Thing) -> bool {
    (0..3).all(|axis| {
        let apart = (a.centre_m[axis] - b.centre_m[axis]).abs();
        apart <= 0.5 * (a.size_m[axis] + b.size_m[axis]) + TOUCHING_M
    })
}

/// Makes the box of `region` hold `thing` too.
fn join(region: &mut Region, thing: &Thing) {
    for axis in 0..3 {
        let low = (region.centre_m[axis] - 0.5 * region.size_m[axis])
            .min(thing.centre_m[axis] - 0.5 * thing.size_m[axis]);
        let high = (region.centre_m[axis] + 0.5 * region.size_m[axis])
            .max(thing.centre_m[axis] + 0.5 * thing.size_m[axis]);
        region.centre_m[axis] = 0.5 * (low + high);
        region.size_m[axis] = high - low;
    }
}

/// A number that is close to standard normal: the sum of four even ones (Irwin–Hall), which is all
/// that noise needs and several times as quick as a logarithm.
fn normal(rng: &mut impl Rng) -> f32 {
    let bits: u64 = rng.random();
    let part = |shift: u32| ((bits >> shift) & 0xffff) as f32 / 65536.0;
    (part(0) + part(16) + part(32) + part(48) - 2.0) * 3f32.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::household::household;
    use crate::vision::WordHash;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    fn eyes(faults: Faults) -> (Vec<Thing>, Oracle) {
        let things = things_of(&household(3).unwrap());
        let lexicon = Lexicon::of(&things, &WordHash::new(64).unwrap()).unwrap();
        (things, Oracle { lexicon, faults })
    }

    fn likeness(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn eyes_that_never_err_see_the_truth() {
        let (things, oracle) = eyes(Faults::NONE);
        let regions = oracle.regions(&things, |_| 1.0, &mut Pcg64Mcg::seed_from_u64(0));
        assert_eq!(regions.len(), things.len());
        for (region, thing) in regions.iter().zip(&things) {
            let size_m = thing.size_m.map(|edge| edge.max(THINNEST_M));
            assert_eq!((region.centre_m, region.size_m), (thing.centre_m, size_m));
            let number = oracle.lexicon.number(thing.category).unwrap();
            assert!(likeness(&region.feature, oracle.lexicon.vector(number)) > 0.9999);
            assert_eq!(region.on, thing.on);
        }
        let half = oracle.regions(&things, |at| (at % 2) as f64, &mut Pcg64Mcg::seed_from_u64(0));
        assert_eq!(half.len(), things.len() / 2);
    }

    #[test]
    fn small_things_are_overlooked_more_often_and_features_stay_near_their_names() {
        let faults = Faults { merged: 0.0, spurious: 0.0, confused: 0.0, ..Faults::default() };
        let (mut things, oracle) = eyes(faults);
        let volume = |thing: &Thing| thing.size_m.iter().product::<f64>();
        things.iter_mut().for_each(|thing| thing.on = None);
        things.sort_by(|a, b| volume(a).total_cmp(&volume(b)));
        let (small, large) = (&things[..5], &things[things.len() - 5..]);
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let (mut alike, mut all) = (0.0, 0);
        let mut seen = |things: &[Thing]| {
            let mut seen = 0;
            for _ in 0..200 {
                let regions = oracle.regions(things, |_| 1.0, &mut rng);
                seen += regions.len();
                for region in &regions {
                    alike += likeness(&region.feature, oracle.lexicon.vector(region.name));
                    all += 1;
                }
            }
            seen as f64 / (200 * things.len()) as f64
        };
        let (small, large) = (seen(small), seen(large));
        assert!(small < large - 0.02, "{small} of small things, {large} of large ones");
        assert!(small > 0.8 && large > 0.97, "{small} of small things, {large} of large ones");
        let alike = alike / all as f32;
        assert!((0.75..0.97).contains(&alike), "{alike}");
    }

    #[test]
    fn furniture_side_by_side_may_become_one_and_keeps_what_stands_on_it() {
        let block = |id: u32, category, x: f64, on| Thing {
            id,
            category,
            centre_m: [x, 0.0, 0.5],
            size_m: [1.0; 3],
            rgb: [0.5; 3],
            on,
        };
        let things = [
            block(1, "countertop", 0.0, None),
            block(2, "countertop", 1.0, None),
            block(3, "mug", 1.0, Some(1)),
        ];
        let lexicon = Lexicon::of(&things, &WordHash::new(16).unwrap()).unwrap();
        let oracle = Oracle { lexicon, faults: Faults { merged: 1.0, ..Faults::NONE } };
        let regions = oracle.regions(&things, |_| 1.0, &mut Pcg64Mcg::seed_from_u64(0));
        assert_eq!(regions.len(), 2);
        assert_eq!((regions[0].centre_m[0], regions[0].size_m[0]), (0.5, 2.0));
        assert_eq!(regions[1].on, Some(0));
    }

    #[test]
    fn spurious_regions_come_as_often_as_told() {
        let (things, oracle) = eyes(Faults { spurious: 2.0, ..Faults::NONE });
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let seen: usize = (0..300).map(|_| oracle.regions(&things, |_| 1.0, &mut rng).len()).sum();
        let more = (seen as f64 - 300.0 * things.len() as f64) / 300.0;
        assert!((1.6..2.4).contains(&more), "{more}");
    }
}
