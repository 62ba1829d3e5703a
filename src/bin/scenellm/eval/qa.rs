//! `scenellm eval qa`: questions about homes that were looked at.

use super::change;
use super::eyes::{HomeEyes, Look};
use super::homes::{HomeSource, worlds};
use super::measurement::Measurement;
use super::runs::{Known, Runs};
use super::table::{Table, scored, share, tell_left_out, write_json};
use crate::{Outcome, paths};
use anyhow::{Context, ensure};
use clap::Args;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{Ablation, AnswerEvaluation, answers_match};
use scenellm::sim::household::World;
use scenellm::sim::language::{Balance, Pair, PairFrame, PairKind, PairMix, QuestionKind, pairs};
use scenellm::tasks::{About, GoalPlanner, Inquiry};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Ask about homes that were looked at, and compare the answers with the truth.
///
/// Reports exact match of the answers, but for case, articles and punctuation, over all questions and
/// by kind, with bootstrap 95 % intervals (floor plans are drawn), beside the blind twin. Questions are
/// chosen so that their usual answer is right no more often than another one. With `--change`
/// something is moved or put away behind the robot's back instead; it looks again, and is asked
/// again where the thing is.
#[derive(Args)]
pub struct Qa {
    #[command(flatten)]
    measurement: Measurement,
    /// Questions about each home, and about the view before the robot in it.
    #[arg(long, num_args = 2, value_names = ["SCENE", "VIEW"], default_values_t = [16, 8])]
    questions: Vec<usize>,
    /// Ask where things are that are moved or put away between two looks.
    #[arg(long)]
    change: bool,
    /// What to take away in further runs: no_ego, no_update, no_position, frame_only, half_tokens,
    /// no_list, no_tokens; no_update with `--change` only. Without the list of objects the model
    /// alone answers; without 3D tokens the list does, and the model guesses what that cannot tell.
    #[arg(long, value_delimiter = ',')]
    ablate: Vec<Ablation>,
    /// Write the scores as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct QaReport {
    model: String,
    eyes: Look,
    homes: usize,
    left_out: BTreeMap<String, usize>,
    /// Scores by what was taken away; `seeing` has everything. Where there is no list of objects,
    /// nothing that the model says is checked against it either.
    runs: BTreeMap<&'static str, AnswerEvaluation>,
    /// What it answered wrongly with everything.
    missed: Vec<Miss>,
}

/// A question that was answered wrongly.
#[derive(Serialize)]
struct Miss {
    home: String,
    kind: QuestionKind,
    about: PairFrame,
    question: String,
    expected: String,
    said: String,
}

/// A question in a home, and what was answered in each run.
struct Asked {
    home: String,
    floor_plan: String,
    pair: Pair,
    said: Vec<String>,
}

