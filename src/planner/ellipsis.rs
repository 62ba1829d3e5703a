//! Sentences that say only what is new: "and the plate?" behind "where is the mug?" asks where the plate
//! is, and "where?" behind "is there a mug?" where the mug is.

use super::topic::{ARTICLES, NO_NOUNS, plain};
use crate::scene::MapObject;
use crate::tasks::{Asked, class_word, named, plural, preposition, with_article};

/// How a sentence begins that asks the same of another thing; longer ones first.
const OPENINGS: [&str; 5] =
    ["and what about ", "what about ", "and how about ", "how about ", "and "];
/// What may end it.
const ENDS: [&str; 3] = [" too", " as well", " please"];
/// Words before a place.
const PLACES: [&str; 2] = ["in", "on"];
/// Most words of a thing.
const MOST_WORDS: usize = 3;
/// How it may begin when somebody says what was meant, and the thing alone.
const ANSWERS: [&str; 2] = ["i mean ", "i meant "];
/// Questions that name nothing, and what they ask of a thing.
const BARE: [(&[&str], &str); 4] = [
    (&["where", "and where"], "where is the {}"),
    (&["what color", "what colour", "which color", "which colour"], "what color is the {}"),
    (&["which way"], "which way is the {}"),
    (&["how many", "and how many", "how many are there"], "how many {} are there"),
];

/// What was said before, by what it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    /// The sentence.
    pub said: &'a str,
    /// The thing that it names.
    pub thing: &'a str,
    /// What "it" means now.
    pub topic: &'a str,
    /// Objects of the map: what they are called needs no article.
    pub objects: &'a [MapObject],
}

/// A sentence in small letters without the marks at its end.
fn bare(sentence: &str) -> String {
    let bare = sentence.trim().trim_end_matches(['.', '!', '?', ' ']).to_lowercase();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `sentence` is a question that names nothing: "where?".
pub(super) fn names_nothing(sentence: &str) -> bool {
    BARE.iter().any(|(questions, _)| questions.contains(&bare(sentence).as_str()))
}

/// The whole of `sentence`, where it says only what is new behind `before`; `None` where it is no such
/// sentence.
pub(super) fn completed(sentence: &str, before: Before<'_>) -> Option<String> {
    let words = bare(sentence);
    if let Some((_, whole)) = BARE.iter().find(|(bare, _)| bare.contains(&words.as_str())) {
        let is_number = whole.starts_with("how many");
        let topic = if is_number { several(before.topic) } else { before.topic.to_owned() };
        return Some(whole.replace("{}", &topic));
    }
    let rest = without_end(OPENINGS.iter().find_map(|opening| words.strip_prefix(opening))?);
    let (how, phrase) = match rest.split_once(' ') {
        Some((first, behind)) if PLACES.contains(&first) => (Some(first), behind),
        _ => (None, rest),
    };
    let noun = noun_of(phrase, before.objects)?;
    match (how, Asked::of(before.said)) {
        (_, Some(Asked::Contents(holder) | Asked::Largest(holder))) => {
            let how = how.unwrap_or_else(|| preposition(&class_word(noun)));
            swapped(before.said, &holder, noun, Some(how))
        }
        (Some(how), Some(Asked::PresenceAt { holder, .. } | Asked::NumberAt { holder, .. })) => {
            swapped(before.said, &holder, noun, Some(how))
        }
        (Some(_), _) => None,
        (None, Some(Asked::Number(things) | Asked::NumberAt { thing: things, .. })) => {
            swapped(before.said, &things, &several(noun), None)
        }
        (None, _) => swapped(before.said, before.thing, noun, None),
    }
}

/// The thing that `sentence` names and says nothing of: "the mug", to who asked what is meant.
pub(super) fn named_alone(sentence: &str, objects: &[MapObject]) -> Option<String> {
    let words = bare(sentence);
    let answer = ANSWERS.iter().find_map(|begin| words.strip_prefix(begin));
    noun_of(without_end(answer.unwrap_or(&words)), objects).map(str::to_owned)
}

/// A sentence without what may end it.
fn without_end(words: &str) -> &str {
    let rest = ENDS.iter().find_map(|end| words.strip_suffix(end)).unwrap_or(words);
    rest.trim_end_matches(',')
}

/// The noun of a phrase: what stands behind an article, or what something in the map is called.
fn noun_of<'a>(phrase: &'a str, objects: &[MapObject]) -> Option<&'a str> {
    let noun = match phrase.split_once(' ') {
        Some((article, noun)) if ARTICLES.contains(&article) => noun,
        _ if !named(objects, phrase).is_empty() => phrase,
        _ => return None,
    };
    let is_noun = noun
        .split(' ')
        .all(|word| !word.is_empty() && !NO_NOUNS.contains(&word) && !ARTICLES.contains(&word));
    (is_noun && noun.split(' ').count() <= MOST_WORDS).then_some(noun)
}

