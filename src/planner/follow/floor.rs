//! The floor plan of the map: where the robot's circle can stand, and the ways between.
//!
//! A cell is blocked when anything between the ground and the robot's height is nearer to it than
//! the robot's radius. The map keeps no empty space: ground that was never seen is not blocked, but
//! ways lead over seen ground where they can.

use super::{BasePose, FollowConfig};
use pathfinding::prelude::astar;
use rustc_hash::FxHashSet;

/// Least edge length of a cell, metres.
const MIN_CELL_M: f64 = 0.1;
/// How far beyond what was seen a way may lead, metres.
const MARGIN_M: f64 = 1.0;
/// Cost of a cell to the side, and of one across.
const SIDE: u32 = 10;
const ACROSS: u32 = 14;
/// How many times dearer unseen ground is.
const UNSEEN: u32 = 2;

type Cell = [i32; 2];

/// Where the robot can stand.
#[derive(Debug, Clone)]
pub struct Floor {
    cell_m: f64,
    blocked: FxHashSet<Cell>,
    seen: FxHashSet<Cell>,
    /// Least and greatest cell that is known; ways keep within a margin around.
    bounds: (Cell, Cell),
}

impl Floor {
    /// The floor plan of `points_m` (world frame, one a voxel of edge `voxel_size_m`), for a robot
    /// that stands at `robot`: where it stands is free.
    pub fn new(
        points_m: impl Iterator<Item = [f32; 3]>,
        voxel_size_m: f64,
        robot: &BasePose,
        config: &FollowConfig,
    ) -> Self {
        let cell_m = voxel_size_m.max(MIN_CELL_M);
        let ground_m = robot.z_m - config.base_height_m;
        let (mut obstacles, mut seen) = (FxHashSet::default(), FxHashSet::default());
        let robot_cell = cell_of(robot.xy_m, cell_m);
        let mut bounds = (robot_cell, robot_cell);
        for [x, y, z] in points_m {
            let cell = cell_of([f64::from(x), f64::from(y)], cell_m);
            let height_m = f64::from(z) - ground_m;
            if height_m.abs() <= config.ground_clearance_m {
                seen.insert(cell);
            } else if height_m > 0.0 && height_m < config.robot_height_m {
                obstacles.insert(cell);
            } else {
                continue;
            }
            widen(&mut bounds, cell);
        }
        let circle = circle(config.robot_radius_m / cell_m);
        let around = |cell: Cell| circle.iter().map(move |[x, y]| [cell[0] + x, cell[1] + y]);
        let mut blocked: FxHashSet<Cell> =
            obstacles.iter().flat_map(|cell| around(*cell)).collect();
        for cell in around(robot_cell) {
            blocked.remove(&cell);
        }
        Self { cell_m, blocked, seen, bounds }
    }

    /// The same floor, with ways that may lead as far as these places.
    pub fn reaching(mut self, places_m: impl Iterator<Item = [f64; 2]>) -> Self {
        for place_m in places_m {
            widen(&mut self.bounds, cell_of(place_m, self.cell_m));
        }
        self
    }

    /// Whether the robot can go straight from one place to another.
    pub fn is_clear(&self, from_m: [f64; 2], to_m: [f64; 2]) -> bool {
        let way_m = [to_m[0] - from_m[0], to_m[1] - from_m[1]];
        let looks = (way_m[0].hypot(way_m[1]) / (0.5 * self.cell_m)).ceil().max(1.0);
        (0..=looks as u32).all(|look| {
            let share = f64::from(look) / looks;
            let place_m = [from_m[0] + share * way_m[0], from_m[1] + share * way_m[1]];
            !self.blocked.contains(&cell_of(place_m, self.cell_m))
        })
    }

