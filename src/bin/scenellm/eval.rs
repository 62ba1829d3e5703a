//! `scenellm eval`: measure a planner.

mod closed_loop;

use crate::{Outcome, progress};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use scenellm::language::parse_device;
use scenellm::learn::{Evaluation, NearestGoal, Prediction, evaluate, read_alfred};
use scenellm::tasks::{GoalPlanner, PlanningError};
use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;

/// Measure a planner.
#[derive(Args)]
pub struct Eval {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Alfred(Alfred),
    Sim(closed_loop::ClosedLoopEval),
}

/// Plan for human goals and compare with the expert's plans.
///
/// Reports task type, exact plans with and without GotoLocation, and edit distance, over all goals
/// and by kind of task, with bootstrap 95 % intervals.
#[derive(Args)]
struct Alfred {
    /// ALFRED trajectories, one a line (.jsonl or .jsonl.gz).
    #[arg(long)]
    data: PathBuf,
    /// Model folder.
    #[arg(long, default_value = "models/nano")]
    model: PathBuf,
    /// Measure a baseline instead of a model; needs `--train`.
    #[arg(long, requires = "train")]
    baseline: Option<Baseline>,
    /// Trajectories the baseline learns from.
    #[arg(long)]
    train: Option<PathBuf>,
    /// Write the scores as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Baseline {
    /// Copy the plan of the nearest training goal (TF-IDF).
    Nearest,
}

impl Eval {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Alfred(alfred) => alfred.run(),
            What::Sim(closed_loop) => closed_loop.run(),
        }
    }
}

impl Alfred {
    fn run(self) -> anyhow::Result<Outcome> {
        let trajectories = read_alfred(&self.data)?;
        let goals: usize = trajectories.iter().map(|trajectory| trajectory.goals.len()).sum();
        let bar = progress::bar(goals as u64, "planning");
        let evaluation = match (self.baseline, &self.train) {
            (Some(Baseline::Nearest), Some(train)) => {
                let index = NearestGoal::new(&read_alfred(train)?);
                let Ok(evaluation) = evaluate(&trajectories, &mut |goal| {
                    bar.inc(1);
                    Ok::<_, Infallible>(index.predict(goal))
                });
                evaluation
            }
            _ => {
                let mut planner = GoalPlanner::load(&self.model, &parse_device(&self.device)?)?;
                let vocabulary = planner.vocabulary().clone();
                evaluate(&trajectories, &mut |goal| -> Result<Prediction, PlanningError> {
                    bar.inc(1);
                    let plan = planner.speak(goal, None, &vocabulary)?;
                    Ok(Prediction { task: plan.task, steps: plan.steps })
                })?
            }
        };
        bar.finish_and_clear();
        print(&evaluation)?;
        if let Some(path) = &self.json {
            let text = format!("{:#}\n", serde_json::to_value(&evaluation)?);
            std::fs::write(path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Outcome::Done)
    }
}

fn print(evaluation: &Evaluation) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<36} {:>6} {:>20} {:>20} {:>20} {:>7}",
        "", "goals", "type", "without Goto", "full plan", "edits"
    )?;
    let rows = evaluation.per_type.iter().map(|(task, scores)| (task.as_str(), scores));
    for (name, scores) in rows.chain([("all", &evaluation.all)]) {
        let with = |value: f64, interval: scenellm::learn::Interval| {
            format!("{value:.3} [{:.3}, {:.3}]", interval.low, interval.high)
        };
        writeln!(
            out,
            "{name:<36} {:>6} {:>20} {:>20} {:>20} {:>7.2}",
            scores.n,
            with(scores.type_accuracy, scores.type_accuracy_ci95),
            with(scores.plan_without_goto_exact, scores.plan_without_goto_exact_ci95),
            with(scores.full_plan_exact, scores.full_plan_exact_ci95),
            scores.edit_distance,
        )?;
    }
    Ok(())
}
