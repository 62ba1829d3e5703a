//! From the name in a manifest to an extractor.

use super::{
    AutomaticMasks, ClipFeatures, ClipText, ClipVision, ColorGeometry, ConceptFusion,
    FeatureExtractor, Placement, SceneVit, TextEncoder, VisionError, Vit, VitConfig, WeightFormat,
    WordHash, weights_bytes,
};
use std::path::{Path, PathBuf};

/// Seed of weights that no file gives.
const SEED: u64 = 0;
/// What there is to choose from.
const KINDS: &str = "color_geometry, vit, dino, dinov2, clip, clip_patches, openclip, \
                     openclip_patches, concept_fusion, scene_vit";

/// Opens the extractor called `kind`:
///
/// * `color_geometry`, which has no weights;
/// * `vit`, `dino` or `dinov2`: patches of a plain vision transformer, from a safetensors file with
///   timm's names or a folder in Hugging Face's layout; `vit` without weights has some from chance,
///   and says so;
/// * `clip` or `openclip`: patches in the space of texts, from a folder in Hugging Face's or
///   open_clip's layout; `clip_patches` and `openclip_patches`: the tower's own outputs;
/// * `concept_fusion`: CLIP's features of what SAM cuts out, from a folder with folders `clip` and
///   `sam`;
/// * `scene_vit`: this project's own, from the folder that `scenellm train vision` writes; its weights
///   are 32-bit floats always.
pub fn open_extractor(
    kind: &str,
    weights: Option<&Path>,
    on: impl Into<Placement>,
) -> Result<Box<dyn FeatureExtractor>, VisionError> {
    let on = &on.into();
    let bad = |reason: &str| VisionError::BadWeights {
        extractor: kind.to_owned(),
        reason: reason.to_owned(),
    };
    let clip = |features, path| {
        let clip = ClipVision::load(path, features, on)?;
        Ok::<Box<dyn FeatureExtractor>, VisionError>(Box::new(clip))
    };
    match (kind, weights) {
        ("color_geometry", None) => Ok(Box::new(ColorGeometry::default())),
        ("color_geometry", Some(_)) => Err(bad("it has no weights; leave the file out")),
        ("vit", None) => Ok(Box::new(Vit::untrained(VitConfig::default(), SEED, on)?)),
        ("vit" | "dino" | "dinov2", Some(path)) => Ok(Box::new(Vit::load(path, on)?)),
        ("clip" | "openclip", Some(path)) => clip(ClipFeatures::TextSpace, path),
        ("clip_patches" | "openclip_patches", Some(path)) => clip(ClipFeatures::Patches, path),
        ("concept_fusion", Some(path)) => {
            Ok(Box::new(ConceptFusion::load(path, AutomaticMasks::default(), on)?))
        }
        ("scene_vit", Some(path)) => Ok(Box::new(SceneVit::load(path, &on.device)?)),
        (kind, None) if KINDS.split(", ").any(|known| known.trim() == kind) => {
            Err(bad("it needs weights; name their folder with `vision.weights` (--vision-weights)"))
        }
        _ => Err(bad(&format!("no such extractor; there are {KINDS}"))),
    }
}

/// The name ([`FeatureExtractor::name`]) of what [`open_extractor`] opens as `kind`: kinds that differ in
/// nothing but the layout of their weights lead to one extractor.
pub fn extractor_of_kind(kind: &str) -> &str {
    match kind {
        "openclip" => "clip",
        "openclip_patches" => "clip_patches",
        "dino" | "dinov2" => "vit",
        kind => kind,
    }
}

/// Bytes that the weights of the extractor called `kind` will take, kept as `format`, those of the
/// encoder of texts in the same file included. Only the headers of files are read.
///
/// # Errors
///
/// As of [`weights_bytes`].
pub fn extractor_bytes(
    kind: &str,
    weights: Option<&Path>,
    format: WeightFormat,
) -> Result<u64, VisionError> {
    match (kind, weights) {
        ("concept_fusion", Some(folder)) => {
            let [clip, sam] = ConceptFusion::parts(folder);
            Ok(weights_bytes(&clip, format)?.saturating_add(weights_bytes(&sam, format)?))
        }
        ("scene_vit", Some(folder)) => weights_bytes(folder, WeightFormat::F32),
        (_, Some(path)) => weights_bytes(path, format),
        // Those from chance are a tiny model's.
        (_, None) => Ok(0),
    }
}

