//! `scenellm sim language`: what can be said of simulated homes, checked.

use crate::room::{Room, seed_name};
use crate::{Outcome, label, paths, progress};
use anyhow::Context;
use clap::Args;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::read_alfred_tasks;
use scenellm::sim::SimError;
use scenellm::sim::household::{World, alfred_world, household_in};
use scenellm::sim::language::{Balance, CheckReport, Pair, PairMix, elsewhere, pairs, varied};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Say what is true of simulated homes: captions, questions, tasks, dialogues, state descriptions,
/// navigation.
///
/// Prints how many sentences of each kind the check kept, and for what reasons it did not.
#[derive(Args)]
pub struct Language {
    /// Number of homes from seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Which rooms homes from seeds are.
    #[arg(long, value_enum, default_value_t = Room::Kitchen, conflicts_with = "data")]
    room: Room,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// ALFRED trajectories (.jsonl or .jsonl.gz): speak of the homes built after them instead.
    #[arg(long)]
    data: Option<PathBuf>,
    /// States of each home, each with its own doors open, things moved and stand of the robot.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    states: u32,
    /// Tasks to break down into steps in each state; an expert does them, which takes a while.
    #[arg(long, default_value_t = 1)]
    tasks: usize,
    /// Ask whatever can be asked, and not only what cannot be foreseen.
    #[arg(long)]
    unbalanced: bool,
    /// The pairs to write, one JSON object a line.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    out: PathBuf,
}

/// A pair and the home it is about.
#[derive(Serialize)]
struct Line<'a> {
    home: &'a str,
    state: u32,
    #[serde(flatten)]
    pair: &'a Pair,
}

impl Language {
    /// Speaks and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let homes = self.homes()?;
        let file = File::create(&self.out)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let mut out = BufWriter::new(file);
        let balance = if self.unbalanced { Balance::default() } else { self.balance(&homes)? };
        let mix = PairMix { decompositions: self.tasks, ..PairMix::default() };
        let bar = progress::bar(homes.len() as u64, "speaking");
        let (mut report, begin) = (CheckReport::default(), Instant::now());
        for (number, (home, world)) in homes.iter().enumerate() {
            for (state, world, mut rng) in self.states(number, world) {
                let (made, of_state) = pairs(&world, &mix, &balance, &mut rng)?;
                report.add(&of_state);
                for pair in &made {
                    let line = Line { home, state, pair };
                    writeln!(out, "{}", serde_json::to_string(&line)?)?;
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        out.flush()?;
        label::print(&report)?;
        let seconds = begin.elapsed().as_secs_f64();
        let rate = report.kept() as f64 / seconds.max(1e-9);
        writeln!(std::io::stdout(), "{:.1} s, {rate:.0} pairs a second", seconds)?;
        Ok(Outcome::Done)
    }

    /// The homes that are spoken of, with their names.
    fn homes(&self) -> anyhow::Result<Vec<(String, World)>> {
        let Some(data) = &self.data else {
            let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
            let kind = self.room.kind();
            let home = |seed| Ok((seed_name(kind, seed), household_in(kind, seed)?));
            let homes: Result<Vec<_>, SimError> = seeds.map(home).collect();
            return Ok(homes?);
        };
        let tasks = read_alfred_tasks(data, &[])?;
        let homes = (0..).zip(tasks).map(|(number, task)| {
            // Where the robot would stand in something, the trajectory is left out.
            alfred_world(&task.home, number).map(|world| (task.id, world)).ok()
        });
        Ok(homes.flatten().collect())
    }

    /// The states of a home: the first as it is but for the stand of the robot, the others varied.
    fn states<'a>(
        &self,
        number: usize,
        world: &'a World,
    ) -> impl Iterator<Item = (u32, World, Pcg64Mcg)> + use<'a> {
        let first = self.first_seed;
        (0..self.states).map(move |state| {
            let seed = (first + number as u64) * 1000 + u64::from(state);
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let mut of_state = if state == 0 { world.clone() } else { varied(world, &mut rng) };
            if state == 0 {
                elsewhere(&mut of_state, &mut rng);
            }
            (state, of_state, rng)
        })
    }

    /// How the questions of all these homes are answered.
    fn balance(&self, homes: &[(String, World)]) -> Result<Balance, SimError> {
        let mut balance = Balance::default();
        for (number, (_, world)) in homes.iter().enumerate() {
            for (_, world, _) in self.states(number, world) {
                balance.add(&world)?;
            }
        }
        Ok(balance)
    }
}
