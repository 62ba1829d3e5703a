//! The language model: tokenizer, Llama decoder, constrained sampling, the engine thread.

mod constraint;

pub use constraint::{Constraint, TokenMask};
