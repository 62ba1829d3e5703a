//! The egocentric 3D frame: the points of one image in camera coordinates.

use super::SceneError;
use super::integrate::{check_frame, check_grid};
use crate::geometry::RayTable;
use crate::sensing::RgbdFrame;
use crate::vision::FeatureMap;
use serde::{Deserialize, Serialize};

/// Which pixels become points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgoConfig {
    /// Nearest depth, metres.
    pub min_depth_m: f32,
    /// Farthest depth, metres.
    pub max_depth_m: f32,
    /// Every how many-th pixel of every how many-th row is taken; 0 means 1.
    pub stride: usize,
}

impl Default for EgoConfig {
    fn default() -> Self {
        Self { min_depth_m: 0.2, max_depth_m: 6.0, stride: 2 }
    }
}

/// The points of one frame; all lists have one entry a point, in order of rows and columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EgoFrame {
    /// Time of the frame, nanoseconds.
    pub stamp_ns: i64,
    /// Points in optical camera coordinates, metres.
    pub xyz_m: Vec<[f32; 3]>,
    /// Colours.
    pub rgb: Vec<[u8; 3]>,
    /// Pixel (column, row) each point comes from.
    pub pixel: Vec<[u16; 2]>,
    /// Cell of the feature grid each pixel lies in, `row * columns + column`; empty without
    /// features.
    pub cell: Vec<u32>,
}

impl EgoFrame {
    /// Lifts the pixels of `frame` to points. `rays` must be those of the frame's camera.
    pub fn new(
        frame: &RgbdFrame,
        rays: &RayTable,
        features: Option<&FeatureMap>,
        config: &EgoConfig,
    ) -> Result<Self, SceneError> {
        check_frame(frame)?;
        if let Some(map) = features {
            check_grid(map)?;
        }
        let (width, height) = (frame.camera.width as usize, frame.camera.height as usize);
        let wrong = |reason: &str| SceneError::BadCamera {
            width: frame.camera.width,
            height: frame.camera.height,
            reason: reason.into(),
        };
        if (rays.width(), rays.height()) != (frame.camera.width, frame.camera.height) {
            return Err(wrong("the rays are those of another camera"));
        }
        if width.max(height) > usize::from(u16::MAX) {
            return Err(wrong("an edge has more than 65535 pixels"));
        }
        let mut points = Self { stamp_ns: frame.stamp_ns, ..Self::default() };
        let (near, far) = (config.min_depth_m, config.max_depth_m);
        let step = config.stride.max(1);
        for v in (0..height).step_by(step) {
            for u in (0..width).step_by(step) {
                let depth_m = frame.depth_m.data_m[v * width + u];
                let [x, y] = rays.rays()[v * width + u];
                if !(depth_m > 0.0 && near <= depth_m && depth_m <= far) || x.is_nan() {
                    continue;
                }
                points.xyz_m.push([x * depth_m, y * depth_m, depth_m]);
                points.rgb.push(frame.color.get_pixel(u as u32, v as u32).0);
                points.pixel.push([u as u16, v as u16]);
                if let Some(map) = features {
                    let (row, column) = (v * map.rows / height, u * map.columns / width);
                    points.cell.push((row * map.columns + column) as u32);
                }
            }
        }
        Ok(points)
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.xyz_m.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.xyz_m.is_empty()
    }
}
