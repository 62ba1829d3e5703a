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
//! These three threads (`active`), each with its own state, run while the node is active.
//! Perception never waits for the model; the model works on the newest goal and the newest view of
//! the map. With them runs the pilot, which follows instructions: it needs the robot's pose and the
//! map's floor plan, and no model; and, where a detector is configured, the spotter, which looks for
//! things by words in frames of perception. A further thread (`lifecycle`) starts and ends them as
//! ROS 2 asks.

mod active;
mod clock;
mod configured;
mod desk;
mod diagnostics;
mod error;
mod inbox;
mod input;
mod jobs;
mod lifecycle;
mod map_request;
mod newest;
mod outlets;
mod parameters;
mod perception;
mod pilot;
mod plan_task;
mod qos_overrides;
mod rosout;
mod services;
mod settings;
mod spotter;
mod talk;
mod text_search;
mod text_stream;
mod thinker;
mod view;

pub use error::NodeError;
pub use rosout::Rosout;
pub use settings::NodeSettings;

use crate::ros::msg::TransitionEvent;
use crate::ros::qos;
use crate::ros::transport::{Opened, Transport};
use active::Surroundings;
use clock::NodeClock;
use inbox::Inbox;
use lifecycle::{ChangeRequest, Lifecycle, State};
use newest::Newest;
use outlets::Outlet;
use parameters::ParameterStore;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The running node. Dropping it withdraws the plan and ends its threads.
pub struct PlannerNode {
    changes: Arc<Inbox<ChangeRequest>>,
    lifecycle: Option<JoinHandle<()>>,
    /// Services that are there in every state.
    _opened: Vec<Opened>,
}

impl PlannerNode {
    /// Offers parameters and states on `transport` and, with the parameter `autostart`, loads the
    /// model and starts to work.
    ///
    /// # Errors
    ///
    /// When a name is none, the graph refuses or, with `autostart`, the model cannot be loaded.
    pub fn start(
        settings: &NodeSettings,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, NodeError> {
        let NodeSettings { names, config, .. } = settings;
        let clock = Arc::new(NodeClock::default());
        let state = Arc::new(Newest::new(State::Unconfigured));
        let changes = Arc::new(Inbox::default());
        let live = Arc::new(Newest::new(config.clone()));

        let event = Outlet::open::<TransitionEvent>;
        let events = event(&*transport, names, "~/transition_event", qos::EVENT)?;
        let surroundings = Surroundings {
            transport: Arc::clone(&transport),
            names: names.clone(),
            config: Arc::clone(&live),
            clock: Arc::clone(&clock),
        };
        let mut lifecycle =
            Lifecycle::new(surroundings, Arc::clone(&state), Arc::clone(&changes), events);
        if config.autostart {
            // Before anything is offered to others: a node without its model would only pretend.
            lifecycle.start()?;
            tracing::info!("{} is active", names.full_name());
        } else {
            tracing::info!("{} waits to be configured", names.full_name());
        }
        let store = ParameterStore::open(&*transport, names, live, &state, clock)?;
        let mut opened = parameters::offer(&*transport, names, &Arc::new(store))?;
        opened.extend(lifecycle::offer(&*transport, names, &state, &changes)?);
        let thread = std::thread::Builder::new().name("lifecycle".into());
        let lifecycle = Some(thread.spawn(move || lifecycle.run())?);
        Ok(Self { changes, lifecycle, _opened: opened })
    }

    /// Whether all threads are alive; one that panicked has said why.
    pub fn is_alive(&self) -> bool {
        self.lifecycle.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for PlannerNode {
    fn drop(&mut self) {
        self.changes.close();
        if self.lifecycle.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of the node panicked");
        }
    }
}
