//! What a few steps of a training take.

use super::dry_run::{gib, tokens};
use candle_core::Device;
use scenellm::learn::seeing::{SeeingStep, SeeingTraining, TrainingMemory};
use serde::Serialize;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often it is asked how much memory of the GPU is in use.
const EVERY: Duration = Duration::from_millis(200);

/// Steps as they go.
pub struct Trial {
    steps: Vec<TrialStep>,
    gpu: Option<GpuWatch>,
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
    /// Begins before anything is loaded.
    pub fn begin(device: &Device) -> Self {
        Self { steps: Vec::new(), gpu: device.is_cuda().then(GpuWatch::begin) }
    }

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

    /// Prints what the steps of `config` took.
    pub fn print(self, config: &SeeingTraining, json: bool) -> anyhow::Result<()> {
        let told = Told {
            steps: &self.steps,
            planned_bytes: TrainingMemory::of(config, tokens(config)).total_bytes(),
            host_bytes: most_held(),
            gpu_bytes: self.gpu.and_then(GpuWatch::end),
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

/// The most memory that this process ever held, bytes, where the system tells (Linux).
fn most_held() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Asks the driver, for as long as it lives, how much memory of the fullest GPU is in use.
struct GpuWatch {
    ends: Arc<AtomicBool>,
    asks: JoinHandle<Option<u64>>,
}

impl GpuWatch {
    fn begin() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let asks = thread::spawn(move || {
            let mut most = None;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(Some(gpu_in_use()?));
                thread::sleep(EVERY);
            }
            most
        });
        Self { ends, asks }
    }

    /// The most that was in use, bytes; `None` where there is no driver to ask.
    fn end(self) -> Option<u64> {
        self.ends.store(true, Ordering::Relaxed);
        self.asks.join().ok().flatten()
    }
}

/// Bytes in use on the fullest GPU.
fn gpu_in_use() -> Option<u64> {
    let asked = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.used", "--format=csv,noheader,nounits"])
        .output()
        .ok()?;
    let told = String::from_utf8(asked.stdout).ok()?;
    let mib = told.lines().filter_map(|line| line.trim().parse::<u64>().ok()).max()?;
    Some(mib << 20)
}
