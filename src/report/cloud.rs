//! One frame: the colour image beside its points, seen from above and behind the camera.

use super::ReportError;
use super::chart::{FACE, use_compiled_in_face};
use crate::sensing::RgbdFrame;
use image::imageops::{FilterType, replace, resize};
use image::{Rgb, RgbImage};
use nalgebra::{Rotation3, Vector3};
use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const PAPER: [u8; 3] = [24, 26, 30];
const GAP_PX: u32 = 12;
const CAPTION_PX: u32 = 28;
const HEIGHT_PX: u32 = 480;
const CLOUD_WIDTH_PX: u32 = 720;
/// How far the view is tilted down from the camera's own, and turned to the side.
const TILT_DEG: f64 = 32.0;
const TURN_DEG: f64 = 18.0;
/// Points outside these quantiles may lie outside the picture: a few stray readings must not make
/// the rest small.
const FRAMED: (f64, f64) = (0.02, 0.98);
/// Largest side of the square that a point is painted as, pixels.
const MAX_SPLAT_PX: f64 = 8.0;
/// Size of the drawn camera, metres.
const CAMERA_MARK_M: f64 = 0.15;
const BAR_LENGTHS_M: [f64; 5] = [0.1, 0.2, 0.5, 1.0, 2.0];
const MIN_BAR_PX: f64 = 60.0;

/// The picture of one frame's points.
pub struct CloudPicture<'a> {
    /// Colour, registered depth and camera.
    pub frame: &'a RgbdFrame,
}

/// A point in the coordinates of the view (x right, y down, z away from the eye, metres).
struct Point {
    at_m: Vector3<f64>,
    color: [u8; 3],
    /// Distance to the neighbouring reading, metres.
    spacing_m: f64,
}

/// The eye and how its picture lies on the panel.
struct View {
    view_R_camera: Rotation3<f64>,
    /// Position of the eye, camera coordinates, metres.
    eye_m: Vector3<f64>,
    focal_px: f64,
    /// Pixel of the eye's axis.
    center_px: [f64; 2],
    /// Distance from the eye to the middle of the points, metres.
    middle_m: f64,
}

impl CloudPicture<'_> {
    /// Draws the picture.
    ///
    /// # Errors
    /// When the text cannot be drawn.
    pub fn draw(&self) -> Result<RgbImage, ReportError> {
        use_compiled_in_face();
        let color = &self.frame.color;
        let (width, height) = color.dimensions();
        let scaled = u64::from(width) * u64::from(HEIGHT_PX) / u64::from(height.max(1));
        let photo_width = (scaled as u32).clamp(1, 4 * HEIGHT_PX);
        let size = (photo_width + CLOUD_WIDTH_PX + 3 * GAP_PX, HEIGHT_PX + CAPTION_PX + 2 * GAP_PX);
        let mut picture = RgbImage::from_pixel(size.0, size.1, Rgb(PAPER));
        let photo = resize(color, photo_width, HEIGHT_PX, FilterType::Triangle);
        let top = GAP_PX + CAPTION_PX;
        replace(&mut picture, &photo, GAP_PX.into(), top.into());
        let mut panel = RgbImage::from_pixel(CLOUD_WIDTH_PX, HEIGHT_PX, Rgb(PAPER));
        let (view, points) = self.view();
        paint(&points, &view, &mut panel);
        let left = photo_width + 2 * GAP_PX;
        replace(&mut picture, &panel, left.into(), top.into());
        let area = BitMapBackend::with_buffer(picture.as_mut(), size).into_drawing_area();
        let captions = [
            (GAP_PX, format!("colour, {width}x{height}")),
            (left, format!("{} points, from above and behind the camera", points.len())),
        ];
        annotate(&area, &captions, &view, (left as i32, top as i32))
            .map_err(|reason| ReportError::Draw { what: "point cloud".into(), reason })?;
        drop(area);
        Ok(picture)
    }

    /// Draws the picture into a PNG file.
    ///
    /// # Errors
    /// When it cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let picture = self.draw()?;
        picture
            .save(path)
            .map_err(|source| ReportError::Encode { path: path.to_path_buf(), source })
    }

    /// An eye that has all points before it, and the points as it sees them.
    fn view(&self) -> (View, Vec<Point>) {
        let frame = self.frame;
        let rays = frame.camera.ray_table();
        let focal_px = frame.camera.fx.min(frame.camera.fy);
        let readings = frame.depth_m.data_m.iter().zip(frame.color.pixels()).enumerate();
        let width = frame.depth_m.width.max(1);
        let mut points: Vec<Point> = readings
            .filter_map(|(i, (depth_m, color))| {
                let (u, v) = (i as u32 % width, i as u32 / width);
                let at_m = Vector3::from(rays.point(u, v, *depth_m)?).map(f64::from);
                let spacing_m = f64::from(*depth_m) / focal_px;
                Some(Point { at_m, color: color.0, spacing_m })
            })
            .collect();
        let middle = |axis: usize| {
            let mut values: Vec<f64> = points.iter().map(|point| point.at_m[axis]).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(if axis == 2 { 1.0 } else { 0.0 })
        };
        let target_m = Vector3::new(middle(0), middle(1), middle(2));
        // Tilting the eye's axis down moves the eye up, turning it left moves the eye right.
        let view_R_camera = Rotation3::from_axis_angle(&Vector3::x_axis(), TILT_DEG.to_radians())
            * Rotation3::from_axis_angle(&Vector3::y_axis(), TURN_DEG.to_radians());
        let middle_m = 1.6 * target_m.norm();
        let eye_m = target_m - view_R_camera.inverse() * Vector3::z() * middle_m;
        for point in &mut points {
            point.at_m = view_R_camera * (point.at_m - eye_m);
        }
        let mut view = View { view_R_camera, eye_m, focal_px: 1.0, center_px: [0.0; 2], middle_m };
        view.fit(&points);
        (view, points)
    }
}

