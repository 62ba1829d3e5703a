//! A small vision transformer for RGB-D pictures of homes, trained by this project on rendered
//! frames: a feature of length 1 for each 8×8 pixels, in the space of words ([`super::WordHash`]).
//!
//! Pictures of any size are scaled to 320×240, so features lie on 30×40 cells.

mod config;
mod input;
mod model;
pub(crate) mod ops;

pub use config::{SceneVitConfig, SceneVitShape};
pub use input::{
    CELL_PX, CELLS, COLUMNS, CellWindow, HEIGHT_PX, INPUTS, Picture, ROWS, View, WIDTH_PX, cells,
    rays,
};
pub use model::SceneVitNet;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};

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
    names: Vec<String>,
    words: WordHash,
    device: Device,
    /// Rays of the camera seen last: through a lens they are dearer than the network.
    rays: Mutex<Option<(CameraModel, Vec<[f32; 2]>)>>,
}

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
        Self::new(net, config.names, device)
    }

    /// A network in use, with the names that it was taught.
    ///
    /// # Errors
    ///
    /// When its features are too short to hold words.
    pub fn new(net: SceneVitNet, names: Vec<String>, device: &Device) -> Result<Self, VisionError> {
        let words = WordHash::new(net.shape().features)?;
        Ok(Self { net, names, words, device: device.clone(), rays: Mutex::new(None) })
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
        let picture = Picture::of(&frame.color, depth);
        let view = View::of(&frame.world_T_camera);
        let numbers = {
            let mut known = self.rays.lock().unwrap_or_else(PoisonError::into_inner);
            if known.as_ref().is_none_or(|(of, _)| of != camera) {
                *known = Some((*camera, rays(camera)));
            }
            let rays = known.as_ref().map_or(&[][..], |(_, rays)| rays);
            cells(&picture, &view, rays, CellWindow::WHOLE)
        };
        let inputs = Tensor::from_vec(numbers, (1, CELLS, INPUTS), &self.device)?;
        FeatureMap::of_tokens(&self.net.forward(&inputs, CellWindow::WHOLE)?, ROWS, COLUMNS)
    }
}

#[cfg(test)]
mod tests;
