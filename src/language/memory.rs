//! What a model will need in memory, computed from file headers before anything is loaded.

use std::fmt;

use candle_core::Device;

use super::config::LlamaConfig;
use super::error::LanguageError;
use super::weights::Weights;

/// Bytes a model will take, and bytes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Weights as they stand in memory.
    pub weights_bytes: u64,
    /// Keys and values of the whole context.
    pub kv_cache_bytes: u64,
    /// Largest intermediate results of one prefill chunk.
    pub activations_bytes: u64,
    /// Memory that can be had; `None` where the system does not say.
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
        let scores = if device.is_cpu() { 0 } else { config.heads * positions };
        Self {
            weights_bytes: weights.loaded_bytes(device),
            kv_cache_bytes: config.kv_cache_bytes(positions, number_bytes),
            activations_bytes: rows * (widest * number_bytes + scores * 4) as u64
                + 4 * config.vocab_size as u64,
            available_bytes: if device.is_cpu() { available_memory() } else { None },
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
        write!(
            f,
            "{:.2} GiB = weights {:.2} + KV cache {:.2} + activations {:.2}",
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
pub fn available_memory() -> Option<u64> {
    parse_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
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
            available_bytes: Some(5 << 30),
        };
        let error = plan.check().unwrap_err().to_string();
        assert!(error.contains("5.50 GiB = weights 4.00 + KV cache 1.00"), "{error}");
        assert!(error.contains("5.00 GiB available"), "{error}");
        plan.available_bytes = Some(6 << 30);
        plan.check().unwrap();
        plan.available_bytes = None;
        plan.check().unwrap();
    }

    #[test]
    fn meminfo() {
        let text = "MemTotal:       24 kB\nMemFree: 1 kB\nMemAvailable:   21504 kB\n";
        assert_eq!(parse_meminfo(text), Some(21504 * 1024));
        assert_eq!(parse_meminfo("MemAvailable: many kB"), None);
        assert_eq!(parse_meminfo(""), None);
    }
}
