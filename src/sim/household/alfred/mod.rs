//! Homes after trajectories of ALFRED: furniture and things of typical size and looks where the
//! trajectory says that they were.
//!
//! AI2-THOR's frame (x right, y up, z forward, left-handed, angles clockwise from z) ends here, in
//! [`frame`]. What a trajectory does not tell is made up by category: sizes, looks, and which way
//! furniture faces, which is where the expert stood before it. Where the door is nobody tells either.

mod door;
mod frame;

use super::world::{Place, Stance, World};
use crate::geometry::Pose;
use crate::sim::agent::Obstacle;
use crate::sim::builder::Builder;
use crate::sim::catalogue::{Model, Palette};
use crate::sim::lamps::desk_lamp;
use crate::sim::usual::{furniture, things};
use crate::sim::{BASE_RADIUS_M, Entity, Home, Material, SimError};
use frame::Frame;
use nalgebra::{Translation3, UnitQuaternion, Vector2, Vector3};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// From the outermost thing to the wall, metres.
const MARGIN_M: f64 = 0.35;
/// Height of the rooms, metres.
const ROOM_HEIGHT_M: f64 = 2.5;
/// Furniture is made no smaller than this share of its usual size.
const SMALLEST: f64 = 0.3;
/// What lies lower lies on the floor, metres.
const FLOOR_M: f64 = 0.15;
/// How far the point of a thing may be from what it stands on, metres.
const ON_M: f64 = 0.3;
/// How far beside a receptacle something on it may be, metres.
const BESIDE_M: f64 = 0.2;
/// The same for what may as well lie on the floor.
const IN_BIN_M: f64 = 0.05;
/// Two things that were nearer to each other than this were at one place, metres.
const SAME_SPOT_M: f64 = 0.02;
/// What a thing stands on where nobody tells of furniture juts out so far, and is so thick, metres.
const LEDGE_M: [f64; 2] = [0.03, 0.02];
/// Least room between the middles of two things, metres.
const APART_M: f64 = 0.04;

/// A receptacle of a home, in AI2-THOR's frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlfredReceptacle {
    /// Class name in lower case.
    pub category: String,
    /// Its point, metres.
    pub at_m: [f64; 3],
    /// Where the expert looked when it stood before it, degrees clockwise from z.
    pub seen_towards_deg: Option<f64>,
    /// Where things on it were, metres.
    pub held_m: Vec<[f64; 3]>,
}

/// What trajectories tell of a home, in AI2-THOR's frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlfredHome {
    /// Where the robot starts: x, y, z, metres, then rotation and horizon, degrees.
    pub start: [f64; 5],
    /// Things: class name in lower case, and place, metres.
    pub objects: Vec<(String, [f64; 3])>,
    /// Receptacles.
    pub receptacles: Vec<AlfredReceptacle>,
    /// Where things were that stood on none of them, metres.
    pub loose_m: Vec<[f64; 3]>,
    /// Lamps that are on.
    pub lamps_on: Vec<String>,
    /// Where the floor is free: x and z, metres.
    pub free_m: Vec<[f64; 2]>,
}

