//! A plan is said while a server writes it: each step as soon as it is whole.

use super::choices::Choices;
use super::schema::steps_so_far;
use crate::tasks::{SpokenStep, plan_text, step_text};

/// What was said of an answer that is still coming.
pub struct Aloud<'a> {
    choices: &'a Choices<'a>,
    said: Vec<SpokenStep>,
    /// Bytes of the answer that were looked at.
    seen: usize,
}

impl<'a> Aloud<'a> {
    /// Nothing yet, of a plan among `choices`.
    pub fn new(choices: &'a Choices<'a>) -> Self {
        Self { choices, said: Vec::new(), seen: 0 }
    }

    /// The words that are to be said now that `so_far` has come: none of an answer that begins anew,
    /// before it is as far as it was.
    pub fn hear(&mut self, so_far: &str) -> String {
        // A brace closes each step.
        let has_more = so_far.get(self.seen..).unwrap_or(so_far).contains('}');
        self.seen = so_far.len();
        if !has_more {
            return String::new();
        }
        let steps = steps_so_far(so_far, self.choices);
        let new = steps.strip_prefix(self.said.as_slice()).unwrap_or_default();
        self.said.extend_from_slice(new);
        new.iter().map(step_text).collect()
    }

    /// The rest of the words of a plan of `steps`; `None` where it does not begin as was said.
    pub fn rest(&self, steps: &[SpokenStep]) -> Option<String> {
        let rest = steps.strip_prefix(self.said.as_slice())?;
        Some(plan_text(rest, self.choices.vocabulary()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::ActionVocabulary;

    const TAKE: &str = r#"{"steps": [{"action": "PickupObject", "object": "mug"}"#;

    fn step(action: &str, thing: &str) -> SpokenStep {
        SpokenStep { action: action.into(), arguments: vec![thing.into()] }
    }

    #[test]
    fn each_step_is_said_once_and_the_end_with_the_rest() {
        let choices = Choices::words(&ActionVocabulary::alfred(), "wash the mug");
        let mut aloud = Aloud::new(&choices);
        let half = &TAKE[..TAKE.len() - 1];
        let said = ["", half, TAKE, TAKE].map(|so_far| aloud.hear(so_far));
        assert_eq!(said, ["", "", "\nPickupObject mug", ""]);
        // Asked again, the server is not as far yet; then it says one step more.
        let more = format!("{TAKE}, {}", r#"{"action": "CleanObject", "object": "mug"}"#);
        let said = [half, TAKE, more.as_str()].map(|so_far| aloud.hear(so_far));
        assert_eq!(said, ["", "", "\nCleanObject mug"]);
        let steps = [step("PickupObject", "mug"), step("CleanObject", "mug")];
        assert_eq!(aloud.rest(&steps).as_deref(), Some("\nNoOp"));
        assert_eq!(aloud.rest(&steps[..1]), None);
        assert_eq!(aloud.rest(&[step("PickupObject", "cup"), steps[1].clone()]), None);
    }
}
