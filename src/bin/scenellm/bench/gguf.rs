//! GGUF files of Llama models with random weights, which llama.cpp reads too.

use anyhow::Context;
use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use clap::ValueEnum;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Positions the model takes.
const CONTEXT: u32 = 2048;
/// Spread of the weights, as trained models have it.
const DEVIATION: f32 = 0.02;
/// How blocks are laid out, as GGUF numbers it.
const QUANTIZATION_VERSION: u32 = 2;

/// Size of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// 100 million weights: 12 layers of width 768.
    #[value(name = "100m")]
    Million100,
    /// The shape of Llama 3.2 1B.
    #[value(name = "1b")]
    Billion1,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Quant {
    /// 4.5 bits a weight.
    #[value(name = "q4_k")]
    Q4K,
    /// As most published files are: 4.5 bits a weight, and 6.6 where llama.cpp gives more.
    #[value(name = "q4_k_m")]
    Q4KM,
    /// 8.5 bits a weight.
    #[value(name = "q8_0")]
    Q8_0,
    /// 16 bits a weight.
    #[value(name = "f16")]
    F16,
}

struct Shape {
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    vocabulary: usize,
}

impl Size {
    fn shape(self) -> Shape {
        match self {
            Self::Million100 => Shape {
                hidden: 768,
                inner: 2048,
                layers: 12,
                heads: 12,
                kv_heads: 4,
                vocabulary: 32_000,
            },
            Self::Billion1 => Shape {
                hidden: 2048,
                inner: 8192,
                layers: 16,
                heads: 32,
                kv_heads: 8,
                vocabulary: 128_256,
            },
        }
    }
}

impl Quant {
    /// Type of most matrices.
    fn dtype(self) -> GgmlDType {
        match self {
            Self::Q4K | Self::Q4KM => GgmlDType::Q4K,
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::F16 => GgmlDType::F16,
        }
    }

    /// Type of the table of tokens, which is the output layer as well, and of the values and the
    /// last map of the layers that get more bits.
    fn finer_dtype(self) -> GgmlDType {
        match self {
            Self::Q4KM => GgmlDType::Q6K,
            _ => self.dtype(),
        }
    }

    /// By which number llama.cpp knows such a file. For one of Q4_K alone it has none; Q4_K_S is
    /// nearest.
    fn file_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q8_0 => 7,
            Self::Q4K => 14,
            Self::Q4KM => 15,
        }
    }
}

/// Whether llama.cpp gives some matrices of layer `layer` more bits: in the first and the last
/// eighth, and in every third layer between (its `use_more_bits`).
fn gets_more_bits(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

/// Writes a model to `path`. Layers share one draw of weights, which no timing can tell.
pub fn write_random(size: Size, quant: Quant, path: &Path) -> anyhow::Result<()> {
    write_shape(&size.shape(), quant, path)
}

fn write_shape(shape: &Shape, quant: Quant, path: &Path) -> anyhow::Result<()> {
    let Shape { hidden, inner, layers, vocabulary, .. } = *shape;
    let keys = hidden / shape.heads * shape.kv_heads;
    let random_as = |dtype: GgmlDType, rows: usize, columns: usize| -> anyhow::Result<QTensor> {
        let values = Tensor::randn(0f32, DEVIATION, (rows, columns), &Device::Cpu)?;
        Ok(QTensor::quantize(&values, dtype)?)
    };
    let random = |rows: usize, columns: usize| random_as(quant.dtype(), rows, columns);
    let finer = |rows: usize, columns: usize| random_as(quant.finer_dtype(), rows, columns);
    let ones = Tensor::ones(hidden, candle_core::DType::F32, &Device::Cpu)?;
    let norm = QTensor::quantize(&ones, GgmlDType::F32)?;
    let table = finer(vocabulary, hidden)?;
    let parts = [
        ("attn_q", random(hidden, hidden)?),
        ("attn_k", random(keys, hidden)?),
        ("attn_v", random(keys, hidden)?),
        ("attn_output", random(hidden, hidden)?),
        ("ffn_gate", random(inner, hidden)?),
        ("ffn_up", random(inner, hidden)?),
        ("ffn_down", random(hidden, inner)?),
    ];
    // In layers that get more bits they stand for the parts of the same names.
    let finer_parts = [("attn_v", finer(keys, hidden)?), ("ffn_down", finer(hidden, inner)?)];
    let mut tensors =
        vec![("token_embd.weight".to_string(), &table), ("output_norm.weight".to_string(), &norm)];
    for layer in 0..layers {
        let named = |part: &str| format!("blk.{layer}.{part}.weight");
        let more_bits = gets_more_bits(layer, layers);
        for (part, tensor) in &parts {
            let finer = finer_parts.iter().find(|(name, _)| more_bits && name == part);
            tensors.push((named(part), finer.map_or(tensor, |(_, finer)| finer)));
        }
        tensors.extend(["attn_norm", "ffn_norm"].map(|part| (named(part), &norm)));
    }
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), *tensor)).collect();
    let metadata = metadata(shape, quant);
    let metadata: Vec<_> = metadata.iter().map(|(name, value)| (*name, value)).collect();
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut file = BufWriter::new(file);
    write(&mut file, &metadata, &tensors)?;
    Ok(std::io::Write::flush(&mut file)?)
}

