//! A furnished home: every entity with its parts, its place and what it stands on.

use super::catalogue::{Model, Palette, Surface};
use super::furniture::{self, BASE_DEPTH_M, DRAWER_HEIGHT_M, SLAB_HEIGHT_M, TOP_HEIGHT_M};
use super::material::{Material, Pattern};
use super::shape::Primitive;
use super::things::{THINGS, ThingKind};
use crate::geometry::Pose;
use nalgebra::{Translation3, UnitQuaternion, Vector3};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// What kind of room a home is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeKind {
    /// A kitchen with a dining table.
    Kitchen,
}

/// One thing in a home: structure, furniture, appliance or small object.
///
/// Entity coordinates have their origin at the centre of the box, x to the front, z up.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its number, from 1 on; 0 means nothing in an instance image.
    pub id: u32,
    /// Category in lower case without spaces, such as `mug` or `sinkbasin`.
    pub category: &'static str,
    /// Its solids, in entity coordinates.
    pub parts: Vec<Primitive>,
    /// Maps entity coordinates to world coordinates; z stays up.
    pub world_T_entity: Pose,
    /// Edge lengths of the box around all parts, metres.
    pub size_m: [f64; 3],
    /// What it stands on, if not the floor or the wall.
    pub parent: Option<u32>,
    /// Whether things can be put on it or into it.
    pub is_receptacle: bool,
}

impl Entity {
    /// Whether it belongs to the room itself: floor, walls, ceiling, window.
    pub fn is_structure(&self) -> bool {
        ["floor", "wall", "ceiling", "window", "backsplash"].contains(&self.category)
    }

    /// Half the edge lengths of the upright, axis-parallel box in world coordinates, metres.
    pub fn world_half_m(&self) -> Vector3<f64> {
        let turn = self.world_T_entity.rotation.to_rotation_matrix();
        turn.matrix().abs() * (Vector3::from(self.size_m) * 0.5)
    }
}

/// A furnished room around the world origin; the floor is at z = 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Home {
    /// What kind of room it is.
    pub kind: HomeKind,
    /// The seed it was made from.
    pub seed: u64,
    /// Inner edge lengths of the room along world x, y, z, metres.
    pub size_m: [f64; 3],
    /// Everything in it; `entities[i].id == i + 1`.
    pub entities: Vec<Entity>,
}

impl Home {
    /// Furnishes a home. The same kind and seed give the same home.
    pub fn generate(kind: HomeKind, seed: u64) -> Self {
        let HomeKind::Kitchen = kind;
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let palette = Palette::new(&mut rng);
        let size_m = [rng.random_range(4.8..5.4), rng.random_range(3.9..4.3), 2.5];
        let mut builder =
            Builder { rng, palette, size_m, entities: Vec::new(), places: Vec::new() };
        builder.kitchen();
        let Builder { mut rng, mut entities, mut size_m, .. } = builder;
        // A quarter turn or more: kitchens do not all face the same way.
        let quarters = rng.random_range(0..4);
        let turn = Pose::rotation(Vector3::z() * (f64::from(quarters) * FRAC_PI_2));
        for entity in &mut entities {
            entity.world_T_entity = turn * entity.world_T_entity;
        }
        if quarters % 2 == 1 {
            size_m.swap(0, 1);
        }
        Self { kind, seed, size_m, entities }
    }

    /// The entity with this id.
    pub fn entity(&self, id: u32) -> Option<&Entity> {
        self.entities.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }
}

/// A place for small things: a surface of an entity and the circles taken on it.
struct Place {
    entity: u32,
    category: &'static str,
    world_T_surface: Pose,
    surface: Surface,
    taken: Vec<([f64; 2], f64)>,
}

struct Builder {
    rng: Pcg64Mcg,
    palette: Palette,
    size_m: [f64; 3],
    entities: Vec<Entity>,
    places: Vec<Place>,
}

