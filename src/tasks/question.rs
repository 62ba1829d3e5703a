//! What a question asks of the list of objects, read from its words.

/// A question that a list of labelled objects can answer. The thing stands in the words of the
/// question, without its article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Whether there is one.
    Presence(String),
    /// How many there are.
    Number(String),
    /// Where it is.
    Place(String),
    /// What colour it has.
    Color(String),
}

const PRESENCE: [&str; 4] = ["is there", "are there", "do you see", "can you see"];
const NUMBER: [&str; 2] = ["how many", "count"];
const PLACE: [&str; 5] = ["where is", "where are", "where do you see", "where can i find", "find"];
const COLOR: [&str; 5] = [
    "what color is",
    "what colour is",
    "which color is",
    "what is the color of",
    "what is the colour of",
];
/// What may stand behind the thing that is asked for.
const ENDS: [&str; 7] =
    [" in the map", " in the room", " here", " are", " are there", " do you see", " can you see"];
const ARTICLES: [&str; 6] = ["the ", "a ", "an ", "my ", "any ", "some "];

impl Asked {
    /// What `question` asks; `None` where it is something else.
    pub fn of(question: &str) -> Option<Self> {
        let bare = question.trim().trim_end_matches(['.', '!', '?', ' ']).to_lowercase();
        let plain = bare.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain = plain.replace("where's", "where is");
        let behind = |openings: &[&str]| thing_behind(&plain, openings);
        let presence = || behind(&PRESENCE).map(Self::Presence);
        let number = || behind(&NUMBER).map(Self::Number);
        let color = || behind(&COLOR).map(Self::Color);
        behind(&PLACE).map(Self::Place).or_else(number).or_else(presence).or_else(color)
    }

    /// The thing.
    pub fn thing(&self) -> &str {
        let (Self::Presence(thing) | Self::Number(thing) | Self::Place(thing) | Self::Color(thing)) =
            self;
        thing
    }
}

/// The thing behind one of `openings`.
fn thing_behind(sentence: &str, openings: &[&str]) -> Option<String> {
    let rest = openings
        .iter()
        .find_map(|opening| sentence.strip_prefix(opening).filter(|rest| rest.starts_with(' ')))?;
    let rest = rest.trim();
    let mut thing = ARTICLES.iter().find_map(|article| rest.strip_prefix(article)).unwrap_or(rest);
    while let Some(shorter) = ENDS.iter().find_map(|end| thing.strip_suffix(end)) {
        thing = shorter;
    }
    (!thing.is_empty()).then(|| thing.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thing_is_what_stands_between_opening_and_end() {
        let place = |thing: &str| Some(Asked::Place(thing.into()));
        let number = |thing: &str| Some(Asked::Number(thing.into()));
        let presence = |thing: &str| Some(Asked::Presence(thing.into()));
        for (question, asked) in [
            ("Where is the red mug?", place("red mug")),
            ("where's my  mug", place("mug")),
            ("find a knife", place("knife")),
            ("where can i find the coffee machine?", place("coffee machine")),
            ("How many cups are there?", number("cups")),
            ("how many cups do you see in the room", number("cups")),
            ("count the forks", number("forks")),
            ("is there an egg here?", presence("egg")),
            ("can you see any mugs", presence("mugs")),
            ("do you see a mug on the table", presence("mug on the table")),
            ("What colour is my mug?", Some(Asked::Color("mug".into()))),
            ("what is next to the mug", None),
            ("where is", None),
            ("finding the mug", None),
        ] {
            assert_eq!(Asked::of(question), asked, "{question}");
        }
    }
}
