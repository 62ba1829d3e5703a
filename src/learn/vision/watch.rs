//! What the eyes make of homes they never learnt from.

use super::augment::Shot;
use super::frames::Frames;
use super::rays::RaysOfParts;
use super::record::Label;
use crate::learn::LearnError;
use crate::sim::household::is_portable;
use crate::vision::SceneVitNet;
use crate::vision::scene_vit::{CELL_PX, CELLS, CellWindow, INPUTS, cells, state_and_name};
use candle_core::{D, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cell is called by a name that at least this many of its pixels have.
const PIXELS_OF_A_CELL: u8 = (CELL_PX * CELL_PX / 2) as u8;
/// Names with fewer cells than this are not measured.
const FEWEST_CELLS: usize = 10;
/// Confusions that are told.
const MOST_CONFUSIONS: usize = 40;

/// How well held-out homes are seen: cells against the name that most of their pixels have. An open
/// fridge counts as a fridge, but for `states`.
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
    /// Mean over names with a state, and over those that may have one and do not, of the share of
    /// their cells that are called by their name with the right state among those called by it at
    /// all.
    #[serde(default)]
    pub states: f64,
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

/// One name in one state, or in none, on held-out homes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateScore {
    /// The name, behind its state if it has one.
    pub name: String,
    /// Cells that mostly show it and are called by the name, in whatever state.
    pub cells: usize,
    /// Share of them that are called so.
    pub recall: f64,
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
    /// By name and state, of what may have one, among the cells that are called by the name.
    pub states: Vec<StateScore>,
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
    /// Cells that are right, and of those the ones whose state is, too; by name and state.
    stated: usize,
    state_right: usize,
}

/// Measures `net` on the views with these indices; `words` is `(width, names)`, on the same device.
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
            let inputs = Tensor::from_vec(numbers, (1, CELLS, INPUTS), words.device())?;
            let features = net.forward(&inputs, CellWindow::WHOLE)?.squeeze(0)?.detach();
            let called = features.matmul(words)?.argmax(D::Minus1)?.to_vec1()?;
            Ok((shot.labels, called))
        })
        .collect::<Result<_, LearnError>>()?;
    let names = frames.names();
    let plain = plain(names);
    let mut tallies = vec![Tally::default(); names.len()];
    let mut mistakes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (labels, called) in answers {
        for (label, said) in labels.iter().zip(called) {
            let said = said as usize;
            let plain_of = |name: usize| plain.get(name).copied().unwrap_or(name);
            let called = plain_of(said);
            let shows =
                |(name, count): &(u8, u8)| *count > 0 && plain_of(usize::from(*name)) == called;
            if label[0].1 == 0 {
                continue;
            }
            if let Some(tally) = tallies.get_mut(called) {
                tally.called += 1;
                tally.shown_where_called += usize::from(label.iter().any(shows));
            }
            let (stated, pixels) = (usize::from(label[0].0), label[0].1);
            if pixels < PIXELS_OF_A_CELL {
                continue;
            }
            let is = plain_of(stated);
            if let Some(tally) = tallies.get_mut(is) {
                tally.cells += 1;
                tally.right += usize::from(is == called);
            }
            if is != called {
                *mistakes.entry((is, called)).or_default() += 1;
            } else if let Some(tally) = tallies.get_mut(stated) {
                tally.stated += 1;
                tally.state_right += usize::from(stated == said);
            }
        }
    }
    Ok(summary(&tallies, mistakes, frames.names(), step))
}

/// For each name the index of the same without its state.
fn plain(names: &[String]) -> Vec<usize> {
    let index = |name: &String| {
        let (_, plain) = state_and_name(name, names)?;
        names.iter().position(|known| known == plain)
    };
    names.iter().enumerate().map(|(at, name)| index(name).unwrap_or(at)).collect()
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
    let plain = plain(names);
    let may_have_one = |at: usize| plain.iter().enumerate().any(|(of, to)| of != at && *to == at);
    let states: Vec<StateScore> = names
        .iter()
        .zip(tallies)
        .enumerate()
        .filter(|(at, (_, tally))| {
            tally.stated >= FEWEST_CELLS && (plain[*at] != *at || may_have_one(*at))
        })
        .map(|(_, (name, tally))| StateScore {
            name: name.clone(),
            cells: tally.stated,
            recall: share(tally.state_right, tally.stated),
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
        states: mean(states.iter().map(|score| score.recall).collect()),
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
    Measured { watch, names: scores, states, confusions }
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
            ..Tally::default()
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

    #[test]
    fn states_are_measured_beside_names() {
        let names = ["fridge", "mug", "open fridge"].map(String::from);
        assert_eq!(plain(&names), [0, 1, 0]);
        let of = |stated, state_right| Tally { stated, state_right, ..Tally::default() };
        let tallies = [of(20, 19), of(50, 50), of(10, 4)];
        let measured = summary(&tallies, BTreeMap::new(), &names, 1);
        let told: Vec<&str> = measured.states.iter().map(|state| state.name.as_str()).collect();
        assert_eq!(told, ["fridge", "open fridge"], "a mug has no states");
        approx::assert_relative_eq!(measured.watch.states, 0.5 * (0.95 + 0.4));
    }
}
