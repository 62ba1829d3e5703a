//! Public checkpoints that are known, encoders and chat models.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

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
    /// files tell; see [`weights_bytes`](super::weights_bytes).
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

#[cfg(test)]
mod tests {
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
}
