//! A lesson: what is shown and said to the model, and what it should answer.

use super::super::alfred::{Trajectory, complete_plan};
use super::super::samples::{answer, drawn, places_to_go_to, retold};
use super::super::taught::TaughtGoal;
use crate::model::{PromptInput, PromptKind};
use crate::scene::VisualTokens;
use crate::tasks::ActionVocabulary;
use rand::Rng;
use std::ops::Range;

/// Kind of the lessons in which a plan is made for a person's goal.
pub const PLAN: &str = "plan";
/// Kind of the lessons in which a teacher says what a goal means, with closed eyes.
pub const TAUGHT: &str = "taught";

/// What a lesson shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Nothing.
    Blind,
    /// The scene, world coordinates.
    Scene,
    /// The view of this number, camera coordinates (or, by chance, those of the world: see
    /// [`crate::learn::scenes::Arrangement::world_views`]).
    View(usize),
}

/// One thing to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// Its kind, by which lessons are mixed and measured: `plan`, `ask`, ….
    pub kind: String,
    /// Index of the home in its [`super::School`].
    pub home: usize,
    /// What is shown.
    pub sight: Sight,
    /// What is asked.
    pub prompt: PromptKind,
    /// What is known in words.
    pub context: Option<String>,
    /// What was said before, and the replies.
    pub turns: Vec<[String; 2]>,
    /// The instruction, question or utterance.
    pub words: String,
    /// What the model must write, its marks and the end of text included.
    pub answer: String,
    /// Bytes of the answer that name places to go to.
    pub places: Vec<Range<usize>>,
    /// All answers of a teacher with their probabilities, `answer` among them; empty where there is
    /// one answer.
    pub taught: Vec<(String, f64)>,
    /// More that is asked in the same way, and the answers, in the same row: what is shown is read
    /// once for all of them.
    pub more: Vec<[String; 2]>,
}

impl Lesson {
    /// What the prompt is made of, `tokens` being what is shown.
    pub fn input(&self, tokens: Option<VisualTokens>) -> PromptInput {
        let (frame, scene) = match self.sight {
            Sight::Blind => (None, None),
            Sight::Scene => (None, tokens),
            Sight::View(_) => (tokens, None),
        };
        PromptInput {
            frame,
            scene,
            context: self.context.clone(),
            kind: self.prompt,
            turns: self.turns.clone(),
            goal: self.words.clone(),
        }
    }

    /// The same with closed eyes.
    pub fn blind(&self) -> Self {
        Self { sight: Sight::Blind, ..self.clone() }
    }

    /// Whether its words tell left from right, so that what is shown must not be mirrored.
    pub fn has_sides(&self) -> bool {
        self.says_any(&["left", "right"])
    }

    /// Whether it tells where things are, or how to move, from where the camera stands.
    pub fn tells_from_camera(&self) -> bool {
        self.prompt == PromptKind::Navigate || self.says_any(&["left", "right", "ahead"])
    }

    fn says_any(&self, words: &[&str]) -> bool {
        let said = self.turns.iter().chain(&self.more).flatten().chain(&self.context);
        let mut texts = said.chain([&self.words, &self.answer]);
        texts.any(|text| words.iter().any(|word| text.contains(*word)))
    }
}

/// A goal that a teacher answered, along one of the answers, drawn as likely as they are.
pub fn taught_lesson(
    goal: &TaughtGoal,
    vocabulary: &ActionVocabulary,
    rng: &mut impl Rng,
) -> Lesson {
    let (answer, taught) = drawn(goal, vocabulary, rng);
    Lesson {
        kind: TAUGHT.into(),
        home: 0,
        sight: Sight::Blind,
        prompt: PromptKind::Plan,
        context: None,
        turns: Vec::new(),
        words: goal.goal.clone(),
        answer,
        places: Vec::new(),
        taught,
        more: Vec::new(),
    }
}

/// The goals of a trajectory as lessons: each goal, and some again in the words of the person's step
/// instructions (kind `retold`).
pub fn plan_lessons(
    trajectory: &Trajectory,
    vocabulary: &ActionVocabulary,
    rng: &mut impl Rng,
) -> Vec<Lesson> {
    let answer = answer(trajectory, vocabulary);
    let places = places_to_go_to(&answer, vocabulary);
    let steps = complete_plan(&trajectory.plan);
    let lesson = |kind: &str, words: String| Lesson {
        kind: kind.into(),
        home: 0,
        sight: Sight::Scene,
        prompt: PromptKind::Plan,
        context: None,
        turns: Vec::new(),
        words,
        answer: answer.clone(),
        places: places.clone(),
        taught: Vec::new(),
        more: Vec::new(),
    };
    let mut lessons = Vec::new();
    for goal in &trajectory.goals {
        lessons.push(lesson(PLAN, goal.goal.clone()));
        if goal.steps.len() == steps.len() {
            lessons.push(lesson("retold", retold(&goal.steps, &steps, vocabulary, rng)));
        }
    }
    lessons
}
