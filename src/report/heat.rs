//! The map from above, coloured by how well each voxel fits a text.

use super::ReportError;
use super::canvas::{Canvas, draw_ring, wrap};
use super::chart::use_compiled_in_face;
use crate::scene::{Likeness, Place, SceneMap, VoxelScore, heat_rgb};
use image::RgbImage;
use plotters::backend::BitMapBackend;
use plotters::prelude::*;
use std::path::Path;

const MARK: RGBColor = RGBColor(20, 60, 200);
const MARK_RADIUS_PX: i32 = 10;

/// What the picture shows. All positions are in one world frame with z up, metres.
pub struct HeatMap<'a> {
    /// What was looked for.
    pub text: &'a str,
    /// Name of the world frame.
    pub frame_id: &'a str,
    /// The voxels.
    pub scores: &'a [VoxelScore],
    /// Edge length of a voxel, metres.
    pub voxel_size_m: f64,
    /// Where it fits, best first.
    pub places: &'a [Place],
}

impl<'a> HeatMap<'a> {
    /// How well `map` fits `text`.
    pub fn of(map: &'a SceneMap, text: &'a str, likeness: &'a Likeness) -> Self {
        let Likeness { scores, places } = likeness;
        let config = map.config();
        let (frame_id, voxel_size_m) = (config.frame_id.as_str(), config.voxel_size_m);
        Self { text, frame_id, scores, voxel_size_m, places }
    }

    /// Draws the picture. Every column of the map shows the voxel that fits best.
    pub fn draw(&self) -> Result<RgbImage, ReportError> {
        use_compiled_in_face();
        let points = self.scores.iter().map(|score| score.xyz_m);
        let lines = self.panel_lines();
        let points = points.map(|point| [f64::from(point[0]), f64::from(point[1])]);
        let canvas = Canvas::around(points, self.voxel_size_m, lines.len());
        let mut order: Vec<&VoxelScore> = self.scores.iter().collect();
        order.sort_by(|a, b| a.relevance.total_cmp(&b.relevance));
        let painted: Vec<_> =
            order.iter().map(|score| (score.xyz_m, heat_rgb(score.relevance))).collect();
        let mut picture = canvas.paper(painted.iter());
        let size = picture.dimensions();
        let area = BitMapBackend::with_buffer(picture.as_mut(), size).into_drawing_area();
        self.annotate(&canvas, &lines, &area)
            .map_err(|reason| ReportError::Draw { what: "heat map".into(), reason })?;
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

    fn annotate(
        &self,
        canvas: &Canvas,
        lines: &[(String, bool)],
        area: &super::canvas::Area<'_>,
    ) -> Result<(), String> {
        let at = |place: &Place| canvas.pixel(place.position_m[0], place.position_m[1]);
        let marks: Vec<_> = self.places.iter().map(at).collect();
        let mut labels = canvas.labels();
        for mark in &marks {
            labels.keep_mark_free(*mark, MARK_RADIUS_PX);
        }
        for (number, mark) in (1..).zip(marks) {
            draw_ring(area, &mut labels, (mark, MARK_RADIUS_PX), &format!("{number}"), &MARK)?;
        }
        canvas.draw_scale_bar(area)?;
        canvas.write_panel(lines, area)?;
        area.present().map_err(|error| error.to_string())
    }

    fn panel_lines(&self) -> Vec<(String, bool)> {
        let mut lines: Vec<_> = wrap(self.text, 42).into_iter().map(|line| (line, true)).collect();
        lines.push((format!("frame {}, x right, y up", self.frame_id), false));
        lines.push((format!("{} voxels of {:.2} m", self.scores.len(), self.voxel_size_m), false));
        lines.push(("bright: fits the text; dark: fits anything else".into(), false));
        lines.push((String::new(), false));
        for (number, place) in (1..).zip(self.places) {
            let [x, y, z] = place.position_m;
            let percent = 100.0 * place.confidence;
            let place =
                format!("{number:>2}  ({x:.2}, {y:.2}, {z:.2}) m, confidence {percent:.0} %");
            lines.push((place, false));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_bright_and_the_best_place_is_marked() {
        let score = |x: i32, relevance: f32| VoxelScore {
            key: [x, 0, 0],
            xyz_m: [x as f32 * 0.05 + 0.02, 0.02, 0.5],
            relevance,
            similarity: 0.2,
            last_seen_ns: 0,
        };
        let scores: Vec<_> = (0..20).map(|x| score(x, if x == 4 { 0.95 } else { 0.1 })).collect();
        let places = crate::scene::places(&scores, 0.05, 3);
        let text = "a mug";
        let heat =
            HeatMap { text, frame_id: "map", scores: &scores, voxel_size_m: 0.05, places: &places };
        let picture = heat.draw().unwrap();
        let bright = |pixel: &image::Rgb<u8>| pixel.0 == heat_rgb(0.95);
        let of_mark = |pixel: &image::Rgb<u8>| pixel.0 == [20, 60, 200];
        assert!(picture.pixels().filter(|pixel| bright(pixel)).count() >= 16);
        assert!(picture.pixels().any(of_mark));
        // A covered voxel does not show: the same column holds a better one.
        let mut covered = scores.clone();
        covered.push(VoxelScore { xyz_m: [0.22, 0.02, 1.5], relevance: 0.3, ..scores[4] });
        let again = HeatMap { scores: &covered, ..heat }.draw().unwrap();
        assert!(again.pixels().filter(|pixel| bright(pixel)).count() >= 16);
        assert!(!again.pixels().any(|pixel| pixel.0 == heat_rgb(0.3)));
        let nothing =
            HeatMap { text, frame_id: "map", scores: &[], voxel_size_m: 0.05, places: &[] };
        nothing.draw().unwrap();
    }
}
