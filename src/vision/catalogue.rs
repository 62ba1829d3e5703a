//! Public checkpoints that are known, encoders and chat models, and the check of a folder that should hold
//! an encoder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::{Checkpoint, TensorShape, bytes_in_memory, read_json};
use super::clip::{ClipFolder, ClipLayout};
use super::grounding_dino::GroundingDino;
use super::sam::Sam;
use super::scene_vit::SceneVit;
use super::vit::Vit;
use super::{VisionError, WeightFormat};
use crate::language::{Family, GgufFormat};

const FILES: [&str; 6] = [
    include_str!("../../config/models/clip.yaml"),
    include_str!("../../config/models/vit.yaml"),
    include_str!("../../config/models/dinov2.yaml"),
    include_str!("../../config/models/sam.yaml"),
    include_str!("../../config/models/grounding_dino.yaml"),
    include_str!("../../config/models/chat.yaml"),
];

/// Larger catalogues are not read.
const MOST_BYTES: u64 = 1 << 20;

/// A public checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// Its name.
    pub name: String,
    /// Publisher and name on the hub where it was published.
    pub source: String,
    /// Licence as the publisher states it.
    pub licence: String,
    /// Name of the extractor, or `sam` or `grounding-dino`; of a chat model its family, as `config.json`
    /// calls it.
    pub kind: String,
    /// Numbers it has been trained to.
    pub parameters: u64,
    /// Length of a feature vector; of a chat model, of a token.
    pub width: usize,
    /// Edge length of the pictures that an encoder was trained with, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_px: Option<usize>,
    /// Edge length of a patch of an encoder, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_px: Option<usize>,
    /// As what blocks a GGUF file has its weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<GgufFormat>,
    /// Files that are needed.
    pub files: Vec<String>,
    /// SHA-256 of those whose content is known, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sha256: BTreeMap<String, String>,
}

/// As what a checkpoint's weights are kept in memory, and what they take there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptWeights {
    /// The device that keeps them so, `cpu` or `gpu`; `None` where whoever loads them says how.
    pub device: Option<&'static str>,
    /// Name of the format.
    pub format: &'static str,
    /// Bytes of all numbers; of GGUF files, about.
    pub bytes: u64,
}

impl CatalogueEntry {
    /// As what its weights may be kept in memory: those of an encoder in any format, those of a
    /// chat model as 32-bit floats on a CPU and 16-bit ones on a GPU, and blocks as they are. Empty
    /// where it is not said what blocks a GGUF file has.
    pub fn kept(&self) -> Vec<KeptWeights> {
        let floats = |device, format: WeightFormat| KeptWeights {
            device,
            format: format.name(),
            bytes: self.bytes(format),
        };
        let [cpu, gpu] = [Some("cpu"), Some("gpu")];
        match self.format {
            Some(format) => {
                let [on_cpu, on_gpu] =
                    [format.cpu_bytes(self.parameters), format.file_bytes(self.parameters)];
                let format = format.name();
                vec![
                    KeptWeights { device: cpu, format, bytes: on_cpu },
                    KeptWeights { device: gpu, format, bytes: on_gpu },
                ]
            }
            None if self.has_gguf() => Vec::new(),
            None if self.is_language_model() => {
                vec![floats(cpu, WeightFormat::F32), floats(gpu, WeightFormat::Bf16)]
            }
            None => WeightFormat::ALL.map(|format| floats(None, format)).to_vec(),
        }
    }

    fn has_gguf(&self) -> bool {
        self.files.iter().any(|file| file.ends_with(".gguf"))
    }

    /// Whether it is a chat model.
    pub fn is_language_model(&self) -> bool {
        Family::KNOWN.split(", ").any(|family| family == self.kind)
    }

    /// Bytes of its numbers, all kept as `format`. Which of them stay 32-bit floats in any format the
    /// files tell; see [`weights_bytes`].
    pub fn bytes(&self, format: WeightFormat) -> u64 {
        match format {
            WeightFormat::F32 => self.parameters.saturating_mul(4),
            WeightFormat::F16 | WeightFormat::Bf16 => self.parameters.saturating_mul(2),
            WeightFormat::Q8_0 => self.parameters.div_ceil(32).saturating_mul(34),
        }
    }

    /// The first thing that is wrong with it.
    fn fault(&self) -> Option<String> {
        let name = &self.name;
        let sees = [("image_px", self.image_px), ("patch_px", self.patch_px)];
        if let Some((field, _)) = sees.into_iter().find(|(_, pixels)| pixels.is_none())
            && !self.is_language_model()
        {
            return Some(format!("{name}: {field} is missing"));
        }
        if self.format.is_some() && !self.has_gguf() {
            return Some(format!("{name}: format: is of a GGUF file, and there is none in files"));
        }
        let is_name = |file: &str| Path::new(file).file_name().is_some_and(|name| name == file);
        if let Some(file) = self.files.iter().find(|file| !is_name(file)) {
            return Some(format!("{name}: files: '{file}' is no name of a file"));
        }
        let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        let odd = self.sha256.iter().find(|(_, hash)| !is_hash(hash));
        odd.map(|(file, hash)| format!("{name}: sha256: '{hash}' of {file} is no SHA-256"))
    }
}

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

