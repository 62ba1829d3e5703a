//! A few turns between a person and the robot, about a thing and what to do with it.

use super::facts::{ObjectFact, SceneFacts};
use super::pair::{Pair, PairFrame, PairKind};
use super::question::{about_it, coin, politely};
use super::words::{one_of, wording};
use crate::sim::household::{
    is_portable, may_be_cleaned, may_be_cooled, may_be_heated, may_be_sliced, with_article,
};
use crate::tasks::{DO_NOT_KNOW, preposition};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;

/// Two to four turns: where a thing is, what it is like, what is to be done with it.
pub fn dialogue(facts: &SceneFacts, rng: &mut Pcg64Mcg) -> Option<Pair> {
    let clear: Vec<&ObjectFact> = facts
        .objects
        .iter()
        .filter(|fact| facts.only(&fact.category).is_some() && facts.holder(fact).is_some())
        .collect();
    let thing = *clear.choose(rng)?;
    let place = facts.place(thing)?;
    let mut turns = vec![match coin(rng) {
        true => {
            [wording(rng, &["where is the {}", "where did you see the {}"], &thing.category), place]
        }
        false => {
            let asked = one_of(rng, &["do you see", "is there", "can you find"]);
            [format!("{asked} {}", with_article(&thing.category)), format!("yes, {place}")]
        }
    }];
    let mut more = rng.random_range(1..=3);
    if more > 1 {
        turns.extend(about_it(facts, thing, rng));
        more -= 1;
    }
    if more > 1 && coin(rng) {
        let word = one_of(rng, &["is it clean", "was it washed"]);
        turns.push([word.to_string(), DO_NOT_KNOW.to_string()]);
    }
    if is_portable(&thing.category) {
        turns.push(errand(facts, thing, rng)?);
    } else {
        let further = about_it(facts, thing, rng);
        // Nobody asks twice.
        let is_new = |[_, new]: &[String; 2]| turns.iter().all(|[_, reply]| reply != new);
        let further = further.filter(is_new);
        turns.extend(further);
    }
    let mut ids = vec![thing.id()];
    ids.extend(thing.holder);
    let [said, reply] = turns.pop()?;
    let pair = Pair::new(PairKind::Dialogue, PairFrame::Scene, said, reply, ids);
    (!turns.is_empty()).then_some(Pair { turns, ..pair })
}

/// What can be done to a thing: the request, the class of appliance, whether it may be done.
type Treatment = (&'static str, &'static [&'static str], fn(&str) -> bool, &'static str);

const TREATMENTS: [Treatment; 3] = [
    ("wash", &["sinkbasin", "bathtubbasin"], may_be_cleaned, "washed"),
    ("heat", &["microwave"], may_be_heated, "heated"),
    ("cool", &["fridge"], may_be_cooled, "cooled"),
];

/// A request to do something with the thing that was spoken of, and whether and how it is done.
fn errand(facts: &SceneFacts, thing: &ObjectFact, rng: &mut Pcg64Mcg) -> Option<[String; 2]> {
    let name = &thing.category;
    let from = &facts.holder(thing)?.category;
    let take = format!("i take the {name} from the {from}");
    let refuse = |why: String| format!("no, {why}");
    let (request, reply) = match rng.random_range(0..5) {
        at @ 0..3 => {
            let (verb, appliances, may, done) = TREATMENTS[at];
            let appliance = appliances.iter().find(|name| facts.count(name) > 0);
            let reply = match appliance {
                _ if !may(name) => refuse(format!("{} cannot be {done}", with_article(name))),
                None => refuse(format!("i see no {}", appliances.first()?)),
                Some(appliance) => format!("yes, {take} and {verb} it in the {appliance}"),
            };
            (format!("{verb} it"), reply)
        }
        3 => {
            let reply = match ["knife", "butterknife"].iter().find(|name| facts.count(name) > 0) {
                _ if !may_be_sliced(name) => {
                    refuse(format!("{} cannot be sliced", with_article(name)))
                }
                None => refuse("i see no knife".into()),
                Some(knife) => format!("yes, i slice it with the {knife}"),
            };
            ("slice it".to_string(), reply)
        }
        _ => {
            let to: Vec<&str> = facts
                .objects
                .iter()
                .filter_map(|fact| facts.holder(fact))
                .map(|holder| holder.category.as_str())
                .filter(|other| other != from && !is_portable(other))
                .collect();
            let to = *to.choose(rng)?;
            let there = format!("{} the {to}", preposition(to));
            (format!("put it {there}"), format!("yes, {take} and put it {there}"))
        }
    };
    Some([politely(rng, &request), reply])
}
