//! What stands on what, from the boxes of regions.

use super::Region;
use crate::scene::holding::{Body, CONTACT_M, Role, holder};
use nalgebra::UnitQuaternion;

/// What is no farther from a box is taken for a part of it, metres: half a voxel.
const ROUND_M: f64 = 0.02;

/// Sets `on` of every region. `names` are those that its name is one of.
pub(super) fn relate(regions: &mut [Region], names: &[String]) {
    let role = |region: &Region| names.get(region.name).map_or(Role::Thing, |name| Role::of(name));
    let body = |region: &Region| {
        Body::new(region.centre_m, region.size_m, UnitQuaternion::identity(), role(region))
    };
    let bodies: Vec<Body> = regions.iter().map(body).collect();
    for (region, own) in regions.iter_mut().zip(&bodies) {
        region.on = holder(own, &bodies).map(|(_, at)| at);
    }
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
            && above_m(region, 2) <= CONTACT_M
    };
    let volume_m3 = |at: usize| regions[at].size_m.iter().product::<f64>();
    let by_size = |a: &usize, b: &usize| volume_m3(*a).total_cmp(&volume_m3(*b));
    let inside = (0..regions.len()).filter(is_in).min_by(by_size);
    inside.or_else(|| (0..regions.len()).filter(is_on).max_by(by_size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::holding::{HAS_PLACES, PLACE};

    #[test]
    fn a_pot_is_on_the_burner_that_shows() {
        let region = |name, xyz_m, size_m| Region {
            name,
            score: 1.0,
            feature: vec![1.0],
            centre_m: xyz_m,
            size_m,
            rgb: [0.5; 3],
            voxels: 9,
            on: None,
            seen_ns: [0, 1],
        };
        let mut regions = [
            region(2, [0.0, 0.0, 0.45], [0.6, 0.6, 0.9]),
            region(1, [0.15, -0.15, 0.91], [0.15, 0.15, 0.02]),
            region(0, [0.0, -0.15, 0.98], [0.22, 0.22, 0.12]),
        ];
        relate(&mut regions, &["pot", PLACE, HAS_PLACES].map(String::from));
        assert_eq!(regions.map(|region| region.on), [None, Some(0), Some(1)]);
    }
}
