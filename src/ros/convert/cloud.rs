//! Coloured points as messages.

use crate::ros::msg::{Header, PointCloud2, PointField};
use crate::scene::{SceneMap, VoxelScore, heat_rgb};
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
/// Further field of a point of a heat map.
const OF_HEAT: [(&str, u8); 1] = [("likeness", PointField::FLOAT32)];

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
/// for none) and the number of this object's name (`label`, see [`crate::scene::LabelNumbers`]; 0 for none),
/// by which a viewer colours objects or classes.
pub fn map_message(stamp_ns: i64, map: &SceneMap, every: usize) -> PointCloud2 {
    let (boxes, numbers) = (map.object_boxes(), map.objects().label_numbers());
    let mut data = Vec::new();
    for voxel in map.voxels().step_by(every.max(1)) {
        let object = boxes.at(voxel.xyz_m);
        push(&mut data, voxel.xyz_m, voxel.rgb);
        let id = object.and_then(|object| i32::try_from(object.id.0).ok());
        data.extend(id.unwrap_or(-1).to_le_bytes());
        data.extend(object.map_or(0, |object| numbers.of(&object.label)).to_le_bytes());
    }
    let fields = [POINT.as_slice(), &OF_OBJECTS].concat();
    message(stamp_ns, &map.config().frame_id, &fields, data)
}

/// The voxels of a map (metres, frame `frame_id`) in the colours of how well each fits a text, and as a
/// number (`likeness`, 0..=1; ½ is no better than just anything). Of more than `max_points` those that fit
/// best, half of what there is room for, stay whole, so that a small thing is not thinned away; the others
/// are thinned evenly.
pub fn heat_message(
    stamp_ns: i64,
    frame_id: &str,
    scores: &[VoxelScore],
    max_points: usize,
) -> PointCloud2 {
    let mut order: Vec<&VoxelScore> = scores.iter().collect();
    let mut whole = order.len();
    if order.len() > max_points {
        order.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
        whole = max_points / 2;
    }
    let (best, rest) = order.split_at(whole);
    let every = rest.len().div_ceil(max_points.saturating_sub(whole).max(1)).max(1);
    let mut data = Vec::new();
    for score in best.iter().chain(rest.iter().step_by(every)) {
        push(&mut data, score.xyz_m, heat_rgb(score.relevance));
        data.extend(score.relevance.to_le_bytes());
    }
    let fields = [POINT.as_slice(), &OF_HEAT].concat();
    message(stamp_ns, frame_id, &fields, data)
}

fn push(data: &mut Vec<u8>, xyz_m: [f32; 3], [r, g, b]: [u8; 3]) {
    xyz_m.iter().for_each(|value| data.extend(value.to_le_bytes()));
    data.extend([b, g, r, 0]);
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
    fn a_heat_map_keeps_what_fits_best_when_it_is_thinned() {
        let score = |x: u8| VoxelScore {
            key: [x.into(), 0, 0],
            xyz_m: [x.into(), 0.0, 0.0],
            relevance: if x == 77 { 0.9 } else { 0.1 },
            similarity: 0.2,
            last_seen_ns: 0,
        };
        let scores: Vec<VoxelScore> = (0..200).map(score).collect();
        let whole = heat_message(5, "map", &scores, 200);
        assert_eq!((whole.width, whole.point_step, &*whole.header.frame_id), (200, 20, "map"));
        assert_eq!((whole.fields[4].name.as_str(), whole.fields[4].offset), ("likeness", 16));
        let thinned = heat_message(5, "map", &scores, 20);
        assert_eq!(thinned.width, 20);
        assert_eq!(thinned.data[..4], 77.0f32.to_le_bytes());
        let [r, g, b] = heat_rgb(0.9);
        assert_eq!(thinned.data[12..16], [b, g, r, 0]);
        assert_eq!(thinned.data[16..20], 0.9f32.to_le_bytes());
        assert_eq!(heat_message(5, "map", &[], 20).width, 0);
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
            assert_eq!((object, label), if is_inside { (id, 1) } else { (-1, 0) });
        }
    }
}
