//! What a check says of bags that are whole, and of bags with something missing.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use scenellm::bag::{BagReader, BagWriter};
use scenellm::check::{Alignment, BagCheck, Finding, Severity, check_bag};
use scenellm::geometry::{CameraModel, Pose};
use scenellm::planner::PlannerConfig;
use scenellm::ros::msg::Detection3DArray;
use scenellm::ros::{ImageMessage, camera_info_message, image_message, tf_message};
use scenellm::sensing::{ImagePayload, SensingConfig, SensorEvent};
use scenellm::sim::{Home, HomeKind, OPTICAL_FRAME, RecordOptions, record};
use std::path::Path;

const IMAGES: u64 = 8;

/// Writes a short drive to `path`, each event as `change` leaves it, or not at all.
fn write_bag(path: &Path, change: impl Fn(SensorEvent) -> Option<SensorEvent>) {
    let options = RecordOptions {
        camera: CameraModel::pinhole(64, 48, 55.0, 55.0, 31.5, 23.5),
        seconds: IMAGES as f64 / 10.0,
        fps: 10.0,
        ..RecordOptions::default()
    };
    let mut bag = BagWriter::create(path).unwrap();
    let home = Home::generate(HomeKind::Kitchen, 1);
    record(&home, &options, &mut |at_ns, event| {
        match change(event) {
            Some(SensorEvent::Color(image) | SensorEvent::Depth(image)) => {
                match image_message(&image) {
                    ImageMessage::Raw(message) => bag.write(&image.topic, at_ns, &message),
                    ImageMessage::Compressed(message) => bag.write(&image.topic, at_ns, &message),
                }
            }
            Some(SensorEvent::ColorInfo(info) | SensorEvent::DepthInfo(info)) => {
                bag.write(&info.topic, at_ns, &camera_info_message(&info))
            }
            Some(SensorEvent::Transforms(all)) => bag.write("/tf", at_ns, &tf_message(&all)),
            Some(SensorEvent::StaticTransforms(all)) => {
                bag.write("/tf_static", at_ns, &tf_message(&all))
            }
            _ => Ok(()),
        }
        .unwrap();
    })
    .unwrap();
    bag.finish().unwrap();
}

fn check_with(
    config: &PlannerConfig,
    change: impl Fn(SensorEvent) -> Option<SensorEvent>,
) -> BagCheck {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag.mcap");
    write_bag(&path, change);
    let bag = BagReader::open(&path).unwrap();
    let mut last_ns = 0;
    let check = check_bag(&bag, config, &mut |at_ns| last_ns = at_ns);
    assert!(last_ns >= bag.start_ns().unwrap());
    check
}

fn check(change: impl Fn(SensorEvent) -> Option<SensorEvent>) -> BagCheck {
    check_with(&PlannerConfig::default(), change)
}

