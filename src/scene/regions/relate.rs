//! What stands on what, from the boxes of regions.

use super::Region;

/// What has places to stand on that are things of their own, …
pub(crate) const HAS_PLACES: &str = "stove";
/// … and what such a place is called.
pub(crate) const PLACE: &str = "stoveburner";

/// How far the underside of a thing may be from the top of what it stands on, metres: two voxels,
/// since neither is known better than one.
const NEAR_M: f64 = 0.1;
/// The same as a share of how wide that is: what stands beside a mug is not on it.
const NEAR: f64 = 0.5;
/// Tops are as high as each other by so much, metres: half a voxel.
const LEVEL_M: f64 = 0.025;
/// How much lower the underside of what holds a thing inside is at least, metres.
const LOWER_M: f64 = 0.02;
/// What is no farther from a box is taken for a part of it, metres: half a voxel.
const ROUND_M: f64 = 0.02;
/// A thing is at a place of what it stands on when their middles are no farther apart on the floor plan,
/// metres.
const PLACE_M: f64 = 0.4;
/// Share of the floor plan of a thing that lies over what it stands on.
const OVER: f64 = 0.5;

/// Sets `on` of every region: of the larger regions that its middle is in, or on whose top its
/// underside is, the smallest. Of tops one above another only the highest counts: what is on a worktop is
/// not on the drawer below. What stands on a stove is on the nearest burner that shows, for it hides its own.
pub(super) fn relate(regions: &mut [Region], names: &[String]) {
    let below: Vec<Option<usize>> =
        (0..regions.len()).map(|thing| holder(regions, thing)).collect();
    let is_called =
        |region: &Region, name: &str| names.get(region.name).is_some_and(|own| own == name);
    let is_place = |region: &Region| is_called(region, PLACE);
    let places: Vec<usize> = (0..regions.len()).filter(|at| is_place(&regions[*at])).collect();
    let apart_m = |a: &Region, b: &Region| {
        (a.centre_m[0] - b.centre_m[0]).hypot(a.centre_m[1] - b.centre_m[1])
    };
    let on = |thing: usize| {
        let holder = below[thing]?;
        let held = &regions[thing];
        let leads = is_called(&regions[holder], HAS_PLACES) && !is_place(held);
        let there = places.iter().filter(|at| leads && below[**at] == Some(holder));
        let near = there.map(|at| (apart_m(&regions[*at], held), *at));
        let nearest = near.filter(|(off_m, _)| *off_m <= PLACE_M);
        let nearest = nearest.min_by(|a, b| a.0.total_cmp(&b.0));
        Some(nearest.map_or(holder, |(_, at)| at))
    };
    let on: Vec<Option<usize>> = (0..regions.len()).map(on).collect();
    for (region, on) in regions.iter_mut().zip(on) {
        region.on = on;
    }
}

fn holder(regions: &[Region], thing: usize) -> Option<usize> {
    let held = &regions[thing];
    let is_under = |at: &usize| {
        let holder = &regions[*at];
        // A larger floor plan: no two can stand on one another.
        *at != thing
            && plan_m2(holder) > plan_m2(held)
            && over_m2(holder, held) >= OVER * plan_m2(held)
    };
    let under: Vec<usize> = (0..regions.len()).filter(is_under).collect();
    let on_top = || under.iter().filter(|at| is_on_top(&regions[**at], held));
    let highest_m = on_top().map(|at| top_m(&regions[*at])).fold(f64::NEG_INFINITY, f64::max);
    let inside = under.iter().filter(|at| is_inside(&regions[**at], held));
    let highest = on_top().filter(|at| top_m(&regions[**at]) >= highest_m - LEVEL_M);
    let by_size =
        |a: &&usize, b: &&usize| volume_m3(&regions[**a]).total_cmp(&volume_m3(&regions[**b]));
    highest.chain(inside).min_by(by_size).copied()
}

/// The region that what shows at a point of the world, metres, is on or in: the smallest in whose box it is, or
/// else the largest on whose top.
pub(super) fn under(regions: &[Region], xyz_m: [f64; 3]) -> Option<usize> {
    let above_m = |region: &Region, axis: usize| {
        (xyz_m[axis] - region.centre_m[axis]).abs() - region.size_m[axis] / 2.0
    };
    let is_in = |at: &usize| (0..3).all(|axis| above_m(&regions[*at], axis) <= ROUND_M);
    let is_on = |at: &usize| {
        let region = &regions[*at];
        (0..2).all(|axis| above_m(region, axis) <= 0.0)
            && xyz_m[2] > region.centre_m[2]
            && above_m(region, 2) <= NEAR_M
    };
    let by_size =
        |a: &usize, b: &usize| volume_m3(&regions[*a]).total_cmp(&volume_m3(&regions[*b]));
    let inside = (0..regions.len()).filter(is_in).min_by(by_size);
    inside.or_else(|| (0..regions.len()).filter(is_on).max_by(by_size))
}

