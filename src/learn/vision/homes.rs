//! Which homes are shown to the eyes, and from where.

use crate::geometry::{CameraModel, Pose};
use crate::learn::{AlfredTask, LearnError};
use crate::sim::Entity;
use crate::sim::household::{
    Stance, World, alfred_world, household, is_lamp, is_portable, may_be_sliced, opens,
};
use crate::vision::scene_vit::Part;
use nalgebra::{UnitQuaternion, Vector2, Vector3};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::{FRAC_PI_4, PI};

/// Chance that a door or drawer is open, that a thing is sliced, that a lamp is lit.
const OPEN: f64 = 0.25;
const SLICED: f64 = 0.25;
const LIT: f64 = 0.5;
/// Chance that what a thing was moved into stands open.
const OPEN_ROUND_IT: f64 = 0.6;
/// Share of the views that look at one thing, and of these at one that was moved, where there is
/// any; the others look anywhere.
const AIMED: f64 = 0.6;
const AIMED_AT_MOVED: f64 = 0.4;
/// Distance on the floor plan from which a thing is looked at, metres.
const LOOK_FROM_M: std::ops::Range<f64> = 0.5..2.4;
/// Share of the views that look along the eighths of a turn of the robot; the others are turned a
/// little.
const STRAIGHT: f64 = 0.75;
/// Most that those are turned, radians: yaw, pitch, roll.
const TURNED_RAD: [f64; 3] = [0.39, 0.13, 0.04];
/// Height of what is looked at over the camera's is found by its pitch; its tilts, steps of 15°.
const LOOKS: std::ops::RangeInclusive<i8> = -2..=4;
const LOOK_RAD: f64 = PI / 12.0;

/// How many homes are seen, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomesConfig {
    /// Seed of which homes and which views.
    pub seed: u64,
    /// Homes from a seed alone.
    pub procedural: usize,
    /// Homes after ALFRED's trajectories; as many of each floor plan.
    pub alfred: usize,
    /// Chance that a thing lies where nobody would look for it: in the bin, in an open fridge. What
    /// is often near it does not tell what such a thing is.
    #[serde(default)]
    pub moved: f64,
    /// Views of each home.
    pub views: usize,
    /// Share of them that are a quarter of what the camera sees, twice as fine.
    #[serde(default)]
    pub close: f64,
    /// Every how many-th floor plan, and procedural home, is watched and not learnt from.
    pub hold_out_every: usize,
}

/// Where a home comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From a seed.
    Procedural(u64),
    /// After the trajectory with this index.
    Alfred(usize),
}

/// A view of a home.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// Where the camera stands.
    pub world_T_camera: Pose,
    /// What of its picture is seen.
    pub part: Part,
}

/// One home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Where it comes from.
    pub origin: Origin,
    /// Seed of what its origin does not tell, and of the views.
    pub seed: u64,
    /// Watched, not learnt from.
    pub held_out: bool,
}

/// The homes to see, in an order of which each beginning has of everything.
pub fn choose(config: &HomesConfig, tasks: &[AlfredTask]) -> Vec<Home> {
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let mut scenes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, task) in tasks.iter().enumerate() {
        scenes.entry(&task.scene).or_default().push(index);
    }
    let every = config.hold_out_every.max(2);
    let mut homes = Vec::new();
    let share = if scenes.is_empty() { 0 } else { config.alfred.div_ceil(scenes.len()) };
    for (number, (_, mut of_scene)) in scenes.into_iter().enumerate() {
        of_scene.shuffle(&mut rng);
        for index in of_scene.into_iter().take(share) {
            let held_out = number % every == every - 1;
            homes.push(Home { origin: Origin::Alfred(index), seed: rng.random(), held_out });
        }
    }
    for number in 0..config.procedural {
        // Far from the small seeds that everybody plays and measures with; other ones for each seed.
        let origin = Origin::Procedural((1 << 40) | (config.seed << 20) | number as u64);
        homes.push(Home { origin, seed: rng.random(), held_out: number % every == every - 1 });
    }
    homes.shuffle(&mut rng);
    homes
}

