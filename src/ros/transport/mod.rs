//! How messages travel: CDR bytes, a type name and a quality of service. Nothing outside this
//! folder knows what carries them.
//!
//! Names are full (`/robot/plan`) and types are written as ROS 2 writes them
//! (`scenellm/msg/Plan`). CDR bytes begin with the encapsulation header.

#[cfg(feature = "dds")]
mod dds;
#[cfg(feature = "r2r")]
mod r2r;

#[cfg(feature = "dds")]
pub use dds::{Dds, DdsSettings, ServiceMapping};
#[cfg(feature = "r2r")]
pub use r2r::R2r;

use super::qos::Qos;
use std::any::Any;
use std::sync::Arc;

/// What can go wrong between this program and the graph.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A variable of the environment cannot be used.
    #[error("{variable}={value}: {reason}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// The graph cannot be joined.
    #[error("cannot join domain {domain_id}: {reason}")]
    Join {
        /// The domain.
        domain_id: u16,
        /// What the middleware says.
        reason: String,
    },
    /// A topic or a service cannot be opened.
    #[error("{name} ({type_name}): cannot be opened: {reason}")]
    Open {
        /// Topic or service.
        name: String,
        /// Its type.
        type_name: String,
        /// What the middleware says.
        reason: String,
    },
    /// A message was not taken for sending.
    #[error("{name}: not sent: {reason}")]
    Send {
        /// Topic or service.
        name: String,
        /// What the middleware says.
        reason: String,
    },
    /// No answer came.
    #[error("{name}: no answer within {seconds} s: {reason}")]
    NoAnswer {
        /// The service.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// How far it came.
        reason: &'static str,
    },
}

/// Joins the graph as the node `name` in `namespace` (`/`, or such as `/robot`): with ROS 2's own
/// client library where the program was built with it, else with the embedded transport.
///
/// # Errors
///
/// When what the environment says of the graph cannot be honoured.
#[cfg(feature = "graph")]
pub fn join(namespace: &str, name: &str) -> Result<Arc<dyn Transport>, TransportError> {
    #[cfg(feature = "r2r")]
    let transport = R2r::join(namespace, name)?;
    #[cfg(not(feature = "r2r"))]
    let transport = {
        let settings = DdsSettings::from_environment(|variable| std::env::var(variable).ok())?;
        Dds::join(settings, namespace, name)?
    };
    Ok(Arc::new(transport))
}

/// Takes the CDR bytes of one message. Called on a thread of the transport: put them aside and
/// return.
pub type Take = Box<dyn Fn(Vec<u8>) + Send + Sync>;

/// Takes the CDR bytes of a request and the way back to who asked. Each service has a thread of its
/// own, which this may hold; an answer that takes longer than others should wait is sent later.
pub type Answer = Box<dyn Fn(&[u8], Reply) + Send + Sync>;

/// The way back to who asked. Dropping it answers nothing, which is for requests that cannot be
/// read.
pub struct Reply(Box<dyn FnOnce(Vec<u8>) + Send>);

impl Reply {
    /// A way back that hands the CDR bytes of the response to `send`.
    pub fn new(send: impl FnOnce(Vec<u8>) + Send + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Sends the CDR bytes of the response, from any thread and at any time. That it gets lost
    /// cannot be helped, and is logged.
    pub fn send(self, cdr: Vec<u8>) {
        (self.0)(cdr);
    }
}

/// Something that is open on the graph. Dropping it closes it: when that returns, what it called is
/// called no more.
#[must_use = "dropping it closes what was opened"]
pub struct Opened {
    _guard: Box<dyn Any + Send + Sync>,
}

impl Opened {
    /// What is closed by dropping `guard`.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { _guard: Box::new(guard) }
    }
}

/// A quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QosPolicy {
    /// Whether lost samples are sent again.
    Reliability,
    /// Whether those who come late get what was sent before.
    Durability,
    /// One that nothing here sets, such as a deadline.
    Other,
}

/// Two ends of a topic that do not fit: nothing travels between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QosMismatch {
    /// The topic.
    pub topic: String,
    /// Whether we subscribe and the other node publishes, or the other way round.
    pub we_subscribe: bool,
    /// Full name of the other node; empty where it is not known.
    pub node: String,
    /// In which policy the publisher offers less than the subscriber asks for.
    pub policy: QosPolicy,
}

/// A way onto a ROS 2 graph.
pub trait Transport: Send + Sync {
    /// Has every message of a topic taken by `take`.
    fn subscribe(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
        take: Take,
    ) -> Result<Opened, TransportError>;

    /// Opens a topic to publish on. Dropping the last reference withdraws it.
    fn advertise(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Arc<dyn Publication>, TransportError>;

    /// Has every request of a service answered by `answer`.
    fn serve(
        &self,
        service: &str,
        type_name: &str,
        answer: Answer,
    ) -> Result<Opened, TransportError>;

    /// The topics of other nodes that do not fit ours, as far as they are known.
    fn mismatches(&self) -> Vec<QosMismatch>;
}

/// A topic that is published on.
pub trait Publication: Send + Sync {
    /// Sends one message. To fail to is not fatal: the next one may go.
    fn publish(&self, cdr: Vec<u8>) -> Result<(), TransportError>;

    /// How many subscribers get what is published.
    fn subscribers(&self) -> usize;
}
