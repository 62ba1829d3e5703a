//! From raw sensor events to synchronised, posed RGB-D frames.
//!
//! Comes in: [`SensorEvent`]s in the order of their arrival, from any source.
//! Goes out: [`RgbdFrame`]s, colour and depth on one pixel grid with the camera's pose in the world.

mod assembled;
mod assembler;
mod calibration;
mod config;
mod decode;
mod error;
mod event;
mod frame;
mod registration;
mod stream;
mod sync;

pub use assembled::{Assembled, AssembledFrame, AssemblerStatus};
pub use assembler::FrameAssembler;
pub use calibration::{camera_model, check_size};
pub use config::SensingConfig;
pub use decode::{decode_color, decode_depth};
pub use error::SensingError;
pub use event::{
    CameraInfoEvent, Detection, DetectionsEvent, ImageEvent, ImagePayload, SensorEvent,
    StampedTransform, StepFeedback,
};
pub use frame::{DepthImage, RgbdFrame};
pub use registration::Registration;
pub use sync::{Paired, SyncCounts, Synchronizer};
