//! Each action's preconditions and effects, and each kind of task, in kitchens from seeds.

use super::expert::expert_plan;
use super::goal::{Task, TaskKind};
use super::*;
use crate::scene::MapObject;
use crate::sim::Entity;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// A kitchen that has in the open what these tests handle, and nothing in the fridge.
fn kitchen() -> World {
    let needed = ["apple", "bowl", "bread", "desklamp", "knife", "mug", "plate", "pot"];
    let mut kitchens = (3..).map(|seed| household(seed).unwrap());
    let is_empty = |world: &World, id: u32| world.contents(id).next().is_none();
    let fits = |world: &World| {
        needed.iter().all(|name| in_the_open(world, name).is_some())
            && is_empty(world, id(world, "fridge"))
    };
    kitchens.find(fits).unwrap()
}

fn in_the_open<'a>(world: &'a World, name: &str) -> Option<&'a Entity> {
    world.named(name).find(|entity| !world.is_hidden(entity.id))
}

fn id(world: &World, name: &str) -> u32 {
    in_the_open(world, name).unwrap_or_else(|| panic!("no {name} in the open")).id
}

fn known(world: &World, id: u32) -> MapObject {
    World::as_map_object(world.home().entity(id).unwrap())
}

/// A command to the entity with this id, or to any of that name where it is `None`.
fn command(world: &World, action: &str, targets: &[(&str, Option<u32>)]) -> Command {
    let targets = targets
        .iter()
        .map(|(name, id)| Target { name: (*name).into(), believed: id.map(|id| known(world, id)) });
    Command::new(action, targets.collect()).unwrap()
}

fn perform(
    world: &mut World,
    action: &str,
    targets: &[(&str, Option<u32>)],
) -> Result<(), Failure> {
    let command = command(world, action, targets);
    world.perform(&command, &mut |_, _| {})
}

/// Goes to where an entity is in sight.
fn go(world: &mut World, id: u32) {
    let name = world.home().entity(id).unwrap().category;
    let mut go = command(world, "GotoLocation", &[(name, Some(id))]);
    go.sees = Some(id);
    world.perform(&go, &mut |_, _| {}).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert!(world.sees(id).unwrap());
}

/// A kitchen in which the hand holds a thing.
fn holding(name: &str) -> (World, u32) {
    let mut world = kitchen();
    let thing = id(&world, name);
    go(&mut world, thing);
    world.touch(Touch::Pick(thing)).unwrap();
    (world, thing)
}

/// All of a world that an action may change, but what was spent.
fn state(world: &World) -> String {
    format!("{:?} {:?} {:?} {:?}", world.robot, world.places, world.conditions, world.home)
}

#[test]
fn a_seed_decides_the_household() {
    assert_eq!(state(&household(5).unwrap()), state(&household(5).unwrap()));
    assert_ne!(state(&household(5).unwrap()), state(&household(6).unwrap()));
}

#[test]
fn moves_are_metres_and_angles_and_end_before_walls() {
    let mut world = kitchen();
    let (from, heading) = (world.robot.xy_m, world.robot.heading);
    for _ in 0..8 {
        world.step(Move::TurnLeft).unwrap();
    }
    assert_eq!((world.robot.xy_m, world.robot.heading), (from, heading));
    world.step(Move::TurnRight).unwrap();
    world.step(Move::TurnLeft).unwrap();
    assert_eq!(world.robot.heading, heading);
    let mut steps = 0;
    while world.step(Move::Forward).is_ok() {
        steps += 1;
        let way = (world.robot.xy_m - from).norm();
        assert!((way - STEP_M * f64::from(steps)).abs() < 1e-9);
        assert!(steps < 40, "rooms have walls");
    }
    let before = state(&world);
    assert_eq!(world.step(Move::Forward), Err(Failure::Blocked));
    assert_eq!(state(&world), before);
    assert_eq!(world.tally().bumps, 2);
    let mut looks = 0;
    while world.step(Move::LookUp).is_ok() {
        looks += 1;
    }
    assert!(looks <= 6 && world.step(Move::LookUp) == Err(Failure::TiltLimit));
    world.step(Move::Stop).unwrap();
}

#[test]
fn a_way_leads_to_what_can_be_reached_and_seen_there() {
    let mut world = kitchen();
    for name in ["mug", "fridge", "sinkbasin", "diningtable", "garbagecan"] {
        let thing = id(&world, name);
        go(&mut world, thing);
        assert!(world.gap_m(world.home().entity(thing).unwrap(), &world.robot.xy_m) <= REACH_M);
    }
    let nowhere = perform(&mut world, "GotoLocation", &[("mug", None)]);
    assert_eq!(nowhere, Err(Failure::NotInMap { name: "mug".into() }));
    let mut far = known(&world, id(&world, "mug"));
    far.position_m = [40.0, 0.0, 1.0];
    let far = Target { name: "mug".into(), believed: Some(far) };
    let far = Command::new("GotoLocation", vec![far]).unwrap();
    let before = state(&world);
    let refused = world.perform(&far, &mut |_, _| {});
    assert_eq!(refused, Err(Failure::NoWay { name: "mug".into() }));
    assert_eq!(state(&world), before);
}

