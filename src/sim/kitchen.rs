//! How a kitchen is built and furnished.

use super::builder::Builder;
use super::catalogue::Model;
use super::counter::Below;
use super::furnish::Furnisher;
use super::furniture::{self, BASE_DEPTH_M, TOP_HEIGHT_M};
use super::material::Material;
use super::pantry::STOCK;
use crate::geometry::Pose;
use nalgebra::{Translation3, Vector3};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use std::f64::consts::PI;

impl Builder {
    /// Builds and furnishes the room.
    pub fn kitchen(&mut self) {
        let door = (pick_side(&mut self.rng), self.rng.random_range(0.9..1.3));
        self.room(Some(door));
        self.counter_row();
        self.dining_place();
        self.other_walls(door);
        Furnisher::new(self, door).stock(STOCK);
    }

    /// Fridge, worktops, sink and stove in a row along wall 1, in this order or its mirror.
    fn counter_row(&mut self) {
        let p = self.palette;
        let (world_T_wall, length) = self.wall(1);
        let mirrored = self.rng.random_bool(0.5);
        let (fridge, sink, stove) = (self.rng.random_range(0.68..0.78), 0.8, 0.6);
        let free = length - 0.02 - fridge - sink - stove;
        let share = [0.0; 3].map(|_| self.rng.random_range(0.8..1.2));
        let scale = free / share.iter().sum::<f64>();
        let tops = share.map(|s| s * scale);
        let modules = [
            ("fridge", fridge),
            ("countertop", tops[0]),
            ("sinkbasin", sink),
            ("countertop", tops[1]),
            ("stove", stove),
            ("countertop", tops[2]),
        ];
        let splash =
            Model::default().block([0.0; 3], [0.006, length - fridge - 0.03, 0.48], p.splash);
        let middle = fridge + 0.01 + 0.5 * (length - fridge - 0.02);
        let mirror = |along: f64| if mirrored { length - along } else { along };
        let pose = world_T_wall * Translation3::new(0.0035, mirror(middle), TOP_HEIGHT_M + 0.002);
        self.add("backsplash", splash, pose, None, false);
        let mut tops = Vec::new();
        let mut along = 0.01;
        for (category, width) in modules {
            let y = mirror(along + 0.5 * width);
            along += width;
            match category {
                "fridge" => {
                    let model = furniture::fridge(width, &mut self.rng, &p);
                    self.add_at_wall("fridge", model, 1, y, 0.0, None, true);
                }
                "stove" => self.stove(y, width),
                "sinkbasin" => self.sink(y, width),
                _ => tops.push((self.worktop(y, width), y, width)),
            }
        }
        self.appliances(&tops);
    }

    fn stove(&mut self, y: f64, width: f64) {
        let p = self.palette;
        let stove = self.add_at_wall("stove", furniture::stove(width, &p), 1, y, 0.0, None, false);
        let (world_T_wall, _) = self.wall(1);
        for (x, dy, radius) in
            [(0.18, -0.14, 0.075), (0.18, 0.14, 0.09), (0.42, -0.14, 0.09), (0.42, 0.14, 0.075)]
        {
            let burner = furniture::stove_burner(radius, &p);
            let pose = world_T_wall * Translation3::new(x, y + dy, TOP_HEIGHT_M);
            self.add("stoveburner", burner, pose, Some(stove), true);
        }
        self.add_at_wall("hood", furniture::hood(width, &p), 1, y, 1.6, None, false);
    }

    fn sink(&mut self, y: f64, width: f64) {
        self.sink_unit(1, y, width, true);
        let width_m = self.rng.random_range(0.7..0.95);
        let window = furniture::window(width_m, &self.palette);
        self.add_at_wall("window", window, 1, y, 1.4, None, false);
    }

    /// Cabinet, drawer, worktop and wall cabinet; returns the id of the worktop.
    fn worktop(&mut self, y: f64, width: f64) -> u32 {
        let top = self.worktop_unit(1, y, width, Below { cabinet: true, drawer: true });
        let cabinet = furniture::wall_cabinet(width, &self.palette);
        self.add_at_wall("cabinet", cabinet, 1, y, 1.42, None, true);
        top
    }

