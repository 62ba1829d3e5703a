//! A home in which every kind of task of its room can be posed, and tasks in it, from a seed alone.

use super::expert::{ExpertRun, expert_plan};
use super::goal::{Task, TaskKind};
use super::kinds::{
    is_lamp, is_portable, may_be_cleaned, may_be_cooled, may_be_heated, may_be_sliced, may_hold,
};
use super::rooms::{bring, chores, furnished, put_away};
use super::wording::spoken;
use super::world::{Stance, World};
use crate::sim::builder::Builder;
use crate::sim::catalogue::Palette;
use crate::sim::lamps::desk_lamp;
use crate::sim::{Entity, Home, HomeKind, SimError};
use crate::tasks::preposition;
use crate::tasks::{plural, with_article};
use nalgebra::Vector2;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Places to start from that are compared.
const STARTS: usize = 12;
/// Places that are tried before there is none to start from.
const MOST_DRAWS: usize = 4000;
/// Tasks that are drawn before none can be posed.
const DRAWS: usize = 12;
/// Things behind doors and in the bin of a kitchen: as many as ALFRED's have where plans take things from there.
const HIDDEN: usize = 8;
/// Where a lamp may stand.
const LAMP_PLACES: &[&str] = &["shelf", "countertop", "diningtable"];
/// Where things are taken to; the worktop and the table most often.
const DESTINATIONS: &[&str] = &[
    "countertop",
    "countertop",
    "diningtable",
    "diningtable",
    "fridge",
    "microwave",
    "sinkbasin",
    "cabinet",
    "shelf",
    "garbagecan",
    "drawer",
];
/// Of ten tasks, how many ask for slices, where something can be sliced.
const SLICED_OF_TEN: u32 = 2;
/// What is carried in something movable.
const CARRIED: &[&str] =
    &["apple", "tomato", "egg", "potato", "fork", "spoon", "knife", "butterknife"];

/// A task in the words of a person, and how the expert did it.
#[derive(Debug, Clone)]
pub struct SampledTask {
    /// What is to be done.
    pub task: Task,
    /// The goal in one sentence.
    pub goal: String,
    /// How the expert did it.
    pub expert: ExpertRun,
}

/// The kitchen of a seed, with a lamp and with things behind its doors. The same seed gives the
/// same home and the same start.
///
/// # Errors
///
/// When the robot can stand nowhere in it.
pub fn household(seed: u64) -> Result<World, SimError> {
    let (rng, palette) = chance(seed);
    let home = Home::generate(HomeKind::Kitchen, seed);
    let mut builder = Builder::new(rng, palette, home.size_m);
    let mut world = start_in(home, &mut builder.rng)?;
    let lamp = desk_lamp(&mut builder.rng, &palette);
    bring(&mut world, &mut builder, "desklamp", lamp, LAMP_PLACES);
    put_away(&mut world, &mut builder, HomeKind::Kitchen, HIDDEN);
    Ok(world)
}

/// The home of a kind and a seed: [`household`], or another room, with things put away. The same kind
/// and seed give the same home and the same start.
///
/// # Errors
///
/// When the robot can stand nowhere in it.
pub fn household_in(kind: HomeKind, seed: u64) -> Result<World, SimError> {
    match kind {
        HomeKind::Kitchen => household(seed),
        _ => furnished(kind, seed),
    }
}

/// What decides what a household has beside its home.
pub(super) fn chance(seed: u64) -> (Pcg64Mcg, Palette) {
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x0068_6f75_7365);
    let palette = Palette::new(&mut rng);
    (rng, palette)
}

/// A world with the robot where it gets about best, of some places.
pub(super) fn start_in(home: Home, rng: &mut Pcg64Mcg) -> Result<World, SimError> {
    let half = [0.5 * home.size_m[0], 0.5 * home.size_m[1]];
    let seed = home.seed;
    let mut world = World::unchecked(home, Stance { xy_m: Vector2::zeros(), heading: 0, look: 1 });
    let mut best: Option<(usize, Stance)> = None;
    let mut starts = 0;
    for _ in 0..MOST_DRAWS {
        let xy_m = Vector2::from(half.map(|half| rng.random_range(-half..half)));
        let stance = Stance { xy_m, heading: 2 * rng.random_range(0..4), look: 1 };
        if !world.is_free(&xy_m) {
            continue;
        }
        world.robot = stance;
        let cells = world.ways().cells().len();
        if best.is_none_or(|(most, _)| cells > most) {
            best = Some((cells, stance));
        }
        starts += 1;
        if starts == STARTS {
            break;
        }
    }
    world.robot = best.ok_or(SimError::NoStart { seed })?.1;
    Ok(world)
}

/// A task of this kind that the expert can do in `world`, and that is not done already; `None`
/// when none is found.
pub fn sample_task(world: &World, kind: TaskKind, rng: &mut Pcg64Mcg) -> Option<SampledTask> {
    (0..DRAWS).find_map(|_| {
        let task = draw(world, kind, rng)?;
        if task.is_met(world) {
            return None;
        }
        let expert = expert_plan(world, &task).ok()?;
        let goal = sentence(&task, rng);
        task.is_met(&expert.world).then_some(SampledTask { task, goal, expert })
    })
}