impl Builder {
    /// Adds a model that stands at `world_T_model` and returns its id.
    fn add(
        &mut self,
        category: &'static str,
        model: Model,
        world_T_model: Pose,
        parent: Option<u32>,
        is_receptacle: bool,
    ) -> u32 {
        let id = self.entities.len() as u32 + 1;
        let (low, high) = model.bounds_m();
        let centre = (low + high) * 0.5;
        let mut parts = model.parts;
        for part in &mut parts {
            part.entity_T_part.translation.vector -= centre;
        }
        for surface in model.surfaces {
            let at = Translation3::from(surface.centre_m);
            self.places.push(Place {
                entity: id,
                category,
                world_T_surface: world_T_model * at,
                surface,
                taken: Vec::new(),
            });
        }
        self.entities.push(Entity {
            id,
            category,
            parts,
            world_T_entity: world_T_model * Translation3::from(centre),
            size_m: (high - low).into(),
            parent,
            is_receptacle,
        });
        id
    }

    /// Maps coordinates of a wall to the world: origin at its left end as seen from inside the
    /// room, x into the room, y along the wall. Wall 0 lies at +x, 1 at +y, 2 at −x, 3 at −y.
    fn wall(&self, side: usize) -> (Pose, f64) {
        let [x, y, _] = self.size_m.map(|s| 0.5 * s);
        let (corner, length) =
            [([x, y], 2.0 * y), ([-x, y], 2.0 * x), ([-x, -y], 2.0 * y), ([x, -y], 2.0 * x)][side];
        let yaw = PI + FRAC_PI_2 * side as f64;
        let corner = Translation3::new(corner[0], corner[1], 0.0);
        (Pose::from_parts(corner, UnitQuaternion::from_euler_angles(0.0, 0.0, yaw)), length)
    }

    /// Adds a model with its back to wall `side`, its middle `along` metres from the wall's origin,
    /// its underside at height `z`.
    #[allow(clippy::too_many_arguments)]
    fn add_at_wall(
        &mut self,
        category: &'static str,
        model: Model,
        side: usize,
        along: f64,
        z: f64,
        parent: Option<u32>,
        is_receptacle: bool,
    ) -> u32 {
        let (world_T_wall, _) = self.wall(side);
        let depth = 0.004 - model.bounds_m().0.x;
        let pose = world_T_wall * Translation3::new(depth, along, z);
        self.add(category, model, pose, parent, is_receptacle)
    }

    fn kitchen(&mut self) {
        let door = (pick_side(&mut self.rng), self.rng.random_range(0.9..1.3));
        self.room(door);
        self.counter_row();
        self.dining_place();
        self.other_walls(door);
        self.small_things();
    }

