//! The node's parameters, as `ros2 param` lists, reads, describes and sets them.

mod offer;
mod store;
mod table;

pub use offer::offer;
pub use store::ParameterStore;

use crate::planner::{Parameters, PlannerConfig};
use crate::ros::msg::{
    FloatingPointRange, IntegerRange, Parameter, ParameterDescriptor, ParameterValue,
};
use serde_yaml::Value;
use std::collections::BTreeMap;
use table::{Entry, Range, TABLE};

/// What stands before the reason why a parameter is not set.
const REFUSED: &str = "refused";

/// Values by name, parts joined by dots.
fn values(config: &PlannerConfig) -> BTreeMap<String, ParameterValue> {
    let mut values = BTreeMap::new();
    // The configuration is made of what YAML can say.
    let tree = serde_yaml::to_value(config).unwrap_or_default();
    flatten("", &tree, &mut values);
    values
}

fn flatten(prefix: &str, tree: &Value, values: &mut BTreeMap<String, ParameterValue>) {
    match tree {
        Value::Mapping(mapping) => {
            for (key, value) in mapping {
                let key = key.as_str().unwrap_or_default();
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{key}"), value, values);
            }
        }
        leaf => drop(values.insert(prefix.to_owned(), to_message(leaf))),
    }
}

fn to_message(value: &Value) -> ParameterValue {
    let mut message = ParameterValue::default();
    match value {
        Value::Bool(yes) => (message.kind, message.bool_value) = (ParameterValue::BOOL, *yes),
        Value::Number(number) if number.is_i64() => {
            message.kind = ParameterValue::INTEGER;
            message.integer_value = number.as_i64().unwrap_or_default();
        }
        Value::Number(number) => {
            message.kind = ParameterValue::DOUBLE;
            message.double_value = shortest(number.as_f64().unwrap_or_default());
        }
        Value::String(text) => {
            (message.kind, message.string_value) = (ParameterValue::STRING, text.clone());
        }
        Value::Sequence(texts) => {
            message.kind = ParameterValue::STRING_ARRAY;
            let texts = texts.iter().filter_map(Value::as_str);
            message.string_array_value = texts.map(str::to_owned).collect();
        }
        _ => {}
    }
    message
}

/// 0.1 for the 0.1 of a short float, which a long one writes as 0.10000000149.
fn shortest(value: f64) -> f64 {
    let short = value as f32;
    let same = f64::from(short) == value;
    same.then(|| short.to_string().parse().ok()).flatten().unwrap_or(value)
}

fn from_message(value: &ParameterValue) -> Result<Value, String> {
    Ok(match value.kind {
        ParameterValue::BOOL => value.bool_value.into(),
        ParameterValue::INTEGER => value.integer_value.into(),
        ParameterValue::DOUBLE => value.double_value.into(),
        ParameterValue::STRING => value.string_value.clone().into(),
        ParameterValue::STRING_ARRAY => value.string_array_value.clone().into(),
        kind => return Err(format!("no parameter here has a value of type {kind}")),
    })
}

/// `config` with all of `parameters` set. All can be set while the node is unconfigured, `is_open`.
fn with(
    config: &PlannerConfig,
    parameters: &[Parameter],
    is_open: bool,
) -> Result<PlannerConfig, String> {
    let mut tree = Parameters::default();
    for (name, value) in values(config) {
        // What is not set stays so.
        if let Ok(value) = from_message(&value) {
            tree.set(&name, value, REFUSED);
        }
    }
    for Parameter { name, value } in parameters {
        let entry = entry(name).ok_or_else(|| format!("there is no parameter {name}"))?;
        if !entry.live && !is_open {
            return Err(format!(
                "{name} is read-only while the node is configured: set it where the node is \
                 started, or after `ros2 lifecycle set NODE cleanup`"
            ));
        }
        entry.check(value)?;
        tree.set(name, from_message(value)?, REFUSED);
    }
    PlannerConfig::from_parameters(&tree, REFUSED).map_err(|error| error.to_string())
}

/// The entry whose name this is; `*` in it stands for one part.
fn entry(name: &str) -> Option<&'static Entry> {
    let fits = |entry: &&Entry| {
        let (mut wanted, mut parts) = (entry.name.split('.'), name.split('.'));
        wanted.by_ref().zip(parts.by_ref()).all(|(wanted, part)| wanted == "*" || wanted == part)
            && entry.name.matches('.').count() == name.matches('.').count()
    };
    TABLE.iter().find(fits)
}

