//! The training itself: views in, steps of the optimiser out.

use super::config::VisionTraining;
use super::frames::Frames;
use super::lesson::{Lesson, Mind};
use super::saved::export;
use super::watch::{Measured, VisionWatch, measure};
use super::weights;
use crate::learn::checkpoint::{Checkpoint, Counts, Progress};
use crate::learn::optimizer::AdamW;
use crate::learn::trainer::learning_rate;
use crate::learn::{LearnError, LoggedStep};
use crate::vision::SceneVitConfig;
use candle_core::{Device, Tensor, Var};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// A step of training, for progress bars and logs.
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
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Views of this step.
    pub views: usize,
    /// The newest measurement on held-out homes.
    pub watch: Option<VisionWatch>,
}

impl From<&VisionStep> for LoggedStep {
    fn from(step: &VisionStep) -> Self {
        // The newest measurement comes with every step, and is of one.
        let watch = step.watch.filter(|watch| watch.step == step.step);
        let of = |watch: &VisionWatch| {
            let shares = [
                ("cells", watch.cells),
                ("names", watch.names),
                ("things", watch.things),
                ("things_precision", watch.things_precision),
                ("states", watch.states),
            ];
            shares.map(|(name, share)| (format!("held_out/{name}"), share))
        };
        Self {
            step: step.step,
            progress: step.step as f64 / step.steps.max(1) as f64,
            loss: step.loss,
            gradient: step.gradient,
            learning_rate: step.learning_rate,
            worked_on: (step.views, "views"),
            measured: watch.iter().flat_map(of).collect(),
            watch: watch.map(|watch| serde_json::json!(watch)),
        }
    }
}

/// Learns from `frames` on `device` until the last step and writes the model folder `out`; at each
/// checkpoint, too. `report` stops it by saying `false`. Training that was stopped goes on from the last
/// checkpoint, to the same result.
///
/// # Errors
///
/// When a file cannot be read or written, a gradient is no number, or a checkpoint is that of
/// another training or of other views.
pub fn train_vision(
    config: &VisionTraining,
    frames: &Frames,
    device: &Device,
    out: &Path,
    report: &mut dyn FnMut(&VisionStep) -> bool,
) -> Result<(), LearnError> {
    let mut trainer = Trainer::new(config, frames, device)?;
    let counts = Counts::new([
        ("views to learn from", trainer.learnt.len()),
        ("held-out views", frames.indices(true).len()),
        ("names", frames.names().len()),
    ]);
    let checkpoint = Checkpoint::new(out, config, counts)?;
    let Trainer { weights, optimizer, memory, .. } = &mut trainer;
    let restored = checkpoint.restore_all(weights, optimizer, memory)?;
    let mut progress: Progress<VisionWatch> = restored.unwrap_or_default();
    while progress.step < config.steps {
        let learning_rate = trainer.learning_rate(progress.step);
        let (loss, gradient) = trainer.step(progress.step)?;
        progress.record(loss);
        let is_last = progress.step == config.steps;
        if is_last || progress.step.is_multiple_of(config.checkpoint_steps) {
            let measured = trainer.watch(progress.step)?;
            progress.watches.push(measured.watch);
            let model =
                SceneVitConfig::new(config.model, frames.most_across(), frames.names().to_vec());
            // Before the checkpoint: a training that goes on from the last one writes nothing again.
            export(out, &model, trainer.optimizer.average(), &measured, &progress)?;
            let Trainer { weights, optimizer, memory, .. } = &trainer;
            checkpoint.save_all(weights, optimizer, memory, &progress)?;
        }
        let step = VisionStep {
            step: progress.step,
            steps: config.steps,
            loss: progress.loss(),
            gradient,
            learning_rate,
            views: config.batch_size,
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
    lesson: Lesson<'a>,
    learnt: Vec<usize>,
    watched: Vec<usize>,
    weights: BTreeMap<String, Var>,
    optimizer: AdamW,
    memory: BTreeMap<String, Tensor>,
}

impl<'a> Trainer<'a> {
    fn new(
        config: &'a VisionTraining,
        frames: &'a Frames,
        device: &Device,
    ) -> Result<Self, LearnError> {
        let learnt = frames.indices(false);
        if learnt.is_empty() {
            return Err(LearnError::Views("all homes are held out".into()));
        }
        let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
        let mut watched = frames.indices(true);
        watched.shuffle(&mut rng);
        watched.truncate(config.watched_views);
        let lesson = Lesson::new(config, frames, &learnt, device)?;
        let weights = lesson.weights(&mut rng)?;
        let memory = lesson.memory(&mut rng)?;
        let optimizer = AdamW::new(config.optimizer, &weights)?;
        Ok(Self { config, frames, lesson, learnt, watched, weights, optimizer, memory })
    }

    /// One step of the optimiser: loss and length of the gradient.
    fn step(&mut self, step: u64) -> Result<(f64, f64), LearnError> {
        let batch = self.batch(step);
        let part = batch.len().div_ceil(self.config.replicas);
        let parts: Vec<(u64, &[usize])> = (0..).zip(batch.chunks(part)).collect();
        let mind = Mind {
            weights: &self.weights,
            average: self.optimizer.average(),
            memory: &self.memory,
        };
        let results = parts
            .par_iter()
            .map(|(replica, views)| {
                let seed = self.config.seed ^ (step << 8) ^ replica;
                self.lesson.learn(views, &mind, &mut Pcg64Mcg::seed_from_u64(seed))
            })
            .collect::<Result<Vec<_>, LearnError>>()?;
        let total: f64 = results.iter().map(|result| result.weight).sum();
        let mut loss = 0.0;
        let mut sum: BTreeMap<String, Tensor> = BTreeMap::new();
        let mut memory = self.memory.clone();
        for result in results {
            self.lesson.remember(&result, &mut memory)?;
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
        let rate = self.learning_rate(step);
        let length = self.optimizer.step(&self.weights, &sum, rate)?;
        // Not before: a step that fails moves nothing.
        self.memory = memory;
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
        let config = self.config;
        let share = step as f64 / config.steps as f64;
        learning_rate(config.optimizer.learning_rate, config.warmup_steps, step, share)
    }

    /// Measures the averaged weights on homes never learnt from.
    fn watch(&self, step: u64) -> Result<Measured, LearnError> {
        let (average, device) = (self.optimizer.average(), self.lesson.device());
        let net = weights::still(&self.config.model, average, device)?;
        measure(&net, self.lesson.words(), self.frames, &self.watched, step)
    }
}

#[cfg(test)]
mod tests;
