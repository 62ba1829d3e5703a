use super::*;
use crate::geometry::{CameraModel, Pose};
use crate::sensing::{AssembledFrame, CameraInfoEvent, ImagePayload, SensingError};
use nalgebra::Vector3;
use proptest::prelude::*;

const MS: i64 = 1_000_000;
const SIZE: (u32, u32) = (32, 24);

fn image(topic: &str, frame_id: &str, stamp_ns: i64, payload: ImagePayload) -> ImageEvent {
    ImageEvent { camera: 0, topic: topic.into(), stamp_ns, frame_id: frame_id.into(), payload }
}

fn raw(encoding: &str, (width, height): (u32, u32), pixel: &[u8]) -> ImagePayload {
    ImagePayload::Raw {
        width,
        height,
        encoding: encoding.into(),
        is_bigendian: false,
        step: width * pixel.len() as u32,
        data: pixel.repeat((width * height) as usize),
    }
}

fn color(stamp_ns: i64) -> SensorEvent {
    SensorEvent::Color(image("/color", "eye", stamp_ns, raw("rgb8", SIZE, &[10, 20, 30])))
}

/// A wall two metres away.
fn depth(stamp_ns: i64) -> SensorEvent {
    depth_in("eye", stamp_ns)
}

fn depth_in(frame_id: &str, stamp_ns: i64) -> SensorEvent {
    let payload = raw("16UC1", SIZE, &2000_u16.to_le_bytes());
    SensorEvent::Depth(image("/depth", frame_id, stamp_ns, payload))
}

