//! The ROS 2 command line: `--ros-args -r from:=to -p name:=value --params-file FILE …`.

mod names;

pub use names::{NodeNames, Remap};

use serde_yaml::Value;
use std::path::PathBuf;

/// Levels of the log, as ROS 2 calls them.
const LOG_LEVELS: [&str; 5] = ["debug", "info", "warn", "error", "fatal"];

/// What is wrong with the command line or with a name in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// An option lacks its value.
    #[error("{option}: a value must follow")]
    NoValue {
        /// The option.
        option: String,
    },
    /// An option that is not known.
    #[error("{argument}: no such argument; ROS arguments stand behind --ros-args")]
    Unknown {
        /// The argument.
        argument: String,
    },
    /// A rule that is not `left:=right`.
    #[error("{option} {rule}: write {wanted}")]
    BadRule {
        /// The option.
        option: &'static str,
        /// What stands there.
        rule: String,
        /// What should.
        wanted: &'static str,
    },
    /// A name that ROS 2 does not allow.
    #[error("{name:?} is no name of {what}: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// A topic, a node, a namespace.
        what: &'static str,
        /// What it breaks.
        reason: &'static str,
    },
}

/// A source of parameters. Later ones win over earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterSource {
    /// A parameter file.
    File(PathBuf),
    /// One value, such as `map.voxel_size_m` 0.1.
    Value {
        /// Name of the parameter, parts joined by dots.
        name: String,
        /// Its value.
        value: Value,
    },
}

/// The command line, read but not yet applied to a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RosArguments {
    /// Name of the node (`__node`), when it is given.
    pub node: Option<String>,
    /// Namespace of the node (`__ns`), when it is given.
    pub namespace: Option<String>,
    /// Names to replace, in the order of the rules.
    pub remaps: Vec<Remap>,
    /// Parameters, in order.
    pub parameters: Vec<ParameterSource>,
    /// `debug`, `info`, `warn`, `error` or `fatal`.
    pub log_level: Option<String>,
    /// Whether nothing is logged to the terminal.
    pub no_stdout_logs: bool,
    /// Whether nothing is logged to `/rosout`.
    pub no_rosout_logs: bool,
}

