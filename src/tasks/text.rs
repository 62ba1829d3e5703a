//! Plans as the text a language model reads and writes.
//!
//! One step a line, each line begun by a newline: `\nPickupObject mug\nPutObject mug desk\nNoOp`.
//! A newline before, not after, makes every step start with the same token.

use super::{ActionVocabulary, SpokenStep};

/// What is wrong with a plan text. Only text that was not decoded under the grammar can have it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanTextError {
    /// A line names no action of the vocabulary.
    #[error("line {line}: `{action}` is not an action of the vocabulary")]
    UnknownAction {
        /// Line, from 1.
        line: usize,
        /// The word found.
        action: String,
    },
    /// An action has too few or too many arguments.
    #[error("line {line}: {action} takes {expected} arguments, found {found}")]
    WrongArguments {
        /// Line, from 1.
        line: usize,
        /// The action.
        action: String,
        /// Number it takes.
        expected: usize,
        /// Number found.
        found: usize,
    },
    /// The text stops before the end action.
    #[error("the plan does not end with {0}")]
    NoEnd(String),
}

/// The text of one step, such as `\nPutObject mug desk`.
pub fn step_text(step: &SpokenStep) -> String {
    let mut text = format!("\n{}", step.action);
    for argument in &step.arguments {
        text.push(' ');
        text.push_str(argument);
    }
    text
}

/// The text of a plan; `steps` do not hold the end action, the text does.
pub fn plan_text(steps: &[SpokenStep], vocabulary: &ActionVocabulary) -> String {
    let mut text: String = steps.iter().map(step_text).collect();
    text.push('\n');
    text.push_str(&vocabulary.end);
    text
}

/// Reads a plan text; the end action is checked and left out.
pub fn parse_plan(
    text: &str,
    vocabulary: &ActionVocabulary,
) -> Result<Vec<SpokenStep>, PlanTextError> {
    let mut steps = Vec::new();
    for (at, line) in text.trim().lines().enumerate() {
        let mut words = line.split_whitespace();
        let action = words.next().unwrap_or_default();
        let Some(spec) = vocabulary.action(action) else {
            return Err(PlanTextError::UnknownAction { line: at + 1, action: action.to_string() });
        };
        let arguments: Vec<_> = words.map(str::to_string).collect();
        if arguments.len() != spec.arguments.len() {
            return Err(PlanTextError::WrongArguments {
                line: at + 1,
                action: action.to_string(),
                expected: spec.arguments.len(),
                found: arguments.len(),
            });
        }
        if action == vocabulary.end {
            return Ok(steps);
        }
        steps.push(SpokenStep { action: action.to_string(), arguments });
    }
    Err(PlanTextError::NoEnd(vocabulary.end.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::fixtures::spoken;

    #[test]
    fn a_plan_survives_its_text() {
        let vocabulary = ActionVocabulary::alfred();
        let steps = [spoken("PickupObject mug"), spoken("PutObject mug desk")];
        let text = plan_text(&steps, &vocabulary);
        assert_eq!(text, "\nPickupObject mug\nPutObject mug desk\nNoOp");
        assert_eq!(parse_plan(&text, &vocabulary), Ok(steps.to_vec()));
    }

    #[test]
    fn what_is_not_a_plan_is_named() {
        let vocabulary = ActionVocabulary::alfred();
        let parse = |text| parse_plan(text, &vocabulary).unwrap_err().to_string();
        assert!(parse("\nFly mug\nNoOp").contains("`Fly`"));
        assert!(parse("\nPutObject mug\nNoOp").contains("takes 2 arguments, found 1"));
        assert!(parse("\nPickupObject mug").contains("does not end with NoOp"));
    }
}
