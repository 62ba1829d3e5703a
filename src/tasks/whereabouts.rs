//! What the 3D tokens of a scene say to the places that a plan goes to: what stands there.
//!
//! A language model reads the same tokens, but a small one weighs them against habit: it sends the robot
//! to the countertop for a mug that stands on the desk. Features of regions are compared with the vectors of
//! words, so what is taken for a cup is a little of a mug, too: where a mug is wanted and none is in sight,
//! the cup may be it. And where a little shows of what is no region ([`Glimpse`]), it may be that. Who says where
//! a thing is to be taken from ([`super::source`]) has mostly seen it there.

use super::held::PICK_UP;
use super::{ActionVocabulary, SpokenStep};
use crate::scene::{Glimpse, NamedVectors, VisualTokens, region_token_width};
use std::collections::BTreeSet;

/// What cosines are divided by before they become probabilities, and the cosine of what has no name: as
/// regions are named ([`crate::scene::RegionConfig`]).
const TEMPERATURE: f32 = 0.05;
const NOTHING: f32 = 0.1;
/// How likely a thing is gone for to where none is seen.
const UNSEEN_THERE: f64 = 0.03;
/// The same of what hides its contents until it is opened, once a thing was looked for in vain: that none is
/// seen there says little. Before that, what is not seen was rather overlooked.
const UNSEEN_INSIDE: f64 = 0.3;
/// A glimpse of this part of what makes a region is as good as the region to one who looks for its name.
const GLIMPSED: f64 = 2.0;

/// How likely a thing is where a person says that it is. Of ALFRED's people three of four are right, and where
/// they are not the map often knows better.
const SAID: f64 = 0.5;

/// What the regions of a scene may be called, what they stand on, and what else is known of where things are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whereabouts<'a> {
    names: Option<&'a NamedVectors>,
    regions: Vec<Seen>,
    glimpses: &'a [Glimpse],
    /// The places that a person names.
    said: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Seen {
    /// Probability of each name.
    is: Vec<f32>,
    /// The same of what it stands on; `None` where that is nothing known.
    on: Option<Vec<f32>>,
}

impl<'a> Whereabouts<'a> {
    /// What a person says alone; nothing is seen.
    pub fn said(said: BTreeSet<String>) -> Self {
        Self { names: None, regions: Vec::new(), glimpses: &[], said }
    }

    /// Reads the tokens of regions; `None` where they are of another width than the names.
    pub fn of(
        tokens: &VisualTokens,
        glimpses: &'a [Glimpse],
        names: &'a NamedVectors,
        said: BTreeSet<String>,
    ) -> Option<Self> {
        let width = names.width();
        if tokens.width != region_token_width(width) {
            return None;
        }
        let seen = |row: &[f32]| {
            let (is, on) = (&row[..width], &row[width..2 * width]);
            let stands = on.iter().any(|value| *value != 0.0);
            Seen { is: shares(is, names), on: stands.then(|| shares(on, names)) }
        };
        let regions = tokens.features.chunks_exact(tokens.width).map(seen).collect();
        Some(Self { names: Some(names), regions, glimpses, said })
    }

    /// Whether nothing is known.
    pub fn is_silent(&self) -> bool {
        self.names.is_none() && self.said.is_empty()
    }

    /// The logarithm of how well the places that are gone to for a thing fit where such things are. Of
    /// two things of a name the second is where the first was not. Who `seeks` has looked for something in
    /// vain.
    pub fn of_ways(&self, steps: &[SpokenStep], vocabulary: &ActionVocabulary, seeks: bool) -> f64 {
        let mut gone: Vec<[&str; 2]> = Vec::new();
        let mut fit = 0.0;
        for pair in steps.windows(2) {
            let [way, act] = pair else { continue };
            let ([place], [thing]) = (&way.arguments[..], &act.arguments[..]) else { continue };
            if !vocabulary.only_goes(&way.action) || act.action != PICK_UP {
                continue;
            }
            let Some(there) = self.there(thing, place) else { continue };
            let taken = gone.iter().filter(|before| **before == [thing, place]).count();
            let said = if self.said.contains(place) { SAID } else { 0.0 };
            let left = (there - taken as f64).clamp(0.0, 1.0).max(said);
            let hides = seeks && vocabulary.closed.contains(place);
            let unseen = if hides { UNSEEN_INSIDE } else { UNSEEN_THERE };
            fit += (unseen + (1.0 - unseen) * left).ln();
            gone.push([thing, place]);
        }
        fit
    }

