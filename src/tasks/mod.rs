//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod answer;
mod chat;
mod color;
mod dead_end;
mod grammar;
mod ground;
mod hand;
mod held;
mod inventory;
mod line_grammar;
mod listing;
mod mention;
mod navigate;
mod neighbours;
mod plain_words;
mod plan;
mod plan_words;
mod planning;
mod prior;
mod question;
mod relation;
mod scene_mind;
mod scene_planner;
mod scene_relations;
mod so_far;
mod source;
mod text;
mod token_set;
mod told;
mod view;
mod vocabulary;
mod whereabouts;
mod wording;
mod writer;

#[cfg(test)]
pub(crate) mod fixtures;

pub use answer::{Answer, DO_NOT_KNOW, Inquiry};
pub use chat::{AnswerError, ChatPlanner};
pub use grammar::{GrammarError, MAX_STEPS, PlanGrammar};
pub use ground::{SpokenStep, ground};
pub use hand::{Grip, Hand};
pub use held::{Mentioned, held_after};
pub use inventory::inventory;
pub(crate) use mention::akin;
pub use mention::{named, named_in};
pub use navigate::Program;
pub use neighbours::map_relations;
pub(crate) use plain_words::{plain_words, uncalled};
pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use plan_words::{ActInWords, acts_in_words};
pub use planning::{GoalPlanner, PlanRequest, PlanningError};
pub use question::Asked;
pub(crate) use relation::{
    BESIDE_M, apart_m, gap_m, largest, nearest, preposition, side_of, stands,
};
pub use scene_mind::{SceneMind, Words};
pub use scene_planner::ScenePlanner;
pub use scene_relations::scene_relations;
use scene_relations::{is_side, words_of};
pub use so_far::{FailedStep, SoFar};
pub use text::{PlanTextError, parse_plan, plan_text, step_text};
pub(crate) use token_set::token_table;
pub use token_set::{TokenSet, TokenTable};
pub(crate) use told::lacks;
pub use told::list_tells;
pub(crate) use view::AHEAD_RAD;
pub use view::{About, SceneView, ViewSpec};
pub use vocabulary::{
    ActionSpec, ActionVocabulary, ArgumentKind, ExamplePlan, VocabularyError, class_word,
};
pub(crate) use wording::{NUMBERS, number_word, plural, so_many, so_many_of_each, with_article};
pub use writer::{PlanWriter, ShownObjects, Sight, SpokenPlan, WrittenPlan};
