//! ROS 2 actions: goals that take time, told of on the way, and given up on request.
//!
//! An action is three services and two topics below its name. [`ActionServer`] speaks them, and a
//! [`GoalBook`] keeps what every goal has come to.

mod book;
mod follow_instruction;
mod goal;
mod plan_task;
mod server;

pub use book::{GoalBook, Wanted};
pub use follow_instruction::{
    FollowInstruction, FollowInstructionFeedback, FollowInstructionGoal, FollowInstructionResult,
};
pub use goal::{End, GoalEvent, GoalState};
pub use plan_task::{PlanTask, PlanTaskFeedback, PlanTaskGoal, PlanTaskResult};
pub use server::{ActionRequest, ActionServer, Asked};

use super::msg::{Time, Uuid};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A ROS 2 action type.
pub trait Action {
    /// What is asked.
    type Goal: Serialize + DeserializeOwned;
    /// What came of it.
    type Result: Serialize + DeserializeOwned + Default + Clone;
    /// What is told on the way.
    type Feedback: Serialize + DeserializeOwned;
    /// Full type name, such as `scenellm/action/PlanTask`.
    const TYPE: &'static str;
    /// The `.action` text.
    const DEFINITION: &'static str;
}

/// Request of `NAME/_action/send_goal`, type `ACTION_SendGoal`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendGoalRequest<G> {
    /// Chosen by the client.
    pub goal_id: Uuid,
    /// The goal.
    pub goal: G,
}

/// Response of `NAME/_action/send_goal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendGoalResponse {
    /// Whether the goal is worked on.
    pub accepted: bool,
    /// Since when.
    pub stamp: Time,
}

/// Request of `NAME/_action/get_result`, type `ACTION_GetResult`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetResultRequest {
    /// The goal.
    pub goal_id: Uuid,
}

/// Response of `NAME/_action/get_result`, sent when the goal has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetResultResponse<R> {
    /// As in [`GoalStatus`](super::msg::GoalStatus).
    pub status: i8,
    /// The result; empty for a goal that is not known.
    pub result: R,
}

/// Message of `NAME/_action/feedback`, type `ACTION_FeedbackMessage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackMessage<F> {
    /// The goal.
    pub goal_id: Uuid,
    /// The feedback.
    pub feedback: F,
}

/// Ties each action to its structs, type name and text.
macro_rules! actions {
    ($($name:ident: $goal:ty => $result:ty, $feedback:ty;)*) => {
        $(impl Action for $name {
            type Goal = $goal;
            type Result = $result;
            type Feedback = $feedback;
            const TYPE: &'static str = concat!("scenellm/action/", stringify!($name));
            const DEFINITION: &'static str = include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/action/", stringify!($name), ".action"
            ));
        })*

        #[cfg(test)]
        mod shape_tests {
            use crate::ros::definition::tests::assert_action_shape;
            $(#[test]
            #[allow(non_snake_case)]
            fn $name() {
                assert_action_shape::<super::$name>();
            })*
        }
    };
}

actions! {
    PlanTask: PlanTaskGoal => PlanTaskResult, PlanTaskFeedback;
    FollowInstruction:
        FollowInstructionGoal => FollowInstructionResult, FollowInstructionFeedback;
}
