//! The map from above, with the robot's path and the plan's grounded steps.
//!
//! World x points right and world y up the page. Every column of the map shows its highest voxel
//! below a cut, so that one looks into rooms and not onto ceilings.

use super::ReportError;
use super::chart::{FACE, use_compiled_in_face};
use super::labels::Labels;
use crate::geometry::Pose;
use crate::scene::{MapObject, ObjectId};
use crate::tasks::{Grounding, Plan};
use image::{Rgb, RgbImage};
use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::cmp::Ordering;
use std::path::Path;

const PAPER: [u8; 3] = [248, 248, 246];
const MARGIN_PX: f64 = 36.0;
const MAX_MAP_PX: f64 = 1000.0;
const MAX_PX_PER_METRE: f64 = 160.0;
const PANEL_PX: u32 = 380;
const LINE_PX: i32 = 19;
const MIN_HEIGHT_PX: u32 = 360;
const LABEL_PX: i32 = 11;
const STEP_RADIUS_PX: i32 = 9;
const PATH_BLUE: RGBColor = RGBColor(30, 90, 220);
const STEP_RED: RGBColor = RGBColor(205, 30, 50);

/// What the picture shows. All positions are in one world frame with z up, metres.
pub struct TopDown<'a> {
    /// Name of the world frame.
    pub frame_id: &'a str,
    /// Mean point and colour of each voxel.
    pub voxels: &'a [([f32; 3], [u8; 3])],
    /// Edge length of a voxel, metres.
    pub voxel_size_m: f64,
    /// `world_T_camera` of each frame, in order of time.
    pub path: &'a [Pose],
    /// Objects of the map.
    pub objects: &'a [MapObject],
    /// The plan, if there is one.
    pub plan: Option<&'a Plan>,
}

/// How world metres become pixels.
struct Canvas {
    x_min_m: f64,
    y_max_m: f64,
    px_per_m: f64,
    map_width_px: u32,
    height_px: u32,
}

impl Canvas {
    fn pixel(&self, x_m: f64, y_m: f64) -> (i32, i32) {
        (
            (MARGIN_PX + (x_m - self.x_min_m) * self.px_per_m).round() as i32,
            (MARGIN_PX + (self.y_max_m - y_m) * self.px_per_m).round() as i32,
        )
    }
}

