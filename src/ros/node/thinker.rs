//! The thread that owns the model. It plans for the newest goal and answers questions, and waits for
//! nothing else; perception goes on meanwhile.

use super::desk::DeskRequest;
use super::inbox::Inbox;
use super::jobs::{Job, JobCell, Question, Work};
use super::map_request::MapRequest;
use super::newest::Newest;
use super::pilot::PilotRequest;
use super::text_stream::TextStream;
use super::view::View;
use crate::planner::follow::{
    FollowError, InstructionStep, by_rules, parse_instruction, understand,
};
use crate::planner::{PlannerConfig, resume};
use crate::scene::{MapObject, ObjectId};
use crate::tasks::{
    About, Answer, GoalPlanner, Inquiry, Mentioned, Plan, PlanRequest, PlanStep, SceneView, Sight,
    SpokenStep,
};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long the thread waits for what is seen; then it thinks without.
const PATIENCE: Duration = Duration::from_secs(5);

/// Thinks.
pub struct Thinker {
    pub planner: GoalPlanner,
    pub jobs: Arc<JobCell>,
    pub desk: Arc<Inbox<DeskRequest>>,
    pub pilot: Arc<Inbox<PilotRequest>>,
    pub map: Arc<Inbox<MapRequest>>,
    pub view: Arc<Newest<View>>,
    pub config: Arc<Newest<PlannerConfig>>,
    pub stream: TextStream,
    /// The things that plans have named.
    pub mentioned: Mentioned,
}

impl Thinker {
    /// Runs until the cell of jobs is closed; gives the model back.
    pub fn run(mut self) -> GoalPlanner {
        while let Some(work) = self.jobs.take() {
            match work {
                Work::Plan(job) => self.plan(&job),
                Work::Answer(Question::Ask(words, reply)) => {
                    let answer = self.answer(&words, None);
                    // Whoever asked may have gone.
                    let _ = reply.try_send(answer);
                }
                Work::Answer(Question::Say(words, turns)) => {
                    let answer = self.answer(&words, turns.as_deref());
                    if self.desk.ask(DeskRequest::Replied(answer)).is_err() {
                        tracing::debug!("a reply came too late");
                    }
                }
                Work::Answer(Question::Follow(number, words)) => {
                    let steps = self.understand(&words);
                    if self.pilot.ask(PilotRequest::Understood { number, steps }).is_err() {
                        tracing::debug!("an instruction was understood too late");
                    }
                }
            }
        }
        self.planner
    }

    fn plan(&mut self, Job { number, goal, held, done }: &Job) {
        let seen = self.look();
        let (view, config) = (self.view.get(), self.config.get());
        let objects = self.mentioned.with_held(&view.objects, *held, view.robot_m);
        let request = PlanRequest {
            goal,
            objects: &objects,
            robot_m: view.robot_m,
            heading_rad: view.heading_rad,
            held: *held,
            view: seen.as_ref(),
            frame_id: &config.sensing.world_frame,
            stamp_ns: view.stamp_ns,
            step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: config.plan.require_grounding,
        };
        let number = *number;
        let plan = self.planner.plan_aloud(&request, &mut |text| {
            self.stream.part(text);
            let text = self.stream.said().to_owned();
            let earlier = |waiting: &DeskRequest| matches!(waiting, DeskRequest::Said { .. });
            if self.desk.supersede(DeskRequest::Said { number, text }, earlier).is_err() {
                tracing::debug!("a part of a plan was not told: too many requests wait");
            }
            self.jobs.wants(number)
        });
        self.stream.end();
        let plan = self.rest(plan, done, &objects, view.robot_m);
        self.mentioned.remember(&plan, &objects, *held);
        if self.desk.ask(DeskRequest::Planned { number, plan }).is_err() {
            tracing::debug!("a plan came too late");
        }
    }

    /// What is left of a plan when some steps are `done`. Who reads the list of objects has planned
    /// from how things stand; others plan from the beginning.
    fn rest(
        &self,
        plan: Plan,
        done: &[PlanStep],
        objects: &[MapObject],
        robot_m: [f64; 3],
    ) -> Plan {
        if done.is_empty() || self.planner.sight() == Sight::ObjectList {
            return plan;
        }
        let vocabulary = self.planner.vocabulary();
        let acts = done.iter().filter(|step| !vocabulary.only_goes(&step.action));
        let acts: Vec<SpokenStep> = acts.map(PlanStep::spoken).collect();
        let placed: Vec<ObjectId> = done.iter().filter_map(PlanStep::brought).collect();
        let is_open = |object: &&MapObject| !placed.contains(&object.id);
        let open: Vec<MapObject> = objects.iter().filter(is_open).cloned().collect();
        resume(plan, &acts, vocabulary, &open, robot_m)
    }

    /// What a model that sees is shown now: the thread that keeps the map looks at it.
    fn look(&mut self) -> Option<SceneView> {
        let spec = self.planner.view_spec()?;
        let (reply, answer) = sync_channel(1);
        self.map.ask(MapRequest::View(spec, reply)).ok()?;
        let view = answer.recv_timeout(PATIENCE);
        view.unwrap_or_else(|_| {
            tracing::warn!("the model is not shown what is seen: the map is busy");
            None
        })
    }

    fn answer(&mut self, words: &str, turns: Option<&[[String; 2]]>) -> Result<Answer, String> {
        let seen = self.look();
        let (view, jobs) = (self.view.get(), &self.jobs);
        let mind = self.planner.mind().ok_or("the model answers no questions")?;
        let about = About::of(words);
        let objects = view.objects.as_slice();
        let inquiry = Inquiry { words, turns, about, view: seen.as_ref(), objects };
        mind.answer(&inquiry, &mut |_| !jobs.is_closed()).map_err(|error| error.to_string())
    }

    /// The steps of an instruction: of one that the rules and the map do not know, by the model.
    fn understand(&mut self, words: &str) -> Result<Vec<InstructionStep>, FollowError> {
        let objects = self.view.get().objects.clone();
        if let Some(steps) = by_rules(words, &objects) {
            return Ok(steps);
        }
        let seen = self.look();
        let Some(mind) = self.planner.mind() else { return parse_instruction(words) };
        understand(mind, words, seen.as_ref(), &objects)
    }
}