impl Home {
    /// Builds it as it is found on one day: some doors stand open, some lamps are lit, and a thing
    /// is moved with the chance `moved`; which ones are told, too.
    ///
    /// # Errors
    ///
    /// When the robot can stand nowhere in it.
    pub fn build(
        &self,
        tasks: &[AlfredTask],
        moved: f64,
    ) -> Result<(World, BTreeSet<u32>), LearnError> {
        let mut world = match self.origin {
            Origin::Procedural(seed) => household(seed)?,
            Origin::Alfred(index) => {
                let task = tasks
                    .get(index)
                    .ok_or_else(|| LearnError::Views(format!("no trajectory {index}")))?;
                alfred_world(&task.home, self.seed)?
            }
        };
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let entities: Vec<(u32, &str)> =
            world.home().entities.iter().map(|entity| (entity.id, entity.category)).collect();
        for (id, category) in entities {
            let mut state = world.condition(id);
            state.is_open |= opens(category) && rng.random_bool(OPEN);
            state.is_sliced |= may_be_sliced(category) && rng.random_bool(SLICED);
            state.is_on |= is_lamp(category) && rng.random_bool(LIT);
            world.condition_at_start(id, state);
        }
        let moved = move_about(&mut world, moved, &mut rng);
        Ok((world, moved))
    }

    /// Where the camera stands for each of the views, and what of its picture is seen; things that
    /// were `moved` are looked at more often than others.
    pub fn views(
        &self,
        world: &World,
        moved: &BTreeSet<u32>,
        config: &HomesConfig,
        camera: &CameraModel,
    ) -> Vec<Sight> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed ^ 0x7669_6577);
        let places = world.reachable_m();
        let seen: Vec<&Entity> = world
            .home()
            .entities
            .iter()
            .filter(|entity| !entity.is_structure() && !world.is_hidden(entity.id))
            .collect();
        let mut by_category: BTreeMap<&str, Vec<&Entity>> = BTreeMap::new();
        let moved: Vec<&Entity> =
            seen.iter().copied().filter(|entity| moved.contains(&entity.id)).collect();
        for entity in seen {
            by_category.entry(entity.category).or_default().push(entity);
        }
        let kinds: Vec<&Vec<&Entity>> = by_category.values().collect();
        (0..config.views)
            .map(|_| {
                let aimed = if rng.random_bool(AIMED) {
                    let of_moved = !moved.is_empty() && rng.random_bool(AIMED_AT_MOVED);
                    let kind = if of_moved { Some(&&moved) } else { kinds.choose(&mut rng) };
                    let thing = kind.and_then(|kind| kind.choose(&mut rng));
                    thing.and_then(|entity| Some((*entity, look_at(entity, &places, &mut rng)?)))
                } else {
                    None
                };
                let stance = match aimed {
                    Some((_, stance)) => stance,
                    None => look_anywhere(world, &places, &mut rng),
                };
                let mut world_T_camera = stance.world_T_camera();
                if !rng.random_bool(STRAIGHT) {
                    let [yaw, pitch, roll] = TURNED_RAD.map(|most| rng.random_range(-most..most));
                    // Optical axes: x right, y down, z ahead.
                    world_T_camera *= UnitQuaternion::from_euler_angles(pitch, yaw, roll);
                }
                let part = if rng.random_bool(config.close) {
                    let place = aimed.map(|(entity, _)| {
                        (world_T_camera.inverse() * entity.world_T_entity).translation.vector
                    });
                    close(place, camera, &mut rng)
                } else {
                    Part::WHOLE
                };
                Sight { world_T_camera, part }
            })
            .collect()
    }
}

/// Moves each thing with a chance of `share` to wherever there is room for it.
fn move_about(world: &mut World, share: f64, rng: &mut Pcg64Mcg) -> BTreeSet<u32> {
    let (mut things, mut holders) = (Vec::new(), Vec::new());
    for entity in &world.home().entities {
        if is_portable(entity.category) {
            things.push(entity.id);
        } else if world.is_receptacle(entity) {
            holders.push((entity.id, opens(entity.category)));
        }
    }
    let mut moved = BTreeSet::new();
    for thing in things {
        if !rng.random_bool(share) {
            continue;
        }
        let Some((holder, has_door)) = holders.choose(rng).copied() else { break };
        if world.displace(thing, holder).is_ok() {
            moved.insert(thing);
            if has_door && rng.random_bool(OPEN_ROUND_IT) {
                world.change_at_start(holder, |state| state.is_open = true);
            }
        }
    }
    moved
}

/// The quarter of a picture in which a place (camera coordinates) is seen, or any.
fn close(place_m: Option<Vector3<f64>>, camera: &CameraModel, rng: &mut Pcg64Mcg) -> Part {
    let pixel = place_m.and_then(|place_m| camera.project(place_m.into()));
    let half = |at: f64, edge: u32| usize::from(at > 0.5 * f64::from(edge));
    match pixel {
        Some([u, v]) => {
            Part { across: 2, row: half(v, camera.height), column: half(u, camera.width) }
        }
        None => Part { across: 2, row: rng.random_range(0..2), column: rng.random_range(0..2) },
    }
}

