//! Topics and services as they were asked for, so that they can be opened again.

use super::drain::{Drain, Reader, Sample};
use super::live::{Live, Writer};
use super::names::dds_type;
use super::raw::Outbound;
use super::service::{self, RequestId, ServiceMapping};
use crate::ros::qos::{self, Qos};
use crate::ros::transport::{Answer, Publication, Reply, Take, TransportError};
use rustdds::{
    DataReaderStatus, DataWriterStatus, GUID, RTPSEntity, SampleIdentity, StatusEvented,
    WriteOptions, WriteOptionsBuilder,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a response is tried to be sent again.
const INSISTENCE: Duration = Duration::from_secs(3);
/// How long a response waits for its client to hear us: it may be gone for good.
const MATCHING: Duration = Duration::from_secs(1);
/// The same, since we joined the graph: participants tell of themselves that often.
const DISCOVERY: Duration = Duration::from_secs(10);
/// How long clients are given to take a response: on this middleware, what they have not taken goes
/// with the writer.
const TAKING: Duration = Duration::from_millis(200);
/// How long nothing is done between two looks.
const NAP: Duration = Duration::from_millis(10);

/// A topic or a service that can be opened in one participant after another.
pub(super) trait Endpoint: Send + Sync {
    /// Opens it in a participant.
    fn open(self: Arc<Self>, live: &mut Live) -> Result<(), TransportError>;

    /// Waits until all that is reliable has arrived; for `patience` at most.
    fn flush(&self, patience: Duration);

    /// Closes it there, and waits until what it called has returned. Gives the ids of its readers
    /// and writers.
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

/// What responses go out by.
struct Responses {
    writer: Writer,
    since: Instant,
    /// When the newest response went out.
    sent: Option<Instant>,
    /// The readers that hear it.
    readers: HashSet<GUID>,
}

impl Responses {
    /// Whether the client that sent a request hears the response: it would be lost on one that was
    /// not matched yet. Cyclone's ids do not say which participant asked, so there anyone will do.
    fn are_heard_by(&mut self, id: &RequestId) -> bool {
        while let Some(status) = self.writer.try_recv_status() {
            if let DataWriterStatus::PublicationMatched { current, reader, .. } = status {
                if current.count_change() > 0 {
                    self.readers.insert(reader);
                } else {
                    self.readers.remove(&reader);
                }
            }
        }
        match id {
            RequestId::Enhanced(id) => {
                self.readers.iter().any(|reader| reader.prefix == id.writer_guid.prefix)
            }
            RequestId::Cyclone(_) => !self.readers.is_empty(),
        }
    }
}

/// A service that is offered.
pub(super) struct Server {
    name: String,
    type_name: String,
    answer: Answer,
    /// The newest participant's: an answer may come after the one that heard the request is gone.
    responses: Mutex<Option<Responses>>,
    /// Takes requests.
    drain: Mutex<Option<Drain>>,
}

impl Server {
    pub fn new(name: &str, type_name: &str, answer: Answer) -> Self {
        Self {
            name: name.into(),
            type_name: type_name.into(),
            answer,
            responses: Mutex::default(),
            drain: Mutex::default(),
        }
    }

    fn answer_one(self: &Arc<Self>, mapping: ServiceMapping, sample: Sample) {
        let (own, related) = identities(&sample);
        let Some((id, request)) = service::open(mapping, sample.sample.0, own, related) else {
            tracing::warn!("{}: a request is too short to have an id", self.name);
            return;
        };
        let this = Arc::clone(self);
        let reply = Reply::new(move |response| {
            if let Err(error) = this.respond(&id, response) {
                tracing::warn!("{error}");
            }
        });
        (self.answer)(&request, reply);
    }

    fn respond(&self, id: &RequestId, response: Vec<u8>) -> Result<(), TransportError> {
        let options = match id {
            RequestId::Enhanced(id) => WriteOptionsBuilder::new().related_sample_identity(*id),
            RequestId::Cyclone(_) => WriteOptionsBuilder::new(),
        };
        let options = options.build();
        let mut responses = lock(&self.responses);
        let responses =
            responses.as_mut().ok_or_else(|| not_sent(&self.name, &"the graph was left"))?;
        let end = (Instant::now() + MATCHING).max(responses.since + DISCOVERY);
        while !responses.are_heard_by(id) && Instant::now() < end {
            std::thread::sleep(NAP);
        }
        let end = Instant::now() + INSISTENCE;
        loop {
            let response = Outbound::new(service::close(id, response.clone()));
            match responses.writer.write_with_options(response, options.clone()) {
                Ok(_) => {
                    responses.sent = Some(Instant::now());
                    return Ok(());
                }
                // Held up, as on a loaded machine; whoever asked waits for this one answer.
                Err(_) if Instant::now() < end => {}
                Err(error) => return Err(not_sent(&self.name, &error)),
            }
        }
    }
}

impl Endpoint for Server {
    fn open(self: Arc<Self>, live: &mut Live) -> Result<(), TransportError> {
        let (request, response) = names(&self.name);
        let (request_type, response_type) = types(&self.type_name);
        let writer = live.writer(&response, &response_type, qos::SERVICE)?;
        *lock(&self.responses) =
            Some(Responses { writer, since: Instant::now(), sent: None, readers: HashSet::new() });
        let reader = live.reader(&request, &request_type, qos::SERVICE)?;
        let (this, heard, mapping) = (Arc::clone(&self), live.heard(), live.mapping());
        let drain = live.drain(&self.name, reader, move |sample| {
            // An answer may take long.
            let _busy = heard.busy();
            this.answer_one(mapping, sample);
        })?;
        *lock(&self.drain) = Some(drain);
        Ok(())
    }

    fn flush(&self, patience: Duration) {
        if let Some(responses) = &*lock(&self.responses) {
            flush(&responses.writer, patience);
            if let Some(sent) = responses.sent {
                std::thread::sleep((sent + TAKING).saturating_duration_since(Instant::now()));
            }
        }
    }

    fn close(&self) -> Vec<GUID> {
        let drain = lock(&self.drain).take();
        let responses = lock(&self.responses).take();
        let writer = responses.iter().map(|responses| responses.writer.guid());
        drain.iter().map(Drain::guid).chain(writer).collect()
    }

    fn listens(&self) -> bool {
        true
    }
}

/// One client of a service.
pub(super) struct Client {
    name: String,
    writer: Writer,
    reader: Reader,
}

impl Client {
    pub fn open(live: &mut Live, name: &str, type_name: &str) -> Result<Self, TransportError> {
        let (request, response) = names(name);
        let (request_type, response_type) = types(type_name);
        Ok(Self {
            name: name.into(),
            reader: live.reader(&response, &response_type, qos::SERVICE)?,
            writer: live.writer(&request, &request_type, qos::SERVICE)?,
        })
    }

    /// Waits for the service to be there, asks once, and waits for the answer.
    pub fn call(
        &self,
        mapping: ServiceMapping,
        request: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, TransportError> {
        let end = Instant::now() + patience;
        let late = |reason| TransportError::NoAnswer {
            name: self.name.clone(),
            seconds: patience.as_secs(),
            reason,
        };
        let (mut heard_by_us, mut hears_us) = (false, false);
        while !(heard_by_us && hears_us) {
            while let Some(status) = self.reader.try_recv_status() {
                heard_by_us |= matches!(status, DataReaderStatus::SubscriptionMatched { .. });
            }
            while let Some(status) = self.writer.try_recv_status() {
                hears_us |= matches!(status, DataWriterStatus::PublicationMatched { .. });
            }
            if Instant::now() > end {
                return Err(late("the service was not found"));
            }
            std::thread::sleep(NAP);
        }
        let cyclone = service::cyclone_id(self.writer.guid(), 1);
        let request = match mapping {
            ServiceMapping::Enhanced => request,
            ServiceMapping::Cyclone => service::close(&cyclone, request),
        };
        let sent = self
            .writer
            .write_with_options(Outbound::new(request), WriteOptions::default())
            .map_err(|error| not_sent(&self.name, &error))?;
        let wanted = match mapping {
            ServiceMapping::Enhanced => RequestId::Enhanced(sent),
            ServiceMapping::Cyclone => cyclone,
        };
        while Instant::now() < end {
            self.reader.drain_read_notifications();
            while let Ok(Some(sample)) = self.reader.try_take_one() {
                let (own, related) = identities(&sample);
                match service::open(mapping, sample.sample.0, own, related) {
                    Some((id, response)) if id == wanted => return Ok(response),
                    _ => {}
                }
            }
            std::thread::sleep(NAP);
        }
        Err(late("it was asked and did not answer"))
    }
}

fn flush(writer: &Writer, patience: Duration) {
    // Who has not heard it by now will not.
    let _ = writer.wait_for_acknowledgments(patience);
}

fn identities(sample: &Sample) -> (SampleIdentity, Option<SampleIdentity>) {
    let own =
        SampleIdentity { writer_guid: sample.writer_guid, sequence_number: sample.sequence_number };
    (own, sample.related_sample_identity())
}

/// DDS topics of requests and responses.
fn names(service: &str) -> (String, String) {
    (format!("rq{service}Request"), format!("rr{service}Reply"))
}

/// DDS types of requests and responses.
fn types(type_name: &str) -> (String, String) {
    (dds_type(type_name, "_Request"), dds_type(type_name, "_Response"))
}

fn not_sent(name: &str, error: &impl std::fmt::Display) -> TransportError {
    TransportError::Send { name: name.into(), reason: error.to_string() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is replaced whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