/// Whether the middle of a thing is in the box of another, whose own underside is lower: what stands
/// beside a lettuce is not in it.
fn is_inside(holder: &Region, held: &Region) -> bool {
    let off = |axis: usize| (held.centre_m[axis] - holder.centre_m[axis]).abs();
    (0..3).all(|axis| off(axis) <= holder.size_m[axis] / 2.0)
        && underside_m(held) > underside_m(holder) + LOWER_M
}

fn underside_m(region: &Region) -> f64 {
    region.centre_m[2] - region.size_m[2] / 2.0
}

fn is_on_top(holder: &Region, held: &Region) -> bool {
    let near_m = NEAR_M.min(NEAR * plan_m2(holder).sqrt());
    (underside_m(held) - top_m(holder)).abs() <= near_m && held.centre_m[2] > holder.centre_m[2]
}

fn top_m(region: &Region) -> f64 {
    region.centre_m[2] + region.size_m[2] / 2.0
}

fn plan_m2(region: &Region) -> f64 {
    region.size_m[0] * region.size_m[1]
}

fn volume_m3(region: &Region) -> f64 {
    plan_m2(region) * region.size_m[2]
}

/// Area of the floor plan that both cover, square metres.
fn over_m2(a: &Region, b: &Region) -> f64 {
    let along = |axis: usize| {
        let end = |side: f64| {
            let (a, b) = (
                a.centre_m[axis] + side * a.size_m[axis] / 2.0,
                b.centre_m[axis] + side * b.size_m[axis] / 2.0,
            );
            if side > 0.0 { a.min(b) } else { a.max(b) }
        };
        (end(1.0) - end(-1.0)).max(0.0)
    };
    along(0) * along(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURNER: usize = 1;
    const STOVE: usize = 2;

    /// A region with its underside at `z_m`.
    fn region(name: usize, xy_m: [f64; 2], z_m: f64, size_m: [f64; 3]) -> Region {
        Region {
            name,
            score: 1.0,
            feature: vec![1.0],
            centre_m: [xy_m[0], xy_m[1], z_m + size_m[2] / 2.0],
            size_m,
            rgb: [0.5; 3],
            voxels: 9,
            on: None,
            seen_ns: [0, 1],
        }
    }

    fn on(mut regions: Vec<Region>) -> Vec<Option<usize>> {
        relate(&mut regions, &["thing", PLACE, HAS_PLACES].map(String::from));
        regions.iter().map(|region| region.on).collect()
    }

    #[test]
    fn what_is_on_a_worktop_is_not_on_the_drawer_below() {
        let top = region(0, [0.0, 0.0], 0.87, [0.6, 1.0, 0.05]);
        let drawer = region(0, [0.0, 0.0], 0.66, [0.6, 0.3, 0.2]);
        let egg = region(0, [0.1, 0.1], 0.91, [0.06, 0.05, 0.04]);
        let plate = region(0, [0.1, 0.1], 0.9, [0.24, 0.24, 0.03]);
        assert_eq!(on(vec![top.clone(), drawer.clone(), egg.clone()])[2], Some(0));
        assert_eq!(on(vec![top, drawer, egg, plate])[2..], [Some(3), Some(0)]);
    }

    #[test]
    fn what_stands_beside_a_mug_is_not_on_it() {
        let top = region(0, [0.0, 0.0], 0.87, [0.6, 1.0, 0.05]);
        let mug = region(0, [0.1, 0.1], 0.91, [0.12, 0.12, 0.1]);
        let apple = region(0, [0.12, 0.14], 0.92, [0.08, 0.08, 0.12]);
        assert_eq!(on(vec![top.clone(), mug.clone(), apple.clone()])[1..], [Some(0), Some(0)]);
        // Another on top of it is.
        let high = Region { centre_m: [0.1, 0.1, 1.05], ..apple };
        assert_eq!(on(vec![top, mug, high])[2], Some(1));
    }

    #[test]
    fn a_pot_is_on_the_burner_that_it_hides() {
        let stove = region(STOVE, [0.0, 0.0], 0.0, [0.6, 0.6, 0.9]);
        let seen = region(BURNER, [0.15, -0.15], 0.9, [0.15, 0.15, 0.02]);
        let pot = region(0, [-0.15, -0.15], 0.92, [0.22, 0.22, 0.12]);
        let far = region(BURNER, [0.15, 0.18], 0.9, [0.15, 0.15, 0.02]);
        assert_eq!(
            on(vec![stove.clone(), pot.clone(), far, seen]),
            [None, Some(3), Some(0), Some(0)]
        );
        assert_eq!(on(vec![stove, pot])[1], Some(0), "no burner shows");
    }
}
