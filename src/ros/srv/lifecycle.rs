//! Services of managed nodes (`lifecycle_msgs`).

use crate::ros::msg::{State, Transition, TransitionDescription};
use serde::{Deserialize, Serialize};

/// `lifecycle_msgs/ChangeState`.
#[derive(Debug)]
pub struct ChangeState;
/// `lifecycle_msgs/GetState`.
#[derive(Debug)]
pub struct GetState;
/// `lifecycle_msgs/GetAvailableStates`.
#[derive(Debug)]
pub struct GetAvailableStates;
/// `lifecycle_msgs/GetAvailableTransitions`.
#[derive(Debug)]
pub struct GetAvailableTransitions;

/// The transition to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeStateRequest {
    /// By its label or, where that is empty, its id.
    pub transition: Transition,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeStateResponse {
    /// Whether it was made.
    pub success: bool,
}

/// Where the node is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetStateResponse {
    /// Its state.
    pub current_state: State,
}

/// The states there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAvailableStatesResponse {
    /// All of them.
    pub available_states: Vec<State>,
}

/// The transitions there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAvailableTransitionsResponse {
    /// Those from the present state or, of the graph, all.
    pub available_transitions: Vec<TransitionDescription>,
}
