//! The shape of a Llama, read from a Hugging Face `config.json` or from GGUF metadata.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::gguf_file::Value as GgufValue;
use serde::Deserialize;
use serde_json::json;

use super::error::LanguageError;

/// How rotary frequencies are stretched beyond the length a model was first trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All frequencies are divided by the factor.
    Linear(f64),
    /// Llama 3: long wavelengths are divided by `factor`, short ones kept, those between blended.
    Llama3 {
        /// Divisor of the long wavelengths.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` positions are long.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` positions are short.
        high_freq_factor: f64,
        /// Context length of the first training, in positions.
        original_max_position_embeddings: usize,
    },
}

/// All numbers that fix a Llama decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward blocks.
    pub intermediate_size: usize,
    /// Number of decoder blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Epsilon of the RMS norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// Longest context, in positions.
    pub max_position_embeddings: usize,
    /// Whether the output layer shares the embedding table.
    pub tie_word_embeddings: bool,
    /// Token that begins a text.
    pub bos: Option<u32>,
    /// Tokens that end a text.
    pub eos: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

#[derive(Deserialize, Default)]
struct HfRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
}

/// The fields of `config.json` that matter. `rope_parameters` is the newer spelling of
/// `rope_theta` and `rope_scaling`.
#[derive(Deserialize)]
struct HfConfig {
    model_type: Option<String>,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<HfRope>,
    rope_parameters: Option<HfRope>,
    max_position_embeddings: usize,
    tie_word_embeddings: Option<bool>,
    bos_token_id: Option<u32>,
    eos_token_id: Option<OneOrMany>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
}

