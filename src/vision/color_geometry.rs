//! Features by formula: colour, spread and surface of each cell. Needs no weights.

use super::{FeatureExtractor, FeatureMap, Provenance, VisionError};
use crate::sensing::RgbdFrame;
use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;

/// Colour and geometry of square cells.
///
/// The layout of a feature; every number lies within about −1..=1, and what depth would tell is 0
/// where there is too little of it:
///
/// | place | content |
/// |---|---|
/// | 0..3 | mean CIELAB lightness, a, b, divided by 100 |
/// | 3..6 | their standard deviations, divided by 25 |
/// | 6 | mean difference of lightness between neighbouring samples, divided by 25 |
/// | 7 | share of pixels with a depth reading |
/// | 8 | mean depth, divided by 5 m |
/// | 9 | standard deviation of depth, divided by 0.5 m, at most 1 |
/// | 10..13 | unit normal towards the camera, in optical camera coordinates |
/// | 13 | root mean square distance from the plane, divided by 0.05 m, at most 1 |
/// | 14 | mean height (world z), divided by 2 m, within −1..=1 |
/// | 15 | upward (world z) part of the normal |
#[derive(Debug, Clone)]
pub struct ColorGeometry {
    /// Edge length of a cell, pixels.
    cell_px: usize,
    /// Linear light of each 8-bit sRGB value.
    linear: [f32; 256],
}

const WIDTH: usize = 16;
/// Every how many-th pixel of every how many-th row is looked at.
const STEP: usize = 2;
/// Fewer points than this have no surface.
const MIN_POINTS: usize = 8;

impl Default for ColorGeometry {
    /// Cells of 16 pixels.
    fn default() -> Self {
        Self::new(16)
    }
}

