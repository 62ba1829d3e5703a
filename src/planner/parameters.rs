//! ROS 2 parameter files and overrides as one tree of values.

use super::ConfigError;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

const PARAMETERS: &str = "ros__parameters";

/// Parameters of one node, later ones over earlier ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    tree: Mapping,
    /// Where each was set, by name.
    sources: BTreeMap<String, String>,
}

impl Parameters {
    /// Adds those that the parameter file `text`, called `path`, has for `node` in `namespace`
    /// (`/`, or such as `/robot`): sections named `node` or `/namespace/node`, which may stand below
    /// their namespace. In names `*` means any part and `**` any number of parts. Whether there was
    /// any.
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
        let no_section =
            |name: &str| invalid(format!("{name} must hold {PARAMETERS} and nothing else"));
        let file: Mapping =
            serde_yaml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let full = format!("{namespace}/{node}");
        let is_meant = |name: &str| name == node || fits(&parts(name), &parts(&full));
        let mut found = false;
        for (name, body) in &file {
            let name = name.as_str().unwrap_or_default();
            let mut sections = Vec::new();
            find_sections(name, body, &mut sections);
            if sections.is_empty() && is_meant(name) {
                return Err(no_section(name));
            }
            for (name, body) in sections.iter().filter(|(name, _)| is_meant(name)) {
                let parameters = body.get(PARAMETERS).filter(|_| body.len() == 1);
                let parameters = parameters.and_then(Value::as_mapping);
                self.add(parameters.ok_or_else(|| no_section(name))?, path);
                found = true;
            }
        }
        Ok(found)
    }

    /// Sets one, whose name may have parts joined by dots; `source` tells where that was said.
    pub fn set(&mut self, name: &str, value: Value, source: &str) {
        self.add(&Mapping::from_iter([(name.into(), value)]), source);
    }

    /// What they make of a `T`, all of whose settings have defaults.
    ///
    /// # Errors
    ///
    /// When one is not known or has a value of another type: its name, and where it was set. What
    /// is of none is said of `source`.
    pub fn read<T: DeserializeOwned>(&self, source: &str) -> Result<T, ConfigError> {
        serde_yaml::from_value(Value::Mapping(self.tree.clone())).map_err(|error| {
            let whole = ConfigError::Invalid { path: source.into(), reason: error.to_string() };
            self.misfit::<T>(source).unwrap_or(whole)
        })
    }

    /// What is wrong with the first that cannot be read by itself.
    fn misfit<T: DeserializeOwned>(&self, source: &str) -> Option<ConfigError> {
        leaves("", &self.tree).into_iter().find_map(|(name, value)| {
            let mut alone = Mapping::new();
            put(&mut alone, &name, value);
            let error = serde_yaml::from_value::<T>(Value::Mapping(alone)).err()?;
            let path = self.sources.get(&name).map_or(source, String::as_str).to_owned();
            Some(ConfigError::Invalid { path, reason: format!("{name}: {error}") })
        })
    }

    fn add(&mut self, tree: &Mapping, source: &str) {
        for (name, value) in leaves("", tree) {
            put(&mut self.tree, &name, value);
            self.sources.insert(name, source.to_owned());
        }
    }
}

/// Finds what holds parameters: `body`, called `name`, or what stands below it, where it is a
/// namespace.
fn find_sections<'a>(name: &str, body: &'a Value, found: &mut Vec<(String, &'a Mapping)>) {
    let Some(body) = body.as_mapping() else { return };
    if body.contains_key(PARAMETERS) {
        found.push((name.to_owned(), body));
        return;
    }
    for (below, body) in body {
        let below = below.as_str().unwrap_or_default();
        find_sections(&format!("{name}/{below}"), body, found);
    }
}

/// The parts of the name of a node.
fn parts(name: &str) -> Vec<&str> {
    name.split('/').filter(|part| !part.is_empty()).collect()
}

