//! Coloured points as messages.

use crate::ros::msg::{Header, PointCloud2, PointField};
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
