//! The states of one goal, and what leads from one to the next: those of rcl_action.

use crate::ros::msg::GoalStatus;

/// How far a goal is; the numbers are those of [`GoalStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum GoalState {
    /// Taken on and not yet begun.
    Accepted = GoalStatus::ACCEPTED,
    /// Worked on.
    Executing = GoalStatus::EXECUTING,
    /// To be given up.
    Canceling = GoalStatus::CANCELING,
    /// Reached.
    Succeeded = GoalStatus::SUCCEEDED,
    /// Given up because somebody asked for it.
    Canceled = GoalStatus::CANCELED,
    /// Given up by the server.
    Aborted = GoalStatus::ABORTED,
}

/// What happens to a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalEvent {
    /// Work begins.
    Execute,
    /// Somebody asks to give it up.
    Cancel,
    /// It ends.
    End(End),
}

/// How a goal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Reached.
    Succeeded,
    /// Given up because somebody asked for it.
    Canceled,
    /// Given up by the server.
    Aborted,
}

impl GoalState {
    /// The state after `event`; `None` when the event cannot happen in this one.
    pub fn after(self, event: GoalEvent) -> Option<Self> {
        use GoalEvent::{Cancel, Execute};
        use GoalState::{Accepted, Canceled, Canceling, Executing};
        Some(match (self, event) {
            (Accepted, Execute) => Executing,
            (Accepted | Executing, Cancel) => Canceling,
            (Executing | Canceling, GoalEvent::End(End::Succeeded)) => Self::Succeeded,
            (Executing | Canceling, GoalEvent::End(End::Aborted)) => Self::Aborted,
            (Canceling, GoalEvent::End(End::Canceled)) => Canceled,
            _ => return None,
        })
    }

    /// Whether nothing can happen any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Canceled | Self::Aborted)
    }

    /// The number in [`GoalStatus`].
    pub fn status(self) -> i8 {
        self as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GoalState::{Aborted, Accepted, Canceled, Canceling, Executing, Succeeded};

    #[test]
    fn the_transitions_of_rcl_action_and_no_others() {
        let events = [
            GoalEvent::Execute,
            GoalEvent::Cancel,
            GoalEvent::End(End::Succeeded),
            GoalEvent::End(End::Canceled),
            GoalEvent::End(End::Aborted),
        ];
        let table = [
            (Accepted, [Some(Executing), Some(Canceling), None, None, None]),
            (Executing, [None, Some(Canceling), Some(Succeeded), None, Some(Aborted)]),
            (Canceling, [None, None, Some(Succeeded), Some(Canceled), Some(Aborted)]),
            (Succeeded, [None; 5]),
            (Canceled, [None; 5]),
            (Aborted, [None; 5]),
        ];
        for (state, next) in table {
            assert_eq!(events.map(|event| state.after(event)), next, "{state:?}");
            assert_eq!(state.has_ended(), next == [None; 5]);
        }
        assert_eq!([Accepted, Aborted].map(GoalState::status), [1, 6]);
    }
}
