//! Coloured points as messages.

use crate::ros::msg::{Header, PointCloud2, PointField};
use crate::scene::SceneMap;
use serde_bytes::ByteBuf;

/// Its fields, each of four bytes.
const POINT: [(&str, u8); 4] = [
    ("x", PointField::FLOAT32),
    ("y", PointField::FLOAT32),
    ("z", PointField::FLOAT32),
    ("rgb", PointField::UINT32),
];
/// Further fields of a point of the map.
const OF_OBJECTS: [(&str, u8); 2] = [("object", PointField::INT32), ("label", PointField::UINT32)];

/// The message of coloured points (metres, frame `frame_id`), `rgb` packed as RViz and Foxglove
/// read it.
pub fn cloud_message(
    stamp_ns: i64,
    frame_id: &str,
    points: impl IntoIterator<Item = ([f32; 3], [u8; 3])>,
) -> PointCloud2 {
    let mut data = Vec::new();
    points.into_iter().for_each(|(xyz_m, rgb)| push(&mut data, xyz_m, rgb));
    message(stamp_ns, frame_id, &POINT, data)
}

/// The voxels of the map, every so many-th, each with the id of the object it belongs to (`object`, -1
/// for none) and a number of this object's name (`label`, 1..=255, 0 for none), by which a viewer
/// colours objects or classes; two names may have the same number.
pub fn map_message(stamp_ns: i64, map: &SceneMap, every: usize) -> PointCloud2 {
    let boxes = map.object_boxes();
    let mut data = Vec::new();
    for voxel in map.voxels().step_by(every.max(1)) {
        let object = boxes.at(voxel.xyz_m);
        push(&mut data, voxel.xyz_m, voxel.rgb);
        let id = object.and_then(|object| i32::try_from(object.id.0).ok());
        data.extend(id.unwrap_or(-1).to_le_bytes());
        data.extend(object.map_or(0, |object| number(&object.label)).to_le_bytes());
    }
    let fields = [POINT.as_slice(), &OF_OBJECTS].concat();
    message(stamp_ns, &map.config().frame_id, &fields, data)
}

fn push(data: &mut Vec<u8>, xyz_m: [f32; 3], [r, g, b]: [u8; 3]) {
    xyz_m.iter().for_each(|value| data.extend(value.to_le_bytes()));
    data.extend([b, g, r, 0]);
}

/// A number of a name, 1..=255, that stays the same over maps and runs (FNV-1a).
fn number(label: &str) -> u32 {
    let hash = label
        .bytes()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    1 + hash % 255
}

fn message(stamp_ns: i64, frame_id: &str, fields: &[(&str, u8)], data: Vec<u8>) -> PointCloud2 {
    let point_bytes = 4 * fields.len();
    let field = |(at, (name, datatype)): (usize, &(&str, u8))| PointField {
        name: (*name).into(),
        offset: 4 * at as u32,
        datatype: *datatype,
        count: 1,
    };
    PointCloud2 {
        header: Header::new(stamp_ns, frame_id),
        height: 1,
        width: (data.len() / point_bytes) as u32,
        fields: fields.iter().enumerate().map(field).collect(),
        is_bigendian: false,
        point_step: point_bytes as u32,
        row_step: data.len() as u32,
        data: ByteBuf::from(data),
        is_dense: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::scene::MapConfig;
    use crate::sensing::{DepthImage, Detection, RgbdFrame};

    #[test]
    fn a_point_is_sixteen_bytes_with_blue_first() {
        let cloud = cloud_message(5, "map", [([1.0, -2.0, 0.5], [10, 20, 30])]);
        assert_eq!((cloud.width, cloud.point_step, cloud.data.len()), (1, 16, 16));
        assert_eq!(cloud.data[..4], 1.0f32.to_le_bytes());
        assert_eq!(cloud.data[12..], [30, 20, 10, 0]);
    }

    #[test]
    fn voxels_of_the_map_tell_their_object() {
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        let empty = map_message(5, &map, 1);
        assert_eq!((empty.width, empty.point_step, empty.fields.len()), (0, 24, 6));
        let frame = RgbdFrame {
            stamp_ns: 1,
            color: image::RgbImage::new(64, 48),
            depth_m: DepthImage { width: 64, height: 48, data_m: vec![1.0; 64 * 48] },
            camera: CameraModel::pinhole(64, 48, 60.0, 60.0, 31.5, 23.5),
            world_T_camera: Pose::identity(),
        };
        map.integrate(&frame, None).unwrap();
        let wall = Detection {
            label: "wall".into(),
            score: 1.0,
            frame_T_box: Pose::translation(0.0, 0.0, 1.0),
            size_m: [0.2, 9.0, 0.2],
            track_id: String::new(),
        };
        map.observe(&[wall], &frame.world_T_camera, 1);
        let cloud = map_message(5, &map, 1);
        assert_eq!((cloud.width as usize, &*cloud.header.frame_id), (map.len(), "map"));
        let id = map.objects().iter().next().unwrap().id.0 as i32;
        for point in cloud.data.chunks_exact(24) {
            let x_m = f32::from_le_bytes([0, 1, 2, 3].map(|at| point[at]));
            let object = i32::from_le_bytes([16, 17, 18, 19].map(|at| point[at]));
            let label = u32::from_le_bytes([20, 21, 22, 23].map(|at| point[at]));
            let is_inside = x_m.abs() <= 0.125;
            assert_eq!((object, label), if is_inside { (id, number("wall")) } else { (-1, 0) });
        }
    }

    #[test]
    fn names_have_numbers_that_last() {
        assert_eq!(number("mug"), number("mug"));
        assert_ne!(number("mug"), number("fridge"));
        assert!(["", "mug", "コップ"].iter().all(|name| (1..=255).contains(&number(name))));
    }
}
