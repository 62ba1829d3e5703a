//! How an object of the map stands to another, as it is told to others. What words such as "next to"
//! come to is for [`crate::tasks`] to find out.

use super::ObjectId;
use serde::Serialize;

/// What an object is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// Stands or lies on it.
    On,
    /// Is in it.
    In,
    /// Hangs above it.
    Above,
    /// Is next to it: of all on what both stand on, it is the nearest.
    NextTo,
    /// Is left of it, as the robot sees the two.
    LeftOf,
    /// Is right of it, as the robot sees the two.
    RightOf,
    /// Is before it, as the robot sees the two.
    InFrontOf,
    /// Is behind it, as the robot sees the two.
    Behind,
    /// Has it among the three others that are nearest, whatever they stand on.
    Nearest,
}

/// The `subject` is `relation` (to) the `object`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Relation {
    /// The one.
    pub subject: ObjectId,
    /// What it is to the other.
    pub relation: RelationKind,
    /// The other.
    pub object: ObjectId,
    /// Between the centres of the two, metres.
    pub distance_m: f64,
}
