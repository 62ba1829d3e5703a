//! What holds a thing: what it stands on or lies in, as its box and those around it tell. Regions of a map and
//! its objects are asked alike.

use nalgebra::{Point3, UnitQuaternion, Vector3};

/// What has places to stand on that are things of their own, …
pub(crate) const HAS_PLACES: &str = "stove";
/// … and what such a place is called.
pub(crate) const PLACE: &str = "stoveburner";

/// How far the underside of a thing may be from what it stands on, metres: two voxels, since neither is known
/// better than one.
pub(crate) const CONTACT_M: f64 = 0.1;
/// A thing is at a place when their centres are no farther apart on the floor plan, metres.
pub(crate) const PLACE_M: f64 = 0.4;
/// The same as [`CONTACT_M`], as a share of how wide what it stands on is: what stands beside a mug is not on it.
const NARROW: f64 = 0.5;
/// Tops are as high as each other by so much, metres: half a voxel.
const LEVEL_M: f64 = 0.025;
/// How much lower the underside of what a thing is in is at least, metres: what stands beside a lettuce is not
/// in it.
const LOWER_M: f64 = 0.02;
/// Share of the floor plan of a thing that lies over what it stands on: what merely touches the edge of a
/// drawer stands on the countertop behind it.
const OVER: f64 = 0.5;
/// Points along each edge of a floor plan that are asked for what is under them.
const PLAN_POINTS: u8 = 9;

/// How a thing is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It stands or lies on it.
    On,
    /// It is in it.
    In,
}

/// What a thing is to those that stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A stove: what stands on it is at one of its places.
    HasPlaces,
    /// A burner, which what stands there hides.
    Place,
    /// Any other.
    Thing,
}

impl Role {
    /// That of things of a class, which is one word in lower case.
    pub fn of(class: &str) -> Self {
        match class {
            HAS_PLACES => Self::HasPlaces,
            PLACE => Self::Place,
            _ => Self::Thing,
        }
    }
}

/// The box of a thing. World frame, z up; the box is turned about z at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body {
    center_m: Point3<f64>,
    half_m: Vector3<f64>,
    world_R_box: UnitQuaternion<f64>,
    role: Role,
}

impl Body {
    /// A box by its middle, its edges and how it is turned.
    pub fn new(
        center_m: [f64; 3],
        size_m: [f64; 3],
        world_R_box: UnitQuaternion<f64>,
        role: Role,
    ) -> Self {
        let half_m = Vector3::from(size_m) / 2.0;
        Self { center_m: Point3::from(center_m), half_m, world_R_box, role }
    }

    fn underside_m(&self) -> f64 {
        self.center_m.z - self.half_m.z
    }

    fn top_m(&self) -> f64 {
        self.center_m.z + self.half_m.z
    }

    fn plan_m2(&self) -> f64 {
        4.0 * self.half_m.x * self.half_m.y
    }

    fn volume_m3(&self) -> f64 {
        2.0 * self.half_m.z * self.plan_m2()
    }

    /// Distance from a point to the box, metres; 0 inside.
    pub fn gap_m(&self, point_m: &Point3<f64>) -> f64 {
        let in_box = self.world_R_box.inverse() * (point_m - self.center_m);
        in_box.zip_map(&self.half_m, |off, half| (off.abs() - half).max(0.0)).norm()
    }

    /// Whether the floor plans may meet.
    fn is_near(&self, other: &Self) -> bool {
        let off_m = (self.center_m - other.center_m).xy().norm();
        off_m <= self.half_m.xy().norm() + other.half_m.xy().norm()
    }

    /// The share of its floor plan that lies over that of another, 0..=1.
    fn share_over(&self, other: &Self) -> f64 {
        // Middles of equal parts of an edge, in halves of it.
        let along = |i: u8| (2.0 * f64::from(i) + 1.0) / f64::from(PLAN_POINTS) - 1.0;
        let points =
            (0..PLAN_POINTS).flat_map(|i| (0..PLAN_POINTS).map(move |j| [i, j].map(along)));
        let is_over = |[i, j]: &[f64; 2]| {
            let out_m = self.world_R_box * Vector3::new(i * self.half_m.x, j * self.half_m.y, 0.0);
            let at_m = self.center_m + out_m;
            other.gap_m(&Point3::new(at_m.x, at_m.y, other.center_m.z)) == 0.0
        };
        points.filter(is_over).count() as f64 / f64::from(PLAN_POINTS).powi(2)
    }

