//! Questions about a scene or a view, and their answers.

use super::affordance::PURPOSES;
use super::balance::Balance;
use super::facts::{ObjectFact, SceneFacts, Side};
use super::pair::{Pair, PairFrame, PairKind, QuestionKind};
use super::words::{all_categories, number_word, one_of, wording};
use crate::sim::household::{is_lamp, may_be_sliced, opens, plural, with_article};
use crate::tasks::{DO_NOT_KNOW, preposition, so_many_of_each};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// Most things that are told as the contents of a receptacle.
const MOST_CONTENTS: usize = 2;
/// Classes of which every home has the same number.
const OF_FIXED_NUMBER: [&str; 1] = ["stoveburner"];

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    Exists { category: String },
    ExistsAt { category: String, receptacle: String },
    Count { category: String },
    Where { category: String },
    Color { category: String },
    State { category: String, state: &'static str, only: bool },
    Beside { category: String },
    Contents { receptacle: String },
    Largest { receptacle: String },
    Tool { purpose: &'static str, thing: Option<String> },
    Side { category: String },
}

/// A question that can be asked here, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub kind: QuestionKind,
    pub ask: Ask,
    pub answer: String,
    pub ids: Vec<u32>,
}

impl Candidate {
    /// What stands for the question wherever it is asked in such a room.
    pub fn key(&self, room: &str, frame: PairFrame) -> String {
        format!("{frame:?} {room} {:?}", self.ask)
    }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_string()
}

/// All questions that can be asked about `facts`, told from `frame`.
pub(super) fn candidates(facts: &SceneFacts, frame: PairFrame) -> Vec<Candidate> {
    let mut all = Vec::new();
    let mut add = |kind: QuestionKind, ask: Ask, answer: String, ids: Vec<u32>| {
        all.push(Candidate { kind, ask, answer, ids });
    };
    let ids = |category: &str| facts.named(category).map(ObjectFact::id).collect::<Vec<_>>();
    let present = facts.categories();
    let mut holders: Vec<&str> = facts
        .objects
        .iter()
        .filter_map(|fact| facts.holder(fact))
        .map(|holder| holder.category.as_str())
        .collect();
    holders.sort_unstable();
    holders.dedup();

    let absent: Vec<&str> = all_categories().filter(|name| !present.contains(name)).collect();
    for name in &absent {
        let category = || (*name).to_string();
        add(QuestionKind::Existence, Ask::Exists { category: category() }, yes_no(false), vec![]);
        let unknown = [Ask::Where { category: category() }, Ask::Color { category: category() }];
        for ask in unknown {
            add(QuestionKind::Unknown, ask, DO_NOT_KNOW.into(), vec![]);
        }
    }
    for name in &present {
        let category = || (*name).to_string();
        let ids = ids(name);
        add(
            QuestionKind::Existence,
            Ask::Exists { category: category() },
            yes_no(true),
            ids.clone(),
        );
        if !OF_FIXED_NUMBER.contains(name) {
            let number = number_word(ids.len());
            add(QuestionKind::Count, Ask::Count { category: category() }, number, ids.clone());
        }
        let things: Vec<&ObjectFact> = facts.named(name).collect();
        for receptacle in &holders {
            let there: Vec<u32> = things
                .iter()
                .filter(|thing| facts.holder(thing).is_some_and(|on| on.category == *receptacle))
                .map(|thing| thing.id())
                .collect();
            // Only of what stands on something it is told whether it stands there.
            if things.iter().any(|thing| facts.holder(thing).is_some()) && name != receptacle {
                let ask =
                    Ask::ExistsAt { category: category(), receptacle: (*receptacle).to_string() };
                add(QuestionKind::Relation, ask, yes_no(!there.is_empty()), there);
            }
        }
        states(&things, name, &mut add);
        // All of one kind in one kind of place have one answer.
        let places: Vec<Option<String>> = things.iter().map(|thing| facts.place(thing)).collect();
        if let Some(Some(place)) = places.first()
            && places.iter().all(|other| other.as_ref() == Some(place))
        {
            let mut rests_on = ids.clone();
            rests_on.extend(things.iter().filter_map(|thing| thing.holder));
            add(QuestionKind::Place, Ask::Where { category: category() }, place.clone(), rests_on);
        }
        let [thing] = things[..] else { continue };
        if let Some(color) = thing.color {
            let ask = Ask::Color { category: category() };
            add(QuestionKind::Color, ask, color.to_string(), vec![thing.id()]);
        }
        if let Some(nearest) = facts.nearest(thing) {
            let ask = Ask::Beside { category: category() };
            let rests_on = vec![thing.id(), nearest.id()];
            add(QuestionKind::Relation, ask, nearest.category.clone(), rests_on);
        }
        if let Some(view) = thing.view.filter(|view| view.is_clear())
            && frame == PairFrame::Ego
        {
            let ask = Ask::Side { category: category() };
            add(QuestionKind::Direction, ask, side_word(view.side()).into(), vec![thing.id()]);
        }
    }
    for receptacle in facts.categories() {
        let is_holder = holders.contains(&receptacle);
        let on: Vec<&ObjectFact> = facts.on(receptacle).collect();
        let rests_on: Vec<u32> = on.iter().map(|thing| thing.id()).collect();
        if is_holder && (1..=MOST_CONTENTS).contains(&on.len()) {
            let ask = Ask::Contents { receptacle: receptacle.to_string() };
            let told = so_many_of_each(on.iter().map(|thing| thing.category.clone()));
            add(QuestionKind::Relation, ask, told, rests_on);
        }
        if let Some(largest) = facts.largest_on(receptacle) {
            let ask = Ask::Largest { receptacle: receptacle.to_string() };
            add(QuestionKind::Relation, ask, largest.category.clone(), vec![largest.id()]);
        }
    }
    for purpose in PURPOSES {
        let tool = purpose.tool(facts);
        let answer = tool.map_or("nothing".to_string(), |tool| tool.category.clone());
        for said in purpose.said {
            let things: Vec<Option<String>> = match purpose.done_to {
                None => vec![None],
                Some(fits) => {
                    let fitting = present.iter().filter(|name| fits(name));
                    fitting.map(|name| Some((*name).to_string())).collect()
                }
            };
            for thing in things {
                let ask = Ask::Tool { purpose: said, thing };
                let rests_on = tool.map(ObjectFact::id).into_iter().collect();
                add(QuestionKind::Affordance, ask, answer.clone(), rests_on);
            }
        }
    }
    all
}

