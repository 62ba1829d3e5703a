//! What a person says in plain words: in small letters, spelled out, and without what people say around it.

/// What may stand before a sentence and asks for nothing.
const CALLS: [&str; 19] = [
    "hey",
    "hi",
    "hello",
    "ok",
    "okay",
    "all right",
    "alright",
    "well",
    "so",
    "and",
    "but",
    "now",
    "also",
    "actually",
    "oh",
    "sorry",
    "excuse me",
    "i said",
    "robot",
];
/// How a request begins that is polite, worded as a question, or tells who is to do it.
const REQUESTS: [&str; 16] = [
    "can you",
    "could you",
    "would you",
    "will you",
    "why do not you",
    "please",
    "do not forget to",
    "you can",
    "you may",
    "you should",
    "you must",
    "you need to",
    "you have to",
    "i want you to",
    "i need you to",
    "i would like you to",
];
/// What is no request behind these: who is asked what it can see is to tell, and what is not to be done is
/// forbidden.
const NO_REQUESTS: [&str; 3] = ["see", "hear", "not"];
/// Words that decide what a sentence is, and are typed in haste.
const TYPED_IN_HASTE: [&str; 5] = ["what", "where", "which", "stop", "please"];

/// `sentence` in small letters, its words spelled out, without the marks and the "please" at its end.
pub(crate) fn plain_words(sentence: &str) -> String {
    let bare = sentence.trim().trim_end_matches(['.', '!', '?', ' ']).to_lowercase();
    let plain = bare.split_whitespace().map(spelled_out).collect::<Vec<_>>().join(" ");
    match plain.strip_suffix(" please") {
        Some(rest) => rest.trim_end_matches([',', ' ']).to_owned(),
        None => plain,
    }
}

/// What is said in `plain` words behind calls and polite openings, and whether it is a request for that.
pub(crate) fn uncalled(plain: &str) -> (&str, bool) {
    let (mut rest, mut is_request) = (plain, false);
    while let Some((shorter, requests)) = opened(rest) {
        rest = shorter;
        is_request |= requests;
    }
    (rest, is_request)
}

/// What stands behind one opening, and whether that makes it a request.
fn opened(words: &str) -> Option<(&str, bool)> {
    if let Some(rest) = CALLS.iter().find_map(|call| behind(words, call)) {
        return Some((rest, false));
    }
    let rest = REQUESTS.iter().find_map(|request| behind(words, request))?;
    let first = rest.split(' ').next().unwrap_or_default();
    (!NO_REQUESTS.contains(&first)).then_some((rest, true))
}

/// What stands behind `opening`, where anything does.
fn behind<'a>(words: &'a str, opening: &str) -> Option<&'a str> {
    let rest = words.strip_prefix(opening)?;
    let shorter = rest.trim_start_matches([' ', ',', '.', '!']);
    (shorter.len() < rest.len() && !shorter.is_empty()).then_some(shorter)
}

/// A word that has swallowed another, in two words again: many type it without the mark. What is written
/// short or mistyped is written out.
fn spelled_out(word: &str) -> &str {
    match word {
        "what's" | "what’s" | "whats" => "what is",
        "what're" | "what’re" => "what are",
        "where's" | "where’s" | "wheres" => "where is",
        "where're" | "where’re" => "where are",
        "how's" | "how’s" | "hows" => "how is",
        "that's" | "that’s" | "thats" => "that is",
        "isn't" | "isn’t" | "isnt" => "is not",
        "aren't" | "aren’t" | "arent" => "are not",
        "don't" | "don’t" | "dont" => "do not",
        "didn't" | "didn’t" | "didnt" => "did not",
        "shouldn't" | "shouldn’t" | "shouldnt" => "should not",
        "mustn't" | "mustn’t" | "mustnt" => "must not",
        "i'd" | "i’d" => "i would",
        "i've" | "i’ve" => "i have",
        "pls" | "plz" => "please",
        _ => TYPED_IN_HASTE.into_iter().find(|meant| is_slip(word, meant)).unwrap_or(word),
    }
}

/// Whether a word is what is `meant` with two neighbours swapped, a letter behind the second left out, or one
/// repeated: "waht", "wher", "stoop".
fn is_slip(word: &str, meant: &str) -> bool {
    let (word, meant) = (word.as_bytes(), meant.as_bytes());
    let same = word.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let (typed, right) = (&word[same..], &meant[same..]);
    let is_swapped = match (typed, right) {
        ([a, b, rest @ ..], [c, d, others @ ..]) => a == d && b == c && rest == others,
        _ => false,
    };
    let is_short = match right {
        [_, rest @ ..] => same > 1 && rest == typed,
        [] => false,
    };
    let last = word[..same].last();
    let repeated = typed.iter().take_while(|letter| Some(*letter) == last).count();
    is_swapped || is_short || repeated > 0 && typed[repeated..] == *right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spelled_out_and_lose_what_is_said_around_them() {
        for (sentence, plain) in [
            ("  Where’s the  Mug, please?", "where is the mug"),
            ("dont move!", "do not move"),
            ("Waht is  on the table, pls?", "what is on the table"),
            ("wher is it", "where is it"),
            ("plesae stooop", "please stop"),
            ("were the wheat stows", "were the wheat stows"),
            ("step to the top shelf", "step to the top shelf"),
            ("Please", "please"),
            ("", ""),
        ] {
            assert_eq!(plain_words(sentence), plain, "{sentence}");
        }
    }

    #[test]
    fn calls_and_polite_openings_are_left_out_in_any_order() {
        for (plain, asked) in [
            ("please can you bring me the mug", ("bring me the mug", true)),
            ("hey robot, could you please wash it", ("wash it", true)),
            ("do not forget to wash the mug", ("wash the mug", true)),
            ("i want you to stop", ("stop", true)),
            ("actually, will you open it", ("open it", true)),
            ("you should not open it", ("you should not open it", false)),
            ("and where is the plate", ("where is the plate", false)),
            ("ok. stop", ("stop", false)),
            // Who can see something tells, and nothing else is done about it.
            ("robot, can you see a mug", ("can you see a mug", false)),
            ("hide the mug", ("hide the mug", false)),
            ("hello", ("hello", false)),
        ] {
            assert_eq!(uncalled(plain), asked, "{plain}");
        }
    }
}
