//! Which part of a picture the network looks at, and how closely.

use serde::{Deserialize, Serialize};

use super::input::{HEIGHT_PX, WIDTH_PX};
use crate::geometry::CameraModel;

/// A picture cut into `across`×`across` parts of 320×240 pixels each, and one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Parts side by side, and above each other.
    pub across: usize,
    /// Row of this one, from above.
    pub row: usize,
    /// Column of this one, from the left.
    pub column: usize,
}

impl Part {
    /// The whole picture at once.
    pub const WHOLE: Self = Self { across: 1, row: 0, column: 0 };

    /// All parts of a picture, row by row.
    pub fn all(across: usize) -> impl Iterator<Item = Self> {
        (0..across * across).map(move |at| Self { across, row: at / across, column: at % across })
    }

    /// Parts side by side that show a picture of this size about as it is, at most `most`.
    pub fn across(width_px: u32, height_px: u32, most: usize) -> usize {
        let fits = |edge: u32, part: usize| (edge as usize + part / 2) / part;
        fits(width_px, WIDTH_PX).min(fits(height_px, HEIGHT_PX)).clamp(1, most.max(1))
    }

    /// The same part of the picture in a mirror, left and right swapped.
    pub fn mirrored(self) -> Self {
        Self { column: self.across - 1 - self.column, ..self }
    }

    /// The camera that would take only this part of the pictures of `camera`, as 320×240 pixels.
    pub fn camera(self, camera: &CameraModel) -> CameraModel {
        let scaled = |part: usize, edge: u32| (part * self.across) as f64 / f64::from(edge);
        let (x, y) = (scaled(WIDTH_PX, camera.width), scaled(HEIGHT_PX, camera.height));
        // The middle of the first pixel is 0, its edge is half a pixel before it.
        let middle = |c: f64, scale: f64, first: usize| (c + 0.5) * scale - 0.5 - first as f64;
        CameraModel {
            width: WIDTH_PX as u32,
            height: HEIGHT_PX as u32,
            fx: camera.fx * x,
            fy: camera.fy * y,
            cx: middle(camera.cx, x, self.column * WIDTH_PX),
            cy: middle(camera.cy, y, self.row * HEIGHT_PX),
            distortion: camera.distortion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_about_as_fine_as_the_picture_is() {
        let across = |width, height| Part::across(width, height, 3);
        assert_eq!([across(1, 1), across(320, 240), across(424, 240)], [1; 3]);
        assert_eq!([across(640, 480), across(640, 360), across(848, 480)], [2; 3]);
        assert_eq!([across(1280, 720), across(4000, 3000)], [3; 2]);
        assert_eq!(Part::across(640, 480, 0), 1);
    }

    #[test]
    fn a_pixel_of_a_part_looks_where_that_of_the_picture_does() {
        let camera = CameraModel::pinhole(640, 480, 500.0, 510.0, 310.0, 250.0);
        for part in Part::all(2) {
            let of_part = part.camera(&camera);
            let (u, v) = (17.0 + (part.column * 320) as f64, 33.0 + (part.row * 240) as f64);
            assert_eq!(of_part.unproject_ray(17.0, 33.0), camera.unproject_ray(u, v));
        }
        assert_eq!(Part::all(2).count(), 4);
        // Four pixels become one: its middle is the corner that they share.
        let [x, y] = Part::WHOLE.camera(&camera).unproject_ray(0.0, 0.0).unwrap();
        let [to_x, to_y] = camera.unproject_ray(0.5, 0.5).unwrap();
        assert!((x - to_x).abs() < 1e-12 && (y - to_y).abs() < 1e-12);
    }

    #[test]
    fn the_left_of_a_mirror_is_the_right() {
        let camera = CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5);
        let left = Part { across: 2, row: 1, column: 0 };
        let right = left.mirrored();
        assert_eq!((right.column, right.mirrored()), (1, left));
        let [x, y] = left.camera(&camera).unproject_ray(10.0, 20.0).unwrap();
        let [mirrored, same] = right.camera(&camera).unproject_ray(309.0, 20.0).unwrap();
        assert!((x + mirrored).abs() < 1e-12 && y == same);
    }
}
