//! From a depth camera's picture to the numbers of its cells.
//!
//! Every picture, or part of one, is brought to 320×240 pixels, of which 8×8 are a cell. Depth is told as what does
//! not change when the camera moves, in the manner of HHA (Gupta et al., ECCV 2014): height above
//! the floor, how near it is, and which way the surface faces, against gravity and the camera.
//! Where the camera has no reading these are 0 and said to be missing.

use std::borrow::Cow;

use image::RgbImage;
use nalgebra::{Matrix3, Vector3};

use super::super::resample::{Filter, resize};
use super::part::Part;
use crate::geometry::{CameraModel, Pose};
use crate::sensing::DepthImage;

/// Width of the pictures, pixels.
pub const WIDTH_PX: usize = 320;
/// Height of the pictures, pixels.
pub const HEIGHT_PX: usize = 240;
/// Edge of a cell, pixels.
pub const CELL_PX: usize = 8;
/// Cells side by side.
pub const COLUMNS: usize = WIDTH_PX / CELL_PX;
/// Cells above each other.
pub const ROWS: usize = HEIGHT_PX / CELL_PX;
/// Cells of a picture.
pub const CELLS: usize = ROWS * COLUMNS;
/// Cells of a token: two by two.
pub(super) const MERGED: usize = 4;
/// Numbers of a pixel: red, green, blue, depth against the cell's, whether there is a reading.
const PIXEL: usize = 5;
/// Numbers of a cell beside those of its pixels.
const WHOLE: usize = 15;
/// Numbers of a cell.
pub const INPUTS: usize = CELL_PX * CELL_PX * PIXEL + WHOLE;
/// Fewer readings than this have no surface.
const MIN_READINGS: f32 = 8.0;
/// Depth before or behind the cell's mean that counts as 1, metres.
const RELIEF_M: f32 = 0.15;
/// Distance from the cell's plane that counts as 1, metres.
const ROUGH_M: f32 = 0.05;

/// A picture of 320×240 pixels with depth.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Red, green and blue, row by row.
    pub rgb: Vec<u8>,
    /// Depth along the optical axis, metres, 0 for no reading.
    pub depth_m: Vec<f32>,
}

impl Picture {
    /// The parts of a picture, row by row, scaled to the size of all pictures: colour smoothly, depth
    /// by the nearest reading.
    pub fn parts(color: &RgbImage, depth_m: &DepthImage, across: usize) -> Vec<Self> {
        let (width, height) = (across * WIDTH_PX, across * HEIGHT_PX);
        let scaled = if color.dimensions() == (width as u32, height as u32) {
            Cow::Borrowed(color)
        } else {
            Cow::Owned(resize(color, width as u32, height as u32, Filter::Bilinear))
        };
        let nearest = |at: usize, to: usize, from: u32| (2 * at + 1) * from as usize / (2 * to);
        let part = |part: Part| {
            let (left, top) = (part.column * WIDTH_PX, part.row * HEIGHT_PX);
            let row_of = |row: usize| {
                let first = 3 * ((top + row) * width + left);
                &scaled.as_raw()[first..first + 3 * WIDTH_PX]
            };
            let rgb = (0..HEIGHT_PX).flat_map(row_of).copied().collect();
            let depth = |pixel: usize| {
                let column = nearest(left + pixel % WIDTH_PX, width, depth_m.width);
                let row = nearest(top + pixel / WIDTH_PX, height, depth_m.height);
                depth_m.data_m[row * depth_m.width as usize + column]
            };
            Self { rgb, depth_m: (0..WIDTH_PX * HEIGHT_PX).map(depth).collect() }
        };
        Part::all(across).map(part).collect()
    }
}

/// Where a camera's pixels look, and how it stands over the floor.
#[derive(Debug, Clone)]
pub struct View {
    /// Up against gravity, optical camera coordinates, length 1.
    pub up: Vector3<f32>,
    /// Height of the camera above the floor (world z), metres.
    pub height_m: f32,
}

impl View {
    /// How a camera stands. The world's z axis points up from the floor.
    pub fn of(world_T_camera: &Pose) -> Self {
        let up = world_T_camera.rotation.inverse() * Vector3::z();
        Self { up: up.cast(), height_m: world_T_camera.translation.vector.z as f32 }
    }

    /// The same for the picture in a mirror, left and right swapped.
    pub fn mirrored(&self) -> Self {
        Self { up: Vector3::new(-self.up.x, self.up.y, self.up.z), ..*self }
    }
}

