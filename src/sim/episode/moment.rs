//! What is given to an episode, what it tells on the way, and what comes of it.

use crate::geometry::CameraModel;
use crate::planner::Session;
use crate::scene::SceneError;
use crate::sim::SimError;
use crate::sim::household::{Failure, GoalCondition, Low, World};
use crate::tasks::{Plan, PlanStep};
use crate::vision::VisionError;
use image::RgbImage;
use serde::Serialize;

/// What can go wrong in an episode, apart from the robot's own failures.
#[derive(Debug, thiserror::Error)]
pub enum EpisodeError {
    /// The home cannot be shown.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The map cannot be kept.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// The words that truth is told in cannot be made.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The robot is to see by itself, but its features cannot be compared with names.
    #[error(
        "the extractor `{extractor}` tells no things apart by name: take one that was taught names, \
         or give `regions.names`"
    )]
    Nameless {
        /// Name of the extractor.
        extractor: String,
    },
}

/// What the robot knows of where things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Knowledge {
    /// What it saw, through the session into the map: images, and boxes of what was in sight unless
    /// the robot sees by itself.
    #[default]
    Seen,
    /// Everything that no door hides, always: nothing is rendered for the map.
    Oracle,
}

/// How an episode is run.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeOptions {
    /// The robot's camera; rectified.
    pub camera: CameraModel,
    /// Images of the tour before the goal is given, at most: fewer where few bins and sinks are known.
    pub tour_frames: usize,
    /// Seed of the sensor noise.
    pub noise_seed: u64,
    /// Time of the first image, nanoseconds.
    pub start_ns: i64,
    /// Low-level actions after which the episode ends.
    pub max_actions: usize,
    /// What the robot knows of where things are.
    pub knowledge: Knowledge,
}

impl Default for EpisodeOptions {
    /// A camera of 640×480 pixels, 64 images of tour, a thousand actions.
    fn default() -> Self {
        Self {
            camera: CameraModel::pinhole(640, 480, 554.0, 554.0, 319.5, 239.5),
            tour_frames: 64,
            noise_seed: 0,
            start_ns: 1_700_000_000_000_000_000,
            max_actions: 1000,
            knowledge: Knowledge::Seen,
        }
    }
}

/// Something that happened in an episode.
pub enum Moment<'a> {
    /// An image was taken; `low` is what was done just before, `None` on the tour.
    Saw {
        /// The home then.
        world: &'a World,
        /// What is known of it, this image taken in.
        session: &'a Session,
        /// The image.
        image: &'a RgbImage,
        /// What was done just before.
        low: Option<Low>,
    },
    /// The robot moved on its tour, without an image.
    Drove {
        /// The home then.
        world: &'a World,
    },
    /// The tour ended.
    Toured {
        /// The home then.
        world: &'a World,
        /// What is known of it.
        session: &'a Session,
    },
    /// A plan, or a refusal, was made.
    Planned {
        /// The plan.
        plan: &'a Plan,
        /// What is known of the home.
        session: &'a Session,
    },
    /// A step is begun.
    Began {
        /// The step.
        step: &'a PlanStep,
    },
    /// A step ended.
    Ended {
        /// The step.
        step: &'a PlanStep,
        /// Why it failed, if it did.
        failure: Option<&'a Failure>,
        /// The home then.
        world: &'a World,
    },
    /// The executive said something.
    Said(&'a str),
}

/// What became of an episode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpisodeResult {
    /// The conditions of the task at the end.
    pub conditions: Vec<GoalCondition>,
    /// Low-level actions after the tour, those of failed steps too.
    pub actions: usize,
    /// Way driven after the tour, metres.
    pub way_m: f64,
    /// How often it was planned anew.
    pub replans: u32,
    /// Steps that failed, with the reason.
    pub failures: Vec<String>,
    /// How the work ended, in words.
    pub ending: String,
}

impl EpisodeResult {
    /// Whether all conditions hold.
    pub fn is_success(&self) -> bool {
        self.conditions.iter().all(|condition| condition.is_met)
    }

    /// Number of conditions that hold.
    pub fn met(&self) -> usize {
        self.conditions.iter().filter(|condition| condition.is_met).count()
    }
}
