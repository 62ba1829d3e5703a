//! Training the planner: human goals in, expert plans out.

use super::alfred::Trajectory;
use super::batch::{Encoded, batches, collate, encode, pad_id};
use super::checkpoint::{Checkpoint, Progress};
use super::llama::{Dropout, LlamaShape, TrainableLlama};
use super::optimizer::{AdamW, AdamWConfig};
use super::samples::{Mixture, epoch_samples, goal_samples};
use super::taught::TaughtGoal;
use super::{LearnError, export, start};
use crate::tasks::ActionVocabulary;
use candle_core::{D, DType, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// Everything that decides what a training gives, but for the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannerTraining {
    /// Seed of all chance.
    pub seed: u64,
    /// Folder of a finished model to begin with, its tokenizer included; fresh weights where none is
    /// named.
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// Size of the decoder.
    pub model: LlamaShape,
    /// Most tokens of a new tokenizer.
    pub tokenizer_size: usize,
    /// Number of passes over the goals.
    pub epochs: u32,
    /// Samples a step.
    pub batch_size: usize,
    /// Parts of a batch that are worked on side by side. Part of the result, so not the number of
    /// cores of whatever machine trains.
    pub replicas: usize,
    /// Longest sample, tokens.
    pub max_length: usize,
    /// What an epoch holds.
    pub mixture: Mixture,
    /// How much the name of a place to go to counts in the loss; other answer tokens count 1.
    pub place_weight: f32,
    /// Dropout in the residual branches.
    pub dropout: f32,
    /// Probability of hiding a prompt token.
    pub hide_words: f64,
    /// Probability of tearing a prompt word into other tokens.
    pub tear_words: f64,
    /// The optimiser.
    pub optimizer: AdamWConfig,
    /// Steps over which the learning rate rises before it falls along a cosine.
    pub warmup_steps: u64,
    /// Share of the trajectories that are never trained on and watched instead, 0..1.
    pub holdout: f64,
    /// Steps between two checkpoints.
    pub checkpoint_steps: u64,
}

impl PlannerTraining {
    /// Reads a training configuration.
    pub fn read(path: &Path) -> Result<Self, LearnError> {
        let text = std::fs::read_to_string(path).map_err(LearnError::file(path))?;
        let config: Self =
            serde_yaml::from_str(&text).map_err(|error| LearnError::invalid(path, error))?;
        let bad = |reason: &str| Err(LearnError::invalid(path, reason));
        if config.model.heads == 0 || !config.model.hidden.is_multiple_of(2 * config.model.heads) {
            return bad("model.hidden must be an even multiple of model.heads");
        }
        if config.batch_size == 0 || config.replicas == 0 || config.epochs == 0 {
            return bad("batch_size, replicas and epochs must be at least 1");
        }
        if config.max_length > config.model.max_positions {
            return bad("max_length is larger than model.max_positions");
        }
        Ok(config)
    }
}

/// How well the held-out goals are answered when each token is predicted from the expert's own
/// tokens before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Step at which it was measured.
    pub step: u64,
    /// Mean negative log-likelihood of an answer token.
    pub loss: f64,
    /// Share of goals whose every answer token is the likeliest one.
    pub exact: f64,
    /// The same, names of places to go to left out.
    pub exact_without_places: f64,
}

/// A step of training, for progress bars.
#[derive(Debug, Clone, Copy)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Progress of the whole training, 0..=1.
    pub progress: f64,
    /// Training loss of this step.
    pub loss: f64,
    /// Tokens of this step, padding included.
    pub tokens: usize,
    /// The newest measurement on held-out goals.
    pub watch: Option<Watch>,
}

