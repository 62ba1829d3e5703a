//! Training the planner: human goals in, expert plans out.

use super::alfred::Trajectory;
use super::batch::{Encoded, batches, collate, encode, pad_id};
use super::checkpoint::{Checkpoint, Counts};
use super::fault::{dropout_fault, read_config, share_fault};
use super::llama::{Dropout, LlamaShape, TrainableLlama};
use super::log::LoggedStep;
use super::optimizer::AdamWConfig;
use super::samples::{Mixture, epoch_samples, goal_samples};
use super::taught::TaughtGoal;
use super::trainer::{Cut, Objective, PartLoss, Trainer, learning_rate};
use super::{About, LearnError, export, start};
use crate::tasks::ActionVocabulary;
use candle_core::{D, DType};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that decides what a training gives, but for the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannerTraining {
    /// What the finished model says of itself.
    pub about: About,
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
    /// Dropout in the residual branches, 0 or more and below 1.
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
        read_config(path, Self::fault)
    }

    fn fault(&self) -> Option<String> {
        if let Some(fault) = self.model.fault() {
            return Some(fault.into());
        }
        if [self.batch_size, self.replicas].contains(&0) || self.epochs == 0 {
            return Some("batch_size, replicas and epochs must be at least 1".into());
        }
        if self.max_length > self.model.max_positions {
            return Some("max_length is larger than model.max_positions".into());
        }
        let shares = [
            ("hide_words", self.hide_words),
            ("tear_words", self.tear_words),
            ("holdout", self.holdout),
            ("mixture.retold", self.mixture.retold),
            ("mixture.with_instructions", self.mixture.with_instructions),
            ("mixture.single_steps", self.mixture.single_steps),
            ("mixture.taught", self.mixture.taught),
        ];
        let fault = dropout_fault(self.dropout).or_else(|| share_fault(&shares));
        fault.or_else(|| self.optimizer.fault())
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

/// A step of training, for progress bars and logs.
#[derive(Debug, Clone, Copy)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Progress of the whole training, 0..=1.
    pub progress: f64,
    /// Training loss of this step.
    pub loss: f64,
    /// Length of its gradient before clipping.
    pub gradient: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Tokens of this step, padding included.
    pub tokens: usize,
    /// The newest measurement on held-out goals.
    pub watch: Option<Watch>,
}

impl From<&StepReport> for LoggedStep {
    fn from(step: &StepReport) -> Self {
        // The newest measurement comes with every step, and is of one.
        let watch = step.watch.filter(|watch| watch.step == step.step);
        let of = |watch: &Watch| {
            let numbers = [
                ("loss", watch.loss),
                ("exact", watch.exact),
                ("exact_without_places", watch.exact_without_places),
            ];
            numbers.map(|(name, number)| (format!("plan/blind/{name}"), number))
        };
        Self {
            step: step.step,
            progress: step.progress,
            loss: step.loss,
            gradient: step.gradient,
            learning_rate: step.learning_rate,
            worked_on: (step.tokens, "tokens"),
            measured: watch.iter().flat_map(of).collect(),
            watch: watch.map(|watch| serde_json::json!(watch)),
        }
    }
}

