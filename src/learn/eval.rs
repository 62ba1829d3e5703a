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

/// A 95 % interval, from the cluster bootstrap (Davison & Hinkley, 1997; Field & Welsh, 2007): what
/// was measured on one floor plan hangs together, so floor plans are drawn with replacement, each with
/// all that was measured there. Of a single one it is a point, which says nothing of others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5th percentile of the resampled statistics.
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
    /// Compares predictions with the expert's plans, one pair a goal. Goals on one floor plan, whose
    /// furniture is the same and whose plans are alike, are drawn together for the intervals.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a Trajectory, &'a Prediction)>) -> Self {
        let scored = |(expert, prediction): (&'a Trajectory, &Prediction)| {
            (expert, score(prediction, expert))
        };
        let scores: Vec<(&Trajectory, Score)> = pairs.into_iter().map(scored).collect();
        let of = |task: Option<&str>| {
            let chosen = scores.iter().filter(|(of, _)| task.is_none_or(|task| task == of.task));
            summarize(&chosen.copied().collect::<Vec<_>>())
        };
        let tasks: BTreeSet<&str> = scores.iter().map(|(of, _)| of.task.as_str()).collect();
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

/// Where a goal was measured.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    FloorPlan(&'a str),
    /// Its floor plan is not told. Who it is, not what it says: two trajectories may be alike.
    Trajectory(*const Trajectory),
}

impl<'a> Place<'a> {
    fn of(trajectory: &'a Trajectory) -> Self {
        let itself = || Self::Trajectory(std::ptr::from_ref(trajectory));
        trajectory.scene.as_deref().map_or_else(itself, Self::FloorPlan)
    }
}

fn summarize(scores: &[(&Trajectory, Score)]) -> Scores {
    let with = |field: fn(&Score) -> f64| {
        let values: Vec<f64> = scores.iter().map(|(_, score)| field(score)).collect();
        let places = scores.iter().map(|(of, _)| Place::of(of));
        (mean(&values), Interval::of_mean(places, &values))
    };
    let (type_accuracy, type_accuracy_ci95) = with(|score| score.task);
    let (plan_without_goto_exact, plan_without_goto_exact_ci95) = with(|score| score.without_goto);
    let (full_plan_exact, full_plan_exact_ci95) = with(|score| score.full);
    let (edit_distance, edit_distance_ci95) = with(|score| score.edits);
    Scores {
        n: scores.len(),
        type_accuracy,
        type_accuracy_ci95,
        plan_without_goto_exact,
        plan_without_goto_exact_ci95,
        full_plan_exact,
        full_plan_exact_ci95,
        edit_distance,
        edit_distance_ci95,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl Interval {
    /// That of a mean. `clusters` tells for each value where it was measured.
    pub fn of_mean<C: Ord>(clusters: impl IntoIterator<Item = C>, values: &[f64]) -> Self {
        Self::of_clusters(clusters, |drawn| {
            let sum: f64 = drawn.iter().filter_map(|at| values.get(*at)).sum();
            sum / drawn.len().max(1) as f64
        })
    }

    /// That of a statistic over samples. `clusters` tells for each sample where it was measured;
    /// `statistic` is given the samples drawn, more or fewer of them as the clusters are large.
    pub(super) fn of_clusters<C: Ord>(
        clusters: impl IntoIterator<Item = C>,
        statistic: impl Fn(&[usize]) -> f64,
    ) -> Self {
        let members = members(clusters);
        if members.is_empty() {
            return Self { low: 0.0, high: 0.0 };
        }
        // A fixed seed: the interval is part of the answer and must not change between runs.
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let mut drawn: Vec<usize> = Vec::new();
        let mut statistics: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                drawn.clear();
                for _ in 0..members.len() {
                    drawn.extend_from_slice(&members[rng.random_range(0..members.len())]);
                }
                statistic(&drawn)
            })
            .collect();
        statistics.sort_by(f64::total_cmp);
        let at = |share: f64| statistics[((RESAMPLES - 1) as f64 * share).round() as usize];
        Self { low: at(0.025), high: at(0.975) }
    }
}

