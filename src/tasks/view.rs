//! What a seeing model is shown beside the words.

use crate::model::{Manifest, TokenKind};
use crate::scene::{
    Glimpse, ObjectState, Region, ShownObject, TokenFrame, VisualTokens, region_tokens,
};

/// What a model takes in: whoever keeps the map makes a [`SceneView`] of it accordingly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewSpec {
    /// Name of the extractor whose features it reads.
    pub extractor: String,
    /// What becomes a 3D token.
    pub tokens: TokenKind,
    /// Length of the feature of a voxel or region.
    pub width: usize,
    /// Most 3D tokens of the egocentric frame.
    pub frame: usize,
    /// Most 3D tokens of the scene.
    pub scene: usize,
}

impl ViewSpec {
    /// What the model of `manifest` takes in; `None` where it is blind.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let vision = manifest.vision.as_ref()?;
        Some(Self {
            extractor: vision.extractor.clone(),
            tokens: vision.tokens,
            width: vision.width,
            frame: manifest.tokens.frame,
            scene: manifest.tokens.scene,
        })
    }
}

/// What is seen no farther to a side is ahead, radians.
pub(crate) const AHEAD_RAD: f64 = 0.14;

/// What the robot sees and what it has seen, as 3D tokens. An absent part is not shown at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneView {
    /// The newest egocentric frame that has features, camera coordinates.
    pub frame: Option<VisualTokens>,
    /// The scene, world coordinates.
    pub scene: Option<VisualTokens>,
    /// Regions of the scene for which there was no room.
    pub left_out: usize,
    /// Objects of the map that the newest frame shows; `None` where that is not known.
    pub in_frame: Option<Vec<ShownObject>>,
    /// States that objects of the map were seen in, or seen not to be in.
    pub states: Vec<ObjectState>,
    /// Where a little shows of what is no region of the scene.
    pub glimpses: Vec<Glimpse>,
}

impl SceneView {
    /// Whether a frame is before the robot. One that shows nothing has no tokens either, but what it
    /// shows is known; over a saved map nothing is before it.
    pub fn has_frame(&self) -> bool {
        self.in_frame.is_some() || self.frame.as_ref().is_some_and(|frame| !frame.is_empty())
    }

    /// The view of regions: `scene` in world coordinates, `frame` those of the newest frame in
    /// camera coordinates. Nothing is there without regions, which the model is told by a row of no
    /// tokens.
    pub fn of_regions(scene: &[Region], frame: Option<&[Region]>, spec: &ViewSpec) -> Self {
        let tokens =
            |regions: &[Region], space, budget| region_tokens(regions, space, spec.width, budget);
        let shown = tokens(scene, TokenFrame::World, spec.scene);
        Self {
            frame: frame.map(|regions| tokens(regions, TokenFrame::Camera, spec.frame)),
            left_out: scene.len() - shown.len(),
            scene: Some(shown),
            ..Self::default()
        }
    }
}

/// Words that ask for what is before the robot now, not for the scene.
const OF_NOW: [&str; 9] =
    ["now", "left", "right", "ahead", "front", "before", "view", "side", "way"];

/// What an answer is to rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// All that was seen.
    Scene,
    /// The frame before the robot.
    Frame,
}

impl About {
    /// What a question asks about, as its words tell.
    pub fn of(question: &str) -> Self {
        let question = question.to_lowercase();
        let words: Vec<&str> = question.split(|c: char| !c.is_alphanumeric()).collect();
        let of_now = |(at, word): (usize, &&str)| {
            // A side table is on no side.
            let next = words.get(at + 1).copied().unwrap_or_default();
            OF_NOW.contains(word) && !(*word == "side" && next.starts_with("table"))
        };
        if words.iter().enumerate().any(of_now) { Self::Frame } else { Self::Scene }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Regions in a row along x, with features of `width` numbers.
    pub(crate) fn regions(count: usize, width: usize) -> Vec<Region> {
        let region = |at: usize| Region {
            name: at,
            score: 1.0,
            feature: (0..width).map(|k| if k == at % width { 1.0 } else { 0.0 }).collect(),
            centre_m: [at as f64, 0.0, 1.0],
            size_m: [0.1; 3],
            rgb: [0.5; 3],
            voxels: 5,
            on: None,
            seen_ns: [0, 1],
        };
        (0..count).map(region).collect()
    }

    #[test]
    fn questions_tell_whether_they_are_about_the_present_view() {
        assert_eq!(About::of("Is the mug left of the plate?"), About::Frame);
        assert_eq!(About::of("what is in front of you"), About::Frame);
        assert_eq!(About::of("On which side is the side table?"), About::Frame);
        for of_scene in
            ["where is the mug", "is there a mug on the Side Table", "count the side tables"]
        {
            assert_eq!(About::of(of_scene), About::Scene, "{of_scene}");
        }
    }

    #[test]
    fn a_view_has_as_many_tokens_as_the_model_takes() {
        let spec = ViewSpec {
            extractor: "scene_vit".into(),
            tokens: TokenKind::Regions,
            width: 4,
            frame: 2,
            scene: 3,
        };
        let seen = regions(5, 4);
        let view = SceneView::of_regions(&seen, Some(&seen[..1]), &spec);
        let scene = view.scene.unwrap();
        assert_eq!((scene.len(), scene.frame, view.left_out), (3, TokenFrame::World, 2));
        let frame = view.frame.unwrap();
        assert_eq!((frame.len(), frame.frame, frame.width), (1, TokenFrame::Camera, 11));
        assert_eq!(SceneView::of_regions(&seen, None, &spec).frame, None);
    }
}
