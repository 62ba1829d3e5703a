//! What the robot aims at when it carries out a step: what of its map serves the step best, by what
//! it remembers of the steps before. What was done and what failed, whoever plans is told.

use crate::scene::{MapObject, ObjectId};
use crate::sim::household::{Action, Command, Failure, Target};
use crate::tasks::{Plan, PlanStep};
use nalgebra::Vector2;

/// Where things were put, and where they could not be.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Names of a thing and of the receptacle it was put into, and which one that was.
    put_at: Vec<([String; 2], ObjectId)>,
    /// Receptacles that had no room.
    full: Vec<ObjectId>,
}

impl Memory {
    /// Takes in how a command ended.
    pub fn ended(&mut self, command: &Command, failure: Option<&Failure>) {
        let id = |at: usize| {
            let target = command.targets.get(at)?;
            target.believed.as_ref().map(|object| object.id)
        };
        match (command.action, failure) {
            (Action::PutObject, None) => self.put_at.extend(names(command).zip(id(1))),
            (Action::PutObject, Some(Failure::NoRoom { .. })) => self.full.extend(id(1)),
            _ => {}
        }
    }

    /// Aims a command at what serves it best. `next` is what is done at the end of a way, `robot_m`
    /// where the robot is.
    ///
    /// A model says *countertop* by habit; where the mug is that is to be picked up there, the map
    /// knows better. Two things that belong together go to one place, and what has no room is
    /// passed over.
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
                if let (Some(way), Some(there)) = (command.targets.first_mut(), there) {
                    way.believed = Some(there);
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
            objects.iter().find(|object| object.id == *id && !self.full.contains(id)).cloned()
        });
        let Some(receptacle) = command.targets.get_mut(1) else { return };
        if before.is_some() {
            receptacle.believed = before;
        } else {
            self.pass_over(receptacle, objects, robot_m);
        }
    }

    /// Takes the nearest other object of its class for one that has no room.
    fn pass_over(&self, target: &mut Target, objects: &[MapObject], robot_m: &Vector2<f64>) {
        let Some(full) = target.believed.as_ref().filter(|o| self.full.contains(&o.id)) else {
            return;
        };
        let off = |object: &MapObject| {
            let [x, y, _] = object.position_m;
            (Vector2::new(x, y) - robot_m).norm()
        };
        let others = objects
            .iter()
            .filter(|object| object.label == full.label && !self.full.contains(&object.id));
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
    use crate::tasks::PlanRequest;
    use crate::tasks::fixtures::{bound_plan, request};

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
    }

    #[test]
    fn what_has_no_room_is_passed_over() {
        let shelves = [object(1, "shelf", 1.0), object(2, "shelf", 5.0), object(3, "shelf", 4.0)];
        let mut memory = Memory::default();
        let put = || command("PutObject", &[("mug", None), ("shelf", Some(&shelves[0]))]);
        let full = Failure::NoRoom { name: "mug".into(), receptacle: "shelf".into() };
        memory.ended(&put(), Some(&full));
        assert_eq!(aimed(&memory, put(), &shelves), Some(3), "the next nearest");
        // Where there was room before there is none any more.
        memory.ended(&command("PutObject", &[("mug", None), ("shelf", Some(&shelves[2]))]), None);
        memory.full.push(ObjectId(3));
        assert_eq!(aimed(&memory, put(), &shelves), Some(2));
    }

    #[test]
    fn the_way_leads_to_what_is_acted_on_at_its_end() {
        let objects = [object(1, "mug", 3.0), object(2, "shelf", 1.0), object(3, "shelf", 4.0)];
        let plan = "GotoLocation shelf\nPickupObject mug\nGotoLocation shelf\n\
            PutObject mug shelf\nNoOp";
        let plan = bound_plan(plan, &PlanRequest { objects: &objects, ..request("tidy up") });
        let mut memory = Memory::default();
        let went = |memory: &Memory, id: u32| {
            let way = Some(&objects[1]);
            let mut go = command("GotoLocation", &[("shelf", way)]);
            memory.aim(&mut go, next_act(&plan, id), &objects, &Vector2::zeros());
            go.targets[0].believed.as_ref().map(|object| object.id.0)
        };
        assert_eq!(went(&memory, 1), Some(1), "where the mug is");
        let shelf = plan.steps[3].arguments[1].grounding.bound().unwrap().0;
        assert_eq!(went(&memory, 3), Some(shelf.0));
        memory.full.push(shelf);
        let other = if shelf.0 == 2 { 3 } else { 2 };
        assert_eq!(went(&memory, 3), Some(other), "where there is room");
    }
}
