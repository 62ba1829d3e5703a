//! `scenellm/ObjectRelation`: how objects of the map stand to each other, as the texts in `msg` say.

use super::Header;
use serde::{Deserialize, Serialize};

/// How one object of the map stands to another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectRelation {
    /// Id of the one, as in `~/objects`.
    pub subject_id: String,
    /// Id of the other, as in `~/objects`.
    pub object_id: String,
    /// What the subject is to the other: one of the constants.
    pub relation: u8,
    /// Between the centres of the two, metres.
    pub distance_m: f32,
}

impl ObjectRelation {
    /// Stands or lies on it.
    pub const ON: u8 = 0;
    /// Is in it.
    pub const IN: u8 = 1;
    /// Hangs above it.
    pub const ABOVE: u8 = 2;
    /// Is next to it: of all on what both stand on, it is the nearest.
    pub const NEXT_TO: u8 = 3;
    /// Is left of it, as the robot sees the two.
    pub const LEFT_OF: u8 = 4;
    /// Is right of it, as the robot sees the two.
    pub const RIGHT_OF: u8 = 5;
    /// Is before it, as the robot sees the two.
    pub const IN_FRONT_OF: u8 = 6;
    /// Is behind it, as the robot sees the two.
    pub const BEHIND: u8 = 7;
    /// Has it among the three others that are nearest, no farther than 2 m, whatever they stand on.
    pub const NEAREST: u8 = 8;
}

/// How the objects of the map stand to each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectRelations {
    /// Newest observation the map rests on; frame of the map.
    pub header: Header,
    /// In the order of the objects' ids.
    pub relations: Vec<ObjectRelation>,
}
