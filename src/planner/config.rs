//! The one configuration file, in the shape of a ROS 2 parameter file.
//!
//! ```yaml
//! scenellm_planner:
//!   ros__parameters:
//!     sensing: {world_frame: map}
//!     map: {voxel_size_m: 0.05}
//! ```

use super::cameras::CameraConfig;
use super::detector::DetectorConfig;
use super::follow::FollowConfig;
use super::memory::PlannerMemory;
use super::parameters::Parameters;
use super::qos_overrides::{self, QosOverrides};
use crate::model::SHIPPED_MODEL;
use crate::scene::{MapConfig, RegionConfig, RemovalConfig};
use crate::sensing::SensingConfig;
use crate::vision::{Placement, WeightFormat};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the node, under which its parameters stand.
pub const NODE_NAME: &str = "scenellm_planner";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// How objects are made of the regions of the map.
    pub regions: RegionConfig,
    /// What is looked for by words.
    pub detector: DetectorConfig,
    /// How plans are made.
    pub plan: PlanConfig,
    /// How instructions are followed.
    pub follow: FollowConfig,
    /// What the node publishes, and how often.
    pub publish: PublishConfig,
    /// Whether the node's time is that of `/clock`.
    pub use_sim_time: bool,
    /// How colour images travel to the node: `raw` or `compressed`.
    pub image_transport: ImageTransport,
    /// How depth images travel to the node: `raw` or `compressedDepth`.
    pub depth_transport: ImageTransport,
    /// Names of the cameras, where there are several.
    pub cameras: Vec<String>,
    /// What differs from the defaults in each of them.
    pub camera: BTreeMap<String, CameraConfig>,
    /// Qualities of service of the node's topics that differ from the defaults.
    pub qos_overrides: QosOverrides,
    /// Whether the node configures and activates itself when it starts.
    pub autostart: bool,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self {
            topics: TopicConfig::default(),
            sensing: SensingConfig::default(),
            vision: VisionConfig::default(),
            map: MapConfig::default(),
            regions: RegionConfig::default(),
            detector: DetectorConfig::default(),
            plan: PlanConfig::default(),
            follow: FollowConfig::default(),
            publish: PublishConfig::default(),
            use_sim_time: false,
            image_transport: ImageTransport::default(),
            depth_transport: ImageTransport::default(),
            cameras: Vec::new(),
            camera: BTreeMap::new(),
            qos_overrides: BTreeMap::new(),
            autostart: true,
        }
    }
}

/// How images travel, in the words of `image_transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ImageTransport {
    /// As they are.
    #[default]
    #[serde(rename = "raw")]
    Raw,
    /// JPEG or PNG.
    #[serde(rename = "compressed")]
    Compressed,
    /// PNG or RVL of depth.
    #[serde(rename = "compressedDepth")]
    CompressedDepth,
}

impl ImageTransport {
    /// What stands behind the topic of the images.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Raw => "",
            Self::Compressed => "/compressed",
            Self::CompressedDepth => "/compressedDepth",
        }
    }
}

/// What the node publishes, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishConfig {
    /// Least time between two clouds of the map, seconds.
    pub map_period_s: f64,
    /// Least time between two clouds of the newest frame, seconds.
    pub frame_period_s: f64,
    /// Most points of a cloud; of larger ones every so many-th point is left in.
    pub max_points: usize,
    /// Time between two diagnostics, seconds.
    pub diagnostics_period_s: f64,
    /// Silence of a topic after which it is warned of, seconds.
    pub stale_after_s: f64,
}

impl Default for PublishConfig {
    fn default() -> Self {
        Self {
            map_period_s: 1.0,
            frame_period_s: 0.2,
            max_points: 20_000,
            diagnostics_period_s: 1.0,
            stale_after_s: 2.0,
        }
    }
}

impl PublishConfig {
    /// The first setting that cannot be used, and why.
    fn fault(&self) -> Option<String> {
        let periods = [
            ("map_period_s", self.map_period_s),
            ("frame_period_s", self.frame_period_s),
            ("diagnostics_period_s", self.diagnostics_period_s),
            ("stale_after_s", self.stale_after_s),
        ];
        let bad = periods.iter().find(|(_, seconds)| !(0.01..=3600.0).contains(seconds));
        let bad = bad.map(|(name, _)| format!("publish.{name} must lie between 0.01 and 3600"));
        bad.or_else(|| {
            (!(1..=10_000_000).contains(&self.max_points))
                .then(|| "publish.max_points must lie between 1 and 10000000".into())
        })
    }
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
    /// `none`, `auto` for the eyes of the model ([`PlannerConfig::eyes`]), or one that
    /// [`crate::vision::open_extractor`] knows.
    pub extractor: String,
    /// Weights of the extractor, where it has any: a folder, or a safetensors file.
    pub weights: Option<PathBuf>,
    /// Shorter edge to which plain vision transformers and CLIP scale pictures, pixels, rounded to
    /// whole patches; that of the weights unless given.
    pub image_px: Option<usize>,
    /// As what numbers public encoders, those of the detector included, keep their weights.
    pub weight_format: WeightFormat,
    /// Of how many frames of a camera one gets features; the others bring geometry and colour.
    pub every_frames: u32,
}