/// Looks as a robot does on its tour, or wherever.
fn look_anywhere(world: &World, places: &[Vector2<f64>], rng: &mut Pcg64Mcg) -> Stance {
    let xy_m = places.choose(rng).copied().unwrap_or(world.robot().xy_m);
    let look = if rng.random_bool(0.7) { 1 } else { rng.random_range(LOOKS) };
    Stance { xy_m, heading: rng.random_range(0..8), look }
}

/// Looks at `entity` from one of the places near it.
fn look_at(entity: &Entity, places: &[Vector2<f64>], rng: &mut Pcg64Mcg) -> Option<Stance> {
    let at = entity.world_T_entity.translation.vector;
    let near: Vec<&Vector2<f64>> =
        places.iter().filter(|place| LOOK_FROM_M.contains(&(at.xy() - *place).norm())).collect();
    let xy_m = **near.choose(rng)?;
    let to = at.xy() - xy_m;
    let heading = (to.y.atan2(to.x) / FRAC_PI_4).round().rem_euclid(8.0) as u8;
    let level = Stance { xy_m, heading, look: 0 };
    let down_m = level.world_T_camera().translation.vector.z - at.z;
    let look = (down_m.atan2(to.norm()) / LOOK_RAD).round() as i8;
    Some(Stance { look: look.clamp(*LOOKS.start(), *LOOKS.end()), ..level })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::fixtures::HOMES;

    const CONFIG: HomesConfig = HomesConfig { procedural: 8, views: 6, hold_out_every: 4, ..HOMES };

    fn camera() -> CameraModel {
        CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5)
    }

    #[test]
    fn homes_and_views_are_those_of_the_seed() {
        let homes = choose(&CONFIG, &[]);
        assert_eq!(homes.iter().filter(|home| home.held_out).count(), 2);
        assert_eq!(homes, choose(&CONFIG, &[]));
        let (world, moved) = homes[0].build(&[], CONFIG.moved).unwrap();
        assert_eq!(moved, homes[0].build(&[], CONFIG.moved).unwrap().1);
        let views = homes[0].views(&world, &moved, &CONFIG, &camera());
        assert_eq!(views, homes[0].views(&world, &moved, &CONFIG, &camera()));
        assert_ne!(views[0], views[1]);
        for view in &views {
            let at = view.world_T_camera.translation.vector;
            assert!((1.0..1.4).contains(&at.z), "{at}");
        }
        let close = views.iter().filter(|view| view.part != Part::WHOLE).count();
        assert!((1..views.len()).contains(&close), "{close}");
    }

    #[test]
    fn things_lie_where_they_were_moved() {
        let home = &choose(&CONFIG, &[])[0];
        let (as_usual, none) = home.build(&[], 0.0).unwrap();
        let (world, moved) = home.build(&[], 0.5).unwrap();
        assert!(none.is_empty() && moved.len() > 3, "{moved:?}");
        let other = |id: &&u32| world.holder(**id) != as_usual.holder(**id);
        assert!(moved.iter().filter(other).count() > 2);
        for entity in as_usual.home().entities.iter().filter(|entity| !moved.contains(&entity.id)) {
            let carried = entity.parent.is_some_and(|parent| moved.contains(&parent));
            assert!(carried || world.holder(entity.id) == as_usual.holder(entity.id));
        }
    }

    #[test]
    fn a_close_look_goes_where_the_thing_is() {
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let mut part = |x, y| close(Some(Vector3::new(x, y, 2.0)), &camera(), &mut rng);
        assert_eq!(part(-0.5, -0.3), Part { across: 2, row: 0, column: 0 });
        assert_eq!(part(0.5, 0.3), Part { across: 2, row: 1, column: 1 });
        assert_eq!(close(None, &camera(), &mut rng).across, 2);
    }

    #[test]
    fn an_aimed_view_has_its_thing_near_the_middle() {
        let (world, _) = choose(&CONFIG, &[])[1].build(&[], 0.0).unwrap();
        let places = world.reachable_m();
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let mut aimed = 0;
        for entity in world.home().entities.iter().filter(|entity| !entity.is_structure()) {
            let Some(stance) = look_at(entity, &places, &mut rng) else { continue };
            let camera_T_world = stance.world_T_camera().inverse();
            let at = (camera_T_world * entity.world_T_entity).translation.vector;
            assert!(at.z > 0.0 && at.x.abs() < 0.6 * at.z, "{}: {at}", entity.category);
            aimed += 1;
        }
        assert!(aimed > 10);
    }
}
