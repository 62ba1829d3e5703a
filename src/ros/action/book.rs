//! What every goal of an action has come to: states, results, and who waits for a result.

use super::{End, GoalEvent, GoalState};
use crate::ros::msg::{GoalInfo, GoalStatus, GoalStatusArray, Time, Uuid};
use crate::ros::srv::CancelGoalResponse;

/// Goals that have ended and are still remembered, at most.
const MAX_ENDED: usize = 100;

/// The goals of one action. `W` is who waits for a result.
#[derive(Debug)]
pub struct GoalBook<R, W> {
    goals: Vec<Goal<R, W>>,
    keep_ns: i64,
}

#[derive(Debug)]
struct Goal<R, W> {
    id: Uuid,
    accepted_ns: i64,
    state: GoalState,
    /// What it came to, and when it is forgotten, nanoseconds.
    ended: Option<(R, i64)>,
    waiting: Vec<W>,
}

/// What there is for somebody who wants a result.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted<R, W> {
    /// The result is there.
    Ended(W, GoalState, R),
    /// The goal is not known, or no more.
    Unknown(W),
    /// The goal has not ended: they wait.
    Waits,
}

impl<R: Clone, W> GoalBook<R, W> {
    /// An empty book that remembers results for `keep_ns` nanoseconds.
    pub fn new(keep_ns: i64) -> Self {
        Self { goals: Vec::new(), keep_ns }
    }

    /// Takes on a goal and begins with it; `false` when one of that id is known.
    pub fn begin(&mut self, id: Uuid, now_ns: i64) -> bool {
        if self.find(id).is_some() {
            return false;
        }
        let state = GoalState::Accepted.after(GoalEvent::Execute).unwrap_or(GoalState::Accepted);
        let waiting = Vec::new();
        self.goals.push(Goal { id, accepted_ns: now_ns, state, ended: None, waiting });
        true
    }

    /// Marks goals as to be given up; `asked` names them as `action_msgs/CancelGoal` does.
    pub fn cancel(&mut self, asked: GoalInfo) -> CancelGoalResponse {
        let (names_one, by_ns) = (asked.goal_id != Uuid::default(), asked.stamp.to_ns());
        let named = self.find(asked.goal_id).map(|goal| goal.state);
        let mut goals_canceling = Vec::new();
        for goal in &mut self.goals {
            let is_meant = (names_one && goal.id == asked.goal_id)
                || (by_ns != 0 && goal.accepted_ns <= by_ns)
                || (!names_one && by_ns == 0);
            if is_meant && let Some(state) = goal.state.after(GoalEvent::Cancel) {
                goal.state = state;
                goals_canceling.push(goal.info());
            }
        }
        let return_code = match (goals_canceling.is_empty(), names_one, named) {
            (false, ..) => CancelGoalResponse::ERROR_NONE,
            (true, true, None) => CancelGoalResponse::ERROR_UNKNOWN_GOAL_ID,
            (true, true, Some(state)) if state.has_ended() => {
                CancelGoalResponse::ERROR_GOAL_TERMINATED
            }
            _ => CancelGoalResponse::ERROR_REJECTED,
        };
        CancelGoalResponse { return_code, goals_canceling }
    }

    /// Ends a goal with a result. Gives who waited for it; they get `result` and the state.
    ///
    /// The server may give up on its own, too: that is as if somebody had asked for it.
    pub fn end(
        &mut self,
        id: Uuid,
        end: End,
        result: R,
        now_ns: i64,
    ) -> Option<(GoalState, Vec<W>)> {
        let goal = self.goals.iter_mut().find(|goal| goal.id == id)?;
        if end == End::Canceled
            && let Some(state) = goal.state.after(GoalEvent::Cancel)
        {
            goal.state = state;
        }
        goal.state = goal.state.after(GoalEvent::End(end))?;
        goal.ended = Some((result, now_ns.saturating_add(self.keep_ns)));
        let ended = (goal.state, std::mem::take(&mut goal.waiting));
        self.forget(now_ns);
        Some(ended)
    }

    /// The result of a goal for `who`, who waits where there is none yet.
    pub fn result(&mut self, id: Uuid, who: W) -> Wanted<R, W> {
        let Some(goal) = self.goals.iter_mut().find(|goal| goal.id == id) else {
            return Wanted::Unknown(who);
        };
        match &goal.ended {
            Some((result, _)) => Wanted::Ended(who, goal.state, result.clone()),
            None => {
                goal.waiting.push(who);
                Wanted::Waits
            }
        }
    }

    /// Forgets the results whose time is over. Whether there were any.
    pub fn forget(&mut self, now_ns: i64) -> bool {
        let before = self.goals.len();
        let is_over = |goal: &Goal<R, W>| goal.ended.as_ref().is_some_and(|(_, at)| *at <= now_ns);
        self.goals.retain(|goal| !is_over(goal));
        let ended = self.goals.iter().filter(|goal| goal.ended.is_some()).count();
        let mut too_many = ended.saturating_sub(MAX_ENDED);
        self.goals.retain(|goal| {
            let goes = goal.ended.is_some() && too_many > 0;
            too_many -= usize::from(goes);
            !goes
        });
        self.goals.len() < before
    }

