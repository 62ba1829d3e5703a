//! The map from above, with the robot's path and the plan's grounded steps.
//!
//! World x points right and world y up the page. Every column of the map shows its highest voxel
//! below a cut, so that one looks into rooms and not onto ceilings.

use super::ReportError;
use super::canvas::{Area, Canvas, below_ceiling, draw_label, wrap};
use super::chart::{FACE, use_compiled_in_face};
use super::labels::Labels;
use crate::geometry::Pose;
use crate::scene::{MapObject, ObjectId};
use crate::tasks::{Grounding, Plan};
use image::RgbImage;
use plotters::backend::BitMapBackend;
use plotters::prelude::*;
use std::cmp::Ordering;
use std::path::Path;

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

impl TopDown<'_> {
    /// Draws the picture.
    pub fn draw(&self) -> Result<RgbImage, ReportError> {
        use_compiled_in_face();
        let canvas = self.canvas();
        let mut picture = canvas.paper(below_ceiling(self.voxels, self.path).into_iter());
        let size = picture.dimensions();
        let area = BitMapBackend::with_buffer(picture.as_mut(), size).into_drawing_area();
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
        let points = cells.chain(poses).chain(objects);
        Canvas::around(points, self.voxel_size_m, self.panel_lines().len())
    }

    fn annotate(&self, canvas: &Canvas, area: &Area<'_>) -> Result<(), String> {
        self.draw_path(canvas, area)?;
        self.draw_objects(canvas, area)?;
        self.draw_steps(canvas, area)?;
        canvas.draw_scale_bar(area)?;
        canvas.write_panel(&self.panel_lines(), area)?;
        area.present().map_err(|error| error.to_string())
    }

    fn draw_path(&self, canvas: &Canvas, area: &Area<'_>) -> Result<(), String> {
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

    fn draw_objects(&self, canvas: &Canvas, area: &Area<'_>) -> Result<(), String> {
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

    fn draw_steps(&self, canvas: &Canvas, area: &Area<'_>) -> Result<(), String> {
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
