//! The decoder against PyTorch, and against itself in other ways of computing the same.

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use proptest::prelude::*;

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama_tiny");

#[derive(serde::Deserialize)]
struct Golden {
    tokens: Vec<u32>,
    /// Logits of every third position, by kind of rotary scaling.
    logits: std::collections::HashMap<String, Vec<Vec<f32>>>,
    greedy: Vec<u32>,
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(Path::new(FIXTURE).join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn tiny(rope: &str) -> Llama {
    let path = Path::new(FIXTURE).join(format!("config_{rope}.json"));
    let config = LlamaConfig::from_json(&std::fs::read_to_string(&path).unwrap(), &path).unwrap();
    let mut weights = Weights::open(&Path::new(FIXTURE).join("model.safetensors")).unwrap();
    Llama::load(config, &mut weights, &Device::Cpu).unwrap()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * size, "{found} is not {expected}");
    }
}

fn logits(llama: &Llama, cache: &mut KvCache, tokens: &[u32]) -> Vec<f32> {
    let embeds = llama.embed(tokens).unwrap();
    llama.forward_embeds(&embeds, cache).unwrap().to_vec1().unwrap()
}

#[test]
fn prefill_and_decode_agree_with_pytorch_for_every_rope() {
    let golden = golden();
    for (rope, expected) in &golden.logits {
        let llama = tiny(rope);
        let mut step_by_step = llama.new_cache(96).unwrap();
        for (position, token) in golden.tokens.iter().enumerate() {
            let decoded = logits(&llama, &mut step_by_step, &[*token]);
            if position % 3 == 0 {
                let expected = &expected[position / 3];
                assert_close(&decoded, expected, 1e-5);
                let mut fresh = llama.new_cache(96).unwrap();
                let prefilled = logits(&llama, &mut fresh, &golden.tokens[..=position]);
                assert_close(&prefilled, expected, 1e-5);
            }
        }
    }
}

#[test]
fn greedy_generation_agrees_with_pytorch() {
    let golden = golden();
    let mut llama = tiny("default");
    llama.forget_eos();
    let options = SamplingOptions { max_tokens: 16, ..Default::default() };
    let prompt = llama.embed(&golden.tokens[..8]).unwrap();
    let mut cache = llama.new_cache(96).unwrap();
    let mut heard = Vec::new();
    let mut listen = |token| {
        heard.push(token);
        true
    };
    let answer = generate(&llama, &mut cache, &prompt, None, &options, &mut listen).unwrap();
    assert_eq!(answer.tokens, golden.greedy);
    assert_eq!(heard, golden.greedy);
    assert_eq!((answer.stop, answer.timings.steps), (StopReason::MaxTokens, 15));
    assert_eq!(cache.len(), 8 + 15);
}

#[test]
fn generation_stops_for_its_reasons() {
    let llama = tiny("default");
    let prompt = llama.embed(&[5, 6, 7]).unwrap();
    let run = |capacity, limit: usize, seed| {
        let options =
            SamplingOptions { max_tokens: 80, temperature: 6.0, seed, ..Default::default() };
        let mut cache = llama.new_cache(capacity).unwrap();
        let mut count = 0;
        let mut listen = |_| {
            count += 1;
            count < limit
        };
        generate(&llama, &mut cache, &prompt, None, &options, &mut listen).unwrap()
    };
    let cancelled = run(96, 2, 0);
    assert_eq!((cancelled.stop, cancelled.tokens.len()), (StopReason::Cancelled, 2));
    let full = run(5, usize::MAX, 0);
    assert_eq!((full.stop, full.tokens.len()), (StopReason::ContextFull, 3));
    let ended = (0..20).map(|seed| (seed, run(96, usize::MAX, seed)));
    let mut ended = ended.filter(|(_, answer)| answer.stop == StopReason::EndOfText);
    let (seed, ended) = ended.next().expect("one of twenty answers ends by itself");
    assert!(!ended.tokens.contains(&1), "{ended:?}");
    assert_eq!(run(96, usize::MAX, seed).tokens, ended.tokens);
}

