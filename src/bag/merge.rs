//! The messages of all files of a bag in log-time order.

use super::error::BagError;
use super::reader::BagMessage;
use super::source::{Source, SourceMessages};
use super::unpack;
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// A file of a bag, looked through already or when its time comes.
#[derive(Clone)]
pub(super) struct BagFile {
    pub path: PathBuf,
    /// Log time of its first message, nanoseconds.
    pub start_ns: i64,
    pub source: Option<Arc<Source>>,
}

/// How single messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessagePacking {
    /// Not at all.
    Plain,
    /// With zstd.
    Zstd,
    /// Nobody says; zstd is known by its first bytes.
    Unknown,
}

/// Iterator over the messages of a bag in log-time order, from
/// [`BagReader::messages`](super::BagReader::messages).
///
/// After the first error it ends.
pub struct Messages {
    topics: Option<BTreeSet<String>>,
    packing: MessagePacking,
    /// Files not yet begun with their place in the bag, by start.
    ahead: VecDeque<(usize, BagFile)>,
    /// Files begun, with the message that comes next.
    open: Vec<(usize, SourceMessages, BagMessage)>,
    fault: Option<BagError>,
}

impl Messages {
    /// Messages of `topics`, or of all.
    pub(super) fn new(
        files: &[BagFile],
        topics: Option<BTreeSet<String>>,
        packing: MessagePacking,
    ) -> Self {
        let mut ahead: Vec<_> = files.iter().cloned().enumerate().collect();
        ahead.sort_by_key(|(_, file)| file.start_ns);
        Self { topics, packing, ahead: ahead.into(), open: Vec::new(), fault: None }
    }

    /// Damage in file `number`: later files are not begun, earlier ones are read to their end.
    fn damaged(&mut self, number: usize, error: BagError) {
        self.ahead.retain(|(ahead, _)| *ahead < number);
        self.fault.get_or_insert(error);
    }

    /// Puts the next message of a file in line.
    fn advance(&mut self, number: usize, mut messages: SourceMessages) {
        match messages.next() {
            Some(Ok(next)) => self.open.push((number, messages, next)),
            Some(Err(error)) => self.damaged(number, error),
            None => {}
        }
    }

    fn begin(&mut self, number: usize, file: BagFile) {
        let source = match file.source {
            Some(source) => Ok(source),
            None => Source::open(&file.path).map(Arc::new),
        };
        let topics = &self.topics;
        let wanted = |topic: &str| topics.as_ref().is_none_or(|topics| topics.contains(topic));
        match source.and_then(|source| source.messages(wanted)) {
            Ok(messages) => self.advance(number, messages),
            Err(error) => self.damaged(number, error),
        }
    }

    fn unpack(&self, mut message: BagMessage) -> Result<BagMessage, BagError> {
        let packed = match self.packing {
            MessagePacking::Plain => false,
            MessagePacking::Zstd => true,
            MessagePacking::Unknown => unpack::is_zstd(&message.data),
        };
        if packed {
            message.data = unpack::message(&message.data).map_err(|reason| BagError::Message {
                topic: message.topic.to_string(),
                log_time_ns: message.log_time_ns,
                reason,
            })?;
        }
        Ok(message)
    }
}

impl Iterator for Messages {
    type Item = Result<BagMessage, BagError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let due =
                (0..self.open.len()).min_by_key(|i| (self.open[*i].2.log_time_ns, self.open[*i].0));
            let begins = self.ahead.front().is_some_and(|(_, file)| {
                due.is_none_or(|due| file.start_ns <= self.open[due].2.log_time_ns)
            });
            if begins {
                if let Some((number, file)) = self.ahead.pop_front() {
                    self.begin(number, file);
                }
                continue;
            }
            let Some(due) = due else { return self.fault.take().map(Err) };
            let (number, messages, message) = self.open.swap_remove(due);
            self.advance(number, messages);
            let message = self.unpack(message);
            if message.is_err() {
                (self.ahead, self.open, self.fault) = Default::default();
            }
            return Some(message);
        }
    }
}
