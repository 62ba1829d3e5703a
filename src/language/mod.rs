//! The language model: tokenizer, Llama decoder, constrained sampling.

mod attention;
mod beam;
mod blocks;
mod config;
mod config_gguf;
mod config_json;
mod constraint;
mod detokenize;
mod device;
#[cfg(target_arch = "x86_64")]
mod eight_bits;
mod embedder;
mod error;
mod family;
mod faults;
mod finite;
mod generate;
mod gguf;
mod gguf_format;
mod gguf_part;
mod kv_cache;
mod layer;
mod linear;
mod llama;
mod memory;
mod recode;
mod rope;
mod safetensors;
mod sampler;
mod shard_index;
mod text_config;
mod tokenizer;
mod tokenizer_gguf;
mod weights;

#[cfg(test)]
mod family_parity;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod parity_quantised;

pub use beam::{BeamOptions, Hypothesis, beam_search};
pub use blocks::BlockMatrix;
pub use config::{LlamaConfig, Looking, RopeScaling};
pub use constraint::{Constraint, TokenMask};
pub use detokenize::Detokenizer;
pub use device::{compute_dtype, parse_device};
pub use embedder::TokenEmbedder;
pub use error::LanguageError;
pub use family::Family;
pub use faults::TensorShape;
pub(crate) use faults::tensor_faults;
pub use generate::{Generation, StopReason, Timings, generate};
pub use gguf::GgufFile;
pub use gguf_format::GgufFormat;
pub use kv_cache::KvCache;
pub use linear::{Embedding, Linear};
pub use llama::{Llama, PREFILL_CHUNK};
pub use memory::{MemoryPlace, MemoryPlan};
pub use safetensors::SafetensorsFiles;
pub use sampler::{Choice, Sampler, SamplingOptions, log_probabilities};
pub(crate) use shard_index::ShardIndex;
pub use tokenizer::Tokenizer;
pub use weights::Weights;

#[cfg(test)]
pub(crate) use tokenizer::tests::byte_level as test_tokenizer;
