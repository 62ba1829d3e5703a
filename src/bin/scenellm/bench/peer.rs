//! Other programs for the same work, run by their Python scripts.

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// How often ours and the peer take turns.
pub const TURNS: usize = 3;

/// Runs `script` by the interpreter `python` and reads the JSON in the last line it prints.
pub fn run<T: DeserializeOwned>(
    python: &Path,
    script: &str,
    arguments: &[&OsStr],
) -> anyhow::Result<T> {
    let shown = python.display();
    let output = Command::new(python)
        .arg("-c")
        .arg(script)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {shown}; --peer takes a Python interpreter"))?;
    if !output.status.success() {
        bail!("the peer's script failed under {shown} ({}); its message is above", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.trim().lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .with_context(|| format!("the peer's script printed no result but {line:?}"))
}
