//! The one configuration file, in the shape of a ROS 2 parameter file.
//!
//! ```yaml
//! scenellm_planner:
//!   ros__parameters:
//!     sensing: {world_frame: map}
//!     map: {voxel_size_m: 0.05}
//! ```

use crate::scene::MapConfig;
use crate::sensing::SensingConfig;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the node, under which its parameters stand.
pub const NODE_NAME: &str = "scenellm_planner";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlannerConfig {
    /// Topics by role; those left out are found by their types.
    pub topics: TopicConfig,
    /// How events become frames.
    pub sensing: SensingConfig,
    /// How dense features are computed.
    pub vision: VisionConfig,
    /// How the scene map is kept. Its frame is `sensing.world_frame`.
    pub map: MapConfig,
    /// How plans are made.
    pub plan: PlanConfig,
}

/// Topics by role; `None` means: find it by its type. An empty name leaves an optional role
/// unserved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicConfig {
    /// Colour images.
    pub color: Option<String>,
    /// Calibration of the colour camera.
    pub color_info: Option<String>,
    /// Depth images.
    pub depth: Option<String>,
    /// Calibration of the depth camera.
    pub depth_info: Option<String>,
    /// Moving transforms.
    pub tf: Option<String>,
    /// Fixed transforms.
    pub tf_static: Option<String>,
    /// Objects from a detector outside.
    pub detections: Option<String>,
    /// Goals to plan for.
    pub goal: Option<String>,
    /// What a person said.
    pub utterance: Option<String>,
    /// Simulated time.
    pub clock: Option<String>,
}

/// Which extractor gives voxels their features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VisionConfig {
    /// `none`, `color_geometry`, or `vit`.
    pub extractor: String,
    /// Weights of the extractor, where it has any.
    pub weights: Option<PathBuf>,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self { extractor: "color_geometry".into(), weights: None }
    }
}

/// How plans are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanConfig {
    /// Model folder.
    pub model: PathBuf,
    /// `auto`, `cpu`, or `cuda:N`.
    pub device: String,
    /// How long a step may be started after the newest observation it rests on, seconds.
    pub step_expiry_s: f64,
    /// Whether a plan with a word that is not in the map becomes a refusal.
    pub require_grounding: bool,
}

impl Default for PlanConfig {
    fn default() -> Self {
        Self {
            model: "models/nano".into(),
            device: "auto".into(),
            step_expiry_s: 60.0,
            require_grounding: false,
        }
    }
}

/// What can be wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read parameters {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is no parameter file of this node, or a value cannot be used.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// Parameter and reason.
        reason: String,
    },
}

impl PlannerConfig {
    /// Reads a parameter file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: name.clone(), source })?;
        Self::parse(&text, &name)
    }

    /// Parses the parameter file `text` called `path`.
    pub fn parse(text: &str, path: &str) -> Result<Self, ConfigError> {
        let invalid = |reason: String| ConfigError::Invalid { path: path.to_string(), reason };
        let file: ParameterFile =
            serde_yaml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let mut config = file.node.parameters;
        config.map.frame_id.clone_from(&config.sensing.world_frame);
        config.sensing.check().map_err(|error| invalid(error.to_string()))?;
        config.map.validate().map_err(|error| invalid(error.to_string()))?;
        if !(config.plan.step_expiry_s > 0.0 && config.plan.step_expiry_s <= 86_400.0) {
            return Err(invalid("plan.step_expiry_s must be more than 0 and at most a day".into()));
        }
        Ok(config)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterFile {
    #[serde(rename = "scenellm_planner", alias = "/scenellm_planner", alias = "/**")]
    node: NodeParameters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeParameters {
    #[serde(rename = "ros__parameters")]
    parameters: PlannerConfig,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_holds_the_defaults() {
        let text = include_str!("../../config/planner.yaml");
        assert_eq!(PlannerConfig::parse(text, "planner.yaml").unwrap(), PlannerConfig::default());
    }

    #[test]
    fn faults_are_named() {
        let fault = |parameters: &str| {
            let text = format!("scenellm_planner: {{ros__parameters: {parameters}}}");
            PlannerConfig::parse(&text, "mine.yaml").unwrap_err().to_string()
        };
        assert!(fault("{map: {voxel_size: 0.1}}").contains("voxel_size"));
        assert!(fault("{map: {voxel_size_m: -1}}").contains("voxel_size_m"));
        assert!(fault("{plan: {step_expiry_s: 0}}").contains("step_expiry_s"));
        assert!(fault("{sensing: {tf_wait_s: -1}}").starts_with("mine.yaml: "));
    }
}
