//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod answer;
mod caption;
mod chat;
mod color;
mod grammar;
mod ground;
mod held;
mod line_grammar;
mod listing;
mod mention;
mod navigate;
mod plan;
mod planning;
mod prior;
mod question;
mod relation;
mod scene_mind;
mod scene_planner;
mod scene_relations;
mod text;
mod token_set;
mod told;
mod view;
mod vocabulary;
mod whereabouts;
mod wording;
mod writer;

pub use answer::{Answer, DO_NOT_KNOW, Inquiry};
pub use chat::{AnswerError, ChatPlanner};
pub use grammar::{GrammarError, MAX_STEPS, PlanGrammar};
pub(crate) use ground::gap_m;
pub use ground::{SpokenStep, ground};
pub use held::{Mentioned, held_after};
pub use mention::{named, named_in};
pub use navigate::Program;
pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use planning::{GoalPlanner, PlanRequest, PlanningError};
pub use question::Asked;
pub(crate) use relation::{
    BESIDE_M, above, apart_m, largest, nearest, preposition, side_of, stands,
};
pub use scene_mind::{SceneMind, Words};
pub use scene_planner::ScenePlanner;
pub use scene_relations::scene_relations;
pub use text::{PlanTextError, parse_plan, plan_text, step_text};
pub(crate) use token_set::token_table;
pub use token_set::{TokenSet, TokenTable};
pub(crate) use view::AHEAD_RAD;
pub use view::{About, SceneView, ViewSpec};
pub use vocabulary::{ActionSpec, ActionVocabulary, ArgumentKind, VocabularyError, class_word};
pub(crate) use wording::{NUMBERS, number_word, plural, so_many, so_many_of_each, with_article};
pub use writer::{PlanWriter, ShownObjects, Sight, SpokenPlan, WrittenPlan};