    /// Floor, ceiling, walls. The door is a gap of 0.9 m, `door.1` metres from the end of wall
    /// `door.0`.
    fn room(&mut self, door: (usize, f64)) {
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
            if side == door.0 {
                self.add("wall", piece(-thick, door.1, 0.0), world_T_wall, None, false);
                self.add(
                    "wall",
                    piece(door.1 + 0.9, length + thick, 0.0),
                    world_T_wall,
                    None,
                    false,
                );
                self.add("wall", piece(door.1, door.1 + 0.9, 2.05), world_T_wall, None, false);
            } else {
                self.add("wall", piece(-thick, length + thick, 0.0), world_T_wall, None, false);
            }
        }
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
        let p = self.palette;
        self.add_at_wall("cabinet", furniture::base_cabinet(width, &p), 1, y, 0.0, None, true);
        let basin = furniture::sink_basin(width, &p);
        let basin = self.add_at_wall("sinkbasin", basin, 1, y, DRAWER_HEIGHT_M, None, true);
        self.add_at_wall("faucet", furniture::faucet(&p), 1, y, TOP_HEIGHT_M, Some(basin), false);
        let (w, h) = (self.rng.random_range(0.7..0.95), 0.75);
        let sky = Material::plain([0.78, 0.88, 0.97]).with(Pattern::Glow);
        let window = Model::default()
            .block([0.01, 0.0, 0.0], [0.02, w, h], sky)
            .block([0.02, 0.0, 0.0], [0.04, w, 0.05], p.white)
            .block([0.02, 0.0, h - 0.05], [0.04, w, 0.05], p.white)
            .block([0.02, 0.5 * w - 0.025, 0.0], [0.04, 0.05, h], p.white)
            .block([0.02, 0.025 - 0.5 * w, 0.0], [0.04, 0.05, h], p.white)
            .block([0.015, 0.0, 0.0], [0.03, 0.03, h], p.white);
        self.add_at_wall("window", window, 1, y, 1.4, None, false);
    }

    /// Cabinet, drawer, worktop and wall cabinet; returns the id of the worktop.
    fn worktop(&mut self, y: f64, width: f64) -> u32 {
        let p = self.palette;
        self.add_at_wall("cabinet", furniture::base_cabinet(width, &p), 1, y, 0.0, None, true);
        let drawer = furniture::drawer(width, &p);
        self.add_at_wall("drawer", drawer, 1, y, DRAWER_HEIGHT_M, None, true);
        let top = furniture::countertop(width, 0.45, &p);
        let top = self.add_at_wall("countertop", top, 1, y, SLAB_HEIGHT_M, None, true);
        self.add_at_wall("cabinet", furniture::wall_cabinet(width, &p), 1, y, 1.42, None, true);
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
            let world = pose.translation.vector + pose.rotation * ((low + high) * 0.5);
            let radius = 0.5 * (high.x - low.x).hypot(high.y - low.y);
            if let Some(place) = self.places.iter_mut().find(|place| place.entity == top) {
                let at = place.world_T_surface.inverse_transform_point(&world.into());
                place.taken.push(([at.x, at.y], radius));
            }
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

    /// Puts one of every usual thing, and some others, on the surfaces they are found on.
    fn small_things(&mut self) {
        for kind in THINGS {
            if kind.always || self.rng.random_bool(0.6) {
                let model = (kind.build)(&mut self.rng, &self.palette);
                self.put(kind, model);
            }
        }
    }

    /// Puts a thing on a free spot, if any place it is found on has one.
    fn put(&mut self, kind: &ThingKind, model: Model) {
        let (radius, height) = (model.radius_m(), model.bounds_m().1.z);
        for category in kind.found_on {
            let mut places: Vec<usize> =
                (0..self.places.len()).filter(|&i| self.places[i].category == *category).collect();
            places.shuffle(&mut self.rng);
            for index in places {
                let Some(at) = self.free_spot(index, radius, height) else { continue };
                let place = &mut self.places[index];
                place.taken.push((at, radius));
                let yaw = Pose::rotation(Vector3::z() * self.rng.random_range(0.0..TAU));
                let pose = place.world_T_surface * Translation3::new(at[0], at[1], 0.0) * yaw;
                let parent = place.entity;
                self.add(kind.category, model, pose, Some(parent), false);
                return;
            }
        }
    }

    /// A spot on a place where a circle of this radius overlaps nothing.
    fn free_spot(&mut self, index: usize, radius: f64, height: f64) -> Option<[f64; 2]> {
        let place = &self.places[index];
        if height > place.surface.headroom_m {
            return None;
        }
        if place.category == "stoveburner" {
            return place.taken.is_empty().then_some([0.0, 0.0]);
        }
        let reach = place.surface.half_m.map(|half| half - radius);
        if reach[0] <= 0.0 || reach[1] <= 0.0 {
            return None;
        }
        (0..200).find_map(|_| {
            let at = reach.map(|r| self.rng.random_range(-r..r));
            let free = place
                .taken
                .iter()
                .all(|(other, r)| (at[0] - other[0]).hypot(at[1] - other[1]) > radius + r + 0.005);
            free.then_some(at)
        })
    }
}

