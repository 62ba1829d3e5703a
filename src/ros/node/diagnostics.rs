//! How the node is: one status for each input, for the map and for the planner; and one warning in
//! the log for each input that falls silent.

use super::inbox::{Counts, Inbox};
use super::input::{Input, Use};
use super::newest::Newest;
use super::view::View;
use crate::planner::{Executive, PlannerConfig};
use crate::ros::msg::{DiagnosticArray, DiagnosticStatus, Header, KeyValue};
use crate::ros::{NodeNames, TopicRole};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks at everything, and remembers what it saw.
pub struct Diagnostics {
    node: String,
    model: String,
    config: Arc<Newest<PlannerConfig>>,
    started: Instant,
    inputs: Vec<Watched>,
    dropped: u64,
}

/// An input as it was at the last look.
struct Watched {
    input: Arc<Input>,
    counts: Box<dyn Fn() -> Counts + Send>,
    received: u64,
    looked: Instant,
    /// At the last look at which anything had come.
    rate_hz: f64,
    silent: bool,
}

impl Diagnostics {
    /// Watches the inputs that perception and the desk have.
    pub fn new<R: Send + 'static, S: Send + 'static>(
        names: &NodeNames,
        config: &Arc<Newest<PlannerConfig>>,
        model: &str,
        (seen, seen_in): (&[Arc<Input>], &Arc<Inbox<R>>),
        (told, told_in): (&[Arc<Input>], &Arc<Inbox<S>>),
    ) -> Self {
        let mut inputs = watch(seen, seen_in);
        inputs.extend(watch(told, told_in));
        Self {
            node: names.full_name(),
            model: model.into(),
            config: Arc::clone(config),
            started: Instant::now(),
            inputs,
            dropped: 0,
        }
    }

    /// Time between two looks.
    pub fn period(&self) -> Duration {
        Duration::from_secs_f64(self.config.get().publish.diagnostics_period_s)
    }

    /// The message of now, stamped `now_ns`. Warns of what fell silent since the last look.
    pub fn look(&mut self, view: &View, executive: &Executive, now_ns: i64) -> DiagnosticArray {
        let started = self.started;
        let stale_after = Duration::from_secs_f64(self.config.get().publish.stale_after_s);
        let mut status: Vec<_> = self
            .inputs
            .iter_mut()
            .map(|watched| watched.look(view, started, stale_after))
            .collect();
        status.push(self.map(view));
        status.push(self.planner(executive));
        for part in &mut status {
            part.name = format!("{}: {}", self.node, part.name);
            part.hardware_id = "none".into();
        }
        DiagnosticArray { header: Header::new(now_ns, ""), status }
    }

    fn map(&mut self, view: &View) -> DiagnosticStatus {
        let sensing = &view.sensing;
        let is_dropping = view.dropped > self.dropped;
        self.dropped = view.dropped;
        let (level, message) = match &sensing.waiting_for {
            Some(reason) => (DiagnosticStatus::WARN, format!("waiting: {reason}")),
            None if is_dropping => (DiagnosticStatus::WARN, view.last_dropped.clone()),
            None if view.frames == 0 => (DiagnosticStatus::STALE, "no frame yet".into()),
            None => (DiagnosticStatus::OK, format!("{} voxels", view.voxels)),
        };
        let skew_ms = sensing.sync.last_skew_ns as f64 / 1e6;
        DiagnosticStatus {
            level,
            name: "map".into(),
            message,
            values: vec![
                value("frames", view.frames),
                value("voxels", view.voxels),
                value("objects", view.objects.len()),
                value("bytes", view.map_bytes),
                value("milliseconds a frame", format!("{:.1}", view.frame_ms)),
                value("newest frame (ns)", view.stamp_ns),
                value("skew of depth to colour (ms)", format!("{skew_ms:.1}")),
                value("dropped", view.dropped),
                value("last dropped", &view.last_dropped),
                value("transforms refused", sensing.refused_transforms),
            ],
            ..DiagnosticStatus::default()
        }
    }

    fn planner(&self, executive: &Executive) -> DiagnosticStatus {
        DiagnosticStatus {
            level: DiagnosticStatus::OK,
            name: "planner".into(),
            message: executive.status(),
            values: vec![value("model", &self.model)],
            ..DiagnosticStatus::default()
        }
    }
}

fn watch<R: Send + 'static>(inputs: &[Arc<Input>], inbox: &Arc<Inbox<R>>) -> Vec<Watched> {
    let watched = |input: &Arc<Input>| {
        let (inbox, index) = (Arc::clone(inbox), input.index);
        Watched {
            input: Arc::clone(input),
            counts: Box::new(move || inbox.counts(index)),
            received: 0,
            looked: Instant::now(),
            rate_hz: 0.0,
            silent: false,
        }
    };
    inputs.iter().map(watched).collect()
}

