//! Any instruction-tuned chat model: messages go in, an answer comes out.
//!
//! It runs here ([`LocalChat`]: weights, tokenizer and chat template as they are published) or on a
//! server that speaks OpenAI's protocol ([`ChatEndpoint`]: vLLM, llama.cpp, ollama). It needs no
//! training for this robot; what it knows of the map stands in the messages.

mod call;
mod endpoint;
mod fault;
mod local;
mod manifest;
mod message;
mod reply;
mod template;

#[cfg(test)]
#[path = "../../../tests/chat_server/mod.rs"]
pub(crate) mod stand_in;

use std::path::Path;

use candle_core::Device;

pub use endpoint::ChatEndpoint;
pub use fault::EndpointFault;
pub use local::LocalChat;
pub use manifest::{ChatManifest, EndpointSpec, LocalChatSpec, ResponseFormat};
pub use message::{Message, Role};
pub use template::ChatTemplate;

pub(super) use reply::excerpt;

use super::error::ModelError;

/// Where a chat model runs.
#[derive(Debug)]
pub enum ChatBackend {
    /// In this process.
    Local(Box<LocalChat>),
    /// On a server.
    Endpoint(Box<ChatEndpoint>),
}

/// A chat model and what its folder says of it.
#[derive(Debug)]
pub struct ChatModel {
    manifest: ChatManifest,
    backend: ChatBackend,
}

impl ChatModel {
    /// Loads the model that the manifest in `folder` describes, or that `folder` itself is: a GGUF
    /// file, or a folder of safetensors as Hugging Face has it. Local weights are checked to fit
    /// into memory first; a server is not asked before the first goal.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let manifest = ChatManifest::load(folder)?;
        let backend = match (&manifest.local, &manifest.endpoint) {
            (Some(spec), _) => {
                ChatBackend::Local(Box::new(LocalChat::load(&manifest, spec, folder, device)?))
            }
            (None, Some(spec)) => {
                ChatBackend::Endpoint(Box::new(ChatEndpoint::open(spec, folder)?))
            }
            // Refused when the manifest was read.
            (None, None) => return Err(manifest.without_model(folder)),
        };
        Ok(Self { manifest, backend })
    }

    /// What its folder says of it.
    pub fn manifest(&self) -> &ChatManifest {
        &self.manifest
    }

    /// Where it runs.
    pub fn backend(&self) -> &ChatBackend {
        &self.backend
    }

    /// The same, to ask it.
    pub fn backend_mut(&mut self) -> &mut ChatBackend {
        &mut self.backend
    }

    /// The answer to `messages`, in the form `schema` where a server can be held to one; a model in
    /// this process answers freely. `wanted` is asked again and again; its `false` ends the waiting.
    pub fn answer(
        &mut self,
        messages: &[Message],
        schema: &serde_json::Value,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Result<String, ModelError> {
        let max_tokens = self.manifest.decoding.max_tokens;
        match &mut self.backend {
            ChatBackend::Local(local) => local.answer(messages, &mut |_| wanted()),
            ChatBackend::Endpoint(endpoint) => {
                endpoint.answer(messages, schema, max_tokens, &mut |_| wanted())
            }
        }
    }

    /// Tokens of the prompt for `messages`. Where the tokenizer is elsewhere, two for three bytes,
    /// which lists of numbers come near to; words need fewer.
    pub fn count_tokens(&self, messages: &[Message]) -> Result<usize, ModelError> {
        match &self.backend {
            ChatBackend::Local(local) => local.count_tokens(messages),
            ChatBackend::Endpoint(_) => {
                let bytes: usize = messages.iter().map(|message| message.content.len() + 16).sum();
                Ok((2 * bytes).div_ceil(3))
            }
        }
    }

    /// Most tokens of a prompt: the context without the answer.
    pub fn room(&self) -> usize {
        let context = match &self.backend {
            ChatBackend::Local(local) => local.context(),
            ChatBackend::Endpoint(_) => self.manifest.context,
        };
        context.saturating_sub(self.manifest.decoding.max_tokens)
    }
}
