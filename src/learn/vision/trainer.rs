//! The training itself: views in, steps of the optimiser out.

use super::augment::Shot;
use super::config::VisionTraining;
use super::frames::{Frames, camera};
use super::objective::{Balance, labels};
use super::saved::Saved;
use super::watch::{Measured, VisionWatch, measure};
use super::weights;
use crate::learn::LearnError;
use crate::learn::optimizer::AdamW;
use crate::vision::scene_vit::{CELLS, INPUTS, cells, rays};
use crate::vision::{SceneVitConfig, TextEncoder, WordHash};
use candle_core::{Device, Tensor, Var};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// A step of training, for progress bars.
#[derive(Debug, Clone, Copy)]
pub struct VisionStep {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole training.
    pub steps: u64,
    /// Smoothed training loss.
    pub loss: f64,
    /// Length of the gradient before clipping.
    pub gradient: f64,
    /// The newest measurement on held-out homes.
    pub watch: Option<VisionWatch>,
}

/// Learns from `frames` until the last step and writes the model folder `out`; at each checkpoint,
/// too. `report` stops it by saying `false`. Training that was stopped goes on from the last
/// checkpoint, to the same result.
///
/// # Errors
///
/// When a file cannot be read or written, or a checkpoint is that of another training.
pub fn train_vision(
    config: &VisionTraining,
    frames: &Frames,
    out: &Path,
    report: &mut dyn FnMut(&VisionStep) -> bool,
) -> Result<(), LearnError> {
    let saved = Saved::new(out)?;
    let mut trainer = Trainer::new(config, frames)?;
    let mut memory = BTreeMap::new();
    let restored = saved.restore(config, &trainer.weights, &mut trainer.optimizer, &mut memory)?;
    let mut progress = restored.unwrap_or_default();
    while progress.step < config.steps {
        let (loss, gradient) = trainer.step(progress.step)?;
        progress.record(loss);
        let is_last = progress.step == config.steps;
        if is_last || progress.step.is_multiple_of(config.checkpoint_steps) {
            let measured = trainer.watch(progress.step)?;
            progress.watches.push(measured.watch);
            saved.save(config, &trainer.weights, &trainer.optimizer, &memory, &progress)?;
            let model = SceneVitConfig::new(config.model, frames.names().to_vec());
            saved.export(&model, trainer.optimizer.average(), &measured, &progress)?;
        }
        let step = VisionStep {
            step: progress.step,
            steps: config.steps,
            loss: progress.loss(),
            gradient,
            watch: progress.watches.last().copied(),
        };
        if !report(&step) {
            break;
        }
    }
    Ok(())
}

struct Trainer<'a> {
    config: &'a VisionTraining,
    frames: &'a Frames,
    learnt: Vec<usize>,
    watched: Vec<usize>,
    rays: Vec<[f32; 2]>,
    /// `(width, names)`.
    words: Tensor,
    balance: Option<Balance>,
    weights: BTreeMap<String, Var>,
    optimizer: AdamW,
}

/// A view as numbers.
struct Sample {
    inputs: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

struct Gradients {
    gradients: Vec<(String, Tensor)>,
    loss: f64,
    weight: f64,
}

impl<'a> Trainer<'a> {
    fn new(config: &'a VisionTraining, frames: &'a Frames) -> Result<Self, LearnError> {
        let words = WordHash::new(config.model.features)
            .map_err(|error| LearnError::Home(error.to_string()))?;
        let vectors: Vec<Vec<f32>> = frames
            .names()
            .iter()
            .map(|name| words.embed(name))
            .collect::<Result<_, _>>()
            .map_err(|error| LearnError::Home(error.to_string()))?;
        let learnt = frames.indices(false);
        if learnt.is_empty() {
            return Err(LearnError::Home("all homes are held out".into()));
        }
        let balance = match &config.objective.labels {
            Some(labels) => Some(Balance::new(labels, &count(frames, &learnt)?)),
            None => None,
        };
        let mut watched = frames.indices(true);
        watched.shuffle(&mut Pcg64Mcg::seed_from_u64(config.seed));
        watched.truncate(config.watched_views);
        let weights = match &config.init {
            Some(folder) => weights::finished(folder, &config.model)?,
            None => weights::fresh(&config.model, &mut Pcg64Mcg::seed_from_u64(config.seed))?,
        };
        Ok(Self {
            config,
            frames,
            learnt,
            watched,
            rays: rays(&camera()),
            words: labels::words(&vectors)?,
            balance,
            optimizer: AdamW::new(config.optimizer, &weights)?,
            weights,
        })
    }

