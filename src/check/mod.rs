//! What a bag holds, and what in it would keep the planner from working.
//!
//! Comes in: a bag. Goes out: a [`BagCheck`] to print or to write as JSON. The bag goes through the
//! same [`FrameAssembler`](crate::sensing::FrameAssembler) as in a replay, so what is found here is
//! what would happen there.

mod choice;
mod facts;
mod findings;
mod pass;
mod text;

use crate::bag::BagReader;
use crate::planner::PlannerConfig;
use crate::sensing::RgbdFrame;
use pass::Pass;
use serde::Serialize;

/// All that can be said about a bag before it is used.
#[derive(Debug, Clone, Serialize)]
pub struct BagCheck {
    /// Log time from the first message to the last, seconds.
    pub duration_s: f64,
    /// Every topic of the bag, by name.
    pub topics: Vec<TopicCheck>,
    /// Every role and the topic that serves it.
    pub roles: Vec<RoleCheck>,
    /// How well colour and depth fit together in time.
    pub sync: SyncCheck,
    /// The tree of frames.
    pub transforms: TransformCheck,
    /// The first depth image.
    pub depth: Option<DepthCheck>,
    /// Calibration of the colour camera.
    pub color_camera: Option<CameraCheck>,
    /// Calibration of the depth camera.
    pub depth_camera: Option<CameraCheck>,
    /// How depth comes onto the colour pixels.
    pub alignment: Option<Alignment>,
    /// What became of the images.
    pub frames: FrameCheck,
    /// What would fail, errors first.
    pub findings: Vec<Finding>,
    /// The first frame that came out, for a picture.
    #[serde(skip)]
    pub first_frame: Option<Box<RgbdFrame>>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicCheck {
    /// Full name.
    pub name: String,
    /// Type, such as `sensor_msgs/msg/Image`.
    pub type_name: String,
    /// Messages that were read.
    pub messages: u64,
    /// Messages a second by log time; `None` for less than two messages.
    pub rate_hz: Option<f64>,
}

/// One role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoleCheck {
    /// Name of the role, such as `color`.
    pub role: String,
    /// The topic that serves it.
    pub topic: Option<String>,
    /// Why none does.
    pub reason: Option<String>,
}

/// Colour and depth in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncCheck {
    /// Largest difference of stamps that makes a pair, milliseconds.
    pub slop_ms: f64,
    /// Pairs made.
    pub pairs: u64,
    /// Colour images without depth.
    pub unpaired_color: u64,
    /// Depth images without colour.
    pub unpaired_depth: u64,
    /// From each colour image to the depth image nearest in time, median, milliseconds.
    pub skew_median_ms: Option<f64>,
    /// The same, largest, milliseconds.
    pub skew_max_ms: Option<f64>,
}

/// The tree of frames and the camera's place in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransformCheck {
    /// Frame that poses are wanted in.
    pub world_frame: String,
    /// Frame of the colour images.
    pub optical_frame: Option<String>,
    /// Whether edges lead from one to the other.
    pub connected: bool,
    /// Colour images.
    pub images: u64,
    /// Colour images at whose stamp the pose is known.
    pub images_with_pose: u64,
    /// Frames without a parent.
    pub roots: Vec<String>,
    /// All edges, parents before children.
    pub edges: Vec<EdgeCheck>,
}

/// One edge of the tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdgeCheck {
    /// Parent frame.
    pub parent: String,
    /// Child frame.
    pub child: String,
    /// Edges between the parent and its root.
    pub level: usize,
    /// Whether the edge holds at every time.
    pub is_static: bool,
    /// Samples a second; `None` for static edges and single samples.
    pub rate_hz: Option<f64>,
    /// Oldest and newest stamps, nanoseconds; `None` for static edges.
    pub range_ns: Option<(i64, i64)>,
}

/// The first depth image, as it came: nothing is cut off by range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DepthCheck {
    /// Encoding or format of the message.
    pub encoding: String,
    /// Unit of its samples.
    pub unit: String,
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// Share of the pixels with a reading, 0 to 1.
    pub valid_share: f64,
    /// Share of the pixels with a reading in the believed range, 0 to 1.
    pub believed_share: f64,
    /// Nearest, median and farthest reading, metres; `None` without any.
    pub range_m: Option<[f32; 3]>,
}

/// A calibration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraCheck {
    /// Topic of the camera info.
    pub topic: String,
    /// Optical frame by the camera info.
    pub frame_id: String,
    /// Width and height, pixels, after region of interest and binning.
    pub size: (u32, u32),
    /// Focal lengths and principal point: fx, fy, cx, cy, pixels.
    pub intrinsics: [f64; 4],
    /// Distortion model by the camera info.
    pub distortion_model: String,
    /// Distortion coefficients.
    pub distortion: Vec<f64>,
    /// Horizontal and vertical field of view, degrees; `None` where the lens model folds over.
    pub view_deg: Option<[f64; 2]>,
}

/// How depth comes onto the colour pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alignment {
    /// It lies there already.
    Registered,
    /// Same frame, other intrinsics: it is resampled.
    Resampled,
    /// Another frame: it is carried over by transform.
    ByTransform,
}

/// What became of the images.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FrameCheck {
    /// Frames that came out.
    pub made: u64,
    /// Frames of these without one reading of depth.
    pub without_depth: u64,
    /// Images and pairs that became none.
    pub dropped: u64,
    /// Time to decode colour and depth of a frame, median, milliseconds.
    pub decode_median_ms: Option<f64>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The planner cannot work with this bag.
    Error,
    /// It works, with less.
    Warning,
}

/// Something that would fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The topic or frame.
    pub subject: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl BagCheck {
    /// Whether nothing keeps the planner from working with this bag.
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Reads the whole bag and says what is in it, with the topics and the sensing of `config`; `watch`
/// is told the log time (nanoseconds) as it goes on.
///
/// Nothing in the bag makes this fail: what is damaged or missing becomes a finding.
pub fn check_bag(bag: &BagReader, config: &PlannerConfig, watch: &mut dyn FnMut(i64)) -> BagCheck {
    let mut pass = Pass::new(bag, config);
    pass.run(bag, watch);
    findings::conclude(pass, bag)
}
