//! From the name in a manifest to an extractor.

use super::{ColorGeometry, FeatureExtractor, VisionError, Vit, VitConfig};
use candle_core::Device;
use std::path::Path;

/// Seed of weights that no file gives.
const SEED: u64 = 0;

/// Opens the extractor called `kind`: `color_geometry`, which has no weights, or `vit`, whose
/// weights come from a safetensors file, or from chance (and say so) when there is none.
pub fn open_extractor(
    kind: &str,
    weights: Option<&Path>,
) -> Result<Box<dyn FeatureExtractor>, VisionError> {
    let bad = |reason: &str| VisionError::BadWeights {
        extractor: kind.to_owned(),
        reason: reason.to_owned(),
    };
    match (kind, weights) {
        ("color_geometry", None) => Ok(Box::new(ColorGeometry::default())),
        ("color_geometry", Some(_)) => Err(bad("it has no weights; leave the file out")),
        ("vit", Some(path)) => Ok(Box::new(Vit::load(path, &Device::Cpu)?)),
        ("vit", None) => Ok(Box::new(Vit::untrained(VitConfig::default(), SEED, &Device::Cpu)?)),
        _ => Err(bad("no such extractor; there are `color_geometry` and `vit`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Provenance;

    #[test]
    fn names_lead_to_extractors() {
        let provenance = |kind: &str| open_extractor(kind, None).map(|one| one.provenance());
        assert_eq!(provenance("color_geometry").unwrap(), Provenance::Analytic);
        assert_eq!(provenance("vit").unwrap(), Provenance::Untrained);
        let unknown = provenance("clop").unwrap_err().to_string();
        assert!(unknown.contains("clop") && unknown.contains("color_geometry"), "{unknown}");
        assert!(open_extractor("color_geometry", Some(Path::new("x"))).is_err());
        let missing = open_extractor("vit", Some(Path::new("no.safetensors"))).err().unwrap();
        assert!(missing.to_string().contains("no.safetensors"), "{missing}");
    }
}
