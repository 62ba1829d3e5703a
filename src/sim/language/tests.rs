//! Pairs over many homes: that they are true, that all kinds come, that answers cannot be foreseen.

use super::*;
use crate::learn::read_alfred_tasks;
use crate::sim::household::{World, alfred_world, household, is_portable};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const HOMES: u64 = 12;

fn rng(seed: u64) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(seed)
}

fn states(seed: u64, number: usize) -> Vec<World> {
    let (home, mut rng) = (household(seed).unwrap(), rng(seed));
    (0..number).map(|_| varied(&home, &mut rng)).collect()
}

/// What was counted over homes other than those that are asked about.
fn balance() -> Balance {
    let mut balance = Balance::default();
    for world in (100..130).flat_map(|seed| states(seed, 2)) {
        balance.add(&world).unwrap();
    }
    balance
}

fn all_pairs(mix: &PairMix, balance: &Balance, homes: u64) -> (Vec<Pair>, CheckReport) {
    let (mut all, mut report) = (Vec::new(), CheckReport::default());
    for seed in 0..homes {
        for world in states(seed, 3) {
            let (made, of_world) = pairs(&world, mix, balance, &mut rng(seed)).unwrap();
            all.extend(made);
            report.add(&of_world);
        }
    }
    (all, report)
}

#[test]
fn scattered_things_stand_where_nothing_of_their_kind_usually_does() {
    let home = household(3).unwrap();
    let place = |world: &World, id| {
        world.holder(id).map(|holder| world.home().entity(holder).unwrap().category)
    };
    let things: Vec<u32> =
        home.home().entities.iter().filter(|e| is_portable(e.category)).map(|e| e.id).collect();
    let mut scattered = home.clone();
    scatter(&mut scattered, 0.0, &mut rng(1));
    assert!(things.iter().all(|id| scattered.holder(*id) == home.holder(*id)));
    scatter(&mut scattered, 1.0, &mut rng(1));
    let moved = things.iter().filter(|id| scattered.holder(**id) != home.holder(**id)).count();
    assert!(2 * moved > things.len(), "{moved} of {}", things.len());
    let usual: BTreeSet<_> = things.iter().map(|id| place(&home, *id)).collect();
    let now: BTreeSet<_> = things.iter().map(|id| place(&scattered, *id)).collect();
    assert!(!now.is_subset(&usual), "{now:?}");
}

#[test]
fn every_kind_is_made_and_little_is_rejected() {
    let mix = PairMix { decompositions: 1, ..PairMix::default() };
    let (pairs, report) = all_pairs(&mix, &Balance::default(), HOMES);
    if std::env::var_os("SHOW_PAIRS").is_some() {
        for pair in pairs.iter().take(400) {
            println!(
                "{} {:?} {:?} | {:?} {} -> {}",
                pair.kind.name(),
                pair.question,
                pair.frame,
                pair.turns,
                pair.prompt,
                pair.answer.replace('\n', " / ")
            );
        }
        println!("{report:#?}");
    }
    for kind in PairKind::ALL {
        let kept = report.kept.get(&kind).copied().unwrap_or_default();
        let rejected: usize = report.rejected.get(&kind).into_iter().flat_map(|r| r.values()).sum();
        assert!(kept > 2 * rejected && kept >= 10, "{kind:?}: {kept} kept, {rejected} not");
    }
    let asked: BTreeSet<_> = pairs.iter().filter_map(|pair| pair.question).collect();
    assert_eq!(asked.len(), QuestionKind::ALL.len());
}

#[test]
fn a_seed_decides_the_pairs() {
    let world = &states(3, 1)[0];
    let mix = PairMix::default();
    let of = |seed| pairs(world, &mix, &Balance::default(), &mut rng(seed)).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1).0, of(2).0);
}

#[test]
fn what_is_said_is_false_of_other_homes() {
    let [here, elsewhere] = [3, 8].map(|seed| SceneFacts::of_world(&household(seed).unwrap()));
    let world = household(3).unwrap();
    let mix = PairMix { questions: [60, 0], object_captions: [20, 0], ..PairMix::default() };
    let (pairs, _) = pairs(&world, &mix, &Balance::default(), &mut rng(1)).unwrap();
    let scene = pairs.iter().filter(|pair| pair.frame == PairFrame::Scene);
    let told: Vec<&Pair> = scene.filter(|pair| pair.kind != PairKind::Navigation).collect();
    assert!(told.iter().all(|pair| check(pair, &here).is_ok()));
    let false_there = told.iter().filter(|pair| check(pair, &elsewhere).is_err()).count();
    assert!(3 * false_there > told.len(), "{false_there} of {}", told.len());
}

