//! What was talked about: so that "it" means the thing that was named last.
//!
//! By rule, not by a model: a word that stands for a thing is replaced by the thing's name before
//! the sentence is understood. A sentence that names a thing itself is left alone.

use super::Command;
use crate::scene::MapObject;
use crate::tasks::class_word;
use std::collections::VecDeque;

/// Sentences that are remembered; what was named before them is forgotten.
const MAX_TURNS: usize = 8;
/// Words that stand for a thing wherever they are.
const PRONOUNS: [&str; 3] = ["it", "them", "they"];
/// Words that stand for a thing unless a noun follows ("that" against "that mug").
const POINTERS: [&str; 3] = ["that", "this", "those"];
/// What may follow a pointer that stands for a thing.
const NO_NOUNS: [&str; 17] = [
    "in", "on", "to", "from", "into", "onto", "under", "at", "here", "there", "away", "back", "up",
    "down", "off", "and", "please",
];
/// Words before a noun.
const ARTICLES: [&str; 8] = ["the", "a", "an", "my", "your", "some", "any", "both"];

/// The last sentences, by the things they named.
#[derive(Debug, Clone, Default)]
pub struct Dialogue {
    turns: VecDeque<Option<String>>,
}

/// A word that stands for a thing, and nothing was named that it could stand for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what do you mean by \"{0}\"? Nothing was named yet")]
pub struct Unresolved(pub String);

impl Dialogue {
    /// Hears `sentence`: what it means after what was said before. `objects` are those of the map,
    /// whose names are known.
    ///
    /// # Errors
    ///
    /// When it speaks of a thing that nobody named.
    pub fn hear(&mut self, sentence: &str, objects: &[MapObject]) -> Result<String, Unresolved> {
        if !matches!(
            Command::of(sentence),
            Command::Where(_) | Command::Count(_) | Command::Goal(_)
        ) {
            self.remember(None);
            return Ok(sentence.to_owned());
        }
        let meant = self.resolve(sentence, objects)?;
        self.note(&meant, objects);
        Ok(meant)
    }

    /// Remembers what `sentence` names.
    pub fn note(&mut self, sentence: &str, objects: &[MapObject]) {
        let thing = match Command::of(sentence) {
            Command::Where(thing) | Command::Count(thing) => Some(thing),
            Command::Goal(goal) => thing_in(&goal, objects),
            _ => None,
        };
        self.remember(thing);
    }

    fn remember(&mut self, thing: Option<String>) {
        self.turns.push_back(thing);
        if self.turns.len() > MAX_TURNS {
            self.turns.pop_front();
        }
    }

    fn resolve(&self, sentence: &str, objects: &[MapObject]) -> Result<String, Unresolved> {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let Some(at) = pronoun(&words) else { return Ok(sentence.to_owned()) };
        if thing_in(&words[..at].join(" "), objects).is_some() {
            return Ok(sentence.to_owned());
        }
        let thing = self.turns.iter().rev().flatten().next();
        let thing = thing.ok_or_else(|| Unresolved(plain(words[at])))?;
        let (before, end) = (&words[..at], &words[at][plain(words[at]).len()..]);
        // "How many of them" asks for the name alone.
        let meant = match before.split_last() {
            Some((last, rest)) if *last == "of" => format!("{} {thing}{end}", rest.join(" ")),
            _ => format!("{} the {thing}{end}", before.join(" ")),
        };
        let rest = words[at + 1..].join(" ");
        Ok(format!("{meant} {rest}").trim().to_owned())
    }
}

/// A word without the marks around it.
fn plain(word: &str) -> String {
    word.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// Where the first word stands that stands for a thing.
fn pronoun(words: &[&str]) -> Option<usize> {
    words.iter().enumerate().position(|(at, word)| {
        let word = plain(word);
        let next = words.get(at + 1).map(|next| plain(next));
        PRONOUNS.contains(&word.as_str())
            || POINTERS.contains(&word.as_str())
                && next.is_none_or(|next| NO_NOUNS.contains(&next.as_str()))
    })
}

/// The first thing that `text` names: an object of the map, else what stands behind an article.
fn thing_in(text: &str, objects: &[MapObject]) -> Option<String> {
    let words: Vec<String> = text.split_whitespace().map(plain).collect();
    let known = |words: &[String]| {
        let name = class_word(&words.concat());
        let one = name.strip_suffix('s').unwrap_or(&name);
        objects.iter().any(|object| [name.as_str(), one].contains(&&*class_word(&object.label)))
    };
    let named = (0..words.len()).find_map(|at| {
        // The longest name first: "coffee machine" before "coffee".
        (1..=3).rev().find_map(|count| words.get(at..at + count).filter(|words| known(words)))
    });
    if let Some(words) = named {
        return Some(words.join(" "));
    }
    let begin = words.iter().position(|word| ARTICLES.contains(&word.as_str()))? + 1;
    let is_end = |word: &String| NO_NOUNS.contains(&word.as_str());
    let phrase = words[begin..].split(is_end).next().unwrap_or_default();
    (!phrase.is_empty()).then(|| phrase.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::ObjectId;

    fn objects() -> Vec<MapObject> {
        let object = |(id, label): (u32, &&str)| MapObject {
            id: ObjectId(id),
            label: (*label).into(),
            position_m: [0.0; 3],
            orientation_xyzw: [0.0, 0.0, 0.0, 1.0],
            size_m: [0.1; 3],
            confidence: 1.0,
            observations: 1,
            first_seen_ns: 0,
            last_seen_ns: 0,
        };
        (1..).zip(&["mug", "coffee machine", "table"]).map(object).collect()
    }

    fn talk(sentences: &[&str]) -> String {
        let (mut dialogue, objects) = (Dialogue::default(), objects());
        let heard = sentences.iter().map(|sentence| dialogue.hear(sentence, &objects));
        heard.last().unwrap().unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn it_is_the_thing_named_last() {
        for (sentences, meant) in [
            (["where is the mug?", "bring it here"], "bring the mug here"),
            (["put the mug on the table", "Where is it?"], "Where is the mug?"),
            (["clean my coffee machine", "turn that off."], "turn the coffee machine off."),
            (["find the spoon", "how many of them are there?"], "how many spoon are there?"),
            (["bring me a clean fork", "put that in the sink"], "put the clean fork in the sink"),
        ] {
            assert_eq!(talk(&sentences), meant);
        }
        let later = ["where is the mug", "what do you see?", "where is it"];
        assert_eq!(talk(&later), "where is the mug");
    }

    #[test]
    fn sentences_that_need_nothing_are_left_alone() {
        for sentence in [
            "wash the fork and put it on the table",
            "pick up mug and put it away",
            "bring me that mug",
            "stop it",
            "is it raining?",
        ] {
            assert_eq!(talk(&["where is the spoon?", sentence]), sentence);
        }
    }

    #[test]
    fn nothing_is_meant_by_it_before_something_is_named_or_long_after() {
        let asked = "what do you mean by \"it\"? Nothing was named yet";
        assert_eq!(talk(&["where is it?"]), asked);
        let mut long = vec!["where is the mug?"];
        long.extend(["what do you see?"; MAX_TURNS]);
        long.push("bring it");
        assert_eq!(talk(&long), asked);
    }
}
