//! What stands where in an MCAP file.
//!
//! The index is made by walking over the records of the file, skipping their bodies, and not from
//! the file's own index: it takes one seek a chunk and works as well for a file that was cut off.
//! Only a file whose summary does not tell what its channels are and how many messages each has (cut
//! off, or written with less in it) is read through once, to find its channels and to count.

use super::error::BagError;
use super::fields::{self, Fields, RECORD_HEAD, nanoseconds, op};
use super::segment::{Fault, Segment, Stored, continues_run, record_head};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// Largest schema, channel or statistics record read, bytes.
const MAX_DESCRIPTION_BYTES: u64 = 16 << 20;
/// A run of records outside of chunks is closed at this many bytes.
const RUN_BYTES: u64 = 1 << 20;
/// Enough for the header of a chunk, whose only string names the compression.
const CHUNK_HEADER_BYTES: u64 = 256;

/// A channel of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channel {
    pub topic: Arc<str>,
    pub schema: u16,
    pub encoding: String,
}

/// What stands where.
#[derive(Debug, Default)]
pub(super) struct McapIndex {
    /// Parts with messages, in file order.
    pub segments: Vec<Segment>,
    /// Channels by id.
    pub channels: BTreeMap<u16, Channel>,
    /// Type names by schema id.
    pub schemas: BTreeMap<u16, String>,
    /// Messages by channel id.
    pub counts: BTreeMap<u16, u64>,
    /// First and last log time, nanoseconds; `None` without messages.
    pub span_ns: Option<(i64, i64)>,
    /// Where the file is damaged, if it is.
    pub damage: Option<Fault>,
}

impl McapIndex {
    /// Walks over the file at `path`.
    pub fn scan(path: &Path) -> Result<Self, BagError> {
        let mut file = File::open(path).map_err(BagError::io(path))?;
        let length = file.metadata().map_err(BagError::io(path))?.len();
        let mut magic = [0; mcap::MAGIC.len()];
        if file.read_exact(&mut magic).is_err() || magic != *mcap::MAGIC {
            return Err(BagError::not_a_bag(path, "does not start like an MCAP file"));
        }
        let mut walk = Walk {
            input: BufReader::new(file),
            at: magic.len() as u64,
            length,
            run: None,
            statistics: false,
            index: Self::default(),
        };
        let outcome = walk.all();
        walk.close_run();
        walk.index.damage = outcome.err();
        let complete = walk.statistics && walk.index.knows_its_channels();
        let (mut file, mut index) = (walk.input.into_inner(), walk.index);
        if !complete {
            index.read_through(&mut file);
        }
        Ok(index)
    }

    /// Whether every channel that is counted was described, and its type with it: writers may leave
    /// both in the chunks alone. Schema 0 is none.
    fn knows_its_channels(&self) -> bool {
        let is_known =
            |channel: &Channel| channel.schema == 0 || self.schemas.contains_key(&channel.schema);
        self.counts.keys().all(|id| self.channels.get(id).is_some_and(is_known))
    }

    /// Reads every record, for channels, counts and times. Damage found on the way ends the index.
    fn read_through(&mut self, file: &mut File) {
        self.counts.clear();
        self.span_ns = None;
        let segments = std::mem::take(&mut self.segments);
        for segment in segments {
            let outcome = segment.read(file, |opcode, body| {
                self.describe(opcode, body)?;
                if opcode == op::MESSAGE {
                    let (channel, time_ns, _) = fields::message(body).ok_or("a broken message")?;
                    *self.counts.entry(channel).or_default() += 1;
                    let (first, last) = self.span_ns.unwrap_or((time_ns, time_ns));
                    self.span_ns = Some((first.min(time_ns), last.max(time_ns)));
                }
                Ok(())
            });
            // A damaged segment stays: what stands before the damage is good.
            self.segments.push(segment);
            if let Err(fault) = outcome {
                self.damage = Some(fault);
                break;
            }
        }
    }