impl ColorGeometry {
    /// An extractor with cells of about `cell_px` pixels, at least 4.
    pub fn new(cell_px: usize) -> Self {
        let linear = std::array::from_fn(|value| {
            let v = value as f32 / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        Self { cell_px: cell_px.max(4), linear }
    }

    /// CIELAB under D65.
    fn lab(&self, rgb: [u8; 3]) -> [f32; 3] {
        let [r, g, b] = rgb.map(|v| self.linear[usize::from(v)]);
        let x = (0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / 0.950_47;
        let y = 0.212_672_9 * r + 0.715_152_2 * g + 0.072_175 * b;
        let z = (0.019_333_9 * r + 0.119_192 * g + 0.950_304_1 * b) / 1.088_83;
        let [x, y, z] =
            [x, y, z].map(|t| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn cell(&self, frame: &RgbdFrame, rows: [usize; 2], columns: [usize; 2], out: &mut [f32]) {
        let width = frame.depth_m.width as usize;
        let mut colors = Vec::new();
        let mut points = Vec::new();
        let mut steps = (0.0, 0.0f32);
        for v in (rows[0]..rows[1]).step_by(STEP) {
            let mut left = None;
            for u in (columns[0]..columns[1]).step_by(STEP) {
                let lab = self.lab(frame.color.get_pixel(u as u32, v as u32).0);
                if let Some(left) = left.replace(lab[0]) {
                    steps = (steps.0 + (lab[0] - left).abs(), steps.1 + 1.0);
                }
                colors.push(lab);
                let depth_m = frame.depth_m.data_m[v * width + u];
                if depth_m > 0.0
                    && let Some([x, y]) = frame.camera.unproject_ray(u as f64, v as f64)
                {
                    points.push(Vector3::new(x as f32, y as f32, 1.0) * depth_m);
                }
            }
        }
        let samples = colors.len() as f32;
        for channel in 0..3 {
            let (mean, deviation) = moments(colors.iter().map(|lab| lab[channel]), samples);
            out[channel] = mean / 100.0;
            out[3 + channel] = deviation / 25.0;
        }
        out[6] = steps.0 / steps.1.max(1.0) / 25.0;
        out[7] = points.len() as f32 / samples;
        if points.len() >= MIN_POINTS {
            surface(frame, &points, &mut out[8..]);
        }
    }
}

/// Mean and standard deviation.
fn moments(values: impl Iterator<Item = f32> + Clone, count: f32) -> (f32, f32) {
    let mean = values.clone().sum::<f32>() / count;
    let variance = values.map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
    (mean, variance.sqrt())
}

/// Fills in what the points of a cell tell, from mean depth on.
fn surface(frame: &RgbdFrame, points: &[Vector3<f32>], out: &mut [f32]) {
    let count = points.len() as f32;
    let (mean_depth, spread) = moments(points.iter().map(|p| p.z), count);
    out[0] = mean_depth / 5.0;
    out[1] = (spread / 0.5).min(1.0);
    let mean = points.iter().sum::<Vector3<f32>>() / count;
    let scatter: Matrix3<f32> = points.iter().map(|p| (p - mean) * (p - mean).transpose()).sum();
    let eigen = (scatter / count).symmetric_eigen();
    let least = eigen.eigenvalues.imin();
    let mut normal: Vector3<f32> = eigen.eigenvectors.column(least).into();
    if normal.dot(&mean) > 0.0 {
        normal = -normal;
    }
    out[2..5].copy_from_slice(normal.as_slice());
    out[5] = (eigen.eigenvalues[least].max(0.0).sqrt() / 0.05).min(1.0);
    let pose = &frame.world_T_camera;
    let height_m = (pose * nalgebra::Point3::from(mean.cast::<f64>())).z;
    out[6] = (height_m / 2.0).clamp(-1.0, 1.0) as f32;
    out[7] = (pose.rotation * normal.cast::<f64>()).z as f32;
}

impl FeatureExtractor for ColorGeometry {
    fn name(&self) -> &str {
        "color_geometry"
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn provenance(&self) -> Provenance {
        Provenance::Analytic
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        let (width, height) = frame.color.dimensions();
        let bad = |reason: &str| VisionError::BadImage {
            extractor: self.name().to_owned(),
            width,
            height,
            reason: reason.to_owned(),
        };
        if width < 4 || height < 4 {
            return Err(bad("it needs at least 4×4 pixels"));
        }
        let (w, h) = (width as usize, height as usize);
        let depth = &frame.depth_m;
        if (depth.width, depth.height) != (width, height) || depth.data_m.len() != w * h {
            return Err(bad("the depth image has another size"));
        }
        let (rows, columns) = ((h / self.cell_px).max(1), (w / self.cell_px).max(1));
        let mut data = vec![0.0; rows * columns * WIDTH];
        // The pixels x with x * columns / w == c begin at ceil(c * w / columns).
        let span = |cell: usize, cells: usize, pixels: usize| {
            [(cell * pixels).div_ceil(cells), ((cell + 1) * pixels).div_ceil(cells)]
        };
        data.par_chunks_exact_mut(columns * WIDTH).enumerate().for_each(|(row, out)| {
            for (column, out) in out.chunks_exact_mut(WIDTH).enumerate() {
                self.cell(frame, span(row, rows, h), span(column, columns, w), out);
            }
        });
        Ok(FeatureMap { rows, columns, width: WIDTH, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::sensing::DepthImage;
    use approx::assert_relative_eq;
    use image::{Rgb, RgbImage};

    /// A camera 1.5 m above a floor (world z up), looking down by 45°; red on the left half.
    fn floor() -> RgbdFrame {
        let camera = CameraModel::pinhole(100, 70, 90.0, 90.0, 49.5, 34.5);
        let down = std::f64::consts::FRAC_PI_4 + std::f64::consts::FRAC_PI_2;
        let world_T_camera = Pose::new(Vector3::new(0.0, 0.0, 1.5), Vector3::new(-down, 0.0, 0.0));
        let mut data_m = Vec::new();
        for v in 0..70 {
            for u in 0..100 {
                let [x, y] = camera.unproject_ray(f64::from(u), f64::from(v)).unwrap();
                let ray = world_T_camera.rotation * Vector3::new(x, y, 1.0);
                data_m.push((-1.5 / ray.z) as f32);
            }
        }
        let color =
            RgbImage::from_fn(100, 70, |u, _| Rgb(if u < 50 { [255, 0, 0] } else { [255; 3] }));
        let depth_m = DepthImage { width: 100, height: 70, data_m };
        RgbdFrame { stamp_ns: 0, color, depth_m, camera, world_T_camera }
    }

    #[test]
    fn a_floor_is_flat_low_and_faces_up() {
        let map = ColorGeometry::default().extract(&floor()).unwrap();
        assert_eq!((map.rows, map.columns, map.width), (4, 6, WIDTH));
        for cell in map.data.chunks_exact(WIDTH) {
            assert_relative_eq!(cell[7], 1.0);
            assert_relative_eq!(cell[15], 1.0, epsilon = 1e-3);
            assert_relative_eq!(cell[14], 0.0, epsilon = 1e-3);
            assert!(cell[13] < 0.02 && cell[12] < 0.0, "{cell:?}");
            assert!(cell.iter().all(|v| v.abs() <= 1.1));
        }
        let (red, white) = (map.cell(0, 0), map.cell(0, 5));
        assert_relative_eq!(red[0], 0.5324, epsilon = 1e-3);
        assert_relative_eq!(red[1], 0.8009, epsilon = 1e-3);
        assert_relative_eq!(white[0], 1.0, epsilon = 1e-3);
        assert!(white[1].abs() < 1e-3 && white[3] < 1e-3 && white[6] == 0.0);
    }

    #[test]
    fn without_depth_only_colour_is_told() {
        let mut frame = floor();
        frame.depth_m.data_m.fill(0.0);
        let map = ColorGeometry::default().extract(&frame).unwrap();
        assert!(map.data.chunks_exact(WIDTH).all(|cell| cell[7..].iter().all(|v| *v == 0.0)));
        assert!(map.cell(0, 0)[1] > 0.5);
    }

    #[test]
    fn a_depth_image_of_another_size_is_refused() {
        let mut frame = floor();
        frame.depth_m.width = 50;
        let said = ColorGeometry::default().extract(&frame).unwrap_err().to_string();
        assert!(said.contains("100×70") && said.contains("depth"), "{said}");
    }
}