impl LlamaConfig {
    /// Reads `config.json`; `path` stands in errors.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, LanguageError> {
        let refuse = |reason: String| LanguageError::Config { path: path.to_path_buf(), reason };
        let hf: HfConfig = serde_json::from_str(text).map_err(|e| refuse(e.to_string()))?;
        if let Some(kind) = hf.model_type.as_deref().filter(|kind| *kind != "llama") {
            return Err(refuse(format!("model_type '{kind}' is not 'llama'")));
        }
        if let Some(act) = hf.hidden_act.as_deref().filter(|act| *act != "silu") {
            return Err(refuse(format!("hidden_act '{act}' is not 'silu'")));
        }
        if hf.attention_bias == Some(true) || hf.mlp_bias == Some(true) {
            return Err(refuse("attention_bias and mlp_bias must be false".into()));
        }
        let theta = hf.rope_parameters.as_ref().and_then(|rope| rope.rope_theta);
        let rope = hf.rope_parameters.or(hf.rope_scaling).unwrap_or_default();
        let config = Self {
            hidden_size: hf.hidden_size,
            intermediate_size: hf.intermediate_size,
            layers: hf.num_hidden_layers,
            heads: hf.num_attention_heads,
            kv_heads: hf.num_key_value_heads.unwrap_or(hf.num_attention_heads),
            head_dim: hf.head_dim.unwrap_or(hf.hidden_size / hf.num_attention_heads.max(1)),
            vocab_size: hf.vocab_size,
            rms_norm_eps: hf.rms_norm_eps,
            rope_theta: theta.or(hf.rope_theta).unwrap_or(10_000.0),
            rope_scaling: rope_scaling(&rope).map_err(refuse)?,
            max_position_embeddings: hf.max_position_embeddings,
            tie_word_embeddings: hf.tie_word_embeddings.unwrap_or(false),
            bos: hf.bos_token_id,
            eos: match hf.eos_token_id {
                None => Vec::new(),
                Some(OneOrMany::One(id)) => vec![id],
                Some(OneOrMany::Many(ids)) => ids,
            },
        };
        config.check().map_err(refuse)?;
        Ok(config)
    }

    /// Writes what [`Self::from_json`] reads, and Hugging Face too.
    pub fn to_json(&self) -> String {
        let theta = self.rope_theta;
        let rope = match self.rope_scaling {
            RopeScaling::None => json!({"rope_type": "default", "rope_theta": theta}),
            RopeScaling::Linear(factor) => {
                json!({"rope_type": "linear", "rope_theta": theta, "factor": factor})
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => json!({
                "rope_type": "llama3", "rope_theta": theta, "factor": factor,
                "low_freq_factor": low_freq_factor, "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original_max_position_embeddings,
            }),
        };
        let config = json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
            "hidden_size": self.hidden_size, "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads, "head_dim": self.head_dim,
            "vocab_size": self.vocab_size, "rms_norm_eps": self.rms_norm_eps,
            "rope_parameters": rope, "max_position_embeddings": self.max_position_embeddings,
            "tie_word_embeddings": self.tie_word_embeddings, "attention_bias": false,
            "mlp_bias": false, "bos_token_id": self.bos, "eos_token_id": self.eos,
        });
        format!("{config:#}")
    }

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

    /// Names and shapes of all tensors, as Hugging Face calls them.
    pub fn tensor_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let (queries, keys) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut shapes = vec![
            ("model.embed_tokens.weight".to_string(), vec![self.vocab_size, hidden]),
            ("model.norm.weight".to_string(), vec![hidden]),
        ];
        if !self.tie_word_embeddings {
            shapes.push(("lm_head.weight".to_string(), vec![self.vocab_size, hidden]));
        }
        let block = [
            ("self_attn.q_proj", vec![queries, hidden]),
            ("self_attn.k_proj", vec![keys, hidden]),
            ("self_attn.v_proj", vec![keys, hidden]),
            ("self_attn.o_proj", vec![hidden, queries]),
            ("mlp.gate_proj", vec![inner, hidden]),
            ("mlp.up_proj", vec![inner, hidden]),
            ("mlp.down_proj", vec![hidden, inner]),
            ("input_layernorm", vec![hidden]),
            ("post_attention_layernorm", vec![hidden]),
        ];
        for layer in 0..self.layers {
            shapes.extend(block.iter().map(|(part, shape)| {
                (format!("model.layers.{layer}.{part}.weight"), shape.clone())
            }));
        }
        shapes
    }

    /// Number of weights of the whole model.
    pub fn parameters(&self) -> u64 {
        let [hidden, inner, vocabulary] =
            [self.hidden_size, self.intermediate_size, self.vocab_size].map(|n| n as u64);
        let queries = (self.heads * self.head_dim) as u64;
        let keys = (self.kv_heads * self.head_dim) as u64;
        let block = 2 * hidden * (queries + keys) + 3 * hidden * inner + 2 * hidden;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        self.layers as u64 * block + tables * vocabulary * hidden + hidden
    }

    /// Bytes of keys and values of `positions` positions, `bytes` a number.
    pub fn kv_cache_bytes(&self, positions: usize, bytes: usize) -> u64 {
        2 * (self.layers * self.kv_heads * self.head_dim * bytes) as u64 * positions as u64
    }

    /// Bounds far above any known Llama; they keep a broken file from asking for absurd memory.
    fn check(&self) -> Result<(), String> {
        let bounds = [
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("number of layers", self.layers, 1 << 10),
            ("number of heads", self.heads, 1 << 10),
            ("number of key-value heads", self.kv_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            ("vocab_size", self.vocab_size, 1 << 22),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 24),
        ];
        for (name, value, most) in bounds {
            if value == 0 || value > most {
                return Err(format!("{name} is {value}, must be 1..={most}"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let (heads, kv_heads) = (self.heads, self.kv_heads);
            return Err(format!("{heads} heads cannot share {kv_heads} key-value heads"));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("head_dim is {}, must be even", self.head_dim));
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return Err(format!("rms_norm_eps is {}, must be in (0, 1)", self.rms_norm_eps));
        }
        if !(self.rope_theta >= 1.0 && self.rope_theta.is_finite()) {
            return Err(format!("rope_theta is {}, must be at least 1", self.rope_theta));
        }
        let scaling_is_sound = match self.rope_scaling {
            RopeScaling::None => true,
            RopeScaling::Linear(factor) => factor.is_finite() && factor > 0.0,
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, .. } => {
                let finite = [factor, low_freq_factor, high_freq_factor]
                    .iter()
                    .all(|number| number.is_finite() && *number > 0.0);
                finite && high_freq_factor > low_freq_factor
            }
        };
        if !scaling_is_sound {
            return Err(format!("rope scaling {:?} is not usable", self.rope_scaling));
        }
        let mut special = self.bos.iter().chain(&self.eos);
        match special.find(|id| **id as usize >= self.vocab_size) {
            Some(id) => Err(format!("special token {id} is outside the vocabulary")),
            None => Ok(()),
        }
    }
}

