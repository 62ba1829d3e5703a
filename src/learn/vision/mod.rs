//! Teaching the eyes: views of simulated homes in, a [`crate::vision::SceneVit`] out.
//!
//! Homes are seen from where a robot can stand, as its sensor would see them; what each 8×8 pixels
//! show is known. The objectives stand in `objective`, one file each.

mod augment;
mod config;
mod frames;
mod homes;
mod lesson;
mod objective;
mod rays;
mod record;
mod saved;
mod trainer;
mod watch;
mod weights;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod gradients;

pub use augment::Augmentation;
pub use config::{CropsConfig, VisionTraining};
pub use frames::Frames;
pub use homes::HomesConfig;
pub use objective::{DinoConfig, DistillConfig, LabelsConfig, MocoConfig, ObjectiveConfig};
pub use trainer::{VisionStep, train_vision};
pub use watch::VisionWatch;
