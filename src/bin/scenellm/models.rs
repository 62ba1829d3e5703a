//! `scenellm models`: which public encoders are known, how to get one, and whether a folder holds one
//! as it should.

mod pull;

use crate::Outcome;
use clap::{Args, Subcommand};
use scenellm::vision::{catalogue, check_folder};
use std::io::Write;
use std::path::PathBuf;

/// List the public encoders that are known, fetch one, or check a folder of weights.
#[derive(Args)]
pub struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List source, kind, numbers, memory as f32, f16 and q8_0, licence and files of each.
    List {
        /// Print one JSON object a line instead of a table.
        #[arg(long)]
        json: bool,
    },
    Pull(pull::Pull),
    /// Hold every tensor of a folder against its configuration. Exit code 3 says that some do not
    /// fit; each is named.
    Check {
        /// Folder with weights and config.json or open_clip_config.json, which a SAM as its authors
        /// publish it does not have.
        folder: PathBuf,
        /// Print one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

impl Models {
    /// Lists or checks.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut out = std::io::stdout();
        match self.what {
            What::List { json } => {
                for entry in catalogue()? {
                    if json {
                        writeln!(out, "{}", serde_json::to_string(&entry)?)?;
                        continue;
                    }
                    let millions = entry.parameters as f64 / 1e6;
                    writeln!(
                        out,
                        "{:<46} {:<14} {:>6.0} M  {:>5.0}/{:>4.0}/{:<4.0} MB  width {:>4}  {:<11} {}",
                        entry.source,
                        entry.kind,
                        millions,
                        4.0 * millions,
                        2.0 * millions,
                        34.0 / 32.0 * millions,
                        entry.width,
                        entry.licence,
                        entry.files.join(" ")
                    )?;
                }
                Ok(Outcome::Done)
            }
            What::Pull(pull) => pull.run(),
            What::Check { folder, json } => {
                let check = check_folder(&folder)?;
                if json {
                    writeln!(out, "{}", serde_json::to_string(&check)?)?;
                } else {
                    for fault in &check.faults {
                        writeln!(out, "{fault}")?;
                    }
                    let (kind, tensors) = (&check.kind, check.tensors);
                    let millions = check.parameters as f64 / 1e6;
                    let faults = check.faults.len();
                    writeln!(
                        out,
                        "{kind}: {tensors} tensors, {millions:.1} M numbers, {faults} faults"
                    )?;
                }
                Ok(if check.faults.is_empty() { Outcome::Done } else { Outcome::No })
            }
        }
    }
}
