//! What all trainings share: batches worked on in parts, gradients added up, one step of the
//! optimiser at a rate that rises and falls.

use super::LearnError;
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
    /// it is the same on any number of cores; `rate` gives the learning rate of each variable. A
    /// step that fails moves nothing.
    pub fn step<O: Objective>(
        &mut self,
        objective: &O,
        samples: &[&O::Sample],
        cut: Cut,
        seed: u64,
        rate: &(dyn Fn(&str) -> f64 + Sync),
    ) -> std::result::Result<Stepped, LearnError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::gradients::stepped_along;
    use crate::vision::gradients::{Gradients, assert_alike, length};
    use candle_core::Device;

    /// Two places, how much bent it is there, what should be found, and how much that counts.
    type Point = [f32; 5];

    /// Few of them are bent, and none counts as another does.
    static POINTS: [Point; 7] = [
        [0.3, -1.0, 0.0, 0.7, 1.0],
        [1.5, 0.4, 0.0, -0.2, 0.25],
        [-0.8, 0.9, 2.0, 1.1, 3.0],
        [0.1, 0.2, 0.0, 0.4, 0.5],
        [-1.2, -0.6, 0.0, 0.0, 2.0],
        [0.9, -0.3, -1.0, 0.8, 0.75],
        [0.6, 1.3, 0.0, -1.0, 1.5],
    ];
    const START: [(&str, f32); 3] = [("bend", 1.0), ("x", 0.5), ("y", -0.25)];

    /// A plane through points by weighted least squares.
    struct Plane(BTreeMap<String, Var>);

    impl Objective for Plane {
        type Sample = Point;

        fn loss(&self, points: &[&Point], _rng: &mut Pcg64Mcg) -> Result<PartLoss> {
            let column = |at: usize| -> Result<Tensor> {
                let numbers: Vec<f32> = points.iter().map(|point| point[at]).collect();
                Tensor::from_vec(numbers, points.len(), &Device::Cpu)
            };
            let along = |name: &str, at: usize| -> Result<Tensor> {
                column(at)?.broadcast_mul(&self.0[name])
            };
            let mut found = (along("x", 0)? + along("y", 1)?)?;
            // As where nothing is seen: this variable has no part in it then.
            if points.iter().any(|point| point[2] != 0.0) {
                found = (found + along("bend", 2)?)?;
            }
            let squares = (found - column(3)?)?.sqr()?;
            let weight = points.iter().map(|point| f64::from(point[4])).sum::<f64>();
            let loss = ((squares * column(4)?)?.sum_all()? / weight)?;
            Ok(PartLoss { loss, weight, tokens: points.len() })
        }
    }

    /// The loss of all points, and its gradient, by formula.
    fn formula() -> (f64, Gradients) {
        let [bend, x, y] = START.map(|(_, value)| f64::from(value));
        let points = POINTS.map(|point| point.map(f64::from));
        let total: f64 = points.iter().map(|point| point[4]).sum();
        let off = |point: &[f64; 5]| x * point[0] + y * point[1] + bend * point[2] - point[3];
        let mean = |of: &dyn Fn(&[f64; 5]) -> f64| {
            points.iter().map(|point| point[4] * of(point)).sum::<f64>() / total
        };
        let along = |at: usize| vec![mean(&|point: &[f64; 5]| 2.0 * off(point) * point[at])];
        let gradient = [("bend", along(2)), ("x", along(0)), ("y", along(1))];
        let gradient = gradient.map(|(name, gradient)| (name.to_owned(), gradient));
        (mean(&|point: &[f64; 5]| off(point).powi(2)), Gradients::from(gradient))
    }

    /// A step on all points, and what it went along.
    fn step(cut: Cut, gradient_clip: f64) -> (Stepped, Gradients) {
        let var = |(name, value): (&str, f32)| {
            (name.to_owned(), Var::from_vec(vec![value], 1, &Device::Cpu).unwrap())
        };
        let vars = BTreeMap::from(START.map(var));
        let config = AdamWConfig {
            learning_rate: 0.1,
            beta1: 0.0,
            beta2: 0.9,
            weight_decay: 0.0,
            gradient_clip,
            average_decay: 0.9,
        };
        let plane = Plane(vars.clone());
        let mut trainer = Trainer::new(vars, config).unwrap();
        let points: Vec<&Point> = POINTS.iter().collect();
        let stepped = trainer.step(&plane, &points, cut, 0, &|_| 0.1).unwrap();
        (stepped, stepped_along(&trainer.optimizer))
    }

    #[test]
    fn gradients_of_the_parts_of_a_batch_add_up_to_those_of_all_of_it() {
        let (loss, right) = formula();
        for (replicas, rounds) in [(1, 1), (2, 1), (1, 3), (2, 2), (3, 2), (4, 5)] {
            let (stepped, found) = step(Cut { replicas, rounds }, 1e9);
            approx::assert_relative_eq!(stepped.loss, loss, max_relative = 1e-5);
            assert_eq!(stepped.tokens, POINTS.len());
            assert_alike(&found, &right, 1e-4);
        }
    }

    #[test]
    fn gradients_that_are_too_long_are_shortened_all_together() {
        let (_, right) = formula();
        let all = |gradients: &Gradients| {
            length(&gradients.values().flatten().copied().collect::<Vec<f64>>())
        };
        let whole = all(&right);
        for share in [0.2, 0.999, 1.001, 50.0] {
            let (stepped, found) = step(Cut { replicas: 2, rounds: 2 }, share * whole);
            approx::assert_relative_eq!(stepped.gradient, whole, max_relative = 1e-5);
            let kept = share.min(1.0);
            let shortened = right.iter().map(|(name, gradient)| {
                (name.clone(), gradient.iter().map(|x| x * kept).collect::<Vec<f64>>())
            });
            assert_alike(&found, &shortened.collect(), 1e-4);
            approx::assert_relative_eq!(all(&found), kept * whole, max_relative = 1e-5);
        }
    }
}
