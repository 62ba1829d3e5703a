//! Planning by any chat model, which reads the map as text.
//!
//! The objects become a list of names (`list.rs`), the names the words of a plan (`choices.rs`). One plan
//! of another home is shown as a turn before (`example.rs`). A
//! model in this process writes it under the grammar of plans; a server is held to a JSON schema
//! (`schema.rs`), and what it sends is checked. Either way an argument is a name on the list, and so
//! bound to its object, or the plan is refused with the reason. A server's plan is said while it comes,
//! step by step (`aloud.rs`). What of a long list stays is decided by
//! the words of the goal, and by its meaning where there is an encoder of texts (`meaning.rs`).

mod aloud;
mod choices;
mod example;
mod list;
mod meaning;
mod planner;
mod prompt;
mod schema;

pub use planner::ChatPlanner;
pub use schema::AnswerError;
