//! Navigation: whether program, way and instruction lead to the same place.

use super::Fault;
use super::nouns::{noun, split};
use super::question::{Expected, expected};
use crate::planner::follow::{InstructionStep, parse_instruction, parse_program, program_text};
use crate::sim::language::facts::SceneFacts;
use crate::sim::language::navigate::PAST_M;
use crate::sim::language::pair::{Pair, Route};
use crate::sim::language::route::{end_of, gap_m};

/// A way ends no farther from what it leads to, metres.
const THERE_M: f64 = 1.2;
/// Motions end no farther from the end of the way, metres.
const SAME_M: f64 = 0.3;

pub(super) fn check(pair: &Pair, facts: &SceneFacts) -> Result<(), Fault> {
    let wrong = |why: &str| Fault::WrongWay(why.to_string());
    let steps = parse_program(&pair.answer).map_err(|_| Fault::Unreadable(pair.answer.clone()))?;
    let route = pair.route.as_ref().ok_or_else(|| wrong("there is none"))?;
    if steps.last() != Some(&InstructionStep::Stop) {
        return Err(wrong("the program does not stop"));
    }
    let (Some(start_m), Some(end_m)) = (route.path_m.first(), route.path_m.last()) else {
        return Err(wrong("it has no beginning"));
    };
    // Motions must lead where the way does.
    if let Some(reached_m) = end_of(*start_m, route.start_yaw_rad, &steps)
        && (reached_m[0] - end_m[0]).hypot(reached_m[1] - end_m[1]) > SAME_M
    {
        return Err(wrong("the motions end elsewhere"));
    }
    // An instruction that is a program already is followed to the letter.
    if let Ok(said) = parse_instruction(&pair.prompt)
        && !said.iter().any(|step| matches!(step, InstructionStep::GoTo(_)))
    {
        return match program_text(&said) == program_text(&steps) {
            true => Ok(()),
            false => Err(wrong("the program is another one")),
        };
    }
    let (past, target) = read(&pair.prompt, facts)?;
    let gone_to: Vec<&String> = steps
        .iter()
        .filter_map(|step| match step {
            InstructionStep::GoTo(name) => Some(name),
            _ => None,
        })
        .collect();
    let asked: Vec<&String> = past.iter().chain([&target]).collect();
    if !gone_to.is_empty() && gone_to != asked {
        return Err(wrong("the program goes to other things"));
    }
    comes_near(&target, &[*end_m], THERE_M, facts)?;
    past.iter().try_for_each(|name| passes(name, route, facts))
}

fn passes(name: &str, route: &Route, facts: &SceneFacts) -> Result<(), Fault> {
    comes_near(name, &route.path_m, PAST_M + 0.05, facts)
}

/// Whether one of the places is near to a thing of a class.
fn comes_near(
    name: &str,
    places_m: &[[f64; 2]],
    most_m: f64,
    facts: &SceneFacts,
) -> Result<(), Fault> {
    if facts.count(name) == 0 {
        return Err(Fault::Absent(name.to_string()));
    }
    let near = facts.named(name).any(|fact| places_m.iter().any(|at| gap_m(fact, *at) <= most_m));
    if near { Ok(()) } else { Err(Fault::WrongWay(format!("it does not come to the {name}"))) }
}

/// What an instruction leads past, and where to.
fn read(instruction: &str, facts: &SceneFacts) -> Result<(Vec<String>, String), Fault> {
    let unread = || Fault::Unreadable(instruction.to_string());
    let words = split(instruction);
    let mut past = Vec::new();
    let mut target = None;
    for (at, word) in words.iter().enumerate() {
        let behind = words.get(at + 1..).unwrap_or_default();
        match (*word, behind) {
            ("past", ["the", name, ..]) => past.push(noun(name, facts).ok_or_else(unread)?),
            ("to", ["the", "thing", "next", "to", "the", name, ..])
            | ("before", ["the", "thing", "next", "to", "the", name, ..]) => {
                let asked = format!("what is next to the {name}");
                match expected(&asked, facts)? {
                    Expected::Words(names) => target = target.or_else(|| names.first().cloned()),
                    _ => return Err(Fault::Absent((*name).to_string())),
                }
            }
            ("to" | "before", ["the", name, ..]) if target.is_none() => {
                target = Some(noun(name, facts).ok_or_else(unread)?);
            }
            _ => {}
        }
    }
    Ok((past, target.ok_or_else(unread)?))
}
