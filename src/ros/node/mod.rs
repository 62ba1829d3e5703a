//! The node `scenellm_planner`.
//!
//! ```text
//! transport's threads      perception            desk                    thinker
//! images, TF, … ─ Inbox ─ Session ─ View ──────┬─────────────────────── newest View ┐
//!                            │                 │                                    │
//!                      ~/map ~/objects …       │   ┌─ JobCell (newest goal wins) ── plan
//! goal, words, outcomes ─ Inbox ───────────── Executive ─ ~/plan ~/plan/steps …
//! ```
//!
//! Three threads, each with its own state. Perception never waits for the model; the model works on
//! the newest goal and the newest view of the map.

mod clock;
mod desk;
mod diagnostics;
mod error;
mod inbox;
mod input;
mod map_request;
mod newest;
mod outlets;
mod parameters;
mod perception;
mod rosout;
mod services;
mod settings;
mod text_stream;
mod thinker;
mod view;

pub use error::NodeError;
pub use rosout::Rosout;
pub use settings::NodeSettings;

use crate::language::parse_device;
use crate::planner::Session;
use crate::ros::transport::Transport;
use crate::tasks::GoalPlanner;
use crate::vision::open_extractor;
use clock::NodeClock;
use desk::Desk;
use diagnostics::Diagnostics;
use inbox::Inbox;
use newest::Newest;
use outlets::{DeskOutlets, SceneOutlets};
use perception::Perception;
use std::sync::Arc;
use std::thread::JoinHandle;
use text_stream::TextStream;
use thinker::{JobCell, Thinker};

/// The running node. Dropping it withdraws the plan and ends its threads.
pub struct PlannerNode {
    map: Arc<Inbox<map_request::MapRequest>>,
    desk: Arc<Inbox<desk::DeskRequest>>,
    jobs: Arc<JobCell>,
    threads: Vec<JoinHandle<()>>,
}

impl PlannerNode {
    /// Loads the model, opens topics and services on `transport`, and starts to work.
    ///
    /// # Errors
    ///
    /// When the model cannot be loaded, a name is none, or the graph refuses.
    pub fn start(settings: &NodeSettings, transport: &dyn Transport) -> Result<Self, NodeError> {
        let NodeSettings { names, config, .. } = settings;
        // Before anything is offered to others: a node without its model would only pretend.
        let device = parse_device(&config.plan.device)?;
        let planner = GoalPlanner::load(&config.plan.model, &device)?;
        let name = planner.model().manifest().name.clone();
        if !planner.model().sees() {
            tracing::warn!(
                "{name} is blind: it plans from the words of the goal. Positions come from the \
                 labelled objects of the map"
            );
        }
        let extractor = match config.vision.extractor.as_str() {
            "none" => None,
            kind => Some(open_extractor(kind, config.vision.weights.as_deref())?),
        };
        let session = Session::new(config, extractor)?;
        let clock = Arc::new(NodeClock::new(config.use_sim_time));
        let view = Arc::new(Newest::default());
        let (map, desk) = (Arc::new(Inbox::default()), Arc::new(Inbox::default()));
        let frame_id = config.sensing.world_frame.clone();

        let live = Arc::new(Newest::new(config.clone()));
        let scene_outlets = SceneOutlets::open(transport, names)?;
        let stream = TextStream::open(transport, names, &clock)?;
        let desk_outlets = DeskOutlets::open(transport, names, stream.clone())?;
        services::offer(transport, names, &map, &view, &frame_id)?;
        parameters::offer(transport, names, &live)?;
        let seen = input::open_perception(config, names, transport, &map)?;
        let told = input::open_desk(config, names, transport, &desk)?;

        let diagnostics = Diagnostics::new(names, &live, &name, (&seen, &map), (&told, &desk));
        let jobs = Arc::new(JobCell::default());
        let thinker = Thinker {
            planner,
            jobs: Arc::clone(&jobs),
            desk: Arc::clone(&desk),
            view: Arc::clone(&view),
            config: Arc::clone(&live),
            stream,
        };
        let perception = Perception {
            session,
            inbox: Arc::clone(&map),
            inputs: seen,
            outlets: scene_outlets,
            view: Arc::clone(&view),
            clock: Arc::clone(&clock),
            config: live,
        };
        let talker = Desk {
            inbox: Arc::clone(&desk),
            inputs: told,
            outlets: desk_outlets,
            jobs: Arc::clone(&jobs),
            map: Arc::clone(&map),
            view,
            clock,
            diagnostics,
            frame_id,
        };
        let mut node = Self { map, desk, jobs, threads: Vec::new() };
        node.spawn("perception", move || perception.run())?;
        node.spawn("thinker", move || thinker.run())?;
        node.spawn("desk", move || talker.run())?;
        tracing::info!("{} plans with {name}", names.full_name());
        Ok(node)
    }

    /// Whether all threads are alive; one that panicked has said why.
    pub fn is_alive(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), NodeError> {
        self.threads.push(std::thread::Builder::new().name(name.into()).spawn(work)?);
        Ok(())
    }
}

impl Drop for PlannerNode {
    fn drop(&mut self) {
        self.jobs.close();
        self.desk.close();
        self.map.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the node panicked");
            }
        }
    }
}
