//! What the eyes make of homes they never learnt from.

use super::augment::Shot;
use super::frames::Frames;
use super::rays::RaysOfParts;
use super::record::Label;
use crate::learn::LearnError;
use crate::sim::household::is_portable;
use crate::vision::SceneVitNet;
use crate::vision::scene_vit::{CELL_PX, CELLS, CellWindow, INPUTS, cells};
use candle_core::{D, Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cell is called by a name that at least this many of its pixels have.
const PIXELS_OF_A_CELL: u8 = (CELL_PX * CELL_PX / 2) as u8;
/// Names with fewer cells than this are not measured.
const FEWEST_CELLS: usize = 10;
/// Confusions that are told.
const MOST_CONFUSIONS: usize = 40;

/// How well held-out homes are seen: cells against the name that most of their pixels have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct VisionWatch {
    /// Step at which it was measured.
    pub step: u64,
    /// Share of cells that are called by their name.
    pub cells: f64,
    /// Mean over names of the share of their cells that are called so.
    pub names: f64,
    /// The same over the names of things that a robot can lift.
    pub things: f64,
    /// Share of the cells called by the name of such a thing that do show some of it.
    pub things_precision: f64,
}

/// One name on held-out homes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NameScore {
    /// The name.
    pub name: String,
    /// Cells that mostly show it.
    pub cells: usize,
    /// Share of them that are called so.
    pub recall: f64,
    /// Share of the cells called so that show some of it.
    pub precision: f64,
}

/// A name taken for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// What it was.
    pub is: String,
    /// What it was called.
    pub called: String,
    /// Share of its cells.
    pub share: f64,
    /// Cells.
    pub cells: usize,
}

/// All that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// In short.
    pub watch: VisionWatch,
    /// By name.
    pub names: Vec<NameScore>,
    /// The commonest mistakes.
    pub confusions: Vec<Confusion>,
}

/// Counts by name.
#[derive(Default, Clone)]
struct Tally {
    cells: usize,
    right: usize,
    called: usize,
    shown_where_called: usize,
}

/// Measures `net` on the views with these indices; `words` is `(width, names)`.
pub fn measure(
    net: &SceneVitNet,
    words: &Tensor,
    frames: &Frames,
    indices: &[usize],
    step: u64,
) -> Result<Measured, LearnError> {
    let rays = RaysOfParts::default();
    let answers: Vec<(Vec<Label>, Vec<u32>)> = indices
        .par_iter()
        .map(|index| {
            let shot = Shot::plain(frames.read(*index)?);
            let rays = rays.of(shot.part);
            let numbers = cells(&shot.picture, &shot.view, rays, CellWindow::WHOLE);
            let inputs = Tensor::from_vec(numbers, (1, CELLS, INPUTS), &Device::Cpu)?;
            let features = net.forward(&inputs, CellWindow::WHOLE)?.squeeze(0)?.detach();
            let called = features.matmul(words)?.argmax(D::Minus1)?.to_vec1()?;
            Ok((shot.labels, called))
        })
        .collect::<Result<_, LearnError>>()?;
    let mut tallies = vec![Tally::default(); frames.names().len()];
    let mut mistakes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (labels, called) in answers {
        for (label, called) in labels.iter().zip(called) {
            let called = called as usize;
            let shows = |(name, count): &(u8, u8)| *count > 0 && usize::from(*name) == called;
            if label[0].1 == 0 {
                continue;
            }
            if let Some(tally) = tallies.get_mut(called) {
                tally.called += 1;
                tally.shown_where_called += usize::from(label.iter().any(shows));
            }
            let (is, pixels) = (usize::from(label[0].0), label[0].1);
            if pixels < PIXELS_OF_A_CELL {
                continue;
            }
            if let Some(tally) = tallies.get_mut(is) {
                tally.cells += 1;
                tally.right += usize::from(is == called);
            }
            if is != called {
                *mistakes.entry((is, called)).or_default() += 1;
            }
        }
    }
    Ok(summary(&tallies, mistakes, frames.names(), step))
}

fn summary(
    tallies: &[Tally],
    mistakes: BTreeMap<(usize, usize), usize>,
    names: &[String],
    step: u64,
) -> Measured {
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let scores: Vec<NameScore> = names
        .iter()
        .zip(tallies)
        .filter(|(_, tally)| tally.cells >= FEWEST_CELLS)
        .map(|(name, tally)| NameScore {
            name: name.clone(),
            cells: tally.cells,
            recall: share(tally.right, tally.cells),
            precision: share(tally.shown_where_called, tally.called),
        })
        .collect();
    // A sum of nothing would be −0.
    let mean = |values: Vec<f64>| {
        values.iter().fold(0.0, |sum, value| sum + value) / values.len().max(1) as f64
    };
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let things = || names.iter().zip(tallies).filter(|(name, _)| is_portable(name));
    let watch = VisionWatch {
        step,
        cells: share(sum(|tally| tally.right), sum(|tally| tally.cells)),
        names: mean(scores.iter().map(|score| score.recall).collect()),
        things: mean(
            scores
                .iter()
                .filter(|score| is_portable(&score.name))
                .map(|score| score.recall)
                .collect(),
        ),
        things_precision: share(
            things().map(|(_, tally)| tally.shown_where_called).sum(),
            things().map(|(_, tally)| tally.called).sum(),
        ),
    };
    let told = |at: usize| names.get(at).cloned().unwrap_or_default();
    let mut confusions: Vec<Confusion> = mistakes
        .into_iter()
        .map(|((is, called), cells)| Confusion {
            is: told(is),
            called: told(called),
            share: share(cells, tallies.get(is).map_or(0, |tally| tally.cells)),
            cells,
        })
        .filter(|confusion| confusion.cells >= FEWEST_CELLS)
        .collect();
    confusions.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.cells.cmp(&a.cells)));
    confusions.truncate(MOST_CONFUSIONS);
    Measured { watch, names: scores, confusions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_alike_however_common() {
        let names = ["mug", "wall", "fork"].map(String::from);
        let tally = |cells, right, called, shown_where_called| Tally {
            cells,
            right,
            called,
            shown_where_called,
        };
        let tallies = [tally(20, 5, 8, 6), tally(180, 180, 192, 190), tally(3, 0, 0, 0)];
        let mistakes = BTreeMap::from([((0, 1), 12), ((0, 2), 3)]);
        let measured = summary(&tallies, mistakes, &names, 7);
        let watch = measured.watch;
        approx::assert_relative_eq!(watch.cells, 185.0 / 203.0);
        approx::assert_relative_eq!(watch.names, 0.5 * (0.25 + 1.0));
        approx::assert_relative_eq!(watch.things, 0.25, epsilon = 1e-9);
        approx::assert_relative_eq!(watch.things_precision, 0.75);
        assert_eq!(measured.confusions.len(), 1);
        assert_eq!(measured.confusions[0].called, "wall");
        approx::assert_relative_eq!(measured.confusions[0].share, 0.6);
    }
}
