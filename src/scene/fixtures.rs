//! Maps and objects for tests.

use super::{MapConfig, MapObject, ObjectId, SceneMap};
use crate::geometry::{CameraModel, Pose};
use crate::sensing::{DepthImage, RgbdFrame};
use crate::vision::FeatureMap;

/// A wall at 2 m whose column `c` of `columns` has the feature `feature(c)`.
pub(crate) fn wall(columns: usize, feature: impl Fn(usize) -> Vec<f32>) -> SceneMap {
    let (width, height) = (60u32, 20u32);
    let frame = RgbdFrame {
        stamp_ns: 7,
        color: image::RgbImage::new(width, height),
        depth_m: DepthImage { width, height, data_m: vec![2.0; 1200] },
        camera: CameraModel::pinhole(width, height, 40.0, 40.0, 29.5, 9.5),
        world_T_camera: Pose::identity(),
    };
    let data: Vec<f32> = (0..columns).flat_map(feature).collect();
    let width = data.len() / columns;
    let features = FeatureMap { rows: 1, columns, width, data };
    let config = MapConfig { feature_width: width, ..MapConfig::default() };
    let mut map = SceneMap::new(config).unwrap();
    map.integrate(&frame, Some(&features)).unwrap();
    map
}

/// An object that was seen once, in a cube.
pub(crate) fn object(id: u32, label: &str, position_m: [f64; 3], edge_m: f64) -> MapObject {
    sized(id, label, position_m, [edge_m; 3])
}

/// An object that was seen once, in a box.
pub(crate) fn sized(id: u32, label: &str, position_m: [f64; 3], size_m: [f64; 3]) -> MapObject {
    MapObject {
        id: ObjectId(id),
        label: label.into(),
        position_m,
        orientation_xyzw: [0.0, 0.0, 0.0, 1.0],
        size_m,
        confidence: 0.75,
        observations: 1,
        first_seen_ns: 0,
        last_seen_ns: 0,
    }
}
