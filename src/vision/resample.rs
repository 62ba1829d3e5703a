//! Resampling as the encoders' training code did it: Pillow's for images, PyTorch's for grids.
//!
//! A feature is only as good as its pixels: weights trained on Pillow's antialiased images see
//! other images when these are scaled in another way. Images are scaled as Pillow's `Resample.c`
//! does it, in fixed point with a rounding to whole levels between the two passes, so that pixels
//! are equal and not only near.

use std::ops::Range;

use image::RgbImage;
use rayon::prelude::*;

/// Bits behind the point of Pillow's 8-bit weights.
const FRACTION_BITS: u32 = 22;

/// How pixels between pixels are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Triangle of radius 1.
    Bilinear,
    /// Keys' cubic of radius 2 with a = −0.5.
    Bicubic,
}

impl Filter {
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        match self {
            Self::Bilinear => (1.0 - distance.abs()).max(0.0),
            Self::Bicubic => cubic(distance, -0.5),
        }
    }
}

/// Keys' cubic kernel with parameter `a`.
fn cubic(distance: f64, a: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

/// What one output is made of: the inputs from `first` on, with these weights, which sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taps {
    pub first: usize,
    pub weights: Vec<f64>,
}

/// Taps of every output where the filter grows with the scale, so that nothing is skipped: Pillow's
/// `resize`, and PyTorch's `interpolate` with `antialias=True`.
pub(super) fn antialiased(filter: Filter, input: usize, output: usize) -> Vec<Taps> {
    antialiased_part(filter, input, output, 0..output)
}

/// The same of those outputs that lie in `part`.
fn antialiased_part(filter: Filter, input: usize, output: usize, part: Range<usize>) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let widening = scale.max(1.0);
    let support = filter.radius() * widening;
    let taps = |index: usize| {
        let center = (index as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(input);
        let weight = |at: usize| filter.weight((at as f64 - center + 0.5) / widening);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.iter().map(|weight| weight / sum).collect() }
    };
    part.map(taps).collect()
}

/// Taps of every output of PyTorch's `interpolate` with `mode="bicubic"`, `align_corners=False` and
/// no antialiasing: four neighbours, a = −0.75, the border repeated.
pub(super) fn four_neighbours(input: usize, output: usize) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let taps = |index: usize| {
        let center = (index as f64 + 0.5) * scale - 0.5;
        let base = center.floor();
        let places: [usize; 4] = std::array::from_fn(|tap| {
            (base as i64 + tap as i64 - 1).clamp(0, input as i64 - 1) as usize
        });
        let first = places[0];
        let mut weights = vec![0.0; places[3] - first + 1];
        for (tap, place) in places.into_iter().enumerate() {
            weights[place - first] += cubic(center - base - (tap as f64 - 1.0), -0.75);
        }
        Taps { first, weights }
    };
    (0..output).map(taps).collect()
}

/// Taps of every output of PyTorch's `interpolate` with `mode="bilinear"`, `align_corners=False` and
/// no antialiasing: two neighbours, the border repeated.
pub(super) fn two_neighbours(input: usize, output: usize) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let taps = |index: usize| {
        let center = ((index as f64 + 0.5) * scale - 0.5).max(0.0);
        let first = (center as usize).min(input - 1);
        let share = center - first as f64;
        let weights = if first + 1 < input { vec![1.0 - share, share] } else { vec![1.0] };
        Taps { first, weights }
    };
    (0..output).map(taps).collect()
}

/// A row of weights for each output.
pub(super) fn dense(taps: &[Taps], inputs: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; taps.len() * inputs];
    for (row, taps) in matrix.chunks_exact_mut(inputs).zip(taps) {
        for (entry, weight) in row[taps.first..].iter_mut().zip(&taps.weights) {
            *entry = *weight as f32;
        }
    }
    matrix
}

/// Scales an image, pixel for pixel as Pillow does. Neither image may be empty.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let (width, height) = (width as usize, height as usize);
    resize_part(image, (width, height), (0..width, 0..height), filter)
}

/// Those columns and rows, at least one of each, of an image scaled to `width`×`height`. The rest
/// of it is never made.
pub(super) fn resize_part(
    image: &RgbImage,
    (width, height): (usize, usize),
    (columns, rows): (Range<usize>, Range<usize>),
    filter: Filter,
) -> RgbImage {
    let (from_width, from_height) = (image.width() as usize, image.height() as usize);
    let mut scaled = image.clone();
    if (width, columns.len()) != (from_width, from_width) {
        let taps = fixed(antialiased_part(filter, from_width, width, columns));
        scaled = horizontally(&scaled, &taps);
    }
    if (height, rows.len()) != (from_height, from_height) {
        let taps = fixed(antialiased_part(filter, from_height, height, rows));
        scaled = vertically(&scaled, &taps);
    }
    scaled
}

