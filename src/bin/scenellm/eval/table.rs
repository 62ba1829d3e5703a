//! Scores as tables and as JSON.

use anyhow::{Context, ensure};
use scenellm::learn::Interval;
use scenellm::report::{Bar, BarChart};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

/// Width of pictures, pixels.
const PICTURE_PX: u32 = 900;

/// Rows of scores under a head.
pub struct Table {
    head: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// An empty table with these columns behind the names of the rows.
    pub fn new(columns: &[&str]) -> Self {
        Self { head: columns.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, name: &str, cells: Vec<String>) {
        self.rows.push((name.to_owned(), cells));
    }

    /// Prints it, each column as wide as its widest cell.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let letters = |text: &str| text.chars().count();
        let name_width = self.rows.iter().map(|(name, _)| letters(name)).max().unwrap_or(0);
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(at));
            cells.chain(self.head.get(at)).map(|cell| letters(cell)).max().unwrap_or(0)
        };
        let head = (String::new(), self.head.clone());
        for (name, cells) in std::iter::once(&head).chain(&self.rows) {
            write!(out, "{name:<name_width$}")?;
            for (at, cell) in cells.iter().enumerate() {
                write!(out, "  {cell:>0$}", width(at))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A mean with its interval.
pub fn share(value: f64, interval: Interval) -> String {
    let [value, low, high] = [value, interval.low, interval.high].map(|score| decimals(score, 3));
    format!("{value} [{low}, {high}]")
}

/// A number with so many decimals. What comes to zero has no sign: the mean of nothing is -0.0.
pub fn decimals(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.parse::<f64>() == Ok(0.0) => zero.to_owned(),
        _ => text,
    }
}

/// Prints how many homes were left out, by the reason.
pub fn tell_left_out(out: &mut impl Write, left_out: &BTreeMap<String, usize>) -> io::Result<()> {
    for (reason, times) in left_out {
        writeln!(out, "{times} × left out: {reason}")?;
    }
    Ok(())
}

/// Writes `scores` to `path`, if there is one.
pub fn write_json(path: Option<&Path>, scores: &impl Serialize) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = format!("{:#}\n", serde_json::to_value(scores)?);
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A bar for a mean with its interval.
pub fn scored(name: impl Into<String>, group: usize, value: f64, interval: Interval) -> Bar {
    Bar { name: name.into(), value, interval: [interval.low, interval.high], group }
}

/// Sees that `path`, if there is one, is that of a picture: it is drawn when all is measured, and what was
/// measured would be lost.
pub fn check_picture(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let ending = path.extension().and_then(OsStr::to_str);
    ensure!(
        matches!(ending, Some("png" | "svg")),
        "--picture {}: the name must end in .png or .svg",
        path.display()
    );
    Ok(())
}

/// Draws scores to `path`, if there is one.
pub fn write_picture(path: Option<&Path>, title: &str, bars: Vec<Bar>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    Ok(BarChart { title: title.to_owned(), bars }.write(path, PICTURE_PX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(&["goals", "full plan"]);
        table.row("heat", vec!["12".into(), share(0.5, Interval { low: 0.25, high: 0.75 })]);
        table.row("all of them", vec!["4".into(), "—".into()]);
        let mut text = Vec::new();
        table.print(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "             goals             full plan");
        assert_eq!(lines[1], "heat            12  0.500 [0.250, 0.750]");
        assert_eq!(lines[2], "all of them      4                     —");
    }

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(share(-0.0, Interval { low: -0.0004, high: 0.0 }), "0.000 [0.000, 0.000]");
        assert_eq!((decimals(-0.004, 2), decimals(-0.006, 2)), ("0.00".into(), "-0.01".into()));
        assert_eq!(decimals(0.0625, 3), format!("{:.3}", 0.0625));
    }

    #[test]
    fn pictures_that_cannot_be_written_are_told_before() {
        let folder = tempfile::tempdir().unwrap();
        let fault = |name: &str| {
            let path = folder.path().join(name);
            check_picture(Some(path.as_path())).err().map(|error| error.to_string())
        };
        assert_eq!((fault("scores.png"), fault("scores.svg")), (None, None));
        assert!(fault("scores.txt").unwrap().contains(".png or .svg"));
        assert!(fault("scores").unwrap().contains(".png or .svg"));
        assert!(check_picture(Some(Path::new("scores.png"))).is_ok());
        assert!(check_picture(None).is_ok());
    }
}
