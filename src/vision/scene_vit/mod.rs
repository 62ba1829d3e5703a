//! A small vision transformer for RGB-D pictures of homes, trained by this project on rendered
//! frames: a feature of length 1 for each 8×8 pixels, in the space of words ([`super::WordHash`]).
//!
//! Pictures of any size are scaled to 320×240, so features lie on 30×40 cells. Where a model was
//! taught to look closely, larger pictures are cut into parts of that size, each with as many cells.

mod by_candle;
mod config;
mod input;
mod model;
pub(crate) mod ops;
mod part;

pub use config::{SceneVitConfig, SceneVitShape, state_and_name};
pub use input::{
    CELL_PX, CELLS, COLUMNS, CellWindow, HEIGHT_PX, INPUTS, Picture, ROWS, View, WIDTH_PX, cells,
    rays,
};
pub use model::SceneVitNet;
pub use part::Part;

use ops::unit_norm;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{D, Device, Error, Tensor};
use rayon::prelude::*;

use super::checkpoint::Checkpoint;
use super::{
    FeatureExtractor, FeatureMap, Provenance, TensorShape, TextEncoder, VisionError, WordHash,
};
use crate::geometry::{CameraModel, PerCamera};
use crate::sensing::RgbdFrame;

const NAME: &str = "scene_vit";

/// The network with the words of its training.
#[derive(Debug)]
pub struct SceneVit {
    net: SceneVitNet,
    most_across: usize,
    names: Vec<String>,
    states: Vec<[String; 2]>,
    words: WordHash,
    device: Device,
    /// Rays of the cameras, by part: through a lens they are dearer than the network.
    rays: Mutex<PerCamera<Arc<PartRays>>>,
}

/// The rays of each part of a picture.
type PartRays = Vec<Vec<[f32; 2]>>;

impl SceneVit {
    /// Loads `config.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the weights are not those that the configuration needs.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, VisionError> {
        let config = SceneVitConfig::read(folder)?;
        let take = |from: &mut Checkpoint| take(&config.shape, from);
        let mut checkpoint = Checkpoint::open(NAME, folder, device)?.checked(&[], take)?;
        let net = SceneVitNet::new(config.shape, take(&mut checkpoint)?, device)?;
        let words = WordHash::new(net.shape().features)?;
        let (names, states) = config.names_and_states();
        let (most_across, device, rays) = (config.most_across, device.clone(), Mutex::default());
        Ok(Self { net, most_across, names, states, words, device, rays })
    }

    /// The tensors that a model in `folder` needs, and which of them are missing, have another
    /// shape, or are not asked for.
    pub(super) fn check(folder: &Path) -> Result<(Vec<TensorShape>, Vec<String>), VisionError> {
        let wanted = SceneVitConfig::read(folder)?.shape.weights();
        let faults = Checkpoint::open(NAME, folder, &Device::Cpu)?.faults(&wanted, &[]);
        Ok((wanted, faults))
    }

    /// The network.
    pub fn net(&self) -> &SceneVitNet {
        &self.net
    }

    /// The rays of each part of the pictures of `camera`, for all looks at it.
    fn rays_of(&self, camera: &CameraModel, across: usize) -> Result<Arc<PartRays>, VisionError> {
        let make = || {
            let parts = looks(across).flat_map(Part::all);
            Ok(Arc::new(parts.map(|part| rays(camera, part)).collect()))
        };
        let mut known = self.rays.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_make(camera, make)
    }
}

/// How a picture is cut for each look at it: not at all, for what things are by what is around them,
/// and into parts, for what is small.
fn looks(across: usize) -> impl Iterator<Item = usize> {
    std::iter::once(1).chain((across > 1).then_some(across))
}

/// The features `(rows, columns, width)` of all looks, put together to those of the picture as its
/// parts show it: the mean of both looks at a cell, of length 1.
fn together(looks: &[Tensor], across: usize) -> candle_core::Result<Tensor> {
    let (whole, parts) = looks.split_first().ok_or_else(|| Error::Msg("no look".into()))?;
    if parts.is_empty() {
        return Ok(whole.clone());
    }
    let rows = parts.chunks(across).map(|row| Tensor::cat(row, 1));
    let closely = Tensor::cat(&rows.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
    let width = whole.dim(D::Minus1)?;
    let whole = whole
        .reshape((ROWS, 1, COLUMNS, 1, width))?
        .broadcast_as((ROWS, across, COLUMNS, across, width))?
        .reshape((across * ROWS, across * COLUMNS, width))?;
    unit_norm(&(whole + closely)?, 1e-12)? / (width as f64).sqrt()
}

fn take(
    shape: &SceneVitShape,
    from: &mut Checkpoint,
) -> Result<BTreeMap<String, Tensor>, VisionError> {
    let wanted = shape.weights().into_iter();
    wanted.map(|(name, shape)| Ok((name.clone(), from.tensor(&name, &shape)?))).collect()
}

impl FeatureExtractor for SceneVit {
    fn name(&self) -> &str {
        NAME
    }

    fn width(&self) -> usize {
        self.words.width()
    }

    fn provenance(&self) -> Provenance {
        Provenance::Trained
    }

    fn text_space(&self) -> Option<&str> {
        Some(self.words.space())
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn states(&self) -> &[[String; 2]] {
        &self.states
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        let (width, height) = frame.color.dimensions();
        let (depth, camera) = (&frame.depth_m, &frame.camera);
        let bad = |reason: &str| VisionError::BadImage {
            extractor: NAME.to_owned(),
            width,
            height,
            reason: reason.to_owned(),
        };
        if width == 0 || height == 0 {
            return Err(bad("it is empty"));
        }
        if (depth.width, depth.height) != (width, height)
            || depth.data_m.len() != width as usize * height as usize
        {
            return Err(bad("the depth image has another size"));
        }
        if (camera.width, camera.height) != (width, height) {
            return Err(bad("the calibration is for another size"));
        }
        let across = Part::across(width, height, self.most_across);
        let pictures: Vec<Picture> =
            looks(across).flat_map(|across| Picture::parts(&frame.color, depth, across)).collect();
        let view = View::of(&frame.world_T_camera);
        let rays = self.rays_of(camera, across)?;
        let parts = pictures.par_iter().zip(rays.as_slice());
        let features = parts
            .map(|(picture, rays)| {
                let numbers = cells(picture, &view, rays, CellWindow::WHOLE);
                let inputs = Tensor::from_vec(numbers, (1, CELLS, INPUTS), &self.device)?;
                self.net.forward(&inputs, CellWindow::WHOLE)?.reshape((ROWS, COLUMNS, ()))
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        let features = together(&features, across)?.flatten(0, 1)?.unsqueeze(0)?;
        FeatureMap::of_tokens(&features, across * ROWS, across * COLUMNS)
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod gradients;
#[cfg(test)]
mod tests;
