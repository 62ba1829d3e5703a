//! Words of a sentence, and which of them are things.

use crate::sim::language::facts::SceneFacts;
use crate::sim::language::words::is_told;
use std::collections::BTreeSet;

/// Words; commas are words of their own.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches(',');
        if !bare.is_empty() {
            words.push(bare);
        }
        words.extend(std::iter::repeat_n(",", word.len() - bare.len()));
    }
    words
}

/// The class that a word names, in the singular or the plural, whether it shows or not.
pub(super) fn noun(word: &str, facts: &SceneFacts) -> Option<String> {
    let is_known = |word: &str| is_told(word) || facts.count(word) > 0;
    if is_known(word) {
        return Some(word.to_string());
    }
    let stem = |end: &str, one: &str| Some(format!("{}{one}", word.strip_suffix(end)?));
    [stem("s", ""), stem("es", ""), stem("ves", "fe"), stem("ves", "f")]
        .into_iter()
        .flatten()
        .find(|one| is_known(one))
}

/// The first class that is named.
pub(super) fn first_noun(words: &[&str], facts: &SceneFacts) -> Option<String> {
    words.iter().find_map(|word| noun(word, facts))
}

/// All classes that a text names, whether they show or not.
pub fn named_classes(text: &str, facts: &SceneFacts) -> BTreeSet<String> {
    split(text).iter().filter_map(|word| noun(word, facts)).collect()
}
