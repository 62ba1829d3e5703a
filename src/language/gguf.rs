//! GGUF files of Llama models, under the names Hugging Face gives their tensors.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, TensorInfo};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};

use super::config::LlamaConfig;
use super::error::LanguageError;
use super::family::Family;
use super::faults::{TensorShape, tensor_faults};
use super::finite::blocks_are_finite;
use super::tokenizer::Tokenizer;

/// Divisors of the rotary frequencies, of which a file has those of one name or none.
const ROPE_FACTORS: [&str; 2] = ["rope_freqs.weight", "rope_factors_short.weight"];
/// Tensors that no decoder asks for.
const UNUSED: [&str; 1] = ["rope_factors_long.weight"];

/// An open GGUF file and the configuration in its metadata.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    reader: BufReader<File>,
    /// Bytes of the file.
    length: u64,
    content: Content,
    config: LlamaConfig,
}

impl GgufFile {
    /// Reads the header of `path`.
    pub fn open(path: &Path) -> Result<Self, LanguageError> {
        let read = |source| LanguageError::Read { path: path.into(), source };
        let file = File::open(path).map_err(read)?;
        let mut reader = BufReader::new(file);
        let broken = |reason: String| LanguageError::Weights { path: path.into(), reason };
        // The parser below us divides by an alignment and multiplies shapes it has not checked.
        let content = catch_unwind(AssertUnwindSafe(|| Content::read(&mut reader)))
            .map_err(|_| broken("not a readable GGUF header".into()))?
            .map_err(|error| broken(error.to_string()))?;
        // No format takes less than a bit an element. Checked here, products of dimensions fit.
        let length = reader.get_ref().metadata().map_err(read)?.len();
        let fits = |shape: &[usize]| {
            let elements =
                shape.iter().try_fold(1u64, |all, dim| all.checked_mul((*dim).max(1) as u64));
            elements.is_some_and(|elements| elements / 8 <= length)
        };
        if let Some((name, info)) =
            content.tensor_infos.iter().find(|(_, info)| !fits(info.shape.dims()))
        {
            let shape = info.shape.dims();
            return Err(broken(format!("'{name}' {shape:?} is larger than the file")));
        }
        let Some(table) = content.tensor_infos.get("token_embd.weight") else {
            return Err(broken("no tensor 'token_embd.weight'".into()));
        };
        let vocabulary = table.shape.dims().first().copied().unwrap_or_default();
        let tied = !content.tensor_infos.contains_key("output.weight");
        let config = LlamaConfig::from_gguf(&content.metadata, vocabulary, tied, path)?;
        Ok(Self { path: path.into(), reader, length, content, config })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration in the metadata.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The text under `key` in the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.content.metadata.get(key)?.to_string().ok().map(String::as_str)
    }

    /// The spelling of the token whose id stands under `key` in the metadata.
    pub fn token_text(&self, key: &str) -> Option<&str> {
        let id = self.content.metadata.get(key)?.to_u64().ok().or_else(|| {
            let signed = self.content.metadata.get(key)?.to_i32().ok()?;
            u64::try_from(signed).ok()
        })?;
        let tokens = self.content.metadata.get("tokenizer.ggml.tokens")?.to_vec().ok()?;
        tokens.get(usize::try_from(id).ok()?)?.to_string().ok().map(String::as_str)
    }

    /// The tokenizer in the metadata.
    pub fn tokenizer(&self) -> Result<Tokenizer, LanguageError> {
        Tokenizer::from_gguf(&self.content.metadata, &self.path)
    }

    /// Types and element counts of all tensors.
    pub fn tensors(&self) -> impl Iterator<Item = (GgmlDType, &[usize])> {
        self.content.tensor_infos.values().map(|info| (info.ggml_dtype, info.shape.dims()))
    }

