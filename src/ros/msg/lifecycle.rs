//! `lifecycle_msgs`: states of managed nodes.

use serde::{Deserialize, Serialize};

/// `lifecycle_msgs/State`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its number.
    pub id: u8,
    /// Its name.
    pub label: String,
}

/// `lifecycle_msgs/Transition`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Its number.
    pub id: u8,
    /// Its name.
    pub label: String,
}

/// `lifecycle_msgs/TransitionDescription`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionDescription {
    /// The transition.
    pub transition: Transition,
    /// Where it begins.
    pub start_state: State,
    /// Where it leads.
    pub goal_state: State,
}

/// `lifecycle_msgs/TransitionEvent`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionEvent {
    /// When, nanoseconds since the epoch.
    pub timestamp: u64,
    /// The transition.
    pub transition: Transition,
    /// Where it began.
    pub start_state: State,
    /// Where it led.
    pub goal_state: State,
}
