//! Questions about the plan in hand: what is being done, what comes next, what is left, what
//! failed, and why.
//!
//! They are answered from the plan and what became of its steps, never by a model.

use super::{Executive, Progress};
use crate::tasks::{FailedStep, PlanStep, SpokenStep, acts_in_words};

/// What is asked of the plan in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanQuestion {
    /// What is being done.
    Now,
    /// What is done behind that.
    Next,
    /// What is still to be done.
    Left,
    /// What was done.
    Done,
    /// What failed last, for which it was planned anew.
    Failed,
    /// All that is to be done.
    Whole,
    /// What it is done for.
    Why,
    /// How far it is.
    Status,
}

/// How each is asked.
const WORDS: [(PlanQuestion, &[&str]); 8] = [
    (
        PlanQuestion::Now,
        &[
            "what are you doing",
            "what are you up to",
            "what are you working on",
            "what are you trying to do",
        ],
    ),
    (
        PlanQuestion::Next,
        &[
            "what is next",
            "what next",
            "and then",
            "then what",
            "what comes next",
            "what is the next step",
            "what do you do next",
            "what will you do next",
            "what are you going to do next",
        ],
    ),
    (
        PlanQuestion::Left,
        &[
            "what is left",
            "what is left to do",
            "what is still left",
            "what is still to do",
            "what remains",
            "what remains to be done",
            "what do you still have to do",
        ],
    ),
    (
        PlanQuestion::Done,
        &["what did you do", "what have you done", "what have you done so far", "what is done"],
    ),
    (
        PlanQuestion::Failed,
        &[
            "what failed",
            "what went wrong",
            "what is wrong",
            "what happened",
            "what did not work",
            "why did it fail",
            "why did you fail",
            "why did you plan again",
            "why did you plan anew",
        ],
    ),
    (
        PlanQuestion::Whole,
        &[
            "what is the plan",
            "what is your plan",
            "what are the steps",
            "what will you do",
            "what are you going to do",
            "how will you do it",
            "how will you do that",
        ],
    ),
    (
        PlanQuestion::Why,
        &[
            "why",
            "what for",
            "why are you doing it",
            "why are you doing that",
            "why are you doing this",
            "why do you do that",
            "what is the goal",
            "what is your goal",
        ],
    ),
    (
        PlanQuestion::Status,
        &[
            "status",
            "what is your status",
            "how far are you",
            "are you done",
            "are you finished",
            "have you finished",
            "is it done",
            // Who wants it to go on is told what does.
            "go on",
            "go ahead",
            "carry on",
            "keep going",
            "continue",
            "proceed",
            "resume",
            "try again",
            "do it again",
            "do that again",
        ],
    ),
];

impl PlanQuestion {
    /// What `sentence` asks, in lower case and without marks; `None` where it is something else.
    pub fn of(sentence: &str) -> Option<Self> {
        let (question, _) = WORDS.iter().find(|(_, words)| words.contains(&sentence))?;
        Some(*question)
    }

    /// The answer.
    pub fn answer(self, executive: &Executive) -> String {
        let did = &executive.so_far().done;
        if self == Self::Failed {
            return failed(executive.so_far().failed.last());
        }
        // Of what was done it is asked when it is done, above all.
        if self == Self::Done && !did.is_empty() {
            return told(&in_words(did, 0), "nothing yet");
        }
        let Some(goal) = executive.worked_on().filter(|_| self != Self::Status) else {
            return executive.status();
        };
        match self {
            Self::Why => return format!("the goal is \"{goal}\""),
            Self::Done => return "nothing yet".into(),
            _ => {}
        }
        let Progress { plan: Some(plan), at: Some(at), .. } = executive.progress() else {
            return executive.status();
        };
        let left = in_words(&plan.steps, at);
        let at_most = |from: usize| left.get(from..left.len().min(from + 1)).unwrap_or_default();
        match self {
            Self::Now => told(at_most(0), "nothing"),
            Self::Next => told(at_most(1), "nothing, then it is done"),
            Self::Whole => told(&in_words(&plan.steps, 0), "nothing"),
            _ => told(&left, "nothing"),
        }
    }
}

/// What the robot tells of a step that failed.
fn failed(step: Option<&FailedStep>) -> String {
    let Some(FailedStep { step, why, .. }) = step else { return "nothing failed".into() };
    let act = in_words(std::slice::from_ref(step), 0).join(", ");
    match why.as_str() {
        "" => format!("i could not {act}"),
        why => format!("i could not {act}: {why}"),
    }
}

