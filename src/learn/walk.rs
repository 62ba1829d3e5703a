//! A program followed in a simulated home, by the follower that drives real bases.

use crate::planner::follow::{
    BasePose, Floor, FollowAct, FollowConfig, Follower, InstructionStep, Motion, Surroundings,
};
use crate::scene::MapObject;
use crate::sim::household::{STEP_M, World};
use nalgebra::Vector2;

/// Time between two looks at the pose, nanoseconds: the base has done by then what it can.
const TICK_NS: i64 = 3_000_000_000;
/// Ticks after which a follower that finds no end is stopped.
const MOST_TICKS: usize = 2000;
/// The base rolls so far between two looks for obstacles, metres.
const ROLL_M: f64 = 0.02;
/// Edge of the cells of a true floor plan, metres.
const CELL_M: f64 = 0.1;
/// Height at which obstacles are told to a floor plan, metres.
const OBSTACLE_M: f32 = 0.5;

/// Where a program led.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// The places on the way, a step of [`STEP_M`] apart and nearer where a motion ends, the first and
    /// the last included, metres: as those of the ways that instructions ask for, with which they are
    /// compared point by point.
    pub path_m: Vec<[f64; 2]>,
    /// Why it was followed no further.
    pub fault: Option<String>,
}

/// The length of a way through these places, metres.
pub fn length_m(path_m: &[[f64; 2]]) -> f64 {
    let pairs = path_m.iter().zip(path_m.iter().skip(1));
    pairs.map(|(a, b)| (b[0] - a[0]).hypot(b[1] - a[1])).sum()
}

/// Follows `steps` in `world`, from where its robot stands. The base rolls until something is in its
/// way; `look` tells what the robot knows of its surroundings.
pub fn walk(
    world: &World,
    steps: Vec<InstructionStep>,
    config: &FollowConfig,
    look: &mut dyn FnMut(&BasePose) -> Surroundings,
) -> Walk {
    let mut pose = BasePose::new(0, &world.robot().world_T_base());
    let mut follower = Follower::new(steps, config.clone());
    let mut path_m = vec![pose.xy_m];
    for tick in 0..MOST_TICKS {
        pose.stamp_ns = tick as i64 * TICK_NS;
        match follower.tick(pose.stamp_ns, Some(&pose), &mut |pose| Some(look(pose))) {
            Some(FollowAct::Move(Motion::Forward { forward_m })) => {
                roll(world, &mut pose, forward_m, &mut path_m);
            }
            Some(FollowAct::Move(Motion::Turn { turn_rad })) => pose.yaw_rad += turn_rad,
            Some(FollowAct::Move(Motion::Stop | Motion::Look { .. })) | None => {}
            Some(FollowAct::Halt(error)) | Some(FollowAct::End(Err(error))) => {
                return Walk { path_m, fault: Some(error.to_string()) };
            }
            Some(FollowAct::End(Ok(()))) => return Walk { path_m, fault: None },
        }
    }
    Walk { path_m, fault: Some("it finds no end".into()) }
}

fn roll(world: &World, pose: &mut BasePose, forward_m: f64, path_m: &mut Vec<[f64; 2]>) {
    let steps = (forward_m / ROLL_M).ceil().max(1.0);
    let each_m = forward_m / steps;
    let mut untold_m = 0.0;
    for _ in 0..steps as usize {
        let ahead = pose.ahead_m(each_m);
        if !world.is_free(&Vector2::from(ahead)) {
            break;
        }
        pose.xy_m = ahead;
        untold_m += each_m;
        if untold_m >= STEP_M {
            path_m.push(pose.xy_m);
            untold_m = 0.0;
        }
    }
    if untold_m > 0.0 {
        path_m.push(pose.xy_m);
    }
}

