//! A plan made anew goes on where the work stands.
//!
//! A model that knows only the goal plans from the beginning every time. What was done already is
//! not done again: the steps up to the last act that was done are left out, and the rest is bound
//! to the map anew, from where the robot is.

use crate::scene::MapObject;
use crate::tasks::{ActionVocabulary, Plan, PlanStep, SpokenStep, ground};

/// `plan` without the steps that `done`, the acts that succeeded so far in their order, has done.
/// Going somewhere is not an act. `objects` are those of the map that may still be acted on;
/// `robot_m` is where the robot is (world frame, metres).
pub fn resume(
    plan: Plan,
    done: &[SpokenStep],
    vocabulary: &ActionVocabulary,
    objects: &[MapObject],
    robot_m: [f64; 3],
) -> Plan {
    let spoken: Vec<SpokenStep> = plan.steps.iter().map(spoken).collect();
    let acts = spoken.iter().enumerate().filter(|(_, step)| !vocabulary.only_goes(&step.action));
    let matched = acts.zip(done).take_while(|((_, step), done)| step == done);
    let Some(((last, _), _)) = matched.last() else { return plan };
    let left = &spoken[last + 1..];
    let labels = objects.iter().map(|object| object.label.as_str());
    let bound = ground(left, &vocabulary.with_map_labels(labels), objects, robot_m);
    let expires_ns = plan.steps.last().map_or(0, |step| step.expires_ns);
    let steps = (1..).zip(left.iter().zip(bound)).map(|(id, (step, arguments))| PlanStep {
        id,
        action: step.action.clone(),
        arguments,
        expires_ns,
    });
    Plan { steps: steps.collect(), ..plan }
}

/// The step in the words of the model.
fn spoken(step: &PlanStep) -> SpokenStep {
    SpokenStep {
        action: step.action.clone(),
        arguments: step.arguments.iter().map(|argument| argument.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::fixtures::{bound_plan, request};
    use crate::tasks::{PlanRequest, parse_plan};

    fn left(text: &str, done: &str) -> Vec<String> {
        let vocabulary = ActionVocabulary::alfred();
        let done = parse_plan(done, &vocabulary).unwrap();
        let plan = bound_plan(text, &PlanRequest { step_expiry_ns: 7, ..request("heat an apple") });
        let plan = resume(plan, &done, &vocabulary, &[], [0.0; 3]);
        assert!(plan.steps.iter().zip(1..).all(|(step, id)| step.id == id && step.expires_ns == 7));
        plan.steps.iter().map(PlanStep::summary).collect()
    }

    const WHOLE: &str =
        "GotoLocation fridge\nPickupObject apple\nGotoLocation microwave\nHeatObject apple\nNoOp";

    #[test]
    fn what_was_done_is_left_out_and_the_way_to_the_next_act_stays() {
        let rest = left(WHOLE, "PickupObject apple\nNoOp");
        assert_eq!(rest, ["GotoLocation microwave", "HeatObject apple"]);
    }

    #[test]
    fn a_plan_that_begins_otherwise_is_taken_whole() {
        assert_eq!(left(WHOLE, "NoOp").len(), 4);
        assert_eq!(left(WHOLE, "PickupObject tomato\nNoOp").len(), 4);
    }

    #[test]
    fn only_the_part_that_agrees_counts_as_done() {
        let done = "PickupObject apple\nCoolObject apple\nNoOp";
        assert_eq!(left(WHOLE, done), ["GotoLocation microwave", "HeatObject apple"]);
    }
}
