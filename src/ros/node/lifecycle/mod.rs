//! The life of the node, as ROS 2 manages it: what is loaded and what runs in each state, and the
//! thread that goes from one to another when asked.
//!
//! ```text
//! unconfigured ─ configure ─ inactive ─ activate ─ active
//!  parameters               model, map            threads, topics, services
//! ```

mod machine;
mod services;

pub use machine::State;
pub use services::{ChangeRequest, offer};

use super::NodeError;
use super::active::{Active, Surroundings};
use super::configured::Configured;
use super::inbox::{Inbox, Taken};
use super::newest::Newest;
use super::outlets::Outlet;
use machine::{Outcome, Transition};
use std::sync::Arc;
use std::time::Duration;

/// How often the thread looks whether the others live.
const NAP: Duration = Duration::from_millis(100);

/// What is loaded, and what runs.
enum Stage {
    Empty,
    Configured(Box<Configured>),
    Active(Box<Active>),
}

/// Goes from state to state.
pub struct Lifecycle {
    stage: Stage,
    surroundings: Surroundings,
    state: Arc<Newest<State>>,
    inbox: Arc<Inbox<ChangeRequest>>,
    events: Outlet,
}

impl Lifecycle {
    /// An unconfigured node. `state` shows where it is, and `events` tells of each transition.
    pub fn new(
        surroundings: Surroundings,
        state: Arc<Newest<State>>,
        inbox: Arc<Inbox<ChangeRequest>>,
        events: Outlet,
    ) -> Self {
        Self { stage: Stage::Empty, surroundings, state, inbox, events }
    }

    /// Configures and activates.
    ///
    /// # Errors
    ///
    /// When either fails, with the reason.
    pub fn start(&mut self) -> Result<(), NodeError> {
        ["configure", "activate"].into_iter().try_for_each(|label| self.change(0, label))
    }

    /// Runs until the inbox is closed, or a thread of the active node has ended by itself.
    pub fn run(mut self) {
        loop {
            match self.inbox.take(NAP) {
                Taken::Closed => return,
                Taken::Request(ChangeRequest { id, label, reply }) => {
                    let changed = self.change(id, &label);
                    if let Err(error) = &changed {
                        tracing::error!("{error}");
                    }
                    // Whoever asked may have gone.
                    let _ = reply.try_send(changed.is_ok());
                }
                Taken::Nothing | Taken::Message(..) => {}
            }
            if matches!(&self.stage, Stage::Active(active) if !active.is_alive()) {
                return;
            }
        }
    }

    fn change(&mut self, id: u8, label: &str) -> Result<(), NodeError> {
        let now = *self.state.get();
        let transition = machine::asked(now, id, label).ok_or_else(|| NodeError::NoTransition {
            asked: if label.is_empty() { id.to_string() } else { label.into() },
            state: now.label(),
        })?;
        self.enter(transition);
        let (outcome, done) = match self.work(transition.goal) {
            Ok(()) => (Outcome::Success, Ok(())),
            // What failed before it began has left all as it was.
            Err(error) if self.is_whole(transition.start) => (Outcome::Failure, Err(error)),
            Err(error) => (Outcome::Error, Err(error)),
        };
        self.end(outcome);
        if outcome == Outcome::Error {
            self.stage = Stage::Empty;
            self.end(Outcome::Success);
        }
        done
    }

    /// Does what the transition through `way` is for.
    fn work(&mut self, way: State) -> Result<(), NodeError> {
        match (way, std::mem::replace(&mut self.stage, Stage::Empty)) {
            (State::Configuring, _) => {
                let configured = Configured::load(&self.surroundings.config.get())?;
                self.stage = Stage::Configured(Box::new(configured));
            }
            (State::Activating, Stage::Configured(configured)) => {
                let open = match self.surroundings.open(&configured) {
                    Ok(open) => open,
                    Err(error) => {
                        self.stage = Stage::Configured(configured);
                        return Err(error);
                    }
                };
                let active = Active::start(*configured, open)?;
                self.stage = Stage::Active(Box::new(active));
            }
            (State::Deactivating, Stage::Active(active)) => {
                self.stage = Stage::Configured(Box::new(active.stop()?));
            }
            (State::ShuttingDown, Stage::Active(active)) => drop(active.stop()?),
            // To clean up, and to end, is to let go of everything.
            _ => {}
        }
        Ok(())
    }

    /// Whether what `state` needs is there.
    fn is_whole(&self, state: State) -> bool {
        match state {
            State::Inactive => matches!(self.stage, Stage::Configured(_)),
            State::Active => matches!(self.stage, Stage::Active(_)),
            _ => true,
        }
    }

    fn end(&self, outcome: Outcome) {
        if let Some(transition) = machine::ended(*self.state.get(), outcome) {
            self.enter(transition);
        }
    }

    fn enter(&self, transition: Transition) {
        self.state.set(transition.goal);
        self.events.send(&transition.event(self.surroundings.clock.now_ns()));
        tracing::debug!("{}: {}", transition.label, transition.goal.label());
    }
}
