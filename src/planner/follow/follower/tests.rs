//! The loop closed over a base that does what it is told, or does not.

use super::*;
use crate::planner::follow::parse_instruction;
use crate::scene::fixtures;

const TICK_NS: i64 = 100_000_000;
/// Of the simulated base.
const SPEED_M_S: f64 = 0.5;
const TURN_RAD_S: f64 = 1.0;

fn object(id: u32, label: &str, x: f64, y: f64) -> MapObject {
    fixtures::object(id, label, [x, y, 0.9], 0.4)
}

/// A room of 8 m × 6 m with a wall through its middle, open at the top.
fn points() -> impl Iterator<Item = [f32; 3]> {
    let line = |n: i32| (0..n).map(|at| at as f32 * 0.05);
    let ground = line(160).flat_map(move |x| line(120).map(move |y| [x, y, 0.0]));
    let wall = line(90).map(|y| [4.0, y, 0.6]);
    ground.chain(wall).map(|[x, y, z]| [x - 1.0, y - 1.0, z])
}

/// A base on wheels in that room.
struct Base {
    now_ns: i64,
    pose: BasePose,
    motion: Motion,
    /// What is left of the motion, metres or radians.
    left: f64,
    obeys: bool,
    speaks: bool,
    told: Vec<Motion>,
    halts: usize,
}

impl Base {
    fn new() -> Self {
        let pose = BasePose { stamp_ns: 0, xy_m: [0.0, 0.0], z_m: 0.0, yaw_rad: 0.0 };
        let (motion, told) = (Motion::Stop, Vec::new());
        Self { now_ns: 0, pose, motion, left: 0.0, obeys: true, speaks: true, told, halts: 0 }
    }

    fn roll(&mut self) {
        self.now_ns += TICK_NS;
        let dt_s = seconds(TICK_NS);
        match self.motion {
            Motion::Forward { .. } => {
                let step_m = self.left.min(SPEED_M_S * dt_s);
                self.pose.xy_m = self.pose.ahead_m(step_m);
                self.left -= step_m;
            }
            Motion::Turn { turn_rad } => {
                let step_rad = self.left.min(TURN_RAD_S * dt_s);
                self.pose.yaw_rad = wrap_rad(self.pose.yaw_rad + step_rad.copysign(turn_rad));
                self.left -= step_rad;
            }
            Motion::Stop | Motion::Look { .. } => {}
        }
        if self.speaks {
            self.pose.stamp_ns = self.now_ns;
        }
    }

    fn take(&mut self, motion: Motion) {
        self.told.push(motion);
        if self.obeys {
            self.motion = motion;
            self.left = match motion {
                Motion::Forward { forward_m } => forward_m,
                Motion::Turn { turn_rad } => turn_rad.abs(),
                _ => 0.0,
            };
        }
    }

    /// Follows to the end, five minutes at most; `each` may meddle.
    fn follow(
        &mut self,
        follower: &mut Follower,
        mut each: impl FnMut(&mut Self),
    ) -> Result<(), FollowError> {
        let config = follower.config.clone();
        let mut look = |pose: &BasePose| {
            let objects = vec![
                object(1, "mug", 5.0, 0.0),
                object(2, "mug", 6.8, -0.8),
                object(3, "Fridge", -0.4, 4.0),
            ];
            Some(Surroundings { floor: Floor::new(points(), 0.05, pose, &config), objects })
        };
        for _ in 0..3000 {
            each(self);
            match follower.tick(self.now_ns, Some(&self.pose), &mut look) {
                None => {}
                Some(FollowAct::Move(motion)) => self.take(motion),
                Some(FollowAct::Halt(_)) => {
                    self.halts += 1;
                    (self.motion, self.left) = (Motion::Stop, 0.0);
                }
                Some(FollowAct::End(result)) => return result,
            }
            self.roll();
        }
        panic!("it never ends: {:?}", self.told);
    }
}

fn follower(text: &str) -> Follower {
    Follower::new(parse_instruction(text).unwrap(), FollowConfig::default())
}

fn follow(text: &str) -> (Base, Result<(), FollowError>) {
    let mut base = Base::new();
    let result = base.follow(&mut follower(text), |_| {});
    (base, result)
}

#[test]
fn motions_follow_each_other_when_the_pose_shows_them_done() {
    let (base, result) = follow("go forward 1.5 metres, turn left, go forward one metre, look up");
    assert_eq!(result, Ok(()));
    let [x, y] = base.pose.xy_m;
    assert!((x - 1.5).abs() < 0.15 && (y - 1.0).abs() < 0.15, "{:?}", base.pose);
    assert!((base.pose.yaw_rad - PI / 2.0).abs() < 0.15);
    assert_eq!(base.told[0], Motion::Forward { forward_m: 1.0 }, "no more at once");
    assert!(
        matches!(base.told[..], [_, Motion::Forward { .. }, Motion::Turn { turn_rad }, _, Motion::Look { .. }] if turn_rad > 1.5),
        "{:?}",
        base.told
    );
}

