//! The words of a prompt.

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
    /// Before the instruction.
    pub goal_prefix: String,
    /// How the words of the instruction are written.
    pub goal_style: GoalStyle,
    /// Behind the instruction.
    pub goal_suffix: String,
    /// Ends every prompt; the answer follows.
    pub answer: String,
    /// Where the model first says what is to be done and then where to go for it: stands between
    /// the two. Empty where it writes the whole plan at once.
    pub draft_end: String,
    /// Instruction by which the model describes the egocentric frame.
    pub describe: String,
    /// Special tokens that end an answer, beside those of the language model.
    pub end: Vec<String>,
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
