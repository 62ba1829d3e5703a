//! What is taken from a model that sees, to learn what it is worth.
//!
//! A robot knows a home twice: its model is shown 3D tokens, and its map has a list of objects,
//! which answers questions and finds ways, too. What is taken away goes from both;
//! [`Ablation::NoList`] and [`Ablation::NoTokens`] take the one and leave the other.

use crate::scene::{MapObject, ObjectId, VisualTokens};
use crate::tasks::SceneView;
use std::str::FromStr;

/// One thing that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ablation {
    /// All that is known of the home: the model is its own blind twin.
    Blind,
    /// The egocentric frame, and with it "I saw …" and which objects it shows.
    NoEgo,
    /// What is seen while acting: the scene stays as it was when the goal was given.
    NoUpdate,
    /// Positions of tokens, which all stand at the origin. The list of objects keeps its own: what
    /// is measured is what the model reads off coordinates.
    NoPosition,
    /// The scene: only the egocentric frame is left, and the objects that it shows.
    FrameOnly,
    /// Every other region: its token, the object that it is, and the states of that. In the frame,
    /// too, every other token goes, and every other glimpse.
    HalfTokens,
    /// The list of objects and their states: what is left to the model are 3D tokens.
    NoList,
    /// 3D tokens, of the frame and of the scene: what is left is the list of objects, with what the
    /// newest frame shows of them and their states.
    NoTokens,
}

/// A name that is no ablation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no ablation: blind, no_ego, no_update, no_position, frame_only, half_tokens, \
     no_list, no_tokens"
)]
pub struct UnknownAblation(String);

impl Ablation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Blind,
        Self::NoEgo,
        Self::NoUpdate,
        Self::NoPosition,
        Self::FrameOnly,
        Self::HalfTokens,
        Self::NoList,
        Self::NoTokens,
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
            Self::NoList => "no_list",
            Self::NoTokens => "no_tokens",
        }
    }

    /// What is left of what is known of a home: of the view that a model is shown, `None` when it
    /// is shown nothing, and of the objects of the map. That nothing is taken in later
    /// ([`Self::NoUpdate`]) is up to whoever acts.
    pub fn apply(
        self,
        view: &SceneView,
        objects: &[MapObject],
    ) -> (Option<SceneView>, Vec<MapObject>) {
        let (mut view, mut objects) = (view.clone(), objects.to_vec());
        match self {
            Self::Blind => return (None, Vec::new()),
            Self::NoEgo => {
                view.frame = None;
                view.in_frame = None;
            }
            Self::NoUpdate => {}
            Self::NoPosition => {
                let all = view.frame.iter_mut().chain(&mut view.scene);
                all.for_each(|tokens| tokens.xyz_m.fill([0.0; 3]));
            }
            Self::FrameOnly => {
                view.scene = None;
                view.glimpses.clear();
                let shown = view.in_frame.as_deref().unwrap_or_default();
                objects.retain(|object| shown.iter().any(|one| one.id == object.id));
                keep_only(&mut view, &objects);
            }
            Self::HalfTokens => {
                let tokens = view.scene.as_ref().map(|scene| tokens_of(&objects, scene));
                let mut tokens = tokens.unwrap_or_default().into_iter();
                objects.retain(|_| tokens.next().flatten().is_some_and(|token| token % 2 == 0));
                keep_only(&mut view, &objects);
                view.frame = view.frame.map(halved);
                let before = view.scene.as_ref().map_or(0, VisualTokens::len);
                view.scene = view.scene.map(halved);
                let mut kept = [true, false].into_iter().cycle();
                view.glimpses.retain(|_| kept.next().unwrap_or_default());
                view.left_out += before - view.scene.as_ref().map_or(0, VisualTokens::len);
            }
            Self::NoList => {
                objects.clear();
                view.in_frame = None;
                view.states.clear();
            }
            Self::NoTokens => {
                view.frame = None;
                view.scene = None;
                view.glimpses.clear();
            }
        }
        (Some(view), objects)
    }
}

impl FromStr for Ablation {
    type Err = UnknownAblation;

    fn from_str(name: &str) -> Result<Self, UnknownAblation> {
        let known = Self::ALL.into_iter().find(|one| one.name() == name);
        known.ok_or_else(|| UnknownAblation(name.into()))
    }
}

/// Takes from a view what it tells of others than `objects`.
fn keep_only(view: &mut SceneView, objects: &[MapObject]) {
    let is_left = |id: ObjectId| objects.iter().any(|object| object.id == id);
    view.states.retain(|state| is_left(state.id));
    if let Some(shown) = &mut view.in_frame {
        shown.retain(|one| is_left(one.id));
    }
}

