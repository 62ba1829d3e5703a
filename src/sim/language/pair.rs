//! A pair of an instruction and what is said to it, with what it rests on.

use crate::model::PromptKind;
use serde::{Deserialize, Serialize};

/// What a pair is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairKind {
    /// What there is, grouped by what it stands on.
    DenseCaption,
    /// What one thing is like, and where.
    ObjectCaption,
    /// The steps of a task, with their places.
    TaskDecomposition,
    /// What something can be used for, or what serves a purpose.
    Functionality,
    /// A question and its short answer.
    Question,
    /// A few turns about the scene and what to do in it.
    Dialogue,
    /// What of the present view matters to a goal: "i saw …".
    StateDescription,
    /// Where to go, as a program of motions.
    Navigation,
}

impl PairKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DenseCaption,
        Self::ObjectCaption,
        Self::TaskDecomposition,
        Self::Functionality,
        Self::Question,
        Self::Dialogue,
        Self::StateDescription,
        Self::Navigation,
    ];

    /// Its name, as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::DenseCaption => "dense_caption",
            Self::ObjectCaption => "object_caption",
            Self::TaskDecomposition => "task_decomposition",
            Self::Functionality => "functionality",
            Self::Question => "question",
            Self::Dialogue => "dialogue",
            Self::StateDescription => "state_description",
            Self::Navigation => "navigation",
        }
    }

    /// The prompt in which a model is asked for such an answer.
    pub fn prompt(self) -> PromptKind {
        match self {
            Self::DenseCaption
            | Self::ObjectCaption
            | Self::TaskDecomposition
            | Self::Functionality => PromptKind::Caption,
            Self::Question => PromptKind::Ask,
            Self::Dialogue => PromptKind::Say,
            Self::StateDescription => PromptKind::Describe,
            Self::Navigation => PromptKind::Navigate,
        }
    }

    /// Most words of its answer; a model of a few million parameters learns no longer ones well.
    pub fn most_words(self) -> usize {
        match self {
            Self::DenseCaption | Self::TaskDecomposition => 60,
            Self::StateDescription => 30,
            Self::ObjectCaption | Self::Dialogue => 24,
            Self::Functionality => 12,
            Self::Question => 6,
            Self::Navigation => 64,
        }
    }
}

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Whether there is a thing: yes or no.
    Existence,
    /// How many there are.
    Count,
    /// The colour of a thing.
    Color,
    /// On or in what a thing is.
    Place,
    /// What is next to a thing, the largest on a receptacle, whether one is on the other.
    Relation,
    /// Whether a thing is open, on, sliced.
    State,
    /// What serves a purpose.
    Affordance,
    /// On which side of the view a thing is.
    Direction,
    /// What the scene does not tell.
    Unknown,
}

impl QuestionKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Existence,
        Self::Count,
        Self::Color,
        Self::Place,
        Self::Relation,
        Self::State,
        Self::Affordance,
        Self::Direction,
        Self::Unknown,
    ];

    /// Its name, as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Existence => "existence",
            Self::Count => "count",
            Self::Color => "color",
            Self::Place => "place",
            Self::Relation => "relation",
            Self::State => "state",
            Self::Affordance => "affordance",
            Self::Direction => "direction",
            Self::Unknown => "unknown",
        }
    }
}

/// What a pair is about and is told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairFrame {
    /// The present view, camera coordinates.
    Ego,
    /// The scene, world coordinates.
    Scene,
}

/// The way that an instruction asks for, on the floor plan of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Heading at its beginning, from the world's x axis to the left, radians.
    pub start_yaw_rad: f64,
    /// Where it leads, beginning and end included, metres.
    pub path_m: Vec<[f64; 2]>,
}

/// An instruction, question or utterance, and what is said to it. Everything is in plain words:
/// lower case, no punctuation but commas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// What it is about.
    pub kind: PairKind,
    /// What a question asks for; `None` for the other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<QuestionKind>,
    /// What it is told from.
    pub frame: PairFrame,
    /// What was said before and the replies, oldest first; of a dialogue only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<[String; 2]>,
    /// The instruction, question or utterance; the goal of a state description.
    pub prompt: String,
    /// What is said to it; steps of a navigation stand one a line.
    pub answer: String,
    /// The entities or objects that it rests on.
    pub ids: Vec<u32>,
    /// The way of a navigation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

impl Pair {
    /// A pair without turns and way.
    pub(super) fn new(
        kind: PairKind,
        frame: PairFrame,
        prompt: impl Into<String>,
        answer: impl Into<String>,
        mut ids: Vec<u32>,
    ) -> Self {
        ids.sort_unstable();
        ids.dedup();
        let (prompt, answer) = (prompt.into(), answer.into());
        Self { kind, question: None, frame, turns: vec![], prompt, answer, ids, route: None }
    }
}
