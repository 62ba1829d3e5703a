//! The closed loop of one episode.

use super::memory::{Memory, next_act};
use super::truth::{ShownHome, TruthEyes};
use super::{EpisodeError, EpisodeOptions, EpisodeResult, Eyes, Knowledge, Mind, Moment};
use crate::geometry::heading_of_camera_rad;
use crate::planner::{Act, Ending, Executive, PlannerConfig, Session};
use crate::scene::{MapObject, ObjectId};
use crate::sensing::{SensorEvent, StepFeedback};
use crate::sim::household::{
    Action, Command, Failure, Low, REACH_M, Tally, Target, Task, World, is_portable,
};
use crate::tasks::{
    ActionVocabulary, Plan, PlanRequest, PlanStep, SceneView, SoFar, ViewSpec, class_word,
};
use crate::vision::FeatureExtractor;
use nalgebra::Point3;
use std::collections::VecDeque;

/// One of so many images of a tour goes into bins and sinks.
const INTO: usize = 8;
/// What shows what is in it only to a steep look.
const PITS: [&str; 3] = ["garbagecan", "sinkbasin", "bathtubbasin"];
/// How much farther off than the hand reaches the middle of a thing may be that was taken, metres.
const TAKEN_M: f64 = 0.5;
/// Height at which the hand holds things, metres.
const HAND_M: f64 = 0.9;

/// A robot in a home, with what it has seen.
pub struct Episode<'a> {
    world: World,
    session: Session,
    eyes: Eyes,
    config: &'a PlannerConfig,
    options: &'a EpisodeOptions,
    memory: Memory,
    /// Whether objects are made of what the extractor sees, and not of the simulator's boxes.
    sees_by_itself: bool,
    /// What is in the hand, as it was known when it was taken, of one who sees by itself.
    held: Option<MapObject>,
    /// Where eyes that see perfectly look up what there is.
    truth: Option<ShownHome>,
    /// The first error of camera or map; it ends the episode.
    broken: Option<EpisodeError>,
}

impl<'a> Episode<'a> {
    /// An episode in `world` with an empty map, into which go the simulator's boxes of what is in
    /// sight, as from a detector.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered or the map cannot be kept.
    pub fn new(
        world: World,
        config: &'a PlannerConfig,
        options: &'a EpisodeOptions,
    ) -> Result<Self, EpisodeError> {
        let session = Session::new(config, None)?;
        Self::of_session(world, config, options, session)
    }

    /// An episode of a robot that sees by itself: no boxes are given, and the objects of the map are
    /// those that `extractor` tells apart. See [`Session::new`].
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered, the map cannot be kept, or the features cannot be compared
    /// with names.
    pub fn with_extractor(
        world: World,
        config: &'a PlannerConfig,
        options: &'a EpisodeOptions,
        extractor: Box<dyn FeatureExtractor>,
    ) -> Result<Self, EpisodeError> {
        let name = extractor.name().to_owned();
        let episode = Self::of_looks(world, config, options, extractor)?;
        if episode.session.names().is_none() && options.knowledge == Knowledge::Seen {
            return Err(EpisodeError::Nameless { extractor: name });
        }
        Ok(episode)
    }

    /// The same of a robot that only looks: where no names are known, its map has voxels and no
    /// objects.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered or the map cannot be kept.
    pub fn of_looks(
        world: World,
        config: &'a PlannerConfig,
        options: &'a EpisodeOptions,
        extractor: Box<dyn FeatureExtractor>,
    ) -> Result<Self, EpisodeError> {
        let session = Session::new(config, Some(extractor))?;
        let episode = Self::of_session(world, config, options, session)?;
        Ok(Self { sees_by_itself: true, ..episode })
    }

    /// The same with eyes that see what there is: the ablation without errors of vision. `noise` is
    /// the length of the noise of each feature, whose own length is 1.
    ///
    /// # Errors
    ///
    /// As [`Self::with_extractor`].
    pub fn with_true_eyes(
        world: World,
        config: &'a PlannerConfig,
        options: &'a EpisodeOptions,
        noise: f32,
    ) -> Result<Self, EpisodeError> {
        let truth = ShownHome::default();
        let eyes = TruthEyes::new(truth.clone(), noise)?;
        let episode = Self::with_extractor(world, config, options, Box::new(eyes))?;
        Ok(Self { truth: Some(truth), ..episode })
    }

