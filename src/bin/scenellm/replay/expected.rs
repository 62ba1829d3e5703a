//! Whether a replay comes to the plan that an earlier one came to: `replay --expect`.

use anyhow::Context;
use nalgebra::{Point3, distance};
use scenellm::tasks::{Argument, Plan, PlanStep};
use std::path::Path;

/// How far a thing may be from where it was, metres: two voxels. The last digits of another machine's
/// arithmetic, and small changes to the map, move its centre by less.
const WITHIN_M: f64 = 0.1;

/// Reads the plan that is expected.
pub fn read(path: &Path) -> anyhow::Result<Plan> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--expect {}: cannot read", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("--expect {}: not the plan.json of a replay", path.display()))
}

/// In what `found` is another plan than `expected`, a line each: the goal and its frame, the steps and
/// their order, what their words are bound to. Ids of objects, confidences and stamps may differ.
pub fn differences(expected: &Plan, found: Option<&Plan>) -> Vec<String> {
    let Some(found) = found else { return vec!["no plan was made".into()] };
    let mut told = Vec::new();
    let pairs =
        [("goal", &found.goal, &expected.goal), ("frame", &found.frame_id, &expected.frame_id)];
    for (what, now, before) in pairs.into_iter().filter(|(_, now, before)| now != before) {
        told.push(format!("the {what} is \"{now}\", not \"{before}\""));
    }
    match (&expected.refusal, &found.refusal) {
        (None, Some(refusal)) => told.push(format!("no plan: {refusal}")),
        (Some(refusal), None) => told.push(format!("a plan, where there was none: {refusal}")),
        (Some(before), Some(now)) if now != before => {
            told.push(format!("no plan, yet for another reason: {now}, not: {before}"));
        }
        _ => {}
    }
    for at in 0..expected.steps.len().max(found.steps.len()) {
        match (expected.steps.get(at), found.steps.get(at)) {
            (Some(before), Some(now)) => told.extend(of_step(before, now)),
            (Some(before), None) => {
                told.push(format!("step {}: none, not {}", before.id, before.summary()));
            }
            (None, Some(now)) => told.push(format!("step {}: {}, not none", now.id, now.summary())),
            (None, None) => {}
        }
    }
    told
}

fn of_step(before: &PlanStep, now: &PlanStep) -> Vec<String> {
    let (id, was, is) = (now.id, before.summary(), now.summary());
    if was != is {
        return vec![format!("step {id}: {is}, not {was}")];
    }
    let words = before.arguments.iter().zip(&now.arguments);
    words
        .filter_map(|(before, now)| Some(format!("step {id}: {}", of_word(before, now)?)))
        .collect()
}

/// What is other about the thing that a word is bound to.
fn of_word(before: &Argument, now: &Argument) -> Option<String> {
    let place_m = |word: &Argument| word.grounding.bound().map(|(_, position_m)| position_m);
    let told = |[x, y, z]: [f64; 3]| format!("at ({x:.2}, {y:.2}, {z:.2})");
    let name = &now.name;
    match (place_m(before), place_m(now)) {
        (Some(was_m), Some(is_m)) => {
            let apart_m = distance(&Point3::from(was_m), &Point3::from(is_m));
            let (was, is) = (told(was_m), told(is_m));
            (apart_m > WITHIN_M).then(|| format!("{name} {is}, not {was}, {apart_m:.2} m apart"))
        }
        (Some(was_m), None) => Some(format!("{name} is bound to nothing, not {}", told(was_m))),
        (None, Some(is_m)) => Some(format!("{name} {}, not bound to nothing", told(is_m))),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A plan of steps of one word each, which is bound to what is at `x_m`.
    fn plan(steps: &[(&str, &str, Option<f64>)]) -> Plan {
        let steps = steps.iter().zip(1..).map(|((action, name, x_m), id)| {
            let grounding = match x_m {
                Some(x_m) => json!({"status": "grounded", "object_id": 40 + id,
                    "position_m": [x_m, 0.0, 1.0], "confidence": 0.9}),
                None => json!({"status": "ungrounded", "reason": "there is none"}),
            };
            json!({"id": id, "action": action, "expires_ns": 7,
                "arguments": [{"name": name, "grounding": grounding}]})
        });
        let steps: Vec<_> = steps.collect();
        serde_json::from_value(json!({"goal": "bring the mug", "frame_id": "map", "stamp_ns": 5,
            "task": null, "model": "m", "mean_log_probability": null, "steps": steps,
            "refusal": null}))
        .unwrap()
    }

    #[test]
    fn steps_words_and_places_make_a_plan() {
        let go = ("GotoLocation", "desk", Some(1.0));
        let expected = plan(&[go, ("PickupObject", "mug", Some(1.0))]);
        let against = |steps: &[_]| differences(&expected, Some(&plan(steps)));
        assert_eq!(against(&[go, ("PickupObject", "mug", Some(1.09))]), [""; 0]);
        assert_eq!(
            against(&[go, ("PickupObject", "mug", Some(1.5))]),
            ["step 2: mug at (1.50, 0.00, 1.00), not at (1.00, 0.00, 1.00), 0.50 m apart"]
        );
        assert_eq!(
            against(&[go, ("PickupObject", "mug", None)]),
            ["step 2: mug is bound to nothing, not at (1.00, 0.00, 1.00)"]
        );
        assert_eq!(
            against(&[("GotoLocation", "shelf", Some(1.0))]),
            [
                "step 1: GotoLocation shelf, not GotoLocation desk",
                "step 2: none, not PickupObject mug"
            ]
        );
        assert_eq!(differences(&expected, None), ["no plan was made"]);
    }

    #[test]
    fn goals_and_refusals_make_a_plan() {
        let expected = plan(&[]);
        let mut found = expected.clone();
        found.goal = "bring the cup".into();
        found.refusal = Some(scenellm::tasks::Refusal::NotFound { names: vec!["cup".into()] });
        assert_eq!(
            differences(&expected, Some(&found)),
            [
                "the goal is \"bring the cup\", not \"bring the mug\"",
                "no plan: nothing in the map answers to cup"
            ]
        );
        assert_eq!(differences(&found, Some(&found)), [""; 0], "a refusal may be expected");
    }
}