#[test]
fn one_thing_is_held_at_a_time_and_comes_along() {
    let (mut world, mug) = holding("mug");
    assert_eq!(world.held().unwrap().id, mug);
    let other = world.named("plate").next().unwrap().id;
    go(&mut world, other);
    let before = state(&world);
    let refused = world.touch(Touch::Pick(other));
    assert_eq!(refused, Err(Failure::HandFull { held: "mug".into() }));
    assert_eq!(state(&world), before);
    let at = world.home().entity(mug).unwrap().world_T_entity.translation.vector.xy();
    assert!((at - world.robot.xy_m).norm() < 0.6, "it is in the hand");
}

#[test]
fn what_is_far_or_out_of_sight_is_not_touched() {
    let mut world = kitchen();
    let all: Vec<u32> = world.home().entities.iter().map(|entity| entity.id).collect();
    let gap = |id: &u32| world.gap_m(world.home().entity(*id).unwrap(), &world.robot.xy_m);
    let far = all.iter().find(|id| gap(id) > REACH_M).copied().unwrap();
    assert!(matches!(world.touch(Touch::Pick(far)), Err(Failure::OutOfReach { .. })));
    let mug = id(&world, "mug");
    go(&mut world, mug);
    for _ in 0..4 {
        world.step(Move::TurnLeft).unwrap();
    }
    assert_eq!(world.touch(Touch::Pick(mug)), Err(Failure::NotSeen { name: "mug".into() }));
}

#[test]
fn furniture_stays_and_things_without_doors_do_not_open() {
    let mut world = kitchen();
    let table = id(&world, "diningtable");
    go(&mut world, table);
    let cannot = |done| Err(Failure::Cannot { name: "diningtable".into(), done });
    assert_eq!(world.touch(Touch::Pick(table)), cannot("picked up"));
    assert_eq!(world.touch(Touch::Open(table)), cannot("opened or closed"));
    assert_eq!(world.touch(Touch::SwitchOn(table)), cannot("switched"));
    assert!(matches!(world.touch(Touch::Put(table)), Err(Failure::NotHeld { .. })));
}

#[test]
fn a_closed_door_hides_what_is_behind_it_and_must_be_opened() {
    let (mut world, bread) = holding("bread");
    let fridge = id(&world, "fridge");
    go(&mut world, fridge);
    let closed = Err(Failure::Closed { name: "fridge".into() });
    assert_eq!(world.touch(Touch::Put(fridge)), closed);
    assert_eq!(world.touch(Touch::Close(fridge)), closed);
    world.touch(Touch::Open(fridge)).unwrap();
    assert_eq!(world.touch(Touch::Open(fridge)), Err(Failure::Open { name: "fridge".into() }));
    world.touch(Touch::Put(fridge)).unwrap();
    assert_eq!(world.place(bread), Place::In(fridge));
    assert!(world.sees(bread).unwrap(), "the door is open");
    assert!(!world.condition(bread).is_cold, "not before the door is shut");
    world.touch(Touch::Close(fridge)).unwrap();
    assert!(world.is_hidden(bread) && !world.sees(bread).unwrap());
    assert!(world.shown().entity(bread).unwrap().parts.is_empty());
    assert!(world.condition(bread).is_cold);
    assert_eq!(world.touch(Touch::Pick(bread)), Err(Failure::NotSeen { name: "bread".into() }));
}

#[test]
fn a_high_level_pick_looks_behind_the_door_that_was_gone_to() {
    let (mut world, bread) = holding("bread");
    let fridge = id(&world, "fridge");
    go(&mut world, fridge);
    let mut seen = Vec::new();
    let put = command(&world, "PutObject", &[("bread", None), ("fridge", Some(fridge))]);
    world
        .perform(&put, &mut |_, low| seen.extend(matches!(low, Low::Touch(_)).then_some(low)))
        .unwrap();
    let touches = [Touch::Open(fridge), Touch::Put(fridge), Touch::Close(fridge)].map(Low::Touch);
    assert_eq!(seen, touches);
    // It is nowhere in the map now.
    perform(&mut world, "PickupObject", &[("bread", None)]).unwrap();
    assert_eq!(world.held().unwrap().id, bread);
    assert!(!world.condition(fridge).is_open, "the door is shut behind");
}

