//! What a word that stands for a thing must be able to do where it stands: "put it" takes what a hand can
//! hold, "in it" what can hold others.

use super::topic::plain;
use crate::scene::MapObject;
use crate::tasks::{ActionVocabulary, ArgumentKind, named};

/// Verbs whose object is in the hand while they are done.
const TAKING: [&str; 37] = [
    "bring", "put", "place", "take", "pick", "grab", "get", "fetch", "give", "hand", "carry",
    "move", "drop", "throw", "toss", "hold", "lift", "lay", "set", "store", "return", "deliver",
    "pass", "stack", "hide", "wash", "rinse", "heat", "reheat", "warm", "cook", "cool", "chill",
    "slice", "cut", "chop", "peel",
];
/// What may stand between such a verb and its object.
const BETWEEN: [&str; 8] = ["me", "us", "up", "out", "away", "back", "down", "over"];
/// What stands before a place.
const BEFORE_PLACE: [&str; 5] = ["in", "on", "into", "onto", "inside"];
/// What joins sentences: behind it another thing is done.
const JOINTS: [&str; 2] = ["and", "then"];
/// What is unknown to the vocabulary and has two longer edges is not taken in the hand, metres.
const MOST_HELD_M: f64 = 0.6;

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Anything.
    Any,
    /// What is in the hand while it is done.
    Held,
    /// What others are in or on.
    Holder,
}

impl Role {
    /// That of the word behind the words `before`, in what is a goal or not.
    pub fn behind(before: &[&str], is_goal: bool) -> Self {
        if before.last().is_some_and(|last| is_before_place(last)) {
            Self::Holder
        } else if is_goal && is_taken(before) {
            Self::Held
        } else {
            Self::Any
        }
    }

    /// Whether what a person calls `name` can be that. What neither the words of plans nor the boxes of the
    /// map's `objects` speak against can.
    pub fn fits(self, name: &str, objects: &[MapObject], vocabulary: &ActionVocabulary) -> bool {
        match self {
            Self::Any => true,
            Self::Holder => vocabulary.may_be(name, ArgumentKind::Receptacle).unwrap_or(true),
            Self::Held => {
                let is_told = vocabulary.may_be(name, ArgumentKind::Object);
                is_told.unwrap_or_else(|| {
                    let called = named(objects, name);
                    called.is_empty() || called.into_iter().any(fits_in_hand)
                })
            }
        }
    }

    /// What a thing cannot that does not fit.
    pub fn ability(self) -> &'static str {
        match self {
            Self::Any => "be meant",
            Self::Held => "be held",
            Self::Holder => "hold things",
        }
    }
}

/// Whether the word behind the words `before` is what their verb takes in the hand.
pub(super) fn is_taken(before: &[&str]) -> bool {
    let mut back = before.iter().rev().map(|word| plain(word));
    let verb = back.find(|word| !BETWEEN.contains(&word.as_str()));
    verb.is_some_and(|verb| TAKING.contains(&verb.as_str()))
}

/// Whether a place stands behind a word.
pub(super) fn is_before_place(word: &str) -> bool {
    BEFORE_PLACE.contains(&plain(word).as_str())
}

/// Those of `words` that come behind the last joint: the beginning of the sentence that is begun with them.
pub(super) fn last_clause<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    let is_joint = |word: &&str| word.ends_with(',') || JOINTS.contains(&plain(word).as_str());
    let begin = words.iter().rposition(is_joint).map_or(0, |joint| joint + 1);
    &words[begin..]
}

fn fits_in_hand(object: &MapObject) -> bool {
    let mut edges_m = object.size_m;
    edges_m.sort_by(f64::total_cmp);
    edges_m[1] <= MOST_HELD_M
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::sized;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn verbs_and_prepositions_tell_the_role() {
        for (before, role) in [
            ("please put", Role::Held),
            ("could you bring me", Role::Held),
            ("pick up", Role::Held),
            ("wash the fork and put", Role::Held),
            ("open", Role::Any),
            ("go to", Role::Any),
            ("", Role::Any),
            ("put the mug in", Role::Holder),
            ("is there an egg on", Role::Holder),
        ] {
            assert_eq!(Role::behind(&words(before), true), role, "{before}");
        }
        assert_eq!(Role::behind(&words("what can i use to wash"), false), Role::Any);
    }

    #[test]
    fn a_fridge_is_not_held_and_a_spoon_holds_nothing() {
        let vocabulary = ActionVocabulary::alfred();
        let objects = [
            sized(1, "wardrobe", [0.0; 3], [0.9, 0.6, 2.0]),
            sized(2, "poster", [0.0; 3], [0.9, 0.02, 0.7]),
            sized(3, "broom", [0.0; 3], [0.3, 0.1, 1.4]),
        ];
        let fits = |role: Role, name: &str| role.fits(name, &objects, &vocabulary);
        for name in ["mug", "red mug", "knives", "broom", "unicorn"] {
            assert!(fits(Role::Held, name), "{name}");
        }
        for name in ["fridge", "kitchen sink", "tables", "wardrobe", "poster"] {
            assert!(!fits(Role::Held, name), "{name}");
        }
        assert!(fits(Role::Holder, "fridge") && fits(Role::Holder, "mug"));
        assert!(fits(Role::Holder, "wardrobe") && !fits(Role::Holder, "spoon"));
        assert!(fits(Role::Any, "fridge") && fits(Role::Any, "spoon"));
    }

    #[test]
    fn a_clause_begins_behind_the_last_joint() {
        let clause = |text: &str| last_clause(&words(text)).join(" ");
        assert_eq!(clause("open the fridge and put the egg in"), "put the egg in");
        assert_eq!(clause("take the pot, look in"), "look in");
        assert_eq!(clause("put the egg in"), "put the egg in");
        assert_eq!(clause(""), "");
    }
}
