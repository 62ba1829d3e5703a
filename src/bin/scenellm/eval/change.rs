//! Where things are that were moved or put away between two looks.

use super::eyes::{HomeEyes, Look};
use super::homes::{HomeSource, worlds};
use super::measurement::Measurement;
use super::runs::{Known, Runs};
use super::table::{Table, scored, share, tell_left_out};
use anyhow::{Context, ensure};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{Ablation, AnswerEvaluation, answers_match};
use scenellm::report::Bar;
use scenellm::sim::household::{World, is_portable, opens};
use scenellm::sim::language::{Pair, PairFrame, PairKind, QuestionKind, SceneFacts};
use scenellm::tasks::{About, DO_NOT_KNOW, GoalPlanner, Inquiry};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// Examples of answers that are wrong after the change that are listed.
const LISTED: usize = 5;

/// What the test of changes comes to.
#[derive(Serialize)]
pub struct ChangeReport {
    model: String,
    eyes: Look,
    homes: usize,
    left_out: BTreeMap<String, usize>,
    /// Exact match before and after the change, by run.
    runs: BTreeMap<&'static str, BTreeMap<&'static str, AnswerEvaluation>>,
    /// What becomes of the answers that were right before the change, by run.
    old_answers: BTreeMap<&'static str, OldAnswers>,
    /// What the seeing model said in each home.
    examples: Vec<ChangeExample>,
}

/// Answers that were right before the change.
#[derive(Serialize, Default)]
struct OldAnswers {
    /// How many there are.
    right: usize,
    /// How many of them are given after the change as well, when they are wrong.
    kept: usize,
}

#[derive(Serialize, Clone)]
struct ChangeExample {
    home: String,
    question: String,
    done: String,
    /// Whether the map held something of its class then.
    in_map: [bool; 2],
    expected: [String; 2],
    said: [String; 2],
}

/// Asks in each home where a thing is, has it moved or put away, and asks again.
///
/// # Errors
///
/// When a home cannot be shown, the model fails, or in none of them anything can be moved.
pub fn measure(
    measurement: &Measurement,
    sources: &[HomeSource],
    eyes: &HomeEyes,
    runs: &Runs,
    model: String,
) -> anyhow::Result<(ChangeReport, Vec<Bar>)> {
    let (homes, mut left_out) = worlds(sources);
    let what = "looking, moving, looking again";
    let asked = measurement.each(what, &homes, |planner, (source, world)| {
        change_and_ask(planner, eyes, source, world, runs)
    })?;
    let without = asked.iter().filter(|asked| asked.is_none()).count();
    if without > 0 {
        left_out.insert("nothing in it can be moved out of doubt".into(), without);
    }
    let asked: Vec<Changed> = asked.into_iter().flatten().collect();
    ensure!(!asked.is_empty(), "in none of the homes can anything be moved");
    let by_run = runs.each().enumerate().map(|(at, run)| {
        let of = |time: usize| AnswerEvaluation::new(asked.iter().map(|one| one.in_run(at, time)));
        (Runs::name(run), BTreeMap::from([("before", of(0)), ("after", of(1))]))
    });
    let old_answers = runs.each().enumerate().map(|(at, run)| {
        let right: Vec<&Changed> = asked.iter().filter(|one| one.is_right(at, 0)).collect();
        let kept = right.iter().filter(|one| answers_match(&one.said[at][1], &one.said[at][0]));
        (Runs::name(run), OldAnswers { right: right.len(), kept: kept.count() })
    });
    let report = ChangeReport {
        model,
        eyes: eyes.look(),
        homes: asked.len(),
        left_out,
        runs: by_run.collect(),
        old_answers: old_answers.collect(),
        examples: asked.iter().map(Changed::example).collect(),
    };
    let mut out = std::io::stdout().lock();
    let mut table =
        Table::new(&["homes", "before", "after the change", "right before, said again"]);
    for (run, times) in &report.runs {
        let cell = |time: &str| {
            let scores = times.get(time).map(|scores| scores.all);
            scores.map_or_else(String::new, |all| share(all.exact_match, all.exact_match_ci95))
        };
        let OldAnswers { right, kept } = report.old_answers[run];
        let again = format!("{kept} of {right}");
        table.row(run, vec![report.homes.to_string(), cell("before"), cell("after"), again]);
    }
    table.print(&mut out)?;
    writeln!(out, "{}: {} homes", report.model, report.homes)?;
    for example in report.examples.iter().filter(|one| !one.is_reflected()).take(LISTED) {
        let ChangeExample { home, question, done, in_map, expected, said } = example;
        let known = in_map.map(|known| if known { "known" } else { "unknown" });
        writeln!(
            out,
            "{home}: {question} ({} before, {} after): {done}; said \"{}\", then \"{}\" instead of \"{}\"",
            known[0], known[1], said[0], said[1], expected[1]
        )?;
    }
    tell_left_out(&mut out, &report.left_out)?;
    let bars = report.runs.iter().enumerate().flat_map(|(group, (run, times))| {
        times.iter().rev().map(move |(time, scores)| {
            let all = scores.all;
            scored(format!("{run}, {time}"), group, all.exact_match, all.exact_match_ci95)
        })
    });
    let bars = bars.collect();
    Ok((report, bars))
}

