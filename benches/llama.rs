//! How long a small Llama with random weights reads 128 tokens, and how long the next one takes: 32-bit
//! floats and blocks of 4.5 bits. How it does beside llama.cpp tells `scenellm bench llm`.

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use scenellm::language::{Llama, Weights};
use std::fs::File;
use std::hint::black_box;
use std::path::Path;

const HIDDEN: usize = 512;
const INNER: usize = 1536;
/// Width of the keys: half as many heads as queries have.
const KEYS: usize = 256;
const LAYERS: usize = 4;
/// Tokens of the prompt.
const PROMPT: u32 = 128;

/// Writes the model to `path`. Its layers share one draw of weights, which no timing can tell.
fn write_llama(dtype: GgmlDType, path: &Path) -> Result<()> {
    let matrix = |rows: usize, columns: usize| {
        QTensor::quantize(&Tensor::randn(0f32, 0.02, (rows, columns), &Device::Cpu)?, dtype)
    };
    let ones = Tensor::ones(HIDDEN, DType::F32, &Device::Cpu)?;
    let (table, norm) = (matrix(8192, HIDDEN)?, QTensor::quantize(&ones, GgmlDType::F32)?);
    let parts = [
        ("attn_q", matrix(HIDDEN, HIDDEN)?),
        ("attn_k", matrix(KEYS, HIDDEN)?),
        ("attn_v", matrix(KEYS, HIDDEN)?),
        ("attn_output", matrix(HIDDEN, HIDDEN)?),
        ("ffn_gate", matrix(INNER, HIDDEN)?),
        ("ffn_up", matrix(INNER, HIDDEN)?),
        ("ffn_down", matrix(HIDDEN, INNER)?),
    ];
    let number = |number: usize| Value::U32(number as u32);
    let metadata = [
        ("general.architecture", Value::String("llama".into())),
        ("llama.context_length", number(1024)),
        ("llama.embedding_length", number(HIDDEN)),
        ("llama.feed_forward_length", number(INNER)),
        ("llama.block_count", number(LAYERS)),
        ("llama.attention.head_count", number(8)),
        ("llama.attention.head_count_kv", number(4)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
    ];
    let mut tensors =
        vec![("token_embd.weight".to_owned(), &table), ("output_norm.weight".to_owned(), &norm)];
    for layer in 0..LAYERS {
        let named = |part: &str| format!("blk.{layer}.{part}.weight");
        tensors.extend(parts.iter().map(|(part, tensor)| (named(part), tensor)));
        tensors.extend(["attn_norm", "ffn_norm"].map(|part| (named(part), &norm)));
    }
    let metadata = metadata.each_ref().map(|(key, value)| (*key, value));
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), *tensor)).collect();
    write(&mut File::create(path)?, &metadata, &tensors)
}

fn llama(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    for (kind, dtype) in [("32-bit floats", GgmlDType::F32), ("Q4_K", GgmlDType::Q4K)] {
        let path = folder.path().join("random.gguf");
        write_llama(dtype, &path).expect("room on the disk");
        let mut weights = Weights::open(&path).expect("what was written");
        let config = weights.config().expect("a shape");
        let llama = Llama::load(config, &mut weights, &Device::Cpu).expect("all tensors");
        let prompt: Vec<u32> = (0..PROMPT).collect();
        let mut cache = llama.new_cache(prompt.len() + 1).expect("memory");
        let mut logits_behind = |count: usize, tokens: &[u32]| {
            cache.truncate(count);
            let embeds = llama.embed(tokens).expect("known tokens");
            llama.forward_embeds(&embeds, &mut cache).expect("logits")
        };
        c.bench_function(&format!("{kind}, a prompt of {PROMPT} tokens"), |b| {
            b.iter(|| black_box(logits_behind(0, black_box(&prompt[..]))));
        });
        c.bench_function(&format!("{kind}, the token after it"), |b| {
            b.iter(|| black_box(logits_behind(prompt.len(), black_box(&[7u32]))));
        });
    }
}

criterion_group!(benches, llama);
criterion_main!(benches);
