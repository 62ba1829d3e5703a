//! Homes that are no kitchens: what is put away in them, and what is asked for there.

use super::goal::TaskKind;
use super::kinds::{is_portable, may_hold, opens};
use super::world::World;
use crate::geometry::Pose;
use crate::sim::builder::Builder;
use crate::sim::catalogue::Model;
use crate::sim::usual;
use crate::sim::{Home, HomeKind, SimError};
use rand::seq::{IndexedRandom, SliceRandom};

/// Things that are put behind doors and into bins.
const HIDDEN: usize = 4;
/// What small things are carried in something movable, as in ALFRED.
const CARRIED: &[&str] =
    &["cd", "cellphone", "creditcard", "keychain", "pen", "pencil", "remotecontrol", "watch"];

/// What is asked for in a room.
pub(super) struct Chores {
    /// Kinds of task: those that ALFRED has in such rooms.
    pub kinds: &'static [TaskKind],
    /// Where things are taken to, and how often in the plans of ALFRED's training split.
    pub destinations: &'static [(&'static str, u32)],
    /// What is put into something movable.
    pub carried: &'static [&'static str],
    /// Something to carry in; every such room has one.
    vessels: &'static [&'static str],
}

const LIVING_ROOM: Chores = Chores {
    kinds: &[
        TaskKind::LookAtObjInLight,
        TaskKind::PickAndPlaceSimple,
        TaskKind::PickAndPlaceWithMovableRecep,
        TaskKind::PickTwoObjAndPlace,
    ],
    destinations: &[
        ("coffeetable", 243),
        ("armchair", 238),
        ("sofa", 205),
        ("ottoman", 61),
        ("sidetable", 57),
        ("dresser", 47),
        ("diningtable", 38),
        ("shelf", 26),
        ("drawer", 21),
        ("desk", 16),
        ("garbagecan", 15),
        ("safe", 9),
    ],
    carried: CARRIED,
    vessels: &["plate", "bowl"],
};
const BEDROOM: Chores = Chores {
    kinds: LIVING_ROOM.kinds,
    destinations: &[
        ("desk", 234),
        ("dresser", 175),
        ("sidetable", 133),
        ("shelf", 118),
        ("bed", 108),
        ("drawer", 102),
        ("diningtable", 40),
        ("safe", 31),
        ("armchair", 27),
        ("garbagecan", 18),
        ("cabinet", 7),
    ],
    carried: CARRIED,
    vessels: &["mug", "bowl"],
};
const BATHROOM: Chores = Chores {
    kinds: &[
        TaskKind::PickAndPlaceSimple,
        TaskKind::PickCleanThenPlaceInRecep,
        TaskKind::PickTwoObjAndPlace,
    ],
    destinations: &[
        ("toilet", 314),
        ("bathtubbasin", 175),
        ("cabinet", 172),
        ("garbagecan", 163),
        ("drawer", 160),
        ("countertop", 138),
        ("cart", 69),
        ("shelf", 49),
        ("toiletpaperhanger", 48),
        ("sinkbasin", 47),
        ("sidetable", 27),
        ("dresser", 13),
    ],
    carried: &[],
    vessels: &[],
};

/// What is asked for in rooms of this kind; `None` of kitchens, which have their own ways.
pub(super) fn chores(kind: HomeKind) -> Option<&'static Chores> {
    match kind {
        HomeKind::Kitchen => None,
        HomeKind::LivingRoom => Some(&LIVING_ROOM),
        HomeKind::Bedroom => Some(&BEDROOM),
        HomeKind::Bathroom => Some(&BATHROOM),
    }
}

/// The kinds of task that are asked for in rooms of this kind.
pub fn task_kinds(kind: HomeKind) -> &'static [TaskKind] {
    match chores(kind) {
        None => &TaskKind::ALL,
        Some(chores) => chores.kinds,
    }
}

/// The home of a seed, with something to carry in and with things put away.
pub(super) fn furnished(kind: HomeKind, seed: u64) -> Result<World, SimError> {
    let (rng, palette) = super::sample::chance(seed);
    let home = Home::generate(kind, seed);
    let mut builder = Builder::new(rng, palette, home.size_m);
    let mut world = super::sample::start_in(home, &mut builder.rng)?;
    if let Some(chores) = chores(kind) {
        let is_vessel = |name: &str| may_hold(name) && name != "box";
        let has_one = world.home.entities.iter().any(|entity| is_vessel(entity.category));
        let vessel = chores.vessels.choose(&mut builder.rng).filter(|_| !has_one);
        let tops = chores.destinations.iter().map(|(name, _)| *name);
        let tops: Vec<&str> = tops.filter(|name| !is_away(name)).collect();
        if let Some(vessel) = vessel {
            bring_thing(&mut world, &mut builder, vessel, &tops);
        }
    }
    put_away(&mut world, &mut builder, kind, HIDDEN);
    Ok(world)
}

