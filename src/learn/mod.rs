//! Data sets, training and evaluation.
//!
//! Comes in: ALFRED's trajectories. Goes out: a model folder, and scores.

mod alfred;
mod batch;
mod checkpoint;
mod error;
mod export;
mod llama;
mod optimizer;
mod planner;
mod samples;
mod tokenizer;

pub use alfred::{Goal, Trajectory, complete_plan, normalize, read_alfred};
pub use error::LearnError;
pub use llama::{LlamaShape, TrainableLlama, weight_shapes};
pub use optimizer::AdamWConfig;
pub use planner::{PlannerTraining, StepReport, Watch, train_planner};
pub use samples::{Mixture, goal_prompt, task_token};
