//! The typed plan, and what becomes of its steps.

use crate::ros::msg;
use crate::sensing::StepFeedback;
use crate::tasks::{Argument, Grounding, Plan, PlanStep, Refusal};

/// The message of a plan or a refusal.
pub fn plan_message(plan: &Plan) -> msg::Plan {
    let (refusal, refusal_names) = match &plan.refusal {
        None => (msg::Plan::REFUSAL_NONE, Vec::new()),
        Some(Refusal::NotFound { names }) => (msg::Plan::REFUSAL_NOT_FOUND, names.clone()),
        Some(Refusal::BadGoal { .. }) => (msg::Plan::REFUSAL_BAD_GOAL, Vec::new()),
        Some(Refusal::ModelFailed { .. }) => (msg::Plan::REFUSAL_MODEL_FAILED, Vec::new()),
    };
    let left_out = plan.shown.map_or(0, |shown| shown.left_out);
    msg::Plan {
        header: msg::Header::new(plan.stamp_ns, &plan.frame_id),
        goal: plan.goal.clone(),
        task: plan.task.clone().unwrap_or_default(),
        model: plan.model.clone(),
        mean_log_probability: plan.mean_log_probability.unwrap_or(f64::NAN),
        steps: plan.steps.iter().map(plan_step_message).collect(),
        refusal,
        refusal_reason: plan.refusal.as_ref().map(Refusal::to_string).unwrap_or_default(),
        refusal_names,
        objects_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        saw: plan.saw.clone().unwrap_or_default(),
    }
}

/// The message of one step.
pub fn plan_step_message(step: &PlanStep) -> msg::PlanStep {
    msg::PlanStep {
        id: step.id,
        action: step.action.clone(),
        arguments: step.arguments.iter().map(argument).collect(),
        expires: msg::Time::from_ns(step.expires_ns),
    }
}

/// The outcome in a message.
pub fn step_feedback(message: msg::StepFeedback) -> StepFeedback {
    let msg::StepFeedback { step_id, success, message, .. } = message;
    StepFeedback { step_id, success, message }
}

fn argument(argument: &Argument) -> msg::PlanArgument {
    let name = argument.name.clone();
    match &argument.grounding {
        Grounding::Grounded { object_id, position_m: [x, y, z], confidence } => msg::PlanArgument {
            name,
            grounded: true,
            object_id: object_id.0,
            position: msg::Point { x: *x, y: *y, z: *z },
            confidence: *confidence,
            reason: String::new(),
        },
        Grounding::Ungrounded { reason } => {
            msg::PlanArgument { name, reason: reason.clone(), ..Default::default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::{from_cdr, to_cdr};
    use crate::scene::ObjectId;
    use crate::tasks::ShownObjects;

    fn plan() -> Plan {
        Plan {
            goal: "bring the mug".into(),
            frame_id: "map".into(),
            stamp_ns: 3_000_000_001,
            task: None,
            model: "nano".into(),
            mean_log_probability: Some(-0.25),
            shown: None,
            saw: None,
            steps: vec![PlanStep {
                id: 1,
                action: "PickupObject".into(),
                arguments: vec![
                    Argument {
                        name: "mug".into(),
                        grounding: Grounding::Grounded {
                            object_id: ObjectId(4),
                            position_m: [1.0, 2.0, 3.0],
                            confidence: 0.5,
                        },
                    },
                    Argument {
                        name: "tray".into(),
                        grounding: Grounding::Ungrounded { reason: "not seen".into() },
                    },
                ],
                expires_ns: 9_000_000_000,
            }],
            unnamed: Vec::new(),
            undone: Vec::new(),
            refusal: None,
        }
    }

    #[test]
    fn a_plan_survives_the_wire() {
        let message = plan_message(&plan());
        let back: msg::Plan = from_cdr(&to_cdr(&message)).unwrap();
        assert_eq!(back, message);
        assert_eq!(back.header.stamp.to_ns(), 3_000_000_001);
        let arguments = &back.steps[0].arguments;
        assert_eq!((arguments[0].grounded, arguments[0].object_id), (true, 4));
        assert_eq!((arguments[1].grounded, arguments[1].reason.as_str()), (false, "not seen"));
        assert_eq!((back.refusal, back.refusal_reason.as_str()), (0, ""));
        assert_eq!((back.objects_left_out, back.saw.as_str()), (0, ""));
    }

    #[test]
    fn a_plan_tells_what_the_model_was_not_shown() {
        let shown = Some(ShownObjects { listed: 200, left_out: 7 });
        assert_eq!(plan_message(&Plan { shown, ..plan() }).objects_left_out, 7);
    }

    #[test]
    fn a_plan_tells_what_the_model_saw() {
        let saw = Some("i saw a mug on the countertop".to_owned());
        let message = plan_message(&Plan { saw, ..plan() });
        let back: msg::Plan = from_cdr(&to_cdr(&message)).unwrap();
        assert_eq!(back.saw, "i saw a mug on the countertop");
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        let refusal = Refusal::NotFound { names: vec!["mug".into()] };
        let message = plan_message(&Plan {
            refusal: Some(refusal),
            steps: Vec::new(),
            mean_log_probability: None,
            shown: None,
            saw: None,
            ..plan()
        });
        assert_eq!(message.refusal, msg::Plan::REFUSAL_NOT_FOUND);
        assert_eq!(message.refusal_names, ["mug"]);
        assert!(message.refusal_reason.contains("mug"));
        assert!(message.mean_log_probability.is_nan());
    }
}
