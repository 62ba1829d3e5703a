//! The words around what a seeing model is shown and asked, and the tokens that they are.

use super::super::samples::{BEGIN, DRAFT, END, GOAL, PAD, PLAN, STYLE, task_token};
use crate::model::{Around, PromptKind, PromptTemplate};
use crate::tasks::ActionVocabulary;

/// Before the 3D tokens of the scene.
pub const SCENE: &str = "<scene>";
/// Before the 3D tokens of the egocentric frame.
pub const EGO: &str = "<ego>";
/// Before what was seen, in words.
pub const SAW: &str = "<saw>";
/// Before the goal for which a view is described.
pub const LOOK: &str = "<look>";
/// Before an answer in words.
pub const ANSWER: &str = "<answer>";
/// Before what a caption is asked for with.
pub const CAPTION: &str = "<caption>";
/// Before a question.
pub const ASK: &str = "<ask>";
/// Before an instruction to go somewhere.
pub const WALK: &str = "<walk>";
/// Before what a person says.
pub const SAY: &str = "<say>";

/// The tokens that a seeing model has and a blind one lacks.
pub const MARKS: [&str; 9] = [SCENE, EGO, SAW, LOOK, ANSWER, CAPTION, ASK, WALK, SAY];

/// All tokens of prompts and answers that are no words; a decoder from elsewhere lacks most of them.
pub fn all_marks(vocabulary: &ActionVocabulary) -> Vec<String> {
    let of_plans = [BEGIN, END, PAD, GOAL, DRAFT, PLAN].map(String::from);
    let tasks = vocabulary.tasks.iter().map(|task| task_token(task));
    of_plans.into_iter().chain(tasks).chain(MARKS.map(String::from)).collect()
}

/// The prompts of the models that are trained here.
pub fn template() -> PromptTemplate {
    let around = |before: &str, after: &str| Around { before: before.into(), after: after.into() };
    PromptTemplate {
        begin: BEGIN.into(),
        ego: EGO.into(),
        scene: SCENE.into(),
        context: SAW.into(),
        goal_prefix: GOAL.into(),
        goal_style: STYLE,
        goal_suffix: String::new(),
        answer: DRAFT.into(),
        draft_end: PLAN.into(),
        others: [
            (PromptKind::Describe, around(LOOK, ANSWER)),
            (PromptKind::Caption, around(CAPTION, ANSWER)),
            (PromptKind::Ask, around(ASK, ANSWER)),
            (PromptKind::Navigate, around(WALK, PLAN)),
            (PromptKind::Say, around(SAY, ANSWER)),
        ]
        .into(),
        end: vec![END.into(), PLAN.into()],
    }
}
