//! What a process takes, as Linux tells it in `/proc`. A process is a number, or `self`.

use anyhow::Context;

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
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    Ok(kib.with_context(|| format!("{path} has no {what}"))? / 1024.0)
}
