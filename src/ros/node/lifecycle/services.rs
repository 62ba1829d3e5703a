//! The services of `lifecycle_msgs`, and the topic that tells of each transition.

use super::machine::{self, State, Transition};
use crate::ros::NodeNames;
use crate::ros::msg;
use crate::ros::node::NodeError;
use crate::ros::node::inbox::Inbox;
use crate::ros::node::newest::Newest;
use crate::ros::node::services::serve;
use crate::ros::srv::{
    ChangeState, ChangeStateResponse, GetAvailableStates, GetAvailableStatesResponse,
    GetAvailableTransitions, GetAvailableTransitionsResponse, GetState, GetStateResponse,
};
use crate::ros::transport::{Opened, Transport};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// A transition somebody asks for, and where it is told whether it was made.
pub struct ChangeRequest {
    /// Its number.
    pub id: u8,
    /// Its name; where that is given, it counts.
    pub label: String,
    /// Whether it was made.
    pub reply: SyncSender<bool>,
}

/// Offers all of them: `state` is where the node is, `inbox` where transitions are asked for.
pub fn offer(
    transport: &dyn Transport,
    names: &NodeNames,
    state: &Arc<Newest<State>>,
    inbox: &Arc<Inbox<ChangeRequest>>,
) -> Result<Vec<Opened>, NodeError> {
    let asked = Arc::clone(inbox);
    let change = serve::<ChangeState>(transport, names, "~/change_state", move |request| {
        let (reply, answer) = sync_channel(1);
        let msg::Transition { id, label } = request.transition;
        asked.ask(ChangeRequest { id, label, reply }).ok()?;
        // Weights take as long as they take; when the node ends, the sender is gone.
        Some(ChangeStateResponse { success: answer.recv().ok()? })
    })?;
    let now = Arc::clone(state);
    let get = serve::<GetState>(transport, names, "~/get_state", move |_| {
        Some(GetStateResponse { current_state: now.get().message() })
    })?;
    let states = serve::<GetAvailableStates>(transport, names, "~/get_available_states", |_| {
        let available_states = State::ALL.into_iter().map(State::message).collect();
        Some(GetAvailableStatesResponse { available_states })
    })?;
    let now = Arc::clone(state);
    let available = "~/get_available_transitions";
    let transitions = serve::<GetAvailableTransitions>(transport, names, available, move |_| {
        Some(described(machine::leaving(*now.get())))
    })?;
    let graph = "~/get_transition_graph";
    let graph = serve::<GetAvailableTransitions>(transport, names, graph, |_| {
        Some(described(machine::GRAPH.into_iter()))
    })?;
    Ok(vec![change, get, states, transitions, graph])
}

fn described(transitions: impl Iterator<Item = Transition>) -> GetAvailableTransitionsResponse {
    let description = |transition: Transition| msg::TransitionDescription {
        transition: transition.message(),
        start_state: transition.start.message(),
        goal_state: transition.goal.message(),
    };
    GetAvailableTransitionsResponse {
        available_transitions: transitions.map(description).collect(),
    }
}

impl State {
    fn message(self) -> msg::State {
        msg::State { id: self as u8, label: self.label().into() }
    }
}

impl Transition {
    fn message(self) -> msg::Transition {
        msg::Transition { id: self.id, label: self.label.into() }
    }

    /// The message that tells of it, made at `now_ns`.
    pub fn event(self, now_ns: i64) -> msg::TransitionEvent {
        msg::TransitionEvent {
            timestamp: u64::try_from(now_ns).unwrap_or_default(),
            transition: self.message(),
            start_state: self.start.message(),
            goal_state: self.goal.message(),
        }
    }
}
