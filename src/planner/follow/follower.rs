//! From the steps of an instruction to one motion after the other: a closed loop over the robot's
//! live pose. A pure machine: time and pose go in, what to do comes out.

use super::motion::{Running, wrap_rad};
use super::{BasePose, Floor, FollowConfig, FollowError, InstructionStep, Motion};
use crate::scene::MapObject;
use crate::tasks::{gap_m, named};
use nalgebra::Point3;
use std::f64::consts::PI;

/// What a motion leaves over within its tolerance, and what rounding adds, is no new motion.
const SLACK: f64 = 1.2;
/// Motions of a step that may run out of time in a row.
const MAX_LATE: u32 = 3;
/// Motions that one step may take.
const MAX_MOTIONS: u32 = 200;
/// A clock this far behind the last look was set back, as when a simulation starts over, nanoseconds.
const JUMP_NS: i64 = 1_000_000_000;

/// What the map shows when a motion is decided.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where the robot can stand.
    pub floor: Floor,
    /// The objects.
    pub objects: Vec<MapObject>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum FollowAct {
    /// Publish the motion; it replaces the one before.
    Move(Motion),
    /// Stand still at once, for now.
    Halt(FollowError),
    /// The instruction has been followed to its end, or no further: stand still.
    End(Result<(), FollowError>),
}

/// An instruction that is being followed.
#[derive(Debug, Clone)]
pub struct Follower {
    config: FollowConfig,
    steps: Vec<InstructionStep>,
    /// Index of the current step.
    at: usize,
    /// Where the current step began.
    from: Option<BasePose>,
    running: Option<Running>,
    /// Motions of the current step, and how many of them in a row ran out of time.
    motions: u32,
    late: u32,
    /// Since when the pose is stale, nanoseconds.
    blind_since_ns: Option<i64>,
    /// When it was looked last, nanoseconds.
    looked_ns: Option<i64>,
    distance_left_m: f64,
}

impl Follower {
    /// Begins with `steps`.
    pub fn new(steps: Vec<InstructionStep>, config: FollowConfig) -> Self {
        Self {
            config,
            steps,
            at: 0,
            from: None,
            running: None,
            motions: 0,
            late: 0,
            blind_since_ns: None,
            looked_ns: None,
            distance_left_m: f64::NAN,
        }
    }

    /// The steps.
    pub fn steps(&self) -> &[InstructionStep] {
        &self.steps
    }

    /// How many of them are done.
    pub fn steps_done(&self) -> usize {
        self.at
    }

    /// Way left in the current step, metres; NaN where it has none.
    pub fn distance_left_m(&self) -> f64 {
        self.distance_left_m
    }

    /// Looks at the newest `pose` at `now_ns`. `look` gives the surroundings of a pose, where they
    /// are needed; `None` when they cannot be had now.
    pub fn tick(
        &mut self,
        now_ns: i64,
        pose: Option<&BasePose>,
        look: &mut dyn FnMut(&BasePose) -> Option<Surroundings>,
    ) -> Option<FollowAct> {
        let looked_ns = self.looked_ns.replace(now_ns);
        if looked_ns.is_some_and(|looked_ns| now_ns < looked_ns.saturating_sub(JUMP_NS)) {
            return Some(FollowAct::End(Err(FollowError::ClockSetBack)));
        }
        let age_s = pose.map(|pose| pose.age_s(now_ns));
        // One that is far ahead of the clock would count as new long after poses came no more.
        let is_fresh = |age_s: f64| age_s.abs() <= self.config.pose_stale_s;
        let fresh = pose.filter(|_| age_s.is_some_and(is_fresh));
        let Some(pose) = fresh else { return self.blind(now_ns, age_s) };
        self.blind_since_ns = None;
        if let Some(running) = self.running {
            if running.is_done(now_ns, pose, &self.config) {
                self.late = 0;
            } else if seconds(now_ns - running.began_ns) < self.config.motion_timeout_s {
                return None;
            } else {
                self.late += 1;
            }
            self.running = None;
        }
        self.decide(now_ns, pose, look)
    }

    /// The pose is stale: nothing moves until it is back, and not for ever.
    fn blind(&mut self, now_ns: i64, age_s: Option<f64>) -> Option<FollowAct> {
        let base_frame = self.config.base_frame.clone();
        let since_ns = *self.blind_since_ns.get_or_insert(now_ns);
        if seconds(now_ns - since_ns) >= self.config.motion_timeout_s {
            return Some(FollowAct::End(Err(FollowError::NoPose { base_frame, age_s })));
        }
        // Once: what stands still needs no second stop.
        self.running.take().map(|_| FollowAct::Halt(FollowError::NoPose { base_frame, age_s }))
    }

