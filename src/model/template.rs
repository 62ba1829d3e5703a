//! The words of a prompt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The words around what is seen, asked and answered, in the order in which they stand in a
/// prompt. Names of special tokens in them, such as `<s>`, become those tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptTemplate {
    /// Begins every prompt: the begin-of-text token, a system message.
    pub begin: String,
    /// Before the 3D tokens of the egocentric frame. Scene-LLM: "I saw ".
    pub ego: String,
    /// Before the 3D tokens of the scene.
    pub scene: String,
    /// Before what is known in words: the state description, the objects.
    pub context: String,
    /// Before the goal of a plan.
    pub goal_prefix: String,
    /// How the words of instructions and of what is known are written.
    pub goal_style: GoalStyle,
    /// Behind the goal of a plan.
    pub goal_suffix: String,
    /// Ends the prompt for a plan; the answer follows.
    pub answer: String,
    /// Where the model first says what is to be done and then where to go for it: stands between
    /// the two. Empty where it writes the whole plan at once.
    pub draft_end: String,
    /// What else it was taught to do, and the words around an instruction then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<PromptKind, Around>,
    /// Special tokens that end an answer, beside those of the language model.
    pub end: Vec<String>,
}

/// What is asked of the model.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// A plan for a goal.
    #[default]
    Plan,
    /// What of the egocentric frame matters to a goal, in words.
    Describe,
    /// What there is in the scene, or what one thing is like, in sentences.
    Caption,
    /// A short answer to a question.
    Ask,
    /// Motions that follow an instruction.
    Navigate,
    /// A reply to what a person says.
    Say,
}

/// The words around an instruction. Names of special tokens in them become those tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Around {
    /// Before it.
    pub before: String,
    /// Behind it; the answer follows.
    pub after: String,
}

impl PromptTemplate {
    /// The words around an instruction; `None` where the model was not taught such a thing.
    pub fn around(&self, kind: PromptKind) -> Option<Around> {
        match kind {
            PromptKind::Plan => Some(Around {
                before: self.goal_prefix.clone(),
                after: format!("{}{}", self.goal_suffix, self.answer),
            }),
            other => self.others.get(&other).cloned(),
        }
    }
}

/// How the words of an instruction are written before the model reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalStyle {
    /// As they were said.
    #[default]
    AsSaid,
    /// Lower case, single spaces, no full stop at the end, and a space before the first word so
    /// that it is the same token as everywhere else.
    Plain,
}

impl GoalStyle {
    /// `words` in this style.
    pub fn apply(self, words: &str) -> String {
        match self {
            Self::AsSaid => words.to_string(),
            Self::Plain => {
                let plain = words
                    .split_whitespace()
                    .fold(String::new(), |text, word| text + " " + &word.to_lowercase());
                plain.trim_end_matches(['.', ' ']).to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_the_same_whatever_their_case_and_stops() {
        assert_eq!(GoalStyle::Plain.apply("  Put a MUG on\tthe desk. "), " put a mug on the desk");
        assert_eq!(GoalStyle::AsSaid.apply("Go."), "Go.");
    }
}
