//! The same encoder by PyTorch, in a process of its own.

use super::super::peer;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;

const SCRIPT: &str = include_str!("../../../../../benches/peers/vision_torch.py");

/// What the peer is asked to do.
#[derive(Serialize)]
pub struct Job<'a> {
    pub encoder: &'static str,
    /// Folder with the weights.
    pub weights: &'a Path,
    /// File of the picture.
    pub picture: &'a Path,
    /// Folder for what comes out.
    pub outputs: &'a Path,
    pub threads: usize,
    /// How often each step is measured, besides once to warm up.
    pub rounds: Vec<usize>,
    /// Rows and columns of patches.
    pub grid: Option<[usize; 2]>,
    /// Of the text that is read.
    pub tokens: Vec<u32>,
    /// What is looked for.
    pub names: [&'static str; 3],
    /// What is pointed at.
    pub point_px: [f32; 2],
}

/// What the peer says to that.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Told {
    /// Median seconds of each step.
    Ran { program: String, seconds: Vec<f64> },
    /// Why it cannot.
    Lacks { no_peer: String },
}

impl Job<'_> {
    /// One turn of the peer.
    pub fn run(&self, python: &Path) -> anyhow::Result<Told> {
        let path = self.outputs.join("job.json");
        std::fs::write(&path, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        peer::run(python, SCRIPT, &[path.as_os_str()])
    }

    /// The numbers that a step gave in the last turn; `None` where it gives none.
    pub fn output(&self, step: usize) -> anyhow::Result<Option<Vec<f32>>> {
        let path = self.outputs.join(format!("{step}.f32"));
        if !path.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path)?;
        let numbers = bytes.as_chunks::<4>().0.iter();
        Ok(Some(numbers.map(|number| f32::from_le_bytes(*number)).collect()))
    }
}

/// The largest difference between two programs' numbers, as a share of the largest number.
///
/// # Errors
///
/// When they are not as many: then it was not the same that they did.
pub fn apart(ours: &[f32], theirs: &[f32]) -> anyhow::Result<f64> {
    if ours.len() != theirs.len() {
        bail!("we give {} numbers, the peer gives {}", ours.len(), theirs.len());
    }
    // What is no number stays none.
    let most = |most: f32, next: f32| if next > most || next.is_nan() { next } else { most };
    let off = ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs());
    let size = theirs.iter().map(|number| number.abs());
    Ok(f64::from(off.fold(0.0, most)) / f64::from(size.fold(0.0, most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shares_of_the_largest_number() {
        assert_eq!(apart(&[1.0, -3.0], &[1.0, -4.0]).unwrap(), 0.25);
        assert!(apart(&[f32::NAN, 1.0], &[1.0, 1.0]).unwrap().is_nan());
        assert!(apart(&[1.0], &[1.0, 2.0]).is_err());
    }

    #[test]
    fn the_peer_tells_times_or_why_there_are_none() {
        let told: Told = serde_json::from_str(r#"{"program": "P 1", "seconds": [2.5]}"#).unwrap();
        assert!(matches!(told, Told::Ran { seconds, .. } if seconds == [2.5]));
        let told: Told = serde_json::from_str(r#"{"no_peer": "mobile_sam: not there"}"#).unwrap();
        assert!(matches!(told, Told::Lacks { no_peer } if no_peer.starts_with("mobile_sam")));
    }
}
