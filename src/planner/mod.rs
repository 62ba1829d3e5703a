//! The interactive loop: events in, outputs out.

mod config;
mod output;
mod session;

pub use config::{ConfigError, NODE_NAME, PlanConfig, PlannerConfig, TopicConfig, VisionConfig};
pub use output::{FrameRecord, Output, StageTimings};
pub use session::Session;
