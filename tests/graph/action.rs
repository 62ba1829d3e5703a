//! A client of the node's actions.

use super::{Ear, Peer, wait_for};
use scenellm::ros::action::{
    Action, FeedbackMessage, GetResultRequest, GetResultResponse, SendGoalRequest, SendGoalResponse,
};
use scenellm::ros::msg::{GoalInfo, GoalStatusArray, Uuid};
use scenellm::ros::srv::{CancelGoal, CancelGoalRequest, CancelGoalResponse, Service};
use scenellm::ros::{from_cdr, qos, to_cdr};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How long one request waits; a participant that was replaced meanwhile gets no answer.
const ONE_REQUEST: Duration = Duration::from_secs(20);

pub struct ActionClient<'a, A> {
    peer: &'a Peer,
    name: String,
    feedback: Ear,
    status: Ear,
    action: PhantomData<A>,
}

impl<'a, A: Action> ActionClient<'a, A> {
    pub fn new(peer: &'a Peer, name: &str) -> Self {
        let part = |end: &str| format!("{name}/_action/{end}");
        let type_name = format!("{}_FeedbackMessage", A::TYPE);
        Self {
            peer,
            name: name.into(),
            feedback: peer.hear_type(&part("feedback"), &type_name, qos::EVENT),
            status: peer.hear::<GoalStatusArray>(&part("status"), qos::LATCHED),
            action: PhantomData,
        }
    }

    /// Sends a goal that is accepted.
    pub fn send(&self, goal: &A::Goal) -> Uuid
    where
        A::Goal: Clone,
    {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let sent = wait_for(|| {
            let goal_id = Uuid { uuid: [NEXT.fetch_add(1, Ordering::Relaxed); 16] };
            let request = SendGoalRequest { goal_id, goal: goal.clone() };
            let answer = self.call("send_goal", &format!("{}_SendGoal", A::TYPE), to_cdr(&request));
            Some((goal_id, from_cdr::<SendGoalResponse>(&answer?).unwrap()))
        });
        let (goal_id, response) = sent.expect("the node answers");
        assert!(response.accepted && response.stamp.sec > 1_600_000_000, "{response:?}");
        goal_id
    }

    pub fn cancel(&self, goal_id: Uuid) -> CancelGoalResponse {
        let goal_info = GoalInfo { goal_id, ..GoalInfo::default() };
        let request = to_cdr(&CancelGoalRequest { goal_info });
        let answer = wait_for(|| self.call("cancel_goal", CancelGoal::TYPE, request.clone()));
        from_cdr(&answer.expect("the node answers")).unwrap()
    }

    /// Waits for the goal to end.
    pub fn result(&self, goal_id: Uuid) -> GetResultResponse<A::Result> {
        let request = to_cdr(&GetResultRequest { goal_id });
        let type_name = format!("{}_GetResult", A::TYPE);
        let answer = wait_for(|| self.call("get_result", &type_name, request.clone()));
        from_cdr(&answer.expect("the goal ends")).unwrap()
    }

    /// The newest feedback, if it is about the goal.
    pub fn feedback(&self, goal_id: Uuid) -> Option<A::Feedback> {
        let newest = self.feedback.newest::<FeedbackMessage<A::Feedback>>()?;
        (newest.goal_id == goal_id).then_some(newest.feedback)
    }

    /// All feedback about the goal.
    pub fn all_feedback(&self, goal_id: Uuid) -> Vec<A::Feedback> {
        let all = self.feedback.all::<FeedbackMessage<A::Feedback>>().into_iter();
        all.filter(|one| one.goal_id == goal_id).map(|one| one.feedback).collect()
    }

    /// The newest status of the goal.
    pub fn status(&self, goal_id: Uuid) -> Option<i8> {
        let goals = self.status.newest::<GoalStatusArray>()?.status_list;
        goals.iter().find(|goal| goal.goal_info.goal_id == goal_id).map(|goal| goal.status)
    }

    fn call(&self, part: &str, type_name: &str, request: Vec<u8>) -> Option<Vec<u8>> {
        let service = format!("{}/_action/{part}", self.name);
        self.peer.dds.call(&service, type_name, request, ONE_REQUEST).ok()
    }
}