/// Builds the home and puts the robot at its start.
///
/// # Errors
///
/// When the robot would stand in something there.
pub fn alfred_world(told: &AlfredHome, seed: u64) -> Result<World, SimError> {
    let frame = Frame::around(told);
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let palette = Palette::new(&mut rng);
    let mut builder = Builder::new(rng, palette, frame.size_m);
    let free: Vec<Vector2<f64>> = told.free_m.iter().map(|at| frame.floor_m(*at)).collect();
    let mut held: Vec<Held> = Vec::new();
    for receptacle in &told.receptacles {
        if let Some(holder) = furnish(&mut builder, receptacle, &frame, &free) {
            let places = receptacle.held_m.iter().map(|at| frame.point_m(*at));
            held.extend(places.map(|at_m| Held { at_m, holder: Some(holder) }));
        }
    }
    for receptacle in &told.receptacles {
        let at = frame.point_m(receptacle.at_m);
        let lamp = desk_lamp(&mut builder.rng, &palette);
        let (name, model, z) = match receptacle.category.as_str() {
            "desklamp" => ("desklamp", lamp, at.z),
            "floorlamp" => ("floorlamp", things::on_a_pole(lamp, &palette), 0.0),
            _ => continue,
        };
        builder.add(name, model, Pose::translation(at.x, at.y, z), None, false);
    }
    let door = door::longest_free(&builder);
    builder.room(door);
    let entities = std::mem::take(&mut builder.entities);
    let home = Home { kind: None, seed, size_m: frame.size_m, entities };
    for (category, at_m) in &told.objects {
        if let Some((name, model)) = things::thing(category, &mut builder.rng, &palette) {
            let at = frame.point_m(*at_m);
            builder.add(name, model, Pose::translation(at.x, at.y, at.z), None, false);
        }
    }
    let [x, _, z, rotation_deg, horizon_deg] = told.start;
    let robot = Stance {
        xy_m: frame.floor_m([x, z]),
        heading: frame::heading(rotation_deg),
        look: (horizon_deg / 15.0).round().clamp(-2.0, 4.0) as i8,
    };
    let mut world = World::unchecked(home, robot);
    let loose_m = told.loose_m.iter().map(|at| frame.point_m(*at));
    held.extend(loose_m.map(|at_m| Held { at_m, holder: None }));
    settle(&mut world, builder.entities, &held, palette.wall);
    keep_clear(&mut world, &free);
    for lamp in &told.lamps_on {
        let on: Vec<u32> = world.named(lamp).map(|lamp| lamp.id).collect();
        on.into_iter().for_each(|id| world.switch_at_start(id, true));
    }
    if world.is_free(&robot.xy_m) {
        return Ok(world);
    }
    Err(SimError::Start { x_m: robot.xy_m.x, y_m: robot.xy_m.y, radius_m: BASE_RADIUS_M })
}

/// A place of things, and the id of what stood under them; `None` where no receptacle did.
struct Held {
    at_m: Vector3<f64>,
    holder: Option<u32>,
}

/// Adds a receptacle, made smaller where the expert walked. Its id; `None` where it is no furniture.
fn furnish(
    builder: &mut Builder,
    receptacle: &AlfredReceptacle,
    frame: &Frame,
    free: &[Vector2<f64>],
) -> Option<u32> {
    let at = frame.point_m(receptacle.at_m);
    let held: Vec<Vector3<f64>> = receptacle.held_m.iter().map(|at| frame.point_m(*at)).collect();
    // It faces the one who stands before it.
    let towards = receptacle.seen_towards_deg.map_or(0.0, frame::yaw_rad);
    let yaw = UnitQuaternion::from_euler_angles(0.0, 0.0, towards + std::f64::consts::PI);
    let palette = builder.palette;
    let mut share = 1.0;
    loop {
        let made = furniture::furniture(
            &receptacle.category,
            at.z,
            &held,
            share,
            &mut builder.rng,
            &palette,
        );
        let (name, model, z) = made?;
        let pose = Pose::from_parts(Translation3::new(at.x, at.y, z), yaw);
        let (low, high) = model.bounds_m();
        let centre = pose * nalgebra::Point3::from((low + high) * 0.5);
        let half = (high - low).xy() * 0.5;
        let obstacle =
            Obstacle { centre_m: centre.coords.xy(), half_m: half, yaw: yaw.euler_angles().2 };
        let clear = free.iter().all(|at| obstacle.distance_m(at) > BASE_RADIUS_M);
        if clear || share <= SMALLEST {
            let id = builder.add(name, model, pose, None, true);
            if name == "sinkbasin" || name == "bathtubbasin" {
                builder.tap(id, &pose, &(high - low));
            }
            return Some(id);
        }
        share -= 0.1;
    }
}

/// Puts loose things onto or into what stood under them where that is told, or else what is under
/// them now. Where nothing is they lie on the floor, or on a ledge of the wall's looks.
fn settle(world: &mut World, loose: Vec<Entity>, held: &[Held], look: Material) {
    let mut kept: Vec<Vector3<f64>> = Vec::new();
    for thing in loose {
        let at = thing.world_T_entity.translation.vector - Vector3::z() * (0.5 * thing.size_m[2]);
        if kept.iter().any(|other| (other - at).norm() < APART_M) {
            continue;
        }
        let told = held.iter().find(|held| (held.at_m - at).norm() < SAME_SPOT_M);
        let holder = told.map_or_else(|| under(world, &at), |held| held.holder);
        let below = ledge(&thing, &at, look);
        let is_kept = world.bring(thing, |world, id| match holder {
            Some(holder) => stand(world, id, holder, &at),
            None if at.z < FLOOR_M => stand_on_floor(world, id),
            None => true,
        });
        if is_kept {
            kept.push(at);
        }
        if is_kept && holder.is_none() && at.z >= FLOOR_M {
            world.bring(below, |_, _| true);
        }
    }
}