impl Entry {
    fn check(&self, value: &ParameterValue) -> Result<(), String> {
        let found = match value.kind {
            ParameterValue::INTEGER => value.integer_value as f64,
            ParameterValue::DOUBLE => value.double_value,
            _ => return Ok(()),
        };
        let (low, high) = match self.range {
            Range::Any => return Ok(()),
            Range::Double(low, high) => (low, high),
            Range::Integer(low, high) => (low as f64, high as f64),
        };
        match (low..=high).contains(&found) {
            true => Ok(()),
            false => Err(format!("{} must lie between {low} and {high}", self.name)),
        }
    }

    fn descriptor(&self, name: &str, kind: u8, is_open: bool) -> ParameterDescriptor {
        let mut descriptor = ParameterDescriptor {
            name: name.into(),
            kind,
            description: self.description.into(),
            read_only: !self.live && !is_open,
            ..ParameterDescriptor::default()
        };
        match self.range {
            Range::Any => {}
            Range::Double(from_value, to_value) => {
                descriptor.floating_point_range =
                    vec![FloatingPointRange { from_value, to_value, step: 0.0 }];
            }
            Range::Integer(from_value, to_value) => {
                descriptor.integer_range = vec![IntegerRange { from_value, to_value, step: 0 }];
            }
        }
        descriptor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(name: &str, double_value: f64) -> Parameter {
        let kind = ParameterValue::DOUBLE;
        Parameter {
            name: name.into(),
            value: ParameterValue { kind, double_value, ..ParameterValue::default() },
        }
    }

    #[test]
    fn every_parameter_is_described_and_its_default_in_range() {
        let values = values(&PlannerConfig::default());
        let named = TABLE.iter().filter(|entry| !entry.name.contains('*'));
        let mut described: Vec<_> = named.clone().map(|entry| entry.name).collect();
        described.sort_unstable();
        assert_eq!(values.keys().collect::<Vec<_>>(), described);
        for entry in named {
            entry.check(&values[entry.name]).unwrap();
        }
    }

    #[test]
    fn parameters_of_topics_and_cameras_are_described() {
        let text = "scenellm_planner: {ros__parameters: {
            cameras: [front], camera: {front: {color: /rgb}},
            qos_overrides: {/rgb: {subscription: {depth: 3, reliability: reliable}}}}}";
        let config = PlannerConfig::parse(text, "mine.yaml").unwrap();
        let values = values(&config);
        assert!(values.keys().all(|name| entry(name).is_some()), "{values:?}");
        assert_eq!(values["cameras"].string_array_value, ["front"]);
        assert_eq!(values["camera.front.color"].string_value, "/rgb");
        assert_eq!(values["qos_overrides./rgb.subscription.depth"].integer_value, 3);
        assert_eq!(with(&config, &[], false).unwrap(), config);
        assert_eq!(entry("camera.front.rear.color"), None);
    }

    #[test]
    fn values_read_back_are_the_configuration() {
        let mut config = PlannerConfig { use_sim_time: true, ..PlannerConfig::default() };
        config.topics.color = Some("/camera/rgb".into());
        config.map.voxel_size_m = 0.07;
        let mut tree = Parameters::default();
        for (name, value) in values(&config) {
            if let Ok(value) = from_message(&value) {
                tree.set(&name, value, "test");
            }
        }
        let back = PlannerConfig::from_parameters(&tree, "test").unwrap();
        assert_eq!(back, config);
        assert_eq!(values(&config)["sensing.min_depth_m"].double_value, 0.1);
    }

    #[test]
    fn setting_is_vetoed_with_the_reason() {
        let config = PlannerConfig::default();
        let refused = |parameters: &[Parameter]| with(&config, parameters, false).unwrap_err();
        assert!(refused(&[double("map.voxel_size_m", 0.1)]).contains("read-only"));
        assert!(refused(&[double("publish.map_period_s", 0.0)]).contains("between 0.01 and 3600"));
        assert!(refused(&[double("speed", 1.0)]).contains("no parameter speed"));
        // In the range, and yet not usable.
        assert!(refused(&[double("plan.step_expiry_s", 0.0)]).contains("more than 0"));
        let both = [double("publish.map_period_s", 2.0), double("publish.stale_after_s", -1.0)];
        refused(&both);
        assert_eq!(with(&config, &both[..1], false).unwrap().publish.map_period_s, 2.0);
        let unconfigured = with(&config, &[double("map.voxel_size_m", 0.1)], true).unwrap();
        assert_eq!(unconfigured.map.voxel_size_m, 0.1);
    }
}
