//! Where things can stand on or in an entity, in its own coordinates: origin at the centre of the
//! box, x to the front, z up.

use super::kinds::{may_hold, opens};
use crate::sim::Entity;
use crate::sim::catalogue::Surface;

/// Thickness of what encloses a space, metres.
pub(super) const WALL_M: f64 = 0.025;
/// How far an open drawer is pulled out, as a share of its depth.
pub(super) const PULL: f64 = 0.7;
/// Free height above what is open to the air, metres.
const OPEN_AIR_M: f64 = 0.6;
/// Height of the space between two shelves that is liked, metres.
const SHELF_GAP_M: f64 = 0.34;
/// Height above the underside of a bowl or pan at which things lie in it, metres.
const BOTTOM_M: f64 = 0.012;
/// How full a bin is, as a share of its height.
const BIN_FILL: f64 = 0.55;

/// The surfaces of an entity, the liked ones first.
pub(super) fn surfaces(entity: &Entity) -> Vec<Surface> {
    let half = entity.size_m.map(|edge| 0.5 * edge);
    if opens(entity.category) {
        return inside(entity);
    }
    if may_hold(entity.category) {
        return vec![Surface {
            centre_m: [0.0, 0.0, BOTTOM_M - half[2]],
            half_m: [half[0], half[1]],
            headroom_m: OPEN_AIR_M,
        }];
    }
    if !entity.surfaces.is_empty() {
        return entity.surfaces.clone();
    }
    if entity.category == "garbagecan" {
        let z = BIN_FILL * entity.size_m[2] - half[2];
        return vec![Surface {
            centre_m: [0.0, 0.0, z],
            half_m: [0.8 * half[0], 0.8 * half[1]],
            headroom_m: OPEN_AIR_M,
        }];
    }
    vec![Surface {
        centre_m: [0.0, 0.0, half[2]],
        half_m: [half[0] - WALL_M, half[1] - WALL_M],
        headroom_m: OPEN_AIR_M,
    }]
}

/// The shelves behind a door, or the bottom of a drawer where it is when it is pulled out: nobody
/// sees it elsewhere.
pub(super) fn inside(entity: &Entity) -> Vec<Surface> {
    let [depth, width, height] = entity.size_m;
    let half_m = [0.5 * depth - 3.0 * WALL_M, 0.5 * width - 2.0 * WALL_M];
    if entity.category == "drawer" {
        let centre_m = [PULL * depth, 0.0, WALL_M - 0.5 * height];
        return vec![Surface { centre_m, half_m, headroom_m: OPEN_AIR_M }];
    }
    let shelves = (height / SHELF_GAP_M).floor().clamp(1.0, 5.0);
    let gap = (height - 2.0 * WALL_M) / shelves;
    // From the middle outwards: what stands at the height of the hand is seen best.
    let mut order: Vec<f64> = (0..shelves as u32).map(f64::from).collect();
    order.sort_by(|a, b| {
        let off = |shelf: &f64| (shelf + 0.6 - 0.5 * shelves).abs();
        off(a).total_cmp(&off(b))
    });
    order
        .into_iter()
        .map(|shelf| Surface {
            centre_m: [0.0, 0.0, WALL_M + shelf * gap - 0.5 * height],
            half_m,
            headroom_m: gap - WALL_M,
        })
        .collect()
}