/// Puts so many things behind doors and into bins, those that such rooms have there.
pub(super) fn put_away(world: &mut World, builder: &mut Builder, kind: HomeKind, count: usize) {
    let stores = kind.stock().iter().flat_map(|stock| {
        let away = stock.on.iter().filter(|(store, _)| is_away(store));
        // The pantry tells of a hundred of each thing, not of all that there is.
        let number = if kind == HomeKind::Kitchen { stock.of_100.iter().sum() } else { 1 };
        away.map(move |(store, often)| (stock.category, *store, *often * number))
    });
    let stores: Vec<(&str, &str, u32)> =
        stores.filter(|(_, store, _)| world.named(store).next().is_some()).collect();
    for _ in 0..count {
        let chosen = stores.choose_weighted(&mut builder.rng, |(_, _, often)| *often);
        if let Ok(&(thing, store, _)) = chosen {
            bring_thing(world, builder, thing, &[store]);
        }
    }
}

/// Whether what is there is put away.
fn is_away(store: &str) -> bool {
    opens(store) || store == "garbagecan"
}

/// Brings a thing of a category, if it is small.
fn bring_thing(world: &mut World, builder: &mut Builder, thing: &str, places: &[&str]) {
    let palette = builder.palette;
    let made = usual::things::thing(thing, &mut builder.rng, &palette);
    if let Some((category, model)) = made.filter(|(category, _)| is_portable(category)) {
        bring(world, builder, category, model, places);
    }
}

/// Brings a thing into the home, onto or into furniture of one of these categories. Where nothing has
/// room, the home goes without.
pub(super) fn bring(
    world: &mut World,
    builder: &mut Builder,
    category: &'static str,
    model: Model,
    places: &[&str],
) {
    builder.add(category, model, Pose::identity(), None, false);
    let Some(entity) = builder.entities.pop() else { return };
    let named = places.iter().flat_map(|name| world.named(name));
    let mut places: Vec<u32> = named.map(|place| place.id).collect();
    places.shuffle(&mut builder.rng);
    world.furnish(entity, &places);
}

#[cfg(test)]
mod tests {
    use super::super::{REACH_M, Stance, household_in, sample_task};
    use super::*;
    use crate::sim::{BASE_RADIUS_M, Entity};
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    fn rooms() -> impl Iterator<Item = HomeKind> {
        HomeKind::ALL.into_iter().skip(1)
    }

    fn homes(seeds: u64) -> impl Iterator<Item = (HomeKind, World)> {
        rooms()
            .flat_map(move |kind| (0..seeds).map(move |s| (kind, household_in(kind, s).unwrap())))
    }

    #[test]
    fn a_kind_and_a_seed_decide_the_household() {
        let state =
            |world: &World| format!("{:?} {:?} {:?}", world.robot, world.places, world.home);
        for kind in rooms() {
            let world = |seed| state(&household_in(kind, seed).unwrap());
            assert_eq!(world(4), world(4));
            assert_ne!(world(4), world(5));
        }
    }

    #[test]
    fn a_robot_starts_on_free_floor_and_gets_to_everything() {
        for (kind, world) in homes(30) {
            let seed = world.home.seed;
            let Stance { xy_m, .. } = *world.robot();
            assert!(world.is_free(&xy_m), "{kind:?} {seed}");
            let places = world.reachable_m();
            let gap_m = |entity: &Entity| {
                places.iter().map(|at| world.gap_m(entity, at)).fold(f64::INFINITY, f64::min)
            };
            for entity in world.home.entities.iter().filter(|entity| !entity.is_structure()) {
                let is_used = is_portable(entity.category) || world.is_receptacle(entity);
                let most_m = if is_used { REACH_M - BASE_RADIUS_M } else { 2.0 * REACH_M };
                let gap_m = gap_m(entity);
                assert!(gap_m < most_m, "{kind:?} {seed}: {} is {gap_m} m off", entity.category);
            }
        }
    }

    #[test]
    fn things_are_put_away_and_every_task_has_what_it_takes() {
        let mut away = 0;
        for (kind, world) in homes(10) {
            let has = |fits: &dyn Fn(&str) -> bool| {
                world.home.entities.iter().any(|entity| fits(entity.category))
            };
            away += world.home.entities.iter().filter(|entity| world.is_hidden(entity.id)).count();
            let is_lit = kind == HomeKind::Bathroom || has(&super::super::is_lamp);
            assert!(is_lit, "{kind:?} {}", world.home.seed);
            let vessels = chores(kind).unwrap().vessels;
            let carries = vessels.is_empty() || has(&|name| may_hold(name) && name != "box");
            assert!(carries, "{kind:?} {}", world.home.seed);
        }
        assert!(away > 10, "{away}");
    }

    #[test]
    fn every_task_of_a_room_is_posed_and_solved_by_the_expert() {
        for kind in rooms() {
            for task in task_kinds(kind) {
                let solved = (0..2).filter(|seed| {
                    let world = household_in(kind, *seed).unwrap();
                    let mut rng = Pcg64Mcg::seed_from_u64(*seed);
                    let Some(sampled) = sample_task(&world, *task, &mut rng) else { return false };
                    assert!(sampled.task.is_met(&sampled.expert.world), "{}", sampled.goal);
                    true
                });
                assert!(solved.count() > 0, "{kind:?}: {task:?}");
            }
            let world = household_in(kind, 0).unwrap();
            let cool = TaskKind::PickCoolThenPlaceInRecep;
            assert!(sample_task(&world, cool, &mut Pcg64Mcg::seed_from_u64(0)).is_none());
        }
    }
}
