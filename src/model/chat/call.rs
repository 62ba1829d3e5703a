//! One request to a server of chat models, and its repetitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Response;

use super::endpoint::LOOK;
use super::fault::EndpointFault;
use super::reply::{Answered, read_refusal, read_stream, read_whole};

/// First pause before a request is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What whoever waits for a request hears of it.
pub(super) enum Heard {
    /// The next words of the answer.
    Words(String),
    /// The server is asked again, and what it said so far counts no more.
    Again,
    /// What came of it.
    End(Result<Answered, EndpointFault>),
}

/// One request with its repetitions.
pub(super) struct Call {
    pub(super) agent: Agent,
    pub(super) url: String,
    pub(super) key: Option<String>,
    pub(super) body: String,
    pub(super) retries: u32,
    pub(super) deadline: Instant,
    pub(super) given_up: Arc<AtomicBool>,
    /// To whoever waits, who may have gone.
    pub(super) heard: Sender<Heard>,
}

impl Call {
    /// Tells whoever waits what the server says, and at last what came of it.
    pub(super) fn run(self) {
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
                let _ = self.heard.send(Heard::End(answer));
                return;
            }
            let _ = self.heard.send(Heard::Again);
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

    fn once(&self) -> Result<Answered, EndpointFault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.config().timeout_global(Some(left)).build();
        let response = request.send(&self.body).map_err(EndpointFault::of_call)?;
        self.read(response)
    }

    fn read(&self, response: Response<ureq::Body>) -> Result<Answered, EndpointFault> {
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
        let mut tell = |words: &str| {
            if !words.is_empty() {
                let _ = self.heard.send(Heard::Words(words.to_owned()));
            }
            !self.given_up.load(Ordering::Relaxed)
        };
        match is_stream {
            true => read_stream(body, &mut tell),
            false => read_whole(body),
        }
    }
}
