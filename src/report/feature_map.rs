//! The map from above in the colours of its features: what looks alike to the eyes is coloured alike.

use super::ReportError;
use super::canvas::{Canvas, below_ceiling};
use super::chart::use_compiled_in_face;
use crate::geometry::Pose;
use crate::scene::PrincipalColors;
use image::RgbImage;
use plotters::backend::BitMapBackend;
use plotters::prelude::*;

/// What the picture shows. All positions are in one world frame with z up, metres.
pub struct FeaturePicture<'a> {
    /// Name of the world frame.
    pub frame_id: &'a str,
    /// The voxels.
    pub colors: &'a PrincipalColors,
    /// Edge length of a voxel, metres.
    pub voxel_size_m: f64,
    /// `world_T_camera` of each frame: what is above the cameras is not shown.
    pub path: &'a [Pose],
}

impl FeaturePicture<'_> {
    /// Draws the picture. Every column of the map shows its highest voxel below the ceiling.
    pub fn draw(&self) -> Result<RgbImage, ReportError> {
        use_compiled_in_face();
        let voxels = &self.colors.voxels;
        let points = voxels.iter().map(|(p, _)| [f64::from(p[0]), f64::from(p[1])]);
        let lines = self.panel_lines();
        let canvas = Canvas::around(points, self.voxel_size_m, lines.len());
        let mut picture = canvas.paper(below_ceiling(voxels, self.path).into_iter());
        let size = picture.dimensions();
        let area = BitMapBackend::with_buffer(picture.as_mut(), size).into_drawing_area();
        let drawn = canvas
            .draw_scale_bar(&area)
            .and_then(|()| canvas.write_panel(&lines, &area))
            .and_then(|()| area.present().map_err(|error| error.to_string()));
        drawn.map_err(|reason| ReportError::Draw { what: "feature map".into(), reason })?;
        drop(area);
        Ok(picture)
    }

    fn panel_lines(&self) -> Vec<(String, bool)> {
        let [red, green, blue] = self.colors.shares.map(|share| 100.0 * share);
        let count = self.colors.voxels.len();
        [
            "features: their first three principal components".into(),
            "alike in colour: alike to the eyes".into(),
            format!("red {red:.0} %, green {green:.0} %, blue {blue:.0} % of the variance"),
            format!("frame {}, x right, y up", self.frame_id),
            format!("{count} voxels of {:.2} m with features", self.voxel_size_m),
        ]
        .map(|line| (line, false))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_voxel_below_the_ceiling_shows() {
        let (floor, shelf, ceiling) = ([10, 0, 200], [200, 10, 0], [0, 200, 10]);
        let at = |x: f32, z: f32| [x + 0.02, 0.02, z];
        let colors = PrincipalColors {
            voxels: vec![(at(0.0, 2.5), ceiling), (at(0.0, 0.8), shelf), (at(0.5, 0.0), floor)],
            shares: [0.5, 0.25, 0.0],
        };
        let path = [Pose::translation(0.0, 0.0, 1.0)];
        let picture =
            FeaturePicture { frame_id: "map", colors: &colors, voxel_size_m: 0.05, path: &path };
        let drawn = picture.draw().unwrap();
        let shows = |drawn: &RgbImage, color| drawn.pixels().any(|pixel| pixel.0 == color);
        assert!(shows(&drawn, floor) && shows(&drawn, shelf) && !shows(&drawn, ceiling));
        let without_path = FeaturePicture { path: &[], ..picture }.draw().unwrap();
        assert!(shows(&without_path, ceiling) && !shows(&without_path, shelf));
    }
}