    /// The shortest way from a place to one where `gap_m`, the distance left, is at most
    /// `reach_m`: its corners, from the first after the start to the end, and its length; `None`
    /// when there is no way. Where the middle of the place's own cell is near enough it leads there.
    pub fn way(
        &self,
        from_m: [f64; 2],
        reach_m: f64,
        gap_m: impl Fn([f64; 2]) -> f64,
    ) -> Option<(Vec<[f64; 2]>, f64)> {
        let start = cell_of(from_m, self.cell_m);
        let left_m = |cell: &Cell| (gap_m(self.centre_m(*cell)) - reach_m).max(0.0);
        let (cells, _) = astar(
            &start,
            |cell| self.next(*cell),
            |cell| (left_m(cell) / self.cell_m * f64::from(SIDE)) as u32,
            |cell| left_m(cell) == 0.0,
        )?;
        let ahead = if cells.len() > 1 { &cells[1..] } else { &cells[..] };
        let places: Vec<[f64; 2]> = ahead.iter().map(|cell| self.centre_m(*cell)).collect();
        let corners = self.corners(from_m, &places);
        let ends = std::iter::once(&from_m).chain(&corners).zip(&corners);
        let length_m = ends.map(|(a, b)| (b[0] - a[0]).hypot(b[1] - a[1])).sum();
        Some((corners, length_m))
    }

    /// The way over `places` pulled tight.
    fn corners(&self, from_m: [f64; 2], places: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let mut corners = Vec::new();
        let (mut here, mut rest) = (from_m, places);
        while !rest.is_empty() {
            let farthest = rest.iter().rposition(|place| self.is_clear(here, *place)).unwrap_or(0);
            here = rest[farthest];
            corners.push(here);
            rest = &rest[farthest + 1..];
        }
        corners
    }

    /// The free neighbours of a cell, and what it costs to go there.
    fn next(&self, [x, y]: Cell) -> impl Iterator<Item = (Cell, u32)> {
        let steps = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy)));
        steps.filter(|step| *step != (0, 0)).filter_map(move |(dx, dy)| {
            let cell = [x + dx, y + dy];
            // Not across a corner.
            let is_free = self.is_free(cell)
                && (dx == 0 || dy == 0 || (self.is_free([x + dx, y]) && self.is_free([x, y + dy])));
            let cost = if dx == 0 || dy == 0 { SIDE } else { ACROSS };
            let dearer = if self.seen.contains(&cell) { 1 } else { UNSEEN };
            is_free.then_some((cell, cost * dearer))
        })
    }

    fn is_free(&self, cell: Cell) -> bool {
        let (low, high) = self.bounds;
        let margin = (MARGIN_M / self.cell_m).ceil() as i32;
        (0..2).all(|axis| (low[axis] - margin..=high[axis] + margin).contains(&cell[axis]))
            && !self.blocked.contains(&cell)
    }

    fn centre_m(&self, cell: Cell) -> [f64; 2] {
        cell.map(|at| (f64::from(at) + 0.5) * self.cell_m)
    }
}

fn cell_of(place_m: [f64; 2], cell_m: f64) -> Cell {
    place_m.map(|at| (at / cell_m).floor() as i32)
}

fn widen((low, high): &mut (Cell, Cell), cell: Cell) {
    for axis in 0..2 {
        low[axis] = low[axis].min(cell[axis]);
        high[axis] = high[axis].max(cell[axis]);
    }
}

