//! A request to do something with the thing that was spoken of, what is asked of the plan for it, and
//! thanks.

use super::check::check;
use super::facts::{ObjectFact, SceneFacts};
use super::pair::{Pair, PairFrame, PairKind};
use super::question::politely;
use super::turn::{TalkTurn, TurnKind};
use super::words::{all_categories, one_of};
use crate::sim::household::{
    Action, Command, Task, TaskKind, World, expert_plan, is_portable, may_be_cleaned,
    may_be_cooled, may_be_heated, spoken,
};
use crate::tasks::{SpokenStep, acts_in_words, preposition};
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;

/// Tasks that are drawn before there is none.
const DRAWS: usize = 8;
/// Questions about the plan before any of it is done.
const QUESTIONS: usize = 2;

/// What is done with a thing on its way, the word for it, and whether it may be done.
type Treatment = (TaskKind, &'static str, fn(&str) -> bool);

const TREATMENTS: [Treatment; 4] = [
    (TaskKind::PickAndPlaceSimple, "put", is_portable),
    (TaskKind::PickCleanThenPlaceInRecep, "wash", may_be_cleaned),
    (TaskKind::PickHeatThenPlaceInRecep, "heat", may_be_heated),
    (TaskKind::PickCoolThenPlaceInRecep, "cool", may_be_cooled),
];

/// The turns of a request about `thing`; `None` where the expert finds nothing to do with it.
pub(super) fn errand(
    world: &World,
    facts: &SceneFacts,
    thing: &ObjectFact,
    rng: &mut Pcg64Mcg,
) -> Option<Vec<TalkTurn>> {
    let holder = facts.holder(thing)?;
    let mut places: Vec<&str> = world
        .home()
        .entities
        .iter()
        .filter(|entity| world.is_receptacle(entity) && !is_portable(entity.category))
        .map(|entity| entity.category)
        .filter(|name| *name != holder.category && all_categories().any(|known| known == *name))
        .collect();
    places.sort_unstable();
    places.dedup();
    (0..DRAWS).find_map(|_| {
        let (kind, verb, may) = *TREATMENTS.choose(rng)?;
        let place = *places.choose(rng)?;
        let steps = may(&thing.category).then(|| steps(world, thing, kind, place)).flatten()?;
        turns(facts, thing, verb, place, &steps, rng)
    })
}

/// The steps of the expert that bring a thing to a place, treated as the kind of task asks for.
fn steps(
    world: &World,
    thing: &ObjectFact,
    kind: TaskKind,
    place: &str,
) -> Option<Vec<SpokenStep>> {
    let task = Task {
        kind,
        object: thing.category.clone(),
        is_sliced: false,
        receptacle: place.to_owned(),
        movable: String::new(),
        lamp: String::new(),
    };
    let run = expert_plan(world, &task).ok().filter(|run| task.is_met(&run.world))?;
    let taken = run.commands.iter().find(|command| command.action == Action::PickupObject)?;
    let is_it = taken.targets.first()?.believed.as_ref().is_some_and(|one| one.id.0 == thing.id());
    is_it.then(|| run.commands.iter().map(Command::spoken).collect())
}

fn turns(
    facts: &SceneFacts,
    thing: &ObjectFact,
    verb: &str,
    place: &str,
    steps: &[SpokenStep],
    rng: &mut Pcg64Mcg,
) -> Option<Vec<TalkTurn>> {
    let there = format!("{} the {}", preposition(place), spoken(place));
    let request = |name: &str| match verb {
        "put" => format!("put {name} {there}"),
        _ => format!("{verb} {name} and put it {there}"),
    };
    let goal = request(&format!("the {}", thing.category));
    let clauses: Vec<String> = acts_in_words(steps).into_iter().map(|act| act.words).collect();
    let [first, second, ..] = &clauses[..] else { return None };
    let plan = clauses.join(", ");
    let pair = Pair::new(PairKind::TaskDecomposition, PairFrame::Scene, &goal, &plan, Vec::new());
    check(&pair, facts).ok()?;

    let goes = Action::GotoLocation.name();
    let acts = steps.iter().filter(|step| step.action != goes).cloned().collect();
    let said = politely(rng, &request("it"));
    let reply = format!("i {plan}");
    let mut turns = vec![TalkTurn { acts, ..TalkTurn::new(TurnKind::Request, said, &goal, reply) }];
    let about_plan: [(&[&str], String); 3] = [
        (&["what are you doing", "what are you doing now"], format!("i {first}")),
        (&["what is next", "what comes next", "what will you do next"], format!("i {second}")),
        (&["why", "what is the goal", "why are you doing that"], format!("the goal is {goal}")),
    ];
    for (words, reply) in about_plan.choose_multiple(rng, QUESTIONS).cloned().collect::<Vec<_>>() {
        let said = one_of(rng, words);
        turns.push(TalkTurn::new(TurnKind::Plan, said, said, reply));
    }
    let said = one_of(rng, &["what is left", "what is left to do"]);
    let left = format!("i {}", clauses[1..].join(", "));
    turns.push(TalkTurn { done: 1, ..TalkTurn::new(TurnKind::Plan, said, said, left) });
    let said = one_of(rng, &["thanks", "thank you"]);
    let thanked = TalkTurn::new(TurnKind::Courtesy, said, said, "you are welcome");
    turns.push(TalkTurn { done: 1, ..thanked });
    Some(turns)
}
