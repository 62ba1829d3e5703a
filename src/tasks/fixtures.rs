//! Requests and plans for tests.

use super::{
    ActionVocabulary, Argument, Grounding, Plan, PlanRequest, PlanStep, SoFar, SpokenStep, ground,
    parse_plan,
};
use crate::scene::ObjectId;

/// A request for `goal` over an empty map.
pub(crate) fn request(goal: &str) -> PlanRequest<'_> {
    PlanRequest {
        goal,
        objects: &[],
        robot_m: [0.0; 3],
        heading_rad: None,
        held: None,
        so_far: SoFar::nothing(),
        view: None,
        frame_id: "map",
        stamp_ns: 0,
        step_expiry_ns: 0,
        require_grounding: false,
    }
}

/// A step in the words of a model, such as `PutObject mug shelf`.
pub(crate) fn spoken(line: &str) -> SpokenStep {
    let mut words = line.split(' ').map(str::to_owned);
    SpokenStep { action: words.next().unwrap(), arguments: words.collect() }
}

/// The step with this number, in such words, that are bound to nothing.
pub(crate) fn step(id: u32, line: &str) -> PlanStep {
    let SpokenStep { action, arguments } = spoken(line);
    let unbound = |name| Argument {
        name,
        grounding: Grounding::Ungrounded { reason: "there is no map".into() },
    };
    PlanStep { id, action, arguments: arguments.into_iter().map(unbound).collect(), expires_ns: 0 }
}

/// The same, its words bound to the objects with these ids: 0 is none.
pub(crate) fn bound_step(id: u32, line: &str, ids: &[u32]) -> PlanStep {
    let mut step = step(id, line);
    for (word, id) in step.arguments.iter_mut().zip(ids).filter(|(_, id)| **id > 0) {
        let (object_id, position_m) = (ObjectId(*id), [0.0; 3]);
        word.grounding = Grounding::Grounded { object_id, position_m, confidence: 1.0 };
    }
    step
}

/// A plan of such steps.
pub(crate) fn plan(goal: &str, lines: &[&str]) -> Plan {
    Plan {
        goal: goal.into(),
        frame_id: "map".into(),
        stamp_ns: 0,
        task: None,
        model: "m".into(),
        mean_log_probability: None,
        shown: None,
        saw: None,
        steps: (1..).zip(lines).map(|(id, line)| step(id, line)).collect(),
        unnamed: Vec::new(),
        undone: Vec::new(),
        refusal: None,
    }
}

/// What a model that knows only the goal answers to `request` when it writes this plan: what is
/// left of it, bound to the map.
pub(crate) fn bound_plan(text: &str, request: &PlanRequest<'_>) -> Plan {
    let vocabulary = ActionVocabulary::alfred();
    let spoken = request.so_far.left_of(parse_plan(text, &vocabulary).unwrap(), &vocabulary);
    let bound = ground(&spoken, &vocabulary, request);
    let expires_ns = request.stamp_ns.saturating_add(request.step_expiry_ns);
    let steps = (1..).zip(spoken.into_iter().zip(bound)).map(|(id, (step, arguments))| PlanStep {
        id,
        action: step.action,
        arguments,
        expires_ns,
    });
    Plan {
        frame_id: request.frame_id.into(),
        stamp_ns: request.stamp_ns,
        steps: steps.collect(),
        ..plan(request.goal, &[])
    }
}
