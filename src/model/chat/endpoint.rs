//! A chat model on a server that speaks OpenAI's protocol: vLLM, llama.cpp, ollama, a gateway.
//!
//! The request runs in a thread of its own, so that whoever asks can lose interest at any moment
//! and is answered within the timeout whatever the server does. A server that refuses for the
//! moment is asked again, with longer and longer pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use super::super::error::ModelError;
use super::manifest::{EndpointSpec, ResponseFormat};
use super::message::Message;
use super::reply::{MOST_BODY_BYTES, read_refusal, read_stream, read_whole};

/// How often the asker is asked whether it still wants the answer.
const LOOK: Duration = Duration::from_millis(50);
/// First pause before a request is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Requests nobody waits for any more that may still hang at a server.
const MOST_LEFT_BEHIND: usize = 8;

/// Why a server gave no usable answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EndpointFault {
    /// The answer did not come in time.
    #[error("no whole answer within {seconds} s; is the server overloaded? (endpoint.timeout_s)")]
    Timeout {
        /// The time it had.
        seconds: f64,
    },
    /// There is no connection to it.
    #[error("cannot be reached: {0}; is the server running?")]
    Unreachable(String),
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// It answers with a status that is no success.
    #[error("it answers {code}: {said}")]
    Status {
        /// The status.
        code: u16,
        /// What it says beside it.
        said: String,
        /// How long it wants not to be asked, seconds.
        retry_after_s: Option<u64>,
    },
    /// It says that something went wrong.
    #[error("it says: {0}")]
    Said(String),
    /// The answer does not follow the protocol.
    #[error("the answer does not follow OpenAI's protocol: {reason}: {said}")]
    NotUnderstood {
        /// What is wrong with it.
        reason: String,
        /// How it begins.
        said: String,
    },
    /// The answer is longer than is read.
    #[error("the answer is longer than {MOST_BODY_BYTES} bytes")]
    TooLong,
    /// The answer reached its greatest length.
    #[error("the answer was cut at its greatest length; raise decoding.max_tokens")]
    Cut,
    /// The asker wanted no more.
    #[error("interrupted")]
    Interrupted,
    /// Too many earlier requests still hang.
    #[error("{0} earlier requests still hang there; is the server alive?")]
    LeftBehind(usize),
    /// The request could not be made.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}

impl EndpointFault {
    /// Whether the same request may succeed a moment later.
    fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost(_) => true,
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// What an error while the body is read means.
    pub(super) fn of_io(error: std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
        match inner {
            Some(ureq::Error::Timeout(_)) => Self::Timeout { seconds: 0.0 },
            _ => Self::Lost(error.to_string()),
        }
    }

