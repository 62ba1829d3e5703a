//! `scenellm eval caption`: what a model says there is.

use super::eyes::{HomeEyes, Look};
use super::homes::{HomeSource, sift};
use super::measurement::Measurement;
use super::runs::{Known, Runs};
use super::table::{Table, scored, share, tell_left_out, write_json};
use crate::{Outcome, paths};
use anyhow::{Context, ensure};
use clap::Args;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{Ablation, CaptionCount, CaptionScores};
use scenellm::sim::language::{PairFrame, SceneFacts, dense_caption, varied};
use scenellm::tasks::{About, GoalPlanner, Inquiry};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Have homes described that were looked at, and hold the captions against the truth.
///
/// Reports how many of the classes that a full caption names are named (recall), and how many of
/// those named are not there (hallucinated), with bootstrap 95 % intervals (floor plans are drawn),
/// beside the blind twin. What the list of objects can tell it tells; without it (`--ablate no_list`)
/// the model describes. Without 3D tokens (`--ablate no_tokens`) the list is left alone.
#[derive(Args)]
pub struct Caption {
    #[command(flatten)]
    measurement: Measurement,
    /// What to take away in further runs: no_ego, no_position, frame_only, half_tokens, no_list,
    /// no_tokens.
    #[arg(long, value_delimiter = ',')]
    ablate: Vec<Ablation>,
    /// Write the scores as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct CaptionReport {
    model: String,
    eyes: Look,
    homes: usize,
    left_out: BTreeMap<String, usize>,
    /// Scores of captions of the scene and of the view, by what was taken away; `seeing` has
    /// everything.
    runs: BTreeMap<&'static str, BTreeMap<&'static str, CaptionScores>>,
    /// What was said of the first homes with everything.
    examples: Vec<String>,
}

/// Captions of one home: of the scene and of the view, each in all runs.
struct Described {
    floor_plan: String,
    counts: [Vec<CaptionCount>; 2],
    said: String,
}

impl Described {
    /// The floor plan, and what a caption of the scene or of the view named in a run.
    fn in_run(&self, what: usize, run: usize) -> Option<(&str, CaptionCount)> {
        Some((&self.floor_plan, self.counts.get(what)?.get(run).copied()?))
    }
}

/// Examples that are kept.
const EXAMPLES: usize = 5;
/// What is described, in the order of [`Described`].
const OF: [(PairFrame, &str); 2] = [(PairFrame::Scene, "scene"), (PairFrame::Ego, "view")];

impl Caption {
    /// Has homes described and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let idle = [(Ablation::NoUpdate, "nothing changes between a look and a caption")];
        let runs = Runs::new(&self.ablate, &idle)?;
        let (sources, eyes, model) = self.measurement.open()?;
        let described =
            self.measurement.each("looking and describing", &sources, |planner, source| {
                describe(planner, &eyes, source, &runs)
            })?;
        let (found, left_out) = sift(described);
        ensure!(!found.is_empty(), "none of the homes can be built");
        let by_run = runs.each().enumerate().map(|(run, name)| {
            let of = |what: usize| {
                let counts = found.iter().filter_map(|one| one.in_run(what, run));
                CaptionScores::new(&counts.collect::<Vec<_>>())
            };
            let both = OF.iter().enumerate().map(|(what, (_, name))| (*name, of(what)));
            (Runs::name(name), both.collect())
        });
        let report = CaptionReport {
            model,
            eyes: eyes.look(),
            homes: found.len(),
            left_out,
            runs: by_run.collect(),
            examples: found.iter().take(EXAMPLES).map(|one| one.said.clone()).collect(),
        };
        report.print()?;
        let bars = report.runs.iter().enumerate().flat_map(|(group, (run, both))| {
            both.iter().flat_map(move |(what, scores)| {
                let name = |score: &str| format!("{run}, {what}: {score}");
                let invented = (scores.hallucinated, scores.hallucinated_ci95);
                [
                    scored(name("recall"), group, scores.recall, scores.recall_ci95),
                    scored(name("hallucinated"), group, invented.0, invented.1),
                ]
            })
        });
        let title = format!("{}: things in captions", report.model);
        self.measurement.draw(&title, bars.collect())?;
        write_json(self.json.as_deref(), &report)?;
        Ok(Outcome::Done)
    }
}

/// Has one home described in every run; why not, where it cannot be built.
fn describe(
    planner: &mut GoalPlanner,
    eyes: &HomeEyes,
    source: &HomeSource,
    runs: &Runs,
) -> anyhow::Result<Result<Described, String>> {
    let world = match source.build() {
        Ok(world) => world,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut rng = Pcg64Mcg::seed_from_u64(source.number());
    let seen = eyes.open(varied(&world, &mut rng), source.number())?;
    let left = runs.left(&seen.known()?);
    let world_T_camera = seen.world().robot().world_T_camera();
    let facts =
        [SceneFacts::of_world(seen.world()), SceneFacts::in_view(seen.world(), &world_T_camera)?];
    let mind = planner.mind().context("the model cannot describe")?;
    let (floor_plan, counts) = (source.floor_plan(), [Vec::new(), Vec::new()]);
    let mut described = Described { floor_plan, counts, said: String::new() };
    for (what, (frame, _)) in OF.into_iter().enumerate() {
        let reference = dense_caption(&facts[what], frame, &mut rng);
        let about = match frame {
            PairFrame::Scene => About::Scene,
            PairFrame::Ego => About::Frame,
        };
        for Known { view, objects } in &left {
            let (words, view) = (reference.prompt.as_str(), view.as_ref());
            let inquiry = Inquiry { words, turns: None, about, view, objects };
            let said = mind.answer(&inquiry, &mut |_| true)?.words;
            if described.said.is_empty() {
                described.said = format!("{}: {said}", source.name());
            }
            let count = CaptionCount::new(&said, &reference, &facts[what]);
            described.counts[what].push(count);
        }
    }
    Ok(Ok(described))
}

impl CaptionReport {
    fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let columns = ["captions", "recall", "hallucinated"];
        let mut table = Table::new(&columns);
        for (run, both) in &self.runs {
            for (what, scores) in both {
                let cells = vec![
                    scores.n.to_string(),
                    share(scores.recall, scores.recall_ci95),
                    share(scores.hallucinated, scores.hallucinated_ci95),
                ];
                table.row(&format!("{run}, {what}"), cells);
            }
        }
        table.print(&mut out)?;
        for said in &self.examples {
            writeln!(out, "{said}")?;
        }
        tell_left_out(&mut out, &self.left_out)
    }
}
