//! `scenellm eval dialogue`: talks of many turns about homes that were looked at.

mod robot;
mod score;

use super::eyes::{HomeEyes, Look};
use super::homes::{HomeSource, worlds};
use super::measurement::Measurement;
use super::qa::balance;
use super::runs::{Known, Runs};
use super::table::{Table, scored, share, tell_left_out, write_json};
use crate::{Outcome, paths};
use anyhow::ensure;
use clap::Args;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use robot::{Robot, Stand};
use scenellm::learn::Ablation;
use scenellm::sim::household::World;
use scenellm::sim::language::{Balance, TalkTurn, TurnKind, evaluation_dialogue};
use scenellm::tasks::GoalPlanner;
use score::{DialogueScores, Said, Share, is_right, talk};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Name of the run of the robot that knows everything but what was said before.
const FORGETFUL: &str = "forgetful";

/// Talk with the robot about homes that were looked at, and hold its replies against the truth.
///
/// A dialogue asks of the scene, mostly about "it", "and the plate", or what the robot has just named; then
/// it asks for something to be done, what is done next and why. The robot goes on from its own
/// replies, as in `ask` and the node. Reports the share of turns that are right, by kind, and of the
/// dialogues that are right as a whole, with bootstrap 95 % intervals (floor plans are drawn), beside
/// the blind twin, and beside the robot when it forgets what was said. Right are the words, but for case,
/// articles and punctuation; to a request, the acts of the plan. What is asked of the plan is asked of the
/// expert's: who planned otherwise answers otherwise.
#[derive(Args)]
pub struct DialogueEval {
    #[command(flatten)]
    measurement: Measurement,
    /// Dialogues about each home.
    #[arg(long, default_value_t = 4)]
    dialogues: usize,
    /// What to take away in further runs: no_ego, no_position, frame_only, half_tokens, no_list,
    /// no_tokens. Without the list of objects the model alone answers; without 3D tokens the list
    /// does, and the model guesses what that cannot tell.
    #[arg(long, value_delimiter = ',')]
    ablate: Vec<Ablation>,
    /// Write scores and what was replied wrongly as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct DialogueReport {
    model: String,
    eyes: Look,
    homes: usize,
    left_out: BTreeMap<String, usize>,
    /// Scores by what was taken away; `seeing` has everything, `forgetful` all but what was said.
    runs: BTreeMap<&'static str, DialogueScores>,
    /// What it replied wrongly with everything.
    missed: Vec<Missed>,
}

/// A turn that was replied to wrongly.
#[derive(Serialize)]
struct Missed {
    home: String,
    kind: TurnKind,
    said: String,
    meant: String,
    expected: String,
    replied: String,
}

/// A dialogue and what was said to its turns in each run.
struct Talked {
    home: String,
    floor_plan: String,
    turns: Vec<TalkTurn>,
    said: Vec<Vec<Said>>,
}

impl DialogueEval {
    /// Talks and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let idle = [(Ablation::NoUpdate, "nothing changes while they talk")];
        let runs = Runs::new(&self.ablate, &idle)?;
        let (sources, eyes, model) = self.measurement.open()?;
        let (homes, left_out) = worlds(&sources);
        let balance = balance(&homes)?;
        let talked =
            self.measurement.each("looking and talking", &homes, |planner, (source, world)| {
                self.talk(planner, &eyes, source, world, &balance, &runs)
            })?;
        let talked: Vec<Talked> = talked.into_iter().flatten().collect();
        ensure!(!talked.is_empty(), "there is nothing to talk about in these homes");
        let names = runs.each().map(Runs::name).chain([FORGETFUL]);
        let by_run = names.enumerate().map(|(at, run)| {
            let talks = talked.iter().filter_map(|one| one.in_run(at));
            (run, DialogueScores::of(talks))
        });
        let report = DialogueReport {
            model,
            eyes: eyes.look(),
            homes: homes.len(),
            left_out,
            runs: by_run.collect(),
            missed: talked.iter().flat_map(Talked::missed).collect(),
        };
        report.print()?;
        let bars = report.runs.iter().enumerate().flat_map(|(group, (run, scores))| {
            let bar = move |name: &str, of: &Share| {
                scored(format!("{run}: {name}"), group, of.right, of.right_ci95)
            };
            let both = [bar("turns", &scores.turns), bar("dialogues", &scores.dialogues)];
            let kinds = scores.per_kind.iter().map(move |(kind, of)| bar(kind.name(), of));
            both.into_iter().chain(kinds)
        });
        let title = format!("{}: turns of dialogues that are right", report.model);
        self.measurement.draw(&title, bars.collect())?;
        write_json(self.json.as_deref(), &report)?;
        Ok(Outcome::Done)
    }

    /// Talks about a home in every run, the forgetful one last.
    fn talk(
        &self,
        planner: &mut GoalPlanner,
        eyes: &HomeEyes,
        source: &HomeSource,
        world: &World,
        balance: &Balance,
        runs: &Runs,
    ) -> anyhow::Result<Vec<Talked>> {
        let seen = eyes.open(world.clone(), source.number())?;
        let known = seen.known()?;
        let left = runs.left(&known).into_iter().map(|left| (left, false));
        let all: Vec<(Known, bool)> = left.chain([(known, true)]).collect();
        let stand = Stand::of(seen.world());
        let mut rng = Pcg64Mcg::seed_from_u64(source.number());
        let mut talked = Vec::new();
        for _ in 0..self.dialogues {
            let turns = evaluation_dialogue(seen.world(), balance, &mut rng);
            let Some(turns) = turns else { continue };
            let mut said = Vec::new();
            for (known, forgets) in &all {
                let mut robot = Robot::new(planner, known, stand, *forgets);
                said.push(talk(&mut robot, &turns)?);
            }
            let (home, floor_plan) = (source.name(), source.floor_plan());
            talked.push(Talked { home, floor_plan, turns, said });
        }
        Ok(talked)
    }
}

