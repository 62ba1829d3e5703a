//! Names: relative (`plan`), private (`~/plan`), absolute (`/plan`), and their remapping.

use super::{ArgumentError, RosArguments};

/// A name to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remap {
    /// The name in the node, relative, private or absolute.
    pub from: String,
    /// The name on the graph.
    pub to: String,
}

/// Where a node stands in the graph, and what its names become there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeNames {
    namespace: String,
    name: String,
    remaps: Vec<(String, String)>,
}

impl NodeNames {
    /// The names of the node `name`, as the command line places it.
    ///
    /// # Errors
    ///
    /// When the name, the namespace or a name in a remap is none that ROS 2 allows.
    pub fn new(arguments: &RosArguments, name: &str) -> Result<Self, ArgumentError> {
        let name = arguments.node.as_deref().unwrap_or(name);
        check("a node", name)?;
        if name.contains('/') {
            return Err(bad("a node", name, "it holds a slash"));
        }
        let namespace = arguments.namespace.as_deref().unwrap_or("/").trim_end_matches('/');
        let namespace = match namespace {
            "" => "/".to_owned(),
            relative if !relative.starts_with('/') => format!("/{relative}"),
            absolute => absolute.to_owned(),
        };
        if namespace != "/" {
            check("a namespace", &namespace)?;
        }
        let mut names = Self { namespace, name: name.into(), remaps: Vec::new() };
        let remaps = arguments.remaps.iter();
        names.remaps = remaps
            .map(|remap| Ok((names.expand(&remap.from)?, names.expand(&remap.to)?)))
            .collect::<Result<_, ArgumentError>>()?;
        Ok(names)
    }

    /// The node's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace, `/` or such as `/robot`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Both together, such as `/robot/planner`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace.trim_end_matches('/'), self.name)
    }

    /// The name on the graph of what the node calls `name`.
    ///
    /// # Errors
    ///
    /// When it is no name that ROS 2 allows.
    pub fn resolve(&self, name: &str) -> Result<String, ArgumentError> {
        let full = self.expand(name)?;
        let remap = self.remaps.iter().find(|(from, _)| *from == full);
        Ok(remap.map_or(full, |(_, to)| to.clone()))
    }

    fn expand(&self, name: &str) -> Result<String, ArgumentError> {
        let full = match name.strip_prefix('~') {
            Some(rest) => format!("{}{rest}", self.full_name()),
            None if name.starts_with('/') => name.to_owned(),
            None => format!("{}/{name}", self.namespace.trim_end_matches('/')),
        };
        check("a topic or service", &full).map(|()| full)
    }
}

/// Parts of letters, digits and `_`, none empty, none beginning with a digit.
fn check(what: &'static str, name: &str) -> Result<(), ArgumentError> {
    let parts = name.strip_prefix('/').unwrap_or(name).split('/');
    for part in parts {
        if part.is_empty() {
            return Err(bad(what, name, "a part of it is empty"));
        }
        if !part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(bad(what, name, "only letters, digits and _ are allowed"));
        }
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(bad(what, name, "a part of it begins with a digit"));
        }
    }
    Ok(())
}

fn bad(what: &'static str, name: &str, reason: &'static str) -> ArgumentError {
    ArgumentError::BadName { name: name.into(), what, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Result<NodeNames, ArgumentError> {
        let arguments = line.split_whitespace().map(str::to_owned);
        NodeNames::new(&RosArguments::parse(arguments, "planner")?, "planner")
    }

    #[test]
    fn relative_private_absolute() {
        let resolve = |line: &str, name: &str| names(line).unwrap().resolve(name).unwrap();
        assert_eq!(resolve("", "color/image_raw"), "/color/image_raw");
        assert_eq!(resolve("", "~/plan"), "/planner/plan");
        let robot = "--ros-args -r __ns:=/robot -r __node:=eyes";
        assert_eq!(resolve(robot, "color/image_raw"), "/robot/color/image_raw");
        assert_eq!(resolve(robot, "~/plan"), "/robot/eyes/plan");
        assert_eq!(resolve(robot, "/tf"), "/tf");
        assert_eq!(names("--ros-args -r __ns:=robot/").unwrap().full_name(), "/robot/planner");
    }

    #[test]
    fn remaps_match_after_expansion() {
        let names =
            names("--ros-args -r __ns:=/a -r /tf:=tf -r ~/plan:=/plans -r color/image_raw:=rgb")
                .unwrap();
        let resolve = |name: &str| names.resolve(name).unwrap();
        assert_eq!(resolve("/tf"), "/a/tf");
        assert_eq!(resolve("~/plan"), "/plans");
        assert_eq!(resolve("/a/color/image_raw"), "/a/rgb");
        assert_eq!(resolve("depth"), "/a/depth");
    }

    #[test]
    fn names_that_are_none() {
        let refused = |line: &str| names(line).unwrap_err().to_string();
        assert!(refused("--ros-args -r __node:=a-b").contains("only letters"));
        assert!(refused("--ros-args -r __ns:=/1st").contains("begins with a digit"));
        assert!(refused("--ros-args -r a:=b//c").contains("empty"));
        assert!(refused("--ros-args -r __node:=a/b").contains("slash"));
    }
}
