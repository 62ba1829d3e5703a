//! The map against rooms whose content is known.

use super::*;
use crate::geometry::{CameraModel, Pose};
use crate::sensing::{DepthImage, Detection, RgbdFrame};
use crate::vision::FeatureMap;
use image::{Rgb, RgbImage};
use nalgebra::{Matrix3, Point3, Translation3, Vector3};
use std::collections::BTreeSet;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

/// A box with its least and greatest corner in world coordinates, and its colour.
#[derive(Clone, Copy)]
struct Solid([f64; 3], [f64; 3], [u8; 3]);

/// A wall 3 m ahead (world z is the optical axis of the identity pose).
const WALL: Solid = Solid([-5.0, -5.0, 3.02], [5.0, 5.0, 3.5], [200, 200, 190]);
/// A box in front of it.
const CRATE: Solid = Solid([-0.2, -0.2, 1.82], [0.2, 0.2, 2.2], [180, 40, 30]);
/// A rod 12 mm thick.
const ROD: Solid = Solid([0.506, -1.0, 2.0], [0.518, 1.0, 2.012], [20, 20, 20]);
/// A table top seen at a grazing angle.
const TABLE: Solid = Solid([-0.8, 0.312, 1.0], [0.8, 0.35, 2.5], [120, 90, 60]);

fn enter(solid: &Solid, origin: &Point3<f64>, ray: &Vector3<f64>) -> Option<f64> {
    let (mut near, mut far) = (0.0f64, f64::INFINITY);
    for axis in 0..3 {
        let a = (solid.0[axis] - origin[axis]) / ray[axis];
        let b = (solid.1[axis] - origin[axis]) / ray[axis];
        (near, far) = (near.max(a.min(b)), far.min(a.max(b)));
    }
    (near <= far && near > 0.0).then_some(near)
}

/// An image of `solids` by ray casting.
fn render(solids: &[Solid], world_T_camera: Pose, stamp_ns: i64) -> RgbdFrame {
    let camera = CameraModel::pinhole(WIDTH, HEIGHT, 145.0, 146.0, 79.3, 60.2);
    let mut color = RgbImage::new(WIDTH, HEIGHT);
    let mut data_m = Vec::new();
    for (u, v, pixel) in color.enumerate_pixels_mut() {
        let x = (f64::from(u) - camera.cx) / camera.fx;
        let y = (f64::from(v) - camera.cy) / camera.fy;
        let ray = world_T_camera.rotation * Vector3::new(x, y, 1.0);
        let origin = Point3::from(world_T_camera.translation.vector);
        let hits = solids.iter().filter_map(|one| Some((enter(one, &origin, &ray)?, one.2)));
        let nearest = hits.min_by(|a, b| a.0.total_cmp(&b.0));
        data_m.push(nearest.map_or(0.0, |(depth_m, _)| depth_m as f32));
        *pixel = Rgb(nearest.map_or([0; 3], |(_, rgb)| rgb));
    }
    let depth_m = DepthImage { width: WIDTH, height: HEIGHT, data_m };
    RgbdFrame { stamp_ns, color, depth_m, camera, world_T_camera }
}

fn grid(width: usize) -> FeatureMap {
    let (rows, columns) = (6, 8);
    let data = (0..rows * columns * width).map(|i| (i % 97) as f32 / 97.0 - 0.3).collect();
    FeatureMap { rows, columns, width, data }
}

/// A small pose error: 3 mm and 2 mrad, another each frame.
fn jitter(turn: i64) -> Pose {
    let wave = |k: f64| (turn as f64 * k).sin();
    let axes = Vector3::new(wave(1.7), wave(2.9), wave(0.7));
    Pose::new(axes * 0.003, axes.yzx() * 0.002)
}

