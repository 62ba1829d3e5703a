//! Masks over a picture, a bit a pixel.

use candle_core::{Device, Tensor};

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
        let mut bits = vec![0u64; (width * height).div_ceil(64)];
        for at in 0..width * height {
            bits[at / 64] |= u64::from(inside(at % width, at / width)) << (at % 64);
        }
        Self { width, height, bits }
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
        // Most words of a mask are empty.
        let words = self.bits.iter().enumerate().filter(|(_, bits)| **bits != 0);
        let ones = words.flat_map(|(word, bits)| {
            let place = move |bit: usize| word * 64 + bit;
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(place)
        });
        let bounds = ones.fold(None, |bounds: Option<[usize; 4]>, at| {
            let (x, y) = (at % self.width, at / self.width);
            let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
        });
        bounds.unwrap_or_default().map(|edge| edge as u32)
    }
}

/// From the decoder's small masks to the picture as it came: up to the size of the tower's picture,
/// what was put beside it cut off, and down or up to the picture's own size, in one step.
pub(super) struct Enlarger {
    /// `(height, side)`.
    down: Tensor,
    /// `(side, width)`.
    across: Tensor,
    width: usize,
    height: usize,
}

impl Enlarger {
    pub fn new(
        picture: &SamPicture,
        side: usize,
        image_px: usize,
    ) -> Result<Self, candle_core::Error> {
        let ((width, height), scaled) = (picture.size_px, picture.scaled_px);
        let matrix = |scaled: usize, output: usize| {
            let taps = composed(&two_neighbours(side, image_px), &two_neighbours(scaled, output));
            Tensor::from_vec(dense(&taps, side), (output, side), &Device::Cpu)
        };
        let (down, across) = (matrix(scaled.1, height)?, matrix(scaled.0, width)?.t()?);
        Ok(Self { down, across, width, height })
    }

    /// The mask of `logits` `(side, side)`.
    pub fn mask(&self, logits: &Tensor, quality: f32) -> Result<SegmentedMask, candle_core::Error> {
        let logits = logits.to_device(&Device::Cpu)?.contiguous()?;
        let large = self.down.matmul(&logits)?.matmul(&self.across)?;
        let large: Vec<f32> = large.flatten_all()?.to_vec1()?;
        let above = |level: f32| large.iter().filter(|logit| **logit > level).count();
        let (careful, bold) = (above(STABILITY_OFFSET), above(-STABILITY_OFFSET));
        let mask = Mask::from_fn(self.width, self.height, |x, y| large[y * self.width + x] > 0.0);
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
