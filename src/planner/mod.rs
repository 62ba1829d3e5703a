//! The interactive loop: events in, outputs out.

mod output;

pub use output::{FrameRecord, Output, StageTimings};
