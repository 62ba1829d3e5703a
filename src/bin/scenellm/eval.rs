//! `scenellm eval`: measure a planner.

mod alfred;
mod caption;
mod change;
mod closed_loop;
mod dialogue;
mod eyes;
mod homes;
mod measurement;
mod mind;
mod qa;
mod runs;
mod sight;
mod table;
mod vln;

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
    Qa(qa::Qa),
    Caption(caption::Caption),
    Dialogue(dialogue::DialogueEval),
    Vln(vln::Vln),
    Eyes(sight::SightEval),
}

impl Eval {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Alfred(alfred) => alfred.run(),
            What::Sim(closed_loop) => closed_loop.run(),
            What::Qa(qa) => qa.run(),
            What::Caption(caption) => caption.run(),
            What::Dialogue(dialogue) => dialogue.run(),
            What::Vln(vln) => vln.run(),
            What::Eyes(eyes) => eyes.run(),
        }
    }
}
