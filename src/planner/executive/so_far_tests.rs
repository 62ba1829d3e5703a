//! What was tried is told to who plans anew.

use super::*;
use crate::tasks::FailedStep;
use crate::tasks::fixtures::{bound_step, plan};

/// A plan of the first steps of picking up mug 4 and putting it on shelf 3.
fn tidy() -> Plan {
    let steps = vec![
        bound_step(1, "PickupObject mug", &[4]),
        bound_step(2, "PutObject mug shelf", &[4, 3]),
    ];
    Plan { steps, ..plan("tidy", &[]) }
}

fn end(executive: &mut Executive, step_id: u32, failure: Option<&str>) -> Vec<Act> {
    let message = failure.unwrap_or_default().to_owned();
    executive.feedback(&StepFeedback { step_id, success: failure.is_none(), message }).unwrap()
}

/// Number of the request for a plan, and what it says was tried.
fn asked(acts: &[Act]) -> (u64, &SoFar) {
    let asked = acts.iter().find_map(|act| match act {
        Act::Think { number, so_far, .. } => Some((*number, so_far)),
        _ => None,
    });
    asked.expect("it thinks")
}

#[test]
fn who_plans_anew_is_told_what_was_done_and_what_failed() {
    let mut executive = Executive::default();
    let acts = executive.goal("tidy");
    let (number, so_far) = asked(&acts);
    assert_eq!(so_far, SoFar::nothing());
    executive.planned(number, tidy());
    end(&mut executive, 1, None);
    let acts = end(&mut executive, 2, Some("no\nroom"));
    let (number, so_far) = asked(&acts);
    assert_eq!(so_far.done, tidy().steps[..1]);
    let failed = FailedStep {
        step: tidy().steps[1].clone(),
        why: "no room".into(),
        after: 1,
        held: Some(ObjectId(4)),
    };
    assert_eq!(so_far.failed, std::slice::from_ref(&failed));
    // The next plan may fail as well.
    executive.planned(number, Plan { steps: tidy().steps[1..].to_vec(), ..tidy() });
    let acts = end(&mut executive, 2, Some("it slipped"));
    assert_eq!(asked(&acts).1.failed.len(), 2);
    // It is known when the work has ended, and a new goal begins anew.
    executive.stop(StopCause::Word);
    let SoFar { done, failed: all } = executive.so_far();
    assert_eq!((done.len(), all.len(), all.first()), (1, 2, Some(&failed)));
    assert_eq!(asked(&executive.goal("wash up")).1, SoFar::nothing());
}

#[test]
fn what_ends_a_goal_is_known_as_well() {
    let mut executive = Executive::default();
    let mut acts = executive.goal("tidy");
    for _ in 0..MAX_REPLANS {
        executive.planned(asked(&acts).0, tidy());
        acts = end(&mut executive, 1, Some("it slipped"));
    }
    executive.planned(asked(&acts).0, tidy());
    end(&mut executive, 1, Some("it broke"));
    assert_eq!(executive.worked_on(), None);
    let why: Vec<&str> = executive.so_far().failed.iter().map(|one| one.why.as_str()).collect();
    assert_eq!(why, ["it slipped", "it slipped", "it slipped", "it broke"]);
}
