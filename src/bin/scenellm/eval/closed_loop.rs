//! `scenellm eval sim`: tasks done in simulated homes, from the goal to the last act.

use super::eyes::{Gaze, HomeEyes, Look};
use super::homes::{HomeSource, Homes, sift};
use super::mind::RunMind;
use super::runs::Runs;
use super::table::{Table, check_picture, scored, share, write_json, write_picture};
use crate::settings::{Settings, planner};
use crate::{Outcome, parallel, paths, progress};
use anyhow::bail;
use clap::{Args, ValueEnum};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{Ablation, ClosedLoop, EpisodeScore, LoopScores};
use scenellm::planner::PlannerConfig;
use scenellm::sim::episode::{Episode, EpisodeOptions, ExpertMind, Knowledge, Mind};
use scenellm::sim::household::{Task, World, expert_plan, sample_task, task_kinds};
use scenellm::tasks::GoalPlanner;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Do household tasks in simulated homes, and measure how many get done.
///
/// In each home the robot tours, maps, plans for the goal, acts, hears how each step ended and plans
/// anew when one fails. Reports success (SR), goal conditions (GC) and both weighed by path length
/// (PLWSR, PLWGC), over all episodes and by kind of task, with bootstrap 95 % intervals (floor plans
/// are drawn).
#[derive(Args)]
pub struct ClosedLoopEval {
    #[command(flatten)]
    homes: Homes,
    /// Model folder; the parameter `plan.model` unless given.
    #[arg(long, value_name = "DIR", value_parser = paths::model(), conflicts_with = "expert")]
    model: Option<PathBuf>,
    /// Take the words of the expert who knows the home for plans: what the rest of the loop can
    /// reach at best.
    #[arg(long)]
    expert: bool,
    /// What the robot's map comes from; the model's own eyes, unless it is blind.
    #[arg(long, value_enum)]
    eyes: Option<LoopEyes>,
    /// What to take from a model that sees, in runs of their own beside the whole: blind, no_ego,
    /// no_update, no_position, frame_only, half_tokens, no_list, no_tokens. The robot that acts
    /// keeps its map.
    #[arg(long, value_delimiter = ',', conflicts_with = "expert")]
    ablate: Vec<Ablation>,
    /// Images of the tour, at most.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    tour_frames: u32,
    /// Write scores and episodes as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
    /// Draw the scores as bars (.png or .svg).
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    picture: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// What a robot knows of a home from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum LoopEyes {
    /// The simulator's boxes of what is in sight, as from a detector; without features, so that no
    /// 3D tokens come of it.
    Detector,
    /// The model's own eyes and nothing else.
    Model,
    /// Features that are never wrong, of what is in sight.
    True,
    /// Everything that no door hides, always.
    Oracle,
}

/// One task to be done.
struct Case {
    home: String,
    floor_plan: String,
    number: u64,
    world: World,
    task: Task,
    goal: String,
    expert_actions: usize,
}

#[derive(Serialize)]
struct LoopReport {
    model: String,
    eyes: LoopEyes,
    /// Scores by what was taken from the model; `seeing` has everything.
    runs: BTreeMap<&'static str, ClosedLoop>,
}

/// A worker's model; `None` is the expert.
type Worker = Option<GoalPlanner>;

impl ClosedLoopEval {
    /// Runs all episodes and prints the scores.
    pub fn run(self) -> anyhow::Result<Outcome> {
        check_picture(self.picture.as_deref())?;
        let config = self.settings.config()?;
        let mut out = std::io::stdout();
        let mut model = self.worker(&config)?;
        let name = model.as_ref().map_or("expert", GoalPlanner::name).to_owned();
        let sees = model.as_mut().is_some_and(|planner| planner.view_spec().is_some());
        let eyes = self.eyes.unwrap_or(if sees { LoopEyes::Model } else { LoopEyes::Detector });
        let folder = self.model.as_ref().unwrap_or(&config.plan.model);
        let gaze = Gaze { frames: self.tour_frames, vision_weights: config.vision.weights.clone() };
        let home_eyes = match (eyes, &mut model) {
            (LoopEyes::Detector | LoopEyes::True, _) | (LoopEyes::Oracle, None) => None,
            (LoopEyes::Model, None) => bail!("the expert has no eyes of its own"),
            (LoopEyes::Oracle, Some(_)) if !sees => None,
            (LoopEyes::Oracle, Some(planner)) => {
                Some(HomeEyes::new(Look::Oracle, &gaze, planner, folder, &config.plan.device)?)
            }
            (LoopEyes::Model, Some(planner)) => {
                Some(HomeEyes::new(Look::Seen, &gaze, planner, folder, &config.plan.device)?)
            }
        };
        if let Some(note) = model.as_ref().and_then(|planner| planner.sight().note(&name)) {
            writeln!(out, "{note}.")?;
        }
        drop(model);
        let runs: Vec<Option<Ablation>> = match sees && eyes != LoopEyes::Detector {
            true => Runs::new(&self.ablate, &[])?.each().collect(),
            false if self.ablate.is_empty() => vec![None],
            false => bail!("{name} sees no 3D tokens here: there is nothing to take away"),
        };
        let (cases, left_out) = self.cases()?;
        if cases.is_empty() {
            bail!("in none of the homes can the expert do the task");
        }
        let count = progress::Count::new(cases.len() * runs.len(), "acting");
        let results = parallel::map(
            &cases,
            || self.worker(&config),
            |worker, _, case| {
                let each = runs.iter().map(|run| {
                    let score = self.episode(case, &config, worker, eyes, &home_eyes, *run)?;
                    count.add();
                    Ok(score)
                });
                each.collect::<anyhow::Result<Vec<EpisodeScore>>>()
            },
        )?;
        count.finish();
        let of = |at: usize| {
            ClosedLoop::new(results.iter().filter_map(|each| each.get(at).cloned()).collect())
        };
        let names = runs.iter().map(|run| match (self.expert, sees && run.is_none()) {
            (true, _) => "expert",
            (false, true) => Runs::name(*run),
            (false, false) => run.unwrap_or(Ablation::Blind).name(),
        });
        let by_run = names.enumerate().map(|(at, name)| (name, of(at)));
        let report = LoopReport { model: name, eyes, runs: by_run.collect() };
        for (run, scores) in &report.runs {
            writeln!(out, "{run}")?;
            table(scores).print(&mut out)?;
        }
        for (reason, times) in left_out {
            writeln!(out, "{times} × left out, for the expert cannot do it: {reason}")?;
        }
        let bars = report.runs.iter().enumerate().flat_map(|(group, (run, scores))| {
            let (all, name) = (&scores.all, |score: &str| format!("{run}: {score}"));
            [
                scored(name("SR"), group, all.success, all.success_ci95),
                scored(name("GC"), group, all.goal_conditions, all.goal_conditions_ci95),
            ]
        });
        let title = format!("{}: tasks done", report.model);
        write_picture(self.picture.as_deref(), &title, bars.collect())?;
        write_json(self.json.as_deref(), &report)?;
        Ok(Outcome::Done)
    }