/// Trains on `trajectories` and on what a teacher says (`taught`, which may be empty) until the last
/// epoch and writes the model folder `out`, whose manifest tells `command`; `report` stops it by
/// saying `false`, and then nothing but the checkpoint is written. Training that was stopped goes on
/// from the last checkpoint in `out/checkpoint`, to the same result.
///
/// # Errors
///
/// When there is nothing to learn, a gradient is no number, a file cannot be read or written, or
/// the checkpoint is that of another training or of other data.
pub fn train_planner(
    config: &PlannerTraining,
    trajectories: &[Trajectory],
    taught: &[TaughtGoal],
    vocabulary: &ActionVocabulary,
    out: &Path,
    command: Option<&str>,
    report: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<(), LearnError> {
    let (training, held_out) = split(config, trajectories)?;
    let checkpoint = Checkpoint::new(out, config, counts(trajectories, taught))?;
    let tokenizer = match checkpoint.tokenizer()? {
        Some(tokenizer) => tokenizer,
        None => {
            let tokenizer = start::tokenizer(config, &training, vocabulary)?;
            checkpoint.keep(&tokenizer)?;
            tokenizer
        }
    };
    let vocabulary_size = tokenizer.get_vocab_size(true);
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let weights = start::weights(config, vocabulary_size, &mut rng)?;
    let mut trainer = Trainer::new(weights, config.optimizer)?;
    let mut progress =
        checkpoint.restore(&trainer.weights, &mut trainer.optimizer)?.unwrap_or_default();
    let held_out = goal_samples(&held_out, vocabulary);
    let (watched, _) = encode(&tokenizer, &held_out, config.max_length, 0.0, &mut rng)?;
    let objective = Planning {
        config,
        model: TrainableLlama::of_vars(config.model, &trainer.weights),
        pad: pad_id(&tokenizer)?,
    };
    let cut = Cut { replicas: config.replicas, rounds: 1 };

    for epoch in progress.epoch..config.epochs {
        let mut rng = Pcg64Mcg::seed_from_u64(config.seed ^ (u64::from(epoch) + 1) << 32);
        let samples = epoch_samples(&training, taught, vocabulary, config.mixture, &mut rng);
        let (samples, _) =
            encode(&tokenizer, &samples, config.max_length, config.tear_words, &mut rng)?;
        if samples.is_empty() {
            let reason = format!("none has at most {} tokens (max_length)", config.max_length);
            return Err(LearnError::Goals(reason));
        }
        let lengths: Vec<usize> = samples.iter().map(|sample| sample.ids.len()).collect();
        let batches = batches(&lengths, config.batch_size, &mut rng);
        let done = if epoch == progress.epoch { progress.batch } else { 0 };
        for (at, batch) in batches.iter().enumerate().skip(done) {
            let share =
                (f64::from(epoch) + at as f64 / batches.len() as f64) / f64::from(config.epochs);
            let samples: Vec<_> = batch.iter().map(|&at| &samples[at]).collect();
            let highest = config.optimizer.learning_rate;
            let rate = learning_rate(highest, config.warmup_steps, progress.step, share);
            let seed = config.seed ^ (progress.step << 8);
            let stepped = trainer.step(&objective, &samples, cut, seed, &|_| rate)?;
            progress.record(stepped.loss);
            let last = at + 1 == batches.len();
            (progress.epoch, progress.batch) = if last { (epoch + 1, 0) } else { (epoch, at + 1) };
            if progress.step.is_multiple_of(config.checkpoint_steps) || last {
                // Where nothing is held out, no goal of it is missed.
                if !watched.is_empty() {
                    progress.watches.push(objective.watch(&trainer, &watched, progress.step)?);
                }
                checkpoint.save(&trainer.weights, &trainer.optimizer, &progress)?;
            }
            let go_on = report(&StepReport {
                step: progress.step,
                progress: share,
                loss: stepped.loss,
                gradient: stepped.gradient,
                learning_rate: rate,
                tokens: stepped.tokens,
                watch: progress.watches.last().copied(),
            });
            if !go_on {
                return Ok(());
            }
        }
    }
    let (about, shape) = (&config.about, &config.model);
    export::blind_manifest(about, shape, progress.watches.last(), command, out)?;
    export::model_folder(trainer.optimizer.average(), &config.model, &tokenizer, vocabulary, out)?;
    export::loss_curve(&progress, &out.join("loss.png"))
}

/// Plans for goals that are told in words.
struct Planning<'a> {
    config: &'a PlannerTraining,
    model: TrainableLlama,
    pad: u32,
}

impl Objective for Planning<'_> {
    type Sample = Encoded;

    fn loss(&self, samples: &[&Encoded], rng: &mut Pcg64Mcg) -> candle_core::Result<PartLoss> {
        let (place_weight, hide) = (self.config.place_weight, self.config.hide_words);
        let batch = collate(samples.iter().copied(), self.pad, place_weight, hide, rng)?;
        let mut dropout = Some(Dropout { probability: self.config.dropout, rng });
        let hidden = self.model.hidden(&batch.tokens, &mut dropout)?;
        let logits = self.model.logits(&hidden, &batch.rows)?;
        let (weight, tokens) = (batch.weight, batch.tokens.elem_count());
        Ok(PartLoss { loss: batch.loss(&logits)?, weight, tokens })
    }
}

