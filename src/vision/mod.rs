//! Dense features of one image, behind one trait.

mod color_geometry;
mod feature;
mod open;
mod vit;
mod vit_weights;

pub use color_geometry::ColorGeometry;
pub use feature::{FeatureExtractor, FeatureMap, Provenance, VisionError};
pub use open::open_extractor;
pub use vit::Vit;
pub use vit_weights::VitConfig;
