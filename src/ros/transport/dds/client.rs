//! A client of a service, for one request.

use super::drain::Reader;
use super::endpoint::not_sent;
use super::live::{Live, Writer};
use super::raw::Outbound;
use super::service::{self, RequestId, ServiceMapping, identities, names, types};
use crate::ros::qos;
use crate::ros::transport::TransportError;
use rustdds::{DataReaderStatus, DataWriterStatus, RTPSEntity, StatusEvented, WriteOptions};
use std::time::{Duration, Instant};

/// How long nothing is done between two looks.
const NAP: Duration = Duration::from_millis(10);

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
