//! The actions a plan may use and the words their arguments may be.

use super::hand::Hand;
use super::held::PICK_UP;
use super::mention::{MOST_WORDS, named, named_in, of_class, with_part};
use super::wording::plural;
use super::{SpokenStep, parse_plan};
use crate::scene::MapObject;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    /// What must be in the hand before; where nothing is said, anything may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand: Option<Hand>,
}

impl ActionSpec {
    /// Whether all it does is go somewhere. Where to depends on the home, not on the goal.
    pub fn only_goes(&self) -> bool {
        self.arguments == [ArgumentKind::Target]
    }

    /// Whether it takes its object into the hand.
    pub fn takes(&self) -> bool {
        self.name == PICK_UP && self.arguments == [ArgumentKind::Object]
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
    /// What people call some of all these otherwise: by class, in small letters.
    #[serde(default)]
    pub called: BTreeMap<String, Vec<String>>,
    /// What a plan looks like, for models that were not taught any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<ExamplePlan>,
}

/// A goal and its plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExamplePlan {
    /// The goal in plain words.
    pub goal: String,
    /// Steps in the words of the vocabulary, such as `PutObject mug shelf`, without the end action.
    pub steps: Vec<String>,
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
            if let Some(kind) = action.arguments.iter().find(|&&kind| !vocabulary.has_words(kind)) {
                let name = &action.name;
                return Err(invalid(format!(
                    "`{name}` takes a {kind:?}, but there is no word for one"
                )));
            }
            if vocabulary.actions.iter().filter(|other| other.name == action.name).count() > 1 {
                return Err(invalid(format!("`{}` stands twice among the actions", action.name)));
            }
            let hand = action.hand.as_ref();
            if hand.is_some() && action.name == vocabulary.end {
                return Err(invalid(format!("`{}` ends a plan: it has no hand", action.name)));
            }
            let needs_more = hand.is_some_and(|hand| *hand != Hand::Empty);
            if needs_more && !vocabulary.actions.iter().any(ActionSpec::takes) {
                let name = &action.name;
                return Err(invalid(format!(
                    "`{name}`: hand: nothing gets into it without an action `{PICK_UP}` of one object"
                )));
            }
            if let Some(fault) = hand.and_then(|hand| hand.fault(action, &vocabulary.objects)) {
                return Err(invalid(format!("`{}`: hand: {fault}", action.name)));
            }
        }
        if let Some(word) =
            vocabulary.closed.iter().find(|word| !vocabulary.receptacles.contains(word))
        {
            return Err(invalid(format!("closed: `{word}` is not among the receptacles")));
        }
        let mut called = vocabulary.called.keys();
        if let Some(word) = called.find(|word| !vocabulary.has_word(ArgumentKind::Target, word)) {
            return Err(invalid(format!("called: `{word}` is not among objects and receptacles")));
        }
        if let Some(example) = &vocabulary.example {
            let text = format!("{}\n{}", example.steps.join("\n"), vocabulary.end);
            let steps = parse_plan(&text, &vocabulary);
            let steps = steps.map_err(|error| invalid(format!("example: {error}")))?;
            if steps.len() < example.steps.len() {
                return Err(invalid(format!(
                    "example: `{}` ends it before its end",
                    vocabulary.end
                )));
            }
            let unknown = steps.iter().find_map(|step| vocabulary.unknown_word(step));
            if let Some(word) = unknown {
                return Err(invalid(format!(
                    "example: `{word}` is no word for what it stands for"
                )));
            }
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
        let mut words: Vec<&str> = self.written(kind).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// Whether what a person calls `name` may be an argument of `kind`. `None` where the name is like no word
    /// at all.
    pub fn may_be(&self, name: &str, kind: ArgumentKind) -> Option<bool> {
        let meant = self.meant(name);
        let mut of_kind = self.words(kind).into_iter().map(class_word);
        (!meant.is_empty()).then(|| of_kind.any(|word| meant.contains(&word)))
    }

    /// The words for an argument of `kind` that `text` names, also as people call them.
    pub(super) fn named(&self, text: &str, kind: ArgumentKind) -> Vec<String> {
        let words = self.words(kind);
        let mut named = named_in(text, words.iter().copied());
        for (class, called) in &self.called {
            let is_called = words.contains(&class.as_str())
                && !named_in(text, called.iter().map(String::as_str)).is_empty();
            let class = class_word(class);
            if is_called && !named.contains(&class) {
                named.push(class);
            }
        }
        named
    }

    /// The classes that a person may mean by `name`: those that it names, also as people call them; else
    /// those of which its last word is a part ("sink" of "sinkbasin").
    pub(super) fn meant(&self, name: &str) -> BTreeSet<String> {
        let named = self.named(name, ArgumentKind::Target);
        if named.is_empty() {
            let noun = name.split_whitespace().next_back().unwrap_or_default();
            return with_part(noun, self.words(ArgumentKind::Target));
        }
        named.into_iter().collect()
    }

    /// The classes that a person may mean by any of the words of `text`.
    pub(super) fn meant_anywhere(&self, text: &str) -> BTreeSet<String> {
        let mut meant: BTreeSet<String> =
            text.split_whitespace().flat_map(|word| self.meant(word)).collect();
        meant.extend(self.named(text, ArgumentKind::Target));
        meant
    }

    /// `text` with the names of classes for what people call them otherwise ("where is the couch": "where is the
    /// sofa"), where there are such `objects` and none that is called so.
    pub fn in_names(&self, text: &str, objects: &[MapObject]) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (mut told, mut at) = (Vec::new(), 0);
        while let Some(&word) = words.get(at) {
            let named = (1..=MOST_WORDS).rev().find_map(|count| {
                let window = words.get(at..at + count)?;
                let name = window.concat();
                let is_class = |class: &str| !named_in(&name, [class]).is_empty();
                if self.words(ArgumentKind::Target).into_iter().any(is_class)
                    || !named(objects, &name).is_empty()
                {
                    return Some((count, window.join(" ")));
                }
                let is_called = |(_, called): &(&String, &Vec<String>)| {
                    !named_in(&name, called.iter().map(String::as_str)).is_empty()
                };
                let (class, called) = self.called.iter().find(is_called)?;
                of_class(objects, class).next()?;
                Some((count, in_place_of(&name, class, called)))
            });
            let (count, word) = named.unwrap_or_else(|| (1, word.to_owned()));
            told.push(word);
            at += count;
        }
        told.join(" ")
    }

    /// Whether there is a word for an argument of `kind`.
    pub fn has_words(&self, kind: ArgumentKind) -> bool {
        self.written(kind).next().is_some()
    }

    /// Whether an argument of `kind` may be `word`.
    pub fn has_word(&self, kind: ArgumentKind, word: &str) -> bool {
        self.written(kind).any(|known| known == word)
    }

    /// The words an argument of `kind` may be, as they are written: some may come twice.
    fn written(&self, kind: ArgumentKind) -> impl Iterator<Item = &str> {
        let (objects, receptacles): (&[String], &[String]) = match kind {
            ArgumentKind::Object => (&self.objects, &[]),
            ArgumentKind::Receptacle => (&[], &self.receptacles),
            ArgumentKind::Target => (&self.objects, &self.receptacles),
        };
        objects.iter().chain(receptacles).map(String::as_str)
    }

    /// The vocabulary without the actions that only go somewhere: what is done, not where.
    pub fn without_going(&self) -> Self {
        let mut acts = self.clone();
        acts.actions.retain(|action| !action.only_goes());
        acts
    }

    /// The vocabulary without the actions for whose arguments there is no word, or nothing to do them
    /// with.
    pub fn speakable(&self) -> Self {
        let mut speakable = self.clone();
        speakable.actions.retain(|action| self.can_say(action));
        speakable
    }

    /// Whether there are words for the arguments of `action`, and for what must be in the hand.
    pub fn can_say(&self, action: &ActionSpec) -> bool {
        let has_tool = !matches!(&action.hand, Some(Hand::OneOf(tools)) if tools.is_empty());
        has_tool && action.arguments.iter().all(|kind| self.has_words(*kind))
    }

    /// The first argument of `step` that is no word of its kind.
    fn unknown_word<'a>(&self, step: &'a SpokenStep) -> Option<&'a str> {
        let kinds = &self.action(&step.action)?.arguments;
        let mut arguments = step.arguments.iter().zip(kinds);
        arguments.find(|(word, kind)| !self.has_word(**kind, word)).map(|(word, _)| word.as_str())
    }

    /// The vocabulary with the classes of the map as further words for every argument. Labels are
    /// written as one lower-case word: `Coffee Table` becomes `coffeetable`.
    pub fn with_map_labels<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wider = self.clone();
        for label in labels {
            let word = class_word(label);
            if word.is_empty() || self.has_word(ArgumentKind::Target, &word) {
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

/// The name of a class as it stands in the place of `words`, which are one of those it is `called`: in the plural
/// where they are, and before the same mark.
fn in_place_of(words: &str, class: &str, called: &[String]) -> String {
    let is_one = called.iter().any(|one| class_word(one) == class_word(words));
    let name = if is_one { class.to_owned() } else { plural(class) };
    let bare = words.trim_end_matches(|letter: char| !letter.is_alphanumeric());
    name + &words[bare.len()..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    #[test]
    fn the_shipped_vocabulary_has_alfreds_actions_and_words() {
        let vocabulary = ActionVocabulary::alfred();
        assert_eq!(vocabulary.actions.len(), 11);
        assert_eq!(vocabulary.tasks.len(), 7);
        assert_eq!(vocabulary.words(ArgumentKind::Target).len(), 80);
    }

    #[test]
    fn what_must_be_in_the_hand_is_checked() {
        let hand = |action: &str| ActionVocabulary::alfred().action(action).unwrap().hand.clone();
        assert_eq!(hand("PickupObject"), Some(Hand::Empty));
        assert_eq!(hand("HeatObject"), Some(Hand::It));
        assert_eq!(
            hand("SliceObject"),
            Some(Hand::OneOf(vec!["knife".into(), "butterknife".into()]))
        );
        assert_eq!(hand("GotoLocation"), None);
        let fault = |action: &str| {
            let text = format!(
                "actions: [{action}, {{name: End}}, {{name: PickupObject, arguments: [object]}}]\nend: End\nobjects: [mug]\nreceptacles: [desk]\n\
                 example: {{goal: go, steps: [Do mug]}}"
            );
            ActionVocabulary::parse(&text, "mine.yaml").err().map(|error| error.to_string())
        };
        assert_eq!(fault("{name: Do, arguments: [object], hand: it}"), None);
        for (action, reason) in [
            ("{name: Do, arguments: [target], hand: it}", "`Do`: hand: `it` is an object"),
            ("{name: Do, arguments: [object], hand: [saw]}", "`Do`: hand: `saw` is not among"),
            ("{name: Do, arguments: [object], hand: full}", "mine.yaml: "),
            ("{name: Do, arguments: [receptacle]}", "example: `mug` is no word"),
            ("{name: Make, arguments: [object]}", "example: line 1"),
            ("{name: PickupObject, arguments: [object]}", "`PickupObject` stands twice"),
        ] {
            let error = fault(action).unwrap();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn map_labels_become_words_once() {
        let vocabulary = ActionVocabulary::alfred().with_map_labels(["Coffee Table", "Robot Arm"]);
        assert_eq!(vocabulary.words(ArgumentKind::Target).len(), 81);
        assert!(vocabulary.words(ArgumentKind::Receptacle).contains(&"robotarm"));
    }

    #[test]
    fn what_a_person_names_may_be_held_or_hold_others() {
        let vocabulary = ActionVocabulary::alfred();
        let may_be = |name: &str| {
            [ArgumentKind::Object, ArgumentKind::Receptacle]
                .map(|kind| vocabulary.may_be(name, kind).map(u8::from))
        };
        let (thing, place, both) = ([Some(1), Some(0)], [Some(0), Some(1)], [Some(1), Some(1)]);
        for (name, kinds) in [
            ("knives", thing),
            ("red cell phone", thing),
            ("desk lamp", thing),
            ("fridge", place),
            ("sink", place),
            ("kitchen table", place),
            ("coffee machine", place),
            ("big mug", both),
            ("unicorn", [None, None]),
            ("", [None, None]),
        ] {
            assert_eq!(may_be(name), kinds, "{name}");
        }
    }

    #[test]
    fn what_people_call_things_is_what_the_map_calls_them() {
        let labels = [
            "sofa",
            "Fridge",
            "garbagecan",
            "stove",
            "stoveburner",
            "coffeemachine",
            "remotecontrol",
        ];
        let objects = (1..).zip(labels).map(|(id, label)| object(id, label, [0.0; 3], 0.1));
        let objects: Vec<MapObject> = objects.collect();
        let vocabulary = ActionVocabulary::alfred();
        for (said, meant) in [
            ("where is the couch?", "where is the sofa?"),
            ("Where is the refrigerator", "Where is the fridge"),
            ("how many coffee makers are there", "how many coffeemachines are there"),
            (
                "is the mug in the trash can, or on the couch",
                "is the mug in the garbagecan, or on the sofa",
            ),
            // There is one that is called so, and no phone at all.
            ("where is the stove", "where is the stove"),
            ("where is the phone", "where is the phone"),
            ("where is the remote control?", "where is the remote control?"),
            ("where is the remote", "where is the remotecontrol"),
            ("", ""),
        ] {
            assert_eq!(vocabulary.in_names(said, &objects), meant);
        }
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
