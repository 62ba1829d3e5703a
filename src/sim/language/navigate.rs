//! Instructions to go somewhere, each with a program that leads there and the way it takes.
//!
//! From the scene, a program names the things to go to and a follower finds the way on the map. From
//! the present view, it is motions: the model has to see where the thing is.

use super::facts::{ObjectFact, SceneFacts};
use super::pair::{Pair, PairFrame, PairKind, Route};
use super::words::{listed, one_of, wording};
use crate::planner::follow::{InstructionStep, program_text};
use crate::scene::MapObject;
use crate::sim::household::{STEP_M, Stance, World};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::{FRAC_PI_4, PI};

/// What is passed is no farther from the way, metres.
pub(super) const PAST_M: f64 = 0.8;
/// Longest program of motions.
const MOST_MOTIONS: usize = 10;
/// Most motions that are told in words.
const MOST_TOLD: usize = 5;
/// Shortest way that is worth an instruction, metres.
const SHORTEST_M: f64 = 0.75;

/// `number` instructions from the scene, in which things of a class are gone to as a follower does:
/// the nearest one.
pub fn navigations(
    world: &World,
    facts: &SceneFacts,
    number: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<Pair> {
    let goals = goals(world, facts, number, rng);
    let pair = |(fact, route): (&ObjectFact, Vec<Stance>)| {
        let told = match rng.random_range(0..5) {
            0 | 1 => past(facts, fact, &route, rng),
            2 => by_neighbour(facts, fact, &route, rng),
            3 => by_motions(&route),
            _ => None,
        };
        told.unwrap_or_else(|| plainly(fact, &route, rng))
    };
    goals.into_iter().map(pair).collect()
}

/// `number` instructions to things in the present view, answered by motions.
pub fn ego_navigations(
    world: &World,
    view: &SceneFacts,
    number: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (fact, route) in goals(world, view, number, rng) {
        let steps = motions(&route);
        if steps.len() <= MOST_MOTIONS {
            let prompt = go_to(&fact.category, rng);
            pairs.push(pair(PairFrame::Ego, prompt, &steps, vec![fact.id()], &route));
        }
    }
    pairs
}

/// Things to go to, of `number` classes, each the one with the shortest way of its class, and the
/// ways.
fn goals<'a>(
    world: &World,
    facts: &'a SceneFacts,
    number: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<(&'a ObjectFact, Vec<Stance>)> {
    if number == 0 {
        return Vec::new();
    }
    let mut classes = facts.categories();
    classes.shuffle(rng);
    classes.truncate(number);
    let of_classes = facts.objects.iter().filter(|fact| classes.contains(&fact.category.as_str()));
    let of_classes: Vec<&ObjectFact> = of_classes.collect();
    let objects: Vec<MapObject> = of_classes.iter().map(|fact| fact.object.clone()).collect();
    let mut nearest: Vec<(&ObjectFact, Vec<Stance>)> = Vec::new();
    for (fact, route) in of_classes.into_iter().zip(world.routes(&objects)) {
        let Some(route) = route else { continue };
        match nearest.iter_mut().find(|(other, _)| other.category == fact.category) {
            Some(known) if length_m(&known.1) > length_m(&route) => *known = (fact, route),
            Some(_) => {}
            None => nearest.push((fact, route)),
        }
    }
    nearest.retain(|(_, route)| length_m(route) >= SHORTEST_M);
    nearest
}

fn go_to(name: &str, rng: &mut Pcg64Mcg) -> String {
    const WORDS: [&str; 6] = [
        "go to the {}",
        "walk to the {} and stop",
        "drive to the {}",
        "head to the {} and stop there",
        "move over to the {}",
        "go and stand before the {}",
    ];
    wording(rng, &WORDS, name)
}

fn plainly(fact: &ObjectFact, route: &[Stance], rng: &mut Pcg64Mcg) -> Pair {
    let steps = [InstructionStep::GoTo(fact.category.clone()), InstructionStep::Stop];
    pair(PairFrame::Scene, go_to(&fact.category, rng), &steps, vec![fact.id()], route)
}

/// "turn left, go forward 1.5 m and stop": the way in so many words.
fn by_motions(route: &[Stance]) -> Option<Pair> {
    let steps = motions(route);
    let said: Vec<String> = program_text(&steps).lines().map(str::to_string).collect();
    let is_short = steps.len() <= MOST_TOLD;
    is_short.then(|| pair(PairFrame::Scene, listed(&said), &steps, vec![], route))
}

/// "walk past the table to the fridge": where something stands beside the way.
fn past(
    facts: &SceneFacts,
    fact: &ObjectFact,
    route: &[Stance],
    rng: &mut Pcg64Mcg,
) -> Option<Pair> {
    let passed: Vec<&ObjectFact> = facts
        .objects
        .iter()
        .filter(|other| other.category != fact.category && other.holder.is_none())
        .filter(|other| facts.only(&other.category).is_some() && is_passed(other, route))
        .collect();
    let passed = *passed.choose(rng)?;
    let walk = one_of(rng, &["walk", "go", "drive", "move"]);
    let (by, to) = (&passed.category, &fact.category);
    let prompt = format!("{walk} past the {by} to the {to} and stop");
    let steps = [by, to].map(|name| InstructionStep::GoTo(name.clone()));
    let steps = [&steps[..], &[InstructionStep::Stop]].concat();
    Some(pair(PairFrame::Scene, prompt, &steps, vec![passed.id(), fact.id()], route))
}

/// Whether a way leads along a thing before it ends.
fn is_passed(fact: &ObjectFact, route: &[Stance]) -> bool {
    let middle = route.len() / 4..(3 * route.len()).div_ceil(4);
    let gap = |stance: &Stance| super::route::gap_m(fact, stance.xy_m.into());
    route.get(middle).is_some_and(|middle| middle.iter().any(|stance| gap(stance) <= PAST_M))
}

/// "go to the thing next to the toaster": only who sees the scene knows which that is.
fn by_neighbour(
    facts: &SceneFacts,
    fact: &ObjectFact,
    route: &[Stance],
    rng: &mut Pcg64Mcg,
) -> Option<Pair> {
    let neighbours: Vec<&ObjectFact> = facts
        .objects
        .iter()
        .filter(|other| facts.only(&other.category).is_some())
        .filter(|other| facts.nearest(other).is_some_and(|near| near.category == fact.category))
        .collect();
    let neighbour = *neighbours.choose(rng)?;
    facts.only(&fact.category)?;
    let prompt = go_to(&format!("thing next to the {}", neighbour.category), rng);
    let steps = [InstructionStep::GoTo(fact.category.clone()), InstructionStep::Stop];
    Some(pair(PairFrame::Scene, prompt, &steps, vec![neighbour.id(), fact.id()], route))
}

fn pair(
    frame: PairFrame,
    prompt: String,
    steps: &[InstructionStep],
    ids: Vec<u32>,
    route: &[Stance],
) -> Pair {
    let start_yaw_rad = route.first().map_or(0.0, Stance::yaw_rad);
    let mut path_m: Vec<[f64; 2]> = route.iter().map(|stance| stance.xy_m.into()).collect();
    // Turns on the spot are no way.
    path_m.dedup();
    let route = Some(Route { start_yaw_rad, path_m });
    Pair { route, ..Pair::new(PairKind::Navigation, frame, prompt, program_text(steps), ids) }
}

/// The motions between the stances of a way, and a stop.
fn motions(route: &[Stance]) -> Vec<InstructionStep> {
    let mut steps = Vec::new();
    let (mut turn_rad, mut forward_m) = (0.0, 0.0);
    let flush = |turn_rad: &mut f64, forward_m: &mut f64, steps: &mut Vec<InstructionStep>| {
        if *turn_rad != 0.0 {
            steps.push(InstructionStep::Turn(std::mem::take(turn_rad)));
        }
        if *forward_m > 0.0 {
            steps.push(InstructionStep::Forward(std::mem::take(forward_m)));
        }
    };
    for (from, to) in route.iter().zip(route.iter().skip(1)) {
        let eighths = (to.heading + 8 - from.heading) % 8;
        if eighths == 0 {
            forward_m += STEP_M;
        } else {
            if forward_m > 0.0 {
                flush(&mut turn_rad, &mut forward_m, &mut steps);
            }
            let left = if eighths > 4 { f64::from(eighths) - 8.0 } else { f64::from(eighths) };
            turn_rad += left * FRAC_PI_4;
            if turn_rad > PI {
                turn_rad -= 2.0 * PI;
            } else if turn_rad < -PI {
                turn_rad += 2.0 * PI;
            }
        }
    }
    flush(&mut turn_rad, &mut forward_m, &mut steps);
    steps.push(InstructionStep::Stop);
    steps
}

fn length_m(route: &[Stance]) -> f64 {
    route.iter().zip(route.iter().skip(1)).map(|(a, b)| (a.xy_m - b.xy_m).norm()).sum()
}
