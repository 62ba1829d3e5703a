//! The language model: tokenizer, Llama decoder, constrained sampling, the engine thread.

mod attention;
mod config;
mod constraint;
mod device;
mod error;
mod gguf;
mod kv_cache;
mod linear;
mod llama;
mod memory;
mod rope;
mod safetensors;
mod weights;

pub use config::{LlamaConfig, RopeScaling};
pub use constraint::{Constraint, TokenMask};
pub use device::{compute_dtype, parse_device};
pub use error::LanguageError;
pub use gguf::GgufFile;
pub use kv_cache::KvCache;
pub use linear::{Embedding, Linear};
pub use llama::{Llama, PREFILL_CHUNK};
pub use memory::MemoryPlan;
pub use safetensors::SafetensorsFiles;
pub use weights::Weights;