/// Trains on `trajectories` and on what a teacher says (`taught`, which may be empty) until the last
/// epoch and writes the model folder `out`; `report` stops it by saying
/// `false`, and then nothing but the checkpoint is written. Training that was stopped goes on from
/// the last checkpoint in `out/checkpoint`, to the same result.
pub fn train_planner(
    config: &PlannerTraining,
    trajectories: &[Trajectory],
    taught: &[TaughtGoal],
    vocabulary: &ActionVocabulary,
    out: &Path,
    report: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<(), LearnError> {
    let (training, held_out) = split(config, trajectories);
    let checkpoint = Checkpoint::new(out, config)?;
    let tokenizer = match checkpoint.tokenizer()? {
        Some(tokenizer) => tokenizer,
        None => start::tokenizer(config, &training, vocabulary)?,
    };
    let vocabulary_size = tokenizer.get_vocab_size(true);
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let model = start::model(config, vocabulary_size, &mut rng)?;
    let mut optimizer = AdamW::new(config.optimizer, &model.weights)?;
    let mut progress = checkpoint.restore(&model, &mut optimizer)?.unwrap_or_default();
    let held_out = goal_samples(&held_out, vocabulary);
    let (watched, _) = encode(&tokenizer, &held_out, config.max_length, 0.0, &mut rng)?;
    let mut trainer = Trainer { config, model, tokenizer, optimizer };

    for epoch in progress.epoch..config.epochs {
        let mut rng = Pcg64Mcg::seed_from_u64(config.seed ^ (u64::from(epoch) + 1) << 32);
        let samples = epoch_samples(&training, taught, vocabulary, config.mixture, &mut rng);
        let (samples, _) =
            encode(&trainer.tokenizer, &samples, config.max_length, config.tear_words, &mut rng)?;
        let batches = batches(&samples, config.batch_size, &mut rng);
        let done = if epoch == progress.epoch { progress.batch } else { 0 };
        for (at, batch) in batches.iter().enumerate().skip(done) {
            let share =
                (f64::from(epoch) + at as f64 / batches.len() as f64) / f64::from(config.epochs);
            let samples: Vec<_> = batch.iter().map(|&at| &samples[at]).collect();
            let (loss, tokens) = trainer.step(&samples, progress.step, share)?;
            progress.record(loss);
            let last = at + 1 == batches.len();
            (progress.epoch, progress.batch) = if last { (epoch + 1, 0) } else { (epoch, at + 1) };
            if progress.step.is_multiple_of(config.checkpoint_steps) || last {
                progress.watches.push(trainer.watch(&watched, progress.step)?);
                checkpoint.save(
                    &trainer.model,
                    &trainer.optimizer,
                    &trainer.tokenizer,
                    &progress,
                )?;
            }
            let go_on = report(&StepReport {
                step: progress.step,
                progress: share,
                loss,
                tokens,
                watch: progress.watches.last().copied(),
            });
            if !go_on {
                return Ok(());
            }
        }
    }
    finish(&trainer, &progress, vocabulary, out)
}

fn finish(
    trainer: &Trainer<'_>,
    progress: &Progress,
    vocabulary: &ActionVocabulary,
    out: &Path,
) -> Result<(), LearnError> {
    export::model_folder(
        trainer.optimizer.average(),
        &trainer.config.model,
        &trainer.tokenizer,
        vocabulary,
        out,
    )?;
    export::loss_curve(progress, &out.join("loss.png"))
}

struct Trainer<'a> {
    config: &'a PlannerTraining,
    model: TrainableLlama,
    tokenizer: Tokenizer,
    optimizer: AdamW,
}

