//! What the robot remembers of an episode beside its map, and what it makes of it.

use crate::scene::{MapObject, ObjectId};
use crate::sim::household::{Action, Command, Failure, Target};
use crate::tasks::{Plan, PlanStep, SpokenStep};
use nalgebra::Vector2;

/// What was done and what came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Acts that succeeded, in their order.
    done: Vec<SpokenStep>,
    /// Objects of the map that were put where they belong.
    placed: Vec<ObjectId>,
    /// Names of a thing and of the receptacle it was put into, and which one that was.
    put_at: Vec<([String; 2], ObjectId)>,
    /// Receptacles that were looked into in vain, or had no room.
    useless: Vec<ObjectId>,
    /// What was gone to last.
    at: Option<ObjectId>,
}

impl Memory {
    /// Acts that succeeded, in their order. Going somewhere is no act.
    pub fn done(&self) -> &[SpokenStep] {
        &self.done
    }

    /// Whether an object may still be acted on: it was not put where it belongs.
    pub fn may_be_taken(&self, id: ObjectId) -> bool {
        !self.placed.contains(&id)
    }

    /// Takes in how a command ended.
    pub fn ended(&mut self, command: &Command, failure: Option<&Failure>) {
        let id = |at: usize| {
            let target = command.targets.get(at)?;
            target.believed.as_ref().map(|object| object.id)
        };
        match (command.action, failure) {
            (Action::GotoLocation, None) => self.at = id(0),
            (action, None) => {
                self.done.push(command.spoken());
                if action == Action::PutObject {
                    self.placed.extend(id(0));
                    let put = names(command).zip(id(1));
                    self.put_at.extend(put);
                }
            }
            (Action::PutObject, Some(Failure::NoRoom { .. })) => self.useless.extend(id(1)),
            // Nobody knew where it was: it was looked for where the robot went, and is not there.
            (Action::PickupObject | Action::SliceObject, Some(Failure::NotSeen { .. }))
                if id(0).is_none() =>
            {
                self.useless.extend(self.at);
            }
            _ => {}
        }
    }

    /// Aims a command at what serves it best. `next` is what is done at the end of a way, `robot_m`
    /// where the robot is.
    ///
    /// A model says *countertop* by habit; where the mug is that is to be picked up there, the map
    /// knows better. Two things that belong together go to one place, what has no room is passed
    /// over, and what was looked for in one cabinet in vain is looked for in the next.
    pub fn aim(
        &self,
        command: &mut Command,
        next: Option<&PlanStep>,
        objects: &[MapObject],
        robot_m: &Vector2<f64>,
    ) {
        match command.action {
            Action::PutObject => self.aim_put(command, objects, robot_m),
            Action::GotoLocation => {
                let act = next.and_then(|step| Command::of_step(step, objects).ok());
                let Some(mut act) = act else { return };
                self.aim_put(&mut act, objects, robot_m);
                // Washing, heating and cooling are done at an appliance, which only the way names.
                let at_appliance = matches!(
                    act.action,
                    Action::CleanObject | Action::HeatObject | Action::CoolObject
                );
                let acted_on = act.targets.last().filter(|_| !at_appliance);
                let there = acted_on.and_then(|target| target.believed.clone());
                let Some(way) = command.targets.first_mut() else { return };
                if there.is_some() {
                    way.believed = there;
                } else if !at_appliance {
                    self.pass_over(way, objects, robot_m);
                }
            }
            _ => {}
        }
    }

    fn aim_put(&self, command: &mut Command, objects: &[MapObject], robot_m: &Vector2<f64>) {
        if command.action != Action::PutObject {
            return;
        }
        let before = names(command).and_then(|names| {
            let (_, id) = self.put_at.iter().rev().find(|(before, _)| *before == names)?;
            objects.iter().find(|object| object.id == *id && !self.useless.contains(id)).cloned()
        });
        let Some(receptacle) = command.targets.get_mut(1) else { return };
        if before.is_some() {
            receptacle.believed = before;
        } else {
            self.pass_over(receptacle, objects, robot_m);
        }
    }

