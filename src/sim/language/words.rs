//! Words: which there are for things, and how they are joined.

use crate::sim::household::is_portable;
use crate::tasks::{ActionVocabulary, ArgumentKind, NUMBERS};
pub(super) use crate::tasks::{number_word, so_many};
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;
use std::sync::LazyLock;

/// What homes have beside what plans are about.
const FURTHER: [&str; 3] = ["chair", "faucet", "toaster"];

/// The words for places and things of ALFRED's vocabulary.
static VOCABULARY: LazyLock<Vec<String>> = LazyLock::new(|| {
    let vocabulary = ActionVocabulary::alfred();
    vocabulary.words(ArgumentKind::Target).into_iter().map(str::to_string).collect()
});

/// Whether things of this class are spoken of. Walls and hoods are not.
pub(super) fn is_told(category: &str) -> bool {
    is_portable(category)
        || FURTHER.contains(&category)
        || VOCABULARY.binary_search_by(|word| word.as_str().cmp(category)).is_ok()
}

/// The classes that may be asked for, whether the scene has them or not.
pub(super) fn all_categories() -> impl Iterator<Item = &'static str> {
    VOCABULARY.iter().map(String::as_str)
}

/// The number that a word says.
pub(super) fn number_of(word: &str) -> Option<usize> {
    let known = NUMBERS.iter().position(|known| *known == word);
    known.or_else(|| if word == "none" { Some(0) } else { word.parse().ok() })
}

/// "a", "a and b", "a, b and c".
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// One of several wordings.
pub(super) fn one_of<'a>(rng: &mut Pcg64Mcg, wordings: &[&'a str]) -> &'a str {
    wordings.choose(rng).copied().unwrap_or_default()
}

/// One of several wordings, with `{}` replaced by `word`.
pub(super) fn wording(rng: &mut Pcg64Mcg, wordings: &[&str], word: &str) -> String {
    one_of(rng, wordings).replace("{}", word)
}

/// `text` in plain words: lower case, single spaces, no punctuation but commas, line by line.
pub fn plain(text: &str) -> String {
    let line = |line: &str| {
        let kept: String = line
            .chars()
            .flat_map(char::to_lowercase)
            .map(|c| match c {
                '-' | '_' | '/' | ':' | ';' => ' ',
                other => other,
            })
            .filter(|c| c.is_alphanumeric() || c.is_whitespace() || *c == ',')
            .collect();
        let spaced = kept.replace(',', " , ");
        spaced.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n").trim_matches([',', ' ', '\n']).into()
}

/// Words of a text; commas are none.
pub(super) fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_lists_are_words() {
        assert_eq!((number_word(2).as_str(), number_word(15).as_str()), ("two", "15"));
        assert_eq!(
            (number_of("seven"), number_of("none"), number_of("mug")),
            (Some(7), Some(0), None)
        );
        assert_eq!(
            (so_many(1, "egg"), so_many(3, "shelf")),
            ("an egg".into(), "three shelves".into())
        );
        let items = ["a mug", "a cup", "a pot"].map(str::to_string);
        assert_eq!(listed(&items), "a mug, a cup and a pot");
        assert!(is_told("saltshaker") && is_told("chair") && !is_told("wall"));
    }

    #[test]
    fn plain_words_have_no_stops() {
        assert_eq!(plain("  I saw: a Mug, and\ta (red) cup. "), "i saw a mug, and a red cup");
        assert_eq!(plain("Turn left!\nStop."), "turn left\nstop");
    }

    proptest! {
        #[test]
        fn plain_words_stay_as_they_are(text in ".{0,60}") {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once.clone());
        }
    }
}
