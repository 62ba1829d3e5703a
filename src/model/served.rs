//! The language model of a Scene-LLM on a vLLM server.
//!
//! Words and 3D tokens become rows of embeddings here, as for a model in this process, and the server
//! takes them instead of a text: `prompt_embeds` of `POST /v1/completions`, which `vllm serve
//! --enable-prompt-embeds` allows. What is to be said can be held to a regular expression there; what
//! comes is walked through the grammar in any case, special tokens (the name of a task) among the words.
//! A draft is one answer, the plan around it another.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::chat::{ChatEndpoint, EndpointFault, ResponseFormat, excerpt};
use super::decoder::Reply;
use super::error::ModelError;
use super::prompt::SplicedPrompt;
use super::torch_file::torch_file;
use crate::language::{Constraint, LlamaConfig, TokenEmbedder, Tokenizer};

/// A decoder elsewhere.
#[derive(Debug)]
pub(super) struct ServedDecoder {
    config: LlamaConfig,
    embedder: TokenEmbedder,
    endpoint: ChatEndpoint,
}

impl ServedDecoder {
    /// The decoder of `config` behind `endpoint`, whose tokens are those of `embedder`.
    pub(super) fn new(
        config: LlamaConfig,
        embedder: TokenEmbedder,
        endpoint: ChatEndpoint,
    ) -> Self {
        Self { config, embedder, endpoint }
    }

    /// The numbers that fix it.
    pub(super) fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The table of its tokens.
    pub(super) fn embedder(&self) -> &TokenEmbedder {
        &self.embedder
    }

    /// The server's answer to `prompt`; see [`super::SceneLlm::search`]. There is one, or none when
    /// it is not wanted any more: vLLM has no beams for embeddings, and tells nothing of texts that it
    /// did not choose itself. It comes as a whole.
    pub(super) fn search(
        &mut self,
        prompt: &SplicedPrompt,
        tokenizer: &Tokenizer,
        constraint: Option<Box<dyn Constraint>>,
        max_tokens: usize,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<Reply>, ModelError> {
        let regex = constraint.as_ref().and_then(|grammar| grammar.regex());
        let body = self.body(prompt, regex, max_tokens)?;
        let answer = match self.endpoint.post("completions", body, &mut |_| on_text("")) {
            Ok(answer) => answer,
            Err(ModelError::Endpoint { fault: EndpointFault::Interrupted, .. }) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let tokens = match constraint {
            Some(mut grammar) => self.walk(&answer.text, tokenizer, grammar.as_mut())?,
            None => tokenizer.encode_plain(&answer.text)?,
        };
        if answer.tokens == 0 {
            let reason = "it has no choices[0].logprobs.token_logprobs".into();
            let fault = EndpointFault::NotUnderstood { reason, said: excerpt(&answer.text) };
            return Err(ModelError::Endpoint { url: self.endpoint.spec().url.clone(), fault });
        }
        let text = tokenizer.decode(&tokens);
        on_text(&text);
        Ok(vec![Reply {
            log_probability: answer.log_probability,
            mean_log_probability: answer.log_probability / answer.tokens as f32,
            finished: true,
            text,
            tokens,
        }])
    }

    fn body(
        &self,
        prompt: &SplicedPrompt,
        regex: Option<String>,
        max_tokens: usize,
    ) -> Result<Value, ModelError> {
        let spec = self.endpoint.spec();
        let rows = STANDARD.encode(torch_file(&prompt.embeds.squeeze(0)?)?);
        // Beside the embeddings there must be no `prompt`: it would be answered as well.
        let mut body = json!({
            "model": spec.model,
            "prompt_embeds": rows,
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "logprobs": 1,
            "stop_token_ids": self.config.eos,
            "skip_special_tokens": false,
            "spaces_between_special_tokens": false,
            "stream": spec.stream,
        });
        if let Some(regex) = regex.filter(|_| spec.response_format != ResponseFormat::None) {
            body["structured_outputs"] = json!({"regex": regex});
        }
        Ok(body)
    }

    /// Walks `text` through the grammar by the names of special tokens and otherwise byte by byte: which
    /// tokens the server cut it into is not known. The tokens of that walk.
    fn walk(
        &self,
        text: &str,
        tokenizer: &Tokenizer,
        grammar: &mut dyn Constraint,
    ) -> Result<Vec<u32>, ModelError> {
        let leaves = |at: usize| ModelError::Endpoint {
            url: self.endpoint.spec().url.clone(),
            fault: EndpointFault::OffGrammar { at, said: excerpt(text) },
        };
        let mut of_bytes = [None; 256];
        let ids = 0..tokenizer.vocabulary_size() as u32;
        let (special, words): (Vec<u32>, Vec<u32>) = ids.partition(|id| tokenizer.is_special(*id));
        for token in words {
            if let [byte] = tokenizer.token_bytes(token) {
                of_bytes[usize::from(*byte)].get_or_insert(token);
            }
        }
        let (mut tokens, mut at) = (Vec::with_capacity(text.len()), 0);
        while let Some(&byte) = text.as_bytes().get(at) {
            let allowed = grammar.allowed();
            let is_next = |id: &u32| {
                let name = tokenizer.token_bytes(*id);
                !name.is_empty() && text.as_bytes()[at..].starts_with(name) && allowed.allows(*id)
            };
            let named = special.iter().copied().find(is_next);
            let token = named.or(of_bytes[usize::from(byte)]);
            let token = token.filter(|token| allowed.allows(*token)).ok_or_else(|| leaves(at))?;
            grammar.advance(token);
            tokens.push(token);
            at += tokenizer.token_bytes(token).len();
        }
        let allowed = grammar.allowed();
        match self.config.eos.iter().any(|end| allowed.allows(*end)) {
            true => Ok(tokens),
            false => Err(leaves(text.len())),
        }
    }
}

#[cfg(test)]
#[path = "served_tests.rs"]
mod tests;
