//! What a process takes, as Linux tells it in `/proc`. A process is a number, or `self`.

use anyhow::Context;
use scenellm::process::memory_bytes;

/// CPU time so far, seconds.
pub fn cpu_s(process: &str) -> anyhow::Result<f64> {
    /// Clock ticks a second, which Linux fixes for programs.
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name in brackets: user and system time are the 12th and 13th field.
    let behind = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> =
        behind.split_whitespace().skip(11).take(2).map_while(|field| field.parse().ok()).collect();
    Ok(fields.iter().sum::<f64>() / TICKS)
}

/// Memory, megabytes: `VmRSS` is what is held now, `VmHWM` the most that ever was.
pub fn memory_mb(process: &str, what: &str) -> anyhow::Result<f64> {
    let bytes = memory_bytes(process, what);
    let bytes = bytes.with_context(|| format!("/proc/{process}/status tells no {what}"))?;
    Ok(bytes as f64 / f64::from(1u32 << 20))
}
