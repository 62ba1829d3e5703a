//! `action_msgs` and `unique_identifier_msgs`: the goals of actions.

use super::Time;
use serde::{Deserialize, Serialize};

/// `unique_identifier_msgs/UUID`: who a goal is; all zeros mean any.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename = "UUID")]
pub struct Uuid {
    /// The 16 bytes.
    pub uuid: [u8; 16],
}

/// `action_msgs/GoalInfo`: a goal and when it was accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalInfo {
    /// The goal.
    pub goal_id: Uuid,
    /// When it was accepted.
    pub stamp: Time,
}

/// `action_msgs/GoalStatus`: how far a goal is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalStatus {
    /// The goal.
    pub goal_info: GoalInfo,
    /// One of the constants.
    pub status: i8,
}

impl GoalStatus {
    /// No such goal is known.
    pub const UNKNOWN: i8 = 0;
    /// Accepted and not yet begun.
    pub const ACCEPTED: i8 = 1;
    /// Worked on.
    pub const EXECUTING: i8 = 2;
    /// To be given up.
    pub const CANCELING: i8 = 3;
    /// Reached.
    pub const SUCCEEDED: i8 = 4;
    /// Given up because somebody asked for it.
    pub const CANCELED: i8 = 5;
    /// Given up by the server.
    pub const ABORTED: i8 = 6;
}

/// `action_msgs/GoalStatusArray`: how far all goals of an action are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalStatusArray {
    /// The goals.
    pub status_list: Vec<GoalStatus>,
}
