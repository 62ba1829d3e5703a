//! Tells other participants which node the readers and writers belong to, so that
//! `ros2 node list` and `ros2 node info` show it (`rmw_dds_common/ParticipantEntitiesInfo`).

use crate::ros::from_cdr;
use crate::ros::qos::Qos;
use rustdds::GUID;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub(super) const TOPIC: &str = "ros_discovery_info";
pub(super) const TYPE: &str = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";

/// For listening to others: each participant tells its newest state.
pub(super) const QOS: Qos = Qos { reliable: true, latched: true, depth: 100 };

/// Readers and writers whose nodes are remembered at most: those of nodes that are gone gather, and
/// every call of `ros2` is a node.
const MAX_KNOWN: usize = 100_000;

/// Bytes of an id before ROS 2 Iron, of which DDS fills 16.
const LONG_ID_BYTES: usize = 24;

/// Name of a node: `name` in `namespace` (`/` or `/robot`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeId {
    pub namespace: String,
    pub name: String,
}

/// An id in the graph: an array of bytes whose length depends on the ROS 2 release.
struct Gid {
    guid: GUID,
    long: bool,
}

impl Serialize for Gid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = self.guid.to_bytes().to_vec();
        if self.long {
            bytes.resize(LONG_ID_BYTES, 0);
        }
        let mut tuple = serializer.serialize_tuple(bytes.len())?;
        for byte in &bytes {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

#[derive(DeriveSerialize, Deserialize)]
struct ParticipantEntitiesInfo<G> {
    gid: G,
    node_entities_info_seq: Vec<NodeEntitiesInfo<G>>,
}

#[derive(DeriveSerialize, Deserialize)]
struct NodeEntitiesInfo<G> {
    node_namespace: String,
    node_name: String,
    reader_gid_seq: Vec<G>,
    writer_gid_seq: Vec<G>,
}

/// Which node a reader or a writer belongs to, as far as its participant has told.
pub(super) struct NodeNames {
    long_ids: bool,
    by_guid: Mutex<HashMap<[u8; 16], String>>,
}

impl NodeNames {
    pub fn new(long_ids: bool) -> Self {
        Self { long_ids, by_guid: Mutex::default() }
    }

    /// Takes in what a participant tells; what cannot be read is of another release of ROS 2.
    pub fn learn(&self, cdr: &[u8]) {
        match self.long_ids {
            true => self.take(cdr, |gid: &[u8; LONG_ID_BYTES]| gid.first_chunk().copied()),
            false => self.take(cdr, |gid: &[u8; 16]| Some(*gid)),
        }
    }

    /// Full name of the node; empty where it is not known.
    pub fn node(&self, guid: GUID) -> String {
        let known = self.by_guid.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&guid.to_bytes()).cloned().unwrap_or_default()
    }

    fn take<G: DeserializeOwned>(&self, cdr: &[u8], guid: impl Fn(&G) -> Option<[u8; 16]>) {
        let Ok(info) = from_cdr::<ParticipantEntitiesInfo<G>>(cdr) else { return };
        let mut known = self.by_guid.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        for node in info.node_entities_info_seq {
            let name = format!("{}/{}", node.node_namespace.trim_end_matches('/'), node.node_name);
            let guids = node.reader_gid_seq.iter().chain(&node.writer_gid_seq);
            known.extend(guids.filter_map(|gid| Some((guid(gid)?, name.clone()))));
        }
    }
}

/// The message that says: this participant is this node, with these readers and writers.
pub(super) fn message(
    participant: GUID,
    node: &NodeId,
    readers: &[GUID],
    writers: &[GUID],
    long: bool,
) -> Vec<u8> {
    let gid = |guid: &GUID| Gid { guid: *guid, long };
    crate::ros::to_cdr(&ParticipantEntitiesInfo {
        gid: gid(&participant),
        node_entities_info_seq: vec![NodeEntitiesInfo {
            node_namespace: node.namespace.clone(),
            node_name: node.name.clone(),
            reader_gid_seq: readers.iter().map(gid).collect(),
            writer_gid_seq: writers.iter().map(gid).collect(),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_tells_another_learns() {
        let node = NodeId { namespace: "/robot".into(), name: "eyes".into() };
        let guid = GUID::from_bytes([7; 16]);
        for long in [false, true] {
            let names = NodeNames::new(long);
            names.learn(&message(GUID::GUID_UNKNOWN, &node, &[guid], &[], long));
            assert_eq!(names.node(guid), "/robot/eyes");
            assert_eq!(names.node(GUID::GUID_UNKNOWN), "");
        }
    }

    #[test]
    fn nodes_that_come_and_go_do_not_gather() {
        let (node, names) =
            (NodeId { namespace: "/".into(), name: "cli".into() }, NodeNames::new(false));
        let guid = |number: u128| GUID::from_bytes(number.to_be_bytes());
        let (a_node, nodes) = (1000, 102);
        for first in (0..nodes).map(|number| number * a_node) {
            let readers: Vec<_> = (first..first + a_node).map(guid).collect();
            names.learn(&message(GUID::GUID_UNKNOWN, &node, &readers, &[], false));
        }
        assert_eq!(names.by_guid.lock().unwrap().len(), 2000);
        assert_eq!(names.node(guid(nodes * a_node - 1)), "/cli");
    }

    #[test]
    fn ids_have_the_length_of_the_release() {
        let node = NodeId { namespace: "/".into(), name: "me".into() };
        let length = |long| message(GUID::GUID_UNKNOWN, &node, &[], &[], long).len();
        // Header, id, count, "/" and "me" with their lengths, two empty lists.
        assert_eq!(length(false), 4 + 16 + 4 + 4 + 2 + 2 + 4 + 3 + 1 + 4 + 4);
        assert_eq!(length(true) - length(false), 8);
    }
}
