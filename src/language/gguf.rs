//! GGUF files of Llama models, under the names Hugging Face gives their tensors.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::Value as GgufValue;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};

use super::config::LlamaConfig;
use super::error::LanguageError;
use super::family::Family;
use super::faults::{TensorShape, tensor_faults};
use super::finite::blocks_are_finite;
use super::gguf_part::GgufPart;
use super::recode::{on_cpu, recode};
use super::tokenizer::Tokenizer;

/// Divisors of the rotary frequencies, of which a file has those of one name or none.
const ROPE_FACTORS: [&str; 2] = ["rope_freqs.weight", "rope_factors_short.weight"];
/// Tensors that no decoder asks for.
const UNUSED: [&str; 1] = ["rope_factors_long.weight"];

/// An open GGUF file, or all parts of one that was split, and the configuration in its metadata.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    parts: Vec<GgufPart>,
    metadata: HashMap<String, GgufValue>,
    config: LlamaConfig,
}

impl GgufFile {
    /// Reads the header of `path`, and those of the parts behind it where it is the first of several.
    pub fn open(path: &Path) -> Result<Self, LanguageError> {
        let mut parts = GgufPart::open_all(path)?;
        let metadata = match parts.first_mut() {
            Some(first) => std::mem::take(&mut first.content.metadata),
            None => HashMap::new(),
        };
        let find = |name: &str| parts.iter().find_map(|part| part.content.tensor_infos.get(name));
        let Some(table) = find("token_embd.weight") else {
            let reason = "no tensor 'token_embd.weight'".into();
            return Err(LanguageError::Weights { path: path.into(), reason });
        };
        let vocabulary = table.shape.dims().first().copied().unwrap_or_default();
        let tied = find("output.weight").is_none();
        let config = LlamaConfig::from_gguf(&metadata, vocabulary, tied, path)?;
        Ok(Self { path: path.into(), parts, metadata, config })
    }