/// The surroundings as the simulator knows them: where the base can stand, and `objects`.
pub fn true_surroundings(
    world: &World,
    pose: &BasePose,
    config: &FollowConfig,
    objects: Vec<MapObject>,
) -> Surroundings {
    let [size_x, size_y, _] = world.home().size_m;
    let cells = |size_m: f64| {
        let half = (0.5 * size_m / CELL_M).ceil() as i32;
        (-half..half).map(|cell| (f64::from(cell) + 0.5) * CELL_M)
    };
    let points = cells(size_x).flat_map(|x| cells(size_y).map(move |y| (x, y)));
    let points = points.map(|(x, y)| {
        let is_free = world.is_free(&Vector2::new(x, y));
        [x as f32, y as f32, if is_free { 0.0 } else { OBSTACLE_M }]
    });
    // The plan is of the base's middle already.
    let config = FollowConfig { robot_radius_m: 0.0, ..config.clone() };
    Surroundings { floor: Floor::new(points, CELL_M, pose, &config), objects }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::follow::parse_program;
    use crate::sim::household::household;
    use crate::tasks::gap_m;
    use nalgebra::Point3;

    fn follow(world: &World, program: &str) -> Walk {
        let config = FollowConfig::default();
        let entities = world.home().entities.iter().filter(|entity| !entity.is_structure());
        let objects: Vec<MapObject> = entities.map(World::as_map_object).collect();
        let mut look = |pose: &BasePose| true_surroundings(world, pose, &config, objects.clone());
        walk(world, parse_program(program).unwrap(), &config, &mut look)
    }

    #[test]
    fn a_way_leads_to_the_thing_and_around_what_stands_between() {
        let world = household(3).unwrap();
        let mut ways_m = 0.0;
        for name in ["fridge", "diningtable", "sinkbasin"] {
            let walk = follow(&world, &format!("go to the {name}\nstop"));
            assert_eq!(walk.fault, None);
            let [x, y] = *walk.path_m.last().unwrap();
            let near = world.named(name).map(|entity| {
                let object = World::as_map_object(entity);
                gap_m(&object, &Point3::new(x, y, object.position_m[2]))
            });
            assert!(near.fold(f64::INFINITY, f64::min) < 1.0, "{name} at {x}, {y}");
            assert!(walk.path_m.iter().all(|at| world.is_free(&Vector2::from(*at))));
            ways_m += length_m(&walk.path_m);
        }
        // Before one of them the robot may stand already.
        assert!(ways_m > 0.3, "{ways_m}");
        assert!(follow(&world, "go to the spaceship").fault.unwrap().contains("spaceship"));
    }

    #[test]
    fn a_way_that_is_driven_as_asked_is_told_as_it_was_asked() {
        let world = household(3).unwrap();
        let eighth = std::f64::consts::FRAC_PI_4;
        let starts = world.reachable_m().into_iter().flat_map(|at| {
            let xy_m: [f64; 2] = at.into();
            (0..8).map(move |turn| (xy_m, f64::from(turn) * eighth))
        });
        let driven = starts.map(|(xy_m, yaw_rad)| {
            let mut pose = BasePose::new(0, &world.robot().world_T_base());
            (pose.xy_m, pose.yaw_rad) = (xy_m, yaw_rad);
            let asked_m: Vec<[f64; 2]> =
                (0..5).map(|step| pose.ahead_m(f64::from(step) * STEP_M)).collect();
            let mut path_m = vec![xy_m];
            roll(&world, &mut pose, 1.0, &mut path_m);
            (Walk { path_m, fault: None }, asked_m)
        });
        let mut free = driven.filter(|(walk, _)| length_m(&walk.path_m) > 0.99);
        let (walk, asked_m) = free.next().unwrap();
        let alike = crate::learn::ndtw(&walk.path_m, &asked_m, 1.0);
        assert!(alike > 0.95, "{alike}: {walk:?}");
    }

    #[test]
    fn what_is_in_the_way_stops_the_base() {
        let world = household(3).unwrap();
        let walk = follow(&world, "go forward 90 m");
        assert!(walk.fault.is_some() && length_m(&walk.path_m) < 12.0, "{walk:?}");
    }
}
