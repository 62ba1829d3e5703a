//! What a folder or a file of weights holds, held against what an encoder needs.

use std::path::Path;

use candle_core::Device;
use serde::Serialize;
use serde_json::Value;

use super::checkpoint::{Checkpoint, TensorShape, bytes_in_memory, read_json};
use super::clip::{ClipFolder, ClipLayout};
use super::grounding_dino::GroundingDino;
use super::sam::Sam;
use super::scene_vit::SceneVit;
use super::vit::Vit;
use super::{VisionError, WeightFormat};
use crate::language::Family;

/// What a folder or a file holds, held against what its configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FolderCheck {
    /// What kind of model its configuration describes.
    pub kind: String,
    /// Tensors that model needs.
    pub tensors: usize,
    /// Numbers in them.
    pub parameters: u64,
    /// Each tensor that is missing, has another shape or belongs to another model, and what else is
    /// missing.
    pub faults: Vec<String>,
}

impl FolderCheck {
    /// The check of a model that needs the tensors `wanted`.
    pub(crate) fn new(kind: String, wanted: &[TensorShape], faults: Vec<String>) -> Self {
        let elements = |shape: &[usize]| shape.iter().map(|dim| *dim as u64).product::<u64>();
        let parameters = wanted.iter().map(|(_, shape)| elements(shape)).sum();
        Self { kind, tensors: wanted.len(), parameters, faults }
    }
}

/// Holds the tensors in `path` against what they should be: in a folder against its configuration, in a
/// file of timm's or of SAM's authors against each other. Only the headers of files are read.
pub fn check_folder(path: &Path) -> Result<FolderCheck, VisionError> {
    let (kind, wanted, faults) = match path.is_file() {
        true => read_file(path)?,
        false => read_folder(path)?,
    };
    Ok(FolderCheck::new(kind, &wanted, faults))
}

/// Bytes that the weights at `path` will take, kept as `format`: of a folder those that its
/// configuration asks for, of a file all. Only the headers of files are read.
///
/// # Errors
///
/// When a file cannot be read, or the folder holds no model that is known.
pub fn weights_bytes(path: &Path, format: WeightFormat) -> Result<u64, VisionError> {
    if path.is_dir() {
        let (_, wanted, _) = read_folder(path)?;
        return Ok(bytes_in_memory(&wanted, format));
    }
    let file = Checkpoint::open("weights", path, &Device::Cpu)?;
    let tensors = file.shapes().into_iter().map(|(name, shape)| (name.to_owned(), shape.to_vec()));
    Ok(bytes_in_memory(&tensors.collect::<Vec<_>>(), format))
}

/// A kind of model, the tensors it needs, and what is wrong with those that are there.
type Held = (String, Vec<TensorShape>, Vec<String>);

/// What a file holds whose sizes can be read off its tensors.
fn read_file(path: &Path) -> Result<Held, VisionError> {
    let file = Checkpoint::open("weights", path, &Device::Cpu)?;
    let (kind, (wanted, faults)) = if file.contains("patch_embed.proj.weight") {
        ("vit", Vit::check(path)?)
    } else if file.shapes().keys().any(|name| name.starts_with("image_encoder.")) {
        ("sam", Sam::check(path)?)
    } else {
        let reason = "neither timm's ViT nor SAM of its authors: name the folder with config.json";
        return Err(file.fault(reason.into()));
    };
    Ok((kind.to_owned(), wanted, faults))
}

