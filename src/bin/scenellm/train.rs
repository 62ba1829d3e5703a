//! `scenellm train`: make the parts of a model.

mod command;
mod dry_run;
mod log;
mod memory;
mod planner;
mod scenes;
mod seeing;
mod trial;
mod vision;

use crate::Outcome;
use clap::Subcommand;

/// Train a part of a model.
#[derive(Subcommand)]
pub enum Train {
    Planner(planner::TrainPlanner),
    Scenes(scenes::TrainScenes),
    /// Stage 1: teach a projector to speak to a language model that stays as it is.
    Align(seeing::TrainSeeing),
    /// Stage 2: teach projector and language model together.
    Finetune(seeing::TrainSeeing),
    Vision(vision::TrainVision),
}

impl Train {
    /// Trains to the end.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Planner(command) => command.run(),
            Self::Scenes(command) => command.run(),
            Self::Align(command) => command.run(seeing::Stage::Align),
            Self::Finetune(command) => command.run(seeing::Stage::Finetune),
            Self::Vision(command) => command.run(),
        }
    }
}