    /// Microwave, coffee machine and toaster, one on each worktop.
    fn appliances(&mut self, tops: &[(u32, f64, f64)]) {
        let p = self.palette;
        let mut models = [
            ("microwave", furniture::microwave(&mut self.rng, &p), true),
            ("coffeemachine", furniture::coffee_machine(&mut self.rng, &p), true),
            ("toaster", furniture::toaster(&mut self.rng, &p), false),
        ];
        models.shuffle(&mut self.rng);
        for ((category, model, receptacle), &(top, y, width)) in models.into_iter().zip(tops) {
            let (low, high) = model.bounds_m();
            let slack = 0.5 * width - high.y.max(-low.y) - 0.03;
            let y = y + slack * self.rng.random_range(-1.0..1.0);
            let (world_T_wall, _) = self.wall(1);
            let x = 0.04 - low.x;
            let pose = world_T_wall * Translation3::new(x, y, TOP_HEIGHT_M);
            self.add(category, model, pose, Some(top), receptacle);
        }
    }

    /// The table in the middle of the free floor, and its chairs.
    fn dining_place(&mut self) {
        let p = self.palette;
        let at = [self.rng.random_range(-0.25..0.25), -0.5 * BASE_DEPTH_M];
        let table = furniture::dining_table(&mut self.rng, &p);
        let reach = table.bounds_m().1.x;
        let pose = Pose::translation(at[0], at[1], 0.0);
        self.add("diningtable", table, pose, None, true);
        let rgb = [0; 3].map(|_| self.rng.random_range(0.2..0.8));
        let seat = if self.rng.random_bool(0.5) { p.wood } else { Material::plain(rgb) };
        let first = if self.rng.random_bool(0.5) { 1.0 } else { -1.0 };
        for end in [first, -first].into_iter().take(self.rng.random_range(1..3)) {
            let x = at[0] + end * (reach + 0.22 + self.rng.random_range(0.03..0.12));
            let yaw = if end > 0.0 { PI } else { 0.0 } + self.rng.random_range(-0.08..0.08);
            let pose = Pose::new(Vector3::new(x, at[1], 0.0), Vector3::z() * yaw);
            self.add("chair", furniture::chair(seat, &p), pose, None, false);
        }
    }

    /// Shelf, bin and picture along the walls without worktops, clear of the door.
    fn other_walls(&mut self, door: (usize, f64)) {
        let p = self.palette;
        let sides: Vec<usize> = [0, 2, 3].into_iter().filter(|&side| side != door.0).collect();
        let shelf = furniture::shelf(&mut self.rng, &p);
        let bin = furniture::garbage_can(&mut self.rng, &p);
        let picture = furniture::painting(&mut self.rng, &p);
        // Walls 0 and 2 begin or end at the worktops; stay in the part away from them.
        let span = |side: usize, length: f64| match side {
            0 => (0.9, length),
            2 => (0.0, length - 0.9),
            _ => (0.0, length),
        };
        let (first, second) = if self.rng.random_bool(0.5) { (0, 1) } else { (1, 0) };
        for (side, category, model, receptacle) in
            [(sides[first], "shelf", shelf, true), (sides[second], "garbagecan", bin, true)]
        {
            let (low, high) = span(side, self.wall(side).1);
            let half = 0.5 * (model.bounds_m().1.y - model.bounds_m().0.y) + 0.05;
            let y = self.rng.random_range(low + half..high - half);
            self.add_at_wall(category, model, side, y, 0.0, None, receptacle);
            if category == "garbagecan" {
                self.add_at_wall(
                    "painting",
                    picture.clone(),
                    side,
                    0.5 * (low + high),
                    1.2,
                    None,
                    false,
                );
            }
        }
    }
}

/// A wall for the door: any but the one with the worktops.
fn pick_side(rng: &mut Pcg64Mcg) -> usize {
    [0, 2, 3][rng.random_range(0..3)]
}
