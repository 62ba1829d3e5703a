//! Ends of topics that do not fit, as the participant reports them.

use super::graph::NodeNames;
use crate::ros::transport::{QosMismatch, QosPolicy};
use rustdds::policy::{Durability, Reliability};
use rustdds::{DomainParticipant, DomainParticipantStatusEvent, GUID, QosPolicies, StatusEvented};
use std::collections::HashMap;

/// What is known of them.
pub(super) struct Mismatches {
    /// Gives what the participant reports; the middleware keeps the type to itself.
    next: Box<dyn Fn() -> Option<DomainParticipantStatusEvent> + Send>,
    /// By our end and theirs: whether ours subscribes, and the policy.
    found: HashMap<(GUID, GUID), (bool, QosPolicy)>,
}

impl Mismatches {
    pub fn new(participant: &DomainParticipant) -> Self {
        let listener = participant.status_listener();
        Self { next: Box::new(move || listener.try_recv_status()), found: HashMap::new() }
    }

    /// Takes in what was reported since the last look; `readers` and `writers` are ours, with the
    /// names of their topics.
    pub fn look(
        &mut self,
        readers: &[(GUID, String)],
        writers: &[(GUID, String)],
        names: &NodeNames,
    ) -> Vec<QosMismatch> {
        use DomainParticipantStatusEvent as Event;
        while let Some(event) = (self.next)() {
            match event {
                Event::RemoteWriterQosIncompatible {
                    local_reader,
                    remote_writer,
                    requested_qos,
                    offered_qos,
                } => {
                    let policy = lacking(&requested_qos, &offered_qos);
                    self.found.insert((local_reader, remote_writer), (true, policy));
                }
                Event::RemoteReaderQosIncompatible {
                    local_writer,
                    remote_reader,
                    requested_qos,
                    offered_qos,
                } => {
                    let policy = lacking(&requested_qos, &offered_qos);
                    self.found.insert((local_writer, remote_reader), (false, policy));
                }
                Event::WriterLost { guid, .. } | Event::ReaderLost { guid, .. } => {
                    self.found.retain(|(_, theirs), _| *theirs != guid);
                }
                _ => {}
            }
        }
        let mismatch = |(ours, theirs): &(GUID, GUID),
                        (we_subscribe, policy): &(bool, QosPolicy)| {
            let known = if *we_subscribe { readers } else { writers };
            let (_, topic) = known.iter().find(|(guid, _)| guid == ours)?;
            Some(QosMismatch {
                topic: topic.clone(),
                we_subscribe: *we_subscribe,
                node: names.node(*theirs),
                policy: *policy,
            })
        };
        let all = self.found.iter().filter_map(|(ends, how)| mismatch(ends, how));
        // Of a service both ends are ROS 2's own affair.
        let mut all: Vec<_> = all.filter(|mismatch| !mismatch.topic.is_empty()).collect();
        all.sort_by(|a, b| (&a.topic, &a.node).cmp(&(&b.topic, &b.node)));
        all
    }
}

/// In what less is offered than is requested.
fn lacking(requested: &QosPolicies, offered: &QosPolicies) -> QosPolicy {
    let is_reliable =
        |qos: &QosPolicies| matches!(qos.reliability(), Some(Reliability::Reliable { .. }));
    let durability = |qos: &QosPolicies| qos.durability().unwrap_or(Durability::Volatile);
    if is_reliable(requested) && !is_reliable(offered) {
        QosPolicy::Reliability
    } else if durability(requested) > durability(offered) {
        QosPolicy::Durability
    } else {
        QosPolicy::Other
    }
}
