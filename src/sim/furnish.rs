//! How furniture finds its place in a room: at the walls, clear of the door and of each other, and
//! so that the robot still gets to all of it.

use super::agent::ROBOT_HEIGHT_M;
use super::builder::Builder;
use super::catalogue::Model;
use super::floor::{Block, CELL_M, CLEAR_M, Floor};
use super::home::Entity;
use super::household::{is_lamp, is_portable};
use super::room::{DOOR_ASIDE_M, DOOR_DEPTH_M, DOOR_HEIGHT_M, DOOR_M};
use crate::geometry::Pose;
use nalgebra::{Point3, Translation3, Vector3};
use rand::Rng;

/// Floor that is kept free before furniture, metres: as much as a robot needs to pass.
pub(super) const BEFORE_M: f64 = 2.0 * CLEAR_M + CELL_M;
/// The robot must get so near to what holds things, to lamps, and to what lies on the floor, metres.
const NEAR_M: f64 = 0.8;
/// Room between furniture and the wall behind it, metres.
const AT_WALL_M: f64 = 0.004;
/// Least room between furniture and a corner, metres.
const CORNER_M: f64 = 0.01;
/// What is out of a room by less is in it, metres.
const ROUNDING_M: f64 = 1e-6;
/// How far the room from corner to corner is overdrawn at each end: what falls there stands in the
/// corner, as furniture likes to.
const OVER: f64 = 0.3;
/// Places that are tried for a piece of furniture before the room goes without.
const TRIES: usize = 80;
/// Rooms that are furnished before one is taken that lacks something.
const LAYOUTS: usize = 60;

/// The room that furniture takes at a wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Depth, width and height of its box, metres.
    pub size_m: [f64; 3],
    /// Height of its underside, metres.
    pub z_m: f64,
    /// Floor that is kept free before it, metres.
    pub before_m: f64,
}

/// A place at a wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub side: usize,
    /// Of its middle from the end of the wall, metres.
    pub along_m: f64,
    /// Of its back from the wall, metres.
    pub out_m: f64,
}

/// Furniture that stands, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    pub spot: Spot,
    pub need: Need,
}

/// A piece of furniture that has no place yet.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub category: &'static str,
    pub model: Model,
    /// Height of its underside, metres.
    pub z_m: f64,
    /// Whether things can be put on it or into it.
    pub holds: bool,
}

impl Piece {
    /// The room it takes.
    pub fn need(&self, before_m: f64) -> Need {
        let (low, high) = self.model.bounds_m();
        Need { size_m: (high - low).into(), z_m: self.z_m, before_m }
    }

    /// Where it stands at a spot.
    pub fn pose(&self, builder: &Builder, spot: &Spot) -> Pose {
        let (world_T_wall, _) = builder.wall(spot.side);
        let out_m = spot.out_m + AT_WALL_M - self.model.bounds_m().0.x;
        world_T_wall * Translation3::new(out_m, spot.along_m, self.z_m)
    }

    /// Puts it there; returns its id.
    pub fn build(&self, builder: &mut Builder, spot: &Spot) -> u32 {
        let pose = self.pose(builder, spot);
        builder.add(self.category, self.model.clone(), pose, None, self.holds)
    }

    /// With a place for things, in the coordinates of its model.
    pub fn with_surface(self, centre_m: [f64; 3], half_m: [f64; 2], headroom_m: f64) -> Self {
        Self { model: self.model.surface(centre_m, half_m, headroom_m), ..self }
    }
}

/// A room that is being furnished.
pub(super) struct Furnisher<'a> {
    pub builder: &'a mut Builder,
    /// Where nothing may stand.
    kept: Vec<Block>,
    /// Where the robot gets with all that stands there.
    pub floor: Floor,
}

impl Builder {
    /// Builds the room and furnishes it, anew until it has one of each of the categories in `needed`.
    pub fn furnish(&mut self, needed: &[&[&str]], arrange: fn(&mut Furnisher<'_>)) {
        for _ in 0..LAYOUTS {
            self.entities.clear();
            self.places.clear();
            let side: usize = self.rng.random_range(0..4);
            let most_m = self.wall(side).1 - DOOR_M - DOOR_ASIDE_M;
            let door = (side, self.rng.random_range(DOOR_ASIDE_M..most_m));
            self.room(Some(door));
            arrange(&mut Furnisher::new(self, door));
            let has = |name: &&str| self.entities.iter().any(|entity| entity.category == *name);
            if needed.iter().all(|names| names.iter().any(has)) {
                return;
            }
        }
    }

    /// Where the robot gets now.
    fn floor(&self) -> Floor {
        let solid = self.entities.iter().filter(|entity| !entity.is_structure());
        let in_way: Vec<Block> =
            solid.map(Block::of).filter(|block| block.low.z < ROBOT_HEIGHT_M).collect();
        Floor::new(self.size_m, &in_way)
    }
}

impl<'a> Furnisher<'a> {
    /// A room in which something may stand already.
    pub fn new(builder: &'a mut Builder, door: (usize, f64)) -> Self {
        let (world_T_wall, _) = builder.wall(door.0);
        let before_door = Block::between(
            &(world_T_wall * Point3::new(0.0, door.1, 0.0)),
            &(world_T_wall * Point3::new(DOOR_DEPTH_M, door.1 + DOOR_M, DOOR_HEIGHT_M)),
        );
        let floor = builder.floor();
        Self { builder, kept: vec![before_door], floor }
    }

