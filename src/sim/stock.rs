//! How many small things a room has, and on what they stand.

use super::bathroom;
use super::bedroom;
use super::catalogue::Model;
use super::floor::Block;
use super::furnish::{Furnisher, Piece};
use super::home::{Entity, HomeKind};
use super::living_room;
use super::pantry;
use super::usual;
use crate::geometry::Pose;
use nalgebra::{Point3, Translation3, Vector2, Vector3};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::FRAC_PI_2;

/// What lies on no furniture lies there.
pub(super) const FLOOR: &str = "floor";
/// Spots of a surface that are tried for a thing.
const SPOTS: usize = 60;
/// Things lie along the edges of what they are on, but for so much, radians.
const ASKEW_RAD: f64 = 0.15;
/// A place with half edges below this is for one thing, whatever its width: a burner. Metres.
const ONE_M: f64 = 0.05;
/// Least room between two things, metres.
const SPACING_M: f64 = 0.01;
/// Surfaces nearer in height are one, metres.
const LEVEL_M: f64 = 0.02;
/// A thing lies so near to where the robot gets, metres on the floor plan.
const ARM_M: f64 = 0.95;

/// The things of one category in rooms of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stock {
    pub category: &'static str,
    /// Of 100 rooms, how many have one of it, two, and three.
    pub of_100: [u32; 3],
    /// What they stand on or in, and how often.
    pub on: &'static [(&'static str, u32)],
}

impl HomeKind {
    /// The small things of such a room.
    pub(super) fn stock(self) -> &'static [Stock] {
        match self {
            Self::Kitchen => pantry::STOCK,
            Self::LivingRoom => living_room::STOCK,
            Self::Bedroom => bedroom::STOCK,
            Self::Bathroom => bathroom::STOCK,
        }
    }
}

/// A line of a table of things.
pub(super) const fn stock(
    category: &'static str,
    of_100: [u32; 3],
    on: &'static [(&'static str, u32)],
) -> Stock {
    Stock { category, of_100, on }
}

/// How many there are of something in one room, when of so many rooms `rooms[0]` have one, `rooms[1]`
/// two, and so on.
pub(super) fn how_many(rng: &mut Pcg64Mcg, rooms: &[u32], of: u32) -> usize {
    let room = rng.random_range(0..of);
    rooms.iter().filter(|have_so_many| room < **have_so_many).count()
}

