//! The shell of a room, whatever is in it.

use super::builder::Builder;
use super::catalogue::Model;
use super::material::Material;
use crate::geometry::Pose;

/// Width of a door, metres.
pub(super) const DOOR_M: f64 = 0.9;
/// Least wall beside a door, metres.
pub(super) const DOOR_ASIDE_M: f64 = 0.3;
/// Depth of the floor before a door that is kept free, metres.
pub(super) const DOOR_DEPTH_M: f64 = 0.8;
/// Height of a door, metres.
pub(super) const DOOR_HEIGHT_M: f64 = 2.05;

impl Builder {
    /// Floor, ceiling, walls. The door, if there is one, is a gap `door.1` metres from the end of wall
    /// `door.0`.
    pub fn room(&mut self, door: Option<(usize, f64)>) {
        let [x, y, h] = self.size_m;
        let (thick, p) = (0.1, self.palette);
        let slab = [x + 2.0 * thick, y + 2.0 * thick, thick];
        let floor = Model::default().block([0.0, 0.0, -thick], slab, p.floor);
        self.add("floor", floor, Pose::identity(), None, false);
        let white = Material::plain([0.95, 0.95, 0.93]);
        let ceiling = Model::default().block([0.0, 0.0, h], slab, white);
        self.add("ceiling", ceiling, Pose::identity(), None, false);
        for side in 0..4 {
            let (world_T_wall, length) = self.wall(side);
            let piece = |from: f64, to: f64, z: f64| {
                let size = [thick, to - from, h - z];
                let model =
                    Model::default().block([-0.5 * thick, 0.5 * (from + to), z], size, p.wall);
                if z > 0.0 {
                    return model;
                }
                let skirting = [0.012, to - from, 0.07];
                model.block([0.006, 0.5 * (from + to), 0.0], skirting, p.white)
            };
            if let Some((_, along_m)) = door.filter(|door| door.0 == side) {
                let end_m = along_m + DOOR_M;
                let pieces = [
                    piece(-thick, along_m, 0.0),
                    piece(end_m, length + thick, 0.0),
                    piece(along_m, end_m, DOOR_HEIGHT_M),
                ];
                for model in pieces {
                    self.add("wall", model, world_T_wall, None, false);
                }
            } else {
                self.add("wall", piece(-thick, length + thick, 0.0), world_T_wall, None, false);
            }
        }
    }
}
