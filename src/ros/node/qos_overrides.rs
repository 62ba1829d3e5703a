//! A transport on which topics have the qualities of service that the parameters `qos_overrides`
//! give them, and what to say of ends that do not fit.

use crate::planner::{QosOverride, QosOverrides};
use crate::ros::qos::Qos;
use crate::ros::transport::{
    Answer, Opened, Publication, QosMismatch, QosPolicy, Take, Transport, TransportError,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Parameters of our end of a topic.
fn parameters(topic: &str, we_subscribe: bool) -> String {
    let end = if we_subscribe { "subscription" } else { "publisher" };
    format!("qos_overrides.{topic}.{end}")
}

/// The transport.
pub struct Tuned {
    inner: Arc<dyn Transport>,
    overrides: QosOverrides,
    /// What was opened: topic, and whether it is subscribed.
    opened: Mutex<BTreeSet<(String, bool)>>,
}

impl Tuned {
    /// `inner`, with `overrides`.
    pub fn new(inner: &Arc<dyn Transport>, overrides: &QosOverrides) -> Self {
        let (inner, overrides) = (Arc::clone(inner), overrides.clone());
        Self { inner, overrides, opened: Mutex::default() }
    }

    /// Warns of overrides for topics that were not opened: most likely a name is misspelt.
    pub fn warn_of_unused(&self) {
        for parameter in self.unused() {
            tracing::warn!("{parameter}: this node has no such topic; give its full name");
        }
    }

    fn unused(&self) -> Vec<String> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = self.overrides.iter().flat_map(|(topic, ends)| {
            [(topic, true, ends.subscription), (topic, false, ends.publisher)]
        });
        let is_unused = |topic: &str, we_subscribe, end: QosOverride| {
            end != QosOverride::default() && !opened.contains(&(topic.to_owned(), we_subscribe))
        };
        ends.filter(|(topic, we_subscribe, end)| is_unused(topic, *we_subscribe, *end))
            .map(|(topic, we_subscribe, _)| parameters(topic, we_subscribe))
            .collect()
    }

    fn tune(&self, topic: &str, we_subscribe: bool, qos: Qos) -> Qos {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert((topic.to_owned(), we_subscribe));
        tuned(&self.overrides, topic, we_subscribe, qos)
    }
}

/// `qos` with what `overrides` say of this end of a topic.
pub fn tuned(overrides: &QosOverrides, topic: &str, we_subscribe: bool, qos: Qos) -> Qos {
    let Some(ends) = overrides.get(topic) else { return qos };
    let end = if we_subscribe { ends.subscription } else { ends.publisher };
    Qos {
        reliable: end.reliability.map_or(qos.reliable, |given| given.is_reliable()),
        latched: end.durability.map_or(qos.latched, |given| given.is_latched()),
        depth: end.depth.unwrap_or(qos.depth),
    }
}

impl Transport for Tuned {
    fn subscribe(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
        take: Take,
    ) -> Result<Opened, TransportError> {
        self.inner.subscribe(topic, type_name, self.tune(topic, true, qos), take)
    }

    fn advertise(
        &self,
        topic: &str,
        type_name: &str,
        qos: Qos,
    ) -> Result<Arc<dyn Publication>, TransportError> {
        self.inner.advertise(topic, type_name, self.tune(topic, false, qos))
    }

    fn serve(
        &self,
        service: &str,
        type_name: &str,
        answer: Answer,
    ) -> Result<Opened, TransportError> {
        self.inner.serve(service, type_name, answer)
    }

    fn mismatches(&self) -> Vec<QosMismatch> {
        self.inner.mismatches()
    }
}

