//! The paper of pictures from above: metres to pixels, voxels as squares, labels, a scale bar.
//!
//! World x points right and world y up the page; a panel for text stands right of the map.

use super::chart::FACE;
use crate::geometry::Pose;
use image::{Rgb, RgbImage};
use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const PAPER: [u8; 3] = [248, 248, 246];
pub(super) const MARGIN_PX: f64 = 36.0;
const MAX_MAP_PX: f64 = 1000.0;
const MAX_PX_PER_METRE: f64 = 160.0;
const PANEL_PX: u32 = 380;
const LINE_PX: i32 = 19;
const MIN_HEIGHT_PX: u32 = 360;

pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// How world metres become pixels.
pub(super) struct Canvas {
    x_min_m: f64,
    y_max_m: f64,
    px_per_m: f64,
    voxel_size_m: f64,
    pub map_width_px: u32,
    pub height_px: u32,
}

impl Canvas {
    /// One that holds all `points` (x, y), metres, and `lines` of text beside them.
    pub fn around(points: impl Iterator<Item = [f64; 2]>, voxel_size_m: f64, lines: usize) -> Self {
        let finite = points.filter(|point| (point[0] + point[1]).is_finite());
        let bounds = finite.fold(None, |bounds: Option<[f64; 4]>, [x, y]| {
            let [x0, x1, y0, y1] = bounds.unwrap_or([x, x, y, y]);
            Some([x0.min(x), x1.max(x), y0.min(y), y1.max(y)])
        });
        let [x0, x1, y0, y1] = bounds.unwrap_or([-1.0, 1.0, -1.0, 1.0]);
        let half = voxel_size_m / 2.0;
        let (x0, x1, y0, y1) = (x0 - half, x1 + half, y0 - half, y1 + half);
        let px_per_m = (MAX_MAP_PX / (x1 - x0).max(y1 - y0).max(1e-3)).min(MAX_PX_PER_METRE);
        let pixels = |metres: f64| (metres * px_per_m + 2.0 * MARGIN_PX).ceil() as u32;
        let panel_px = lines as u32 * LINE_PX as u32 + 2 * MARGIN_PX as u32;
        Self {
            x_min_m: x0,
            y_max_m: y1,
            px_per_m,
            voxel_size_m,
            map_width_px: pixels(x1 - x0),
            height_px: pixels(y1 - y0).max(MIN_HEIGHT_PX).max(panel_px),
        }
    }

    /// The pixel of a place.
    pub fn pixel(&self, x_m: f64, y_m: f64) -> (i32, i32) {
        (
            (MARGIN_PX + (x_m - self.x_min_m) * self.px_per_m).round() as i32,
            (MARGIN_PX + (self.y_max_m - y_m) * self.px_per_m).round() as i32,
        )
    }

    /// Paper with `voxels` (mean point, colour) on it; later ones cover earlier ones.
    pub fn paper<'a>(&self, voxels: impl Iterator<Item = &'a ([f32; 3], [u8; 3])>) -> RgbImage {
        let mut picture =
            RgbImage::from_pixel(self.map_width_px + PANEL_PX, self.height_px, Rgb(PAPER));
        let half = self.voxel_size_m / 2.0;
        for (point, color) in voxels {
            let cell =
                |v: f32| (f64::from(v) / self.voxel_size_m).floor() * self.voxel_size_m + half;
            let (x, y) = (cell(point[0]), cell(point[1]));
            let (left, top) = self.pixel(x - half, y + half);
            let (right, bottom) = self.pixel(x + half, y - half);
            for row in top.max(0)..bottom.min(self.height_px as i32) {
                for column in left.max(0)..right.min(self.map_width_px as i32) {
                    picture.put_pixel(column as u32, row as u32, Rgb(*color));
                }
            }
        }
        picture
    }

    /// Writes `lines` (text, whether it is bold) beside the map.
    pub fn write_panel(&self, lines: &[(String, bool)], area: &Area<'_>) -> Result<(), String> {
        let left = self.map_width_px as i32 + 8;
        for (row, (line, bold)) in lines.iter().enumerate() {
            let style = if *bold { FontStyle::Bold } else { FontStyle::Normal };
            let text = Text::new(
                line.as_str(),
                (left, MARGIN_PX as i32 + row as i32 * LINE_PX),
                (FACE, 14).into_font().style(style).color(&BLACK),
            );
            area.draw(&text).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Draws a metre.
    pub fn draw_scale_bar(&self, area: &Area<'_>) -> Result<(), String> {
        let text = |error: DrawingAreaErrorKind<_>| format!("{error}");
        let length_px = self.px_per_m.round() as i32;
        let (left, y) = (MARGIN_PX as i32, self.height_px as i32 - 14);
        area.draw(&PathElement::new([(left, y), (left + length_px, y)], BLACK.stroke_width(3)))
            .map_err(text)?;
        let style = (FACE, 13).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new("1 m", (left + length_px + 6, y), style)).map_err(text)
    }
}

/// The voxels below half a metre above the highest camera of `path`, higher ones last: walls stay,
/// ceilings go.
pub(super) fn below_ceiling<'a>(
    voxels: &'a [([f32; 3], [u8; 3])],
    path: &[Pose],
) -> Vec<&'a ([f32; 3], [u8; 3])> {
    let highest = path.iter().map(|pose| pose.translation.z).fold(f64::MIN, f64::max);
    let cut_m = if path.is_empty() { f64::INFINITY } else { highest + 0.5 };
    let mut shown: Vec<_> =
        voxels.iter().filter(|(point, _)| f64::from(point[2]) <= cut_m).collect();
    shown.sort_by(|a, b| a.0[2].total_cmp(&b.0[2]));
    shown
}

/// Draws a text at its upper left corner.
pub(super) fn draw_label(
    area: &Area<'_>,
    label: &str,
    at: (i32, i32),
    size_px: i32,
    color: &RGBColor,
) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| format!("{error}");
    // A pale halo keeps the text readable on any voxel colour.
    for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
        let halo = (FACE, size_px).into_font().color(&WHITE.mix(0.7));
        area.draw(&Text::new(label, (at.0 + dx, at.1 + dy), halo)).map_err(text)?;
    }
    area.draw(&Text::new(label, at, (FACE, size_px).into_font().color(color))).map_err(text)
}

/// Breaks a text into lines of at most so many letters.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}
