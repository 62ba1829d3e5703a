//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod grammar;
mod ground;
mod plan;
mod planning;
mod text;
mod vocabulary;

pub use grammar::{GrammarError, MAX_STEPS, PlanGrammar, TokenTable};
pub(crate) use ground::gap_m;
pub use ground::{SpokenStep, ground};
pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use planning::{GoalPlanner, PlanRequest, PlanningError, SpokenPlan};
pub use text::{PlanTextError, parse_plan, plan_text, step_text};
pub use vocabulary::{ActionSpec, ActionVocabulary, ArgumentKind, VocabularyError, class_word};
