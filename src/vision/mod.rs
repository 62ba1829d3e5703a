//! Dense features of one image, behind one trait.

mod feature;

pub use feature::{FeatureExtractor, FeatureMap, Provenance, VisionError};
