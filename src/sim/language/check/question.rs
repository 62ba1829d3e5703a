//! Questions, read from their words, and whether the answer is theirs.

use super::Fault;
use super::claim::{Claim, Number, claims_of, is_in_state, place_of, thing_of};
use super::nouns::{first_noun, noun, split};
use crate::sim::language::affordance::purpose_of;
use crate::sim::language::facts::{ObjectFact, SceneFacts, Side};
use crate::sim::language::words::number_of;
use crate::tasks::DO_NOT_KNOW;
use nalgebra::Point3;
use std::collections::BTreeMap;

/// What the facts say to a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    YesNo(bool),
    Number(usize),
    /// Any of these.
    Words(Vec<String>),
    /// Classes and their numbers.
    Things(BTreeMap<String, usize>),
    /// The scene does not tell.
    Unknown,
}

impl Expected {
    fn told(&self) -> String {
        match self {
            Self::YesNo(yes) => if *yes { "yes" } else { "no" }.into(),
            Self::Number(number) => number.to_string(),
            Self::Words(words) => words.join(" or "),
            Self::Things(things) => format!("{things:?}"),
            Self::Unknown => DO_NOT_KNOW.into(),
        }
    }

    /// Whether an answer says the same.
    pub fn agrees(&self, answer: &str, facts: &SceneFacts) -> Result<(), Fault> {
        let bare = answer.strip_prefix("the ").unwrap_or(answer);
        let agrees = match self {
            Self::YesNo(yes) => answer == if *yes { "yes" } else { "no" },
            Self::Number(number) => number_of(answer) == Some(*number),
            Self::Words(words) => words.iter().any(|word| word == bare),
            Self::Unknown => answer == DO_NOT_KNOW,
            Self::Things(things) if things.is_empty() => answer == "nothing",
            Self::Things(things) => {
                let claims = claims_of(&split(answer), facts)?;
                let number = |claim: &Claim| match claim.number {
                    Number::Some => 1,
                    Number::Exactly(number) => number,
                };
                let said: BTreeMap<String, usize> =
                    claims.iter().map(|claim| (claim.category.clone(), number(claim))).collect();
                said == *things
            }
        };
        if agrees { Ok(()) } else { Err(Fault::WrongAnswer(self.told())) }
    }
}

/// Whether `answer` is the answer to `question`.
pub(super) fn check(question: &str, answer: &str, facts: &SceneFacts) -> Result<(), Fault> {
    expected(question, facts)?.agrees(answer, facts)
}

