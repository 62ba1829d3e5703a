//! Bayer mosaics: each pixel saw one colour; the other two are the mean of the neighbours.

use super::Named;
use crate::sensing::SensingError;

/// Where the red pixel of each 2×2 tile stands; blue stands on the opposite corner.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    red_x: usize,
    red_y: usize,
}

impl Pattern {
    /// The pattern of an encoding such as `bayer_rggb8`.
    pub(super) fn of_encoding(encoding: &str) -> Option<Self> {
        let (red_x, red_y) = match encoding {
            "bayer_rggb8" => (0, 0),
            "bayer_bggr8" => (1, 1),
            "bayer_gbrg8" => (0, 1),
            "bayer_grbg8" => (1, 0),
            _ => return None,
        };
        Some(Self { red_x, red_y })
    }
}

/// Bilinear colours of a mosaic of `width * height` bytes; an error where it is smaller than a tile.
pub(super) fn demosaic(
    named: Named<'_>,
    mosaic: &[u8],
    (width, height): (u32, u32),
    pattern: Pattern,
) -> Result<Vec<u8>, SensingError> {
    if width < 2 || height < 2 {
        return Err(named.bad_shape(width, height, "a Bayer image has at least 2x2 pixels"));
    }
    let (width, height) = (width as usize, height as usize);
    let mut rgb = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        // Rows and columns are mirrored at the border, which keeps the colour of each place.
        let (up, down) = neighbours(y, height);
        let row = |y: usize| &mosaic[y * width..(y + 1) * width];
        let (above, here, below) = (row(up), row(y), row(down));
        let red_row = y % 2 == pattern.red_y;
        for x in 0..width {
            let (left, right) = neighbours(x, width);
            let at = u16::from;
            let across = (at(here[left]) + at(here[right])) / 2;
            let along = (at(above[x]) + at(below[x])) / 2;
            let corners =
                (at(above[left]) + at(above[right]) + at(below[left]) + at(below[right])) / 4;
            let sides = (at(here[left]) + at(here[right]) + at(above[x]) + at(below[x])) / 4;
            let centre = at(here[x]);
            let red_column = x % 2 == pattern.red_x;
            let [r, g, b] = match (red_row, red_column) {
                (true, true) => [centre, sides, corners],
                (true, false) => [across, centre, along],
                (false, true) => [along, centre, across],
                (false, false) => [corners, sides, centre],
            };
            rgb.extend_from_slice(&[r as u8, g as u8, b as u8]);
        }
    }
    Ok(rgb)
}

/// The indices before and after `i` in `0..length`, mirrored at the ends.
fn neighbours(i: usize, length: usize) -> (usize, usize) {
    (if i == 0 { 1 } else { i - 1 }, if i + 1 == length { i - 1 } else { i + 1 })
}
