//! A furnished home: every entity with its parts, its place and what it stands on.

use super::builder::Builder;
use super::catalogue::{Palette, Surface};
use super::shape::Primitive;
use crate::geometry::Pose;
use nalgebra::Vector3;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

/// What kind of room a home is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeKind {
    /// A kitchen with a dining table.
    Kitchen,
    /// A living room with a sofa and a lamp.
    LivingRoom,
    /// A bedroom with a bed and a lamp.
    Bedroom,
    /// A bathroom with a toilet and a basin.
    Bathroom,
}

impl HomeKind {
    /// All of them: the rooms of ALFRED.
    pub const ALL: [Self; 4] = [Self::Kitchen, Self::LivingRoom, Self::Bedroom, Self::Bathroom];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kitchen => "kitchen",
            Self::LivingRoom => "living room",
            Self::Bedroom => "bedroom",
            Self::Bathroom => "bathroom",
        }
    }

    /// Between what inner edge lengths such rooms are, metres: the long one and the short one.
    fn edges_m(self) -> [Range<f64>; 2] {
        match self {
            Self::Kitchen => [4.8..5.4, 3.9..4.3],
            Self::LivingRoom => [5.2..6.4, 4.3..5.0],
            Self::Bedroom => [4.2..5.0, 3.5..4.1],
            Self::Bathroom => [3.4..4.1, 2.7..3.2],
        }
    }
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
    /// Where things can stand on it, in entity coordinates.
    pub(super) surfaces: Vec<Surface>,
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
    /// What kind of room it is; `None` when it was built after something real.
    pub kind: Option<HomeKind>,
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
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let palette = Palette::new(&mut rng);
        let [x, y] = kind.edges_m().map(|edge| rng.random_range(edge));
        let mut builder = Builder::new(rng, palette, [x, y, 2.5]);
        match kind {
            HomeKind::Kitchen => builder.kitchen(),
            HomeKind::LivingRoom => builder.living_room(),
            HomeKind::Bedroom => builder.bedroom(),
            HomeKind::Bathroom => builder.bathroom(),
        }
        let Builder { mut rng, mut entities, mut size_m, .. } = builder;
        // A quarter turn or more: rooms do not all face the same way.
        let quarters = rng.random_range(0..4);
        let turn = Pose::rotation(Vector3::z() * (f64::from(quarters) * FRAC_PI_2));
        for entity in &mut entities {
            entity.world_T_entity = turn * entity.world_T_entity;
        }
        if quarters % 2 == 1 {
            size_m.swap(0, 1);
        }
        Self { kind: Some(kind), seed, size_m, entities }
    }

    /// The entity with this id.
    pub fn entity(&self, id: u32) -> Option<&Entity> {
        self.entities.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kitchens() -> impl Iterator<Item = Home> {
        (0..100).map(|seed| Home::generate(HomeKind::Kitchen, seed))
    }

    fn homes() -> impl Iterator<Item = Home> {
        let others = HomeKind::ALL.into_iter().skip(1);
        kitchens()
            .chain(others.flat_map(|kind| (0..30).map(move |seed| Home::generate(kind, seed))))
    }

    #[test]
    fn a_seed_decides_the_home() {
        for kind in HomeKind::ALL {
            assert_eq!(Home::generate(kind, 9), Home::generate(kind, 9));
            assert_ne!(Home::generate(kind, 9).entities, Home::generate(kind, 10).entities);
        }
    }

    #[test]
    fn every_room_has_what_makes_it_one() {
        let needed: [(HomeKind, &[&[&str]]); 3] = [
            (HomeKind::LivingRoom, &[&["sofa"], &["floorlamp", "desklamp"], &["remotecontrol"]]),
            (HomeKind::Bedroom, &[&["bed"], &["desklamp"], &["pillow"]]),
            (HomeKind::Bathroom, &[&["toilet"], &["sinkbasin"], &["faucet"], &["soapbar"]]),
        ];
        for (kind, needed) in needed {
            for home in (0..40).map(|seed| Home::generate(kind, seed)) {
                for names in needed {
                    let found = home.entities.iter().any(|e| names.contains(&e.category));
                    assert!(found, "{} {}: none of {names:?}", kind.name(), home.seed);
                }
                for (i, entity) in home.entities.iter().enumerate() {
                    assert_eq!(entity.id as usize, i + 1);
                }
            }
        }
    }

    #[test]
    fn every_kitchen_has_the_furniture_that_a_plan_may_ask_for() {
        for home in kitchens() {
            for category in [
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
        for entity in homes().flat_map(|home| home.entities) {
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
        for home in homes() {
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
        for home in homes() {
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
        for home in homes() {
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
