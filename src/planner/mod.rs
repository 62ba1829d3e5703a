//! The interactive loop: events in, outputs out.

mod check;
mod config;
mod output;
mod session;

pub use check::{
    Alignment, BagCheck, CameraCheck, DepthCheck, EdgeCheck, Finding, FrameCheck, RoleCheck,
    Severity, SyncCheck, TopicCheck, TransformCheck, check_bag,
};
pub use config::{ConfigError, NODE_NAME, PlanConfig, PlannerConfig, TopicConfig, VisionConfig};
pub use output::{FrameRecord, Output, StageTimings};
pub use session::Session;
