//! What a structured-light depth camera makes of exact depth, and a colour sensor of exact colour.
//!
//! The model follows measurements of the Kinect (Nguyen, Izadi, Lovell 2012): axial noise grows
//! with the square of distance, depth comes in steps of disparity, and is missing at depth edges
//! and on surfaces seen at a grazing angle.

use crate::geometry::CameraModel;
use crate::sensing::DepthImage;
use image::RgbImage;
use nalgebra::Vector3;
use rand::{RngCore, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Least depth that is measured, metres.
pub const MIN_DEPTH_M: f32 = 0.4;
/// Greatest depth that is measured, metres.
pub const MAX_DEPTH_M: f32 = 5.0;
/// Baseline of the projector and the camera, metres.
const BASELINE_M: f32 = 0.075;
/// Focal length of the sensor inside, pixels, whatever the size of the published image.
const SENSOR_FOCAL_PX: f32 = 580.0;
/// Disparity comes in this fraction of a pixel.
const DISPARITY_STEP_PX: f32 = 0.125;
/// Depth of neighbours differing by more than this share of it is an edge.
const EDGE_SHARE: f32 = 0.03;
/// Part of the pixels at an edge that have no reading, of 256.
const EDGE_DROPOUT: u8 = 128;
/// Cosine of the angle to the normal from which readings begin to fail.
const GRAZING_COS: f32 = 0.25;
/// Standard deviation of colour noise, of 255.
const COLOUR_SIGMA: f32 = 1.5;

/// Standard deviation of a depth reading at `depth_m`, metres, without the steps of disparity.
pub fn depth_sigma_m(depth_m: f32) -> f32 {
    0.0012 + 0.0019 * (depth_m - 0.4).powi(2)
}

/// Distance between two readings that the sensor can tell apart at `depth_m`, metres.
pub fn depth_step_m(depth_m: f32) -> f32 {
    DISPARITY_STEP_PX * depth_m * depth_m / (SENSOR_FOCAL_PX * BASELINE_M)
}

/// The depth the sensor can express that is nearest to `depth_m`, metres.
fn to_disparity_step(depth_m: f32) -> f32 {
    let scale = SENSOR_FOCAL_PX * BASELINE_M / DISPARITY_STEP_PX;
    // Rounded by a cast: `f32::round` is a call into the C library.
    scale / ((scale / depth_m + 0.5) as u32) as f32
}

/// Seeded noise of one RGB-D camera.
#[derive(Debug, Clone)]
pub struct SensorNoise {
    rng: Pcg64Mcg,
}

impl SensorNoise {
    /// Noise that is the same for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Pcg64Mcg::seed_from_u64(seed) }
    }

    /// Depth in whole millimetres as the sensor would report it (`16UC1`), 0 for no reading.
    pub fn depth_mm(&mut self, exact: &DepthImage, camera: &CameraModel) -> Vec<u16> {
        let (width, height) = (exact.width as usize, exact.height as usize);
        let z = &exact.data_m;
        let mut out = Vec::with_capacity(z.len());
        for v in 0..height {
            for u in 0..width {
                let i = v * width + u;
                let depth = z[i];
                let random = self.rng.next_u64();
                if !(MIN_DEPTH_M..=MAX_DEPTH_M).contains(&depth) {
                    out.push(0);
                    continue;
                }
                let left = z[if u > 0 { i - 1 } else { i }];
                let right = z[if u + 1 < width { i + 1 } else { i }];
                let above = z[if v > 0 { i - width } else { i }];
                let below = z[if v + 1 < height { i + width } else { i }];
                let limit = EDGE_SHARE * depth;
                let edge = [left, right, above, below].iter().any(|n| (n - depth).abs() > limit);
                let ray = Vector3::new(
                    (u as f32 - camera.cx as f32) / camera.fx as f32,
                    (v as f32 - camera.cy as f32) / camera.fy as f32,
                    1.0,
                );
                let dropped = if edge {
                    (random >> 56) as u8 >= EDGE_DROPOUT
                } else {
                    // The normal of a surface z(u, v), up to its length.
                    let slope_x = 0.5 * (right - left) * camera.fx as f32 / depth;
                    let slope_y = 0.5 * (below - above) * camera.fy as f32 / depth;
                    let along = -1.0 - slope_x * ray.x - slope_y * ray.y;
                    let normal = Vector3::new(slope_x, slope_y, along);
                    let cos = normal.dot(&ray).abs() / (normal.norm() * ray.norm());
                    cos * 256.0 < GRAZING_COS * ((random >> 56) as u8) as f32
                };
                let reading = depth + depth_sigma_m(depth) * gaussian(random);
                let reading = to_disparity_step(reading.max(0.1));
                let measured = (MIN_DEPTH_M..=MAX_DEPTH_M).contains(&reading) && !dropped;
                out.push(if measured { (reading * 1000.0 + 0.5) as u16 } else { 0 });
            }
        }
        out
    }

    /// Adds a little noise to every sample of a colour image.
    pub fn color(&mut self, image: &mut RgbImage) {
        for pair in image.as_mut().chunks_mut(4) {
            let random = self.rng.next_u64();
            for (k, sample) in pair.iter_mut().enumerate() {
                // The sum of two bytes: near enough to a bell at a sigma of 1.5.
                let bits = random >> (16 * k);
                let sum = (bits & 0xff) as f32 + (bits >> 8 & 0xff) as f32 - 255.0;
                let noisy = f32::from(*sample) + sum * (COLOUR_SIGMA / 104.5);
                // The cast saturates.
                *sample = (noisy + 0.5) as u8;
            }
        }
    }
}

