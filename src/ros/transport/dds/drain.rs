//! One thread a topic that takes messages as they come, so that no slow reader holds up another.

use super::raw::{Inbound, Raw};
use super::worker::Worker;
use rustdds::GUID;
use rustdds::no_key::{DeserializedCacheChange, SimpleDataReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

pub(super) type Reader = SimpleDataReader<Inbound, Raw>;
pub(super) type Sample = DeserializedCacheChange<Inbound>;

/// Longest sleep: should a wake-up get lost, so much later the message is seen.
const NAP: Duration = Duration::from_millis(200);

/// A running thread; dropping it ends the thread and closes the reader.
pub(super) struct Drain {
    guid: GUID,
    _worker: Worker,
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Drain {
    /// Gives every sample of `reader` to `each`. `topic` is for messages to people.
    pub fn spawn(
        topic: &str,
        reader: Reader,
        each: impl Fn(Sample) + Send + 'static,
    ) -> std::io::Result<Self> {
        let guid = reader.guid();
        let name = topic.to_owned();
        let worker = Worker::spawn(topic, move |end| {
            let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
            while !end.load(Ordering::Acquire) {
                reader.set_waker(Some(waker.clone()));
                reader.drain_read_notifications();
                take_all(&name, &reader, &each, end);
                std::thread::park_timeout(NAP);
            }
        })?;
        Ok(Self { guid, _worker: worker })
    }

    /// Id of the reader.
    pub fn guid(&self) -> GUID {
        self.guid
    }
}

fn take_all(topic: &str, reader: &Reader, each: &impl Fn(Sample), end: &AtomicBool) {
    while !end.load(Ordering::Acquire) {
        match reader.try_take_one() {
            Ok(Some(sample)) => each(sample),
            Ok(None) => return,
            Err(error) => tracing::warn!("{topic}: a message cannot be read: {error}"),
        }
    }
}
