//! The map from above, with the robot's path and the plan's grounded steps.
//!
//! World x points right and world y up the page. Every column of the map shows its highest voxel
//! below a cut, so that one looks into rooms and not onto ceilings.

use super::ReportError;
use super::canvas::{Area, Canvas, below_ceiling, draw_label, draw_ring, label_size, wrap};
use super::chart::use_compiled_in_face;
use super::labels::Labels;
use crate::geometry::Pose;
use crate::scene::{MapObject, ObjectId};
use crate::tasks::Plan;
use image::RgbImage;
use plotters::backend::BitMapBackend;
use plotters::prelude::*;
use std::cmp::Ordering;

const DOT_RADIUS_PX: i32 = 2;
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
        let dots = self.draw_dots(canvas, area)?;
        let steps = self.step_marks(canvas);
        let mut labels = canvas.labels();
        for dot in &dots {
            labels.keep_mark_free(*dot, DOT_RADIUS_PX);
        }
        for (at, _) in &steps {
            labels.keep_mark_free(*at, STEP_RADIUS_PX);
        }
        for (at, ids) in &steps {
            draw_ring(area, &mut labels, (*at, STEP_RADIUS_PX), ids, &STEP_RED)?;
        }
        self.draw_names(&dots, &mut labels, area)?;
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

    /// A dot for each object; their pixels.
    fn draw_dots(&self, canvas: &Canvas, area: &Area<'_>) -> Result<Vec<(i32, i32)>, String> {
        let at = |object: &MapObject| canvas.pixel(object.position_m[0], object.position_m[1]);
        let dots: Vec<_> = self.objects.iter().map(at).collect();
        for dot in &dots {
            area.draw(&Circle::new(*dot, DOT_RADIUS_PX, BLACK.filled()))
                .map_err(|error| error.to_string())?;
        }
        Ok(dots)
    }

    /// The names of the objects beside their `dots`.
    fn draw_names(
        &self,
        dots: &[(i32, i32)],
        labels: &mut Labels,
        area: &Area<'_>,
    ) -> Result<(), String> {
        // Things of the plan are named before others; of those, small ones before large.
        let mut order: Vec<_> = self.objects.iter().zip(dots).collect();
        let bound = self.bound_objects();
        order.sort_by(|(a, _), (b, _)| {
            let rank = |object: &MapObject| (!bound.contains(&object.id), object.size_m);
            rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal).then(a.id.cmp(&b.id))
        });
        for (object, dot) in order {
            let size = label_size(area, &object.label)?;
            let gap = if bound.contains(&object.id) { STEP_RADIUS_PX + 3 } else { 5 };
            if let Some(place) = labels.place(*dot, gap, size) {
                draw_label(area, &object.label, place, &BLACK)?;
            }
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
        let words = steps.flat_map(|step| &step.arguments);
        words.filter_map(|word| word.grounding.bound()).map(|(id, _)| id).collect()
    }

    /// Lines of the panel beside the map, and whether each is bold.
    fn panel_lines(&self) -> Vec<(String, bool)> {
        let mut lines = vec![
            (format!("frame {}, x right, y up", self.frame_id), false),
            (format!("{} voxels of {:.2} m", self.voxels.len(), self.voxel_size_m), false),
            (format!("{} frames, {} objects", self.path.len(), self.objects.len()), false),
            ("blue: the camera's way, from the ring to the dot".into(), false),
        ];
        let Some(plan) = self.plan else { return lines };
        lines.push(("red: where the steps of the plan are done".into(), false));
        lines.push((String::new(), false));
        for line in wrap(&plan.goal, 42) {
            lines.push((line, true));
        }
        for step in &plan.steps {
            let bound = if step.is_bound() { "" } else { " (not bound)" };
            for (row, part) in wrap(&format!("{}{bound}", step.summary()), 44).iter().enumerate() {
                let number = if row == 0 { step.id.to_string() } else { String::new() };
                lines.push((format!("{number:>2}  {part}"), false));
            }
        }
        if let Some(refusal) = &plan.refusal {
            for line in wrap(&format!("refused: {refusal}"), 46) {
                lines.push((line, false));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::PANEL_PX;
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::{bound_step, plan, step};

    /// A black floor of 2 × 2 m.
    fn floor() -> Vec<([f32; 3], [u8; 3])> {
        let at = |cell: i32| cell as f32 * 0.05 + 0.02;
        let cells = (0..40).flat_map(|x| (0..40).map(move |y| (x, y)));
        cells.map(|(x, y)| ([at(x), at(y), 0.0], [0; 3])).collect()
    }

    fn picture<'a>(
        voxels: &'a [([f32; 3], [u8; 3])],
        objects: &'a [MapObject],
        plan: Option<&'a Plan>,
    ) -> TopDown<'a> {
        TopDown { frame_id: "map", voxels, voxel_size_m: 0.05, path: &[], objects, plan }
    }

    #[test]
    fn names_are_readable_on_dark_things_and_stay_on_the_map() {
        let (floor, objects) = (floor(), [object(1, "coffeemachine", [1.95, 1.0, 0.0], 0.1)]);
        let drawn = picture(&floor, &objects, None).draw().unwrap();
        let panel_x = drawn.width() - PANEL_PX;
        let is_plate = |x: u32, y: u32| {
            drawn.get_pixel(x, y).0.iter().all(|value| (195..=210).contains(value))
        };
        let height = drawn.height();
        let pixels = || (0..panel_x + 8).flat_map(move |x| (0..height).map(move |y| (x, y)));
        let plate: Vec<_> = pixels().filter(|(x, y)| is_plate(*x, *y)).collect();
        assert!(plate.len() > 500, "{} pixels", plate.len());
        let paper = *drawn.get_pixel(panel_x + 2, 2);
        let beyond = |(x, _): &(u32, u32)| *x >= panel_x;
        assert!(pixels().filter(beyond).all(|(x, y)| *drawn.get_pixel(x, y) == paper));
    }

    #[test]
    fn the_panel_tells_what_is_not_bound_and_marks_only_what_is_there() {
        let told = |plan: Option<&Plan>| {
            let lines = picture(&[], &[], plan).panel_lines();
            lines.into_iter().map(|(line, _)| line).collect::<Vec<_>>().join("\n")
        };
        assert!(!told(None).contains("red:"));
        let steps = vec![bound_step(1, "PickupObject mug", &[4]), step(2, "GotoLocation shelf")];
        let plan = Plan { steps, ..plan("put the mug away", &[]) };
        let told = told(Some(&plan));
        assert!(told.contains("red:") && told.contains(" 1  PickupObject mug\n"), "{told}");
        assert!(told.ends_with(" 2  GotoLocation shelf (not bound)"), "{told}");
    }
}
