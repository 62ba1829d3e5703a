//! What the robot holds, as the steps that succeeded tell.

use super::{Argument, Plan, PlanStep};
use crate::scene::{MapObject, ObjectId};

/// The action that takes a thing into the hand, in ALFRED's vocabulary.
pub(super) const PICK_UP: &str = "PickupObject";

/// The things that plans have named, as the map knew them then. What is in the hand is no longer seen where
/// it was, and drops out of the map: from here it is still known what it is.
#[derive(Debug, Clone, Default)]
pub struct Mentioned(Vec<MapObject>);

impl Mentioned {
    /// Remembers which of `objects` a plan names, and what is `held`; of older plans nothing else.
    pub fn remember(&mut self, plan: &Plan, objects: &[MapObject], held: Option<ObjectId>) {
        let arguments = plan.steps.iter().flat_map(|step| &step.arguments);
        let mut ids: Vec<ObjectId> = arguments.filter_map(object_of).chain(held).collect();
        ids.sort();
        ids.dedup();
        let find = |id: &ObjectId| {
            let known = |object: &&MapObject| object.id == *id;
            objects.iter().find(known).or_else(|| self.0.iter().find(known)).cloned()
        };
        self.0 = ids.iter().filter_map(find).collect();
    }

    /// The objects of the map and, at the robot (world frame, metres), what it holds.
    pub fn with_held(
        &self,
        objects: &[MapObject],
        held: Option<ObjectId>,
        robot_m: [f64; 3],
    ) -> Vec<MapObject> {
        let is_held = |object: &&MapObject| Some(object.id) == held;
        let mut all = objects.to_vec();
        if !objects.iter().any(|object| is_held(&object))
            && let Some(object) = self.0.iter().find(is_held)
        {
            all.push(MapObject { position_m: robot_m, ..object.clone() });
            all.sort_by_key(|object| object.id);
        }
        all
    }
}

fn object_of(argument: &Argument) -> Option<ObjectId> {
    argument.grounding.bound().map(|(id, _)| id)
}

/// What is held after `step` succeeded, having held `before`: what was picked up; nothing after an
/// action that brings what is held to another thing.
pub fn held_after(step: &PlanStep, before: Option<ObjectId>) -> Option<ObjectId> {
    match step.arguments.as_slice() {
        [taken] if step.action == PICK_UP => object_of(taken),
        [put, _] if object_of(put) == before => None,
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::{bound_plan, plan, request};
    use crate::tasks::{Grounding, PlanRequest};

    #[test]
    fn what_is_picked_up_is_held_until_it_is_put_down() {
        let step = |action: &str, ids: &[u32]| PlanStep {
            id: 1,
            action: action.into(),
            arguments: ids
                .iter()
                .map(|id| Argument {
                    name: "thing".into(),
                    grounding: Grounding::Grounded {
                        object_id: ObjectId(*id),
                        position_m: [0.0; 3],
                        confidence: 1.0,
                    },
                })
                .collect(),
            expires_ns: 0,
        };
        let mug = held_after(&step("PickupObject", &[3]), None);
        assert_eq!(mug, Some(ObjectId(3)));
        assert_eq!(held_after(&step("HeatObject", &[3]), mug), mug);
        assert_eq!(held_after(&step("GotoLocation", &[8]), mug), mug);
        assert_eq!(held_after(&step("PutObject", &[4, 8]), mug), mug);
        assert_eq!(held_after(&step("PutObject", &[3, 8]), mug), None);
    }

    #[test]
    fn what_is_held_is_known_when_the_map_has_lost_it() {
        let objects = [object(3, "mug", [2.0, 0.0, 0.9], 0.1), object(8, "sink", [4.0; 3], 0.5)];
        let goal = "rinse the mug";
        let take = PlanRequest { objects: &objects, ..request(goal) };
        let take = bound_plan("PickupObject mug\nNoOp", &take);
        let mut known = Mentioned::default();
        known.remember(&take, &objects, None);
        let (held, robot_m) = (Some(ObjectId(3)), [1.0, 1.0, 0.0]);
        let all = |known: &Mentioned, held| known.with_held(&objects[1..], held, robot_m);
        let now = all(&known, held);
        assert_eq!(now.iter().map(|one| one.id.0).collect::<Vec<_>>(), [3, 8]);
        assert_eq!((now[0].label.as_str(), now[0].position_m), ("mug", robot_m));
        // Plans that do not name it do not make it forgotten while it is held.
        known.remember(&plan(goal, &[]), &now, held);
        assert_eq!(all(&known, held).len(), 2);
        assert_eq!(all(&known, None).len(), 1, "nothing is held");
        assert_eq!(known.with_held(&objects, held, robot_m), objects, "the map has it");
        known.remember(&plan(goal, &[]), &objects[1..], None);
        assert_eq!(all(&known, held).len(), 1);
    }
}
