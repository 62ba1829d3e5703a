//! The same regions another way round: what a model should not learn by heart.

use crate::geometry::Pose;
use crate::scene::{Region, TokenFrame, VisualTokens, region_tokens};
use nalgebra::{Point3, Translation3, Vector3};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// How regions are varied. Probabilities are 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arrangement {
    /// Whether the world is turned about the vertical by a random number of quarter turns.
    pub turn: bool,
    /// Probability that it is mirrored, where no words tell left from right.
    pub mirror: f64,
    /// Deviation by which all of it is moved on the floor, metres.
    pub shift_m: f64,
    /// Probability that a region is left out.
    pub dropped: f64,
    /// Whether the regions come in random order.
    pub shuffle: bool,
    /// Probability that a view is given in world coordinates, as the scene is. What is said of it
    /// from where the camera stands keeps those of the camera.
    pub world_views: f64,
}

impl Default for Arrangement {
    fn default() -> Self {
        Self {
            turn: true,
            mirror: 0.5,
            shift_m: 0.5,
            dropped: 0.05,
            shuffle: true,
            world_views: 0.0,
        }
    }
}

impl Arrangement {
    /// Nothing is varied.
    pub const NONE: Self = Self {
        turn: false,
        mirror: 0.0,
        shift_m: 0.0,
        dropped: 0.0,
        shuffle: false,
        world_views: 0.0,
    };

    /// The same for what is seen in camera coordinates, which has a fixed forward and up.
    pub fn of_view(self) -> Self {
        Self { turn: false, shift_m: 0.0, ..self }
    }

    /// The same where words tell left from right.
    pub fn unmirrored(self) -> Self {
        Self { mirror: 0.0, ..self }
    }

    /// Where the world comes to lie: turned and moved as the regions of a scene are.
    pub fn moved(self, rng: &mut impl Rng) -> Pose {
        let quarters: u8 = if self.turn { rng.random_range(0..4) } else { 0 };
        let mut shift = || if self.shift_m > 0.0 { self.shift_m * even(rng) } else { 0.0 };
        let shift_m = Translation3::new(shift(), shift(), 0.0);
        shift_m * Pose::rotation(Vector3::z() * (f64::from(quarters) * FRAC_PI_2))
    }
}

/// Turns, mirrors, moves, thins out and shuffles `regions` as `how` says. World coordinates, or those
/// of a camera with [`Arrangement::of_view`]: mirroring is along x there and along y here, the axes
/// that point to the side.
pub fn arranged(
    regions: Vec<Region>,
    frame: TokenFrame,
    how: Arrangement,
    rng: &mut impl Rng,
) -> Vec<Region> {
    let quarters = if how.turn { rng.random_range(0..4) } else { 0 };
    let mirrored = how.mirror > 0.0 && rng.random_bool(how.mirror);
    let mut shift = || if how.shift_m > 0.0 { how.shift_m * even(rng) } else { 0.0 };
    let shift_m = [shift(), shift()];
    let side = if frame == TokenFrame::World { 1 } else { 0 };
    let mut order: Vec<usize> = (0..regions.len()).collect();
    if how.shuffle {
        order.shuffle(rng);
    }
    if how.dropped > 0.0 {
        order.retain(|_| !rng.random_bool(how.dropped));
    }
    let mut place: Vec<Option<usize>> = vec![None; regions.len()];
    for (now, before) in order.iter().enumerate() {
        place[*before] = Some(now);
    }
    let moved = |before: usize| {
        let mut region = regions[before].clone();
        region.on = region.on.and_then(|on| place.get(on).copied().flatten());
        if mirrored {
            region.centre_m[side] = -region.centre_m[side];
        }
        for _ in 0..quarters {
            let [x, y, z] = region.centre_m;
            region.centre_m = [-y, x, z];
            region.size_m.swap(0, 1);
        }
        region.centre_m.iter_mut().zip(shift_m).for_each(|(at, by)| *at += by);
        region
    };
    order.into_iter().map(moved).collect()
}