fn info(frame_id: &str, (width, height): (u32, u32)) -> CameraInfoEvent {
    let (cx, cy) = (f64::from(width) / 2.0 - 0.5, f64::from(height) / 2.0 - 0.5);
    CameraInfoEvent {
        camera: 0,
        topic: format!("/{frame_id}_info"),
        stamp_ns: 0,
        frame_id: frame_id.into(),
        width,
        height,
        distortion_model: "plumb_bob".into(),
        d: vec![0.0; 5],
        k: [30.0, 0.0, cx, 0.0, 30.0, cy, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [30.0, 0.0, cx, 0.0, 0.0, 30.0, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x: 0,
        binning_y: 0,
        roi: [0; 4],
        roi_do_rectify: false,
    }
}

/// map -> base at one metre a second.
fn moving(stamp_ns: i64) -> SensorEvent {
    SensorEvent::Transforms(vec![StampedTransform {
        stamp_ns,
        parent: "map".into(),
        child: "base".into(),
        parent_T_child: Pose::translation(stamp_ns as f64 * 1e-9, 0.0, 0.0),
    }])
}

fn fixed(child: &str, x: f64) -> SensorEvent {
    SensorEvent::StaticTransforms(vec![StampedTransform {
        stamp_ns: 0,
        parent: "base".into(),
        child: child.into(),
        parent_T_child: Pose::new(Vector3::new(x, 0.0, 0.0), Vector3::zeros()),
    }])
}

/// Everything but moving transforms and images has come.
fn ready() -> FrameAssembler {
    let mut assembler = FrameAssembler::new(SensingConfig::default());
    assert!(assembler.push(fixed("eye", 0.5)).is_empty());
    assert!(assembler.push(SensorEvent::ColorInfo(info("eye", SIZE))).is_empty());
    assembler
}

fn feed(assembler: &mut FrameAssembler, events: Vec<SensorEvent>) -> Vec<Assembled> {
    events.into_iter().flat_map(|event| assembler.push(event)).collect()
}

/// Stamps of frames, and stamps and reasons of what was dropped.
fn sort(out: Vec<Assembled>) -> (Vec<AssembledFrame>, Vec<(i64, String)>) {
    let (mut frames, mut dropped) = (Vec::new(), Vec::new());
    for assembled in out {
        match assembled {
            Assembled::Frame(frame) => frames.push(*frame),
            Assembled::Dropped { stamp_ns, reason } => dropped.push((stamp_ns, reason.to_string())),
            Assembled::ClockJumpedBack { .. } => dropped.push((-1, "jump".into())),
        }
    }
    (frames, dropped)
}

fn stamps(frames: &[AssembledFrame]) -> Vec<i64> {
    frames.iter().map(|frame| frame.frame.stamp_ns / MS).collect()
}

#[test]
fn a_pair_between_two_transforms_becomes_a_frame() {
    let mut assembler = ready();
    let events = vec![moving(0), moving(200 * MS), color(100 * MS), depth(100 * MS)];
    let (frames, dropped) = sort(feed(&mut assembler, events));
    assert_eq!((frames.len(), dropped.len()), (1, 0));
    let AssembledFrame { frame, color_frame_id, register_ms, .. } = &frames[0];
    assert_eq!((frame.stamp_ns, color_frame_id.as_str(), *register_ms), (100 * MS, "eye", 0.0));
    assert!((frame.world_T_camera.translation.x - 0.6).abs() < 1e-12);
    assert_eq!(frame.color.get_pixel(3, 3).0, [10, 20, 30]);
    assert_eq!(frame.depth_m.data_m, vec![2.0; 32 * 24]);
    assert_eq!(frame.camera, CameraModel::pinhole(32, 24, 30.0, 30.0, 15.5, 11.5));
}

#[test]
fn pairs_wait_for_late_transforms_in_order() {
    let mut assembler = ready();
    let mut events = vec![moving(0)];
    for i in 1..4 {
        events.extend([color(i * 100 * MS), depth(i * 100 * MS)]);
    }
    assert!(feed(&mut assembler, events).is_empty());
    let status = assembler.status();
    assert_eq!(status.pairs_waiting, 3);
    assert!(status.waiting_for.unwrap().contains("map -> base"));
    let (frames, _) = sort(assembler.push(moving(250 * MS)));
    assert_eq!(stamps(&frames), [100, 200]);
    let (frames, dropped) = sort(assembler.push(moving(310 * MS)));
    assert_eq!((stamps(&frames), dropped.len()), (vec![300], 0));
    let status = assembler.status();
    assert_eq!((status.frames, status.dropped, status.waiting_for), (3, 0, None));
    assert_eq!(status.last_transform_ns, Some(310 * MS));
}

#[test]
fn an_image_before_the_first_transform_is_reported_at_once() {
    let mut assembler = ready();
    let (frames, dropped) =
        sort(feed(&mut assembler, vec![color(10 * MS), depth(10 * MS), moving(20 * MS)]));
    assert!(frames.is_empty());
    assert_eq!(dropped.len(), 1);
    assert!(
        dropped[0].1.contains("/color: no pose: transform is gone or never was"),
        "{dropped:?}"
    );
}

#[test]
fn waiting_ends_by_the_stamps_of_images_and_by_the_clock() {
    let mut assembler = ready();
    let events = vec![moving(0), color(100 * MS), depth(100 * MS)];
    assert!(feed(&mut assembler, events).is_empty());
    let (_, dropped) = sort(feed(&mut assembler, vec![color(1200 * MS), depth(1200 * MS)]));
    assert_eq!(dropped.len(), 1);
    assert!(dropped[0].1.contains("not there yet"), "{dropped:?}");

    // The recorder's clock has its own zero.
    let clock = |stamp_ns| SensorEvent::Clock { stamp_ns };
    let mut assembler = ready();
    let events = vec![clock(0), moving(0), color(100 * MS), depth(100 * MS), clock(900 * MS)];
    assert!(feed(&mut assembler, events).is_empty());
    assert_eq!(sort(assembler.push(clock(1100 * MS))).1.len(), 1);
}

#[test]
fn nothing_is_decoded_before_its_pose_is_known() {
    let mut assembler = ready();
    let broken = ImagePayload::Compressed { format: "jpeg".into(), data: b"broken".to_vec() };
    let events = vec![
        moving(0),
        SensorEvent::Color(image("/color", "eye", 100 * MS, broken)),
        depth(100 * MS),
    ];
    assert!(feed(&mut assembler, events).is_empty());
    let (_, dropped) = sort(assembler.push(moving(200 * MS)));
    assert!(dropped[0].1.starts_with("/color: cannot decode"), "{dropped:?}");
}

#[test]
fn flush_reports_what_waits_and_guesses_nothing() {
    let mut assembler = ready();
    let events = vec![moving(0), moving(150 * MS), color(100 * MS), depth(103 * MS)];
    assert!(feed(&mut assembler, events).is_empty());
    let (frames, dropped) = sort(assembler.flush());
    assert_eq!((stamps(&frames), dropped.len()), (vec![100], 0));
    let events = vec![color(200 * MS), depth(200 * MS), color(300 * MS)];
    assert!(feed(&mut assembler, events).is_empty());
    let (frames, dropped) = sort(assembler.flush());
    assert!(frames.is_empty());
    assert!(
        dropped.iter().any(|(stamp, why)| *stamp == 300 * MS && why.contains("no depth image"))
    );
    assert!(dropped.iter().any(|(stamp, why)| *stamp == 200 * MS && why.contains("not there yet")));
    assert_eq!(assembler.status().pairs_waiting, 0);
}

#[test]
fn the_queue_of_pairs_is_bounded() {
    let config = SensingConfig { queue_length: 4, tf_wait_s: 60.0, ..SensingConfig::default() };
    let mut assembler = FrameAssembler::new(config);
    let events = (0..10).flat_map(|i| [color(i * 100 * MS), depth(i * 100 * MS)]).collect();
    let (_, dropped) = sort(feed(&mut assembler, events));
    assert_eq!(dropped.len(), 6);
    assert!(dropped[0].1.contains("4 newer images are waiting for"), "{}", dropped[0].1);
    assert_eq!(assembler.status().pairs_waiting, 4);
}

#[test]
fn cameras_share_transforms_and_nothing_else() {
    let mut assembler = FrameAssembler::of_cameras(SensingConfig::default(), 2);
    let rear = |event: SensorEvent| event.of_camera(1);
    let infos = [
        SensorEvent::ColorInfo(info("eye", SIZE)),
        rear(SensorEvent::ColorInfo(info("eye", SIZE))),
    ];
    let mut events = vec![fixed("eye", 0.5), moving(0), moving(100 * MS)];
    events.extend(infos);
    // Colour of one camera and depth of the other are no pair.
    events.extend([
        color(20 * MS),
        rear(depth(20 * MS)),
        rear(color(40 * MS)),
        rear(depth(40 * MS)),
    ]);
    let (frames, dropped) = sort(feed(&mut assembler, events));
    assert_eq!(stamps(&frames), [40]);
    assert_eq!((frames[0].camera, dropped.len()), (1, 1));
    let statuses = assembler.statuses();
    assert_eq!((statuses[0].frames, statuses[1].frames), (0, 1));
    assert_eq!(statuses[0].last_transform_ns, statuses[1].last_transform_ns);
    assert!(assembler.push(color(0).of_camera(2)).is_empty(), "no such camera");

    // A clock that is set back is set back for all.
    let day = 1_000_000 * MS;
    feed(&mut assembler, vec![moving(day), color(day), rear(color(day))]);
    let (_, dropped) = sort(assembler.push(rear(color(0))));
    let waiting = dropped.iter().filter(|(stamp_ns, _)| *stamp_ns == day).count();
    assert_eq!(waiting, 2, "{dropped:?}");
}

#[test]
fn a_clock_set_back_starts_over() {
    let mut assembler = ready();
    let day = 1_000_000 * MS;
    let events =
        vec![moving(day), moving(day + 100 * MS), color(day + 200 * MS), depth(day + 200 * MS)];
    assert!(feed(&mut assembler, events).is_empty());
    let out = assembler.push(moving(0));
    assert!(matches!(out[0], Assembled::Dropped { reason: SensingError::ClockJumped { .. }, .. }));
    assert!(matches!(
        out[1],
        Assembled::ClockJumpedBack { to_ns: 0, from_ns } if from_ns == day + 100 * MS
    ));
    assert_eq!(out.len(), 2);
    // Static transforms and calibration still hold.
    let events = vec![moving(100 * MS), color(50 * MS), depth(50 * MS)];
    let (frames, dropped) = sort(feed(&mut assembler, events));
    assert_eq!((stamps(&frames), dropped.len()), (vec![50], 0));
    assert!((frames[0].frame.world_T_camera.translation.x - 0.55).abs() < 1e-12);

    for event in [color(day), depth(day), SensorEvent::Clock { stamp_ns: day }] {
        let mut assembler = ready();
        assembler.push(event.clone());
        let back = match event {
            SensorEvent::Color(_) => color(0),
            SensorEvent::Depth(_) => depth(0),
            _ => SensorEvent::Clock { stamp_ns: 0 },
        };
        let out = assembler.push(back);
        assert!(matches!(out.last(), Some(Assembled::ClockJumpedBack { .. })), "{out:?}");
    }
}

#[test]
fn a_transform_that_comes_late_after_a_jump_holds_nothing_up() {
    let clock = |stamp_ns| SensorEvent::Clock { stamp_ns };
    // The time before the jump is farther away than transforms are remembered, or nearer.
    for end in [100_000 * MS, 5_000 * MS] {
        let mut assembler = ready();
        assert!(feed(&mut assembler, vec![clock(end), moving(end)]).is_empty());
        // The newest of the clock is taken in before older transforms.
        let out = feed(&mut assembler, vec![clock(0), moving(end + 10 * MS)]);
        assert!(matches!(&out[..], [Assembled::ClockJumpedBack { .. }]), "{out:?}");
        let events = vec![moving(0), moving(100 * MS), color(150 * MS), depth(150 * MS)];
        let out = feed(&mut assembler, events);
        assert!(out.is_empty(), "its pose is waited for: {out:?}");
        let (frames, dropped) = sort(assembler.push(moving(200 * MS)));
        assert_eq!((stamps(&frames), dropped.len()), (vec![150], 0), "{dropped:?}");
        assert!((frames[0].frame.world_T_camera.translation.x - 0.65).abs() < 1e-12);
        assert_eq!(assembler.status().last_transform_ns, Some(200 * MS));
        assert_eq!(assembler.status().refused_transforms, 0);
    }
}

#[test]
fn a_slow_or_doubled_transform_publisher_is_no_clock_jump() {
    let mut assembler = ready();
    let events = vec![moving(0), color(5000 * MS), depth(5000 * MS), moving(100 * MS)];
    let (_, dropped) = sort(feed(&mut assembler, events));
    assert!(dropped.iter().all(|(_, why)| why != "jump"), "{dropped:?}");
    let events = vec![moving(9000 * MS), moving(5000 * MS)];
    let (frames, dropped) = sort(feed(&mut assembler, events));
    assert_eq!((stamps(&frames), dropped.len()), (vec![5000], 0));
}

#[test]
fn depth_of_another_camera_is_registered() {
    let mut assembler = ready();
    let narrow = (20, 16);
    let depth = |stamp_ns| {
        let payload = raw("16UC1", narrow, &2000_u16.to_le_bytes());
        SensorEvent::Depth(image("/depth", "infra", stamp_ns, payload))
    };
    let events = vec![
        SensorEvent::DepthInfo(info("infra", narrow)),
        moving(0),
        moving(200 * MS),
        color(100 * MS),
        depth(100 * MS),
    ];
    assert!(feed(&mut assembler, events).is_empty(), "no transform to the depth camera yet");
    let (frames, dropped) = sort(assembler.push(fixed("infra", 0.6)));
    assert_eq!((frames.len(), dropped.len()), (1, 0));
    let depth_m = &frames[0].frame.depth_m;
    assert_eq!((depth_m.width, depth_m.height), SIZE);
    // 20×16 pixels of the same focal length in the middle, moved by 0.1 m · 30 px / 2 m = 1.5 px.
    let row: Vec<f32> = depth_m.data_m[12 * 32..13 * 32].to_vec();
    let seen: Vec<usize> = (0..32).filter(|i| row[*i] > 0.0).collect();
    assert!((20..=22).contains(&seen.len()), "{seen:?}");
    assert!((7..=8).contains(&seen[0]), "{seen:?}");
    assert!(row.iter().all(|m| *m == 0.0 || (m - 2.0).abs() < 1e-6));

    let mut assembler = ready();
    let events = vec![moving(0), moving(200 * MS), color(100 * MS), depth_in("infra", 100 * MS)];
    assert!(feed(&mut assembler, events).is_empty());
    let (_, dropped) = sort(assembler.flush());
    assert!(dropped[0].1.contains("no camera info for frame \"infra\""), "{dropped:?}");
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let mut assembler = ready();
    let small = SensorEvent::Depth(image("/depth", "eye", 0, raw("16UC1", (16, 12), &[1, 1])));
    let (_, dropped) = sort(feed(&mut assembler, vec![moving(0), color(0), small]));
    let why = &dropped[0].1;
    assert!(why.contains("/depth is 16x12") && why.contains("/eye_info describes 32x24"), "{why}");
}

#[test]
fn a_late_camera_info_is_waited_for_and_a_bad_one_is_named() {
    let mut assembler = FrameAssembler::new(SensingConfig::default());
    let events = vec![fixed("eye", 0.5), moving(0), color(0), depth(0)];
    assert!(feed(&mut assembler, events).is_empty());
    assert!(assembler.status().waiting_for.unwrap().contains("no camera info"));
    // One info for both cameras, whichever it is.
    let (frames, _) = sort(assembler.push(SensorEvent::DepthInfo(info("eye", SIZE))));
    assert_eq!(frames.len(), 1);
    let bad = CameraInfoEvent { k: [0.0; 9], ..info("eye", SIZE) };
    let events =
        vec![SensorEvent::ColorInfo(bad), moving(100 * MS), color(50 * MS), depth(50 * MS)];
    let (_, dropped) = sort(feed(&mut assembler, events));
    assert!(dropped[0].1.contains("not calibrated"), "{dropped:?}");
}

#[test]
fn depths_out_of_range_are_no_readings() {
    let config = SensingConfig { max_depth_m: 1.5, ..SensingConfig::default() };
    let mut assembler = FrameAssembler::new(config);
    let info = SensorEvent::ColorInfo(info("eye", SIZE));
    let events = vec![info, fixed("eye", 0.0), moving(0), color(0), depth(0)];
    let (frames, _) = sort(feed(&mut assembler, events));
    assert!(frames[0].frame.depth_m.data_m.iter().all(|m| *m == 0.0));
}

#[test]
fn refused_transforms_are_counted() {
    let mut assembler = ready();
    assembler.push(SensorEvent::Transforms(vec![StampedTransform {
        stamp_ns: 0,
        parent: "map".into(),
        child: "map".into(),
        parent_T_child: Pose::identity(),
    }]));
    let status = assembler.status();
    assert_eq!(status.refused_transforms, 1);
    assert!(status.last_refused_transform.unwrap().contains("itself"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_colour_image_comes_out_once(
        events in proptest::collection::vec((0..4_u8, 0..4000_i64), 0..60)
    ) {
        let mut assembler = ready();
        let mut images = 0;
        let mut out = Vec::new();
        for (kind, ms) in events {
            let stamp_ns = ms * MS;
            images += u32::from(kind == 0);
            out.extend(assembler.push(match kind {
                0 => color(stamp_ns),
                1 => depth(stamp_ns),
                2 => moving(stamp_ns),
                _ => SensorEvent::Clock { stamp_ns },
            }));
        }
        out.extend(assembler.flush());
        let settled = out.iter().filter(|assembled| match assembled {
            Assembled::Frame(_) => true,
            Assembled::Dropped { reason, .. } => !reason.to_string().starts_with("/depth"),
            Assembled::ClockJumpedBack { .. } => false,
        });
        prop_assert_eq!(settled.count() as u32, images);
    }
}
