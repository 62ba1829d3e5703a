//! From a goal over its plan to done: which step is current, and when to plan again.
//!
//! Success comes from feedback alone, never from the model's words. A pure machine: what happens
//! goes in, what to do comes out.

use crate::sensing::StepFeedback;
use crate::tasks::{Plan, PlanStep};

/// How often a goal is planned for anew after failed steps before it is given up.
const MAX_REPLANS: u32 = 3;

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Make a plan; what comes back carries the number.
    Think {
        /// Number of the request.
        number: u64,
        /// The goal.
        goal: String,
    },
    /// Publish the plan.
    Publish(Plan),
    /// Publish the step as the current one.
    Step(PlanStep),
    /// Publish that there is no plan any more.
    Withdraw {
        /// The goal given up.
        goal: String,
        /// Why.
        reason: String,
    },
    /// Tell the person.
    Say(String),
}

/// The goal that is worked on.
#[derive(Debug, Clone)]
struct Work {
    goal: String,
    /// `None` while it is being made.
    plan: Option<Plan>,
    /// Index of the current step.
    at: usize,
    replans: u32,
}

/// What is being done.
#[derive(Debug, Clone, Default)]
pub struct Executive {
    number: u64,
    work: Option<Work>,
}

impl Executive {
    /// A new goal, in place of whatever was worked on.
    pub fn goal(&mut self, goal: &str) -> Vec<Act> {
        self.work = Some(Work { goal: goal.into(), plan: None, at: 0, replans: 0 });
        vec![self.think()]
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
        let step = plan.steps.first().cloned();
        let mut acts = vec![Act::Publish(plan.clone())];
        work.at = 0;
        match step {
            Some(step) => {
                acts.push(Act::Step(step));
                work.plan = Some(plan);
            }
            None => self.work = None,
        }
        acts.push(Act::Say(said));
        acts
    }

    /// A step ended.
    ///
    /// # Errors
    ///
    /// When it is not the current step, with the reason.
    pub fn feedback(&mut self, feedback: &StepFeedback) -> Result<Vec<Act>, String> {
        let work = self.work.as_mut().ok_or("there is no plan")?;
        let plan = work.plan.as_ref().ok_or("the plan is still being made")?;
        let current = plan.steps.get(work.at).map_or(0, |step| step.id);
        if feedback.step_id != current {
            return Err(format!(
                "it is about step {}, and step {current} is the current one",
                feedback.step_id
            ));
        }
        if feedback.success {
            work.at += 1;
            return Ok(match plan.steps.get(work.at) {
                Some(step) => vec![Act::Step(step.clone())],
                None => {
                    let said = format!("done: \"{}\"", work.goal);
                    self.work = None;
                    vec![Act::Say(said)]
                }
            });
        }
        let because = match feedback.message.as_str() {
            "" => String::new(),
            message => format!(" ({message})"),
        };
        if work.replans >= MAX_REPLANS {
            let goal = work.goal.clone();
            self.work = None;
            let reason = format!("step {current} failed{because} after {MAX_REPLANS} new plans");
            let said = format!("I give up \"{goal}\": {reason}");
            return Ok(vec![Act::Withdraw { goal, reason }, Act::Say(said)]);
        }
        work.replans += 1;
        work.plan = None;
        let said = format!("step {current} failed{because}: planning anew");
        Ok(vec![Act::Say(said), self.think()])
    }

    /// Gives up whatever is worked on, because of `reason`.
    pub fn stop(&mut self, reason: &str) -> Vec<Act> {
        // A plan that is still being made is not wanted any more.
        self.number += 1;
        match self.work.take() {
            Some(Work { goal, .. }) => {
                let said = format!("stopped: \"{goal}\"");
                vec![Act::Withdraw { goal, reason: reason.into() }, Act::Say(said)]
            }
            None => vec![Act::Say("nothing to stop".into())],
        }
    }

    /// What is being done, in words.
    pub fn status(&self) -> String {
        let Some(work) = &self.work else { return "nothing: no goal is set".into() };
        match work.plan.as_ref().and_then(|plan| Some((plan, plan.steps.get(work.at)?))) {
            None => format!("planning for \"{}\"", work.goal),
            Some((plan, step)) => format!(
                "\"{}\", step {} of {}: {}",
                work.goal,
                step.id,
                plan.steps.len(),
                step.summary()
            ),
        }
    }

    fn think(&mut self) -> Act {
        self.number += 1;
        let goal = self.work.as_ref().map(|work| work.goal.clone()).unwrap_or_default();
        Act::Think { number: self.number, goal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::Refusal;

    fn plan(goal: &str, actions: &[&str]) -> Plan {
        let step = |(id, action): (u32, &&str)| PlanStep {
            id,
            action: (*action).into(),
            arguments: Vec::new(),
            expires_ns: 9,
        };
        Plan {
            goal: goal.into(),
            frame_id: "map".into(),
            stamp_ns: 1,
            task: None,
            model: "m".into(),
            mean_log_probability: None,
            steps: (1..).zip(actions).map(step).collect(),
            refusal: None,
        }
    }

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
        assert_eq!(acts, [Act::Say("done: \"tidy\"".into())]);
        assert!(executive.feedback(&ended(2, true)).is_err());
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
        assert!(executive.status().contains("no goal"));
    }

    #[test]
    fn a_new_goal_or_stop_makes_plans_on_their_way_useless() {
        let mut executive = Executive::default();
        let first = number(&executive.goal("one"));
        let second = number(&executive.goal("two"));
        assert_eq!(executive.planned(first, plan("one", &["A"])), []);
        let acts = executive.stop("someone said stop");
        assert!(matches!(&acts[0], Act::Withdraw { goal, .. } if goal == "two"));
        assert_eq!(executive.planned(second, plan("two", &["A"])), []);
        assert_eq!(executive.stop("again"), [Act::Say("nothing to stop".into())]);
    }

    #[test]
    fn a_refusal_is_published_and_ends_the_work() {
        let mut executive = Executive::default();
        let asked = number(&executive.goal(""));
        let refusal = Some(Refusal::BadGoal { reason: "it is empty".into() });
        let acts = executive.planned(asked, Plan { refusal, ..plan("", &[]) });
        assert!(matches!(&acts[..], [Act::Publish(_), Act::Say(said)] if said.contains("empty")));
        assert!(executive.status().contains("no goal"));
    }
}