/// Questions about the states that can be seen.
fn states(
    things: &[&ObjectFact],
    name: &str,
    add: &mut impl FnMut(QuestionKind, Ask, String, Vec<u32>),
) {
    let visible = [("open", opens(name)), ("on", is_lamp(name)), ("sliced", may_be_sliced(name))];
    for (state, _) in visible.into_iter().filter(|(_, applies)| *applies) {
        let holds = |thing: &&&ObjectFact| {
            thing.condition.is_some_and(|now| match state {
                "open" => now.is_open,
                "on" => now.is_on,
                _ => now.is_sliced,
            })
        };
        if things.iter().any(|thing| thing.condition.is_none()) {
            continue;
        }
        let so: Vec<u32> = things.iter().filter(holds).map(|thing| thing.id()).collect();
        let ask = Ask::State { category: name.to_string(), state, only: things.len() == 1 };
        let yes = !so.is_empty();
        let rests_on = if yes { so } else { things.iter().map(|thing| thing.id()).collect() };
        add(QuestionKind::State, ask, yes_no(yes), rests_on);
    }
    // Whether it was washed is not to be seen.
    if let [thing] = things
        && crate::sim::household::may_be_cleaned(name)
    {
        let ask = Ask::State { category: name.to_string(), state: "clean", only: true };
        add(QuestionKind::Unknown, ask, DO_NOT_KNOW.into(), vec![thing.id()]);
    }
}

pub(super) fn side_word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Ahead => "ahead",
        Side::Right => "right",
    }
}

/// How a question is worded.
pub(super) fn worded(ask: &Ask, rng: &mut Pcg64Mcg) -> String {
    let at = |receptacle: &str| format!("{} the {receptacle}", preposition(receptacle));
    match ask {
        Ask::Exists { category } => {
            let words = ["is there {}", "do you see {}", "can you see {}", "is there {} here"];
            wording(rng, &words, &with_article(category))
        }
        Ask::ExistsAt { category, receptacle } => {
            let words = ["is there {}", "do you see {}"];
            format!("{} {}", wording(rng, &words, &with_article(category)), at(receptacle))
        }
        Ask::Count { category } => {
            let words = ["how many {} are there", "how many {} do you see", "count the {}"];
            wording(rng, &words, &plural(category))
        }
        Ask::Where { category } => {
            let words = ["where is the {}", "where can i find the {}", "where do you see the {}"];
            wording(rng, &words, category)
        }
        Ask::Color { category } => {
            let words =
                ["what color is the {}", "what is the color of the {}", "which color is the {}"];
            wording(rng, &words, category)
        }
        Ask::State { category, state, only: true } => format!("is the {category} {state}"),
        Ask::State { category, state, only: false } => format!("is any {category} {state}"),
        Ask::Beside { category } => {
            let words = [
                "what is next to the {}",
                "what is nearest to the {}",
                "what stands beside the {}",
            ];
            wording(rng, &words, category)
        }
        Ask::Contents { receptacle } => {
            let words = ["what is {}", "what do you see {}", "what stands {}"];
            wording(rng, &words, &at(receptacle))
        }
        Ask::Largest { receptacle } => {
            let words = ["what is the largest thing {}", "what is the biggest thing {}"];
            wording(rng, &words, &at(receptacle))
        }
        Ask::Tool { purpose, thing } => {
            let words = ["what can i use to {}", "what do i need to {}", "what could i use to {}"];
            let purpose = purpose.replace("{}", thing.as_deref().unwrap_or_default());
            wording(rng, &words, &purpose)
        }
        Ask::Side { category } => {
            let words = ["which way is the {}", "which way to the {}", "on which side is the {}"];
            wording(rng, &words, category)
        }
    }
}