impl Talked {
    /// The floor plan, the turns, and what was said to them in a run.
    fn in_run(&self, run: usize) -> Option<(&str, &[TalkTurn], &[Said])> {
        Some((&self.floor_plan, &self.turns, self.said.get(run)?))
    }

    /// What was replied wrongly by who knows everything, which is the first run.
    fn missed(&self) -> Vec<Missed> {
        let said = self.said.first().into_iter().flatten();
        let wrong = self.turns.iter().zip(said).filter(|(turn, said)| !is_right(turn, said));
        let missed = |(turn, said): (&TalkTurn, &Said)| Missed {
            home: self.home.clone(),
            kind: turn.kind,
            said: turn.said.clone(),
            meant: turn.meant.clone(),
            expected: turn.reply.clone(),
            replied: said.words.clone(),
        };
        wrong.map(missed).collect()
    }
}

impl DialogueReport {
    fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let names = self.runs.keys().copied();
        let columns: Vec<&str> = std::iter::once("number").chain(names).collect();
        let mut table = Table::new(&columns);
        for kind in TurnKind::ALL {
            let of_kind = |scores: &DialogueScores| scores.per_kind.get(&kind).copied();
            row(&mut table, kind.name(), self.runs.values().filter_map(of_kind));
        }
        row(&mut table, "all turns", self.runs.values().map(|scores| scores.turns));
        row(&mut table, "whole dialogues", self.runs.values().map(|scores| scores.dialogues));
        table.print(&mut out)?;
        writeln!(out, "{}: {} homes", self.model, self.homes)?;
        tell_left_out(&mut out, &self.left_out)
    }
}

/// A row of shares, one a run; none where nothing was counted.
fn row(table: &mut Table, name: &str, shares: impl Iterator<Item = Share>) {
    let shares: Vec<Share> = shares.collect();
    let Some(first) = shares.first() else { return };
    let number = first.n.to_string();
    let cells = shares.iter().map(|one| share(one.right, one.right_ci95));
    table.row(name, std::iter::once(number).chain(cells).collect());
}

#[cfg(test)]
mod tests {
    use super::super::eyes::fixtures::knowing;
    use super::*;
    use scenellm::sim::household::household;
    use scenellm::sim::language::varied;

    #[test]
    fn a_robot_that_sees_and_remembers_is_right_more_often_than_one_that_does_not() {
        let (mut planner, eyes) = knowing();
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let world = varied(&household(5).unwrap(), &mut rng);
        let known = eyes.open(world.clone(), 5).unwrap().known().unwrap();
        let runs = Runs::new(&[], &[]).unwrap();
        let mut left = runs.left(&known).into_iter();
        let (seeing, blind) = (left.next().unwrap(), left.next().unwrap());
        let draw = |_| evaluation_dialogue(&world, &Balance::default(), &mut rng);
        let dialogues: Vec<Vec<TalkTurn>> = (0..4).filter_map(draw).collect();
        let mut scores = |known: &Known, forgets: bool| {
            let said = dialogues.iter().map(|turns| {
                let mut robot = Robot::new(&mut planner, known, Stand::of(&world), forgets);
                talk(&mut robot, turns).unwrap()
            });
            let said: Vec<Vec<Said>> = said.collect();
            let talks = dialogues.iter().zip(&said);
            DialogueScores::of(talks.map(|(turns, said)| ("a home", &turns[..], &said[..])))
        };
        let (seeing, blind, forgetful) =
            (scores(&seeing, false), scores(&blind, false), scores(&seeing, true));
        let of = |scores: &DialogueScores, kind: TurnKind| scores.per_kind[&kind].right;
        assert!(of(&seeing, TurnKind::FollowUp) > 0.7, "{seeing:?}");
        assert!(of(&seeing, TurnKind::FollowUp) > of(&blind, TurnKind::FollowUp), "{blind:?}");
        for needs_history in [TurnKind::FollowUp, TurnKind::Request, TurnKind::Plan] {
            let (with, without) = (of(&seeing, needs_history), of(&forgetful, needs_history));
            assert!(without < with || with == 0.0, "{needs_history:?}: {forgetful:?}");
        }
        assert_eq!(of(&blind, TurnKind::Courtesy), 1.0);
    }
}
