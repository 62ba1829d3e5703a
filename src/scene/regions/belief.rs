//! What a cell takes itself for: the few likeliest names of its feature.

use super::cells::Cells;
use super::{NamedVectors, RegionConfig};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

/// Names that a cell considers.
pub(super) const MOST: usize = 4;
/// Exponents below this add nothing to a sum of probabilities.
const LEAST_EXPONENT: f32 = -12.0;
/// Names with a mean probability below this say nothing of many cells.
const LEAST_SHARE: f32 = 0.01;
/// Cells handed to one worker at a time.
const CELLS_A_TASK: usize = 512;

/// The likeliest names, likeliest first, with their probabilities; those of all other names are
/// taken for 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Belief {
    pub names: [u16; MOST],
    pub shares: [f32; MOST],
}

impl Belief {
    /// Softmax over `scores / temperature`, of which the greatest are kept. What is no better than
    /// `nothing` is as likely to be something without a name.
    #[inline(always)]
    pub fn of_scores(scores: &[f32], temperature: f32, nothing: f32) -> Self {
        let mut best = [(f32::MIN, 0u16); MOST];
        for (name, score) in (0u16..).zip(scores) {
            if *score > best[MOST - 1].0 {
                let at = best.iter().position(|(known, _)| score > known).unwrap_or(MOST - 1);
                best[at..].rotate_right(1);
                best[at] = (*score, name);
            }
        }
        let top = best[0].0;
        let share = |score: f32| {
            let exponent = (score - top) / temperature;
            if exponent > LEAST_EXPONENT { exponent.exp() } else { 0.0 }
        };
        let others: f32 = scores.iter().map(|score| share(*score)).sum();
        let sum = others + ((nothing - top) / temperature).exp();
        Self { names: best.map(|(_, name)| name), shares: best.map(|(s, _)| share(s) / sum) }
    }

    /// The likeliest name.
    pub fn name(&self) -> u16 {
        self.names[0]
    }

    /// Probability of a name.
    pub fn in_name(&self, name: u16) -> f32 {
        let known = self.names.iter().position(|known| *known == name);
        known.map_or(0.0, |at| self.shares[at])
    }

    /// Probabilities of `names`, which are all different.
    #[inline(always)]
    pub fn in_names(&self, names: &[u16; MOST]) -> [f32; MOST] {
        let mut shares = [0.0; MOST];
        for (known, share) in self.names.iter().zip(self.shares) {
            for (sum, name) in shares.iter_mut().zip(names) {
                *sum += if name == known { share } else { 0.0 };
            }
        }
        shares
    }

    /// Puts the likeliest first; of equal ones the first name.
    pub fn sort(&mut self) {
        let mut pairs: [(f32, u16); MOST] =
            std::array::from_fn(|at| (self.shares[at], self.names[at]));
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        *self = Self { names: pairs.map(|pair| pair.1), shares: pairs.map(|pair| pair.0) };
    }
}

/// What each cell believes by its own feature.
pub(super) fn beliefs(cells: &Cells, names: &NamedVectors, config: &RegionConfig) -> Vec<Belief> {
    let mut beliefs = vec![Belief::default(); cells.len()];
    beliefs.par_chunks_mut(CELLS_A_TASK).enumerate().for_each(|(chunk, beliefs)| {
        let first = chunk * CELLS_A_TASK;
        Arch::new().dispatch(Share { cells, names, config, first, beliefs });
    });
    beliefs
}

/// What many cells take themselves for, of `names` names: the likeliest first, each with the mean of its
/// probabilities. These come to 1 at most.
pub(super) fn mean_shares(beliefs: impl Iterator<Item = Belief>, names: usize) -> Vec<(u16, f32)> {
    let (mut sums, mut cells) = (vec![0.0f32; names], 0.0f32);
    for belief in beliefs {
        cells += 1.0;
        for (name, share) in belief.names.into_iter().zip(belief.shares) {
            if let Some(sum) = sums.get_mut(usize::from(name)) {
                *sum += share;
            }
        }
    }
    let means = (0u16..).zip(sums).map(|(name, sum)| (name, sum / cells));
    let mut likely: Vec<(u16, f32)> = means.filter(|(_, mean)| *mean > 0.0).collect();
    likely.sort_by(|a, b| b.1.total_cmp(&a.1));
    let telling = likely.partition_point(|(_, mean)| *mean >= LEAST_SHARE);
    likely.truncate(telling.max(1));
    likely
}

/// The cells of one task, from `first` on. No closure: those are not inlined where wide vectors are
/// allowed.
struct Share<'a> {
    cells: &'a Cells,
    names: &'a NamedVectors,
    config: &'a RegionConfig,
    first: usize,
    beliefs: &'a mut [Belief],
}

impl NullaryFnOnce for Share<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { cells, names, config, first, beliefs } = self;
        let mut scores = vec![0.0; names.len()];
        for (at, belief) in beliefs.iter_mut().enumerate() {
            names.score(cells.feature(first + at), &mut scores);
            *belief = Belief::of_scores(&scores, config.temperature, config.nothing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_names_come_first_with_their_probabilities() {
        let belief = Belief::of_scores(&[0.0, 0.7, -0.5, 0.6, 0.1, 0.7], 0.1, -9.0);
        assert_eq!(belief.names, [1, 5, 3, 4]);
        let sum = 2.0 + (-1.0f32).exp() + (-6.0f32).exp() + (-7.0f32).exp();
        approx::assert_abs_diff_eq!(belief.shares[0], 1.0 / sum, epsilon = 1e-5);
        approx::assert_abs_diff_eq!(belief.in_name(3), (-1.0f32).exp() / sum, epsilon = 1e-5);
        assert_eq!(belief.in_name(2), 0.0);
        assert_eq!(belief.in_names(&[3, 2, 9, 1]), [3, 2, 9, 1].map(|name| belief.in_name(name)));
        let few = Belief::of_scores(&[0.2], 0.1, 0.2);
        assert_eq!((few.name(), few.shares), (0, [0.5, 0.0, 0.0, 0.0]), "or nothing");
    }

    #[test]
    fn many_cells_take_themselves_for_what_each_does_on_average() {
        let cells = [
            Belief { names: [2, 0, 1, 3], shares: [0.6, 0.3, 0.096, 0.004] },
            Belief { names: [2, 1, 0, 3], shares: [0.8, 0.1, 0.0, 0.0] },
        ];
        let likely = mean_shares(cells.into_iter(), 4);
        let names: Vec<u16> = likely.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [2, 0, 1], "a mean of 0.002 says nothing");
        for ((_, share), wanted) in likely.iter().zip([0.7f32, 0.15, 0.098]) {
            approx::assert_abs_diff_eq!(*share, wanted, epsilon = 1e-6);
        }
        let unsure = Belief { names: [3, 1, 0, 2], shares: [0.005, 0.004, 0.0, 0.0] };
        assert_eq!(mean_shares([unsure].into_iter(), 4), [(3, 0.005)], "the likeliest stays");
        assert!(mean_shares(std::iter::empty(), 4).is_empty());
    }
}
