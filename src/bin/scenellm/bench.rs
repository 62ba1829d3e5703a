//! `scenellm bench`: how fast this machine is, alone and beside other programs.
//!
//! ```text
//! map        bag ─ decode ─ register ─ integrate     beside Open3D
//! llm        random weights ─ prefill ─ decode       beside llama.cpp
//! vision     picture, text ─ encoder                 beside PyTorch
//! plan       goal ─ plan
//! transport  images, transforms ─ listener           beside Cyclone DDS
//! node       camera, goals ─ the node                while its model is slow
//! ```

mod gguf;
mod llm;
mod map;
#[cfg(feature = "dds")]
mod node;
mod peer;
mod plan;
#[cfg(feature = "dds")]
mod process;
mod report;
#[cfg(feature = "dds")]
mod transport;
mod vision;

use crate::Outcome;
use clap::{Args, Subcommand};

/// Measure speed on this machine.
///
/// Numbers count only in a release build on a machine that does nothing else. A peer is another
/// program for the same work; it is run in turns with ours, and the ratio compares medians.
#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Map(map::MapBench),
    Llm(llm::LlmBench),
    Vision(vision::VisionBench),
    Plan(plan::PlanBench),
    #[cfg(feature = "dds")]
    Transport(transport::TransportBench),
    #[cfg(feature = "dds")]
    Node(node::NodeBench),
}

impl Bench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        if cfg!(debug_assertions) {
            eprintln!(
                "warning: THIS IS NOT A RELEASE BUILD; its numbers mean nothing. \
                 Build with `cargo build --release`."
            );
        }
        match self.what {
            What::Map(bench) => bench.run()?,
            What::Llm(bench) => bench.run()?,
            What::Vision(bench) => bench.run()?,
            What::Plan(bench) => bench.run()?,
            #[cfg(feature = "dds")]
            What::Transport(bench) => bench.run()?,
            #[cfg(feature = "dds")]
            What::Node(bench) => bench.run()?,
        }
        Ok(Outcome::Done)
    }
}