impl Trainer<'_> {
    /// One step of the optimiser on `samples`; `share` of the training is done.
    fn step(
        &mut self,
        samples: &[&Encoded],
        step: u64,
        share: f64,
    ) -> Result<(f64, usize), LearnError> {
        let pad = pad_id(&self.tokenizer)?;
        let part = samples.len().div_ceil(self.config.replicas);
        let parts: Vec<_> = samples.chunks(part).enumerate().collect();
        let results = parts
            .par_iter()
            .map(|(replica, samples)| self.gradients(samples, pad, step, *replica as u64))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let total: f64 = results.iter().map(|result| result.weight).sum();
        let (mut loss, mut tokens) = (0.0, 0);
        let mut sum: BTreeMap<String, Tensor> = BTreeMap::new();
        for result in results {
            let weight = result.weight / total;
            loss += weight * result.loss;
            tokens += result.tokens;
            for (name, gradient) in result.gradients {
                let gradient = (gradient * weight)?;
                let total = match sum.get(&name) {
                    Some(total) => (total + gradient)?,
                    None => gradient,
                };
                sum.insert(name, total);
            }
        }
        let rate = self.learning_rate(step, share);
        self.optimizer.step(&self.model.weights, &sum, rate)?;
        Ok((loss, tokens))
    }

    fn learning_rate(&self, step: u64, share: f64) -> f64 {
        let warmup = (step + 1) as f64 / self.config.warmup_steps.max(1) as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        self.config.optimizer.learning_rate * warmup.min(1.0) * cosine
    }

    fn gradients(
        &self,
        samples: &[&Encoded],
        pad: u32,
        step: u64,
        replica: u64,
    ) -> candle_core::Result<Gradients> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.config.seed ^ (step << 8) ^ replica);
        let (place_weight, hide) = (self.config.place_weight, self.config.hide_words);
        let batch = collate(samples.iter().copied(), pad, place_weight, hide, &mut rng)?;
        let mut dropout = Some(Dropout { probability: self.config.dropout, rng: &mut rng });
        let hidden = self.model.hidden(&batch.tokens, &mut dropout)?;
        let logits = self.model.logits(&hidden, &batch.rows)?;
        let loss = batch.loss(&logits)?;
        let store = loss.backward()?;
        let gradients = self
            .model
            .weights
            .iter()
            .filter_map(|(name, var)| Some((name.clone(), store.get(var)?.detach())))
            .collect();
        Ok(Gradients {
            gradients,
            loss: f64::from(loss.to_scalar::<f32>()?),
            weight: batch.weight,
            tokens: batch.tokens.elem_count(),
        })
    }

    /// Measures the averaged weights on goals never trained on.
    fn watch(&self, samples: &[Encoded], step: u64) -> Result<Watch, LearnError> {
        let pad = pad_id(&self.tokenizer)?;
        let averaged = TrainableLlama {
            shape: self.model.shape,
            vocabulary: self.model.vocabulary,
            weights: self
                .optimizer
                .average()
                .iter()
                .map(|(name, tensor)| Ok((name.clone(), candle_core::Var::from_tensor(tensor)?)))
                .collect::<candle_core::Result<_>>()?,
        };
        let (mut loss, mut weight) = (0.0, 0.0);
        let (mut exact, mut without_places) = (0, 0);
        for samples in samples.chunks(64) {
            let mut rng = Pcg64Mcg::seed_from_u64(0);
            let batch = collate(samples.iter(), pad, self.config.place_weight, 0.0, &mut rng)?;
            let hidden = averaged.hidden(&batch.tokens, &mut None)?.detach();
            let logits = averaged.logits(&hidden, &batch.rows)?.detach();
            loss += f64::from(batch.loss(&logits)?.to_scalar::<f32>()?) * batch.weight;
            weight += batch.weight;
            let right: Vec<u8> =
                logits.argmax(D::Minus1)?.eq(&batch.targets)?.to_dtype(DType::U8)?.to_vec1()?;
            let mut right = right.into_iter();
            for sample in samples {
                let wrong: Vec<bool> = right
                    .by_ref()
                    .zip(&sample.targets)
                    .filter_map(|(hit, target)| (hit == 0).then_some(target.is_place))
                    .collect();
                exact += usize::from(wrong.is_empty());
                without_places += usize::from(wrong.iter().all(|place| *place));
            }
        }
        let count = samples.len().max(1) as f64;
        Ok(Watch {
            step,
            loss: loss / weight.max(1.0),
            exact: exact as f64 / count,
            exact_without_places: without_places as f64 / count,
        })
    }
}

struct Gradients {
    gradients: Vec<(String, Tensor)>,
    loss: f64,
    weight: f64,
    tokens: usize,
}

/// Trajectories to train on, and to watch.
fn split(
    config: &PlannerTraining,
    trajectories: &[Trajectory],
) -> (Vec<Trajectory>, Vec<Trajectory>) {
    let mut order: Vec<_> = trajectories.to_vec();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(config.seed));
    let watched = (config.holdout * order.len() as f64).round() as usize;
    let training = order.split_off(watched.min(order.len() - 1));
    (training, order)
}
