//! The states of a managed node and the transitions between them, with the numbers and names that
//! ROS 2 gives them (rcl_lifecycle).

use State::{
    Activating, Active, CleaningUp, Configuring, Deactivating, ErrorProcessing, Finalized,
    Inactive, ShuttingDown, Unconfigured, Unknown,
};

/// A state, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never the state of a node.
    Unknown = 0,
    /// Nothing is loaded.
    Unconfigured = 1,
    /// Model and map are loaded; nothing is listened to.
    Inactive = 2,
    /// Working.
    Active = 3,
    /// The end.
    Finalized = 4,
    /// On the way from unconfigured to inactive.
    Configuring = 10,
    /// On the way from inactive to unconfigured.
    CleaningUp = 11,
    /// On the way to the end.
    ShuttingDown = 12,
    /// On the way from inactive to active.
    Activating = 13,
    /// On the way from active to inactive.
    Deactivating = 14,
    /// A transition has broken something.
    ErrorProcessing = 15,
}

impl State {
    /// All states.
    pub const ALL: [Self; 11] = [
        Unknown,
        Unconfigured,
        Inactive,
        Active,
        Finalized,
        Configuring,
        CleaningUp,
        ShuttingDown,
        Activating,
        Deactivating,
        ErrorProcessing,
    ];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Unknown => "unknown",
            Unconfigured => "unconfigured",
            Inactive => "inactive",
            Active => "active",
            Finalized => "finalized",
            Configuring => "configuring",
            CleaningUp => "cleaningup",
            ShuttingDown => "shuttingdown",
            Activating => "activating",
            Deactivating => "deactivating",
            ErrorProcessing => "errorprocessing",
        }
    }
}

/// How the work of a transition ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Success,
    /// It was not done, and all is as it was.
    Failure,
    /// It broke off in the middle.
    Error,
}

/// A transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Its number.
    pub id: u8,
    /// Its name.
    pub label: &'static str,
    /// Where it begins.
    pub start: State,
    /// Where it leads.
    pub goal: State,
}

const SUCCESS: &str = "transition_success";
const FAILURE: &str = "transition_failure";
const ERROR: &str = "transition_error";

/// Least number of the transitions that a node makes by itself.
const FIRST_OWN: u8 = 10;

const fn edge(id: u8, label: &'static str, start: State, goal: State) -> Transition {
    Transition { id, label, start, goal }
}

/// All transitions.
pub const GRAPH: [Transition; 25] = [
    edge(1, "configure", Unconfigured, Configuring),
    edge(10, SUCCESS, Configuring, Inactive),
    edge(11, FAILURE, Configuring, Unconfigured),
    edge(12, ERROR, Configuring, ErrorProcessing),
    edge(2, "cleanup", Inactive, CleaningUp),
    edge(20, SUCCESS, CleaningUp, Unconfigured),
    edge(21, FAILURE, CleaningUp, Inactive),
    edge(22, ERROR, CleaningUp, ErrorProcessing),
    edge(3, "activate", Inactive, Activating),
    edge(30, SUCCESS, Activating, Active),
    edge(31, FAILURE, Activating, Inactive),
    edge(32, ERROR, Activating, ErrorProcessing),
    edge(4, "deactivate", Active, Deactivating),
    edge(40, SUCCESS, Deactivating, Inactive),
    edge(41, FAILURE, Deactivating, Active),
    edge(42, ERROR, Deactivating, ErrorProcessing),
    edge(5, "shutdown", Unconfigured, ShuttingDown),
    edge(6, "shutdown", Inactive, ShuttingDown),
    edge(7, "shutdown", Active, ShuttingDown),
    edge(50, SUCCESS, ShuttingDown, Finalized),
    edge(51, FAILURE, ShuttingDown, Finalized),
    edge(52, ERROR, ShuttingDown, ErrorProcessing),
    edge(60, SUCCESS, ErrorProcessing, Unconfigured),
    edge(61, FAILURE, ErrorProcessing, Finalized),
    edge(62, ERROR, ErrorProcessing, Finalized),
];

/// The transitions that begin at `state`.
pub fn leaving(state: State) -> impl Iterator<Item = Transition> {
    GRAPH.into_iter().filter(move |transition| transition.start == state)
}

/// The transition that somebody asks for at `state`: by its label or, where that is empty, its id.
pub fn asked(state: State, id: u8, label: &str) -> Option<Transition> {
    leaving(state).filter(|transition| transition.id < FIRST_OWN).find(|transition| {
        if label.is_empty() { transition.id == id } else { transition.label == label }
    })
}

/// The transition that the node makes by itself at `state`, once its work has ended so.
pub fn ended(state: State, outcome: Outcome) -> Option<Transition> {
    let label = match outcome {
        Outcome::Success => SUCCESS,
        Outcome::Failure => FAILURE,
        Outcome::Error => ERROR,
    };
    leaving(state).find(|transition| transition.label == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_through_the_states_is_that_of_ros() {
        let mut state = Unconfigured;
        for (label, way, end) in [
            ("configure", Configuring, Inactive),
            ("activate", Activating, Active),
            ("deactivate", Deactivating, Inactive),
            ("cleanup", CleaningUp, Unconfigured),
            ("shutdown", ShuttingDown, Finalized),
        ] {
            let begun = asked(state, 0, label).unwrap();
            assert_eq!(begun.goal, way);
            assert_eq!(asked(state, begun.id, ""), Some(begun));
            state = ended(begun.goal, Outcome::Success).unwrap().goal;
            assert_eq!(state, end);
        }
        assert_eq!(leaving(Finalized).count(), 0);
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        assert_eq!(asked(Unconfigured, 3, ""), None, "activate before configure");
        assert_eq!(asked(Unconfigured, 1, "activate"), None, "the label counts");
        assert_eq!(asked(Configuring, 10, ""), None, "the node's own affair");
    }

    #[test]
    fn failures_lead_back_and_errors_to_the_beginning() {
        assert_eq!(ended(Configuring, Outcome::Failure).unwrap().goal, Unconfigured);
        assert_eq!(ended(Activating, Outcome::Failure).unwrap().goal, Inactive);
        assert_eq!(ended(Deactivating, Outcome::Error).unwrap().goal, ErrorProcessing);
        assert_eq!(ended(ErrorProcessing, Outcome::Success).unwrap().goal, Unconfigured);
    }
}
