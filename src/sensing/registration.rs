//! Depth of one camera seen from another: every reading is carried to the colour camera's pixels.

use super::DepthImage;
use crate::geometry::{CameraModel, Pose, RayTable};
use rayon::prelude::*;

/// A reading covers this much more than its pixel, so that slanted surfaces leave no cracks.
const SPLAT_MARGIN: f64 = 1.2;
/// Largest half width of a splat in pixels: a cap for depth cameras far coarser than the colour.
const MAX_SPLAT: f64 = 4.0;

/// Carries depth images from one depth camera to the pixels of one colour camera.
#[derive(Debug)]
pub struct Registration {
    depth: CameraModel,
    color: CameraModel,
    rays: RayTable,
}

/// A reading on the colour camera's pixel grid.
struct Splat {
    uv: [f64; 2],
    /// Half width and half height in pixels.
    half: [f64; 2],
    /// Depth along the colour camera's axis, metres.
    depth_m: f32,
}

impl Registration {
    /// Prepares for a pair of cameras: the rays of the depth camera are computed here, once.
    pub fn new(depth: CameraModel, color: CameraModel) -> Self {
        Self { depth, color, rays: depth.ray_table() }
    }

    /// The depth and the colour camera.
    pub fn cameras(&self) -> (&CameraModel, &CameraModel) {
        (&self.depth, &self.color)
    }

    /// `depth` on the colour camera's pixels: at each the nearest surface that falls on it, 0 where
    /// none does. `color_T_depth` maps depth camera to colour camera coordinates. The size of
    /// `depth` must be that of the depth camera.
    pub fn register(&self, depth: &DepthImage, color_T_depth: &Pose) -> DepthImage {
        let (width, height) = (self.color.width as usize, self.color.height as usize);
        let splats: Vec<Splat> = self
            .rays
            .rays()
            .par_iter()
            .zip(&depth.data_m)
            .with_min_len(4096)
            .filter_map(|(ray, depth_m)| self.splat(*ray, *depth_m, color_T_depth))
            .collect();
        let mut data_m = vec![0.0_f32; width * height];
        for Splat { uv: [u, v], half: [half_u, half_v], depth_m } in splats {
            let (left, right) = covered(u, half_u, width);
            let (top, bottom) = covered(v, half_v, height);
            for row in data_m[top * width..bottom * width].chunks_mut(width) {
                for nearest in &mut row[left..right] {
                    if *nearest == 0.0 || depth_m < *nearest {
                        *nearest = depth_m;
                    }
                }
            }
        }
        DepthImage { width: self.color.width, height: self.color.height, data_m }
    }

    fn splat(&self, [x, y]: [f32; 2], depth_m: f32, color_T_depth: &Pose) -> Option<Splat> {
        if depth_m == 0.0 || x.is_nan() {
            return None;
        }
        let z = f64::from(depth_m);
        let point = color_T_depth * nalgebra::Point3::new(f64::from(x) * z, f64::from(y) * z, z);
        let uv = self.color.project(point.coords.into())?;
        if !self.color.contains(uv) {
            return None;
        }
        let half = |color_focal: f64, depth_focal: f64| {
            let pixels = color_focal / depth_focal * z / point.z;
            (0.5 * SPLAT_MARGIN * pixels.max(1.0)).min(MAX_SPLAT)
        };
        let half = [half(self.color.fx, self.depth.fx), half(self.color.fy, self.depth.fy)];
        Some(Splat { uv, half, depth_m: point.z as f32 })
    }
}

/// The pixels of `0..size` whose centres lie within `half` of `centre`.
fn covered(centre: f64, half: f64, size: usize) -> (usize, usize) {
    let first = (centre - half).ceil().max(0.0) as usize;
    let end = ((centre + half).floor() as usize + 1).min(size);
    (first.min(end), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    fn wall(camera: &CameraModel, depth_m: f32) -> DepthImage {
        let data_m = vec![depth_m; (camera.width * camera.height) as usize];
        DepthImage { width: camera.width, height: camera.height, data_m }
    }

    #[test]
    fn the_same_camera_changes_nothing() {
        let camera = CameraModel::pinhole(64, 48, 60.0, 60.0, 31.5, 23.5);
        let mut depth = wall(&camera, 2.0);
        depth.data_m[5] = 0.0;
        let got = Registration::new(camera, camera).register(&depth, &Pose::identity());
        assert_eq!(got, depth);
    }

    #[test]
    fn a_wall_stays_whole_in_a_finer_shifted_camera() {
        let depth_camera = CameraModel::pinhole(160, 120, 150.0, 150.0, 79.5, 59.5);
        let color_camera = CameraModel::pinhole(320, 240, 400.0, 400.0, 159.5, 119.5);
        let color_T_depth = Pose::new(Vector3::new(-0.05, 0.0, 0.01), Vector3::zeros());
        let registration = Registration::new(depth_camera, color_camera);
        let got = registration.register(&wall(&depth_camera, 2.0), &color_T_depth);
        assert_eq!((got.width, got.height), (320, 240));
        assert!(got.data_m.iter().all(|m| (m - 2.01).abs() < 1e-5), "holes in the wall");
    }

    #[test]
    fn readings_land_where_the_colour_camera_sees_them() {
        let camera = CameraModel::pinhole(160, 120, 150.0, 150.0, 79.5, 59.5);
        let mut depth = wall(&camera, 0.0);
        depth.data_m[60 * 160 + 80] = 1.0;
        let color_T_depth = Pose::new(Vector3::new(0.1, 0.0, 0.0), Vector3::zeros());
        let got = Registration::new(camera, camera).register(&depth, &color_T_depth);
        // 0.1 m at 1 m is 15 pixels.
        assert!((got.data_m[60 * 160 + 95] - 1.0).abs() < 1e-6);
        assert!(got.data_m.iter().filter(|m| **m > 0.0).count() <= 4);
    }

    #[test]
    fn the_nearer_surface_hides_the_farther() {
        let camera = CameraModel::pinhole(160, 120, 150.0, 150.0, 79.5, 59.5);
        let mut depth = wall(&camera, 3.0);
        for v in 40..80 {
            depth.data_m[v * 160 + 60..v * 160 + 100].fill(1.0);
        }
        let color_T_depth = Pose::new(Vector3::new(-0.1, 0.0, 0.0), Vector3::zeros());
        let got = Registration::new(camera, camera).register(&depth, &color_T_depth);
        // The box moves by 15 pixels, the wall by 5; beside the box lies what neither camera sees.
        assert_eq!(got.data_m[60 * 160 + 50], 1.0);
        assert_eq!(got.data_m[60 * 160 + 84], 1.0);
        assert_eq!(got.data_m[60 * 160 + 90], 0.0);
        assert_eq!(got.data_m[60 * 160 + 100], 3.0);
    }

    #[test]
    fn readings_behind_the_colour_camera_vanish() {
        let camera = CameraModel::pinhole(16, 12, 15.0, 15.0, 7.5, 5.5);
        let turned = Pose::new(Vector3::zeros(), Vector3::new(0.0, std::f64::consts::PI, 0.0));
        let got = Registration::new(camera, camera).register(&wall(&camera, 1.0), &turned);
        assert!(got.data_m.iter().all(|m| *m == 0.0));
    }
}
