//! Topics as they were asked for, so that they can be opened again; services are in `server`.

use super::drain::Drain;
use super::live::{Live, Writer};
use super::raw::Outbound;
use crate::ros::qos::Qos;
use crate::ros::transport::{Publication, Take, TransportError};
use rustdds::{DataWriterStatus, GUID, RTPSEntity, StatusEvented};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A topic or a service that can be opened in one participant after another.
pub(super) trait Endpoint: Send + Sync {
    /// Opens it in a participant.
    fn open(self: Arc<Self>, live: &mut Live) -> Result<(), TransportError>;

    /// Waits until all that is reliable has arrived; for `patience` at most.
    fn flush(&self, patience: Duration);

    /// Closes it there, and waits until what it called has returned and clients had the time to take
    /// what was answered. Gives the ids of its readers and writers.
    fn close(&self) -> Vec<GUID>;

    /// Whether anything can come in by it.
    fn listens(&self) -> bool;
}

/// A topic that is listened to.
pub(super) struct Subscription {
    topic: String,
    type_name: String,
    qos: Qos,
    take: Take,
    drain: Mutex<Option<Drain>>,
}

impl Subscription {
    pub fn new(topic: &str, type_name: &str, qos: Qos, take: Take) -> Self {
        Self {
            topic: topic.into(),
            type_name: type_name.into(),
            qos,
            take,
            drain: Mutex::default(),
        }
    }
}

impl Endpoint for Subscription {
    fn open(self: Arc<Self>, live: &mut Live) -> Result<(), TransportError> {
        let (this, heard) = (Arc::clone(&self), live.heard());
        let reader = live.subscribe(&self.topic, &self.type_name, self.qos)?;
        let drain = live.drain(&self.topic, reader, move |sample| {
            heard.something();
            (this.take)(sample.sample.0);
        })?;
        *lock(&self.drain) = Some(drain);
        Ok(())
    }

    fn flush(&self, _: Duration) {}

    fn close(&self) -> Vec<GUID> {
        let drain = lock(&self.drain).take();
        drain.iter().map(Drain::guid).collect()
    }

    fn listens(&self) -> bool {
        true
    }
}

/// A topic that is published on.
pub(super) struct Topic {
    name: String,
    type_name: String,
    qos: Qos,
    writer: Mutex<Option<Writer>>,
    /// Of a latched topic the newest message, which a new participant publishes again.
    newest: Mutex<Option<Vec<u8>>>,
    matched: AtomicUsize,
}

impl Topic {
    pub fn new(name: &str, type_name: &str, qos: Qos) -> Self {
        Self {
            name: name.into(),
            type_name: type_name.into(),
            qos,
            writer: Mutex::default(),
            newest: Mutex::default(),
            matched: AtomicUsize::new(0),
        }
    }

    fn send(&self, cdr: Vec<u8>) -> Result<(), TransportError> {
        match &*lock(&self.writer) {
            // Between two participants: what is latched is sent by the next one.
            None => Ok(()),
            Some(writer) => {
                writer.write(Outbound::new(cdr), None).map_err(|error| not_sent(&self.name, &error))
            }
        }
    }
}

impl Endpoint for Topic {
    fn open(self: Arc<Self>, live: &mut Live) -> Result<(), TransportError> {
        let writer = live.advertise(&self.name, &self.type_name, self.qos)?;
        *lock(&self.writer) = Some(writer);
        let newest = lock(&self.newest).clone();
        newest.map_or(Ok(()), |cdr| self.send(cdr))
    }

    fn flush(&self, patience: Duration) {
        if let Some(writer) = &*lock(&self.writer) {
            flush(writer, patience);
        }
    }

    fn close(&self) -> Vec<GUID> {
        self.matched.store(0, Ordering::Relaxed);
        let writer = lock(&self.writer).take();
        writer.iter().map(RTPSEntity::guid).collect()
    }

    fn listens(&self) -> bool {
        false
    }
}

impl Publication for Topic {
    fn publish(&self, cdr: Vec<u8>) -> Result<(), TransportError> {
        if self.qos.latched {
            *lock(&self.newest) = Some(cdr.clone());
        }
        self.send(cdr)
    }

    fn subscribers(&self) -> usize {
        if let Some(writer) = &*lock(&self.writer) {
            while let Some(status) = writer.try_recv_status() {
                if let DataWriterStatus::PublicationMatched { current, .. } = status {
                    let count = usize::try_from(current.count()).unwrap_or(0);
                    self.matched.store(count, Ordering::Relaxed);
                }
            }
        }
        self.matched.load(Ordering::Relaxed)
    }
}

pub(super) fn flush(writer: &Writer, patience: Duration) {
    // Who has not heard it by now will not.
    let _ = writer.wait_for_acknowledgments(patience);
}

pub(super) fn not_sent(name: &str, error: &impl std::fmt::Display) -> TransportError {
    TransportError::Send { name: name.into(), reason: error.to_string() }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is replaced whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
