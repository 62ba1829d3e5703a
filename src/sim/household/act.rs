//! High-level actions, carried out as ALFRED's controller does: with all the touches they take.

use super::command::{Action, Command, Target};
use super::failure::Failure;
use super::kinds::{
    is_portable, is_sink, may_be_cleaned, may_be_cooled, may_be_heated, may_hold, opens,
};
use super::motion::Node;
use super::touch::Touch;
use super::world::{Low, World};
use crate::scene::MapObject;
use crate::sim::Entity;
use crate::tasks::{class_word, gap_m};
use nalgebra::{Point3, Vector2};

/// A thing farther from where the map has it is another one, metres.
const SAME_PLACE_M: f64 = 0.5;
/// Stands that are tried for a view before the best one is taken.
const MOST_VIEWS: usize = 60;
/// Stands that are gone to until a thing is in sight, and how far apart they are at least, metres.
const MOST_STANDS: usize = 3;
const STANDS_APART_M: f64 = 0.5;

type Watch<'a> = dyn FnMut(&World, Low) + 'a;

impl World {
    /// Carries out a high-level action; `watch` is told of every low-level one, after it is done.
    ///
    /// # Errors
    ///
    /// When a move or touch that it takes is refused. What was begun is undone then, so that the
    /// home and the robot are as before; only the tally goes on, and the robot remembers that this
    /// cannot be done from where it stands.
    pub fn perform(&mut self, command: &Command, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let before = self.clone();
        let Err(failure) = self.try_to(command, watch) else { return Ok(()) };
        self.undo(before);
        let from_here = matches!(
            failure,
            Failure::NotSeen { .. } | Failure::OutOfReach { .. } | Failure::NoRoom { .. }
        );
        if from_here && command.action != Action::GotoLocation {
            let stand = self.robot.xy_m;
            let place = self.approached.and_then(|id| self.home.entity(id));
            let place = place.map(|entity| entity.category.to_string());
            let names = command.targets.iter().map(|target| class_word(&target.name));
            self.poor_stands.extend(names.chain(place).map(|name| (name, stand)));
        }
        Err(failure)
    }

    fn try_to(&mut self, command: &Command, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let [target, second] = [command.targets.first(), command.targets.get(1)];
        let missing = || Failure::WrongArguments {
            action: command.action.name().into(),
            expected: command.action.arity(),
            found: command.targets.len(),
        };
        let Some(target) = target else {
            return if command.action == Action::NoOp { Ok(()) } else { Err(missing()) };
        };
        match command.action {
            Action::GotoLocation => self.go(target, command.sees, watch),
            Action::PickupObject => self.pick_up(target, watch),
            Action::PutObject => self.put(target, second.ok_or_else(missing)?, watch),
            Action::OpenObject => {
                self.try_each(target, |_, entity| opens(entity.category), Touch::Open, watch)
            }
            Action::CloseObject => {
                self.try_each(target, |_, entity| opens(entity.category), Touch::Close, watch)
            }
            Action::ToggleObject => self.toggle(target, watch),
            Action::SliceObject => self.reach_for(target, Touch::Slice, watch),
            Action::CleanObject => self.clean(target, watch),
            Action::HeatObject => self.heat(target, watch),
            Action::CoolObject => self.cool(target, watch),
            Action::NoOp => Ok(()),
        }
    }