/// The rays (x/z, y/z) of the pixels of a part of a picture after it was scaled, row by row; 0 where
/// the camera's lens lets none through.
pub fn rays(camera: &CameraModel, part: Part) -> Vec<[f32; 2]> {
    let camera = part.camera(camera);
    let ray = |pixel: usize| {
        let (u, v) = ((pixel % WIDTH_PX) as f64, (pixel / WIDTH_PX) as f64);
        camera.unproject_ray(u, v).map_or([0.0; 2], |[x, y]| [x as f32, y as f32])
    };
    (0..WIDTH_PX * HEIGHT_PX).map(ray).collect()
}

/// Part of the cells of a picture. All four numbers are even, for tokens stand for 2×2 cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellWindow {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl CellWindow {
    /// The whole picture.
    pub const WHOLE: Self = Self { top: 0, left: 0, rows: ROWS, columns: COLUMNS };

    /// Number of cells.
    pub fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// Indices of its cells in the picture, row by row.
    pub fn cells(self) -> impl Iterator<Item = usize> + Clone {
        let row = move |row: usize| (self.top + row) * COLUMNS + self.left;
        (0..self.count()).map(move |cell| row(cell / self.columns) + cell % self.columns)
    }

    /// The window of this size whose middle is as near to a cell as the picture allows.
    pub fn around(cell: usize, rows: usize, columns: usize) -> Self {
        let even = |middle: usize, size: usize, all: usize| {
            (middle.saturating_sub(size / 2) & !1).min(all.saturating_sub(size))
        };
        let (top, left) =
            (even(cell / COLUMNS, rows, ROWS), even(cell % COLUMNS, columns, COLUMNS));
        Self { top, left, rows, columns }
    }
}

/// Numbers of the cells of a window, row by row, [`INPUTS`] a cell.
pub fn cells(picture: &Picture, view: &View, rays: &[[f32; 2]], window: CellWindow) -> Vec<f32> {
    let mut all = vec![0.0; window.count() * INPUTS];
    for (cell, out) in window.cells().zip(all.chunks_exact_mut(INPUTS)) {
        let corner = (cell / COLUMNS) * CELL_PX * WIDTH_PX + (cell % COLUMNS) * CELL_PX;
        let pixels =
            (0..CELL_PX * CELL_PX).map(|i| corner + (i / CELL_PX) * WIDTH_PX + i % CELL_PX);
        describe(picture, view, rays, pixels, out);
    }
    all
}

/// What is summed up over the readings of a cell.
#[derive(Default)]
struct Sums {
    count: f32,
    depth_m: f32,
    height_m: f32,
    height2: f32,
    /// Normal equations of the plane: nearness (1/depth) is linear in the ray.
    normal: Matrix3<f32>,
    right: Vector3<f32>,
}

