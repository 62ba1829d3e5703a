//! Settings that several commands share: the parameter file and what overrides it; topics of a bag.

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use scenellm::bag::{BagReader, Events, TopicSelection, select_cameras};
use scenellm::language::parse_device;
use scenellm::model::model_folder;
use scenellm::planner::{PlannerConfig, Session};
use scenellm::tasks::GoalPlanner;
use scenellm::vision::WeightFormat;
use std::path::{Path, PathBuf};

/// Which topics of a bag serve what.
#[derive(Args)]
#[command(next_help_heading = "Topics")]
pub struct Topics {
    /// Topic of the colour images; found by type unless given.
    #[arg(long, value_name = "TOPIC")]
    color: Option<String>,
    /// Topic of the depth images; found by type unless given.
    #[arg(long, value_name = "TOPIC")]
    depth: Option<String>,
    /// Topic of a detector's boxes; found by type unless given, and left alone where it is empty.
    #[arg(long, value_name = "TOPIC")]
    detections: Option<String>,
}

impl Topics {
    /// Names in `config` those that were given.
    pub fn name_in(&self, config: &mut PlannerConfig) {
        let topics = &mut config.topics;
        for (ours, given) in [
            (&mut topics.color, &self.color),
            (&mut topics.depth, &self.depth),
            (&mut topics.detections, &self.detections),
        ] {
            if given.is_some() {
                ours.clone_from(given);
            }
        }
    }
}

/// Where parameters come from.
#[derive(Args)]
#[command(next_help_heading = "Parameters")]
pub struct Settings {
    /// Parameter file of the node (config/planner.yaml holds the defaults).
    #[arg(long, value_name = "FILE")]
    params_file: Option<PathBuf>,
    /// Fixed frame of the map; the parameter `sensing.world_frame` unless given.
    #[arg(long, value_name = "FRAME")]
    world_frame: Option<String>,
    /// Edge length of a voxel, metres; the parameter `map.voxel_size_m` unless given.
    #[arg(long, value_name = "METRES")]
    voxel_size: Option<f64>,
    /// Features of the map: auto (those of the model), none, color_geometry, scene_vit, vit, dinov2,
    /// clip, clip_patches, openclip, …
    #[arg(long, value_name = "NAME")]
    extractor: Option<String>,
    /// Weights of the extractor: a folder, or a safetensors file.
    #[arg(long, value_name = "PATH")]
    vision_weights: Option<PathBuf>,
    /// As what numbers public encoders keep their weights: f32, f16, bf16 or q8_0.
    #[arg(long, value_name = "NAME", value_parser = weight_format)]
    weight_format: Option<WeightFormat>,
    /// Where the model runs: auto, cpu, or cuda:N; the parameter `plan.device` unless given.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
}

impl Settings {
    /// The configuration, overrides applied.
    pub fn config(&self) -> anyhow::Result<PlannerConfig> {
        self.or(PlannerConfig::default())
    }

    /// The same for simulated homes.
    pub fn home_config(&self) -> anyhow::Result<PlannerConfig> {
        self.or(PlannerConfig::of_homes())
    }

    /// The parameter file, or else `usual`, overrides applied.
    fn or(&self, usual: PlannerConfig) -> anyhow::Result<PlannerConfig> {
        let mut config = match &self.params_file {
            Some(path) => PlannerConfig::read(path)?,
            None => usual,
        };
        if let Some(frame) = &self.world_frame {
            config.sensing.world_frame.clone_from(frame);
            config.map.frame_id.clone_from(frame);
        }
        if let Some(metres) = self.voxel_size {
            config.map.voxel_size_m = metres;
        }
        if let Some(extractor) = &self.extractor {
            config.vision.extractor.clone_from(extractor);
        }
        if let Some(weights) = &self.vision_weights {
            config.vision.weights = Some(weights.clone());
        }
        if let Some(format) = self.weight_format {
            config.vision.weight_format = format;
        }
        if let Some(device) = &self.device {
            config.plan.device.clone_from(device);
        }
        config.plan.model = model_folder(&config.plan.model);
        config.sensing.check()?;
        config.map.validate()?;
        config.regions.validate()?;
        Ok(config)
    }
}

/// A session with the eyes that `config` names.
pub fn session(config: &PlannerConfig) -> anyhow::Result<Session> {
    Ok(Session::open(config, &parse_device(&config.plan.device)?)?)
}

/// The planner in `model`, or in the folder that `config` names.
pub fn planner(config: &PlannerConfig, model: Option<&Path>) -> anyhow::Result<GoalPlanner> {
    let folder = model.unwrap_or(&config.plan.model);
    let device = parse_device(&config.plan.device)?;
    GoalPlanner::load(folder, &device).with_context(|| {
        format!("no planner in {}: name a model folder with --model", folder.display())
    })
}

/// A bag with its topics chosen.
pub struct Source {
    /// The bag.
    pub bag: BagReader,
    /// Which topic serves what, by camera; there is at least one.
    selections: Vec<TopicSelection>,
}

impl Source {
    /// Opens the bag at `path`.
    pub fn open(path: &Path, config: &PlannerConfig) -> anyhow::Result<Self> {
        let bag = BagReader::open(path)?;
        let selections = select_cameras(bag.topics(), config)?;
        Ok(Self { bag, selections })
    }

    /// Topics of the first camera, and those that all share.
    pub fn selection(&self) -> &TopicSelection {
        &self.selections[0]
    }

    /// Topics of each camera.
    pub fn selections(&self) -> &[TopicSelection] {
        &self.selections
    }

    /// Its events.
    pub fn events(&self) -> Events {
        Events::of_cameras(&self.bag, &self.selections)
    }

    /// A progress bar over its time, and the time at which it starts.
    pub fn bar(&self, what: &str) -> (ProgressBar, i64) {
        let milliseconds = self.bag.duration().as_millis() as u64;
        (crate::progress::bar(milliseconds, what), self.bag.start_ns().unwrap_or_default())
    }
}

/// The format of this name.
pub fn weight_format(name: &str) -> Result<WeightFormat, String> {
    let named = WeightFormat::ALL.into_iter().find(|format| format.name() == name);
    named.ok_or_else(|| "write f32, f16, bf16 or q8_0".to_owned())
}
