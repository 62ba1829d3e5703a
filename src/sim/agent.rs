//! A mobile base that drives a smooth closed loop and looks at the furniture: around the table of a
//! kitchen, on the widest part of the floor elsewhere.

use super::error::SimError;
use super::home::{Home, HomeKind};
use crate::geometry::Pose;
use nalgebra::{Translation3, UnitQuaternion, Vector2, Vector3};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// Radius of the base, metres.
pub const BASE_RADIUS_M: f64 = 0.22;
/// Height of the robot: what hangs higher is driven under, metres.
pub const ROBOT_HEIGHT_M: f64 = 1.35;
/// Speed is nowhere greater than this, metres a second.
const MAX_SPEED_M_S: f64 = 0.45;
/// The base turns nowhere faster than this, radians a second.
const MAX_TURN_RAD_S: f64 = 0.7;
/// Room kept around the base, metres.
const MARGIN_M: f64 = 0.08;
/// Waypoints of the loop.
const WAYPOINTS: usize = 24;
/// Rounds of smoothing the loop.
const SMOOTHING: usize = 12;
/// Distance of the places of which the widest is taken, metres.
const CELL_M: f64 = 0.1;
/// Points between two waypoints at which the loop is checked.
const CHECKS: usize = 40;

/// An upright cuboid on the floor plan: centre, half edges and yaw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Obstacle {
    pub(super) centre_m: Vector2<f64>,
    pub(super) half_m: Vector2<f64>,
    pub(super) yaw: f64,
}

impl Obstacle {
    pub(super) fn distance_m(&self, p: &Vector2<f64>) -> f64 {
        let (sin, cos) = self.yaw.sin_cos();
        let d = p - self.centre_m;
        let local = Vector2::new(cos * d.x + sin * d.y, cos * d.y - sin * d.x);
        (local.abs() - self.half_m).map(|x| x.max(0.0)).norm()
    }
}

/// A robot on its way through a home.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Position and unwrapped yaw at each waypoint; after the last comes the first again, a whole
    /// turn further.
    waypoints: Vec<Vector3<f64>>,
    lap_s: f64,
}

impl Agent {
    /// Finds a loop through the free space of a home. Fails if there is none.
    pub fn new(home: &Home) -> Result<Self, SimError> {
        let obstacles = obstacles(home);
        let failed = || SimError::NoLoop { seed: home.seed, radius_m: BASE_RADIUS_M };
        let room = Vector2::new(0.5 * home.size_m[0], 0.5 * home.size_m[1]);
        let centre = match home.kind {
            None | Some(HomeKind::Kitchen) => {
                let table = home.entities.iter().find(|entity| entity.category == "diningtable");
                table.ok_or_else(failed)?.world_T_entity.translation.vector.xy()
            }
            Some(_) => widest(&obstacles, &room),
        };
        let wanted = BASE_RADIUS_M + MARGIN_M;
        let mut rings = Vec::with_capacity(WAYPOINTS);
        for k in 0..WAYPOINTS {
            let (sin, cos) = (TAU * k as f64 / WAYPOINTS as f64).sin_cos();
            let direction = Vector2::new(cos, sin);
            rings.push((direction, free_span(&obstacles, &centre, &direction, &room, wanted)));
        }
        let spans: Vec<[f64; 2]> =
            rings.iter().map(|(_, span)| *span).collect::<Option<_>>().ok_or_else(failed)?;
        // Start in the middle of the free space and pull the loop tight.
        let mut radius: Vec<f64> = spans.iter().map(|[from, to]| 0.5 * (from + to)).collect();
        for _ in 0..SMOOTHING {
            let before = radius.clone();
            for (k, [from, to]) in spans.iter().enumerate() {
                let next = before[(k + 1) % WAYPOINTS];
                let last = before[(k + WAYPOINTS - 1) % WAYPOINTS];
                radius[k] = (0.25 * (last + next) + 0.5 * before[k]).clamp(*from, *to);
            }
        }
        let places: Vec<Vector2<f64>> =
            rings.iter().zip(&radius).map(|((way, _), r)| centre + way * *r).collect();
        let mut agent = Self { waypoints: with_views(&places, home), lap_s: 1.0 };
        agent.lap_s = agent.slowest_needed_s();
        let samples = WAYPOINTS * CHECKS;
        let free = (0..samples).all(|i| {
            let at = agent.state(agent.lap_s * i as f64 / samples as f64).xy();
            obstacles.iter().all(|o| o.distance_m(&at) > BASE_RADIUS_M)
        });
        if free { Ok(agent) } else { Err(failed()) }
    }

