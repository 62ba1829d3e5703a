//! How instructions are followed.

use serde::{Deserialize, Serialize};

/// How instructions are followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FollowConfig {
    /// Frame of the robot's base, x forward.
    pub base_frame: String,
    /// Height of that frame above the floor, metres.
    pub base_height_m: f64,
    /// Radius of the circle that the robot fills, metres.
    pub robot_radius_m: f64,
    /// Height of the robot; what hangs higher is driven under, metres.
    pub robot_height_m: f64,
    /// What is lower than this is floor, metres.
    pub ground_clearance_m: f64,
    /// Longest way forward in one motion, metres.
    pub max_forward_m: f64,
    /// How near to its end a way counts as gone, metres.
    pub position_tolerance_m: f64,
    /// How near to its end a turn counts as done, radians.
    pub heading_tolerance_rad: f64,
    /// How near to a thing the robot is there, metres.
    pub reach_m: f64,
    /// How long a motion may take, seconds.
    pub motion_timeout_s: f64,
    /// Age at which the robot's pose is stale, seconds. One that is as far ahead of the clock is of no
    /// use either.
    pub pose_stale_s: f64,
    /// Whether a model that was taught to navigate reads the instructions that the rules do not know,
    /// or whose places the map does not have; without one they are refused.
    pub by_model: bool,
}

impl Default for FollowConfig {
    fn default() -> Self {
        Self {
            base_frame: "base_link".into(),
            base_height_m: 0.0,
            robot_radius_m: 0.25,
            robot_height_m: 1.4,
            ground_clearance_m: 0.1,
            max_forward_m: 1.0,
            position_tolerance_m: 0.1,
            heading_tolerance_rad: 0.1,
            reach_m: 0.8,
            motion_timeout_s: 15.0,
            pose_stale_s: 0.5,
            by_model: false,
        }
    }
}

impl FollowConfig {
    /// The first setting that cannot be used, and why.
    pub(in crate::planner) fn fault(&self) -> Option<String> {
        let ranges = [
            ("base_height_m", self.base_height_m, -10.0, 10.0),
            ("robot_radius_m", self.robot_radius_m, 0.0, 10.0),
            ("robot_height_m", self.robot_height_m, 0.01, 10.0),
            ("ground_clearance_m", self.ground_clearance_m, 0.0, 1.0),
            ("max_forward_m", self.max_forward_m, 0.05, 100.0),
            ("position_tolerance_m", self.position_tolerance_m, 0.005, 1.0),
            ("heading_tolerance_rad", self.heading_tolerance_rad, 0.005, 1.0),
            ("reach_m", self.reach_m, 0.05, 10.0),
            ("motion_timeout_s", self.motion_timeout_s, 0.1, 600.0),
            ("pose_stale_s", self.pose_stale_s, 0.05, 60.0),
        ];
        let bad = ranges.iter().find(|(_, value, low, high)| !(*low..=*high).contains(value));
        bad.map(|(name, _, low, high)| format!("follow.{name} must lie between {low} and {high}"))
    }
}
