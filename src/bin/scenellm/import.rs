//! `scenellm import`: data sets as others publish them, to the lines that training and evaluation read.

mod alfred;

use crate::Outcome;
use clap::Subcommand;

/// Make data of what others publish.
#[derive(Subcommand)]
pub enum Import {
    Alfred(alfred::ImportAlfred),
}

impl Import {
    /// Imports all there is.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Alfred(command) => command.run(),
        }
    }
}