    /// The file; of several the first.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration in the metadata.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The text under `key` in the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key)?.to_string().ok().map(String::as_str)
    }

    /// The spelling of the token whose id stands under `key` in the metadata.
    pub fn token_text(&self, key: &str) -> Option<&str> {
        let id = self.metadata.get(key)?.to_u64().ok().or_else(|| {
            let signed = self.metadata.get(key)?.to_i32().ok()?;
            u64::try_from(signed).ok()
        })?;
        let tokens = self.metadata.get("tokenizer.ggml.tokens")?.to_vec().ok()?;
        tokens.get(usize::try_from(id).ok()?)?.to_string().ok().map(String::as_str)
    }

    /// The tokenizer in the metadata.
    pub fn tokenizer(&self) -> Result<Tokenizer, LanguageError> {
        Tokenizer::from_gguf(&self.metadata, &self.path)
    }

    /// Types and element counts of all tensors.
    pub fn tensors(&self) -> impl Iterator<Item = (GgmlDType, &[usize])> {
        let infos = self.parts.iter().flat_map(|part| part.content.tensor_infos.values());
        infos.map(|info| (info.ggml_dtype, info.shape.dims()))
    }

    /// What is wrong with the tensors of the file, by its own names: each of `wanted` that is missing
    /// or has another shape, each that does not lie in the file, and each that nobody asks for.
    pub(super) fn faults(&self, wanted: &[TensorShape]) -> Vec<String> {
        let spelled =
            |name: &str| gguf_name(name, self.config.family).unwrap_or_else(|| name.to_owned());
        let mut wanted: Vec<TensorShape> =
            wanted.iter().map(|(name, shape)| (spelled(name), shape.clone())).collect();
        if let Some(name) = self.rope_factors_name() {
            wanted.push((name.to_owned(), vec![self.config.rotary_dim / 2]));
        }
        let mut found: HashMap<&str, &[usize]> = HashMap::new();
        let mut outside: Vec<String> = Vec::new();
        for part in &self.parts {
            for (name, info) in &part.content.tensor_infos {
                found.insert(name.as_str(), info.shape.dims());
                outside.extend(part.place(name, info).err());
            }
        }
        let mut faults = tensor_faults(&wanted, &found, &UNUSED, "language model");
        outside.sort_unstable();
        faults.extend(outside);
        faults
    }

    /// Reads the blocks of the tensor Hugging Face calls `name`, which must have the shape
    /// `expected`.
    ///
    /// Rows of query and key projections come back in Hugging Face's order (GGUF interleaves the
    /// two halves of every head), so that one rotary embedding serves both formats. Rows are whole
    /// blocks: moving them changes no bit of a quantised weight. On a CPU blocks that are slow there
    /// come as others (`recode.rs`).
    pub fn blocks(
        &mut self,
        name: &str,
        expected: &[usize],
        device: &Device,
    ) -> Result<QStorage, LanguageError> {
        let family = self.config.family;
        let spelled = gguf_name(name, family).unwrap_or_default();
        let has = |part: &&mut GgufPart| part.content.tensor_infos.contains_key(&spelled);
        let Some(part) = self.parts.iter_mut().find(has) else {
            return Err(LanguageError::MissingTensor {
                path: self.path.clone(),
                name: name.into(),
                expected: expected.to_vec(),
            });
        };
        let path = part.path.clone();
        let info = &part.content.tensor_infos[&spelled];
        if info.shape.dims() != expected {
            return Err(LanguageError::TensorShape {
                path,
                name: name.into(),
                expected: expected.to_vec(),
                found: info.shape.dims().to_vec(),
            });
        }
        let dtype = info.ggml_dtype;
        let (start, length) = match part.place(name, info) {
            Ok(place) => place,
            Err(reason) => return Err(LanguageError::Weights { path, reason }),
        };
        let mut bytes = part.read(start, length)?;
        if !blocks_are_finite(&bytes, dtype) {
            return Err(LanguageError::NotFinite { path, name: name.into() });
        }
        let is_head = name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
        if is_head && family.interleaves_heads() {
            bytes = unpermute(&bytes, expected[0], self.config.head_dim);
        }
        let held = if device.is_cpu() { on_cpu(dtype) } else { dtype };
        if held != dtype {
            bytes = recode(&bytes, dtype, held)?;
        }
        Ok(QStorage::from_data(bytes.into(), device, held)?)
    }

    /// Reads the same tensor as plain numbers of 32 bits.
    pub fn tensor(
        &mut self,
        name: &str,
        expected: &[usize],
        device: &Device,
    ) -> Result<Tensor, LanguageError> {
        let blocks = self.blocks(name, expected, device)?;
        Ok(QTensor::new(blocks, expected)?.dequantize(device)?)
    }

    /// Divisors of the rotary frequencies, where the file has them (Llama 3, Phi 3).
    pub fn rope_factors(&mut self) -> Result<Option<Vec<f32>>, LanguageError> {
        let Some(name) = self.rope_factors_name() else { return Ok(None) };
        let half = self.config.rotary_dim / 2;
        let factors: Vec<f32> = self.tensor(name, &[half], &Device::Cpu)?.to_vec1()?;
        let odd = factors.iter().copied().find(|factor| *factor <= 0.0);
        match odd {
            None => Ok(Some(factors)),
            Some(factor) => {
                let reason = format!("'{name}' holds {factor}, and frequencies are divided by it");
                Err(LanguageError::Weights { path: self.path.clone(), reason })
            }
        }
    }

    fn rope_factors_name(&self) -> Option<&'static str> {
        let has = |name: &&str| {
            self.parts.iter().any(|part| part.content.tensor_infos.contains_key(*name))
        };
        ROPE_FACTORS.into_iter().find(has)
    }
}

/// Undoes the row order of GGUF: row `2 i + j` of a head goes back to row `j * half + i`.
fn unpermute(bytes: &[u8], rows: usize, head_dim: usize) -> Vec<u8> {
    let row_bytes = bytes.len() / rows;
    let half = head_dim / 2;
    let mut restored = Vec::with_capacity(bytes.len());
    for row in 0..rows {
        let (head, within) = (row / head_dim, row % head_dim);
        let source = head * head_dim + 2 * (within % half) + within / half;
        restored.extend_from_slice(&bytes[source * row_bytes..(source + 1) * row_bytes]);
    }
    restored
}