/// A map with features and objects.
pub(super) fn furnished_map() -> SceneMap {
    let config = MapConfig { feature_width: 3, ..MapConfig::default() };
    let mut map = SceneMap::new(config).unwrap();
    for turn in 0..3 {
        let pose = Pose::new(Vector3::new(0.1 * turn as f64, 0.0, -0.2), Vector3::y() * 0.1);
        let features = (turn > 0).then(|| grid(3));
        map.integrate(&render(&[WALL, CRATE], pose, turn), features.as_ref()).unwrap();
    }
    let seen = |label: &str, x: f64| Detection {
        label: label.into(),
        score: 0.7,
        frame_T_box: Pose::translation(x, 0.1, 2.0),
        size_m: [0.3, 0.2, 0.4],
        track_id: format!("{label}-track"),
    };
    map.objects_mut().observe(&[seen("crate", 0.0), seen("mug", 1.0)], &jitter(5), 9);
    map
}

fn keys(map: &SceneMap) -> BTreeSet<[i32; 3]> {
    map.voxels().map(|voxel| voxel.key).collect()
}

/// Voxels whose mean point lies within 1 cm of `solid`.
fn on(map: &SceneMap, solid: &Solid) -> usize {
    let near = |xyz_m: [f32; 3]| {
        (0..3).all(|axis| {
            (solid.0[axis] - 0.01..=solid.1[axis] + 0.01).contains(&f64::from(xyz_m[axis]))
        })
    };
    map.voxels().filter(|voxel| near(voxel.xyz_m)).count()
}

#[test]
fn a_wall_is_where_it_is() {
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let pose = Pose::new(Vector3::new(40.0, -7.0, 2.0), Vector3::new(0.1, 1.2, -0.3));
    let frame = render(&[Solid([-90.0; 3], [41.5, 90.0, 90.0], [9, 80, 70])], Pose::identity(), 0);
    assert_eq!(map.integrate(&frame, None).unwrap().points, 0, "no reading, no point");
    let wall = Solid([42.013, -20.0, -20.0], [43.0, 20.0, 20.0], [10, 80, 70]);
    let report = map.integrate(&render(&[wall], pose, 5), None).unwrap();
    assert!(report.points > 15_000 && report.new_voxels == report.voxels, "{report:?}");
    for voxel in map.voxels() {
        assert!((voxel.xyz_m[0] - 42.013).abs() < 1e-4, "{voxel:?}");
        assert_eq!(voxel.rgb, [10, 80, 70]);
        assert_eq!(map.voxel(voxel.key), Some(voxel));
        let inside = voxel.xyz_m.iter().zip(voxel.key).all(|(x, key)| {
            (f64::from(*x) / 0.05 - f64::from(key)).clamp(-1e-3, 1.001)
                == f64::from(*x) / 0.05 - f64::from(key)
        });
        assert!(inside, "{voxel:?}");
    }
    assert_eq!(map.counts().points, report.points as u64);
    assert_eq!(map.voxel([0, 0, 0]), None);
}

#[test]
fn the_mean_is_exact_after_many_frames() {
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let frame = render(&[WALL], Pose::identity(), 1);
    for _ in 0..300 {
        map.integrate(&frame, None).unwrap();
    }
    for voxel in map.voxels() {
        assert!((voxel.xyz_m[2] - 3.02).abs() < 1e-5, "{voxel:?}");
        assert_eq!(voxel.count % 300, 0);
    }
}

#[test]
fn what_moved_away_is_removed_and_the_rest_stays() {
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    for turn in 0..20 {
        map.integrate(&render(&[WALL, CRATE], jitter(turn), turn), None).unwrap();
    }
    let (crate_before, wall_before) = (on(&map, &CRATE), on(&map, &WALL));
    assert!(crate_before >= 64, "{crate_before}");
    let mut removed = 0;
    for turn in 20..40 {
        let report = map.integrate(&render(&[WALL], jitter(turn), turn), None).unwrap();
        removed += report.removed_voxels;
    }
    assert_eq!(on(&map, &CRATE), 0);
    assert!(removed >= crate_before);
    assert!(on(&map, &WALL) >= wall_before, "{} of {wall_before}", on(&map, &WALL));
}

/// A camera one metre above the floor that looks along the world's x axis, z up.
fn upright(turn: i64) -> Pose {
    let columns = [-Vector3::y(), -Vector3::z(), Vector3::x()];
    let rotation = nalgebra::Rotation3::from_matrix_unchecked(Matrix3::from_columns(&columns));
    let level = Pose::from_parts(Translation3::new(0.0, 0.0, 1.0), rotation.into());
    level * jitter(turn)
}