/// What a folder holds, as its configuration describes it.
fn read_folder(folder: &Path) -> Result<Held, VisionError> {
    let path = folder.join("config.json");
    let kind = if ClipLayout::of(folder) == ClipLayout::OpenClip {
        "open_clip".to_owned()
    } else if !path.exists() && folder.is_dir() {
        // Only a SAM as its authors publish it has none.
        "sam".to_owned()
    } else {
        let config: Value = read_json(&path)?;
        config.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (wanted, faults) = match kind.as_str() {
        "open_clip" | "clip" => {
            let clip = ClipFolder::read(folder)?;
            (clip.wanted()?, clip.faults()?)
        }
        "sam" => Sam::check(folder)?,
        "grounding-dino" => (GroundingDino::wanted(folder)?, GroundingDino::faults(folder)?),
        "vit" | "dinov2" | "dinov2_with_registers" => Vit::check(folder)?,
        "scene_vit" => SceneVit::check(folder)?,
        other => {
            let reason = format!(
                "model_type: is '{other}'; known are clip, vit, dinov2, dinov2_with_registers, \
                 sam, grounding-dino and scene_vit, and the language models {}",
                Family::KNOWN
            );
            return Err(VisionError::Config { path, reason });
        }
    };
    Ok((kind, wanted, faults))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::fixture;
    use super::*;

    #[test]
    fn files_whose_tensors_tell_their_sizes_are_checked_by_themselves() {
        for (file, kind) in [
            ("timm_tiny/model.safetensors", "vit"),
            ("segment_anything_tiny/sam_vit_tiny.pth", "sam"),
        ] {
            let check = check_folder(&fixture(file)).unwrap();
            assert_eq!((check.kind.as_str(), check.faults.len()), (kind, 0), "{check:?}");
        }
        let error = check_folder(&fixture("clip_tiny/model.safetensors")).unwrap_err().to_string();
        assert!(error.contains("name the folder"), "{error}");
    }

    #[test]
    fn folders_are_checked_by_their_configuration() {
        for (name, kind) in [
            ("clip_tiny", "clip"),
            ("openclip_tiny", "open_clip"),
            ("vit_tiny", "vit"),
            ("dino_tiny", "vit"),
            ("dinov2_tiny", "dinov2"),
            ("dinov2_registers_tiny", "dinov2_with_registers"),
            ("sam_tiny", "sam"),
            ("mobile_sam_tiny", "sam"),
            ("segment_anything_tiny", "sam"),
            ("grounding_dino_tiny", "grounding-dino"),
        ] {
            let check = check_folder(&fixture(name)).unwrap();
            assert_eq!((check.kind.as_str(), check.faults.len()), (kind, 0), "{check:?}");
            assert!(check.tensors > 30 && check.parameters > 10_000, "{check:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn changed_configurations_never_panic(
            which in 0usize..7,
            at in any::<prop::sample::Index>(),
            with in "[-0-9e.\"a-z{}\\[\\],:]{0,8}",
        ) {
            let name = [
                "clip", "openclip", "vit", "dinov2", "dinov2_registers", "sam", "grounding_dino",
            ][which];
            let fixture = fixture(&format!("{name}_tiny"));
            let (weights, config) = match name {
                "openclip" => ("open_clip_model.safetensors", "open_clip_config.json"),
                _ => ("model.safetensors", "config.json"),
            };
            let folder = tempfile::tempdir().unwrap();
            std::fs::copy(fixture.join(weights), folder.path().join(weights)).unwrap();
            let text = std::fs::read_to_string(fixture.join(config)).unwrap();
            let at = at.index(text.len());
            let cut = (at + with.len()).min(text.len());
            let changed = format!("{}{with}{}", &text[..at], &text[cut..]);
            std::fs::write(folder.path().join(config), changed).unwrap();
            let _ = check_folder(folder.path());
        }
    }

    #[test]
    fn pickles_are_read_and_hostile_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::copy(fixture("clip_tiny/config.json"), file("config.json")).unwrap();
        std::fs::copy(fixture("pickle/nested.pt"), file("pytorch_model.bin")).unwrap();
        let check = check_folder(folder.path()).unwrap();
        assert!(check.faults.iter().any(|fault| fault.contains("`bf16` belongs to another kind")));
        std::fs::write(file("pytorch_model.bin"), b"").unwrap();
        let error = check_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("pytorch_model.bin: no zip archive"), "{error}");
        std::fs::remove_file(file("pytorch_model.bin")).unwrap();
        let error = check_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no other file of weights"), "{error}");
        for name in ["one.pt", "other.pth"] {
            std::fs::copy(fixture("pickle/nested.pt"), file(name)).unwrap();
        }
        let error = check_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds one.pt and other.pth"), "{error}");
    }

    #[test]
    fn every_fault_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::copy(fixture("vit_tiny/config.json"), path.join("config.json")).unwrap();
        let weights = fixture("dinov2_tiny/model.safetensors");
        std::fs::copy(weights, path.join("model.safetensors")).unwrap();
        let check = check_folder(path).unwrap();
        let has = |part: &str| check.faults.iter().any(|fault| fault.contains(part));
        assert!(has("no tensor `encoder.layer.0.layernorm_before.weight`"), "{check:?}");
        assert!(has(
            "no tensor `encoder.layer.1.output.dense.weight`; expected one of shape [24, 40]"
        ));
        assert!(has("`encoder.layer.0.layer_scale1.lambda1` belongs to another kind"));
        std::fs::write(path.join("config.json"), r#"{"model_type":"llava"}"#).unwrap();
        let error = check_folder(path).unwrap_err().to_string();
        assert!(error.contains("'llava'"), "{error}");
        std::fs::write(path.join("model.safetensors"), [0xff; 64]).unwrap();
        std::fs::copy(fixture("vit_tiny/config.json"), path.join("config.json")).unwrap();
        let error = check_folder(path).unwrap_err().to_string();
        assert!(error.contains("not safetensors"), "{error}");
    }
}