    fn go(
        &mut self,
        target: &Target,
        sees: Option<u32>,
        watch: &mut Watch<'_>,
    ) -> Result<(), Failure> {
        let name = || target.name.clone();
        let object = target.believed.as_ref().ok_or_else(|| Failure::NotInMap { name: name() })?;
        let centre = Point3::from(object.position_m);
        let mut stood: Vec<Vector2<f64>> = Vec::new();
        while stood.len() < MOST_STANDS {
            let ways = self.ways();
            let apart = |node: &Node| {
                let at = ways.stance(*node, 0).xy_m;
                stood.iter().all(|before| (at - before).norm() >= STANDS_APART_M)
            };
            let mut stands = self.stands(&ways, object).into_iter().filter(apart);
            let stand = match sees {
                Some(id) => {
                    stands.take(MOST_VIEWS).find(|node| self.would_see(id, ways.stance(*node, 0)))
                }
                None => stands.next(),
            };
            let Some(stand) = stand else { break };
            for motion in ways.moves_to(stand) {
                self.step(motion)?;
                watch(self, Low::Move(motion));
            }
            self.face(&centre, watch)?;
            stood.push(self.robot.xy_m);
            // Large things are in sight from wherever they can be acted on.
            if sees.is_some() || !is_portable(&class_word(&object.label)) || self.shows(object) {
                break;
            }
        }
        if stood.is_empty() {
            return Err(Failure::NoWay { name: name() });
        }
        self.approached = self.nearest_to(&centre, self.named(&object.label)).map(|e| e.id);
        Ok(())
    }

    /// Whether the camera shows something of the name of `object` where the map has it.
    fn shows(&self, object: &MapObject) -> bool {
        let centre = Point3::from(object.position_m);
        let named = self.named(&object.label).filter(|e| box_gap_m(e, &centre) <= SAME_PLACE_M);
        named.map(|entity| entity.id).any(|id| self.sees(id).unwrap_or(false))
    }

    /// Whether an entity would be in sight from a stance, once it is looked at.
    fn would_see(&mut self, id: u32, stance: super::Stance) -> bool {
        let (robot, tally) = (self.robot, self.tally);
        self.robot = stance;
        let point = self.home.entity(id).map(|e| Point3::from(e.world_T_entity.translation.vector));
        let sees = point.is_some_and(|point| {
            self.face(&point, &mut |_, _| {}).is_ok() && self.sees(id).unwrap_or(false)
        });
        (self.robot, self.tally) = (robot, tally);
        self.carry();
        sees
    }

    /// Takes a thing up. What is nowhere to be seen is looked for behind the door that was gone to.
    fn pick_up(&mut self, target: &Target, watch: &mut Watch<'_>) -> Result<(), Failure> {
        if let Some(held) = self.held() {
            return Err(Failure::HandFull { held: held.category.into() });
        }
        self.reach_for(target, Touch::Pick, watch)
    }

    /// Touches a thing in sight, or opens the receptacle that was gone to and touches it there.
    fn reach_for(
        &mut self,
        target: &Target,
        touch: fn(u32) -> Touch,
        watch: &mut Watch<'_>,
    ) -> Result<(), Failure> {
        let Err(failure) = self.try_each(target, |_, _| true, touch, watch) else { return Ok(()) };
        let shut = self.approached.filter(|id| {
            self.home.entity(*id).is_some_and(|entity| opens(entity.category))
                && !self.condition(*id).is_open
        });
        let (Some(holder), Failure::NotSeen { .. }) = (shut, &failure) else {
            return Err(failure);
        };
        self.face_and_touch(Touch::Open(holder), watch)?;
        let inside: Vec<u32> = self
            .named(&target.name)
            .map(|e| e.id)
            .filter(|id| self.place(*id).is_held_by(holder))
            .collect();
        let mut found = Err(failure);
        for id in inside {
            found = self.face_and_touch(touch(id), watch);
            if found.is_ok() {
                break;
            }
        }
        self.face_and_touch(Touch::Close(holder), watch)?;
        found
    }

    fn put(
        &mut self,
        thing: &Target,
        receptacle: &Target,
        watch: &mut Watch<'_>,
    ) -> Result<(), Failure> {
        self.holds(&thing.name)?;
        let fits = |world: &Self, entity: &Entity| world.is_receptacle(entity);
        let mut candidates = self.candidates(receptacle, fits)?;
        // One table is as good as the next, but a bowl is carried on with what is in it.
        if may_hold(&class_word(&receptacle.name)) {
            candidates.truncate(1);
        }
        self.first_that(receptacle, candidates, |world, id| world.put_into(id, watch))
    }