/// What stands upright in the room of [`upright`].
const FLOOR: Solid = Solid([-9.0, -9.0, -0.1], [9.0, 9.0, 0.0], [150, 150, 150]);
const BACK: Solid = Solid([3.02, -5.0, -1.0], [3.5, 5.0, 5.0], [200, 200, 190]);
const STOOL: Solid = Solid([1.8, -0.2, 0.0], [2.2, 0.2, 0.5], [180, 40, 30]);

/// A detection in world coordinates, right to the millimetre.
fn detection(label: &str, solid: &Solid) -> Detection {
    Detection {
        label: label.into(),
        score: 0.9,
        frame_T_box: Pose::from(Vector3::from(solid.0).lerp(&solid.1.into(), 0.5)),
        size_m: std::array::from_fn(|axis| solid.1[axis] - solid.0[axis]),
        track_id: String::new(),
    }
}

/// Shows `solids` to a map in frames that are a nanosecond apart. How many objects went.
fn look(map: &mut SceneMap, solids: &[Solid], stamps: std::ops::Range<i64>) -> usize {
    let frames = stamps.map(|stamp_ns| render(solids, upright(stamp_ns), stamp_ns));
    frames.map(|frame| map.integrate(&frame, None).unwrap().removed_objects).sum()
}

#[test]
fn objects_go_with_their_voxels_and_only_then() {
    const SHELF: Solid = Solid([2.7, 0.5, 0.0], [3.02, 1.0, 1.5], [40, 90, 30]);
    const BOX: Solid = Solid([1.8, -0.9, 0.0], [2.0, -0.6, 0.3], [30, 40, 200]);
    const SCREEN: Solid = Solid([1.5, -1.2, 0.0], [1.6, -0.3, 1.2], [0, 0, 90]);
    let behind = Solid([-2.0, 0.0, 0.0], [-1.5, 0.5, 0.5], [0; 3]);
    let glass = Solid([1.5, 0.3, 0.9], [1.6, 0.4, 1.1], [0; 3]);
    let seen = [
        detection("stool", &STOOL),
        detection("shelf", &SHELF),
        detection("box", &BOX),
        detection("bench", &behind),
        detection("glass", &glass),
    ];
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let labels = |map: &SceneMap| -> Vec<String> {
        map.objects().iter().map(|object| object.label.clone()).collect()
    };
    look(&mut map, &[FLOOR, BACK, STOOL, SHELF, BOX], 0..20);
    map.objects_mut().observe(&seen, &Pose::identity(), 19);
    assert_eq!(look(&mut map, &[FLOOR, BACK, STOOL, SHELF, BOX], 20..60), 0, "all is there");
    // The stool is carried away, and a screen put before the box, which goes unseen.
    assert_eq!(look(&mut map, &[FLOOR, BACK, SHELF, SCREEN], 60..100), 1);
    assert_eq!(labels(&map), ["shelf", "box", "bench", "glass"]);
    // A detector that still sees it outweighs the voxels.
    map.objects_mut().observe(&[detection("shelf", &SHELF)], &Pose::identity(), 200);
    assert_eq!(look(&mut map, &[FLOOR, BACK, SCREEN], 100..140), 0);
    // The stool turns up elsewhere: it is the one that was carried away, and the next one is another.
    let carried = Solid([0.8, 2.0, 0.0], [1.2, 2.4, 0.5], STOOL.2);
    let report = map.observe(&[detection("stool", &carried)], &Pose::identity(), 300);
    assert_eq!((report.objects, report.new_objects), (vec![Some(ObjectId(0))], 0));
    assert_eq!(labels(&map), ["stool", "shelf", "box", "bench", "glass"]);
    let other = Solid([0.8, 3.5, 0.0], [1.2, 3.9, 0.5], STOOL.2);
    let report = map.observe(&[detection("stool", &other)], &Pose::identity(), 301);
    assert_eq!((report.objects, report.new_objects), (vec![Some(ObjectId(5))], 1));
}

