//! CLIP's picture tower as an extractor.

use std::path::Path;

use image::RgbImage;

use super::super::tower::{LastBlock, Tower};
use super::{ClipConfig, ClipFolder, NAME, Projection, load_vision};
use crate::sensing::RgbdFrame;
use crate::vision::{
    FeatureExtractor, FeatureMap, ImageProcessor, Placement, Provenance, VisionError,
};

/// What the features of a patch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipFeatures {
    /// Vectors of length 1 in the space of texts.
    TextSpace,
    /// The tower's own outputs behind its last norm.
    Patches,
}

/// CLIP's picture tower.
#[derive(Debug)]
pub struct ClipVision {
    tower: Tower,
    projection: Projection,
    processor: ImageProcessor,
    config: ClipConfig,
    features: ClipFeatures,
    space: String,
}

impl ClipVision {
    /// Loads the picture tower of the model in `folder`: Hugging Face's layout, or open_clip's.
    pub fn load(
        folder: &Path,
        features: ClipFeatures,
        on: impl Into<Placement>,
    ) -> Result<Self, VisionError> {
        let folder = ClipFolder::read(folder)?;
        let mut checkpoint = folder.open(on)?;
        let (tower, projection) = load_vision(&folder.config, &mut checkpoint)?;
        let space = folder.space(&mut checkpoint)?;
        let ClipFolder { config, processor, .. } = folder;
        Ok(Self { tower, projection, processor, config, features, space })
    }

    /// The sizes.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// How its pictures are prepared.
    pub fn processor(&self) -> &ImageProcessor {
        &self.processor
    }

    /// The picture as a whole: a vector of length 1 in the space of texts.
    pub fn embed(&self, image: &RgbImage) -> Result<Vec<f32>, VisionError> {
        let pixels = self.processor.picture(image, self.tower.device())?;
        let tokens = self.tower.forward(&pixels, LastBlock::Attends)?;
        let class = tokens.narrow(1, 0, 1)?.squeeze(1)?;
        Ok(self.projection.unit(&class)?.squeeze(0)?.to_vec1()?)
    }

    /// Dense features of the whole picture, `(rows, columns, width)`.
    pub fn dense(&self, image: &RgbImage) -> Result<FeatureMap, VisionError> {
        let (vision, device) = (&self.config.vision, self.tower.device());
        let edge_px = self.processor.edge_px().unwrap_or(vision.image_px);
        let pixels = self.processor.whole(image, edge_px, vision.patch_px, device)?;
        let (_, _, height, width) = pixels.dims4()?;
        let (rows, columns) = (height / vision.patch_px, width / vision.patch_px);
        let features = match self.features {
            ClipFeatures::TextSpace => {
                let tokens = self.tower.forward(&pixels, LastBlock::KeepsPlaces)?;
                self.projection.unit(&self.tower.patches_of(&tokens)?.contiguous()?)?
            }
            ClipFeatures::Patches => {
                let tokens = self.tower.forward(&pixels, LastBlock::Attends)?;
                self.tower.patches_of(&tokens)?
            }
        };
        FeatureMap::of_tokens(&features, rows, columns)
    }
}

impl FeatureExtractor for ClipVision {
    fn name(&self) -> &str {
        match self.features {
            ClipFeatures::TextSpace => NAME,
            ClipFeatures::Patches => "clip_patches",
        }
    }

    fn width(&self) -> usize {
        match self.features {
            ClipFeatures::TextSpace => self.config.projection,
            ClipFeatures::Patches => self.config.vision.width,
        }
    }

    fn provenance(&self) -> Provenance {
        Provenance::Trained
    }

    fn text_space(&self) -> Option<&str> {
        (self.features == ClipFeatures::TextSpace).then_some(&self.space)
    }

    fn set_image_px(&mut self, image_px: usize) -> Result<(), String> {
        self.tower.check_edge(image_px)?;
        self.processor.dense_px = Some(image_px);
        Ok(())
    }

    fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
        self.dense(&frame.color)
    }
}