#[test]
fn shards_are_the_whole() {
    let golden = golden();
    let mut weights = Weights::open(&Path::new(FIXTURE).join("sharded")).unwrap();
    let config = weights.config().unwrap();
    let sharded = Llama::load(config, &mut weights, &Device::Cpu).unwrap();
    let whole = tiny("default");
    let tokens = &golden.tokens;
    assert_eq!(
        logits(&sharded, &mut sharded.new_cache(64).unwrap(), tokens),
        logits(&whole, &mut whole.new_cache(64).unwrap(), tokens)
    );
}

/// Writes the tiny model as GGUF, rows permuted as llama.cpp's converter does.
fn write_gguf(path: &Path, dtype: GgmlDType, rope_factors: Option<&[f32]>) {
    let (heads, kv_heads, head_dim) = (4, 2, 8);
    let tensors =
        candle_core::safetensors::load(Path::new(FIXTURE).join("model.safetensors"), &Device::Cpu);
    let mut blocks: Vec<(String, QTensor)> = Vec::new();
    for (name, tensor) in tensors.unwrap() {
        let mut tensor = tensor.to_dtype(candle_core::DType::F32).unwrap();
        let permuted = if name.contains("q_proj") {
            heads
        } else if name.contains("k_proj") {
            kv_heads
        } else {
            0
        };
        if permuted > 0 {
            let (rows, columns) = tensor.dims2().unwrap();
            tensor = tensor.reshape((permuted, 2, head_dim / 2, columns)).unwrap();
            tensor = tensor.transpose(1, 2).unwrap().contiguous().unwrap();
            tensor = tensor.reshape((rows, columns)).unwrap();
        }
        let fits = tensor.rank() == 2 && tensor.dim(1).unwrap() % dtype.block_size() == 0;
        let dtype = if fits { dtype } else { GgmlDType::F32 };
        let renamed = name
            .replace("model.layers.", "blk.")
            .replace("self_attn.o_proj", "attn_output")
            .replace("self_attn.", "attn_")
            .replace("mlp.", "ffn_")
            .replace("_proj", "")
            .replace("input_layernorm", "attn_norm")
            .replace("post_attention_layernorm", "ffn_norm")
            .replace("model.embed_tokens", "token_embd")
            .replace("model.norm", "output_norm")
            .replace("lm_head", "output");
        blocks.push((renamed, QTensor::quantize(&tensor, dtype).unwrap()));
    }
    if let Some(factors) = rope_factors {
        let factors = Tensor::new(factors, &Device::Cpu).unwrap();
        let factors = QTensor::quantize(&factors, GgmlDType::F32).unwrap();
        blocks.push(("rope_freqs.weight".into(), factors));
    }
    let metadata = [
        ("general.architecture", Value::String("llama".into())),
        ("llama.attention.head_count", Value::U32(heads as u32)),
        ("llama.attention.head_count_kv", Value::U32(kv_heads as u32)),
        ("llama.embedding_length", Value::U32(32)),
        ("llama.feed_forward_length", Value::U32(48)),
        ("llama.block_count", Value::U32(2)),
        ("llama.context_length", Value::U32(96)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("tokenizer.ggml.eos_token_id", Value::U32(1)),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let blocks: Vec<_> = blocks.iter().map(|(name, block)| (name.as_str(), block)).collect();
    let mut file = std::fs::File::create(path).unwrap();
    gguf_file::write(&mut file, &metadata, &blocks).unwrap();
}

fn load_gguf(path: &Path) -> Llama {
    let mut weights = Weights::open(path).unwrap();
    let config = weights.config().unwrap();
    Llama::load(config, &mut weights, &Device::Cpu).unwrap()
}

#[test]
fn gguf_agrees_with_pytorch() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    for (dtype, tolerance) in [(GgmlDType::F32, 1e-5), (GgmlDType::F16, 1e-5)] {
        write_gguf(&path, dtype, None);
        let llama = load_gguf(&path);
        let mut cache = llama.new_cache(96).unwrap();
        for (position, token) in golden.tokens.iter().enumerate() {
            let found = logits(&llama, &mut cache, &[*token]);
            if position % 3 == 0 {
                assert_close(&found, &golden.logits["default"][position / 3], tolerance);
            }
        }
    }
}

/// Quantising a row and moving it commute, so the weights are the same to the bit. What comes out
/// of the model is only near, since its inputs are rounded to 8 bits as well.
#[test]
fn quantised_gguf_has_the_weights_of_quantised_safetensors() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_gguf(&path, GgmlDType::Q8_0, None);
    let mut weights = Weights::open(&path).unwrap();
    let source = Path::new(FIXTURE).join("model.safetensors");
    let mut dense = std::collections::HashMap::new();
    for (name, tensor) in candle_core::safetensors::load(source, &Device::Cpu).unwrap() {
        let mut tensor = tensor.to_dtype(candle_core::DType::F32).unwrap();
        if tensor.rank() == 2 && tensor.dim(1).unwrap() % 32 == 0 {
            let blocks = QTensor::quantize(&tensor, GgmlDType::Q8_0).unwrap();
            tensor = blocks.dequantize(&Device::Cpu).unwrap();
        }
        let found = weights.tensor(&name, tensor.dims(), &Device::Cpu).unwrap();
        let numbers =
            |tensor: &Tensor| -> Vec<f32> { tensor.flatten_all().unwrap().to_vec1().unwrap() };
        assert_eq!(numbers(&found), numbers(&tensor), "{name}");
        dense.insert(name, tensor);
    }
    let config = weights.config().unwrap();
    let dense = Llama::load(config, &mut Weights::Tensors(dense), &Device::Cpu).unwrap();
    let quantised = load_gguf(&path);
    let (a, b) = (
        logits(&quantised, &mut quantised.new_cache(96).unwrap(), &golden.tokens),
        logits(&dense, &mut dense.new_cache(96).unwrap(), &golden.tokens),
    );
    assert_close(&a, &b, 0.1);
}

