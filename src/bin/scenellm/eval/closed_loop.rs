//! `scenellm eval sim`: tasks done in simulated homes, from the goal to the last act.

use crate::demo::AnyMind;
use crate::settings::{Settings, planner};
use crate::{Outcome, progress};
use anyhow::{Context, bail};
use clap::Args;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{
    AlfredTask, ClosedLoop, EpisodeScore, Interval, LoopScores, read_alfred_tasks,
};
use scenellm::planner::PlannerConfig;
use scenellm::sim::episode::{Episode, EpisodeOptions, ExpertMind, Knowledge};
use scenellm::sim::household::{
    Task, TaskKind, World, alfred_world, expert_plan, household, sample_task,
};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Do household tasks in simulated homes, and measure how many get done.
///
/// In each home the robot tours, maps, plans for the goal, acts, hears how each step ended and plans
/// anew when one fails. Reports success (SR), goal conditions (GC) and both weighed by path length
/// (PLWSR, PLWGC), over all episodes and by kind of task, with bootstrap 95 % intervals.
#[derive(Args)]
pub struct ClosedLoopEval {
    /// ALFRED trajectories (.jsonl or .jsonl.gz): do their tasks in homes built after them.
    #[arg(long, conflicts_with = "seeds")]
    data: Option<PathBuf>,
    /// Further trajectories that tell of the furniture of the same homes.
    #[arg(long, requires = "data")]
    furniture: Vec<PathBuf>,
    /// Do the first so many tasks of the trajectories only.
    #[arg(long, requires = "data")]
    limit: Option<usize>,
    /// Number of kitchens from seeds, each with a task; kinds of task take turns.
    #[arg(long, default_value_t = 14)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1000)]
    first_seed: u64,
    /// Model folder; the parameter `plan.model` unless given.
    #[arg(long, conflicts_with = "expert")]
    model: Option<PathBuf>,
    /// Take the words of the expert who knows the home for plans: what the rest of the loop can
    /// reach at best.
    #[arg(long)]
    expert: bool,
    /// Give the planner a perfect map of all that no door hides, instead of what the robot saw.
    #[arg(long)]
    oracle_map: bool,
    /// Images of the tour.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    tour_frames: u32,
    /// Write scores and episodes as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// One task to be done.
struct Case {
    home: String,
    world: World,
    task: Task,
    goal: String,
    expert_actions: usize,
}

impl ClosedLoopEval {
    /// Runs all episodes and prints the scores.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = self.settings.config()?;
        let mut model = match self.expert {
            true => None,
            false => Some(AnyMind::Model(Box::new(planner(&config, self.model.as_deref())?))),
        };
        let mut out = std::io::stdout();
        if let Some(note) = model.as_ref().and_then(AnyMind::note) {
            writeln!(out, "{note}")?;
        }
        let mut episodes = Vec::new();
        let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
        let mut cases = self.cases()?;
        let bar = progress::bar(cases.len() as u64, "acting");
        for (at, case) in cases.drain(..).enumerate() {
            match case.pose(at as u64)? {
                Ok(case) => episodes.push(self.episode(case, &config, model.as_mut())?),
                Err(reason) => *left_out.entry(reason).or_default() += 1,
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if episodes.is_empty() {
            bail!("in none of the homes can the expert do the task");
        }
        let scores = ClosedLoop::new(episodes);
        print(&scores)?;
        for (reason, times) in left_out {
            writeln!(out, "{times} × left out, for the expert cannot do it: {reason}")?;
        }
        if let Some(path) = &self.json {
            let text = format!("{:#}\n", serde_json::to_value(&scores)?);
            std::fs::write(path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Outcome::Done)
    }

    fn cases(&self) -> anyhow::Result<Vec<Unposed>> {
        let Some(data) = &self.data else {
            let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
            return Ok(seeds.map(Unposed::Seed).collect());
        };
        let more: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
        let tasks = read_alfred_tasks(data, &more)?;
        let limit = self.limit.unwrap_or(tasks.len());
        Ok(tasks.into_iter().take(limit).map(|task| Unposed::Alfred(Box::new(task))).collect())
    }

    fn episode(
        &self,
        case: Case,
        config: &PlannerConfig,
        model: Option<&mut AnyMind>,
    ) -> anyhow::Result<EpisodeScore> {
        let knowledge = if self.oracle_map { Knowledge::Oracle } else { Knowledge::Seen };
        let tour_frames = self.tour_frames as usize;
        let options = EpisodeOptions { tour_frames, knowledge, ..EpisodeOptions::default() };
        let mut episode = Episode::new(case.world, config, &options)?;
        episode.tour(&mut |_| {})?;
        let mut expert = AnyMind::Expert(Box::new(ExpertMind::new(case.task.clone())));
        let mind = model.unwrap_or(&mut expert).as_dyn();
        let result = episode.pursue(&case.goal, &case.task, mind, &mut |_| {})?;
        Ok(EpisodeScore {
            home: case.home,
            task: case.task.kind.name().into(),
            goal: case.goal,
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

/// A home and a task that may not fit together.
enum Unposed {
    Seed(u64),
    Alfred(Box<AlfredTask>),
}

impl Unposed {
    /// The case, if the expert can do the task. `number` decides the looks of an ALFRED home.
    fn pose(self, number: u64) -> anyhow::Result<Result<Case, String>> {
        match self {
            Self::Seed(seed) => of_seed(seed),
            Self::Alfred(told) => Ok(of_alfred(*told, number)),
        }
    }
}

fn of_seed(seed: u64) -> anyhow::Result<Result<Case, String>> {
    let world = household(seed)?;
    let turn = (seed % TaskKind::ALL.len() as u64) as usize;
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let kind = TaskKind::ALL.get(turn);
    let sampled = kind.and_then(|kind| sample_task(&world, *kind, &mut rng));
    let case = sampled.map(|sampled| Case {
        home: format!("seed {seed}"),
        world,
        task: sampled.task,
        goal: sampled.goal,
        expert_actions: sampled.expert.tally.actions,
    });
    Ok(case.ok_or_else(|| "no task of the kind was found".into()))
}

fn of_alfred(told: AlfredTask, number: u64) -> Result<Case, String> {
    let AlfredTask { id, home, task, goals, .. } = told;
    let world = alfred_world(&home, number).map_err(|error| error.to_string())?;
    if task.is_met(&world) {
        return Err("it is done already".into());
    }
    let expert = expert_plan(&world, &task).map_err(|failure| failure.to_string())?;
    let goal = goals.into_iter().next().ok_or("it has no words")?;
    Ok(Case { home: id, world, task, goal, expert_actions: expert.tally.actions })
}

fn print(scores: &ClosedLoop) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<36} {:>8} {:>20} {:>20} {:>20} {:>20}",
        "", "episodes", "SR", "GC", "PLWSR", "PLWGC"
    )?;
    let rows = scores.per_type.iter().map(|(task, scores)| (task.as_str(), scores));
    for (name, scores) in rows.chain([("all", &scores.all)]) {
        let with = |value: f64, interval: Interval| {
            format!("{value:.3} [{:.3}, {:.3}]", interval.low, interval.high)
        };
        let LoopScores { n, .. } = scores;
        writeln!(
            out,
            "{name:<36} {n:>8} {:>20} {:>20} {:>20} {:>20}",
            with(scores.success, scores.success_ci95),
            with(scores.goal_conditions, scores.goal_conditions_ci95),
            with(scores.path_weighted_success, scores.path_weighted_success_ci95),
            with(scores.path_weighted_goal_conditions, scores.path_weighted_goal_conditions_ci95),
        )?;
    }
    Ok(())
}
