//! ROS 2's own client library: any ROS 2 that is sourced, with any middleware.
//!
//! A node of rcl is used by one thread at a time, so one thread owns it ([`spinner`]) and carries
//! out what others order; it takes what comes in and hands it on. Messages stay CDR bytes; services
//! are typed in `r2r`, so [`types`] lists those there are.

mod service;
mod spinner;
mod types;

use super::{Answer, Opened, Publication, QosMismatch, QosPolicy, Take, Transport, TransportError};
use crate::ros::qos::Qos;
use ::r2r::QosProfile;
use ::r2r::qos::{DurabilityPolicy, ReliabilityPolicy};
use spinner::{Orders, Spinner};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use types::Writer;

/// One node on the graph. Dropping it leaves the graph.
pub struct R2r {
    orders: Orders,
    thread: Option<JoinHandle<()>>,
}

/// Closes what came in by one topic or service when it is dropped.
struct Guard {
    orders: Orders,
    number: u64,
}

/// A topic in the hands of whoever publishes on it.
struct Published {
    topic: String,
    orders: Orders,
    writer: Mutex<Option<Writer>>,
}

impl R2r {
    /// Joins the graph as the node `name` in `namespace` (`/`, or such as `/robot`), as the
    /// environment of ROS 2 says.
    ///
    /// # Errors
    ///
    /// When the environment or the program's ROS arguments cannot be honoured.
    pub fn join(namespace: &str, name: &str) -> Result<Self, TransportError> {
        let failed = |reason| TransportError::Join { domain_id: domain_id(), reason };
        // r2r panics where rcl refuses the program's arguments.
        let context = catch_unwind(::r2r::Context::create)
            .map_err(|panic| failed(panic_text(&*panic)))?
            .map_err(|error| failed(error.to_string()))?;
        let node = ::r2r::Node::create(context, name, namespace)
            .map_err(|error| failed(format!("{namespace} {name}: {error}")))?;
        let (orders, spinner) = Spinner::new(node);
        let thread = std::thread::Builder::new()
            .name("rcl".into())
            .spawn(move || spinner.run())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Opens what things come in by.
    fn open(
        &self,
        name: &str,
        type_name: &str,
        order: impl FnOnce(&mut Spinner) -> ::r2r::Result<u64> + Send + 'static,
    ) -> Result<Opened, TransportError> {
        let opened = self.orders.ask(order).unwrap_or(Err(::r2r::Error::RCL_RET_NODE_INVALID));
        let number = opened.map_err(|error| refused(name, type_name, &error))?;
        Ok(Opened::new(Guard { orders: self.orders.clone(), number }))
    }
}

impl Drop for R2r {
    fn drop(&mut self) {
        self.orders.end();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so already.
            let _ = thread.join();
        }
    }
}

impl Transport for R2r {
    fn subscribe(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
        take: Take,
    ) -> Result<Opened, TransportError> {
        let (name, of) = (topic.to_owned(), type_name.to_owned());
        self.open(topic, type_name, move |spinner| spinner.subscribe(&name, &of, qos, take))
    }

    fn advertise(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Arc<dyn Publication>, TransportError> {
        let (name, of) = (topic.to_owned(), type_name.to_owned());
        let opened = self.orders.ask(move |spinner| spinner.advertise(&name, &of, qos));
        let writer = opened
            .unwrap_or(Err(::r2r::Error::RCL_RET_NODE_INVALID))
            .map_err(|error| refused(topic, type_name, &error))?;
        let (topic, orders) = (topic.to_owned(), self.orders.clone());
        Ok(Arc::new(Published { topic, orders, writer: Mutex::new(Some(writer)) }))
    }

    fn serve(
        &self,
        service: &str,
        type_name: &str,
        answer: Answer,
    ) -> Result<Opened, TransportError> {
        let (name, of) = (service.to_owned(), type_name.to_owned());
        self.open(service, type_name, move |spinner| spinner.serve(&name, &of, answer))
    }

    /// Of our subscriptions: `r2r` does not tell who subscribes to what we publish.
    fn mismatches(&self) -> Vec<QosMismatch> {
        self.orders.ask(|spinner| spinner.mismatches()).unwrap_or_default()
    }
}

impl Published {
    fn with<T>(&self, what: impl FnOnce(&Writer) -> T) -> Option<T> {
        // Calls into rcl leave the writer whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(what)
    }
}

impl Publication for Published {
    fn publish(&self, cdr: Vec<u8>) -> Result<(), TransportError> {
        // Without a writer it is being withdrawn.
        let sent = self.with(|writer| unpanicked(|| writer.send(&cdr))).unwrap_or(Ok(()));
        sent.map_err(|reason| TransportError::Send { name: self.topic.clone(), reason })
    }

    fn subscribers(&self) -> usize {
        self.with(Writer::subscribers).unwrap_or(0)
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            self.orders.ask(move |spinner| spinner.withdraw(writer));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let number = self.number;
        // Its thread is waited for here, so that the others go on meanwhile.
        drop(self.orders.ask(move |spinner| spinner.close(number)));
    }
}

/// The quality of service in rcl's terms.
fn profile(qos: Qos) -> QosProfile {
    QosProfile::default()
        .keep_last(qos.depth.into())
        .reliability(if qos.reliable {
            ReliabilityPolicy::Reliable
        } else {
            ReliabilityPolicy::BestEffort
        })
        .durability(if qos.latched {
            DurabilityPolicy::TransientLocal
        } else {
            DurabilityPolicy::Volatile
        })
}

/// In what a publisher offers less than a subscription asks for.
fn lacking(asked: Qos, offered: &QosProfile) -> Option<QosPolicy> {
    let unreliable = matches!(offered.reliability, ReliabilityPolicy::BestEffort);
    let unlatched = matches!(offered.durability, DurabilityPolicy::Volatile);
    if asked.reliable && unreliable {
        Some(QosPolicy::Reliability)
    } else if asked.latched && unlatched {
        Some(QosPolicy::Durability)
    } else {
        None
    }
}

fn refused(name: &str, type_name: &str, error: &::r2r::Error) -> TransportError {
    let (name, type_name) = (name.to_owned(), type_name.to_owned());
    TransportError::Open { name, type_name, reason: error.to_string() }
}

fn domain_id() -> u16 {
    std::env::var("ROS_DOMAIN_ID").ok().and_then(|id| id.trim().parse().ok()).unwrap_or(0)
}

/// What `work` gives, or what it panicked with: rcl's wrappers panic where they meet a string with a
/// NUL in it.
fn unpanicked<T>(work: impl FnOnce() -> ::r2r::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_text(&*panic)),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("rcl panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::qos;

    #[test]
    fn qualities_are_told_in_the_terms_of_rcl() {
        let latched = profile(qos::LATCHED);
        assert!(matches!(latched.reliability, ReliabilityPolicy::Reliable));
        assert!(matches!(latched.durability, DurabilityPolicy::TransientLocal));
        assert_eq!(latched.depth, 1);
        assert_eq!(lacking(qos::SENSOR, &profile(qos::SENSOR)), None);
        assert_eq!(lacking(qos::SENSOR, &latched), None, "more than was asked for");
        assert_eq!(lacking(qos::EVENT, &profile(qos::SENSOR)), Some(QosPolicy::Reliability));
        assert_eq!(lacking(qos::LATCHED, &profile(qos::EVENT)), Some(QosPolicy::Durability));
    }
}
