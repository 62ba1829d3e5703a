//! Training a language model that sees, in two stages: first the projector is aligned with a decoder
//! that stays as it is, then both learn (Scene-LLM; LLaVA, Liu et al., 2023).
//!
//! Comes in: homes as they are seen ([`super::scenes`]) and lessons in them. Goes out: a model folder
//! that [`crate::model::SceneLlm`] loads.

mod config;
mod export;
mod homes;
mod labelled;
mod lesson;
mod look;
mod memory;
mod model;
mod moved;
mod sampled;
mod school;
mod spell;
mod start;
mod talk;
mod teaching;
mod template;
mod train;
mod voxels;
mod warm;
mod watch;

#[cfg(test)]
mod tests;

pub use config::{LanguagePart, Precision, ProjectorShape, SeeingTraining};
pub use homes::{AlfredData, Homes, Source};
pub use labelled::LabelledMap;
pub use lesson::{Lesson, Sight};
pub use look::Guidance;
pub use memory::TrainingMemory;
pub use school::{School, Syllabus, lessons_of_an_epoch};
pub use template::template;
pub use train::{SeeingStep, train_seeing};
pub use watch::{Graded, SeeingWatch};