#[test]
fn gguf_rope_factors_are_applied() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_gguf(&path, GgmlDType::F32, Some(&[4.0; 4]));
    let llama = load_gguf(&path);
    let found = logits(&llama, &mut llama.new_cache(96).unwrap(), &golden.tokens);
    assert_close(&found, &golden.logits["linear"][13], 1e-5);
}

#[test]
fn a_tied_output_layer_is_the_embedding_table() {
    let path = Path::new(FIXTURE).join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let mut config = tiny("default").config().clone();
    let load = |config: &LlamaConfig, tensors: &std::collections::HashMap<String, Tensor>| {
        let as_f32 = |tensor: &Tensor| tensor.to_dtype(candle_core::DType::F32).unwrap();
        let tensors = tensors.iter().map(|(name, t)| (name.clone(), as_f32(t))).collect();
        Llama::load(config.clone(), &mut Weights::Tensors(tensors), &Device::Cpu).unwrap()
    };
    tensors.insert("lm_head.weight".into(), tensors["model.embed_tokens.weight"].clone());
    let untied = load(&config, &tensors);
    tensors.remove("lm_head.weight");
    config.tie_word_embeddings = true;
    let tied = load(&config, &tensors);
    assert_eq!(
        logits(&tied, &mut tied.new_cache(9).unwrap(), &[3, 4, 5]),
        logits(&untied, &mut untied.new_cache(9).unwrap(), &[3, 4, 5])
    );
}

#[test]
fn broken_weights_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let source = Path::new(FIXTURE).join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&source, &Device::Cpu).unwrap();
    let name = "model.layers.1.mlp.up_proj.weight";
    let load = |path: &PathBuf| {
        let config = tiny("default").config().clone();
        Llama::load(config, &mut Weights::open(path).unwrap(), &Device::Cpu)
            .unwrap_err()
            .to_string()
    };
    let turned = tensors[name].t().unwrap().contiguous().unwrap();
    tensors.insert(name.into(), turned);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let error = load(&path);
    for part in [name, "[32, 48]", "[48, 32]", "model.safetensors"] {
        assert!(error.contains(part), "{error}");
    }
    tensors.remove(name);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let error = load(&path);
    assert!(error.contains(name) && error.contains("no tensor"), "{error}");
    let bytes = std::fs::read(&source).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    assert!(Weights::open(&path).unwrap_err().to_string().contains("does not fit"));
}

