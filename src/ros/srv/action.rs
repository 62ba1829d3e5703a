//! The service of every action server that gives up goals (`action_msgs`).

use crate::ros::msg::GoalInfo;
use serde::{Deserialize, Serialize};

/// `action_msgs/CancelGoal`.
#[derive(Debug)]
pub struct CancelGoal;

/// Which goals to give up: the one that is named, and all accepted by the stamp. A goal of zeros
/// names none, a stamp of zero means no time; both together mean every goal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelGoalRequest {
    /// Goal and stamp.
    pub goal_info: GoalInfo,
}

/// Which goals are being given up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelGoalResponse {
    /// One of the constants.
    pub return_code: i8,
    /// The goals.
    pub goals_canceling: Vec<GoalInfo>,
}

impl CancelGoalResponse {
    /// At least one goal is being given up.
    pub const ERROR_NONE: i8 = 0;
    /// None is.
    pub const ERROR_REJECTED: i8 = 1;
    /// The named goal is not known.
    pub const ERROR_UNKNOWN_GOAL_ID: i8 = 2;
    /// The named goal has ended.
    pub const ERROR_GOAL_TERMINATED: i8 = 3;
}
