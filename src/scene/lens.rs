//! What is computed once for a camera: its rays and the borders of its view.

use super::SceneError;
use crate::geometry::{CameraModel, RayTable};

/// Largest image taken, pixels.
const MAX_PIXELS: u64 = 1 << 26;

/// A camera made ready.
#[derive(Debug)]
pub(super) struct Lens {
    pub camera: CameraModel,
    pub rays: RayTable,
    /// Least and greatest x/z and y/z of all rays, a pixel's width beyond the image.
    pub view: [[f64; 2]; 2],
}

impl Lens {
    /// Computes the rays of `camera`.
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
        let rays = camera.ray_table();
        let view = [(0, camera.fx), (1, camera.fy)].map(|(axis, focal)| {
            // NaN, where a pixel has no ray, is passed over by `min` and `max`.
            let tangents = || rays.rays().iter().map(|ray| ray[axis]);
            [
                f64::from(tangents().fold(f32::INFINITY, f32::min)) - 1.0 / focal,
                f64::from(tangents().fold(f32::NEG_INFINITY, f32::max)) + 1.0 / focal,
            ]
        });
        if view.iter().flatten().any(|tangent| !tangent.is_finite()) {
            return Err(bad("the distortion leaves no pixel with a ray"));
        }
        Ok(Self { camera: *camera, rays, view })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;

    use super::*;
    use crate::geometry::Pose;
    use crate::scene::{MapConfig, SceneMap};
    use crate::sensing::{DepthImage, RgbdFrame};

    #[test]
    fn cameras_that_take_turns_keep_their_rays() {
        let frame = |focal_px: f64| RgbdFrame {
            stamp_ns: 0,
            color: RgbImage::new(8, 6),
            depth_m: DepthImage { width: 8, height: 6, data_m: vec![1.0; 48] },
            camera: CameraModel::pinhole(8, 6, focal_px, focal_px, 3.5, 2.5),
            world_T_camera: Pose::identity(),
        };
        let (front, rear) = (frame(7.0), frame(9.0));
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        let [first, other, again] = [&front, &rear, &front].map(|one| map.lens_of(one).unwrap());
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_eq!((first.camera, other.camera), (front.camera, rear.camera));
    }
}
