//! Bar charts: scores beside one another, with their intervals.

use super::ReportError;
use super::chart::{FACE, use_compiled_in_face};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// Height of a bar with the room around it, pixels.
const ROW_PX: i32 = 26;
/// Height of a bar, pixels.
const BAR_PX: i32 = 16;
/// Room for the title, and for the axis below, pixels.
const HEAD_PX: i32 = 40;
const FOOT_PX: i32 = 30;
/// Width of a letter of a name, about, pixels.
const LETTER_PX: i32 = 8;
/// Room for the number behind a bar, pixels.
const NUMBER_PX: i32 = 60;
/// The colours of groups, in turn (Tableau's).
const COLORS: [RGBColor; 4] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
];

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it stands for.
    pub name: String,
    /// Its length, 0..=1.
    pub value: f64,
    /// The 95 % interval around it.
    pub interval: [f64; 2],
    /// Bars of one group have one colour.
    pub group: usize,
}

/// A chart of bars between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// Title above the bars.
    pub title: String,
    /// The bars, from above.
    pub bars: Vec<Bar>,
}

impl BarChart {
    /// Draws to `path`, as high as its bars need; a name ending in `.svg` gives SVG, any other PNG.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn or written.
    pub fn write(&self, path: &Path, width_px: u32) -> Result<(), ReportError> {
        use_compiled_in_face();
        let rows = i32::try_from(self.bars.len()).unwrap_or(i32::MAX / ROW_PX / 2);
        let size = (width_px, (HEAD_PX + ROW_PX * rows + FOOT_PX) as u32);
        if path.extension().is_some_and(|extension| extension == "svg") {
            self.draw(&SVGBackend::new(path, size).into_drawing_area())
        } else {
            self.draw(&BitMapBackend::new(path, size).into_drawing_area())
        }
        .map_err(|reason| ReportError::Draw { what: path.display().to_string(), reason })
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), String> {
        let text = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
        area.fill(&WHITE).map_err(text)?;
        let (width_px, height_px) = area.dim_in_pixel();
        let longest = self.bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
        let left = 16 + LETTER_PX * i32::try_from(longest).unwrap_or(0).min(60);
        let right = (width_px as i32 - NUMBER_PX).max(left + 1);
        let at = |value: f64| left + (f64::from(right - left) * value.clamp(0.0, 1.0)) as i32;
        let foot = height_px as i32 - FOOT_PX;
        let write = |words: &str, place: (i32, i32), size: i32, to: HPos| {
            let style = (FACE, size).into_font().color(&BLACK);
            let style = style.pos(Pos::new(to, VPos::Center));
            area.draw(&Text::new(words.to_owned(), place, style)).map_err(text)
        };
        write(&self.title, (12, HEAD_PX / 2), 18, HPos::Left)?;
        let end = width_px as i32 - 12;
        write("black: 95 % intervals", (end, HEAD_PX / 2), 13, HPos::Right)?;
        for tick in 0..=4 {
            let value = f64::from(tick) / 4.0;
            let line = [(at(value), HEAD_PX), (at(value), foot)];
            area.draw(&PathElement::new(line, BLACK.mix(0.15))).map_err(text)?;
            write(&value.to_string(), (at(value), foot + FOOT_PX / 2), 13, HPos::Center)?;
        }
        for (row, bar) in (0..).zip(&self.bars) {
            let middle = HEAD_PX + ROW_PX * row + ROW_PX / 2;
            let half = BAR_PX / 2;
            let color = COLORS[bar.group % COLORS.len()];
            let body = [(left, middle - half), (at(bar.value), middle + half)];
            area.draw(&Rectangle::new(body, color.mix(0.8).filled())).map_err(text)?;
            let [low, high] = bar.interval.map(at);
            let whisker = [(low, middle), (high, middle)];
            area.draw(&PathElement::new(whisker, BLACK.stroke_width(2))).map_err(text)?;
            write(&bar.name, (left - 8, middle), 13, HPos::Right)?;
            write(&format!("{:.3}", bar.value), (right + 8, middle), 13, HPos::Left)?;
        }
        area.present().map_err(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[f64]) -> BarChart {
        let bar = |(group, value): (usize, &f64)| Bar {
            name: format!("run {group}"),
            value: *value,
            interval: [value - 0.1, value + 0.1],
            group,
        };
        BarChart { title: "full plan".into(), bars: values.iter().enumerate().map(bar).collect() }
    }

    #[test]
    fn bars_stand_under_a_title_with_their_names_and_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.svg");
        chart(&[0.25, 0.75]).write(&path, 600).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for part in ["full plan", "run 0", "run 1", "0.250", "0.750", "black: 95 % intervals"] {
            assert!(svg.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn a_picture_is_as_high_as_its_bars_need() {
        let folder = tempfile::tempdir().unwrap();
        let height = |values: &[f64]| {
            let path = folder.path().join("scores.png");
            chart(values).write(&path, 400).unwrap();
            image::open(&path).unwrap().height()
        };
        assert_eq!(height(&[0.5; 5]) - height(&[]), 5 * ROW_PX as u32);
        assert!(chart(&[7.0, -1.0, f64::NAN]).write(&folder.path().join("odd.png"), 200).is_ok());
    }
}
