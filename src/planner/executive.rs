//! From a goal over its plan to done: which step is current, and when to plan again.
//!
//! Success comes from feedback alone, never from the model's words. While a plan is open it follows
//! the map: what moved is bound to its new place, and what a change of the map has made wrong is
//! planned anew; of another map all is. Who plans anew is told what was tried before. A pure machine:
//! what happens goes in, what to do comes out.

#[cfg(test)]
mod map_tests;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod so_far_tests;

use crate::scene::{MapObject, ObjectId};
use crate::sensing::StepFeedback;
use crate::tasks::{ActionVocabulary, Plan, PlanStep, SoFar, held_after};

/// How often a goal is planned for anew after failed steps before it is given up. Each thing that is put
/// where it belongs lets the count begin again: the next may be as hard to find.
const MAX_REPLANS: u32 = 3;
/// Why what was bound is bound no more, where it stood in another map.
const OTHER_MAP: &str = "another map was loaded";
/// For so many things at most, or a plan that puts things to and fro would never be given up.
const MOST_BROUGHT: usize = 8;

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Make a plan; what comes back carries the number.
    Think {
        /// Number of the request.
        number: u64,
        /// The goal.
        goal: String,
        /// What the robot holds, where that is known.
        held: Option<ObjectId>,
        /// What was tried for the goal before.
        so_far: SoFar,
    },
    /// Publish the plan.
    Publish(Plan),
    /// Publish the step as the current one.
    Step(PlanStep),
    /// Publish that there is no plan any more.
    Withdraw {
        /// The goal it was for.
        goal: String,
        /// Why.
        reason: String,
    },
    /// Tell the person.
    Say(String),
    /// The goal is worked on no more.
    End {
        /// How it ended.
        ending: Ending,
        /// How far it was then.
        progress: Progress,
    },
}

impl Act {
    /// What is said among `acts`.
    pub fn words(acts: &[Self]) -> String {
        let words = acts.iter().filter_map(|act| match act {
            Self::Say(words) => Some(words.as_str()),
            _ => None,
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// How the work on a goal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All steps succeeded.
    Done,
    /// The planner refused it; the plan says why.
    Refused,
    /// Steps failed after as many new plans as are made.
    GivenUp(String),
    /// A newer goal took its place.
    Preempted,
    /// It was stopped.
    Stopped(StopCause),
}

/// Why a goal is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// Somebody said so.
    Word,
    /// The client that set the goal asked for it.
    Client,
    /// The planner ends.
    Shutdown,
}

impl std::fmt::Display for StopCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Word => "someone said stop",
            Self::Client => "its client canceled it",
            Self::Shutdown => "the planner ends",
        })
    }
}

/// How far the work on a goal is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// The newest plan or refusal; `None` before the first.
    pub plan: Option<Plan>,
    /// Index of the current step; `None` while a plan is being made.
    pub at: Option<usize>,
    /// How often it was planned anew.
    pub replans: u32,
}

/// The goal that is worked on.
#[derive(Debug, Clone, Default)]
struct Work {
    goal: String,
    /// The newest; it holds no more while `at` is `None`.
    plan: Option<Plan>,
    /// Index of the current step; `None` while a plan is being made.
    at: Option<usize>,
    /// The step that the robot was at when the map made its plan wrong, until it is told another.
    under_way: Option<PlanStep>,
    /// Steps that ended, of all plans for the goal.
    so_far: SoFar,
    /// Plans that were made anew, for whatever reason.
    replans: u32,
    /// Steps that failed since a thing was put where it belongs.
    failures: u32,
    /// What of the map has led to a new plan since a step succeeded. Things that come and go must not
    /// keep the model busy and the robot waiting for ever.
    reasons: Vec<String>,
}

impl Work {
    fn current(&self) -> Option<&PlanStep> {
        self.plan.as_ref()?.steps.get(self.at?)
    }

    /// The map is another one: nothing stays bound, and the plan holds no more.
    fn unbind(&mut self) {
        self.so_far.unbind(OTHER_MAP);
        let steps = self.plan.iter_mut().flat_map(|plan| &mut plan.steps);
        steps.chain(&mut self.under_way).for_each(|step| step.unbind(OTHER_MAP));
        if let Some(step) = self.current().cloned() {
            (self.under_way, self.at) = (Some(step), None);
            self.replans += 1;
        }
        self.reasons.clear();
    }