    /// How many things called `thing` stand on what is called `place`, glimpses included; what stands on nothing
    /// is gone to itself.
    fn there(&self, thing: &str, place: &str) -> Option<f64> {
        let is_there = |one: &&Glimpse| one.name == thing && one.on == place;
        let glimpsed = self
            .glimpses
            .iter()
            .filter(is_there)
            .map(|one| (GLIMPSED * f64::from(one.share)).min(1.0));
        let Some(names) = self.names else { return Some(0.0) };
        let (thing, place) = (names.index_of(thing)?, names.index_of(place)?);
        let of = |one: &Seen| {
            let on = match &one.on {
                Some(on) if thing != place => on[place],
                None if thing == place => 1.0,
                _ => 0.0,
            };
            f64::from(one.is[thing] * on)
        };
        Some(self.regions.iter().map(of).chain(glimpsed).sum())
    }
}

/// Probability of each name, or of none, by cosines.
fn shares(feature: &[f32], names: &NamedVectors) -> Vec<f32> {
    let dot = |vector: &Vec<f32>| vector.iter().zip(feature).map(|(a, b)| a * b).sum::<f32>();
    let scores: Vec<f32> = names.vectors().iter().map(dot).collect();
    let top = scores.iter().copied().fold(NOTHING, f32::max);
    let share = |score: f32| ((score - top) / TEMPERATURE).exp();
    let sum = share(NOTHING) + scores.iter().map(|score| share(*score)).sum::<f32>();
    scores.into_iter().map(|score| share(score) / sum).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scene::TokenFrame;
    use crate::tasks::ArgumentKind;
    use crate::vision::{TextEncoder, WordHash};

    const WIDTH: usize = 64;

    /// A scene of things on what they stand on.
    pub(crate) fn scene(things: &[(&str, Option<&str>)]) -> VisualTokens {
        let words = WordHash::new(WIDTH).unwrap();
        let row = |(thing, on): &(&str, Option<&str>)| {
            let on = on.map_or(vec![0.0; WIDTH], |on| words.embed(on).unwrap());
            [words.embed(thing).unwrap(), on, vec![0.1; 3]].concat()
        };
        VisualTokens {
            frame: TokenFrame::World,
            width: region_token_width(WIDTH),
            features: things.iter().flat_map(row).collect(),
            xyz_m: vec![[0.0; 3]; things.len()],
            rgb: vec![[0.5; 3]; things.len()],
        }
    }

    /// The vectors of all words that can be gone to.
    pub(crate) fn names() -> NamedVectors {
        let vocabulary = ActionVocabulary::alfred();
        let words = vocabulary.words(ArgumentKind::Target);
        NamedVectors::new(&WordHash::new(WIDTH).unwrap(), words).unwrap()
    }

    fn steps(text: &str) -> Vec<SpokenStep> {
        let vocabulary = ActionVocabulary::alfred();
        super::super::parse_plan(&format!("{}\nNoOp", text.replace(", ", "\n")), &vocabulary)
            .unwrap()
    }

    #[test]
    fn one_goes_where_the_thing_is_and_for_a_second_where_another_is() {
        let (names, vocabulary) = (names(), ActionVocabulary::alfred());
        let tokens = scene(&[("mug", Some("desk")), ("mug", Some("shelf")), ("box", None)]);
        let there = Whereabouts::of(&tokens, &[], &names, BTreeSet::new()).unwrap();
        let fit = |text: &str| there.of_ways(&steps(text), &vocabulary, false);
        let right = fit("GotoLocation desk, PickupObject mug, GotoLocation bed, PutObject mug bed");
        assert!(right > -0.2, "where it is put is not asked for: {right}");
        assert!(right > fit("GotoLocation bed, PickupObject mug") + 1.0);
        let both = "GotoLocation desk, PickupObject mug, GotoLocation shelf, PickupObject mug";
        let twice = "GotoLocation desk, PickupObject mug, GotoLocation desk, PickupObject mug";
        assert!(fit(both) > fit(twice) + 1.0);
        // A word that names nothing known says nothing.
        assert_eq!(fit("GotoLocation gizmo, PickupObject mug"), 0.0);
        // What stands on nothing known is gone to itself.
        assert!(
            fit("GotoLocation box, PickupObject box") > fit("GotoLocation bed, PickupObject box")
        );
    }

    #[test]
    fn what_was_looked_for_in_vain_is_rather_behind_a_door() {
        let (names, vocabulary) = (names(), ActionVocabulary::alfred());
        let tokens = scene(&[("fridge", None), ("countertop", None), ("mug", Some("countertop"))]);
        let there = Whereabouts::of(&tokens, &[], &names, BTreeSet::new()).unwrap();
        let fit = |text: &str| there.of_ways(&steps(text), &vocabulary, true);
        let inside = "GotoLocation fridge, PickupObject lettuce";
        assert!(fit(inside) > fit("GotoLocation countertop, PickupObject lettuce") + 1.0);
        assert!(fit(inside) > there.of_ways(&steps(inside), &vocabulary, false) + 1.0);
        // What is seen is gone for to where it is.
        assert!(
            fit("GotoLocation countertop, PickupObject mug")
                > fit("GotoLocation fridge, PickupObject mug") + 1.0
        );
    }

    #[test]
    fn where_nothing_of_the_name_is_what_looks_a_little_like_it_counts() {
        let (names, vocabulary) = (names(), ActionVocabulary::alfred());
        let words = WordHash::new(WIDTH).unwrap();
        let [mug, cup] = ["mug", "cup"].map(|word| words.embed(word).unwrap());
        let mut tokens = scene(&[("cup", Some("desk"))]);
        let between = cup.iter().zip(&mug).map(|(cup, mug)| 0.55 * cup + 0.45 * mug);
        tokens.features.splice(..WIDTH, between);
        let there = Whereabouts::of(&tokens, &[], &names, BTreeSet::new()).unwrap();
        let fit = |text: &str| there.of_ways(&steps(text), &vocabulary, false);
        assert!(
            fit("GotoLocation desk, PickupObject mug") > fit("GotoLocation bed, PickupObject mug")
        );
    }

    #[test]
    fn a_glimpse_of_the_thing_counts_where_no_region_is_one() {
        let (names, vocabulary) = (names(), ActionVocabulary::alfred());
        let tokens = scene(&[("sofa", None), ("desk", None)]);
        let glimpse = |share| [Glimpse { name: "keychain".into(), on: "sofa".into(), share }];
        let fit = |text: &str, share| {
            let glimpses = glimpse(share);
            let there = Whereabouts::of(&tokens, &glimpses, &names, BTreeSet::new()).unwrap();
            there.of_ways(&steps(text), &vocabulary, false)
        };
        let [sofa, desk] =
            ["sofa", "desk"].map(|on| format!("GotoLocation {on}, PickupObject keychain"));
        assert!(fit(&sofa, 0.3) > fit(&desk, 0.3) + 1.0);
        assert!(fit(&sofa, 0.6) > fit(&sofa, 0.3), "the more of it there is, the surer");
        assert!(fit(&sofa, 1.0) > -1e-9, "nor is it more than one");
        let other = "GotoLocation sofa, PickupObject watch";
        assert_eq!(fit(other, 1.0), fit(other, 0.0));
    }

    #[test]
    fn what_a_person_says_counts_where_none_is_seen() {
        let (names, vocabulary) = (names(), ActionVocabulary::alfred());
        let said = || BTreeSet::from(["garbagecan".to_owned()]);
        let tokens = scene(&[("mug", Some("desk")), ("garbagecan", None)]);
        let there = Whereabouts::of(&tokens, &[], &names, said()).unwrap();
        let fit = |there: &Whereabouts<'_>, thing: &str, place: &str| {
            let way = format!("GotoLocation {place}, PickupObject {thing}");
            there.of_ways(&steps(&way), &vocabulary, false)
        };
        assert!(fit(&there, "pencil", "garbagecan") > fit(&there, "pencil", "desk") + 1.0);
        assert!(fit(&there, "mug", "garbagecan") < fit(&there, "mug", "desk"), "it is seen");
        let words = Whereabouts::said(said());
        assert!(fit(&words, "mug", "garbagecan") > fit(&words, "mug", "desk") + 1.0);
        assert!(!words.is_silent() && Whereabouts::said(BTreeSet::new()).is_silent());
    }

    #[test]
    fn tokens_of_another_width_are_not_read() {
        let tokens = VisualTokens { width: 70, features: vec![0.0; 70], ..scene(&[("mug", None)]) };
        assert_eq!(Whereabouts::of(&tokens, &[], &names(), BTreeSet::new()), None);
    }
}
