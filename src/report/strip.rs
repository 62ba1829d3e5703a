//! A strip of pictures with captions, in rows.

use super::ReportError;
use super::canvas::wrap;
use super::chart::{FACE, use_compiled_in_face};
use image::{Rgb, RgbImage, imageops};
use plotters::backend::BitMapBackend;
use plotters::prelude::*;

const PAPER: [u8; 3] = [248, 248, 246];
const GAP_PX: u32 = 10;
const BAR_PX: u32 = 4;
const LINE_PX: u32 = 17;
const CAPTION_LINES: usize = 3;
const TEXT_PX: i32 = 13;
/// Width of a letter, as a share of its height, at which captions are wrapped.
const LETTER: f64 = 0.56;

/// How a picture is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It just happened.
    Plain,
    /// It went well.
    Good,
    /// It failed.
    Bad,
}

impl Tone {
    fn rgb(self) -> [u8; 3] {
        match self {
            Self::Plain => [150, 155, 165],
            Self::Good => [60, 150, 80],
            Self::Bad => [190, 40, 45],
        }
    }

    /// The colour as pages write it.
    pub(super) fn css(self) -> String {
        let [r, g, b] = self.rgb();
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// A picture and what it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The picture.
    pub image: RgbImage,
    /// What it shows.
    pub caption: String,
    /// How it is to be taken.
    pub tone: Tone,
}

/// Draws panels in rows of `columns`. All pictures should be of one size; larger ones are cut.
///
/// # Errors
///
/// When the captions cannot be drawn.
pub fn strip(panels: &[Panel], columns: u32) -> Result<RgbImage, ReportError> {
    use_compiled_in_face();
    let (width, height) = panels.first().map_or((1, 1), |panel| panel.image.dimensions());
    let columns = columns.clamp(1, (panels.len() as u32).max(1));
    let rows = (panels.len() as u32).div_ceil(columns).max(1);
    let cell = [width + GAP_PX, height + BAR_PX + LINE_PX * CAPTION_LINES as u32 + GAP_PX];
    let size = [columns * cell[0] + GAP_PX, rows * cell[1] + GAP_PX];
    let mut picture = RgbImage::from_pixel(size[0], size[1], Rgb(PAPER));
    let corner = |at: usize| {
        let (column, row) = (at as u32 % columns, at as u32 / columns);
        (GAP_PX + column * cell[0], GAP_PX + row * cell[1])
    };
    for (at, panel) in panels.iter().enumerate() {
        let (left, top) = corner(at);
        let image = imageops::crop_imm(&panel.image, 0, 0, width, height).to_image();
        imageops::replace(&mut picture, &image, i64::from(left), i64::from(top));
        for (x, y) in (0..width).flat_map(|x| (0..BAR_PX).map(move |y| (x, y))) {
            picture.put_pixel(left + x, top + height + y, Rgb(panel.tone.rgb()));
        }
    }
    let area = BitMapBackend::with_buffer(picture.as_mut(), (size[0], size[1])).into_drawing_area();
    let letters = (f64::from(width) / (f64::from(TEXT_PX) * LETTER)) as usize;
    let failed = |reason: String| ReportError::Draw { what: "picture strip".into(), reason };
    for (at, panel) in panels.iter().enumerate() {
        let (left, top) = corner(at);
        for (line, text) in
            wrap(&panel.caption, letters).into_iter().take(CAPTION_LINES).enumerate()
        {
            let y = top + height + BAR_PX + 2 + LINE_PX * line as u32;
            let style = (FACE, TEXT_PX).into_font().color(&BLACK);
            area.draw(&Text::new(text, (left as i32, y as i32), style))
                .map_err(|error| failed(error.to_string()))?;
        }
    }
    area.present().map_err(|error| failed(error.to_string()))?;
    drop(area);
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_rows_over_their_captions() {
        let panel = |rgb: [u8; 3], tone| Panel {
            image: RgbImage::from_pixel(120, 90, Rgb(rgb)),
            caption: "the robot opens the fridge and looks".into(),
            tone,
        };
        let panels = [
            panel([200, 0, 0], Tone::Good),
            panel([0, 200, 0], Tone::Bad),
            panel([0, 0, 200], Tone::Plain),
        ];
        let picture = strip(&panels, 2).unwrap();
        let pixel = |x, y| picture.get_pixel(x, y).0;
        assert_eq!(pixel(GAP_PX + 5, GAP_PX + 5), [200, 0, 0]);
        assert_eq!(pixel(2 * GAP_PX + 125, GAP_PX + 5), [0, 200, 0]);
        assert_eq!(pixel(GAP_PX + 5, GAP_PX + 91), Tone::Good.rgb());
        let below = GAP_PX + 90 + BAR_PX;
        let ink = (0..LINE_PX * 2).flat_map(|y| (0..120).map(move |x| (x, y)));
        assert!(ink.into_iter().any(|(x, y)| pixel(GAP_PX + x, below + y) != PAPER));
        assert!(picture.height() > 2 * 90, "two rows");
        assert!(strip(&[], 3).is_ok());
    }
}
