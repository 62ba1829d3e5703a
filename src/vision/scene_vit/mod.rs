//! A small vision transformer for RGB-D pictures of homes, trained by this project on rendered
//! frames: a feature of length 1 for each 8×8 pixels, in the space of words ([`super::WordHash`]).
//!
//! Pictures of any size are scaled to 320×240, so features lie on 30×40 cells. Where a model was
//! taught to look closely, larger pictures are cut into parts of that size, each with as many cells.

mod config;
mod input;
mod model;
pub(crate) mod ops;
mod part;

pub use config::{SceneVitConfig, SceneVitShape};
pub use input::{
    CELL_PX, CELLS, COLUMNS, CellWindow, HEIGHT_PX, INPUTS, Picture, ROWS, View, WIDTH_PX, cells,
    rays,
};
pub use model::SceneVitNet;
pub use part::Part;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::checkpoint::Checkpoint;
use super::{
    FeatureExtractor, FeatureMap, Provenance, TensorShape, TextEncoder, VisionError, WordHash,
};
use crate::geometry::CameraModel;
use crate::sensing::RgbdFrame;

const NAME: &str = "scene_vit";

/// The network with the words of its training.
#[derive(Debug)]
pub struct SceneVit {
    net: SceneVitNet,
    most_across: usize,
    names: Vec<String>,
    words: WordHash,
    device: Device,
    /// Rays of the camera seen last, by part: through a lens they are dearer than the network.
    rays: Mutex<Option<(CameraModel, PartRays)>>,
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
        let SceneVitConfig { most_across, names, .. } = config;
        Ok(Self { net, most_across, names, words, device: device.clone(), rays: Mutex::default() })
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
}

/// `(1, cells of the whole picture, width)` of the `(1, cells, width)` of its parts, row by row.
fn whole(parts: Vec<Tensor>, across: usize) -> candle_core::Result<Tensor> {
    let grid = |part: &Tensor| part.squeeze(0)?.reshape((ROWS, COLUMNS, ()));
    let rows = parts.chunks(across).map(|row| {
        let row = row.iter().map(grid).collect::<candle_core::Result<Vec<_>>>()?;
        Tensor::cat(&row, 1)
    });
    let rows = rows.collect::<candle_core::Result<Vec<_>>>()?;
    Tensor::cat(&rows, 0)?.flatten(0, 1)?.unsqueeze(0)
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
        let pictures = Picture::parts(&frame.color, depth, across);
        let view = View::of(&frame.world_T_camera);
        let numbers: Vec<Vec<f32>> = {
            let mut known = self.rays.lock().unwrap_or_else(PoisonError::into_inner);
            if known.as_ref().is_none_or(|(of, _)| of != camera) {
                let rays = Part::all(across).map(|part| rays(camera, part)).collect();
                *known = Some((*camera, rays));
            }
            let rays = known.as_ref().map_or(&[][..], |(_, rays)| rays);
            let parts = pictures.par_iter().zip(rays);
            parts.map(|(picture, rays)| cells(picture, &view, rays, CellWindow::WHOLE)).collect()
        };
        let features = numbers
            .into_par_iter()
            .map(|numbers| {
                let inputs = Tensor::from_vec(numbers, (1, CELLS, INPUTS), &self.device)?;
                self.net.forward(&inputs, CellWindow::WHOLE)
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        FeatureMap::of_tokens(&whole(features, across)?, across * ROWS, across * COLUMNS)
    }
}

#[cfg(test)]
mod tests;
