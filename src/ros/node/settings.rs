//! From the command line to names and parameters.

use super::NodeError;
use crate::planner::{ConfigError, NODE_NAME, Parameters, PlannerConfig};
use crate::ros::{NodeNames, ParameterSource, RosArguments};

/// Everything that is settled before the node starts.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Its name, and names on the graph.
    pub names: NodeNames,
    /// Its parameters.
    pub config: PlannerConfig,
    /// Level of the log; `info` unless given.
    pub log_level: String,
    /// Whether it goes to the terminal.
    pub logs_to_terminal: bool,
    /// Whether it goes to `/rosout`.
    pub logs_to_rosout: bool,
}

impl NodeSettings {
    /// Reads the arguments behind the program's name, and the parameter files they name.
    ///
    /// # Errors
    ///
    /// When an argument, a file or a parameter cannot be used.
    pub fn from_arguments(arguments: impl IntoIterator<Item = String>) -> Result<Self, NodeError> {
        let arguments = RosArguments::parse(arguments, NODE_NAME)?;
        let names = NodeNames::new(&arguments, NODE_NAME)?;
        let mut parameters = Parameters::default();
        for source in &arguments.parameters {
            match source {
                ParameterSource::Value { name, value } => {
                    parameters.set(name, value.clone(), "-p");
                }
                ParameterSource::File(path) => {
                    let shown = path.display().to_string();
                    let text = std::fs::read_to_string(path)
                        .map_err(|source| ConfigError::Read { path: shown.clone(), source })?;
                    parameters.add_file(&text, &shown, names.namespace(), names.name())?;
                }
            }
        }
        Ok(Self {
            config: PlannerConfig::from_parameters(&parameters, "parameters")?,
            log_level: arguments.log_level.unwrap_or_else(|| "info".into()),
            logs_to_terminal: !arguments.no_stdout_logs,
            logs_to_rosout: !arguments.no_rosout_logs,
            names,
        })
    }

    /// The filter of the log: ours at the level asked for. The middlewares report harmless things as
    /// errors, above all at their end; what counts of theirs comes back to us and is told.
    pub fn log_filter(&self) -> String {
        let level = match self.log_level.as_str() {
            "debug" => "debug,mio=warn",
            "fatal" => "error",
            level => level,
        };
        format!("{level},rustdds=off,r2r::subscribers=off")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<NodeSettings, String> {
        let arguments = line.split_whitespace().map(str::to_owned);
        NodeSettings::from_arguments(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn values_win_over_files_in_order() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/planner.yaml");
        let line = format!(
            "--ros-args -r __ns:=/robot --params-file {file} -p map.voxel_size_m:=0.1 \
             -p use_sim_time:=true"
        );
        let settings = read(&line).unwrap();
        assert_eq!(settings.config.map.voxel_size_m, 0.1);
        assert!(settings.config.use_sim_time);
        assert_eq!(settings.names.full_name(), "/robot/scenellm_planner");
        assert_eq!(settings.log_filter(), "info,rustdds=off,r2r::subscribers=off");
    }

    #[test]
    fn the_shipped_overlays_fit_the_node() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/robots");
        for robot in ["none", "realsense", "oak_d", "zed", "azure_kinect", "simulator"] {
            let line = format!("--ros-args --params-file {folder}/{robot}.yaml");
            let topics = read(&line).unwrap().config.topics;
            assert_eq!(topics.color.is_some(), robot != "none");
            assert_eq!(topics.color.is_some(), topics.depth_info.is_some());
        }
    }

    #[test]
    fn unknown_parameters_and_missing_files_are_named() {
        let unknown = read("--ros-args -p map.voxels:=3").unwrap_err();
        assert!(unknown.starts_with("-p: map.voxels: unknown field"), "{unknown}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.yaml").display().to_string();
        let text = "robot: {scenellm_planner: {ros__parameters: {regions: {min_mass: abc}}}}";
        std::fs::write(&file, text).unwrap();
        let wrong = read(&format!("--ros-args -r __ns:=/robot --params-file {file}")).unwrap_err();
        let named = format!("{file}: regions.min_mass: invalid type: string \"abc\"");
        assert!(wrong.starts_with(&named), "{wrong}");
        let missing = read("--ros-args --params-file /no/such.yaml").unwrap_err();
        assert!(missing.contains("/no/such.yaml"), "{missing}");
    }
}
