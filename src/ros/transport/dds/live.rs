//! One participant and all it has open. The transport replaces it when it has gone deaf.

use super::drain::{Drain, Reader, Sample};
use super::environment::DdsSettings;
use super::graph::{self, NodeId};
use super::names::{dds_type, reader_qos, topic, writer_qos};
use super::raw::{Inbound, Outbound, Raw};
use crate::ros::qos::{self, Qos};
use crate::ros::transport::TransportError;
use rustdds::no_key::DataWriter;
use rustdds::{
    DomainParticipant, DomainParticipantBuilder, GUID, Publisher, QosPolicies, RTPSEntity,
    Subscriber, TopicKind,
};
use std::net::{IpAddr, Ipv4Addr};

pub(super) type Writer = DataWriter<Outbound, Raw>;

/// What runs. Fields drop in order: threads first, the participant last.
pub(super) struct Live {
    drains: Vec<Drain>,
    graph: Writer,
    readers: Vec<GUID>,
    writers: Vec<GUID>,
    publisher: Publisher,
    subscriber: Subscriber,
    participant: DomainParticipant,
    node: NodeId,
    long_ids: bool,
}

impl Live {
    /// Joins the graph as `node`.
    pub fn join(settings: &DdsSettings, node: &NodeId) -> Result<Self, TransportError> {
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
        let graph = participant
            .create_topic(
                graph::TOPIC.into(),
                graph::TYPE.into(),
                &writer_qos(qos::LATCHED),
                TopicKind::NoKey,
            )
            .and_then(|topic| publisher.create_datawriter_no_key::<Outbound, Raw>(&topic, None))
            .map_err(failed)?;
        let live = Self {
            drains: Vec::new(),
            graph,
            readers: Vec::new(),
            writers: Vec::new(),
            publisher,
            subscriber,
            participant,
            node: node.clone(),
            long_ids: settings.long_ids,
        };
        live.announce();
        Ok(live)
    }

    /// Has `each` take the messages of a ROS 2 topic.
    pub fn subscribe(
        &mut self,
        name: &str,
        type_name: &str,
        qos: Qos,
        each: impl Fn(Sample) + Send + 'static,
    ) -> Result<(), TransportError> {
        let reader = self.reader(&topic(name), &dds_type(type_name, ""), qos)?;
        self.drain(name, reader, each)
    }

    /// Opens a ROS 2 topic for writing.
    pub fn advertise(
        &mut self,
        name: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Writer, TransportError> {
        self.writer(&topic(name), &dds_type(type_name, ""), qos)
    }

    /// Has `each` take what comes to a reader.
    pub fn drain(
        &mut self,
        name: &str,
        reader: Reader,
        each: impl Fn(Sample) + Send + 'static,
    ) -> Result<(), TransportError> {
        let drain = Drain::spawn(name, reader, each).map_err(|error| TransportError::Open {
            name: name.into(),
            type_name: String::new(),
            reason: format!("no thread: {error}"),
        })?;
        self.drains.push(drain);
        Ok(())
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
        self.readers.push(reader.guid());
        self.announce();
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
        self.writers.push(writer.guid());
        self.announce();
        Ok(writer)
    }

    fn announce(&self) {
        let message = graph::message(
            self.participant.guid(),
            &self.node,
            &self.readers,
            &self.writers,
            self.long_ids,
        );
        if let Err(error) = self.graph.write(Outbound::new(message), None) {
            tracing::debug!("the node's name was not told: {error}");
        }
    }
}

fn not_open(name: &str, type_name: &str, error: &rustdds::dds::CreateError) -> TransportError {
    TransportError::Open {
        name: name.into(),
        type_name: type_name.into(),
        reason: error.to_string(),
    }
}
