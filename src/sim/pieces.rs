//! Furniture that several rooms have, each in the way it usually stands.

use super::furnish::{BEFORE_M, Furnisher, Piece, Stand};
use super::furniture;
use super::lamps::desk_lamp;
use super::stock::how_many;
use super::usual;
use crate::geometry::Pose;
use nalgebra::{Translation3, Vector3};
use rand::Rng;
use std::f64::consts::PI;

/// A category of furniture, and in how many of ALFRED's rooms of a kind the plans name one of it, two
/// and so on.
pub(super) type Count = (&'static str, &'static [u32]);

/// The rooms of each kind in ALFRED's training split.
const ROOMS: u32 = 27;
/// What lamps stand on: what ALFRED's do, by their height.
const LAMP_ON: &[(&str, u32)] = &[("sidetable", 2), ("desk", 2), ("dresser", 1)];
/// How far a chair stands out before its desk, metres.
const CHAIR_OUT_M: f64 = 0.47;
/// Room between the desk and its chair, metres.
const CHAIR_GAP_M: f64 = 0.05;
/// Room that two drawers above each other leave, metres.
const DRAWER_GAP_M: f64 = 0.002;
/// Most boards above each other.
const MOST_BOARDS: usize = 4;
/// Height of the lowest of several boards, and of one above another, metres.
const BOARDS_M: [f64; 2] = [0.35, 0.37];
/// Free height above a board of several, metres.
const BOARD_ROOM_M: f64 = 0.33;
/// Height of a picture's lower edge: above the heads of robots, metres.
const PICTURE_M: f64 = 1.4;
/// Height of a window's lower edge, metres.
const WINDOW_M: f64 = 1.2;