/// The encoder of texts whose vectors stand in `space`. Hashed words ([`WordHash`]) need nothing
/// else; those of CLIP need the weights that the features were made with: the folder of CLIP, or that
/// of ConceptFusion, which keeps CLIP in a folder of its own.
///
/// # Errors
///
/// When it cannot be loaded, or its space is another.
pub fn open_text_encoder(
    space: &str,
    weights: Option<&Path>,
    on: impl Into<Placement>,
) -> Result<Box<dyn TextEncoder>, VisionError> {
    if let Some(words) = WordHash::of_space(space) {
        return Ok(Box::new(words));
    }
    let bad = |reason: String| VisionError::BadWeights { extractor: "text encoder".into(), reason };
    let Some(weights) = weights else {
        let reason = format!("`{space}` needs the folder of the CLIP model that it belongs to");
        return Err(bad(reason));
    };
    let folder = clip_in(weights);
    let words = ClipText::load(&folder, on)?;
    if words.space() != space {
        let (shown, other) = (folder.display(), words.space());
        let reason = format!("other weights than those in {shown} are wanted ({space}, {other})");
        return Err(bad(reason));
    }
    Ok(Box::new(words))
}

/// Where CLIP is kept in the weights of an extractor.
fn clip_in(weights: &Path) -> PathBuf {
    let [own, _] = ConceptFusion::parts(weights);
    if own.is_dir() { own } else { weights.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::Provenance;
    use crate::vision::fixtures::{fixture, fusion_folder};
    use candle_core::Device;

    #[test]
    fn spaces_lead_to_encoders() {
        let open = |space: &str, folder: Option<&str>| {
            let folder = folder.map(fixture);
            open_text_encoder(space, folder.as_deref(), &Device::Cpu)
        };
        assert_eq!(open("word_hash_16", None).unwrap().width(), 16);
        let homeless = open("clip 12", None).err().unwrap().to_string();
        assert!(homeless.contains("clip 12") && homeless.contains("folder"), "{homeless}");
        let other = open("clip 12", Some("clip_tiny")).err().unwrap().to_string();
        assert!(other.contains("other weights"), "{other}");
    }

    #[test]
    fn every_extractor_in_a_space_of_texts_leads_to_its_encoder() {
        let fusion = fusion_folder("sam_tiny");
        for (kind, folder) in [
            ("clip", fixture("clip_tiny")),
            ("openclip", fixture("openclip_tiny")),
            ("concept_fusion", fusion.path().to_owned()),
        ] {
            let extractor = open_extractor(kind, Some(&folder), &Device::Cpu).unwrap();
            let space = extractor.text_space().unwrap();
            let words = open_text_encoder(space, Some(&folder), &Device::Cpu).unwrap();
            assert_eq!((words.space(), words.width()), (space, extractor.width()), "{kind}");
            assert_eq!(words.embed("a mug").unwrap().len(), extractor.width(), "{kind}");
        }
        // Of a fusion without CLIP the file is named that should be there.
        std::fs::remove_file(fusion.path().join("clip/config.json")).unwrap();
        let missing = open_text_encoder("clip 12", Some(fusion.path()), &Device::Cpu);
        let missing = missing.err().unwrap().to_string();
        assert!(missing.contains("clip/config.json"), "{missing}");
    }

    #[test]
    fn names_lead_to_extractors() {
        let provenance =
            |kind: &str| open_extractor(kind, None, &Device::Cpu).map(|one| one.provenance());
        assert_eq!(provenance("color_geometry").unwrap(), Provenance::Analytic);
        let open =
            |kind: &str, path: &str| open_extractor(kind, Some(&fixture(path)), &Device::Cpu);
        assert_eq!(provenance("vit").unwrap(), Provenance::Untrained);
        let unknown = provenance("clop").unwrap_err().to_string();
        assert!(unknown.contains("clop") && unknown.contains("color_geometry"), "{unknown}");
        assert!(open_extractor("color_geometry", Some(Path::new("x")), &Device::Cpu).is_err());
        let missing = open("vit", "no.safetensors").err().unwrap();
        assert!(missing.to_string().contains("no.safetensors"), "{missing}");
        let blind = provenance("clip").unwrap_err().to_string();
        assert!(blind.contains("vision.weights"), "{blind}");
        for (kind, folder, width) in [
            ("vit", "vit_tiny", 24),
            ("dinov2", "dinov2_registers_tiny", 24),
            ("clip", "clip_tiny", 20),
            ("clip_patches", "clip_tiny", 24),
            ("openclip", "openclip_tiny", 20),
            ("openclip_patches", "openclip_tiny", 24),
        ] {
            let opened = open(kind, folder).unwrap();
            assert_eq!(opened.width(), width);
            assert_eq!(opened.name(), extractor_of_kind(kind));
        }
    }
}