/// Tokens of arranged regions. A region that is left out takes its name from what stood on it, as
/// eyes that overlook a table do not know what the mug stands on.
pub fn scene_tokens(
    regions: Vec<Region>,
    frame: TokenFrame,
    width: usize,
    budget: usize,
    how: Arrangement,
    rng: &mut impl Rng,
) -> VisualTokens {
    region_tokens(&arranged(regions, frame, how, rng), frame, width, budget)
}

/// At most `most` of the voxels that were kept, varied as [`arranged`] varies regions. Each was
/// chosen for being far from those before it, so that fewer of them are the first ones.
pub fn arranged_voxels(
    voxels: &VisualTokens,
    most: usize,
    how: Arrangement,
    rng: &mut impl Rng,
) -> VisualTokens {
    let mirrored = how.mirror > 0.0 && rng.random_bool(how.mirror);
    let moved = how.moved(rng);
    let mut order: Vec<usize> = (0..voxels.len()).collect();
    if how.dropped > 0.0 {
        order.retain(|_| !rng.random_bool(how.dropped));
    }
    order.truncate(most);
    if how.shuffle {
        order.shuffle(rng);
    }
    let side = if voxels.frame == TokenFrame::World { 1 } else { 0 };
    let mut tokens = VisualTokens::none(voxels.frame, voxels.width);
    for at in order {
        let mut xyz_m = voxels.xyz_m[at].map(f64::from);
        if mirrored {
            xyz_m[side] = -xyz_m[side];
        }
        tokens.xyz_m.push((moved * Point3::from(xyz_m)).coords.cast::<f32>().into());
        tokens.rgb.push(voxels.rgb[at]);
        let feature = at * voxels.width..(at + 1) * voxels.width;
        tokens.features.extend_from_slice(&voxels.features[feature]);
    }
    tokens
}