/// What GGUF calls the tensor Hugging Face calls `name`.
fn gguf_name(name: &str, family: Family) -> Option<String> {
    let fixed = match name {
        "model.embed_tokens.weight" => Some("token_embd.weight"),
        "model.norm.weight" => Some("output_norm.weight"),
        "lm_head.weight" => Some("output.weight"),
        "rope_freqs.weight" | "rope_factors_short.weight" => Some(name),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return Some(fixed.into());
    }
    let (layer, part) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, what) =
        part.rsplit_once('.').filter(|(_, what)| ["weight", "bias"].contains(what))?;
    let part = match part {
        "post_attention_layernorm" if family.norms_behind() => "post_attention_norm",
        "pre_feedforward_layernorm" => "ffn_norm",
        "post_feedforward_layernorm" => "post_ffw_norm",
        "self_attn.qkv_proj" => "attn_qkv",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        // Gate and up in one.
        "mlp.gate_up_proj" => "ffn_up",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        _ => return None,
    };
    Some(format!("blk.{layer}.{part}.{what}"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use candle_core::quantized::gguf_file::{Content, write};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_come_back_in_order() {
        // Two heads of four rows, one byte a row; GGUF order is 0 2 1 3 within each head.
        assert_eq!(unpermute(&[0, 2, 1, 3, 4, 6, 5, 7], 8, 4), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    /// The small Qwen 2 in two files, as `llama-gguf-split` cuts them: the first has the metadata.
    fn halves(folder: &Path) -> [PathBuf; 2] {
        let mut whole = File::open(qwen2()).unwrap();
        let content = Content::read(&mut whole).unwrap();
        let mut names: Vec<&str> = content.tensor_infos.keys().map(String::as_str).collect();
        names.sort_unstable();
        let (first, second) = names.split_at(names.len() / 2);
        let mut number = 0;
        [first, second].map(|names| {
            let mut metadata = HashMap::from([
                ("split.no".to_owned(), GgufValue::U16(number)),
                ("split.count".to_owned(), GgufValue::U16(2)),
            ]);
            if number == 0 {
                metadata.extend(content.metadata.clone());
            }
            let metadata: Vec<_> =
                metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
            let tensor = |name: &&str| content.tensor(&mut whole, name, &Device::Cpu).unwrap();
            let tensors: Vec<QTensor> = names.iter().map(tensor).collect();
            let tensors: Vec<_> = names.iter().copied().zip(&tensors).collect();
            number += 1;
            let path = folder.join(format!("qwen2-{number:05}-of-00002.gguf"));
            write(&mut File::create(&path).unwrap(), &metadata, &tensors).unwrap();
            path
        })
    }

    fn qwen2() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat_tiny/qwen2/model.gguf")
    }

    #[test]
    fn parts_of_a_model_are_one_model() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = halves(folder.path());
        let mut parts = GgufFile::open(&first).unwrap();
        let mut whole = GgufFile::open(&qwen2()).unwrap();
        assert_eq!(parts.config(), whole.config());
        assert_eq!(parts.tensors().count(), whole.tensors().count());
        let wanted = whole.config().tensor_shapes().unwrap();
        assert_eq!(parts.faults(&wanted), whole.faults(&wanted));
        for (name, shape) in wanted {
            let [one, other] = [&mut parts, &mut whole].map(|file| {
                let tensor = file.tensor(&name, &shape, &Device::Cpu).unwrap();
                tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            });
            assert_eq!(one, other, "{name}");
        }

        let error = GgufFile::open(&second).unwrap_err().to_string();
        assert!(error.contains("part 2 of 2; name the first"), "{error}");
        let renamed = folder.path().join("model.gguf");
        std::fs::copy(&first, &renamed).unwrap();
        let error = GgufFile::open(&renamed).unwrap_err().to_string();
        assert!(error.contains("its name must end in -00001-of-00002.gguf"), "{error}");
        std::fs::copy(&first, &second).unwrap();
        let error = GgufFile::open(&first).unwrap_err().to_string();
        assert!(error.contains("it is not part 2 of 2"), "{error}");
        std::fs::remove_file(&second).unwrap();
        let error = GgufFile::open(&first).unwrap_err().to_string();
        assert!(error.contains("qwen2-00002-of-00002.gguf: cannot read"), "{error}");
    }

    #[test]
    fn zero_alignment_is_an_error_not_a_panic() {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(0u64.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.extend(17u64.to_le_bytes());
        bytes.extend(b"general.alignment");
        bytes.extend(4u32.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let error = GgufFile::open(file.path()).unwrap_err().to_string();
        assert!(error.contains("GGUF"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), [b"GGUF\x03\0\0\0".as_slice(), &tail].concat()).unwrap();
            prop_assert!(GgufFile::open(file.path()).is_err());
        }
    }
}