/// What the facts say to a question.
pub(super) fn expected(question: &str, facts: &SceneFacts) -> Result<Expected, Fault> {
    let mut words = split(question);
    for end in [&["here"][..], &["now"], &["in", "the", "room"], &["in", "view"]] {
        if words.ends_with(end) {
            words.truncate(words.len() - end.len());
        }
    }
    let unread = || Fault::Unreadable(question.to_string());
    match words[..] {
        ["is" | "are", "there", ref thing @ ..]
        | ["do" | "can", "you", "see" | "find", ref thing @ ..] => {
            let claims = claims_of(thing, facts)?;
            let [claim] = &claims[..] else { return Err(unread()) };
            Ok(Expected::YesNo(claim.verify(facts).is_ok()))
        }
        ["how", "many", thing, "are", "there", ref place @ ..]
        | ["how", "many", thing, "do" | "can", "you", "see", ref place @ ..]
        | ["count", "the", thing, ref place @ ..] => {
            let thing = noun(thing, facts).ok_or_else(unread)?;
            let things = facts.named(&thing);
            Ok(Expected::Number(match place_of(place, facts) {
                Some(((_, receptacle), taken)) if taken == place.len() => {
                    let there = |fact: &&ObjectFact| {
                        facts.holder(fact).is_some_and(|on| on.category == receptacle)
                    };
                    things.filter(there).count()
                }
                None if place.is_empty() => things.count(),
                _ => return Err(unread()),
            }))
        }
        ["where", "is", "the", thing]
        | ["where", "can", "i", "find", "the", thing]
        | ["where", "do" | "did", "you", "see", "the", thing] => {
            let thing = noun(thing, facts).ok_or_else(unread)?;
            let things: Vec<&ObjectFact> = facts.named(&thing).collect();
            let places: Vec<String> = things.iter().filter_map(|fact| facts.place(fact)).collect();
            match (things.is_empty(), places.is_empty()) {
                (true, _) => Ok(Expected::Unknown),
                (false, true) => Err(Fault::Ambiguous(thing)),
                (false, false) => Ok(Expected::Words(places)),
            }
        }
        ["what" | "which", "color", "is", "the", thing]
        | ["what", "is", "the", "color", "of", "the", thing] => {
            let thing = noun(thing, facts).ok_or_else(unread)?;
            if facts.count(&thing) == 0 {
                return Ok(Expected::Unknown);
            }
            let color = facts.only(&thing).and_then(|fact| fact.color);
            let color = color.ok_or_else(|| Fault::Ambiguous(thing.clone()))?;
            Ok(Expected::Words(vec![color.to_string()]))
        }
        ["is" | "was", article @ ("the" | "any"), thing, ref rest @ ..] => {
            let thing = noun(thing, facts).ok_or_else(unread)?;
            is_so(&thing, article == "any", rest, facts).ok_or_else(unread)?
        }
        ["what", "is", "next" | "nearest", "to", "the", thing]
        | ["what", "stands", "beside", "the", thing] => {
            neighbours(&noun(thing, facts).ok_or_else(unread)?, facts)
        }
        ["what", "is", "the", "largest" | "biggest", "thing", ref place @ ..] => {
            let (_, receptacle) = whole_place(place, facts).ok_or_else(unread)?;
            let there = facts.on(&receptacle);
            let largest = there.max_by(|a, b| a.volume_m3().total_cmp(&b.volume_m3()));
            Ok(largest
                .map_or(Expected::Unknown, |fact| Expected::Words(vec![fact.category.clone()])))
        }
        ["what", "can" | "could", "i", "use", "to", ref purpose @ ..]
        | ["what", "do", "i", "need", "to", ref purpose @ ..] => {
            let (tools, _) = tools(purpose, facts).ok_or_else(unread)?;
            Ok(Expected::Words(or_nothing(tools)))
        }
        ["what", "is" | "stands", ref place @ ..]
        | ["what", "do", "you", "see", ref place @ ..] => {
            let (_, receptacle) = whole_place(place, facts).ok_or_else(unread)?;
            if facts.count(&receptacle) == 0 {
                return Ok(Expected::Unknown);
            }
            let mut things = BTreeMap::new();
            for fact in facts.on(&receptacle) {
                *things.entry(fact.category.clone()).or_default() += 1;
            }
            Ok(Expected::Things(things))
        }
        ["which", "way", "is" | "to", "the", thing]
        | ["on", "which", "side", "is", "the", thing] => {
            side(&noun(thing, facts).ok_or_else(unread)?, facts)
        }
        _ => Err(unread()),
    }
}

/// "on the countertop" and nothing else.
fn whole_place(words: &[&str], facts: &SceneFacts) -> Option<(String, String)> {
    let (place, taken) = place_of(words, facts)?;
    (taken == words.len()).then_some(place)
}

/// "is the fridge open", "is the mug on the table"; `None` where the words are not understood.
fn is_so(
    thing: &str,
    any: bool,
    words: &[&str],
    facts: &SceneFacts,
) -> Option<Result<Expected, Fault>> {
    let things: Vec<&ObjectFact> = facts.named(thing).collect();
    if let Some(place) = whole_place(words, facts) {
        let claim = Claim { place: Some(place), ..Claim::of(thing) };
        return Some(Ok(Expected::YesNo(claim.verify(facts).is_ok())));
    }
    let [state] = words else { return None };
    // What was done to a thing does not show.
    if ["clean", "washed", "dirty", "hot", "cold"].contains(state) || things.is_empty() {
        return Some(Ok(Expected::Unknown));
    }
    let states: Option<Vec<bool>> = things.iter().map(|fact| is_in_state(fact, state)).collect();
    let Some(states) = states else {
        return match things.iter().all(|fact| fact.condition.is_none()) {
            true => Some(Ok(Expected::Unknown)),
            false => None,
        };
    };
    let alike = states.iter().all(|so| Some(so) == states.first());
    Some(match any || alike {
        true => Ok(Expected::YesNo(states.contains(&true))),
        false => Err(Fault::Ambiguous(thing.to_string())),
    })
}