#[test]
fn what_was_put_on_a_chair_and_taken_away_is_no_loss_of_the_chair() {
    // The box reaches to the top of a back of bars too thin to be seen.
    let chair = Solid(STOOL.0, [2.2, 0.2, 1.0], STOOL.2);
    let bag = Solid([1.85, -0.15, 0.5], [2.15, 0.15, 0.9], [30, 40, 200]);
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    look(&mut map, &[FLOOR, BACK, STOOL], 0..20);
    map.observe(&[detection("chair", &chair)], &Pose::identity(), 19);
    for round in 0..20 {
        let start = 20 + 9 * round;
        look(&mut map, &[FLOOR, BACK, STOOL, bag], start..start + 3);
        assert!(on(&map, &bag) > 20, "the bag is there");
        assert_eq!(look(&mut map, &[FLOOR, BACK, STOOL], start + 3..start + 9), 0, "in {round}");
    }
    assert_eq!(look(&mut map, &[FLOOR, BACK], 200..240), 1, "the chair is carried away");
    // A message that was long on its way does not bring it back; a new one does.
    let late = map.observe(&[detection("chair", &chair)], &Pose::identity(), 199);
    assert_eq!((late.objects, map.objects().len()), (vec![None], 0));
    let again = map.observe(&[detection("chair", &chair)], &Pose::identity(), 300);
    assert_eq!(again.objects, [Some(ObjectId(0))]);
}

#[test]
fn what_was_seen_under_another_clock_goes_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map");
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let start_ns = 100_000_000_000;
    look(&mut map, &[FLOOR, BACK, STOOL], start_ns..start_ns + 20);
    map.observe(&[detection("stool", &STOOL)], &Pose::identity(), start_ns + 19);
    map.save(&path).unwrap();
    let (mut restarted, _) = SceneMap::load(&path).unwrap();
    for map in [&mut map, &mut restarted] {
        assert_eq!(look(map, &[FLOOR, BACK], 50..90), 1);
        assert!(map.objects().is_empty());
        assert!(map.voxels().all(|voxel| voxel.last_seen_ns < 90), "the newest are the newest");
    }
    // Of several cameras one may be slow.
    look(&mut map, &[FLOOR, BACK, STOOL], start_ns..start_ns + 3);
    look(&mut map, &[FLOOR, BACK, STOOL], start_ns - 1_000_000_000..start_ns - 999_999_999);
    assert!(map.voxels().any(|voxel| voxel.last_seen_ns == start_ns + 2));
}

#[test]
fn removal_can_be_switched_off() {
    let removal = RemovalConfig { enabled: false, ..RemovalConfig::default() };
    let mut map = SceneMap::new(MapConfig { removal, ..MapConfig::default() }).unwrap();
    map.integrate(&render(&[WALL, CRATE], Pose::identity(), 0), None).unwrap();
    let before = on(&map, &CRATE);
    for turn in 1..20 {
        map.integrate(&render(&[WALL], Pose::identity(), turn), None).unwrap();
    }
    assert_eq!(on(&map, &CRATE), before);
}

#[test]
fn flat_things_go_where_poses_are_exact() {
    let book = Solid([-0.1, 0.272, 1.4], [0.1, 0.312, 1.6], [240, 240, 240]);
    // Without what may as well be the table.
    let upper = Solid([-0.1, 0.272, 1.4], [0.1, 0.285, 1.6], [0; 3]);
    let left_of_it = |removal: RemovalConfig| {
        let config = MapConfig { voxel_size_m: 0.02, removal, ..MapConfig::default() };
        let mut map = SceneMap::new(config).unwrap();
        let mut show = |solids: &[Solid], stamp_ns: i64| {
            map.integrate(&render(solids, Pose::identity(), stamp_ns), None).unwrap();
        };
        (0..10).for_each(|stamp_ns| show(&[WALL, TABLE, book], stamp_ns));
        (10..20).for_each(|stamp_ns| show(&[WALL, TABLE], stamp_ns));
        assert!(on(&map, &TABLE) > 500, "the table stays");
        on(&map, &upper)
    };
    assert!(left_of_it(RemovalConfig::default()) > 10);
    assert_eq!(left_of_it(RemovalConfig::of_exact_poses()), 0);
}