impl Watched {
    fn look(&mut self, view: &View, started: Instant, stale_after: Duration) -> DiagnosticStatus {
        let counts = (self.counts)();
        let since_s = self.looked.elapsed().as_secs_f64();
        let new = counts.received - self.received;
        if new > 0 && since_s > 0.0 {
            self.rate_hz = new as f64 / since_s;
        }
        (self.received, self.looked) = (counts.received, Instant::now());
        let silence = counts.last.unwrap_or(started).elapsed();
        let silent = self.matters() && silence >= stale_after;
        let (faults, last_fault) = self.input.faults();
        let told = self.silence(view, &counts, silence);
        match (silent, self.silent) {
            (true, false) => tracing::warn!("{told}"),
            (false, true) => tracing::info!("{}: it speaks again", self.input.topic),
            _ => {}
        }
        self.silent = silent;
        let (level, message) = match (silent, counts.received) {
            (true, _) => (DiagnosticStatus::STALE, told),
            _ if faults > 0 => (DiagnosticStatus::WARN, last_fault.clone()),
            (false, 0) => (DiagnosticStatus::OK, "nothing yet".into()),
            _ => (DiagnosticStatus::OK, format!("{:.1} Hz", self.rate_hz)),
        };
        DiagnosticStatus {
            level,
            name: self.input.topic.clone(),
            message,
            values: vec![
                value("type", self.input.type_name),
                value("received", counts.received),
                value("rate (Hz)", format!("{:.1}", self.rate_hz)),
                value("overtaken by newer", counts.overtaken),
                value("unusable", faults),
                value("last unusable", last_fault),
            ],
            ..DiagnosticStatus::default()
        }
    }

    /// Whether silence of the topic is a fault.
    fn matters(&self) -> bool {
        matches!(
            self.input.used,
            Use::Event(
                TopicRole::Color
                    | TopicRole::Depth
                    | TopicRole::ColorInfo
                    | TopicRole::Tf
                    | TopicRole::Clock
            )
        )
    }

    fn silence(&self, view: &View, counts: &Counts, silence: Duration) -> String {
        let Input { topic, type_name, qos, .. } = &*self.input;
        let silent_s = silence.as_secs_f64();
        if counts.received == 0 {
            return format!(
                "{topic} ({type_name}): nothing has come in {silent_s:.1} s; does anybody publish \
                 it? Another name is given by remapping or by the parameters topics.*"
            );
        }
        let last_ns = match self.input.used {
            Use::Event(TopicRole::Color | TopicRole::ColorInfo) => view.sensing.last_color_ns,
            Use::Event(TopicRole::Depth) => view.sensing.last_depth_ns,
            Use::Event(TopicRole::Tf) => view.sensing.last_transform_ns,
            _ => None,
        };
        let last =
            last_ns.map_or_else(|| "unknown".into(), |ns| format!("{:.3} s", ns as f64 / 1e9));
        let asked = if qos.reliable { "reliable" } else { "best effort" };
        format!(
            "{topic}: nothing for {silent_s:.1} s. Before: {:.1} Hz, last stamp {last}, skew of \
             depth to colour {:.1} ms, {asked}. Does its publisher still run?",
            self.rate_hz,
            view.sensing.sync.last_skew_ns as f64 / 1e6
        )
    }
}

fn value(key: &str, value: impl ToString) -> KeyValue {
    KeyValue { key: key.into(), value: value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::RosArguments;
    use crate::ros::node::input::open_perception;
    use crate::ros::qos::Qos;
    use crate::ros::transport::{Answer, Publication, Take, Transport, TransportError};
    use std::sync::Mutex;

    /// A transport that keeps what takes messages, so that a test can hand some over.
    #[derive(Default)]
    struct Hand(Mutex<Vec<(String, Take)>>);

    impl Transport for Hand {
        fn subscribe(
            &self,
            topic: &str,
            _: &str,
            _: Qos,
            take: Take,
        ) -> Result<(), TransportError> {
            self.0.lock().unwrap().push((topic.into(), take));
            Ok(())
        }

        fn advertise(
            &self,
            topic: &str,
            type_name: &str,
            _: Qos,
        ) -> Result<Arc<dyn Publication>, TransportError> {
            let (name, type_name) = (topic.into(), type_name.into());
            Err(TransportError::Open { name, type_name, reason: "a hand only takes".into() })
        }

        fn serve(&self, _: &str, _: &str, _: Answer) -> Result<(), TransportError> {
            Ok(())
        }
    }

    #[test]
    fn a_topic_that_falls_silent_is_named_with_its_past() {
        let names = NodeNames::new(&RosArguments::default(), "planner").unwrap();
        let hand = Hand::default();
        let inbox = Arc::new(Inbox::<()>::default());
        let mut config = PlannerConfig::default();
        config.publish.stale_after_s = 0.05;
        let inputs = open_perception(&config, &names, &hand, &inbox).unwrap();
        let config = Arc::new(Newest::new(config));
        let none: (&[Arc<Input>], _) = (&[], &inbox);
        let mut diagnostics = Diagnostics::new(&names, &config, "m", (&inputs, &inbox), none);
        let mut look = || {
            let view = View::default();
            let status = diagnostics.look(&view, &Executive::default(), 1).status;
            let found = status.into_iter().find(|part| part.name.contains("color/image_raw"));
            found.unwrap()
        };
        hand.0.lock().unwrap()[0].1(vec![0]);
        assert_eq!(look().level, DiagnosticStatus::OK);
        std::thread::sleep(Duration::from_millis(60));
        let silent = look();
        assert_eq!(silent.level, DiagnosticStatus::STALE);
        assert!(silent.message.contains("/color/image_raw: nothing for"), "{}", silent.message);
        assert!(silent.message.contains("skew"), "{}", silent.message);
        inputs[0].fault("/color/image_raw: not an image".into());
        hand.0.lock().unwrap()[0].1(vec![0]);
        let faulty = look();
        assert_eq!(faulty.level, DiagnosticStatus::WARN);
        let unusable = faulty.values.iter().find(|pair| pair.key == "unusable").unwrap();
        assert_eq!(unusable.value, "1");
    }
}
