//! The action `~/plan_task`: what the executive does for its goal, told to the client.

use super::NodeError;
use super::desk::DeskRequest;
use super::inbox::Inbox;
use crate::planner::{Act, Ending, Progress, StopCause};
use crate::ros::action::{
    ActionRequest, ActionServer, Asked, End, PlanTask, PlanTaskFeedback, PlanTaskGoal,
    PlanTaskResult,
};
use crate::ros::msg::{PlanStep, Uuid};
use crate::ros::transport::Transport;
use crate::ros::{NodeNames, plan_message, plan_step_message};
use crate::tasks::{Plan, Refusal};
use std::sync::Arc;

/// The action, and the goal of it that is worked on.
pub struct PlanTasks {
    server: ActionServer<PlanTask>,
    current: Option<Current>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    id: Uuid,
    plan_only: bool,
}

impl PlanTasks {
    /// Offers the action; its requests go to the desk.
    pub fn open(
        transport: &dyn Transport,
        names: &NodeNames,
        desk: &Arc<Inbox<DeskRequest>>,
    ) -> Result<Self, NodeError> {
        let desk = Arc::clone(desk);
        let forward = move |request| {
            if desk.ask(DeskRequest::PlanTask(request)).is_err() {
                tracing::warn!("a request to plan_task was lost: too many wait, or the node ends");
            }
        };
        let server = ActionServer::open(transport, &names.resolve("~/plan_task")?, forward)?;
        Ok(Self { server, current: None })
    }

    /// Answers a client, and says what is asked of the executive.
    pub fn answer(&mut self, request: ActionRequest, now_ns: i64) -> Asked<PlanTaskGoal> {
        self.server.answer(request, now_ns)
    }

    /// The executive's next goal is that of a client.
    pub fn begin(&mut self, id: Uuid, plan_only: bool) {
        self.current = Some(Current { id, plan_only });
    }

    /// Whether the goal that is worked on is among `ids`.
    pub fn is_current(&self, ids: &[Uuid]) -> bool {
        self.current.is_some_and(|current| ids.contains(&current.id))
    }

    /// Tells the client what the plan says so far.
    pub fn said(&self, partial_text: String, progress: &Progress) {
        if let Some(Current { id, .. }) = self.current
            && !partial_text.is_empty()
        {
            let feedback = feedback(PlanStep::default(), progress);
            self.server.feedback(id, PlanTaskFeedback { partial_text, ..feedback });
        }
    }

    /// Tells the client of what the executive does.
    pub fn tell(&mut self, act: &Act, progress: &Progress, now_ns: i64) {
        let Some(Current { id, plan_only }) = self.current else { return };
        match act {
            Act::Publish(plan) if plan_only && plan.refusal.is_none() => {
                let progress = Progress { plan: Some(plan.clone()), ..progress.clone() };
                let result = result(&progress, PlanTaskResult::ERROR_NONE, String::new());
                self.end(id, End::Succeeded, result, now_ns);
            }
            Act::Think { .. } => self.server.feedback(id, feedback(PlanStep::default(), progress)),
            Act::Step(step) => {
                self.server.feedback(id, feedback(plan_step_message(step), progress))
            }
            Act::End { ending, progress } => {
                let (end, code, words) = outcome(ending, progress.plan.as_ref());
                self.end(id, end, result(progress, code, words), now_ns);
            }
            _ => {}
        }
    }

    fn end(&mut self, id: Uuid, end: End, result: PlanTaskResult, now_ns: i64) {
        self.current = None;
        self.server.end(id, end, result, now_ns);
    }
}

/// How the goal ends in the terms of the action.
fn outcome(ending: &Ending, plan: Option<&Plan>) -> (End, u16, String) {
    type Result = PlanTaskResult;
    match ending {
        Ending::Done => (End::Succeeded, Result::ERROR_NONE, String::new()),
        Ending::Refused => {
            let refusal = plan.and_then(|plan| plan.refusal.as_ref());
            let code = match refusal {
                Some(Refusal::NotFound { .. }) => Result::ERROR_NOT_FOUND,
                Some(Refusal::BadGoal { .. }) => Result::ERROR_BAD_GOAL,
                Some(Refusal::ModelFailed { .. }) | None => Result::ERROR_MODEL_FAILED,
            };
            (End::Aborted, code, refusal.map(Refusal::to_string).unwrap_or_default())
        }
        Ending::GivenUp(reason) => (End::Aborted, Result::ERROR_STEPS_FAILED, reason.clone()),
        Ending::Preempted => {
            (End::Aborted, Result::ERROR_PREEMPTED, "a newer goal took its place".into())
        }
        Ending::Stopped(cause) => {
            let (end, code) = match cause {
                StopCause::Word => (End::Aborted, Result::ERROR_STOPPED),
                StopCause::Client => (End::Canceled, Result::ERROR_CANCELED),
                StopCause::Shutdown => (End::Canceled, Result::ERROR_SHUTDOWN),
            };
            (end, code, cause.to_string())
        }
    }
}

fn result(progress: &Progress, error_code: u16, error_msg: String) -> PlanTaskResult {
    PlanTaskResult {
        plan: progress.plan.as_ref().map(plan_message).unwrap_or_default(),
        steps_done: count(progress.at.unwrap_or(0)),
        replans: progress.replans,
        error_code,
        error_msg,
    }
}

fn feedback(step: PlanStep, progress: &Progress) -> PlanTaskFeedback {
    // A plan that has failed is known no more.
    let plan = progress.plan.as_ref().filter(|_| progress.at.is_some());
    let steps = plan.map(|plan| plan.steps.as_slice()).unwrap_or_default();
    let lines: Vec<_> = steps.iter().map(|step| step.summary()).collect();
    let partial_text = lines.join("\n");
    PlanTaskFeedback { step, steps: count(steps.len()), replans: progress.replans, partial_text }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_status_and_number() {
        let table = [
            (Ending::Done, End::Succeeded, 0),
            (Ending::GivenUp("it slipped".into()), End::Aborted, 310),
            (Ending::Preempted, End::Aborted, 321),
            (Ending::Stopped(StopCause::Word), End::Aborted, 322),
            (Ending::Stopped(StopCause::Client), End::Canceled, 320),
            (Ending::Stopped(StopCause::Shutdown), End::Canceled, 323),
        ];
        for (ending, end, code) in table {
            let found = outcome(&ending, None);
            assert_eq!((found.0, found.1), (end, code), "{ending:?}");
            assert_eq!(found.2.is_empty(), code == 0, "{ending:?}");
        }
    }
}