/// The public checkpoints that are known.
pub fn catalogue() -> Result<Vec<CatalogueEntry>, VisionError> {
    let parsed = FILES.into_iter().map(|text| parse(text, Path::new("config/models")));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.concat())
}

/// The checkpoints that the file at `path` lists, in the form of those that are known.
///
/// # Errors
///
/// When it cannot be read, is larger than a MiB, or an entry is not usable, which is named.
pub fn read_catalogue(path: &Path) -> Result<Vec<CatalogueEntry>, VisionError> {
    let refuse = |reason: String| VisionError::Config { path: path.into(), reason };
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text))
        .map_err(|error| refuse(error.to_string()))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(refuse(format!("is larger than {MOST_BYTES} bytes")));
    }
    let text = String::from_utf8(text).map_err(|error| refuse(error.to_string()))?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<CatalogueEntry>, VisionError> {
    let refuse = |reason: String| VisionError::Config { path: path.into(), reason };
    let entries: Vec<CatalogueEntry> =
        serde_yaml::from_str(text).map_err(|error| refuse(error.to_string()))?;
    match entries.iter().find_map(CatalogueEntry::fault) {
        Some(reason) => Err(refuse(reason)),
        None => Ok(entries),
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
    use serde_json::json;

    use super::super::fixtures::{fixture, public_shapes};
    use super::*;
    use crate::language::LlamaConfig;

    #[test]
    fn entries_tell_what_the_reference_has() {
        let mut entries = catalogue().unwrap();
        entries.retain(|entry| !entry.is_language_model());
        assert_eq!(entries.len(), 23);
        for entry in entries {
            let known = ["clip", "openclip", "vit", "dino", "dinov2", "sam", "grounding-dino"];
            assert!(known.contains(&entry.kind.as_str()), "{}", entry.kind);
            let shapes = public_shapes(&entry.name).into_iter();
            // SAM's map of places stands in the file twice, MobileSAM's has a head of no use.
            let spare = ["shared_embedding", "image_encoder.head.", "image_encoder.norm_head."];
            let once = shapes.filter(|(name, _)| !spare.iter().any(|word| name.contains(word)));
            let count: u64 = once.map(|(_, dims)| dims.iter().product::<usize>() as u64).sum();
            assert_eq!(entry.parameters, count, "{}", entry.name);
            if ["sam", "grounding-dino"].contains(&entry.kind.as_str()) {
                continue;
            }
            let config = fixture(&format!("public/{}/config.json", entry.name));
            let config = std::fs::read_to_string(config).unwrap();
            assert!(config.contains(&format!(":{}", entry.width)), "{}", entry.name);
        }
    }

    #[test]
    fn chat_models_have_as_many_numbers_as_the_loader_asks_for() {
        // Of their `config.json`: width, hidden width, layers, heads, those of keys, width of a head,
        // tokens, and whether the table of tokens is the output layer as well.
        let sizes = [
            ("Qwen2.5-0.5B-Instruct", [896, 4864, 24, 14, 2, 64, 151_936], true),
            ("Qwen2.5-1.5B-Instruct", [1536, 8960, 28, 12, 2, 128, 151_936], true),
            ("Qwen2.5-7B-Instruct", [3584, 18_944, 28, 28, 4, 128, 152_064], false),
            ("Llama-3.2-1B-Instruct", [2048, 8192, 16, 32, 8, 64, 128_256], true),
            ("Llama-3.2-3B-Instruct", [3072, 8192, 28, 24, 8, 128, 128_256], true),
            ("Mistral-7B-Instruct-v0.3", [4096, 14_336, 32, 32, 8, 128, 32_768], false),
            ("Phi-3.5-mini-instruct", [3072, 8192, 32, 32, 32, 96, 32_064], false),
            ("gemma-2-2b-it", [2304, 9216, 26, 8, 4, 256, 256_000], true),
        ];
        let mut entries = catalogue().unwrap();
        entries.retain(CatalogueEntry::is_language_model);
        assert_eq!(entries.len(), 2 * sizes.len(), "as safetensors and as GGUF");
        for entry in entries {
            let of_it = |(name, ..): &&(&str, [usize; 7], bool)| entry.name.starts_with(name);
            let (_, [width, hidden, layers, heads, kv_heads, head, tokens], tied) =
                sizes.iter().find(of_it).unwrap();
            let config = json!({
                "model_type": entry.kind, "hidden_size": width, "intermediate_size": hidden,
                "num_hidden_layers": layers, "num_attention_heads": heads,
                "num_key_value_heads": kv_heads, "head_dim": head, "vocab_size": tokens,
                "rms_norm_eps": 1e-6, "max_position_embeddings": 4096,
                "tie_word_embeddings": tied,
            });
            let path = Path::new("config.json");
            let config = LlamaConfig::from_json(&config.to_string(), path).unwrap();
            assert_eq!(entry.parameters, config.parameters().unwrap(), "{}", entry.name);
            assert_eq!(entry.width, *width, "{}", entry.name);
            let is_gguf = entry.has_gguf();
            assert_eq!(entry.format, is_gguf.then_some(GgufFormat::Q4KM), "{}", entry.name);
            let needed = ["config.json", "tokenizer.json", "tokenizer_config.json"];
            let has = |file: &str| entry.files.iter().any(|one| one == file);
            assert!(is_gguf == (entry.files.len() == 1), "{}", entry.name);
            assert!(is_gguf || needed.into_iter().all(has), "{}", entry.name);
        }
    }

    #[test]
    fn weights_are_kept_as_whoever_loads_them_keeps_them() {
        let listed = |kind: &str, file: &str| {
            let text = format!(
                "[{{name: mine, source: me/mine, licence: MIT, kind: {kind}, parameters: 6400, \
                 width: 8, image_px: 16, patch_px: 8, {file}}}]"
            );
            let entries = parse(&text, Path::new("mine.yaml")).unwrap();
            let told = |kept: KeptWeights| (kept.device, kept.format, kept.bytes);
            entries[0].kept().into_iter().map(told).collect::<Vec<_>>()
        };
        let (cpu, gpu) = (Some("cpu"), Some("gpu"));
        let tensors = "files: [model.safetensors]";
        let [encoder, chat] = ["vit", "qwen2"].map(|kind| listed(kind, tensors));
        let floats = [("f32", 25_600), ("f16", 12_800), ("bf16", 12_800), ("q8_0", 6800)];
        assert_eq!(encoder, floats.map(|(format, bytes)| (None, format, bytes)));
        assert_eq!(chat, [(cpu, "f32", 25_600), (gpu, "bf16", 12_800)]);
        let blocks = listed("qwen2", "format: q8_0, files: [model.gguf]");
        assert_eq!(blocks, [(cpu, "q8_0", GgufFormat::Q8_0.cpu_bytes(6400)), (gpu, "q8_0", 6800)]);
        assert!(listed("qwen2", "files: [model.gguf]").is_empty());
    }

    #[test]
    fn entries_that_cannot_be_used_are_named() {
        let listed = |files: &str, sha256: &str| {
            let text = format!(
                "[{{name: mine, source: me/mine, licence: MIT, kind: vit, parameters: 64, \
                 width: 8, image_px: 16, patch_px: 8, files: [{files}], sha256: {{{sha256}}}}}]"
            );
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            read_catalogue(file.path())
        };
        let hash = "c0ffee00".repeat(8);
        let entry = &listed("a.json", &format!("a.json: '{hash}'")).unwrap()[0];
        assert_eq!(entry.sha256["a.json"], hash);
        let bytes = WeightFormat::ALL.map(|format| entry.bytes(format));
        assert_eq!(bytes, [256, 128, 128, 68]);
        let blind = "[{name: mine, source: me/mine, licence: MIT, kind: vit, parameters: 64, \
                     width: 8, image_px: 16, files: [a.json]}]";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), blind).unwrap();
        let error = read_catalogue(file.path()).unwrap_err().to_string();
        assert!(error.contains("mine: patch_px is missing"), "{error}");
        std::fs::write(file.path(), blind.replace("vit", "qwen2")).unwrap();
        assert!(read_catalogue(file.path()).unwrap()[0].is_language_model());
        let format = blind.replace("files:", "patch_px: 8, format: q8_0, files:");
        std::fs::write(file.path(), &format).unwrap();
        let error = read_catalogue(file.path()).unwrap_err().to_string();
        assert!(error.contains("mine: format: is of a GGUF file"), "{error}");
        std::fs::write(file.path(), format.replace("q8_0", "q9")).unwrap();
        let error = read_catalogue(file.path()).unwrap_err().to_string();
        assert!(error.contains("q9") && error.contains("q4_k_m"), "{error}");
        for (files, sha256, said) in [
            ("a.json", "a.json: c0ffee", "mine: sha256: 'c0ffee' of a.json"),
            ("../a.json", "", "mine: files: '../a.json'"),
            ("/a.json", "", "mine: files: '/a.json'"),
            ("''", "", "mine: files: ''"),
        ] {
            let error = listed(files, sha256).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_for_a_catalogue_is_not_read_to_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = |bytes: u64| {
            let comment = "#".repeat(bytes as usize - 3);
            std::fs::write(file.path(), format!("[]\n{comment}")).unwrap();
            read_catalogue(file.path())
        };
        assert!(read(MOST_BYTES).unwrap().is_empty());
        let error = read(MOST_BYTES + 1).unwrap_err().to_string();
        let name = file.path().display().to_string();
        assert!(error.starts_with(&name) && error.contains("larger than 1048576 bytes"), "{error}");
        // It has no length, and no end.
        let error = read_catalogue(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(error.starts_with("/dev/zero: is larger than"), "{error}");
    }

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
