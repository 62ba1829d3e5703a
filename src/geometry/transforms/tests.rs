use super::edge::MAX_SAMPLES;
use super::*;
use nalgebra::{UnitQuaternion, Vector3};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn pose(x: f64, yaw: f64) -> Pose {
    Pose::new(Vector3::new(x, 0.0, 0.0), Vector3::new(0.0, 0.0, yaw))
}

fn edge(parent: &str, child: &str, stamp_ns: i64, parent_T_child: Pose) -> StampedTransform {
    StampedTransform { stamp_ns, parent: parent.into(), child: child.into(), parent_T_child }
}

/// map -> base (moving, 0 s to 4 s, 1 m/s), base -> camera (static), map -> chair (static).
fn buffer() -> TransformBuffer {
    let mut buffer = TransformBuffer::new(10 * SECOND);
    for second in 0..5 {
        let moved = pose(second as f64, 0.1 * second as f64);
        buffer.set(&edge("/map", "base", second * SECOND, moved), false).unwrap();
    }
    buffer.set(&edge("base", "camera", 77, pose(0.5, 0.0)), true).unwrap();
    buffer.set(&edge("map", "chair", 0, pose(-1.0, 0.0)), true).unwrap();
    buffer
}

fn assert_near(a: &Pose, b: &Pose) {
    assert!((a.translation.vector - b.translation.vector).norm() < 1e-9, "{a} {b}");
    assert!(a.rotation.angle_to(&b.rotation) < 1e-9, "{a} {b}");
}

#[test]
fn edges_are_interpolated_and_multiplied() {
    let buffer = buffer();
    let at = 2 * SECOND + SECOND / 4;
    let expected = pose(2.25, 0.225) * pose(0.5, 0.0);
    assert_near(&buffer.lookup("map", "/camera", at).unwrap(), &expected);
    assert_near(&buffer.lookup("camera", "map", at).unwrap(), &expected.inverse());
    let chair_T_camera = buffer.lookup("chair", "camera", at).unwrap();
    assert_near(&chair_T_camera, &(pose(-1.0, 0.0).inverse() * expected));
    assert_near(&buffer.lookup("map", "map", at).unwrap(), &Pose::identity());
}

#[test]
fn static_edges_hold_at_every_time() {
    let buffer = buffer();
    assert_near(&buffer.lookup("base", "camera", -5).unwrap(), &pose(0.5, 0.0));
    assert_near(&buffer.lookup("chair", "map", 900 * SECOND).unwrap(), &pose(1.0, 0.0));
}

#[test]
fn the_newest_pose_is_the_one_that_every_edge_covers() {
    let mut buffer = buffer();
    let late = edge("world", "map", 3 * SECOND, pose(10.0, 0.0));
    buffer.set(&late, false).unwrap();
    let (stamp_ns, world_T_camera) = buffer.lookup_newest("world", "camera").unwrap();
    assert_eq!(stamp_ns, 3 * SECOND);
    assert_near(&world_T_camera, &(pose(10.0, 0.0) * pose(3.0, 0.3) * pose(0.5, 0.0)));
    // The edge above the nearest common ancestor does not matter.
    assert_eq!(buffer.lookup_newest("map", "base").unwrap().0, 4 * SECOND);
    assert_eq!(buffer.lookup_newest("chair", "map").unwrap().0, i64::MAX);
    assert!(buffer.lookup_newest("map", "nowhere").is_err());
}

#[test]
fn the_end_of_a_moving_edge_is_forgotten_alone() {
    let mut buffer = buffer();
    buffer.forget_after("/base", 2 * SECOND);
    assert_eq!(buffer.newest_stamp_ns("base"), Some(2 * SECOND));
    assert!(buffer.lookup("map", "camera", 2 * SECOND).is_ok());
    buffer.forget_after("base", -1);
    assert_eq!(buffer.newest_stamp_ns("base"), None);
    buffer.forget_after("camera", -1);
    buffer.forget_after("nowhere", -1);
    assert!(buffer.lookup("base", "camera", 0).is_ok(), "what is static stays");
}