impl RosArguments {
    /// Reads the arguments behind the program's name. Rules for other nodes (`other:from:=to`) are
    /// left out; `this_node` is the name rules for this one carry, unless `__node` gives another.
    ///
    /// # Errors
    ///
    /// When an argument is unknown or malformed.
    pub fn parse(
        arguments: impl IntoIterator<Item = String>,
        this_node: &str,
    ) -> Result<Self, ArgumentError> {
        let mut read = Self::default();
        let mut rules = Vec::new();
        let mut arguments = arguments.into_iter();
        let mut in_ros = false;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--ros-args" => in_ros = true,
                "--" if in_ros => in_ros = false,
                option if in_ros => {
                    let mut value = || {
                        let none = || ArgumentError::NoValue { option: option.into() };
                        arguments.next().ok_or_else(none)
                    };
                    match option {
                        "-r" | "--remap" => rules.push((Rule::Remap, value()?)),
                        "-p" | "--param" => rules.push((Rule::Parameter, value()?)),
                        "--params-file" => rules.push((Rule::File, value()?)),
                        "--log-level" => {
                            // `logger:=level` sets that of one logger; all of ours is one.
                            let rule = value()?;
                            let level = rule.rsplit(":=").next().unwrap_or_default();
                            let level = level.to_lowercase();
                            if !LOG_LEVELS.contains(&level.as_str()) {
                                return Err(ArgumentError::BadRule {
                                    option: "--log-level",
                                    rule,
                                    wanted: "debug, info, warn, error or fatal",
                                });
                            }
                            read.log_level = Some(level);
                        }
                        "--enable-stdout-logs" => read.no_stdout_logs = false,
                        "--disable-stdout-logs" => read.no_stdout_logs = true,
                        "--enable-rosout-logs" => read.no_rosout_logs = false,
                        "--disable-rosout-logs" => read.no_rosout_logs = true,
                        // ROS 2's own log files and its enclaves are the client library's affair.
                        "--enable-external-lib-logs" | "--disable-external-lib-logs" => {}
                        "--log-config-file" | "--log-file-name" | "-e" | "--enclave" => {
                            value()?;
                        }
                        _ => return Err(ArgumentError::Unknown { argument }),
                    }
                }
                _ => return Err(ArgumentError::Unknown { argument }),
            }
        }
        read.apply(&rules, this_node)?;
        Ok(read)
    }

    fn apply(&mut self, rules: &[(Rule, String)], this_node: &str) -> Result<(), ArgumentError> {
        // The node's own name first: other rules may be meant for it.
        for (rule, text) in rules {
            if let (Rule::Remap, Some((left, right))) = (rule, text.split_once(":=")) {
                match left.rsplit(':').next() {
                    Some("__node" | "__name") => self.node = Some(right.into()),
                    Some("__ns") => self.namespace = Some(right.into()),
                    _ => {}
                }
            }
        }
        let node = self.node.clone().unwrap_or_else(|| this_node.into());
        for (rule, text) in rules {
            let split = text.split_once(":=").filter(|(left, right)| {
                !left.is_empty() && (!right.is_empty() || *rule == Rule::Parameter)
            });
            let bad = |option, wanted| ArgumentError::BadRule { option, rule: text.into(), wanted };
            match rule {
                Rule::File => self.parameters.push(ParameterSource::File(text.into())),
                Rule::Remap => {
                    let (left, to) = split.ok_or_else(|| bad("-r", "from:=to"))?;
                    if let Some(from) = for_node(left, &node).filter(|from| !from.starts_with("__"))
                    {
                        self.remaps.push(Remap { from: from.into(), to: to.into() });
                    }
                }
                Rule::Parameter => {
                    let (left, value) = split.ok_or_else(|| bad("-p", "name:=value"))?;
                    if let Some(name) = for_node(left, &node) {
                        let value = serde_yaml::from_str(value)
                            .map_err(|_| bad("-p", "name:=value, the value in YAML"))?;
                        self.parameters.push(ParameterSource::Value { name: name.into(), value });
                    }
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Remap,
    Parameter,
    File,
}

/// `rule` without the node it is for; `None` when it is for another one than `node`.
fn for_node<'a>(rule: &'a str, node: &str) -> Option<&'a str> {
    let is_scheme = |prefix: &str| matches!(prefix, "rostopic" | "rosservice");
    match rule.split_once(':') {
        None => Some(rule),
        // `rostopic://name` is a name of a topic only; ours differ from those of services anyway.
        Some((prefix, rest)) if is_scheme(prefix) => rest.strip_prefix("//"),
        Some((prefix, rest)) if prefix == node => Some(rest),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<RosArguments, String> {
        let arguments = line.split_whitespace().map(str::to_owned);
        RosArguments::parse(arguments, "planner").map_err(|error| error.to_string())
    }

    #[test]
    fn what_launch_files_pass() {
        let read = parse(
            "--ros-args --log-level info --ros-args -r __node:=eyes -r __ns:=/robot \
             --params-file a.yaml -r /tf:=tf -p map.voxel_size_m:=0.1 -p use_sim_time:=true",
        )
        .unwrap();
        assert_eq!(read.node.as_deref(), Some("eyes"));
        assert_eq!(read.namespace.as_deref(), Some("/robot"));
        assert_eq!(read.log_level.as_deref(), Some("info"));
        assert_eq!(read.remaps, [Remap { from: "/tf".into(), to: "tf".into() }]);
        let [ParameterSource::File(file), ParameterSource::Value { name, value }, _] =
            &read.parameters[..]
        else {
            panic!("{:?}", read.parameters)
        };
        assert_eq!((file.to_str(), name.as_str()), (Some("a.yaml"), "map.voxel_size_m"));
        assert_eq!(value.as_f64(), Some(0.1));
    }

    #[test]
    fn what_ros_has_to_say_of_logs_is_taken() {
        let read = parse(
            "--ros-args --disable-external-lib-logs --disable-rosout-logs --log-config-file a.cfg \
             -e /kitchen --disable-stdout-logs --enable-stdout-logs -p use_sim_time:=true",
        )
        .unwrap();
        assert_eq!((read.no_rosout_logs, read.no_stdout_logs), (true, false));
        assert_eq!(read.parameters.len(), 1);
        assert!(parse("--ros-args --log-config-file").unwrap_err().contains("a value must follow"));
    }

    #[test]
    fn rules_for_other_nodes_are_left_out() {
        let read = parse(
            "--ros-args -r other:plan:=x -r planner:plan:=y -p other:a:=1 -r rostopic://map:=m",
        )
        .unwrap();
        let remaps: Vec<_> = read.remaps.iter().map(|remap| remap.to.as_str()).collect();
        assert_eq!((remaps, read.parameters.len()), (vec!["y", "m"], 0));
    }

    #[test]
    fn faults_are_named() {
        assert!(parse("--ros-args -r plan").unwrap_err().contains("from:=to"));
        assert!(parse("--ros-args -p").unwrap_err().contains("-p: a value must follow"));
        assert!(parse("--speed 3").unwrap_err().contains("--speed"));
        assert!(parse("--ros-args -- --ros-args -x 1").unwrap_err().contains("-x"));
        let level = parse("--ros-args --log-level warning").unwrap_err();
        assert_eq!(level, "--log-level warning: write debug, info, warn, error or fatal");
        assert_eq!(parse("--ros-args --log-level rcl:=WARN").unwrap().log_level.unwrap(), "warn");
    }
}
