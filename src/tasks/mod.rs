//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod plan;
mod vocabulary;

pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use vocabulary::{ActionSpec, ActionVocabulary, ArgumentKind};