    /// Takes in a schema or channel record.
    fn describe(&mut self, opcode: u8, body: &[u8]) -> Result<(), String> {
        let mut fields = Fields(body);
        match opcode {
            op::SCHEMA => {
                let mut parse = || Some((fields.u16()?, fields.text()?.to_owned()));
                let (id, name) = parse().ok_or("a broken schema record")?;
                self.schemas.insert(id, name);
            }
            op::CHANNEL => {
                let mut parse = || {
                    let (id, schema) = (fields.u16()?, fields.u16()?);
                    let topic = fields.text()?.into();
                    Some((id, Channel { topic, schema, encoding: fields.text()?.to_owned() }))
                };
                let (id, channel) = parse().ok_or("a broken channel record")?;
                self.channels.insert(id, channel);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes in the statistics record.
    fn statistics(&mut self, body: &[u8]) -> Option<()> {
        let mut fields = Fields(body);
        let messages = fields.u64()?;
        fields.u16()?;
        for _ in 0..4 {
            fields.u32()?;
        }
        let (first, last) = (nanoseconds(fields.u64()?), nanoseconds(fields.u64()?));
        self.span_ns = (messages > 0).then_some((first, last));
        fields.u32()?;
        while !fields.0.is_empty() {
            self.counts.insert(fields.u16()?, fields.u64()?);
        }
        Some(())
    }
}

/// A walk over the records of a file.
struct Walk {
    input: BufReader<File>,
    /// Where the next record starts.
    at: u64,
    /// Bytes of the file.
    length: u64,
    /// The run being gathered: its segment so far and its length.
    run: Option<(Segment, u64)>,
    /// Whether the statistics were found.
    statistics: bool,
    index: McapIndex,
}

impl Walk {
    fn all(&mut self) -> Result<(), Fault> {
        while self.record()? {}
        let mut magic = [0; mcap::MAGIC.len()];
        if self.input.read_exact(&mut magic).is_err() || magic != *mcap::MAGIC {
            return Err(Fault::new(self.at, "the file does not end like an MCAP file"));
        }
        Ok(())
    }

    fn fault<T>(&self, reason: &str) -> Result<T, Fault> {
        Err(Fault::new(self.at, reason))
    }

    /// Walks over one record; false behind the footer.
    fn record(&mut self) -> Result<bool, Fault> {
        let left = self.length.saturating_sub(self.at);
        if left == 0 {
            return self.fault("the file ends without a footer: the recording was cut off");
        }
        let mut head = [0; RECORD_HEAD as usize];
        if self.input.read_exact(&mut head).is_err() {
            return self.fault("the file ends inside a record");
        }
        let (opcode, size) = record_head(&head);
        let here = left.saturating_sub(RECORD_HEAD);
        if !continues_run(opcode) {
            self.close_run();
        }
        let mut read = 0;
        match opcode {
            0 => return self.fault("zeros instead of a record"),
            op::CHUNK => {
                let header = self.body(size.min(here).min(CHUNK_HEADER_BYTES))?;
                read = header.len() as u64;
                let length = RECORD_HEAD.saturating_add(size);
                match Segment::chunk(self.at, length, &header) {
                    Some(segment) => self.index.segments.push(segment),
                    None if size > here => {}
                    None => return self.fault("a broken chunk"),
                }
            }
            _ if size > here => {}
            op::MESSAGE => {
                let header = self.body(size.min(22))?;
                read = header.len() as u64;
                let Some((_, time_ns, _)) = fields::message(&header) else {
                    return self.fault("a broken message");
                };
                self.extend_run(time_ns, RECORD_HEAD + size);
            }
            op::SCHEMA | op::CHANNEL | op::STATISTICS | op::FOOTER | op::HEADER => {
                if size > MAX_DESCRIPTION_BYTES {
                    return self.fault("a description larger than 16 MiB");
                }
                let body = self.body(size)?;
                read = size;
                if opcode == op::STATISTICS {
                    if self.index.statistics(&body).is_none() {
                        return self.fault("broken statistics");
                    }
                    self.statistics = true;
                } else if let Err(reason) = self.index.describe(opcode, &body) {
                    return self.fault(&reason);
                }
                if let (true, Some((_, length))) = (continues_run(opcode), &mut self.run) {
                    *length += RECORD_HEAD + size;
                }
            }
            _ => {}
        }
        if size > here {
            return self.fault("the file ends inside a record: the recording was cut off");
        }
        let skip = i64::try_from(size - read).unwrap_or(i64::MAX);
        if self.input.seek_relative(skip).is_err() {
            return self.fault("the file cannot be read on");
        }
        self.at += RECORD_HEAD + size;
        Ok(opcode != op::FOOTER)
    }

    fn body(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        match (&mut self.input).take(size).read_to_end(&mut body) {
            Ok(read) if read as u64 == size => Ok(body),
            _ => self.fault("the file ends inside a record"),
        }
    }

    fn extend_run(&mut self, time_ns: i64, size: u64) {
        if self.run.as_ref().is_some_and(|(_, length)| *length >= RUN_BYTES) {
            self.close_run();
        }
        let at = self.at;
        let (segment, length) = self.run.get_or_insert((
            Segment { first_ns: time_ns, at, stored: Stored::Run { length: 0 } },
            0,
        ));
        segment.first_ns = segment.first_ns.min(time_ns);
        *length += size;
    }

    fn close_run(&mut self) {
        if let Some((mut segment, length)) = self.run.take() {
            segment.stored = Stored::Run { length };
            self.index.segments.push(segment);
        }
    }
}