impl TopDown<'_> {
    /// Draws the picture.
    pub fn draw(&self) -> Result<RgbImage, ReportError> {
        use_compiled_in_face();
        let canvas = self.canvas();
        let (width, height) = (canvas.map_width_px + PANEL_PX, canvas.height_px);
        let mut picture = RgbImage::from_pixel(width, height, Rgb(PAPER));
        self.paint_voxels(&canvas, &mut picture);
        let area =
            BitMapBackend::with_buffer(picture.as_mut(), (width, height)).into_drawing_area();
        self.annotate(&canvas, &area)
            .map_err(|reason| ReportError::Draw { what: "top-down map".into(), reason })?;
        drop(area);
        Ok(picture)
    }

    /// Draws the picture into a PNG file.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let picture = self.draw()?;
        picture
            .save(path)
            .map_err(|source| ReportError::Encode { path: path.to_path_buf(), source })
    }

    fn canvas(&self) -> Canvas {
        let cells = self.voxels.iter().map(|(p, _)| [f64::from(p[0]), f64::from(p[1])]);
        let poses = self.path.iter().map(|pose| [pose.translation.x, pose.translation.y]);
        let objects =
            self.objects.iter().map(|object| [object.position_m[0], object.position_m[1]]);
        let bounds = cells.chain(poses).chain(objects).filter(|p| (p[0] + p[1]).is_finite()).fold(
            None,
            |bounds: Option<[f64; 4]>, [x, y]| {
                let [x0, x1, y0, y1] = bounds.unwrap_or([x, x, y, y]);
                Some([x0.min(x), x1.max(x), y0.min(y), y1.max(y)])
            },
        );
        let [x0, x1, y0, y1] = bounds.unwrap_or([-1.0, 1.0, -1.0, 1.0]);
        let half = self.voxel_size_m / 2.0;
        let (x0, x1, y0, y1) = (x0 - half, x1 + half, y0 - half, y1 + half);
        let px_per_m = (MAX_MAP_PX / (x1 - x0).max(y1 - y0).max(1e-3)).min(MAX_PX_PER_METRE);
        let pixels = |metres: f64| (metres * px_per_m + 2.0 * MARGIN_PX).ceil() as u32;
        Canvas {
            x_min_m: x0,
            y_max_m: y1,
            px_per_m,
            map_width_px: pixels(x1 - x0),
            height_px: pixels(y1 - y0).max(MIN_HEIGHT_PX).max(self.panel_height_px()),
        }
    }

    fn panel_height_px(&self) -> u32 {
        let lines = self.panel_lines().len() as u32;
        lines * LINE_PX as u32 + 2 * MARGIN_PX as u32
    }

    /// Half a metre above the highest camera: walls stay, ceilings go.
    fn cut_m(&self) -> f64 {
        let highest = self.path.iter().map(|pose| pose.translation.z).fold(f64::MIN, f64::max);
        if self.path.is_empty() { f64::INFINITY } else { highest + 0.5 }
    }

    fn paint_voxels(&self, canvas: &Canvas, picture: &mut RgbImage) {
        let cut_m = self.cut_m();
        let mut shown: Vec<_> =
            self.voxels.iter().filter(|(point, _)| f64::from(point[2]) <= cut_m).collect();
        shown.sort_by(|a, b| a.0[2].total_cmp(&b.0[2]));
        let half = self.voxel_size_m / 2.0;
        for (point, color) in shown {
            let cell =
                |v: f32| (f64::from(v) / self.voxel_size_m).floor() * self.voxel_size_m + half;
            let (x, y) = (cell(point[0]), cell(point[1]));
            let (left, top) = canvas.pixel(x - half, y + half);
            let (right, bottom) = canvas.pixel(x + half, y - half);
            for row in top.max(0)..bottom.min(canvas.height_px as i32) {
                for column in left.max(0)..right.min(canvas.map_width_px as i32) {
                    picture.put_pixel(column as u32, row as u32, Rgb(*color));
                }
            }
        }
    }

    fn annotate(
        &self,
        canvas: &Canvas,
        area: &DrawingArea<BitMapBackend<'_>, Shift>,
    ) -> Result<(), String> {
        self.draw_path(canvas, area)?;
        self.draw_objects(canvas, area)?;
        self.draw_steps(canvas, area)?;
        draw_scale_bar(canvas, area)?;
        let left = canvas.map_width_px as i32 + 8;
        for (row, (line, bold)) in self.panel_lines().into_iter().enumerate() {
            let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
            let text = Text::new(
                line,
                (left, MARGIN_PX as i32 + row as i32 * LINE_PX),
                (FACE, 14).into_font().style(style).color(&BLACK),
            );
            area.draw(&text).map_err(|error| error.to_string())?;
        }
        area.present().map_err(|error| error.to_string())
    }

    fn draw_path(
        &self,
        canvas: &Canvas,
        area: &DrawingArea<BitMapBackend<'_>, Shift>,
    ) -> Result<(), String> {
        let points: Vec<_> =
            self.path.iter().map(|p| canvas.pixel(p.translation.x, p.translation.y)).collect();
        let text = |error: DrawingAreaErrorKind<_>| format!("{error}");
        area.draw(&PathElement::new(points.clone(), PATH_BLUE.stroke_width(3))).map_err(text)?;
        if let (Some(start), Some(end), Some(pose)) =
            (points.first(), points.last(), self.path.last())
        {
            area.draw(&Circle::new(*start, 5, WHITE.filled())).map_err(text)?;
            area.draw(&Circle::new(*start, 5, PATH_BLUE.stroke_width(2))).map_err(text)?;
            area.draw(&Circle::new(*end, 6, PATH_BLUE.filled())).map_err(text)?;
            // The optical axis of the last pose shows where the robot looks.
            let ahead = pose * nalgebra::Point3::new(0.0, 0.0, 0.35);
            let tip = canvas.pixel(ahead.x, ahead.y);
            area.draw(&PathElement::new([*end, tip], PATH_BLUE.stroke_width(3))).map_err(text)?;
        }
        Ok(())
    }

    fn draw_objects(
        &self,
        canvas: &Canvas,
        area: &DrawingArea<BitMapBackend<'_>, Shift>,
    ) -> Result<(), String> {
        let at = |object: &MapObject| canvas.pixel(object.position_m[0], object.position_m[1]);
        let marks: Vec<_> = self.objects.iter().map(at).collect();
        for mark in &marks {
            area.draw(&Circle::new(*mark, 2, BLACK.filled())).map_err(|error| error.to_string())?;
        }
        let mut labels = Labels::default();
        for ((x, y), ids) in self.step_marks(canvas) {
            let (r, text_px) = (STEP_RADIUS_PX, 8 * ids.len() as i32);
            labels.keep_free([x - r, y - r, x + r, y + r]);
            labels.keep_free([x + r + 1, y + 4, x + r + 3 + text_px, y + 20]);
        }
        // Things of the plan are named before others; of those, small ones before large.
        let mut order: Vec<_> = self.objects.iter().zip(marks).collect();
        let bound = self.bound_objects();
        order.sort_by(|(a, _), (b, _)| {
            let rank = |object: &MapObject| (!bound.contains(&object.id), object.size_m);
            rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal).then(a.id.cmp(&b.id))
        });
        for (object, mark) in order {
            let style = (FACE, LABEL_PX).into_font();
            let size = area.estimate_text_size(&object.label, &style.into_text_style(area));
            let (width, height) = size.map_err(|error| error.to_string())?;
            let gap = if bound.contains(&object.id) { STEP_RADIUS_PX + 3 } else { 5 };
            if let Some(place) = labels.place(mark, gap, (width as i32, height as i32)) {
                draw_label(area, &object.label, place, LABEL_PX, &BLACK)?;
            }
        }
        Ok(())
    }

    fn draw_steps(
        &self,
        canvas: &Canvas,
        area: &DrawingArea<BitMapBackend<'_>, Shift>,
    ) -> Result<(), String> {
        for (at, ids) in self.step_marks(canvas) {
            let mark = Circle::new(at, STEP_RADIUS_PX, STEP_RED.stroke_width(2));
            area.draw(&mark).map_err(|error| error.to_string())?;
            draw_label(area, &ids, (at.0 + STEP_RADIUS_PX + 1, at.1 + 4), 15, &STEP_RED)?;
        }
        Ok(())
    }

    /// Where steps are done, with their numbers.
    fn step_marks(&self, canvas: &Canvas) -> Vec<((i32, i32), String)> {
        let mut places: Vec<((i32, i32), String)> = Vec::new();
        for step in self.plan.iter().flat_map(|plan| &plan.steps) {
            let Some(at) = step.target_position_m() else { continue };
            let at = canvas.pixel(at[0], at[1]);
            match places.iter_mut().find(|(place, _)| *place == at) {
                Some((_, ids)) => *ids = format!("{ids},{}", step.id),
                None => places.push((at, step.id.to_string())),
            }
        }
        places
    }

    /// The objects that the plan speaks of.
    fn bound_objects(&self) -> Vec<ObjectId> {
        let steps = self.plan.iter().flat_map(|plan| &plan.steps);
        let bound = steps.flat_map(|step| &step.arguments).filter_map(|argument| {
            match argument.grounding {
                Grounding::Grounded { object_id, .. } => Some(object_id),
                Grounding::Ungrounded { .. } => None,
            }
        });
        bound.collect()
    }

    /// Lines of the panel beside the map, and whether each is bold.
    fn panel_lines(&self) -> Vec<(String, bool)> {
        let mut lines = vec![
            (format!("frame {}, x right, y up", self.frame_id), false),
            (format!("{} voxels of {:.2} m", self.voxels.len(), self.voxel_size_m), false),
            (format!("{} frames, {} objects", self.path.len(), self.objects.len()), false),
            ("blue: the camera's way, from the ring to the dot".into(), false),
            ("red: where the steps of the plan are done".into(), false),
            (String::new(), false),
        ];
        let Some(plan) = self.plan else { return lines };
        for line in wrap(&plan.goal, 42) {
            lines.push((line, true));
        }
        for step in &plan.steps {
            lines.push((format!("{:>2}  {}", step.id, step.summary()), false));
        }
        if let Some(refusal) = &plan.refusal {
            for line in wrap(&format!("refused: {refusal}"), 46) {
                lines.push((line, false));
            }
        }
        lines
    }
}

fn draw_label(
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
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

fn draw_scale_bar(
    canvas: &Canvas,
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
) -> Result<(), String> {
    let text = |error: DrawingAreaErrorKind<_>| format!("{error}");
    let length_px = canvas.px_per_m.round() as i32;
    let (left, y) = (MARGIN_PX as i32, canvas.height_px as i32 - 14);
    area.draw(&PathElement::new([(left, y), (left + length_px, y)], BLACK.stroke_width(3)))
        .map_err(text)?;
    let style = (FACE, 13).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new("1 m", (left + length_px + 6, y), style)).map_err(text)
}

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
