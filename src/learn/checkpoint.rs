//! Where a training stands, on disk, so that it can go on after a stop.
//!
//! All of it is one file, which is replaced as a whole: a stop at any time leaves the old state or the
//! new one, and never the weights of one with the progress of the other.

use super::LearnError;
use super::optimizer::AdamW;
use super::save::save_tensors;
use candle_core::{Device, Tensor, Var};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// The file.
const FILE: &str = "state.safetensors";
/// What in it is no tensor: its JSON, as bytes. Earlier versions had it in a file of this name
/// beside the other, which is still read.
const STATE: &str = "state.json";
/// Before the names of weights.
const WEIGHTS: &str = "weights.";
/// Before the names of what objectives remember.
const MEMORY: &str = "memory.";

/// How far a training has come, and what it has seen on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress<W> {
    /// Steps done.
    pub step: u64,
    /// Epoch to go on with, where a training counts them.
    #[serde(default)]
    pub epoch: u32,
    /// Batch of that epoch to go on with.
    #[serde(default)]
    pub batch: usize,
    /// Smoothed training loss, one number every [`Self::EVERY`] steps.
    pub losses: Vec<f64>,
    /// Measurements on what is held out.
    pub watches: Vec<W>,
    smoothed: f64,
}

impl<W> Default for Progress<W> {
    fn default() -> Self {
        Self { step: 0, epoch: 0, batch: 0, losses: vec![], watches: vec![], smoothed: 0.0 }
    }
}

impl<W> Progress<W> {
    /// Steps between two entries of `losses`.
    pub const EVERY: u64 = 20;

    /// Counts a step with this loss.
    pub fn record(&mut self, loss: f64) {
        self.step += 1;
        // A mean until there is enough to smooth, or the curve would start at the first batch.
        let weight = 0.02f64.max(1.0 / self.step as f64);
        self.smoothed += weight * (loss - self.smoothed);
        if self.step.is_multiple_of(Self::EVERY) {
            self.losses.push(self.smoothed);
        }
    }

    /// The smoothed loss.
    pub fn loss(&self) -> f64 {
        self.smoothed
    }
}

/// What the batches of a training follow from beside its configuration: its data, counted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts(BTreeMap<String, usize>);

impl Counts {
    /// So many of each.
    pub fn new<const N: usize>(counts: [(&str, usize); N]) -> Self {
        Self(counts.map(|(name, count)| (name.to_owned(), count)).into())
    }

    /// What there are more or fewer of now, with both numbers; empty where all is as it was.
    fn changes(&self, now: &Self) -> String {
        let changed = self.0.iter().filter_map(|(name, before)| {
            let now = now.0.get(name).filter(|now| *now != before)?;
            Some(format!("{name}: {before} then, {now} now"))
        });
        changed.collect::<Vec<_>>().join("; ")
    }
}

/// The folder `checkpoint` inside a model folder, of a training that `C` says all about but for its
/// data.
pub struct Checkpoint<C> {
    folder: PathBuf,
    config: C,
    counts: Counts,
}

#[derive(Serialize, Deserialize)]
struct State<C, P> {
    config: C,
    /// Earlier versions counted nothing.
    #[serde(default)]
    counts: Option<Counts>,
    progress: P,
}

impl<C: Clone + PartialEq + Serialize + DeserializeOwned> Checkpoint<C> {
    /// The checkpoint of the model folder `out`, for a training as `config` says from data of which
    /// there are `counts`.
    pub fn new(out: &Path, config: &C, counts: Counts) -> Result<Self, LearnError> {
        let folder = out.join("checkpoint");
        std::fs::create_dir_all(&folder).map_err(LearnError::file(&folder))?;
        Ok(Self { folder, config: config.clone(), counts })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether there is nothing to go on from.
    pub fn is_new(&self) -> bool {
        !self.path(FILE).exists()
    }

    /// The tokenizer of the training so far.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>, LearnError> {
        let path = self.path("tokenizer.json");
        if self.is_new() {
            return Ok(None);
        }
        Tokenizer::from_file(&path).map(Some).map_err(|error| LearnError::invalid(&path, error))
    }

    /// Keeps the tokenizer of a training that begins. It never changes, so it is written once, before
    /// there is anything that needs it.
    pub fn keep(&self, tokenizer: &Tokenizer) -> Result<(), LearnError> {
        let path = self.path("tokenizer.json");
        tokenizer.save(&path, false).map_err(|error| LearnError::invalid(&path, error))
    }

    /// Puts weights and optimiser back where they were; `None` when there is nothing to go on from.
    pub fn restore<W: DeserializeOwned>(
        &self,
        weights: &BTreeMap<String, Var>,
        optimizer: &mut AdamW,
    ) -> Result<Option<Progress<W>>, LearnError> {
        self.restore_all(weights, optimizer, &mut BTreeMap::new())
    }

