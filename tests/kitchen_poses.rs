//! Real recordings become posed frames: both kitchen bags against the recorded ground truth.
//!
//! The bags hold transforms only between the images, so every pose here is interpolated.

use scenellm::bag::{BagReader, Events, select};
use scenellm::geometry::{Pose, pose_from_row_major};
use scenellm::planner::TopicConfig;
use scenellm::sensing::{
    Assembled, AssembledFrame, FrameAssembler, SensingConfig, SensingError, SensorEvent,
};
use std::path::{Path, PathBuf};

/// The folder of a bag, or `None` (with a word about it) where the recordings are not there.
fn bag(name: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/bags")).join(name);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: no recordings at {}", folder.display());
    None
}

/// Stamps (nanoseconds) of all images and the true poses of the camera in the map.
fn ground_truth(folder: &Path) -> Vec<(i64, Pose)> {
    let text = std::fs::read_to_string(folder.join("groundtruth.csv")).expect("ground truth");
    text.lines()
        .map(|line| {
            let (stamp_ns, numbers) = line.split_once(',').expect("stamp, matrix");
            let numbers: Vec<f64> =
                numbers.split(',').map(|number| number.parse().expect("a number")).collect();
            let rows: [f64; 16] = numbers.try_into().expect("a 4x4 matrix");
            (stamp_ns.parse().expect("nanoseconds"), pose_from_row_major(&rows))
        })
        .collect()
}

/// Plays a whole bag: frames, and stamps and reasons of what was dropped.
fn play(folder: &Path) -> (Vec<AssembledFrame>, Vec<(i64, SensingError)>) {
    let reader = BagReader::open(folder).expect("the bag opens");
    let topics = select(reader.topics(), &TopicConfig::default()).expect("topics are clear");
    let mut assembler = FrameAssembler::new(SensingConfig::default());
    let mut out = Vec::new();
    for (log_time_ns, event) in Events::new(&reader, &topics) {
        out.extend(assembler.push(SensorEvent::Clock { stamp_ns: log_time_ns }));
        out.extend(assembler.push(event.expect("the bag is whole")));
    }
    out.extend(assembler.flush());
    let (mut frames, mut dropped) = (Vec::new(), Vec::new());
    for assembled in out {
        match assembled {
            Assembled::Frame(frame) => frames.push(*frame),
            Assembled::Dropped { stamp_ns, reason } => dropped.push((stamp_ns, reason)),
            Assembled::ClockJumpedBack { from_ns, to_ns } => {
                panic!("the bag's clock does not jump, but {from_ns} -> {to_ns}")
            }
        }
    }
    (frames, dropped)
}

fn median_and_max(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[values.len() - 1])
}

/// Plays a bag and checks every frame; gives back the frames and what was dropped.
fn check(folder: &Path) -> (Vec<AssembledFrame>, Vec<(i64, SensingError)>) {
    let truth = ground_truth(folder);
    let (frames, dropped) = play(folder);
    let settled: Vec<i64> = frames
        .iter()
        .map(|frame| frame.frame.stamp_ns)
        .chain(dropped.iter().map(|(stamp_ns, _)| *stamp_ns))
        .collect();
    assert!(truth.iter().all(|(stamp_ns, _)| settled.contains(stamp_ns)), "an image got lost");
    let (mut millimetres, mut degrees) = (Vec::new(), Vec::new());
    for AssembledFrame { frame, .. } in &frames {
        let at = truth.binary_search_by_key(&frame.stamp_ns, |(stamp_ns, _)| *stamp_ns);
        let (_, map_T_camera) = &truth[at.expect("every frame is an image")];
        let error = map_T_camera.inverse() * frame.world_T_camera;
        millimetres.push(1e3 * error.translation.vector.norm());
        degrees.push(error.rotation.angle().to_degrees());
        assert_eq!(frame.color.dimensions(), (640, 480));
        let mut readings: Vec<f32> =
            frame.depth_m.data_m.iter().copied().filter(|m| *m > 0.0).collect();
        assert!(readings.len() > 640 * 480 / 2, "{} readings", readings.len());
        readings.sort_by(f32::total_cmp);
        // A kitchen: metres, not millimetres.
        assert!((0.5..5.0).contains(&readings[readings.len() / 2]));
    }
    let (median_mm, max_mm) = median_and_max(millimetres);
    let (median_deg, max_deg) = median_and_max(degrees);
    println!("{} frames: {median_mm:.2} mm, {median_deg:.3}° (median)", frames.len());
    println!("{max_mm:.2} mm, {max_deg:.3}° (worst)");
    assert!(median_mm < 3.0 && max_mm < 15.0, "{median_mm} mm, at worst {max_mm} mm");
    assert!(median_deg < 0.3 && max_deg < 1.0, "{median_deg}°, at worst {max_deg}°");
    (frames, dropped)
}

#[test]
fn compressed_images_with_a_robot_between_map_and_camera() {
    let Some(folder) = bag("kitchen_compressed") else { return };
    let (frames, dropped) = check(&folder);
    assert_eq!(frames.len(), 99);
    // Nothing is known about the camera before the first transform.
    let (stamp_ns, reason) = &dropped[0];
    assert_eq!((dropped.len(), *stamp_ns), (1, ground_truth(&folder)[0].0));
    assert!(reason.to_string().contains("edge map -> base_link covers"), "{reason}");
    assert!(frames.iter().all(|frame| frame.color_frame_id == "camera_color_optical_frame"));
}

#[test]
fn raw_images_with_other_names_and_depth_in_metres() {
    let Some(folder) = bag("kitchen_raw") else { return };
    let (frames, dropped) = check(&folder);
    assert_eq!((frames.len(), dropped.len()), (9, 1));
    assert_eq!(dropped[0].0, ground_truth(&folder)[0].0);
}