fn describe(
    picture: &Picture,
    view: &View,
    rays: &[[f32; 2]],
    pixels: impl Iterator<Item = usize> + Clone,
    out: &mut [f32],
) {
    let (of_pixels, whole) = out.split_at_mut(CELL_PX * CELL_PX * PIXEL);
    let middle = pixels.clone().nth(CELL_PX * CELL_PX / 2 + CELL_PX / 2).unwrap_or_default();
    let [x0, y0] = rays[middle];
    let mut sums = Sums::default();
    for pixel in pixels.clone() {
        let depth_m = picture.depth_m[pixel];
        if depth_m <= 0.0 {
            continue;
        }
        let [x, y] = rays[pixel];
        let height_m = view.height_m + depth_m * (view.up.x * x + view.up.y * y + view.up.z);
        let from = Vector3::new(x - x0, y - y0, 1.0);
        sums.count += 1.0;
        sums.depth_m += depth_m;
        sums.height_m += height_m;
        sums.height2 += height_m * height_m;
        sums.normal += from * from.transpose();
        sums.right += from / depth_m;
    }
    let mean_m = sums.depth_m / sums.count.max(1.0);
    for (pixel, out) in pixels.clone().zip(of_pixels.chunks_exact_mut(PIXEL)) {
        for (channel, out) in out[..3].iter_mut().enumerate() {
            *out = f32::from(picture.rgb[3 * pixel + channel]) / 64.0 - 2.0;
        }
        let depth_m = picture.depth_m[pixel];
        if depth_m > 0.0 {
            out[3] = ((depth_m - mean_m) / RELIEF_M).clamp(-1.0, 1.0);
            out[4] = 1.0;
        }
    }
    let ray = Vector3::new(x0, y0, 1.0);
    whole[0] = 2.0 * x0;
    whole[1] = view.up.dot(&ray) / ray.norm();
    whole[2] = sums.count / (CELL_PX * CELL_PX) as f32;
    if sums.count < MIN_READINGS {
        return;
    }
    let height_m = sums.height_m / sums.count;
    let spread = (sums.height2 / sums.count - height_m * height_m).max(0.0).sqrt();
    whole[3] = (1.0 / mean_m).min(3.0) - 0.5;
    whole[4] = 0.5 * mean_m - 1.0;
    whole[5] = (height_m - 0.8).clamp(-2.0, 2.0);
    for (octave, waves) in [1.0, 2.0, 4.0].into_iter().enumerate() {
        let angle = std::f32::consts::TAU * waves * height_m;
        (whole[6 + 2 * octave], whole[7 + 2 * octave]) = angle.sin_cos();
    }
    whole[12] = (spread / 0.1).min(1.0);
    // The corner of the plane that a few readings leave open is held near the ray's own.
    sums.normal[(0, 0)] += 1e-5;
    sums.normal[(1, 1)] += 1e-5;
    if let Some([slope_x, slope_y, near]) =
        sums.normal.try_inverse().map(|n| n * sums.right).map(<[f32; 3]>::from)
    {
        let inward = Vector3::new(slope_x, slope_y, near - slope_x * x0 - slope_y * y0);
        let normal = -inward / inward.norm().max(1e-6);
        whole[13] = normal.dot(&view.up);
        whole[14] = roughness(picture, rays, pixels, [slope_x, slope_y, near], [x0, y0]);
    }
}

