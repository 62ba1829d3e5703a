//! A small vision transformer for RGB-D pictures of homes, trained by this project on rendered
//! frames: a feature of length 1 for each 8×8 pixels, in the space of words ([`super::WordHash`]).
//!
//! Pictures of any size are scaled to 320×240, so features lie on 30×40 cells.

mod config;
mod input;
mod model;
mod ops;

pub use config::{SceneVitConfig, SceneVitShape};
pub use input::{CELL_PX, CELLS, COLUMNS, HEIGHT_PX, INPUTS, Picture, ROWS, View, WIDTH_PX, cells, rays};
pub use model::SceneVitNet;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::{FeatureExtractor, FeatureMap, Provenance, VisionError};
use crate::sensing::RgbdFrame;

const NAME: &str = "scene_vit";

/// The network with the words of its training.
#[derive(Debug)]
pub struct SceneVit {
    net: SceneVitNet,
    names: Vec<String>,
    device: Device,
}

impl SceneVit {
    /// Loads `config.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the weights are not those that the configuration needs.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, VisionError> {
        let config = SceneVitConfig::read(folder)?;
        let take = |from: &mut Checkpoint| {
            let tensors = config.shape.weights().into_iter();
            tensors
                .map(|(name, shape)| Ok((name.clone(), from.tensor(&name, &shape)?)))
                .collect::<Result<BTreeMap<_, _>, VisionError>>()
        };
        let mut checkpoint = Checkpoint::open(NAME, folder, device)?.checked(&[], take)?;
        let net = SceneVitNet::new(config.shape, take(&mut checkpoint)?, device)?;
        Ok(Self { net, names: config.names, device: device.clone() })
    }

    /// The network.
    pub fn net(&self) -> &SceneVitNet {
        &self.net
    }
}
