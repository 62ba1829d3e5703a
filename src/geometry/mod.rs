//! Camera models, poses and the transform buffer: the metric ground everything stands on.
//!
//! Poses are `f64` rigid transforms ([`Pose`]); points are `f32` metres.

mod camera;
mod per_camera;
mod pose;
mod transforms;

pub use camera::{CameraModel, Distortion, RayTable};
pub use per_camera::PerCamera;
pub use pose::{Pose, heading_of_camera_rad, pose_from_row_major, pose_to_row_major};
pub use transforms::{Extrapolation, TransformBuffer, TransformError, TreeEdge};
