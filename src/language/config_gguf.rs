//! The shape of a Llama in the metadata of a GGUF file.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::gguf_file::Value as GgufValue;

use super::config::{LlamaConfig, RopeScaling};
use super::error::LanguageError;

impl LlamaConfig {
    /// Reads GGUF metadata; `vocabulary` is the number of rows of `token_embd.weight`, `tied`
    /// whether the file lacks `output.weight`.
    pub fn from_gguf(
        metadata: &HashMap<String, GgufValue>,
        vocabulary: usize,
        tied: bool,
        path: &Path,
    ) -> Result<Self, LanguageError> {
        let refuse = |reason: String| LanguageError::Config { path: path.to_path_buf(), reason };
        let metadata = Metadata(metadata);
        match metadata.text("general.architecture") {
            Some("llama") => {}
            other => {
                return Err(refuse(format!(
                    "general.architecture is '{}', not 'llama'",
                    other.unwrap_or("missing")
                )));
            }
        }
        let need = |key: &str| {
            metadata.integer(key).ok_or_else(|| refuse(format!("'{key}' is missing or no integer")))
        };
        let heads = need("llama.attention.head_count")?;
        let hidden_size = need("llama.embedding_length")?;
        let rope_scaling = match metadata.text("llama.rope.scaling.type") {
            None | Some("none") => RopeScaling::None,
            Some("linear") => {
                RopeScaling::Linear(metadata.real("llama.rope.scaling.factor").unwrap_or(1.0))
            }
            Some(other) => return Err(refuse(format!("rope scaling '{other}' is not known"))),
        };
        let token = |key: &str| metadata.integer(key).and_then(|id| u32::try_from(id).ok());
        let eos = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
        let config = Self {
            hidden_size,
            intermediate_size: need("llama.feed_forward_length")?,
            layers: need("llama.block_count")?,
            heads,
            kv_heads: metadata.integer("llama.attention.head_count_kv").unwrap_or(heads),
            head_dim: metadata
                .integer("llama.attention.key_length")
                .unwrap_or(hidden_size / heads.max(1)),
            vocab_size: vocabulary,
            rms_norm_eps: metadata
                .real("llama.attention.layer_norm_rms_epsilon")
                .ok_or_else(|| refuse("no llama.attention.layer_norm_rms_epsilon".into()))?,
            rope_theta: metadata.real("llama.rope.freq_base").unwrap_or(10_000.0),
            rope_scaling,
            max_position_embeddings: need("llama.context_length")?,
            tie_word_embeddings: tied,
            bos: token("tokenizer.ggml.bos_token_id"),
            eos: eos.iter().filter_map(|key| token(key)).collect(),
        };
        config.check().map_err(refuse)?;
        Ok(config)
    }
}

/// GGUF writers do not agree on integer widths; this reads any of them.
struct Metadata<'a>(&'a HashMap<String, GgufValue>);

impl Metadata<'_> {
    fn integer(&self, key: &str) -> Option<usize> {
        let value = self.0.get(key)?;
        let signed = match value {
            GgufValue::I8(v) => Some(i64::from(*v)),
            GgufValue::I16(v) => Some(i64::from(*v)),
            GgufValue::I32(v) => Some(i64::from(*v)),
            GgufValue::I64(v) => Some(*v),
            _ => None,
        };
        match signed {
            Some(signed) => usize::try_from(signed).ok(),
            None => usize::try_from(value.to_u64().ok()?).ok(),
        }
    }

    fn real(&self, key: &str) -> Option<f64> {
        match self.0.get(key)? {
            GgufValue::F32(v) => Some(f64::from(*v)),
            GgufValue::F64(v) => Some(*v),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_string().ok().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gguf_metadata_of_any_integer_width() {
        let mut metadata: HashMap<String, GgufValue> = [
            ("general.architecture", GgufValue::String("llama".into())),
            ("llama.attention.head_count", GgufValue::U32(32)),
            ("llama.attention.head_count_kv", GgufValue::I32(8)),
            ("llama.embedding_length", GgufValue::U64(4096)),
            ("llama.feed_forward_length", GgufValue::U32(14336)),
            ("llama.block_count", GgufValue::U16(32)),
            ("llama.context_length", GgufValue::U32(8192)),
            ("llama.attention.layer_norm_rms_epsilon", GgufValue::F32(1e-5)),
            ("tokenizer.ggml.eos_token_id", GgufValue::U32(2)),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into();
        let path = Path::new("m.gguf");
        let config = LlamaConfig::from_gguf(&metadata, 32000, true, path).unwrap();
        assert_eq!((config.kv_heads, config.head_dim, config.vocab_size), (8, 128, 32000));
        assert_eq!((config.eos.as_slice(), config.tie_word_embeddings), ([2].as_slice(), true));
        metadata.insert("llama.block_count".into(), GgufValue::I32(-1));
        let error = LlamaConfig::from_gguf(&metadata, 32000, true, path).unwrap_err().to_string();
        assert!(error.contains("llama.block_count"), "{error}");
    }
}
