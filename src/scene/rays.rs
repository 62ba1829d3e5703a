//! One viewing ray for each pixel, computed once for a camera.

use super::SceneError;
use crate::geometry::{CameraModel, Distortion};

/// Largest image taken, pixels.
const MAX_PIXELS: u64 = 1 << 26;

/// Where the ray of each pixel meets the plane z = 1 in camera coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct RayTable {
    camera: CameraModel,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl RayTable {
    /// Computes the rays of all pixels of `camera`.
    pub fn new(camera: &CameraModel) -> Result<Self, SceneError> {
        let bad = |reason: &str| SceneError::BadCamera {
            width: camera.width,
            height: camera.height,
            reason: reason.into(),
        };
        let pixels = u64::from(camera.width) * u64::from(camera.height);
        if pixels == 0 || pixels > MAX_PIXELS {
            return Err(bad("the image is empty or has more than 67 million pixels"));
        }
        let focal_ok = |f: f64| f.is_finite() && f > 0.0;
        let finite = camera.cx.is_finite() && camera.cy.is_finite();
        if !(focal_ok(camera.fx) && focal_ok(camera.fy) && finite) {
            return Err(bad("focal lengths must be positive, the principal point finite"));
        }
        let (x, y) = rays(camera).ok_or_else(|| bad("rectify the images first"))?;
        Ok(Self { camera: *camera, x, y })
    }

    /// The camera the rays belong to.
    pub fn camera(&self) -> &CameraModel {
        &self.camera
    }

    /// The rays of one image row: x and y at z = 1.
    pub fn row(&self, v: usize) -> (&[f32], &[f32]) {
        let width = self.camera.width as usize;
        let row = v * width..(v + 1) * width;
        (&self.x[row.clone()], &self.y[row])
    }
}

/// x and y at z = 1 of each pixel, row-major; `None` for a lens that is not supported.
fn rays(camera: &CameraModel) -> Option<(Vec<f32>, Vec<f32>)> {
    if camera.distortion != Distortion::None {
        return None;
    }
    let pixels = || (0..camera.height).flat_map(|v| (0..camera.width).map(move |u| (u, v)));
    let x = pixels().map(|(u, _)| ((f64::from(u) - camera.cx) / camera.fx) as f32).collect();
    let y = pixels().map(|(_, v)| ((f64::from(v) - camera.cy) / camera.fy) as f32).collect();
    Some((x, y))
}