/// A number from a bell of mean 0 and standard deviation 1, from the low 48 bits of `random`: the
/// sum of four uniform numbers, which has no tails beyond 3.5.
fn gaussian(random: u64) -> f32 {
    let sum: u32 = (0..4).map(|k| (random >> (12 * k) & 0xfff) as u32).sum();
    (sum as f32 - 2.0 * 4095.0) * (1.732_050_8 / 4096.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(depth_m: f32) -> (DepthImage, CameraModel) {
        let image = DepthImage { width: 200, height: 150, data_m: vec![depth_m; 30_000] };
        (image, CameraModel::pinhole(200, 150, 180.0, 180.0, 99.5, 74.5))
    }

    #[test]
    fn readings_of_a_wall_spread_as_the_model_says() {
        for depth in [0.6f32, 1.0, 1.7, 2.5, 3.6] {
            let (image, camera) = plane(depth);
            let read = SensorNoise::new(1).depth_mm(&image, &camera);
            let n = read.len() as f64;
            assert!(read.iter().all(|&mm| mm > 0));
            let mean = read.iter().map(|&mm| f64::from(mm) * 1e-3).sum::<f64>() / n;
            let square = |mm: &u16| (f64::from(*mm) * 1e-3 - mean).powi(2);
            let sigma = (read.iter().map(square).sum::<f64>() / n).sqrt();
            let step = f64::from(depth_step_m(depth));
            // Sigma, steps of disparity, and whole millimetres.
            let wanted =
                (f64::from(depth_sigma_m(depth)).powi(2) + (step * step + 1e-6) / 12.0).sqrt();
            assert!((mean - f64::from(depth)).abs() < 0.1 * step + 5e-4, "{depth}: mean {mean}");
            assert!((sigma / wanted - 1.0).abs() < 0.12, "{depth}: {sigma} for {wanted}");
        }
    }

    #[test]
    fn nothing_is_read_outside_the_range() {
        for depth in [0.0, 0.39, 5.01, 60.0] {
            let (image, camera) = plane(depth);
            let read = SensorNoise::new(2).depth_mm(&image, &camera);
            assert!(read.iter().all(|&mm| mm == 0));
        }
    }

    #[test]
    fn readings_fail_at_edges_and_grazing_angles() {
        let (mut image, camera) = plane(1.0);
        for row in image.data_m.chunks_mut(200) {
            row[100..].fill(2.0);
        }
        let read = SensorNoise::new(3).depth_mm(&image, &camera);
        let missing = |u: usize| (0..150).filter(|v| read[v * 200 + u] == 0).count();
        assert!((45..105).contains(&missing(99)) && (45..105).contains(&missing(100)));
        assert_eq!(missing(50), 0);
        // A floor 0.2 m below the camera, seen at a flat angle.
        let (mut floor, _) = plane(0.0);
        for (v, row) in floor.data_m.chunks_mut(200).enumerate() {
            row.fill(if v > 80 { 0.2 * 180.0 / (v as f32 - 74.5) } else { 0.0 });
        }
        let read = SensorNoise::new(3).depth_mm(&floor, &camera);
        let missing = |v: usize| (0..200).filter(|u| read[v * 200 + u] == 0).count();
        assert!(missing(90) > 60 && missing(145) < 10, "{} {}", missing(90), missing(145));
    }

    #[test]
    fn colour_noise_is_small_and_seeded() {
        let noisy = |seed: u64| {
            let mut image = RgbImage::from_pixel(120, 90, image::Rgb([120, 60, 200]));
            SensorNoise::new(seed).color(&mut image);
            image
        };
        let image = noisy(5);
        assert_eq!(image, noisy(5));
        assert_ne!(image, noisy(6));
        let square: f64 = image.pixels().map(|p| (f64::from(p[0]) - 120.0).powi(2)).sum();
        let sigma = (square / f64::from(120 * 90)).sqrt();
        assert!((sigma - f64::from(COLOUR_SIGMA)).abs() < 0.2, "{sigma}");
    }
}
