//! Following a spoken instruction: words → steps, by rules or a model → motions of the base, each
//! decided from where the robot is and what the map shows.

mod config;
mod error;
mod floor;
mod follower;
mod instruction;
mod motion;
mod program;
mod understand;

pub use config::FollowConfig;
pub use error::FollowError;
pub use floor::Floor;
pub use follower::{FollowAct, Follower, Surroundings};
pub use instruction::{InstructionStep, parse_instruction};
pub use motion::{BasePose, Motion};
pub use program::{MOST_STEPS, parse_program, program_text};
pub use understand::{by_rules, understand};