    /// Puts what is held into an entity; doors are opened before and closed behind.
    fn put_into(&mut self, id: u32, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let door = self.home.entity(id).is_some_and(|entity| opens(entity.category));
        let before = self.clone();
        let mut touches = vec![Touch::Put(id)];
        if door {
            touches.push(Touch::Close(id));
            if !self.condition(id).is_open {
                touches.insert(0, Touch::Open(id));
            }
        }
        let done = touches.into_iter().try_for_each(|touch| self.face_and_touch(touch, watch));
        if done.is_err() {
            self.undo(before);
        }
        done
    }

    /// Goes back to how things were. What was spent stays spent.
    fn undo(&mut self, before: Self) {
        let tally = self.tally;
        *self = Self { tally, ..before };
    }

    fn toggle(&mut self, target: &Target, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let candidates = self.candidates(target, |_, _| true)?;
        self.first_that(target, candidates, |world, id| {
            let is_on = world.condition(id).is_on;
            let touch = if is_on { Touch::SwitchOff(id) } else { Touch::SwitchOn(id) };
            world.face_and_touch(touch, watch)
        })
    }

    fn clean(&mut self, target: &Target, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let id = self.holds(&target.name)?;
        self.allowed(id, may_be_cleaned, "cleaned")?;
        let sink = self.appliance("sink", |entity| is_sink(entity.category))?;
        let taps = self.home.entities.iter().filter(|entity| entity.category == "faucet");
        let tap = taps.map(|tap| tap.id).find(|tap| self.sink_of(*tap) == Some(sink));
        let tap = tap.ok_or(Failure::NoAppliance { appliance: "tap" })?;
        let run = [Touch::Put(sink), Touch::SwitchOn(tap), Touch::SwitchOff(tap)];
        run.into_iter().try_for_each(|touch| self.face_and_touch(touch, watch))?;
        self.take_back(id, watch)
    }

    fn heat(&mut self, target: &Target, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let id = self.holds(&target.name)?;
        self.allowed(id, may_be_heated, "heated")?;
        let oven = self.appliance("microwave", |entity| entity.category == "microwave")?;
        self.put_into(oven, watch)?;
        let run = [Touch::SwitchOn(oven), Touch::SwitchOff(oven), Touch::Open(oven)];
        run.into_iter().try_for_each(|touch| self.face_and_touch(touch, watch))?;
        self.take_back(id, watch)?;
        self.face_and_touch(Touch::Close(oven), watch)
    }

    fn cool(&mut self, target: &Target, watch: &mut Watch<'_>) -> Result<(), Failure> {
        let id = self.holds(&target.name)?;
        self.allowed(id, may_be_cooled, "cooled")?;
        let fridge = self.appliance("fridge", |entity| entity.category == "fridge")?;
        self.put_into(fridge, watch)?;
        self.face_and_touch(Touch::Open(fridge), watch)?;
        self.take_back(id, watch)?;
        self.face_and_touch(Touch::Close(fridge), watch)
    }

    /// The id of what is held, if it is called so.
    fn holds(&self, name: &str) -> Result<u32, Failure> {
        let held = self.held().filter(|held| class_word(held.category) == class_word(name));
        held.map(|held| held.id).ok_or_else(|| Failure::NotHeld { name: name.into() })
    }

    fn allowed(&self, id: u32, rule: fn(&str) -> bool, done: &'static str) -> Result<(), Failure> {
        match self.home.entity(id) {
            Some(entity) if !rule(entity.category) => {
                Err(Failure::Cannot { name: entity.category.into(), done })
            }
            _ => Ok(()),
        }
    }

