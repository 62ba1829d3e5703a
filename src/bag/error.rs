//! What can be wrong with a bag.

use crate::ros::TopicRole;
use std::path::{Path, PathBuf};

/// Why a bag cannot be read, used or written.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a bag, or not one of the forms read here.
    #[error("{}: {reason}", path.display())]
    NotABag {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// `metadata.yaml` cannot be understood.
    #[error("{}: {reason}; `ros2 bag reindex` writes it anew", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is damaged or cut off. Every message before the damage was given.
    #[error("{}: damaged at byte {at}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage starts, bytes from the start of the (unpacked) file.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// SQLite could not read the file.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A compressed message cannot be unpacked.
    #[error("{topic} at {log_time_ns} ns: {reason}")]
    Message {
        /// The topic.
        topic: String,
        /// Log time of the message, nanoseconds.
        log_time_ns: i64,
        /// What is wrong.
        reason: String,
    },
    /// No topic can serve a role.
    #[error(
        "no topic for {role}: wanted one of type {wanted}; the bag has {available}. \
         Name the topic for {role} to choose one"
    )]
    NoTopic {
        /// The role.
        role: TopicRole,
        /// Types and names that would do.
        wanted: String,
        /// The topics of the bag with their types.
        available: String,
    },
    /// Several topics could serve a role equally well.
    #[error("several topics could be {role}: {candidates}. Name one of them")]
    Ambiguous {
        /// The role.
        role: TopicRole,
        /// The topics.
        candidates: String,
    },
    /// A topic that was named for a role has a type that cannot serve it.
    #[error("{topic} has type {found}; as {role} it must be {wanted}")]
    WrongType {
        /// The role.
        role: TopicRole,
        /// The topic.
        topic: String,
        /// Its type.
        found: String,
        /// The types that would do.
        wanted: String,
    },
    /// A topic is not serialised as CDR.
    #[error("{topic} is serialised as {found:?}; only cdr is read here")]
    Serialization {
        /// The topic.
        topic: String,
        /// Its serialisation format.
        found: String,
    },
    /// The bag to write exists.
    #[error("{} exists; choose another name or remove it", path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// MCAP could not be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: mcap::McapError,
    },
    /// A message that cannot stand in the bag.
    #[error("{topic}: {reason}")]
    Unwritable {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
    },
}

impl BagError {
    /// For `map_err` on file system calls.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// For `map_err` on SQLite calls.
    pub(super) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self + '_ {
        move |source| match source.sqlite_error_code() {
            // Only a query that goes on for far too long is interrupted.
            Some(rusqlite::ErrorCode::OperationInterrupted) => {
                Self::not_a_bag(path, "is damaged: its pages lead to one another without end")
            }
            _ => Self::Sqlite { path: path.to_owned(), source },
        }
    }

    pub(super) fn not_a_bag(path: &Path, reason: impl Into<String>) -> Self {
        Self::NotABag { path: path.to_owned(), reason: reason.into() }
    }
}