#[test]
fn what_is_hidden_or_unread_stays() {
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    for turn in 0..3 {
        map.integrate(&render(&[WALL, CRATE], Pose::identity(), turn), None).unwrap();
    }
    let before = keys(&map);
    let screen = Solid([-3.0, -3.0, 1.0], [3.0, 3.0, 1.1], [0, 0, 90]);
    let mut blind = render(&[WALL], Pose::identity(), 0);
    blind.depth_m.data_m.fill(0.0);
    for turn in 3..40 {
        let frame = render(&[screen, WALL], jitter(turn), turn);
        assert_eq!(map.integrate(&frame, None).unwrap().removed_voxels, 0);
        blind.stamp_ns = turn;
        assert_eq!(map.integrate(&blind, None).unwrap().removed_voxels, 0);
    }
    assert!(keys(&map).is_superset(&before));
}

#[test]
fn thin_and_grazing_things_survive_small_pose_errors() {
    let mut map = SceneMap::new(MapConfig::default()).unwrap();
    let things = [WALL, ROD, TABLE];
    for turn in 0..4 {
        map.integrate(&render(&things, jitter(turn), turn), None).unwrap();
    }
    let before = (on(&map, &ROD), on(&map, &TABLE));
    assert!(before.0 > 15 && before.1 > 200, "{before:?}");
    for turn in 4..120 {
        map.integrate(&render(&things, jitter(turn), turn), None).unwrap();
    }
    let after = (on(&map, &ROD), on(&map, &TABLE));
    assert!(after.0 * 100 >= before.0 * 95, "rod {before:?} {after:?}");
    assert!(after.1 * 100 >= before.1 * 98, "table {before:?} {after:?}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut map = furnished_map();
            map.integrate(&render(&[WALL], Pose::identity(), 50), Some(&grid(3))).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("map");
            map.save(&path).unwrap();
            (std::fs::read(&path).unwrap(), select_scene_tokens(&map, 40))
        })
    };
    assert!(run(1) == run(3));
}

#[test]
fn features_are_means_and_cost_nothing_when_absent() {
    let config = MapConfig { feature_width: 3, ..MapConfig::default() };
    let mut with = SceneMap::new(config).unwrap();
    let mut without = SceneMap::new(MapConfig::default()).unwrap();
    let frame = render(&[WALL, CRATE], Pose::identity(), 0);
    with.integrate(&frame, None).unwrap();
    without.integrate(&frame, None).unwrap();
    assert_eq!(with.bytes(), without.bytes(), "no feature yet");
    assert!(without.bytes_per_voxel() < 64.0, "{}", without.bytes_per_voxel());

    let flat = |value: f32| FeatureMap { rows: 2, columns: 2, width: 3, data: vec![value; 12] };
    with.integrate(&frame, Some(&flat(1.0))).unwrap();
    with.integrate(&frame, Some(&flat(0.0))).unwrap();
    for voxel in with.voxels() {
        assert_eq!(voxel.feature().unwrap(), [0.5; 3]);
    }
    let half_bytes = 3 * 2 * with.len();
    assert_eq!(with.bytes(), without.bytes() + half_bytes);
    let wrong = with.integrate(&frame, Some(&grid(4))).unwrap_err().to_string();
    assert!(wrong.contains("feature_width: 3") && wrong.contains('4'), "{wrong}");
}

#[test]
fn after_an_absence_the_next_look_counts_as_much_as_all_before() {
    for (away_s, expected) in [(599, 0.9), (601, 0.5)] {
        let config = MapConfig { feature_width: 1, ..MapConfig::default() };
        let mut map = SceneMap::new(config).unwrap();
        let flat = |value: f32| FeatureMap { rows: 1, columns: 1, width: 1, data: vec![value] };
        let mut frame = render(&[WALL, CRATE], Pose::identity(), 0);
        for _ in 0..9 {
            map.integrate(&frame, Some(&flat(1.0))).unwrap();
        }
        frame.stamp_ns += away_s * 1_000_000_000;
        map.integrate(&frame, Some(&flat(0.0))).unwrap();
        for voxel in map.voxels() {
            let feature = voxel.feature().unwrap()[0];
            assert!((feature - expected).abs() < 2e-3, "{away_s} s: {feature}");
        }
    }
}

