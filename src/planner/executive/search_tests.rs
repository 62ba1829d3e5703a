//! What is behind doors is looked for, one thing after the other.

use super::*;
use crate::scene::fixtures::{object, sized};
use crate::tasks::PlanRequest;
use crate::tasks::fixtures::{bound_plan, request};
use std::collections::VecDeque;

const GOAL: &str = "put two mugs on the table";
const BOTH: &str = "GotoLocation cabinet\nPickupObject mug\nGotoLocation diningtable\n\
    PutObject mug diningtable\nGotoLocation cabinet\nPickupObject mug\n\
    GotoLocation diningtable\nPutObject mug diningtable\nNoOp";

/// A kitchen whose mugs are behind doors, and the robot in it.
struct Kitchen {
    /// What is in sight.
    objects: Vec<MapObject>,
    /// The cabinets with a mug in them.
    hiding: Vec<ObjectId>,
    /// Where the robot went last.
    at: Option<ObjectId>,
    /// Mugs that were put on the table.
    put: u32,
}

impl Kitchen {
    /// One with a table at x = 0 m and a cabinet at every metre behind it, whose id is that number.
    fn hiding(hiding: &[u32]) -> Self {
        let table = sized(1, "diningtable", [0.0, 0.0, 0.4], [1.0, 1.0, 0.8]);
        let cabinets = (2..8).map(|id| object(id, "cabinet", [f64::from(id), 0.0, 1.0], 0.5));
        Self {
            objects: std::iter::once(table).chain(cabinets).collect(),
            hiding: hiding.iter().copied().map(ObjectId).collect(),
            at: None,
            put: 0,
        }
    }

    /// Carries out a step; whether that succeeds.
    fn carry_out(&mut self, step: &PlanStep) -> bool {
        let bound = step.arguments[0].grounding.bound().map(|(id, _)| id);
        match step.action.as_str() {
            "GotoLocation" => self.at = bound,
            "PickupObject" => {
                assert_eq!(bound, None, "a mug that is in sight was put there");
                let Some(at) = self.hiding.iter().position(|id| Some(*id) == self.at) else {
                    return false;
                };
                self.hiding.remove(at);
            }
            _ => {
                self.put += 1;
                let x = 0.3 * f64::from(self.put) - 0.4;
                self.objects.push(object(100 + self.put, "mug", [x, 0.0, 0.85], 0.1));
            }
        }
        true
    }

    /// How the work for the goal ends, and how many steps failed on the way.
    fn work(&mut self) -> (Ending, usize) {
        let (mut executive, vocabulary) = (Executive::default(), ActionVocabulary::alfred());
        let mut acts = VecDeque::from(executive.goal(GOAL));
        let mut next = None;
        loop {
            match acts.pop_front() {
                Some(Act::Think { number, so_far, .. }) => {
                    let (objects, so_far) = (&self.objects, &so_far);
                    let asked = PlanRequest { objects, so_far, ..request(GOAL) };
                    acts.extend(executive.planned(number, bound_plan(BOTH, &asked)));
                }
                Some(Act::Step(step)) => next = Some(step),
                Some(Act::End { ending, .. }) => return (ending, executive.so_far().failed.len()),
                Some(_) => {}
                None => {
                    let step: PlanStep = next.take().expect("there is a step");
                    let success = self.carry_out(&step);
                    let ended = StepFeedback { step_id: step.id, success, message: String::new() };
                    acts.extend(executive.feedback(&ended).unwrap());
                    acts.extend(executive.look(&self.objects, [0.0; 3], 0, &vocabulary));
                }
            }
        }
    }
}

#[test]
fn a_second_thing_is_looked_for_behind_the_other_doors() {
    let mut kitchen = Kitchen::hiding(&[5, 7]);
    assert_eq!(kitchen.work(), (Ending::Done, 5));
    assert_eq!((kitchen.put, kitchen.hiding.len()), (2, 0));
    // Both may be behind one door.
    assert_eq!(Kitchen::hiding(&[3, 3]).work(), (Ending::Done, 1));
}

#[test]
fn what_is_nowhere_is_given_up_in_the_end() {
    let mut kitchen = Kitchen::hiding(&[5]);
    let (ending, failed) = kitchen.work();
    assert!(matches!(ending, Ending::GivenUp(_)), "{ending:?}");
    assert_eq!((kitchen.put, failed), (1, 7));
}
