//! A request becomes a prompt, a constrained output, and a typed, grounded result.

mod ground;
mod plan;
mod vocabulary;

pub use ground::{SpokenStep, ground};
pub use plan::{Argument, Grounding, Plan, PlanStep, Refusal};
pub use vocabulary::{ActionSpec, ActionVocabulary, ArgumentKind};