impl Qa {
    /// Asks and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let still = "nothing changes between a look and an answer; give --change";
        let idle = (!self.change).then_some((Ablation::NoUpdate, still));
        let runs = Runs::new(&self.ablate, idle.as_slice())?;
        let (sources, eyes, model) = self.measurement.open()?;
        if self.change {
            let measurement = &self.measurement;
            let (scores, bars) = change::measure(measurement, &sources, &eyes, &runs, model)?;
            measurement.draw("where things are, before and after a change", bars)?;
            write_json(self.json.as_deref(), &scores)?;
            return Ok(Outcome::Done);
        }
        let (homes, left_out) = worlds(&sources);
        let balance = balance(&homes)?;
        let asked =
            self.measurement.each("looking and asking", &homes, |planner, (source, world)| {
                self.ask(planner, &eyes, source, world, &balance, &runs)
            })?;
        let asked: Vec<Asked> = asked.into_iter().flatten().collect();
        ensure!(!asked.is_empty(), "there is nothing to ask about in these homes");
        let by_run = runs.each().enumerate().map(|(at, run)| {
            let said = asked.iter().filter_map(|one| one.in_run(at));
            (Runs::name(run), AnswerEvaluation::new(said))
        });
        let seeing = runs.each().position(|run| run.is_none());
        let report = QaReport {
            model,
            eyes: eyes.look(),
            homes: homes.len(),
            left_out,
            runs: by_run.collect(),
            missed: asked.iter().filter_map(|one| one.missed(seeing?)).collect(),
        };
        let mut out = std::io::stdout().lock();
        table(&report.runs).print(&mut out)?;
        writeln!(out, "{}: {} homes", report.model, report.homes)?;
        tell_left_out(&mut out, &report.left_out)?;
        let bars = report.runs.iter().enumerate().flat_map(|(group, (run, scores))| {
            let all = scored(*run, group, scores.all.exact_match, scores.all.exact_match_ci95);
            let kinds = scores.per_kind.iter().map(move |(kind, one)| {
                let name = format!("{run}: {}", kind.name());
                scored(name, group, one.exact_match, one.exact_match_ci95)
            });
            std::iter::once(all).chain(kinds)
        });
        let title = format!("{}: exact match of answers", report.model);
        self.measurement.draw(&title, bars.collect())?;
        write_json(self.json.as_deref(), &report)?;
        Ok(Outcome::Done)
    }

    /// Asks all questions about a home in every run.
    fn ask(
        &self,
        planner: &mut GoalPlanner,
        eyes: &HomeEyes,
        source: &HomeSource,
        world: &World,
        balance: &Balance,
        runs: &Runs,
    ) -> anyhow::Result<Vec<Asked>> {
        let seen = eyes.open(world.clone(), source.number())?;
        let left = runs.left(&seen.known()?);
        // What is asked about the view is asked where the robot stands after its tour.
        let mix = PairMix {
            questions: [0, 1].map(|at| self.questions.get(at).copied().unwrap_or(0)),
            ..NOTHING
        };
        let mut rng = Pcg64Mcg::seed_from_u64(source.number());
        let (asked, _) = pairs(seen.world(), &mix, balance, &mut rng)?;
        let mind = planner.mind().context("the model cannot answer")?;
        let mut all = Vec::new();
        for pair in asked.into_iter().filter(|pair| pair.kind == PairKind::Question) {
            let about = match pair.frame {
                PairFrame::Ego => About::Frame,
                PairFrame::Scene => About::Scene,
            };
            let mut said = Vec::new();
            for Known { view, objects } in &left {
                let (words, view) = (pair.prompt.as_str(), view.as_ref());
                let inquiry = Inquiry { words, turns: None, about, view, objects };
                said.push(mind.answer(&inquiry, &mut |_| true)?.words);
            }
            let (home, floor_plan) = (source.name(), source.floor_plan());
            all.push(Asked { home, floor_plan, pair, said });
        }
        Ok(all)
    }
}

impl Asked {
    /// The floor plan, the question, and what was answered in a run.
    fn in_run(&self, run: usize) -> Option<(&str, &Pair, &str)> {
        Some((&self.floor_plan, &self.pair, self.said.get(run)?))
    }

    /// What was answered wrongly in a run; `None` where it was right.
    fn missed(&self, run: usize) -> Option<Miss> {
        let (_, pair, said) = self.in_run(run)?;
        let miss = Miss {
            home: self.home.clone(),
            kind: pair.question?,
            about: pair.frame,
            question: pair.prompt.clone(),
            expected: pair.answer.clone(),
            said: said.to_owned(),
        };
        (!answers_match(said, &miss.expected)).then_some(miss)
    }
}

/// A mix without any pairs.
const NOTHING: PairMix = PairMix {
    dense_captions: [0, 0],
    object_captions: [0, 0],
    decompositions: 0,
    functionalities: 0,
    questions: [0, 0],
    dialogues: 0,
    state_descriptions: 0,
    navigations: [0, 0],
};

/// How often each question is answered how in these homes.
pub fn balance(homes: &[(&HomeSource, World)]) -> anyhow::Result<Balance> {
    let mut balance = Balance::default();
    for (_, world) in homes {
        balance.add(world)?;
    }
    Ok(balance)
}

fn table(runs: &BTreeMap<&'static str, AnswerEvaluation>) -> Table {
    let names: Vec<&str> = runs.keys().copied().collect();
    let columns: Vec<&str> = std::iter::once("questions").chain(names).collect();
    let mut table = Table::new(&columns);
    let kinds = runs.values().next().map(|one| one.per_kind.keys().copied().collect::<Vec<_>>());
    for kind in kinds.unwrap_or_default() {
        let of = |one: &AnswerEvaluation| one.per_kind.get(&kind).copied();
        row(&mut table, kind.name(), runs.values().filter_map(of));
    }
    row(&mut table, "all", runs.values().map(|one| one.all));
    table
}

fn row(table: &mut Table, name: &str, scores: impl Iterator<Item = scenellm::learn::AnswerScores>) {
    let mut cells = Vec::new();
    for scores in scores {
        if cells.is_empty() {
            cells.push(scores.n.to_string());
        }
        cells.push(share(scores.exact_match, scores.exact_match_ci95));
    }
    table.row(name, cells);
}
