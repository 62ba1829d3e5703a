//! The actions a plan may use and the words their arguments may be.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// What an argument of an action names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentKind {
    /// Anything that can be gone to: an object or a receptacle.
    Target,
    /// A thing that is acted on.
    Object,
    /// A thing that can hold others.
    Receptacle,
}

/// One action: its name and what its arguments are, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSpec {
    /// Name, such as `PickupObject`.
    pub name: String,
    /// Kinds of its arguments, in order.
    #[serde(default)]
    pub arguments: Vec<ArgumentKind>,
}

impl ActionSpec {
    /// Whether all it does is go somewhere. Where to depends on the home, not on the goal.
    pub fn only_goes(&self) -> bool {
        self.arguments == [ArgumentKind::Target]
    }
}

/// The closed language of plans: actions, and words for their arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionVocabulary {
    /// The actions.
    pub actions: Vec<ActionSpec>,
    /// Name of the action that ends a plan.
    pub end: String,
    /// Kinds of task a model names before the first step; empty when it names none.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Class names usable where an argument is an [`ArgumentKind::Object`] or a target.
    pub objects: Vec<String>,
    /// Class names usable where an argument is an [`ArgumentKind::Receptacle`] or a target.
    pub receptacles: Vec<String>,
    /// Those of the receptacles that hide what is in them until they are opened.
    #[serde(default)]
    pub closed: Vec<String>,
}

/// What can be wrong with a vocabulary.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// The file cannot be read.
    #[error("cannot read vocabulary {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The text is not a vocabulary.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// Field and reason.
        reason: String,
    },
}

impl ActionVocabulary {
    /// ALFRED's high-level actions and words (Shridhar et al., CVPR 2020).
    pub fn alfred() -> Self {
        Self::parse(include_str!("../../config/vocabularies/alfred.yaml"), "alfred.yaml")
            .expect("the shipped vocabulary is valid")
    }

    /// Reads a vocabulary file.
    pub fn read(path: &Path) -> Result<Self, VocabularyError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| VocabularyError::Read { path: name.clone(), source })?;
        Self::parse(&text, &name)
    }

    /// Parses the YAML `text` of the file `path`.
    pub fn parse(text: &str, path: &str) -> Result<Self, VocabularyError> {
        let invalid = |reason: String| VocabularyError::Invalid { path: path.to_string(), reason };
        let vocabulary: Self =
            serde_yaml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let names = vocabulary.actions.iter().map(|action| &action.name);
        let words = vocabulary.objects.iter().chain(&vocabulary.receptacles);
        for word in names.clone().chain(words).chain(&vocabulary.tasks) {
            if word.is_empty() || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(invalid(format!("`{word}` must be one word without spaces")));
            }
        }
        for action in &vocabulary.actions {
            if let Some(kind) =
                action.arguments.iter().find(|&&kind| vocabulary.words(kind).is_empty())
            {
                let name = &action.name;
                return Err(invalid(format!(
                    "`{name}` takes a {kind:?}, but there is no word for one"
                )));
            }
        }
        if let Some(word) =
            vocabulary.closed.iter().find(|word| !vocabulary.receptacles.contains(word))
        {
            return Err(invalid(format!("closed: `{word}` is not among the receptacles")));
        }
        match vocabulary.action(&vocabulary.end) {
            Some(end) if end.arguments.is_empty() => Ok(vocabulary),
            Some(_) => Err(invalid(format!("the end action `{}` takes arguments", vocabulary.end))),
            None => Err(invalid(format!("end: `{}` is not among the actions", vocabulary.end))),
        }
    }

    /// The action called `name`.
    pub fn action(&self, name: &str) -> Option<&ActionSpec> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// Whether `action` is one that only goes somewhere.
    pub fn only_goes(&self, action: &str) -> bool {
        self.action(action).is_some_and(ActionSpec::only_goes)
    }

    /// The words an argument of `kind` may be, each once, sorted.
    pub fn words(&self, kind: ArgumentKind) -> Vec<&str> {
        let mut words: Vec<&str> = match kind {
            ArgumentKind::Object => self.objects.iter().map(String::as_str).collect(),
            ArgumentKind::Receptacle => self.receptacles.iter().map(String::as_str).collect(),
            ArgumentKind::Target => {
                self.objects.iter().chain(&self.receptacles).map(String::as_str).collect()
            }
        };
        words.sort_unstable();
        words.dedup();
        words
    }

    /// The vocabulary without the actions that only go somewhere: what is done, not where.
    pub fn without_going(&self) -> Self {
        let mut acts = self.clone();
        acts.actions.retain(|action| !action.only_goes());
        acts
    }

    /// The vocabulary without the actions for whose arguments there is no word.
    pub fn speakable(&self) -> Self {
        let mut speakable = self.clone();
        let has_words = |kind: &ArgumentKind| !self.words(*kind).is_empty();
        speakable.actions.retain(|action| action.arguments.iter().all(has_words));
        speakable
    }

    /// The vocabulary with the classes of the map as further words for every argument. Labels are
    /// written as one lower-case word: `Coffee Table` becomes `coffeetable`.
    pub fn with_map_labels<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wider = self.clone();
        for label in labels {
            let word = class_word(label);
            if word.is_empty() || self.words(ArgumentKind::Target).contains(&word.as_str()) {
                continue;
            }
            for list in [&mut wider.objects, &mut wider.receptacles] {
                if !list.contains(&word) {
                    list.push(word.clone());
                }
            }
        }
        wider
    }
}

/// A class label as one lower-case word of letters and digits.
pub fn class_word(label: &str) -> String {
    label.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_vocabulary_has_alfreds_actions_and_words() {
        let vocabulary = ActionVocabulary::alfred();
        assert_eq!(vocabulary.actions.len(), 11);
        assert_eq!(vocabulary.tasks.len(), 7);
        assert_eq!(vocabulary.words(ArgumentKind::Target).len(), 80);
    }

    #[test]
    fn map_labels_become_words_once() {
        let vocabulary = ActionVocabulary::alfred().with_map_labels(["Coffee Table", "Robot Arm"]);
        assert_eq!(vocabulary.words(ArgumentKind::Target).len(), 81);
        assert!(vocabulary.words(ArgumentKind::Receptacle).contains(&"robotarm"));
    }

    #[test]
    fn what_hides_things_must_be_able_to_hold_them() {
        assert!(ActionVocabulary::alfred().closed.contains(&"fridge".to_owned()));
        let text = "actions: [{name: NoOp}]\nend: NoOp\nobjects: []\nreceptacles: [shelf]\n\
            closed: [safe]";
        let error = ActionVocabulary::parse(text, "mine.yaml").unwrap_err().to_string();
        assert!(error.contains("mine.yaml") && error.contains("closed: `safe`"), "{error}");
    }

    #[test]
    fn a_word_with_a_space_is_refused_by_name() {
        let text = "actions: [{name: NoOp}]\nend: NoOp\nobjects: [red mug]\nreceptacles: []";
        let error = ActionVocabulary::parse(text, "mine.yaml").unwrap_err().to_string();
        assert!(error.contains("mine.yaml") && error.contains("red mug"), "{error}");
    }
}