/// The samples of each cluster, clusters in the order in which they come first.
fn members<C: Ord>(clusters: impl IntoIterator<Item = C>) -> Vec<Vec<usize>> {
    let mut numbers: BTreeMap<C, usize> = BTreeMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (sample, cluster) in clusters.into_iter().enumerate() {
        let number = *numbers.entry(cluster).or_insert(members.len());
        if number == members.len() {
            members.push(Vec::new());
        }
        members[number].push(sample);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Goal;
    use crate::tasks::fixtures::spoken;

    fn plan(lines: &[&str]) -> Vec<SpokenStep> {
        lines.iter().map(|line| spoken(line)).collect()
    }

    fn expert() -> Trajectory {
        let goal = |text: &str| Goal { goal: text.into(), steps: vec![] };
        Trajectory {
            task: "pick".into(),
            scene: None,
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
        let one_home = scores.full_plan_exact_ci95;
        assert_eq!((one_home.low, one_home.high), (0.25, 0.25), "one trajectory is one sample");
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(json["n"], 4);
        assert_eq!(json["full_plan_exact"], 0.25);
    }

    #[test]
    fn trajectories_on_one_floor_plan_are_drawn_together() {
        let interval = |scenes: [Option<&str>; 4]| {
            let of = |scene: Option<&str>| Trajectory { scene: scene.map(Into::into), ..expert() };
            let trajectories = scenes.map(of);
            let right = Prediction { task: None, steps: expert().plan };
            let predictions = [right.clone(), Prediction::default(), right, Prediction::default()];
            let Interval { low, high } =
                Evaluation::of(trajectories.iter().zip(&predictions)).all.full_plan_exact_ci95;
            (low, high)
        };
        let (a, b) = (Some("FloorPlan1"), Some("FloorPlan2"));
        assert_eq!(interval([a, a, b, b]), (0.5, 0.5), "half of the plans are right on either");
        assert_eq!(interval([a, b, a, b]), (0.0, 1.0));
        let (low, high) = interval([None; 4]);
        assert!(low < 0.25 && high > 0.75, "each is its own where none is told: {low}, {high}");
    }

    /// The bootstrap of values that have nothing to do with each other.
    fn plain(values: &[f64]) -> Interval {
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let mut means = Vec::new();
        for _ in 0..RESAMPLES {
            let drawn = values.iter().map(|_| values[rng.random_range(0..values.len())]);
            means.push(drawn.sum::<f64>() / values.len() as f64);
        }
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
        Interval { low: at(0.025), high: at(0.975) }
    }

    /// Values of which every fourth is 1, the others 0.
    fn quarter(n: usize) -> Vec<f64> {
        (0..n).map(|i| if i % 4 == 0 { 1.0 } else { 0.0 }).collect()
    }

    #[test]
    fn the_interval_holds_the_mean_and_narrows_with_more_homes() {
        let (few, many) = (Interval::of_mean(0..40, &quarter(40)), plain(&quarter(4000)));
        assert!(few.low < 0.25 && few.high > 0.25);
        // Twice 1.96 standard errors of a share of 1/4.
        approx::assert_abs_diff_eq!(many.high - many.low, 0.0268, epsilon = 0.003);
        assert!(few.high - few.low > 5.0 * (many.high - many.low));
        assert_eq!(Interval::of_mean(0..4000, &quarter(4000)), many);
    }

    #[test]
    fn samples_alone_in_their_cluster_are_drawn_as_samples() {
        let values = quarter(40);
        assert_eq!(Interval::of_mean((0..40).rev(), &values), plain(&values));
        let share = |drawn: &[usize]| drawn.iter().map(|at| values[*at]).sum::<f64>() / 40.0;
        assert_eq!(Interval::of_clusters(0..40, share), plain(&values));
        assert_eq!(Interval::of_mean(0..0, &[]), Interval { low: 0.0, high: 0.0 });
    }

    #[test]
    fn samples_that_say_the_same_count_as_one() {
        let homes = quarter(40);
        let questions: Vec<f64> = homes.iter().flat_map(|value| [*value; 25]).collect();
        let clustered = Interval::of_mean((0..1000).map(|at| at / 25), &questions);
        let of_homes = plain(&homes);
        approx::assert_abs_diff_eq!(clustered.low, of_homes.low, epsilon = 1e-12);
        approx::assert_abs_diff_eq!(clustered.high, of_homes.high, epsilon = 1e-12);
        let apart = plain(&questions);
        assert!(clustered.high - clustered.low > 4.0 * (apart.high - apart.low));
    }

    #[test]
    fn a_cluster_weighs_as_much_as_it_holds() {
        // One home with three right answers, one with a wrong one: 1, 3/4 or 0.
        let drawn = Interval::of_mean(["a", "a", "b", "a"], &[1.0, 1.0, 0.0, 1.0]);
        assert_eq!((drawn.low, drawn.high), (0.0, 1.0));
        assert_eq!(members(["a", "a", "b", "a"]), [vec![0, 1, 3], vec![2]]);
    }
}