    /// Takes the nearest other object of its class for one that is of no use.
    fn pass_over(&self, target: &mut Target, objects: &[MapObject], robot_m: &Vector2<f64>) {
        let Some(useless) = target.believed.as_ref().filter(|o| self.useless.contains(&o.id))
        else {
            return;
        };
        let off = |object: &MapObject| {
            let [x, y, _] = object.position_m;
            (Vector2::new(x, y) - robot_m).norm()
        };
        let others = objects
            .iter()
            .filter(|object| object.label == useless.label && !self.useless.contains(&object.id));
        if let Some(nearest) = others.min_by(|a, b| off(a).total_cmp(&off(b))) {
            target.believed = Some(nearest.clone());
        }
    }
}

/// The first act after a step, if the plan goes nowhere before it.
pub(super) fn next_act(plan: &Plan, id: u32) -> Option<&PlanStep> {
    let next = plan.steps.iter().find(|step| step.id == id + 1)?;
    (next.action != Action::GotoLocation.name()).then_some(next)
}

/// Names of the two targets of a command.
fn names(command: &Command) -> Option<[String; 2]> {
    let [thing, receptacle] = &command.targets[..] else { return None };
    Some([thing.name.clone(), receptacle.name.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures;
    use crate::tasks::fixtures::step;

    fn object(id: u32, label: &str, x: f64) -> MapObject {
        fixtures::object(id, label, [x, 0.0, 1.0], 0.1)
    }

    fn command(action: &str, targets: &[(&str, Option<&MapObject>)]) -> Command {
        let targets = targets
            .iter()
            .map(|(name, believed)| Target { name: (*name).into(), believed: believed.cloned() });
        Command::new(action, targets.collect()).unwrap()
    }

    fn aimed(memory: &Memory, mut command: Command, objects: &[MapObject]) -> Option<u32> {
        memory.aim(&mut command, None, objects, &Vector2::zeros());
        command.targets.last()?.believed.as_ref().map(|object| object.id.0)
    }

    #[test]
    fn two_things_of_a_kind_go_to_one_place() {
        let shelves = [object(1, "shelf", 1.0), object(2, "shelf", 5.0)];
        let mut memory = Memory::default();
        let to = |shelf| command("PutObject", &[("mug", None), ("shelf", Some(shelf))]);
        memory.ended(&to(&shelves[1]), None);
        assert_eq!(aimed(&memory, to(&shelves[0]), &shelves), Some(2));
        let fork = command("PutObject", &[("fork", None), ("shelf", Some(&shelves[0]))]);
        assert_eq!(aimed(&memory, fork, &shelves), Some(1), "another thing, another place");
        assert_eq!(memory.done().len(), 1);
    }

    #[test]
    fn what_has_no_room_is_passed_over() {
        let shelves = [object(1, "shelf", 1.0), object(2, "shelf", 5.0), object(3, "shelf", 4.0)];
        let mut memory = Memory::default();
        let put = || command("PutObject", &[("mug", None), ("shelf", Some(&shelves[0]))]);
        let full = Failure::NoRoom { name: "mug".into(), receptacle: "shelf".into() };
        memory.ended(&put(), Some(&full));
        assert_eq!(aimed(&memory, put(), &shelves), Some(3), "the next nearest");
        assert!(memory.done().is_empty());
    }

    #[test]
    fn what_is_not_behind_one_door_is_looked_for_behind_the_next() {
        let doors = [object(1, "cabinet", 1.0), object(2, "cabinet", 5.0)];
        let mut memory = Memory::default();
        let go = || command("GotoLocation", &[("cabinet", Some(&doors[0]))]);
        memory.ended(&go(), None);
        let unseen = Failure::NotSeen { name: "mug".into() };
        memory.ended(&command("PickupObject", &[("mug", None)]), Some(&unseen));
        let pick = step(2, "PickupObject mug");
        let mut again = go();
        memory.aim(&mut again, Some(&pick), &doors, &Vector2::zeros());
        assert_eq!(again.targets[0].believed.as_ref().unwrap().id, ObjectId(2));
    }
}