impl View {
    /// Chooses focal length and centre so that points and camera fill the panel.
    fn fit(&mut self, points: &[Point]) {
        let camera = self.seen([0.0; 3]);
        let range = |axis: usize| {
            let ahead = points.iter().filter(|point| point.at_m.z > 0.0);
            let mut values: Vec<f64> = ahead.map(|point| point.at_m[axis] / point.at_m.z).collect();
            values.sort_by(f64::total_cmp);
            let quantile = |q: f64| values.get((q * values.len() as f64) as usize).copied();
            let own = if camera.z > 0.0 { camera[axis] / camera.z } else { 0.0 };
            let low = quantile(FRAMED.0).unwrap_or(-0.5).min(own);
            let high = quantile(FRAMED.1).unwrap_or(0.5).max(own);
            (low, high.max(low + 1e-3))
        };
        let (x, y) = (range(0), range(1));
        let (width, height) = (f64::from(CLOUD_WIDTH_PX), f64::from(HEIGHT_PX));
        self.focal_px = 0.92 * (width / (x.1 - x.0)).min(height / (y.1 - y.0));
        self.center_px = [
            width / 2.0 - self.focal_px * (x.0 + x.1) / 2.0,
            height / 2.0 - self.focal_px * (y.0 + y.1) / 2.0,
        ];
    }

    /// A point in camera coordinates, as the eye sees it.
    fn seen(&self, camera_m: [f64; 3]) -> Vector3<f64> {
        self.view_R_camera * (Vector3::from(camera_m) - self.eye_m)
    }

    /// Where on the panel; `None` behind the eye.
    fn pixel(&self, seen_m: &Vector3<f64>) -> Option<[f64; 2]> {
        let [x, y] = self.center_px;
        let scale = self.focal_px / seen_m.z;
        (seen_m.z > 1e-3).then_some([x + scale * seen_m.x, y + scale * seen_m.y])
    }
}

/// Paints every point as a square as large as its share of the surface; the nearest is on top.
fn paint(points: &[Point], view: &View, panel: &mut RgbImage) {
    let (width, height) = panel.dimensions();
    let mut nearest_m = vec![f64::INFINITY; width as usize * height as usize];
    for point in points {
        let Some([x, y]) = view.pixel(&point.at_m) else { continue };
        let half =
            (0.5 * view.focal_px * point.spacing_m / point.at_m.z).clamp(0.5, MAX_SPLAT_PX / 2.0);
        // Casts to integers hold at the ends of their range.
        let span = |at: f64, end: u32| {
            ((at - half).round().max(0.0) as u32)..((at + half).round().max(0.0) as u32).min(end)
        };
        for row in span(y, height) {
            for column in span(x, width) {
                let before_m = &mut nearest_m[(row * width + column) as usize];
                if point.at_m.z < *before_m {
                    *before_m = point.at_m.z;
                    panel.put_pixel(column, row, Rgb(point.color));
                }
            }
        }
    }
}

