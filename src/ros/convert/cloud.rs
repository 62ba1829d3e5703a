//! Coloured points and map objects as messages.

use crate::geometry::Pose;
use crate::ros::msg::{Header, PointCloud2, PointField};
use crate::scene::MapObject;
use crate::sensing::{Detection, DetectionsEvent};
use nalgebra::{Quaternion, Translation3, UnitQuaternion};
use serde_bytes::ByteBuf;

/// Bytes of a point: x, y, z, rgb.
const POINT_BYTES: usize = 16;

/// The message of coloured points (metres, frame `frame_id`), `rgb` packed as RViz and Foxglove
/// read it.
pub fn cloud_message(
    stamp_ns: i64,
    frame_id: &str,
    points: impl IntoIterator<Item = ([f32; 3], [u8; 3])>,
) -> PointCloud2 {
    let mut data = Vec::new();
    for (xyz_m, [r, g, b]) in points {
        xyz_m.iter().for_each(|value| data.extend(value.to_le_bytes()));
        data.extend([b, g, r, 0]);
    }
    let count = (data.len() / POINT_BYTES) as u32;
    let field =
        |name: &str, offset, datatype| PointField { name: name.into(), offset, datatype, count: 1 };
    PointCloud2 {
        header: Header::new(stamp_ns, frame_id),
        height: 1,
        width: count,
        fields: vec![
            field("x", 0, PointField::FLOAT32),
            field("y", 4, PointField::FLOAT32),
            field("z", 8, PointField::FLOAT32),
            field("rgb", 12, PointField::UINT32),
        ],
        is_bigendian: false,
        point_step: POINT_BYTES as u32,
        row_step: data.len() as u32,
        data: ByteBuf::from(data),
        is_dense: true,
    }
}

/// The objects of a map as detections in its frame, tracked by their ids.
pub fn objects_event(
    topic: &str,
    stamp_ns: i64,
    frame_id: &str,
    objects: &[MapObject],
) -> DetectionsEvent {
    let detection = |object: &MapObject| {
        let [x, y, z, w] = object.orientation_xyzw;
        Detection {
            label: object.label.clone(),
            score: object.confidence,
            frame_T_box: Pose::from_parts(
                Translation3::from(object.position_m),
                UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z)),
            ),
            size_m: object.size_m,
            track_id: object.id.0.to_string(),
        }
    };
    DetectionsEvent {
        topic: topic.into(),
        stamp_ns,
        frame_id: frame_id.into(),
        detections: objects.iter().map(detection).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_sixteen_bytes_with_blue_first() {
        let cloud = cloud_message(5, "map", [([1.0, -2.0, 0.5], [10, 20, 30])]);
        assert_eq!((cloud.width, cloud.point_step, cloud.data.len()), (1, 16, 16));
        assert_eq!(cloud.data[..4], 1.0f32.to_le_bytes());
        assert_eq!(cloud.data[12..], [30, 20, 10, 0]);
    }
}
