//! Requests and responses, which each vendor of DDS carries in its own way.

use super::drain::Sample;
use super::names::dds_type;
use super::raw::HEADER_BYTES;
use rustdds::{GUID, SampleIdentity, SequenceNumber};

/// Bytes that Cyclone puts before a request: half the client's id and a number.
const CYCLONE_BYTES: usize = 16;

/// How a response says which request it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceMapping {
    /// Beside the data, as Fast DDS and Connext do it.
    Enhanced,
    /// In front of the data, as Cyclone DDS does it.
    Cyclone,
}

/// What a response needs of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestId {
    Enhanced(SampleIdentity),
    Cyclone([u8; CYCLONE_BYTES]),
}

/// Splits what came into the id and the CDR bytes of the message; `None` when it is too short.
pub(super) fn open(
    mapping: ServiceMapping,
    cdr: Vec<u8>,
    own: SampleIdentity,
    related: Option<SampleIdentity>,
) -> Option<(RequestId, Vec<u8>)> {
    match mapping {
        ServiceMapping::Enhanced => {
            let mut id = related.unwrap_or(own);
            // Fast DDS names the client and leaves the number to the sample itself.
            if id.sequence_number == SequenceNumber::UNKNOWN {
                id.sequence_number = own.sequence_number;
            }
            if id.writer_guid == GUID::GUID_UNKNOWN {
                id.writer_guid = own.writer_guid;
            }
            Some((RequestId::Enhanced(id), cdr))
        }
        ServiceMapping::Cyclone => {
            let end = HEADER_BYTES + CYCLONE_BYTES;
            let id = cdr.get(HEADER_BYTES..end)?.try_into().ok()?;
            // The 16 bytes keep the alignment of what follows.
            let body = [&cdr[..HEADER_BYTES], &cdr[end..]].concat();
            Some((RequestId::Cyclone(id), body))
        }
    }
}

/// Puts the id back in front of `cdr`, where that is its place.
pub(super) fn close(id: &RequestId, cdr: Vec<u8>) -> Vec<u8> {
    match id {
        RequestId::Enhanced(_) => cdr,
        RequestId::Cyclone(bytes) => {
            let (header, body) = cdr.split_at(HEADER_BYTES.min(cdr.len()));
            [header, bytes, body].concat()
        }
    }
}

/// The id of request number `number` of the client that writes as `client`, for Cyclone's way.
pub(super) fn cyclone_id(client: GUID, number: u64) -> RequestId {
    let mut bytes = [0; CYCLONE_BYTES];
    bytes[..8].copy_from_slice(&client.to_bytes()[8..]);
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    RequestId::Cyclone(bytes)
}

/// The id of a sample, and of the one it answers.
pub(super) fn identities(sample: &Sample) -> (SampleIdentity, Option<SampleIdentity>) {
    let own =
        SampleIdentity { writer_guid: sample.writer_guid, sequence_number: sample.sequence_number };
    (own, sample.related_sample_identity())
}

/// DDS topics of requests and responses.
pub(super) fn names(service: &str) -> (String, String) {
    (format!("rq{service}Request"), format!("rr{service}Reply"))
}

/// DDS types of requests and responses.
pub(super) fn types(type_name: &str) -> (String, String) {
    (dds_type(type_name, "_Request"), dds_type(type_name, "_Response"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: i64) -> SampleIdentity {
        SampleIdentity {
            writer_guid: GUID::from_bytes([number as u8; 16]),
            sequence_number: SequenceNumber::new(number),
        }
    }

    #[test]
    fn cyclone_ids_stand_before_the_data() {
        let id = cyclone_id(GUID::from_bytes([7; 16]), 9);
        let sent = close(&id, vec![0, 1, 0, 0, 5, 6]);
        assert_eq!(sent.len(), 22);
        let opened = open(ServiceMapping::Cyclone, sent, identity(1), None);
        assert_eq!(opened, Some((id, vec![0, 1, 0, 0, 5, 6])));
        assert_eq!(open(ServiceMapping::Cyclone, vec![0; 19], identity(1), None), None);
    }

    #[test]
    fn enhanced_ids_fall_back_to_the_sample() {
        let open = |related| match open(ServiceMapping::Enhanced, vec![], identity(4), related) {
            Some((RequestId::Enhanced(id), _)) => id,
            other => panic!("{other:?}"),
        };
        assert_eq!(open(None), identity(4));
        assert_eq!(open(Some(identity(5))), identity(5));
        let client = SampleIdentity { sequence_number: SequenceNumber::UNKNOWN, ..identity(5) };
        let wanted = SampleIdentity { writer_guid: client.writer_guid, ..identity(4) };
        assert_eq!(open(Some(client)), wanted);
    }
}
