//! Language about scenes: what can be said of a home, from the simulator's truth, and checked.
//!
//! Comes in: a [`World`](super::household::World), or the labelled objects of a map. Goes out:
//! [`Pair`]s of an instruction and what is said to it, in plain words (lower case, no punctuation
//! but commas), with the ids that they rest on.
//!
//! * [`SceneFacts`] is what is true: of the whole scene ([`SceneFacts::of_world`]), of the present
//!   view ([`SceneFacts::in_view`]), or of a map ([`SceneFacts::of_objects`]).
//! * [`pairs`] makes pairs of all kinds of one state of a home ([`PairMix`] says how many) and keeps
//!   those that pass the check. [`scatter, varied`] puts a home into another state first: doors open, things
//!   elsewhere, the robot anywhere. [`Balance`] counts answers over many homes, so that questions
//!   are asked whose answers cannot be foreseen.
//! * [`check`] reads a pair from its words alone and holds every claim against the facts.
//! * [`label`] asks a chat model for the same, about a scene of which only the objects are known.
//! * [`evaluation_dialogue`] makes talks of many turns, to measure by; none of them is taught.
//! * The makers of single kinds are of use by themselves, too: [`state_description`] for a goal that
//!   a person gave, [`dense_caption`] for a map.
//!
//! The kinds are the six of Scene-LLM (dense caption, object caption, task decomposition,
//! functionality enhancement, question, dialogue; Fu et al., arXiv 2403.11401), its state
//! descriptions, and navigation, whose answers
//! [`parse_program`](crate::planner::follow::parse_program) reads.
//!
//! ```
//! # use rand::SeedableRng;
//! use scenellm::sim::household::household;
//! use scenellm::sim::language::{Balance, PairFrame, PairMix, SceneFacts, pairs, varied};
//!
//! let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(1);
//! let home = household(1)?;
//! let scenes: Vec<_> = (0..8).map(|_| SceneFacts::of_world(&varied(&home, &mut rng))).collect();
//! let mut balance = Balance::default();
//! balance.count(&scenes, PairFrame::Scene);
//! let world = varied(&home, &mut rng);
//! let (pairs, report) = pairs(&world, &PairMix::default(), &balance, &mut rng)?;
//! assert_eq!(pairs.len(), report.kept());
//! # Ok::<(), scenellm::sim::SimError>(())
//! ```

mod affordance;
mod balance;
mod caption;
mod check;
mod color;
mod decompose;
mod dialogue;
mod errand;
mod evaluation;
mod facts;
mod function;
mod generate;
mod label;
mod navigate;
mod pair;
mod question;
mod route;
mod saw;
mod turn;
mod vary;
mod words;

#[cfg(test)]
mod tests;

pub use balance::Balance;
pub use caption::{dense_caption, object_caption};
pub use check::{CheckReport, Fault, check, named_classes};
pub use color::{COLORS, color_word};
pub use decompose::task_decomposition;
pub use dialogue::dialogue;
pub use evaluation::evaluation_dialogue;
pub use facts::{InView, ObjectFact, SceneFacts, Side};
pub use function::{tool_for, use_of};
pub use generate::{PairMix, pairs};
pub use label::{LabelError, label, read_labels};
pub use navigate::{ego_navigations, navigations};
pub use pair::{Pair, PairFrame, PairKind, QuestionKind, Route};
pub use question::questions;
pub use saw::state_description;
pub use turn::{TalkTurn, TurnKind};
pub use vary::{elsewhere, scatter, varied};
pub use words::plain;