fn stand_on_floor(world: &mut World, id: u32) -> bool {
    let Some(entity) = world.index(id).and_then(|at| world.home.entities.get_mut(at)) else {
        return false;
    };
    entity.world_T_entity.translation.vector.z = 0.5 * entity.size_m[2];
    true
}

/// What holds a thing in the air.
fn ledge(thing: &Entity, at: &Vector3<f64>, look: Material) -> Entity {
    let [out, thick] = LEDGE_M;
    let size = [thing.size_m[0] + 2.0 * out, thing.size_m[1] + 2.0 * out, thick];
    let model = Model::default().block([0.0, 0.0, -0.5 * thick], size, look);
    Entity {
        id: 0,
        category: "wall",
        parts: model.parts,
        world_T_entity: Pose::translation(at.x, at.y, at.z - 0.5 * thick),
        size_m: size,
        parent: None,
        is_receptacle: false,
        surfaces: Vec::new(),
    }
}

/// The receptacle that has a surface at the height of `at`, and is there.
fn under(world: &World, at: &Vector3<f64>) -> Option<u32> {
    let most_m = if at.z < FLOOR_M { IN_BIN_M } else { BESIDE_M };
    let mut best: Option<(f64, u32)> = None;
    for holder in world.home.entities.iter().filter(|entity| entity.is_receptacle) {
        let beside_m = world.gap_m(holder, &at.xy());
        for surface in super::interior::surfaces(holder) {
            let off =
                (at.z - holder.world_T_entity.translation.vector.z - surface.centre_m[2]).abs();
            let is_near = beside_m <= most_m && off <= ON_M;
            if is_near && best.is_none_or(|(least, _)| off + beside_m < least) {
                best = Some((off + beside_m, holder.id));
            }
        }
    }
    best.map(|(_, holder)| holder)
}

/// Stands a thing on or in a receptacle. Behind a door, and where it is too narrow by what was made
/// up about its size, it stands where there is room; else where it was.
fn stand(world: &mut World, id: u32, holder: u32, at: &Vector3<f64>) -> bool {
    let Some(receptacle) = world.home.entity(holder) else { return false };
    let place = world.place_with(receptacle);
    let is_beside = world.gap_m(receptacle, &at.xy()) > 0.0;
    let off = |z: f64| (at.z - z).abs();
    let tops = super::interior::surfaces(receptacle)
        .into_iter()
        .map(|surface| receptacle.world_T_entity.translation.vector.z + surface.centre_m[2]);
    let Some(top) = tops.min_by(|a, b| off(*a).total_cmp(&off(*b))) else { return false };
    if is_beside || matches!(place, Place::In(_)) {
        if world.lay(id, holder).is_ok() {
            return true;
        }
        if matches!(place, Place::In(_)) {
            return false;
        }
    }
    let Some(entity) = world.index(id).and_then(|at| world.home.entities.get_mut(at)) else {
        return false;
    };
    entity.world_T_entity.translation.vector.z = top + 0.5 * entity.size_m[2];
    entity.parent = Some(holder);
    world.set_place(id, place);
    true
}