    /// Adds what `build` adds, if it has room at a spot and the robot still gets to everything; else
    /// nothing stays of it.
    pub fn place(
        &mut self,
        spot: Spot,
        need: Need,
        build: &dyn Fn(&mut Builder, &Spot),
    ) -> Option<Stand> {
        let (world_T_wall, length_m) = self.builder.wall(spot.side);
        let [depth_m, width_m, height_m] = need.size_m;
        let (left, right) = (spot.along_m - 0.5 * width_m, spot.along_m + 0.5 * width_m);
        let front_m = spot.out_m + AT_WALL_M + depth_m;
        let block = |x: [f64; 2], z: [f64; 2]| {
            let corner = |x: f64, y: f64, z: f64| world_T_wall * Point3::new(x, y, z);
            Block::between(&corner(x[0], left, z[0]), &corner(x[1], right, z[1]))
        };
        let own = block([spot.out_m, front_m], [need.z_m, need.z_m + height_m]);
        let before = block([front_m, front_m + need.before_m], [0.0, ROBOT_HEIGHT_M]);
        let is_free = left >= 0.0
            && right <= length_m
            && !self.kept.iter().any(|kept| kept.meets(&own))
            && self.has_room(&own)
            && (need.before_m == 0.0 || self.has_room(&before));
        if !is_free {
            return None;
        }
        let marks = (self.builder.entities.len(), self.builder.places.len());
        build(self.builder, &spot);
        let floor = self.builder.floor();
        let is_used = |entity: &&Entity| {
            let is_wanted = is_lamp(entity.category) || is_portable(entity.category);
            entity.parent.is_none() && (entity.is_receptacle || is_wanted)
        };
        let mut used = self.builder.entities.iter().filter(is_used);
        if !used.all(|entity| floor.is_near(&Block::of(entity), NEAR_M)) {
            self.builder.entities.truncate(marks.0);
            self.builder.places.truncate(marks.1);
            return None;
        }
        self.floor = floor;
        if need.before_m > 0.0 {
            self.kept.push(before);
        }
        Some(Stand { spot, need })
    }

    /// The same at any wall where there is room.
    pub fn at_wall(&mut self, need: Need, build: &dyn Fn(&mut Builder, &Spot)) -> Option<Stand> {
        (0..TRIES).find_map(|_| {
            let side: usize = self.builder.rng.random_range(0..4);
            let free_m = self.builder.wall(side).1 - need.size_m[1] - 2.0 * CORNER_M;
            if free_m <= 0.0 {
                return None;
            }
            let share: f64 = self.builder.rng.random_range(-OVER..1.0 + OVER);
            let along_m = CORNER_M + 0.5 * need.size_m[1] + free_m * share.clamp(0.0, 1.0);
            self.place(Spot { side, along_m, out_m: 0.0 }, need, build)
        })
    }

    /// The same beside what stands at a wall, `gap_m` metres from it.
    pub fn beside(
        &mut self,
        stand: &Stand,
        gap_m: f64,
        need: Need,
        build: &dyn Fn(&mut Builder, &Spot),
    ) -> Option<Stand> {
        let off_m = 0.5 * (stand.need.size_m[1] + need.size_m[1]) + gap_m;
        let off_m = if self.builder.rng.random_bool(0.5) { off_m } else { -off_m };
        [off_m, -off_m].into_iter().find_map(|off_m| {
            let along_m = stand.spot.along_m + off_m;
            self.place(Spot { along_m, ..stand.spot }, need, build)
        })
    }

    /// The same before what stands at a wall, `gap_m` metres from it.
    pub fn before(
        &mut self,
        stand: &Stand,
        gap_m: f64,
        need: Need,
        build: &dyn Fn(&mut Builder, &Spot),
    ) -> Option<Stand> {
        let out_m = stand.spot.out_m + AT_WALL_M + stand.need.size_m[0] + gap_m;
        self.place(Spot { out_m, ..stand.spot }, need, build)
    }

    /// Whether a box is in the room, and nothing in it. Windows count: nothing hides them.
    fn has_room(&self, block: &Block) -> bool {
        let half = Vector3::from(self.builder.size_m) * 0.5;
        let is_inside = (0..2).all(|axis| {
            block.low[axis] >= -half[axis] - ROUNDING_M
                && block.high[axis] <= half[axis] + ROUNDING_M
        });
        let solid = |entity: &&Entity| !entity.is_structure() || entity.category == "window";
        is_inside && !self.builder.entities.iter().filter(solid).any(|e| Block::of(e).meets(block))
    }
}
