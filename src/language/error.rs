//! What can go wrong in the language room.

use std::path::PathBuf;

use super::memory::MemoryPlan;

/// Errors of loading and running a language model. Each names the file, tensor or number at fault.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// A file cannot be read.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The model configuration is not one this decoder can run.
    #[error("{path}: model configuration: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Field and what is wrong with it.
        reason: String,
    },
    /// A weights file is broken or of an unknown kind.
    #[error("{path}: weights: {reason}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor the model needs is in none of the files.
    #[error(
        "{path}: no tensor '{name}' of shape {expected:?}; does the configuration belong to it?"
    )]
    MissingTensor {
        /// File or folder that was searched.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
    },
    /// A tensor has another shape than the configuration says.
    #[error("{path}: tensor '{name}' has shape {found:?}, the configuration says {expected:?}")]
    TensorShape {
        /// File that holds the tensor.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
        /// Shape it has.
        found: Vec<usize>,
    },
    /// A tensor holds what is no number, and so would make none of all that is computed.
    #[error("{path}: tensor '{name}' holds numbers that are not finite; is the file whole?")]
    NotFinite {
        /// File that holds the tensor.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
    },
    /// The tokenizer cannot be loaded or cannot encode a text.
    #[error("{path}: tokenizer: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The device that was asked for cannot be used.
    #[error("device '{requested}': {reason}")]
    Device {
        /// What was asked for.
        requested: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The model would not fit into memory.
    #[error("not enough memory: {0}; use a smaller or quantised model, or a shorter context")]
    Memory(MemoryPlan),
    /// The prompt and the answer do not fit into the cache.
    #[error("context full: {needed} positions are needed and {capacity} are there")]
    ContextFull {
        /// Positions that are needed.
        needed: usize,
        /// Positions of the cache.
        capacity: usize,
    },
    /// An argument of a call is unusable.
    #[error("{0}")]
    Argument(String),
    /// A constraint allowed nothing, or the model computed something that is not a number.
    #[error("sampling: {0}")]
    Sampling(String),
    /// The tensor engine failed.
    #[error("tensor engine: {0}")]
    Tensor(#[from] candle_core::Error),
}
