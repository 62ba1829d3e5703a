//! ROS 2 parameter files and overrides as one tree of values.

use super::ConfigError;
use serde_yaml::{Mapping, Value};

const PARAMETERS: &str = "ros__parameters";

/// Parameters of one node, later ones over earlier ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters(Mapping);

impl Parameters {
    /// Adds those that the parameter file `text`, called `path`, has for `node` in `namespace`
    /// (`/`, or such as `/robot`): sections named `/**`, `node`, or `/namespace/node`. Whether there
    /// was any.
    ///
    /// # Errors
    ///
    /// When the text is no parameter file.
    pub fn add_file(
        &mut self,
        text: &str,
        path: &str,
        namespace: &str,
        node: &str,
    ) -> Result<bool, ConfigError> {
        let invalid = |reason: String| ConfigError::Invalid { path: path.into(), reason };
        let file: Mapping =
            serde_yaml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let full = format!("{}/{node}", namespace.trim_end_matches('/'));
        let mut found = false;
        for (section, body) in &file {
            let section = section.as_str().unwrap_or_default();
            if section != "/**" && section != node && section != full {
                continue;
            }
            let no_section =
                || invalid(format!("{section} must hold {PARAMETERS} and nothing else"));
            let body = body.as_mapping().filter(|body| body.len() == 1).ok_or_else(no_section)?;
            let parameters =
                body.get(PARAMETERS).and_then(Value::as_mapping).ok_or_else(no_section)?;
            merge(&mut self.0, parameters);
            found = true;
        }
        Ok(found)
    }

    /// Sets one, whose name may have parts joined by dots.
    pub fn set(&mut self, name: &str, value: Value) {
        set(&mut self.0, name, value);
    }

    /// The tree.
    pub fn into_value(self) -> Value {
        Value::Mapping(self.0)
    }
}

fn merge(into: &mut Mapping, from: &Mapping) {
    for (key, value) in from {
        match key.as_str() {
            Some(name) => set(into, name, value.clone()),
            None => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

fn set(into: &mut Mapping, name: &str, value: Value) {
    let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
    let place = into.entry(first.into()).or_insert(Value::Null);
    if rest.is_none() && !value.is_mapping() {
        *place = value;
        return;
    }
    // A branch takes the place of whatever leaf stood there.
    let mut branch = match std::mem::take(place) {
        Value::Mapping(branch) => branch,
        _ => Mapping::new(),
    };
    match (rest, &value) {
        (Some(rest), _) => set(&mut branch, rest, value),
        (None, Value::Mapping(values)) => merge(&mut branch, values),
        (None, _) => {}
    }
    *place = Value::Mapping(branch);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[&str]) -> Value {
        let mut parameters = Parameters::default();
        for text in files {
            parameters.add_file(text, "file.yaml", "/robot", "planner").unwrap();
        }
        parameters.into_value()
    }

    #[test]
    fn sections_for_the_node_and_dotted_names_come_together() {
        let found = read(&[
            "/**: {ros__parameters: {map.voxel_size_m: 0.1, use_sim_time: true}}",
            "other: {ros__parameters: {map: {voxel_size_m: 9}}}",
            "/robot/planner: {ros__parameters: {map: {max_depth_m: 3.0}}}",
        ]);
        let wanted = "{map: {voxel_size_m: 0.1, max_depth_m: 3.0}, use_sim_time: true}";
        assert_eq!(found, serde_yaml::from_str::<Value>(wanted).unwrap());
    }

    #[test]
    fn later_wins() {
        let mut parameters = Parameters::default();
        let text = "planner: {ros__parameters: {plan: {model: a, device: cpu}}}";
        assert!(parameters.add_file(text, "f", "/", "planner").unwrap());
        assert!(!parameters.add_file("x: 1", "f", "/", "planner").unwrap());
        parameters.set("plan.model", "b".into());
        let wanted = "{plan: {model: b, device: cpu}}";
        assert_eq!(parameters.into_value(), serde_yaml::from_str::<Value>(wanted).unwrap());
    }

    #[test]
    fn what_is_no_parameter_file_is_told() {
        let fault = |text| {
            let read = Parameters::default().add_file(text, "f.yaml", "/", "planner");
            read.unwrap_err().to_string()
        };
        assert!(fault("planner: {map: {}}").contains("f.yaml: planner must hold ros__parameters"));
        assert!(fault("[1, 2]").starts_with("f.yaml: "));
    }
}