/// Where the expert walked nothing is in the way, whatever was made up about sizes.
fn keep_clear(world: &mut World, free: &[Vector2<f64>]) {
    let mut all = crate::sim::agent::obstacles(&world.home);
    all.retain(|obstacle| free.iter().all(|at| obstacle.distance_m(at) > BASE_RADIUS_M));
    world.obstacles = std::sync::Arc::new(all);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::floor::Block;
    use crate::sim::household::{Task, TaskKind, expert_plan};

    fn receptacle(
        category: &str,
        at_m: [f64; 3],
        towards_deg: f64,
        held_m: &[[f64; 3]],
    ) -> AlfredReceptacle {
        AlfredReceptacle {
            category: category.into(),
            at_m,
            seen_towards_deg: Some(towards_deg),
            held_m: held_m.to_vec(),
        }
    }

    /// A desk and a dresser three metres apart, a mug on the desk and a mug on nothing known.
    fn told() -> AlfredHome {
        let mug = [0.05, 0.74, 2.9];
        AlfredHome {
            start: [0.0, 0.9, 1.0, 90.0, 30.0],
            objects: vec![("mug".into(), mug), ("mug".into(), [3.0, 1.4, 1.0])],
            receptacles: vec![
                receptacle("desk", [0.0, 0.0, 3.0], 0.0, &[mug]),
                receptacle("dresser", [0.0, 0.0, -1.0], 180.0, &[[0.0, 0.85, -1.0]]),
                receptacle("desklamp", [0.3, 0.74, 3.0], 0.0, &[]),
            ],
            loose_m: vec![],
            lamps_on: vec![],
            free_m: (0..8).map(|i| [0.0, 0.25 * f64::from(i)]).collect(),
        }
    }

    #[test]
    fn things_stand_where_they_were_and_the_expert_does_its_task_there() {
        let world = alfred_world(&told(), 1).unwrap();
        let mugs: Vec<_> = world.named("mug").collect();
        assert_eq!(mugs.len(), 2);
        assert_eq!(world.holder(mugs[1].id), None);
        let ledge = world.home().entities.last().unwrap();
        let top_m = ledge.world_T_entity.translation.vector.z + 0.5 * ledge.size_m[2];
        let under_m = mugs[1].world_T_entity.translation.vector.z - 0.5 * mugs[1].size_m[2];
        assert!(ledge.is_structure() && (top_m - under_m).abs() < 1e-9);
        let desk = world.named("desk").next().unwrap();
        assert_eq!(world.holder(mugs[0].id), Some(desk.id));
        let (mug, desk) = (mugs[0].world_T_entity, desk.world_T_entity);
        // A tenth of a metre nearer along z, half that to the right.
        let off = mug.translation.vector - desk.translation.vector;
        assert!((off.x + 0.1).abs() < 0.06 && (off.y + 0.05).abs() < 0.06, "{off}");
        // The desk faces the one who stands before it, the way z decreases.
        assert!((desk.rotation * Vector3::x() + Vector3::x()).norm() < 1e-6);
        assert_eq!(world.robot().heading, 6, "clockwise from z is to the right");
        let task = |kind| Task {
            kind,
            object: "mug".into(),
            is_sliced: false,
            receptacle: "dresser".into(),
            movable: String::new(),
            lamp: "desklamp".into(),
        };
        for kind in [TaskKind::PickAndPlaceSimple, TaskKind::LookAtObjInLight] {
            let run = expert_plan(&world, &task(kind)).unwrap();
            assert!(task(kind).is_met(&run.world));
        }
    }

    #[test]
    fn what_is_told_counts_more_than_what_is_near() {
        let (in_bin, over_desk) = ([2.0, 0.02, 1.0], [-0.2, 0.75, 3.0]);
        let mut told = told();
        told.objects.extend([("apple".into(), in_bin), ("cd".into(), over_desk)]);
        told.receptacles.push(receptacle("garbagecan", [2.0, 0.0, 1.0], 90.0, &[in_bin]));
        told.loose_m.push(over_desk);
        let world = alfred_world(&told, 1).unwrap();
        let holder = |name: &str| {
            let id = world.holder(world.named(name).next().unwrap().id)?;
            Some(world.home().entity(id).unwrap().category)
        };
        assert_eq!(holder("apple"), Some("garbagecan"));
        assert_eq!(holder("cd"), None, "though the desk is under it");
    }

    #[test]
    fn the_door_is_a_gap_that_nothing_stands_before() {
        let home = alfred_world(&told(), 1).unwrap().home;
        let walls: Vec<&Entity> = home.entities.iter().filter(|e| e.category == "wall").collect();
        // One wall is in three pieces, the last of them over the door; one more holds the mug.
        assert_eq!(walls.len(), 7);
        let over = walls.iter().find(|wall| Block::of(wall).low.z > 2.0).unwrap();
        let mut passage = Block::of(over);
        (passage.low.z, passage.high.z) = (0.1, 2.0);
        for entity in &home.entities {
            assert!(!Block::of(entity).meets(&passage), "{} is in the door", entity.category);
        }
    }
}
