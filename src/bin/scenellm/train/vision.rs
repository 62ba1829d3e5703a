//! `scenellm train vision`: teach a small RGB-D transformer on rendered homes.

use super::log::{now_s, open_log};
use super::memory::{IN_A_TRAINING, MemoryWatch, memory_in_words};
use crate::{Outcome, progress};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::learn::{Frames, VisionStep, VisionTraining, read_alfred_tasks, train_vision};
use scenellm::process::PeakMemory;
use std::io::Write;
use std::path::PathBuf;

/// Teach a small RGB-D transformer to see, on rendered views of simulated homes.
///
/// First the views are rendered, once; then the training reads them. Stop it at any time: the same
/// command goes on from there, to the same result. At each checkpoint the model in the folder is
/// ready for use.
#[derive(Args)]
pub struct TrainVision {
    /// What to train and how.
    #[arg(long, default_value = "config/train/vision.yaml")]
    config: PathBuf,
    /// ALFRED trajectories whose homes are seen, one a line (.jsonl or .jsonl.gz); procedural homes
    /// only unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the rendered views, which several trainings may share; `frames` in the model folder
    /// unless given.
    #[arg(long)]
    frames: Option<PathBuf>,
    /// Model folder to write; its folders `checkpoint`, `frames` and `log` can be removed when the
    /// training is over. TensorBoard reads `log`.
    #[arg(long)]
    out: PathBuf,
    /// auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print one JSON object a measurement instead of a progress bar.
    #[arg(long)]
    json: bool,
}

impl TrainVision {
    /// Renders, then trains to the end.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = VisionTraining::read(&self.config)?;
        let device = parse_device(&self.device)?;
        let tasks = match &self.data {
            Some(path) => read_alfred_tasks(path, &[])?,
            None => Vec::new(),
        };
        let folder = self.frames.clone().unwrap_or_else(|| self.out.join("frames"));
        let bar = progress::bar(0, "rendering homes");
        let rendered = Frames::render(&folder, &config.homes, &tasks, &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            true
        })?;
        bar.finish_and_clear();
        let Some(frames) = rendered else { return Ok(Outcome::No) };
        drop(tasks);
        let memory = MemoryWatch::begin(&device, IN_A_TRAINING);
        let mut log = open_log(&self.out)?;
        let bar = progress::bar(config.steps, "training");
        let mut watched = None;
        let mut told: anyhow::Result<()> = Ok(());
        train_vision(&config, &frames, &device, &self.out, &mut |step| {
            let peak = memory.peak();
            let rate = match log.note(now_s(), peak, step) {
                Ok(rate) => rate,
                Err(error) => {
                    told = Err(error.into());
                    return false;
                }
            };
            bar.set_position(step.step);
            let held = memory_in_words(peak);
            bar.set_message(format!("loss {:.3} · {rate:.1} views/s{held}", step.loss));
            if step.watch != watched {
                watched = step.watch;
                told = self.tell(step, rate, peak, &bar).map_err(anyhow::Error::from);
            }
            // Nobody listens any more: what was learnt stays in the checkpoint.
            told.is_ok()
        })?;
        bar.finish_and_clear();
        told?;
        writeln!(std::io::stdout(), "wrote {}", self.out.display())?;
        Ok(Outcome::Done)
    }

    fn tell(
        &self,
        step: &VisionStep,
        views_per_s: f64,
        peak: PeakMemory,
        bar: &indicatif::ProgressBar,
    ) -> std::io::Result<()> {
        let Some(watch) = step.watch else { return Ok(()) };
        if self.json {
            let line = serde_json::json!({
                "watch": watch,
                "loss": step.loss,
                "gradient": step.gradient,
                "views_per_s": views_per_s,
                "peak_memory_bytes": peak.host_bytes,
                "peak_gpu_memory_bytes": peak.gpu_bytes,
            });
            return writeln!(std::io::stdout(), "{line}");
        }
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let line = format!(
            "step {}: loss {:.3}; held-out cells {}, names {}, things {} (precision {}), \
             states {}",
            watch.step,
            step.loss,
            percent(watch.cells),
            percent(watch.names),
            percent(watch.things),
            percent(watch.things_precision),
            percent(watch.states)
        );
        progress::tell(bar, &line);
        Ok(())
    }
}
