//! Dialogues: each reply against what was said, with "it" for what was spoken of.

use super::Fault;
use super::claim::{Claim, place_of};
use super::nouns::{first_noun, noun, split};
use super::plan::act_out;
use super::question::{Expected, expected};
use crate::sim::household::{may_be_cleaned, may_be_cooled, may_be_heated, may_be_sliced};
use crate::sim::language::facts::SceneFacts;
use crate::sim::language::pair::Pair;

const ERRANDS: [&str; 8] = ["wash", "clean", "heat", "cool", "slice", "put", "take", "bring"];

/// Whether all replies of a dialogue are true.
pub(super) fn check(pair: &Pair, facts: &SceneFacts) -> Result<(), Fault> {
    let mut topic: Option<String> = None;
    let last = [pair.prompt.clone(), pair.answer.clone()];
    for [said, reply] in pair.turns.iter().chain([&last]) {
        let words = split(said);
        if !words.contains(&"it") {
            topic = first_noun(&words, facts).or(topic);
        }
        let topic = topic.as_ref().ok_or_else(|| Fault::Unreadable(said.clone()))?;
        turn(&of_topic(said, topic), &of_topic(reply, topic), topic, facts)?;
    }
    Ok(())
}

/// The words with "the thing" for "it".
fn of_topic(text: &str, topic: &str) -> String {
    let named = format!("the {topic}");
    let words = text.split(' ').map(|word| match word {
        "it" => named.clone(),
        "it," => format!("{named},"),
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn turn(said: &str, reply: &str, topic: &str, facts: &SceneFacts) -> Result<(), Fault> {
    let words = split(said);
    let request = match &words[..] {
        ["please", rest @ ..] => rest,
        ["can" | "could", "you", verb, ..] if ERRANDS.contains(verb) => &words[2..],
        all => all,
    };
    if let Some(verb) = request.first().filter(|verb| ERRANDS.contains(verb)) {
        return errand(verb, reply, topic, facts);
    }
    let expected = expected(said, facts)?;
    match (reply.split_once(", "), &expected) {
        (Some((head, tail)), Expected::YesNo(_)) => {
            expected.agrees(head, facts)?;
            let words = split(tail);
            let (place, taken) =
                place_of(&words, facts).ok_or_else(|| Fault::Unreadable(tail.to_string()))?;
            if taken != words.len() {
                return Err(Fault::Unreadable(tail.to_string()));
            }
            Claim { place: Some(place), ..Claim::of(topic) }.verify(facts)
        }
        _ => expected.agrees(reply, facts),
    }
}

/// Whether an errand is accepted with steps that do it, or refused for a reason that holds.
fn errand(verb: &str, reply: &str, topic: &str, facts: &SceneFacts) -> Result<(), Fault> {
    let unread = || Fault::Unreadable(reply.to_string());
    let Some(reason) = reply.strip_prefix("no, ") else {
        let steps = reply.strip_prefix("yes, ").unwrap_or(reply);
        let named = act_out(steps, facts)?;
        let does_it = split(steps).contains(&verb) || verb == "bring";
        return match does_it && named.iter().any(|name| name == topic) {
            true => Ok(()),
            false => Err(Fault::OffTopic(format!("{verb} the {topic}"))),
        };
    };
    match split(reason)[..] {
        ["i", "see", "no", thing] => {
            let thing = noun(thing, facts).ok_or_else(unread)?;
            match facts.count(&thing) {
                0 => Ok(()),
                _ => Err(Fault::WrongNumber(thing)),
            }
        }
        ["a" | "an", thing, "cannot", "be", done] => {
            let may: fn(&str) -> bool = match done {
                "washed" => may_be_cleaned,
                "heated" => may_be_heated,
                "cooled" => may_be_cooled,
                "sliced" => may_be_sliced,
                _ => return Err(unread()),
            };
            let thing = noun(thing, facts).ok_or_else(unread)?;
            if may(&thing) { Err(Fault::WrongState(thing)) } else { Ok(()) }
        }
        _ => Err(unread()),
    }
}
