//! What can go wrong in the model room.

use std::path::PathBuf;

use super::chat::EndpointFault;
use super::template::PromptKind;
use crate::language::LanguageError;

/// Errors of loading and prompting Scene-LLM. Each names the file, field or number at fault.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the checkpoint cannot be read.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The manifest is not valid.
    #[error("{path}: {field}: {reason}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Field at fault, such as `projector.weights`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The projector's tensors do not fit together or not the rest of the model.
    #[error("{path}: tensor '{name}': {reason}")]
    Projector {
        /// File that holds the tensor.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Expected and found shape.
        reason: String,
    },
    /// The chat template of a model cannot be found or cannot be rendered.
    #[error("{path}: chat template: {reason}")]
    Template {
        /// Where it comes from.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server of a chat model gave no usable answer.
    #[error("{url}: {fault}")]
    Endpoint {
        /// The server.
        url: String,
        /// What went wrong, and what to do.
        fault: EndpointFault,
    },
    /// A goal and its rules alone are longer than the prompt may be.
    #[error("the prompt has {tokens} tokens without any object, and there is room for {room}")]
    PromptTooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens there is room for.
        room: usize,
    },
    /// 3D tokens were given to a model that has no projector.
    #[error("model '{model}' has no projector and cannot see 3D tokens; give it objects as text")]
    Blind {
        /// Name of the model.
        model: String,
    },
    /// The model was not trained for what is asked of it.
    #[error("model '{model}' was not taught to do this: {}", format!("{kind:?}").to_lowercase())]
    Untaught {
        /// Name of the model.
        model: String,
        /// What is asked.
        kind: PromptKind,
    },
    /// Only plans and ways can be asked of a model on a server: their grammar says when they are whole.
    #[error("model '{model}' runs on a server and is not asked for this there: {}", format!("{kind:?}").to_lowercase())]
    Served {
        /// Name of the model.
        model: String,
        /// What is asked.
        kind: PromptKind,
    },
    /// 3D tokens cannot be used by this model.
    #[error("3D tokens: {0}")]
    VisualTokens(String),
    /// The language model, tokenizer or weights failed.
    #[error(transparent)]
    Language(#[from] LanguageError),
    /// The tensor engine failed.
    #[error("tensor engine: {0}")]
    Tensor(#[from] candle_core::Error),
}