/// Shape, types and tokenizer: three special tokens, the 256 bytes, and words that mean nothing.
fn metadata(shape: &Shape, quant: Quant) -> Vec<(&'static str, Value)> {
    // Kinds of tokens as GGUF numbers them.
    let [normal, unknown, control, byte_kind] = [1, 2, 3, 6];
    let bytes = (0..256).map(|byte| (format!("<0x{byte:02X}>"), byte_kind));
    let special = [("<unk>", unknown), ("<s>", control), ("</s>", control)];
    let tokens: Vec<(String, i32)> = special
        .map(|(token, kind)| (token.to_string(), kind))
        .into_iter()
        .chain(bytes)
        .chain((0..).map(|word| (format!("word{word}"), normal)))
        .take(shape.vocabulary)
        .collect();
    let array =
        |value: &dyn Fn(&(String, i32)) -> Value| Value::Array(tokens.iter().map(value).collect());
    let number = |value: usize| Value::U32(value as u32);
    vec![
        ("general.architecture", Value::String("llama".into())),
        ("general.name", Value::String("random weights".into())),
        ("general.file_type", Value::U32(quant.file_type())),
        ("general.quantization_version", Value::U32(QUANTIZATION_VERSION)),
        ("llama.context_length", Value::U32(CONTEXT)),
        ("llama.embedding_length", number(shape.hidden)),
        ("llama.feed_forward_length", number(shape.inner)),
        ("llama.block_count", number(shape.layers)),
        ("llama.attention.head_count", number(shape.heads)),
        ("llama.attention.head_count_kv", number(shape.kv_heads)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.dimension_count", number(shape.hidden / shape.heads)),
        ("llama.rope.freq_base", Value::F32(500_000.0)),
        ("llama.vocab_size", number(shape.vocabulary)),
        ("tokenizer.ggml.model", Value::String("llama".into())),
        ("tokenizer.ggml.tokens", array(&|(token, _)| Value::String(token.clone()))),
        ("tokenizer.ggml.scores", array(&|_| Value::F32(0.0))),
        ("tokenizer.ggml.token_type", array(&|(_, kind)| Value::I32(*kind))),
        ("tokenizer.ggml.unknown_token_id", Value::U32(0)),
        ("tokenizer.ggml.bos_token_id", Value::U32(1)),
        ("tokenizer.ggml.eos_token_id", Value::U32(2)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::gguf_file::Content;
    use scenellm::language::{GgufFile, Llama, Weights};

    #[test]
    fn what_is_written_is_a_llama() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("random.gguf");
        write_random(Size::Million100, Quant::Q8_0, &path).unwrap();
        let config = GgufFile::open(&path).unwrap().config().clone();
        assert_eq!((config.layers, config.head_dim, config.vocab_size), (12, 64, 32_000));
        assert!(config.tie_word_embeddings);
        assert!((95_000_000..105_000_000).contains(&config.parameters().unwrap()));
    }

    #[test]
    fn layers_get_more_bits_where_llama_cpp_gives_them() {
        let finer = |layers: usize| -> Vec<usize> {
            (0..layers).filter(|layer| gets_more_bits(*layer, layers)).collect()
        };
        assert_eq!(finer(16), [0, 1, 4, 7, 10, 13, 14, 15]);
        // As many as Qwen2.5 7B has.
        assert_eq!(finer(28), [0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27]);
        assert_eq!(finer(1), [0]);
    }

    #[test]
    fn the_mix_is_that_of_q4_k_m_and_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mixed.gguf");
        let shape =
            Shape { hidden: 256, inner: 512, layers: 8, heads: 4, kv_heads: 2, vocabulary: 300 };
        write_shape(&shape, Quant::Q4KM, &path).unwrap();

        let content = Content::read(&mut File::open(&path).unwrap()).unwrap();
        assert_eq!(content.metadata["general.file_type"].to_u32().unwrap(), 15);
        let dtype = |name: &str| content.tensor_infos[name].ggml_dtype;
        assert_eq!(dtype("token_embd.weight"), GgmlDType::Q6K);
        for layer in 0..8 {
            let finer = if [0, 3, 6, 7].contains(&layer) { GgmlDType::Q6K } else { GgmlDType::Q4K };
            for part in ["attn_q", "attn_k", "attn_output", "ffn_gate", "ffn_up"] {
                assert_eq!(dtype(&format!("blk.{layer}.{part}.weight")), GgmlDType::Q4K);
            }
            for part in ["attn_v", "ffn_down"] {
                assert_eq!(dtype(&format!("blk.{layer}.{part}.weight")), finer, "{part} {layer}");
            }
        }

        let mut weights = Weights::open(&path).unwrap();
        let config = weights.config().unwrap();
        let llama = Llama::load(config, &mut weights, &Device::Cpu).unwrap();
        let mut cache = llama.new_cache(3).unwrap();
        for tokens in [&[7u32, 8][..], &[9][..]] {
            let logits = llama.forward_embeds(&llama.embed(tokens).unwrap(), &mut cache).unwrap();
            let logits = logits.to_vec1::<f32>().unwrap();
            assert!(logits.len() == 300 && logits.iter().all(|logit| logit.is_finite()));
        }
    }
}
