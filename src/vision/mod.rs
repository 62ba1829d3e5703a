//! Dense features of one image, behind one trait; words in the space of such features; masks; boxes
//! of what words mean.
//!
//! Every encoder is built from the tensors of a checkpoint by their public names. What they
//! have in common stands in `tower` (a vision transformer, whatever its tensors are called),
//! `transformer` (its blocks), `processor` and `resample` (from pictures to pixels).

mod activations;
mod attend;
mod attention;
mod catalogue;
mod checkpoint;
mod clip;
mod color_geometry;
mod conv;
mod detector;
mod feature;
mod folder_check;
mod fusion;
mod grounded_sam;
mod grounding_dino;
mod linear;
mod norm;
mod open;
mod overlap;
mod pickle;
mod pointwise;
mod processor;
mod resample;
mod sam;
pub(crate) mod scene_vit;
mod tower;
mod transformer;
mod vit;
mod vit_config;
mod vit_names;
mod windows;
mod words;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
pub(crate) mod gradients;
#[cfg(test)]
mod parity;

pub use activations::{ExtractorSizes, detector_looking_bytes, extractor_sizes};
pub use catalogue::{CatalogueEntry, KeptWeights, catalogue, read_catalogue};
pub use checkpoint::TensorShape;
pub use clip::{ClipConfig, ClipFeatures, ClipLayout, ClipText, ClipTextConfig, ClipVision};
pub use color_geometry::ColorGeometry;
pub use detector::{DetectedMask, Detector};
pub use feature::{FeatureExtractor, FeatureMap, Provenance, TextEncoder, VisionError};
pub use folder_check::{FolderCheck, check_folder, weights_bytes};
pub use fusion::ConceptFusion;
pub use grounded_sam::{GroundedMask, GroundedSam, GroundedSettings, ground_and_segment};
pub use grounding_dino::{BertConfig, Detection2d, GroundingDino, GroundingDinoConfig, SwinConfig};
pub use linear::{Placement, WeightFormat};
pub use open::{extractor_bytes, extractor_of_kind, open_extractor, open_text_encoder};
pub use pickle::PickleFile;
pub use processor::{CropStart, ImageProcessor, Resize};
pub use resample::{Filter, resize};
pub use sam::{
    AutomaticMasks, Mask, Sam, SamAnswer, SamConfig, SamDecoderConfig, SamPicture, SamPrompt,
    SamPromptConfig, SamVisionConfig, SegmentedMask, TinyVitConfig,
};
pub use scene_vit::{CellWindow, SceneVit, SceneVitConfig, SceneVitNet, SceneVitShape};
pub use transformer::Activation;
pub use vit::Vit;
pub use vit_config::{PositionFilter, VitConfig};
pub use words::WordHash;
pub(crate) use words::unit;