/// Whether a name is one of those that `pattern` means.
fn fits(pattern: &[&str], name: &[&str]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=name.len()).any(|skipped| fits(rest, &name[skipped..])),
        ([one, rest @ ..], [part, others @ ..]) => {
            (*one == "*" || one == part) && fits(rest, others)
        }
        _ => false,
    }
}

/// The values of a tree by name, parts joined by dots; `prefix` stands before all of them.
fn leaves(prefix: &str, tree: &Mapping) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in tree {
        // What is no text names no parameter, and is told as it stands there.
        let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Mapping(branch) if !branch.is_empty() => found.extend(leaves(&name, branch)),
            leaf => found.push((name, leaf.clone())),
        }
    }
    found
}

/// Puts a value where its name says. A branch takes the place of whatever leaf stood there.
fn put(into: &mut Mapping, name: &str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        // An empty branch takes nothing away.
        if !value.is_mapping() || !into.contains_key(name) {
            into.insert(name.into(), value);
        }
        return;
    };
    let place = into.entry(first.into()).or_insert(Value::Null);
    if !place.is_mapping() {
        *place = Value::Mapping(Mapping::new());
    }
    if let Value::Mapping(branch) = place {
        put(branch, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[&str]) -> Value {
        let mut parameters = Parameters::default();
        for text in files {
            parameters.add_file(text, "file.yaml", "/robot", "planner").unwrap();
        }
        Value::Mapping(parameters.tree)
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
    fn sections_may_stand_below_their_namespace_and_be_patterns() {
        let found = read(&[
            "robot: {planner: {ros__parameters: {a: 1}}, other: {ros__parameters: {b: 1}}}",
            "/robot: {/planner: {ros__parameters: {c: 1}}}",
            "/**/planner: {ros__parameters: {d: 1}}",
            "/*/planner: {ros__parameters: {e: 1}}",
            "/robot/**: {ros__parameters: {f: 1}}",
            "/*: {ros__parameters: {g: 1}}",
            "arm: {planner: {ros__parameters: {h: 1}}}",
        ]);
        let wanted = "{a: 1, c: 1, d: 1, e: 1, f: 1}";
        assert_eq!(found, serde_yaml::from_str::<Value>(wanted).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_file() {
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Settings {
            map: BTreeMap<String, f64>,
            speed: f64,
        }
        let mut parameters = Parameters::default();
        let files =
            [("a.yaml", "{map: {size: 1.0, far: 2}}"), ("b.yaml", "{map.size: wide, speed: 1.0}")];
        for (path, text) in files {
            let text = format!("/**: {{ros__parameters: {text}}}");
            assert!(parameters.add_file(&text, path, "/", "planner").unwrap());
        }
        let fault =
            |parameters: &Parameters| parameters.read::<Settings>("all").unwrap_err().to_string();
        let wide = fault(&parameters);
        assert!(wide.starts_with("b.yaml: map.size: invalid type: string \"wide\""), "{wide}");
        parameters.set("map.size", 3.into(), "-p");
        let read = parameters.read::<Settings>("all").unwrap();
        assert_eq!((read.map["size"], read.map["far"], read.speed), (3.0, 2.0, 1.0));
        parameters.set("sped", 2.into(), "-p");
        let unknown = fault(&parameters);
        assert!(unknown.starts_with("-p: sped: unknown field"), "{unknown}");
    }

    #[test]
    fn later_wins() {
        let mut parameters = Parameters::default();
        let text = "planner: {ros__parameters: {plan: {model: a, device: cpu}}}";
        assert!(parameters.add_file(text, "f", "/", "planner").unwrap());
        assert!(!parameters.add_file("x: 1", "f", "/", "planner").unwrap());
        parameters.set("plan.model", "b".into(), "-p");
        parameters.set("plan", Mapping::new().into(), "-p");
        let wanted = "{plan: {model: b, device: cpu}}";
        assert_eq!(parameters.tree, serde_yaml::from_str::<Mapping>(wanted).unwrap());
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
