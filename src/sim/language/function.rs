//! Functionality: what serves a purpose, and what a thing serves for.

use super::affordance::{PURPOSES, Purpose};
use super::facts::{ObjectFact, SceneFacts};
use super::pair::{Pair, PairFrame, PairKind};
use super::words::wording;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;

/// "what can i use to cut the bread" → "the knife on the countertop".
pub fn tool_for(facts: &SceneFacts, frame: PairFrame, rng: &mut Pcg64Mcg) -> Option<Pair> {
    const WORDS: [&str; 4] = [
        "what can i use to {} and where is it",
        "i want to {}, what is there for it",
        "help me to {}, what do i need",
        "what is good to {}",
    ];
    let (purpose, said, thing) = purpose(facts, |_| true, rng)?;
    let tool = purpose.tool(facts);
    let answer = tool.map_or("nothing here".to_string(), |tool| with_place(facts, tool));
    let ids = [tool.map(ObjectFact::id), thing].into_iter().flatten().collect();
    Some(Pair::new(PairKind::Functionality, frame, wording(rng, &WORDS, &said), answer, ids))
}

/// "what can i do with the knife" → "cut the bread".
pub fn use_of(facts: &SceneFacts, frame: PairFrame, rng: &mut Pcg64Mcg) -> Option<Pair> {
    const WORDS: [&str; 3] =
        ["what can i do with the {}", "what is the {} good for", "what is the {} used for"];
    let tools: Vec<&ObjectFact> = facts
        .objects
        .iter()
        .filter(|fact| PURPOSES.iter().any(|purpose| serves(purpose, &fact.category)))
        .collect();
    let tool = *tools.choose(rng)?;
    let (_, said, thing) = purpose(facts, |purpose| serves(purpose, &tool.category), rng)?;
    let ids = [Some(tool.id()), thing].into_iter().flatten().collect();
    let prompt = wording(rng, &WORDS, &tool.category);
    Some(Pair::new(PairKind::Functionality, frame, prompt, said, ids))
}

fn serves(purpose: &Purpose, category: &str) -> bool {
    purpose.tools.contains(&category)
}

/// A purpose in words that has something it can be done to, and the id of that.
fn purpose(
    facts: &SceneFacts,
    fits: impl Fn(&Purpose) -> bool,
    rng: &mut Pcg64Mcg,
) -> Option<(&'static Purpose, String, Option<u32>)> {
    let mut all = Vec::new();
    for purpose in PURPOSES.iter().filter(|purpose| fits(purpose)) {
        match purpose.done_to {
            None => all.push((purpose, None)),
            Some(may) => {
                let things = facts.objects.iter().filter(|fact| may(&fact.category));
                all.extend(things.map(|thing| (purpose, Some(thing))));
            }
        }
    }
    let (purpose, thing) = *all.choose(rng)?;
    let name = thing.map_or("", |thing| &thing.category);
    Some((purpose, wording(rng, purpose.said, name), thing.map(ObjectFact::id)))
}

/// "the knife on the countertop".
pub(super) fn with_place(facts: &SceneFacts, fact: &ObjectFact) -> String {
    let place = facts.place(fact).map_or(String::new(), |place| format!(" {place}"));
    format!("the {}{place}", fact.category)
}
