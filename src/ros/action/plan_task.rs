//! `scenellm/PlanTask`: a goal, planned for and followed through.

use crate::ros::msg::{Plan, PlanStep};
use serde::{Deserialize, Serialize};

/// `scenellm/PlanTask`.
#[derive(Debug)]
pub struct PlanTask;

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTaskGoal {
    /// In a person's words.
    pub goal: String,
    /// End as soon as there is a plan, which stays the current one.
    pub plan_only: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanTaskResult {
    /// The newest plan, or the refusal; empty before there was one.
    pub plan: Plan,
    /// Steps of that plan that succeeded.
    pub steps_done: u32,
    /// How often it was planned anew.
    pub replans: u32,
    /// One of the constants.
    pub error_code: u16,
    /// In words; empty without an error.
    pub error_msg: String,
}

impl PlanTaskResult {
    /// All went well.
    pub const ERROR_NONE: u16 = 0;
    /// Nothing in the map answers to the names in the refusal.
    pub const ERROR_NOT_FOUND: u16 = 300;
    /// The goal is empty or too long.
    pub const ERROR_BAD_GOAL: u16 = 301;
    /// The model failed.
    pub const ERROR_MODEL_FAILED: u16 = 302;
    /// Steps failed after as many new plans as are made.
    pub const ERROR_STEPS_FAILED: u16 = 310;
    /// A client asked for it.
    pub const ERROR_CANCELED: u16 = 320;
    /// A newer goal took its place.
    pub const ERROR_PREEMPTED: u16 = 321;
    /// Somebody said stop.
    pub const ERROR_STOPPED: u16 = 322;
    /// The node ends.
    pub const ERROR_SHUTDOWN: u16 = 323;
}

/// What is told at every step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanTaskFeedback {
    /// The current step; its id is 0 while a plan is being made.
    pub step: PlanStep,
    /// Steps of the plan; 0 while it is being made.
    pub steps: u32,
    /// How often it was planned anew.
    pub replans: u32,
    /// The plan, one step a line; while it is being made, the model's words so far.
    pub partial_text: String,
}
