//! `builtin_interfaces`, `std_msgs` and `rosgraph_msgs`.

use serde::{Deserialize, Serialize};

const NANOSECONDS: i64 = 1_000_000_000;

/// `builtin_interfaces/Time`: a point in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// Whole seconds since the epoch.
    pub sec: i32,
    /// Nanoseconds within the second.
    pub nanosec: u32,
}

impl Time {
    /// The time `stamp_ns` nanoseconds after the epoch, held to the years the type can tell.
    pub fn from_ns(stamp_ns: i64) -> Self {
        let held_ns = stamp_ns.clamp(
            i64::from(i32::MIN) * NANOSECONDS,
            i64::from(i32::MAX) * NANOSECONDS + NANOSECONDS - 1,
        );
        // The clamp makes both casts exact.
        Self {
            sec: held_ns.div_euclid(NANOSECONDS) as i32,
            nanosec: held_ns.rem_euclid(NANOSECONDS) as u32,
        }
    }

    /// Nanoseconds since the epoch.
    pub fn to_ns(self) -> i64 {
        i64::from(self.sec) * NANOSECONDS + i64::from(self.nanosec)
    }
}

/// `builtin_interfaces/Duration`: a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    /// Whole seconds.
    pub sec: i32,
    /// Nanoseconds within the second.
    pub nanosec: u32,
}

/// `std_msgs/Header`: when and in which frame the data stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Time of the data.
    pub stamp: Time,
    /// Frame of the data.
    pub frame_id: String,
}

impl Header {
    /// A header from nanoseconds and a frame.
    pub fn new(stamp_ns: i64, frame_id: &str) -> Self {
        Self { stamp: Time::from_ns(stamp_ns), frame_id: frame_id.to_owned() }
    }
}

/// `std_msgs/String`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StringMsg {
    /// The text.
    pub data: String,
}

/// `std_msgs/ColorRGBA`: each part 0..=1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ColorRGBA {
    /// Red.
    pub r: f32,
    /// Green.
    pub g: f32,
    /// Blue.
    pub b: f32,
    /// Opacity.
    pub a: f32,
}

/// `rosgraph_msgs/Clock`: the time of a simulation or a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The time now.
    pub clock: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_and_out_of_range() {
        for stamp_ns in [0, 1, -1, 1_700_000_013_333_333_333, -1_500_000_000] {
            assert_eq!(Time::from_ns(stamp_ns).to_ns(), stamp_ns);
        }
        assert_eq!(Time::from_ns(-1), Time { sec: -1, nanosec: 999_999_999 });
        assert_eq!(Time::from_ns(i64::MAX).sec, i32::MAX);
        assert_eq!(Time::from_ns(i64::MIN).sec, i32::MIN);
    }
}
