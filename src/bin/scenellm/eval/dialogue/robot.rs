//! The robot that is talked with, in one run.

use super::score::{Partner, Said};
use crate::eval::runs::Known;
use anyhow::Context;
use scenellm::geometry::heading_of_camera_rad;
use scenellm::planner::{Conversation, Executive, PlannerConfig, Progress, Reply};
use scenellm::sensing::StepFeedback;
use scenellm::sim::household::World;
use scenellm::tasks::{ActionVocabulary, GoalPlanner, Plan, PlanRequest, SoFar};

/// Where the robot is while it talks.
#[derive(Debug, Clone, Copy)]
pub struct Stand {
    robot_m: [f64; 3],
    heading_rad: Option<f64>,
}

impl Stand {
    /// That of the robot of `world`.
    pub fn of(world: &World) -> Self {
        let robot = world.robot();
        let heading_rad = heading_of_camera_rad(&robot.world_T_camera());
        Self { robot_m: [robot.xy_m.x, robot.xy_m.y, 0.0], heading_rad }
    }
}

/// A model and what is known in a run. It answers as `scenellm ask` and the node do.
pub struct Robot<'a> {
    planner: &'a mut GoalPlanner,
    known: &'a Known,
    stand: Stand,
    /// Whether it forgets before every turn what was said.
    forgets: bool,
    config: PlannerConfig,
    talk: Conversation,
}

impl<'a> Robot<'a> {
    /// One with whom nobody has talked yet.
    pub fn new(
        planner: &'a mut GoalPlanner,
        known: &'a Known,
        stand: Stand,
        forgets: bool,
    ) -> Self {
        let (config, talk) = (PlannerConfig::of_homes(), Conversation::default());
        Self { planner, known, stand, forgets, config, talk }
    }

    /// Its plan goes on until so many acts have succeeded, or it ends.
    fn get_on(&mut self, done: usize) {
        let executive = self.talk.executive();
        while acts_done(executive, self.planner.vocabulary()) < done {
            let Progress { plan: Some(plan), at: Some(at), .. } = executive.progress() else {
                return;
            };
            let Some(step) = plan.steps.get(at) else { return };
            let ended = StepFeedback { step_id: step.id, success: true, message: String::new() };
            if executive.feedback(&ended).is_err() {
                return;
            }
        }
    }
}

/// How many steps have succeeded that did not only go somewhere.
fn acts_done(executive: &Executive, vocabulary: &ActionVocabulary) -> usize {
    let done = executive.so_far().done.iter();
    done.filter(|step| !vocabulary.only_goes(&step.action)).count()
}

impl Partner for Robot<'_> {
    fn reply(&mut self, said: &str, done: usize) -> anyhow::Result<Said> {
        if self.forgets {
            self.talk = Conversation::default();
        }
        self.get_on(done);
        let Known { view, objects } = self.known;
        let meant = match self.talk.hear(said, objects, self.planner.vocabulary()) {
            Ok(meant) => meant,
            Err(unresolved) => return Ok(Said::of(unresolved.to_string())),
        };
        let known = PlanRequest {
            goal: "",
            objects,
            robot_m: self.stand.robot_m,
            heading_rad: self.stand.heading_rad,
            held: None,
            so_far: SoFar::nothing(),
            view: view.as_ref(),
            frame_id: &self.config.map.frame_id,
            stamp_ns: 0,
            step_expiry_ns: (self.config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: self.config.plan.require_grounding,
        };
        let reply = self.talk.respond(&meant, &known, self.planner)?;
        let reply = reply.context("the model answers no questions")?;
        let acts = match &reply {
            Reply::Plan(Plan { steps, .. }) => {
                let vocabulary = self.planner.vocabulary();
                let acts = steps.iter().filter(|step| !vocabulary.only_goes(&step.action));
                Some(acts.map(|step| step.spoken()).collect())
            }
            Reply::Words(_) | Reply::Answer(_) => None,
        };
        Ok(Said { words: reply.words(), acts })
    }
}
