//! How the base and the camera move, and the ways between.

use super::failure::Failure;
use super::kinds::opens;
use super::world::{Low, Stance, World};
use crate::scene::MapObject;
use crate::sim::BASE_RADIUS_M;
use crate::tasks::{class_word, gap_m};
use nalgebra::{Point3, Quaternion, UnitQuaternion, Vector2, Vector3};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::f64::consts::FRAC_PI_4;

/// Way of one move ahead, metres.
pub const STEP_M: f64 = 0.25;
/// Tilts of the camera, in steps of 15°, positive downwards.
const LOOKS: std::ops::RangeInclusive<i8> = -2..=4;
/// Headings of the base.
pub(super) const HEADINGS: u8 = 8;
/// Distance to what is gone to that is liked best, metres.
const LIKED_GAP_M: f64 = 0.45;
/// Farthest distance from which something is still gone to.
const FAR_GAP_M: f64 = 1.1;
/// What a metre away from the liked distance costs, in moves.
const GAP_COST: f64 = 16.0;
/// A stand is as poor as another one nearer than this, metres.
const SAME_STAND_M: f64 = 0.1;

/// One low-level motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Straight ahead by [`STEP_M`].
    Forward,
    /// An eighth of a turn to the left.
    TurnLeft,
    /// An eighth of a turn to the right.
    TurnRight,
    /// The camera tilts up by 15°.
    LookUp,
    /// The camera tilts down by 15°.
    LookDown,
    /// Nothing moves.
    Stop,
}

/// A cell of the grid around the robot, and a heading.
pub(super) type Node = (i32, i32, u8);

/// Where the robot can get to.
pub(super) struct Ways {
    from_m: Vector2<f64>,
    /// Number of moves to each node, and the node before.
    reached: FxHashMap<Node, (u32, Node)>,
    start: Node,
}

impl World {
    /// Moves the robot.
    ///
    /// # Errors
    ///
    /// When it would bump into something, or the camera tilts no farther; nothing moves then.
    pub fn step(&mut self, motion: Move) -> Result<(), Failure> {
        self.tally.actions += 1;
        let turned = |by: u8| (self.robot.heading + by) % HEADINGS;
        match motion {
            Move::Forward => {
                let to_m = self.robot.xy_m + ahead(self.robot.heading);
                if !self.is_clear(&self.robot.xy_m, &to_m) {
                    self.tally.bumps += 1;
                    return Err(Failure::Blocked);
                }
                self.robot.xy_m = to_m;
                self.tally.way_m += STEP_M;
            }
            Move::TurnLeft => self.robot.heading = turned(1),
            Move::TurnRight => self.robot.heading = turned(HEADINGS - 1),
            Move::LookUp | Move::LookDown => {
                let look = self.robot.look + if motion == Move::LookUp { -1 } else { 1 };
                if !LOOKS.contains(&look) {
                    return Err(Failure::TiltLimit);
                }
                self.robot.look = look;
            }
            Move::Stop => {}
        }
        self.carry();
        Ok(())
    }

    /// Turns and tilts towards a point (world frame, metres).
    pub(super) fn face(
        &mut self,
        point_m: &Point3<f64>,
        watch: &mut dyn FnMut(&Self, Low),
    ) -> Result<(), Failure> {
        let to = point_m.coords.xy() - self.robot.xy_m;
        let wanted = eighth(to.y.atan2(to.x));
        for motion in turns(self.robot.heading, wanted) {
            self.step(motion)?;
            watch(self, Low::Move(motion));
        }
        let camera = self.robot.world_T_base() * self.robot.base_T_camera_link();
        let ahead_m = (point_m.coords.xy() - camera.translation.vector.xy()).norm();
        let down_rad = (camera.translation.vector.z - point_m.z).atan2(ahead_m);
        let look = (down_rad / super::world::LOOK_RAD).round() as i8;
        let look = look.clamp(*LOOKS.start(), *LOOKS.end());
        while self.robot.look != look {
            let motion = if self.robot.look < look { Move::LookDown } else { Move::LookUp };
            self.step(motion)?;
            watch(self, Low::Move(motion));
        }
        Ok(())
    }