impl Furnisher<'_> {
    /// Puts the things of a room where they are found. What has no room there is left out.
    pub fn stock(&mut self, stock: &[Stock]) {
        for kind in stock {
            for _ in 0..how_many(&mut self.builder.rng, &kind.of_100, 100) {
                let (rng, palette) = (&mut self.builder.rng, &self.builder.palette);
                let thing = usual::things::thing(kind.category, rng, palette);
                if let Some((category, model)) = thing {
                    self.put(category, &model, kind.on);
                }
            }
        }
    }

    /// Puts a thing on some furniture of one of the categories `on`, more often on those that it is
    /// found on more often. Whether there was room.
    pub fn put(
        &mut self,
        category: &'static str,
        model: &Model,
        on: &[(&'static str, u32)],
    ) -> bool {
        let is_there = |name: &str| {
            name == FLOOR || self.builder.places.iter().any(|place| place.category == name)
        };
        let mut left: Vec<(&'static str, u32)> =
            on.iter().copied().filter(|(name, _)| is_there(name)).collect();
        loop {
            let chosen = left.choose_weighted(&mut self.builder.rng, |(_, often)| *often);
            let Ok(&(name, _)) = chosen else { return false };
            if self.put_on(category, model, name) {
                return true;
            }
            left.retain(|(other, _)| *other != name);
        }
    }

    fn put_on(&mut self, category: &'static str, model: &Model, name: &str) -> bool {
        if name == FLOOR {
            let model = model.clone();
            return self.stand(&Piece { category, model, z_m: 0.0, holds: false }, 0.0).is_some();
        }
        let places = self.builder.places.iter().enumerate();
        let named = places.filter(|(_, place)| place.category == name);
        let mut places: Vec<usize> = named.map(|(at, _)| at).collect();
        places.shuffle(&mut self.builder.rng);
        places.into_iter().any(|at| self.lay(category, model, at))
    }

    /// Lays a thing on a surface, along its edges, where it meets nothing and the robot gets to it.
    fn lay(&mut self, category: &'static str, model: &Model, place: usize) -> bool {
        let (low, high) = model.bounds_m();
        let (middle, half) = ((low + high) * 0.5, (high - low) * 0.5);
        let Some(place) = self.builder.places.get(place) else { return false };
        let (surface, holder, world_T_surface) =
            (place.surface, place.entity, place.world_T_surface);
        if high.z - low.z > surface.headroom_m {
            return false;
        }
        let entities = self.builder.entities.iter();
        let taken: Vec<_> =
            entities.filter_map(|other| footprint(other, holder, &world_T_surface)).collect();
        for _ in 0..SPOTS {
            let rng = &mut self.builder.rng;
            let quarters: u8 = rng.random_range(0..4);
            let yaw = f64::from(quarters) * FRAC_PI_2 + rng.random_range(-ASKEW_RAD..ASKEW_RAD);
            let (sin, cos) = (yaw.sin().abs(), yaw.cos().abs());
            let reach = Vector2::new(cos * half.x + sin * half.y, sin * half.x + cos * half.y);
            let slack = Vector2::from(surface.half_m) - reach;
            let is_one = Vector2::from(surface.half_m).max() < ONE_M;
            if slack.min() <= 0.0 && !is_one {
                continue;
            }
            let at = slack.map(|slack| if is_one { 0.0 } else { rng.random_range(-slack..slack) });
            let is_free = taken.iter().all(|(other, other_reach)| {
                ((at - other).abs() - other_reach - reach).max() > SPACING_M
            });
            let point = world_T_surface * Point3::new(at.x, at.y, 0.0);
            if is_free && self.floor.is_near(&Block::between(&point, &point), ARM_M) {
                let turn = Pose::rotation(Vector3::z() * yaw);
                let pose = world_T_surface
                    * Translation3::new(at.x, at.y, -low.z)
                    * turn
                    * Translation3::from(if is_one {
                        Vector3::zeros()
                    } else {
                        -middle.xy().push(0.0)
                    });
                self.builder.add(category, model.clone(), pose, Some(holder), false);
                return true;
            }
        }
        false
    }
}

/// The box of a thing on a surface of `holder`, in the coordinates of the surface: its centre and half
/// edges, metres; `None` of what stands elsewhere.
fn footprint(
    thing: &Entity,
    holder: u32,
    world_T_surface: &Pose,
) -> Option<(Vector2<f64>, Vector2<f64>)> {
    let surface_T_thing = world_T_surface.inverse() * thing.world_T_entity;
    let at = surface_T_thing.translation.vector;
    let is_on = thing.parent == Some(holder) && (at.z - 0.5 * thing.size_m[2]).abs() < LEVEL_M;
    let turn = surface_T_thing.rotation.to_rotation_matrix();
    let reach = turn.matrix().abs() * (Vector3::from(thing.size_m) * 0.5);
    is_on.then(|| (at.xy(), reach.xy()))
}

#[cfg(test)]
mod tests {
    use super::super::home::Home;
    use super::*;

    #[test]
    fn what_nearly_every_room_of_alfred_has_most_rooms_have() {
        const HOMES: usize = 20;
        for kind in HomeKind::ALL {
            let homes: Vec<Home> = (0..HOMES).map(|s| Home::generate(kind, s as u64)).collect();
            for stock in kind.stock().iter().filter(|stock| stock.of_100[0] >= 90) {
                let has = |home: &&Home| home.entities.iter().any(|e| e.category == stock.category);
                let homes = homes.iter().filter(has).count();
                assert!(homes > HOMES / 2, "{} {}: {homes}", kind.name(), stock.category);
            }
        }
    }

    #[test]
    fn hardly_anything_has_no_room_in_a_kitchen() {
        const HOMES: u32 = 40;
        let stock = HomeKind::Kitchen.stock();
        let counted: u32 = stock.iter().flat_map(|stock| stock.of_100).sum();
        let things = (0..HOMES).map(|seed| {
            let home = Home::generate(HomeKind::Kitchen, seed.into());
            let small = |e: &&Entity| stock.iter().any(|stock| stock.category == e.category);
            home.entities.iter().filter(small).count()
        });
        let placed = things.sum::<usize>() as f64 / f64::from(HOMES);
        let share = placed / (f64::from(counted) / 100.0);
        assert!((0.93..1.05).contains(&share), "{placed} of {counted} in a hundred");
    }

    #[test]
    fn rooms_have_as_many_as_are_counted() {
        let mut rng: Pcg64Mcg = rand::SeedableRng::seed_from_u64(1);
        let counts: Vec<usize> = (0..1000).map(|_| how_many(&mut rng, &[70, 30], 100)).collect();
        let of = |number: usize| counts.iter().filter(|count| **count == number).count();
        assert!((250..350).contains(&of(0)) && (250..350).contains(&of(2)) && of(3) == 0);
    }
}