/// The acts among `steps` that are done by the step `from` or one behind it.
pub(super) fn in_words(steps: &[PlanStep], from: usize) -> Vec<String> {
    let spoken: Vec<SpokenStep> = steps.iter().map(PlanStep::spoken).collect();
    let acts = acts_in_words(&spoken).into_iter().filter(|act| act.step >= from);
    acts.map(|act| act.words).collect()
}

/// What the robot tells of its acts; `none` where there are none.
pub(super) fn told(acts: &[String], none: &str) -> String {
    if acts.is_empty() { none.to_owned() } else { format!("i {}", acts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::super::{Act, Command, StopCause};
    use super::*;
    use crate::sensing::StepFeedback;
    use crate::tasks::fixtures::plan;

    #[test]
    fn a_plan_tells_what_is_done_next_and_why() {
        let mut executive = Executive::default();
        let ask = |executive: &Executive, words: &str| match Command::of(words) {
            Command::Plan(question) => question.answer(executive),
            other => panic!("{words}: {other:?}"),
        };
        assert_eq!(ask(&executive, "What are you doing?"), "nothing: no goal is set");
        let acts = executive.goal("put the mug in the fridge");
        let Some(Act::Think { number, .. }) = acts.last() else { panic!("{acts:?}") };
        assert_eq!(ask(&executive, "what's next"), "planning for \"put the mug in the fridge\"");
        let steps = [
            "GotoLocation countertop",
            "PickupObject mug",
            "GotoLocation fridge",
            "PutObject mug fridge",
        ];
        executive.planned(*number, plan("put the mug in the fridge", &steps));
        let (take, put) = ("i take the mug from the countertop", "put the mug in the fridge");
        let both = format!("{take}, {put}");
        let both = both.as_str();
        for (asked, told) in [
            ("what are you doing", take),
            ("what is next?", "i put the mug in the fridge"),
            ("what is left", both),
            ("What is the plan?", both),
            ("what have you done", "nothing yet"),
            ("why?", "the goal is \"put the mug in the fridge\""),
        ] {
            assert_eq!(ask(&executive, asked), told, "{asked}");
        }
        assert!(ask(&executive, "status").contains("step 1 of 4"));
        for step_id in [1, 2] {
            let done = StepFeedback { step_id, success: true, message: String::new() };
            executive.feedback(&done).unwrap();
        }
        for (asked, told) in [
            ("what are you doing", "i put the mug in the fridge"),
            ("and then?", "nothing, then it is done"),
            ("what is left to do", "i put the mug in the fridge"),
            ("what is the plan", both),
            ("what did you do", take),
        ] {
            assert_eq!(ask(&executive, asked), told, "{asked}");
        }
        for step_id in [3, 4] {
            let done = StepFeedback { step_id, success: true, message: String::new() };
            executive.feedback(&done).unwrap();
        }
        assert_eq!(ask(&executive, "what did you do"), both, "it is done");
        assert_eq!(ask(&executive, "what is left"), "nothing: no goal is set");
        executive.goal("tidy");
        assert_eq!(ask(&executive, "what did you do"), "nothing yet");
    }

    #[test]
    fn what_failed_is_told_with_the_reason() {
        let mut executive = Executive::default();
        let ask = |executive: &Executive| PlanQuestion::Failed.answer(executive);
        assert_eq!(Command::of("What went wrong?"), Command::Plan(PlanQuestion::Failed));
        assert_eq!(ask(&executive), "nothing failed");
        for (line, message, told) in [
            ("PickupObject mug", "it slipped", "i could not take the mug: it slipped"),
            ("GotoLocation fridge", "", "i could not go to the fridge"),
        ] {
            let acts = executive.goal("put the mug in the fridge");
            let Some(Act::Think { number, .. }) = acts.last() else { panic!("{acts:?}") };
            executive.planned(*number, plan("put the mug in the fridge", &[line]));
            let ended = StepFeedback { step_id: 1, success: false, message: message.into() };
            executive.feedback(&ended).unwrap();
            assert_eq!(ask(&executive), told);
        }
        executive.stop(StopCause::Word);
        assert_eq!(ask(&executive), "i could not go to the fridge");
    }
}
