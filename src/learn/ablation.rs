//! What is taken from a model that sees, to learn what it is worth.

use crate::scene::VisualTokens;
use crate::tasks::SceneView;
use std::str::FromStr;

/// One thing that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ablation {
    /// All 3D tokens: the model is its own blind twin.
    Blind,
    /// The egocentric frame, and with it "I saw …".
    NoEgo,
    /// What is seen while acting: the scene stays as it was when the goal was given.
    NoUpdate,
    /// Positions: every token stands at the origin.
    NoPosition,
    /// The scene: only the egocentric frame is left.
    FrameOnly,
    /// Every other token.
    HalfTokens,
}

/// A name that is no ablation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no ablation: blind, no_ego, no_update, no_position, frame_only, half_tokens")]
pub struct UnknownAblation(String);

impl Ablation {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Blind,
        Self::NoEgo,
        Self::NoUpdate,
        Self::NoPosition,
        Self::FrameOnly,
        Self::HalfTokens,
    ];

    /// Its name, as on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::NoEgo => "no_ego",
            Self::NoUpdate => "no_update",
            Self::NoPosition => "no_position",
            Self::FrameOnly => "frame_only",
            Self::HalfTokens => "half_tokens",
        }
    }

    /// What is left of one view; `None` when nothing is. That nothing is taken in later
    /// ([`Self::NoUpdate`]) is up to whoever acts.
    pub fn apply(self, view: &SceneView) -> Option<SceneView> {
        let mut view = view.clone();
        match self {
            Self::Blind => return None,
            Self::NoEgo => view.frame = None,
            Self::NoUpdate => {}
            Self::NoPosition => {
                let all = view.frame.iter_mut().chain(&mut view.scene);
                all.for_each(|tokens| tokens.xyz_m.fill([0.0; 3]));
            }
            Self::FrameOnly => view.scene = None,
            Self::HalfTokens => {
                view.frame = view.frame.map(halved);
                let before = view.scene.as_ref().map_or(0, VisualTokens::len);
                view.scene = view.scene.map(halved);
                view.left_out += before - view.scene.as_ref().map_or(0, VisualTokens::len);
            }
        }
        Some(view)
    }
}

impl FromStr for Ablation {
    type Err = UnknownAblation;

    fn from_str(name: &str) -> Result<Self, UnknownAblation> {
        let known = Self::ALL.into_iter().find(|one| one.name() == name);
        known.ok_or_else(|| UnknownAblation(name.into()))
    }
}

/// Every other token, the first among them.
fn halved(tokens: VisualTokens) -> VisualTokens {
    let VisualTokens { frame, width, features, xyz_m, rgb } = tokens;
    VisualTokens {
        frame,
        width,
        features: features.chunks(width.max(1)).step_by(2).flatten().copied().collect(),
        xyz_m: xyz_m.into_iter().step_by(2).collect(),
        rgb: rgb.into_iter().step_by(2).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::TokenFrame;

    fn tokens(count: usize) -> VisualTokens {
        VisualTokens {
            frame: TokenFrame::World,
            width: 2,
            features: (0..2 * count).map(|k| k as f32).collect(),
            xyz_m: vec![[1.0; 3]; count],
            rgb: vec![[0.5; 3]; count],
        }
    }

    #[test]
    fn each_takes_away_what_it_says() {
        let view = SceneView {
            frame: Some(tokens(3)),
            scene: Some(tokens(5)),
            left_out: 1,
            ..SceneView::default()
        };
        let left = |name: &str| name.parse::<Ablation>().unwrap().apply(&view);
        assert_eq!(left("blind"), None);
        assert_eq!(left("no_update").as_ref(), Some(&view));
        let no_ego = left("no_ego").unwrap();
        assert_eq!((no_ego.frame, no_ego.scene.as_ref()), (None, view.scene.as_ref()));
        let frame_only = left("frame_only").unwrap();
        assert_eq!((frame_only.frame.as_ref(), frame_only.scene), (view.frame.as_ref(), None));
        let flat = left("no_position").unwrap();
        assert!(flat.scene.unwrap().xyz_m.iter().all(|at| *at == [0.0; 3]));
        let half = left("half_tokens").unwrap();
        let scene = half.scene.unwrap();
        assert_eq!((half.frame.unwrap().len(), scene.len(), half.left_out), (2, 3, 3));
        assert_eq!(scene.features, [0.0, 1.0, 4.0, 5.0, 8.0, 9.0]);
        assert!("no_eyes".parse::<Ablation>().unwrap_err().to_string().contains("no_eyes"));
    }
}
