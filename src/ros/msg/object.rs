//! `scenellm/SceneObject`: the objects of the map, as the texts in `msg` say.

use super::{BoundingBox3D, Header, ObjectHypothesis, Point, Time};
use serde::{Deserialize, Serialize};

/// One object of the map, with all that is known of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SceneObject {
    /// As in `~/objects`.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Of that name, as in points of `~/map` and in `~/label_info`; 0 for none.
    pub label_number: u32,
    /// What it may be, its label first, as in `~/objects`.
    pub names: Vec<ObjectHypothesis>,
    /// Its box, metres.
    pub bbox: BoundingBox3D,
    /// Mean of its points, metres; the middle of its box where there are none.
    pub centroid: Point,
    /// Depth readings merged into its voxels.
    pub points: u64,
    /// Voxels of the map that lie in its box and in no smaller one.
    pub voxels: u32,
    /// Belief that it is there, 0..=1.
    pub confidence: f32,
    /// Views merged into it.
    pub observations: u32,
    /// First time it was seen.
    pub first_seen: Time,
    /// Last time it was seen.
    pub last_seen: Time,
    /// States that it was seen in.
    pub states: Vec<String>,
    /// States that it was seen not to be in.
    pub other_states: Vec<String>,
}

/// The objects of the map, with all that is known of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SceneObjects {
    /// As that of `~/objects`: newest observation the map rests on; frame of the map.
    pub header: Header,
    /// In the order of their ids.
    pub objects: Vec<SceneObject>,
}
