//! `scenellm train`: make the parts of a model.

mod planner;
mod vision;

use crate::Outcome;
use clap::Subcommand;

/// Train a part of a model.
#[derive(Subcommand)]
pub enum Train {
    Planner(planner::TrainPlanner),
    Vision(vision::TrainVision),
}

impl Train {
    /// Trains to the end.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Planner(command) => command.run(),
            Self::Vision(command) => command.run(),
        }
    }
}
