//! The paper of pictures from above: metres to pixels, voxels as squares, labels, a scale bar.
//!
//! World x points right and world y up the page; a panel for text stands right of the map.

use super::chart::FACE;
use super::labels::Labels;
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
pub(super) const PANEL_PX: u32 = 380;
const LINE_PX: i32 = 19;
const MIN_HEIGHT_PX: u32 = 360;
/// Height of the letters of labels, pixels.
const LABEL_PX: i32 = 14;
/// Room of a label left and right of its letters, pixels.
const LABEL_PAD_PX: i32 = 2;
/// From the upper edge of a label to where its text is drawn: tall letters reach above that, pixels.
const LABEL_RISE_PX: i32 = 4;

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
            // The style is named at once: a font that is given one later keeps its letters.
            let style = if *bold { FontStyle::Bold } else { FontStyle::Normal };
            let text = Text::new(
                line.as_str(),
                (left, MARGIN_PX as i32 + row as i32 * LINE_PX),
                (FACE, 14, style).into_font().color(&BLACK),
            );
            area.draw(&text).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Room for labels: on the map and its margins, but neither on the panel nor on the scale bar.
    pub fn labels(&self) -> Labels {
        let mut labels = Labels::within([0, 0, self.map_width_px as i32, self.height_px as i32]);
        let (left, bottom) = (MARGIN_PX as i32, self.height_px as i32);
        labels.keep_free([left, bottom - 24, left + self.px_per_m.round() as i32 + 40, bottom]);
        labels
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

/// The room that a label takes: width and height, pixels.
pub(super) fn label_size(area: &Area<'_>, label: &str) -> Result<(i32, i32), String> {
    let style = (FACE, LABEL_PX).into_font().into_text_style(area);
    let (width, _) = area.estimate_text_size(label, &style).map_err(|error| error.to_string())?;
    Ok((width as i32 + 2 * LABEL_PAD_PX, LABEL_PX + 1))
}

/// Draws a label; `at` is the upper left corner of the room that it takes.
pub(super) fn draw_label(
    area: &Area<'_>,
    label: &str,
    at: (i32, i32),
    color: &RGBColor,
) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| format!("{error}");
    let (width, height) = label_size(area, label)?;
    // A pale plate keeps the text readable on any voxel colour.
    let plate = [at, (at.0 + width, at.1 + height)];
    area.draw(&Rectangle::new(plate, WHITE.mix(0.8).filled())).map_err(text)?;
    let corner = (at.0 + LABEL_PAD_PX, at.1 + LABEL_RISE_PX);
    area.draw(&Text::new(label, corner, (FACE, LABEL_PX).into_font().color(color))).map_err(text)
}

/// Draws a ring with a text beside it, which is never left out. The rings of a picture are kept
/// free in `labels` before the first of them is drawn.
pub(super) fn draw_ring(
    area: &Area<'_>,
    labels: &mut Labels,
    (center, radius_px): ((i32, i32), i32),
    label: &str,
    color: &RGBColor,
) -> Result<(), String> {
    area.draw(&Circle::new(center, radius_px, color.stroke_width(2)))
        .map_err(|error| error.to_string())?;
    let (size, gap) = (label_size(area, label)?, radius_px + 2);
    let free = labels.place(center, gap, size);
    let at = free.unwrap_or((center.0 + gap, center.1 - size.1 / 2));
    draw_label(area, label, at, color)
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