    /// Seconds for one lap.
    pub fn lap_s(&self) -> f64 {
        self.lap_s
    }

    /// Where the base is `t_s` seconds after the start: `base_link` in the map, on the floor.
    pub fn pose(&self, t_s: f64) -> Pose {
        let at = self.state(t_s);
        Pose::from_parts(
            Translation3::new(at.x, at.y, 0.0),
            UnitQuaternion::from_euler_angles(0.0, 0.0, at.z),
        )
    }

    /// x, y, yaw at a time: a closed Catmull-Rom spline through the waypoints.
    fn state(&self, t_s: f64) -> Vector3<f64> {
        let n = self.waypoints.len();
        let along = (t_s / self.lap_s).rem_euclid(1.0) * n as f64;
        let k = (along.floor() as usize).min(n - 1);
        let s = along - k as f64;
        let point = |offset: usize| {
            // One lap turns the yaw by a whole turn.
            let index = k + n + offset - 1;
            let laps = (index / n) as f64 - 1.0;
            self.waypoints[index % n] + Vector3::new(0.0, 0.0, TAU * laps)
        };
        let (a, b, c, d) = (point(0), point(1), point(2), point(3));
        let (s2, s3) = (s * s, s * s * s);
        0.5 * (b * 2.0
            + (c - a) * s
            + (a * 2.0 - b * 5.0 + c * 4.0 - d) * s2
            + (b * 3.0 - a - c * 3.0 + d) * s3)
    }

    /// Seconds a lap must take so that neither speed nor turning goes beyond its limit.
    fn slowest_needed_s(&self) -> f64 {
        let steps = WAYPOINTS * CHECKS;
        let step_s = self.lap_s / steps as f64;
        (0..steps)
            .map(|i| {
                let from = self.state(step_s * i as f64);
                let mut moved = self.state(step_s * (i as f64 + 1.0)) - from;
                if i + 1 == steps {
                    moved.z += TAU;
                }
                let speed = moved.xy().norm() / step_s;
                let turn = moved.z.abs() / step_s;
                self.lap_s * (speed / MAX_SPEED_M_S).max(turn / MAX_TURN_RAD_S)
            })
            .fold(0.0, f64::max)
    }
}

/// Everything between the floor and the top of the robot, and the walls.
pub(super) fn obstacles(home: &Home) -> Vec<Obstacle> {
    let [x, y, _] = home.size_m.map(|s| 0.5 * s);
    // The door stays shut to the base: walls reach all along the room.
    let mut all: Vec<Obstacle> =
        [(x, 0.0, 0.0, y), (-x, 0.0, 0.0, y), (0.0, y, x, 0.0), (0.0, -y, x, 0.0)]
            .map(|(cx, cy, hx, hy)| Obstacle {
                centre_m: Vector2::new(cx, cy),
                half_m: Vector2::new(hx, hy),
                yaw: 0.0,
            })
            .to_vec();
    for entity in home.entities.iter().filter(|entity| !entity.is_structure()) {
        let at = entity.world_T_entity.translation.vector;
        if at.z - 0.5 * entity.size_m[2] < ROBOT_HEIGHT_M {
            all.push(Obstacle {
                centre_m: at.xy(),
                half_m: Vector2::new(0.5 * entity.size_m[0], 0.5 * entity.size_m[1]),
                yaw: entity.world_T_entity.rotation.euler_angles().2,
            });
        }
    }
    all
}

