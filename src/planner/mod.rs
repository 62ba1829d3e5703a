//! The interactive loop: events in, outputs out.

mod check;
mod command;
mod config;
mod executive;
pub mod facts;
pub mod follow;
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
pub use executive::{Act, Ending, Executive, Progress, StopCause};
pub use output::{FrameRecord, Output, StageTimings};
pub use parameters::Parameters;
pub use session::Session;
