//! Looking round a home before anything is done in it.

use super::motion::Move;
use super::world::{Low, World};
use nalgebra::Vector2;

/// Images taken from one place, an eighth of a turn apart.
const VIEWS: usize = 8;
/// Tilt of the camera on the tour, in steps of 15°.
const LOOK: i8 = 1;

impl World {
    /// Drives round for `frames` images: all round from where the robot stands, then from the place
    /// farthest from all before, and so on. `watch` is called for every image, with `true`, and after
    /// every move on the way between, with `false`. Small things are found by looking, but the plan
    /// of the free floor is known, as [`Self::perform`] knows it.
    pub fn tour(&mut self, frames: usize, watch: &mut dyn FnMut(&Self, bool)) {
        let mut seen_from: Vec<Vector2<f64>> = Vec::new();
        for frame in 0..frames {
            if frame % VIEWS == 0 {
                if frame > 0 {
                    self.go_farthest(&seen_from, watch);
                }
                seen_from.push(self.robot.xy_m);
                while self.robot.look != LOOK {
                    let motion = if self.robot.look < LOOK { Move::LookDown } else { Move::LookUp };
                    if self.step(motion).is_err() {
                        break;
                    }
                }
            }
            watch(self, true);
            // Turning on the spot is never refused.
            let _ = self.step(Move::TurnLeft);
        }
    }

    /// Turns all round, and calls `watch` after each turn.
    pub fn look_round(&mut self, watch: &mut dyn FnMut(&Self, Low)) {
        for _ in 0..VIEWS {
            let _ = self.step(Move::TurnLeft);
            watch(self, Low::Move(Move::TurnLeft));
        }
    }

    fn go_farthest(&mut self, from_m: &[Vector2<f64>], watch: &mut dyn FnMut(&Self, bool)) {
        let ways = self.ways();
        let apart = |node| {
            let place = ways.stance(node, 0).xy_m;
            from_m.iter().map(|from| (place - from).norm()).fold(f64::INFINITY, f64::min)
        };
        let cells = ways.cells();
        let farthest = cells.iter().max_by(|a, b| apart(a.1).total_cmp(&apart(b.1)).then(b.cmp(a)));
        for motion in farthest.map(|(_, node)| ways.moves_to(*node)).unwrap_or_default() {
            if self.step(motion).is_err() {
                return;
            }
            watch(self, false);
        }
    }
}