/// A task of this kind about what there is in `world`, in the words of a person. Whether it can be
/// done is not tried; `None` when nothing there serves it, or nobody asks for it in such a room.
pub fn pose_task(world: &World, kind: TaskKind, rng: &mut Pcg64Mcg) -> Option<(Task, String)> {
    let task = draw(world, kind, rng)?;
    let goal = sentence(&task, rng);
    Some((task, goal))
}

fn draw(world: &World, kind: TaskKind, rng: &mut Pcg64Mcg) -> Option<Task> {
    let chores = world.home.kind.and_then(chores);
    if chores.is_some_and(|chores| !chores.kinds.contains(&kind)) {
        return None;
    }
    let carried = chores.map_or(CARRIED, |chores| chores.carried);
    let in_home: Vec<&Entity> = world.home.entities.iter().collect();
    let has = |name: &str| in_home.iter().any(|entity| entity.category == name);
    let fits = |name: &str| match kind {
        TaskKind::PickCleanThenPlaceInRecep => may_be_cleaned(name),
        TaskKind::PickCoolThenPlaceInRecep => may_be_cooled(name),
        TaskKind::PickHeatThenPlaceInRecep => may_be_heated(name),
        TaskKind::PickTwoObjAndPlace => in_home.iter().filter(|e| e.category == name).count() > 1,
        TaskKind::PickAndPlaceWithMovableRecep => carried.contains(&name),
        _ => true,
    };
    let mut objects: Vec<&str> = in_home.iter().map(|entity| entity.category).collect();
    objects.sort_unstable();
    objects.dedup();
    objects.retain(|name| is_portable(name) && fits(name));
    let object = (*objects.choose(rng)?).to_string();
    let mut task = Task {
        kind,
        is_sliced: false,
        receptacle: String::new(),
        movable: String::new(),
        lamp: String::new(),
        object,
    };
    if kind == TaskKind::LookAtObjInLight {
        task.lamp = in_home.iter().find(|entity| is_lamp(entity.category))?.category.into();
        return Some(task);
    }
    let slices =
        !matches!(kind, TaskKind::PickTwoObjAndPlace | TaskKind::PickAndPlaceWithMovableRecep);
    task.is_sliced = slices && may_be_sliced(&task.object) && rng.random_ratio(SLICED_OF_TEN, 10);
    task.receptacle = match chores {
        None => {
            let there: Vec<&str> = DESTINATIONS.iter().copied().filter(|name| has(name)).collect();
            (*there.choose(rng)?).to_string()
        }
        Some(chores) => {
            let there: Vec<_> = chores.destinations.iter().filter(|(name, _)| has(name)).collect();
            there.choose_weighted(rng, |(_, often)| *often).ok()?.0.to_string()
        }
    };
    if kind == TaskKind::PickAndPlaceWithMovableRecep {
        let vessels: Vec<&str> = in_home
            .iter()
            .map(|entity| entity.category)
            .filter(|name| may_hold(name) && *name != "box" && *name != task.object)
            .collect();
        task.movable = (*vessels.choose(rng)?).to_string();
    }
    Some(task)
}

/// The goal as a person says it, in one of several ways.
fn sentence(task: &Task, rng: &mut Pcg64Mcg) -> String {
    let thing = spoken(&task.object);
    let thing = if task.is_sliced { format!("slice of {thing}") } else { thing };
    let place = format!("{} the {}", preposition(&task.receptacle), spoken(&task.receptacle));
    let pick =
        |choices: &[String], rng: &mut Pcg64Mcg| choices.choose(rng).cloned().unwrap_or_default();
    let treated = |done: &[&str], verb: &str| {
        let mut ways: Vec<String> =
            done.iter().map(|how| format!("Put a {how} {thing} {place}.")).collect();
        ways.push(format!("{verb} {} and put it {place}.", with_article(&thing)));
        ways
    };
    let ways = match task.kind {
        TaskKind::LookAtObjInLight => {
            let lamp = spoken(&task.lamp);
            vec![
                format!("Examine the {thing} by the light of the {lamp}."),
                format!("Look at the {thing} under the {lamp}."),
                format!("Pick up the {thing} and turn on the {lamp}."),
            ]
        }
        TaskKind::PickAndPlaceSimple => {
            vec![
                format!("Put {} {place}.", with_article(&thing)),
                format!("Place the {thing} {place}."),
            ]
        }
        TaskKind::PickAndPlaceWithMovableRecep => {
            let vessel = spoken(&task.movable);
            let within = preposition(&task.movable);
            vec![
                format!("Put a {vessel} with {} in it {place}.", with_article(&thing)),
                format!("Place the {thing} {within} the {vessel} and put the {vessel} {place}."),
            ]
        }
        TaskKind::PickCleanThenPlaceInRecep => treated(&["clean", "washed", "rinsed"], "Wash"),
        TaskKind::PickCoolThenPlaceInRecep => treated(&["chilled", "cold", "cooled"], "Chill"),
        TaskKind::PickHeatThenPlaceInRecep => {
            treated(&["heated", "warm", "microwaved"], "Microwave")
        }
        TaskKind::PickTwoObjAndPlace => vec![
            format!("Put two {} {place}.", plural(&thing)),
            format!("Place two {} {place}.", plural(&thing)),
        ],
    };
    pick(&ways, rng)
}
