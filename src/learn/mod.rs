//! Data sets, training and evaluation.
//!
//! Comes in: ALFRED's trajectories. Goes out: a model folder, and scores.

mod ablation;
mod alfred;
mod alfred_home;
mod alfred_release;
mod answers;
mod batch;
mod checkpoint;
mod closed_loop;
mod error;
mod eval;
mod events;
mod export;
mod fault;
mod line_writer;
mod lines;
mod llama;
mod log;
mod lora;
mod navigation;
mod nearest;
mod optimizer;
mod planner;
mod samples;
mod save;
pub mod scenes;
pub mod seeing;
mod start;
mod taught;
mod tokenizer;
mod trainer;
mod vision;
mod walk;

#[cfg(test)]
mod gradients;

pub use ablation::{Ablation, UnknownAblation};
pub use alfred::{Goal, Trajectory, complete_plan, read_alfred};
pub use alfred_home::{AlfredTask, read_alfred_tasks};
pub use alfred_release::{AlfredLine, alfred_files, import_alfred};
pub use answers::{
    AnswerEvaluation, AnswerScores, CaptionCount, CaptionScores, answers_match, normalized_answer,
};
pub use closed_loop::{ClosedLoop, EpisodeScore, LoopScores, goal_condition_rate, path_weight};
pub use error::LearnError;
pub use eval::{Evaluation, Interval, Prediction, Scores};
pub use export::About;
pub use line_writer::write_lines;
pub use llama::{LlamaShape, TrainableLlama, weight_shapes};
pub use log::{LoggedStep, TrainingLog};
pub use lora::LoraSpec;
pub use navigation::{NavigationScores, Walked, ndtw, spl};
pub use nearest::NearestGoal;
pub use optimizer::AdamWConfig;
pub use planner::{PlannerTraining, StepReport, Watch, train_planner};
pub use samples::Mixture;
pub use taught::{TaughtAnswer, TaughtGoal, read_taught};
pub use vision::{
    Augmentation, CropsConfig, DinoConfig, DistillConfig, Frames, HomesConfig, LabelsConfig,
    MocoConfig, ObjectiveConfig, VisionStep, VisionTraining, VisionWatch, train_vision,
};
pub use walk::{Walk, length_m, true_surroundings, walk};
