//! A seeing model as the folder that [`crate::model::SceneLlm`] loads.

use super::super::LearnError;
use super::super::checkpoint::Progress;
use super::super::export::{manifest, model_folder, write_manifest};
use super::super::llama::TABLES;
use super::super::save::{beside, save_tensors};
use super::config::{PROJECTOR_FILE, SeeingTraining};
use super::model::SeeingModel;
use super::watch::SeeingWatch;
use crate::model::{Manifest, VisionSpec};
use crate::report::chart::{LineChart, Series};
use crate::tasks::ActionVocabulary;
use candle_core::{DType, Tensor};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tokenizers::Tokenizer;

/// What a finished model is made of, beside its weights.
pub struct Finished<'a> {
    /// The configuration.
    pub config: &'a SeeingTraining,
    /// Actions and words.
    pub vocabulary: &'a ActionVocabulary,
    /// A folder with the extractor, to be copied in.
    pub vision: Option<&'a Path>,
    /// The command that makes it.
    pub command: Option<&'a str>,
    /// The folder.
    pub out: &'a Path,
}

impl Finished<'_> {
    /// Writes decoder (16 bits), projector (32 bits), tokenizer, vocabulary and manifest.
    pub fn write(
        &self,
        model: SeeingModel,
        learnt: &BTreeMap<String, Tensor>,
        tokenizer: &Tokenizer,
        watch: Option<&SeeingWatch>,
    ) -> Result<(), LearnError> {
        let mut language = model.llama.weights;
        if let Some(lora) = &model.llama.lora {
            lora.merge(&mut language)?;
        }
        for [table, rows] in TABLES {
            if let (Some(added), Some(known)) = (language.remove(rows), language.get(table)) {
                let all = Tensor::cat(&[known, &added.to_dtype(known.dtype())?], 0)?;
                language.insert(table.into(), all);
            }
        }
        model_folder(&language, &self.config.model, tokenizer, self.vocabulary, self.out)?;
        let projector = learnt.iter().filter(|(name, _)| name.starts_with("projector."));
        let projector = projector
            .map(|(name, tensor)| Ok((name.clone(), tensor.to_dtype(DType::F32)?)))
            .collect::<candle_core::Result<HashMap<_, _>>>()?;
        save_tensors(&projector, &self.out.join(PROJECTOR_FILE))?;
        let vision = self.vision()?;
        write_manifest(&self.manifest(vision, watch), self.out)
    }

    /// Draws the loss curve.
    pub fn draw(&self, progress: &Progress<SeeingWatch>) -> Result<(), LearnError> {
        loss_curve(progress, &self.out.join("loss.png"))
    }

    /// The features the model was made for; their weights are named where they are in the folder.
    fn vision(&self) -> Result<VisionSpec, LearnError> {
        let mut spec = self.config.vision.clone();
        let Some(weights) = spec.weights.take() else { return Ok(spec) };
        let target = self.out.join(&weights);
        if let Some(from) = self.vision.filter(|_| !target.exists()) {
            // Half of the eyes would be taken for all of them by a training that goes on.
            let beside = beside(&target);
            if beside.exists() {
                std::fs::remove_dir_all(&beside).map_err(LearnError::file(&beside))?;
            }
            copy_folder(from, &beside)?;
            std::fs::rename(&beside, &target).map_err(LearnError::file(&target))?;
        }
        spec.weights = target.exists().then_some(weights);
        Ok(spec)
    }

    fn manifest(&self, vision: VisionSpec, watch: Option<&SeeingWatch>) -> Manifest {
        let mut scores = BTreeMap::new();
        for (kind, [seen, blind]) in watch.into_iter().flat_map(|watch| &watch.kinds) {
            scores.insert(format!("held_out_{kind}_exact"), seen.exact);
            scores.insert(format!("held_out_{kind}_exact_blind"), blind.exact);
        }
        Manifest {
            command: self.command.map(str::to_owned),
            vision: Some(vision),
            projector: Some(self.config.projector_spec()),
            coordinates: self.config.coordinates,
            scores,
            ..manifest(&self.config.about, self.config.tokens)
        }
    }
}

/// Copies the files of a folder, and of the folders in it.
fn copy_folder(from: &Path, to: &Path) -> Result<(), LearnError> {
    std::fs::create_dir_all(to).map_err(LearnError::file(to))?;
    let entries = std::fs::read_dir(from).map_err(LearnError::file(from))?;
    for entry in entries {
        let path = entry.map_err(LearnError::file(from))?.path();
        let Some(name) = path.file_name() else { continue };
        if name == "checkpoint" || name == "log" {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            std::fs::copy(&path, to.join(name)).map_err(LearnError::file(&path))?;
        }
    }
    Ok(())
}

/// Draws the training loss, and how held-out lessons are answered, the mean over their kinds.
fn loss_curve(progress: &Progress<SeeingWatch>, path: &Path) -> Result<(), LearnError> {
    let every = Progress::<SeeingWatch>::EVERY as f64;
    let losses = progress.losses.iter().enumerate();
    let training = losses.map(|(at, loss)| ((at as f64 + 1.0) * every, *loss)).collect();
    let watched = |of: &dyn Fn(&SeeingWatch) -> f64| {
        let points = progress.watches.iter();
        points.map(|watch| (watch.step as f64, of(watch))).collect::<Vec<_>>()
    };
    let exact = |eyes: usize| {
        watched(&move |watch: &SeeingWatch| {
            let sum: f64 = watch.kinds.values().map(|graded| graded[eyes].exact).sum();
            sum / watch.kinds.len().max(1) as f64
        })
    };
    let series = vec![
        Series { name: "training loss (smoothed)".into(), points: training },
        Series { name: "loss on held-out homes".into(), points: watched(&SeeingWatch::loss) },
        Series { name: "answered exactly there".into(), points: exact(0) },
        Series { name: "the same with closed eyes".into(), points: exact(1) },
    ];
    let chart = LineChart {
        title: "Training a model that sees".into(),
        x_label: "step".into(),
        y_label: "nats a token; share".into(),
        series,
    };
    Ok(chart.write(path, 1000, 600)?)
}