    /// A step succeeded.
    fn got_on(&mut self, step: PlanStep) {
        let brought = self.so_far.done.iter().filter(|done| done.brings()).count();
        if step.brings() && brought < MOST_BROUGHT {
            self.failures = 0;
        }
        self.so_far.done.push(step);
        self.reasons.clear();
    }
}

/// What is being done.
#[derive(Debug, Clone, Default)]
pub struct Executive {
    number: u64,
    /// Number of the map in which ids hold.
    map: u64,
    work: Option<Work>,
    /// The steps that ended on the way to the goal before.
    past: SoFar,
    /// What the robot holds, as the steps that succeeded tell.
    held: Option<ObjectId>,
}

impl Executive {
    /// A new goal, in place of whatever was worked on.
    pub fn goal(&mut self, goal: &str) -> Vec<Act> {
        let mut acts = self.preempt();
        self.work = Some(Work { goal: goal.into(), ..Work::default() });
        acts.push(self.think());
        acts
    }

    /// Makes room for a newer goal.
    pub fn preempt(&mut self) -> Vec<Act> {
        self.end(Ending::Preempted).into_iter().collect()
    }

    /// Whether the plan of request `number` is being waited for.
    pub fn waits_for(&self, number: u64) -> bool {
        number == self.number && self.work.as_ref().is_some_and(|work| work.at.is_none())
    }

    /// Request `number` became `plan`. Plans for earlier requests are of no use any more.
    pub fn planned(&mut self, number: u64, plan: Plan) -> Vec<Act> {
        let Some(work) = self.work.as_mut().filter(|_| number == self.number) else {
            return Vec::new();
        };
        let said = match &plan.refusal {
            Some(refusal) => format!("no plan for \"{}\": {refusal}", plan.goal),
            None => format!("{} steps for \"{}\"", plan.steps.len(), plan.goal),
        };
        let said = match plan.told_left_out() {
            Some(left_out) => format!("{said} ({left_out})"),
            None => said,
        };
        let said = match plan.told_mismatch() {
            Some(mismatch) => format!("{said}; {mismatch}"),
            None => said,
        };
        let said = match &plan.saw {
            Some(saw) => format!("{saw}; {said}"),
            None => said,
        };
        let is_refused = plan.refusal.is_some();
        let mut acts = vec![Act::Publish(plan.clone())];
        work.plan = Some(plan);
        (work.at, work.under_way) = (Some(0), None);
        if let Some(step) = work.current() {
            acts.push(Act::Step(step.clone()));
            acts.push(Act::Say(said));
        } else {
            acts.push(Act::Say(said));
            let ending = if is_refused { Ending::Refused } else { Ending::Done };
            acts.extend(self.end(ending));
        }
        acts
    }

    /// The map of now has the number `map`. Ids of objects hold in one map alone: where it is another
    /// one than before, nothing stays bound, nobody knows which of its objects is held, and an open plan
    /// is withdrawn and made anew.
    pub fn in_map(&mut self, map: u64) -> Vec<Act> {
        if std::mem::replace(&mut self.map, map) == map {
            return Vec::new();
        }
        self.held = None;
        let Some(work) = &mut self.work else { return Vec::new() };
        work.unbind();
        let (goal, reason) = (work.goal.clone(), OTHER_MAP.to_owned());
        let withdrawn = work.plan.is_some().then_some(Act::Withdraw { goal, reason });
        let said = Act::Say(format!("{OTHER_MAP}: planning anew"));
        withdrawn.into_iter().chain([said, self.think()]).collect()
    }