    /// Places on the floor plan that the robot can get to from where it stands, a step apart, the
    /// nearest first; world frame, metres.
    pub fn reachable_m(&self) -> Vec<Vector2<f64>> {
        let ways = self.ways();
        ways.cells().into_iter().map(|(_, node)| ways.stance(node, 0).xy_m).collect()
    }

    /// All places the robot can get to from where it stands. The plan of the free floor is known to
    /// it, as it is to ALFRED's expert; what stands on the furniture is not.
    pub(super) fn ways(&self) -> Ways {
        let start = (0, 0, self.robot.heading);
        let mut ways = Ways {
            from_m: self.robot.xy_m,
            reached: FxHashMap::from_iter([(start, (0, start))]),
            start,
        };
        let mut clear: FxHashMap<Node, bool> = FxHashMap::default();
        let mut ahead_of_us = VecDeque::from([start]);
        while let Some(node) = ahead_of_us.pop_front() {
            let cost = ways.reached.get(&node).map_or(0, |(cost, _)| *cost);
            let (i, j, heading) = node;
            let mut next =
                vec![(i, j, (heading + 1) % HEADINGS), (i, j, (heading + HEADINGS - 1) % HEADINGS)];
            if let Some([di, dj]) = cell_ahead(heading) {
                let is_clear = *clear.entry(node).or_insert_with(|| {
                    let at = ways.place_m(i, j);
                    self.is_clear(&at, &(at + ahead(heading)))
                });
                next.extend(is_clear.then_some((i + di, j + dj, heading)));
            }
            for to in next {
                if let std::collections::hash_map::Entry::Vacant(place) = ways.reached.entry(to) {
                    place.insert((cost + 1, node));
                    ahead_of_us.push_back(to);
                }
            }
        }
        ways
    }

    /// The stances on the way to where each of `objects` can be acted on, from where the robot stands
    /// on, this one and the last one included; `None` where no way leads. The moves between two
    /// stances are one.
    pub fn routes(&self, objects: &[MapObject]) -> Vec<Option<Vec<Stance>>> {
        let ways = self.ways();
        let route = |object| {
            let stand = *self.stands(&ways, object).first()?;
            let mut nodes = vec![stand];
            let mut at = stand;
            while at != ways.start {
                at = ways.reached.get(&at)?.1;
                nodes.push(at);
            }
            Some(nodes.iter().rev().map(|node| ways.stance(*node, self.robot.look)).collect())
        };
        objects.iter().map(route).collect()
    }

    /// A place for each cell of the floor that the robot can get to, in order of the moves there.
    pub fn reachable(&self) -> Vec<Stance> {
        let ways = self.ways();
        let stance = |(_, node)| ways.stance(node, self.robot.look);
        ways.cells().into_iter().map(stance).collect()
    }

    /// Stands from which `object` can be acted on, the best first: near in moves, at arm's length.
    /// What could not be done from a stand before is not tried there again.
    pub(super) fn stands(&self, ways: &Ways, object: &MapObject) -> Vec<Node> {
        let poor = |place_m: &Vector2<f64>| {
            self.poor_stands
                .iter()
                .any(|(name, at)| *name == object.label && (at - place_m).norm() < SAME_STAND_M)
        };
        let centre = Point3::from(object.position_m);
        let mut stands: Vec<(f64, Node)> = Vec::new();
        for (&(i, j, heading), &(cost, _)) in &ways.reached {
            let place_m = ways.place_m(i, j);
            let gap = gap_m(object, &Point3::new(place_m.x, place_m.y, centre.z));
            let to = centre.coords.xy() - place_m;
            if gap > FAR_GAP_M || heading != eighth(to.y.atan2(to.x)) || poor(&place_m) {
                continue;
            }
            let off = (gap - LIKED_GAP_M).abs() + off_front_m(object, &place_m);
            stands.push((f64::from(cost) + GAP_COST * off, (i, j, heading)));
        }
        stands.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        stands.into_iter().map(|(_, node)| node).collect()
    }