#[test]
fn memory_is_known_before_loading() {
    let weights = Weights::open(&Path::new(FIXTURE).join("model.safetensors")).unwrap();
    let config = weights.config().unwrap();
    let plan = MemoryPlan::new(&config, &weights, &Device::Cpu, 96, PREFILL_CHUNK);
    assert_eq!(plan.weights_bytes, 4 * config.parameters().unwrap());
    assert_eq!(plan.kv_cache_bytes, 2 * 2 * 2 * 8 * 4 * 96);
    assert!(plan.activations_bytes > 0);
}

#[test]
fn truncated_and_forked_caches_go_on_as_fresh_ones() {
    let llama = tiny("default");
    let fresh = |tokens: &[u32]| logits(&llama, &mut llama.new_cache(96).unwrap(), tokens);
    let mut cache = llama.new_cache(96).unwrap();
    logits(&llama, &mut cache, &[9, 8, 7, 6, 5]);
    cache.truncate(3);
    assert_close(&logits(&llama, &mut cache, &[20, 21]), &fresh(&[9, 8, 7, 20, 21]), 1e-5);
    let mut fork = cache.fork(10).unwrap();
    assert_eq!((fork.len(), fork.capacity()), (5, 10));
    assert_close(&logits(&llama, &mut fork, &[30]), &fresh(&[9, 8, 7, 20, 21, 30]), 1e-5);
    // Writing to the fork left the original alone.
    assert_close(&logits(&llama, &mut cache, &[31]), &fresh(&[9, 8, 7, 20, 21, 31]), 1e-5);
    fork.copy_tail(&cache, 5).unwrap();
    assert_close(&logits(&llama, &mut fork, &[2]), &fresh(&[9, 8, 7, 20, 21, 31, 2]), 1e-5);
    assert!(matches!(cache.fork(5), Err(LanguageError::ContextFull { needed: 6, capacity: 5 })));
}

