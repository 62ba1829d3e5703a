//! What the robot holds, as the steps that succeeded tell.

use super::{Argument, Grounding, PlanStep};
use crate::scene::ObjectId;

/// The action that takes a thing into the hand, in ALFRED's vocabulary.
pub(super) const PICK_UP: &str = "PickupObject";

/// What is held after `step` succeeded, having held `before`: what was picked up; nothing after an
/// action that brings what is held to another thing.
pub fn held_after(step: &PlanStep, before: Option<ObjectId>) -> Option<ObjectId> {
    let object = |argument: &Argument| match argument.grounding {
        Grounding::Grounded { object_id, .. } => Some(object_id),
        Grounding::Ungrounded { .. } => None,
    };
    match step.arguments.as_slice() {
        [taken] if step.action == PICK_UP => object(taken),
        [put, _] if object(put) == before => None,
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
