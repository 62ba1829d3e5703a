//! Where a person says that a thing is to be taken from: "take the pencil out of the trash".

use super::{ActionVocabulary, ArgumentKind, class_word};
use std::collections::BTreeSet;

/// Words behind which the place stands.
const FROM: [&str; 3] = ["from", "off", "out"];
/// Words that stand before its name and say nothing.
const BEFORE: [&str; 6] = ["of", "the", "a", "an", "its", "my"];
/// Words that end its name.
const BEHIND: [&str; 16] = [
    "to", "in", "into", "on", "onto", "and", "then", "with", "under", "near", "by", "next",
    "beside", "at", "that", "which",
];

/// The classes of the places that `goal` names as those from which something is taken: all that may be
/// meant, where "the table" is one of several kinds.
pub(super) fn sources(goal: &str, vocabulary: &ActionVocabulary) -> BTreeSet<String> {
    let words: Vec<String> = goal.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let behind = (0..words.len()).filter(|at| FROM.contains(&bare(&words[*at]))).map(|at| at + 1);
    let places: BTreeSet<String> =
        vocabulary.words(ArgumentKind::Receptacle).into_iter().map(class_word).collect();
    let meant = behind.flat_map(|at| vocabulary.meant(&name_at(&words[at..])));
    meant.filter(|class| places.contains(class)).collect()
}

/// The name that begins with `words`.
fn name_at(words: &[String]) -> String {
    let mut name: Vec<&str> = Vec::new();
    for word in words.iter().skip_while(|word| BEFORE.contains(&word.as_str())) {
        if BEHIND.contains(&word.as_str()) {
            break;
        }
        name.push(bare(word));
        if bare(word) != word {
            break;
        }
    }
    name.join(" ")
}

/// A word without the mark behind it.
fn bare(word: &str) -> &str {
    word.trim_end_matches([',', '.', ';', ':', '!', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_known_by_what_people_call_them() {
        let vocabulary = ActionVocabulary::alfred();
        for (goal, wanted) in [
            ("Take a pencil out of the trash and put it on the desk", "garbagecan"),
            ("Move a pencil from a small black bin to a wooden desk.", "garbagecan"),
            ("grab the disc from the trash bin, turn on the lamp on the dresser", "garbagecan"),
            ("Move mug from coffee maker to microwave and heat", "coffeemachine"),
            ("Grab the plate from coffee table, put it on dining table", "coffeetable"),
            ("take the keys off of the couch", "sofa"),
            ("take the book off the table", "coffeetable diningtable sidetable"),
            ("Move the bar of soap from the shelves to the metal rack.", "shelf"),
            ("put the mug in the sink", ""),
            ("turn off the lamp in the corner of the desk", ""),
            ("take it out", ""),
            ("from", ""),
        ] {
            let found = sources(goal, &vocabulary);
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(found.join(" "), wanted, "{goal}");
        }
    }
}
