//! Objects of the map: what a plan may refer to.

use serde::{Deserialize, Serialize};

/// Identity of an object in one map. Never reused within a map.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ObjectId(pub u32);

/// One labelled object of the scene map, in world coordinates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapObject {
    /// Identity.
    pub id: ObjectId,
    /// Class name as its detector gave it.
    pub label: String,
    /// Centre in world coordinates, metres.
    pub position_m: [f64; 3],
    /// Orientation of the box in world coordinates, quaternion x, y, z, w.
    pub orientation_xyzw: [f64; 4],
    /// Edge lengths of the box, metres.
    pub size_m: [f64; 3],
    /// Belief that the object is there, 0..=1.
    pub confidence: f32,
    /// Number of observations merged into it.
    pub observations: u32,
    /// First and last time it was seen, nanoseconds.
    pub first_seen_ns: i64,
    /// Last time it was seen, nanoseconds.
    pub last_seen_ns: i64,
}

impl MapObject {
    /// Lets it have been seen no later than `stamp_ns`.
    pub(super) fn set_back(&mut self, stamp_ns: i64) {
        self.first_seen_ns = self.first_seen_ns.min(stamp_ns);
        self.last_seen_ns = self.last_seen_ns.min(stamp_ns);
    }
}
