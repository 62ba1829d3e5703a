//! Motions of the base, and how its pose shows that one is done.

use super::FollowConfig;
use crate::geometry::Pose;
use std::f64::consts::{PI, TAU};

/// How long the camera is given to tilt: no pose of the base shows it, nanoseconds.
const LOOK_NS: i64 = 2_000_000_000;

/// Where the base stands in the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BasePose {
    /// When it stood there, nanoseconds; `i64::MAX` where it does so at every time.
    pub stamp_ns: i64,
    /// World frame, metres.
    pub xy_m: [f64; 2],
    /// Height in the world frame, metres.
    pub z_m: f64,
    /// Heading, from the world's x axis to the left, radians.
    pub yaw_rad: f64,
}

impl BasePose {
    /// What a wheeled base has of `world_T_base`.
    pub fn new(stamp_ns: i64, world_T_base: &Pose) -> Self {
        let [x, y, z] = world_T_base.translation.vector.into();
        let ahead = world_T_base.rotation * nalgebra::Vector3::x();
        Self { stamp_ns, xy_m: [x, y], z_m: z, yaw_rad: ahead.y.atan2(ahead.x) }
    }

    /// Its age at `now_ns`, seconds: less than 0 where it is ahead of that clock.
    pub fn age_s(&self, now_ns: i64) -> f64 {
        match self.stamp_ns {
            i64::MAX => 0.0,
            stamp_ns => now_ns.saturating_sub(stamp_ns) as f64 / 1e9,
        }
    }

    /// The place `forward_m` ahead.
    pub fn ahead_m(&self, forward_m: f64) -> [f64; 2] {
        let (sin, cos) = self.yaw_rad.sin_cos();
        [self.xy_m[0] + forward_m * cos, self.xy_m[1] + forward_m * sin]
    }

    /// How far `other` lies ahead, along the heading, metres.
    pub fn progress_m(&self, other: &Self) -> f64 {
        let (sin, cos) = self.yaw_rad.sin_cos();
        (other.xy_m[0] - self.xy_m[0]) * cos + (other.xy_m[1] - self.xy_m[1]) * sin
    }

    /// Distance to a place, metres.
    pub fn distance_m(&self, place_m: [f64; 2]) -> f64 {
        (place_m[0] - self.xy_m[0]).hypot(place_m[1] - self.xy_m[1])
    }

    /// The turn that makes the base face a place, radians to the left.
    pub fn bearing_rad(&self, place_m: [f64; 2]) -> f64 {
        let yaw_rad = (place_m[1] - self.xy_m[1]).atan2(place_m[0] - self.xy_m[0]);
        wrap_rad(yaw_rad - self.yaw_rad)
    }
}

/// The same angle between -π and π.
pub(super) fn wrap_rad(angle_rad: f64) -> f64 {
    (angle_rad + PI).rem_euclid(TAU) - PI
}

/// One motion of the base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    /// Stand still.
    Stop,
    /// Go straight ahead.
    Forward {
        /// Metres, more than 0.
        forward_m: f64,
    },
    /// Turn on the spot.
    Turn {
        /// Radians, positive to the left.
        turn_rad: f64,
    },
    /// Tilt the camera.
    Look {
        /// Radians, positive upwards.
        look_rad: f64,
    },
}

/// A motion under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Running {
    pub motion: Motion,
    /// Where it began.
    pub from: BasePose,
    pub began_ns: i64,
}

impl Running {
    /// Whether the pose shows that it is done.
    pub fn is_done(&self, now_ns: i64, pose: &BasePose, config: &FollowConfig) -> bool {
        match self.motion {
            Motion::Stop => true,
            Motion::Forward { forward_m } => {
                self.from.progress_m(pose) >= forward_m - config.position_tolerance_m
            }
            Motion::Turn { turn_rad } => {
                let left_rad = wrap_rad(self.from.yaw_rad + turn_rad - pose.yaw_rad);
                left_rad.abs() <= config.heading_tolerance_rad
            }
            Motion::Look { .. } => now_ns - self.began_ns >= LOOK_NS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{UnitQuaternion, Vector3};
    use std::f64::consts::FRAC_PI_2;

    fn pose(x: f64, y: f64, yaw_rad: f64) -> BasePose {
        BasePose { stamp_ns: 0, xy_m: [x, y], z_m: 0.0, yaw_rad }
    }

    fn is_done(motion: Motion, from: BasePose, to: BasePose) -> bool {
        Running { motion, from, began_ns: 0 }.is_done(0, &to, &FollowConfig::default())
    }

    #[test]
    fn left_is_positive() {
        let left = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), FRAC_PI_2);
        let base = BasePose::new(5, &Pose::from_parts([1.0, 2.0, 0.1].into(), left));
        assert_eq!((base.stamp_ns, base.xy_m, base.z_m), (5, [1.0, 2.0], 0.1));
        assert!((base.yaw_rad - FRAC_PI_2).abs() < 1e-12);
        let [x, y] = base.ahead_m(3.0);
        assert!((x - 1.0).abs() < 1e-12 && (y - 5.0).abs() < 1e-12);
        assert!(base.bearing_rad([0.0, 2.0]) > 0.0 && base.bearing_rad([2.0, 2.0]) < 0.0);
    }

    #[test]
    fn poses_show_what_is_done() {
        let forward = Motion::Forward { forward_m: 1.0 };
        assert!(!is_done(forward, pose(0.0, 0.0, 0.0), pose(0.8, 0.0, 0.0)));
        assert!(is_done(forward, pose(0.0, 0.0, 0.0), pose(0.95, 0.0, 0.0)));
        assert!(!is_done(forward, pose(0.0, 0.0, 0.0), pose(0.0, 2.0, 0.0)), "to the side");
        let right = Motion::Turn { turn_rad: -FRAC_PI_2 };
        assert!(is_done(right, pose(0.0, 0.0, -3.0), pose(0.0, 0.0, TAU - 3.0 - FRAC_PI_2)));
        assert!(!is_done(right, pose(0.0, 0.0, 0.0), pose(0.0, 0.0, FRAC_PI_2)), "to the left");
    }
}
