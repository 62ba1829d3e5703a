//! The server of one action: its services and topics, and the book of its goals.

use super::{
    Action, End, FeedbackMessage, GetResultRequest, GetResultResponse, GoalBook, SendGoalRequest,
    SendGoalResponse, Wanted,
};
use crate::ros::msg::{GoalStatus, GoalStatusArray, Message, Time, Uuid};
use crate::ros::srv::{CancelGoal, CancelGoalRequest, Service};
use crate::ros::transport::{Opened, Publication, Reply, Transport, TransportError};
use crate::ros::{from_cdr, qos, to_cdr};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// How long results are kept, nanoseconds: 15 minutes.
const KEEP_NS: i64 = 15 * 60 * 1_000_000_000;

/// A request as it came, for the thread that owns the server.
pub struct ActionRequest {
    kind: Kind,
    cdr: Vec<u8>,
    reply: Reply,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    SendGoal,
    CancelGoal,
    GetResult,
}

/// What a request asks of the thread that owns the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked<G> {
    /// Nothing: it has been answered, or waits.
    Nothing,
    /// To work on this goal, which was accepted.
    Begin(Uuid, G),
    /// To give these goals up, and to end them as canceled.
    GiveUp(Vec<Uuid>),
}

/// One action, offered.
pub struct ActionServer<A: Action> {
    name: String,
    book: GoalBook<A::Result, Reply>,
    feedback: Arc<dyn Publication>,
    status: Arc<dyn Publication>,
    _services: Vec<Opened>,
}

impl<A: Action> ActionServer<A> {
    /// Offers the action `name`. Requests go to `forward`, on threads of the transport, and from
    /// there to [`Self::answer`].
    ///
    /// # Errors
    ///
    /// When the graph refuses a service or a topic.
    pub fn open(
        transport: &dyn Transport,
        name: &str,
        forward: impl Fn(ActionRequest) + Clone + Send + Sync + 'static,
    ) -> Result<Self, TransportError> {
        let part = |end: &str| format!("{name}/_action/{end}");
        let typed = |end: &str| format!("{}_{end}", A::TYPE);
        let feedback =
            transport.advertise(&part("feedback"), &typed("FeedbackMessage"), qos::EVENT)?;
        let status = transport.advertise(&part("status"), GoalStatusArray::TYPE, qos::LATCHED)?;
        let parts = [
            (Kind::SendGoal, part("send_goal"), typed("SendGoal")),
            (Kind::CancelGoal, part("cancel_goal"), CancelGoal::TYPE.to_owned()),
            (Kind::GetResult, part("get_result"), typed("GetResult")),
        ];
        let mut services = Vec::new();
        for (kind, service, type_name) in parts {
            let forward = forward.clone();
            let answer = move |cdr: &[u8], reply| {
                forward(ActionRequest { kind, cdr: cdr.to_vec(), reply });
            };
            services.push(transport.serve(&service, &type_name, Box::new(answer))?);
        }
        let (name, book) = (name.into(), GoalBook::new(KEEP_NS));
        let server = Self { name, book, feedback, status, _services: services };
        server.publish_status();
        Ok(server)
    }

    /// Answers a request, at once or when its goal has ended, and says what is to be done.
    pub fn answer(&mut self, request: ActionRequest, now_ns: i64) -> Asked<A::Goal> {
        if self.book.forget(now_ns) {
            self.publish_status();
        }
        let ActionRequest { kind, cdr, reply } = request;
        match kind {
            Kind::SendGoal => {
                let Some(SendGoalRequest { goal_id, goal }) = self.read(&cdr) else {
                    return Asked::Nothing;
                };
                let accepted = self.book.begin(goal_id, now_ns);
                let stamp = Time::from_ns(now_ns);
                reply.send(to_cdr(&SendGoalResponse { accepted, stamp }));
                if !accepted {
                    return Asked::Nothing;
                }
                self.publish_status();
                Asked::Begin(goal_id, goal)
            }
            Kind::CancelGoal => {
                let Some(CancelGoalRequest { goal_info }) = self.read(&cdr) else {
                    return Asked::Nothing;
                };
                let response = self.book.cancel(goal_info);
                reply.send(to_cdr(&response));
                self.publish_status();
                Asked::GiveUp(response.goals_canceling.iter().map(|goal| goal.goal_id).collect())
            }
            Kind::GetResult => {
                let Some(GetResultRequest { goal_id }) = self.read(&cdr) else {
                    return Asked::Nothing;
                };
                let (reply, status, result) = match self.book.result(goal_id, reply) {
                    Wanted::Waits => {
                        tracing::debug!(
                            "{}: a client waits for the result of {goal_id:?}",
                            self.name
                        );
                        return Asked::Nothing;
                    }
                    Wanted::Ended(reply, state, result) => (reply, state.status(), result),
                    Wanted::Unknown(reply) => (reply, GoalStatus::UNKNOWN, A::Result::default()),
                };
                reply.send(to_cdr(&GetResultResponse { status, result }));
                Asked::Nothing
            }
        }
    }

    /// Tells how it goes with a goal.
    pub fn feedback(&self, goal_id: Uuid, feedback: A::Feedback) {
        self.publish(&self.feedback, to_cdr(&FeedbackMessage { goal_id, feedback }));
    }

    /// Ends a goal; who waits for the result gets it.
    pub fn end(&mut self, goal_id: Uuid, end: End, result: A::Result, now_ns: i64) {
        let Some((state, waiting)) = self.book.end(goal_id, end, result.clone(), now_ns) else {
            tracing::warn!("{}: a goal cannot end as {end:?} now", self.name);
            return;
        };
        self.publish_status();
        let cdr = to_cdr(&GetResultResponse { status: state.status(), result });
        waiting.into_iter().for_each(|reply| reply.send(cdr.clone()));
    }

    fn publish_status(&self) {
        self.publish(&self.status, to_cdr(&self.book.status()));
    }

    fn publish(&self, topic: &Arc<dyn Publication>, cdr: Vec<u8>) {
        if let Err(error) = topic.publish(cdr) {
            tracing::warn!("{error}");
        }
    }

    fn read<T: DeserializeOwned>(&self, cdr: &[u8]) -> Option<T> {
        let read = from_cdr(cdr);
        read.map_err(|error| tracing::warn!("{}: a request cannot be read: {error}", self.name))
            .ok()
    }
}