    /// How far all goals are.
    pub fn status(&self) -> GoalStatusArray {
        let of =
            |goal: &Goal<R, W>| GoalStatus { goal_info: goal.info(), status: goal.state.status() };
        GoalStatusArray { status_list: self.goals.iter().map(of).collect() }
    }

    fn find(&self, id: Uuid) -> Option<&Goal<R, W>> {
        self.goals.iter().find(|goal| goal.id == id)
    }
}

impl<R, W> Goal<R, W> {
    fn info(&self) -> GoalInfo {
        GoalInfo { goal_id: self.id, stamp: Time::from_ns(self.accepted_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_NS: i64 = 1000;

    fn id(byte: u8) -> Uuid {
        Uuid { uuid: [byte; 16] }
    }

    /// A book in which goals 1, 2 and 3 began at 10, 20 and 30 ns.
    fn book() -> GoalBook<&'static str, u32> {
        let mut book = GoalBook::new(KEEP_NS);
        for byte in 1..=3 {
            assert!(book.begin(id(byte), 10 * i64::from(byte)));
        }
        assert!(!book.begin(id(2), 40), "an id is used once");
        book
    }

    fn states(book: &GoalBook<&str, u32>) -> Vec<i8> {
        book.status().status_list.iter().map(|goal| goal.status).collect()
    }

    #[test]
    fn a_result_is_waited_for_and_then_kept_for_its_time() {
        let mut book = book();
        assert_eq!(book.result(id(1), 7), Wanted::Waits);
        assert_eq!(book.result(id(9), 8), Wanted::Unknown(8));
        let ended = book.end(id(1), End::Succeeded, "done", 100);
        assert_eq!(ended, Some((GoalState::Succeeded, vec![7])));
        assert_eq!(book.end(id(1), End::Aborted, "again", 100), None, "it ends once");
        assert_eq!(book.result(id(1), 9), Wanted::Ended(9, GoalState::Succeeded, "done"));
        assert!(!book.forget(100 + KEEP_NS - 1));
        assert!(book.forget(100 + KEEP_NS));
        assert_eq!(book.result(id(1), 9), Wanted::Unknown(9));
        assert_eq!(states(&book), [2, 2], "those that run stay");
    }

    #[test]
    fn ended_goals_do_not_gather() {
        let mut book = GoalBook::<_, ()>::new(KEEP_NS);
        for number in 0..=u8::MAX {
            book.begin(id(number), 0);
            book.end(id(number), End::Aborted, (), 0);
        }
        assert_eq!(book.status().status_list.len(), MAX_ENDED);
        assert_eq!(book.result(id(255), ()), Wanted::Ended((), GoalState::Aborted, ()));
    }

    #[test]
    fn goals_are_given_up_by_id_by_time_or_all() {
        let ask =
            |byte: u8, stamp_ns| GoalInfo { goal_id: id(byte), stamp: Time::from_ns(stamp_ns) };
        let cases = [
            (ask(2, 0), vec![2, 3, 2]),
            (ask(0, 20), vec![3, 3, 2]),
            (ask(3, 10), vec![3, 2, 3]),
            (ask(0, 0), vec![3, 3, 3]),
        ];
        for (asked, wanted) in cases {
            let mut book = book();
            let response = book.cancel(asked);
            assert_eq!(response.return_code, CancelGoalResponse::ERROR_NONE);
            assert_eq!(states(&book), wanted, "{asked:?}");
            let canceling = wanted.iter().filter(|state| **state == 3).count();
            assert_eq!(response.goals_canceling.len(), canceling);
        }
    }

    #[test]
    fn what_cannot_be_given_up_is_told_why() {
        let mut book = book();
        let mut code = |byte| {
            let asked = GoalInfo { goal_id: id(byte), stamp: Time::default() };
            book.cancel(asked).return_code
        };
        assert_eq!(code(9), CancelGoalResponse::ERROR_UNKNOWN_GOAL_ID);
        assert_eq!(code(1), CancelGoalResponse::ERROR_NONE);
        assert_eq!(code(1), CancelGoalResponse::ERROR_REJECTED, "it is being given up already");
        book.end(id(1), End::Canceled, "", 100);
        let asked = GoalInfo { goal_id: id(1), stamp: Time::default() };
        assert_eq!(book.cancel(asked).return_code, CancelGoalResponse::ERROR_GOAL_TERMINATED);
    }

    #[test]
    fn the_server_may_give_up_on_its_own() {
        let mut book = book();
        let ended = book.end(id(2), End::Canceled, "the node ends", 100);
        assert_eq!(ended, Some((GoalState::Canceled, vec![])));
    }
}