    /// Whether it is large enough and at the right place on the floor plan to hold a thing: a microwave has more
    /// volume than the worktop under it, and a pot with handles is wider than the sink.
    fn is_under(&self, held: &Self) -> bool {
        let is_larger = self.plan_m2() > held.plan_m2() || self.volume_m3() > held.volume_m3();
        is_larger && self.is_near(held) && !self.hides(held) && held.share_over(self) >= OVER
    }

    /// Whether it stands on a place and hides it: no pot holds the burner under it.
    fn hides(&self, held: &Self) -> bool {
        held.role == Role::Place
            && self.role != Role::HasPlaces
            && self.center_m.z > held.underside_m()
    }

    fn is_around(&self, held: &Self) -> bool {
        self.gap_m(&held.center_m) == 0.0 && held.underside_m() > self.underside_m() + LOWER_M
    }

    fn is_touched_by(&self, held: &Self) -> bool {
        let foot_m = Point3::new(held.center_m.x, held.center_m.y, held.underside_m());
        let reach_m = NARROW * self.plan_m2().sqrt();
        // The seat of a sofa is lower than its back, but a chair under a table is not on it.
        let deepest_m = reach_m.min(CONTACT_M.max(self.half_m.z));
        held.center_m.z > self.center_m.z
            && held.underside_m() >= self.underside_m()
            && self.gap_m(&foot_m) < CONTACT_M.min(reach_m)
            && self.top_m() - held.underside_m() <= deepest_m
    }
}

/// How, and by which of `others`, a thing is held: by the smallest of those around its middle whose underside is
/// lower, and of those that its underside touches from above. Of tops one above another only the highest
/// counts: what is on a worktop is not on the drawer below. What stands on a stove stands on the nearest of its
/// burners, for it hides its own.
///
/// The underside of a holder is lower, or as low and its middle lower, so from holder to holder there is an end.
pub(crate) fn holder(held: &Body, others: &[Body]) -> Option<(Hold, usize)> {
    let (hold, at) = holder_of_all(held, others)?;
    let is_led = others[at].role == Role::HasPlaces && held.role != Role::Place;
    let place = if is_led { place_on(at, held, others) } else { None };
    Some(place.map_or((hold, at), |place| (Hold::On, place)))
}

/// The same without burners.
fn holder_of_all(held: &Body, others: &[Body]) -> Option<(Hold, usize)> {
    let under: Vec<usize> = (0..others.len()).filter(|at| others[*at].is_under(held)).collect();
    let (around, beneath): (Vec<usize>, Vec<usize>) =
        under.into_iter().partition(|at| others[*at].is_around(held));
    let touched: Vec<usize> =
        beneath.into_iter().filter(|at| others[*at].is_touched_by(held)).collect();
    let top_m = |at: &usize| others[*at].top_m();
    // What is sunk into a worktop is not on the drawer below either.
    let sunk = around.iter().map(top_m).filter(|top_m| *top_m <= held.underside_m() + CONTACT_M);
    let highest_m = touched.iter().map(top_m).chain(sunk).fold(f64::NEG_INFINITY, f64::max);
    let highest = touched.iter().copied().filter(|at| top_m(at) >= highest_m - LEVEL_M);
    let around = around.iter().map(|at| (Hold::In, *at));
    let by_size = |a: &(Hold, usize), b: &(Hold, usize)| {
        others[a.1].volume_m3().total_cmp(&others[b.1].volume_m3())
    };
    around.chain(highest.map(|at| (Hold::On, at))).min_by(by_size)
}