    fn of_call(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Timeout { seconds: 0.0 },
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                Self::Unreachable(error.to_string())
            }
            ureq::Error::Io(error) => Self::Unreachable(error.to_string()),
            other => Self::Request(other.to_string()),
        }
    }
}

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
    /// can be held to one. `wanted` is asked again and again; its `false` ends the waiting.
    pub fn answer(
        &mut self,
        messages: &[Message],
        schema: &Value,
        max_tokens: usize,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Result<String, ModelError> {
        let answer = self.try_answer(messages, schema, max_tokens, wanted);
        answer.map_err(|fault| {
            let seconds = self.spec.timeout_s;
            let fault = match fault {
                EndpointFault::Timeout { .. } => EndpointFault::Timeout { seconds },
                other => other,
            };
            ModelError::Endpoint { url: self.spec.url.clone(), fault }
        })
    }

    fn try_answer(
        &mut self,
        messages: &[Message],
        schema: &Value,
        max_tokens: usize,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Result<String, EndpointFault> {
        self.left_behind.retain(|thread| !thread.is_finished());
        if self.left_behind.len() >= MOST_LEFT_BEHIND {
            return Err(EndpointFault::LeftBehind(self.left_behind.len()));
        }
        let deadline = Instant::now() + self.spec.timeout();
        let given_up = Arc::new(AtomicBool::new(false));
        let (sender, answers) = channel();
        let call = Call {
            agent: self.agent.clone(),
            url: format!("{}/chat/completions", self.spec.url.trim_end_matches('/')),
            key: self.key.clone(),
            body: self.body(messages, schema, max_tokens).to_string(),
            retries: self.spec.retries,
            deadline,
            given_up: Arc::clone(&given_up),
        };
        let thread = std::thread::Builder::new()
            .name("chat request".into())
            .spawn(move || call.run(&sender))
            .map_err(|error| EndpointFault::Request(error.to_string()))?;
        let answer = wait(&answers, deadline, wanted);
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

/// Waits for the answer, but not beyond `deadline` and not longer than it is wanted.
fn wait(
    answers: &Receiver<Result<String, EndpointFault>>,
    deadline: Instant,
    wanted: &mut dyn FnMut() -> bool,
) -> Result<String, EndpointFault> {
    loop {
        if !wanted() {
            return Err(EndpointFault::Interrupted);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match answers.recv_timeout(LOOK.min(left)) {
            Ok(answer) => return answer,
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

/// One request with its repetitions.
struct Call {
    agent: Agent,
    url: String,
    key: Option<String>,
    body: String,
    retries: u32,
    deadline: Instant,
    given_up: Arc<AtomicBool>,
}

impl Call {
    fn run(self, answers: &Sender<Result<String, EndpointFault>>) {
        let mut pause = FIRST_PAUSE;
        for left in (0..=self.retries).rev() {
            let answer = self.once();
            let again = answer.as_ref().is_err_and(EndpointFault::is_passing) && left > 0;
            let asked = match &answer {
                Err(EndpointFault::Status { retry_after_s: Some(seconds), .. }) => {
                    Duration::from_secs(*seconds)
                }
                _ => pause,
            };
            if !again || !self.sleep(asked) {
                // Who asked may have gone.
                let _ = answers.send(answer);
                return;
            }
            pause *= 2;
        }
    }

    /// Sleeps; `false` when the time is up first or nobody waits any more.
    fn sleep(&self, pause: Duration) -> bool {
        let Some(end) = Instant::now().checked_add(pause).filter(|end| *end < self.deadline) else {
            return false;
        };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if self.given_up.load(Ordering::Relaxed) {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(LOOK.min(left));
        }
    }

    fn once(&self) -> Result<String, EndpointFault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.config().timeout_global(Some(left)).build();
        let response = request.send(&self.body).map_err(EndpointFault::of_call)?;
        self.read(response)
    }

    fn read(&self, response: Response<ureq::Body>) -> Result<String, EndpointFault> {
        let status = response.status();
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after_s = header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
        let is_stream = header("content-type").is_some_and(|kind| kind.contains("event-stream"));
        let body = response.into_body().into_reader();
        if !status.is_success() {
            let said = read_refusal(body);
            return Err(EndpointFault::Status { code: status.as_u16(), said, retry_after_s });
        }
        match is_stream {
            true => read_stream(body, &mut || !self.given_up.load(Ordering::Relaxed)),
            false => read_whole(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Role;
    use super::super::stand_in::{Act, ChatServer};
    use super::*;

    fn endpoint(url: &str, timeout_s: f64) -> ChatEndpoint {
        let spec = EndpointSpec {
            url: url.into(),
            model: "some/model".into(),
            api_key_env: None,
            timeout_s,
            retries: 2,
            stream: true,
            response_format: ResponseFormat::JsonSchema,
        };
        ChatEndpoint::new(spec, Some("secret".into())).unwrap()
    }

    fn ask(endpoint: &mut ChatEndpoint) -> Result<String, EndpointFault> {
        let chat = [Message::new(Role::User, "hello")];
        let answer = endpoint.answer(&chat, &json!({"type": "object"}), 64, &mut || true);
        answer.map_err(|error| match error {
            ModelError::Endpoint { fault, .. } => fault,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn whole_and_streamed_answers_are_the_same() {
        let acts = [ChatServer::whole("a plan"), ChatServer::stream("a plan", Duration::ZERO)];
        for act in acts {
            let server = ChatServer::start(vec![act]);
            assert_eq!(ask(&mut endpoint(&server.url, 10.0)).unwrap(), "a plan");
            let requests = server.requests();
            assert!(requests[0].starts_with("POST /v1/chat/completions HTTP/1.1"), "{requests:?}");
            assert!(requests[0].to_lowercase().contains("authorization: bearer secret"));
            let body: Value =
                serde_json::from_str(&requests[0][requests[0].find('{').unwrap()..]).unwrap();
            assert_eq!(body["messages"][0]["content"], "hello");
            assert_eq!(body["response_format"]["json_schema"]["schema"]["type"], "object");
            assert_eq!((&body["max_tokens"], &body["stream"]), (&json!(64), &json!(true)));
        }
        assert!(!format!("{:?}", endpoint("http://localhost/v1", 1.0)).contains("secret"));
    }

    #[test]
    fn a_server_that_refuses_for_the_moment_is_asked_again() {
        let busy = Act::Whole(500, r#"{"error":{"message":"loading"}}"#.into());
        let server = ChatServer::start(vec![busy.clone(), busy.clone(), ChatServer::whole("ok")]);
        assert_eq!(ask(&mut endpoint(&server.url, 20.0)).unwrap(), "ok");
        assert_eq!(server.requests().len(), 3);
        let server = ChatServer::start(vec![busy]);
        let fault = ask(&mut endpoint(&server.url, 20.0)).unwrap_err();
        assert!(
            matches!(&fault, EndpointFault::Status { code: 500, said, .. } if said == "loading")
        );
        assert_eq!(server.requests().len(), 3, "it is not asked without end");
        let wrong = Act::Whole(404, r#"{"error":"model not found"}"#.into());
        let server = ChatServer::start(vec![wrong]);
        let fault = ask(&mut endpoint(&server.url, 20.0)).unwrap_err().to_string();
        assert_eq!(
            (server.requests().len(), fault.as_str()),
            (1, "it answers 404: model not found")
        );
    }

    #[test]
    fn a_server_that_hangs_or_trickles_is_left_in_time() {
        let slow = ChatServer::stream(&"slow ".repeat(100), Duration::from_millis(100));
        for act in [Act::Hang, slow] {
            let server = ChatServer::start(vec![act]);
            let begin = Instant::now();
            let fault = ask(&mut endpoint(&server.url, 0.5)).unwrap_err();
            assert_eq!(fault, EndpointFault::Timeout { seconds: 0.5 });
            assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        }
    }

    #[test]
    fn a_slow_stream_within_the_time_is_waited_for() {
        let server =
            ChatServer::start(vec![ChatServer::stream("slow but sure", Duration::from_millis(80))]);
        assert_eq!(ask(&mut endpoint(&server.url, 20.0)).unwrap(), "slow but sure");
    }

    #[test]
    fn garbage_and_endless_answers_are_named() {
        let garbage = Act::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
        let server = ChatServer::start(vec![garbage]);
        assert!(ask(&mut endpoint(&server.url, 5.0)).is_err());
        let server = ChatServer::start(vec![Act::Whole(200, "<html>".into())]);
        let fault = ask(&mut endpoint(&server.url, 5.0)).unwrap_err();
        assert!(matches!(fault, EndpointFault::NotUnderstood { .. }), "{fault}");
        let server = ChatServer::start(vec![Act::Endless]);
        assert_eq!(ask(&mut endpoint(&server.url, 30.0)).unwrap_err(), EndpointFault::TooLong);
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fault = ask(&mut endpoint(&format!("http://{nobody}/v1"), 5.0)).unwrap_err();
        assert!(matches!(fault, EndpointFault::Unreachable(_)), "{fault}");
    }

    #[test]
    fn an_answer_that_is_not_wanted_is_not_waited_for() {
        let server = ChatServer::start(vec![Act::Hang]);
        let mut endpoint = endpoint(&server.url, 60.0);
        let (mut looks, begin) = (0, Instant::now());
        let mut wanted = || {
            looks += 1;
            looks < 4
        };
        let error = endpoint.answer(&[], &json!({}), 64, &mut wanted).unwrap_err();
        let interrupted = EndpointFault::Interrupted;
        assert!(matches!(error, ModelError::Endpoint { fault, .. } if fault == interrupted));
        assert!(begin.elapsed() < Duration::from_secs(5));
        for _ in 1..MOST_LEFT_BEHIND {
            let _ = endpoint.answer(&[], &json!({}), 64, &mut || false);
        }
        assert_eq!(ask(&mut endpoint).unwrap_err(), EndpointFault::LeftBehind(MOST_LEFT_BEHIND));
    }
}
