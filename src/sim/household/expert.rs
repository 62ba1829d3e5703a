//! An expert by rule who knows the home: an upper bound for planners, the length that paths are
//! weighed against, and a source of plans to learn from.

use super::command::{Action, Command, Target};
use super::failure::Failure;
use super::goal::{Task, TaskKind};
use super::kinds::{is_knife, is_lamp, is_sink, opens};
use super::world::{Place, Tally, World};
use crate::sim::Entity;

/// Stands that are tried for one act.
const ATTEMPTS: usize = 8;
/// Where things are laid down that are not wanted any more.
const LAID_DOWN_ON: &[&str] = &["countertop", "diningtable", "sinkbasin", "coffeetable", "desk"];

/// How the expert did a task.
#[derive(Debug, Clone)]
pub struct ExpertRun {
    /// What it did, in order.
    pub commands: Vec<Command>,
    /// What it spent.
    pub tally: Tally,
    /// The home afterwards.
    pub world: World,
}

/// Does a task, knowing where everything is.
///
/// # Errors
///
/// When it cannot be done, with the last reason.
pub fn expert_plan(world: &World, task: &Task) -> Result<ExpertRun, Failure> {
    let mut world = world.clone();
    world.tally = Tally::default();
    let mut expert = Expert { world, commands: Vec::new() };
    expert.run(task)?;
    let Expert { world, commands } = expert;
    Ok(ExpertRun { commands, tally: world.tally, world })
}

#[derive(Clone)]
struct Expert {
    world: World,
    commands: Vec<Command>,
}

impl Expert {
    fn run(&mut self, task: &Task) -> Result<(), Failure> {
        if task.is_met(&self.world) {
            return Ok(());
        }
        let first = self.first_of(&self.things(&task.object), |expert, thing| {
            expert.one(task, thing, None)?;
            Ok(expert.world.holder(thing))
        })?;
        if task.kind == TaskKind::PickTwoObjAndPlace {
            let place = first;
            let left: Vec<u32> = self
                .things(&task.object)
                .into_iter()
                .filter(|thing| self.world.holder(*thing) != place)
                .collect();
            self.first_of(&left, |expert, thing| expert.one(task, thing, place))?;
        }
        Ok(())
    }

    /// All that a task asks of one thing; `place` is where it must end, if not anywhere of its kind.
    fn one(&mut self, task: &Task, thing: u32, place: Option<u32>) -> Result<(), Failure> {
        let name = task.object.as_str();
        let now = self.world.condition(thing);
        let is_there = |holder: &Entity| holder.category == task.receptacle;
        let holder = self.world.holder(thing).and_then(|id| self.world.home.entity(id));
        if task.kind == TaskKind::PickTwoObjAndPlace
            && holder.is_some_and(is_there)
            && place.is_none_or(|place| holder.is_some_and(|holder| holder.id == place))
        {
            return Ok(());
        }
        if task.is_sliced && !now.is_sliced {
            self.slice(thing, name)?;
        }
        self.pick(thing, name)?;
        let treat = match task.kind {
            TaskKind::PickCleanThenPlaceInRecep if !now.is_clean => Some(Action::CleanObject),
            TaskKind::PickCoolThenPlaceInRecep if !now.was_cold => Some(Action::CoolObject),
            TaskKind::PickHeatThenPlaceInRecep if !now.was_hot => Some(Action::HeatObject),
            _ => None,
        };
        if let Some(action) = treat {
            let serves = |entity: &Entity| match action {
                Action::CleanObject => is_sink(entity.category),
                Action::CoolObject => entity.category == "fridge",
                _ => entity.category == "microwave",
            };
            let ones = self.nearest_first(serves);
            self.first_of(&ones, |expert, one| expert.at(one, action, &[(name, Some(thing))]))?;
        }
        match task.kind {
            TaskKind::LookAtObjInLight => {
                let lamp = task.lamp.as_str();
                let lamps = self.nearest_first(|e| e.category == lamp && is_lamp(e.category));
                self.first_of(&lamps, |expert, one| {
                    expert.at(one, Action::ToggleObject, &[(lamp, Some(one))])
                })
            }
            TaskKind::PickAndPlaceWithMovableRecep => {
                let movable = task.movable.as_str();
                let empty = |expert: &Self, vessel: &u32| {
                    *vessel != thing && expert.world.contents(*vessel).next().is_none()
                };
                let vessels: Vec<u32> =
                    self.things(movable).into_iter().filter(|v| empty(self, v)).collect();
                self.first_of(&vessels, |expert, vessel| {
                    let both = [(name, Some(thing)), (movable, Some(vessel))];
                    expert.at(vessel, Action::PutObject, &both)?;
                    expert.at(vessel, Action::PickupObject, &[(movable, Some(vessel))])?;
                    expert.put(vessel, movable, &task.receptacle, None)
                })
            }
            _ => self.put(thing, name, &task.receptacle, place),
        }
    }

    /// Takes a thing into the hand, if it is not there; what is there is laid down before.
    fn pick(&mut self, thing: u32, name: &str) -> Result<(), Failure> {
        let held = self.world.held().map(|held| (held.id, held.category));
        match held {
            Some((id, _)) if id == thing => return Ok(()),
            Some((id, called)) => self.lay_down(id, called)?,
            None => {}
        }
        self.at(thing, Action::PickupObject, &[(name, Some(thing))])
    }