impl Planning<'_> {
    /// Measures the averaged weights on goals never trained on.
    fn watch(
        &self,
        trainer: &Trainer,
        samples: &[Encoded],
        step: u64,
    ) -> Result<Watch, LearnError> {
        let weights = trainer.optimizer.average().clone();
        let averaged = TrainableLlama { weights, ..self.model.clone() };
        let (mut loss, mut weight) = (0.0, 0.0);
        let (mut exact, mut without_places) = (0, 0);
        for samples in samples.chunks(64) {
            let mut rng = Pcg64Mcg::seed_from_u64(0);
            let batch = collate(samples.iter(), self.pad, self.config.place_weight, 0.0, &mut rng)?;
            let hidden = averaged.hidden(&batch.tokens, &mut None)?.detach();
            let logits = averaged.logits(&hidden, &batch.rows)?.detach();
            loss += f64::from(batch.loss(&logits)?.to_scalar::<f32>()?) * batch.weight;
            weight += batch.weight;
            let right: Vec<u8> =
                logits.argmax(D::Minus1)?.eq(&batch.targets)?.to_dtype(DType::U8)?.to_vec1()?;
            let mut right = right.into_iter();
            for sample in samples {
                let (mut all, mut others) = (true, true);
                // Targets first: a zip that ends on them takes no hit of the next sample.
                for (target, hit) in sample.targets.iter().zip(right.by_ref()) {
                    let hit = hit != 0;
                    all &= hit;
                    others &= hit || target.is_place;
                }
                exact += usize::from(all);
                without_places += usize::from(others);
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

/// What the batches follow from.
fn counts(trajectories: &[Trajectory], taught: &[TaughtGoal]) -> Counts {
    let goals = || trajectories.iter().flat_map(|trajectory| &trajectory.goals);
    let words = goals().flat_map(|goal| goal.steps.iter().chain([&goal.goal]));
    let words = words.chain(taught.iter().map(|goal| &goal.goal));
    Counts::new([
        ("trajectories", trajectories.len()),
        ("goals", goals().count()),
        ("goals of a teacher", taught.len()),
        ("bytes of words", words.map(String::len).sum()),
    ])
}

/// Trajectories to train on, and to watch; at least one to train on.
fn split(
    config: &PlannerTraining,
    trajectories: &[Trajectory],
) -> Result<(Vec<Trajectory>, Vec<Trajectory>), LearnError> {
    let Some(most) = trajectories.len().checked_sub(1) else {
        return Err(LearnError::Goals("there are no trajectories to learn from".into()));
    };
    let mut order: Vec<_> = trajectories.to_vec();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(config.seed));
    let watched = (config.holdout * order.len() as f64).round() as usize;
    let training = order.split_off(watched.min(most));
    Ok((training, order))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::gradients::{SHAPE, TOKENS, assert_parts_add_up, rows, stepped_along};
    use crate::learn::llama::weight_shapes;
    use crate::vision::gradients::{cast, chance};
    use candle_core::Device;

    fn config() -> PlannerTraining {
        PlannerTraining {
            about: About {
                name: "tiny".into(),
                description: "a test".into(),
                license: "none".into(),
                data: Vec::new(),
            },
            seed: 1,
            init: None,
            model: SHAPE,
            tokenizer_size: TOKENS,
            epochs: 1,
            batch_size: 4,
            replicas: 1,
            max_length: 16,
            mixture: Mixture {
                retold: 0.0,
                with_instructions: 0.0,
                single_steps: 0.0,
                taught: 0.0,
            },
            place_weight: 0.5,
            dropout: 0.0,
            hide_words: 0.0,
            tear_words: 0.0,
            optimizer: AdamWConfig {
                learning_rate: 0.01,
                beta1: 0.0,
                beta2: 0.98,
                weight_decay: 0.0,
                gradient_clip: 1e9,
                average_decay: 0.9,
            },
            warmup_steps: 1,
            holdout: 0.0,
            checkpoint_steps: 1,
        }
    }

    #[test]
    fn faults_are_named() {
        let fault = |change: &dyn Fn(&mut PlannerTraining)| {
            let mut config = config();
            change(&mut config);
            config.fault().unwrap_or_default()
        };
        assert_eq!(fault(&|_| {}), "");
        for dropout in [1.0, -0.1, f32::NAN] {
            assert!(fault(&|c| c.dropout = dropout).contains("dropout is"), "{dropout}");
        }
        assert!(fault(&|c| c.hide_words = 1.5).contains("hide_words is 1.5"));
        assert!(fault(&|c| c.mixture.taught = -1.0).contains("mixture.taught is -1"));
        assert!(fault(&|c| c.max_length = 33).contains("max_length"));
        assert!(fault(&|c| c.optimizer.gradient_clip = 0.0).contains("gradient_clip is 0"));
    }

    #[test]
    fn without_goals_there_is_no_training() {
        let out = tempfile::tempdir().unwrap();
        let vocabulary = ActionVocabulary::alfred();
        let step = crate::tasks::SpokenStep {
            action: "PickupObject".into(),
            arguments: vec!["mug".into()],
        };
        let goal = crate::learn::Goal { goal: "Take the mug.".into(), steps: Vec::new() };
        let (task, goals, plan) = ("a_task".into(), vec![goal], vec![step]);
        let trajectory = Trajectory { task, scene: None, goals, plan };
        let brief = PlannerTraining { max_length: 2, tokenizer_size: 300, ..config() };
        for (trajectories, reason) in
            [(Vec::new(), "no trajectories"), (vec![trajectory], "at most 2 tokens")]
        {
            let error = train_planner(
                &brief,
                &trajectories,
                &[],
                &vocabulary,
                out.path(),
                None,
                &mut |_| true,
            );
            let error = error.unwrap_err();
            assert!(matches!(&error, LearnError::Goals(_)), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn each_held_out_goal_is_measured_by_its_own_answer() {
        let config = config();
        let wide = chance(weight_shapes(&SHAPE, TOKENS), 1);
        let vars = cast(&wide, DType::F32, &Device::Cpu);
        let model = TrainableLlama::of_vars(SHAPE, &vars);
        let mut samples = rows();
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let batch = collate(samples.iter(), 0, 1.0, 0.0, &mut rng).unwrap();
        let hidden = model.hidden(&batch.tokens, &mut None).unwrap();
        let logits = model.logits(&hidden, &batch.rows).unwrap();
        let likeliest: Vec<u32> = logits.argmax(D::Minus1).unwrap().to_vec1().unwrap();
        let targets = samples.iter_mut().flat_map(|sample| &mut sample.targets);
        targets.zip(likeliest).for_each(|(target, token)| target.token = token);
        // Nothing of the first is missed, and of the second the only token, which names a place.
        let missed = &mut samples[1].targets[0];
        missed.token = (missed.token + 1) % TOKENS as u32;
        let planning = Planning { config: &config, model, pad: 0 };
        let trainer = Trainer::new(vars, config.optimizer).unwrap();
        let watch = planning.watch(&trainer, &samples, 1).unwrap();
        assert_eq!((watch.exact, watch.exact_without_places), (0.5, 1.0));
    }

    /// Samples of other lengths, padded to other ones in each part, that count by their tokens.
    #[test]
    fn gradients_of_the_parts_of_a_batch_add_up_to_those_of_all_of_it() {
        let config = config();
        let [long, short] = rows();
        let samples = [&long, &short, &short, &long, &short];
        let step = |cut: Cut| {
            let wide = chance(weight_shapes(&SHAPE, TOKENS), 1);
            let vars = cast(&wide, DType::F32, &Device::Cpu);
            let model = TrainableLlama::of_vars(SHAPE, &vars);
            let planning = Planning { config: &config, model, pad: 0 };
            let mut trainer = Trainer::new(vars, config.optimizer).unwrap();
            let stepped = trainer.step(&planning, &samples, cut, 1, &|_| 0.01).unwrap();
            (stepped, stepped_along(&trainer.optimizer))
        };
        assert_parts_add_up([(2, 1), (1, 3), (5, 1)], &step);
    }
}
