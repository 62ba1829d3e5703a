//! The embedded transport: RTPS on the wire, with no ROS 2 installed.
//!
//! It speaks with nodes on Cyclone DDS and Fast DDS, and is built around what was measured of the
//! middleware (rustdds 0.15.1): readers hold old samples unless samples are limited (`names`), and
//! a participant whose process was stopped, or whose peer came back after its lease, hears nothing
//! any more, for which [`watchdog`] builds a new one.

mod client;
mod drain;
mod endpoint;
mod environment;
mod graph;
mod kernel;
mod live;
mod mismatch;
mod names;
mod raw;
mod server;
mod service;
mod watchdog;
mod worker;

#[cfg(test)]
mod tests;

pub use environment::DdsSettings;
pub use service::ServiceMapping;

use super::{Answer, Opened, Publication, QosMismatch, Take, Transport, TransportError};
use crate::ros::qos::Qos;
use client::Client;
use endpoint::{Endpoint, Subscription, Topic};
use graph::NodeId;
use live::Live;
use server::Server;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use watchdog::Heard;
use worker::Worker;

/// How long others are given to hear what was said before the graph is left.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The same, of one topic or service.
const LAST_WORD: Duration = Duration::from_secs(1);

/// One node on the graph. Dropping it leaves the graph.
pub struct Dds {
    watchdog: Option<Worker>,
    shared: Arc<Shared>,
}

/// What the watchdog works on too.
struct Shared {
    settings: DdsSettings,
    node: NodeId,
    heard: Arc<Heard>,
    state: Mutex<State>,
}

/// What runs, and what must run again in a new participant.
#[derive(Default)]
struct State {
    live: Option<Live>,
    /// By a number of their own, in the order in which they were opened.
    endpoints: BTreeMap<u64, Arc<dyn Endpoint>>,
    opened: u64,
}

/// Closes one endpoint when it is dropped.
struct Guard {
    shared: Weak<Shared>,
    number: u64,
}

/// A topic in the hands of whoever publishes on it.
struct Published {
    topic: Arc<Topic>,
    _guard: Guard,
}

impl Dds {
    /// Joins the graph as the node `name` in `namespace` (`/`, or such as `/robot`).
    pub fn join(
        settings: DdsSettings,
        namespace: &str,
        name: &str,
    ) -> Result<Self, TransportError> {
        if let Some(advice) = kernel::receive_buffer_advice() {
            tracing::warn!("{advice}");
        }
        let node = NodeId { namespace: namespace.into(), name: name.into() };
        let heard = Arc::<Heard>::default();
        let live = Some(Live::join(&settings, &node, &heard)?);
        let shared = Arc::new(Shared {
            settings,
            node,
            heard,
            state: Mutex::new(State { live, ..State::default() }),
        });
        Ok(Self { watchdog: Some(watchdog::start(Arc::clone(&shared))?), shared })
    }

    /// Asks a service of another node, and waits for the answer.
    pub fn call(
        &self,
        service: &str,
        type_name: &str,
        request: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, TransportError> {
        let _busy = self.shared.heard.busy();
        let client = {
            let mut state = self.shared.state();
            let live = state.live.as_mut().ok_or_else(|| self.shared.gone(service, type_name))?;
            Client::open(live, service, type_name)?
        };
        client.call(self.shared.settings.mapping, request, patience)
    }
}

impl Drop for Dds {
    fn drop(&mut self) {
        // First, so that it does not revive what is being left.
        self.watchdog = None;
        let endpoints: Vec<_> = self.shared.state().endpoints.values().cloned().collect();
        // What was said last is heard before the goodbye.
        let end = Instant::now() + LAST_WORDS;
        for endpoint in endpoints {
            endpoint.flush(end.saturating_duration_since(Instant::now()));
        }
        drop(self.shared.leave());
    }
}

impl Transport for Dds {
    fn subscribe(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
        take: Take,
    ) -> Result<Opened, TransportError> {
        let subscription = Arc::new(Subscription::new(topic, type_name, qos, take));
        Ok(Opened::new(self.shared.open(subscription)?))
    }

    fn advertise(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Arc<dyn Publication>, TransportError> {
        let topic = Arc::new(Topic::new(topic, type_name, qos));
        let guard = self.shared.open(Arc::clone(&topic) as _)?;
        Ok(Arc::new(Published { topic, _guard: guard }))
    }

    fn serve(
        &self,
        service: &str,
        type_name: &str,
        answer: Answer,
    ) -> Result<Opened, TransportError> {
        let server = Arc::new(Server::new(service, type_name, answer));
        Ok(Opened::new(self.shared.open(server)?))
    }

    fn mismatches(&self) -> Vec<QosMismatch> {
        self.shared.state().live.as_mut().map(Live::mismatches).unwrap_or_default()
    }
}

impl Publication for Published {
    fn publish(&self, cdr: Vec<u8>) -> Result<(), TransportError> {
        self.topic.publish(cdr)
    }

    fn subscribers(&self) -> usize {
        self.topic.subscribers()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let endpoint = shared.state().endpoints.remove(&self.number);
        // Not under the lock: a thread that is waited for in here may want it.
        let closed = endpoint.map(|endpoint| {
            endpoint.flush(LAST_WORD);
            endpoint.close()
        });
        let closed = closed.unwrap_or_default();
        if let Some(live) = &mut shared.state().live {
            live.forget(&closed);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked while it held the lock left lists that are whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self, name: &str, type_name: &str) -> TransportError {
        TransportError::Open {
            name: name.into(),
            type_name: type_name.into(),
            reason: format!("domain {} could not be joined again", self.settings.domain_id),
        }
    }

    /// Opens an endpoint, now or, between two participants, with the next one.
    fn open(self: &Arc<Self>, endpoint: Arc<dyn Endpoint>) -> Result<Guard, TransportError> {
        let mut state = self.state();
        if let Some(live) = &mut state.live {
            Arc::clone(&endpoint).open(live)?;
        }
        state.opened += 1;
        let number = state.opened;
        state.endpoints.insert(number, endpoint);
        Ok(Guard { shared: Arc::downgrade(self), number })
    }

    /// Closes everything, to be opened again. What is given back leaves the graph when dropped.
    fn leave(&self) -> Option<Live> {
        let (live, endpoints) = {
            let mut state = self.state();
            (state.live.take(), state.endpoints.values().cloned().collect::<Vec<_>>())
        };
        // Not under the lock: a thread that is waited for in here may want it. Who still holds a
        // publication holds no writer after this.
        for endpoint in endpoints {
            endpoint.close();
        }
        live
    }

    /// Leaves the graph and joins it anew with everything that was open.
    fn revive(&self) -> Result<(), TransportError> {
        drop(self.leave());
        let mut live = Live::join(&self.settings, &self.node, &self.heard)?;
        let mut state = self.state();
        for endpoint in state.endpoints.values() {
            Arc::clone(endpoint).open(&mut live)?;
        }
        state.live = Some(live);
        Ok(())
    }

    /// Tells others what is open, where that has changed.
    fn tell(&self) {
        if let Some(live) = &mut self.state().live {
            live.tell();
        }
    }

    /// Whether anything is open that could hear.
    fn listens(&self) -> bool {
        self.state().endpoints.values().any(|endpoint| endpoint.listens())
    }
}