    fn of_session(
        world: World,
        config: &'a PlannerConfig,
        options: &'a EpisodeOptions,
        session: Session,
    ) -> Result<Self, EpisodeError> {
        Ok(Self {
            world,
            session,
            eyes: Eyes::new(options.camera, options.noise_seed, options.start_ns)?,
            config,
            options,
            memory: Memory::default(),
            sees_by_itself: false,
            held: None,
            truth: None,
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

    /// The robot sees nothing for so long.
    pub fn rest(&mut self, for_ns: i64) {
        self.eyes.rest(for_ns);
    }

    /// What the robot has seen.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Tours the home and maps it. The last images go into the bins and sinks that the map knows;
    /// eyes that know no names find none, and look elsewhere.
    ///
    /// # Errors
    ///
    /// When the home cannot be shown.
    pub fn tour(&mut self, tell: &mut dyn FnMut(Moment<'_>)) -> Result<(), EpisodeError> {
        if self.options.knowledge == Knowledge::Seen {
            let mut world = self.world.clone();
            let finds_none = self.sees_by_itself && self.session.names().is_none();
            let into = if finds_none { 0 } else { self.options.tour_frames / INTO };
            let most = self.options.tour_frames - into;
            world.tour(most, &mut |world, is_image| self.watch(world, is_image, tell));
            let pits_m = self.pits_m();
            world.look_into(&pits_m, into, &mut |world, is_image| {
                self.watch(world, is_image, tell);
            });
            self.world = world;
            self.refresh();
        }
        tell(Moment::Toured { world: &self.world, session: &self.session });
        self.broken.take().map_or(Ok(()), Err)
    }

    fn watch(&mut self, world: &World, is_image: bool, tell: &mut dyn FnMut(Moment<'_>)) {
        match is_image {
            true => self.see(world, None, tell),
            false => tell(Moment::Drove { world }),
        }
    }

    /// Where the bins and sinks of the map are, world coordinates.
    fn pits_m(&self) -> Vec<Point3<f64>> {
        let objects = self.session.map().objects().iter();
        let pits = objects.filter(|object| PITS.contains(&object.label.as_str()));
        pits.map(|object| object.position_m.into()).collect()
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
                let Some(next) = step.take().filter(|_| spent < self.options.max_actions) else {
                    break;
                };
                let mut news = self.follow(&mut executive, mind.vocabulary());
                if news.iter().any(|act| matches!(act, Act::Think { .. })) {
                    acts.extend(news);
                    continue;
                }
                // What only moved changes the steps in hand.
                let step = match news.pop() {
                    Some(Act::Step(moved)) => moved,
                    _ => next,
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
                    return Err(error);
                }
                continue;
            };
            match act {
                Act::Think { number, goal, held, so_far } => {
                    let plan = self.think(&goal, held, &so_far, mind)?;
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
                        Ending::Refused => {
                            let refusal = progress.plan.and_then(|plan| plan.refusal);
                            let why = refusal.map(|refusal| refusal.to_string());
                            format!("refused: {}", why.unwrap_or_default())
                        }
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

    /// What the robot sees now goes into the map: an image from where it stands, as on the tour.
    ///
    /// # Errors
    ///
    /// When the home cannot be shown.
    pub fn look(&mut self, tell: &mut dyn FnMut(Moment<'_>)) -> Result<(), EpisodeError> {
        let world = self.world.clone();
        self.see(&world, None, tell);
        self.refresh();
        self.broken.take().map_or(Ok(()), Err)
    }

    /// What a model that takes in `spec` is shown of what the robot sees and has seen. `None` with
    /// perfect knowledge, which is nobody's sight, and where its map has no regions.
    ///
    /// # Errors
    ///
    /// When the newest frame cannot be told into regions.
    pub fn view(&self, spec: &ViewSpec) -> Result<Option<SceneView>, EpisodeError> {
        match self.options.knowledge {
            Knowledge::Seen => Ok(self.session.view(spec)?),
            Knowledge::Oracle => Ok(None),
        }
    }

    /// Holds the open plan against what the robot knows now; what is to be done about it.
    pub(super) fn follow(
        &self,
        executive: &mut Executive,
        vocabulary: &ActionVocabulary,
    ) -> Vec<Act> {
        executive.look(&self.objects(), self.robot_m(), self.eyes.now_ns(), vocabulary)
    }

    /// Where the robot is, world frame, metres.
    fn robot_m(&self) -> [f64; 3] {
        let at = self.world.robot().xy_m;
        [at.x, at.y, 0.0]
    }

    /// A plan from how things stand and look now, and what was tried before.
    fn think(
        &mut self,
        goal: &str,
        held: Option<ObjectId>,
        so_far: &SoFar,
        mind: &mut dyn Mind,
    ) -> Result<Plan, EpisodeError> {
        let view = match mind.view_spec() {
            Some(spec) => self.view(&spec)?,
            None => None,
        };
        let request = PlanRequest {
            goal,
            objects: &self.objects(),
            robot_m: self.robot_m(),
            heading_rad: heading_of_camera_rad(&self.world.robot().world_T_camera()),
            held,
            so_far,
            view: view.as_ref(),
            frame_id: &self.session.map().config().frame_id,
            stamp_ns: self.eyes.now_ns(),
            step_expiry_ns: (self.config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: false,
        };
        Ok(mind.plan(&request, &self.world))
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
        let robot = self.world.robot().xy_m;
        let outcome = Command::of_step(step, &objects).and_then(|mut command| {
            let next = plan.and_then(|plan| next_act(plan, step.id));
            let meant = command.targets.first().and_then(|target| target.believed.clone());
            self.memory.aim(&mut command, next, &objects, &robot);
            let aimed = command.targets.first().and_then(|target| target.believed.as_ref());
            if let Some(aimed) = aimed.filter(|aimed| Some(aimed.id) != meant.map(|meant| meant.id))
            {
                let said = format!("to the {} #{}, for the next step", aimed.label, aimed.id.0);
                tell(Moment::Said(&said));
            }
            let outcome = self.perform(&command, tell);
            self.memory.ended(&command, outcome.as_ref().err());
            if outcome.is_ok() {
                self.feel(&command);
            }
            outcome
        });
        self.refresh();
        let failure = outcome.err();
        if let Some(failure) = &failure {
            self.take_to_heart(step, failure, tell);
        }
        tell(Moment::Ended { step, failure: failure.as_ref(), world: &self.world });
        failure
    }

    /// What a robot that sees by itself knows from its hand: what it took is no longer where it was.
    fn feel(&mut self, command: &Command) {
        if !self.sees_by_itself {
            return;
        }
        match command.action {
            Action::PickupObject => {
                let Some(target) = command.targets.first() else { return };
                let robot = self.world.robot().xy_m;
                let off = |object: &MapObject| {
                    let [x, y, _] = object.position_m;
                    (x - robot.x).hypot(y - robot.y)
                };
                let objects = self.session.map().objects();
                let like = objects.iter().filter(|object| {
                    class_word(&object.label) == class_word(&target.name)
                        && off(object) <= REACH_M + TAKEN_M
                });
                let nearest = like.min_by(|a, b| off(a).total_cmp(&off(b))).map(|one| one.id);
                let known = target.believed.as_ref().map(|object| object.id);
                let taken = known.filter(|id| objects.get(*id).is_some()).or(nearest);
                self.held = taken.and_then(|id| self.session.map_mut().take_away(id));
            }
            Action::PutObject => self.held = None,
            _ => {}
        }
    }

    /// Lets the objects of the map be those that are seen now.
    fn refresh(&mut self) {
        if let Err(error) = self.session.refresh_objects() {
            self.broken.get_or_insert(error.into());
        }
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
            let objects = self.objects();
            let missed =
                step.arguments.iter().map(|argument| Target::of_argument(argument, &objects));
            let missed = missed.filter(|target| {
                let word = class_word(&target.name);
                word == class_word(name) && is_portable(&word)
            });
            for object in missed.filter_map(|target| target.believed) {
                self.session.map_mut().refute(object.id);
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
        if let Some(truth) = &self.truth {
            truth.set(world);
        }
        match self.eyes.look(world) {
            Ok((image, events)) => {
                for event in events {
                    if !(self.sees_by_itself && matches!(event, SensorEvent::Detections(_))) {
                        self.session.push(event);
                    }
                }
                tell(Moment::Saw { world, session: &self.session, image: &image, low });
            }
            Err(error) => self.broken = Some(error.into()),
        }
    }

    /// What the robot knows to be in the home.
    pub fn objects(&self) -> Vec<MapObject> {
        match self.options.knowledge {
            Knowledge::Seen => {
                let objects = self.session.map().objects();
                let mut known = objects.as_slice().to_vec();
                if let Some(held) = &self.held
                    && objects.get(held.id).is_none()
                {
                    let at = self.world.robot().xy_m;
                    let position_m = [at.x, at.y, HAND_M];
                    known.push(MapObject { position_m, ..held.clone() });
                    known.sort_by_key(|object| object.id);
                }
                known
            }
            Knowledge::Oracle => {
                let entities = self.world.home().entities.iter();
                let open = entities
                    .filter(|entity| !entity.is_structure() && !self.world.is_hidden(entity.id));
                open.map(World::as_map_object).collect()
            }
        }
    }
}
