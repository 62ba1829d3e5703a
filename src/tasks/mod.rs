//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod ground;
mod plan;
mod text;
mod vocabulary;

pub use ground::{SpokenStep, ground};
pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use text::{PlanTextError, parse_plan, plan_text, step_text};
pub use vocabulary::{ActionSpec, ActionVocabulary, ArgumentKind, VocabularyError, class_word};
