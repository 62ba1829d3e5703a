//! What the assembler gives out.

use super::sync::SyncCounts;
use super::{RgbdFrame, SensingError};

/// What came out of the assembler.
#[derive(Debug)]
pub enum Assembled {
    /// A frame.
    Frame(Box<AssembledFrame>),
    /// An image, or a pair, became no frame.
    Dropped {
        /// Stamp of the image (of the colour image for pairs), nanoseconds.
        stamp_ns: i64,
        /// Why.
        reason: SensingError,
    },
    /// The clock was set back: moving transforms and waiting images are forgotten. What was built
    /// from earlier frames belongs to another session.
    ClockJumpedBack {
        /// Newest stamp before the jump, nanoseconds.
        from_ns: i64,
        /// Stamp after the jump, nanoseconds.
        to_ns: i64,
    },
}

/// A frame and how it was made.
#[derive(Debug)]
pub struct AssembledFrame {
    /// The frame.
    pub frame: RgbdFrame,
    /// Which camera it comes from.
    pub camera: usize,
    /// Optical frame of the colour camera.
    pub color_frame_id: String,
    /// Time spent on decoding colour and depth, milliseconds.
    pub decode_ms: f64,
    /// Time spent on carrying depth to the colour pixels, milliseconds; 0 when they are the same.
    pub register_ms: f64,
}

/// How the assembler is doing with one camera, for diagnostics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssemblerStatus {
    /// Colour images waiting for depth.
    pub color_waiting: usize,
    /// Depth images waiting for colour.
    pub depth_waiting: usize,
    /// Pairs waiting for transforms or camera infos.
    pub pairs_waiting: usize,
    /// Why the oldest pair waits.
    pub waiting_for: Option<String>,
    /// Newest colour stamp, nanoseconds.
    pub last_color_ns: Option<i64>,
    /// Newest depth stamp, nanoseconds.
    pub last_depth_ns: Option<i64>,
    /// Newest stamp of a moving transform, nanoseconds.
    pub last_transform_ns: Option<i64>,
    /// Whether a colour camera info has come.
    pub has_color_info: bool,
    /// Whether a depth camera info has come.
    pub has_depth_info: bool,
    /// Counts and skew of the pairing.
    pub sync: SyncCounts,
    /// Frames made.
    pub frames: u64,
    /// Images and pairs dropped.
    pub dropped: u64,
    /// Transforms refused.
    pub refused_transforms: u64,
    /// Why the last one was.
    pub last_refused_transform: Option<String>,
}
