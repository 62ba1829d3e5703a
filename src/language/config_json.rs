//! The shape of a Llama as a Hugging Face `config.json`.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::config::{LlamaConfig, RopeScaling};
use super::error::LanguageError;

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
