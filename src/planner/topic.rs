//! What a sentence is about: the thing that it names, or the word that stands for one.

use super::Command;
use super::role::{is_before_place, is_taken};
use crate::scene::MapObject;
use crate::tasks::{Asked, named, named_in};

/// Words that stand for a thing wherever they are.
const PRONOUNS: [&str; 3] = ["it", "them", "they"];
/// Words that stand for a thing unless a noun follows ("that" against "that mug").
const POINTERS: [&str; 3] = ["that", "this", "those"];
/// Words that stand for one of several where they are taken and no noun follows: "bring me one".
const ONES: [&str; 2] = ["one", "another"];
/// What may follow a pointer that stands for a thing.
pub(super) const NO_NOUNS: [&str; 17] = [
    "in", "on", "to", "from", "into", "onto", "under", "at", "here", "there", "away", "back", "up",
    "down", "off", "and", "please",
];
/// Words before a noun.
pub(super) const ARTICLES: [&str; 8] = ["the", "a", "an", "my", "your", "some", "any", "both"];
/// With these in a question "it" stands for no thing: "is it raining", "what time is it".
const OF_NO_THING: [&str; 12] = [
    "raining", "snowing", "sunny", "windy", "late", "early", "dark", "time", "day", "date",
    "going", "true",
];
/// Answers of one word that name no thing.
const NO_THINGS: [&str; 4] = ["nothing", "none", "yes", "no"];

/// A word without the marks around it.
pub(super) fn plain(word: &str) -> String {
    word.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// Where the first word stands that stands for a thing.
pub(super) fn pronoun(words: &[&str]) -> Option<usize> {
    words.iter().enumerate().position(|(at, word)| {
        let word = plain(word);
        let next = words.get(at + 1).map(|next| plain(next));
        let is_alone = next.is_none_or(|next| NO_NOUNS.contains(&next.as_str()));
        PRONOUNS.contains(&word.as_str())
            || is_alone && POINTERS.contains(&word.as_str())
            || is_alone && is_one(&word) && is_taken(&words[..at])
    })
}

/// Whether a word stands for one of several.
pub(super) fn is_one(word: &str) -> bool {
    ONES.contains(&word)
}

/// Whether a word stands for a thing wherever it is.
pub(super) fn is_pronoun(word: &str) -> bool {
    PRONOUNS.contains(&word)
}

/// Whether a word stands for a thing.
pub(super) fn stands_for_thing(word: &str) -> bool {
    is_pronoun(word) || POINTERS.contains(&word)
}

/// Whether "it" stands for no thing among these words.
pub(super) fn is_of_no_thing(words: &[&str]) -> bool {
    words.iter().any(|word| OF_NO_THING.contains(&&*plain(word)))
}

/// What a sentence is about.
pub(super) fn spoken_of(sentence: &str, objects: &[MapObject]) -> Option<String> {
    match Command::of(sentence) {
        Command::Where(thing) | Command::Count(thing) => Some(thing),
        Command::Goal(goal) => thing_in(&goal, objects),
        Command::NotUnderstood => match Asked::of(sentence) {
            Some(asked) => asked.thing().map(str::to_owned),
            None => known_in(sentence, objects),
        },
        _ => None,
    }
}

/// The thing that an answer names, if it is one alone.
pub(super) fn only_thing_in(answer: &str, objects: &[MapObject]) -> Option<String> {
    let named = named_in(answer, objects.iter().map(|object| object.label.as_str()));
    if let [one] = &named[..] {
        return Some(one.clone());
    }
    let words = answer.split_whitespace().map(plain);
    let words: Vec<String> = words.filter(|word| !ARTICLES.contains(&&**word)).collect();
    match &words[..] {
        [one] if named.is_empty() && !NO_THINGS.contains(&&**one) => Some(one.clone()),
        _ => None,
    }
}

/// The first thing that `text` names: an object of the map, else what stands behind an article.
pub(super) fn thing_in(text: &str, objects: &[MapObject]) -> Option<String> {
    if let Some(known) = known_in(text, objects) {
        return Some(known);
    }
    let words: Vec<String> = text.split_whitespace().map(plain).collect();
    let begin = words.iter().position(|word| ARTICLES.contains(&word.as_str()))? + 1;
    let is_end = |word: &String| NO_NOUNS.contains(&word.as_str());
    let phrase = words[begin..].split(is_end).next().unwrap_or_default();
    (!phrase.is_empty()).then(|| phrase.join(" "))
}

/// What `text` names as a place: the thing behind its last "in" or "on".
pub(super) fn place_in(text: &str, objects: &[MapObject]) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().rposition(|word| is_before_place(word))?;
    thing_in(&words[at + 1..].join(" "), objects)
}

/// The first object of the map that `text` names.
fn known_in(text: &str, objects: &[MapObject]) -> Option<String> {
    let words: Vec<String> = text.split_whitespace().map(plain).collect();
    let known = |words: &[String]| !named(objects, &words.concat()).is_empty();
    let first = (0..words.len()).find_map(|at| {
        // The longest name first: "coffee machine" before "coffee".
        (1..=3).rev().find_map(|count| words.get(at..at + count).filter(|words| known(words)))
    });
    first.map(|words| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    #[test]
    fn words_stand_for_things_unless_a_noun_follows() {
        let at = |sentence: &str| pronoun(&sentence.split_whitespace().collect::<Vec<_>>());
        assert_eq!(at("turn that off"), Some(1));
        assert_eq!(at("where is it?"), Some(2));
        assert_eq!(at("bring that mug"), None);
        assert_eq!((at("bring me one"), at("put another in the sink")), (Some(2), Some(1)));
        for other in ["bring me one mug", "the red one", "take one of the mugs"] {
            assert_eq!(at(other), None, "{other}");
        }
        assert!(is_of_no_thing(&["what", "time", "is", "it?"]));
        assert!(!is_of_no_thing(&["is", "it", "open"]));
    }

    #[test]
    fn a_sentence_names_a_thing_behind_an_article() {
        let named = |sentence: &str| spoken_of(sentence, &[]).unwrap_or_default();
        assert_eq!(named("where is the red mug?"), "red mug");
        assert_eq!(named("put my red mug in the sink"), "red mug");
        assert_eq!(named("what is on the desk"), "desk");
        assert_eq!(named("are you sure"), "");
        let objects = [object(1, "drawer", [0.0; 3], 0.5), object(2, "knife", [0.0; 3], 0.1)];
        let known = known_in("put the knives in the drawer", &objects);
        assert_eq!(known.as_deref(), Some("knives"));
    }

    #[test]
    fn a_place_stands_behind_its_preposition() {
        let named = |sentence: &str| place_in(sentence, &[]).unwrap_or_default();
        assert_eq!(named("put my mug in the sink, please"), "sink");
        assert_eq!(named("is there an egg on the tray?"), "tray");
        for none in ["turn the lamp on", "where is the fridge", ""] {
            assert_eq!(named(none), "", "{none}");
        }
    }

    #[test]
    fn an_answer_names_one_thing_or_none() {
        let named = |answer: &str| only_thing_in(answer, &[]).unwrap_or_default();
        assert_eq!((named("a mug").as_str(), named("knife").as_str()), ("mug", "knife"));
        for none in ["nothing", "an egg, two mugs", "i do not know", ""] {
            assert_eq!(named(none), "", "{none}");
        }
    }
}
