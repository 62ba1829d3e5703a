//! Which objects may touch which: all reaches along one axis, in order.
//!
//! A cell grid would have to enter a box of any size into all its cells. An ordered list of reaches
//! has one entry for each object, whatever its size.

use super::boxes::{diagonal_m, distance_m};
use super::{MapObject, NEAR_M};

/// The reaches of objects along x.
pub(super) struct Spans {
    /// Lower end, upper end and index of each object, by lower end.
    spans: Vec<(f64, f64, usize)>,
    /// The greatest upper end up to each entry.
    highest: Vec<f64>,
}

/// How far from its centre an object can meet another: both reaches together are more than any
/// distance at which the two are near, or their boxes touch.
fn reach_m(object: &MapObject) -> f64 {
    diagonal_m(object).max(NEAR_M) / 2.0
}

impl Spans {
    pub fn of(objects: &[MapObject]) -> Self {
        let span = |(index, object): (usize, &MapObject)| {
            let (x, reach) = (object.position_m[0], reach_m(object));
            (x - reach, x + reach, index)
        };
        let mut spans: Vec<_> = objects.iter().enumerate().map(span).collect();
        spans.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        let mut highest = Vec::with_capacity(spans.len());
        let mut most = f64::NEG_INFINITY;
        for (_, high, _) in &spans {
            most = most.max(*high);
            highest.push(most);
        }
        Self { spans, highest }
    }

    /// Those of `objects`, of which this was made, that `one` may meet.
    pub fn near<'a>(
        &'a self,
        one: &'a MapObject,
        objects: &'a [MapObject],
    ) -> impl Iterator<Item = &'a MapObject> {
        let (x, reach) = (one.position_m[0], reach_m(one));
        let end = self.spans.partition_point(|span| span.0 <= x + reach);
        let start = self.highest.partition_point(|high| *high < x - reach);
        let spans = self.spans.get(start..end).unwrap_or_default().iter();
        let beside = spans.filter(move |(_, high, _)| *high >= x - reach);
        let beside = beside.filter_map(|(.., index)| objects.get(*index));
        beside.filter(move |object| distance_m(one, object) <= reach + reach_m(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::objects::tests::object;
    use rand::{Rng, SeedableRng};

    #[test]
    fn those_that_may_meet_are_found_and_no_others() {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(7);
        let mut any = |large: f64| {
            let position_m = [0; 3].map(|_| rng.random_range(-10.0..10.0));
            object("cup", position_m, [0; 3].map(|_| rng.random_range(0.0..large)))
        };
        let mut objects: Vec<MapObject> = (0..300).map(|_| any(0.5)).collect();
        objects.extend((0..20).map(|_| any(8.0)));
        objects.push(object("cup", [0.0; 3], [f64::MAX; 3]));
        let spans = Spans::of(&objects);
        let mut pairs = 0;
        for one in &objects {
            let meets = |other: &MapObject| distance_m(one, other) <= reach_m(one) + reach_m(other);
            let all = objects.iter().filter(|other| meets(other)).count();
            let near: Vec<&MapObject> = spans.near(one, &objects).collect();
            assert!(near.len() == all && near.into_iter().all(meets));
            pairs += all;
        }
        assert!(pairs > 1000 && pairs < 30_000, "{pairs}");
        assert_eq!(Spans::of(&[]).near(&objects[0], &[]).count(), 0);
    }
}
