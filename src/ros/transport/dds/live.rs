//! One participant and all it has open. The transport replaces it when it has gone deaf.

use super::drain::{Drain, Reader, Sample};
use super::environment::DdsSettings;
use super::graph::{self, NodeId, NodeNames};
use super::mismatch::Mismatches;
use super::names::{dds_type, reader_qos, topic, writer_qos};
use super::raw::{Inbound, Outbound, Raw};
use super::service::ServiceMapping;
use super::watchdog::Heard;
use crate::ros::qos::{self, Qos};
use crate::ros::transport::{QosMismatch, TransportError};
use rustdds::no_key::DataWriter;
use rustdds::{
    DomainParticipant, DomainParticipantBuilder, GUID, Publisher, QosPolicies, RTPSEntity,
    Subscriber, Topic, TopicKind,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub(super) type Writer = DataWriter<Outbound, Raw>;

/// What runs. Fields drop in order: the participant last.
pub(super) struct Live {
    /// Listens to who is who in the graph.
    _introductions: Drain,
    names: Arc<NodeNames>,
    graph: Writer,
    /// Whether others were told of what is open now.
    told: bool,
    mismatches: Mismatches,
    /// Readers and writers, and the ROS 2 names of their topics, empty for services.
    readers: Vec<(GUID, String)>,
    writers: Vec<(GUID, String)>,
    publisher: Publisher,
    subscriber: Subscriber,
    participant: DomainParticipant,
    node: NodeId,
    long_ids: bool,
    mapping: ServiceMapping,
    heard: Arc<Heard>,
}

impl Live {
    /// Joins the graph as `node`; what comes in is noted in `heard`.
    pub fn join(
        settings: &DdsSettings,
        node: &NodeId,
        heard: &Arc<Heard>,
    ) -> Result<Self, TransportError> {
        let failed = |error: rustdds::dds::CreateError| TransportError::Join {
            domain_id: settings.domain_id,
            reason: error.to_string(),
        };
        let mut builder = DomainParticipantBuilder::new(settings.domain_id);
        if settings.localhost_only {
            builder = builder.with_only_networks([IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        }
        let participant = builder.build().map_err(failed)?;
        let none = QosPolicies::qos_none();
        let publisher = participant.create_publisher(&none).map_err(failed)?;
        let subscriber = participant.create_subscriber(&none).map_err(failed)?;
        let graph = introducer(&participant, &publisher).map_err(failed)?;
        let others = introductions(&participant, &reader_qos(graph::QOS))
            .and_then(|topic| {
                subscriber.create_simple_datareader_no_key::<Inbound, Raw>(&topic, None)
            })
            .map_err(failed)?;
        let names = Arc::new(NodeNames::new(settings.long_ids));
        let into = Arc::clone(&names);
        let introductions =
            spawn(graph::TOPIC, others, move |sample| into.learn(&sample.sample.0))?;
        let mut live = Self {
            _introductions: introductions,
            names,
            graph,
            told: false,
            mismatches: Mismatches::new(&participant),
            readers: Vec::new(),
            writers: Vec::new(),
            publisher,
            subscriber,
            participant,
            node: node.clone(),
            long_ids: settings.long_ids,
            mapping: settings.mapping,
            heard: Arc::clone(heard),
        };
        live.tell();
        Ok(live)
    }

    /// How services travel.
    pub fn mapping(&self) -> ServiceMapping {
        self.mapping
    }

    /// Where to note that something came.
    pub fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Opens a ROS 2 topic for reading.
    pub fn subscribe(
        &mut self,
        name: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Reader, TransportError> {
        let reader = self.reader(&topic(name), &dds_type(type_name, ""), qos)?;
        self.readers.last_mut().into_iter().for_each(|(_, known)| *known = name.into());
        Ok(reader)
    }

    /// Opens a ROS 2 topic for writing.
    pub fn advertise(
        &mut self,
        name: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Writer, TransportError> {
        let writer = self.writer(&topic(name), &dds_type(type_name, ""), qos)?;
        self.writers.last_mut().into_iter().for_each(|(_, known)| *known = name.into());
        Ok(writer)
    }

    /// Has `each` take what comes to a reader.
    pub fn drain(
        &self,
        name: &str,
        reader: Reader,
        each: impl Fn(Sample) + Send + 'static,
    ) -> Result<Drain, TransportError> {
        spawn(name, reader, each)
    }

    /// Readers and writers that are open no more.
    pub fn forget(&mut self, closed: &[GUID]) {
        self.readers.retain(|(guid, _)| !closed.contains(guid));
        self.writers.retain(|(guid, _)| !closed.contains(guid));
        self.told = false;
    }

    /// The ends of topics that do not fit ours.
    pub fn mismatches(&mut self) -> Vec<QosMismatch> {
        self.mismatches.look(&self.readers, &self.writers, &self.names)
    }

    /// Opens a DDS topic for reading.
    pub fn reader(
        &mut self,
        name: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Reader, TransportError> {
        let reader = self
            .participant
            .create_topic(name.into(), type_name.into(), &reader_qos(qos), TopicKind::NoKey)
            .and_then(|topic| {
                self.subscriber.create_simple_datareader_no_key::<Inbound, Raw>(&topic, None)
            })
            .map_err(|error| not_open(name, type_name, &error))?;
        if !qos.latched {
            // The middleware keeps samples by topic, not by reader: what an earlier reader of this
            // participant has heard is passed over, or requests would be answered twice.
            while !matches!(reader.try_take_one(), Ok(None)) {}
        }
        self.readers.push((reader.guid(), String::new()));
        self.told = false;
        Ok(reader)
    }

    /// Opens a DDS topic for writing.
    pub fn writer(
        &mut self,
        name: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Writer, TransportError> {
        let writer = self
            .participant
            .create_topic(name.into(), type_name.into(), &writer_qos(qos), TopicKind::NoKey)
            .and_then(|topic| {
                self.publisher.create_datawriter_no_key::<Outbound, Raw>(&topic, None)
            })
            .map_err(|error| not_open(name, type_name, &error))?;
        self.writers.push((writer.guid(), String::new()));
        self.told = false;
        Ok(writer)
    }

    /// Tells others what is open, where that has changed.
    pub fn tell(&mut self) {
        if self.told {
            return;
        }
        let guids = |known: &[(GUID, String)]| known.iter().map(|(guid, _)| *guid).collect();
        let (readers, writers): (Vec<_>, Vec<_>) = (guids(&self.readers), guids(&self.writers));
        let message =
            graph::message(self.participant.guid(), &self.node, &readers, &writers, self.long_ids);
        let Err(error) = self.graph.write(Outbound::new(message), None) else {
            self.told = true;
            return;
        };
        // A participant that stays on this machine does not reach its own reader, which then never
        // acknowledges: a writer whose window is full of that stays so, and another one goes on.
        tracing::debug!("the node's name was not told, and is told anew: {error}");
        match introducer(&self.participant, &self.publisher) {
            Ok(graph) => self.graph = graph,
            Err(error) => tracing::warn!("the node's name cannot be told: {error}"),
        }
    }
}

/// The topic on which participants tell what they are.
fn introductions(
    participant: &DomainParticipant,
    qos: &QosPolicies,
) -> Result<Topic, rustdds::dds::CreateError> {
    participant.create_topic(graph::TOPIC.into(), graph::TYPE.into(), qos, TopicKind::NoKey)
}

fn introducer(
    participant: &DomainParticipant,
    publisher: &Publisher,
) -> Result<Writer, rustdds::dds::CreateError> {
    let topic = introductions(participant, &writer_qos(qos::LATCHED))?;
    publisher.create_datawriter_no_key::<Outbound, Raw>(&topic, None)
}

fn spawn(
    name: &str,
    reader: Reader,
    each: impl Fn(Sample) + Send + 'static,
) -> Result<Drain, TransportError> {
    Drain::spawn(name, reader, each).map_err(|error| TransportError::Open {
        name: name.into(),
        type_name: String::new(),
        reason: format!("no thread: {error}"),
    })
}

fn not_open(name: &str, type_name: &str, error: &rustdds::dds::CreateError) -> TransportError {
    TransportError::Open {
        name: name.into(),
        type_name: type_name.into(),
        reason: error.to_string(),
    }
}
