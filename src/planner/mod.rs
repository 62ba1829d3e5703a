//! The interactive loop: events in, outputs out.

mod cameras;
mod command;
mod config;
mod conversation;
mod courtesy;
mod detector;
mod dialogue;
mod ellipsis;
mod executive;
mod eyes;
pub mod facts;
pub mod follow;
mod memory;
mod output;
mod parameters;
mod phrase;
mod plan_question;
mod qos_overrides;
mod role;
mod session;
mod stop;
mod topic;

pub use cameras::{Camera, CameraConfig};
pub use command::Command;
pub use config::{
    ConfigError, ImageTransport, NODE_NAME, PlanConfig, PlannerConfig, PublishConfig, TopicConfig,
    VisionConfig,
};
pub use conversation::{Conversation, Reply};
pub use detector::{DetectorConfig, Found, Spotted};
pub use dialogue::{Dialogue, Unresolved};
pub use executive::{Act, Ending, Executive, Progress, StopCause};
pub use eyes::EyesError;
pub use memory::{MemoryPart, PlannerMemory};
pub use output::{FrameRecord, Output, StageTimings};
pub use parameters::Parameters;
pub use plan_question::PlanQuestion;
pub use qos_overrides::{Durability, History, QosOverride, QosOverrides, Reliability, TopicQos};
pub use session::Session;
