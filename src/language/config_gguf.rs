//! The shape of a Llama in the metadata of a GGUF file.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::gguf_file::Value as GgufValue;

use super::config::{LlamaConfig, Looking, RopeScaling};
use super::error::LanguageError;
use super::family::Family;

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
        let architecture = metadata.text("general.architecture").unwrap_or("missing");
        let family = Family::of_gguf(architecture).map_err(refuse)?;
        let key = |key: &str| format!("{architecture}.{key}");
        let need = |name: &str| {
            let key = key(name);
            metadata
                .integer(&key)
                .ok_or_else(|| refuse(format!("'{key}' is missing or no integer")))
        };
        let integer = |name: &str| metadata.integer(&key(name));
        let real = |name: &str| metadata.real(&key(name));
        // Mixtral, which goes as Llama.
        if let Some(experts) = integer("expert_count").filter(|experts| *experts > 0) {
            return Err(refuse(format!("a mixture of {experts} experts is not known")));
        }
        let heads = need("attention.head_count")?;
        let hidden_size = need("embedding_length")?;
        let head_dim = integer("attention.key_length").unwrap_or(hidden_size / heads.max(1));
        let rope_scaling = match metadata.text(&key("rope.scaling.type")) {
            None | Some("none" | "longrope") => RopeScaling::None,
            Some("linear") => RopeScaling::Linear(real("rope.scaling.factor").unwrap_or(1.0)),
            Some(other) => return Err(refuse(format!("rope scaling '{other}' is not known"))),
        };
        let mut max_position_embeddings = need("context_length")?;
        // Beyond this length all frequencies would change, those of the past included.
        if let Some(original) = integer("rope.scaling.original_context_length")
            && family == Family::Phi3
        {
            max_position_embeddings = max_position_embeddings.min(original);
        }
        let mut looking = Looking {
            window: integer("attention.sliding_window").filter(|window| *window > 0),
            ..Looking::default()
        };
        if let Some(every) = family.global_every() {
            looking.global_every = every;
            looking.window_rope_theta = (family == Family::Gemma3).then_some(10_000.0);
            looking.score_limit = real("attn_logit_softcapping");
            looking.query_scale =
                gemma_query_scale(family, need("block_count")?, hidden_size, heads);
        }
        let token = |key: &str| metadata.integer(key).and_then(|id| u32::try_from(id).ok());
        let eos = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
        let config = Self {
            family,
            hidden_size,
            intermediate_size: need("feed_forward_length")?,
            layers: need("block_count")?,
            heads,
            kv_heads: integer("attention.head_count_kv").unwrap_or(heads),
            head_dim,
            vocab_size: vocabulary,
            rms_norm_eps: real("attention.layer_norm_rms_epsilon")
                .ok_or_else(|| refuse(format!("no {}", key("attention.layer_norm_rms_epsilon"))))?,
            rope_theta: real("rope.freq_base").unwrap_or(match family {
                Family::Gemma3 => 1_000_000.0,
                _ => 10_000.0,
            }),
            rope_scaling,
            rotary_dim: integer("rope.dimension_count").unwrap_or(head_dim),
            rope_divisors: Vec::new(),
            rope_magnitude: real("rope.scaling.attn_factor").unwrap_or(1.0),
            looking,
            logit_limit: real("final_logit_softcapping"),
            max_position_embeddings,
            tie_word_embeddings: tied,
            bos: token("tokenizer.ggml.bos_token_id"),
            eos: eos.iter().filter_map(|key| token(key)).collect(),
        };
        config.check().map_err(refuse)?;
        Ok(config)
    }
}

/// What scores of a Gemma are divided by the root of. The files do not say it: the largest models
/// take the width of the stream for each head, the others the width of a head.
fn gemma_query_scale(family: Family, layers: usize, hidden: usize, heads: usize) -> Option<f64> {
    let is_27b =
        (family == Family::Gemma2 && layers == 46) || (family == Family::Gemma3 && layers == 62);
    is_27b.then(|| hidden as f64 / heads.max(1) as f64)
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
        metadata.insert("llama.expert_count".into(), GgufValue::U32(8));
        let error = LlamaConfig::from_gguf(&metadata, 32000, true, path).unwrap_err().to_string();
        assert!(error.contains("mixture of 8 experts"), "{error}");
        metadata.insert("llama.expert_count".into(), GgufValue::U32(0));
        metadata.insert("llama.block_count".into(), GgufValue::I32(-1));
        let error = LlamaConfig::from_gguf(&metadata, 32000, true, path).unwrap_err().to_string();
        assert!(error.contains("llama.block_count"), "{error}");
    }
}
