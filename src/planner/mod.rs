//! The interactive loop: events in, outputs out.

mod cameras;
mod command;
mod config;
mod executive;
pub mod facts;
mod output;
mod parameters;
mod qos_overrides;
mod session;

pub use cameras::{Camera, CameraConfig};
pub use command::Command;
pub use config::{
    ConfigError, ImageTransport, NODE_NAME, PlanConfig, PlannerConfig, PublishConfig, TopicConfig,
    VisionConfig,
};
pub use executive::{Act, Executive};
pub use output::{FrameRecord, Output, StageTimings};
pub use parameters::Parameters;
pub use qos_overrides::{Durability, History, QosOverride, QosOverrides, Reliability, TopicQos};
pub use session::Session;
