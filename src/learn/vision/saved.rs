//! What a training of the eyes leaves in its folder beside its checkpoint: a model.

use super::watch::{Measured, VisionWatch};
use crate::learn::LearnError;
use crate::learn::checkpoint::Progress;
use crate::learn::save::{save_tensors, save_text};
use crate::report::chart::{LineChart, Series};
use crate::vision::SceneVitConfig;
use candle_core::{DType, Tensor};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Writes into `out` the model as [`crate::vision::SceneVit`] loads it, in 16-bit floats, what was
/// measured of it (`held_out.json`), and the curves (`loss.png`).
pub fn export(
    out: &Path,
    model: &SceneVitConfig,
    weights: &BTreeMap<String, Tensor>,
    measured: &Measured,
    progress: &Progress<VisionWatch>,
) -> Result<(), LearnError> {
    let half =
        |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tensor.to_dtype(DType::F16)?));
    let wanted: Vec<String> = model.shape.weights().into_iter().map(|(name, _)| name).collect();
    let tensors = weights.iter().filter(|(name, _)| wanted.contains(name));
    let tensors = tensors.map(half).collect::<candle_core::Result<HashMap<_, _>>>()?;
    save_tensors(&tensors, &out.join("model.safetensors"))?;
    save_text(&json(model)?, &out.join("config.json"))?;
    save_text(&json(measured)?, &out.join("held_out.json"))?;
    curves(progress, &out.join("loss.png"))
}

fn json(value: &impl Serialize) -> Result<String, LearnError> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| LearnError::invalid(Path::new("state"), error))
}

fn curves(progress: &Progress<VisionWatch>, path: &Path) -> Result<(), LearnError> {
    let every = Progress::<VisionWatch>::EVERY as f64;
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
