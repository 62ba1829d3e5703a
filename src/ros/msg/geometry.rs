//! `geometry_msgs`, `nav_msgs` and `tf2_msgs`. Lengths are metres.

use super::Header;
use serde::{Deserialize, Serialize};

/// `geometry_msgs/Vector3`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Vector3 {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

/// `geometry_msgs/Point`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

/// `geometry_msgs/Quaternion`; the default is no rotation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Quaternion {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub w: f64,
}

impl Default for Quaternion {
    fn default() -> Self {
        Self { x: 0.0, y: 0.0, z: 0.0, w: 1.0 }
    }
}

/// `geometry_msgs/Pose`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Origin.
    pub position: Point,
    /// Rotation.
    pub orientation: Quaternion,
}

/// `geometry_msgs/PoseStamped`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoseStamped {
    /// Time and frame.
    pub header: Header,
    /// The pose in that frame.
    pub pose: Pose,
}

/// `nav_msgs/Path`: poses in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// Time of the newest pose, and frame.
    pub header: Header,
    /// The poses.
    pub poses: Vec<PoseStamped>,
}

/// `geometry_msgs/Transform`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    /// Origin of the child in the parent.
    pub translation: Vector3,
    /// Rotation from child to parent.
    pub rotation: Quaternion,
}

/// `geometry_msgs/TransformStamped`: maps `child_frame_id` to `header.frame_id`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TransformStamped {
    /// Time of validity and parent frame.
    pub header: Header,
    /// Child frame.
    pub child_frame_id: String,
    /// Maps child coordinates to parent coordinates.
    pub transform: Transform,
}

/// `geometry_msgs/PoseWithCovariance`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PoseWithCovariance {
    /// The pose.
    pub pose: Pose,
    /// Row-major 6×6: x, y, z (m²), rotation about X, Y, Z (rad²).
    #[serde(with = "long_array")]
    pub covariance: [f64; 36],
}

impl Default for PoseWithCovariance {
    fn default() -> Self {
        Self { pose: Pose::default(), covariance: [0.0; 36] }
    }
}

/// `tf2_msgs/TFMessage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TFMessage {
    /// The transforms.
    pub transforms: Vec<TransformStamped>,
}

/// Arrays of more than 32 elements, which serde does not derive.
mod long_array {
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeTuple;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer, const N: usize>(
        array: &[f64; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for value in array {
            tuple.serialize_element(value)?;
        }
        tuple.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[f64; N], D::Error> {
        struct Array<const N: usize>;

        impl<'de, const N: usize> Visitor<'de> for Array<N> {
            type Value = [f64; N];

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{N} numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[f64; N], A::Error> {
                let mut array = [0.0; N];
                for (i, value) in array.iter_mut().enumerate() {
                    *value = seq.next_element()?.ok_or_else(|| Error::invalid_length(i, &self))?;
                }
                Ok(array)
            }
        }

        deserializer.deserialize_tuple(N, Array::<N>)
    }
}