#[test]
fn half_a_turn_goes_the_way_that_was_asked_for() {
    for (text, sign) in [("turn right 180 degrees", -1.0), ("turn left 180 degrees", 1.0)] {
        let (base, result) = follow(text);
        assert_eq!(result, Ok(()));
        let Motion::Turn { turn_rad } = base.told[0] else { panic!("{:?}", base.told) };
        assert!((turn_rad - sign * PI).abs() < 1e-9, "{text}: {turn_rad}");
    }
}

#[test]
fn a_thing_behind_the_wall_is_reached_round_it_and_faced() {
    let (base, result) = follow("go to the mug");
    assert_eq!(result, Ok(()));
    let config = FollowConfig::default();
    let left_m = base.pose.distance_m([5.0, 0.0]);
    assert!(left_m < config.reach_m + config.position_tolerance_m + 0.3, "{:?}", base.pose);
    assert!(base.pose.bearing_rad([5.0, 0.0]).abs() < 0.15, "{:?}", base.pose);
    assert!(base.told.len() > 5, "it went round: {:?}", base.told);
}

#[test]
fn a_push_aside_is_made_up_for() {
    let mut base = Base::new();
    let result = base.follow(&mut follower("go to the fridge"), |base| {
        if base.now_ns == 30 * TICK_NS {
            base.pose.xy_m[0] += 0.6;
            base.pose.yaw_rad += 0.8;
        }
    });
    assert_eq!(result, Ok(()));
    assert!(base.pose.distance_m([-0.4, 4.0]) < 1.2, "{:?}", base.pose);
}

#[test]
fn what_cannot_be_done_is_refused_and_nothing_moves() {
    let (base, result) = follow("go to the spoon");
    assert_eq!(result, Err(FollowError::NotInMap { name: "spoon".into() }));
    assert_eq!(base.told, []);
    let (base, result) = follow("go forward 8 metres");
    assert!(matches!(result, Err(FollowError::NoWay { .. })), "{result:?}");
    assert_eq!(base.told, []);
}

#[test]
fn a_base_that_does_not_move_is_told() {
    let mut base = Base { obeys: false, ..Base::new() };
    let result = base.follow(&mut follower("go forward"), |_| {});
    let Err(FollowError::Stuck { motions, .. }) = result else { panic!("{result:?}") };
    assert_eq!(motions, MAX_LATE);
    assert_eq!(base.told.len(), MAX_LATE as usize);
}

#[test]
fn a_stale_pose_halts_once_and_the_way_goes_on_when_it_is_back() {
    let mut base = Base::new();
    let result = base.follow(&mut follower("go forward 2 metres"), |base| {
        base.speaks = !(10..60).contains(&(base.now_ns / TICK_NS));
    });
    assert_eq!(result, Ok(()));
    assert_eq!(base.halts, 1);
    assert!((base.pose.xy_m[0] - 2.0).abs() < 0.15, "{:?}", base.pose);
}

#[test]
fn a_clock_that_is_set_back_ends_it() {
    let mut base = Base { now_ns: 1000 * TICK_NS, ..Base::new() };
    let result = base.follow(&mut follower("go forward 2 metres"), |base| {
        if base.now_ns == 1010 * TICK_NS {
            (base.now_ns, base.pose.stamp_ns) = (0, 0);
        }
    });
    assert_eq!(result, Err(FollowError::ClockSetBack));
    assert_eq!(base.told.len(), 1, "{:?}", base.told);
}

#[test]
fn a_pose_that_stays_stale_ends_it() {
    let mut base = Base::new();
    let result = base.follow(&mut follower("go forward 2 metres"), |base| {
        base.speaks = base.now_ns < 10 * TICK_NS;
    });
    assert!(matches!(result, Err(FollowError::NoPose { age_s: Some(_), .. })), "{result:?}");
    let mut none = follower("turn left");
    assert_eq!(none.tick(0, None, &mut |_| None), None);
    let ended = none.tick(20_000_000_000, None, &mut |_| None);
    let Some(FollowAct::End(Err(error))) = ended else { panic!("{ended:?}") };
    assert!(error.to_string().contains("base_link is unknown"), "{error}");
}

#[test]
fn a_pose_of_a_time_to_come_is_as_stale_as_an_old_one() {
    let second_ns = 1_000_000_000;
    let tick = |now_ns, ahead_ns: i64, left: &mut Follower| {
        let stamp_ns = ahead_ns.saturating_add(now_ns);
        let pose = BasePose { stamp_ns, ..Base::new().pose };
        left.tick(now_ns, Some(&pose), &mut |_| None)
    };
    let moves = |ahead_ns| {
        let act = tick(second_ns, ahead_ns, &mut follower("turn left"));
        matches!(act, Some(FollowAct::Move(_)))
    };
    assert!(moves(0) && moves(second_ns / 10) && moves(i64::MAX), "the last holds at every time");
    assert!(!moves(5 * second_ns) && !moves(3600 * second_ns) && !moves(-5 * second_ns));
    let (mut left, hour_ns) = (follower("turn left"), 3600 * second_ns);
    assert_eq!(tick(0, hour_ns, &mut left), None);
    let ended = tick(20 * second_ns, hour_ns, &mut left);
    let Some(FollowAct::End(Err(error))) = ended else { panic!("{ended:?}") };
    assert!(error.to_string().contains("base_link is 3600.0 s ahead of the clock"), "{error}");
}
