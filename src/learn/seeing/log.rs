//! What a training tells of itself while it runs: lines of JSON, and events for TensorBoard.

use super::super::LearnError;
use super::super::events::EventFile;
use super::train::SeeingStep;
use crate::process::PeakMemory;
use crate::sim::language::CheckReport;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Steps between two lines, but for measurements, which are all told.
const EVERY: u64 = 10;
/// Bytes of a GiB.
const GIB: f64 = (1u64 << 30) as f64;

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

    /// Notes at `now_s` what the check made of the sentences that are learnt from, in a line of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn checked(&mut self, now_s: f64, report: &CheckReport) -> Result<(), LearnError> {
        let (kept, rejected) = (report.kept(), report.rejected());
        let line = json!({"time_s": now_s, "sentences_kept": kept, "sentences_rejected": rejected,
            "sentences": report});
        writeln!(self.lines, "{line}").map_err(LearnError::file(&self.path))
    }

    /// Notes a step at `now_s`, when the most memory so far was `memory`; returns the tokens a second
    /// of this run so far.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note(
        &mut self,
        now_s: f64,
        memory: PeakMemory,
        step: &SeeingStep<'_>,
    ) -> Result<f64, LearnError> {
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
        let peaks = [
            ("train/peak_memory_gib", memory.host_bytes),
            ("train/peak_gpu_memory_gib", memory.gpu_bytes),
        ];
        for (name, bytes) in peaks {
            values.extend(bytes.map(|bytes| (name.to_owned(), bytes as f64 / GIB)));
        }
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
            "tokens_per_s": tokens_per_s, "peak_memory_bytes": memory.host_bytes,
            "peak_gpu_memory_bytes": memory.gpu_bytes, "watch": step.watch,
        });
        writeln!(self.lines, "{line}").map_err(LearnError::file(&self.path))?;
        Ok(tokens_per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::language::PairKind;

    fn step(step: u64) -> SeeingStep<'static> {
        SeeingStep {
            step,
            progress: 0.5,
            loss: 1.5,
            gradient: 0.25,
            learning_rate: 0.001,
            tokens: 64,
            seconds: 1.0,
            too_long: 0,
            watch: None,
        }
    }

    #[test]
    fn sentences_are_counted_in_a_line_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = TrainingLog::open(folder.path(), 1000.0).unwrap();
        let mut report = CheckReport::default();
        report.kept.insert(PairKind::Question, 5);
        report.rejected.insert(PairKind::Dialogue, [("absent", 2)].into());
        log.checked(1000.5, &report).unwrap();
        let lines = std::fs::read_to_string(folder.path().join("log/training.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
        assert_eq!((&line["sentences_kept"], &line["sentences_rejected"]), (&json!(5), &json!(2)));
        assert_eq!(line["sentences"]["rejected"]["dialogue"]["absent"], 2);
    }

    #[test]
    fn lines_and_events_tell_speed_and_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = TrainingLog::open(folder.path(), 1000.0).unwrap();
        let memory = PeakMemory { host_bytes: Some(3 << 30), gpu_bytes: None };
        for (now_s, at) in [(1001.0, EVERY - 1), (1002.0, EVERY)] {
            assert_eq!(log.note(now_s, memory, &step(at)).unwrap(), 64.0);
        }
        let lines = std::fs::read_to_string(folder.path().join("log/training.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(line["step"], EVERY);
        assert_eq!(line["tokens_per_s"], 64.0);
        assert_eq!(line["peak_memory_bytes"], 3u64 << 30);
        assert!(line["peak_gpu_memory_bytes"].is_null());
        let events = folder.path().join("log/events.out.tfevents.1000.scenellm");
        let events = std::fs::read(events).unwrap();
        let find = |name: &[u8]| events.windows(name.len()).position(|part| part == name);
        let name = b"train/peak_memory_gib";
        // Behind the name: one byte that says what follows, then the number.
        let at = find(name).unwrap() + name.len() + 1;
        assert_eq!(events[at..at + 4], 3f32.to_le_bytes());
        assert_eq!(find(b"train/peak_gpu_memory_gib"), None, "nobody told");
    }
}
