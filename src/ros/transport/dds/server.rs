//! A service that is offered: requests come in, each is answered once, sooner or later.

use super::drain::{Drain, Sample};
use super::endpoint::{Endpoint, flush, lock, not_sent};
use super::live::{Live, Writer};
use super::raw::Outbound;
use super::service::{self, RequestId, ServiceMapping, identities, names, types};
use crate::ros::qos;
use crate::ros::transport::{Answer, Reply, TransportError};
use rustdds::{DataWriterStatus, GUID, RTPSEntity, StatusEvented, WriteOptionsBuilder};
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a response waits between two participants for the next one.
const JOINING: Duration = Duration::from_secs(10);
/// How long a response is tried to be sent again.
const INSISTENCE: Duration = Duration::from_secs(3);
/// How long a response waits for its client to hear us: it may be gone for good.
const MATCHING: Duration = Duration::from_secs(1);
/// The same, since we joined the graph: participants tell of themselves that often.
const DISCOVERY: Duration = Duration::from_secs(10);
/// How long clients are given to take a response: on this middleware, what they have not taken goes
/// with the writer. On a loaded machine they are slow.
const TAKING: Duration = Duration::from_secs(1);
/// How long nothing is done between two looks.
const NAP: Duration = Duration::from_millis(10);

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
    /// Tells of a new participant.
    joined: Condvar,
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
            joined: Condvar::new(),
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
        let is_between = |responses: &mut Option<Responses>| responses.is_none();
        let waited = self.joined.wait_timeout_while(lock(&self.responses), JOINING, is_between);
        let (mut responses, _) = waited.unwrap_or_else(PoisonError::into_inner);
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
        self.joined.notify_all();
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
        }
    }

    fn close(&self) -> Vec<GUID> {
        // The drain ends first: what it is about to answer needs the writer.
        let drain = lock(&self.drain).take();
        let reader = drain.as_ref().map(Drain::guid);
        drop(drain);
        let responses = lock(&self.responses).take();
        if let Some(sent) = responses.as_ref().and_then(|responses| responses.sent) {
            std::thread::sleep((sent + TAKING).saturating_duration_since(Instant::now()));
        }
        let writer = responses.as_ref().map(|responses| responses.writer.guid());
        reader.into_iter().chain(writer).collect()
    }

    fn listens(&self) -> bool {
        true
    }
}
