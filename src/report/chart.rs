//! Line charts: loss curves, latencies.
//!
//! The text face (DejaVu Sans) is compiled in, so a chart looks the same on a robot with no fonts.

use super::ReportError;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;
use std::path::Path;
use std::sync::Once;

/// Name under which the compiled-in face is known to plotters.
pub(super) const FACE: &str = "sans-serif";

/// Colours that stay apart on paper and for the colour-blind (Tableau's ten).
const COLORS: [RGBColor; 8] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
];
/// Height of a line of the legend.
const LEGEND_LINE_PX: i32 = 18;

/// One named line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points (x, y); those not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// A chart of lines over a common x axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    /// Title above the chart.
    pub title: String,
    /// Name and unit of the x axis.
    pub x_label: String,
    /// Name and unit of the y axis.
    pub y_label: String,
    /// The lines.
    pub series: Vec<Series>,
}

impl LineChart {
    /// Draws to `path`; a name ending in `.svg` gives SVG, any other PNG.
    pub fn write(&self, path: &Path, width_px: u32, height_px: u32) -> Result<(), ReportError> {
        use_compiled_in_face();
        let size = (width_px, height_px);
        if path.extension().is_some_and(|extension| extension == "svg") {
            self.draw(&SVGBackend::new(path, size).into_drawing_area())
        } else {
            self.draw(&BitMapBackend::new(path, size).into_drawing_area())
        }
        .map_err(|reason| ReportError::Draw { what: path.display().to_string(), reason })
    }

    /// The chart as SVG text.
    pub fn to_svg(&self, width_px: u32, height_px: u32) -> Result<String, ReportError> {
        use_compiled_in_face();
        let mut svg = String::new();
        self.draw(&SVGBackend::with_string(&mut svg, (width_px, height_px)).into_drawing_area())
            .map_err(|reason| ReportError::Draw { what: self.title.clone(), reason })?;
        Ok(svg)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), String> {
        let text = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
        area.fill(&WHITE).map_err(text)?;
        let (x, y) = self.ranges();
        let (width_px, _) = area.dim_in_pixel();
        // Beside the lines, where it hides none of them.
        let (plot, legend) = area.split_horizontally(width_px - self.legend_px().min(width_px / 2));
        let mut chart = ChartBuilder::on(&plot)
            .caption(&self.title, (FACE, 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(x, y)
            .map_err(text)?;
        chart
            .configure_mesh()
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .x_label_formatter(&|value| tick(*value))
            .y_label_formatter(&|value| tick(*value))
            .label_style((FACE, 13))
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .draw()
            .map_err(text)?;
        for (index, series) in self.series.iter().enumerate() {
            let color = COLORS[index % COLORS.len()];
            let points = series.points.iter().copied().filter(|(x, y)| (x + y).is_finite());
            let line = color.stroke_width(2);
            chart.draw_series(LineSeries::new(points, line)).map_err(text)?;
            let y = 40 + LEGEND_LINE_PX * index as i32;
            legend.draw(&PathElement::new([(0, y), (16, y)], line)).map_err(text)?;
            let style = (FACE, 13).into_font().color(&BLACK);
            let style = style.pos(Pos::new(HPos::Left, VPos::Center));
            legend.draw(&Text::new(series.name.as_str(), (22, y), style)).map_err(text)?;
        }
        area.present().map_err(text)
    }

    /// Room for the names of the lines.
    fn legend_px(&self) -> u32 {
        let longest = self.series.iter().map(|series| series.name.chars().count()).max();
        36 + 7 * longest.unwrap_or(0) as u32
    }

    fn ranges(&self) -> (Range<f64>, Range<f64>) {
        let finite = self.series.iter().flat_map(|series| &series.points);
        let bounds = finite.filter(|(x, y)| (x + y).is_finite()).fold(
            None,
            |bounds: Option<[f64; 4]>, &(x, y)| {
                let [x0, x1, y0, y1] = bounds.unwrap_or([x, x, y, y]);
                Some([x0.min(x), x1.max(x), y0.min(y), y1.max(y)])
            },
        );
        let [x0, x1, y0, y1] = bounds.unwrap_or([0.0, 1.0, 0.0, 1.0]);
        // A positive quantity is read against zero; a flat line still needs a height.
        let y0 = y0.min(0.0);
        (x0..x1.max(x0 + 1e-9), y0..(y1 + 0.05 * (y1 - y0)).max(y0 + 1e-9))
    }
}

/// A number on an axis, with no more digits than it needs.
fn tick(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Registers the compiled-in face; plotters keeps fonts in a table of its own.
pub(super) fn use_compiled_in_face() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for (style, bytes) in
            [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())]
        {
            if register_font(FACE, style, bytes).is_err() {
                tracing::error!("the compiled-in font is damaged; charts will carry no text");
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> LineChart {
        LineChart {
            title: "loss".into(),
            x_label: "step".into(),
            y_label: "nats".into(),
            series: vec![Series { name: "train".into(), points }],
        }
    }

    #[test]
    fn svg_carries_title_axes_and_legend() {
        let svg = chart(vec![(0.0, 3.0), (1.0, 1.0)]).to_svg(400, 300).unwrap();
        for text in ["loss", "step", "nats", "train"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }

    #[test]
    fn ticks_have_the_digits_they_need() {
        assert_eq!([0.0, 5.0, 17.5, 40.0, 0.25].map(tick), ["0", "5", "17.5", "40", "0.25"]);
    }

    #[test]
    fn points_that_are_not_finite_are_left_out() {
        let (x, y) = chart(vec![(0.0, f64::NAN), (1.0, 2.0), (3.0, 4.0)]).ranges();
        assert_eq!(x, 1.0..3.0);
        assert!(y.start == 0.0 && y.end >= 4.0);
        assert!(chart(vec![]).to_svg(200, 100).is_ok());
    }

    #[test]
    fn png_has_the_asked_size_and_ink() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("loss.png");
        chart(vec![(0.0, 3.0), (1.0, 1.0)]).write(&path, 320, 200).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (320, 200));
        assert!(picture.pixels().any(|pixel| pixel.0 != [255, 255, 255]));
    }
}
