//! The training itself.

use super::super::LearnError;
use super::super::batch::batches;
use super::super::checkpoint::{Checkpoint, Progress};
use super::super::llama::TABLES;
use super::super::log::LoggedStep;
use super::super::scenes::{Lexicon, Oracle};
use super::super::trainer::{Cut, Trainer, learning_rate};
use super::config::SeeingTraining;
use super::export::Finished;
use super::lesson::{Lesson, Sight, TAUGHT, taught_lesson};
use super::look::Names;
use super::school::{School, times};
use super::spell::{Freedom, Speller};
use super::start::{self, Weights};
use super::teaching::{Classroom, Teaching, Variation};
use super::template::template;
use super::watch::{SeeingWatch, watch};
use crate::vision::WordHash;
use candle_core::{Device, Tensor};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

/// A step of training, for progress bars and logs.
#[derive(Debug)]
pub struct SeeingStep<'a> {
    /// Steps done.
    pub step: u64,
    /// Progress of the whole training, 0..=1.
    pub progress: f64,
    /// Loss of this step.
    pub loss: f64,
    /// Length of its gradient before clipping.
    pub gradient: f64,
    /// Learning rate of the decoder.
    pub learning_rate: f64,
    /// Tokens of this step, padding included.
    pub tokens: usize,
    /// How long it took, seconds.
    pub seconds: f64,
    /// Lessons left out because they are too long.
    pub too_long: usize,
    /// A measurement on what is held out, where this step ended in one.
    pub watch: Option<&'a SeeingWatch>,
}

impl From<&SeeingStep<'_>> for LoggedStep {
    fn from(step: &SeeingStep<'_>) -> Self {
        let mut measured = Vec::new();
        for (kind, both) in step.watch.into_iter().flat_map(|watch| &watch.kinds) {
            for (eyes, graded) in ["seen", "blind"].iter().zip(both) {
                measured.push((format!("{kind}/{eyes}/loss"), graded.loss));
                measured.push((format!("{kind}/{eyes}/exact"), graded.exact));
                let name = format!("{kind}/{eyes}/exact_without_places");
                measured.push((name, graded.exact_without_places));
            }
        }
        Self {
            step: step.step,
            progress: step.progress,
            loss: step.loss,
            gradient: step.gradient,
            learning_rate: step.learning_rate,
            worked_on: (step.tokens, "tokens"),
            watch: step.watch.map(|watch| serde_json::json!(watch)),
            measured,
        }
    }
}