/// A question asked before and after a change.
struct Changed {
    home: String,
    floor_plan: String,
    done: String,
    /// Whether the map held something of the class then.
    in_map: [bool; 2],
    /// With the true answers then.
    pairs: [Pair; 2],
    /// What was said then, by run.
    said: Vec<[String; 2]>,
}

impl Changed {
    /// The floor plan, the question with the answer that is true then, and what was said in a run.
    fn in_run(&self, run: usize, time: usize) -> (&str, &Pair, &str) {
        (&self.floor_plan, &self.pairs[time], &self.said[run][time])
    }

    /// Whether what was said in a run was true then.
    fn is_right(&self, run: usize, time: usize) -> bool {
        answers_match(&self.said[run][time], &self.pairs[time].answer)
    }

    fn example(&self) -> ChangeExample {
        ChangeExample {
            home: self.home.clone(),
            question: self.pairs[0].prompt.clone(),
            done: self.done.clone(),
            in_map: self.in_map,
            expected: self.pairs.each_ref().map(|pair| pair.answer.clone()),
            said: self.said.first().cloned().unwrap_or_default(),
        }
    }
}

impl ChangeExample {
    fn is_reflected(&self) -> bool {
        answers_match(&self.said[1], &self.expected[1])
    }
}

/// Asks where a thing is, has it moved or put away, and asks again after another look; `None` where
/// no thing of its class stands alone in the open.
fn change_and_ask(
    planner: &mut GoalPlanner,
    eyes: &HomeEyes,
    source: &HomeSource,
    world: &World,
    runs: &Runs,
) -> anyhow::Result<Option<Changed>> {
    let mut rng = Pcg64Mcg::seed_from_u64(source.number());
    let mut seen = eyes.open(world.clone(), source.number())?;
    let before = SceneFacts::of_world(seen.world());
    let alone: Vec<_> = before
        .objects
        .iter()
        .filter(|fact| is_portable(&fact.category) && before.only(&fact.category).is_some())
        .filter(|fact| seen.world().contents(fact.id()).next().is_none())
        .filter_map(|fact| Some((fact.id(), fact.category.clone(), before.place(fact)?)))
        .collect();
    let Some((thing, class, place)) = alone.choose(&mut rng).cloned() else { return Ok(None) };
    let hides = rng.random_bool(0.5);
    let holders = holders(seen.world(), thing, hides);
    let mut changed = seen.world().clone();
    let to = holders.iter().find(|holder| changed.displace(thing, **holder).is_ok());
    let Some(to) = to.copied() else { return Ok(None) };
    let after = SceneFacts::of_world(&changed);
    let answer = match after.objects.iter().find(|fact| fact.id() == thing) {
        Some(fact) => after.place(fact).unwrap_or_else(|| DO_NOT_KNOW.into()),
        None => DO_NOT_KNOW.into(),
    };
    let pair = |answer: String| Pair {
        kind: PairKind::Question,
        question: Some(QuestionKind::Place),
        frame: PairFrame::Scene,
        turns: Vec::new(),
        prompt: format!("where is the {class}"),
        answer,
        ids: vec![thing],
        route: None,
    };
    let name = changed.home().entity(to).map_or("place", |entity| entity.category);
    let done = if hides { format!("hidden in the {name}") } else { format!("moved to the {name}") };
    let pairs = [pair(place), pair(answer)];
    let first = seen.known()?;
    seen.look_again(|world| {
        // It had room a moment ago.
        let _ = world.displace(thing, to);
    })?;
    let second = seen.known()?;
    let mind = planner.mind().context("the model cannot answer")?;
    let mut ask = |Known { view, objects }: &Known| -> anyhow::Result<String> {
        let (words, view) = (pairs[0].prompt.as_str(), view.as_ref());
        let inquiry = Inquiry { words, turns: None, about: About::Scene, view, objects };
        Ok(mind.answer(&inquiry, &mut |_| true)?.words)
    };
    let mut said = Vec::new();
    for run in runs.each() {
        let later = if run == Some(Ablation::NoUpdate) { &first } else { &second };
        said.push([ask(&first.left(run))?, ask(&later.left(run))?]);
    }
    let in_map = [&first, &second].map(|known| known.objects.iter().any(|one| one.label == class));
    let (home, floor_plan) = (source.name(), source.floor_plan());
    Ok(Some(Changed { home, floor_plan, done, in_map, pairs, said }))
}

/// Receptacles of another class than where a thing is, farthest first: shut ones if it is to be
/// hidden, open ones if not.
fn holders(world: &World, thing: u32, hides: bool) -> Vec<u32> {
    let entity = |id: u32| world.home().entity(id);
    let place = |id: u32| entity(id).map(|one| one.world_T_entity.translation.vector);
    let now = world.holder(thing).and_then(entity).map(|one| one.category);
    let from = place(thing).unwrap_or_default();
    let apart = |id: u32| place(id).map_or(0.0, |at| (at - from).norm());
    let fits = |id: u32, category: &str| {
        let is_shut = opens(category) && !world.condition(id).is_open;
        Some(category) != now && is_shut == hides && !is_portable(category)
    };
    let entities = world.home().entities.iter().filter(|one| world.is_receptacle(one));
    let mut found: Vec<u32> =
        entities.filter(|one| fits(one.id, one.category)).map(|one| one.id).collect();
    found.sort_by(|a, b| apart(*b).total_cmp(&apart(*a)));
    found
}
