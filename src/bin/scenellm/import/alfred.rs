//! `scenellm import alfred`: a split of ALFRED's public release as one file of lines.

use crate::{Outcome, paths, progress};
use anyhow::Context;
use clap::{Args, ValueEnum};
use scenellm::learn::{alfred_files, import_alfred, write_lines};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

/// So many damaged files are named one by one; of more, only the number is told.
const MOST_NAMED: usize = 20;

/// Write trajectories of ALFRED's public release as the lines that `--data` of other commands takes.
///
/// Files that are damaged are named, counted and left out.
#[derive(Args)]
pub struct ImportAlfred {
    /// The unpacked release: the folder json_2.1.0 (json_feat_2.1.0 and full_2.1.0 hold the same).
    release: PathBuf,
    /// Which of its trajectories; those of the test splits tell no plan.
    #[arg(long, value_enum)]
    split: Split,
    /// File to write (.jsonl or .jsonl.gz).
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    out: PathBuf,
    /// Write nothing when a file is damaged.
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Split {
    Train,
    ValidSeen,
    ValidUnseen,
}

impl Split {
    /// Name of its folder.
    fn folder(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::ValidSeen => "valid_seen",
            Self::ValidUnseen => "valid_unseen",
        }
    }
}

impl ImportAlfred {
    /// Imports and prints what there was.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let split = self.release.join(self.split.folder());
        let files = alfred_files(&split).with_context(|| {
            format!("{} is not the unpacked release of ALFRED", self.release.display())
        })?;
        let bar = progress::bar(files.len() as u64, "importing");
        let (mut goals, mut left_out, mut homes) = (0, 0, BTreeSet::new());
        let lines = files.iter().filter_map(|file| {
            let line = import_alfred(file);
            bar.inc(1);
            match &line {
                Ok(line) => {
                    goals += line.goals();
                    homes.insert(line.scene().to_owned());
                    bar.set_message(format!("{goals} goals, {left_out} files left out"));
                }
                Err(error) if !self.strict => {
                    left_out += 1;
                    if left_out <= MOST_NAMED {
                        bar.suspend(|| tracing::warn!("left out: {error}"));
                    }
                    return None;
                }
                Err(_) => {}
            }
            Some(line)
        });
        write_lines(&self.out, lines)?;
        bar.finish_and_clear();
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "wrote {}: {} trajectories in {} homes, {goals} goals",
            self.out.display(),
            files.len() - left_out,
            homes.len()
        )?;
        if left_out > 0 {
            writeln!(out, "{left_out} damaged files were left out")?;
        }
        Ok(Outcome::Done)
    }
}