/// The place of a room of half edges `room` that is farthest from every obstacle.
fn widest(obstacles: &[Obstacle], room: &Vector2<f64>) -> Vector2<f64> {
    let cells = room.map(|half| (half / CELL_M).floor() as i32);
    let columns = (-cells.x..=cells.x).map(|i| f64::from(i) * CELL_M);
    let rows = |x: f64| (-cells.y..=cells.y).map(move |j| Vector2::new(x, f64::from(j) * CELL_M));
    let gap_m = |at: &Vector2<f64>| {
        obstacles.iter().map(|o| o.distance_m(at)).fold(f64::INFINITY, f64::min)
    };
    let places = columns.flat_map(rows).map(|at| (gap_m(&at), at));
    let widest = places.max_by(|a, b| a.0.total_cmp(&b.0));
    widest.map_or_else(Vector2::zeros, |(_, at)| at)
}

/// The widest stretch of free distances from `centre` along `direction` inside a room of half edges
/// `room`, at least `wanted` from every obstacle.
fn free_span(
    obstacles: &[Obstacle],
    centre: &Vector2<f64>,
    direction: &Vector2<f64>,
    room: &Vector2<f64>,
    wanted: f64,
) -> Option<[f64; 2]> {
    let (mut best, mut open): (Option<[f64; 2]>, Option<f64>) = (None, None);
    for step in 0.. {
        let r = 0.02 * f64::from(step);
        let at = centre + direction * r;
        let inside = at.x.abs() < room.x && at.y.abs() < room.y;
        let free = inside && obstacles.iter().all(|o| o.distance_m(&at) >= wanted);
        match (free, open) {
            (true, None) => open = Some(r),
            (false, Some(from)) => {
                let span = [from, r - 0.02];
                if from == 0.0 {
                    // Whoever stands in the middle does not get behind what ends this stretch.
                    return Some(span);
                }
                if best.is_none_or(|b| span[1] - span[0] > b[1] - b[0]) {
                    best = Some(span);
                }
                open = None;
            }
            _ => {}
        }
        if !inside {
            break;
        }
    }
    best
}

/// Gives each place of the loop a yaw that looks at as many things as can be seen well from there,
/// eased along the way; the place with the best view comes first.
fn with_views(places: &[Vector2<f64>], home: &Home) -> Vec<Vector3<f64>> {
    let n = places.len();
    let things: Vec<Vector2<f64>> = home
        .entities
        .iter()
        .filter(|entity| entity.parent.is_some())
        .map(|entity| entity.world_T_entity.translation.vector.xy())
        .collect();
    let headings: Vec<f64> = (0..n)
        .map(|k| places[(k + 1) % n] - places[(k + n - 1) % n])
        .map(|ahead| ahead.y.atan2(ahead.x))
        .collect();
    // Yaw relative to the heading: with less than half a turn, one lap is one turn.
    let score = |k: usize, side: f64| view_score(&places[k], headings[k] + side, &things);
    let candidates: Vec<f64> = (-11..=11).map(|i| f64::from(i) * 10f64.to_radians()).collect();
    let best_side = |k: usize| {
        let best = candidates.iter().max_by(|a, b| score(k, **a).total_cmp(&score(k, **b)));
        best.copied().unwrap_or(0.0)
    };
    let mut sides: Vec<f64> = (0..n).map(best_side).collect();
    for _ in 0..3 {
        let before = sides.clone();
        for k in 0..n {
            sides[k] = 0.5 * before[k] + 0.25 * (before[(k + 1) % n] + before[(k + n - 1) % n]);
        }
    }
    let start =
        (0..n).max_by(|&a, &b| score(a, sides[a]).total_cmp(&score(b, sides[b]))).unwrap_or(0);
    let mut heading = headings[start];
    let from_start = (start..n).chain(0..start).map(|k| {
        heading += (headings[k] - heading + PI).rem_euclid(TAU) - PI;
        Vector3::new(places[k].x, places[k].y, heading + sides[k])
    });
    from_start.collect()
}

