//! Neighbours that look alike talk over what they are.
//!
//! Some rounds of the mean-field update of a conditional random field whose pairs are neighbours of
//! like colour (Krähenbühl and Koltun, NeurIPS 2011, with neighbours for the dense pairs): a cell
//! weighs its own belief against the mean of its neighbours'.

use super::belief::{Belief, MOST};
use super::cells::Cells;
use super::grid::Neighbours;
use rayon::prelude::*;

/// Rounds of talk.
const ROUNDS: usize = 4;
/// How much a unanimous neighbourhood counts against a cell's own belief: the factor is e to it.
const TRUST: f32 = 3.0;
/// Difference of colour at which a neighbour's word counts half, of 255.
const COLOUR: f32 = 40.0;
/// Cells handed to one worker at a time.
const CELLS_A_TASK: usize = 512;

/// `beliefs` after the talk. Only names that a cell considers itself can become its own.
pub(super) fn smooth(cells: &Cells, near: &Neighbours, beliefs: &[Belief]) -> Vec<Belief> {
    let mut now = beliefs.to_vec();
    for _ in 0..ROUNDS {
        let mut next = beliefs.to_vec();
        next.par_chunks_mut(CELLS_A_TASK).enumerate().for_each(|(chunk, next)| {
            for (at, belief) in next.iter_mut().enumerate() {
                talk(chunk * CELLS_A_TASK + at, cells, near, &now, belief);
            }
        });
        now = next;
    }
    now
}

fn talk(cell: usize, cells: &Cells, near: &Neighbours, now: &[Belief], belief: &mut Belief) {
    let (mut said, mut weights) = ([0.0f32; MOST], 0.0);
    let rgb = cells.rgb[cell];
    for neighbour in near.of(cell).iter().map(|index| *index as usize) {
        let other = cells.rgb[neighbour];
        let apart: f32 = (0..3).map(|axis| (rgb[axis] - other[axis]).powi(2)).sum();
        let weight = 1.0 / (1.0 + apart / (COLOUR * COLOUR));
        weights += weight;
        for (said, name) in said.iter_mut().zip(&belief.names) {
            *said += weight * now[neighbour].in_name(*name);
        }
    }
    if weights == 0.0 {
        return;
    }
    let rest = 1.0 - belief.shares.iter().sum::<f32>();
    for (share, said) in belief.shares.iter_mut().zip(&said) {
        *share *= (TRUST * said / weights).exp();
    }
    let sum = belief.shares.iter().sum::<f32>() + rest.max(0.0);
    if sum > 0.0 {
        belief.shares = belief.shares.map(|share| share / sum);
    }
    belief.sort();
}