/// The burner of a stove that is nearest to what stands there, where there is one near.
fn place_on(stove: usize, held: &Body, others: &[Body]) -> Option<usize> {
    let off_m = |at: &usize| (others[*at].center_m - held.center_m).xy().norm();
    let is_there = |at: &usize| {
        let place = &others[*at];
        place.role == Role::Place
            && off_m(at) <= PLACE_M
            // What is in the oven is not on it.
            && held.center_m.z > place.underside_m()
            && holder_of_all(place, others).is_some_and(|(_, at)| at == stove)
    };
    (0..others.len()).filter(is_there).min_by(|a, b| off_m(a).total_cmp(&off_m(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Hold::{In, On};
    use approx::assert_abs_diff_eq;
    use std::f64::consts::FRAC_PI_2;

    fn body(role: Role, center_m: [f64; 3], size_m: [f64; 3]) -> Body {
        Body::new(center_m, size_m, UnitQuaternion::identity(), role)
    }

    fn thing(center_m: [f64; 3], size_m: [f64; 3]) -> Body {
        body(Role::Thing, center_m, size_m)
    }

    #[test]
    fn on_the_table_in_the_fridge_and_in_a_tray() {
        let others = [
            thing([0.0, 0.0, 0.5], [1.0; 3]),
            thing([5.0, 0.0, 1.0], [2.0; 3]),
            thing([0.1, 0.2, 1.0], [0.3; 3]),
        ];
        let egg = thing([5.1, 0.0, 0.9], [0.05; 3]);
        assert_eq!(holder(&egg, &others), Some((In, 1)));
        let mug = thing([0.1, 0.2, 1.05], [0.1; 3]);
        assert_eq!(holder(&mug, &others[..2]), Some((On, 0)));
        assert_eq!(holder(&mug, &others), Some((In, 2)), "the tray's box is around it");
        assert_eq!(holder(&thing([2.0, 0.0, 0.1], [0.2; 3]), &others), None);
        assert_eq!(holder(&others[0], &others[1..]), None);
        assert_eq!(holder(&egg, &[]), None);
    }

    #[test]
    fn what_touches_a_drawer_stands_on_the_countertop_behind_it() {
        let top = thing([0.0, 0.0, 0.88], [0.9, 0.6, 0.08]);
        let mut drawer = thing([0.0, -0.26, 0.76], [0.9, 0.1, 0.2]);
        let mut mug = thing([0.1, -0.19, 0.97], [0.1, 0.12, 0.1]);
        assert_eq!(mug.share_over(&top), 1.0);
        assert_abs_diff_eq!(mug.share_over(&drawer), 0.04 / 0.12, epsilon = 0.03);
        assert_eq!(holder(&mug, &[top, drawer]), Some((On, 0)));
        // A quarter of a turn later the drawer's front reaches no farther than half its depth.
        drawer.world_R_box = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), FRAC_PI_2);
        assert_eq!(mug.share_over(&drawer), 0.0);
        mug.center_m = Point3::new(0.02, -0.3, 0.97);
        assert_abs_diff_eq!(mug.share_over(&drawer), 0.8, epsilon = 0.03);
    }

    #[test]
    fn of_tops_one_above_another_the_highest_counts() {
        let others = [
            thing([0.0, 0.0, 0.9], [1.0, 0.6, 0.05]),
            thing([0.0, 0.0, 0.77], [0.3, 0.6, 0.2]),
            thing([0.1, 0.1, 0.93], [0.24, 0.24, 0.03]),
        ];
        let egg = thing([0.1, 0.1, 0.94], [0.06, 0.05, 0.04]);
        assert_eq!(holder(&egg, &others[..2]), Some((On, 0)));
        assert_eq!(holder(&egg, &others).map(|(_, at)| at), Some(2), "the plate");
        // Sunk by half a voxel, as readings are.
        let low = thing([0.1, 0.1, 0.905], [0.06, 0.05, 0.04]);
        assert_eq!(holder(&low, &others[..2]).map(|(_, at)| at), Some(0));
        // More volume than the worktop has.
        let microwave = thing([-0.2, 0.0, 1.06], [0.5, 0.36, 0.28]);
        assert_eq!(holder(&microwave, &others), Some((On, 0)));
    }

    /// One home holds what may be told badly: a stove told twice, a pan that is sunk into it, a plate that
    /// is as low as its table.
    #[test]
    fn from_holder_to_holder_there_is_an_end() {
        let all = [
            body(Role::HasPlaces, [0.0, 0.0, 0.45], [0.7, 0.7, 0.9]),
            body(Role::HasPlaces, [0.0, 0.0, 0.75], [0.6, 0.6, 0.3]),
            body(Role::Place, [0.15, -0.15, 0.91], [0.15, 0.15, 0.02]),
            thing([0.15, -0.15, 0.82], [0.25, 0.25, 0.12]),
            thing([0.15, -0.15, 0.9], [0.24, 0.24, 0.02]),
            thing([0.15, -0.15, 0.96], [0.14, 0.14, 0.14]),
        ];
        let holders = all.map(|held| holder(&held, &all).map(|(_, at)| at));
        for first in 0..all.len() {
            let chain = std::iter::successors(Some(first), |at| holders[*at]);
            assert!(chain.take(all.len() + 1).count() <= all.len(), "{first}: {holders:?}");
        }
        assert!(holders[1..].iter().all(Option::is_some), "{holders:?}");
    }

    #[test]
    fn what_stands_beside_a_mug_is_neither_on_it_nor_in_it() {
        let others =
            [thing([0.0, 0.0, 0.9], [1.0, 0.6, 0.05]), thing([0.1, 0.1, 0.98], [0.14, 0.14, 0.11])];
        let held = |center_m, size_m| holder(&thing(center_m, size_m), &others);
        assert_eq!(held([0.12, 0.12, 0.965], [0.08; 3]), Some((On, 0)), "as low as the mug");
        assert_eq!(held([0.1, 0.1, 1.0], [0.08; 3]), Some((In, 1)), "higher: in it");
        assert_eq!(held([0.12, 0.12, 1.0], [0.08, 0.08, 0.15]), Some((On, 0)), "as low, taller");
        assert_eq!(held([0.1, 0.1, 1.08], [0.08, 0.08, 0.12]), Some((On, 1)), "on top of it");
    }

    #[test]
    fn what_is_deep_in_the_box_of_another_does_not_stand_on_it() {
        let table = thing([0.0, 0.0, 0.375], [2.4, 1.2, 0.75]);
        assert_eq!(holder(&thing([0.0, 0.3, 0.45], [0.45, 0.45, 0.9]), &[table]), None, "a chair");
        let corner = thing([0.0, 0.0, 0.45], [2.4, 1.8, 0.9]);
        assert_eq!(holder(&thing([0.6, 0.4, 0.9], [0.7, 0.7, 1.8]), &[corner]), None, "a fridge");
        let sink = thing([0.0, 0.0, 0.78], [0.4, 0.33, 0.25]);
        let top = thing([0.0, 0.0, 0.875], [1.0, 0.6, 0.05]);
        let pot = thing([0.0, 0.0, 0.82], [0.45, 0.3, 0.24]);
        assert_eq!(holder(&pot, &[top, sink]), Some((In, 1)));
    }

    #[test]
    fn a_pot_is_on_the_burner_that_it_hides() {
        let burner = |x, y| body(Role::Place, [x, y, 0.91], [0.15, 0.15, 0.02]);
        let stove = body(Role::HasPlaces, [0.0, 0.0, 0.45], [0.6, 0.6, 0.9]);
        let pot = thing([-0.15, -0.15, 0.98], [0.22, 0.22, 0.12]);
        let others = [stove, burner(0.15, -0.15), burner(0.15, 0.18), burner(-0.45, -0.15)];
        assert_eq!(holder(&pot, &others), Some((On, 1)), "the nearest on this stove");
        assert_eq!(holder(&others[1], &others), Some((On, 0)));
        assert_eq!(holder(&pot, &others[..1]), Some((On, 0)), "none shows");
        // What is in the pot is not on the burners, and no burner is in the pan that hides it.
        let egg = thing([-0.15, -0.15, 1.0], [0.06, 0.05, 0.04]);
        assert_eq!(holder(&egg, &[others[0], others[1], pot]), Some((In, 2)));
        let pan = thing([0.15, -0.15, 0.93], [0.25, 0.25, 0.12]);
        let all = [others[0], others[1], pan];
        assert_eq!(holder(&pan, &all), Some((On, 1)));
        assert_eq!(holder(&others[1], &all), Some((On, 0)));
        // What is in the oven is not on a burner.
        let tin = thing([0.1, -0.1, 0.4], [0.3, 0.3, 0.06]);
        assert_eq!(holder(&tin, &others), Some((In, 0)));
        // A worktop has no places, whatever is on it.
        let top = thing([0.0, 0.0, 0.88], [1.2, 0.6, 0.05]);
        assert_eq!(holder(&pot, &[top, others[1]]), Some((On, 0)));
    }
}
