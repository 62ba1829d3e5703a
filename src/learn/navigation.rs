//! Scores of ways: SPL (Anderson et al. 2018) and nDTW (Ilharco et al. 2019).

use super::eval::Interval;
use serde::Serialize;

/// Success weighed by path length: the mean over episodes of `success · shortest / max(way,
/// shortest)`. Each episode is whether it succeeded, the length of its way and that of the shortest
/// one, metres.
pub fn spl(episodes: &[(bool, f64, f64)]) -> f64 {
    let of = |&(success, way_m, shortest_m): &(bool, f64, f64)| match (success, shortest_m > 0.0) {
        (false, _) => 0.0,
        (true, false) => 1.0,
        (true, true) => shortest_m / way_m.max(shortest_m),
    };
    episodes.iter().map(of).sum::<f64>() / episodes.len().max(1) as f64
}

/// Normalised dynamic time warping of a way against the one that was asked for, 0..=1:
/// `exp(-DTW / (n · threshold))` with `n` points of `asked`. Points are on the floor plan, metres;
/// `threshold_m` is the distance that counts as success.
pub fn ndtw(way_m: &[[f64; 2]], asked_m: &[[f64; 2]], threshold_m: f64) -> f64 {
    if way_m.is_empty() || asked_m.is_empty() {
        return 0.0;
    }
    let mut row = vec![f64::INFINITY; asked_m.len() + 1];
    row[0] = 0.0;
    for at in way_m {
        let mut diagonal = row[0];
        row[0] = f64::INFINITY;
        for (j, asked) in asked_m.iter().enumerate() {
            let distance_m = (at[0] - asked[0]).hypot(at[1] - asked[1]);
            let least = diagonal.min(row[j]).min(row[j + 1]);
            diagonal = row[j + 1];
            row[j + 1] = distance_m + least;
        }
    }
    (-row[asked_m.len()] / (asked_m.len() as f64 * threshold_m)).exp()
}

/// What became of one instruction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Walked {
    /// The home.
    pub home: String,
    /// Its floor plan, which other homes may share.
    pub floor_plan: String,
    /// The instruction.
    pub instruction: String,
    /// The program that was followed, one step a line; empty where none was understood.
    pub program: String,
    /// Whether a model wrote it, because the rules did not know the words or the places.
    pub by_model: bool,
    /// Whether the robot ended within a metre of where it was to go.
    pub success: bool,
    /// Length of its way, metres.
    pub way_m: f64,
    /// Length of the way asked for, metres.
    pub shortest_m: f64,
    /// Normalised dynamic time warping against the way asked for, at a metre.
    pub ndtw: f64,
    /// Why it went no further; `None` at a good end.
    pub fault: Option<String>,
}

/// Scores over instructions, each with its 95 % interval from resampling floor plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NavigationScores {
    /// Number of instructions.
    pub n: usize,
    /// Programs that the rules wrote.
    pub by_rules: usize,
    /// Programs that a model wrote; the other instructions were not understood.
    pub by_model: usize,
    /// Share that ended within a metre (SR).
    pub success: f64,
    /// Its interval.
    pub success_ci95: Interval,
    /// Success weighed by path length (SPL).
    pub spl: f64,
    /// Its interval.
    pub spl_ci95: Interval,
    /// Mean nDTW.
    pub ndtw: f64,
    /// Its interval.
    pub ndtw_ci95: Interval,
}

impl NavigationScores {
    /// The scores of `walks`.
    pub fn of(walks: &[&Walked]) -> Self {
        type Score = fn(&[&Walked]) -> f64;
        let with = |score: Score| {
            let floor_plans = walks.iter().map(|walk| walk.floor_plan.as_str());
            let interval = Interval::of_clusters(floor_plans, |drawn| {
                let drawn: Vec<&Walked> =
                    drawn.iter().filter_map(|at| walks.get(*at).copied()).collect();
                score(&drawn)
            });
            (score(walks), interval)
        };
        let (success, success_ci95) =
            with(|all| mean(all, |one| if one.success { 1.0 } else { 0.0 }));
        let (spl, spl_ci95) = with(|all| {
            let ways: Vec<_> =
                all.iter().map(|one| (one.success, one.way_m, one.shortest_m)).collect();
            spl(&ways)
        });
        let (ndtw, ndtw_ci95) = with(|all| mean(all, |one| one.ndtw));
        let written = |by_model: bool| {
            let of = |walk: &&&Walked| !walk.program.is_empty() && walk.by_model == by_model;
            walks.iter().filter(of).count()
        };
        Self {
            n: walks.len(),
            by_rules: written(false),
            by_model: written(true),
            success,
            success_ci95,
            spl,
            spl_ci95,
            ndtw,
            ndtw_ci95,
        }
    }
}

fn mean(walks: &[&Walked], of: fn(&Walked) -> f64) -> f64 {
    walks.iter().map(|walk| of(walk)).sum::<f64>() / walks.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_cost_and_failures_count_nothing() {
        assert_eq!(spl(&[(true, 4.0, 2.0), (false, 2.0, 2.0)]), 0.25);
        assert_eq!(spl(&[(true, 1.0, 2.0)]), 1.0, "no way is shorter than the shortest");
        assert_eq!(spl(&[(true, 0.0, 0.0)]), 1.0);
        assert_eq!(spl(&[]), 0.0);
    }

    #[test]
    fn a_way_is_compared_point_by_point_whatever_its_pace() {
        let asked = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]];
        assert_eq!(ndtw(&asked, &asked, 1.0), 1.0);
        let slow = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 0.0]];
        assert_eq!(ndtw(&slow, &asked, 1.0), 1.0);
        // Every point a metre aside: a distance of one a point.
        let aside = [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]];
        assert!((ndtw(&aside, &asked, 1.0) - (-1.0f64).exp()).abs() < 1e-12);
        assert_eq!(ndtw(&[], &asked, 1.0), 0.0);
    }

    #[test]
    fn instructions_are_scored_together() {
        let walked = |home: &str, success, way_m| Walked {
            home: home.into(),
            floor_plan: home.into(),
            instruction: "go to the mug".into(),
            program: "go to the mug".into(),
            by_model: false,
            success,
            way_m,
            shortest_m: 2.0,
            ndtw: 0.5,
            fault: None,
        };
        let (near, far) = (walked("1", true, 4.0), walked("2", false, 2.0));
        let scores = NavigationScores::of(&[&near, &far]);
        assert_eq!((scores.n, scores.success, scores.spl, scores.ndtw), (2, 0.5, 0.25, 0.5));
        assert_eq!((scores.success_ci95.low, scores.success_ci95.high), (0.0, 1.0));
        // Two homes of one floor plan are one sample.
        let far = Walked { floor_plan: "1".into(), ..far };
        let together = NavigationScores::of(&[&near, &far]).success_ci95;
        assert_eq!((together.low, together.high), (0.5, 0.5));
        let modelled = Walked { by_model: true, ..far.clone() };
        let silent = Walked { program: String::new(), ..far.clone() };
        let scores = NavigationScores::of(&[&near, &far, &modelled, &silent]);
        assert_eq!((scores.n, scores.by_rules, scores.by_model), (4, 2, 1));
        assert_eq!(NavigationScores::of(&[]).success, 0.0);
    }
}
