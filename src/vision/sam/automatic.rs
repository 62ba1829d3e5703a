//! Masks of everything in a picture: SAM is asked about a grid of points, and of what it answers the
//! sure, clear and distinct ones stay.

use super::super::overlap::overlap;
use super::mask::{Enlarger, SegmentedMask};
use super::{Sam, SamPicture};
use crate::vision::VisionError;

/// Points that are asked about at once: more would not be faster and need much memory.
pub(in crate::vision) const POINTS_AT_ONCE: usize = 16;
/// Most points along an edge.
const MOST_POINTS: usize = 256;

/// What is asked, and what of the answers stays. The defaults are those of the reference.
#[derive(Debug, Clone, PartialEq)]
pub struct AutomaticMasks {
    /// Points along each edge of the picture.
    pub points_per_side: usize,
    /// Least quality; see [`SegmentedMask::quality`].
    pub least_quality: f32,
    /// Least stability; see [`SegmentedMask::stability`].
    pub least_stability: f32,
    /// Of two masks whose boxes share more of their union than this, the better one stays.
    pub most_overlap: f32,
}

impl Default for AutomaticMasks {
    fn default() -> Self {
        Self { points_per_side: 32, least_quality: 0.88, least_stability: 0.95, most_overlap: 0.7 }
    }
}

impl Sam {
    /// Masks of everything in a picture, best first.
    pub fn everything(
        &self,
        picture: &SamPicture,
        settings: &AutomaticMasks,
    ) -> Result<Vec<SegmentedMask>, VisionError> {
        let per_side = settings.points_per_side.clamp(1, MOST_POINTS);
        let at = |index: usize, edge: usize| (index as f32 + 0.5) / per_side as f32 * edge as f32;
        let (width, height) = picture.size_px;
        let points: Vec<[f32; 2]> = (0..per_side * per_side)
            .map(|point| [at(point % per_side, width), at(point / per_side, height)])
            .map(|point| picture.place(point))
            .collect();
        let side = 4 * self.config.grid();
        let enlarger = Enlarger::new(picture, side, self.config.vision_config.image_size)?;
        let mut found = Vec::new();
        for points in points.chunks(POINTS_AT_ONCE) {
            let tokens = self.parts.prompts.points(points)?;
            let (masks, quality) = self.decode(&picture.places, Some(&tokens), true)?;
            let masks = masks.flatten_to(1)?;
            let quality: Vec<f32> = quality.flatten_all()?.to_vec1()?;
            for (index, quality) in quality.into_iter().enumerate() {
                if quality > settings.least_quality {
                    let mask = enlarger.mask(&masks.get(index)?, quality)?;
                    if mask.stability > settings.least_stability {
                        found.push(mask);
                    }
                }
            }
        }
        Ok(distinct(found, settings.most_overlap))
    }
}

/// The masks, best first, without those whose box overlaps that of a better one (non-maximum
/// suppression).
fn distinct(mut masks: Vec<SegmentedMask>, most_overlap: f32) -> Vec<SegmentedMask> {
    masks.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    let mut kept: Vec<SegmentedMask> = Vec::new();
    for mask in masks {
        let edges = |mask: &SegmentedMask| mask.box_px.map(|edge| edge as f32);
        let apart = |better: &SegmentedMask| overlap(edges(better), edges(&mask)) <= most_overlap;
        if kept.iter().all(apart) {
            kept.push(mask);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::Mask;
    use super::*;

    #[test]
    fn of_masks_that_overlap_the_better_one_stays() {
        let mask = |box_px: [u32; 4], quality| SegmentedMask {
            mask: Mask::from_fn(1, 1, |_, _| true),
            box_px,
            quality,
            stability: 1.0,
        };
        let masks = vec![
            mask([0, 0, 10, 10], 0.9),
            mask([0, 0, 10, 9], 0.95),
            mask([20, 0, 30, 10], 0.91),
            mask([0, 0, 10, 5], 0.89),
            mask([0, 0, 0, 0], 0.99),
        ];
        let kept: Vec<f32> = distinct(masks, 0.7).iter().map(|mask| mask.quality).collect();
        assert_eq!(kept, [0.99, 0.95, 0.91, 0.89]);
    }
}
