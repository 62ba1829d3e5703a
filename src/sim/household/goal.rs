//! ALFRED's seven kinds of task, and which of their conditions a home meets (`tasks.py` of ALFRED).

use super::world::{Condition, World};
use crate::sim::Entity;
use serde::{Deserialize, Serialize};

/// Kinds of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskKind {
    /// Hold a thing before a lamp that is on.
    #[serde(rename = "look_at_obj_in_light")]
    LookAtObjInLight,
    /// Put a thing somewhere.
    #[serde(rename = "pick_and_place_simple")]
    PickAndPlaceSimple,
    /// Put a thing into something movable, and that somewhere.
    #[serde(rename = "pick_and_place_with_movable_recep")]
    PickAndPlaceWithMovableRecep,
    /// Wash a thing and put it somewhere.
    #[serde(rename = "pick_clean_then_place_in_recep")]
    PickCleanThenPlaceInRecep,
    /// Cool a thing and put it somewhere.
    #[serde(rename = "pick_cool_then_place_in_recep")]
    PickCoolThenPlaceInRecep,
    /// Heat a thing and put it somewhere.
    #[serde(rename = "pick_heat_then_place_in_recep")]
    PickHeatThenPlaceInRecep,
    /// Put two things of a kind in one place.
    #[serde(rename = "pick_two_obj_and_place")]
    PickTwoObjAndPlace,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LookAtObjInLight,
        Self::PickAndPlaceSimple,
        Self::PickAndPlaceWithMovableRecep,
        Self::PickCleanThenPlaceInRecep,
        Self::PickCoolThenPlaceInRecep,
        Self::PickHeatThenPlaceInRecep,
        Self::PickTwoObjAndPlace,
    ];

    /// Its name in ALFRED and in the vocabulary.
    pub fn name(self) -> &'static str {
        match self {
            Self::LookAtObjInLight => "look_at_obj_in_light",
            Self::PickAndPlaceSimple => "pick_and_place_simple",
            Self::PickAndPlaceWithMovableRecep => "pick_and_place_with_movable_recep",
            Self::PickCleanThenPlaceInRecep => "pick_clean_then_place_in_recep",
            Self::PickCoolThenPlaceInRecep => "pick_cool_then_place_in_recep",
            Self::PickHeatThenPlaceInRecep => "pick_heat_then_place_in_recep",
            Self::PickTwoObjAndPlace => "pick_two_obj_and_place",
        }
    }
}

/// What is to be done. Names are class names in lower case, such as `diningtable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Kind of task.
    pub kind: TaskKind,
    /// What is acted on.
    pub object: String,
    /// Whether it is to be sliced.
    #[serde(default)]
    pub is_sliced: bool,
    /// Where it ends; empty for a look.
    #[serde(default)]
    pub receptacle: String,
    /// What it is carried in; empty but for that kind of task.
    #[serde(default)]
    pub movable: String,
    /// The lamp; empty but for a look.
    #[serde(default)]
    pub lamp: String,
}

/// One of the conditions of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoalCondition {
    /// What must hold.
    pub what: String,
    /// Whether it does.
    pub is_met: bool,
}

impl Task {
    /// The conditions of the task, and which of them hold. All of them make the task a success.
    pub fn conditions(&self, world: &World) -> Vec<GoalCondition> {
        let Self { object, receptacle, movable, lamp, .. } = self;
        let mut all = Vec::new();
        let mut must = |what: String, is_met: bool| all.push(GoalCondition { what, is_met });
        let things: Vec<&Entity> = world.named(object).collect();
        let sliced = things.iter().filter(|thing| world.condition(thing.id).is_sliced).count();
        // Only slices count where slices are asked for.
        let wanted = |thing: &&&Entity| !self.is_sliced || world.condition(thing.id).is_sliced;
        let things: Vec<&Entity> = things.iter().filter(wanted).copied().collect();
        let placed = |thing: &Entity| is_placed(world, thing.id, receptacle);
        let any = |holds: &dyn Fn(&Entity) -> bool| things.iter().any(|thing| holds(thing));
        let pieces = if self.kind == TaskKind::PickTwoObjAndPlace { 2 } else { 1 };
        if self.is_sliced {
            for piece in 1..=pieces {
                must(format!("{object} {piece} is sliced"), sliced >= piece);
            }
        }
        let mut treated = |how: &str, is: fn(Condition) -> bool| {
            let is = |thing: &Entity| is(world.condition(thing.id));
            must(format!("a {object} is in or on a {receptacle}"), any(&placed));
            must(format!("a {object} is {how}"), any(&is));
            must(
                format!("a {how} {object} is in or on a {receptacle}"),
                any(&|thing| is(thing) && placed(thing)),
            );
        };
        match self.kind {
            TaskKind::PickAndPlaceSimple => {
                must(format!("a {object} is in or on a {receptacle}"), any(&placed));
            }
            TaskKind::PickCleanThenPlaceInRecep => treated("clean", |now| now.is_clean),
            TaskKind::PickCoolThenPlaceInRecep => treated("cooled", |now| now.was_cold),
            TaskKind::PickHeatThenPlaceInRecep => treated("heated", |now| now.was_hot),
            TaskKind::PickTwoObjAndPlace => {
                let in_one = |place: &Entity| {
                    things.iter().filter(|thing| world.holder(thing.id) == Some(place.id)).count()
                };
                let most = world.named(receptacle).map(in_one).max().unwrap_or(0);
                for piece in 1..=pieces {
                    must(format!("{piece} of {object} in or on one {receptacle}"), most >= piece);
                }
            }
            TaskKind::LookAtObjInLight => {
                let held = world.held().map(|held| held.id);
                must(format!("a {object} is in the hand"), any(&|thing| Some(thing.id) == held));
                let lit = |lamp: &Entity| {
                    world.condition(lamp.id).is_on && world.sees(lamp.id).unwrap_or(false)
                };
                must(format!("a {lamp} in sight is on"), world.named(lamp).any(lit));
            }
            TaskKind::PickAndPlaceWithMovableRecep => {
                let movables = || world.named(movable);
                let carries =
                    |vessel: &Entity| any(&|thing| world.holder(thing.id) == Some(vessel.id));
                must(format!("a {object} is in a {movable}"), movables().any(carries));
                must(format!("a {movable} is in or on a {receptacle}"), movables().any(&placed));
                must(
                    format!("a {movable} with a {object} is in or on a {receptacle}"),
                    movables().any(|vessel| carries(vessel) && placed(vessel)),
                );
            }
        }
        all
    }

    /// Whether all conditions hold.
    pub fn is_met(&self, world: &World) -> bool {
        self.conditions(world).iter().all(|condition| condition.is_met)
    }
}

/// Whether something stands on or in a receptacle of this class.
fn is_placed(world: &World, id: u32, receptacle: &str) -> bool {
    let holder = world.holder(id);
    holder.is_some_and(|holder| world.named(receptacle).any(|entity| entity.id == holder))
}
