//! What a transform buffer refuses, and what it cannot answer.

use std::fmt;

/// Frames a buffer may know; more means that someone makes up names.
pub(super) const MAX_FRAMES: usize = 10_000;

/// A transform was refused, or cannot be looked up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TransformError {
    /// A frame name is missing.
    #[error("transform {parent:?} -> {child:?} has an empty frame name: fix its publisher")]
    EmptyFrame {
        /// Parent frame as published.
        parent: String,
        /// Child frame as published.
        child: String,
    },
    /// A frame is its own parent.
    #[error("transform from frame {frame:?} to itself: fix its publisher")]
    SelfEdge {
        /// The frame.
        frame: String,
    },
    /// A number is NaN or infinite.
    #[error("transform {parent:?} -> {child:?} contains NaN or infinity: fix its publisher")]
    NotFinite {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
    },
    /// The quaternion is not a rotation.
    #[error("transform {parent:?} -> {child:?} has a quaternion of norm {norm:.4}, not 1")]
    NotNormalised {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
        /// Norm of the quaternion.
        norm: f64,
    },
    /// A sample came later than the cache is long.
    #[error(
        "transform {parent:?} -> {child:?} at {} s is more than the cache length behind the newest \
         at {} s", Seconds(*stamp_ns), Seconds(*newest_ns)
    )]
    TooOld {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
        /// Its stamp, nanoseconds.
        stamp_ns: i64,
        /// Newest stamp of the edge, nanoseconds.
        newest_ns: i64,
    },
    /// Too many different frame names.
    #[error("frame {frame:?} refused: {MAX_FRAMES} frames are known already")]
    TooManyFrames {
        /// The frame that did not fit.
        frame: String,
    },
    /// No transform ever named the frame.
    #[error(
        "frame {frame:?} is unknown, asked for {target} <- {source_frame}: no transform names it"
    )]
    UnknownFrame {
        /// The unknown frame.
        frame: String,
        /// Target of the lookup.
        target: String,
        /// Source of the lookup.
        source_frame: String,
    },
    /// The frames stand in different trees.
    #[error(
        "frames {target:?} and {source_frame:?} are not connected: a transform between them is missing"
    )]
    NotConnected {
        /// Target of the lookup.
        target: String,
        /// Source of the lookup.
        source_frame: String,
    },
    /// The parents of a frame lead back to it.
    #[error("the parents of frame {frame:?} form a loop: two publishers disagree")]
    Loop {
        /// The frame.
        frame: String,
    },
    /// The newest sample of an edge is older than the asked time. It may still come.
    #[error("transform is not there yet: {0}")]
    ExtrapolationFuture(Box<Extrapolation>),
    /// The oldest sample of an edge is newer than the asked time. It will not come.
    #[error("transform is gone or never was: {0}")]
    ExtrapolationPast(Box<Extrapolation>),
}

/// A lookup outside the times that an edge covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Extrapolation {
    /// Target of the lookup.
    pub target: String,
    /// Source of the lookup.
    pub source: String,
    /// Parent frame of the edge.
    pub parent: String,
    /// Child frame of the edge.
    pub child: String,
    /// The asked time, nanoseconds.
    pub asked_ns: i64,
    /// Oldest and newest stamps of the edge, nanoseconds.
    pub range_ns: (i64, i64),
}

impl fmt::Display for Extrapolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} <- {} at {} s, but edge {} -> {} covers {} s to {} s",
            self.target,
            self.source,
            Seconds(self.asked_ns),
            self.parent,
            self.child,
            Seconds(self.range_ns.0),
            Seconds(self.range_ns.1)
        )
    }
}

/// Nanoseconds, printed as seconds without loss.
pub(super) struct Seconds(pub(super) i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}
