//! Configurations of models that see pictures as well (Gemma 3, Mistral 3): that of the decoder stands
//! inside, as `text_config`.

use serde_json::{Value, json};

use super::family::Family;

/// What the decoder takes over from the configuration around its own, where it lacks it.
const TAKEN_OVER: [&str; 3] = ["bos_token_id", "eos_token_id", "tie_word_embeddings"];

/// The decoder's configuration in `config`: the one inside, where it is of a family that is known, else
/// the whole. What Gemma 3 leaves out is as `transformers` has it (`Gemma3TextConfig`).
pub(super) fn of_decoder(config: Value) -> Value {
    let is_known = |inner: &&Value| model_type(inner).is_some_and(|of| Family::of_json(of).is_ok());
    let mut decoder = match config.get("text_config").filter(is_known) {
        None => config,
        Some(inner) => {
            let mut inner = inner.clone();
            let outer = TAKEN_OVER.map(|name| (name, config.get(name)));
            outer.into_iter().for_each(|(name, value)| fill(&mut inner, name, value));
            inner
        }
    };
    if model_type(&decoder) == Some("gemma3_text") {
        let usual = gemma_3();
        let usual = usual.as_object().into_iter().flatten();
        usual.for_each(|(name, value)| fill(&mut decoder, name, Some(value)));
    }
    decoder
}

fn model_type(config: &Value) -> Option<&str> {
    config.get("model_type").and_then(Value::as_str)
}

/// Sets a field that is missing.
fn fill(config: &mut Value, name: &str, value: Option<&Value>) {
    if let (Some(fields), Some(value)) = (config.as_object_mut(), value) {
        fields.entry(name).or_insert_with(|| value.clone());
    }
}

fn gemma_3() -> Value {
    json!({
        "vocab_size": 262_208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
        "max_position_embeddings": 131_072, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
        "rope_local_base_freq": 1e4, "query_pre_attn_scalar": 256, "sliding_window": 4096,
        "bos_token_id": 2, "eos_token_id": 1,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{LlamaConfig, RopeScaling};
    use super::*;

    /// As google/gemma-3-4b-it has it.
    const GEMMA_3_4B: &str = r#"{"architectures":["Gemma3ForConditionalGeneration"],
        "eos_token_id":[1,106],"model_type":"gemma3","text_config":{"hidden_size":2560,
        "intermediate_size":10240,"model_type":"gemma3_text","num_hidden_layers":34,
        "rope_scaling":{"factor":8.0,"rope_type":"linear"},"sliding_window":1024},
        "vision_config":{"hidden_size":1152,"model_type":"siglip_vision_model"}}"#;

    #[test]
    fn the_decoder_of_gemma_3_is_read() {
        let config = LlamaConfig::from_json(GEMMA_3_4B, Path::new("config.json")).unwrap();
        assert_eq!(config.family, Family::Gemma3);
        assert_eq!((config.heads, config.kv_heads, config.head_dim), (8, 4, 256));
        assert_eq!((config.bos, config.eos.as_slice()), (Some(2), &[1, 106][..]));
        assert_eq!(config.rope_scaling, RopeScaling::Linear(8.0));
        let looking = &config.looking;
        assert_eq!((looking.window, looking.global_every), (Some(1024), 6));
        assert_eq!((config.rope_theta, looking.window_rope_theta), (1e6, Some(1e4)));
        assert!(config.tie_word_embeddings);
        assert_eq!(config.parameters().unwrap(), 3_880_263_168);
    }

    #[test]
    fn others_stay_as_they_are() {
        for text in [r#"{"model_type":"clip","text_config":{"model_type":"clip_text_model"}}"#, "7"]
        {
            let config: Value = serde_json::from_str(text).unwrap();
            assert_eq!(of_decoder(config.clone()), config);
        }
        let error = LlamaConfig::from_json(r#"{"text_config": 1}"#, Path::new("config.json"));
        assert!(error.unwrap_err().to_string().contains("hidden_size"));
    }
}
