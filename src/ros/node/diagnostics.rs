//! How the node is: one status for each input, for the map and for the planner; and one warning in
//! the log for each input that falls silent.

use super::inbox::{Counts, Inbox};
use super::input::{Input, Use};
use super::newest::Newest;
use super::qos_overrides::cure;
use super::view::View;
use crate::planner::{Executive, PlannerConfig};
use crate::ros::msg::{DiagnosticArray, DiagnosticStatus, Header, KeyValue};
use crate::ros::transport::Transport;
use crate::ros::{NodeNames, TopicRole};
use crate::sensing::AssemblerStatus;
use std::collections::BTreeSet;
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
    transport: Arc<dyn Transport>,
    /// What was warned of and still holds.
    mismatches: BTreeSet<String>,
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
        transport: Arc<dyn Transport>,
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
            transport,
            mismatches: BTreeSet::new(),
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
        let mut fallen_silent = Vec::new();
        let looked = self.inputs.iter_mut().map(|watched| {
            let (status, fell_silent) = watched.look(view, started, stale_after);
            fallen_silent.extend(fell_silent);
            status
        });
        let mut status: Vec<_> = looked.collect();
        // A camera that stops is several topics that stop, and one event.
        if !fallen_silent.is_empty() {
            tracing::warn!("{}", fallen_silent.join("; "));
        }
        status.extend(self.mismatched());
        status.push(self.map(view));
        status.push(self.planner(executive));
        for part in &mut status {
            part.name = format!("{}: {}", self.node, part.name);
            part.hardware_id = "none".into();
        }
        DiagnosticArray { header: Header::new(now_ns, ""), status }
    }

    /// One status for each end of a topic that does not fit; warns of new ones.
    fn mismatched(&mut self) -> Vec<DiagnosticStatus> {
        let mut now = BTreeSet::new();
        let mut status = Vec::new();
        for mismatch in self.transport.mismatches() {
            let message = cure(&mismatch);
            if !self.mismatches.contains(&message) {
                tracing::warn!("{message}");
            }
            now.insert(message.clone());
            let name = format!("quality of service of {}", mismatch.topic);
            let level = DiagnosticStatus::WARN;
            status.push(DiagnosticStatus { level, name, message, ..Default::default() });
        }
        self.mismatches = now;
        status
    }

    fn map(&mut self, view: &View) -> DiagnosticStatus {
        let is_dropping = view.dropped > self.dropped;
        self.dropped = view.dropped;
        let names = &self.config.get().cameras;
        let of = |camera: usize| names.get(camera).map_or_else(String::new, |n| format!("{n}: "));
        let mut cameras = view.sensing.iter().enumerate();
        let waiting = cameras.find_map(|(camera, status)| {
            Some(format!("{}{}", of(camera), status.waiting_for.as_ref()?))
        });
        let (level, message) = match &waiting {
            Some(reason) => (DiagnosticStatus::WARN, format!("waiting: {reason}")),
            None if is_dropping => (DiagnosticStatus::WARN, view.last_dropped.clone()),
            None if view.frames == 0 => (DiagnosticStatus::STALE, "no frame yet".into()),
            None => (DiagnosticStatus::OK, format!("{} voxels", view.voxels)),
        };
        let mut values = vec![
            value("frames", view.frames),
            value("voxels", view.voxels),
            value("objects", view.objects.len()),
            value("bytes", view.map_bytes),
            value("milliseconds a frame", format!("{:.1}", view.frame_ms)),
            value("newest frame (ns)", view.stamp_ns),
            value("dropped", view.dropped),
            value("last dropped", &view.last_dropped),
        ];
        for (camera, status) in view.sensing.iter().enumerate() {
            let named = |what: &str| format!("{}{what}", of(camera));
            values.push(value(&named("skew of depth to colour (ms)"), skew_ms(status)));
            values.push(value(&named("transforms refused"), status.refused_transforms));
            let last = status.last_refused_transform.as_deref().unwrap_or_default();
            values.push(value(&named("last transform refused"), last));
        }
        DiagnosticStatus {
            level,
            name: "map".into(),
            message,
            values,
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
    /// The status of now, and what to warn of if it fell silent since the last look.
    fn look(
        &mut self,
        view: &View,
        started: Instant,
        stale_after: Duration,
    ) -> (DiagnosticStatus, Option<String>) {
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
        let fell_silent = (silent && !self.silent).then(|| told.clone());
        if self.silent && !silent {
            tracing::info!("{}: it speaks again", self.input.topic);
        }
        self.silent = silent;
        let (level, message) = match (silent, counts.received) {
            (true, _) => (DiagnosticStatus::STALE, told),
            _ if faults > 0 => (DiagnosticStatus::WARN, last_fault.clone()),
            (false, 0) => (DiagnosticStatus::OK, "nothing yet".into()),
            _ => (DiagnosticStatus::OK, format!("{:.1} Hz", self.rate_hz)),
        };
        let mut values = vec![
            value("type", self.input.type_name),
            value("received", counts.received),
            value("rate (Hz)", format!("{:.1}", self.rate_hz)),
            value("overtaken by newer", counts.overtaken),
            value("unusable", faults),
            value("last unusable", last_fault),
        ];
        if !self.input.camera_name.is_empty() {
            values.push(value("camera", &self.input.camera_name));
        }
        let name = self.input.topic.clone();
        let status = DiagnosticStatus { level, name, message, values, ..Default::default() };
        (status, fell_silent)
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
        let Input { topic, type_name, qos, camera, camera_name, .. } = &*self.input;
        let topic = match camera_name.as_str() {
            "" => topic.clone(),
            name => format!("camera {name}, {topic}"),
        };
        let silent_s = silence.as_secs_f64();
        if counts.received == 0 {
            return format!(
                "{topic} ({type_name}): nothing has come in {silent_s:.1} s; does anybody publish \
                 it? Another name is given by remapping or by the parameters topics.*"
            );
        }
        let status = view.sensing.get(*camera);
        let last_ns = status.and_then(|status| match self.input.used {
            Use::Event(TopicRole::Color | TopicRole::ColorInfo) => status.last_color_ns,
            Use::Event(TopicRole::Depth) => status.last_depth_ns,
            Use::Event(TopicRole::Tf) => status.last_transform_ns,
            _ => None,
        });
        let last =
            last_ns.map_or_else(|| "unknown".into(), |ns| format!("{:.3} s", ns as f64 / 1e9));
        let asked = if qos.reliable { "reliable" } else { "best effort" };
        format!(
            "{topic}: nothing for {silent_s:.1} s. Before: {:.1} Hz, last stamp {last}, skew of \
             depth to colour {} ms, {asked}. Does its publisher still run?",
            self.rate_hz,
            status.map_or_else(|| "unknown".into(), skew_ms)
        )
    }
}

fn skew_ms(status: &AssemblerStatus) -> String {
    format!("{:.1}", status.sync.last_skew_ns as f64 / 1e6)
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
    use crate::ros::transport::{
        Answer, Opened, Publication, QosMismatch, QosPolicy, Take, TransportError,
    };
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
        ) -> Result<Opened, TransportError> {
            self.0.lock().unwrap().push((topic.into(), take));
            Ok(Opened::new(()))
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

        fn serve(&self, _: &str, _: &str, _: Answer) -> Result<Opened, TransportError> {
            Ok(Opened::new(()))
        }

        fn mismatches(&self) -> Vec<QosMismatch> {
            let (topic, node) = ("/color/image_raw".into(), "/driver".into());
            vec![QosMismatch { topic, node, we_subscribe: true, policy: QosPolicy::Reliability }]
        }
    }

    #[test]
    fn a_topic_that_falls_silent_is_named_with_its_past() {
        let names = NodeNames::new(&RosArguments::default(), "planner").unwrap();
        let hand = Arc::new(Hand::default());
        let inbox = Arc::new(Inbox::<()>::default());
        let mut config = PlannerConfig::default();
        config.publish.stale_after_s = 0.05;
        let (inputs, _opened) = open_perception(&config, &names, &*hand, &inbox).unwrap();
        let config = Arc::new(Newest::new(config));
        let none: (&[Arc<Input>], _) = (&[], &inbox);
        let graph = Arc::clone(&hand) as Arc<dyn Transport>;
        let mut diagnostics =
            Diagnostics::new(&names, &config, "m", graph, (&inputs, &inbox), none);
        let mut part = |name: &str| {
            let view = View { sensing: vec![AssemblerStatus::default()], ..View::default() };
            let status = diagnostics.look(&view, &Executive::default(), 1).status;
            status.into_iter().find(|part| part.name.ends_with(name)).unwrap()
        };
        let misfit = part("quality of service of /color/image_raw");
        assert_eq!(misfit.level, DiagnosticStatus::WARN);
        assert!(misfit.message.contains("/driver publishes best_effort"), "{}", misfit.message);
        let mut look = || part(": /color/image_raw");
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
