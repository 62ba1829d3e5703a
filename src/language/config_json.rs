//! The shape of a Llama as a Hugging Face `config.json`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::config::{LlamaConfig, Looking, RopeScaling};
use super::error::LanguageError;
use super::family::Family;
use super::text_config::of_decoder;

/// Of a larger file no more is read to find out the family.
const MOST_CONFIG_BYTES: u64 = 16 << 20;

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

#[derive(Deserialize, Default)]
struct HfRope {
    rope_type: Option<String>,
    /// The older spelling of `rope_type`; some files have both.
    #[serde(rename = "type")]
    old_rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
    short_factor: Option<Vec<f32>>,
    attention_factor: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

impl HfRope {
    fn kind(&self) -> Option<&str> {
        self.rope_type.as_deref().or(self.old_rope_type.as_deref())
    }
}

/// Rotary settings: one for all layers, or one for each kind of layer (Gemma 3).
#[derive(Deserialize)]
#[serde(untagged)]
enum HfRopes {
    ByLayer { full_attention: HfRope, sliding_attention: HfRope },
    One(HfRope),
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
    rope_parameters: Option<HfRopes>,
    rope_local_base_freq: Option<f64>,
    partial_rotary_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    layer_types: Option<Vec<String>>,
    sliding_window_pattern: Option<usize>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    hidden_activation: Option<String>,
    max_position_embeddings: usize,
    tie_word_embeddings: Option<bool>,
    bos_token_id: Option<u32>,
    eos_token_id: Option<OneOrMany>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
}

impl Family {
    /// The family of the decoder that `config.json` in `folder` tells of, if it is one that is known.
    pub fn of_folder(folder: &Path) -> Option<Self> {
        let file = File::open(folder.join("config.json")).ok()?.take(MOST_CONFIG_BYTES);
        let config = of_decoder(serde_json::from_reader(BufReader::new(file)).ok()?);
        Self::of_json(config.get("model_type")?.as_str()?).ok()
    }
}

impl LlamaConfig {
    /// Reads `config.json`, that of a model that sees pictures as well included; `path` stands in errors.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, LanguageError> {
        let refuse = |reason: String| LanguageError::Config { path: path.to_path_buf(), reason };
        let config = of_decoder(serde_json::from_str(text).map_err(|e| refuse(e.to_string()))?);
        let hf: HfConfig = serde_json::from_value(config).map_err(|e| refuse(e.to_string()))?;
        let family = hf.model_type.as_deref().map_or(Ok(Family::Llama), Family::of_json);
        let family = family.map_err(refuse)?;
        let known = if family.is_gemma() { "gelu_pytorch_tanh" } else { "silu" };
        // Gemma 1 was published with "gelu", which means the one by tanh.
        let is_tanh = |act: &&str| family == Family::Gemma && *act == "gelu";
        let older = hf.hidden_act.as_deref().filter(|act| !is_tanh(act));
        let act = hf.hidden_activation.as_deref().or(older);
        if let Some(act) = act.filter(|act| *act != known) {
            return Err(refuse(format!("hidden_act '{act}' is not '{known}'")));
        }
        if hf.attention_bias == Some(true) || hf.mlp_bias == Some(true) {
            return Err(refuse("attention_bias and mlp_bias must be false".into()));
        }
        let looking = looking(family, &hf).map_err(refuse)?;
        let (rope, window_rope) = match hf.rope_parameters {
            Some(HfRopes::One(rope)) => (rope, None),
            Some(HfRopes::ByLayer { full_attention, sliding_attention }) => {
                (full_attention, sliding_attention.rope_theta)
            }
            None => (hf.rope_scaling.unwrap_or_default(), None),
        };
        let head_dim = hf.head_dim.unwrap_or(hf.hidden_size / hf.num_attention_heads.max(1));
        let part = rope.partial_rotary_factor.or(hf.partial_rotary_factor).unwrap_or(1.0);
        let mut max_position_embeddings = hf.max_position_embeddings;
        let (mut rope_divisors, mut rope_magnitude) = (Vec::new(), 1.0);
        if matches!(rope.kind(), Some("longrope" | "su")) {
            let original = rope.original_max_position_embeddings;
            let original = original.or(hf.original_max_position_embeddings);
            let original = original.unwrap_or(max_position_embeddings);
            let stretch = max_position_embeddings as f64 / original.max(1) as f64;
            rope_magnitude = rope.attention_factor.unwrap_or_else(|| magnitude(stretch, original));
            rope_divisors = rope.short_factor.clone().unwrap_or_default();
            // Beyond this length all frequencies would change, those of the past included.
            max_position_embeddings = max_position_embeddings.min(original);
        }
        let config = Self {
            family,
            hidden_size: hf.hidden_size,
            intermediate_size: hf.intermediate_size,
            layers: hf.num_hidden_layers,
            heads: hf.num_attention_heads,
            kv_heads: hf.num_key_value_heads.unwrap_or(hf.num_attention_heads),
            head_dim,
            vocab_size: hf.vocab_size,
            rms_norm_eps: hf.rms_norm_eps,
            rope_theta: rope.rope_theta.or(hf.rope_theta).unwrap_or(10_000.0),
            rope_scaling: rope_scaling(&rope).map_err(refuse)?,
            rotary_dim: (head_dim as f64 * part) as usize,
            rope_divisors,
            rope_magnitude,
            looking: Looking {
                window_rope_theta: window_rope.or(looking.window_rope_theta),
                ..looking
            },
            logit_limit: hf.final_logit_softcapping,
            max_position_embeddings,
            tie_word_embeddings: hf.tie_word_embeddings.unwrap_or(family.ties_by_default()),
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

    /// Writes what [`Self::from_json`] reads, and Hugging Face too, of a Llama.
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

/// How a model of `family` looks back.
fn looking(family: Family, hf: &HfConfig) -> Result<Looking, String> {
    let window = match family {
        Family::Qwen2 | Family::Qwen3 => {
            hf.sliding_window.filter(|_| hf.use_sliding_window == Some(true))
        }
        Family::Llama | Family::Gemma => None,
        _ => hf.sliding_window,
    };
    let mut looking = Looking { window, ..Looking::default() };
    if let Some(every) = family.global_every() {
        looking.global_every = hf.sliding_window_pattern.unwrap_or(every);
        looking.window_rope_theta = hf.rope_local_base_freq;
        looking.query_scale = hf.query_pre_attn_scalar;
        looking.score_limit = hf.attn_logit_softcapping;
    }
    let types = hf.layer_types.as_deref().filter(|_| looking.window.is_some());
    let differs = types
        .into_iter()
        .flatten()
        .enumerate()
        .any(|(layer, kind)| (kind == "full_attention") != looking.window_of(layer).is_none());
    match differs {
        true => Err("layer_types is not the order of layers that this family has".into()),
        false => Ok(looking),
    }
}

/// What longrope multiplies cosines and sines by (Ding et al., 2024).
fn magnitude(stretch: f64, original: usize) -> f64 {
    match stretch > 1.0 {
        true => (1.0 + stretch.ln() / (original as f64).ln()).sqrt(),
        false => 1.0,
    }
}

fn rope_scaling(rope: &HfRope) -> Result<RopeScaling, String> {
    let need = |name: &str, value: Option<f64>| {
        value.ok_or_else(|| format!("rope scaling: '{name}' is missing"))
    };
    match rope.kind() {
        None | Some("default" | "longrope" | "su") => Ok(RopeScaling::None),
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
        assert_eq!(config.parameters().unwrap(), 1_235_814_400);
        assert_eq!(config.kv_cache_bytes(1000, 2), 2 * 16 * 8 * 64 * 2 * 1000);
    }

    /// As google/gemma-7b has it.
    const GEMMA_7B: &str = r#"{"model_type":"gemma","hidden_size":3072,"intermediate_size":24576,
        "num_hidden_layers":28,"num_attention_heads":16,"num_key_value_heads":16,"head_dim":256,
        "vocab_size":256000,"rms_norm_eps":1e-6,"rope_theta":10000.0,"rope_scaling":null,
        "hidden_act":"gelu","hidden_activation":null,"max_position_embeddings":8192,
        "bos_token_id":2,"eos_token_id":1,"attention_bias":false}"#;

    #[test]
    fn reads_gemma_7b_whatever_it_calls_its_activation() {
        let newer = GEMMA_7B.replace("\"gelu\"", "\"gelu_pytorch_tanh\"");
        for text in [GEMMA_7B, newer.as_str()] {
            let config = LlamaConfig::from_json(text, Path::new("config.json")).unwrap();
            assert_eq!((config.family, config.head_dim), (Family::Gemma, 256));
            assert_eq!((config.looking, config.logit_limit), (Looking::default(), None));
            assert!(config.tie_word_embeddings);
            assert_eq!(config.parameters().unwrap(), 8_537_680_896);
        }
        for (from, to) in [("\"gelu\"", "\"silu\""), (":null,\"max", ":\"gelu\",\"max")] {
            let text = GEMMA_7B.replace(from, to);
            assert_ne!(text, GEMMA_7B);
            let error = LlamaConfig::from_json(&text, Path::new("config.json")).unwrap_err();
            assert!(error.to_string().contains("hidden_act"), "{error}");
        }
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
    fn older_files_name_the_kind_of_rope_twice() {
        let path = Path::new("config.json");
        let config = LlamaConfig::from_json(LLAMA_3_2, path).unwrap();
        for kind in [r#""type":"llama3""#, r#""type":"llama3","rope_type":"llama3""#] {
            let older = LLAMA_3_2.replace(r#""rope_type":"llama3""#, kind);
            assert_ne!(older, LLAMA_3_2);
            assert_eq!(LlamaConfig::from_json(&older, path).unwrap(), config);
        }
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