/// Several of a thing that may be called so already.
pub(super) fn several(thing: &str) -> String {
    if thing.ends_with('s') { thing.to_owned() } else { plural(thing) }
}

/// `said` with `new` in the place of `old`, and `how` for the preposition before it.
fn swapped(said: &str, old: &str, new: &str, how: Option<&str>) -> Option<String> {
    let said = said.trim_end_matches(['.', '!', '?', ' ']);
    let mut words: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
    let old: Vec<String> = old.split_whitespace().map(plain).collect();
    let is_old = |window: &[String]| window.iter().map(|word| plain(word)).eq(old.iter().cloned());
    let at = words.windows(old.len().max(1)).position(is_old)?;
    words.splice(at..at + old.len(), [new.to_owned()]);
    if let Some(article) =
        at.checked_sub(1).filter(|before| ["a", "an"].contains(&&*words[*before]))
    {
        words.splice(article..=at, [with_article(new)]);
    }
    if let Some(how) = how {
        let place = words[..at].iter().rposition(|word| PLACES.contains(&word.as_str()))?;
        how.clone_into(&mut words[place]);
    }
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    fn whole(said: &str, thing: &str, then: &str) -> String {
        let objects = [object(1, "cup", [0.0; 3], 0.1), object(2, "desk", [0.0; 3], 1.0)];
        let before = Before { said, thing, topic: thing, objects: &objects };
        completed(then, before).unwrap_or_else(|| "nothing".into())
    }

    #[test]
    fn the_same_is_asked_of_another_thing() {
        for (said, thing, then, meant) in [
            ("where is the mug?", "mug", "and the plate?", "where is the plate"),
            ("What color is my red mug", "red mug", "what about the cup", "What color is my cup"),
            ("is there a mug", "mug", "and an egg", "is there an egg"),
            ("is there an egg in the fridge", "egg", "and a mug?", "is there a mug in the fridge"),
            ("is there an egg in the pot", "egg", "and on the desk", "is there an egg on the desk"),
            ("how many mugs are there", "mugs", "and the knife?", "how many knives are there"),
            (
                "how many mugs are on the table",
                "mugs",
                "and in the fridge?",
                "how many mugs are in the fridge",
            ),
            (
                "how many mugs are on the table",
                "mugs",
                "and the knife?",
                "how many knives are on the table",
            ),
            ("what is on the table", "table", "and the fridge", "what is in the fridge"),
            (
                "what is on the table",
                "table",
                "and on the coffee table",
                "what is on the coffee table",
            ),
            ("bring me the mug", "mug", "and the fork, please", "bring me the fork"),
            // What the map has needs no article.
            ("how many chairs are there", "chairs", "and cups?", "how many cups are there"),
            ("what is on the table", "table", "and on desk", "what is on the desk"),
            ("bring me the mug", "mug", "and the fork too", "bring me the fork"),
        ] {
            assert_eq!(whole(said, thing, then), meant, "{then}");
        }
    }

    #[test]
    fn a_question_word_alone_asks_of_what_was_spoken_of() {
        let of_mug = |then: &str| whole("is there a mug", "mug", then);
        assert_eq!(of_mug("Where?"), "where is the mug");
        assert_eq!(of_mug("what colour?"), "what color is the mug");
        assert_eq!(of_mug("how many"), "how many mugs are there");
        assert!(names_nothing("And where?") && !names_nothing("where is it?"));
    }

    #[test]
    fn who_is_asked_what_is_meant_names_it_alone() {
        let objects = [object(1, "cup", [0.0; 3], 0.1)];
        let named = |sentence: &str| named_alone(sentence, &objects).unwrap_or_default();
        for sentence in ["the cup", "Cup.", "I mean the cup", "my cup, please"] {
            assert_eq!(named(sentence), "cup", "{sentence}");
        }
        assert_eq!(named("a red mug"), "red mug");
        for other in ["mug", "bring the cup", "the cup in the sink", "yes", "the", ""] {
            assert_eq!(named(other), "", "{other}");
        }
    }

    #[test]
    fn whole_sentences_are_none() {
        for other in [
            "and put it in the fridge",
            "and forks",
            "and the",
            "and then",
            "and the mug in the sink",
            "where is the plate",
            "what about lunch",
            "bring the plate",
            "and",
        ] {
            assert_eq!(whole("where is the mug", "mug", other), "nothing", "{other}");
        }
        // Of a place that is not spoken of there is no other.
        assert_eq!(whole("where is the mug", "mug", "and in the fridge"), "nothing");
    }
}