/// What is wrong, and what to do.
pub fn cure(mismatch: &QosMismatch) -> String {
    let QosMismatch { topic, we_subscribe, node, policy } = mismatch;
    let node = if node.is_empty() { "another node" } else { node };
    let (policy, less, more) = match policy {
        QosPolicy::Reliability => ("reliability", "best_effort", "reliable"),
        QosPolicy::Durability => ("durability", "volatile", "transient_local"),
        QosPolicy::Other => {
            return format!(
                "{topic}: nothing travels between {node} and this node: its deadline, liveliness \
                 or another quality of service does not fit; set it to the default there"
            );
        }
    };
    let parameter = format!("{}.{policy}", parameters(topic, *we_subscribe));
    match we_subscribe {
        true => format!(
            "{topic}: {node} publishes {less}, and this node asks for {more}: it is not heard. \
             Set {parameter} to {less}, or have it publish {more}"
        ),
        false => format!(
            "{topic}: {node} asks for {more}, and this node publishes {less}: it hears nothing. \
             Set {parameter} to {more}, or have it ask for {less}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::PlannerConfig;
    use crate::ros::qos;

    /// A transport that only notes with which quality topics are opened.
    #[derive(Default)]
    struct Notes(Mutex<Vec<(String, Qos)>>);

    impl Transport for Notes {
        fn subscribe(
            &self,
            topic: &str,
            _: &str,
            qos: Qos,
            _: Take,
        ) -> Result<Opened, TransportError> {
            self.0.lock().unwrap().push((topic.into(), qos));
            Ok(Opened::new(()))
        }

        fn advertise(
            &self,
            topic: &str,
            type_name: &str,
            qos: Qos,
        ) -> Result<Arc<dyn Publication>, TransportError> {
            self.0.lock().unwrap().push((topic.into(), qos));
            let (name, type_name) = (topic.into(), type_name.into());
            Err(TransportError::Open { name, type_name, reason: "only notes".into() })
        }

        fn serve(&self, _: &str, _: &str, _: Answer) -> Result<Opened, TransportError> {
            Ok(Opened::new(()))
        }

        fn mismatches(&self) -> Vec<QosMismatch> {
            Vec::new()
        }
    }

    #[test]
    fn topics_are_opened_as_the_parameters_say() {
        let text = "scenellm_planner: {ros__parameters: {qos_overrides: {
            /rgb: {subscription: {reliability: reliable, depth: 7}},
            /plan: {publisher: {durability: volatile}, subscription: {depth: 3}}}}}";
        let overrides = PlannerConfig::parse(text, "mine.yaml").unwrap().qos_overrides;
        let notes = Arc::new(Notes::default());
        let tuned = Tuned::new(&(Arc::clone(&notes) as _), &overrides);
        let _rgb = tuned.subscribe("/rgb", "T", qos::SENSOR, Box::new(|_| {})).unwrap();
        let _tf = tuned.subscribe("/tf", "T", qos::TF, Box::new(|_| {})).unwrap();
        assert!(tuned.advertise("/plan", "T", qos::LATCHED).is_err());
        let wanted = [
            ("/rgb".into(), Qos { reliable: true, latched: false, depth: 7 }),
            ("/tf".into(), qos::TF),
            ("/plan".into(), Qos { latched: false, ..qos::LATCHED }),
        ];
        assert_eq!(*notes.0.lock().unwrap(), wanted);
        assert_eq!(tuned.unused(), ["qos_overrides./plan.subscription"]);
    }

    #[test]
    fn cures_name_topic_node_and_parameter() {
        let mismatch = |we_subscribe, policy| QosMismatch {
            topic: "/rgb".into(),
            we_subscribe,
            node: "/driver".into(),
            policy,
        };
        let told = cure(&mismatch(true, QosPolicy::Reliability));
        assert!(told.starts_with("/rgb: /driver publishes best_effort"), "{told}");
        assert!(told.contains("qos_overrides./rgb.subscription.reliability to best_effort"));
        let told = cure(&mismatch(false, QosPolicy::Durability));
        assert!(told.contains("qos_overrides./rgb.publisher.durability to transient_local"));
    }
}