/// Captions, the camera and a scale bar; `(left, top)` is the corner of the panel.
fn annotate(
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
    captions: &[(u32, String)],
    view: &View,
    (left, top): (i32, i32),
) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| format!("{error}");
    let face = || (FACE, 14).into_font().color(&WHITE.mix(0.85));
    for (x, caption) in captions {
        area.draw(&Text::new(caption.as_str(), (*x as i32, GAP_PX as i32), face()))
            .map_err(text)?;
    }
    let on_panel = |camera_m: [f64; 3]| {
        let [x, y] = view.pixel(&view.seen(camera_m))?;
        Some((left + x.round() as i32, top + y.round() as i32))
    };
    let (s, w, h) = (CAMERA_MARK_M, 0.6 * CAMERA_MARK_M, 0.45 * CAMERA_MARK_M);
    let corners = [[-w, -h, s], [w, -h, s], [w, h, s], [-w, h, s]].map(on_panel);
    if let (Some(eye), [Some(a), Some(b), Some(c), Some(d)]) = (on_panel([0.0; 3]), corners) {
        for line in [vec![a, b, c, d, a], vec![a, eye, b], vec![c, eye, d]] {
            area.draw(&PathElement::new(line, YELLOW.stroke_width(2))).map_err(text)?;
        }
    }
    let px_per_m = view.focal_px / view.middle_m;
    let length_m = BAR_LENGTHS_M.into_iter().find(|metres| metres * px_per_m >= MIN_BAR_PX);
    let length_m = length_m.unwrap_or(5.0);
    // The camera stands at the left: the eye is turned to its right side.
    let (x, y) = (left + CLOUD_WIDTH_PX as i32 - 250, top + HEIGHT_PX as i32 - 12);
    let end = x + (length_m * px_per_m).round() as i32;
    area.draw(&PathElement::new([(x, y), (end, y)], WHITE.stroke_width(3))).map_err(text)?;
    let label = format!("{length_m} m at the middle of the points");
    area.draw(&Text::new(label, (x, y - 20), face())).map_err(text)?;
    area.present().map_err(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::sensing::DepthImage;

    /// A red wall 2 m away and, in its middle, a green plate 1 m away.
    fn frame(valid: bool) -> RgbdFrame {
        let (width, height) = (64, 48);
        let near = |x: u32, y: u32| (24..40).contains(&x) && (16..32).contains(&y);
        let color = RgbImage::from_fn(width, height, |x, y| {
            Rgb(if near(x, y) { [0, 255, 0] } else { [255, 0, 0] })
        });
        let depth = |i: u32| if near(i % width, i / width) { 1.0 } else { 2.0 };
        let data_m = (0..width * height).map(|i| if valid { depth(i) } else { 0.0 }).collect();
        RgbdFrame {
            stamp_ns: 0,
            color,
            depth_m: DepthImage { width, height, data_m },
            camera: CameraModel::pinhole(width, height, 60.0, 60.0, 31.5, 23.5),
            world_T_camera: Pose::identity(),
        }
    }

    fn count(picture: &RgbImage, from_x: u32, color: [u8; 3]) -> usize {
        picture.enumerate_pixels().filter(|(x, _, pixel)| *x >= from_x && pixel.0 == color).count()
    }

    #[test]
    fn both_surfaces_show_and_the_eye_is_above_and_behind() {
        let frame = frame(true);
        let cloud = CloudPicture { frame: &frame };
        let picture = cloud.draw().unwrap();
        let panel_x = picture.width() - CLOUD_WIDTH_PX - GAP_PX;
        assert!(count(&picture, panel_x, [255, 0, 0]) > 10_000);
        assert!(count(&picture, panel_x, [0, 255, 0]) > 1_000);
        let (view, points) = cloud.view();
        assert_eq!(points.len(), 64 * 48);
        assert!(view.eye_m.y < -0.5 && view.eye_m.z < 0.0, "{}", view.eye_m);
        assert!(points.iter().all(|point| point.at_m.z > 0.0));
    }

    #[test]
    fn a_frame_without_depth_still_gives_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloud.png");
        CloudPicture { frame: &frame(false) }.write(&path).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!(count(&picture, picture.width() - CLOUD_WIDTH_PX, [0, 255, 0]), 0);
    }
}
