//! The node at work: its topics, services and threads. All of it ends when it is stopped or
//! dropped; model and map live on.

use super::NodeError;
use super::clock::NodeClock;
use super::configured::Configured;
use super::desk::{Desk, DeskRequest};
use super::diagnostics::Diagnostics;
use super::inbox::Inbox;
use super::input::{self, Input};
use super::jobs::JobCell;
use super::map_request::MapRequest;
use super::newest::Newest;
use super::outlets::{DeskOutlets, SceneOutlets};
use super::perception::Perception;
use super::pilot::{Pilot, PilotRequest};
use super::plan_task::PlanTasks;
use super::qos_overrides::Tuned;
use super::services;
use super::spotter::Spotter;
use super::text_search::TextSearch;
use super::text_stream::TextStream;
use super::thinker::Thinker;
use super::view::View;
use crate::planner::follow::BasePose;
use crate::planner::{PlannerConfig, Session};
use crate::ros::NodeNames;
use crate::ros::transport::{Opened, Transport};
use crate::tasks::{GoalPlanner, Mentioned};
use crate::vision::Detector;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

/// What the node stands in.
pub struct Surroundings {
    /// The graph.
    pub transport: Arc<dyn Transport>,
    /// Names on it.
    pub names: NodeNames,
    /// The parameters of now.
    pub config: Arc<Newest<PlannerConfig>>,
    /// The time.
    pub clock: Arc<NodeClock>,
}

/// The cells and queues between the threads.
#[derive(Clone, Default)]
struct Channels {
    map: Arc<Inbox<MapRequest>>,
    desk: Arc<Inbox<DeskRequest>>,
    pilot: Arc<Inbox<PilotRequest>>,
    jobs: Arc<JobCell>,
    view: Arc<Newest<View>>,
    base: Arc<Newest<Option<BasePose>>>,
}

/// Topics and services that are open, and what the threads need of them.
pub struct Open {
    channels: Channels,
    scene_outlets: SceneOutlets,
    desk_outlets: DeskOutlets,
    stream: TextStream,
    tasks: PlanTasks,
    pilot: Pilot,
    search: Option<TextSearch>,
    seen: Vec<Arc<Input>>,
    told: Vec<Arc<Input>>,
    diagnostics: Diagnostics,
    opened: Vec<Opened>,
    clock: Arc<NodeClock>,
    config: Arc<Newest<PlannerConfig>>,
    frame_id: String,
}

impl Surroundings {
    /// Opens all topics and services of a node that has loaded `configured`.
    pub fn open(&self, configured: &Configured) -> Result<Open, NodeError> {
        let (names, config) = (&self.names, self.config.get());
        let frame_id = config.sensing.world_frame.clone();
        self.clock.use_sim_time(config.use_sim_time);
        let transport = Arc::new(Tuned::new(&self.transport, &config.qos_overrides));
        let jobs = Arc::new(JobCell::of(configured.abilities, configured.vocabulary()));
        let channels = Channels { jobs, ..Channels::default() };
        let scene_outlets = SceneOutlets::open(&*transport, names)?;
        let stream = TextStream::open(&*transport, names, &self.clock)?;
        let desk_outlets = DeskOutlets::open(&*transport, names, stream.clone())?;
        let Channels { map, desk, pilot, view, base, jobs } = &channels;
        let tasks = PlanTasks::open(&*transport, names, desk)?;
        let pilot =
            Pilot::open(&*transport, names, &config, pilot, (map, base, jobs), &self.clock)?;
        let search = TextSearch::new(configured, map);
        let mut opened =
            services::offer(&*transport, names, (map, jobs), view, search.as_ref(), &frame_id)?;
        let (seen, subscribed) = input::open_perception(&config, names, &*transport, map)?;
        opened.extend(subscribed);
        let (told, subscribed) = input::open_desk(&config, names, &*transport, desk)?;
        opened.extend(subscribed);
        transport.warn_of_unused();
        let model = configured.model();
        let graph = Arc::clone(&transport) as Arc<dyn Transport>;
        let diagnostics =
            Diagnostics::new(names, &self.config, model, graph, (&seen, map), (&told, desk));
        Ok(Open {
            channels,
            scene_outlets,
            desk_outlets,
            stream,
            tasks,
            pilot,
            search,
            seen,
            told,
            diagnostics,
            opened,
            clock: Arc::clone(&self.clock),
            config: Arc::clone(&self.config),
            frame_id,
        })
    }
}

/// The running threads.
pub struct Active {
    channels: Channels,
    perception: Option<JoinHandle<Session>>,
    thinker: Option<JoinHandle<GoalPlanner>>,
    desk: Option<JoinHandle<()>>,
    pilot: Option<JoinHandle<()>>,
    /// Where there is a detector.
    spotter: Option<JoinHandle<Box<dyn Detector>>>,
    /// Ends the look that the spotter has under way.
    stops: Arc<AtomicBool>,
    /// Closed when the threads have ended.
    _opened: Vec<Opened>,
}