#[test]
fn extrapolation_names_frames_edge_times() {
    let buffer = buffer();
    let error = buffer.lookup("map", "camera", 5 * SECOND).unwrap_err();
    assert!(matches!(error, TransformError::ExtrapolationFuture(_)));
    assert_eq!(
        error.to_string(),
        "transform is not there yet: map <- camera at 5.000000000 s, but edge map -> base covers \
         0.000000000 s to 4.000000000 s"
    );
    let error = buffer.lookup("chair", "camera", -1).unwrap_err();
    assert!(
        matches!(&error, TransformError::ExtrapolationPast(e) if e.range_ns == (0, 4 * SECOND))
    );
}

#[test]
fn the_past_is_named_before_the_future() {
    let mut buffer = buffer();
    buffer.set(&edge("camera", "eye", SECOND, pose(0.0, 0.0)), false).unwrap();
    buffer.set(&edge("world", "map", 9 * SECOND, pose(0.0, 0.0)), false).unwrap();
    let error = buffer.lookup("world", "eye", 2 * SECOND).unwrap_err();
    assert!(matches!(&error, TransformError::ExtrapolationPast(e) if e.child == "map"));
    // Edges above the common ancestor do not matter.
    assert!(buffer.lookup("map", "camera", 2 * SECOND).is_ok());
}

#[test]
fn a_frame_stands_on_itself_whether_or_not_a_transform_names_it() {
    let buffer = TransformBuffer::new(SECOND);
    assert_near(&buffer.lookup("map", "/map", 5).unwrap(), &Pose::identity());
    assert_eq!(buffer.lookup_newest("map", "map").unwrap().0, i64::MAX);
    assert!(buffer.lookup("map", "base", 5).is_err());
}

#[test]
fn unknown_and_unconnected_frames_are_named() {
    let mut buffer = buffer();
    let error = buffer.lookup("map", "gripper", 0).unwrap_err();
    assert!(error.to_string().starts_with("frame \"gripper\" is unknown"), "{error}");
    buffer.set(&edge("island", "palm", 0, pose(0.0, 0.0)), true).unwrap();
    let error = buffer.lookup("map", "palm", 0).unwrap_err();
    assert!(matches!(error, TransformError::NotConnected { .. }), "{error}");
}

#[test]
fn nonsense_is_refused_and_changes_nothing() {
    let mut buffer = TransformBuffer::new(SECOND);
    let mut refuse = |parent: &str, child: &str, pose: Pose| {
        buffer.set(&edge(parent, child, 0, pose), false).unwrap_err()
    };
    let fine = pose(0.0, 0.0);
    assert!(matches!(refuse("", "a", fine), TransformError::EmptyFrame { .. }));
    assert!(matches!(refuse("a", "/", fine), TransformError::EmptyFrame { .. }));
    assert!(matches!(refuse("/a", "a", fine), TransformError::SelfEdge { .. }));
    assert!(matches!(refuse("a", "b", pose(f64::NAN, 0.0)), TransformError::NotFinite { .. }));
    let zero = UnitQuaternion::new_unchecked(nalgebra::Quaternion::new(0.0, 0.0, 0.0, 0.0));
    let zero = Pose::from_parts(Vector3::zeros().into(), zero);
    let error = refuse("a", "b", zero);
    assert!(matches!(error, TransformError::NotNormalised { norm, .. } if norm == 0.0));
    assert!(buffer.names.is_empty());
}

#[test]
fn cache_length_bounds_each_edge() {
    let mut buffer = TransformBuffer::new(2 * SECOND);
    for second in 0..10 {
        buffer.set(&edge("a", "b", second * SECOND, pose(second as f64, 0.0)), false).unwrap();
    }
    assert!(buffer.lookup("a", "b", 7 * SECOND).is_ok());
    let error = buffer.lookup("a", "b", 7 * SECOND - 1).unwrap_err();
    assert!(matches!(error, TransformError::ExtrapolationPast(_)));
    let error = buffer.set(&edge("a", "b", 3 * SECOND, pose(0.0, 0.0)), false).unwrap_err();
    assert!(matches!(error, TransformError::TooOld { newest_ns, .. } if newest_ns == 9 * SECOND));
    // Late but inside the cache: put in its place. Repeated: the first stays.
    let half = 8 * SECOND + SECOND / 2;
    buffer.set(&edge("a", "b", half, pose(100.0, 0.0)), false).unwrap();
    buffer.set(&edge("a", "b", half, pose(200.0, 0.0)), false).unwrap();
    assert_near(&buffer.lookup("a", "b", half).unwrap(), &pose(100.0, 0.0));
}

