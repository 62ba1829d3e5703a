//! What stands on what, from the boxes of regions.

use super::Region;

/// How far the underside of a thing may be from the top of what it stands on, metres: two voxels,
/// since neither is known better than one.
const NEAR_M: f64 = 0.1;
/// How much lower the underside of what holds a thing inside is at least, metres.
const LOWER_M: f64 = 0.02;
/// What is no farther from a box is taken for a part of it, metres: half a voxel.
const ROUND_M: f64 = 0.02;
/// Share of the floor plan of a thing that lies over what it stands on.
const OVER: f64 = 0.5;

/// Sets `on` of every region: of the larger regions that its middle is in, or on whose top its
/// underside is, the smallest.
pub(super) fn relate(regions: &mut [Region]) {
    let below: Vec<Option<usize>> =
        (0..regions.len()).map(|thing| holder(regions, thing)).collect();
    for (region, below) in regions.iter_mut().zip(below) {
        region.on = below;
    }
}

fn holder(regions: &[Region], thing: usize) -> Option<usize> {
    let held = &regions[thing];
    let candidates = (0..regions.len()).filter(|at| {
        let holder = &regions[*at];
        // A larger floor plan: no two can stand on one another.
        *at != thing
            && plan_m2(holder) > plan_m2(held)
            && over_m2(holder, held) >= OVER * plan_m2(held)
            && (is_inside(holder, held) || is_on_top(holder, held))
    });
    candidates.min_by(|a, b| volume_m3(&regions[*a]).total_cmp(&volume_m3(&regions[*b])))
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
    let top = holder.centre_m[2] + holder.size_m[2] / 2.0;
    (underside_m(held) - top).abs() <= NEAR_M && held.centre_m[2] > holder.centre_m[2]
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
