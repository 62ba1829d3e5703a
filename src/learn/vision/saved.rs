//! What a training of the eyes leaves in its folder: the model, and how to go on.

use super::config::VisionTraining;
use super::watch::{Measured, VisionWatch};
use crate::learn::LearnError;
use crate::learn::optimizer::AdamW;
use crate::report::chart::{LineChart, Series};
use crate::vision::SceneVitConfig;
use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Before the names of weights and of the objectives' memory in the state.
const WEIGHTS: &str = "weights.";

/// How far a training has come, and what it has seen on the way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VisionProgress {
    /// Steps done.
    pub step: u64,
    /// Smoothed training loss, one number every [`Self::EVERY`] steps.
    pub losses: Vec<f64>,
    /// Measurements on held-out homes.
    pub watches: Vec<VisionWatch>,
    smoothed: f64,
}

impl VisionProgress {
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

#[derive(Serialize, Deserialize)]
struct State {
    config: VisionTraining,
    progress: VisionProgress,
}

/// The folder of a training.
pub struct Saved {
    out: PathBuf,
    folder: PathBuf,
}

impl Saved {
    /// The folder `out`, made where it is not.
    pub fn new(out: &Path) -> Result<Self, LearnError> {
        let folder = out.join("checkpoint");
        std::fs::create_dir_all(&folder).map_err(LearnError::file(&folder))?;
        Ok(Self { out: out.to_owned(), folder })
    }

    /// Puts everything back where it was; `None` when there is nothing to go on from.
    pub fn restore(
        &self,
        config: &VisionTraining,
        weights: &BTreeMap<String, Var>,
        optimizer: &mut AdamW,
        memory: &mut BTreeMap<String, Tensor>,
    ) -> Result<Option<VisionProgress>, LearnError> {
        let path = self.folder.join("state.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(LearnError::file(&path))?;
        let state: State =
            serde_json::from_str(&text).map_err(|error| LearnError::invalid(&path, error))?;
        if state.config != *config {
            let reason = "was made with another configuration; \
                          go on with that one, or remove the checkpoint folder to start anew";
            return Err(LearnError::invalid(&path, reason));
        }
        let path = self.folder.join("state.safetensors");
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
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

    /// Writes how to go on. A stop in between leaves the old state whole.
    pub fn save(
        &self,
        config: &VisionTraining,
        weights: &BTreeMap<String, Var>,
        optimizer: &AdamW,
        memory: &BTreeMap<String, Tensor>,
        progress: &VisionProgress,
    ) -> Result<(), LearnError> {
        let mut tensors = optimizer.state();
        for (name, var) in weights {
            tensors.insert(format!("{WEIGHTS}{name}"), var.as_tensor().clone());
        }
        for (name, tensor) in memory {
            tensors.insert(format!("{MEMORY}{name}"), tensor.clone());
        }
        write_tensors(&tensors, &self.folder.join("state.safetensors"))?;
        let state = State { config: config.clone(), progress: progress.clone() };
        write(&self.folder.join("state.json"), &json(&state)?)
    }

    /// Writes the model as [`crate::vision::SceneVit`] loads it, in 16-bit floats, what was measured
    /// of it (`held_out.json`), and the curves (`loss.png`).
    pub fn export(
        &self,
        model: &SceneVitConfig,
        weights: &BTreeMap<String, Tensor>,
        measured: &Measured,
        progress: &VisionProgress,
    ) -> Result<(), LearnError> {
        let half =
            |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tensor.to_dtype(DType::F16)?));
        let wanted: Vec<String> = model.shape.weights().into_iter().map(|(name, _)| name).collect();
        let tensors = weights.iter().filter(|(name, _)| wanted.contains(name));
        let tensors = tensors.map(half).collect::<candle_core::Result<HashMap<_, _>>>()?;
        write_tensors(&tensors, &self.out.join("model.safetensors"))?;
        write(&self.out.join("config.json"), &json(model)?)?;
        write(&self.out.join("held_out.json"), &json(measured)?)?;
        curves(progress, &self.out.join("loss.png"))
    }
}

/// Before the names of the objectives' memory in the state.
const MEMORY: &str = "memory.";

fn json(value: &impl Serialize) -> Result<String, LearnError> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| LearnError::invalid(Path::new("state"), error))
}

/// Writes beside and renames, so that whoever reads finds the old file or the new one.
fn write(path: &Path, text: &str) -> Result<(), LearnError> {
    let beside = beside(path);
    std::fs::write(&beside, text).map_err(LearnError::file(&beside))?;
    std::fs::rename(&beside, path).map_err(LearnError::file(path))
}

fn write_tensors(tensors: &HashMap<String, Tensor>, path: &Path) -> Result<(), LearnError> {
    let beside = beside(path);
    candle_core::safetensors::save(tensors, &beside)?;
    std::fs::rename(&beside, path).map_err(LearnError::file(path))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn curves(progress: &VisionProgress, path: &Path) -> Result<(), LearnError> {
    let every = VisionProgress::EVERY as f64;
    let losses = progress.losses.iter().enumerate();
    let training = losses.map(|(at, loss)| ((at as f64 + 1.0) * every, *loss)).collect();
    let watched = |of: fn(&VisionWatch) -> f64| {
        progress.watches.iter().map(|watch| (watch.step as f64, of(watch))).collect()
    };
    let series = |name: &str, points| Series { name: name.to_owned(), points };
    let chart = LineChart {
        title: "Vision training".into(),
        x_label: "step".into(),
        y_label: "nats a cell; share".into(),
        series: vec![
            series("training loss (smoothed)", training),
            series("held-out cells right", watched(|watch| watch.cells)),
            series("mean over names", watched(|watch| watch.names)),
            series("mean over things", watched(|watch| watch.things)),
            series("precision of things", watched(|watch| watch.things_precision)),
            series("states", watched(|watch| watch.states)),
        ],
    };
    Ok(chart.write(path, 900, 500)?)
}