/// Trains on `school` until the last epoch, or until what is held out is not answered better any
/// more, and writes the model folder `out` at every measurement, or with `patience` at every one that
/// is the best so far; `vision` is a folder that is copied into it, and `command` stands in its
/// manifest. `report` stops the training by saying `false`; it goes on from the last checkpoint, to
/// the same result. Without `out` nothing is kept.
///
/// # Errors
///
/// When the model to begin with cannot be read or is of another shape, when there is nothing to
/// learn, when a gradient is no number, when the checkpoint is that of another training or of other
/// data, and when files cannot be written.
pub fn train_seeing(
    config: &SeeingTraining,
    school: &School,
    device: &Device,
    out: Option<&Path>,
    vision: Option<&Path>,
    command: Option<&str>,
    report: &mut dyn FnMut(&SeeingStep<'_>) -> bool,
) -> Result<(), LearnError> {
    let vocabulary = config.vocabulary()?;
    let checkpoint = out.map(|out| Checkpoint::new(out, config, school.counts())).transpose()?;
    let begun = checkpoint.as_ref().filter(|checkpoint| !checkpoint.is_new());
    let tokenizer = match begun.map(|checkpoint| checkpoint.tokenizer()).transpose()?.flatten() {
        Some(tokenizer) => tokenizer,
        None => start::tokenizer(&config.init, &vocabulary)?,
    };
    if let (None, Some(checkpoint)) = (begun, &checkpoint) {
        checkpoint.keep(&tokenizer)?;
    }
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let weights = Weights::new(config, &tokenizer, device, &mut rng)?;
    let words = WordHash::new(config.vision.width)?;
    let oracle = Oracle { lexicon: Lexicon::of(school.things(), &words)?, faults: config.faults };
    if begun.is_none() {
        weights.warm(config, &oracle.lexicon, &tokenizer, &mut rng)?;
    }
    let mut trainer = Trainer::new(weights.learnt.clone(), config.optimizer)?;
    let mut progress: Progress<SeeingWatch> = match begun {
        Some(begun) => begun.restore(&trainer.weights, &mut trainer.optimizer)?.unwrap_or_default(),
        None => Progress::default(),
    };
    let names = Names::of(&oracle.lexicon, &tokenizer)?;
    let speller = Speller::new(tokenizer)?;
    let classroom =
        Classroom { config, homes: &school.homes, oracle, template: template(), speller, names };
    let (training, watched) = split(config, school, &classroom)?;
    let variation = Variation {
        arrangement: config.arrangement,
        freedom: Freedom { hide: config.hide_words, tear: config.tear_words },
    };
    let variables = tensors_of(&trainer);
    let model = weights.model(config, &variables)?;
    let teaching = Teaching { classroom: &classroom, model, variation, device: device.clone() };
    let finished =
        out.map(|out| Finished { config, vocabulary: &vocabulary, vision, command, out });
    // Where nothing is measured, nothing can stall.
    let patience = config.patience.filter(|_| !watched.is_empty());
    let cut = Cut { replicas: config.replicas, rounds: config.rounds };
    // A training that ended early stays ended.
    if has_stalled(&progress.watches, patience) {
        return Ok(());
    }

    for epoch in progress.epoch..config.epochs {
        let mut rng = Pcg64Mcg::seed_from_u64(config.seed ^ (u64::from(epoch) + 1) << 32);
        let mut lessons = training.epoch(config, &mut rng);
        for goal in &school.taught {
            if rng.random_bool(config.times_of(TAUGHT)) {
                let lesson = taught_lesson(goal, &vocabulary, &mut rng);
                let length = classroom.row(&lesson, Variation::NONE, &mut rng)?.ids.len();
                lessons.push(Measured { lesson, times: 1.0, length });
            }
        }
        if lessons.is_empty() {
            // Of few lessons that come seldom chance may choose none.
            lessons.extend(training.lessons.choose(&mut rng).cloned());
        }
        if lessons.is_empty() {
            let reason = training.nothing(school);
            return Err(LearnError::invalid(out.unwrap_or(&config.init), reason));
        }
        let lengths: Vec<usize> = lessons.iter().map(|lesson| lesson.length).collect();
        let batches = batches(&lengths, config.batch_size, &mut rng);
        let done = if epoch == progress.epoch { progress.batch } else { 0 };
        for (at, batch) in batches.iter().enumerate().skip(done) {
            let share =
                (f64::from(epoch) + at as f64 / batches.len() as f64) / f64::from(config.epochs);
            let [rate, rate_of_new] = [config.optimizer.learning_rate, config.projector_rate]
                .map(|highest| learning_rate(highest, config.warmup_steps, progress.step, share));
            let rate_of = |name: &str| if is_new(name) { rate_of_new } else { rate };
            let chosen: Vec<&Lesson> = batch.iter().map(|at| &lessons[*at].lesson).collect();
            let seed = config.seed ^ (progress.step << 16);
            let started = Instant::now();
            let stepped = trainer.step(&teaching, &chosen, cut, seed, &rate_of)?;
            let seconds = started.elapsed().as_secs_f64();
            progress.record(stepped.loss);
            let last = at + 1 == batches.len();
            (progress.epoch, progress.batch) = if last { (epoch + 1, 0) } else { (epoch, at + 1) };
            let is_end = last && epoch + 1 == config.epochs;
            let measure = progress.step.is_multiple_of(config.checkpoint_steps) || is_end;
            if measure {
                let averaged = weights.model(config, trainer.optimizer.average())?;
                progress.watches.push(watch(
                    &classroom,
                    &averaged,
                    device,
                    &watched,
                    progress.step,
                )?);
                if let (Some(checkpoint), Some(finished)) = (&checkpoint, &finished) {
                    let tokenizer = classroom.speller.tokenizer();
                    let optimizer = &trainer.optimizer;
                    // Before the checkpoint: a training that goes on from there does not measure again.
                    if patience.is_none() || is_best(&progress.watches) {
                        let newest = progress.watches.last();
                        finished.write(averaged, optimizer.average(), tokenizer, newest)?;
                    }
                    finished.draw(&progress)?;
                    checkpoint.save(&trainer.weights, optimizer, &progress)?;
                }
            }
            let go_on = report(&SeeingStep {
                step: progress.step,
                progress: share,
                loss: stepped.loss,
                gradient: stepped.gradient,
                learning_rate: rate,
                tokens: stepped.tokens,
                seconds,
                too_long: training.too_long,
                watch: progress.watches.last().filter(|_| measure),
            });
            if !go_on || measure && has_stalled(&progress.watches, patience) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether the last `patience` measurements were no better than one before them.
fn has_stalled(watches: &[SeeingWatch], patience: Option<usize>) -> bool {
    let Some(patience) = patience.filter(|patience| watches.len() > *patience) else {
        return false;
    };
    let (before, last) = watches.split_at(watches.len() - patience);
    least(last) >= least(before)
}

/// Whether the last measurement is better than all before it.
fn is_best(watches: &[SeeingWatch]) -> bool {
    watches.split_last().is_some_and(|(last, before)| last.loss() < least(before))
}

fn least(watches: &[SeeingWatch]) -> f64 {
    watches.iter().map(SeeingWatch::loss).fold(f64::INFINITY, f64::min)
}

/// Whether a weight was not in the decoder before.
fn is_new(name: &str) -> bool {
    name.starts_with("projector.") || TABLES.iter().any(|[_, added]| name == *added)
}

fn tensors_of(trainer: &Trainer) -> BTreeMap<String, Tensor> {
    let tensors = trainer.weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
    tensors.collect()
}

/// A lesson, how often it comes and how long its row is at most.
#[derive(Clone)]
struct Measured {
    lesson: Lesson,
    /// How often it comes in an epoch on average.
    times: f64,
    length: usize,
}

/// The lessons that are trained on.
#[derive(Default)]
struct Training {
    lessons: Vec<Measured>,
    /// Those left out: of kinds that do not come, longer than may be, only watched.
    unnamed: usize,
    too_long: usize,
    watched: usize,
}

impl Training {
    /// The lessons of an epoch: each as often as its kind comes, some of them with closed eyes.
    fn epoch(&self, config: &SeeingTraining, rng: &mut Pcg64Mcg) -> Vec<Measured> {
        let mut chosen = Vec::new();
        for measured in &self.lessons {
            let whole = measured.times.floor();
            let more = usize::from(rng.random_bool(measured.times - whole));
            for _ in 0..whole as usize + more {
                let mut measured = measured.clone();
                if rng.random_bool(config.blind) {
                    measured.lesson.sight = Sight::Blind;
                }
                chosen.push(measured);
            }
        }
        chosen
    }

    /// Why there is nothing to learn.
    fn nothing(&self, school: &School) -> String {
        let Self { unnamed, too_long, watched, .. } = self;
        let (all, checked) = (school.lessons.len(), &school.checked);
        let passed_over: usize = checked.passed_over.values().sum();
        let refused = checked.rejected();
        let sentences = checked.kept() + refused + passed_over;
        format!(
            "there is nothing to learn: of {all} lessons {unnamed} are of kinds that `mixture` does \
             not name, {too_long} may be longer than `max_length`, and {watched} are only watched \
             (`holdout`); of {sentences} sentences {refused} are not borne out by what is there, and \
             {passed_over} were not read"
        )
    }
}

/// Lessons to train on and to watch; no floor plan is on both sides.
fn split(
    config: &SeeingTraining,
    school: &School,
    classroom: &Classroom<'_>,
) -> Result<(Training, Vec<Lesson>), LearnError> {
    let trained = school.homes.get(..school.watched_from.unwrap_or(school.homes.len()));
    let scenes: BTreeSet<&str> =
        trained.into_iter().flatten().map(|home| home.scene.as_str()).collect();
    let mut scenes: Vec<&str> = scenes.into_iter().collect();
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    scenes.shuffle(&mut rng);
    let held = (config.holdout * scenes.len() as f64).round() as usize;
    let held: BTreeSet<&str> = scenes.into_iter().take(held).collect();
    let mut training = Training::default();
    let mut watched: BTreeMap<String, Vec<Lesson>> = BTreeMap::new();
    for lesson in &school.lessons {
        let Some(home) = school.homes.get(lesson.home) else { continue };
        let times = times(config, school, lesson);
        if times <= 0.0 {
            training.unnamed += 1;
            continue;
        }
        let words = classroom.row(&lesson.blind(), Variation::NONE, &mut rng)?.ids.len();
        let seen = classroom.most_tokens(home, lesson.sight);
        // One more for the mark before what is seen, and a few for what is not there.
        let most = words + 1 + config.tokens.scene.max(config.tokens.frame);
        if most > config.max_length {
            training.too_long += 1;
        } else if school.only_watches(lesson.home) {
            training.watched += 1;
            let kind = format!("watched {}", lesson.kind);
            let lesson = Lesson { kind: kind.clone(), ..lesson.clone() };
            watched.entry(kind).or_default().push(lesson);
        } else if held.contains(home.scene.as_str()) {
            training.watched += 1;
            watched.entry(lesson.kind.clone()).or_default().push(lesson.clone());
        } else {
            let length = words + 1 + seen;
            training.lessons.push(Measured { lesson: lesson.clone(), times, length });
        }
    }
    let mut kept = Vec::new();
    for mut lessons in watched.into_values() {
        lessons.shuffle(&mut rng);
        lessons.truncate(config.watched);
        kept.append(&mut lessons);
    }
    Ok((training, kept))
}
