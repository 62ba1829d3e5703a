//! What a few steps of a training take.

use super::dry_run::{gib, tokens};
use scenellm::learn::seeing::{SeeingStep, SeeingTraining, TrainingMemory};
use scenellm::process::PeakMemory;
use serde::Serialize;
use std::io::Write;

/// Steps as they go.
#[derive(Default)]
pub struct Trial {
    steps: Vec<TrialStep>,
}

/// A step as it went.
#[derive(Serialize)]
struct TrialStep {
    step: u64,
    loss: f64,
    gradient: f64,
    tokens: usize,
    seconds: f64,
    tokens_per_s: f64,
}

/// All that is told in the end.
#[derive(Serialize)]
struct Told<'a> {
    steps: &'a [TrialStep],
    planned_bytes: u64,
    /// The most that this process held, where the system tells.
    host_bytes: Option<u64>,
    /// The most that was in use on a GPU, by all that ran there, where its driver tells.
    gpu_bytes: Option<u64>,
}

impl Trial {
    /// Notes a step.
    pub fn note(&mut self, step: &SeeingStep<'_>) {
        self.steps.push(TrialStep {
            step: step.step,
            loss: step.loss,
            gradient: step.gradient,
            tokens: step.tokens,
            seconds: step.seconds,
            tokens_per_s: step.tokens as f64 / step.seconds.max(1e-9),
        });
    }

    /// Prints what the steps of `config` took; `peak` is the most memory while they were taken.
    pub fn print(
        self,
        config: &SeeingTraining,
        peak: PeakMemory,
        json: bool,
    ) -> anyhow::Result<()> {
        let told = Told {
            steps: &self.steps,
            planned_bytes: TrainingMemory::of(config, tokens(config)).total_bytes(),
            host_bytes: peak.host_bytes,
            gpu_bytes: peak.gpu_bytes,
        };
        let mut out = std::io::stdout().lock();
        if json {
            writeln!(out, "{}", serde_json::to_string(&told)?)?;
            return Ok(());
        }
        for TrialStep { step, loss, gradient, tokens, seconds, tokens_per_s } in told.steps {
            writeln!(
                out,
                "step {step}: loss {loss:.4}, gradient {gradient:.3}; {tokens} tokens in {seconds:.1} s, \
                 {tokens_per_s:.1} tokens/s"
            )?;
        }
        write!(out, "memory: {} GiB planned", gib(told.planned_bytes))?;
        for (bytes, whose) in [(told.host_bytes, "of the host"), (told.gpu_bytes, "of the GPU")] {
            if let Some(bytes) = bytes {
                write!(out, ", at most {} GiB {whose} in use", gib(bytes))?;
            }
        }
        writeln!(out)?;
        Ok(())
    }
}
