//! Whether a sentence says that everything is to stop, in whatever words.

use super::phrase::{MARKS, behind, has_word, without};
use crate::tasks::uncalled;

/// What is said to have everything stopped ...
const STOP: [&str; 31] = [
    "stop",
    "halt",
    "cancel",
    "abort",
    "quit",
    "freeze",
    "pause",
    "wait",
    "hold on",
    "a moment",
    "a minute",
    "a second",
    "one moment",
    "one second",
    "enough",
    "that is enough",
    "never mind",
    "nevermind",
    "forget it",
    "forget that",
    "forget about it",
    "forget the plan",
    "forget the goal",
    "i changed my mind",
    "i have changed my mind",
    "stand still",
    "stay",
    "stay put",
    "stay where you are",
    "do nothing",
    "do not move",
];
/// ... what may stand behind it, beside what somebody is doing ("stop cleaning the table") ...
const STOPPED: [&str; 14] = [
    "it",
    "that",
    "this",
    "here",
    "at once",
    // "For now": the rest changes nothing.
    "for",
    "the robot",
    "the plan",
    "your plan",
    "the task",
    "the goal",
    "mission",
    "what you are doing",
    "thank you",
];
/// ... and which of it stops whatever else is said behind a mark or before one.
const HALT: [&str; 4] = ["stop", "halt", "freeze", "abort"];
/// Words around it that change nothing.
const AROUND_STOP: [&str; 14] = [
    "please",
    "now",
    "no",
    "robot",
    "hey",
    "ok",
    "okay",
    "just",
    "right",
    "immediately",
    "emergency",
    "there",
    "already",
    "thanks",
];

/// Whether a sentence, without calls and polite openings, says to stop. Who cries it may say why behind it.
pub(super) fn is_stop(asked: &str) -> bool {
    let cry = asked.split('!').next().unwrap_or_default();
    stops(cry) || stops(asked) || asked.split(MARKS).any(halts)
}

/// Whether all that is said is to stop, once or several times.
fn stops(sentence: &str) -> bool {
    let said = without(sentence, &AROUND_STOP);
    let mut rest = said.as_str();
    while let Some(object) = behind(rest, &STOP) {
        if object.split(' ').next().is_some_and(is_doing) {
            return true;
        }
        rest = behind(object, &STOPPED).unwrap_or(object);
    }
    // "Do not!" is said of what is done; "do not stop" is not.
    said == "do not" || (rest.is_empty() && !said.is_empty())
}

/// Whether a word tells what somebody is doing: "moving", and "everything", but not "bring".
fn is_doing(word: &str) -> bool {
    let stem = word.strip_suffix("ing");
    stem.is_some_and(|stem| stem.contains(['a', 'e', 'i', 'o', 'u', 'y']))
}

/// Whether a part of a sentence stops all, whatever the other parts say.
fn halts(part: &str) -> bool {
    let (said, _) = uncalled(part.trim());
    stops(said) && behind(&without(said, &AROUND_STOP), &HALT).is_some()
}

/// What is left of a sentence behind parts that say to stop: "bring me the plate" of "never mind, bring me the
/// plate". All of it where nothing stands behind them.
pub(super) fn behind_stop(mut asked: &str) -> &str {
    while let Some((cry, rest)) = asked.split_once(MARKS)
        && stops(cry)
        && has_word(rest)
    {
        asked = uncalled(rest.trim_start_matches(|c: char| MARKS.contains(&c) || c == ' ')).0;
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_tells_what_is_done_where_a_verb_stands_in_it() {
        assert!(["moving", "going", "everything", "lying"].into_iter().all(is_doing));
        assert!(!["bring", "thing", "ring", "mug", "ing"].into_iter().any(is_doing));
    }
}
