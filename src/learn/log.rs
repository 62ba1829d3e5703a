//! What a training tells of itself while it runs: lines of JSON, and events for TensorBoard.

use super::LearnError;
use super::events::EventFile;
use crate::process::PeakMemory;
use crate::sim::language::CheckReport;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Steps between two lines, but for measurements, which are all told.
const EVERY: u64 = 10;
/// Bytes of a GiB.
const GIB: f64 = (1u64 << 30) as f64;

/// A step of a training, as its log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedStep {
    /// Steps done.
    pub step: u64,
    /// Progress of the whole training, 0..=1.
    pub progress: f64,
    /// Training loss.
    pub loss: f64,
    /// Length of the gradient before clipping.
    pub gradient: f64,
    /// Learning rate.
    pub learning_rate: f64,
    /// How much was worked on, and of what: `tokens`, `views`.
    pub worked_on: (usize, &'static str),
    /// The measurement on what is held out, where this step ended in one.
    pub watch: Option<Value>,
    /// Its numbers, by the names that TensorBoard shows.
    pub measured: Vec<(String, f64)>,
}

/// The log in a model folder: `log/training.jsonl`, which a training that goes on makes longer, and
/// an event file for every run.
#[derive(Debug)]
pub struct TrainingLog {
    path: PathBuf,
    lines: File,
    events: EventFile,
    started_s: f64,
    worked_on: usize,
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
        Ok(Self { path, lines, events, started_s: now_s, worked_on: 0 })
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

    /// Notes a step at `now_s`, when the most memory so far was `memory`; returns how much was
    /// worked on a second in this run so far.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note(
        &mut self,
        now_s: f64,
        memory: PeakMemory,
        step: impl Into<LoggedStep>,
    ) -> Result<f64, LearnError> {
        let step: LoggedStep = step.into();
        let (count, unit) = step.worked_on;
        self.worked_on += count;
        let per_s = self.worked_on as f64 / (now_s - self.started_s).max(1e-3);
        if step.watch.is_none() && !step.step.is_multiple_of(EVERY) {
            return Ok(per_s);
        }
        let speed = format!("{unit}_per_s");
        let mut values = vec![
            ("train/loss".to_string(), step.loss),
            ("train/gradient".into(), step.gradient),
            ("train/learning_rate".into(), step.learning_rate),
            (format!("train/{speed}"), per_s),
        ];
        let peaks = [
            ("train/peak_memory_gib", memory.host_bytes),
            ("train/peak_gpu_memory_gib", memory.gpu_bytes),
        ];
        for (name, bytes) in peaks {
            values.extend(bytes.map(|bytes| (name.to_owned(), bytes as f64 / GIB)));
        }
        values.extend(step.measured);
        self.events.scalars(now_s, step.step, &values)?;
        let mut line = json!({
            "time_s": now_s, "step": step.step, "progress": step.progress, "loss": step.loss,
            "gradient": step.gradient, "learning_rate": step.learning_rate,
            "peak_memory_bytes": memory.host_bytes, "peak_gpu_memory_bytes": memory.gpu_bytes,
            "watch": step.watch,
        });
        line[speed.as_str()] = per_s.into();
        writeln!(self.lines, "{line}").map_err(LearnError::file(&self.path))?;
        Ok(per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::seeing::SeeingStep;
    use crate::learn::{StepReport, VisionStep, VisionWatch, Watch};
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

    /// The lines and the events of a training that takes this step, and the same once more.
    fn told<'a, S>(step: &'a S, again: &'a S) -> (Vec<Value>, Vec<u8>)
    where
        LoggedStep: From<&'a S>,
    {
        let folder = tempfile::tempdir().unwrap();
        let mut log = TrainingLog::open(folder.path(), 1000.0).unwrap();
        log.note(1002.0, PeakMemory::default(), step).unwrap();
        log.note(1003.0, PeakMemory::default(), again).unwrap();
        let lines = std::fs::read_to_string(folder.path().join("log/training.jsonl")).unwrap();
        let events = folder.path().join("log/events.out.tfevents.1000.scenellm");
        let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        (lines.collect(), std::fs::read(events).unwrap())
    }

    #[track_caller]
    fn assert_names(events: &[u8], names: &[&str]) {
        for name in names {
            let is_there = events.windows(name.len()).any(|part| part == name.as_bytes());
            assert!(is_there, "{name} is not in the events");
        }
    }

    #[test]
    fn planners_and_eyes_are_told_of_in_the_same_way() {
        let watch = Watch { step: 3, loss: 0.5, exact: 0.25, exact_without_places: 0.75 };
        let step = StepReport {
            step: 3,
            progress: 0.5,
            loss: 1.5,
            gradient: 0.25,
            learning_rate: 0.001,
            tokens: 64,
            watch: Some(watch),
        };
        // The newest measurement is still that of the step before.
        let (lines, events) = told(&step, &StepReport { step: 4, ..step });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((&lines[0]["step"], &lines[0]["tokens_per_s"]), (&json!(3), &json!(32.0)));
        assert_eq!(lines[0]["watch"]["exact"], 0.25);
        assert_names(&events, &["train/loss", "train/gradient", "train/tokens_per_s"]);
        assert_names(&events, &["plan/blind/loss", "plan/blind/exact_without_places"]);

        let watch = VisionWatch { step: 3, cells: 0.5, ..VisionWatch::default() };
        let step = VisionStep {
            step: 3,
            steps: 6,
            loss: 1.5,
            gradient: 0.25,
            learning_rate: 0.001,
            views: 8,
            watch: Some(watch),
        };
        let (lines, events) = told(&step, &VisionStep { step: 4, ..step });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((&lines[0]["progress"], &lines[0]["views_per_s"]), (&json!(0.5), &json!(4.0)));
        assert_eq!(lines[0]["watch"]["cells"], 0.5);
        assert_names(
            &events,
            &["train/views_per_s", "held_out/cells", "held_out/things_precision"],
        );
    }
}
