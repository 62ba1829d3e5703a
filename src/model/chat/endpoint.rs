//! A chat model on a server that speaks OpenAI's protocol: vLLM, llama.cpp, ollama, a gateway.
//!
//! The request runs in a thread of its own, so that whoever asks hears the answer as it comes, can
//! lose interest at any moment and is answered within the timeout whatever the server does. A server
//! that refuses for the moment is asked again, with longer and longer pauses.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use ureq::Agent;

use super::super::error::ModelError;
use super::super::manifest::MANIFEST_FILE;
use super::call::{Call, Heard};
use super::fault::EndpointFault;
use super::manifest::{EndpointSpec, ResponseFormat};
use super::message::Message;
use super::reply::Answered;

/// How often it is looked whether the answer is still wanted.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// Requests nobody waits for any more that may still hang at a server.
const MOST_LEFT_BEHIND: usize = 8;

/// A chat model on a server.
pub struct ChatEndpoint {
    spec: EndpointSpec,
    agent: Agent,
    key: Option<String>,
    /// Threads whose answers nobody waits for any more.
    left_behind: Vec<JoinHandle<()>>,
}

// The key must not get into a log.
impl std::fmt::Debug for ChatEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatEndpoint").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl ChatEndpoint {
    /// The server that the manifest in `folder` describes as `spec`, with the API key from the
    /// environment where it names one.
    pub(in super::super) fn open(spec: &EndpointSpec, folder: &Path) -> Result<Self, ModelError> {
        let key = spec.api_key(&mut |name| std::env::var(name).ok());
        let key = key.map_err(|reason| ModelError::Manifest {
            path: folder.join(MANIFEST_FILE),
            field: "endpoint.api_key_env".into(),
            reason,
        })?;
        Self::new(spec.clone(), key)
    }

    /// Makes ready to ask the server of `spec`; `key` goes with every request. Nothing is sent yet.
    pub fn new(spec: EndpointSpec, key: Option<String>) -> Result<Self, ModelError> {
        let fault = |reason: String| ModelError::Endpoint {
            url: spec.url.clone(),
            fault: EndpointFault::Request(reason),
        };
        let uri: ureq::http::Uri =
            spec.url.parse().map_err(|error| fault(format!("endpoint.url: {error}")))?;
        let host = uri.host().ok_or_else(|| fault("endpoint.url names no host".into()))?;
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if key.is_some() && !is_here && uri.scheme_str() == Some("http") {
            tracing::warn!("the API key goes to {host} in the clear; use https");
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("scenellm/", env!("CARGO_PKG_VERSION")));
        if is_here {
            config = config.proxy(None);
        }
        Ok(Self { agent: config.build().into(), spec, key, left_behind: Vec::new() })
    }

    /// What it was made of.
    pub fn spec(&self) -> &EndpointSpec {
        &self.spec
    }

    /// The answer to `messages`, at most `max_tokens` long, in the form `schema` where the server
    /// can be held to one. `hear` is told again and again what has come so far; its `false` ends the
    /// waiting. A server that breaks off and is asked again begins anew, perhaps in other words.
    pub fn answer(
        &mut self,
        messages: &[Message],
        schema: &Value,
        max_tokens: usize,
        hear: &mut dyn FnMut(&str) -> bool,
    ) -> Result<String, ModelError> {
        let body = self.body(messages, schema, max_tokens);
        Ok(self.post("chat/completions", body, hear)?.text)
    }

    /// What a model that sees pictures says to `words` about one (`jpeg`, the bytes of a file); what is said
    /// beyond `max_tokens` is cut off. A server whose model sees none refuses, and says so.
    pub fn describe(
        &mut self,
        jpeg: &[u8],
        words: &str,
        max_tokens: usize,
    ) -> Result<String, ModelError> {
        let picture = format!("data:image/jpeg;base64,{}", BASE64.encode(jpeg));
        let content = json!([
            {"type": "image_url", "image_url": {"url": picture}},
            {"type": "text", "text": words},
        ]);
        let body = json!({
            "model": self.spec.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "stream": self.spec.stream,
        });
        match self.post("chat/completions", body, &mut |_| true) {
            Err(ModelError::Endpoint { fault: EndpointFault::Cut { said }, .. }) => Ok(said),
            answer => Ok(answer?.text),
        }
    }

    /// What the server answers to `body` with the further fields of the manifest, sent to `path` below
    /// where its API begins; `hear` as in [`Self::answer`].
    pub(in super::super) fn post(
        &mut self,
        path: &str,
        mut body: Value,
        hear: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Answered, ModelError> {
        let url = format!("{}/{path}", self.spec.url.trim_end_matches('/'));
        if let Some(fields) = body.as_object_mut() {
            fields.extend(self.spec.extra_body.clone());
            fields.retain(|_, value| !value.is_null());
        }
        let answer = self.try_post(url.clone(), body.to_string(), hear);
        answer.map_err(|fault| {
            let seconds = self.spec.timeout_s;
            let fault = match fault {
                EndpointFault::Timeout { .. } => EndpointFault::Timeout { seconds },
                other => other,
            };
            ModelError::Endpoint { url, fault }
        })
    }

    fn try_post(
        &mut self,
        url: String,
        body: String,
        hear: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Answered, EndpointFault> {
        self.left_behind.retain(|thread| !thread.is_finished());
        if self.left_behind.len() >= MOST_LEFT_BEHIND {
            return Err(EndpointFault::LeftBehind(self.left_behind.len()));
        }
        let deadline = Instant::now() + self.spec.timeout();
        let given_up = Arc::new(AtomicBool::new(false));
        let (heard, news) = channel();
        let call = Call {
            agent: self.agent.clone(),
            url,
            key: self.key.clone(),
            body,
            retries: self.spec.retries,
            deadline,
            given_up: Arc::clone(&given_up),
            heard,
        };
        let thread = std::thread::Builder::new()
            .name("chat request".into())
            .spawn(move || call.run())
            .map_err(|error| EndpointFault::Request(error.to_string()))?;
        let answer = wait(&news, deadline, hear);
        if answer.is_err() {
            given_up.store(true, Ordering::Relaxed);
        }
        self.left_behind.push(thread);
        answer
    }

    fn body(&self, messages: &[Message], schema: &Value, max_tokens: usize) -> Value {
        let mut body = json!({
            "model": self.spec.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "stream": self.spec.stream,
        });
        let format = match self.spec.response_format {
            ResponseFormat::None => return body,
            ResponseFormat::JsonObject => json!({"type": "json_object"}),
            ResponseFormat::JsonSchema => json!({
                "type": "json_schema",
                "json_schema": {"name": "plan", "strict": true, "schema": schema},
            }),
        };
        body["response_format"] = format;
        body
    }
}

/// Waits for the answer, but not beyond `deadline` and not longer than `hear` wants it.
fn wait(
    news: &Receiver<Heard>,
    deadline: Instant,
    hear: &mut dyn FnMut(&str) -> bool,
) -> Result<Answered, EndpointFault> {
    let mut so_far = String::new();
    loop {
        if !hear(&so_far) {
            return Err(EndpointFault::Interrupted);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match news.recv_timeout(LOOK.min(left)) {
            Ok(Heard::Words(words)) => so_far.push_str(&words),
            Ok(Heard::Again) => so_far.clear(),
            Ok(Heard::End(answer)) => return answer,
            Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                return Err(EndpointFault::Timeout { seconds: 0.0 });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(EndpointFault::Request("its thread ended without an answer".into()));
            }
        }
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
