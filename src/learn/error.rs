//! What can go wrong while learning and measuring.

/// An error of the learn room.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A line of a data set is not what it should be.
    #[error("{path}, line {line}: {reason}")]
    Data {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Field and reason.
        reason: String,
    },
    /// A configuration or checkpoint is not what it should be.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// Field and reason.
        reason: String,
    },
    /// There are not the goals that a planner could learn from.
    #[error("goals: {0}")]
    Goals(String),
    /// A step would have moved weights by what is no number.
    #[error(
        "step {step}: the gradient of `{variable}` has no finite length; nothing was moved, and \
         the last checkpoint is whole (a lower learning rate may help)"
    )]
    Gradient {
        /// The step, from 1.
        step: u64,
        /// The first variable, by name, whose gradient is none.
        variable: String,
    },
    /// There are not the views that eyes could learn from.
    #[error("views: {0}")]
    Views(String),
    /// The tokenizer failed.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The tensor engine failed.
    #[error("tensor engine: {0}")]
    Tensor(#[from] candle_core::Error),
    /// Weights cannot be read.
    #[error(transparent)]
    Language(#[from] crate::language::LanguageError),
    /// Names have no vectors, or a vision model cannot teach or be taught.
    #[error(transparent)]
    Vision(#[from] crate::vision::VisionError),
    /// A saved map cannot be read or looked at.
    #[error(transparent)]
    Scene(#[from] crate::scene::SceneError),
    /// A home cannot be built or seen.
    #[error(transparent)]
    Sim(#[from] crate::sim::SimError),
    /// A home cannot be toured.
    #[error(transparent)]
    Episode(#[from] crate::sim::episode::EpisodeError),
    /// The loss curve could not be drawn.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
}

impl LearnError {
    /// Wraps the file error of `path`.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }

    /// Names what is wrong with `path`.
    pub(crate) fn invalid(path: &std::path::Path, reason: impl ToString) -> Self {
        Self::Invalid { path: path.display().to_string(), reason: reason.to_string() }
    }
}
