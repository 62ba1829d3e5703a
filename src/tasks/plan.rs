//! The typed plan.

use super::SpokenStep;
use super::writer::ShownObjects;
use crate::scene::ObjectId;
use serde::{Deserialize, Serialize};

/// An ordered list of steps towards a goal, or a typed refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The goal in the words of the person who set it.
    pub goal: String,
    /// Frame of all positions, such as `map`.
    pub frame_id: String,
    /// Time of the newest observation the plan rests on, nanoseconds.
    pub stamp_ns: i64,
    /// Kind of task the planner took the goal for, where the model names one.
    pub task: Option<String>,
    /// Name of the model that wrote it.
    pub model: String,
    /// Mean log-probability of a decoded token; `None` when nothing was decoded.
    pub mean_log_probability: Option<f64>,
    /// How much of the map the model was shown, where it reads the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownObjects>,
    /// What the model saw before it planned, in its own words ("i saw a mug on the countertop").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// Why there is no plan; `None` when there is one.
    pub refusal: Option<Refusal>,
}

/// One action of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Position in the plan, from 1.
    pub id: u32,
    /// Action name from the vocabulary.
    pub action: String,
    /// Its arguments, in order.
    pub arguments: Vec<Argument>,
    /// After this time the step must not be started without a new plan, nanoseconds.
    pub expires_ns: i64,
}

impl PlanStep {
    /// The step in the words of the model, bound to nothing.
    pub fn spoken(&self) -> SpokenStep {
        let names = self.arguments.iter().map(|argument| argument.name.clone());
        SpokenStep { action: self.action.clone(), arguments: names.collect() }
    }

    /// The step in one line, such as `PutObject mug → desk`.
    pub fn summary(&self) -> String {
        let names: Vec<_> = self.arguments.iter().map(|argument| argument.name.as_str()).collect();
        if names.is_empty() {
            self.action.clone()
        } else {
            format!("{} {}", self.action, names.join(" → "))
        }
    }

    /// What the step brings to another thing, where it does so and that is known.
    pub fn brought(&self) -> Option<ObjectId> {
        match self.arguments.as_slice() {
            [thing, _] => thing.grounding.bound().map(|(id, _)| id),
            _ => None,
        }
    }

    /// Where the step happens in the plan's frame, metres: the place of its last grounded argument,
    /// since what is held moves to what it is put on.
    pub fn target_position_m(&self) -> Option<[f64; 3]> {
        let bound = self.arguments.iter().rev().find_map(|argument| argument.grounding.bound());
        bound.map(|(_, position_m)| position_m)
    }
}

/// A word of the vocabulary and what it stands for in the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    /// Class name.
    pub name: String,
    /// What it is bound to.
    pub grounding: Grounding,
}

/// The binding of an argument to the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Grounding {
    /// Bound to an object of the map.
    Grounded {
        /// The object.
        object_id: ObjectId,
        /// Its centre in the plan's frame, metres.
        position_m: [f64; 3],
        /// Belief that the binding is right, 0..=1.
        confidence: f32,
    },
    /// Not bound.
    Ungrounded {
        /// Why not, in words.
        reason: String,
    },
}

impl Grounding {
    /// The object and its centre in the plan's frame, metres; `None` where there is none.
    pub fn bound(&self) -> Option<(ObjectId, [f64; 3])> {
        match *self {
            Self::Grounded { object_id, position_m, .. } => Some((object_id, position_m)),
            Self::Ungrounded { .. } => None,
        }
    }
}

/// Why no plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing in the map answers to these words.
    NotFound {
        /// The words.
        names: Vec<String>,
    },
    /// The goal is empty or longer than the model can read.
    BadGoal {
        /// What is wrong with it.
        reason: String,
    },
    /// The model failed.
    ModelFailed {
        /// The error.
        reason: String,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound { names } => {
                write!(f, "nothing in the map answers to {}", names.join(", "))
            }
            Self::BadGoal { reason } => write!(f, "the goal cannot be planned for: {reason}"),
            Self::ModelFailed { reason } => write!(f, "the model failed: {reason}"),
        }
    }
}
