//! `scenellm` itself: the typed plan, and what becomes of its steps.

use super::{Header, Point, Time};
use serde::{Deserialize, Serialize};

/// `scenellm/PlanArgument`: a word of a step and the object it stands for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanArgument {
    /// Class name.
    pub name: String,
    /// Whether it is bound to an object of the map.
    pub grounded: bool,
    /// The object; 0 unless grounded.
    pub object_id: u32,
    /// Centre of the object in the plan's frame, metres.
    pub position: Point,
    /// Belief that the binding is right, 0..=1.
    pub confidence: f32,
    /// Why it is not bound; empty when grounded.
    pub reason: String,
}

/// `scenellm/PlanStep`: one action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Position in the plan, from 1.
    pub id: u32,
    /// Action name from the vocabulary.
    pub action: String,
    /// In order.
    pub arguments: Vec<PlanArgument>,
    /// After this time do not start the step without a new plan.
    pub expires: Time,
}

/// `scenellm/Plan`: steps towards a goal, or a typed refusal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Newest observation the plan rests on; frame of all positions.
    pub header: Header,
    /// In the words of the person who set it.
    pub goal: String,
    /// Kind of task; empty where the model names none.
    pub task: String,
    /// Name of the model that wrote the plan.
    pub model: String,
    /// Of a decoded token; NaN when nothing was decoded.
    pub mean_log_probability: f64,
    /// In order; empty when refused.
    pub steps: Vec<PlanStep>,
    /// One of the `REFUSAL` constants.
    pub refusal: u8,
    /// In words; empty when there is a plan.
    pub refusal_reason: String,
    /// The words that nothing answers to.
    pub refusal_names: Vec<String>,
    /// Objects of the map for which the prompt had no room.
    pub objects_left_out: u32,
    /// What the model saw before it planned, in its own words; empty where it tells nothing.
    pub saw: String,
}

impl Plan {
    /// There is a plan.
    pub const REFUSAL_NONE: u8 = 0;
    /// Nothing in the map answers to `refusal_names`.
    pub const REFUSAL_NOT_FOUND: u8 = 1;
    /// The goal is empty or too long.
    pub const REFUSAL_BAD_GOAL: u8 = 2;
    /// The model failed.
    pub const REFUSAL_MODEL_FAILED: u8 = 3;
    /// There was a plan; it holds no more.
    pub const REFUSAL_WITHDRAWN: u8 = 4;
}

/// `scenellm/StepFeedback`: the outcome of one plan step, as the executor reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFeedback {
    /// When it ended.
    pub header: Header,
    /// Id of the step in the newest plan.
    pub step_id: u32,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, in words; empty on success.
    pub message: String,
}

/// `scenellm/StreamingText`: a text as it comes into being.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamingText {
    /// When this part was said.
    pub header: Header,
    /// Whether parts came before.
    pub stream: bool,
    /// Whether the text ends here.
    pub done: bool,
    /// The new part; the whole text when done.
    pub data: String,
}
