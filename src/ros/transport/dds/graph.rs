//! Tells other participants which node the readers and writers belong to, so that
//! `ros2 node list` and `ros2 node info` show it (`rmw_dds_common/ParticipantEntitiesInfo`).

use rustdds::GUID;
use serde::ser::{Serialize, SerializeTuple, Serializer};

pub(super) const TOPIC: &str = "ros_discovery_info";
pub(super) const TYPE: &str = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";

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

#[derive(serde::Serialize)]
struct ParticipantEntitiesInfo {
    gid: Gid,
    node_entities_info_seq: Vec<NodeEntitiesInfo>,
}

#[derive(serde::Serialize)]
struct NodeEntitiesInfo {
    node_namespace: String,
    node_name: String,
    reader_gid_seq: Vec<Gid>,
    writer_gid_seq: Vec<Gid>,
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
    fn ids_have_the_length_of_the_release() {
        let node = NodeId { namespace: "/".into(), name: "me".into() };
        let length = |long| message(GUID::GUID_UNKNOWN, &node, &[], &[], long).len();
        // Header, id, count, "/" and "me" with their lengths, two empty lists.
        assert_eq!(length(false), 4 + 16 + 4 + 4 + 2 + 2 + 4 + 3 + 1 + 4 + 4);
        assert_eq!(length(true) - length(false), 8);
    }
}