    /// The same, and what objectives remember.
    pub fn restore_all<W: DeserializeOwned>(
        &self,
        weights: &BTreeMap<String, Var>,
        optimizer: &mut AdamW,
        memory: &mut BTreeMap<String, Tensor>,
    ) -> Result<Option<Progress<W>>, LearnError> {
        if self.is_new() {
            return Ok(None);
        }
        let path = self.path(FILE);
        let invalid = |reason: String| LearnError::invalid(&path, reason);
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)
            .map_err(|error| invalid(error.to_string()))?;
        let state: State<C, Progress<W>> = serde_json::from_slice(&self.state(&tensors)?)
            .map_err(|error| invalid(format!("{STATE}: {error}")))?;
        self.check(&state).map_err(invalid)?;
        let saved = |key: String| {
            let missing = || LearnError::invalid(&path, format!("no tensor `{key}`"));
            tensors.get(&key).ok_or_else(missing)
        };
        for (name, var) in weights {
            var.set(&saved(format!("{WEIGHTS}{name}"))?.to_device(var.device())?)?;
        }
        for (name, tensor) in memory {
            *tensor = saved(format!("{MEMORY}{name}"))?.to_device(tensor.device())?;
        }
        optimizer
            .restore(&tensors, state.progress.step)
            .map_err(|reason| LearnError::invalid(&path, reason))?;
        Ok(Some(state.progress))
    }

    /// The JSON of the state whose other part is `tensors`.
    fn state(&self, tensors: &HashMap<String, Tensor>) -> Result<Vec<u8>, LearnError> {
        if let Some(bytes) = tensors.get(STATE) {
            return Ok(bytes.to_vec1()?);
        }
        let beside = self.path(STATE);
        std::fs::read(&beside).map_err(LearnError::file(&beside))
    }

    /// Sees that the training which goes on is the one that stopped.
    fn check<P>(&self, state: &State<C, P>) -> Result<(), String> {
        if state.config != self.config {
            return Err("was made with another configuration; \
                        go on with that one, or remove the checkpoint folder to start anew"
                .into());
        }
        let changes = state.counts.as_ref().map(|counts| counts.changes(&self.counts));
        match changes.filter(|changes| !changes.is_empty()) {
            Some(changes) => Err(format!(
                "was made from other data ({changes}), and its batches would become others; \
                 go on with the same data, or remove the checkpoint folder to start anew"
            )),
            None => Ok(()),
        }
    }

    /// Writes everything anew. A stop in between leaves the old state whole.
    pub fn save<W: Serialize>(
        &self,
        weights: &BTreeMap<String, Var>,
        optimizer: &AdamW,
        progress: &Progress<W>,
    ) -> Result<(), LearnError> {
        self.save_all(weights, optimizer, &BTreeMap::new(), progress)
    }

    /// The same, and what objectives remember.
    pub fn save_all<W: Serialize>(
        &self,
        weights: &BTreeMap<String, Var>,
        optimizer: &AdamW,
        memory: &BTreeMap<String, Tensor>,
        progress: &Progress<W>,
    ) -> Result<(), LearnError> {
        let mut tensors: HashMap<String, Tensor> = optimizer.state();
        for (name, var) in weights {
            tensors.insert(format!("{WEIGHTS}{name}"), var.as_tensor().clone());
        }
        for (name, tensor) in memory {
            tensors.insert(format!("{MEMORY}{name}"), tensor.clone());
        }
        let state = State { config: &self.config, counts: Some(self.counts.clone()), progress };
        let state = serde_json::to_vec(&state).expect("numbers and names are JSON");
        let length = state.len();
        tensors.insert(STATE.into(), Tensor::from_vec(state, length, &Device::Cpu)?);
        save_tensors(&tensors, &self.path(FILE))?;
        // Of an earlier version; nobody reads it any more.
        let old = self.path(STATE);
        if old.exists() {
            std::fs::remove_file(&old).map_err(LearnError::file(&old))?;
        }
        Ok(())
    }
}

/// Changes the checkpoint in a model folder: what it tells as JSON, and its tensors.
#[cfg(test)]
pub(super) fn change(
    out: &Path,
    how: impl FnOnce(&mut serde_json::Value, &mut HashMap<String, Tensor>),
) {
    let path = out.join("checkpoint").join(FILE);
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let state: Vec<u8> = tensors.remove(STATE).unwrap().to_vec1().unwrap();
    let mut state = serde_json::from_slice(&state).unwrap();
    how(&mut state, &mut tensors);
    let state = state.to_string().into_bytes();
    let length = state.len();
    tensors.insert(STATE.into(), Tensor::from_vec(state, length, &Device::Cpu).unwrap());
    candle_core::safetensors::save(&tensors, &path).unwrap();
}

