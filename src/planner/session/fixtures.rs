//! A camera that looks at a wall with things before it, and a session that sees what it does.

use super::Session;
use crate::geometry::{CameraModel, Pose};
use crate::planner::Output;
use crate::sensing::{AssembledFrame, DepthImage, RgbdFrame};
use image::RgbImage;
use nalgebra::{Matrix3, Rotation3, Translation3, Vector3};
use std::ops::Range;

pub(super) const WIDTH: usize = 160;
pub(super) const HEIGHT: usize = 120;
/// Columns of the pictures in which the things are, and the rows of both.
pub(super) const MUG: Range<usize> = 50..70;
pub(super) const VASE: Range<usize> = 90..110;
pub(super) const ROWS: Range<usize> = 50..70;

/// What a camera sees that looks along the world's x axis, one metre above the floor: a wall,
/// and things before it in these columns.
pub(super) fn frame(stamp_ns: i64, things: &[Range<usize>]) -> RgbdFrame {
    let depth_m = |pixel: usize| {
        let (column, row) = (pixel % WIDTH, pixel / WIDTH);
        let is_thing = things.iter().any(|columns| columns.contains(&column));
        if is_thing && ROWS.contains(&row) { 1.52 } else { 3.02 }
    };
    let data_m: Vec<f32> = (0..WIDTH * HEIGHT).map(depth_m).collect();
    let (width, height) = (WIDTH as u32, HEIGHT as u32);
    let columns = [-Vector3::y(), -Vector3::z(), Vector3::x()];
    let rotation = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&columns));
    RgbdFrame {
        stamp_ns,
        color: RgbImage::new(width, height),
        depth_m: DepthImage { width, height, data_m },
        camera: CameraModel::pinhole(width, height, 145.0, 145.0, 79.5, 59.5),
        world_T_camera: Pose::from_parts(Translation3::new(0.0, 0.0, 1.0), rotation.into()),
    }
}

/// Lets a session see a frame, all of whose points must go into the map.
pub(super) fn show(session: &mut Session, camera: usize, frame: RgbdFrame) {
    let color_frame_id = "camera".into();
    let (decode_ms, register_ms) = (0.0, 0.0);
    let mut outputs = Vec::new();
    session.integrate(
        AssembledFrame { frame, camera, color_frame_id, decode_ms, register_ms },
        &mut outputs,
    );
    let [Output::Frame(record)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((record.camera, record.points), (camera, WIDTH * HEIGHT));
}
