//! Scores of episodes in which a robot acts: success, goal conditions, and both weighed by the
//! length of the path, as ALFRED counts them (Shridhar et al., CVPR 2020, section 5.1).

use super::eval::Interval;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of one episode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpisodeScore {
    /// Where it was: a seed or a trajectory.
    pub home: String,
    /// Floor plan of the home, which other homes may share.
    pub floor_plan: String,
    /// Kind of task.
    pub task: String,
    /// The goal in words.
    pub goal: String,
    /// Conditions that held at the end.
    pub met: usize,
    /// All conditions.
    pub conditions: usize,
    /// Low-level actions of the robot.
    pub actions: usize,
    /// Those of the expert.
    pub expert_actions: usize,
    /// How often it was planned anew.
    pub replans: u32,
    /// Steps that failed, with the reason.
    pub failures: Vec<String>,
    /// How it ended, in words.
    pub ending: String,
}

impl EpisodeScore {
    /// Whether all conditions held.
    pub fn is_success(&self) -> bool {
        self.met == self.conditions
    }

    fn success(&self) -> f64 {
        if self.is_success() { 1.0 } else { 0.0 }
    }

    fn share_met(&self) -> f64 {
        self.met as f64 / self.conditions.max(1) as f64
    }
}

/// How much a path of `actions` counts against the expert's: `expert / max(actions, expert)`.
pub fn path_weight(actions: usize, expert_actions: usize) -> f64 {
    expert_actions as f64 / actions.max(expert_actions).max(1) as f64
}

/// Conditions met, of all conditions of all episodes.
pub fn goal_condition_rate<'a>(episodes: impl IntoIterator<Item = &'a EpisodeScore>) -> f64 {
    let (met, all) = episodes
        .into_iter()
        .fold((0, 0), |(met, all), episode| (met + episode.met, all + episode.conditions));
    met as f64 / all.max(1) as f64
}

/// Scores over episodes, each with its 95 % interval from resampling floor plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopScores {
    /// Number of episodes.
    pub n: usize,
    /// Share in which all conditions held (SR).
    pub success: f64,
    /// Its 95 % interval.
    pub success_ci95: Interval,
    /// Conditions met, of all (GC).
    pub goal_conditions: f64,
    /// Its 95 % interval.
    pub goal_conditions_ci95: Interval,
    /// Success weighed by path, episodes by the expert's length (PLWSR).
    pub path_weighted_success: f64,
    /// Its 95 % interval.
    pub path_weighted_success_ci95: Interval,
    /// Share of conditions weighed by path, episodes by the expert's length (PLWGC).
    pub path_weighted_goal_conditions: f64,
    /// Its 95 % interval.
    pub path_weighted_goal_conditions_ci95: Interval,
}

impl LoopScores {
    fn of(episodes: &[&EpisodeScore]) -> Self {
        let with = |of: &dyn Fn(&mut dyn Iterator<Item = &EpisodeScore>) -> f64| {
            let floor_plans = episodes.iter().map(|episode| episode.floor_plan.as_str());
            let interval = Interval::of_clusters(floor_plans, |drawn| {
                of(&mut drawn.iter().filter_map(|at| episodes.get(*at).copied()))
            });
            (of(&mut episodes.iter().copied()), interval)
        };
        let (success, success_ci95) = with(&|drawn| share(drawn, EpisodeScore::success));
        let (goal_conditions, goal_conditions_ci95) = with(&|drawn| goal_condition_rate(drawn));
        let (path_weighted_success, path_weighted_success_ci95) =
            with(&|drawn| weighed(drawn, EpisodeScore::success));
        let (path_weighted_goal_conditions, path_weighted_goal_conditions_ci95) =
            with(&|drawn| weighed(drawn, EpisodeScore::share_met));
        Self {
            n: episodes.len(),
            success,
            success_ci95,
            goal_conditions,
            goal_conditions_ci95,
            path_weighted_success,
            path_weighted_success_ci95,
            path_weighted_goal_conditions,
            path_weighted_goal_conditions_ci95,
        }
    }
}

