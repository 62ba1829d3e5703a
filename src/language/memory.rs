//! What a model will need in memory, computed from file headers before anything is loaded.

use std::fmt;

use candle_core::Device;

use super::config::LlamaConfig;
use super::error::LanguageError;
use super::weights::Weights;

/// A memory that tensors stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryPlace {
    /// That of a GPU with memory of its own.
    Gpu,
    /// That of the host, which some GPUs share (NVIDIA Jetson).
    Host,
}

impl MemoryPlace {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Gpu, Self::Host];

    /// Where tensors of `device` stand.
    pub fn of(device: &Device) -> Self {
        match device.is_cuda() && !shares_host_memory(device) {
            true => Self::Gpu,
            false => Self::Host,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpu => "GPU",
            Self::Host => "host",
        }
    }

    /// Memory that can be had there, of the GPU that `device` is, bytes; `None` where nobody says.
    pub fn available_bytes(self, device: &Device) -> Option<u64> {
        match self {
            Self::Gpu => available_on_gpu(device),
            Self::Host => available_on_host(),
        }
    }
}

/// Bytes a model will take, and bytes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Weights as they stand in memory.
    pub weights_bytes: u64,
    /// Keys and values of the whole context.
    pub kv_cache_bytes: u64,
    /// Largest intermediate results of one prefill chunk.
    pub activations_bytes: u64,
    /// Where all of it will stand.
    pub place: MemoryPlace,
    /// Memory that can be had there; `None` where nobody says.
    pub available_bytes: Option<u64>,
}

impl MemoryPlan {
    /// The plan for `weights` on `device` with room for `positions`, of which at most `chunk` are
    /// processed at once.
    pub fn new(
        config: &LlamaConfig,
        weights: &Weights,
        device: &Device,
        positions: usize,
        chunk: usize,
    ) -> Self {
        let number_bytes = weights.compute_dtype(device).size_in_bytes();
        let rows = chunk.min(positions) as u64;
        let widest = 2 * config.intermediate_size + 4 * config.hidden_size;
        // A CPU holds those of a few strips and heads at a time; all of them where it has many threads.
        let scores = config.heads * positions;
        let place = MemoryPlace::of(device);
        Self {
            weights_bytes: weights.loaded_bytes(device),
            kv_cache_bytes: config.kv_cache_bytes(positions, number_bytes),
            activations_bytes: rows * (widest * number_bytes + scores * 4) as u64
                + 4 * config.vocab_size as u64,
            place,
            available_bytes: place.available_bytes(device),
        }
    }

    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        self.weights_bytes
            .saturating_add(self.kv_cache_bytes)
            .saturating_add(self.activations_bytes)
    }

    /// Refuses when the total is more than what is available.
    pub fn check(&self) -> Result<(), LanguageError> {
        match self.available_bytes {
            Some(available) if self.total_bytes() > available => Err(LanguageError::Memory(*self)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let place = match self.place {
            MemoryPlace::Gpu => " of the GPU",
            MemoryPlace::Host => "",
        };
        write!(
            f,
            "{:.2} GiB{place} = weights {:.2} + KV cache {:.2} + activations {:.2}",
            gib(self.total_bytes()),
            gib(self.weights_bytes),
            gib(self.kv_cache_bytes),
            gib(self.activations_bytes)
        )?;
        match self.available_bytes {
            Some(available) => write!(f, ", {:.2} GiB available", gib(available)),
            None => Ok(()),
        }
    }
}

/// Memory this machine can give without swapping, where it says so (Linux).
fn available_on_host() -> Option<u64> {
    parse_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// Whether a GPU has no memory of its own. What such a one calls free leaves out what the host
/// gives back when it is needed, so that it is the host that must be asked.
#[cfg(feature = "cuda")]
fn shares_host_memory(device: &Device) -> bool {
    use candle_core::cuda_backend::cudarc::driver::sys::CUdevice_attribute;
    let Ok(gpu) = device.as_cuda_device() else { return true };
    let integrated = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED;
    gpu.cuda_stream().context().attribute(integrated).is_ok_and(|answer| answer != 0)
}

#[cfg(not(feature = "cuda"))]
fn shares_host_memory(_: &Device) -> bool {
    true
}

/// Memory that a GPU can give, where it says so. What was let go of just now is free only when the
/// GPU has come to that.
#[cfg(feature = "cuda")]
fn available_on_gpu(device: &Device) -> Option<u64> {
    let gpu = device.as_cuda_device().ok()?;
    device.synchronize().ok()?;
    let (free_bytes, _) = gpu.cuda_stream().context().mem_get_info().ok()?;
    Some(free_bytes as u64)
}

#[cfg(not(feature = "cuda"))]
fn available_on_gpu(_: &Device) -> Option<u64> {
    None
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_with_numbers() {
        let mut plan = MemoryPlan {
            weights_bytes: 4 << 30,
            kv_cache_bytes: 1 << 30,
            activations_bytes: 1 << 29,
            place: MemoryPlace::Host,
            available_bytes: Some(5 << 30),
        };
        let error = plan.check().unwrap_err().to_string();
        assert!(error.contains("5.50 GiB = weights 4.00 + KV cache 1.00"), "{error}");
        assert!(error.contains("5.00 GiB available"), "{error}");
        plan.place = MemoryPlace::Gpu;
        let error = plan.check().unwrap_err().to_string();
        assert!(error.contains("5.50 GiB of the GPU = weights 4.00"), "{error}");
        plan.available_bytes = Some(6 << 30);
        plan.check().unwrap();
        plan.available_bytes = None;
        plan.check().unwrap();
    }

    #[test]
    fn a_cpu_computes_in_the_memory_of_the_host() {
        assert_eq!(MemoryPlace::of(&Device::Cpu), MemoryPlace::Host);
        let available = |place: MemoryPlace| place.available_bytes(&Device::Cpu);
        assert_eq!(available(MemoryPlace::Host).is_some(), cfg!(target_os = "linux"));
        assert_eq!(available(MemoryPlace::Gpu), None);
    }

    #[test]
    fn meminfo() {
        let text = "MemTotal:       24 kB\nMemFree: 1 kB\nMemAvailable:   21504 kB\n";
        assert_eq!(parse_meminfo(text), Some(21504 * 1024));
        assert_eq!(parse_meminfo("MemAvailable: many kB"), None);
        assert_eq!(parse_meminfo(""), None);
    }
}