/// How many things stand before a camera at `place` that looks along `yaw`, those at a good
/// distance and near the middle of the image counting most.
fn view_score(place: &Vector2<f64>, yaw: f64, things: &[Vector2<f64>]) -> f64 {
    let score = |thing: &Vector2<f64>| {
        let to = thing - place;
        let off = ((to.y.atan2(to.x) - yaw + PI).rem_euclid(TAU) - PI) / 20f64.to_radians();
        let far = (to.norm() - 1.5) / 0.7;
        (-off * off - far * far).exp()
    };
    things.iter().map(score).sum()
}

/// Maps camera body coordinates (x forward) to the base: 1.2 m high, pitched down 20°.
pub fn base_T_camera_link() -> Pose {
    Pose::from_parts(
        Translation3::new(0.08, 0.0, 1.2),
        UnitQuaternion::from_euler_angles(0.0, 20f64.to_radians(), 0.0),
    )
}

/// Maps optical coordinates (x right, y down, z forward) to camera body coordinates (REP 103).
pub fn camera_link_T_optical() -> Pose {
    Pose::rotation(Vector3::zeros())
        * UnitQuaternion::from_euler_angles(-FRAC_PI_2, 0.0, -FRAC_PI_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_home_is_driven_through_without_collision() {
        // Kitchens most often: the robot drives round their tables.
        let kitchens = (0..60).map(|seed| Home::generate(HomeKind::Kitchen, seed));
        let others = HomeKind::ALL.into_iter().skip(1);
        let others = others.flat_map(|kind| (0..12).map(move |seed| Home::generate(kind, seed)));
        for home in kitchens.chain(others) {
            let seed = home.seed;
            let agent = Agent::new(&home).unwrap();
            assert!((8.0..90.0).contains(&agent.lap_s()), "{}", agent.lap_s());
            let step_s = 0.05;
            let steps = (agent.lap_s() / step_s) as usize + 10;
            let mut last = agent.pose(0.0);
            for i in 1..steps {
                let pose = agent.pose(step_s * i as f64);
                let speed = (pose.translation.vector - last.translation.vector).norm() / step_s;
                let turn = pose.rotation.angle_to(&last.rotation) / step_s;
                assert!(speed <= 0.6 && turn <= 0.9, "seed {seed}: {speed} m/s, {turn} rad/s");
                let at = pose.translation.vector;
                for entity in home.entities.iter().filter(|e| !e.is_structure()) {
                    let centre = entity.world_T_entity.translation.vector;
                    if centre.z - 0.5 * entity.size_m[2] > ROBOT_HEIGHT_M {
                        continue;
                    }
                    let local = entity.world_T_entity.inverse_transform_vector(&(at - centre));
                    let gap = |i: usize| (local[i].abs() - 0.5 * entity.size_m[i]).max(0.0);
                    let distance = gap(0).hypot(gap(1));
                    assert!(distance > BASE_RADIUS_M, "seed {seed}: {}", entity.category);
                }
                let walls = (0..2).map(|i| 0.5 * home.size_m[i] - at[i].abs());
                assert!(walls.fold(f64::INFINITY, f64::min) > BASE_RADIUS_M);
                last = pose;
            }
        }
    }

    #[test]
    fn a_lap_closes_and_the_camera_looks_ahead_and_down() {
        let agent = Agent::new(&Home::generate(HomeKind::Kitchen, 3)).unwrap();
        let gap = agent.pose(0.0).inverse() * agent.pose(agent.lap_s());
        assert!(gap.translation.vector.norm() < 1e-6 && gap.rotation.angle() < 1e-6);
        let base_T_optical = base_T_camera_link() * camera_link_T_optical();
        let forward = base_T_optical * Vector3::z();
        let slope = 20f64.to_radians();
        assert!((forward - Vector3::new(slope.cos(), 0.0, -slope.sin())).norm() < 1e-9);
        assert!((base_T_optical * Vector3::x() + Vector3::y()).norm() < 1e-9);
    }
}