#[test]
fn inputs_that_do_not_fit_are_refused_and_leave_the_cache_alone() {
    let llama = tiny("default");
    let mut cache = llama.new_cache(4).unwrap();
    let embeds = llama.embed(&[1, 2, 3, 4, 5]).unwrap();
    let error = llama.forward_embeds(&embeds, &mut cache).unwrap_err();
    assert!(matches!(error, LanguageError::ContextFull { needed: 5, capacity: 4 }));
    assert!(llama.forward_embeds(&llama.embed(&[]).unwrap(), &mut cache).is_err());
    let narrow = Tensor::zeros((1, 2, 31), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert!(llama.forward_embeds(&narrow, &mut cache).is_err());
    assert!(llama.embed(&[64]).unwrap_err().to_string().contains("vocabulary of 64"));
    assert!(llama.new_cache(97).is_err() && llama.new_cache(0).is_err());
    assert!(cache.is_empty());
}

/// Allows the tokens of a pseudo-random set of each step; the end once `least` tokens are out.
#[derive(Clone)]
struct Maze {
    seed: u32,
    least: usize,
    path: Vec<u32>,
}

impl Maze {
    fn allows(&self, path: &[u32], token: u32) -> bool {
        let mut state = path
            .iter()
            .fold(self.seed, |state, step| (state ^ step).wrapping_mul(0x9e37_79b1).rotate_left(7));
        state = (state ^ token.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        match token {
            0 => false,
            1 => path.len() >= self.least,
            _ => state >> 29 == 0 || token == 63,
        }
    }
}

impl Constraint for Maze {
    fn allowed(&mut self) -> TokenMask {
        let mut mask = TokenMask::none(64);
        (0..64).filter(|token| self.allows(&self.path, *token)).for_each(|token| mask.allow(token));
        mask
    }

    fn advance(&mut self, token: u32) {
        assert!(self.allows(&self.path, token), "{token} after {:?}", self.path);
        self.path.push(token);
    }

    fn fork(&self) -> Box<dyn Constraint> {
        Box::new(self.clone())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn constraints_are_obeyed_and_one_beam_is_greedy(
        seed in any::<u32>(),
        least in 0usize..6,
        temperature in 0f32..2.0,
        prompt in proptest::collection::vec(2u32..64, 1..6),
    ) {
        let llama = tiny("default");
        let maze = Maze { seed, least, path: Vec::new() };
        let embeds = llama.embed(&prompt).unwrap();
        let run = |temperature| {
            let options =
                SamplingOptions { temperature, max_tokens: 12, ..Default::default() };
            let (mut cache, mut maze) = (llama.new_cache(96).unwrap(), maze.clone());
            generate(&llama, &mut cache, &embeds, Some(&mut maze), &options, &mut |_| true).unwrap()
        };
        let answers = |beams| {
            let options = BeamOptions { beams, max_tokens: 12, length_penalty: 1.0, answers: 1 };
            let mut cache = llama.new_cache(96).unwrap();
            let constraint: Box<dyn Constraint> = Box::new(maze.clone());
            let constraint = Some(constraint);
            beam_search(&llama, &mut cache, &embeds, constraint, &options, &mut |_| true).unwrap()
        };
        for tokens in [run(temperature).tokens, answers(3)[0].tokens.clone()] {
            for (step, token) in tokens.iter().enumerate() {
                prop_assert!(maze.allows(&tokens[..step], *token));
            }
        }
        let greedy = run(0.0);
        let one = &answers(1)[0];
        prop_assert_eq!(&one.tokens, &greedy.tokens);
        prop_assert_eq!(one.finished, greedy.stop == StopReason::EndOfText);
        prop_assert!((one.score - greedy.mean_log_probability).abs() < 1e-4);
    }

    #[test]
    fn beams_know_their_own_probability(
        prompt in proptest::collection::vec(2u32..64, 1..6),
        beams in 1usize..6,
    ) {
        let llama = tiny("default");
        let embeds = llama.embed(&prompt).unwrap();
        let options = BeamOptions { beams, max_tokens: 8, length_penalty: 0.7, answers: 1 };
        let mut cache = llama.new_cache(96).unwrap();
        let mut agreed: Vec<u32> = Vec::new();
        let mut listen = |tokens: &[u32]| {
            assert!(tokens.starts_with(&agreed), "what was agreed upon is not taken back");
            agreed = tokens.to_vec();
            true
        };
        let found =
            beam_search(&llama, &mut cache, &embeds, None, &options, &mut listen).unwrap();
        prop_assert!(!found.is_empty() && found.len() <= beams);
        prop_assert!(found.iter().all(|answer| answer.tokens.starts_with(&agreed)));
        for answer in found {
            // The same answer, taken step by step in a fresh cache.
            let mut cache = llama.new_cache(96).unwrap();
            let mut ahead = llama.forward_embeds(&embeds, &mut cache).unwrap().to_vec1().unwrap();
            let mut sum = 0.0;
            for token in &answer.tokens {
                sum += log_probabilities(&ahead, None).unwrap()[*token as usize].log_probability;
                ahead = logits(&llama, &mut cache, &[*token]);
            }
            if answer.finished {
                sum += log_probabilities(&ahead, None).unwrap()[1].log_probability;
            }
            prop_assert!((sum - answer.log_probability).abs() < 1e-3);
        }
    }

    #[test]
    fn a_prompt_may_come_in_any_pieces(
        tokens in proptest::collection::vec(2u32..64, 2..60),
        cut in 1usize..59,
    ) {
        let llama = tiny("llama3");
        let cut = cut.min(tokens.len() - 1);
        let whole = logits(&llama, &mut llama.new_cache(96).unwrap(), &tokens);
        let mut cache = llama.new_cache(96).unwrap();
        logits(&llama, &mut cache, &tokens[..cut]);
        assert_close(&logits(&llama, &mut cache, &tokens[cut..]), &whole, 1e-5);
    }
}