#[test]
fn samples_are_bounded_in_number() {
    let mut buffer = TransformBuffer::new(i64::MAX);
    for stamp in 0..MAX_SAMPLES as i64 + 10 {
        buffer.set(&edge("a", "b", stamp, pose(0.0, 0.0)), false).unwrap();
    }
    assert!(buffer.lookup("a", "b", 10).is_ok());
    assert!(buffer.lookup("a", "b", 9).is_err());
}

#[test]
fn a_child_moves_to_another_parent_as_in_tf2() {
    let mut buffer = TransformBuffer::new(10 * SECOND);
    for frame in ["table", "robot"] {
        buffer.set(&edge("map", frame, 0, pose(0.0, 0.0)), true).unwrap();
    }
    buffer.set(&edge("table", "cup", 0, pose(1.0, 0.0)), false).unwrap();
    buffer.set(&edge("table", "cup", SECOND, pose(2.0, 0.0)), false).unwrap();
    buffer.set(&edge("robot", "cup", 2 * SECOND, pose(3.0, 0.0)), false).unwrap();
    let at = |stamp| buffer.lookup("map", "cup", stamp).unwrap();
    assert_near(&at(SECOND / 2), &pose(1.5, 0.0));
    // Between two parents there is nothing to interpolate: the older sample holds.
    assert_near(&at(SECOND + SECOND / 2), &pose(2.0, 0.0));
    assert_near(&at(2 * SECOND), &pose(3.0, 0.0));
}

#[test]
fn loops_are_found_and_do_not_hang() {
    let mut buffer = TransformBuffer::new(SECOND);
    buffer.set(&edge("a", "b", 0, pose(0.0, 0.0)), true).unwrap();
    buffer.set(&edge("b", "a", 0, pose(0.0, 0.0)), true).unwrap();
    assert!(matches!(buffer.lookup("a", "b", 0).unwrap_err(), TransformError::Loop { .. }));
    assert!(buffer.tree().is_empty());
}

#[test]
fn clearing_keeps_static_edges_and_names() {
    let mut buffer = buffer();
    buffer.clear_dynamic();
    assert!(buffer.lookup("base", "camera", 0).is_ok());
    let error = buffer.lookup("map", "camera", SECOND).unwrap_err();
    assert!(matches!(error, TransformError::NotConnected { .. }));
    assert_eq!(buffer.newest_stamp_ns("base"), None);
}

#[test]
fn tree_prints_parents_before_children() {
    let lines: Vec<String> = buffer().tree().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "map -> base: 1.0 Hz, 0.000000000 s to 4.000000000 s",
            "  base -> camera: static",
            "map -> chair: static",
        ]
    );
}

proptest! {
    #[test]
    fn interpolation_stays_between_its_ends(
        yaw in -3.0..3.0f64, x in -5.0..5.0f64, stamp in 0..=SECOND
    ) {
        let mut buffer = TransformBuffer::new(SECOND);
        buffer.set(&edge("a", "b", 0, pose(0.0, 0.0)), false).unwrap();
        buffer.set(&edge("a", "b", SECOND, pose(x, yaw)), false).unwrap();
        let t = stamp as f64 / SECOND as f64;
        let got = buffer.lookup("a", "b", stamp).unwrap();
        prop_assert!((got.translation.x - t * x).abs() < 1e-9);
        prop_assert!((got.rotation.angle() - t * yaw.abs()).abs() < 1e-6);
    }

    #[test]
    fn out_of_order_samples_end_in_order(stamps in proptest::collection::vec(0..100i64, 1..60)) {
        let mut buffer = TransformBuffer::new(1000);
        for stamp in &stamps {
            buffer.set(&edge("a", "b", *stamp, pose(*stamp as f64, 0.0)), false).unwrap();
        }
        for stamp in stamps {
            let got = buffer.lookup("a", "b", stamp).unwrap();
            prop_assert!((got.translation.x - stamp as f64).abs() < 1e-9);
        }
    }
}