impl Furnisher<'_> {
    /// How many of a category this room has.
    pub fn count(&mut self, rooms: &[u32]) -> usize {
        how_many(&mut self.builder.rng, rooms, ROOMS)
    }

    /// A piece of furniture of usual size, with the height of its point where it hangs, metres.
    pub fn usual(&mut self, category: &str, z_m: f64) -> Option<Piece> {
        let (rng, palette) = (&mut self.builder.rng, &self.builder.palette);
        let made = usual::furniture::furniture(category, z_m, &[], 1.0, rng, palette);
        made.map(|(category, model, z_m)| Piece { category, model, z_m, holds: true })
    }

    /// Stands a piece at any wall.
    pub fn stand(&mut self, piece: &Piece, before_m: f64) -> Option<Stand> {
        self.at_wall(piece.need(before_m), &|builder, spot| {
            piece.build(builder, spot);
        })
    }

    /// Stands a piece beside what stands at a wall already; at any wall where there is no room.
    pub fn stand_beside(
        &mut self,
        stand: Option<&Stand>,
        gap_m: f64,
        piece: &Piece,
        before_m: f64,
    ) -> Option<Stand> {
        let beside = stand.and_then(|stand| {
            self.beside(stand, gap_m, piece.need(before_m), &|builder, spot| {
                piece.build(builder, spot);
            })
        });
        beside.or_else(|| self.stand(piece, before_m))
    }

    /// So many of a category, each as it usually stands.
    pub fn add(&mut self, category: &str, count: usize) {
        match category {
            _ if count == 0 => {}
            "desk" => (0..count).for_each(|_| self.desk()),
            "desklamp" => (0..count).for_each(|_| self.desk_lamp()),
            "drawer" => self.drawers(count),
            "floorlamp" => (0..count).for_each(|_| self.floor_lamp()),
            "shelf" => self.shelves(count),
            _ => {
                for _ in 0..count {
                    if let Some(piece) = self.usual(category, 0.0) {
                        self.stand(&piece, BEFORE_M);
                    }
                }
            }
        }
    }

    /// A window where there is wall for it.
    pub fn window(&mut self) {
        let width_m = self.builder.rng.random_range(0.9..1.4);
        let model = furniture::window(width_m, &self.builder.palette);
        self.stand(&Piece { category: "window", model, z_m: WINDOW_M, holds: false }, 0.0);
    }

    /// A picture where there is wall for it.
    pub fn picture(&mut self) {
        let (rng, palette) = (&mut self.builder.rng, &self.builder.palette);
        let model = furniture::painting(rng, palette);
        self.stand(&Piece { category: "painting", model, z_m: PICTURE_M, holds: false }, 0.0);
    }

    /// A desk, with a chair before one end of it.
    fn desk(&mut self) {
        let Some(desk) = self.usual("desk", 0.0) else { return };
        let palette = self.builder.palette;
        let chair = furniture::chair(palette.wood, &palette);
        let reach_m = chair.bounds_m().1;
        // The robot gets to the other end.
        let mut need = desk.need(0.0);
        let aside_m = 0.5 * need.size_m[1] - reach_m.y - CHAIR_GAP_M;
        let aside_m = if self.builder.rng.random_bool(0.5) { aside_m } else { -aside_m };
        let out_m = need.size_m[0] + CHAIR_GAP_M + reach_m.x;
        need.size_m[0] += CHAIR_OUT_M;
        self.at_wall(need, &|builder, spot| {
            desk.build(builder, spot);
            let (world_T_wall, _) = builder.wall(spot.side);
            let seat = Translation3::new(spot.out_m + out_m, spot.along_m + aside_m, 0.0);
            // It faces the desk.
            let pose = world_T_wall * seat * Pose::rotation(Vector3::z() * PI);
            builder.add("chair", chair.clone(), pose, None, false);
        });
    }

    fn desk_lamp(&mut self) {
        let palette = self.builder.palette;
        let lamp = desk_lamp(&mut self.builder.rng, &palette);
        self.put("desklamp", &lamp, LAMP_ON);
    }

    fn floor_lamp(&mut self) {
        let palette = self.builder.palette;
        let lamp = desk_lamp(&mut self.builder.rng, &palette);
        let model = usual::things::on_a_pole(lamp, &palette);
        self.stand(&Piece { category: "floorlamp", model, z_m: 0.0, holds: false }, 0.0);
    }

    /// So many drawers above each other.
    fn drawers(&mut self, count: usize) {
        let Some(drawer) = self.usual("drawer", 0.0) else { return };
        let mut need = drawer.need(BEFORE_M);
        let rise_m = need.size_m[2] + DRAWER_GAP_M;
        need.size_m[2] = rise_m * count as f64;
        self.at_wall(need, &|builder, spot| {
            for level in 0..count {
                let z_m = drawer.z_m + rise_m * level as f64;
                Piece { z_m, ..drawer.clone() }.build(builder, spot);
            }
        });
    }

    /// So many boards: one or two hang at the height of the eyes, more of them above each other.
    fn shelves(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let boards = if left > 2 { left.min(MOST_BOARDS) } else { 1 };
            self.boards(boards);
            left -= boards;
        }
    }

    fn boards(&mut self, count: usize) {
        let [lowest_m, rise_m] = BOARDS_M;
        let one_m = self.builder.rng.random_range(1.27..1.4);
        let Some(mut board) = self.usual("shelf", if count > 1 { lowest_m } else { one_m }) else {
            return;
        };
        for surface in &mut board.model.surfaces {
            surface.headroom_m = BOARD_ROOM_M;
        }
        // What hangs over other furniture is reached over it.
        let mut need = board.need(if count > 1 { BEFORE_M } else { 0.0 });
        need.size_m[2] += rise_m * count as f64;
        self.at_wall(need, &|builder, spot| {
            for level in 0..count {
                let z_m = board.z_m + rise_m * level as f64;
                Piece { z_m, ..board.clone() }.build(builder, spot);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::home::{Home, HomeKind};
    use super::super::{bathroom, bedroom, living_room};
    use super::*;

    #[test]
    fn furniture_is_as_frequent_as_in_alfreds_rooms() {
        const HOMES: u32 = 80;
        for (kind, counts) in [
            (HomeKind::LivingRoom, living_room::FURNITURE),
            (HomeKind::Bedroom, bedroom::FURNITURE),
            (HomeKind::Bathroom, bathroom::FURNITURE),
        ] {
            let homes: Vec<Home> =
                (0..HOMES).map(|seed| Home::generate(kind, seed.into())).collect();
            // Every bedroom has a lamp, whatever its plans name.
            for (category, rooms) in counts.iter().filter(|(name, _)| *name != "desklamp") {
                let has = |home: &&Home| home.entities.iter().any(|e| e.category == *category);
                let share = homes.iter().filter(has).count() as f64 / f64::from(HOMES);
                let wanted = f64::from(rooms[0]) / f64::from(ROOMS);
                let off = (share - wanted).abs();
                assert!(off < 0.2, "{} {category}: {share} for {wanted}", kind.name());
            }
        }
    }
}
