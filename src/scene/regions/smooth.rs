//! Neighbours that look alike talk over what they are.
//!
//! Some rounds of the mean-field update of a conditional random field whose pairs are neighbours of
//! like colour (Krähenbühl and Koltun, NeurIPS 2011, with neighbours for the dense pairs): a cell
//! weighs its own belief against the mean of its neighbours'.

use super::belief::{Belief, MOST};
use super::cells::Cells;
use super::grid::Neighbours;
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

/// Rounds of talk: with each, what is said goes one cell farther.
pub(super) const ROUNDS: usize = 4;
/// How much a unanimous neighbourhood counts against a cell's own belief: the factor is e to it.
const TRUST: f32 = 3.0;
/// Difference of colour at which a neighbour's word counts half, of 255.
const COLOUR: f32 = 40.0;
/// A share that changes by no more than this is no news to the neighbours.
const NEWS: f32 = 0.01;
/// Cells handed to one worker at a time.
const CELLS_A_TASK: usize = 512;

/// `beliefs` after the talk. Only names that a cell considers itself can become its own. After the first
/// round only cells that hear news talk: walls soon have none.
pub(super) fn smooth(cells: &Cells, near: &Neighbours, beliefs: &[Belief]) -> Vec<Belief> {
    let mut now = beliefs.to_vec();
    let weights: Vec<f32> = (0..cells.len())
        .flat_map(|cell| {
            near.of(cell).iter().map(move |other| likeness(cells, cell, *other as usize))
        })
        .collect();
    let mut news = vec![true; cells.len()];
    for _ in 0..ROUNDS {
        let mut next = now.clone();
        next.par_chunks_mut(CELLS_A_TASK).enumerate().for_each(|(chunk, next)| {
            let (first, weights, now) = (chunk * CELLS_A_TASK, &weights, &now);
            let own = &beliefs[first..first + next.len()];
            Arch::new().dispatch(Round { near, weights, now, news: &news, first, own, next });
        });
        let differs = |(next, now): (&Belief, &Belief)| {
            next.names != now.names
                || next.shares.iter().zip(now.shares).any(|(a, b)| (a - b).abs() > NEWS)
        };
        news = next.iter().zip(&now).map(differs).collect();
        now = next;
    }
    now
}

/// What the cells of one task hear in one round, from cell `first` on. No closure: those are not
/// inlined where wide vectors are allowed.
struct Round<'a> {
    near: &'a Neighbours,
    /// Of the neighbours of all cells, one cell after the other.
    weights: &'a [f32],
    now: &'a [Belief],
    /// Of all cells whether they have something new to say.
    news: &'a [bool],
    first: usize,
    /// What the cells believe by themselves.
    own: &'a [Belief],
    next: &'a mut [Belief],
}

impl NullaryFnOnce for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { near, weights, now, news, first, own, next } = self;
        for (cell, (own, belief)) in (first..).zip(own.iter().zip(next)) {
            if near.of(cell).iter().any(|neighbour| news[*neighbour as usize]) {
                *belief = *own;
                talk(near.of(cell), &weights[near.span(cell)], now, belief);
            }
        }
    }
}

/// How much the word of a neighbour counts, by its colour.
fn likeness(cells: &Cells, cell: usize, other: usize) -> f32 {
    let (rgb, other) = (cells.rgb[cell], cells.rgb[other]);
    let apart: f32 = (0..3).map(|axis| (rgb[axis] - other[axis]).powi(2)).sum();
    1.0 / (1.0 + apart / (COLOUR * COLOUR))
}

#[inline(always)]
fn talk(near: &[u32], weights: &[f32], now: &[Belief], belief: &mut Belief) {
    let mut heard = [0.0f32; MOST];
    for (neighbour, weight) in near.iter().zip(weights) {
        let shares = now[*neighbour as usize].in_names(&belief.names);
        heard.iter_mut().zip(shares).for_each(|(sum, share)| *sum += weight * share);
    }
    let sum_of_weights: f32 = weights.iter().sum();
    if sum_of_weights == 0.0 {
        return;
    }
    let rest = 1.0 - belief.shares.iter().sum::<f32>();
    for (share, heard) in belief.shares.iter_mut().zip(&heard) {
        *share *= (TRUST * heard / sum_of_weights).exp();
    }
    let sum = belief.shares.iter().sum::<f32>() + rest.max(0.0);
    if sum > 0.0 {
        belief.shares = belief.shares.map(|share| share / sum);
    }
    belief.sort();
}