fn errors(check: &BagCheck) -> Vec<&Finding> {
    check.findings.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

/// The one error of a check.
fn only_error(check: &BagCheck) -> &Finding {
    let errors = errors(check);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(!check.is_good());
    errors[0]
}

#[test]
fn a_good_bag_has_no_findings() {
    let check = check(Some);
    assert_eq!(check.findings, [], "{check}");
    assert!(check.is_good());
    let transforms = &check.transforms;
    assert_eq!(transforms.roots, ["map"]);
    assert!(transforms.connected);
    assert_eq!((transforms.images, transforms.images_with_pose), (IMAGES, IMAGES));
    let levels: Vec<_> =
        transforms.edges.iter().map(|edge| (edge.child.as_str(), edge.level)).collect();
    let wanted = [("odom", 0), ("base_link", 1), ("camera_link", 2), (OPTICAL_FRAME, 3)];
    assert_eq!(levels, wanted);
    assert!((transforms.edges[0].rate_hz.unwrap() - 50.0).abs() < 0.1);
    assert!(transforms.edges[3].is_static && transforms.edges[3].range_ns.is_none());
    assert_eq!(check.frames.made, IMAGES);
    assert_eq!(check.sync.pairs, IMAGES);
    assert_eq!(check.sync.skew_max_ms, Some(0.0));
    assert_eq!(check.alignment, Some(Alignment::Registered));
    let depth = check.depth.as_ref().unwrap();
    assert_eq!((depth.encoding.as_str(), depth.unit.as_str()), ("16UC1", "millimetres"));
    assert!(depth.valid_share > 0.5);
    let [min_m, median_m, max_m] = depth.range_m.unwrap();
    assert!(0.1 < min_m && min_m <= median_m && median_m <= max_m && max_m < 10.0);
    let camera = check.color_camera.as_ref().unwrap();
    assert_eq!(camera.intrinsics, [55.0, 55.0, 31.5, 23.5]);
    let wanted_deg = 2.0 * (32.0f64 / 55.0).atan().to_degrees();
    assert!((camera.view_deg.unwrap()[0] - wanted_deg).abs() < 1e-9);
    assert!(check.first_frame.is_some());
}

#[test]
fn text_and_json_say_the_same() {
    let check = check(Some);
    let text = check.to_string();
    for said in ["/camera/color/image_raw", "10.0 Hz", "map", "Nothing would fail", "16UC1"] {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }
    let json = serde_json::to_value(&check).unwrap();
    assert_eq!(json["alignment"], "registered");
    assert_eq!(json["transforms"]["images_with_pose"], IMAGES);
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(json["roles"][0]["topic"], "/camera/color/image_raw");
}

#[test]
fn without_moving_transforms_the_finding_names_the_frames() {
    let check = check(|event| match event {
        SensorEvent::Transforms(_) => None,
        event => Some(event),
    });
    let error = only_error(&check);
    assert!(error.what.contains("\"map\"") && error.what.contains(OPTICAL_FRAME), "{error}");
    assert!(error.advice.contains("base_link"), "a root to choose: {error}");
    assert_eq!((check.transforms.images_with_pose, check.frames.made), (0, 0));
}

#[test]
fn without_any_transform_the_finding_names_the_frames() {
    let check = check(|event| match event {
        SensorEvent::Transforms(_) | SensorEvent::StaticTransforms(_) => None,
        event => Some(event),
    });
    let errors = errors(&check);
    let named =
        |error: &&&Finding| error.what.contains("map") && error.what.contains(OPTICAL_FRAME);
    assert!(errors.iter().find(named).unwrap().advice.contains("/tf_static"));
    assert!(errors.iter().any(|error| error.subject == "tf"));
    let served = |role: &str| check.roles.iter().find(|r| r.role == role).unwrap().topic.is_some();
    assert!(served("color") && served("depth_info") && !served("tf"));
}

#[test]
fn without_fixed_transforms_the_camera_is_not_in_the_tree() {
    let check = check(|event| match event {
        SensorEvent::StaticTransforms(_) => None,
        event => Some(event),
    });
    let error = only_error(&check);
    assert!(error.what.contains(&format!("no transform names {OPTICAL_FRAME:?}")), "{error}");
}

#[test]
fn an_edge_missing_in_the_middle_leaves_two_trees() {
    let check = check(|event| match event {
        SensorEvent::Transforms(mut all) => {
            all.retain(|transform| transform.parent == "map");
            Some(SensorEvent::Transforms(all))
        }
        event => Some(event),
    });
    let error = only_error(&check);
    assert!(error.advice.contains("\"map\" and \"base_link\""), "{error}");
    assert_eq!(check.transforms.roots, ["base_link", "map"]);
}

#[test]
fn an_unknown_world_frame_gets_the_roots_proposed() {
    let sensing = SensingConfig { world_frame: "earth".into(), ..SensingConfig::default() };
    let config = PlannerConfig { sensing, ..PlannerConfig::default() };
    let check = check_with(&config, Some);
    let error = only_error(&check);
    assert!(error.what.contains("\"earth\"") && error.advice.contains("map"), "{error}");
}

#[test]
fn images_before_the_first_transform_are_a_warning() {
    let start_ns = RecordOptions::default().start_ns;
    let check = check(|event| match event {
        SensorEvent::Transforms(all) if all[0].stamp_ns < start_ns + 150_000_000 => None,
        event => Some(event),
    });
    assert!(check.is_good(), "{check}");
    assert_eq!((check.transforms.images_with_pose, check.frames.made), (IMAGES - 2, IMAGES - 2));
    let [finding] = check.findings.as_slice() else { panic!("{check}") };
    assert!(finding.what.starts_with("2 of 8 images"), "{finding}");
    assert!(finding.advice.contains("before the first transform"), "{finding}");
}

#[test]
fn images_and_transforms_of_different_clocks_are_told_of() {
    for apart_ns in [-3_600_000_000_000, 3_600_000_000_000] {
        let check = check(|event| match event {
            SensorEvent::Color(mut image) => {
                image.stamp_ns += apart_ns;
                Some(SensorEvent::Color(image))
            }
            SensorEvent::Depth(mut image) => {
                image.stamp_ns += apart_ns;
                Some(SensorEvent::Depth(image))
            }
            event => Some(event),
        });
        let error = only_error(&check);
        assert!(error.what.starts_with("8 of 8 images"), "{error}");
        assert!(error.advice.contains("one clock stamps both"), "{error}");
    }
}

#[test]
fn a_camera_that_looks_up_by_its_frame_is_doubted() {
    // As simulators do that stamp images with the frame of the camera's body.
    let check = check(|event| match event {
        SensorEvent::StaticTransforms(mut all) => {
            let optical = all.iter_mut().find(|edge| edge.child == OPTICAL_FRAME).unwrap();
            optical.parent_T_child = Pose::identity();
            Some(SensorEvent::StaticTransforms(all))
        }
        event => Some(event),
    });
    let [finding] = check.findings.as_slice() else { panic!("{check}") };
    assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Warning, OPTICAL_FRAME));
    assert!(finding.advice.contains("REP 103"), "{finding}");
}

