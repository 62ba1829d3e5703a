//! `scenellm/VlnAction`: motions of the base, as the texts in `msg` say.

use super::{Header, Time};
use serde::{Deserialize, Serialize};

/// One motion of the robot's base. The newest one replaces all before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VlnAction {
    /// When it was decided; frame of the base, x forward.
    pub header: Header,
    /// Counts the motions of this node, from 1.
    pub id: u32,
    /// One of the constants.
    pub action: u8,
    /// Of [`Self::FORWARD`], metres; else 0.
    pub forward_m: f64,
    /// Of a turn, radians, positive to the left; else 0.
    pub turn_rad: f64,
    /// Of a look, radians, positive upwards; else 0.
    pub look_rad: f64,
    /// After this time the motion must not go on.
    pub expires: Time,
    /// Of [`Self::STOP`]: why, as in [`FollowInstructionResult`](crate::ros::action::FollowInstructionResult).
    pub error_code: u16,
    /// Of [`Self::STOP`]: why, in words; empty at a good end.
    pub error_msg: String,
}

impl VlnAction {
    /// Stand still.
    pub const STOP: u8 = 0;
    /// Go straight ahead.
    pub const FORWARD: u8 = 1;
    /// Turn to the left on the spot.
    pub const TURN_LEFT: u8 = 2;
    /// Turn to the right on the spot.
    pub const TURN_RIGHT: u8 = 3;
    /// Tilt the camera up.
    pub const LOOK_UP: u8 = 4;
    /// Tilt the camera down.
    pub const LOOK_DOWN: u8 = 5;
}