    /// The map was looked at: `objects` are those of now, the robot is at `robot_m` (world frame,
    /// metres), and the newest observation is of `stamp_ns`. An open plan is held against it. Where
    /// things have moved or turned up it is published again, of that time; where it holds no more it is
    /// made anew, once for a reason. While a plan is being made, and when nothing has changed, nothing
    /// is to be done.
    pub fn look(
        &mut self,
        objects: &[MapObject],
        robot_m: [f64; 3],
        stamp_ns: i64,
        vocabulary: &ActionVocabulary,
    ) -> Vec<Act> {
        let Some(work) = &mut self.work else { return Vec::new() };
        let (Some(plan), Some(at)) = (&work.plan, work.at) else { return Vec::new() };
        let (rebound, broken) =
            plan.rebound(at, self.held, objects, robot_m, &work.so_far, vocabulary);
        if let Some(reason) = broken.filter(|reason| !work.reasons.contains(reason)) {
            let said = format!("{reason}: planning anew");
            work.reasons.push(reason);
            work.replans += 1;
            work.under_way = work.current().cloned();
            work.at = None;
            return vec![Act::Say(said), self.think()];
        }
        let Some(rebound) = rebound else { return Vec::new() };
        let plan = Plan { stamp_ns, ..rebound };
        let told = work.current().cloned();
        work.plan = Some(plan.clone());
        let step = work.current().filter(|step| told.as_ref() != Some(step)).cloned();
        [Act::Publish(plan)].into_iter().chain(step.map(Act::Step)).collect()
    }

    /// A step ended.
    ///
    /// # Errors
    ///
    /// When it is not the current step, with the reason.
    pub fn feedback(&mut self, feedback: &StepFeedback) -> Result<Vec<Act>, String> {
        let work = self.work.as_mut().ok_or("there is no plan")?;
        let Some(at) = work.at else { return self.feedback_meanwhile(feedback) };
        let current = work.current().map_or(0, |step| step.id);
        if feedback.step_id != current {
            return Err(format!(
                "it is about step {}, and step {current} is the current one",
                feedback.step_id
            ));
        }
        if feedback.success {
            if let Some(step) = work.current().cloned() {
                self.held = held_after(&step, self.held);
                work.got_on(step);
            }
            work.at = Some(at + 1);
            if let Some(step) = work.current() {
                return Ok(vec![Act::Step(step.clone())]);
            }
            let said = format!("done: \"{}\"", work.goal);
            return Ok([Act::Say(said)].into_iter().chain(self.end(Ending::Done)).collect());
        }
        if let Some(step) = work.current().cloned() {
            work.so_far.fail(step, &feedback.message, self.held);
        }
        let because = match feedback.message.as_str() {
            "" => String::new(),
            message => format!(" ({message})"),
        };
        if work.failures >= MAX_REPLANS {
            let reason = format!("step {current} failed{because} after {MAX_REPLANS} new plans");
            let said = format!("I give up \"{}\": {reason}", work.goal);
            return Ok(self.give_up(Ending::GivenUp(reason.clone()), reason, said));
        }
        work.failures += 1;
        work.replans += 1;
        work.at = None;
        let said = format!("step {current} failed{because}: planning anew");
        Ok(vec![Act::Say(said), self.think()])
    }

    /// A step ended while a plan is being made: that at which the map broke in still counts. What
    /// came of it, the plan that is being made does not know.
    fn feedback_meanwhile(&mut self, feedback: &StepFeedback) -> Result<Vec<Act>, String> {
        let held = self.held;
        let step = self.work.as_mut().and_then(|work| {
            let step = work.under_way.take_if(|step| step.id == feedback.step_id)?;
            if feedback.success {
                work.got_on(step.clone());
            } else {
                work.so_far.fail(step.clone(), &feedback.message, held);
            }
            Some(step)
        });
        let step = step.ok_or("the plan is still being made")?;
        if feedback.success {
            self.held = held_after(&step, held);
        }
        Ok(vec![self.think()])
    }

    /// Gives up whatever is worked on.
    pub fn stop(&mut self, cause: StopCause) -> Vec<Act> {
        // A plan that is still being made is not wanted any more.
        self.number += 1;
        match &self.work {
            Some(Work { goal, .. }) => {
                let said = format!("stopped: \"{goal}\"");
                self.give_up(Ending::Stopped(cause), cause.to_string(), said)
            }
            // Who follows an instruction stops as well.
            None => vec![Act::Say("stopped; no goal is set".into())],
        }
    }