/// For each object the token of the region that it is; `None` where no token is left for it. A view
/// does not tell which is which, but both have a middle: the nearest belong together, each to one.
fn tokens_of(objects: &[MapObject], tokens: &VisualTokens) -> Vec<Option<usize>> {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (object, of) in objects.iter().enumerate() {
        for (token, at) in tokens.xyz_m.iter().enumerate() {
            let axes = of.position_m.iter().zip(at);
            let apart = axes.map(|(a, b)| (a - f64::from(*b)).powi(2)).sum();
            pairs.push((apart, object, token));
        }
    }
    // Stable: of what stands in one place the first object is the first token.
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut token_of, mut taken) = (vec![None; objects.len()], vec![false; tokens.len()]);
    for (_, object, token) in pairs {
        if token_of[object].is_none() && !taken[token] {
            token_of[object] = Some(token);
            taken[token] = true;
        }
    }
    token_of
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
    use crate::scene::fixtures::object;
    use crate::scene::{Glimpse, ObjectState, ShownObject, TokenFrame};

    /// Tokens in a row along x, a metre apart.
    fn tokens(frame: TokenFrame, count: usize) -> VisualTokens {
        VisualTokens {
            frame,
            width: 2,
            features: (0..2 * count).map(|k| k as f32).collect(),
            xyz_m: (0..count).map(|k| [k as f32, 0.0, 1.0]).collect(),
            rgb: vec![[0.5; 3]; count],
        }
    }

    /// Five regions with a token each and the objects 0 to 4, and 5, for which there was no room.
    /// The frame shows 1 and 2; of 1, 2 and 4 a state is known.
    fn known() -> (SceneView, Vec<MapObject>) {
        let shown = [1, 2].map(|id| ShownObject { id: ObjectId(id), bearing_rad: 0.1 });
        let state = |id| ObjectState { id: ObjectId(id), state: "open".into(), holds: true };
        let glimpse = |share| Glimpse { name: "fork".into(), on: "desk".into(), share };
        let view = SceneView {
            frame: Some(tokens(TokenFrame::Camera, 3)),
            scene: Some(tokens(TokenFrame::World, 5)),
            left_out: 1,
            in_frame: Some(shown.to_vec()),
            states: [1, 2, 4].map(state).to_vec(),
            glimpses: [0.1, 0.2, 0.3].map(glimpse).to_vec(),
        };
        // Boxes stand a little beside their tokens, and in another order.
        let objects =
            [3, 0, 5, 2, 4, 1].map(|id| object(id, "mug", [f64::from(id) + 0.2, 0.0, 1.0], 0.1));
        (view, objects.to_vec())
    }

    /// What is left, by numbers of tokens and by ids.
    #[derive(Debug, PartialEq)]
    struct Left {
        frame: Option<usize>,
        scene: Option<usize>,
        objects: Vec<u32>,
        shown: Option<Vec<u32>>,
        states: Vec<u32>,
        glimpses: usize,
    }

    fn left(view: &SceneView, objects: &[MapObject]) -> Left {
        let shown = view.in_frame.as_ref();
        let mut objects: Vec<u32> = objects.iter().map(|object| object.id.0).collect();
        objects.sort_unstable();
        Left {
            frame: view.frame.as_ref().map(VisualTokens::len),
            scene: view.scene.as_ref().map(VisualTokens::len),
            objects,
            shown: shown.map(|shown| shown.iter().map(|one| one.id.0).collect()),
            states: view.states.iter().map(|state| state.id.0).collect(),
            glimpses: view.glimpses.len(),
        }
    }

    fn after(name: &str) -> (SceneView, Left) {
        let (view, objects) = known();
        let (view, objects) = name.parse::<Ablation>().unwrap().apply(&view, &objects);
        let view = view.unwrap();
        let left = left(&view, &objects);
        (view, left)
    }

    #[test]
    fn each_takes_away_what_it_says_wherever_that_is_known() {
        let (view, objects) = known();
        assert_eq!(Ablation::Blind.apply(&view, &objects), (None, Vec::new()));
        let whole = || Left {
            frame: Some(3),
            scene: Some(5),
            objects: vec![0, 1, 2, 3, 4, 5],
            shown: Some(vec![1, 2]),
            states: vec![1, 2, 4],
            glimpses: 3,
        };
        assert_eq!(left(&view, &objects), whole());
        assert_eq!(Ablation::NoUpdate.apply(&view, &objects), (Some(view.clone()), objects));
        assert_eq!(after("no_ego").1, Left { frame: None, shown: None, ..whole() });
        let (objects, states) = (vec![1, 2], vec![1, 2]);
        let frame_only = Left { scene: None, glimpses: 0, objects, states, ..whole() };
        assert_eq!(after("frame_only").1, frame_only);
        let half = Left {
            frame: Some(2),
            scene: Some(3),
            objects: vec![0, 2, 4],
            shown: Some(vec![2]),
            states: vec![2, 4],
            glimpses: 2,
        };
        assert_eq!(after("half_tokens").1, half);
        let no_list = Left { objects: vec![], shown: None, states: vec![], ..whole() };
        assert_eq!(
            after("no_list"),
            (SceneView { in_frame: None, states: vec![], ..view }, no_list)
        );
        let (tokenless, listed) = after("no_tokens");
        assert_eq!(listed, Left { frame: None, scene: None, glimpses: 0, ..whole() });
        assert!(tokenless.has_frame(), "what the newest frame shows is in the list");
        let (flat, all) = after("no_position");
        assert_eq!(all, whole());
        let mut at = flat.frame.iter().chain(&flat.scene).flat_map(|tokens| &tokens.xyz_m);
        assert!(at.all(|at| *at == [0.0; 3]));
    }

    #[test]
    fn a_half_is_of_whole_tokens_and_the_rest_is_told_to_be_left_out() {
        let (view, _) = after("half_tokens");
        let scene = view.scene.unwrap();
        assert_eq!(scene.features, [0.0, 1.0, 4.0, 5.0, 8.0, 9.0]);
        assert_eq!((scene.xyz_m[1], view.left_out), ([2.0, 0.0, 1.0], 3));
    }

    #[test]
    fn what_no_newest_frame_shows_is_not_known_from_it() {
        let (view, objects) = known();
        let view = SceneView { in_frame: None, ..view };
        let (view, objects) = Ablation::FrameOnly.apply(&view, &objects);
        assert_eq!((view.unwrap().states, objects), (vec![], vec![]));
    }

    #[test]
    fn names_are_read_back() {
        for one in Ablation::ALL {
            assert_eq!(one.name().parse::<Ablation>(), Ok(one));
        }
        assert!("no_eyes".parse::<Ablation>().unwrap_err().to_string().contains("no_eyes"));
    }
}
