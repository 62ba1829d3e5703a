//! A decoder of k-quants against PyTorch: `tests/fixtures/make_quantised_golden.py` made both.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor};

use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    tokens: Vec<u32>,
    /// Logits of every third position.
    logits: Vec<Vec<f32>>,
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama_k_quants");
    folder.join(name)
}

fn weights() -> Weights {
    Weights::open(&file("model.gguf")).unwrap()
}

/// Decoding step by step and prefilling at once must both give the golden's logits.
#[track_caller]
fn assert_agrees(llama: &Llama, tolerance: f32) {
    let text = std::fs::read_to_string(file("golden.json")).unwrap();
    let Golden { tokens, logits } = serde_json::from_str(&text).unwrap();
    let mut cache = llama.new_cache(tokens.len()).unwrap();
    let ahead = |tokens: &[u32], cache: &mut KvCache| -> Vec<f32> {
        let embeds = llama.embed(tokens).unwrap();
        llama.forward_embeds(&embeds, cache).unwrap().to_vec1().unwrap()
    };
    for (at, token) in tokens.iter().enumerate() {
        let stepped = ahead(&[*token], &mut cache);
        if at % 3 != 0 {
            continue;
        }
        let expected = &logits[at / 3];
        let size = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
        let whole = ahead(&tokens[..=at], &mut llama.new_cache(tokens.len()).unwrap());
        for (way, found) in [("step by step", stepped), ("at once", whole)] {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let apart = (found - expected).abs();
                assert!(apart <= tolerance * size, "{at} {way}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn the_file_is_mixed_as_published_ones_are() {
    let weights = weights();
    let config = weights.config().unwrap();
    assert_eq!(weights.faults(&config.tensor_shapes().unwrap()), [""; 0]);
    let count = |dtype: GgmlDType| {
        weights.gguf().unwrap().tensors().filter(|(found, _)| *found == dtype).count()
    };
    assert_eq!([GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::F32].map(count), [6, 3, 3]);
}

/// Every bit of the packing, and the order of rows, to the last digits.
#[test]
fn unpacked_blocks_give_the_logits_of_pytorch() {
    let mut weights = weights();
    let config = weights.config().unwrap();
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    for (name, shape) in config.tensor_shapes().unwrap() {
        let tensor = weights.tensor(&name, &shape, &Device::Cpu).unwrap();
        tensors.insert(name, tensor);
    }
    let llama = Llama::load(config, &mut Weights::Tensors(tensors), &Device::Cpu).unwrap();
    assert_agrees(&llama, 1e-4);
}

/// What is multiplied by blocks is rounded to eight bits first. In PyTorch that alone, done by hand,
/// puts logits off by 0.021 of the largest.
#[test]
fn packed_blocks_give_nearly_the_logits_of_pytorch() {
    let mut weights = weights();
    let config = weights.config().unwrap();
    let llama = Llama::load(config, &mut weights, &Device::Cpu).unwrap();
    assert_agrees(&llama, 0.05);
}
