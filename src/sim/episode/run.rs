//! The closed loop of one episode.

use super::{Eyes, Mind};
use crate::geometry::CameraModel;
use crate::planner::{Act, Ending, Executive, PlannerConfig, Session, resume};
use crate::scene::{MapObject, ObjectId, SceneError};
use crate::sensing::StepFeedback;
use crate::sim::SimError;
use crate::sim::household::{
    Action, Command, Failure, GoalCondition, Low, Tally, Target, Task, World, is_portable,
};
use crate::tasks::{Grounding, Plan, PlanRequest, PlanStep, SpokenStep, class_word};
use image::RgbImage;
use serde::Serialize;
use std::collections::VecDeque;

/// What can go wrong in an episode, apart from the robot's own failures.
#[derive(Debug, thiserror::Error)]
pub enum EpisodeError {
    /// The home cannot be shown.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The map cannot be kept.
    #[error(transparent)]
    Scene(#[from] SceneError),
}

/// What the robot knows of where things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Knowledge {
    /// What it saw: images and boxes of what was in sight, through the session into the map.
    #[default]
    Seen,
    /// Everything that no door hides, always: nothing is rendered for the map.
    Oracle,
}

/// How an episode is run.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeOptions {
    /// The robot's camera; rectified.
    pub camera: CameraModel,
    /// Images of the tour before the goal is given.
    pub tour_frames: usize,
    /// Seed of the sensor noise.
    pub noise_seed: u64,
    /// Time of the first image, nanoseconds.
    pub start_ns: i64,
    /// Low-level actions after which the episode ends.
    pub max_actions: usize,
    /// What the robot knows of where things are.
    pub knowledge: Knowledge,
}

impl Default for EpisodeOptions {
    /// A camera of 320×240 pixels, 64 images of tour, a thousand actions.
    fn default() -> Self {
        Self {
            camera: CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5),
            tour_frames: 64,
            noise_seed: 0,
            start_ns: 1_700_000_000_000_000_000,
            max_actions: 1000,
            knowledge: Knowledge::Seen,
        }
    }
}

/// Something that happened in an episode.
pub enum Moment<'a> {
    /// An image was taken; `low` is what was done just before, `None` on the tour.
    Saw {
        /// The home then.
        world: &'a World,
        /// What is known of it, this image taken in.
        session: &'a Session,
        /// The image.
        image: &'a RgbImage,
        /// What was done just before.
        low: Option<Low>,
    },
    /// The tour ended.
    Toured {
        /// The home then.
        world: &'a World,
        /// What is known of it.
        session: &'a Session,
    },
    /// A plan, or a refusal, was made.
    Planned {
        /// The plan.
        plan: &'a Plan,
        /// What is known of the home.
        session: &'a Session,
    },
    /// A step is begun.
    Began {
        /// The step.
        step: &'a PlanStep,
    },
    /// A step ended.
    Ended {
        /// The step.
        step: &'a PlanStep,
        /// Why it failed, if it did.
        failure: Option<&'a Failure>,
        /// The home then.
        world: &'a World,
    },
    /// The executive said something.
    Said(&'a str),
}

/// What became of an episode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpisodeResult {
    /// The conditions of the task at the end.
    pub conditions: Vec<GoalCondition>,
    /// Low-level actions after the tour, those of failed steps too.
    pub actions: usize,
    /// Way driven after the tour, metres.
    pub way_m: f64,
    /// How often it was planned anew.
    pub replans: u32,
    /// Steps that failed, with the reason.
    pub failures: Vec<String>,
    /// How the work ended, in words.
    pub ending: String,
}

impl EpisodeResult {
    /// Whether all conditions hold.
    pub fn is_success(&self) -> bool {
        self.conditions.iter().all(|condition| condition.is_met)
    }

    /// Number of conditions that hold.
    pub fn met(&self) -> usize {
        self.conditions.iter().filter(|condition| condition.is_met).count()
    }
}

/// A robot in a home, with what it has seen.
pub struct Episode<'a> {
    world: World,
    session: Session,
    eyes: Eyes,
    config: &'a PlannerConfig,
    options: &'a EpisodeOptions,
    /// Acts that succeeded, in their order.
    done: Vec<SpokenStep>,
    /// Objects of the map that were put where they belong.
    placed: Vec<ObjectId>,
    /// The first error of the camera; it ends the episode.
    broken: Option<SimError>,
}

