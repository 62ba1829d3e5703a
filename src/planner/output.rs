//! What the core tells the outside. Every sink (topics, files, reports) takes these.

use crate::geometry::Pose;
use crate::tasks::Plan;

/// One thing the core has to say.
#[derive(Debug, Clone)]
pub enum Output {
    /// A frame went into the map.
    Frame(FrameRecord),
    /// Something that came in could not be used; the text names topic, time and reason.
    Dropped {
        /// Stamp of what was dropped, nanoseconds.
        stamp_ns: i64,
        /// Topic and reason.
        reason: String,
    },
    /// The clock was set back; transforms and waiting images were forgotten, the map was kept.
    ClockJumpedBack {
        /// Newest stamp before the jump, nanoseconds.
        from_ns: i64,
        /// Stamp after the jump, nanoseconds.
        to_ns: i64,
    },
    /// A plan, or a typed refusal, for a goal.
    Plan(Plan),
}

/// What became of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameRecord {
    /// Time of the colour exposure, nanoseconds.
    pub stamp_ns: i64,
    /// Which camera it comes from; 0 for the only one.
    pub camera: usize,
    /// Maps camera (optical) coordinates to world coordinates at `stamp_ns`.
    pub world_T_camera: Pose,
    /// Valid depth readings that went into the map.
    pub points: usize,
    /// Voxels in the map afterwards.
    pub voxels: usize,
    /// Voxels removed because the place was seen empty.
    pub removed_voxels: usize,
    /// Where the time went.
    pub timings: StageTimings,
}

/// Wall-clock milliseconds by stage. Never part of a result: two replays differ here only.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StageTimings {
    /// Colour and depth decoding.
    pub decode_ms: f64,
    /// Registering depth to colour.
    pub register_ms: f64,
    /// Dense features, in frames whose turn it is.
    pub features_ms: f64,
    /// Map update: removal and integration.
    pub integrate_ms: f64,
    /// Looking for things by words, in frames whose turn it is.
    pub detect_ms: f64,
    /// Regions of the map and the objects made of them, in frames whose turn it is.
    pub regions_ms: f64,
}

impl StageTimings {
    /// Names of the stages, in the order of [`Self::values_ms`].
    pub const NAMES: [&str; 6] =
        ["decode", "register", "features", "integrate", "detect", "regions"];

    /// Milliseconds of each stage.
    pub fn values_ms(&self) -> [f64; 6] {
        let Self { decode_ms, register_ms, features_ms, integrate_ms, detect_ms, regions_ms } =
            *self;
        [decode_ms, register_ms, features_ms, integrate_ms, detect_ms, regions_ms]
    }

    /// Milliseconds of all stages together.
    pub fn total_ms(&self) -> f64 {
        self.values_ms().iter().sum()
    }
}