    /// One step of the optimiser: loss and length of the gradient.
    fn step(&mut self, step: u64) -> Result<(f64, f64), LearnError> {
        let batch = self.batch(step);
        let part = batch.len().div_ceil(self.config.replicas);
        let parts: Vec<(usize, &[usize])> = batch.chunks(part).enumerate().collect();
        let results = parts
            .par_iter()
            .map(|(replica, views)| self.gradients(views, step, *replica as u64))
            .collect::<Result<Vec<_>, LearnError>>()?;
        let total: f64 = results.iter().map(|result| result.weight).sum();
        let mut loss = 0.0;
        let mut sum: BTreeMap<String, Tensor> = BTreeMap::new();
        for result in results {
            let weight = result.weight / total;
            loss += weight * result.loss;
            for (name, gradient) in result.gradients {
                let gradient = (gradient * weight)?;
                let total = match sum.get(&name) {
                    Some(total) => (total + gradient)?,
                    None => gradient,
                };
                sum.insert(name, total);
            }
        }
        let length = self.optimizer.step(&self.weights, &sum, self.learning_rate(step))?;
        Ok((loss, length))
    }

    /// The views of a step: every epoch goes through all of them in an order of its own.
    fn batch(&self, step: u64) -> Vec<usize> {
        let all = self.learnt.len() as u64;
        let first = step * self.config.batch_size as u64;
        let mut order: Option<(u64, Vec<usize>)> = None;
        let mut batch = Vec::with_capacity(self.config.batch_size);
        for at in first..first + self.config.batch_size as u64 {
            let epoch = at / all;
            if order.as_ref().is_none_or(|(known, _)| *known != epoch) {
                let mut shuffled = self.learnt.clone();
                let seed = self.config.seed ^ (epoch + 1) << 32;
                shuffled.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
                order = Some((epoch, shuffled));
            }
            if let Some((_, shuffled)) = &order {
                batch.extend(shuffled.get((at % all) as usize));
            }
        }
        batch
    }

    fn learning_rate(&self, step: u64) -> f64 {
        let warmup = (step + 1) as f64 / self.config.warmup_steps.max(1) as f64;
        let share = step as f64 / self.config.steps as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        self.config.optimizer.learning_rate * warmup.min(1.0) * cosine
    }

    fn gradients(&self, views: &[usize], step: u64, replica: u64) -> Result<Gradients, LearnError> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.config.seed ^ (step << 8) ^ replica);
        let samples: Vec<Sample> = views
            .iter()
            .map(|view| {
                let record = self.frames.read(*view)?;
                Ok(self.sample(&Shot::changed(record, &self.config.augmentation, &mut rng)))
            })
            .collect::<Result<_, LearnError>>()?;
        let (count, names) = (samples.len(), self.frames.names().len());
        let stack = |of: fn(&Sample) -> &Vec<f32>, shape: &[usize]| {
            let values = samples.iter().flat_map(|sample| of(sample).iter().copied()).collect();
            Tensor::from_vec::<_, f32>(values, shape, &Device::Cpu)
        };
        let inputs = stack(|sample| &sample.inputs, &[count, CELLS, INPUTS])?;
        let net = weights::net(&self.config.model, &self.weights)?;
        let features = net.forward(&inputs)?.flatten(0, 1)?;
        let Some(config) = &self.config.objective.labels else {
            return Err(LearnError::Home("no objective".into()));
        };
        let targets = stack(|sample| &sample.targets, &[count * CELLS, names])?;
        let weights = stack(|sample| &sample.weights, &[count * CELLS])?;
        let loss = labels::loss(&features, &self.words, &targets, &weights, config.temperature)?;
        let store = loss.backward()?;
        let gradients = self
            .weights
            .iter()
            .filter_map(|(name, var)| Some((name.clone(), store.get(var)?.detach())))
            .collect();
        Ok(Gradients {
            gradients,
            loss: f64::from(loss.to_scalar::<f32>()?),
            weight: f64::from(weights.sum_all()?.to_scalar::<f32>()?.max(1e-6)),
        })
    }

    fn sample(&self, shot: &Shot) -> Sample {
        let names = self.frames.names().len();
        let mut targets = vec![0.0; CELLS * names];
        let weights = match &self.balance {
            Some(balance) => shot
                .labels
                .iter()
                .zip(targets.chunks_exact_mut(names))
                .map(|(label, target)| balance.target(label, target))
                .collect(),
            None => vec![1.0; CELLS],
        };
        Sample { inputs: cells(&shot.picture, &shot.view, &self.rays), targets, weights }
    }

    /// Measures the averaged weights on homes never learnt from.
    fn watch(&self, step: u64) -> Result<Measured, LearnError> {
        let net = weights::still(&self.config.model, self.optimizer.average())?;
        measure(&net, &self.words, self.frames, &self.watched, step)
    }
}

/// Pixels of each name in these views.
fn count(frames: &Frames, indices: &[usize]) -> Result<Vec<u64>, LearnError> {
    let mut pixels = vec![0; frames.names().len()];
    for index in indices {
        for (name, count) in frames.labels(*index)?.into_iter().flatten() {
            if let Some(pixels) = pixels.get_mut(usize::from(name)) {
                *pixels += u64::from(count);
            }
        }
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests;
