//! The embedded transport: RTPS on the wire, with no ROS 2 installed.
//!
//! It speaks with nodes on Cyclone DDS and Fast DDS, and is built around what was measured of the
//! middleware (rustdds 0.15.1): readers hold old samples unless samples are limited (`names`), and
//! a participant whose process was stopped, or whose peer came back after its lease, hears nothing
//! any more, for which [`watchdog`] builds a new one.

mod drain;
mod endpoint;
mod environment;
mod graph;
mod kernel;
mod live;
mod names;
mod raw;
mod service;
mod watchdog;

#[cfg(test)]
mod tests;

pub use environment::DdsSettings;
pub use service::ServiceMapping;

use super::{Answer, Publication, Take, Transport, TransportError};
use crate::ros::qos::Qos;
use endpoint::{Server, Subscription, Topic};
use graph::NodeId;
use live::Live;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use watchdog::{Heard, Watchdog};

/// How long others are given to hear what was said before the graph is left.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One node on the graph. Dropping it leaves the graph.
pub struct Dds {
    watchdog: Option<Watchdog>,
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
    subscriptions: Vec<Arc<Subscription>>,
    topics: Vec<Arc<Topic>>,
    servers: Vec<Arc<Server>>,
}

impl State {
    /// Leaves the graph. Who still holds a publication or a reply holds no writer.
    fn close(&mut self) {
        self.topics.iter().for_each(|topic| topic.close());
        self.servers.iter().for_each(|server| server.close());
        self.live = None;
    }
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
        let live = Some(Live::join(&settings, &node)?);
        let shared = Arc::new(Shared {
            settings,
            node,
            heard: Arc::default(),
            state: Mutex::new(State { live, ..State::default() }),
        });
        Ok(Self { watchdog: Some(Watchdog::start(Arc::clone(&shared))?), shared })
    }

    /// Asks a service of another node, and waits for the answer.
    pub fn call(
        &self,
        service: &str,
        type_name: &str,
        request: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, TransportError> {
        let client = {
            let mut state = self.shared.state();
            let live = state.live.as_mut().ok_or_else(|| self.shared.gone(service, type_name))?;
            endpoint::Client::open(live, service, type_name)?
        };
        client.call(self.shared.settings.mapping, request, patience)
    }
}

impl Drop for Dds {
    fn drop(&mut self) {
        // First, so that it does not revive what is being left.
        self.watchdog = None;
        let mut state = self.shared.state();
        // What was said last is heard before the goodbye.
        let end = Instant::now() + LAST_WORDS;
        let left = || end.saturating_duration_since(Instant::now());
        state.topics.iter().for_each(|topic| topic.flush(left()));
        state.servers.iter().for_each(|server| server.flush(left()));
        state.close();
    }
}

impl Transport for Dds {
    fn subscribe(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
        take: Take,
    ) -> Result<(), TransportError> {
        let subscription =
            Arc::new(Subscription { topic: topic.into(), type_name: type_name.into(), qos, take });
        let mut state = self.shared.state();
        let live = state.live.as_mut().ok_or_else(|| self.shared.gone(topic, type_name))?;
        subscription.open(live, &self.shared.heard)?;
        state.subscriptions.push(subscription);
        Ok(())
    }

    fn advertise(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Arc<dyn Publication>, TransportError> {
        let published = Arc::new(Topic::new(topic, type_name, qos));
        let mut state = self.shared.state();
        let live = state.live.as_mut().ok_or_else(|| self.shared.gone(topic, type_name))?;
        published.open(live)?;
        state.topics.push(Arc::clone(&published));
        Ok(published)
    }

    fn serve(&self, service: &str, type_name: &str, answer: Answer) -> Result<(), TransportError> {
        let server = Arc::new(Server::new(service, type_name, answer));
        let mut state = self.shared.state();
        let live = state.live.as_mut().ok_or_else(|| self.shared.gone(service, type_name))?;
        server.open(live, self.shared.settings.mapping, &self.shared.heard)?;
        state.servers.push(server);
        Ok(())
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

    /// Leaves the graph and joins it anew with everything that was open.
    fn revive(&self) -> Result<(), TransportError> {
        let mut state = self.state();
        state.close();
        let mut live = Live::join(&self.settings, &self.node)?;
        for subscription in &state.subscriptions {
            subscription.open(&mut live, &self.heard)?;
        }
        for topic in &state.topics {
            topic.open(&mut live)?;
        }
        for server in &state.servers {
            server.open(&mut live, self.settings.mapping, &self.heard)?;
        }
        state.live = Some(live);
        Ok(())
    }

    fn has_subscriptions(&self) -> bool {
        !self.state().subscriptions.is_empty()
    }
}
