//! Homes as they are in use: doors left open, lamps lit, things cut and put elsewhere, the robot
//! anywhere.

use crate::sim::household::{Stance, World, is_lamp, is_portable, may_be_sliced, opens};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64Mcg;

/// Share of the doors that stand open. Of many cabinets few do.
const OPEN: f64 = 0.3;
/// Share of the things that are cut, where they can be.
const SLICED: f64 = 0.3;
/// Share of the things that were put elsewhere.
const MOVED: f64 = 0.15;
/// Tilts of the camera, in steps of 15°.
const LOOKS: std::ops::RangeInclusive<i8> = 0..=2;

/// Another state of the same home, and another stand of the robot.
pub fn varied(world: &World, rng: &mut Pcg64Mcg) -> World {
    let mut world = world.clone();
    let all: Vec<(u32, &'static str)> =
        world.home().entities.iter().map(|entity| (entity.id, entity.category)).collect();
    for (id, category) in &all {
        if opens(category) {
            let doors = all.iter().filter(|(_, other)| other == category).count();
            let is_open = rng.random_bool(OPEN / (doors as f64).sqrt());
            world.change_at_start(*id, |now| now.is_open = is_open);
        }
        if is_lamp(category) {
            let is_on = rng.random_bool(0.5);
            world.switch_at_start(*id, is_on);
        }
        if may_be_sliced(category) {
            let is_sliced = rng.random_bool(SLICED);
            world.change_at_start(*id, |now| now.is_sliced = is_sliced);
        }
    }
    let holders = holders(&world);
    let parents = world.home().entities.iter().filter_map(|entity| entity.parent);
    let in_use: Vec<u32> = parents.filter(|id| holders.contains(id)).collect();
    put_elsewhere(&mut world, &in_use, MOVED, rng);
    elsewhere(&mut world, rng);
    world
}

/// Puts a `share` of the things, 0..=1, on and into any furniture there is, usual for them or not.
pub fn scatter(world: &mut World, share: f64, rng: &mut Pcg64Mcg) {
    let holders = holders(world);
    put_elsewhere(world, &holders, share, rng);
}

/// Furniture that things stand on or in.
fn holders(world: &World) -> Vec<u32> {
    let entities = world.home().entities.iter();
    let furniture = entities.filter(|e| world.is_receptacle(e) && !is_portable(e.category));
    furniture.map(|entity| entity.id).collect()
}

fn put_elsewhere(world: &mut World, holders: &[u32], share: f64, rng: &mut Pcg64Mcg) {
    let entities = world.home().entities.iter();
    let things: Vec<u32> = entities.filter(|e| is_portable(e.category)).map(|e| e.id).collect();
    for id in things {
        // What other things stand in stays where it is.
        let is_free =
            world.held().is_none_or(|held| held.id != id) && world.contents(id).next().is_none();
        if is_free
            && rng.random_bool(share)
            && let Some(to) = holders.choose(rng)
        {
            // Where there is no room it stays, too.
            let _ = world.displace(id, *to);
        }
    }
}

/// Puts the robot somewhere else that it can get to, looking anywhere.
pub fn elsewhere(world: &mut World, rng: &mut Pcg64Mcg) {
    let places = world.reachable();
    let Some(place) = places.choose(rng) else { return };
    let heading = rng.random_range(0..8);
    let stance = Stance { xy_m: place.xy_m, heading, look: rng.random_range(LOOKS) };
    // It can get there, so it can stand there.
    let _ = world.stand_at_start(stance);
}
