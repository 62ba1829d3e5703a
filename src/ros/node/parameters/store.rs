//! The parameters of now: who may set them when, and who is told (`/parameter_events`).

use super::{Entry, entry, values, with};
use crate::planner::PlannerConfig;
use crate::ros::NodeNames;
use crate::ros::msg::{Parameter, ParameterDescriptor, ParameterEvent, ParameterValue, Time};
use crate::ros::node::NodeError;
use crate::ros::node::clock::NodeClock;
use crate::ros::node::lifecycle::State;
use crate::ros::node::newest::Newest;
use crate::ros::node::outlets::Outlet;
use crate::ros::qos;
use crate::ros::transport::Transport;
use std::collections::BTreeMap;
use std::sync::Arc;

const TOPIC: &str = "/parameter_events";

type Values = BTreeMap<String, ParameterValue>;

/// The parameters.
pub struct ParameterStore {
    config: Arc<Newest<PlannerConfig>>,
    state: Arc<Newest<State>>,
    events: Outlet,
    node: String,
    clock: Arc<NodeClock>,
}

impl ParameterStore {
    /// Those in `config`; tells of them as new.
    pub fn open(
        transport: &dyn Transport,
        names: &NodeNames,
        config: Arc<Newest<PlannerConfig>>,
        state: &Arc<Newest<State>>,
        clock: Arc<NodeClock>,
    ) -> Result<Self, NodeError> {
        let events =
            Outlet::open::<ParameterEvent>(transport, names, TOPIC, qos::PARAMETER_EVENTS)?;
        let (state, node) = (Arc::clone(state), names.full_name());
        let store = Self { config, state, events, node, clock };
        store.tell(&Values::new(), &store.values());
        Ok(store)
    }

    /// Values by name, parts joined by dots.
    pub fn values(&self) -> Values {
        values(&self.config.get())
    }

    /// What a parameter is; of an unknown one only its name.
    pub fn describe(&self, name: &str, kind: u8) -> ParameterDescriptor {
        let describe = |entry: &Entry| entry.descriptor(name, kind, self.is_open());
        entry(name).map_or_else(
            || ParameterDescriptor { name: name.into(), ..ParameterDescriptor::default() },
            describe,
        )
    }

    /// Sets all of `parameters` or, with the reason, none.
    pub fn set(&self, parameters: &[Parameter]) -> Result<(), String> {
        let mut before = Values::new();
        self.config.update(|config| {
            before = values(config);
            with(config, parameters, self.is_open())
        })?;
        self.tell(&before, &self.values());
        Ok(())
    }

    /// Whether everything may be set.
    fn is_open(&self) -> bool {
        *self.state.get() == State::Unconfigured
    }

    fn tell(&self, before: &Values, after: &Values) {
        let event = changes(before, after);
        if event == ParameterEvent::default() {
            return;
        }
        let stamp = Time::from_ns(self.clock.now_ns());
        self.events.send(&ParameterEvent { stamp, node: self.node.clone(), ..event });
    }
}

/// What is new, other, or gone.
fn changes(before: &Values, after: &Values) -> ParameterEvent {
    let mut event = ParameterEvent::default();
    for (name, value) in after {
        let parameter = || Parameter { name: name.clone(), value: value.clone() };
        match before.get(name) {
            None => event.new_parameters.push(parameter()),
            Some(old) if old != value => event.changed_parameters.push(parameter()),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let parameter = |(name, value): (&String, &ParameterValue)| Parameter {
        name: name.clone(),
        value: value.clone(),
    };
    event.deleted_parameters = gone.map(parameter).collect();
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_apart() {
        let value = |integer_value| ParameterValue { integer_value, ..Default::default() };
        let values = |pairs: &[(&str, i64)]| -> Values {
            pairs.iter().map(|(name, number)| ((*name).to_owned(), value(*number))).collect()
        };
        let event = changes(
            &values(&[("a", 1), ("b", 1), ("c", 1)]),
            &values(&[("b", 2), ("c", 1), ("d", 1)]),
        );
        let names = |parameters: &[Parameter]| -> Vec<String> {
            parameters.iter().map(|one| one.name.clone()).collect()
        };
        assert_eq!(names(&event.new_parameters), ["d"]);
        assert_eq!(names(&event.changed_parameters), ["b"]);
        assert_eq!(names(&event.deleted_parameters), ["a"]);
        assert_eq!(event.changed_parameters[0].value.integer_value, 2);
    }
}