/// Makes all weights of the checkpoint in a model folder no numbers.
#[cfg(test)]
pub(super) fn lose_weights(out: &Path) {
    change(out, |_, tensors| {
        for (_, tensor) in tensors.iter_mut().filter(|(name, _)| name.starts_with(WEIGHTS)) {
            *tensor = Tensor::full(f32::NAN, tensor.dims(), &Device::Cpu).unwrap();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::AdamWConfig;

    const OPTIMIZER: AdamWConfig = AdamWConfig {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.98,
        weight_decay: 0.0,
        gradient_clip: 1.0,
        average_decay: 0.5,
    };

    /// A training of one number from so many lessons.
    fn training(
        out: &Path,
        value: f32,
        config: &str,
        lessons: usize,
    ) -> (BTreeMap<String, Var>, AdamW, Checkpoint<String>) {
        let var = Var::from_vec(vec![value], 1, &Device::Cpu).unwrap();
        let weights = BTreeMap::from([("w".to_owned(), var)]);
        let optimizer = AdamW::new(OPTIMIZER, &weights).unwrap();
        let counts = Counts::new([("homes", 3), ("lessons", lessons)]);
        let checkpoint = Checkpoint::new(out, &config.to_owned(), counts).unwrap();
        (weights, optimizer, checkpoint)
    }

    /// Saves the number as it is after so many steps.
    fn save(out: &Path, value: f32, steps: u64) {
        let (weights, optimizer, checkpoint) = training(out, value, "one", 7);
        let mut progress = Progress::<u32>::default();
        (0..steps).for_each(|_| progress.record(1.0));
        checkpoint.save(&weights, &optimizer, &progress).unwrap();
    }

    /// The number, and the steps after which it was so.
    fn restored(
        out: &Path,
        config: &str,
        lessons: usize,
    ) -> Result<Option<(f32, u64)>, LearnError> {
        let (weights, mut optimizer, checkpoint) = training(out, 0.0, config, lessons);
        let progress = checkpoint.restore::<u32>(&weights, &mut optimizer)?;
        let value = weights["w"].to_vec1::<f32>()?[0];
        Ok(progress.map(|progress| (value, progress.step)))
    }

    #[test]
    fn one_file_tells_weights_and_progress() {
        let out = tempfile::tempdir().unwrap();
        assert_eq!(restored(out.path(), "one", 7).unwrap(), None);
        save(out.path(), 2.0, 3);
        let folder = out.path().join("checkpoint");
        let path = folder.join(FILE);
        let first = std::fs::read(&path).unwrap();
        save(out.path(), 4.0, 5);
        let names = || {
            let entries = std::fs::read_dir(&folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
        };
        assert_eq!(names(), [FILE]);
        assert_eq!(restored(out.path(), "one", 7).unwrap(), Some((4.0, 5)));
        // Stopped before the file was renamed, a training goes on from the old one alone.
        std::fs::rename(&path, folder.join("state.safetensors.new")).unwrap();
        std::fs::write(&path, first).unwrap();
        assert_eq!(restored(out.path(), "one", 7).unwrap(), Some((2.0, 3)));
        save(out.path(), 6.0, 8);
        assert_eq!(names(), [FILE]);
        assert_eq!(restored(out.path(), "one", 7).unwrap(), Some((6.0, 8)));
    }

    #[test]
    fn what_earlier_versions_wrote_in_two_files_is_read() {
        let out = tempfile::tempdir().unwrap();
        save(out.path(), 2.0, 3);
        let folder = out.path().join("checkpoint");
        let path = folder.join(FILE);
        let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        let state: Vec<u8> = tensors.remove(STATE).unwrap().to_vec1().unwrap();
        let mut state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        // Nothing was counted, and eyes knew no epochs.
        state.as_object_mut().unwrap().remove("counts").unwrap();
        for field in ["epoch", "batch"] {
            state["progress"].as_object_mut().unwrap().remove(field).unwrap();
        }
        std::fs::write(folder.join(STATE), state.to_string()).unwrap();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        assert_eq!(restored(out.path(), "one", 9).unwrap(), Some((2.0, 3)));
        save(out.path(), 4.0, 5);
        assert!(!folder.join(STATE).exists(), "the file tells all");
        assert_eq!(restored(out.path(), "one", 7).unwrap(), Some((4.0, 5)));
    }

    /// Numbers as a search for good ones draws them, of as many digits as there can be.
    #[test]
    fn a_configuration_of_long_numbers_is_the_same_when_it_is_read_back() {
        let out = tempfile::tempdir().unwrap();
        let (weights, mut optimizer, _) = training(out.path(), 2.0, "one", 7);
        let rates = vec![0.0009011123008436127, 0.00023922711189169681, 2.5298381201802594e-05];
        let checkpoint = Checkpoint::new(out.path(), &rates, Counts::new([("homes", 3)])).unwrap();
        checkpoint.save(&weights, &optimizer, &Progress::<u32>::default()).unwrap();
        assert!(checkpoint.restore::<u32>(&weights, &mut optimizer).unwrap().is_some());
    }

    #[test]
    fn another_training_does_not_go_on_from_a_checkpoint() {
        let out = tempfile::tempdir().unwrap();
        save(out.path(), 2.0, 3);
        let error =
            |config: &str, lessons| restored(out.path(), config, lessons).unwrap_err().to_string();
        let other = error("two", 9);
        assert!(other.contains(FILE) && other.contains("another configuration"), "{other}");
        let grown = error("one", 9);
        assert!(grown.contains("other data (lessons: 7 then, 9 now)"), "{grown}");
        assert!(grown.contains(FILE) && grown.contains("the same data"), "{grown}");
        assert_eq!(restored(out.path(), "one", 7).unwrap(), Some((2.0, 3)));
    }
}