/// Shares of questions, by kind, that the usual answer to each question, counted on other homes,
/// answers.
fn blind_shares(balance: &Balance) -> BTreeMap<QuestionKind, f64> {
    let mix = PairMix { questions: [24, 0], ..PairMix::default() };
    // What a reader can know who sees nothing: how each question was answered elsewhere.
    let mut usual: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for seed in 200..260 {
        for world in states(seed, 2) {
            let (made, _) = pairs(&world, &mix, balance, &mut rng(seed)).unwrap();
            for pair in made.into_iter().filter(|pair| pair.kind == PairKind::Question) {
                *usual.entry(pair.prompt).or_default().entry(pair.answer).or_default() += 1;
            }
        }
    }
    let mut right: BTreeMap<QuestionKind, (usize, usize)> = BTreeMap::new();
    for seed in 0..40 {
        for world in states(seed, 2) {
            let (made, _) = pairs(&world, &mix, balance, &mut rng(seed)).unwrap();
            for pair in made {
                let Some(kind) = pair.question else { continue };
                let answers = usual.get(&pair.prompt);
                let guess = answers.and_then(|a| a.iter().max_by_key(|(_, n)| **n));
                let (hits, all) = right.entry(kind).or_default();
                *hits += usize::from(guess.is_some_and(|(answer, _)| *answer == pair.answer));
                *all += 1;
            }
        }
    }
    right.into_iter().map(|(kind, (hits, all))| (kind, hits as f64 / all as f64)).collect()
}

#[test]
fn answers_cannot_be_foreseen() {
    let balanced = blind_shares(&balance());
    if std::env::var_os("SHOW_PAIRS").is_some() {
        println!("blind: {balanced:#?}");
    }
    // All that is unknown has one answer; whether it is is what a reader must see.
    let others = balanced.iter().filter(|(kind, _)| **kind != QuestionKind::Unknown);
    let others: Vec<f64> = others.map(|(_, share)| *share).collect();
    let mean = others.iter().sum::<f64>() / others.len() as f64;
    assert!(mean < 0.45, "{balanced:?}");
    let yes_no = balanced[&QuestionKind::Existence];
    assert!((0.3..0.65).contains(&yes_no), "{balanced:?}");
}

#[test]
fn yes_and_no_are_as_likely() {
    let mix = PairMix { questions: [30, 0], ..PairMix::default() };
    let (pairs, _) = all_pairs(&mix, &balance(), HOMES);
    for kind in [QuestionKind::Existence, QuestionKind::State] {
        let of_kind = pairs.iter().filter(|pair| pair.question == Some(kind));
        let answers: Vec<&str> = of_kind.map(|pair| pair.answer.as_str()).collect();
        let yes = answers.iter().filter(|answer| **answer == "yes").count();
        let share = yes as f64 / answers.len() as f64;
        assert!((0.4..0.6).contains(&share), "{kind:?}: {share} of {}", answers.len());
    }
    let counts: BTreeSet<_> = pairs
        .iter()
        .filter(|pair| pair.question == Some(QuestionKind::Count))
        .map(|pair| pair.answer.as_str())
        .collect();
    assert!(counts.len() >= 3, "{counts:?}");
}

#[test]
fn homes_of_alfred_are_spoken_of_too() {
    let data = Path::new("../shared/data/alfred/valid_seen.jsonl.gz");
    if !data.exists() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let tasks = read_alfred_tasks(data, &[]).unwrap();
    let (mut rooms, mut report) = (BTreeSet::new(), CheckReport::default());
    for task in tasks.iter().step_by(tasks.len() / 24) {
        let Ok(world) = alfred_world(&task.home, 1) else { continue };
        rooms.insert(SceneFacts::of_world(&world).room);
        let (_, of_home) =
            pairs(&world, &PairMix::default(), &Balance::default(), &mut rng(1)).unwrap();
        report.add(&of_home);
        let view = SceneFacts::in_view(&world, &world.robot().world_T_camera()).unwrap();
        for goal in &task.goals {
            report.take(&state_description(&view, goal), &view);
        }
    }
    if std::env::var_os("SHOW_PAIRS").is_some() {
        println!("{rooms:?} {report:#?}");
    }
    assert!(rooms.len() >= 3, "{rooms:?}");
    assert!(report.kept() > 500 && report.kept() > 9 * report.rejected(), "{report:?}");
}

#[test]
fn what_was_true_is_false_once_the_scene_has_changed() {
    let mut world = household(3).unwrap();
    let facts = SceneFacts::of_world(&world);
    let to = world.named("garbagecan").next().unwrap().id;
    // Once there, in the open, and small enough for the bin.
    let mut things = facts.objects.iter().filter(|fact| {
        is_portable(&fact.category)
            && facts.only(&fact.category).is_some()
            && facts.holder(fact).is_some_and(|holder| holder.id() != to)
    });
    let thing = things.find(|fact| world.displace(fact.id(), to).is_ok()).unwrap();
    let before = facts.place(thing).unwrap();
    let changed = SceneFacts::of_world(&world);
    let question = format!("where is the {}", thing.category);
    let holds = |answer: &str, facts: &SceneFacts| {
        let pair = Pair::new(PairKind::Question, PairFrame::Scene, &question, answer, vec![]);
        check(&pair, facts).is_ok()
    };
    assert!(holds(&before, &facts) && !holds(&before, &changed));
    assert!(holds("in the garbagecan", &changed) && !holds("in the garbagecan", &facts));
}

#[test]
fn state_descriptions_are_true_for_whatever_goal() {
    let mut told = 0;
    for world in (0..HOMES).flat_map(|seed| states(seed, 3)) {
        let view = SceneFacts::in_view(&world, &world.robot().world_T_camera()).unwrap();
        for goal in ["Put a clean mug on the shelf.", "Slice the bread and heat it.", "Tidy up."] {
            let pair = state_description(&view, goal);
            check(&pair, &view).unwrap_or_else(|fault| panic!("{fault}: {}", pair.answer));
            told += pair.ids.len();
        }
    }
    assert!(told > 100, "{told}");
}