impl<'a> Episode<'a> {
    /// An episode in `world` with an empty map.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered or the map cannot be kept.
    pub fn new(
        world: World,
        config: &'a PlannerConfig,
        options: &'a EpisodeOptions,
    ) -> Result<Self, EpisodeError> {
        Ok(Self {
            world,
            session: Session::new(config, None)?,
            eyes: Eyes::new(options.camera, options.noise_seed, options.start_ns)?,
            config,
            options,
            done: Vec::new(),
            placed: Vec::new(),
            broken: None,
        })
    }

    /// The home as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The home, to be changed behind the robot's back.
    pub fn world_mut(&mut self) -> &mut World {
        self.eyes.refresh();
        &mut self.world
    }

    /// What the robot has seen.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Tours the home and maps it.
    ///
    /// # Errors
    ///
    /// When the home cannot be shown.
    pub fn tour(&mut self, tell: &mut dyn FnMut(Moment<'_>)) -> Result<(), EpisodeError> {
        if self.options.knowledge == Knowledge::Seen {
            let mut world = self.world.clone();
            world.tour(self.options.tour_frames, &mut |world| self.see(world, None, tell));
            self.world = world;
        }
        tell(Moment::Toured { world: &self.world, session: &self.session });
        self.broken.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Works for `goal` until the executive ends it, and says what was met of `task`.
    ///
    /// # Errors
    ///
    /// When the home cannot be shown.
    pub fn pursue(
        &mut self,
        goal: &str,
        task: &Task,
        mind: &mut dyn Mind,
        tell: &mut dyn FnMut(Moment<'_>),
    ) -> Result<EpisodeResult, EpisodeError> {
        let before: Tally = *self.world.tally();
        let mut executive = Executive::default();
        let mut acts = VecDeque::from(executive.goal(goal));
        let (mut step, mut failures) = (None, Vec::new());
        let (mut replans, mut ending) = (0, String::from("out of actions"));
        loop {
            let Some(act) = acts.pop_front() else {
                let spent = self.world.tally().actions - before.actions;
                let Some(step) = step.take().filter(|_| spent < self.options.max_actions) else {
                    break;
                };
                let plan = executive.progress().plan;
                let failure = self.do_step(&step, plan.as_ref(), tell);
                failures.extend(failure.as_ref().map(|why| format!("{}: {why}", step.summary())));
                let feedback = StepFeedback {
                    step_id: step.id,
                    success: failure.is_none(),
                    message: failure.map(|why| why.to_string()).unwrap_or_default(),
                };
                acts.extend(executive.feedback(&feedback).unwrap_or_default());
                if let Some(error) = self.broken.take() {
                    return Err(error.into());
                }
                continue;
            };
            match act {
                Act::Think { number, goal } => {
                    let plan = self.think(&goal, mind);
                    acts.extend(executive.planned(number, plan));
                }
                Act::Publish(plan) => tell(Moment::Planned { plan: &plan, session: &self.session }),
                Act::Step(next) => step = Some(next),
                Act::Say(said) => tell(Moment::Said(&said)),
                Act::Withdraw { .. } => {}
                Act::End { ending: how, progress } => {
                    replans = progress.replans;
                    ending = match how {
                        Ending::Done => "all steps done".into(),
                        Ending::GivenUp(why) => format!("given up: {why}"),
                        Ending::Refused => "the planner refused the goal".into(),
                        Ending::Preempted | Ending::Stopped(_) => "stopped".into(),
                    };
                    break;
                }
            }
        }
        let after = self.world.tally();
        Ok(EpisodeResult {
            conditions: task.conditions(&self.world),
            actions: after.actions - before.actions,
            way_m: after.way_m - before.way_m,
            replans,
            failures,
            ending,
        })
    }

    /// A plan from how things stand.
    fn think(&mut self, goal: &str, mind: &mut dyn Mind) -> Plan {
        let objects: Vec<MapObject> =
            self.objects().into_iter().filter(|o| !self.placed.contains(&o.id)).collect();
        let at = self.world.robot().xy_m;
        let request = PlanRequest {
            goal,
            objects: &objects,
            robot_m: [at.x, at.y, 0.0],
            frame_id: &self.session.map().config().frame_id,
            stamp_ns: self.eyes.now_ns(),
            step_expiry_ns: (self.config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: false,
        };
        let plan = mind.plan(&request, &self.world);
        if mind.knows_what_was_done() {
            return plan;
        }
        resume(plan, &self.done, mind.vocabulary(), &objects, request.robot_m)
    }

    /// Carries out one step; why it failed, if it did.
    fn do_step(
        &mut self,
        step: &PlanStep,
        plan: Option<&Plan>,
        tell: &mut dyn FnMut(Moment<'_>),
    ) -> Option<Failure> {
        tell(Moment::Began { step });
        let objects = self.objects();
        let done = Command::of_step(step, &objects).map(|mut command| {
            if command.action == Action::GotoLocation {
                let next = plan.and_then(|plan| next_act(plan, step.id));
                aim(&mut command, next, &objects);
            }
            command
        });
        let done = done.and_then(|command| self.perform(&command, tell).map(|()| command.action));
        let failure = match done {
            Ok(Action::GotoLocation) => None,
            Ok(action) => {
                self.note(step, action);
                None
            }
            Err(failure) => {
                self.take_to_heart(step, &failure, tell);
                Some(failure)
            }
        };
        tell(Moment::Ended { step, failure: failure.as_ref(), world: &self.world });
        failure
    }

    fn perform(
        &mut self,
        command: &Command,
        tell: &mut dyn FnMut(Moment<'_>),
    ) -> Result<(), Failure> {
        let mut world = self.world.clone();
        let result = world.perform(command, &mut |world, low| self.see(world, Some(low), tell));
        self.world = world;
        if result.is_err() {
            self.eyes.refresh();
        }
        result
    }

    /// Remembers an act that succeeded.
    fn note(&mut self, step: &PlanStep, action: Action) {
        let arguments: Vec<String> = step.arguments.iter().map(|a| a.name.clone()).collect();
        self.done.push(SpokenStep { action: step.action.clone(), arguments });
        if action == Action::PutObject {
            self.placed.extend(step.arguments.first().and_then(bound));
        }
    }

    /// What was to be seen and was not is struck off the map, and the robot looks round.
    fn take_to_heart(
        &mut self,
        step: &PlanStep,
        failure: &Failure,
        tell: &mut dyn FnMut(Moment<'_>),
    ) {
        if self.options.knowledge == Knowledge::Oracle {
            return;
        }
        if let Failure::NotSeen { name } = failure {
            let missed = step.arguments.iter().filter(|a| class_word(&a.name) == class_word(name));
            for id in missed.filter(|a| is_portable(&class_word(&a.name))).filter_map(bound) {
                self.session.map_mut().objects_mut().remove(id);
            }
        }
        let mut world = self.world.clone();
        world.look_round(&mut |world, low| self.see(world, Some(low), tell));
        self.world = world;
    }

    /// Takes an image into the map.
    fn see(&mut self, world: &World, low: Option<Low>, tell: &mut dyn FnMut(Moment<'_>)) {
        if self.options.knowledge == Knowledge::Oracle || self.broken.is_some() {
            return;
        }
        if matches!(low, Some(Low::Touch(_))) {
            self.eyes.refresh();
        }
        match self.eyes.look(world) {
            Ok((image, events)) => {
                for event in events {
                    self.session.push(event);
                }
                tell(Moment::Saw { world, session: &self.session, image: &image, low });
            }
            Err(error) => self.broken = Some(error),
        }
    }

    /// What the robot knows to be in the home.
    fn objects(&self) -> Vec<MapObject> {
        match self.options.knowledge {
            Knowledge::Seen => self.session.map().objects().as_slice().to_vec(),
            Knowledge::Oracle => {
                let entities = self.world.home().entities.iter();
                let open = entities
                    .filter(|entity| !entity.is_structure() && !self.world.is_hidden(entity.id));
                open.map(World::as_map_object).collect()
            }
        }
    }
}

/// The first act after a step, if the plan goes nowhere before it.
fn next_act(plan: &Plan, id: u32) -> Option<&PlanStep> {
    let next = plan.steps.iter().find(|step| step.id == id + 1)?;
    (next.action != Action::GotoLocation.name()).then_some(next)
}

/// Aims a way at what is done at its end. A model says *countertop* by habit; where the mug is that
/// is to be picked up there, the map knows better.
fn aim(command: &mut Command, next: Option<&PlanStep>, objects: &[MapObject]) {
    let acted_on = next.and_then(|step| match step.action.as_str() {
        // Washing, heating and cooling are done at an appliance, which only the way names.
        "CleanObject" | "HeatObject" | "CoolObject" => None,
        _ => step.arguments.last(),
    });
    let there = acted_on.and_then(|argument| Target::of_argument(argument, objects).believed);
    if let (Some(there), Some(target)) = (there, command.targets.first_mut()) {
        target.believed = Some(there);
    }
}

fn bound(argument: &crate::tasks::Argument) -> Option<ObjectId> {
    match argument.grounding {
        Grounding::Grounded { object_id, .. } => Some(object_id),
        Grounding::Ungrounded { .. } => None,
    }
}
