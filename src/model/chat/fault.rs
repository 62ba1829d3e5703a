//! What can go wrong with a server of chat models.

use super::reply::MOST_TEXT_BYTES;

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
    #[error("the answer is longer than {MOST_TEXT_BYTES} bytes")]
    TooLong,
    /// The answer reached its greatest length.
    #[error(
        "the answer was cut at its greatest length; raise decoding.max_tokens, or ask a model that \
         thinks first not to (endpoint.extra_body)"
    )]
    Cut {
        /// What it had said by then.
        said: String,
    },
    /// The answer of a Scene-LLM is not what its grammar allows.
    #[error("the answer leaves the grammar at byte {at}: {said}")]
    OffGrammar {
        /// Byte of the answer.
        at: usize,
        /// How it begins.
        said: String,
    },
    /// A part of the answer was told, it broke off, and asked again the server says something else.
    #[error("its answer broke off, and is another now that it was asked again")]
    Changed,
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
    pub(super) fn is_passing(&self) -> bool {
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

    pub(super) fn of_call(error: ureq::Error) -> Self {
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