    /// The nearest appliance of a kind within reach.
    fn appliance(
        &self,
        appliance: &'static str,
        is_one: impl Fn(&Entity) -> bool,
    ) -> Result<u32, Failure> {
        let ones = self.home.entities.iter().filter(|entity| is_one(entity));
        let near = ones.filter(|entity| self.near(entity).is_ok());
        let gap = |entity: &Entity| self.gap_m(entity, &self.robot.xy_m);
        let nearest = near.min_by(|a, b| gap(a).total_cmp(&gap(b)));
        nearest.map(|entity| entity.id).ok_or(Failure::NoAppliance { appliance })
    }

    /// Touches the first candidate that lets itself be touched so.
    fn try_each(
        &mut self,
        target: &Target,
        fits: impl Fn(&Self, &Entity) -> bool,
        touch: fn(u32) -> Touch,
        watch: &mut Watch<'_>,
    ) -> Result<(), Failure> {
        let candidates = self.candidates(target, fits)?;
        self.first_that(target, candidates, |world, id| world.face_and_touch(touch(id), watch))
    }

    /// Attempts one candidate after the other until one succeeds; the first failure if none does.
    fn first_that(
        &mut self,
        target: &Target,
        candidates: Vec<u32>,
        mut attempt: impl FnMut(&mut Self, u32) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut failure = None;
        for id in candidates {
            match attempt(self, id) {
                Ok(()) => return Ok(()),
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        Err(failure.unwrap_or(Failure::NotSeen { name: target.name.clone() }))
    }

    /// What a target may be: things of its class that no door hides, where the map has it; without
    /// a place in the map, those within reach. The nearest first, and those within reach alone if there
    /// are any: the map may know two worktops as one.
    fn candidates(
        &self,
        target: &Target,
        fits: impl Fn(&Self, &Entity) -> bool,
    ) -> Result<Vec<u32>, Failure> {
        let open = self.named(&target.name).filter(|entity| {
            !self.is_hidden(entity.id) && self.place(entity.id) != super::Place::Held
        });
        let mut all: Vec<(f64, &Entity)> = Vec::new();
        for entity in open.filter(|entity| fits(self, entity)) {
            let off_m = match &target.believed {
                Some(object) => off_m(entity, object),
                None => self.gap_m(entity, &self.robot.xy_m),
            };
            let here = match target.believed {
                Some(_) => off_m <= SAME_PLACE_M,
                None => self.near(entity).is_ok(),
            };
            if here {
                all.push((off_m, entity));
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.id.cmp(&b.1.id)));
        let (_, first) = all.first().ok_or(Failure::NotSeen { name: target.name.clone() })?;
        let near = all.iter().filter(|(_, entity)| self.near(entity).is_ok());
        let near: Vec<u32> = near.map(|(_, entity)| entity.id).collect();
        if near.is_empty() {
            self.near(first)?;
        }
        Ok(near)
    }

    fn nearest_to<'a>(
        &self,
        point: &Point3<f64>,
        among: impl Iterator<Item = &'a Entity>,
    ) -> Option<&'a Entity> {
        let near = among.map(|entity| (box_gap_m(entity, point), entity));
        let near = near.filter(|(gap, _)| *gap <= SAME_PLACE_M);
        near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, entity)| entity)
    }
}

/// How far off an entity is from where the map has an object, metres: a thing from its middle, furniture,
/// of which one box may be two pieces, from the nearest of its box.
fn off_m(entity: &Entity, object: &MapObject) -> f64 {
    let gap = box_gap_m(entity, &Point3::from(object.position_m));
    if is_portable(entity.category) {
        return gap;
    }
    gap.min(gap_m(object, &Point3::from(entity.world_T_entity.translation.vector)))
}

/// Distance from a point to the box of an entity, metres; 0 inside.
fn box_gap_m(entity: &Entity, point: &Point3<f64>) -> f64 {
    let local = entity.world_T_entity.inverse_transform_point(point);
    let half = nalgebra::Vector3::from(entity.size_m) * 0.5;
    local.coords.zip_map(&half, |offset, half| (offset.abs() - half).max(0.0)).norm()
}