#[test]
fn what_is_not_where_the_map_has_it_is_not_found_and_nothing_changes() {
    let mut world = kitchen();
    let bread = id(&world, "bread");
    let believed = known(&world, bread);
    go(&mut world, bread);
    let elsewhere = world.named("cabinet").next().unwrap().id;
    world.displace(bread, elsewhere).unwrap();
    let target = Target { name: "bread".into(), believed: Some(believed) };
    let before = state(&world);
    let pick = Command::new("PickupObject", vec![target]).unwrap();
    let refused = world.perform(&pick, &mut |_, _| {});
    assert_eq!(refused, Err(Failure::NotSeen { name: "bread".into() }));
    assert_eq!(state(&world), before);
}

#[test]
fn slicing_takes_a_knife_and_something_that_can_be_sliced() {
    let mut world = kitchen();
    let apple = id(&world, "apple");
    go(&mut world, apple);
    assert_eq!(world.touch(Touch::Slice(apple)), Err(Failure::NoKnife { name: "apple".into() }));
    let (mut world, _) = holding("knife");
    let plate = id(&world, "plate");
    go(&mut world, plate);
    let cannot = Failure::Cannot { name: "plate".into(), done: "sliced" };
    assert_eq!(world.touch(Touch::Slice(plate)), Err(cannot));
    go(&mut world, apple);
    world.touch(Touch::Slice(apple)).unwrap();
    assert!(world.condition(apple).is_sliced);
    assert_ne!(
        world.shown().entity(apple).unwrap().parts,
        world.home().entity(apple).unwrap().parts
    );
    assert_eq!(world.touch(Touch::Slice(apple)), Err(Failure::Sliced { name: "apple".into() }));
}

#[test]
fn a_tap_washes_what_is_in_the_sink() {
    let (mut world, mug) = holding("mug");
    assert!(matches!(
        perform(&mut world, "CleanObject", &[("plate", None)]),
        Err(Failure::NotHeld { .. })
    ));
    let sink = id(&world, "sinkbasin");
    go(&mut world, sink);
    perform(&mut world, "CleanObject", &[("mug", None)]).unwrap();
    assert!(world.condition(mug).is_clean && world.held().unwrap().id == mug);
    let tap = id(&world, "faucet");
    assert!(!world.condition(tap).is_on, "it is off again");
}

#[test]
fn a_microwave_heats_and_a_fridge_cools() {
    let (mut world, mug) = holding("mug");
    let (microwave, fridge) = (id(&world, "microwave"), id(&world, "fridge"));
    let gap_m =
        |world: &World| world.gap_m(world.home().entity(microwave).unwrap(), &world.robot.xy_m);
    for name in ["garbagecan", "diningtable", "sinkbasin", "fridge"] {
        if gap_m(&world) > REACH_M {
            break;
        }
        let away = id(&world, name);
        go(&mut world, away);
    }
    assert!(gap_m(&world) > REACH_M, "a kitchen is wider than an arm is long");
    let none = perform(&mut world, "HeatObject", &[("mug", None)]);
    assert_eq!(none, Err(Failure::NoAppliance { appliance: "microwave" }));
    assert!(!world.condition(mug).is_hot);
    go(&mut world, microwave);
    perform(&mut world, "HeatObject", &[("mug", None)]).unwrap();
    assert!(world.condition(mug).is_hot && world.held().unwrap().id == mug);
    assert!(!world.condition(microwave).is_open && !world.condition(microwave).is_on);
    go(&mut world, fridge);
    perform(&mut world, "CoolObject", &[("mug", None)]).unwrap();
    assert!(world.condition(mug).is_cold && !world.condition(mug).is_hot);
    let (mut world, _) = holding("knife");
    let microwave = id(&world, "microwave");
    go(&mut world, microwave);
    let cannot = Failure::Cannot { name: "knife".into(), done: "heated" };
    assert_eq!(perform(&mut world, "HeatObject", &[("knife", None)]), Err(cannot));
}

#[test]
fn a_running_microwave_stays_shut_and_an_open_one_does_not_run() {
    let mut world = kitchen();
    let microwave = id(&world, "microwave");
    go(&mut world, microwave);
    world.touch(Touch::Open(microwave)).unwrap();
    let open = Err(Failure::Open { name: "microwave".into() });
    assert_eq!(world.touch(Touch::SwitchOn(microwave)), open);
    world.touch(Touch::Close(microwave)).unwrap();
    world.touch(Touch::SwitchOn(microwave)).unwrap();
    let on = || Err(Failure::On { name: "microwave".into() });
    assert_eq!(world.touch(Touch::SwitchOn(microwave)), on());
    assert_eq!(world.touch(Touch::Open(microwave)), on());
    world.touch(Touch::SwitchOff(microwave)).unwrap();
    let off = Err(Failure::Off { name: "microwave".into() });
    assert_eq!(world.touch(Touch::SwitchOff(microwave)), off);
}