/// What stands about as near to a thing as the nearest does.
fn neighbours(thing: &str, facts: &SceneFacts) -> Result<Expected, Fault> {
    if facts.count(thing) == 0 {
        return Ok(Expected::Unknown);
    }
    let fact = facts.only(thing).ok_or_else(|| Fault::Ambiguous(thing.to_string()))?;
    let off = |other: &ObjectFact| {
        nalgebra::distance(
            &Point3::from(other.object.position_m).xy(),
            &Point3::from(fact.object.position_m).xy(),
        )
    };
    let others = facts.objects.iter().filter(|other| {
        other.id() != fact.id() && other.holder.is_some() && other.holder == fact.holder
    });
    let others: Vec<(f64, &ObjectFact)> = others.map(|other| (off(other), other)).collect();
    let nearest_m = others.iter().map(|(off_m, _)| *off_m).fold(f64::INFINITY, f64::min);
    let near = others
        .into_iter()
        .filter(|(off_m, other)| *off_m <= nearest_m + 0.02 && SceneFacts::are_beside(fact, other));
    let names: Vec<String> = near.map(|(_, other)| other.category.clone()).collect();
    if names.is_empty() {
        Err(Fault::Ambiguous(thing.to_string()))
    } else {
        Ok(Expected::Words(names))
    }
}

fn side(thing: &str, facts: &SceneFacts) -> Result<Expected, Fault> {
    if facts.count(thing) == 0 {
        return Ok(Expected::Unknown);
    }
    let seen = facts.only(thing).and_then(|fact| fact.view);
    let seen = seen.ok_or_else(|| Fault::Ambiguous(thing.to_string()))?;
    let word = match seen.side() {
        Side::Left => "left",
        Side::Ahead => "ahead",
        Side::Right => "right",
    };
    Ok(Expected::Words(vec![word.to_string()]))
}

/// What shows of the tools for a purpose, and the thing it is done to.
fn tools(words: &[&str], facts: &SceneFacts) -> Option<(Vec<String>, Option<String>)> {
    let (purpose, thing) = purpose_of(&words.join(" "))?;
    let thing = match (purpose.done_to, thing) {
        (Some(may), Some(thing)) => Some(noun(&thing, facts).filter(|thing| may(thing))?),
        (None, None) => None,
        _ => return None,
    };
    let present = purpose.tools.iter().filter(|tool| facts.count(tool) > 0);
    Some((present.map(|tool| (*tool).to_string()).collect(), thing))
}

fn or_nothing(tools: Vec<String>) -> Vec<String> {
    if tools.is_empty() { vec!["nothing".to_string()] } else { tools }
}

/// Whether what is said of a purpose, or of the use of a thing, is true.
pub(super) fn functionality(prompt: &str, answer: &str, facts: &SceneFacts) -> Result<(), Fault> {
    let unread = || Fault::Unreadable(prompt.to_string());
    let words: Vec<&str> = split(prompt).into_iter().filter(|word| *word != ",").collect();
    // The purpose stands somewhere behind a "to".
    let behind_to = (0..words.len()).filter(|at| words[*at] == "to").map(|at| at + 1);
    let asked = behind_to
        .flat_map(|from| (from + 1..=words.len()).rev().map(move |to| from..to))
        .find_map(|range| tools(words.get(range)?, facts));
    if let Some((tools, _)) = asked {
        let says_none = answer.strip_suffix(" here").unwrap_or(answer) == "nothing";
        if says_none || tools.is_empty() {
            return match says_none == tools.is_empty() {
                true => Ok(()),
                false => Err(Fault::WrongAnswer(or_nothing(tools).join(" or "))),
            };
        }
        let claims = claims_of(&split(answer), facts)?;
        let [claim] = &claims[..] else { return Err(Fault::Unreadable(answer.to_string())) };
        claim.verify(facts)?;
        return match tools.contains(&claim.category) {
            true => Ok(()),
            false => Err(Fault::WrongAnswer(tools.join(" or "))),
        };
    }
    let tool = first_noun(&words, facts).ok_or_else(unread)?;
    Claim::of(&tool).verify(facts)?;
    let (purpose, thing) =
        purpose_of(answer).ok_or_else(|| Fault::Unreadable(answer.to_string()))?;
    if !purpose.tools.contains(&tool.as_str()) {
        return Err(Fault::WrongAnswer(format!("not what {tool} is for")));
    }
    let Some(thing) = thing else { return Ok(()) };
    let (claim, _) = thing_of(&[&thing], facts).ok_or(Fault::Unreadable(thing))?;
    match purpose.done_to.is_some_and(|may| may(&claim.category)) {
        true => claim.verify(facts),
        false => Err(Fault::WrongAnswer(format!("not what {} is done with", claim.category))),
    }
}