    /// Lays what is held down somewhere.
    fn lay_down(&mut self, held: u32, called: &str) -> Result<(), Failure> {
        let mut failure = Failure::NotSeen { name: "place to lay things down".into() };
        for place in LAID_DOWN_ON {
            match self.put(held, called, place, None) {
                Ok(()) => return Ok(()),
                Err(why) => failure = why,
            }
        }
        Err(failure)
    }

    fn slice(&mut self, thing: u32, name: &str) -> Result<(), Failure> {
        let free = |entity: &Entity| is_knife(entity.category);
        let knives = self.nearest_first(free);
        self.first_of(&knives, |expert, knife| {
            let called = expert.name_of(knife);
            expert.pick(knife, &called)?;
            expert.at(thing, Action::SliceObject, &[(name, Some(thing))])?;
            let beside = expert.world.holder(thing).and_then(|id| expert.world.home.entity(id));
            let beside = beside.map(|entity| entity.category);
            match beside.map(|place| expert.put(knife, &called, place, None)) {
                Some(Ok(())) => Ok(()),
                _ => expert.lay_down(knife, &called),
            }
        })
    }

    /// Puts what is held into `place`, or into the nearest of its class that has room.
    fn put(
        &mut self,
        thing: u32,
        name: &str,
        receptacle: &str,
        place: Option<u32>,
    ) -> Result<(), Failure> {
        let has_room = |entity: &Entity| {
            entity.category == receptacle
                && self
                    .world
                    .home
                    .entity(thing)
                    .is_some_and(|held| self.world.has_room(held, entity))
        };
        let places = match place {
            Some(place) => vec![place],
            None => self.nearest_first(has_room),
        };
        self.first_of(&places, |expert, one| {
            expert.at(one, Action::PutObject, &[(name, Some(thing)), (receptacle, Some(one))])
        })
    }

    /// Goes to where `goal` can be acted on, and acts.
    fn at(
        &mut self,
        goal: u32,
        action: Action,
        targets: &[(&str, Option<u32>)],
    ) -> Result<(), Failure> {
        let targets = targets.iter().map(|(name, id)| Target {
            name: (*name).into(),
            believed: id.and_then(|id| self.world.home.entity(id)).map(World::as_map_object),
        });
        let act = Command { action, targets: targets.collect(), sees: None };
        let door = self.door_before(goal);
        let seen = door.unwrap_or(goal);
        let place = self.world.holder(goal).filter(|_| door.is_none()).unwrap_or(seen);
        let believed = self.world.home.entity(seen).map(World::as_map_object);
        let place = Target { name: self.name_of(place), believed };
        let go = Command { action: Action::GotoLocation, targets: vec![place], sees: Some(seen) };
        let mut failure = Failure::NotSeen { name: self.name_of(goal) };
        for _ in 0..ATTEMPTS {
            let mut trial = self.world.clone();
            trial.perform(&go, &mut |_, _| {})?;
            match trial.perform(&act, &mut |_, _| {}) {
                Ok(()) => {
                    self.world = trial;
                    self.commands.extend([go, act]);
                    return Ok(());
                }
                Err(why) => {
                    failure = why;
                    // The stand is one for what was gone to, whatever its name in the plan.
                    let stand = trial.robot.xy_m;
                    self.world.poor_stands.push((self.name_of(seen), stand));
                }
            }
        }
        Err(failure)
    }

    /// The first of `ids` with which `attempt` succeeds; what others began is undone.
    fn first_of<T>(
        &mut self,
        ids: &[u32],
        attempt: impl Fn(&mut Self, u32) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut failure = Failure::NotSeen { name: "thing of this kind".into() };
        for &id in ids {
            let mut trial = self.clone();
            match attempt(&mut trial, id) {
                Ok(done) => {
                    *self = trial;
                    return Ok(done);
                }
                Err(why) => failure = why,
            }
        }
        Err(failure)
    }

    /// Things of a class: what is held, those in the open, the nearest first.
    fn things(&self, name: &str) -> Vec<u32> {
        let mut ids = self.nearest_first(|entity| entity.category == name);
        ids.sort_by_key(|id| (self.world.place(*id) != Place::Held, self.world.is_hidden(*id)));
        ids
    }

    fn nearest_first(&self, fits: impl Fn(&Entity) -> bool) -> Vec<u32> {
        let ones = self.world.home.entities.iter().filter(|entity| fits(entity));
        let mut ones: Vec<_> =
            ones.map(|e| (self.world.gap_m(e, &self.world.robot.xy_m), e.id)).collect();
        ones.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        ones.into_iter().map(|(_, id)| id).collect()
    }

    /// The closed receptacle that hides an entity.
    fn door_before(&self, id: u32) -> Option<u32> {
        if !self.world.is_hidden(id) {
            return None;
        }
        let mut at = id;
        while let Place::On(holder) | Place::In(holder) = self.world.place(at) {
            let shut = !self.world.condition(holder).is_open;
            if shut && self.world.home.entity(holder).is_some_and(|e| opens(e.category)) {
                return Some(holder);
            }
            at = holder;
        }
        None
    }

    fn name_of(&self, id: u32) -> String {
        self.world.home.entity(id).map_or_else(String::new, |entity| entity.category.into())
    }
}