    /// Whether the base can stand there.
    pub fn is_free(&self, at_m: &Vector2<f64>) -> bool {
        self.obstacles.iter().all(|obstacle| obstacle.distance_m(at_m) > BASE_RADIUS_M)
    }

    fn is_clear(&self, from_m: &Vector2<f64>, to_m: &Vector2<f64>) -> bool {
        self.is_free(to_m) && self.is_free(&((from_m + to_m) * 0.5))
    }
}

impl Ways {
    fn place_m(&self, i: i32, j: i32) -> Vector2<f64> {
        self.from_m + Vector2::new(f64::from(i), f64::from(j)) * STEP_M
    }

    /// Where the robot stands at a node.
    pub fn stance(&self, (i, j, heading): Node, look: i8) -> Stance {
        Stance { xy_m: self.place_m(i, j), heading, look }
    }

    /// How many moves lead to a node; `None` where none do.
    pub fn moves(&self, node: Node) -> Option<u32> {
        self.reached.get(&node).map(|(moves, _)| *moves)
    }

    /// The moves to a node.
    pub fn moves_to(&self, node: Node) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut at = node;
        while at != self.start {
            let Some((_, before)) = self.reached.get(&at) else { break };
            moves.push(match (at.2 + HEADINGS - before.2) % HEADINGS {
                0 => Move::Forward,
                1 => Move::TurnLeft,
                _ => Move::TurnRight,
            });
            at = *before;
        }
        moves.reverse();
        moves
    }

    /// Every cell that is reached, its node with the fewest moves.
    pub fn cells(&self) -> Vec<(u32, Node)> {
        let mut cells: FxHashMap<(i32, i32), (u32, Node)> = FxHashMap::default();
        for (&node, &(cost, _)) in &self.reached {
            let cell = cells.entry((node.0, node.1)).or_insert((cost, node));
            if (cost, node) < *cell {
                *cell = (cost, node);
            }
        }
        let mut cells: Vec<_> = cells.into_values().collect();
        cells.sort_unstable();
        cells
    }
}

/// How far a place is from straight before the door of something that opens, metres. The boxes of
/// the map face along x.
fn off_front_m(object: &MapObject, place_m: &Vector2<f64>) -> f64 {
    if !opens(&class_word(&object.label)) {
        return 0.0;
    }
    let [x, y, z, w] = object.orientation_xyzw;
    let world_R_box = UnitQuaternion::new_normalize(Quaternion::new(w, x, y, z));
    let centre = Vector3::from(object.position_m);
    let local = world_R_box.inverse() * (place_m.push(centre.z) - centre);
    let behind = (0.5 * object.size_m[0] - local.x).max(0.0);
    local.y.abs() + behind
}

/// The way of one move ahead. Ways lead along the axes of the grid only.
fn ahead(heading: u8) -> Vector2<f64> {
    let (sin, cos) = (f64::from(heading) * FRAC_PI_4).sin_cos();
    Vector2::new(cos, sin) * STEP_M
}

fn cell_ahead(heading: u8) -> Option<[i32; 2]> {
    match heading {
        0 => Some([1, 0]),
        2 => Some([0, 1]),
        4 => Some([-1, 0]),
        6 => Some([0, -1]),
        _ => None,
    }
}

/// The heading nearest to an angle.
fn eighth(yaw_rad: f64) -> u8 {
    (yaw_rad / FRAC_PI_4).round().rem_euclid(f64::from(HEADINGS)) as u8
}

/// The turns from one heading to another, the shorter way round.
fn turns(from: u8, to: u8) -> Vec<Move> {
    let left = (to + HEADINGS - from) % HEADINGS;
    if left <= HEADINGS / 2 {
        vec![Move::TurnLeft; left.into()]
    } else {
        vec![Move::TurnRight; (HEADINGS - left).into()]
    }
}