    /// What is wrong with the tensors of the file, by its own names: each of `wanted` that is missing
    /// or has another shape, each that does not lie in the file, and each that nobody asks for.
    pub(super) fn faults(&self, wanted: &[TensorShape]) -> Vec<String> {
        let infos = &self.content.tensor_infos;
        let spelled =
            |name: &str| gguf_name(name, self.config.family).unwrap_or_else(|| name.to_owned());
        let mut wanted: Vec<TensorShape> =
            wanted.iter().map(|(name, shape)| (spelled(name), shape.clone())).collect();
        if let Some(name) = self.rope_factors_name() {
            wanted.push((name.to_owned(), vec![self.config.rotary_dim / 2]));
        }
        let found: HashMap<&str, &[usize]> =
            infos.iter().map(|(name, info)| (name.as_str(), info.shape.dims())).collect();
        let mut faults = tensor_faults(&wanted, &found, &UNUSED, "language model");
        let mut outside: Vec<String> =
            infos.iter().filter_map(|(name, info)| self.place(name, info).err()).collect();
        outside.sort_unstable();
        faults.extend(outside);
        faults
    }

    /// Reads the blocks of the tensor Hugging Face calls `name`, which must have the shape
    /// `expected`.
    ///
    /// Rows of query and key projections come back in Hugging Face's order (GGUF interleaves the
    /// two halves of every head), so that one rotary embedding serves both formats. Rows are whole
    /// blocks: moving them changes no bit of a quantised weight.
    pub fn blocks(
        &mut self,
        name: &str,
        expected: &[usize],
        device: &Device,
    ) -> Result<QStorage, LanguageError> {
        let family = self.config.family;
        let Some(info) =
            gguf_name(name, family).and_then(|name| self.content.tensor_infos.get(&name))
        else {
            return Err(LanguageError::MissingTensor {
                path: self.path.clone(),
                name: name.into(),
                expected: expected.to_vec(),
            });
        };
        if info.shape.dims() != expected {
            return Err(LanguageError::TensorShape {
                path: self.path.clone(),
                name: name.into(),
                expected: expected.to_vec(),
                found: info.shape.dims().to_vec(),
            });
        }
        let dtype = info.ggml_dtype;
        let (start, length) = self
            .place(name, info)
            .map_err(|reason| LanguageError::Weights { path: self.path.clone(), reason })?;
        let read = |source| LanguageError::Read { path: self.path.clone(), source };
        let mut bytes = vec![0; length];
        self.reader.seek(SeekFrom::Start(start)).map_err(read)?;
        self.reader.read_exact(&mut bytes).map_err(read)?;
        if !blocks_are_finite(&bytes, dtype) {
            return Err(LanguageError::NotFinite { path: self.path.clone(), name: name.into() });
        }
        let is_head = name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
        if is_head && family.interleaves_heads() {
            bytes = unpermute(&bytes, expected[0], self.config.head_dim);
        }
        Ok(QStorage::from_data(bytes.into(), device, dtype)?)
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
        ROPE_FACTORS.into_iter().find(|name| self.content.tensor_infos.contains_key(*name))
    }

    /// First byte and number of bytes of the blocks of tensor `name`, or why they cannot be read.
    fn place(&self, name: &str, info: &TensorInfo) -> Result<(u64, usize), String> {
        let (shape, dtype, length) = (info.shape.dims(), info.ggml_dtype, self.length);
        let start = self.content.tensor_data_offset.saturating_add(info.offset);
        let bytes = shape.iter().product::<usize>() / dtype.block_size() * dtype.type_size();
        let row_is_whole = shape.last().is_some_and(|row| row.is_multiple_of(dtype.block_size()));
        if !row_is_whole || start.saturating_add(bytes as u64) > length {
            return Err(format!(
                "'{name}' {shape:?} {dtype:?} needs {bytes} bytes at {start} of {length}"
            ));
        }
        Ok((start, bytes))
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_come_back_in_order() {
        // Two heads of four rows, one byte a row; GGUF order is 0 2 1 3 within each head.
        assert_eq!(unpermute(&[0, 2, 1, 3, 4, 6, 5, 7], 8, 4), [0, 1, 2, 3, 4, 5, 6, 7]);
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
