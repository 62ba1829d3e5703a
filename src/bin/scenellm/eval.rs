//! `scenellm eval`: measure a planner.

mod alfred;
mod closed_loop;
mod eyes;
mod sight;
mod table;

use crate::Outcome;
use clap::{Args, Subcommand};

/// Measure a planner.
#[derive(Args)]
pub struct Eval {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Alfred(alfred::Alfred),
    Sim(closed_loop::ClosedLoopEval),
    Eyes(sight::SightEval),
}

impl Eval {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Alfred(alfred) => alfred.run(),
            What::Sim(closed_loop) => closed_loop.run(),
            What::Eyes(eyes) => eyes.run(),
        }
    }
}