impl VisionConfig {
    /// How encoders are placed on `device`.
    pub fn placement(&self, device: &Device) -> Placement {
        Placement { device: device.clone(), weights: self.weight_format }
    }

    /// The first setting that cannot be used, and why.
    fn fault(&self) -> Option<String> {
        if self.every_frames == 0 {
            return Some("vision.every_frames must be at least 1".into());
        }
        let bad = self.image_px.is_some_and(|edge| !(16..=4096).contains(&edge));
        bad.then(|| "vision.image_px must lie between 16 and 4096".into())
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            extractor: "auto".into(),
            weights: None,
            image_px: None,
            weight_format: WeightFormat::default(),
            every_frames: 1,
        }
    }
}

/// How plans are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanConfig {
    /// Model folder; the shipped one is found from anywhere ([`crate::model::model_folder`]).
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
            model: SHIPPED_MODEL.into(),
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
    /// What it names does not fit into memory all together.
    #[error("not enough memory: {}", .0.excess())]
    Memory(PlannerMemory),
}

impl PlannerConfig {
    /// What suits homes full of small things, as the simulator's are: finer voxels, regions of less
    /// mass, and voxels that go when rays pass through them, as poses are exact there. docs/regions.md
    /// has what they find and what they take.
    pub fn of_homes() -> Self {
        let removal = RemovalConfig::of_exact_poses();
        let map = MapConfig { voxel_size_m: 0.04, removal, ..MapConfig::default() };
        let regions = RegionConfig { min_mass: 1.5, ..RegionConfig::default() };
        Self { map, regions, ..Self::default() }
    }

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
        let mut parameters = Parameters::default();
        if !parameters.add_file(text, path, "/", NODE_NAME)? {
            return Err(invalid(format!("it has no parameters of {NODE_NAME}")));
        }
        Self::from_parameters(&parameters, path)
    }

    /// The configuration that `parameters` make; `source` names all of them in errors.
    pub fn from_parameters(parameters: &Parameters, source: &str) -> Result<Self, ConfigError> {
        let invalid = |reason: String| ConfigError::Invalid { path: source.to_string(), reason };
        let mut config: Self = parameters.read(source)?;
        config.map.frame_id.clone_from(&config.sensing.world_frame);
        config.sensing.check().map_err(|error| invalid(error.to_string()))?;
        config.map.validate().map_err(|error| invalid(error.to_string()))?;
        config.regions.validate().map_err(|error| invalid(error.to_string()))?;
        if !(config.plan.step_expiry_s > 0.0 && config.plan.step_expiry_s <= 86_400.0) {
            return Err(invalid("plan.step_expiry_s must be more than 0 and at most a day".into()));
        }
        let (publish, follow) = (config.publish.fault(), config.follow.fault());
        let looking = config.vision.fault().or(config.detector.fault());
        if let Some(fault) = publish.or(follow).or(looking) {
            return Err(invalid(fault));
        }
        if let Some(fault) = config.camera_fault().or(qos_overrides::fault(&config.qos_overrides)) {
            return Err(invalid(fault));
        }
        Ok(config)
    }
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
        assert!(fault("{vision: {image_px: 15}}").contains("vision.image_px"));
        assert!(fault("{vision: {image_px: 4097}}").contains("between 16 and 4096"));
        assert!(fault("{regions: {temperature: 0}}").contains("regions.temperature"));
        assert!(fault("{vision: {every_frames: 0}}").contains("vision.every_frames"));
        assert!(fault("{detector: {grounding_dino: dino}}").contains("detector.sam"));
        assert!(fault("{detector: {sam: sam}}").contains("detector.grounding_dino"));
        let nameless = fault("{detector: {grounding_dino: dino, sam: sam, names: [' ']}}");
        assert!(nameless.contains("detector.names"), "{nameless}");
        assert!(fault("{detector: {box_threshold: 2}}").contains("detector.box_threshold"));
        assert!(fault("{detector: {every_frames: 0}}").contains("detector.every_frames"));
        assert!(fault("{detector: {most_passes: 0}}").contains("detector.most_passes"));
        assert!(fault("{plan: {step_expiry_s: 0}}").contains("step_expiry_s"));
        assert!(fault("{sensing: {tf_wait_s: -1}}").starts_with("mine.yaml: "));
        assert!(fault("{publish: {map_period_s: 0}}").contains("publish.map_period_s"));
        assert!(fault("{image_transport: theora}").contains("theora"));
        let qos = |text: &str| fault(&format!("{{qos_overrides: {text}}}"));
        assert!(qos("{rgb: {}}").contains("full name, such as /rgb"));
        assert!(qos("{/rgb: {subscriber: {}}}").contains("subscriber"));
        assert!(qos("{/rgb: {subscription: {depth: 0}}}").contains("between 1 and 1000"));
        assert!(qos("{/rgb: {subscription: {history: keep_all}}}").contains("keep_last"));
        assert!(qos("{/rgb: {publisher: {reliability: best}}}").contains("best_effort"));
        let other = PlannerConfig::parse("other: {}", "mine.yaml").unwrap_err().to_string();
        assert!(other.contains("no parameters of scenellm_planner"), "{other}");
    }
}
