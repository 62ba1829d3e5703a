//! Where a training stands, on disk, so that it can go on after a stop.

use super::LearnError;
use super::optimizer::AdamW;
use candle_core::{Device, Tensor, Var};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// How far a training has come, and what it has seen on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress<W> {
    /// Steps done.
    pub step: u64,
    /// Epoch to go on with.
    pub epoch: u32,
    /// Batch of that epoch to go on with.
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
}

/// The folder `checkpoint` inside a model folder, of a training that `C` says all about.
pub struct Checkpoint<C> {
    folder: PathBuf,
    config: C,
}

#[derive(Serialize, Deserialize)]
struct State<C, W> {
    config: C,
    progress: Progress<W>,
}

impl<C: Clone + PartialEq + Serialize + DeserializeOwned> Checkpoint<C> {
    /// The checkpoint of the model folder `out`, for a training as `config` says.
    pub fn new(out: &Path, config: &C) -> Result<Self, LearnError> {
        let folder = out.join("checkpoint");
        std::fs::create_dir_all(&folder).map_err(LearnError::file(&folder))?;
        Ok(Self { folder, config: config.clone() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether there is nothing to go on from.
    pub fn is_new(&self) -> bool {
        !self.path("state.json").exists()
    }

    /// The tokenizer of the training so far.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>, LearnError> {
        let path = self.path("tokenizer.json");
        if self.is_new() {
            return Ok(None);
        }
        Tokenizer::from_file(&path).map(Some).map_err(|error| LearnError::invalid(&path, error))
    }

    /// Puts weights and optimiser back where they were; `None` when there is nothing to go on from.
    pub fn restore<W: DeserializeOwned>(
        &self,
        weights: &BTreeMap<String, Var>,
        optimizer: &mut AdamW,
    ) -> Result<Option<Progress<W>>, LearnError> {
        let path = self.path("state.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(LearnError::file(&path))?;
        let state: State<C, W> =
            serde_json::from_str(&text).map_err(|error| LearnError::invalid(&path, error))?;
        if state.config != self.config {
            let reason = "was made with another configuration; \
                          go on with that one, or remove the checkpoint folder to start anew";
            return Err(LearnError::invalid(&path, reason));
        }
        let path = self.path("state.safetensors");
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
        for (name, var) in weights {
            let key = format!("weights.{name}");
            let saved = tensors
                .get(&key)
                .ok_or_else(|| LearnError::invalid(&path, format!("no tensor `{key}`")))?;
            var.set(&saved.to_device(var.device())?)?;
        }
        optimizer
            .restore(&tensors, state.progress.step)
            .map_err(|reason| LearnError::invalid(&path, reason))?;
        Ok(Some(state.progress))
    }

    /// Writes everything anew. A stop in between leaves the old state whole: tensors are written
    /// beside and renamed, the small file that makes them count comes last.
    pub fn save<W: Clone + Serialize>(
        &self,
        weights: &BTreeMap<String, Var>,
        optimizer: &AdamW,
        tokenizer: &Tokenizer,
        progress: &Progress<W>,
    ) -> Result<(), LearnError> {
        let mut tensors: HashMap<String, Tensor> = optimizer.state();
        for (name, var) in weights {
            tensors.insert(format!("weights.{name}"), var.as_tensor().clone());
        }
        let beside = self.path("state.safetensors.new");
        candle_core::safetensors::save(&tensors, &beside)?;
        let tokenizer_path = self.path("tokenizer.json");
        tokenizer
            .save(&tokenizer_path, false)
            .map_err(|error| LearnError::invalid(&tokenizer_path, error))?;
        let state = State { config: self.config.clone(), progress: progress.clone() };
        let text = serde_json::to_string(&state).expect("numbers and names are JSON");
        let state_beside = self.path("state.json.new");
        std::fs::write(&state_beside, text).map_err(LearnError::file(&state_beside))?;
        let target = self.path("state.safetensors");
        std::fs::rename(&beside, &target).map_err(LearnError::file(&target))?;
        let target = self.path("state.json");
        std::fs::rename(&state_beside, &target).map_err(LearnError::file(&target))
    }
}
