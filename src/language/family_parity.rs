//! Every family against PyTorch: `tests/fixtures/make_chat_golden.py` made the models.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    tokens: Vec<u32>,
    /// Logits of every ninth position, from the third.
    logits: Vec<Vec<f32>>,
}

fn folder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat_tiny").join(family)
}

fn golden(family: &str) -> Golden {
    let text = std::fs::read_to_string(folder(family).join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Decoding step by step and prefilling at once must both give the golden's logits.
#[track_caller]
fn assert_agrees(llama: &Llama, golden: &Golden, tolerance: f32) {
    let mut cache = llama.new_cache(golden.tokens.len()).unwrap();
    for (at, token) in golden.tokens.iter().enumerate() {
        let embeds = llama.embed(&[*token]).unwrap();
        let stepped: Vec<f32> =
            llama.forward_embeds(&embeds, &mut cache).unwrap().to_vec1().unwrap();
        if at % 9 != 3 {
            continue;
        }
        let expected = &golden.logits[at / 9];
        let size = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
        let embeds = llama.embed(&golden.tokens[..=at]).unwrap();
        let mut fresh = llama.new_cache(golden.tokens.len()).unwrap();
        let whole: Vec<f32> = llama.forward_embeds(&embeds, &mut fresh).unwrap().to_vec1().unwrap();
        for (way, found) in [("step by step", stepped), ("at once", whole)] {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let apart = (found - expected).abs();
                assert!(apart <= tolerance * size, "{at} {way}: {found} is not {expected}");
            }
        }
    }
}

/// Checks the model in both layouts. `of_gguf` sets what GGUF files do not say of the family.
#[track_caller]
fn check(family: &str, of_gguf: impl FnOnce(&mut LlamaConfig)) {
    let golden = golden(family);
    let load = |config: LlamaConfig, mut weights: Weights| {
        Llama::load(config, &mut weights, &Device::Cpu).unwrap()
    };
    let weights = Weights::open(&folder(family).join("model.safetensors")).unwrap();
    let config = weights.config().unwrap();
    let model_type = if family == "gemma3" { "gemma3_text" } else { family };
    assert_eq!(Family::of_json(model_type).unwrap(), config.family);
    let Weights::Safetensors(files) = &weights else { unreachable!() };
    let mut listed = config.tensor_shapes().unwrap();
    let mut found: Vec<_> =
        files.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
    listed.sort();
    found.sort();
    assert_eq!(listed, found, "the loader asks for every tensor of the file");
    assert_eq!(weights.faults(&listed), [""; 0]);
    assert_agrees(&load(config.clone(), weights), &golden, 1e-4);

    let weights = Weights::open(&folder(family).join("model.gguf")).unwrap();
    let mut other = weights.config().unwrap();
    assert_eq!(weights.faults(&other.tensor_shapes().unwrap()), [""; 0]);
    of_gguf(&mut other);
    assert_eq!(other.parameters().unwrap(), config.parameters().unwrap());
    assert_eq!(other.max_position_embeddings, config.max_position_embeddings);
    assert_agrees(&load(other, weights), &golden, 1e-4);
}

#[test]
fn mistral_agrees_with_pytorch() {
    // It goes as a Llama there, whose files know no window.
    check("mistral", |config| config.looking.window = Some(12));
}

#[test]
fn qwen2_agrees_with_pytorch() {
    check("qwen2", |_| {});
}

#[test]
fn qwen3_agrees_with_pytorch() {
    check("qwen3", |_| {});
}

#[test]
fn phi3_agrees_with_pytorch() {
    check("phi3", |config| assert!((config.rope_magnitude - 1.0858).abs() < 1e-3));
}

#[test]
fn gemma_agrees_with_pytorch() {
    check("gemma", |_| {});
}

#[test]
fn gemma2_agrees_with_pytorch() {
    check("gemma2", |config| config.looking.query_scale = Some(16.0));
}

#[test]
fn gemma3_agrees_with_pytorch() {
    check("gemma3", |config| config.looking.query_scale = Some(16.0));
}

/// As models are published that see pictures as well, in both spellings.
#[test]
fn decoders_of_models_that_see_are_found() {
    let path = folder("gemma3").join("model.safetensors");
    let sound = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let text = std::fs::read_to_string(folder("gemma3").join("config.json")).unwrap();
    let config = format!("{{\"model_type\": \"gemma3\", \"text_config\": {text}}}");
    let older = |name: &str| format!("language_model.{name}");
    let newer = |name: &str| name.replacen("model.", "model.language_model.", 1);
    for spelled in [&older as &dyn Fn(&str) -> String, &newer] {
        let mut tensors: std::collections::HashMap<String, candle_core::Tensor> =
            sound.iter().map(|(name, tensor)| (spelled(name), tensor.clone())).collect();
        let tower = candle_core::Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap();
        tensors.insert("vision_tower.head.bias".into(), tower);
        let made = tempfile::tempdir().unwrap();
        candle_core::safetensors::save(&tensors, made.path().join("model.safetensors")).unwrap();
        std::fs::write(made.path().join("config.json"), &config).unwrap();
        assert_eq!(Family::of_folder(made.path()), Some(Family::Gemma3));
        let mut weights = Weights::open(made.path()).unwrap();
        let config = weights.config().unwrap();
        assert_eq!(weights.faults(&config.tensor_shapes().unwrap()), [""; 0]);
        let llama = Llama::load(config, &mut weights, &Device::Cpu).unwrap();
        assert_agrees(&llama, &golden("gemma3"), 1e-4);
    }
}
