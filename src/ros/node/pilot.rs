//! The thread that follows instructions: words in, one motion of the base after the other out.

use super::NodeError;
use super::clock::NodeClock;
use super::inbox::{Inbox, Taken};
use super::jobs::{JobCell, Question};
use super::map_request::MapRequest;
use super::newest::Newest;
use super::outlets::Outlet;
use crate::planner::PlannerConfig;
use crate::planner::follow::{
    BasePose, FollowAct, FollowConfig, FollowError, Follower, InstructionStep, Motion,
    Surroundings, parse_instruction,
};
use crate::ros::action::{
    ActionRequest, ActionServer, Asked, End, FollowInstruction, FollowInstructionFeedback,
    FollowInstructionResult,
};
use crate::ros::msg::{Uuid, VlnAction};
use crate::ros::transport::Transport;
use crate::ros::{NodeNames, follow_error_code, qos, vln_action};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How often the thread looks at the pose.
const TICK: Duration = Duration::from_millis(50);
/// How long it waits for the floor plan, while the robot stands.
const PATIENCE: Duration = Duration::from_secs(5);

/// What other threads tell the pilot.
pub enum PilotRequest {
    /// A client of the action.
    Action(ActionRequest),
    /// An instruction from a topic.
    Instruction(String),
    /// The model understood instruction `number`, or did not.
    Understood {
        /// Number of the instruction.
        number: u64,
        /// Its steps.
        steps: Result<Vec<InstructionStep>, FollowError>,
    },
    /// Somebody said stop.
    Stop,
}

/// Follows instructions.
pub struct Pilot {
    inbox: Arc<Inbox<PilotRequest>>,
    server: ActionServer<FollowInstruction>,
    outlet: Outlet,
    map: Arc<Inbox<MapRequest>>,
    jobs: Arc<JobCell>,
    base: Arc<Newest<Option<BasePose>>>,
    clock: Arc<NodeClock>,
    config: FollowConfig,
    /// Motions published, stops included.
    published: u32,
    /// Instructions so far.
    instructions: u64,
    course: Option<Course>,
}

/// An instruction that is being followed.
struct Course {
    /// Number of the instruction while the model reads it.
    unread: Option<u64>,
    follower: Follower,
    /// `None`: it came from a topic.
    goal: Option<Uuid>,
    motions: u32,
}

/// What the pilot asks others: for the map, for the newest pose of the base, and for the model.
type Peers<'a> = (&'a Arc<Inbox<MapRequest>>, &'a Arc<Newest<Option<BasePose>>>, &'a Arc<JobCell>);

impl Pilot {
    /// Offers the action and the topic of motions; requests go to `inbox`, questions to the threads
    /// that own the map and the model.
    pub fn open(
        transport: &dyn Transport,
        names: &NodeNames,
        config: &PlannerConfig,
        inbox: &Arc<Inbox<PilotRequest>>,
        (map, base, jobs): Peers<'_>,
        clock: &Arc<NodeClock>,
    ) -> Result<Self, NodeError> {
        let into = Arc::clone(inbox);
        let forward = move |request| {
            if into.ask(PilotRequest::Action(request)).is_err() {
                tracing::warn!(
                    "a request to follow_instruction was lost: too many wait, or the node ends"
                );
            }
        };
        let action = names.resolve("~/follow_instruction")?;
        Ok(Self {
            inbox: Arc::clone(inbox),
            server: ActionServer::open(transport, &action, forward)?,
            outlet: Outlet::open::<VlnAction>(transport, names, "~/vln_action", qos::EVENT)?,
            map: Arc::clone(map),
            jobs: Arc::clone(jobs),
            base: Arc::clone(base),
            clock: Arc::clone(clock),
            config: config.follow.clone(),
            published: 0,
            instructions: 0,
            course: None,
        })
    }

    /// Runs until the inbox is closed; then the robot is told to stop.
    pub fn run(mut self) {
        loop {
            match self.inbox.take(TICK) {
                Taken::Closed => break,
                Taken::Request(PilotRequest::Action(request)) => {
                    match self.server.answer(request, self.clock.now_ns()) {
                        Asked::Nothing => {}
                        Asked::Begin(id, goal) => self.begin(&goal.instruction, Some(id)),
                        Asked::GiveUp(ids) => self.give_up(&ids),
                    }
                }
                Taken::Request(PilotRequest::Instruction(words)) => self.begin(&words, None),
                Taken::Request(PilotRequest::Understood { number, steps }) => {
                    if let Some(course) = &mut self.course
                        && course.unread == Some(number)
                    {
                        course.unread = None;
                        self.steer(steps);
                    }
                }
                Taken::Request(PilotRequest::Stop) => {
                    let code = FollowInstructionResult::ERROR_STOPPED;
                    self.end(End::Aborted, code, "somebody said stop".into());
                }
                Taken::Nothing | Taken::Message(..) => {}
            }
            self.tick();
        }
        if self.course.is_some() {
            let code = FollowInstructionResult::ERROR_SHUTDOWN;
            self.end(End::Canceled, code, "the node ends".into());
        }
    }

