//! Scores of ways: SPL (Anderson et al. 2018) and nDTW (Ilharco et al. 2019).

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
}
