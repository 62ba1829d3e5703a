//! `vision_msgs` 4.

use super::{Header, Pose, PoseWithCovariance, Vector3};
use serde::{Deserialize, Serialize};

/// `vision_msgs/ObjectHypothesis`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectHypothesis {
    /// Class name.
    pub class_id: String,
    /// Belief, 0..=1.
    pub score: f64,
}

/// `vision_msgs/ObjectHypothesisWithPose`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectHypothesisWithPose {
    /// What it may be.
    pub hypothesis: ObjectHypothesis,
    /// Where it would then be.
    pub pose: PoseWithCovariance,
}

/// `vision_msgs/BoundingBox3D`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox3D {
    /// Centre and orientation.
    pub center: Pose,
    /// Edge lengths, metres.
    pub size: Vector3,
}

/// `vision_msgs/VisionClass`: a number and the name that it means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisionClass {
    /// The number.
    pub class_id: u16,
    /// The name.
    pub class_name: String,
}

/// `vision_msgs/LabelInfo`: what the numbers of a label map mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelInfo {
    /// Stamp and frame.
    pub header: Header,
    /// The numbers and their names.
    pub class_map: Vec<VisionClass>,
    /// Least confidence of what is told, 0..=1.
    pub threshold: f32,
}

/// `vision_msgs/Detection3D`: one detected object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Detection3D {
    /// Stamp and frame.
    pub header: Header,
    /// What it may be.
    pub results: Vec<ObjectHypothesisWithPose>,
    /// Its box.
    pub bbox: BoundingBox3D,
    /// Identity across messages; may be empty.
    pub id: String,
}

/// `vision_msgs/Detection3DArray`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Detection3DArray {
    /// Stamp and frame.
    pub header: Header,
    /// The objects.
    pub detections: Vec<Detection3D>,
}
