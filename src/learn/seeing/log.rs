//! What a training tells of itself while it runs: lines of JSON, and events for TensorBoard.

use super::super::LearnError;
use super::super::events::EventFile;
use super::train::SeeingStep;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Steps between two lines, but for measurements, which are all told.
const EVERY: u64 = 10;

/// The log in a model folder: `log/training.jsonl`, which a training that goes on makes longer, and
/// an event file for every run.
#[derive(Debug)]
pub struct TrainingLog {
    path: PathBuf,
    lines: File,
    events: EventFile,
    started_s: f64,
    tokens: usize,
}

impl TrainingLog {
    /// Opens the log of the model folder `out` at `now_s`, seconds since 1970.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn open(out: &Path, now_s: f64) -> Result<Self, LearnError> {
        let folder = out.join("log");
        std::fs::create_dir_all(&folder).map_err(LearnError::file(&folder))?;
        let path = folder.join("training.jsonl");
        let lines = OpenOptions::new().create(true).append(true).open(&path);
        let lines = lines.map_err(LearnError::file(&path))?;
        let events = EventFile::create(&folder, now_s)?;
        Ok(Self { path, lines, events, started_s: now_s, tokens: 0 })
    }

    /// Notes a step at `now_s`; returns the tokens a second of this run so far.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note(&mut self, now_s: f64, step: &SeeingStep<'_>) -> Result<f64, LearnError> {
        self.tokens += step.tokens;
        let tokens_per_s = self.tokens as f64 / (now_s - self.started_s).max(1e-3);
        if step.watch.is_none() && !step.step.is_multiple_of(EVERY) {
            return Ok(tokens_per_s);
        }
        let mut values = vec![
            ("train/loss".to_string(), step.loss),
            ("train/gradient".into(), step.gradient),
            ("train/learning_rate".into(), step.learning_rate),
            ("train/tokens_per_s".into(), tokens_per_s),
        ];
        for (kind, both) in step.watch.into_iter().flat_map(|watch| &watch.kinds) {
            for (eyes, graded) in ["seen", "blind"].iter().zip(both) {
                values.push((format!("{kind}/{eyes}/loss"), graded.loss));
                values.push((format!("{kind}/{eyes}/exact"), graded.exact));
                let name = format!("{kind}/{eyes}/exact_without_places");
                values.push((name, graded.exact_without_places));
            }
        }
        self.events.scalars(now_s, step.step, &values)?;
        let line = json!({
            "time_s": now_s, "step": step.step, "progress": step.progress, "loss": step.loss,
            "gradient": step.gradient, "learning_rate": step.learning_rate,
            "tokens_per_s": tokens_per_s, "watch": step.watch,
        });
        writeln!(self.lines, "{line}").map_err(LearnError::file(&self.path))?;
        Ok(tokens_per_s)
    }
}
