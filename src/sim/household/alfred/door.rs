//! Where the door of a home is, of which a trajectory tells nothing.

use crate::sim::builder::Builder;
use crate::sim::floor::Block;
use crate::sim::room::{DOOR_ASIDE_M, DOOR_DEPTH_M, DOOR_HEIGHT_M, DOOR_M};
use nalgebra::Point3;

/// The middle of the longest stretch of wall that no furniture stands before: the wall, and how far
/// from its end the door begins, metres. `None` where no stretch is wide enough.
pub(super) fn longest_free(builder: &Builder) -> Option<(usize, f64)> {
    let stretches = (0..4).flat_map(|side| free(builder, side).map(move |free| (side, free)));
    let wide = stretches.filter(|(_, [from_m, to_m])| to_m - from_m >= DOOR_M);
    let longest = wide.max_by(|(_, a), (_, b)| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
    longest.map(|(side, [from_m, to_m])| (side, 0.5 * (from_m + to_m - DOOR_M)))
}

/// The stretches of a wall that nothing stands before, from one end to the other, metres.
fn free(builder: &Builder, side: usize) -> impl Iterator<Item = [f64; 2]> + use<> {
    let (world_T_wall, length_m) = builder.wall(side);
    let corner =
        |world: nalgebra::Vector3<f64>| world_T_wall.inverse_transform_point(&Point3::from(world));
    let boxes = builder.entities.iter().map(Block::of);
    let boxes = boxes.map(|block| Block::between(&corner(block.low), &corner(block.high)));
    let in_way = boxes.filter(|block| block.low.x < DOOR_DEPTH_M && block.low.z < DOOR_HEIGHT_M);
    let mut taken: Vec<[f64; 2]> = in_way.map(|block| [block.low.y, block.high.y]).collect();
    taken.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let end_m = length_m - DOOR_ASIDE_M;
    taken.push([end_m; 2]);
    let mut from_m = DOOR_ASIDE_M;
    taken.into_iter().map(move |[start_m, stop_m]| {
        let stretch = [from_m, start_m.min(end_m)];
        from_m = from_m.max(stop_m);
        stretch
    })
}
