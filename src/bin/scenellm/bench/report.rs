//! What a bench prints and writes, and the statistics in it.

use anyhow::Context;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Under what the numbers were measured.
#[derive(Serialize)]
struct Conditions {
    version: &'static str,
    profile: &'static str,
    target: String,
    cores: usize,
}

/// Rows of a name and a value, and the same as JSON.
pub struct Table {
    title: String,
    rows: Vec<(String, String)>,
}

impl Table {
    /// An empty table; its title tells what is measured.
    pub fn new(title: String) -> Self {
        Self { title, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.rows.push((name.into(), value.into()));
    }

    /// Prints the table, and writes `result` to `json` if there is such a file.
    pub fn finish(self, json: Option<&Path>, result: &impl Serialize) -> anyhow::Result<()> {
        let conditions = Conditions {
            version: env!("CARGO_PKG_VERSION"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            cores: cores(),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", self.title)?;
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            writeln!(out, "  {name:<width$}  {value}")?;
        }
        writeln!(
            out,
            "  {:<width$}  {} {}, {}, {} cores",
            "measured by",
            conditions.version,
            conditions.profile,
            conditions.target,
            conditions.cores
        )?;
        let Some(path) = json else { return Ok(()) };
        let text = serde_json::json!({
            "bench": self.title, "conditions": conditions, "result": result,
        });
        std::fs::write(path, format!("{text:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The middle of `values`; 0 when there are none.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which the share `at` of `values` lies, between the two nearest; 0 when there
/// are none.
pub fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = at * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (sorted.get(place.floor() as usize), sorted.get(place.ceil() as usize));
    match (low, high) {
        (Some(low), Some(high)) => low + (high - low) * place.fract(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.95), 9.5);
    }
}
