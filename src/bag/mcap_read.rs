//! The messages of one MCAP file in log-time order.

use super::fields::{self, op};
use super::mcap_index::McapIndex;
use super::reader::BagMessage;
use super::segment::Fault;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::sync::Arc;

/// Messages that are read but not yet due, ordered by log time, then by place in the file.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    log_time_ns: i64,
    segment: usize,
    place: usize,
    topic: Arc<str>,
    data: Vec<u8>,
}

/// Reads a segment when its first message is due, so that only segments which overlap in time are
/// in memory together.
pub(super) struct McapMessages {
    file: File,
    index: Arc<McapIndex>,
    /// Wanted topics by channel id; `None` for channels that are not wanted.
    topics: BTreeMap<u16, Option<Arc<str>>>,
    /// Segments not yet read, by first log time.
    ahead: VecDeque<usize>,
    pending: BinaryHeap<Reverse<Pending>>,
    fault: Option<Fault>,
}

impl McapMessages {
    /// Messages of the topics that `wanted` says yes to.
    pub fn new(file: File, index: Arc<McapIndex>, wanted: impl Fn(&str) -> bool) -> Self {
        let topics = index
            .channels
            .iter()
            .map(|(id, channel)| (*id, wanted(&channel.topic).then(|| channel.topic.clone())))
            .collect();
        let mut ahead: Vec<usize> = (0..index.segments.len()).collect();
        ahead.sort_by_key(|segment| index.segments[*segment].first_ns);
        let fault = index.damage.clone();
        Self { file, index, topics, ahead: ahead.into(), pending: BinaryHeap::new(), fault }
    }

    /// Reads segment `number`. Damage in it ends the file there: later segments are not read.
    fn load(&mut self, number: usize) {
        let mut read = Vec::new();
        let outcome = self.index.segments[number].read(&mut self.file, |opcode, body| {
            if opcode != op::MESSAGE {
                return Ok(());
            }
            let (channel, log_time_ns, data) = fields::message(body).ok_or("a broken message")?;
            match self.topics.get(&channel) {
                None => return Err(format!("a message of channel {channel}, which is unknown")),
                Some(None) => {}
                Some(Some(topic)) => read.push(Reverse(Pending {
                    log_time_ns,
                    segment: number,
                    place: read.len(),
                    topic: topic.clone(),
                    data: data.to_vec(),
                })),
            }
            Ok(())
        });
        if let Err(fault) = outcome {
            if !fault.keep_before {
                read.clear();
            }
            self.ahead.retain(|ahead| *ahead < number);
            self.fault = Some(fault);
        }
        self.pending.extend(read);
    }
}

impl Iterator for McapMessages {
    type Item = Result<BagMessage, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(&number) = self.ahead.front() {
            let first_ns = self.index.segments[number].first_ns;
            if self.pending.peek().is_some_and(|Reverse(due)| due.log_time_ns < first_ns) {
                break;
            }
            self.ahead.pop_front();
            self.load(number);
        }
        match self.pending.pop() {
            Some(Reverse(Pending { log_time_ns, topic, data, .. })) => {
                Some(Ok(BagMessage { topic, log_time_ns, data }))
            }
            None => self.fault.take().map(Err),
        }
    }
}