/// `number` questions about `facts`, told from `frame`; fewer where there are not so many. What
/// `balance` finds foreseeable comes rarely, and so do kinds of which there is nothing else. Where
/// nothing was counted, kinds and the answers of a kind come equally often. Yes and no always do.
pub fn questions(
    facts: &SceneFacts,
    frame: PairFrame,
    balance: &Balance,
    number: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<Pair> {
    let mut by_kind: BTreeMap<QuestionKind, Vec<(f64, Candidate)>> = BTreeMap::new();
    for candidate in candidates(facts, frame) {
        let weight = balance.weight(&candidate.key(facts.room, frame), &candidate.answer);
        by_kind.entry(candidate.kind).or_default().push((weight, candidate));
    }
    let mut pairs = Vec::with_capacity(number);
    while pairs.len() < number {
        let worth = |left: &[(f64, Candidate)]| left.iter().map(|(w, _)| w).sum::<f64>().min(1.0);
        let kinds: Vec<(QuestionKind, f64)> =
            by_kind.iter().map(|(kind, left)| (*kind, worth(left))).collect();
        // None is left that is worth anything.
        let Ok((kind, _)) = kinds.choose_weighted(rng, |(_, worth)| *worth) else { break };
        let drawn = by_kind.get_mut(kind).and_then(|left| draw(left, balance.is_empty(), rng));
        let Some(Candidate { ask, answer, ids, .. }) = drawn else { break };
        let pair = Pair::new(PairKind::Question, frame, worded(&ask, rng), answer, ids);
        pairs.push(Pair { question: Some(*kind), ..pair });
    }
    pairs
}

/// Takes one of the candidates by weight; where answers are to come equally often, an answer first.
fn draw(left: &mut Vec<(f64, Candidate)>, equally: bool, rng: &mut Pcg64Mcg) -> Option<Candidate> {
    let mut answers: Vec<&str> = left.iter().map(|(_, one)| one.answer.as_str()).collect();
    answers.sort_unstable();
    answers.dedup();
    let by_answer = equally || answers.iter().all(|answer| ["yes", "no"].contains(answer));
    let answer = answers.choose(rng).filter(|_| by_answer).map(|answer| (*answer).to_string());
    let fits = |candidate: &Candidate| answer.as_ref().is_none_or(|one| *one == candidate.answer);
    let among = left.iter().enumerate().filter(|(_, (_, candidate))| fits(candidate));
    let among: Vec<(usize, f64)> = among.map(|(at, (weight, _))| (at, *weight)).collect();
    let (at, _) = *among.choose_weighted(rng, |(_, weight)| *weight).ok()?;
    Some(left.swap_remove(at).1)
}

/// A question that leads on from a thing that was spoken of, with "it" for the thing.
pub(super) fn about_it(
    facts: &SceneFacts,
    thing: &ObjectFact,
    rng: &mut Pcg64Mcg,
) -> Option<[String; 2]> {
    let of_it: Vec<Candidate> = candidates(facts, PairFrame::Scene)
        .into_iter()
        .filter(|candidate| match &candidate.ask {
            Ask::Color { category } | Ask::Beside { category } => *category == thing.category,
            Ask::State { category, only, .. } => *only && *category == thing.category,
            _ => false,
        })
        .collect();
    let candidate = of_it.choose(rng)?;
    let asked = worded(&candidate.ask, rng).replace(&format!("the {}", thing.category), "it");
    Some([asked, candidate.answer.clone()])
}

/// Whether a coin falls on its head.
pub(super) fn coin(rng: &mut Pcg64Mcg) -> bool {
    rng.random_bool(0.5)
}

/// One of two wordings of politeness, or none.
pub(super) fn politely(rng: &mut Pcg64Mcg, request: &str) -> String {
    format!("{}{request}", one_of(rng, &["", "please ", "can you ", "could you "]))
}
