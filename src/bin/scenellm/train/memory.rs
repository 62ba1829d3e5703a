//! How much memory a training takes, told while it goes on.

use super::dry_run::gib;
use candle_core::Device;
use scenellm::process::PeakMemory;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often a GPU is asked in a trial, which is over after a few steps.
pub const IN_A_TRIAL: Duration = Duration::from_millis(200);
/// How often it is asked in a training: seldom, for each time a program is started.
pub const IN_A_TRAINING: Duration = Duration::from_secs(5);

/// Knows the most memory that was in use since it began, and on the host before, too.
pub struct MemoryWatch {
    gpu: Option<GpuWatch>,
}

impl MemoryWatch {
    /// Begins before anything is loaded; a GPU is asked again after `every`.
    pub fn begin(device: &Device, every: Duration) -> Self {
        Self { gpu: device.is_cuda().then(|| GpuWatch::begin(every)) }
    }

    /// The most so far.
    pub fn peak(&self) -> PeakMemory {
        let gpu_bytes = self.gpu.as_ref().and_then(GpuWatch::most);
        PeakMemory { gpu_bytes, ..PeakMemory::of_host() }
    }
}

/// The end of a progress line; empty where nobody tells.
pub fn memory_in_words(peak: PeakMemory) -> String {
    let told = [(peak.host_bytes, ""), (peak.gpu_bytes, " of the GPU")];
    let told = told.into_iter().filter_map(|(bytes, whose)| Some((gib(bytes?), whose)));
    told.fold(String::new(), |text, (gib, whose)| format!("{text} · at most {gib} GiB{whose}"))
}

/// Asks the driver, for as long as it lives, how much memory of the fullest GPU is in use.
struct GpuWatch(Arc<AtomicU64>);

impl GpuWatch {
    fn begin(every: Duration) -> Self {
        let most = Arc::<AtomicU64>::default();
        let heard = Arc::downgrade(&most);
        // Ends when nobody listens any more, or at once where there is no driver to ask.
        thread::spawn(move || {
            while let (Some(most), Some(bytes)) = (heard.upgrade(), gpu_in_use()) {
                most.fetch_max(bytes, Ordering::Relaxed);
                drop(most);
                thread::sleep(every);
            }
        });
        Self(most)
    }

    /// The most that was in use, bytes; `None` where the driver told nothing so far.
    fn most(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_ends_with_what_is_told() {
        let mut peak = PeakMemory::default();
        assert_eq!(memory_in_words(peak), "");
        peak.host_bytes = Some(3 << 29);
        assert_eq!(memory_in_words(peak), " · at most 1.50 GiB");
        peak.gpu_bytes = Some(5 << 30);
        let both = " · at most 1.50 GiB · at most 5.00 GiB of the GPU";
        assert_eq!(memory_in_words(peak), both);
    }

    #[test]
    fn without_a_gpu_nobody_is_asked() {
        let peak = MemoryWatch::begin(&Device::Cpu, IN_A_TRIAL).peak();
        assert_eq!(peak.gpu_bytes, None);
        assert_eq!(peak.host_bytes.is_some(), cfg!(target_os = "linux"));
    }
}
