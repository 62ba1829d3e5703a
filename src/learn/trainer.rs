//! What all trainings share: batches worked on in parts, gradients added up, one step of the
//! optimiser at a rate that rises and falls.

use super::optimizer::{AdamW, AdamWConfig};
use candle_core::{Result, Tensor, Var};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Something that learns from samples.
pub trait Objective: Sync {
    /// What it learns from.
    type Sample: Sync;

    /// The loss over some samples, from which gradients flow to the variables.
    fn loss(&self, samples: &[&Self::Sample], rng: &mut Pcg64Mcg) -> Result<PartLoss>;
}

/// The loss over a part of a batch.
pub struct PartLoss {
    /// Weighted mean of what is to be made small.
    pub loss: Tensor,
    /// Sum of the weights.
    pub weight: f64,
    /// Tokens worked on, padding included.
    pub tokens: usize,
}

/// One step, as it went.
#[derive(Debug, Clone, Copy)]
pub struct Stepped {
    /// Loss before it.
    pub loss: f64,
    /// Tokens worked on, padding included.
    pub tokens: usize,
    /// Length of the gradient before it was clipped.
    pub gradient: f64,
}

/// How a batch is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Parts that are worked on side by side.
    pub replicas: usize,
    /// Rounds, one behind the other, for batches that do not fit into memory at once.
    pub rounds: usize,
}

/// The rate `share` of the way through a training: up in a line over `warmup_steps`, then down along
/// a cosine to nothing.
pub fn learning_rate(highest: f64, warmup_steps: u64, step: u64, share: f64) -> f64 {
    let warmup = (step + 1) as f64 / warmup_steps.max(1) as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
    highest * warmup.min(1.0) * cosine
}

/// Variables and the optimiser that moves them.
pub struct Trainer {
    /// What learns, by name.
    pub weights: BTreeMap<String, Var>,
    /// What moves it.
    pub optimizer: AdamW,
}

struct Gradients {
    by_name: Vec<(String, Tensor)>,
    loss: f64,
    weight: f64,
    tokens: usize,
}

impl Trainer {
    /// Begins with these variables.
    pub fn new(weights: BTreeMap<String, Var>, config: AdamWConfig) -> Result<Self> {
        let optimizer = AdamW::new(config, &weights)?;
        Ok(Self { weights, optimizer })
    }

    /// One step on `samples`. Chance in a part comes from `seed` and the number of the part, so that
    /// it is the same on any number of cores; `rate` gives the learning rate of each variable.
    pub fn step<O: Objective>(
        &mut self,
        objective: &O,
        samples: &[&O::Sample],
        cut: Cut,
        seed: u64,
        rate: &(dyn Fn(&str) -> f64 + Sync),
    ) -> Result<Stepped> {
        let part = samples.len().div_ceil((cut.replicas * cut.rounds).max(1)).max(1);
        let parts: Vec<_> = samples.chunks(part).enumerate().collect();
        let mut sum: BTreeMap<String, Tensor> = BTreeMap::new();
        let (mut loss, mut weight, mut tokens) = (0.0, 0.0, 0);
        for round in parts.chunks(cut.replicas.max(1)) {
            let results = round
                .par_iter()
                .map(|(number, samples)| self.gradients(objective, samples, seed ^ *number as u64))
                .collect::<Result<Vec<_>>>()?;
            for result in results {
                loss += result.weight * result.loss;
                weight += result.weight;
                tokens += result.tokens;
                for (name, gradient) in result.by_name {
                    let gradient = (gradient * result.weight)?;
                    let total = match sum.get(&name) {
                        Some(total) => (total + gradient)?,
                        None => gradient,
                    };
                    sum.insert(name, total);
                }
            }
        }
        let weight = weight.max(1e-9);
        for total in sum.values_mut() {
            *total = (&*total * (1.0 / weight))?;
        }
        let gradient = self.optimizer.step_at(&self.weights, &sum, rate)?;
        Ok(Stepped { loss: loss / weight, tokens, gradient })
    }

    fn gradients<O: Objective>(
        &self,
        objective: &O,
        samples: &[&O::Sample],
        seed: u64,
    ) -> Result<Gradients> {
        let PartLoss { loss, weight, tokens } =
            objective.loss(samples, &mut Pcg64Mcg::seed_from_u64(seed))?;
        let store = loss.backward()?;
        let by_name = self
            .weights
            .iter()
            .filter_map(|(name, var)| Some((name.clone(), store.get(var)?.detach())))
            .collect();
        Ok(Gradients { by_name, loss: f64::from(loss.to_scalar::<f32>()?), weight, tokens })
    }
}