#[test]
fn a_choice_that_a_replay_refuses_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag.mcap");
    let mut bag = BagWriter::create(&path).unwrap();
    for topic in ["/left/objects", "/right/objects"] {
        bag.write(topic, 1, &Detection3DArray::default()).unwrap();
    }
    bag.finish().unwrap();
    let bag = BagReader::open(&path).unwrap();
    let check = check_bag(&bag, &PlannerConfig::default(), &mut |_| {});
    let refused = errors(&check).into_iter().find(|error| error.subject == "detections").unwrap();
    assert!(refused.what.contains("/left/objects, /right/objects"), "{refused}");
}

#[test]
fn missing_calibration_wrong_size_and_empty_depth_are_errors() {
    let without = check(|event| match event {
        SensorEvent::ColorInfo(_) | SensorEvent::DepthInfo(_) => None,
        event => Some(event),
    });
    let subjects: Vec<_> = errors(&without).iter().map(|error| error.subject.as_str()).collect();
    assert_eq!(subjects, ["color_info"], "{without}");
    assert_eq!((without.frames.made, without.roles[3].topic.as_ref()), (0, None), "{without}");

    let small = check(|event| match event {
        SensorEvent::ColorInfo(mut info) => {
            (info.width, info.height) = (128, 96);
            Some(SensorEvent::ColorInfo(info))
        }
        event => Some(event),
    });
    let error = only_error(&small);
    assert!(error.what.contains("64x48") && error.what.contains("128x96"), "{error}");

    let empty = check(|event| match event {
        SensorEvent::Depth(mut image) => {
            if let ImagePayload::Raw { data, .. } = &mut image.payload {
                data.fill(0);
            }
            Some(SensorEvent::Depth(image))
        }
        event => Some(event),
    });
    assert!(only_error(&empty).what.contains("no frame has one reading"), "{empty}");
    assert!(empty.first_frame.is_none());
}

#[test]
fn a_clock_set_back_and_colour_out_of_step_are_found() {
    let start_ns = RecordOptions::default().start_ns;
    let back = check(|event| match event {
        SensorEvent::Color(mut image) if image.stamp_ns > start_ns + 650_000_000 => {
            image.stamp_ns -= 5_000_000_000;
            Some(SensorEvent::Color(image))
        }
        event => Some(event),
    });
    assert!(back.findings.iter().any(|finding| finding.what.contains("jumps back by")), "{back}");

    // As when a bag is played beside live sensors: every other image is of another time.
    let odd = std::cell::Cell::new(false);
    let two = check(|event| match event {
        SensorEvent::Color(mut image) => {
            odd.set(!odd.get());
            image.stamp_ns -= i64::from(odd.get()) * 5_000_000_000;
            Some(SensorEvent::Color(image))
        }
        event => Some(event),
    });
    let of_clock: Vec<_> =
        two.findings.iter().filter(|finding| finding.subject == "clock").collect();
    let [finding] = of_clock.as_slice() else { panic!("{two}") };
    assert!(finding.what.contains("jumps back 3 times; first it jumps back by"), "{finding}");

    let apart = check(|event| match event {
        SensorEvent::Depth(mut image) => {
            image.stamp_ns += 50_000_000;
            Some(SensorEvent::Depth(image))
        }
        event => Some(event),
    });
    let error = only_error(&apart);
    assert!(error.advice.contains("sync_slop_ms"), "{error}");
    assert_eq!((apart.sync.pairs, apart.sync.unpaired_color), (0, IMAGES));
    assert_eq!(apart.sync.skew_median_ms, Some(50.0));
}

#[test]
fn recorded_kitchens_are_good() {
    let bags = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/bags"));
    if !bags.exists() {
        println!("skipped: {} does not exist", bags.display());
        return;
    }
    for (name, images) in [("kitchen_raw", 10), ("kitchen_compressed", 100)] {
        let bag = BagReader::open(bags.join(name)).unwrap();
        let check = check_bag(&bag, &PlannerConfig::default(), &mut |_| {});
        assert!(check.is_good(), "{name}:\n{check}");
        assert_eq!(check.transforms.images, images, "{name}");
        // The first image of both was taken before the first transform.
        assert_eq!(check.transforms.images_with_pose, images - 1, "{name}");
        assert_eq!(check.alignment, Some(Alignment::Registered), "{name}");
    }
}
