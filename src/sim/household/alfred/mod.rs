//! Homes after trajectories of ALFRED: furniture and things of typical size and looks where the
//! trajectory says that they were.
//!
//! AI2-THOR's frame (x right, y up, z forward, left-handed, angles clockwise from z) ends here, in
//! [`frame`]. What a trajectory does not tell is made up by category: sizes, looks, and which way
//! furniture faces, which is where the expert stood before it.

mod frame;
mod furniture;
mod things;

use super::world::{Place, Stance, World};
use crate::geometry::Pose;
use crate::sim::agent::Obstacle;
use crate::sim::builder::Builder;
use crate::sim::catalogue::{Model, Palette};
use crate::sim::lamps::desk_lamp;
use crate::sim::{BASE_RADIUS_M, Entity, Home, Material, SimError};
use frame::Frame;
use nalgebra::{Translation3, UnitQuaternion, Vector2, Vector3};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// From the outermost thing to the wall, metres.
const MARGIN_M: f64 = 0.35;
/// Height of the rooms, metres.
const ROOM_HEIGHT_M: f64 = 2.5;
/// Thickness of walls and floor, metres.
const WALL_M: f64 = 0.1;
/// Furniture is made no smaller than this share of its usual size.
const SMALLEST: f64 = 0.3;
/// What lies lower lies on the floor, metres.
const FLOOR_M: f64 = 0.15;
/// How far the point of a thing may be from what it stands on, metres.
const ON_M: f64 = 0.3;
/// How far beside a receptacle something on it may be, metres.
const BESIDE_M: f64 = 0.2;
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
    room(&mut builder, &palette);
    let free: Vec<Vector2<f64>> = told.free_m.iter().map(|at| frame.floor_m(*at)).collect();
    for receptacle in &told.receptacles {
        furnish(&mut builder, receptacle, &frame, &free);
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
    settle(&mut world, builder.entities);
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

/// Floor, ceiling and walls.
fn room(builder: &mut Builder, palette: &Palette) {
    let [x, y, h] = builder.size_m;
    let slab = [x + 2.0 * WALL_M, y + 2.0 * WALL_M, WALL_M];
    let floor = Model::default().block([0.0, 0.0, -WALL_M], slab, palette.floor);
    builder.add("floor", floor, Pose::identity(), None, false);
    let white = Material::plain([0.95, 0.95, 0.93]);
    let ceiling = Model::default().block([0.0, 0.0, h], slab, white);
    builder.add("ceiling", ceiling, Pose::identity(), None, false);
    for side in 0..4 {
        let (world_T_wall, length) = builder.wall(side);
        let size = [WALL_M, length + 2.0 * WALL_M, h];
        let wall = Model::default().block([-0.5 * WALL_M, 0.5 * length, 0.0], size, palette.wall);
        builder.add("wall", wall, world_T_wall, None, false);
    }
}

/// Adds a receptacle, made smaller where the expert walked.
fn furnish(
    builder: &mut Builder,
    receptacle: &AlfredReceptacle,
    frame: &Frame,
    free: &[Vector2<f64>],
) {
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
        let Some((name, model, z)) = made else { return };
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
                let tap = crate::sim::furniture::faucet(&palette);
                let behind = pose * Translation3::new(0.04 - half.x, 0.0, high.z - low.z);
                builder.add("faucet", tap, behind, Some(id), false);
            }
            return;
        }
        share -= 0.1;
    }
}

/// Puts loose things onto or into what is under them. What hangs in the air is left out: what it
/// stood on is not known.
fn settle(world: &mut World, loose: Vec<Entity>) {
    let mut kept: Vec<Vector3<f64>> = Vec::new();
    for thing in loose {
        let at = thing.world_T_entity.translation.vector - Vector3::z() * (0.5 * thing.size_m[2]);
        let crowded = kept.iter().any(|other| (other - at).norm() < APART_M);
        let is_kept = !crowded
            && world.bring(thing, |world, id| {
                if at.z < FLOOR_M { stand_on_floor(world, id) } else { stand(world, id, &at) }
            });
        if is_kept {
            kept.push(at);
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

/// Stands a thing on or in the receptacle that has a surface at its height.
fn stand(world: &mut World, id: u32, at: &Vector3<f64>) -> bool {
    let mut best: Option<(f64, u32, f64)> = None;
    for holder in world.home.entities.iter().filter(|entity| entity.is_receptacle) {
        let beside_m = world.gap_m(holder, &at.xy());
        for surface in super::interior::surfaces(holder) {
            let z = holder.world_T_entity.translation.vector.z + surface.centre_m[2];
            let off = (at.z - z).abs();
            if beside_m > BESIDE_M || off > ON_M {
                continue;
            }
            if best.is_none_or(|(least, ..)| off + beside_m < least) {
                best = Some((off + beside_m, holder.id, z));
            }
        }
    }
    let Some((_, holder, z)) = best else { return false };
    let Some(receptacle) = world.home.entity(holder) else { return false };
    let place = world.place_with(receptacle);
    // Behind a door things are stood where there is room; in the open, where they were.
    if matches!(place, Place::In(_)) {
        return world.lay(id, holder).is_ok();
    }
    let Some(entity) = world.index(id).and_then(|at| world.home.entities.get_mut(at)) else {
        return false;
    };
    entity.world_T_entity.translation.vector.z = z + 0.5 * entity.size_m[2];
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
    use crate::sim::household::{Task, TaskKind, expert_plan};

    /// A desk and a dresser three metres apart, a mug on the desk and a mug in the air.
    fn told() -> AlfredHome {
        let receptacle =
            |category: &str, at_m, towards: f64, held_m: &[[f64; 3]]| AlfredReceptacle {
                category: category.into(),
                at_m,
                seen_towards_deg: Some(towards),
                held_m: held_m.to_vec(),
            };
        let mug = [0.05, 0.74, 2.9];
        AlfredHome {
            start: [0.0, 0.9, 1.0, 90.0, 30.0],
            objects: vec![("mug".into(), mug), ("mug".into(), [3.0, 1.4, 1.0])],
            receptacles: vec![
                receptacle("desk", [0.0, 0.0, 3.0], 0.0, &[mug]),
                receptacle("dresser", [0.0, 0.0, -1.0], 180.0, &[[0.0, 0.85, -1.0]]),
                receptacle("desklamp", [0.3, 0.74, 3.0], 0.0, &[]),
            ],
            lamps_on: vec![],
            free_m: (0..8).map(|i| [0.0, 0.25 * f64::from(i)]).collect(),
        }
    }

    #[test]
    fn things_stand_where_they_were_and_the_expert_does_its_task_there() {
        let world = alfred_world(&told(), 1).unwrap();
        let mugs: Vec<_> = world.named("mug").collect();
        assert_eq!(mugs.len(), 1, "one hangs in the air");
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
}
