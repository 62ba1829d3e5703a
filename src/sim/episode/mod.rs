//! Episodes: a robot tours a home, maps it, plans for a goal, acts, hears how each step ended, and
//! plans anew when one fails.
//!
//! Comes in: a [`super::household::World`], a goal and somebody who plans. Goes out: what was met of the
//! task. All the planner knows of the home went through the camera and [`crate::planner::Session`].

mod accuracy;
mod eyes;
mod memory;
mod mind;
mod moment;
mod run;
mod truth;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod view_tests;

pub use accuracy::{FoundCounts, RegionAccuracy, region_accuracy};
pub use eyes::Eyes;
pub use mind::{ExpertMind, Mind};
pub use moment::{EpisodeError, EpisodeOptions, EpisodeResult, Knowledge, Moment};
pub use run::Episode;
pub use truth::{ShownHome, TruthEyes};