    fn begin(&mut self, words: &str, goal: Option<Uuid>) {
        if self.course.is_some() {
            let code = FollowInstructionResult::ERROR_PREEMPTED;
            self.end(End::Aborted, code, format!("a newer instruction came: {words}"));
        }
        tracing::info!("instruction: {words}");
        self.instructions += 1;
        let number = self.instructions;
        let question = Question::Follow(number, words.to_owned());
        let by_model = self.config.by_model && self.jobs.abilities.navigates;
        let is_asked = by_model && self.jobs.ask(question).is_ok();
        let follower = Follower::new(Vec::new(), self.config.clone());
        let unread = is_asked.then_some(number);
        self.course = Some(Course { unread, follower, goal, motions: 0 });
        if !is_asked {
            self.steer(parse_instruction(words));
        }
    }

    /// Begins to follow the steps of the instruction, if it was understood.
    fn steer(&mut self, steps: Result<Vec<InstructionStep>, FollowError>) {
        match steps {
            Ok(steps) => {
                if let Some(course) = &mut self.course {
                    course.follower = Follower::new(steps, self.config.clone());
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    fn give_up(&mut self, ids: &[Uuid]) {
        let current = self.course.as_ref().and_then(|course| course.goal);
        if current.is_some_and(|id| ids.contains(&id)) {
            let code = FollowInstructionResult::ERROR_CANCELED;
            self.end(End::Canceled, code, "a client asked for it".into());
        }
    }

    fn tick(&mut self) {
        let Some(course) = self.course.as_mut().filter(|course| course.unread.is_none()) else {
            return;
        };
        let (base, now_ns) = (self.base.get(), self.clock.now_ns());
        let (map, config) = (&self.map, &self.config);
        let mut look = |pose: &BasePose| surroundings(map, pose, config);
        match course.follower.tick(now_ns, base.as_ref().as_ref(), &mut look) {
            None => {}
            Some(FollowAct::Move(motion)) => self.go(motion, now_ns),
            Some(FollowAct::Halt(error)) => {
                tracing::warn!("halt: {error}");
                self.stand(follow_error_code(&error), error.to_string());
            }
            Some(FollowAct::End(Err(error))) => self.fail(&error),
            Some(FollowAct::End(Ok(()))) => {
                self.end(End::Succeeded, FollowInstructionResult::ERROR_NONE, String::new());
            }
        }
    }

    fn go(&mut self, motion: Motion, now_ns: i64) {
        self.published += 1;
        let timeout_ns = (self.config.motion_timeout_s * 1e9) as i64;
        let expires_ns = now_ns.saturating_add(timeout_ns);
        let frame_id = &self.config.base_frame;
        let message = vln_action(motion, self.published, frame_id, now_ns, expires_ns);
        self.outlet.send(&message);
        let Some(course) = &mut self.course else { return };
        course.motions += u32::from(motion != Motion::Stop);
        let Course { follower, goal: Some(id), .. } = course else { return };
        let at = follower.steps_done();
        let words = follower.steps().get(at).map(ToString::to_string).unwrap_or_default();
        let feedback = FollowInstructionFeedback {
            step: count(at + 1),
            steps: count(follower.steps().len()),
            words,
            motion: message,
            distance_left_m: follower.distance_left_m(),
        };
        self.server.feedback(*id, feedback);
    }

    fn fail(&mut self, error: &FollowError) {
        self.end(End::Aborted, follow_error_code(error), error.to_string());
    }

    /// Ends whatever is followed, and has the robot stand.
    fn end(&mut self, end: End, error_code: u16, error_msg: String) {
        match error_code {
            FollowInstructionResult::ERROR_NONE => tracing::info!("instruction followed"),
            _ => tracing::info!("instruction not followed any further: {error_msg}"),
        }
        self.stand(error_code, error_msg.clone());
        let Some(Course { follower, goal: Some(id), motions, .. }) = self.course.take() else {
            return;
        };
        let steps_done = count(follower.steps_done());
        let result = FollowInstructionResult { steps_done, motions, error_code, error_msg };
        self.server.end(id, end, result, self.clock.now_ns());
    }

    fn stand(&mut self, error_code: u16, error_msg: String) {
        self.published += 1;
        let (frame_id, now_ns) = (&self.config.base_frame, self.clock.now_ns());
        // Standing still does not expire.
        let stop = vln_action(Motion::Stop, self.published, frame_id, now_ns, i64::MAX);
        self.outlet.send(&VlnAction { error_code, error_msg, ..stop });
    }
}

/// What the thread that owns the map says of a robot that stands at `pose`.
fn surroundings(
    map: &Inbox<MapRequest>,
    pose: &BasePose,
    config: &FollowConfig,
) -> Option<Surroundings> {
    let (reply, answer) = sync_channel(1);
    map.ask(MapRequest::Surroundings(*pose, config.clone(), reply)).ok()?;
    answer.recv_timeout(PATIENCE).ok()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
