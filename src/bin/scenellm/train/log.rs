//! The log of a training, which knows no clock of its own.

use anyhow::Context;
use scenellm::learn::TrainingLog;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The log of a model folder, which is made where there is none.
pub fn open_log(out: &Path) -> anyhow::Result<TrainingLog> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(TrainingLog::open(out, now_s())?)
}

/// Seconds since 1970.
pub fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
