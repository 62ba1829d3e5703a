//! Sentences word by word, for who knows them by their words.

/// What parts a sentence.
pub(super) const MARKS: [char; 6] = [',', '.', ';', ':', '!', '—'];

/// What is left of `sentence` behind the longest of `openings` that it begins with, word by word.
pub(super) fn behind<'a>(sentence: &'a str, openings: &[&str]) -> Option<&'a str> {
    let rests = openings.iter().filter_map(|opening| {
        let rest = sentence.strip_prefix(opening)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
    });
    rests.min_by_key(|rest| rest.len())
}

/// The words of a sentence without marks, single spaces between them.
pub(super) fn without_marks(sentence: &str) -> String {
    let words = sentence.split(|c: char| MARKS.contains(&c) || c.is_whitespace());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The words of a sentence without marks and without those of `left_out`.
pub(super) fn without(sentence: &str, left_out: &[&str]) -> String {
    let unmarked = without_marks(sentence);
    unmarked.split(' ').filter(|word| !left_out.contains(word)).collect::<Vec<_>>().join(" ")
}

/// Whether there is a word of two letters or more: without one nothing is named that could be done.
pub(super) fn has_word(sentence: &str) -> bool {
    sentence.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().nth(1).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_read_word_by_word() {
        assert_eq!(behind("hold on a second", &["hold", "hold on"]), Some("a second"));
        assert_eq!(behind("holding", &["hold"]), None);
        assert_eq!(behind("hold", &["hold"]), Some(""));
        assert_eq!(without_marks(" no,  stop. now! "), "no stop now");
        assert_eq!(without("no, stop now", &["no", "now"]), "stop");
        assert!(has_word("3 mugs") && !has_word("a 3 b"));
    }
}
