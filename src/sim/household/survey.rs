//! Where to look from, so that all furniture was seen from near: the next best view.
//!
//! What stands on furniture is small, and shows only in images that are taken close by. The plan of
//! the floor tells where something stands in the way; what lies on the floor or juts out of a wall is
//! furniture to it. How high tops are is not known, so every patch is looked at as if it had a low
//! and a high one. Into a bin or a sink only a steep look goes: where some are known, they can be
//! looked into.

use super::motion::{HEADINGS, Node, Ways};
use super::world::{Stance, World};
use crate::sim::agent::Obstacle;
use nalgebra::{Point3, Vector2};
use std::ops::RangeInclusive;

/// Edge of a patch, metres.
const PATCH_M: f64 = 0.25;
/// Heights of the tops of furniture: those of a bed or a low table, and of a counter.
const TOPS_M: [f64; 2] = [0.5, 0.9];
/// Sines of how far down a look goes: by the first it meets the rim of a pit, by the second it sees
/// all there is.
const STEEP: [f64; 2] = [0.5, 0.7];
/// A pit of which less is to be found is done.
const WORTH_A_LOOK: f64 = 0.2;
/// Way over furniture after which nothing behind it is believed to show, metres.
const OVER_M: f64 = 0.9;
/// Points on the way to a patch at which it is asked for furniture are as far apart, metres.
const CHECK_M: f64 = 0.15;
/// Nearer than this nothing is seen better, metres.
const NEAR_M: f64 = 1.0;
/// Patches farther from the camera than this gain nothing by a look, metres.
const FAR_M: f64 = 2.2;
/// Tangents of the half angles of view that count: of 60° by 47°, less a margin.
const TANGENTS: [f64; 2] = [0.52, 0.38];
/// Tilts of the camera that are tried.
const LOOKS: RangeInclusive<i8> = 0..=3;
/// Share of what there is to find on a patch that one look from near finds.
const FOUND: f64 = 0.7;
/// Moves that are as dear as taking the image.
const MOVES: f64 = 12.0;

/// How well each patch of furniture was looked at.
pub(super) struct Survey {
    patches: Vec<Patch>,
    /// Looks that gain no more than this are not worth it.
    least: f64,
}

struct Patch {
    at_m: Point3<f64>,
    /// Whether it lies behind a rim.
    in_pit: bool,
    /// Share of what is on it that nobody can have found yet.
    left: f64,
}

impl Survey {
    /// Of the furniture about the floor that the robot can get to.
    pub fn new(world: &World) -> Self {
        let floor_m = world.reachable_m();
        let corner = |of: fn(f64, f64) -> f64, out: f64| {
            floor_m.iter().fold(world.robot.xy_m, |a, b| Vector2::new(of(a.x, b.x), of(a.y, b.y)))
                + Vector2::repeat(out)
        };
        let (least, most) = (corner(f64::min, -OVER_M), corner(f64::max, OVER_M));
        let steps = ((most - least) / PATCH_M).map(|cells| cells.floor() as usize);
        let mut patches = Vec::new();
        for i in 0..=steps.x {
            for j in 0..=steps.y {
                let at_m = least + Vector2::new(i as f64, j as f64) * PATCH_M;
                if is_furniture(&world.obstacles, &at_m) {
                    let top = |z_m: &f64| Patch {
                        at_m: at_m.push(*z_m).into(),
                        in_pit: false,
                        left: 1.0,
                    };
                    patches.extend(TOPS_M.iter().map(top));
                }
            }
        }
        Self { patches, least: 0.0 }
    }

    /// Of what lies behind rims, at these places in world coordinates.
    pub fn of_pits(pits_m: &[Point3<f64>]) -> Self {
        let pit = |at_m: &Point3<f64>| Patch { at_m: *at_m, in_pit: true, left: 1.0 };
        Self { patches: pits_m.iter().map(pit).collect(), least: WORTH_A_LOOK }
    }

    /// An image was taken from `stance`.
    pub fn looked(&mut self, world: &World, stance: &Stance) {
        for patch in &mut self.patches {
            if shows(&world.obstacles, stance, &patch.at_m) {
                patch.left *= 1.0 - FOUND * patch.quality(stance);
            }
        }
    }

    /// The node and the tilt from which most is to be found for the moves there; `None` where no look is
    /// worth it.
    pub fn next(&self, world: &World, ways: &Ways) -> Option<(Node, i8)> {
        let mut best: Option<(f64, (Node, i8))> = None;
        for (_, cell) in ways.cells() {
            let from_m = ways.stance(cell, 0);
            let near: Vec<&Patch> = self
                .patches
                .iter()
                .filter(|patch| {
                    (patch.at_m.xy() - nalgebra::Point2::from(from_m.xy_m)).norm() < FAR_M
                })
                .filter(|patch| is_open(&world.obstacles, &from_m.xy_m, &patch.at_m))
                .collect();
            for heading in 0..HEADINGS {
                let node = (cell.0, cell.1, heading);
                let Some(moves) = ways.moves(node) else { continue };
                for look in LOOKS {
                    let stance = ways.stance(node, look);
                    let gain: f64 = near
                        .iter()
                        .filter(|patch| is_in_view(&stance, &patch.at_m))
                        .map(|patch| patch.left * patch.quality(&stance))
                        .sum();
                    if gain <= self.least {
                        continue;
                    }
                    let worth = gain / (MOVES + f64::from(moves));
                    if best.is_none_or(|(most, _)| worth > most) {
                        best = Some((worth, (node, look)));
                    }
                }
            }
        }
        best.map(|(_, view)| view)
    }
}

impl Patch {
    /// How well it is seen: by its distance, and in a pit by how steeply.
    fn quality(&self, stance: &Stance) -> f64 {
        let way = self.at_m.coords - stance.world_T_camera().translation.vector;
        let distance_m = way.norm();
        if distance_m > FAR_M {
            return 0.0;
        }
        let near = (NEAR_M / distance_m).min(1.0).powi(2);
        let [rim, all] = STEEP;
        let open = (-way.z / distance_m - rim) / (all - rim);
        if self.in_pit { near * open.clamp(0.0, 1.0) } else { near }
    }
}

fn is_furniture(obstacles: &[Obstacle], at_m: &Vector2<f64>) -> bool {
    obstacles.iter().any(|obstacle| obstacle.distance_m(at_m) == 0.0)
}

fn shows(obstacles: &[Obstacle], stance: &Stance, at_m: &Point3<f64>) -> bool {
    is_in_view(stance, at_m) && is_open(obstacles, &stance.xy_m, at_m)
}

fn is_in_view(stance: &Stance, at_m: &Point3<f64>) -> bool {
    let at_m = stance.world_T_camera().inverse() * at_m;
    at_m.x.abs() < TANGENTS[0] * at_m.z && at_m.y.abs() < TANGENTS[1] * at_m.z
}

/// Whether no furniture is on the way but the nearest part of what is looked at.
fn is_open(obstacles: &[Obstacle], from_m: &Vector2<f64>, at_m: &Point3<f64>) -> bool {
    let way = at_m.coords.xy() - from_m;
    let open_m = (way.norm() - OVER_M).max(0.0);
    let checks = (open_m / CHECK_M).floor() as usize;
    (0..=checks)
        .all(|i| !is_furniture(obstacles, &(from_m + way.normalize() * (i as f64 * CHECK_M))))
}
