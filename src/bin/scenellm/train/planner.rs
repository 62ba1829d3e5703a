//! `scenellm train planner`: make a planner from human goals.

use super::command::command_line;
use super::log::{now_s, open_log};
use super::memory::memory_in_words;
use crate::{Outcome, progress};
use clap::Args;
use scenellm::learn::{PlannerTraining, read_alfred, read_taught, train_planner};
use scenellm::process::PeakMemory;
use scenellm::tasks::ActionVocabulary;
use std::io::Write;
use std::path::PathBuf;

/// Train a planner on human goals and expert plans.
///
/// Stop it at any time: the same command goes on from the last checkpoint, to the same result.
#[derive(Args)]
pub struct TrainPlanner {
    /// What to train and how.
    #[arg(long, default_value = "config/train/nano.yaml")]
    config: PathBuf,
    /// ALFRED trajectories, one a line (.jsonl or .jsonl.gz).
    #[arg(long)]
    data: PathBuf,
    /// Answers of a teacher to learn from as well, one goal a line (.jsonl or .jsonl.gz).
    #[arg(long)]
    taught: Option<PathBuf>,
    /// Vocabulary of actions and words (YAML); ALFRED's own unless given.
    #[arg(long)]
    vocabulary: Option<PathBuf>,
    /// Model folder to write; its `checkpoint` and `log` folders can be removed when the training
    /// is over. TensorBoard reads `log`.
    #[arg(long)]
    out: PathBuf,
    /// Print one JSON object a measurement instead of a progress bar.
    #[arg(long)]
    json: bool,
}

impl TrainPlanner {
    /// Trains to the end.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = PlannerTraining::read(&self.config)?;
        let trajectories = read_alfred(&self.data)?;
        let taught = match &self.taught {
            Some(path) => read_taught(path)?,
            None => Vec::new(),
        };
        let vocabulary = match &self.vocabulary {
            Some(path) => ActionVocabulary::read(path)?,
            None => ActionVocabulary::alfred(),
        };
        let mut log = open_log(&self.out)?;
        let bar = progress::bar(10_000, "training");
        let mut watched = None;
        let mut told: anyhow::Result<()> = Ok(());
        let (out, command) = (self.out.as_path(), command_line());
        let command = Some(command.as_str());
        train_planner(&config, &trajectories, &taught, &vocabulary, out, command, &mut |step| {
            let peak = PeakMemory::of_host();
            let rate = match log.note(now_s(), peak, step) {
                Ok(rate) => rate,
                Err(error) => {
                    told = Err(error.into());
                    return false;
                }
            };
            bar.set_position((step.progress * 10_000.0) as u64);
            let held = memory_in_words(peak);
            bar.set_message(format!("loss {:.3} · {rate:.0} tokens/s{held}", step.loss));
            if step.watch != watched {
                watched = step.watch;
                if let Some(watch) = watched {
                    if self.json {
                        let line = serde_json::json!({"watch": watch, "tokens_per_s": rate,
                            "peak_memory_bytes": peak.host_bytes});
                        told = writeln!(std::io::stdout(), "{line}").map_err(anyhow::Error::from);
                    } else {
                        let line = format!(
                            "step {}: held-out loss {:.4}, plans right {:.1} %, {:.1} % but for places",
                            watch.step,
                            watch.loss,
                            100.0 * watch.exact,
                            100.0 * watch.exact_without_places
                        );
                        progress::tell(&bar, &line);
                    }
                }
            }
            // Nobody listens any more: what was learnt stays in the checkpoint.
            told.is_ok()
        })?;
        bar.finish_and_clear();
        told?;
        writeln!(std::io::stdout(), "wrote {}", self.out.display())?;
        Ok(Outcome::Done)
    }
}