    fn worker(&self, config: &PlannerConfig) -> anyhow::Result<Worker> {
        Ok(match self.expert {
            true => None,
            false => Some(planner(config, self.model.as_deref())?),
        })
    }

    /// The tasks, and why others are none.
    fn cases(&self) -> anyhow::Result<(Vec<Case>, BTreeMap<String, usize>)> {
        Ok(sift(self.homes.sources()?.into_iter().map(pose)))
    }

    fn episode(
        &self,
        case: &Case,
        config: &PlannerConfig,
        worker: &mut Worker,
        eyes: LoopEyes,
        home_eyes: &Option<HomeEyes>,
        run: Option<Ablation>,
    ) -> anyhow::Result<EpisodeScore> {
        let knowledge = if eyes == LoopEyes::Oracle { Knowledge::Oracle } else { Knowledge::Seen };
        let tour_frames = self.tour_frames as usize;
        let options = EpisodeOptions { tour_frames, knowledge, ..EpisodeOptions::default() };
        let world = case.world.clone();
        let mut episode = match (eyes, home_eyes) {
            (LoopEyes::Model, Some(eyes)) => {
                Episode::with_extractor(world, config, &options, eyes.extractor()?)?
            }
            (LoopEyes::True, _) => Episode::with_true_eyes(world, config, &options, 0.0)?,
            _ => Episode::new(world, config, &options)?,
        };
        episode.tour(&mut |_| {})?;
        let mut expert;
        let mut model;
        let mind: &mut dyn Mind = match worker {
            None => {
                expert = ExpertMind::new(case.task.clone());
                &mut expert
            }
            Some(planner) => {
                let truth = home_eyes.as_ref().filter(|_| eyes == LoopEyes::Oracle);
                model = RunMind::new(planner, run, truth, case.number);
                &mut model
            }
        };
        let result = episode.pursue(&case.goal, &case.task, mind, &mut |_| {})?;
        Ok(EpisodeScore {
            home: case.home.clone(),
            floor_plan: case.floor_plan.clone(),
            task: case.task.kind.name().into(),
            goal: case.goal.clone(),
            met: result.met(),
            conditions: result.conditions.len(),
            actions: result.actions,
            expert_actions: case.expert_actions,
            replans: result.replans,
            failures: result.failures,
            ending: result.ending,
        })
    }
}

/// A task in a home, if the expert can do it.
fn pose(source: HomeSource) -> Result<Case, String> {
    let (home, floor_plan) = (source.name(), source.floor_plan());
    let (number, world) = (source.number(), source.build()?);
    let (task, goal, expert_actions) = match source {
        HomeSource::Seed(room, seed) => {
            // Kinds of task take turns.
            let kinds = task_kinds(room);
            let turn = (seed % kinds.len() as u64) as usize;
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let kind = kinds.get(turn);
            let sampled = kind.and_then(|kind| sample_task(&world, *kind, &mut rng));
            let sampled = sampled.ok_or("no task of the kind was found")?;
            (sampled.task, sampled.goal, sampled.expert.tally.actions)
        }
        HomeSource::Alfred(told, _) => {
            if told.task.is_met(&world) {
                return Err("it is done already".into());
            }
            let expert = expert_plan(&world, &told.task).map_err(|failure| failure.to_string())?;
            let goal = told.goals.into_iter().next().ok_or("it has no words")?;
            (told.task, goal, expert.tally.actions)
        }
    };
    Ok(Case { home, floor_plan, number, world, task, goal, expert_actions })
}

fn table(scores: &ClosedLoop) -> Table {
    let mut table = Table::new(&["episodes", "SR", "GC", "PLWSR", "PLWGC"]);
    let rows = scores.per_type.iter().map(|(task, scores)| (task.as_str(), scores));
    for (name, scores) in rows.chain([("all", &scores.all)]) {
        let LoopScores { n, .. } = scores;
        table.row(
            name,
            vec![
                n.to_string(),
                share(scores.success, scores.success_ci95),
                share(scores.goal_conditions, scores.goal_conditions_ci95),
                share(scores.path_weighted_success, scores.path_weighted_success_ci95),
                share(
                    scores.path_weighted_goal_conditions,
                    scores.path_weighted_goal_conditions_ci95,
                ),
            ],
        );
    }
    table
}
