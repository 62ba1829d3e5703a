//! The only door from sensing into the rest.

use crate::geometry::{CameraModel, Pose};
use image::RgbImage;

/// Depth along the optical axis in metres, row-major. `0.0` means no reading; every other value is
/// finite and positive.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width * height` metres.
    pub data_m: Vec<f32>,
}

/// Colour and depth on one pixel grid, at one time, with the camera's pose.
#[derive(Debug, Clone)]
pub struct RgbdFrame {
    /// Time of the colour exposure, nanoseconds.
    pub stamp_ns: i64,
    /// Colour, `height × width`.
    pub color: RgbImage,
    /// Depth registered to the colour pixels, same size as `color`.
    pub depth_m: DepthImage,
    /// Calibration of the colour camera; rectified (`Distortion::None`) or not.
    pub camera: CameraModel,
    /// Maps camera (optical) coordinates to world coordinates at `stamp_ns`.
    pub world_T_camera: Pose,
}
