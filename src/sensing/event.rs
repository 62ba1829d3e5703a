//! What a source may tell the core. ROS topics, bags and the simulator all make these.

use crate::geometry::Pose;

/// One thing that happened outside the core.
#[derive(Debug, Clone)]
pub enum SensorEvent {
    /// A colour image.
    Color(ImageEvent),
    /// A depth image.
    Depth(ImageEvent),
    /// Calibration of the colour camera.
    ColorInfo(CameraInfoEvent),
    /// Calibration of the depth camera.
    DepthInfo(CameraInfoEvent),
    /// Moving transforms (`/tf`).
    Transforms(Vec<StampedTransform>),
    /// Fixed transforms (`/tf_static`).
    StaticTransforms(Vec<StampedTransform>),
    /// Labelled 3D objects from a detector outside (`vision_msgs/Detection3DArray`).
    Detections(DetectionsEvent),
    /// Something a person said.
    Utterance(String),
    /// A household goal to plan for.
    Goal(String),
    /// The outcome of a plan step.
    StepFeedback(StepFeedback),
    /// Time passed (`/clock`, or the stamp of a bag record), nanoseconds.
    Clock {
        /// The time now, nanoseconds.
        stamp_ns: i64,
    },
}

impl SensorEvent {
    /// The event as one of the camera with this index; nothing else changes.
    #[must_use]
    pub fn of_camera(mut self, index: usize) -> Self {
        match &mut self {
            Self::Color(image) | Self::Depth(image) => image.camera = index,
            Self::ColorInfo(info) | Self::DepthInfo(info) => info.camera = index,
            _ => {}
        }
        self
    }
}

/// An image as it came over the wire, still encoded.
#[derive(Debug, Clone)]
pub struct ImageEvent {
    /// Which camera it comes from; 0 for the only one.
    pub camera: usize,
    /// Topic it came on, for error messages.
    pub topic: String,
    /// Time of exposure, nanoseconds.
    pub stamp_ns: i64,
    /// Optical frame of the camera.
    pub frame_id: String,
    /// The pixels.
    pub payload: ImagePayload,
}

/// Pixels as `sensor_msgs` carries them.
#[derive(Debug, Clone)]
pub enum ImagePayload {
    /// `sensor_msgs/Image`.
    Raw {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Encoding name, such as `rgb8` or `16UC1`.
        encoding: String,
        /// Whether samples wider than a byte are big-endian.
        is_bigendian: bool,
        /// Bytes from one row to the next.
        step: u32,
        /// The rows.
        data: Vec<u8>,
    },
    /// `sensor_msgs/CompressedImage`: JPEG, PNG, or `compressedDepth`, as `format` says.
    Compressed {
        /// The format string of the message.
        format: String,
        /// The compressed bytes.
        data: Vec<u8>,
    },
}

/// `sensor_msgs/CameraInfo` before interpretation.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraInfoEvent {
    /// Which camera it is of; 0 for the only one.
    pub camera: usize,
    /// Topic it came on, for error messages.
    pub topic: String,
    /// Stamp, nanoseconds.
    pub stamp_ns: i64,
    /// Optical frame of the camera.
    pub frame_id: String,
    /// Width of the full sensor image in pixels.
    pub width: u32,
    /// Height of the full sensor image in pixels.
    pub height: u32,
    /// Name of the distortion model.
    pub distortion_model: String,
    /// Distortion coefficients.
    pub d: Vec<f64>,
    /// Intrinsic matrix, row-major 3×3.
    pub k: [f64; 9],
    /// Rectification matrix, row-major 3×3.
    pub r: [f64; 9],
    /// Projection matrix, row-major 3×4.
    pub p: [f64; 12],
    /// Horizontal binning; 0 means 1.
    pub binning_x: u32,
    /// Vertical binning; 0 means 1.
    pub binning_y: u32,
    /// Region of interest: x offset, y offset, width, height; all zero means the whole image.
    pub roi: [u32; 4],
    /// Whether the region of interest is rectified.
    pub roi_do_rectify: bool,
}

/// One edge of the transform tree at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct StampedTransform {
    /// Time of validity, nanoseconds; ignored for static transforms.
    pub stamp_ns: i64,
    /// Parent frame (`header.frame_id`).
    pub parent: String,
    /// Child frame.
    pub child: String,
    /// Maps child coordinates to parent coordinates; as published, so what is no rotation may stand
    /// here until the transform buffer has refused it.
    pub parent_T_child: Pose,
}

/// Labelled 3D objects seen by a detector outside.
#[derive(Debug, Clone)]
pub struct DetectionsEvent {
    /// Topic it came on, for error messages.
    pub topic: String,
    /// Stamp, nanoseconds.
    pub stamp_ns: i64,
    /// Frame in which the poses stand.
    pub frame_id: String,
    /// The objects.
    pub detections: Vec<Detection>,
}

/// One labelled 3D box.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Class name.
    pub label: String,
    /// Detector's score in 0..=1.
    pub score: f32,
    /// Centre and orientation of the box in the event's frame.
    pub frame_T_box: Pose,
    /// Edge lengths of the box, metres.
    pub size_m: [f64; 3],
    /// Identity given by a tracker outside; empty when there is none.
    pub track_id: String,
}

/// The outcome of one plan step, as the executor reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFeedback {
    /// Id of the step in its plan.
    pub step_id: u32,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, in words; empty on success.
    pub message: String,
}