    fn decide(
        &mut self,
        now_ns: i64,
        pose: &BasePose,
        look: &mut dyn FnMut(&BasePose) -> Option<Surroundings>,
    ) -> Option<FollowAct> {
        while let Some(step) = self.steps.get(self.at).cloned() {
            if self.late >= MAX_LATE || self.motions >= MAX_MOTIONS {
                let (step, motions) = (step.to_string(), self.motions);
                return Some(FollowAct::End(Err(FollowError::Stuck { step, motions })));
            }
            let next = match &step {
                InstructionStep::GoTo(name) => {
                    let Surroundings { floor, objects } = look(pose)?;
                    self.approach(pose, name, &floor, &objects)
                }
                InstructionStep::Forward(forward_m) if self.from.is_none() => {
                    let Surroundings { floor, .. } = look(pose)?;
                    match floor.is_clear(pose.xy_m, pose.ahead_m(*forward_m)) {
                        true => Ok(self.blindly(&step, pose)),
                        false => Err(FollowError::NoWay { to: format!("{forward_m:.2} m ahead") }),
                    }
                }
                step => Ok(self.blindly(step, pose)),
            };
            match next {
                Err(error) => return Some(FollowAct::End(Err(error))),
                Ok(Some(motion)) => {
                    self.running = Some(Running { motion, from: *pose, began_ns: now_ns });
                    self.motions += 1;
                    return Some(FollowAct::Move(motion));
                }
                Ok(None) => {
                    self.at += 1;
                    (self.from, self.motions, self.late) = (None, 0, 0);
                    self.distance_left_m = f64::NAN;
                }
            }
        }
        Some(FollowAct::End(Ok(())))
    }

    /// The next motion of a step that needs no map; `None` when it is done.
    fn blindly(&mut self, step: &InstructionStep, pose: &BasePose) -> Option<Motion> {
        let is_new = self.from.is_none();
        let from = *self.from.get_or_insert(*pose);
        match step {
            InstructionStep::Stop => is_new.then_some(Motion::Stop),
            InstructionStep::Look(look_rad) => {
                is_new.then_some(Motion::Look { look_rad: *look_rad })
            }
            InstructionStep::Turn(turn_rad) => {
                let left_rad = wrap_rad(from.yaw_rad + turn_rad - pose.yaw_rad);
                // Half a turn has two ways round: the one that was asked for.
                let is_half = PI - left_rad.abs() <= self.config.heading_tolerance_rad;
                let left_rad = if is_half { left_rad.abs().copysign(*turn_rad) } else { left_rad };
                self.turn(left_rad)
            }
            InstructionStep::Forward(forward_m) => {
                self.distance_left_m = forward_m - from.progress_m(pose);
                self.forward(self.distance_left_m)
            }
            InstructionStep::GoTo(_) => None,
        }
    }

    /// The next motion to the nearest object called `name`; `None` when the robot stands before it.
    fn approach(
        &mut self,
        pose: &BasePose,
        name: &str,
        floor: &Floor,
        objects: &[MapObject],
    ) -> Result<Option<Motion>, FollowError> {
        let named = named(objects, name);
        let gap = |object: &MapObject, [x, y]: [f64; 2]| {
            gap_m(object, &Point3::new(x, y, object.position_m[2]))
        };
        let nearest = |place_m| {
            let gaps = named.iter().map(|object| (gap(object, place_m), *object));
            gaps.min_by(|a, b| a.0.total_cmp(&b.0))
        };
        let Some((here_m, object)) = nearest(pose.xy_m) else {
            return Err(FollowError::NotInMap { name: name.into() });
        };
        self.from.get_or_insert(*pose);
        let reach_m = self.config.reach_m;
        // Who is there once is not sent away again by a few centimetres of drift.
        if here_m <= reach_m + self.config.position_tolerance_m {
            self.distance_left_m = 0.0;
            let [x, y, _] = object.position_m;
            let is_inside = pose.distance_m([x, y]) <= self.config.position_tolerance_m;
            return Ok(if is_inside { None } else { self.turn(pose.bearing_rad([x, y])) });
        }
        let gap_left = |place_m| nearest(place_m).map_or(f64::INFINITY, |(gap_m, _)| gap_m);
        let way = floor.way(pose.xy_m, reach_m, gap_left);
        let (corners, length_m) =
            way.ok_or_else(|| FollowError::NoWay { to: format!("the {name}") })?;
        self.distance_left_m = length_m;
        let corner = corners.first().copied().unwrap_or(pose.xy_m);
        Ok(self
            .turn(pose.bearing_rad(corner))
            .or_else(|| self.forward(pose.distance_m(corner)))
            // Less than the tolerance is left: a push that is longer than it.
            .or(Some(Motion::Forward { forward_m: 2.0 * self.config.position_tolerance_m })))
    }

    fn turn(&self, left_rad: f64) -> Option<Motion> {
        let is_left = left_rad.abs() > SLACK * self.config.heading_tolerance_rad;
        is_left.then_some(Motion::Turn { turn_rad: left_rad })
    }

    fn forward(&self, left_m: f64) -> Option<Motion> {
        let forward_m = left_m.min(self.config.max_forward_m);
        (left_m > SLACK * self.config.position_tolerance_m).then_some(Motion::Forward { forward_m })
    }
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests;
