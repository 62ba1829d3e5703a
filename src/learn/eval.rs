//! How well goals become plans: scores over a data set, with bootstrap intervals.

use super::alfred::Trajectory;
use crate::tasks::SpokenStep;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Resamples of the bootstrap.
const RESAMPLES: usize = 2000;
const GOTO: &str = "GotoLocation";

/// What a planner makes of a goal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prediction {
    /// Kind of task.
    pub task: Option<String>,
    /// The steps, the end action left out.
    pub steps: Vec<SpokenStep>,
}

/// How one prediction compares with the expert's plan.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score {
    task: f64,
    without_goto: f64,
    full: f64,
    edits: f64,
}

/// A mean and its 95 % interval, from resampling goals with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5th percentile of the resampled means.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// Scores over goals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Number of goals.
    pub n: usize,
    /// Share whose kind of task is right.
    pub type_accuracy: f64,
    /// Its 95 % interval.
    pub type_accuracy_ci95: Interval,
    /// Share whose actions and arguments, `GotoLocation` left out, all equal the expert's in order.
    pub plan_without_goto_exact: f64,
    /// Its 95 % interval.
    pub plan_without_goto_exact_ci95: Interval,
    /// Share whose whole plan equals the expert's, `NoOp` left out.
    pub full_plan_exact: f64,
    /// Its 95 % interval.
    pub full_plan_exact_ci95: Interval,
    /// Mean number of steps to insert, delete or replace to get the expert's plan.
    pub edit_distance: f64,
    /// Its 95 % interval.
    pub edit_distance_ci95: Interval,
}

/// Scores over all goals, and by kind of task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Over all goals.
    #[serde(flatten)]
    pub all: Scores,
    /// By kind of task.
    pub per_type: BTreeMap<String, Scores>,
}

impl Evaluation {
    /// Compares predictions with the expert's plans, one pair a goal.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a Trajectory, &'a Prediction)>) -> Self {
        let scored = |(expert, prediction): (&'a Trajectory, &Prediction)| {
            (expert.task.as_str(), score(prediction, expert))
        };
        let scores: Vec<(&str, Score)> = pairs.into_iter().map(scored).collect();
        let of = |task: Option<&str>| {
            let chosen = scores.iter().filter(|(of, _)| task.is_none_or(|task| task == *of));
            summarize(&chosen.map(|(_, score)| *score).collect::<Vec<_>>())
        };
        let tasks: BTreeSet<&str> = scores.iter().map(|(task, _)| *task).collect();
        let per_type = tasks.into_iter().map(|task| (task.to_string(), of(Some(task)))).collect();
        Self { all: of(None), per_type }
    }
}

fn score(prediction: &Prediction, expert: &Trajectory) -> Score {
    let acts = |steps: &[SpokenStep]| -> Vec<SpokenStep> {
        steps.iter().filter(|step| step.action != GOTO).cloned().collect()
    };
    let share = |right: bool| if right { 1.0 } else { 0.0 };
    Score {
        task: share(prediction.task.as_ref() == Some(&expert.task)),
        without_goto: share(acts(&prediction.steps) == acts(&expert.plan)),
        full: share(prediction.steps == expert.plan),
        edits: edit_distance(&prediction.steps, &expert.plan) as f64,
    }
}

/// Levenshtein distance over whole steps.
fn edit_distance(a: &[SpokenStep], b: &[SpokenStep]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

fn summarize(scores: &[Score]) -> Scores {
    let values = |field: fn(&Score) -> f64| scores.iter().map(field).collect::<Vec<_>>();
    let (task, without_goto) = (values(|s| s.task), values(|s| s.without_goto));
    let (full, edits) = (values(|s| s.full), values(|s| s.edits));
    Scores {
        n: scores.len(),
        type_accuracy: mean(&task),
        type_accuracy_ci95: bootstrap(&task),
        plan_without_goto_exact: mean(&without_goto),
        plan_without_goto_exact_ci95: bootstrap(&without_goto),
        full_plan_exact: mean(&full),
        full_plan_exact_ci95: bootstrap(&full),
        edit_distance: mean(&edits),
        edit_distance_ci95: bootstrap(&edits),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn bootstrap(values: &[f64]) -> Interval {
    let of = |drawn: &[usize]| drawn.iter().map(|at| values[*at]).sum::<f64>();
    bootstrap_of(values.len(), |drawn| of(drawn) / values.len() as f64)
}

/// The 95 % interval of a statistic over `n` samples. `statistic` is given the samples drawn.
pub(super) fn bootstrap_of(n: usize, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    if n == 0 {
        return Interval { low: 0.0, high: 0.0 };
    }
    // A fixed seed: the interval is part of the answer and must not change between runs.
    let mut rng = Pcg64Mcg::seed_from_u64(0);
    let mut drawn = vec![0; n];
    let mut statistics: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| rng.random_range(0..n));
            statistic(&drawn)
        })
        .collect();
    statistics.sort_by(f64::total_cmp);
    let at = |share: f64| statistics[((RESAMPLES - 1) as f64 * share).round() as usize];
    Interval { low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Goal;

    fn plan(lines: &[&str]) -> Vec<SpokenStep> {
        let words = |line: &&str| line.split(' ').map(str::to_string).collect::<Vec<_>>();
        lines
            .iter()
            .map(words)
            .map(|words| SpokenStep { action: words[0].clone(), arguments: words[1..].to_vec() })
            .collect()
    }

    fn expert() -> Trajectory {
        let goal = |text: &str| Goal { goal: text.into(), steps: vec![] };
        Trajectory {
            task: "pick".into(),
            goals: ["same", "other place", "other thing", "nothing"].map(goal).to_vec(),
            plan: plan(&["GotoLocation desk", "PickupObject mug"]),
        }
    }

    #[test]
    fn each_score_counts_what_it_says() {
        let predict = |goal: &str| {
            let (task, steps) = match goal {
                "same" => ("pick", plan(&["GotoLocation desk", "PickupObject mug"])),
                "other place" => ("pick", plan(&["GotoLocation bed", "PickupObject mug"])),
                "other thing" => ("heat", plan(&["GotoLocation desk", "PickupObject cup"])),
                _ => ("heat", vec![]),
            };
            Prediction { task: Some(task.into()), steps }
        };
        let expert = expert();
        let predictions: Vec<_> = expert.goals.iter().map(|goal| predict(&goal.goal)).collect();
        let evaluation = Evaluation::of(predictions.iter().map(|one| (&expert, one)));
        let scores = &evaluation.all;
        assert_eq!(scores.n, 4);
        assert_eq!(scores.type_accuracy, 0.5);
        assert_eq!(scores.plan_without_goto_exact, 0.5);
        assert_eq!(scores.full_plan_exact, 0.25);
        assert_eq!(scores.edit_distance, (1.0 + 1.0 + 2.0) / 4.0);
        assert_eq!(evaluation.per_type["pick"], *scores);
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(json["n"], 4);
        assert_eq!(json["full_plan_exact"], 0.25);
    }

    #[test]
    fn the_interval_holds_the_mean_and_narrows_with_more_goals() {
        let of = |n: usize| {
            let values: Vec<f64> = (0..n).map(|i| if i % 4 == 0 { 1.0 } else { 0.0 }).collect();
            bootstrap(&values)
        };
        let (few, many) = (of(40), of(4000));
        assert!(few.low < 0.25 && few.high > 0.25);
        // Twice 1.96 standard errors of a share of 1/4.
        approx::assert_abs_diff_eq!(many.high - many.low, 0.0268, epsilon = 0.003);
        assert!(few.high - few.low > 5.0 * (many.high - many.low));
    }
}