#[test]
fn the_byte_cap_holds_and_the_oldest_goes_first() {
    let config = MapConfig { max_bytes: 150_000, ..MapConfig::default() };
    let mut map = SceneMap::new(config).unwrap();
    let mut evicted = 0;
    for turn in 0..12 {
        let pose = Pose::new(Vector3::zeros(), Vector3::y() * 0.5 * turn as f64);
        let room = Solid([-2.5; 3], [2.5; 3], [90; 3]);
        // Seen from inside, the far side of each pair of walls is hit: render them one by one.
        let walls: Vec<Solid> = (0..3)
            .flat_map(|axis| {
                let (mut low, mut high) = (room, room);
                (low.1[axis], high.0[axis]) = (-2.4, 2.4);
                [low, high]
            })
            .collect();
        evicted += map.integrate(&render(&walls, pose, turn), None).unwrap().evicted_voxels;
        assert!(map.bytes() <= 150_000);
    }
    assert!(evicted > 0 && !map.is_empty());
    assert!(map.voxels().all(|voxel| voxel.last_seen_ns > 3), "old ones are gone");
    assert!(map.voxels().any(|voxel| voxel.last_seen_ns == 11), "the last frame is there");
}

#[test]
fn bad_frames_are_refused_and_change_nothing() {
    let mut map = furnished_map();
    let before = map.clone();
    let good = render(&[WALL], Pose::identity(), 77);
    let mut bad_size = good.clone();
    bad_size.depth_m.width = 80;
    let mut bad_pose = good.clone();
    bad_pose.world_T_camera.translation.vector.x = f64::NAN;
    let mut far = good.clone();
    far.world_T_camera.translation.vector.x = 1e12;
    let mut bad_camera = good;
    bad_camera.camera.fx = 0.0;
    for (frame, words) in [
        (bad_size, "depth is 80×120"),
        (bad_pose, "pose is not finite"),
        (far, "too far"),
        (bad_camera, "focal lengths"),
    ] {
        let said = map.integrate(&frame, None).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
    assert!(map == before);
    let config = MapConfig { voxel_size_m: 0.0, ..MapConfig::default() };
    assert!(SceneMap::new(config).unwrap_err().to_string().contains("voxel_size_m"));
}

#[test]
fn tokens_cover_the_scene_within_the_budget() {
    let map = furnished_map();
    for budget in [0, 1, 7, 64, 100_000] {
        let tokens = select_scene_tokens(&map, budget);
        assert!(tokens.len() <= budget);
        assert_eq!(tokens.features.len(), tokens.len() * 3);
        assert_eq!(tokens, select_scene_tokens(&map, budget));
    }
    assert_eq!(select_scene_tokens(&map, 100_000).len(), map.len());
    let tokens = select_scene_tokens(&map, 64);
    assert_eq!(tokens.len(), 64);
    let farthest = map.voxels().map(|voxel| {
        let point = Point3::from(voxel.xyz_m);
        let distances = tokens.xyz_m.iter().map(|t| nalgebra::distance(&point, &Point3::from(*t)));
        distances.fold(f32::INFINITY, f32::min)
    });
    let farthest = farthest.fold(0.0, f32::max);
    assert!(farthest < 0.6, "a voxel is {farthest} m from all tokens");
    assert!(tokens.rgb.iter().flatten().all(|c| (0.0..=1.0).contains(c)));
    assert!(tokens.rgb.iter().any(|rgb| rgb[0] > 0.6 && rgb[1] < 0.3), "the crate has a token");
}

#[test]
fn frame_tokens_stand_in_camera_coordinates() {
    let pose = Pose::new(Vector3::new(9.0, 9.0, 9.0), Vector3::zeros());
    let moved = |solid: Solid| Solid(solid.0.map(|v| v + 9.0), solid.1.map(|v| v + 9.0), solid.2);
    let frame = render(&[moved(WALL), moved(CRATE)], pose, 3);
    let rays = frame.camera.ray_table();
    let features = grid(5);
    let ego = EgoFrame::new(&frame, &rays, Some(&features), &EgoConfig::default()).unwrap();
    assert_eq!(ego.len(), (WIDTH * HEIGHT / 4) as usize);
    assert_eq!((ego.pixel[1], ego.cell[0]), ([2, 0], 0));
    let [x, _, z] = ego.xyz_m[0];
    approx::assert_relative_eq!(x, -79.3 / 145.0 * z, epsilon = 1e-5);
    let tokens = select_frame_tokens(&ego, Some(&features), 0.05, 50);
    assert_eq!((tokens.len(), tokens.width, tokens.frame), (50, 5, TokenFrame::Camera));
    assert!(tokens.xyz_m.iter().all(|p| (1.8..3.03).contains(&p[2])));
    assert_eq!(tokens, select_frame_tokens(&ego, Some(&features), 0.05, 50));
    let plain = select_frame_tokens(&ego, None, 0.05, 50);
    assert_eq!((plain.width, plain.xyz_m), (0, tokens.xyz_m));
}

#[test]
fn exports_say_what_the_map_holds() {
    let folder = tempfile::tempdir().unwrap();
    let map = furnished_map();
    let ply = folder.path().join("map.ply");
    let counts = map.write_ply(&ply).unwrap();
    let data = std::fs::read(&ply).unwrap();
    let end = data.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
    let header = std::str::from_utf8(&data[..end]).unwrap();
    assert!(header.contains(&format!("element vertex {}\n", counts.voxels)), "{header}");
    assert_eq!(data.len() - end, map.len() * 19);
    let first = map.voxels().next().unwrap();
    assert_eq!(data[end..end + 4], first.xyz_m[0].to_le_bytes());
    assert_eq!(data[end + 12..end + 15], first.rgb);
    assert_eq!(data[end + 15..end + 19], first.count.to_le_bytes());

    let json = folder.path().join("map.json");
    let [subject, object] = [0, 1].map(ObjectId);
    let beside = Relation { subject, relation: RelationKind::NextTo, object, distance_m: 1.0 };
    map.write_json(&json, &[beside]).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(said["frame_id"], "map");
    assert_eq!(said["counts"]["voxels"], map.len());
    assert_eq!(said["objects"][0]["label"], "crate");
    assert_eq!(said["objects"][1]["label_number"], 2);
    // The crate is there; where the mug was seen nothing has been mapped.
    let voxels = [0, 1].map(|at| said["objects"][at]["voxels"].as_u64().unwrap());
    assert!(voxels[0] > 20 && voxels[1] == 0, "{voxels:?}");
    let [seen, unseen] = [0, 1].map(|at| &said["objects"][at]);
    assert!(seen["points"].as_u64() >= Some(voxels[0]) && seen["centroid_m"].is_array(), "{seen}");
    assert!(unseen["points"] == 0 && unseen["centroid_m"].is_null(), "{unseen}");
    let beside = serde_json::json!([
        {"subject": 0, "relation": "next_to", "object": 1, "distance_m": 1.0}
    ]);
    assert_eq!(said["relations"], beside);
    assert!(said["objects"][0]["labels"]["crate"].as_f64().is_some_and(|score| score > 0.6));
    assert_eq!(said["bytes"], map.bytes());
    let nowhere = map.write_ply(&folder.path().join("no/map.ply")).unwrap_err();
    assert!(nowhere.to_string().contains("map.ply"));
}

#[test]
fn settings_refuse_unknown_fields() {
    let config: MapConfig = serde_json::from_str(r#"{"voxel_size_m": 0.1}"#).unwrap();
    assert_eq!(config.max_depth_m, 6.0);
    assert!(serde_json::from_str::<MapConfig>(r#"{"voxel_size": 0.1}"#).is_err());
}