/// Cells whose centres are within `radius` cells.
fn circle(radius: f64) -> Vec<Cell> {
    let reach = radius.ceil() as i32;
    let square = (-reach..=reach).flat_map(|x| (-reach..=reach).map(move |y| [x, y]));
    square.filter(|[x, y]| f64::from(*x).hypot(f64::from(*y)) <= radius).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROBOT: BasePose = BasePose { stamp_ns: 0, xy_m: [0.05, 0.05], z_m: 0.0, yaw_rad: 0.0 };

    /// A wall across the way at x = 2 m, from y = -2 m to `end_m`, at height `z`; ground all round.
    fn wall(end_m: f32, z: f32) -> Floor {
        let ground = (-40..80).flat_map(|x| (-40..40).map(move |y| [x, y]));
        let ground = ground.map(|[x, y]| [x as f32 * 0.05, y as f32 * 0.05, 0.0]);
        let wall = (0..=((end_m + 2.0) / 0.05) as i32).map(|y| [2.0, -2.0 + y as f32 * 0.05, z]);
        Floor::new(ground.chain(wall), 0.05, &ROBOT, &FollowConfig::default())
    }

    fn way(floor: &Floor) -> Option<(Vec<[f64; 2]>, f64)> {
        floor.way(ROBOT.xy_m, 0.1, |[x, y]| (x - 3.5).hypot(y))
    }

    #[test]
    fn ways_lead_round_walls_at_the_robots_distance() {
        let floor = wall(1.0, 0.5);
        assert!(!floor.is_clear(ROBOT.xy_m, [3.5, 0.0]));
        let (corners, length_m) = way(&floor).unwrap();
        assert!(corners.len() >= 2 && (3.9..5.0).contains(&length_m), "{corners:?} {length_m}");
        let mut here = ROBOT.xy_m;
        for corner in corners {
            assert!(floor.is_clear(here, corner));
            // Nearest point of the wall: its end.
            assert!((corner[0] - 2.0).hypot(corner[1] - 1.0) > 0.15, "{corner:?}");
            here = corner;
        }
    }

    #[test]
    fn what_is_flat_or_hangs_high_blocks_nothing() {
        for z in [0.05, 1.6, -0.5] {
            let floor = wall(1.0, z);
            assert!(floor.is_clear(ROBOT.xy_m, [3.5, 0.0]), "{z}");
            assert_eq!(way(&floor).unwrap().0.len(), 1, "{z}");
        }
    }

    #[test]
    fn a_closed_wall_has_no_way() {
        let around = (0..=160).flat_map(|at| {
            let at = -4.0 + at as f32 * 0.05;
            [[2.0, at, 0.5], [-4.0, at, 0.5], [at, 4.0, 0.5], [at, -4.0, 0.5]]
        });
        let floor = Floor::new(around, 0.05, &ROBOT, &FollowConfig::default());
        assert_eq!(way(&floor), None);
    }

    #[test]
    fn ways_lead_no_farther_than_what_is_known() {
        let far = |[x, _]: [f64; 2]| (x - 5.0).abs();
        let floor = Floor::new(std::iter::empty(), 0.05, &ROBOT, &FollowConfig::default());
        assert_eq!(floor.way(ROBOT.xy_m, 0.1, far), None);
        let floor = floor.reaching(std::iter::once([5.0, 0.0]));
        assert!(floor.way(ROBOT.xy_m, 0.1, far).is_some());
    }

    #[test]
    fn where_a_cell_is_near_enough_the_way_leads_to_its_middle() {
        let floor = Floor::new(std::iter::empty(), 0.05, &ROBOT, &FollowConfig::default());
        let way = floor.way([0.09, 0.01], 0.8, |[x, y]| (x + 0.7).hypot(y));
        let (corners, length_m) = way.unwrap();
        let [[x, y]] = corners[..] else { panic!("{corners:?}") };
        assert!((x - 0.05).abs() < 1e-9 && (y - 0.05).abs() < 1e-9, "{x} {y}");
        assert!((length_m - 0.0032_f64.sqrt()).abs() < 1e-9, "{length_m}");
    }

    #[test]
    fn the_robot_stands_where_it_stands() {
        let near = [[0.2, 0.05, 0.5]];
        let floor = Floor::new(near.into_iter(), 0.05, &ROBOT, &FollowConfig::default());
        assert!(floor.is_clear(ROBOT.xy_m, [-1.0, 0.05]), "it can back away from what is near");
        let way = floor.way(ROBOT.xy_m, 0.1, |[x, y]| (x + 0.9).hypot(y));
        assert!(way.is_some());
    }
}
