//! What a detector found in a picture: each mask in a colour of its own, with its name and score.

use super::ReportError;
use super::canvas::{draw_label, label_size};
use super::chart::use_compiled_in_face;
use super::labels::Labels;
use crate::vision::DetectedMask;
use image::RgbImage;
use plotters::backend::BitMapBackend;
use plotters::prelude::*;

/// How much of a mask's colour lies over what it covers.
const COVER: f32 = 0.45;
/// Turns of the colour wheel from one mask to the next: the golden ratio, so that neighbours differ.
const TURN: f64 = 0.618_034;

/// Draws `masks`, which are as large as the picture, surest first. Less sure ones lie below surer ones;
/// labels that find no room are left out.
///
/// # Errors
///
/// When the labels cannot be drawn.
pub fn draw_masks(picture: &RgbImage, masks: &[DetectedMask]) -> Result<RgbImage, ReportError> {
    use_compiled_in_face();
    let mut drawn = picture.clone();
    for (one, color) in masks.iter().zip(colors()).collect::<Vec<_>>().into_iter().rev() {
        for (x, y, pixel) in drawn.enumerate_pixels_mut() {
            let (x, y) = (x as usize, y as usize);
            if !one.mask.contains(x, y) {
                continue;
            }
            let beside = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
            let is_edge = beside.iter().any(|(x, y)| !one.mask.contains(*x, *y));
            let cover = if is_edge { 1.0 } else { COVER };
            for (value, over) in pixel.0.iter_mut().zip(color) {
                *value = (f32::from(*value) * (1.0 - cover) + f32::from(over) * cover) as u8;
            }
        }
    }
    write_labels(&mut drawn, masks)
        .map_err(|reason| ReportError::Draw { what: "masks".into(), reason })?;
    Ok(drawn)
}

fn write_labels(drawn: &mut RgbImage, masks: &[DetectedMask]) -> Result<(), String> {
    let size = drawn.dimensions();
    let mut labels = Labels::within([0, 0, size.0 as i32, size.1 as i32]);
    let area = BitMapBackend::with_buffer(drawn.as_mut(), size).into_drawing_area();
    for (one, [red, green, blue]) in masks.iter().zip(colors()) {
        let text = format!("{} {:.2}", one.label, one.score);
        let room = label_size(&area, &text)?;
        let [left, top, _, _] = one.mask.bounds().map(|edge| edge as i32);
        let Some(at) = labels.place((left, top + room.1), 0, room) else { continue };
        let dark = RGBColor(red / 2, green / 2, blue / 2);
        draw_label(&area, &text, at, &dark)?;
    }
    area.present().map_err(|error| error.to_string())
}

/// Colours that differ from mask to mask.
fn colors() -> impl Iterator<Item = [u8; 3]> {
    (0u32..).map(|number| {
        let (red, green, blue) = HSLColor((f64::from(number) * TURN).fract(), 0.8, 0.5).rgb();
        [red, green, blue]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Mask;
    use image::Rgb;

    #[test]
    fn masks_are_coloured_edged_and_named() {
        let picture = RgbImage::from_pixel(160, 120, Rgb([100; 3]));
        let square = |at: usize| {
            Mask::from_fn(160, 120, move |x, y| {
                (at..at + 40).contains(&x) && (at..at + 40).contains(&y)
            })
        };
        let found = |label: &str, at: usize| DetectedMask {
            label: label.into(),
            score: 0.42,
            mask: square(at),
        };
        let drawn = draw_masks(&picture, &[found("mug", 20), found("table", 50)]).unwrap();
        let pixel = |x, y| drawn.get_pixel(x, y).0;
        let colors: Vec<[u8; 3]> = colors().take(2).collect();
        assert_ne!(colors[0], colors[1]);
        assert_eq!((pixel(20, 55), pixel(89, 80)), (colors[0], colors[1]), "edges");
        assert_eq!(pixel(5, 110), [100; 3], "outside of both");
        let between = |value: u8, a: u8, b: u8| (a.min(b)..=a.max(b)).contains(&value);
        assert!((0..3).all(|i| between(pixel(25, 55)[i], 100, colors[0][i])));
        assert_ne!(pixel(25, 55), [100; 3]);
        let without = draw_masks(&picture, &[found("", 20), found("", 50)]).unwrap();
        assert_ne!(drawn, without, "names are written");
        assert_eq!(draw_masks(&picture, &[]).unwrap(), picture);
    }

    #[test]
    fn pictures_of_one_pixel_are_drawn() {
        let mask = Mask::from_fn(1, 1, |_, _| true);
        let one = DetectedMask { label: "dot".into(), score: 1.0, mask };
        assert_eq!(draw_masks(&RgbImage::new(1, 1), &[one]).unwrap().dimensions(), (1, 1));
    }
}