/// A wall for the door: any but the one with the worktops.
fn pick_side(rng: &mut Pcg64Mcg) -> usize {
    [0, 2, 3][rng.random_range(0..3)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kitchens() -> impl Iterator<Item = Home> {
        (0..100).map(|seed| Home::generate(HomeKind::Kitchen, seed))
    }

    #[test]
    fn a_seed_decides_the_home() {
        assert_eq!(Home::generate(HomeKind::Kitchen, 9), Home::generate(HomeKind::Kitchen, 9),);
        assert_ne!(
            Home::generate(HomeKind::Kitchen, 9).entities,
            Home::generate(HomeKind::Kitchen, 10).entities,
        );
    }

    #[test]
    fn every_kitchen_has_what_a_plan_may_ask_for() {
        for home in kitchens() {
            for category in [
                "mug",
                "apple",
                "knife",
                "plate",
                "sinkbasin",
                "countertop",
                "fridge",
                "microwave",
                "diningtable",
                "garbagecan",
                "coffeemachine",
                "stoveburner",
                "shelf",
                "toaster",
                "cabinet",
                "drawer",
                "bread",
                "tomato",
                "lettuce",
                "pot",
                "pan",
                "bowl",
                "window",
            ] {
                let found = home.entities.iter().any(|entity| entity.category == category);
                assert!(found, "seed {}: no {category}", home.seed);
            }
            for (i, entity) in home.entities.iter().enumerate() {
                assert_eq!(entity.id as usize, i + 1);
                assert!(entity.parts.len() <= 256 && !entity.parts.is_empty());
            }
        }
    }

    #[test]
    fn parts_fill_the_box_of_their_entity() {
        for entity in kitchens().flat_map(|home| home.entities) {
            let half = Vector3::from(entity.size_m) * 0.5;
            let (mut low, mut high) = (Vector3::zeros(), Vector3::zeros());
            for (a, b) in entity.parts.iter().map(Primitive::bounds_m) {
                low = a.inf(&low);
                high = b.sup(&high);
            }
            assert!((low + half).norm() < 1e-6 && (high - half).norm() < 1e-6);
            let up = entity.world_T_entity.rotation * Vector3::z();
            assert!((up - Vector3::z()).norm() < 1e-9);
        }
    }

    #[test]
    fn furniture_stands_inside_the_room_and_overlaps_nothing() {
        for home in kitchens() {
            let furniture: Vec<&Entity> =
                home.entities.iter().filter(|e| !e.is_structure() && e.parent.is_none()).collect();
            for (i, a) in furniture.iter().enumerate() {
                let (at, half) = (a.world_T_entity.translation.vector, a.world_half_m());
                for axis in 0..2 {
                    assert!(at[axis].abs() + half[axis] < 0.5 * home.size_m[axis]);
                }
                assert!(at.z - half.z > -1e-6 && at.z + half.z < home.size_m[2]);
                for b in &furniture[..i] {
                    let apart = (at - b.world_T_entity.translation.vector).abs();
                    let reach = half + b.world_half_m();
                    let overlap = (0..3).all(|axis| apart[axis] < reach[axis] - 1e-4);
                    assert!(!overlap, "seed {}: {} and {}", home.seed, a.category, b.category);
                }
            }
        }
    }

    #[test]
    fn things_rest_on_their_parents() {
        for home in kitchens() {
            for thing in home.entities.iter().filter(|e| e.parent.is_some()) {
                let parent = home.entity(thing.parent.unwrap()).unwrap();
                let at = thing.world_T_entity.translation.vector;
                let (low, half) = (at.z - 0.5 * thing.size_m[2], thing.world_half_m());
                let under = parent.world_T_entity.translation.vector;
                let stands_on = parent.parts.iter().any(|part| {
                    let (_, high) = part.bounds_m();
                    (under.z + high.z - low).abs() < 1e-6
                });
                assert!(stands_on, "{} on {}", thing.category, parent.category);
                if parent.category == "stoveburner" {
                    continue; // Pots are wider than the flame.
                }
                let reach = parent.world_half_m();
                for axis in 0..2 {
                    let out = (at[axis] - under[axis]).abs() + half[axis] - reach[axis];
                    assert!(out < 0.06, "{} {out} off {}", thing.category, parent.category);
                }
            }
        }
    }

    #[test]
    fn things_on_one_surface_do_not_overlap() {
        for home in kitchens() {
            let things: Vec<&Entity> =
                home.entities.iter().filter(|e| e.parent.is_some() && !e.is_receptacle).collect();
            for (i, a) in things.iter().enumerate() {
                for b in things[..i].iter().filter(|b| b.parent == a.parent) {
                    let d =
                        a.world_T_entity.translation.vector - b.world_T_entity.translation.vector;
                    let inner = |e: &Entity| 0.5 * e.size_m[0].min(e.size_m[1]);
                    let level = d.z.abs() > 0.5 * (a.size_m[2] + b.size_m[2]) - 1e-6;
                    assert!(level || d.xy().norm() > inner(a) + inner(b));
                }
            }
        }
    }
}