    fn give_up(&mut self, ending: Ending, reason: String, said: String) -> Vec<Act> {
        let Some(goal) = self.worked_on().map(str::to_owned) else { return Vec::new() };
        let told = [Act::Withdraw { goal, reason }, Act::Say(said)];
        told.into_iter().chain(self.end(ending)).collect()
    }

    /// Ends the work on the goal, if there is one.
    fn end(&mut self, ending: Ending) -> Option<Act> {
        let Work { plan, at, replans, so_far, .. } = self.work.take()?;
        self.past = so_far;
        Some(Act::End { ending, progress: Progress { plan, at, replans } })
    }

    /// How far the goal is that is worked on.
    pub fn progress(&self) -> Progress {
        let Some(work) = &self.work else { return Progress::default() };
        Progress { plan: work.plan.clone(), at: work.at, replans: work.replans }
    }

    /// The goal that is worked on.
    pub fn worked_on(&self) -> Option<&str> {
        self.work.as_ref().map(|work| work.goal.as_str())
    }

    /// What was tried for the goal; where none is worked on, for the one before.
    pub fn so_far(&self) -> &SoFar {
        match &self.work {
            Some(work) => &work.so_far,
            None => &self.past,
        }
    }

    /// What is being done, in words.
    pub fn status(&self) -> String {
        let Some(work) = &self.work else { return "nothing: no goal is set".into() };
        match (&work.plan, work.current()) {
            (Some(plan), Some(step)) => format!(
                "\"{}\", step {} of {}: {}",
                work.goal,
                step.id,
                plan.steps.len(),
                step.summary()
            ),
            _ => format!("planning for \"{}\"", work.goal),
        }
    }

