//! What is logged goes to `/rosout` as well, where other nodes and people on other machines see it.

use super::{NodeError, NodeSettings};
use crate::ros::msg::{Log, Message, Time};
use crate::ros::qos;
use crate::ros::to_cdr;
use crate::ros::transport::{Publication, Transport};
use std::fmt::{Debug, Write};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const TOPIC: &str = "/rosout";

/// A layer of the log. It is silent until [`Rosout::open`]; what was logged before stays local.
#[derive(Clone, Default)]
pub struct Rosout {
    open: Arc<OnceLock<(String, Arc<dyn Publication>)>>,
}

impl Rosout {
    /// Begins to publish in the name of the node.
    ///
    /// # Errors
    ///
    /// When the graph refuses the topic.
    pub fn open(
        &self,
        settings: &NodeSettings,
        transport: &dyn Transport,
    ) -> Result<(), NodeError> {
        let publication = transport.advertise(TOPIC, Log::TYPE, qos::ROSOUT)?;
        let name = settings.names.full_name().trim_start_matches('/').replace('/', ".");
        self.open.get_or_init(|| (name, publication));
        Ok(())
    }
}

impl<S: Subscriber> Layer<S> for Rosout {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some((name, publication)) = self.open.get() else { return };
        let metadata = event.metadata();
        // The middleware must not be made to speak of its own speaking.
        if !metadata.target().starts_with(env!("CARGO_CRATE_NAME")) {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let log = Log {
            stamp: Time::from_ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
            level: level(*metadata.level()),
            name: name.clone(),
            msg: words.0,
            file: metadata.file().unwrap_or_default().into(),
            function: metadata.target().into(),
            line: metadata.line().unwrap_or_default(),
        };
        // A log that is lost cannot be logged.
        let _ = publication.publish(to_cdr(&log));
    }
}

fn level(level: Level) -> u8 {
    match level {
        Level::ERROR => Log::ERROR,
        Level::WARN => Log::WARN,
        Level::INFO => Log::INFO,
        _ => Log::DEBUG,
    }
}

/// The message of an event, and its fields behind it.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::from_cdr;
    use crate::ros::transport::TransportError;
    use std::sync::Mutex;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Default)]
    struct Kept(Mutex<Vec<Vec<u8>>>);

    impl Publication for Kept {
        fn publish(&self, cdr: Vec<u8>) -> Result<(), TransportError> {
            self.0.lock().unwrap().push(cdr);
            Ok(())
        }

        fn subscribers(&self) -> usize {
            0
        }
    }

    #[test]
    fn our_words_are_published_and_those_of_others_are_not() {
        let (rosout, kept) = (Rosout::default(), Arc::new(Kept::default()));
        let publication: Arc<dyn Publication> = Arc::clone(&kept) as _;
        let subscriber = tracing_subscriber::registry().with(rosout.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!("before it was opened");
            rosout.open.get_or_init(|| ("robot.eyes".into(), publication));
            tracing::warn!(frames = 3, "late by {} s", 2);
            tracing::warn!(target: "rustdds", "of another crate");
        });
        let kept = kept.0.lock().unwrap();
        let [one] = &kept[..] else { panic!("{} messages", kept.len()) };
        let log: Log = from_cdr(one).unwrap();
        assert_eq!((log.level, log.name.as_str()), (Log::WARN, "robot.eyes"));
        assert_eq!(log.msg, "late by 2 s frames=3");
    }
}