/// First input, and weights in fixed point.
type FixedTaps = (usize, Vec<i32>);

fn fixed(taps: Vec<Taps>) -> Vec<FixedTaps> {
    let one = f64::from(1 << FRACTION_BITS);
    let round = |weight: f64| (weight * one + 0.5f64.copysign(weight)) as i32;
    taps.into_iter()
        .map(|taps| (taps.first, taps.weights.into_iter().map(round).collect()))
        .collect()
}

fn level(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}

/// Half a level, which turns the cut at the end into rounding.
const HALF: i32 = 1 << (FRACTION_BITS - 1);

fn horizontally(image: &RgbImage, taps: &[FixedTaps]) -> RgbImage {
    let (from, width) = (image.width() as usize * 3, taps.len());
    let mut scaled = RgbImage::new(width as u32, image.height());
    let rows = image.as_raw().par_chunks_exact(from);
    rows.zip(scaled.par_chunks_exact_mut(width * 3)).for_each(|(row, out)| {
        for ((first, weights), out) in taps.iter().zip(out.chunks_exact_mut(3)) {
            let mut sums = [HALF; 3];
            for (weight, pixel) in weights.iter().zip(row[first * 3..].chunks_exact(3)) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * i32::from(*value);
                }
            }
            out.copy_from_slice(&sums.map(level));
        }
    });
    scaled
}

fn vertically(image: &RgbImage, taps: &[FixedTaps]) -> RgbImage {
    let stride = image.width() as usize * 3;
    let mut scaled = RgbImage::new(image.width(), taps.len() as u32);
    let raw = image.as_raw();
    let rows = scaled.par_chunks_exact_mut(stride).zip(taps);
    rows.for_each(|(out, (first, weights))| {
        let mut sums = vec![HALF; stride];
        for (weight, row) in weights.iter().zip(raw[first * stride..].chunks_exact(stride)) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * i32::from(*value);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = level(sum);
        }
    });
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_lie_inside() {
        for (input, output) in [(1, 1), (1, 7), (7, 1), (16, 16), (16, 37), (37, 16), (640, 224)] {
            let kinds = [
                antialiased(Filter::Bilinear, input, output),
                antialiased(Filter::Bicubic, input, output),
                four_neighbours(input, output),
                two_neighbours(input, output),
            ];
            for taps in kinds {
                assert_eq!(taps.len(), output);
                for Taps { first, weights } in taps {
                    approx::assert_relative_eq!(weights.iter().sum::<f64>(), 1.0, epsilon = 1e-9);
                    assert!(!weights.is_empty() && first + weights.len() <= input);
                }
            }
        }
    }

    #[test]
    fn equal_sizes_and_flat_images_stay() {
        let noise = RgbImage::from_fn(9, 5, |x, y| image::Rgb([(x * 28) as u8, (y * 60) as u8, 7]));
        assert_eq!(resize(&noise, 9, 5, Filter::Bicubic), noise);
        let flat = RgbImage::from_pixel(1, 1, image::Rgb([1, 128, 255]));
        let large = resize(&flat, 40, 30, Filter::Bicubic);
        assert_eq!(large, RgbImage::from_pixel(40, 30, image::Rgb([1, 128, 255])));
        assert_eq!(resize(&large, 1, 1, Filter::Bilinear), flat);
    }

    #[test]
    fn a_part_is_the_same_part_of_the_whole() {
        let noise = RgbImage::from_fn(9, 5, |x, y| image::Rgb([(x * 28) as u8, (y * 60) as u8, 7]));
        for (width, height) in [(9, 5), (40, 30), (4, 3), (9, 40)] {
            for filter in [Filter::Bilinear, Filter::Bicubic] {
                let whole = resize(&noise, width as u32, height as u32, filter);
                let part = resize_part(&noise, (width, height), (1..width - 1, 2..height), filter);
                let (across, down) = (width as u32 - 2, height as u32 - 2);
                let expected = image::imageops::crop_imm(&whole, 1, 2, across, down).to_image();
                assert_eq!(part, expected, "{width}×{height}");
            }
        }
    }
}
