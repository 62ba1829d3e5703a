//! A region of the scene, and the 3D token made of it.
//!
//! A token tells what a region looks like and what it stands on: relations to neighbours are what
//! language models find hardest to read off coordinates, and a neighbour's feature beside the own
//! one gives them away (3DGraphLLM, arXiv 2412.18450, with one neighbour instead of two).

use crate::geometry::Pose;
use crate::scene::{TokenFrame, VisualTokens};
use std::cmp::Reverse;

/// Points that hang together and look alike: a thing, or a piece of furniture.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What it is called: index into the names it was compared with.
    pub name: usize,
    /// Belief that it is called so, 0..=1.
    pub score: f32,
    /// Mean feature, of length 1.
    pub feature: Vec<f32>,
    /// Middle of its box, metres, in the frame of the tokens.
    pub centre_m: [f64; 3],
    /// Edges of its box along the axes of the world, metres: z is its height.
    pub size_m: [f64; 3],
    /// Mean colour, 0..=1.
    pub rgb: [f32; 3],
    /// Voxels in it.
    pub voxels: usize,
    /// Index of the region that it stands on, hangs on or lies in.
    pub on: Option<usize>,
    /// When it was first and last seen, nanoseconds.
    pub seen_ns: [i64; 2],
}

/// `world_T_box` and edge lengths, metres, of a box that is turned about the vertical.
pub(super) type TurnedBox = (Pose, [f64; 3]);

/// What the object that is made of a region is told beside the region.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Details {
    /// The turned box around it, where that is clearly smaller.
    pub turned: Option<TurnedBox>,
    /// Names that it looks like, its own first, each with the mean probability that the voxels of its
    /// look give it.
    pub names: Vec<(u16, f32)>,
}

/// Length of the feature of a token of regions whose own features are `width` long: the own
/// feature, that of what it stands on, and the edges of its box.
pub const fn region_token_width(width: usize) -> usize {
    2 * width + 3
}

/// At most `budget` tokens of `regions`, those that are believed most, in the order of the regions.
/// `width` is the length of a region's feature; a region with another has no token.
pub fn region_tokens(
    regions: &[Region],
    frame: TokenFrame,
    width: usize,
    budget: usize,
) -> VisualTokens {
    let sound = |index: &usize| regions[*index].feature.len() == width;
    let mut chosen: Vec<usize> = (0..regions.len()).filter(sound).collect();
    // Thousandths: what is believed equally is taken in order.
    chosen.sort_by_key(|index| Reverse((regions[*index].score * 1000.0) as i64));
    chosen.truncate(budget);
    chosen.sort_unstable();
    let mut tokens = VisualTokens {
        frame,
        width: region_token_width(width),
        features: Vec::with_capacity(chosen.len() * region_token_width(width)),
        xyz_m: Vec::with_capacity(chosen.len()),
        rgb: Vec::with_capacity(chosen.len()),
    };
    for region in chosen.into_iter().map(|index| &regions[index]) {
        let below = region.on.and_then(|on| regions.get(on)).filter(|on| on.feature.len() == width);
        tokens.features.extend_from_slice(&region.feature);
        match below {
            Some(below) => tokens.features.extend_from_slice(&below.feature),
            None => tokens.features.resize(tokens.features.len() + width, 0.0),
        }
        tokens.features.extend(region.size_m.map(|edge| edge as f32));
        tokens.xyz_m.push(region.centre_m.map(|v| v as f32));
        tokens.rgb.push(region.rgb);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(score: f32, feature: [f32; 2], on: Option<usize>) -> Region {
        Region {
            name: 0,
            score,
            feature: feature.to_vec(),
            centre_m: [1.0, 2.0, 3.0],
            size_m: [0.1, 0.2, 0.3],
            rgb: [0.5; 3],
            voxels: 4,
            on,
            seen_ns: [0, 1],
        }
    }

    #[test]
    fn tokens_tell_what_a_region_stands_on() {
        let regions = [region(0.9, [1.0, 0.0], Some(1)), region(0.8, [0.0, 1.0], None)];
        let tokens = region_tokens(&regions, TokenFrame::World, 2, 8);
        assert_eq!((tokens.len(), tokens.width), (2, 7));
        assert_eq!(tokens.features[..7], [1.0, 0.0, 0.0, 1.0, 0.1, 0.2, 0.3]);
        assert_eq!(tokens.features[7..11], [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(tokens.xyz_m[0], [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_budget_keeps_what_is_believed_most_in_order() {
        let regions = [0.2, 0.9, 0.5].map(|score| region(score, [score, 0.0], None));
        let tokens = region_tokens(&regions, TokenFrame::World, 2, 2);
        assert_eq!([tokens.features[0], tokens.features[7]], [0.9, 0.5]);
        assert!(region_tokens(&regions, TokenFrame::World, 3, 2).is_empty());
        assert!(region_tokens(&regions, TokenFrame::World, 2, 0).is_empty());
    }
}