#[test]
fn lamps_toggle_and_glow() {
    let mut world = kitchen();
    let lamp = id(&world, "desklamp");
    go(&mut world, lamp);
    perform(&mut world, "ToggleObject", &[("desklamp", Some(lamp))]).unwrap();
    assert!(world.condition(lamp).is_on);
    assert_ne!(world.shown().entity(lamp), world.home().entity(lamp));
    perform(&mut world, "ToggleObject", &[("desklamp", Some(lamp))]).unwrap();
    assert!(!world.condition(lamp).is_on);
}

#[test]
fn what_stands_in_a_bowl_comes_with_it_and_there_is_an_end_to_room() {
    let (mut world, apple) = holding("apple");
    let bowl = id(&world, "bowl");
    go(&mut world, bowl);
    perform(&mut world, "PutObject", &[("apple", None), ("bowl", Some(bowl))]).unwrap();
    assert_eq!(world.holder(apple), Some(bowl));
    perform(&mut world, "PickupObject", &[("bowl", Some(bowl))]).unwrap();
    let at = |id| world.home().entity(id).unwrap().world_T_entity.translation.vector;
    assert!((at(apple) - at(bowl)).norm() < 0.15);
    let stove =
        world.named("stoveburner").find(|burner| world.contents(burner.id).next().is_some());
    let burner = stove.expect("a pot is on the stove").id;
    go(&mut world, burner);
    let full = world.touch(Touch::Put(burner));
    assert!(matches!(full, Err(Failure::NoRoom { .. })), "{full:?}");
}

#[test]
fn commands_of_unknown_words_are_refused_by_name() {
    assert!(matches!(Command::new("Fly", vec![]), Err(Failure::UnknownAction { .. })));
    let wrong = Command::new("PutObject", vec![]);
    assert!(matches!(wrong, Err(Failure::WrongArguments { expected: 2, found: 0, .. })));
}

#[test]
fn every_kind_of_task_is_posed_and_solved_by_the_expert() {
    let world = kitchen();
    for (kind, seed) in TaskKind::ALL.into_iter().zip(0..) {
        let sampled = sample_task(&world, kind, &mut Pcg64Mcg::seed_from_u64(seed)).unwrap();
        let SampledTask { task, goal, expert } = sampled;
        let before = task.conditions(&world);
        assert!(before.iter().any(|condition| !condition.is_met), "{goal}");
        let after = task.conditions(&expert.world);
        assert!(after.iter().all(|condition| condition.is_met), "{goal}: {after:?}");
        assert!(expert.tally.actions > 2 && !goal.is_empty());
        assert_eq!(expert.commands[0].action, Action::GotoLocation);
    }
}

#[test]
fn conditions_are_counted_as_alfred_counts_them() {
    let world = kitchen();
    let task = |kind, is_sliced| Task {
        kind,
        object: "apple".into(),
        is_sliced,
        receptacle: "fridge".into(),
        movable: "bowl".into(),
        lamp: "desklamp".into(),
    };
    let total = |kind, is_sliced| task(kind, is_sliced).conditions(&world).len();
    use TaskKind::*;
    let totals = TaskKind::ALL.map(|kind| total(kind, false));
    assert_eq!(totals, [2, 1, 3, 3, 3, 3, 2]);
    assert_eq!(total(PickAndPlaceSimple, true), 2);
    assert_eq!(total(PickHeatThenPlaceInRecep, true), 4);
    assert_eq!(total(PickTwoObjAndPlace, true), 4);
}

#[test]
fn part_of_a_task_is_part_of_its_conditions() {
    let world = kitchen();
    let task = Task {
        kind: TaskKind::PickCoolThenPlaceInRecep,
        object: "mug".into(),
        is_sliced: false,
        receptacle: "diningtable".into(),
        movable: String::new(),
        lamp: String::new(),
    };
    let mut world = expert_plan(&world, &task).unwrap().world;
    let mug = world.named("mug").find(|mug| world.condition(mug.id).is_cold).unwrap().id;
    assert!(task.is_met(&world));
    // Taken up again: it stays cold.
    go(&mut world, mug);
    world.touch(Touch::Pick(mug)).unwrap();
    let conditions = task.conditions(&world);
    let met = conditions.iter().find(|c| c.what == "a mug is cooled").unwrap();
    assert!(met.is_met && !task.is_met(&world), "{conditions:?}");
}

#[test]
fn the_expert_goes_on_from_what_was_done() {
    let (world, _) = holding("mug");
    let task = Task {
        kind: TaskKind::PickAndPlaceSimple,
        object: "mug".into(),
        is_sliced: false,
        receptacle: "fridge".into(),
        movable: String::new(),
        lamp: String::new(),
    };
    let run = expert_plan(&world, &task).unwrap();
    let actions: Vec<_> = run.commands.iter().map(|command| command.action).collect();
    assert_eq!(actions, [Action::GotoLocation, Action::PutObject]);
}
