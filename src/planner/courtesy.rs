//! What people say that is neither a goal nor a question, and what is said to it: a plan for it would end the
//! one in hand.

use super::phrase::{behind, without, without_marks};

/// What is said to an answer: the robot asks nothing, and a plan for "yes" would end the one in hand.
pub(super) const NOTHING_ASKED: &str = "i asked nothing";
/// What is said to who asks for help.
pub(super) const HELP: &str = "say a goal in plain words, such as \"put the mug in the sink\"; \
    ask what is there, where something is or how many there are; or say \"what is the plan\", \
    \"describe the room\" or \"stop\"";
/// What people say that wants nothing done, and what is said to it.
const COURTESIES: [(&[&str], &str); 11] = [
    (&["thanks", "thank you", "cheers"], "you are welcome"),
    (&["hello", "hi", "hey", "good morning", "good afternoon", "good evening"], "hello"),
    (&["bye", "goodbye", "good bye", "good night"], "goodbye"),
    (&["ok", "okay", "all right", "good", "great", "nice", "fine", "perfect"], "all right"),
    (&["well done", "good job", "great job", "good work", "nice work", "sorry"], "all right"),
    (&["cool", "awesome", "excellent", "wonderful", "brilliant", "amazing", "super"], "all right"),
    (&["that is all", "that is it", "that is right", "that is good", "that is fine"], "all right"),
    (&["hm", "hmm", "oh", "wow", "i see", "got it", "sounds good", "be quiet"], "all right"),
    (
        &["yes", "yeah", "yep", "sure", "maybe", "no", "nope", "nah", "no thanks", "no thank you"],
        NOTHING_ASKED,
    ),
    (&["help", "help me", "what can you do", "what can you do for me"], HELP),
    (&["what can i say", "what can i ask", "what can i ask you", "what can i tell you"], HELP),
];
/// Words around these that change nothing.
const AROUND_COURTESY: [&str; 7] = ["robot", "there", "so", "very", "much", "a", "lot"];
/// How people say how it is to be done, what may stand behind it, and what is said to it: a plan for it would
/// end the one in hand.
const MANNERS: [&str; 12] = [
    "be careful",
    "careful",
    "watch out",
    "look out",
    "slow down",
    "slower",
    "go slower",
    "faster",
    "go faster",
    "hurry",
    "hurry up",
    "not so fast",
];
const WITH: [&str; 3] = ["with", "of", "for"];
pub(super) const AS_I_CAN: &str = "i do it as i can; \"stop\" ends what i do";
/// How a sentence begins that says what is not to be done, and what is said to it: a plan would do it.
const FORBIDS: [&str; 7] = [
    "do not",
    "never",
    "i do not want",
    "i did not",
    "you should not",
    "you must not",
    "could you not",
];
pub(super) const NOT_TO_DO: &str = "i plan for what is to be done only; \"stop\" ends what i do";
/// How a sentence begins that puts another right, and what is said to it: which word is meant by a part of a
/// sentence is a guess.
const CORRECTS: [&str; 16] = [
    "i meant",
    "i mean",
    "i said the",
    "i said a",
    "no i meant",
    "no i mean",
    "no i said the",
    "no the",
    "no not",
    "no that",
    "not the",
    "not that",
    "the other",
    "that is not",
    "that is wrong",
    "wrong",
];
pub(super) const SAY_AGAIN: &str = "say the whole again, with the name of the thing that you mean";

/// What is said to a sentence in `plain` words, `asked` without calls and polite openings. `None` where it wants
/// something.
pub(super) fn reply(plain: &str, asked: &str) -> Option<&'static str> {
    if let Some(reply) = courtesy(plain).or_else(|| courtesy(asked)) {
        return Some(reply);
    }
    let unmarked = without_marks(asked);
    if behind(&unmarked, &FORBIDS).is_some() {
        return Some(NOT_TO_DO);
    }
    if [&unmarked, &without_marks(plain)].iter().any(|said| behind(said, &CORRECTS).is_some()) {
        return Some(SAY_AGAIN);
    }
    let manner = without(asked, &AROUND_COURTESY);
    let with = behind(&manner, &MANNERS)?;
    (with.is_empty() || behind(with, &WITH).is_some()).then_some(AS_I_CAN)
}

/// What is said to a sentence that is made of courtesies alone, of several to the last.
fn courtesy(sentence: &str) -> Option<&'static str> {
    let said = without(sentence, &AROUND_COURTESY);
    let (mut rest, mut reply) = (said.as_str(), None);
    while !rest.is_empty() {
        let lefts = COURTESIES.iter().filter_map(|(words, reply)| {
            let left = behind(rest, words)?;
            Some((left, *reply))
        });
        let (left, newest) = lefts.min_by_key(|(left, _)| left.len())?;
        (rest, reply) = (left, Some(newest));
    }
    reply
}