impl Active {
    /// Starts to work with `configured` on what is `open`.
    pub fn start(mut configured: Configured, open: Open) -> Result<Self, NodeError> {
        let Open { channels, clock, config, .. } = open;
        let detector = configured.session.take_detector();
        let depth_m = configured.session.map().config().depth_range_m();
        let vocabulary = configured.planner.vocabulary().clone();
        let stops = Arc::new(AtomicBool::new(false));
        let (spotted, spotter) = match detector {
            None => (None, None),
            Some(detector) => {
                // Without room: a frame is handed over only while it is waited for.
                let (hand_over, frames) = sync_channel(0);
                let (map, stops) = (Arc::clone(&channels.map), Arc::clone(&stops));
                (Some(hand_over), Some(Spotter { detector, frames, map, depth_m, stops }))
            }
        };
        let perception = Perception {
            session: configured.session,
            inbox: Arc::clone(&channels.map),
            inputs: open.seen,
            outlets: open.scene_outlets,
            view: Arc::clone(&channels.view),
            base: Arc::clone(&channels.base),
            spotted,
            clock: Arc::clone(&clock),
            config: Arc::clone(&config),
        };
        let thinker = Thinker {
            planner: configured.planner,
            jobs: Arc::clone(&channels.jobs),
            desk: Arc::clone(&channels.desk),
            pilot: Arc::clone(&channels.pilot),
            map: Arc::clone(&channels.map),
            view: Arc::clone(&channels.view),
            config,
            stream: open.stream,
            mentioned: Mentioned::default(),
        };
        let desk = Desk {
            inbox: Arc::clone(&channels.desk),
            inputs: open.told,
            outlets: open.desk_outlets,
            tasks: open.tasks,
            pilot: Arc::clone(&channels.pilot),
            jobs: Arc::clone(&channels.jobs),
            map: Arc::clone(&channels.map),
            view: Arc::clone(&channels.view),
            vocabulary,
            search: open.search,
            clock,
            diagnostics: open.diagnostics,
            frame_id: open.frame_id,
        };
        let pilot = open.pilot;
        let mut active = Self {
            channels,
            perception: None,
            thinker: None,
            desk: None,
            pilot: None,
            spotter: None,
            stops,
            _opened: open.opened,
        };
        if let Some(spotter) = spotter {
            active.spotter = Some(spawn("spotter", move || spotter.run())?);
        }
        active.perception = Some(spawn("perception", move || perception.run())?);
        active.thinker = Some(spawn("thinker", move || thinker.run())?);
        active.pilot = Some(spawn("pilot", move || pilot.run())?);
        active.desk = Some(spawn("desk", move || desk.run())?);
        Ok(active)
    }

    /// Whether all threads are alive; one that panicked has said why.
    pub fn is_alive(&self) -> bool {
        let is_running = |handle: Option<bool>| handle == Some(false);
        is_running(self.perception.as_ref().map(JoinHandle::is_finished))
            && is_running(self.thinker.as_ref().map(JoinHandle::is_finished))
            && is_running(self.pilot.as_ref().map(JoinHandle::is_finished))
            && is_running(self.desk.as_ref().map(JoinHandle::is_finished))
            && self.spotter.as_ref().is_none_or(|thread| !thread.is_finished())
    }

    /// Withdraws the plan, ends the threads, closes topics and services. A detector that looks at a
    /// frame ends early; at the longest, one of its layers is waited for.
    ///
    /// # Errors
    ///
    /// When a thread has panicked and taken model or map with it.
    pub fn stop(mut self) -> Result<Configured, NodeError> {
        self.close();
        let talkers = join(self.desk.take()).and(join(self.pilot.take()));
        let (mut session, planner) = (join(self.perception.take()), join(self.thinker.take()));
        if let (Some(thread), Some(session)) = (self.spotter.take(), &mut session) {
            session.set_detector(join(Some(thread)).ok_or(NodeError::Panicked)?);
        }
        talkers
            .and(session.zip(planner))
            .map(|(session, planner)| Configured::new(planner, session))
            .ok_or(NodeError::Panicked)
    }

    fn close(&self) {
        self.stops.store(true, Ordering::Relaxed);
        self.channels.jobs.close();
        // Who has asked for the result of a goal hears that it ends.
        self.channels.desk.finish();
        self.channels.pilot.finish();
        self.channels.map.close();
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.close();
        join(self.desk.take());
        join(self.pilot.take());
        join(self.perception.take());
        join(self.spotter.take());
        join(self.thinker.take());
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, NodeError> {
    Ok(std::thread::Builder::new().name(name.into()).spawn(work)?)
}

/// What a thread ended with; `None` when it panicked or never ran.
fn join<T>(thread: Option<JoinHandle<T>>) -> Option<T> {
    let joined = thread?.join();
    joined.inspect_err(|_| tracing::error!("a thread of the node panicked")).ok()
}