    fn think(&mut self) -> Act {
        self.number += 1;
        let (goal, so_far) = match &self.work {
            Some(work) => (work.goal.clone(), work.so_far.clone()),
            None => Default::default(),
        };
        Act::Think { number: self.number, goal, held: self.held, so_far }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::fixtures::plan;
    use crate::tasks::{Argument, Grounding, Refusal, ShownObjects};

    fn ended(step_id: u32, success: bool) -> StepFeedback {
        StepFeedback { step_id, success, message: if success { "" } else { "it slipped" }.into() }
    }

    fn number(acts: &[Act]) -> u64 {
        let number = acts.iter().find_map(|act| match act {
            Act::Think { number, .. } => Some(*number),
            _ => None,
        });
        number.expect("it thinks")
    }

    #[test]
    fn steps_follow_each_other_on_success_only() {
        let mut executive = Executive::default();
        let asked = number(&executive.goal("tidy"));
        assert!(executive.feedback(&ended(1, true)).unwrap_err().contains("being made"));
        let acts = executive.planned(asked, plan("tidy", &["A", "B"]));
        assert!(matches!(&acts[..], [Act::Publish(_), Act::Step(step), _] if step.id == 1));
        let wrong = executive.feedback(&ended(2, true)).unwrap_err();
        assert!(wrong.contains("step 1 is the current one"), "{wrong}");
        let acts = executive.feedback(&ended(1, true)).unwrap();
        assert!(matches!(&acts[..], [Act::Step(step)] if step.action == "B"));
        assert!(executive.status().contains("step 2 of 2"));
        let acts = executive.feedback(&ended(2, true)).unwrap();
        let [Act::Say(said), Act::End { ending: Ending::Done, progress }] = &acts[..] else {
            panic!("{acts:?}")
        };
        assert_eq!((said.as_str(), progress.at), ("done: \"tidy\"", Some(2)));
        assert!(executive.feedback(&ended(2, true)).is_err());
    }

    #[test]
    fn what_is_held_is_told_when_planning_anew() {
        let mut executive = Executive::default();
        let asked = number(&executive.goal("tidy"));
        let mut made = plan("tidy", &["PickupObject", "B"]);
        let grounding =
            Grounding::Grounded { object_id: ObjectId(4), position_m: [0.0; 3], confidence: 1.0 };
        made.steps[0].arguments = vec![Argument { name: "mug".into(), grounding }];
        made.shown = Some(ShownObjects { listed: 2, left_out: 7 });
        let acts = executive.planned(asked, made);
        let said = acts.iter().any(|act| matches!(act, Act::Say(said) if said.contains("7 were")));
        assert!(said, "{acts:?}");
        executive.feedback(&ended(1, true)).unwrap();
        let acts = executive.feedback(&ended(2, false)).unwrap();
        let held = |act: &Act| matches!(act, Act::Think { held: Some(ObjectId(4)), .. });
        assert!(acts.iter().any(held), "{acts:?}");
    }

    #[test]
    fn failed_steps_are_planned_anew_and_then_given_up() {
        let mut executive = Executive::default();
        let mut asked = number(&executive.goal("tidy"));
        for _ in 0..MAX_REPLANS {
            executive.planned(asked, plan("tidy", &["A"]));
            let acts = executive.feedback(&ended(1, false)).unwrap();
            assert!(matches!(&acts[0], Act::Say(said) if said.contains("it slipped")));
            asked = number(&acts);
        }
        executive.planned(asked, plan("tidy", &["A"]));
        let acts = executive.feedback(&ended(1, false)).unwrap();
        assert!(matches!(&acts[0], Act::Withdraw { goal, .. } if goal == "tidy"), "{acts:?}");
        let Some(Act::End { ending: Ending::GivenUp(reason), progress }) = acts.last() else {
            panic!("{acts:?}")
        };
        assert!(reason.contains("it slipped") && progress.replans == MAX_REPLANS);
        assert!(executive.status().contains("no goal"));
    }

    #[test]
    fn a_new_goal_or_stop_makes_plans_on_their_way_useless() {
        let mut executive = Executive::default();
        let first = number(&executive.goal("one"));
        let acts = executive.goal("two");
        assert!(matches!(&acts[0], Act::End { ending: Ending::Preempted, .. }), "{acts:?}");
        let second = number(&acts);
        assert_eq!(executive.planned(first, plan("one", &["A"])), []);
        let acts = executive.stop(StopCause::Word);
        assert!(matches!(&acts[0], Act::Withdraw { goal, .. } if goal == "two"));
        assert_eq!(executive.planned(second, plan("two", &["A"])), []);
        assert_eq!(executive.stop(StopCause::Client), [Act::Say("stopped; no goal is set".into())]);
    }

    #[test]
    fn what_was_taken_for_something_else_is_said() {
        let said = |goal: &str, unnamed: &[&str]| {
            let mut executive = Executive::default();
            let asked = number(&executive.goal(goal));
            let unnamed = unnamed.iter().map(ToString::to_string).collect();
            let plan = Plan { unnamed, ..plan(goal, &["PickupObject statue"]) };
            Act::words(&executive.planned(asked, plan))
        };
        assert_eq!(said("bring me the statue", &[]), "1 steps for \"bring me the statue\"");
        let unicorn = said("bring me the unicorn", &["statue"]);
        assert_eq!(unicorn, "1 steps for \"bring me the unicorn\"; the goal does not name: statue");
    }

    #[test]
    fn a_refusal_is_published_and_ends_the_work() {
        let mut executive = Executive::default();
        let asked = number(&executive.goal(""));
        let refusal = Some(Refusal::BadGoal { reason: "it is empty".into() });
        let acts = executive.planned(asked, Plan { refusal, ..plan("", &[]) });
        let [Act::Publish(_), Act::Say(said), Act::End { ending, progress }] = &acts[..] else {
            panic!("{acts:?}")
        };
        assert!(said.contains("empty") && *ending == Ending::Refused);
        assert!(progress.plan.as_ref().is_some_and(|plan| plan.refusal.is_some()));
        assert!(executive.status().contains("no goal"));

        let asked = number(&executive.goal("bring the mug"));
        let refusal = Some(Refusal::NotFound { names: vec!["mug".into()] });
        let shown = Some(ShownObjects { listed: 2, left_out: 7 });
        let refused = Plan { refusal, shown, ..plan("bring the mug", &[]) };
        let said = Act::words(&executive.planned(asked, refused));
        assert!(
            said.ends_with("answers to mug (the model read 2 objects; 7 were left out)"),
            "{said}"
        );
    }
}