/// Root mean square distance of the readings from the plane along the optical axis, at most 1.
fn roughness(
    picture: &Picture,
    rays: &[[f32; 2]],
    pixels: impl Iterator<Item = usize>,
    [slope_x, slope_y, near]: [f32; 3],
    [x0, y0]: [f32; 2],
) -> f32 {
    let (mut squares, mut count) = (0.0, 0.0f32);
    for pixel in pixels {
        let depth_m = picture.depth_m[pixel];
        if depth_m > 0.0 {
            let [x, y] = rays[pixel];
            let nearness = near + slope_x * (x - x0) + slope_y * (y - y0);
            let off_m = depth_m - 1.0 / nearness.max(0.05);
            squares += off_m * off_m;
            count += 1.0;
        }
    }
    ((squares / count.max(1.0)).sqrt() / ROUGH_M).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn camera() -> CameraModel {
        CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5)
    }

    /// A camera 1.28 m above a floor, looking down by 45°.
    fn floor(camera: &CameraModel) -> (RgbImage, DepthImage, Pose) {
        let down = std::f64::consts::FRAC_PI_4 + std::f64::consts::FRAC_PI_2;
        let world_T_camera = Pose::new(Vector3::new(3.0, 0.0, 1.28), Vector3::new(-down, 0.0, 0.0));
        let mut data_m = Vec::new();
        for v in 0..camera.height {
            for u in 0..camera.width {
                let [x, y] = camera.unproject_ray(f64::from(u), f64::from(v)).unwrap();
                data_m.push((-1.28 / (world_T_camera.rotation * Vector3::new(x, y, 1.0)).z) as f32);
            }
        }
        let color = RgbImage::from_pixel(camera.width, camera.height, Rgb([128, 64, 192]));
        let depth_m = DepthImage { width: camera.width, height: camera.height, data_m };
        (color, depth_m, world_T_camera)
    }

    fn whole_picture(color: &RgbImage, depth_m: &DepthImage) -> Picture {
        Picture::parts(color, depth_m, 1).remove(0)
    }

    fn whole(of: &CameraModel) -> Vec<[f32; WHOLE]> {
        let (color, depth_m, world_T_camera) = floor(of);
        let picture = whole_picture(&color, &depth_m);
        let rays = rays(of, Part::WHOLE);
        let all = cells(&picture, &View::of(&world_T_camera), &rays, CellWindow::WHOLE);
        all.chunks_exact(INPUTS).map(|cell| cell[INPUTS - WHOLE..].try_into().unwrap()).collect()
    }

    #[test]
    fn a_floor_is_low_flat_and_faces_up_from_any_resolution() {
        let large = CameraModel::pinhole(640, 480, 554.0, 554.0, 319.5, 239.5);
        for (small, large) in whole(&camera()).iter().zip(whole(&large)) {
            assert_eq!(small[2], 1.0);
            assert!((small[5] + 0.8).abs() < 1e-3, "height 0: {small:?}");
            assert!((small[13] - 1.0).abs() < 1e-3 && small[14] < 0.02, "{small:?}");
            let apart = small.iter().zip(&large).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 0.05, "{small:?} {large:?}");
        }
    }

    #[test]
    fn colours_stand_where_they_are_and_missing_depth_is_said_to_be_missing() {
        let camera = camera();
        let (mut color, mut depth_m, world_T_camera) = floor(&camera);
        color.put_pixel(319, 239, Rgb([255, 255, 255]));
        depth_m.data_m[..320 * 8].fill(0.0);
        let picture = whole_picture(&color, &depth_m);
        let rays = rays(&camera, Part::WHOLE);
        let all = cells(&picture, &View::of(&world_T_camera), &rays, CellWindow::WHOLE);
        let last = &all[(CELLS - 1) * INPUTS..];
        assert_eq!(last[..3], [0.0, -1.0, 1.0]);
        assert_eq!(last[63 * PIXEL..][..3], [255.0 / 64.0 - 2.0; 3]);
        assert_eq!(last[4], 1.0);
        let blind = &all[..INPUTS];
        assert!((0..64).all(|pixel| blind[pixel * PIXEL + 3..][..2] == [0.0, 0.0]));
        assert!(blind[INPUTS - WHOLE + 2..].iter().all(|x| *x == 0.0));
        assert!(all.iter().all(|x| x.abs() <= 3.5));
    }

    #[test]
    fn parts_show_the_picture_as_it_is() {
        let camera = CameraModel::pinhole(640, 480, 554.0, 554.0, 319.5, 239.5);
        let (mut color, mut depth_m, _) = floor(&camera);
        color.put_pixel(321, 242, Rgb([1, 2, 3]));
        depth_m.data_m[242 * 640 + 321] = 9.0;
        let parts = Picture::parts(&color, &depth_m, 2);
        let at = |part: &Picture, pixel: usize| (part.rgb[3 * pixel], part.depth_m[pixel]);
        assert_eq!(at(&parts[3], 2 * WIDTH_PX + 1), (1, 9.0));
        let elsewhere = parts.iter().map(|part| part.depth_m.iter().filter(|z| **z == 9.0).count());
        assert_eq!(elsewhere.collect::<Vec<_>>(), [0, 0, 0, 1]);
    }

    #[test]
    fn a_window_has_the_numbers_of_its_cells() {
        let camera = camera();
        let (color, depth_m, world_T_camera) = floor(&camera);
        let (picture, view) = (whole_picture(&color, &depth_m), View::of(&world_T_camera));
        let rays = rays(&camera, Part::WHOLE);
        let whole = cells(&picture, &view, &rays, CellWindow::WHOLE);
        let window = CellWindow::around(3 * COLUMNS + 37, 6, 8);
        assert_eq!(window, CellWindow { top: 0, left: 32, rows: 6, columns: 8 });
        let part = cells(&picture, &view, &rays, window);
        assert_eq!(part.len(), 48 * INPUTS);
        for (cell, part) in window.cells().zip(part.chunks_exact(INPUTS)) {
            assert_eq!(part, &whole[cell * INPUTS..][..INPUTS]);
        }
        assert!(CellWindow::WHOLE.cells().eq(0..CELLS));
    }

    #[test]
    fn a_mirror_swaps_sides_only() {
        let camera = camera();
        let (color, depth_m, world_T_camera) = floor(&camera);
        let view = View::of(&world_T_camera);
        let rays = rays(&camera, Part::WHOLE);
        let mut picture = whole_picture(&color, &depth_m);
        let plain = cells(&picture, &view, &rays, CellWindow::WHOLE);
        picture.depth_m.chunks_exact_mut(WIDTH_PX).for_each(<[f32]>::reverse);
        let mirrored = cells(&picture, &view.mirrored(), &rays, CellWindow::WHOLE);
        for row in 0..ROWS {
            let whole = |all: &[f32], column: usize| -> Vec<f32> {
                let cell = row * COLUMNS + column;
                all[(cell + 1) * INPUTS - WHOLE + 1..(cell + 1) * INPUTS].to_vec()
            };
            let (a, b) = (whole(&plain, 3), whole(&mirrored, COLUMNS - 4));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.03), "{a:?} {b:?}");
        }
    }
}
