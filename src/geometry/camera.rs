//! The camera model: pinhole projection with the distortion models of `sensor_msgs/CameraInfo`.

/// Lens distortion, with coefficients in the order of OpenCV and `sensor_msgs/CameraInfo.d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distortion {
    /// Rectified image.
    None,
    /// `plumb_bob`: k1, k2, p1, p2, k3.
    PlumbBob([f64; 5]),
    /// `rational_polynomial`: k1, k2, p1, p2, k3, k4, k5, k6.
    RationalPolynomial([f64; 8]),
    /// `equidistant` (Kannala–Brandt fisheye): k1, k2, k3, k4.
    Equidistant([f64; 4]),
}

/// A pinhole camera with distortion. Pixel (0, 0) is the centre of the top-left pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraModel {
    /// Image width in pixels.
    pub width: u32,
    /// Image height in pixels.
    pub height: u32,
    /// Focal length along x in pixels.
    pub fx: f64,
    /// Focal length along y in pixels.
    pub fy: f64,
    /// Principal point x in pixels.
    pub cx: f64,
    /// Principal point y in pixels.
    pub cy: f64,
    /// Lens distortion.
    pub distortion: Distortion,
}

impl CameraModel {
    /// A rectified pinhole camera.
    pub fn pinhole(width: u32, height: u32, fx: f64, fy: f64, cx: f64, cy: f64) -> Self {
        Self { width, height, fx, fy, cx, cy, distortion: Distortion::None }
    }
}
