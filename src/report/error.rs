//! What can go wrong while a report is written.

use std::path::PathBuf;

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A picture could not be encoded.
    #[error("cannot encode the picture {path}: {source}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: image::ImageError,
    },
    /// A chart could not be drawn.
    #[error("cannot draw the chart {what}: {reason}")]
    Draw {
        /// What was drawn.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A table could not be put into JSON.
    #[error("cannot write {path} as JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
}