fn rope_scaling(rope: &HfRope) -> Result<RopeScaling, String> {
    let need = |name: &str, value: Option<f64>| {
        value.ok_or_else(|| format!("rope scaling: '{name}' is missing"))
    };
    match rope.rope_type.as_deref() {
        None | Some("default") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear(need("factor", rope.factor)?)),
        Some("llama3") => Ok(RopeScaling::Llama3 {
            factor: need("factor", rope.factor)?,
            low_freq_factor: need("low_freq_factor", rope.low_freq_factor)?,
            high_freq_factor: need("high_freq_factor", rope.high_freq_factor)?,
            original_max_position_embeddings: rope
                .original_max_position_embeddings
                .ok_or("rope scaling: 'original_max_position_embeddings' is missing")?,
        }),
        Some(other) => Err(format!("rope scaling '{other}' is not known")),
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
    use proptest::prelude::*;

    use super::*;

    const LLAMA_3_2: &str = r#"{"model_type":"llama","hidden_size":2048,"intermediate_size":8192,
        "num_hidden_layers":16,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":64,
        "vocab_size":128256,"rms_norm_eps":1e-5,"rope_theta":500000.0,"hidden_act":"silu",
        "max_position_embeddings":131072,"tie_word_embeddings":true,"bos_token_id":128000,
        "eos_token_id":[128001,128008,128009],"attention_bias":false,"mlp_bias":false,
        "rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,
        "original_max_position_embeddings":8192,"rope_type":"llama3"}}"#;

    #[test]
    fn reads_llama_3_2() {
        let config = LlamaConfig::from_json(LLAMA_3_2, Path::new("config.json")).unwrap();
        assert_eq!((config.layers, config.kv_heads, config.head_dim), (16, 8, 64));
        assert_eq!(config.eos, [128001, 128008, 128009]);
        assert!(matches!(config.rope_scaling, RopeScaling::Llama3 { factor: 32.0, .. }));
        assert_eq!(config.parameters(), 1_235_814_400);
        let listed = config.tensor_shapes().into_iter();
        let listed: usize = listed.map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(listed as u64, config.parameters());
        assert_eq!(config.kv_cache_bytes(1000, 2), 2 * 16 * 8 * 64 * 2 * 1000);
    }

    #[test]
    fn what_is_written_is_read() {
        let path = Path::new("config.json");
        let mut config = LlamaConfig::from_json(LLAMA_3_2, path).unwrap();
        let llama3 = config.rope_scaling;
        for scaling in [llama3, RopeScaling::None, RopeScaling::Linear(2.5)] {
            config.rope_scaling = scaling;
            assert_eq!(LlamaConfig::from_json(&config.to_json(), path).unwrap(), config);
        }
    }

    #[test]
    fn both_spellings_of_rope_mean_the_same() {
        let newer = LLAMA_3_2
            .replace("\"rope_theta\":500000.0,", "")
            .replace("\"rope_scaling\":{", "\"rope_parameters\":{\"rope_theta\":500000.0,");
        let path = Path::new("config.json");
        assert_eq!(
            LlamaConfig::from_json(&newer, path).unwrap(),
            LlamaConfig::from_json(LLAMA_3_2, path).unwrap()
        );
    }

    #[test]
    fn refusals_name_the_field() {
        let cases = [
            ("\"hidden_size\":2048", "\"hidden_size\":0", "hidden_size"),
            ("\"num_key_value_heads\":8", "\"num_key_value_heads\":5", "key-value heads"),
            ("\"llama\"", "\"mamba\"", "model_type 'mamba'"),
            ("\"silu\"", "\"gelu\"", "hidden_act"),
            ("\"mlp_bias\":false", "\"mlp_bias\":true", "mlp_bias"),
            ("llama3", "yarn", "'yarn'"),
            ("\"factor\":32.0,", "", "'factor' is missing"),
            ("128009", "128256", "128256"),
            ("\"head_dim\":64", "\"head_dim\":63", "head_dim"),
            ("1e-5", "-1", "rms_norm_eps"),
        ];
        for (from, to, message) in cases {
            let text = LLAMA_3_2.replace(from, to);
            assert_ne!(text, LLAMA_3_2);
            let error = LlamaConfig::from_json(&text, Path::new("x/config.json")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(message) && error.contains("x/config.json"), "{error}");
        }
    }

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

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let _ = LlamaConfig::from_json(&text, Path::new("config.json"));
        }

        #[test]
        fn arbitrary_numbers_never_panic(numbers in proptest::collection::vec(any::<u64>(), 7)) {
            let text = format!(
                r#"{{"hidden_size":{},"intermediate_size":{},"num_hidden_layers":{},
                "num_attention_heads":{},"num_key_value_heads":{},"vocab_size":{},
                "rms_norm_eps":1e-5,"max_position_embeddings":{}}}"#,
                numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6],
            );
            let _ = LlamaConfig::from_json(&text, Path::new("config.json"));
        }
    }
}
