//! The actions a plan may use and the words their arguments may be.

use serde::{Deserialize, Serialize};

/// What an argument of an action names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentKind {
    /// Anything that can be gone to: an object or a receptacle.
    Target,
    /// A thing that is acted on.
    Object,
    /// A thing that can hold others.
    Receptacle,
}

/// One action: its name and what its arguments are, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSpec {
    /// Name, such as `PickupObject`.
    pub name: String,
    /// Kinds of its arguments, in order.
    #[serde(default)]
    pub arguments: Vec<ArgumentKind>,
}

/// The closed language of plans: actions, and words for their arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionVocabulary {
    /// The actions.
    pub actions: Vec<ActionSpec>,
    /// Name of the action that ends a plan.
    pub end: String,
    /// Class names usable where an argument is an [`ArgumentKind::Object`] or a target.
    pub objects: Vec<String>,
    /// Class names usable where an argument is an [`ArgumentKind::Receptacle`] or a target.
    pub receptacles: Vec<String>,
}
