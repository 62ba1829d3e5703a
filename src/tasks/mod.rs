//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod chat;
mod grammar;
mod ground;
mod held;
mod plan;
mod planning;
mod scene_planner;
mod text;
mod vocabulary;
mod writer;

pub(crate) use chat::stands;
pub use chat::{AnswerError, ChatPlanner};
pub(crate) use grammar::token_table;
pub use grammar::{GrammarError, MAX_STEPS, PlanGrammar, TokenSet, TokenTable};
pub(crate) use ground::gap_m;
pub use ground::{SpokenStep, ground};
pub use held::held_after;
pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use planning::{GoalPlanner, PlanRequest, PlanningError};
pub use scene_planner::ScenePlanner;
pub use text::{PlanTextError, parse_plan, plan_text, step_text};
pub use vocabulary::{ActionSpec, ActionVocabulary, ArgumentKind, VocabularyError, class_word};
pub use writer::{PlanWriter, ShownObjects, Sight, SpokenPlan, WrittenPlan};