/// Scores over all episodes, by kind of task, and the episodes themselves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClosedLoop {
    /// Over all episodes.
    #[serde(flatten)]
    pub all: LoopScores,
    /// By kind of task.
    pub per_type: BTreeMap<String, LoopScores>,
    /// What became of each.
    pub episodes: Vec<EpisodeScore>,
}

impl ClosedLoop {
    /// The scores of `episodes`.
    pub fn new(episodes: Vec<EpisodeScore>) -> Self {
        let mut kinds: BTreeMap<String, Vec<&EpisodeScore>> = BTreeMap::new();
        for episode in &episodes {
            kinds.entry(episode.task.clone()).or_default().push(episode);
        }
        let per_type = kinds.into_iter().map(|(kind, of)| (kind, LoopScores::of(&of))).collect();
        let all = LoopScores::of(&episodes.iter().collect::<Vec<_>>());
        Self { all, per_type, episodes }
    }
}

fn share(
    episodes: &mut dyn Iterator<Item = &EpisodeScore>,
    value: fn(&EpisodeScore) -> f64,
) -> f64 {
    let (sum, n) = episodes.fold((0.0, 0usize), |(sum, n), one| (sum + value(one), n + 1));
    sum / n.max(1) as f64
}

/// The mean of a value times the weight of its path, episodes counting as the expert's path is long.
fn weighed(
    episodes: &mut dyn Iterator<Item = &EpisodeScore>,
    value: fn(&EpisodeScore) -> f64,
) -> f64 {
    let (sum, length) = episodes.fold((0.0, 0.0), |(sum, length), one| {
        let expert = one.expert_actions as f64;
        (sum + expert * value(one) * path_weight(one.actions, one.expert_actions), length + expert)
    });
    if length > 0.0 { sum / length } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(
        floor_plan: &str,
        task: &str,
        met: usize,
        conditions: usize,
        actions: usize,
        expert: usize,
    ) -> EpisodeScore {
        EpisodeScore {
            home: "a home".into(),
            floor_plan: floor_plan.into(),
            task: task.into(),
            goal: String::new(),
            met,
            conditions,
            actions,
            expert_actions: expert,
            replans: 0,
            failures: vec![],
            ending: String::new(),
        }
    }

    #[test]
    fn scores_are_those_of_alfred() {
        let scores = ClosedLoop::new(vec![
            episode("1", "heat", 3, 3, 40, 20),
            episode("2", "heat", 1, 3, 60, 60),
            episode("3", "look", 0, 2, 5, 20),
        ]);
        assert_eq!(scores.all.n, 3);
        assert_eq!(scores.all.success, 1.0 / 3.0);
        assert_eq!(scores.all.goal_conditions, 4.0 / 8.0);
        // One success at half its weight, of a path of 20 in 100.
        approx::assert_abs_diff_eq!(scores.all.path_weighted_success, 0.1, epsilon = 1e-12);
        approx::assert_abs_diff_eq!(
            scores.all.path_weighted_goal_conditions,
            (20.0 * 0.5 + 60.0 / 3.0) / 100.0,
            epsilon = 1e-12
        );
        assert_eq!(scores.per_type["heat"].success, 0.5);
        assert_eq!(scores.per_type["look"].goal_conditions, 0.0);
        let interval = scores.all.success_ci95;
        assert!(interval.low < 1.0 / 3.0 && interval.high > 1.0 / 3.0);
    }

    #[test]
    fn episodes_on_one_floor_plan_are_drawn_together() {
        let width = |floor_plans: [&str; 4]| {
            let done = floor_plans.iter().zip([3, 0, 3, 0]);
            let episodes = done.map(|(on, met)| episode(on, "heat", met, 3, 9, 9));
            let interval = ClosedLoop::new(episodes.collect()).all.success_ci95;
            interval.high - interval.low
        };
        assert_eq!(width(["1", "1", "2", "2"]), 0.0, "half of the tasks succeed on either");
        assert!(width(["1", "2", "3", "4"]) > 0.4);
    }

    #[test]
    fn a_path_shorter_than_the_experts_counts_no_more_than_whole() {
        assert_eq!(path_weight(10, 20), 1.0);
        assert_eq!(path_weight(40, 20), 0.5);
        assert_eq!(path_weight(0, 0), 0.0);
    }
}
