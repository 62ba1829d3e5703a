//! The interactive loop: events in, outputs out.

mod check;
mod command;
mod config;
mod dialogue;
mod executive;
pub mod facts;
mod output;
mod parameters;
mod session;

pub use check::{
    Alignment, BagCheck, CameraCheck, DepthCheck, EdgeCheck, Finding, FrameCheck, RoleCheck,
    Severity, SyncCheck, TopicCheck, TransformCheck, check_bag,
};
pub use command::Command;
pub use config::{
    ConfigError, ImageTransport, NODE_NAME, PlanConfig, PlannerConfig, PublishConfig, TopicConfig,
    VisionConfig,
};
pub use dialogue::{Dialogue, Unresolved};
pub use executive::{Act, Executive};
pub use output::{FrameRecord, Output, StageTimings};
pub use parameters::Parameters;
pub use session::Session;