/// A number of deviation 1, spread evenly.
fn even(rng: &mut impl Rng) -> f64 {
    rng.random_range(-1.0..1.0) * 3f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    fn region(centre_m: [f64; 3], on: Option<usize>) -> Region {
        Region {
            name: 0,
            score: 1.0,
            feature: vec![centre_m[0] as f32, 1.0],
            centre_m,
            size_m: [0.1, 0.2, 0.3],
            rgb: [0.5; 3],
            voxels: 1,
            on,
            seen_ns: [0, 0],
        }
    }

    fn regions() -> Vec<Region> {
        vec![
            region([1.0, 2.0, 0.9], Some(2)),
            region([3.0, -1.0, 0.5], None),
            region([1.0; 3], None),
        ]
    }

    #[test]
    fn distances_and_what_stands_on_what_stay() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let how = Arrangement { dropped: 0.0, ..Arrangement::default() };
        let apart = |all: &[Region]| {
            let mut of: Vec<f64> = Vec::new();
            for a in all {
                for b in all {
                    let d = (0..3).map(|k| (a.centre_m[k] - b.centre_m[k]).powi(2)).sum::<f64>();
                    of.push(d.sqrt());
                }
            }
            of.sort_by(f64::total_cmp);
            of
        };
        let mut turned = 0;
        for _ in 0..20 {
            let found = arranged(regions(), TokenFrame::World, how, &mut rng);
            approx::assert_abs_diff_eq!(apart(&found)[..], apart(&regions())[..], epsilon = 1e-9);
            let mug = found.iter().find(|region| region.on.is_some()).unwrap();
            assert_eq!(mug.feature, [1.0, 1.0]);
            assert_eq!(found[mug.on.unwrap()].feature, [1.0, 1.0]);
            turned += usize::from(mug.size_m == [0.2, 0.1, 0.3]);
        }
        assert!((4..=16).contains(&turned), "half of the turns swap x and y: {turned}");
    }

    #[test]
    fn nothing_is_varied_when_nothing_shall_be() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        assert_eq!(arranged(regions(), TokenFrame::World, Arrangement::NONE, &mut rng), regions());
    }

    #[test]
    fn views_are_mirrored_to_the_side_and_never_turned() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let how = Arrangement { mirror: 1.0, ..Arrangement::default() }.of_view();
        let how = Arrangement { shuffle: false, dropped: 0.0, ..how };
        let found = arranged(regions(), TokenFrame::Camera, how, &mut rng);
        assert_eq!(found[1].centre_m, [-3.0, -1.0, 0.5]);
        assert_eq!(how.unmirrored().mirror, 0.0);
    }

    #[test]
    fn what_is_dropped_holds_nothing_any_more() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let how = Arrangement { dropped: 0.4, ..Arrangement::NONE };
        let mut left = 0;
        for _ in 0..200 {
            let found = arranged(regions(), TokenFrame::World, how, &mut rng);
            left += found.len();
            assert!(found.iter().all(|region| region.on.is_none_or(|on| on < found.len())));
        }
        assert!((320..400).contains(&left), "{left}");
    }

    fn voxels(frame: TokenFrame) -> VisualTokens {
        VisualTokens {
            frame,
            width: 2,
            features: (0..20u8).map(f32::from).collect(),
            xyz_m: (0..10u8).map(|at| [f32::from(at), 2.0, 0.5]).collect(),
            rgb: (0..10u8).map(|at| [f32::from(at) / 10.0; 3]).collect(),
        }
    }

    #[test]
    fn voxels_are_left_out_and_cut_before_they_are_shuffled() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let all = voxels(TokenFrame::World);
        assert_eq!(arranged_voxels(&all, 10, Arrangement::NONE, &mut rng), all);
        let how = Arrangement { shuffle: true, ..Arrangement::NONE };
        let few = arranged_voxels(&all, 4, how, &mut rng);
        let mut kept: Vec<f32> = few.xyz_m.iter().map(|xyz_m| xyz_m[0]).collect();
        for (at, x_m) in kept.iter().enumerate() {
            assert_eq!(few.features[2 * at..2 * at + 2], [2.0 * x_m, 2.0 * x_m + 1.0]);
            assert_eq!(few.rgb[at], [x_m / 10.0; 3]);
        }
        kept.sort_by(f32::total_cmp);
        assert_eq!(kept, [0.0, 1.0, 2.0, 3.0]);
        let how = Arrangement { dropped: 0.5, ..Arrangement::NONE };
        let left: usize = (0..100).map(|_| arranged_voxels(&all, 10, how, &mut rng).len()).sum();
        assert!((400..600).contains(&left), "{left}");
    }

    #[test]
    fn voxels_are_mirrored_to_the_side_and_turned_and_moved_in_the_world_alone() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let how =
            Arrangement { mirror: 1.0, dropped: 0.0, shuffle: false, ..Arrangement::default() };
        let seen = voxels(TokenFrame::Camera);
        let found = arranged_voxels(&seen, 10, how.of_view(), &mut rng);
        for (found, seen) in found.xyz_m.iter().zip(&seen.xyz_m) {
            assert_eq!(*found, [-seen[0], seen[1], seen[2]]);
        }
        let scene = voxels(TokenFrame::World);
        let found = arranged_voxels(&scene, 10, how, &mut rng);
        assert!(found.xyz_m != scene.xyz_m && found.features == scene.features);
        for (at, xyz_m) in found.xyz_m.iter().enumerate() {
            let apart = (0..3).map(|axis| (xyz_m[axis] - found.xyz_m[0][axis]).powi(2));
            approx::assert_abs_diff_eq!(apart.sum::<f32>().sqrt(), at as f32, epsilon = 1e-4);
            approx::assert_abs_diff_eq!(xyz_m[2], 0.5, epsilon = 1e-5);
        }
    }
}
