//! `scenellm/FollowInstruction`: an instruction, followed by rule and map.

use crate::ros::msg::VlnAction;
use serde::{Deserialize, Serialize};

/// `scenellm/FollowInstruction`.
#[derive(Debug)]
pub struct FollowInstruction;

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowInstructionGoal {
    /// In a person's words.
    pub instruction: String,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowInstructionResult {
    /// Steps of the instruction that were done.
    pub steps_done: u32,
    /// Motions published, stops left out.
    pub motions: u32,
    /// One of the constants.
    pub error_code: u16,
    /// In words; empty without an error.
    pub error_msg: String,
}

impl FollowInstructionResult {
    /// All went well.
    pub const ERROR_NONE: u16 = 0;
    /// The instruction says something that is no motion and no place.
    pub const ERROR_NOT_UNDERSTOOD: u16 = 400;
    /// No object of the map is called so.
    pub const ERROR_NOT_IN_MAP: u16 = 401;
    /// The map shows no free way.
    pub const ERROR_NO_WAY: u16 = 402;
    /// The pose does not show what was asked of the base.
    pub const ERROR_STUCK: u16 = 403;
    /// The robot's pose is unknown or stayed stale.
    pub const ERROR_NO_POSE: u16 = 404;
    /// A client asked for it.
    pub const ERROR_CANCELED: u16 = 420;
    /// A newer instruction took its place.
    pub const ERROR_PREEMPTED: u16 = 421;
    /// Somebody said stop.
    pub const ERROR_STOPPED: u16 = 422;
    /// The node ends.
    pub const ERROR_SHUTDOWN: u16 = 423;
}

/// What is told at every motion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FollowInstructionFeedback {
    /// The current step, from 1.
    pub step: u32,
    /// Steps of the instruction.
    pub steps: u32,
    /// The current step as it was understood.
    pub words: String,
    /// The motion just published.
    pub motion: VlnAction,
    /// Way left in this step, metres; NaN where it has none.
    pub distance_left_m: f64,
}
