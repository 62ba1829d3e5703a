//! Masks over a picture, a bit a pixel.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::super::resample::{Taps, dense, two_neighbours};
use super::SamPicture;

/// By how much the border of a mask is moved up and down to see whether it is a clear one.
const STABILITY_OFFSET: f32 = 1.0;

/// Which pixels of a picture belong to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    /// Row by row, from the lowest bit on.
    bits: Vec<u64>,
}

/// A mask and what SAM thinks of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentedMask {
    /// The mask.
    pub mask: Mask,
    /// Left, top, right and bottom pixel that belong to it; zeros for an empty one.
    pub box_px: [u32; 4],
    /// What share of its union with the true mask it is thought to share with it.
    pub quality: f32,
    /// What share of a bolder mask a more careful one has: 1 when the border is clear.
    pub stability: f32,
}

impl Mask {
    /// A mask of `height` rows of `width` pixels each.
    pub fn from_fn(width: usize, height: usize, inside: impl Fn(usize, usize) -> bool) -> Self {
        let mut places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let word = |_| {
            let places = places.by_ref().take(64).enumerate();
            places.fold(0, |word, (bit, (x, y))| word | (u64::from(inside(x, y)) << bit))
        };
        Self { width, height, bits: (0..(width * height).div_ceil(64)).map(word).collect() }
    }

    /// Width of the picture, pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height of the picture, pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether a pixel belongs to it; none outside the picture does.
    pub fn contains(&self, x: usize, y: usize) -> bool {
        let at = y.saturating_mul(self.width).saturating_add(x);
        x < self.width && y < self.height && self.bits[at / 64] >> (at % 64) & 1 == 1
    }

    /// Number of pixels that belong to it.
    pub fn area(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Left, top, right and bottom pixel that belong to it; zeros for an empty one.
    pub fn bounds(&self) -> [u32; 4] {
        let of_rows = (0..self.height).filter_map(|y| {
            let left = (0..self.width).find(|x| self.contains(*x, y))?;
            let right = (left..self.width).rfind(|x| self.contains(*x, y))?;
            Some([left, y, right, y])
        });
        let bounds = of_rows.reduce(|[left, top, right, _], row| {
            [left.min(row[0]), top, right.max(row[2]), row[3]]
        });
        bounds.unwrap_or_default().map(|edge| edge as u32)
    }
}

/// From the decoder's small masks to the picture as it came: up to the size of the tower's picture,
/// what was put beside it cut off, and down or up to the picture's own size, in one step.
pub(super) struct Enlarger {
    /// `(side, width)`.
    across: Tensor,
    /// Of each row of the picture.
    down: Vec<Taps>,
    width: usize,
}

impl Enlarger {
    pub fn new(
        picture: &SamPicture,
        side: usize,
        image_px: usize,
    ) -> Result<Self, candle_core::Error> {
        let ((width, height), scaled) = (picture.size_px, picture.scaled_px);
        let taps = |scaled: usize, output: usize| {
            composed(&two_neighbours(side, image_px), &two_neighbours(scaled, output))
        };
        let across = dense(&taps(scaled.0, width), side);
        let across = Tensor::from_vec(across, (width, side), &Device::Cpu)?.t()?.contiguous()?;
        Ok(Self { across, down: taps(scaled.1, height), width })
    }

    /// The mask of `logits` `(side, side)`.
    pub fn mask(&self, logits: &Tensor, quality: f32) -> Result<SegmentedMask, candle_core::Error> {
        let logits = logits.to_device(&Device::Cpu)?.contiguous()?;
        let wide: Vec<f32> = logits.matmul(&self.across)?.flatten_all()?.to_vec1()?;
        let (width, height) = (self.width, self.down.len());
        let mut large = vec![0f32; width * height];
        large.par_chunks_exact_mut(width).zip(&self.down).for_each(|(row, taps)| {
            let rows = wide[taps.first * width..].chunks_exact(width);
            for (weight, from) in taps.weights.iter().zip(rows) {
                let weight = *weight as f32;
                row.iter_mut().zip(from).for_each(|(sum, number)| *sum += weight * number);
            }
        });
        let above = |level: f32| large.iter().filter(|logit| **logit > level).count();
        let (careful, bold) = (above(STABILITY_OFFSET), above(-STABILITY_OFFSET));
        let mask = Mask::from_fn(width, height, |x, y| large[y * width + x] > 0.0);
        let stability = careful as f32 / bold.max(1) as f32;
        Ok(SegmentedMask { box_px: mask.bounds(), mask, quality, stability })
    }
}

/// The taps of `second` after `first`.
fn composed(first: &[Taps], second: &[Taps]) -> Vec<Taps> {
    let both = |taps: &Taps| {
        let parts = first[taps.first..].iter().zip(&taps.weights);
        let start = parts.clone().map(|(part, _)| part.first).min().unwrap_or_default();
        let end = parts.clone().map(|(part, _)| part.first + part.weights.len()).max();
        let mut weights = vec![0.0; end.unwrap_or(start) - start];
        for (part, share) in parts {
            for (weight, entry) in part.weights.iter().zip(&mut weights[part.first - start..]) {
                *entry += weight * share;
            }
        }
        Taps { first: start, weights }
    };
    second.iter().map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_bounds_and_area() {
        let mask = Mask::from_fn(67, 9, |x, y| (x == 66 && y == 2) || (x == 3 && y == 8));
        assert_eq!((mask.area(), mask.bounds()), (2, [3, 2, 66, 8]));
        assert!(mask.contains(66, 2) && !mask.contains(65, 2));
        assert!(!mask.contains(70, 1) && !mask.contains(0, 99));
        assert_eq!(Mask::from_fn(5, 5, |_, _| false).bounds(), [0; 4]);
        assert_eq!(Mask::from_fn(0, 0, |_, _| true).area(), 0);
    }
}
