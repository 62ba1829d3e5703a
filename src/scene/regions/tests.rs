//! Regions of rooms made by hand, whose voxels bear the vectors of their names.

use super::*;
use crate::geometry::{CameraModel, Pose};
use crate::scene::{EgoConfig, EgoFrame, MapConfig, SceneError, SceneMap};
use crate::sensing::{DepthImage, RgbdFrame};
use crate::vision::{FeatureMap, TextEncoder, WordHash};
use nalgebra::{Rotation3, UnitQuaternion, Vector3};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::FRAC_PI_2;

const WIDTH: usize = 64;
const NAMES: [&str; 7] = ["mug", "diningtable", "fridge", "cabinet", "apple", "floor", "wall"];
/// Solid boxes, lower and upper corner, metres.
type Block = (&'static str, [f64; 3], [f64; 3]);
const TABLE: Block = ("diningtable", [0.0, 0.0, 0.68], [1.2, 0.8, 0.74]);
const MUG: Block = ("mug", [0.5, 0.3, 0.76], [0.6, 0.4, 0.86]);
const FRIDGE: Block = ("fridge", [1.4, 0.0, 0.0], [2.1, 0.7, 1.7]);
const FLOOR: Block = ("floor", [-1.0, -1.0, -0.1], [3.0, 2.0, -0.02]);

fn words() -> WordHash {
    WordHash::new(WIDTH).unwrap()
}

fn names() -> NamedVectors {
    NamedVectors::new(&words(), NAMES).unwrap()
}

/// A frame from straight above everything, looking down: columns are world x, rows world −y.
/// Each pixel sees the highest block in its column; the features are those of the block's name,
/// with noise whose length is `noise`.
fn frame(blocks: &[Block], noise: f32, stamp_ns: i64) -> (RgbdFrame, FeatureMap) {
    let (width, height, focal, up_m) = (320u32, 240u32, 240.0, 4.0);
    let camera = CameraModel::pinhole(width, height, focal, focal, 159.5, 119.5);
    // Optical z down, x along world x, y along world −y.
    let down = Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    let world_T_camera = Pose::from_parts(
        nalgebra::Translation3::new(0.9, 0.4, up_m),
        UnitQuaternion::from_rotation_matrix(&down),
    );
    let words = words();
    // Once a name: hashing is slow.
    let vectors: Vec<Vec<f32>> = blocks.iter().map(|block| words.embed(block.0).unwrap()).collect();
    let mut rng = Pcg64Mcg::seed_from_u64(stamp_ns as u64);
    let mut data_m = vec![0.0f32; (width * height) as usize];
    let mut color = image::RgbImage::new(width, height);
    let mut data = Vec::new();
    for v in 0..height {
        for u in 0..width {
            let ray =
                Vector3::new((f64::from(u) - 159.5) / focal, (f64::from(v) - 119.5) / focal, 1.0);
            let hit = |block: &Block| {
                let depth_m = up_m - block.2[2];
                let at = world_T_camera * nalgebra::Point3::from(ray * depth_m);
                (0..2).all(|axis| (block.1[axis]..block.2[axis]).contains(&at[axis]))
            };
            let seen = blocks.iter().zip(&vectors).filter(|(block, _)| hit(block));
            let seen = seen.max_by(|a, b| a.0.2[2].total_cmp(&b.0.2[2]));
            let mut feature = vec![0.0; WIDTH];
            if let Some(((name, _, high), vector)) = seen {
                data_m[(v * width + u) as usize] = (up_m - high[2]) as f32;
                feature.clone_from(vector);
                let tone = name.bytes().map(u32::from).sum::<u32>() % 200;
                color.put_pixel(u, v, image::Rgb([tone as u8, 120, 60]));
            }
            let each = noise / (WIDTH as f32).sqrt();
            data.extend(feature.into_iter().map(|x| x + each * rng.random_range(-1.7..1.7f32)));
        }
    }
    let depth_m = DepthImage { width, height, data_m };
    let (rows, columns) = (height as usize, width as usize);
    let features = FeatureMap { rows, columns, width: WIDTH, data };
    (RgbdFrame { stamp_ns, color, depth_m, camera, world_T_camera }, features)
}

fn map(blocks: &[Block], noise: f32, frames: i64) -> SceneMap {
    let config = MapConfig {
        feature_width: WIDTH,
        feature_space: words().space().into(),
        ..MapConfig::default()
    };
    let mut map = SceneMap::new(config).unwrap();
    look(&mut map, blocks, noise, 0..frames);
    map
}

fn look(map: &mut SceneMap, blocks: &[Block], noise: f32, stamps: std::ops::Range<i64>) {
    for stamp_ns in stamps {
        let (frame, features) = frame(blocks, noise, stamp_ns);
        map.integrate(&frame, Some(&features)).unwrap();
    }
}

/// The map after the robot was switched off and on.
fn restarted(map: &SceneMap) -> SceneMap {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home.map");
    map.save(&path).unwrap();
    SceneMap::load(&path).unwrap().0
}

fn named<'a>(regions: &'a [Region], name: &str) -> Vec<&'a Region> {
    let at = names().index_of(name).unwrap();
    regions.iter().filter(|region| region.name == at).collect()
}

fn config() -> RegionConfig {
    RegionConfig::default()
}

#[test]
fn a_mug_on_a_table_beside_a_fridge_are_three_regions() {
    let map = map(&[FLOOR, TABLE, MUG, FRIDGE], 0.0, 1);
    let regions = map.regions(&names(), &config()).unwrap();
    assert_eq!(regions.len(), 3, "{regions:#?}");
    let (mug, table) = (named(&regions, "mug")[0], named(&regions, "diningtable")[0]);
    assert_eq!(mug.on.map(|on| regions[on].name), names().index_of("diningtable"));
    assert!(table.on.is_none() && named(&regions, "fridge")[0].on.is_none());
    for (centre, wanted) in mug.centre_m.iter().zip([0.55, 0.35]) {
        assert!((centre - wanted).abs() < 0.03, "{mug:?}");
    }
    assert!(mug.score > 0.9 && mug.voxels >= 4 && mug.seen_ns == [0, 0]);
    let own = words().embed("mug").unwrap();
    let cosine: f32 = mug.feature.iter().zip(&own).map(|(a, b)| a * b).sum();
    assert!(cosine > 0.95, "{cosine}");
    assert!((table.size_m[0] - 1.2).abs() < 0.06 && (table.size_m[1] - 0.8).abs() < 0.06);
}

#[test]
fn what_is_too_small_for_a_region_is_glimpsed_where_it_lies() {
    // Two voxels of an apple on the table, and a whole mug.
    let apple = ("apple", [1.02, 0.62, 0.76], [1.08, 0.66, 0.79]);
    let map = map(&[FLOOR, TABLE, MUG, FRIDGE, apple], 0.0, 1);
    let regions = map.regions(&names(), &config()).unwrap();
    assert_eq!(named(&regions, "apple").len(), 0, "{regions:#?}");
    let glimpses = map.glimpses(&regions, &names(), &config()).unwrap();
    let of = |name: &str| glimpses.iter().filter(|one| one.name == name).collect::<Vec<_>>();
    let [one] = of("apple")[..] else { panic!("{glimpses:?}") };
    assert!(one.on == "diningtable" && (0.2..1.0).contains(&one.share), "{one:?}");
    assert!(of("mug").is_empty(), "what is a region is no glimpse of itself: {glimpses:?}");
    let room = |one: &Glimpse| ["floor", "wall"].contains(&one.name.as_str());
    assert!(!glimpses.iter().any(room), "{glimpses:?}");
    assert!(map.glimpses(&[], &names(), &config()).unwrap().is_empty(), "on nothing that is known");
    let short = NamedVectors::new(&WordHash::new(8).unwrap(), NAMES).unwrap();
    assert!(map.glimpses(&regions, &short, &config()).is_err());
}

#[test]
fn noise_makes_no_regions_and_hides_none() {
    let noisy = map(&[FLOOR, TABLE, MUG, FRIDGE], 1.0, 3);
    let regions = noisy.regions(&names(), &config()).unwrap();
    assert_eq!(regions.len(), 3, "{regions:#?}");
    assert_eq!(regions, noisy.regions(&names(), &config()).unwrap(), "the same every time");
    // Nothing but noise is no thing, where names must be better than none.
    let strict = RegionConfig { nothing: 0.4, ..config() };
    let (frame, mut features) = frame(&[FLOOR], 0.0, 9);
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    features.data.iter_mut().for_each(|value| *value = rng.random_range(-1.0..1.0));
    let mut blind = map(&[], 0.0, 0);
    blind.integrate(&frame, Some(&features)).unwrap();
    assert!(blind.regions(&names(), &strict).unwrap().len() < 3);
}

#[test]
fn two_cabinets_apart_are_two_and_in_pieces_one() {
    let left = ("cabinet", [0.0, 0.0, 0.5], [0.5, 0.4, 1.0]);
    let right = ("cabinet", [1.0, 0.0, 0.5], [1.5, 0.4, 1.0]);
    let regions = map(&[left, right], 0.0, 1).regions(&names(), &config()).unwrap();
    assert_eq!(regions.len(), 2);
    // A strip of another name, and a gap as wide as a voxel.
    let strip = ("wall", [0.2, -0.2, 0.5], [0.25, 0.6, 1.0]);
    let halves = [
        ("cabinet", [0.0, 0.0, 0.5], [0.2, 0.4, 1.0]),
        ("cabinet", [0.25, 0.0, 0.5], [0.5, 0.4, 1.0]),
    ];
    let regions = map(&[halves[0], halves[1], strip], 0.0, 1).regions(&names(), &config()).unwrap();
    assert_eq!(regions.len(), 1, "{regions:#?}");
    assert!((regions[0].size_m[0] - 0.5).abs() < 0.06);
}

#[test]
fn one_frame_has_the_regions_of_its_map_in_camera_coordinates() {
    let (frame, features) = frame(&[FLOOR, TABLE, MUG, FRIDGE], 0.2, 4);
    let rays = frame.camera.ray_table();
    let points = EgoFrame::new(&frame, &rays, Some(&features), &EgoConfig::default()).unwrap();
    let pose = &frame.world_T_camera;
    let regions = frame_regions(&points, &features, pose, &names(), &config()).unwrap();
    assert_eq!(regions.len(), 3, "{regions:#?}");
    let mug = named(&regions, "mug")[0];
    assert_eq!(mug.on.map(|on| regions[on].name), names().index_of("diningtable"));
    let world = pose * nalgebra::Point3::from(mug.centre_m);
    assert!((world - nalgebra::Point3::new(0.55, 0.35, 0.85)).norm() < 0.05, "{world}");
    assert!(mug.size_m[2] < 0.06, "only its top is seen: {mug:?}");
    let other = NamedVectors::new(&WordHash::new(8).unwrap(), NAMES).unwrap();
    assert!(frame_regions(&points, &features, pose, &other, &config()).is_err());
}

#[test]
fn spaces_that_differ_are_refused() {
    let map = map(&[TABLE], 0.0, 1);
    let short = NamedVectors::new(&WordHash::new(8).unwrap(), NAMES).unwrap();
    assert!(matches!(map.regions(&short, &config()), Err(SceneError::FeatureWidth { .. })));
    let space = MapConfig { feature_width: WIDTH, ..MapConfig::default() };
    let other = SceneMap::new(space).unwrap().regions(&names(), &config());
    assert!(matches!(other, Err(SceneError::Space { .. })));
}

#[test]
fn objects_keep_their_ids_and_go_with_their_things() {
    let (names, config) = (names(), config());
    let mut map = map(&[FLOOR, TABLE, MUG, FRIDGE], 0.3, 2);
    let first = map.see_objects(&names, &config).unwrap();
    assert_eq!((first.new_objects, map.objects().len()), (3, 3));
    let id_of = |map: &SceneMap, label: &str| {
        map.objects().iter().find(|object| object.label == label).map(|object| object.id)
    };
    let mug = id_of(&map, "mug").unwrap();
    assert_eq!(first.region_of(mug).map(|region| region.name), names.index_of("mug"));
    look(&mut map, &[FLOOR, TABLE, MUG, FRIDGE], 0.3, 2..5);
    let again = map.see_objects(&names, &config).unwrap();
    assert_eq!((again.new_objects, again.removed_objects), (0, 0));
    assert_eq!(id_of(&map, "mug"), Some(mug));
    assert_eq!(map.objects().get(mug).unwrap().observations, 2);
    // Somebody carries it to the other end of the table: the same mug.
    let there: Block = ("mug", [0.1, 0.1, 0.76], [0.2, 0.2, 0.86]);
    look(&mut map, &[FLOOR, TABLE, there, FRIDGE], 0.3, 5..20);
    for _ in 0..4 {
        map.see_objects(&names, &config).unwrap();
    }
    assert_eq!(map.objects().iter().filter(|object| object.label == "mug").count(), 1);
    let moved = map.objects().get(mug).expect("the same id");
    assert!((moved.position_m[0] - 0.15).abs() < 0.05, "{moved:?}");
}

#[test]
fn what_a_detector_gave_is_left_alone_and_what_is_refuted_stays_away() {
    let (names, config) = (names(), config());
    let mut map = map(&[FLOOR, TABLE, MUG], 0.0, 2);
    let detection = |label: &str, x: f64| crate::sensing::Detection {
        label: label.into(),
        score: 0.9,
        frame_T_box: Pose::translation(x, 0.35, 0.8),
        size_m: [0.1; 3],
        track_id: String::new(),
    };
    let given = [detection("mug", 0.57), detection("clock", 2.5)];
    map.objects_mut().observe(&given, &Pose::identity(), 1);
    let before = map.objects().as_slice().to_vec();
    let seen = map.see_objects(&names, &config).unwrap();
    assert_eq!(seen.new_objects, 1, "the table");
    assert!(seen.region_of(before[0].id).is_some(), "the mug is the detector's");
    for _ in 0..4 {
        map.see_objects(&names, &config).unwrap();
    }
    assert_eq!(map.objects().as_slice()[..2], before[..]);
    let table = map.objects().as_slice()[2].id;
    assert!(map.objects().is_own(table) && !map.objects().is_own(before[0].id));
    map.refute(table).unwrap();
    map.see_objects(&names, &config).unwrap();
    assert_eq!(map.objects().len(), 2, "it was said not to be a table");
}

#[test]
fn a_detector_that_knows_mugs_is_believed_about_mugs() {
    let mut map = map(&[FLOOR, TABLE, MUG], 0.0, 2);
    let elsewhere = crate::sensing::Detection {
        label: "mug".into(),
        score: 0.9,
        frame_T_box: Pose::translation(2.5, 0.35, 0.8),
        size_m: [0.1; 3],
        track_id: String::new(),
    };
    map.objects_mut().observe(&[elsewhere], &Pose::identity(), 1);
    map.see_objects(&names(), &config()).unwrap();
    let labels: Vec<&str> = map.objects().iter().map(|object| object.label.as_str()).collect();
    assert_eq!(labels, ["mug", "diningtable"], "the other mug is no object");
}

#[test]
fn what_a_detector_tells_of_later_is_what_the_map_had_found_first() {
    let (names, config) = (names(), config());
    let corner: Block = ("fridge", [1.0, 0.0, 0.0], [1.2, 0.3, 0.3]);
    let mut map = map(&[FLOOR, corner], 0.0, 2);
    map.see_objects(&names, &config).unwrap();
    let own = map.objects().iter().find(|object| object.label == "fridge").unwrap().id;
    let whole = crate::sensing::Detection {
        label: "fridge".into(),
        score: 0.9,
        frame_T_box: Pose::translation(1.4, 0.4, 0.9),
        size_m: [0.85, 0.85, 1.8],
        track_id: String::new(),
    };
    map.objects_mut().observe(&[whole], &Pose::identity(), 1);
    map.see_objects(&names, &config).unwrap();
    let fridges: Vec<_> = map.objects().iter().filter(|one| one.label == "fridge").collect();
    assert_eq!((fridges.len(), fridges[0].id), (1, own));
    assert!((fridges[0].size_m[2] - 1.8).abs() < 1e-9, "{fridges:?}");
    assert!(!map.objects().is_own(own));
}

#[test]
fn what_the_robot_took_is_gone_at_once_and_known_again() {
    let (names, config) = (names(), config());
    let mut map = map(&[FLOOR, TABLE, MUG], 0.0, 10);
    map.see_objects(&names, &config).unwrap();
    let mug = map.objects().iter().find(|object| object.label == "mug").unwrap().id;
    map.take_away(mug).unwrap();
    map.see_objects(&names, &config).unwrap();
    assert!(map.objects().iter().all(|object| object.label != "mug"));
    let there: Block = ("mug", [0.9, 0.1, 0.76], [1.0, 0.2, 0.86]);
    look(&mut map, &[FLOOR, TABLE, there], 0.0, 10..12);
    map.see_objects(&names, &config).unwrap();
    let back = map.objects().get(mug).expect("the same mug");
    assert!((back.position_m[0] - 0.95).abs() < 0.05);
}

/// A home whose walls do not follow the axes of the map.
#[test]
fn a_table_that_stands_askew_has_a_box_that_is_turned_with_it() {
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), 30f64.to_radians());
    let mut askew = map(&[], 0.0, 0);
    for stamp_ns in 0..2 {
        let (mut frame, features) = frame(&[FLOOR, TABLE, MUG], 0.0, stamp_ns);
        frame.world_T_camera =
            Pose::from_parts(nalgebra::Translation3::identity(), turn) * frame.world_T_camera;
        askew.integrate(&frame, Some(&features)).unwrap();
    }
    askew.see_objects(&names(), &config()).unwrap();
    let of = |name: &str| askew.objects().iter().find(|object| object.label == name).unwrap();
    let table = of("diningtable");
    let about = crate::scene::objects::rotation(&table.orientation_xyzw);
    // A box turned by a quarter is the same one.
    assert!(((about.euler_angles().2 - turn.angle()) % FRAC_PI_2).abs() < 0.1, "{table:?}");
    assert!((table.size_m[0] - 1.2).abs() < 0.1 && (table.size_m[1] - 0.8).abs() < 0.1);
    let middle = turn * nalgebra::Point3::new(0.6, 0.4, 0.74);
    assert!((nalgebra::Point3::from(table.position_m) - middle).norm() < 0.05, "{table:?}");
    assert_eq!(of("mug").orientation_xyzw, [0.0, 0.0, 0.0, 1.0], "too small to tell");
    let straight = map(&[FLOOR, TABLE], 0.0, 2);
    let (_, details) = straight.regions_and_details(&names(), &config()).unwrap();
    let boxes: Vec<_> = details.iter().map(|one| one.turned).collect();
    assert_eq!(boxes, [None], "along the axes");
}

#[test]
fn halves_of_a_table_that_grow_together_are_one() {
    let (names, config) = (names(), config());
    let (_, low, high) = TABLE;
    let third_m = (high[0] - low[0]) / 3.0;
    let left: Block = ("diningtable", low, [low[0] + third_m, high[1], high[2]]);
    let right: Block = ("diningtable", [high[0] - third_m, low[1], low[2]], high);
    let mut map = map(&[FLOOR, left, right], 0.0, 2);
    map.see_objects(&names, &config).unwrap();
    let halves = map.objects().as_slice().to_vec();
    assert_eq!(halves.len(), 2, "{halves:?}");
    look(&mut map, &[FLOOR, TABLE], 0.0, 2..6);
    for _ in 0..4 {
        map.see_objects(&names, &config).unwrap();
    }
    let [whole] = map.objects().as_slice() else { panic!("{:?}", map.objects()) };
    assert_eq!((whole.id, map.objects().get(halves[1].id)), (halves[0].id, Some(whole)));
    assert!(map.objects().is_own(whole.id));
    assert!((whole.size_m[0] - (high[0] - low[0])).abs() < 0.1, "{whole:?}");
}

#[test]
fn detections_are_known_again_by_the_features_of_their_voxels() {
    let beside = |name: &'static str, x: f64| (name, [x, 0.1, 0.76], [x + 0.1, 0.2, 0.86]);
    let mut map = map(&[FLOOR, TABLE, beside("mug", 0.1), beside("apple", 0.25)], 0.0, 4);
    let thing = |x: f64| crate::sensing::Detection {
        label: "thing".into(),
        score: 0.9,
        frame_T_box: Pose::translation(x + 0.05, 0.15, 0.81),
        size_m: [0.12; 3],
        track_id: String::new(),
    };
    let things = [thing(0.1), thing(0.25)];
    let first = map.observe(&things, &Pose::identity(), 1).objects;
    assert_eq!(map.observe(&things, &Pose::identity(), 2).objects, first);
    // How they look is saved with the map.
    let mut map = restarted(&map);
    look(&mut map, &[FLOOR, TABLE, beside("apple", 0.1), beside("mug", 0.25)], 0.0, 4..80);
    let swapped = map.observe(&things, &Pose::identity(), 3).objects;
    assert_eq!(swapped, [first[1], first[0]], "what was at one place is at the other");
}

#[test]
fn what_moves_while_the_robot_is_off_keeps_its_id() {
    let (names, config) = (names(), config());
    let mut before = map(&[FLOOR, TABLE, MUG], 0.0, 5);
    before.see_objects(&names, &config).unwrap();
    let mug = before.objects().iter().find(|object| object.label == "mug").unwrap().id;
    let there: Block = ("mug", [0.9, 0.1, 0.76], [1.0, 0.2, 0.86]);
    let mut taken = before.clone();
    taken.take_away(mug).unwrap();
    // Somebody moved it, or the robot took it before.
    for (saved, frames) in [(before, 15), (taken, 2)] {
        let mut after = restarted(&saved);
        let looks = |map: &SceneMap| -> Vec<_> {
            map.objects().looks().map(|(id, look)| (id, look.to_vec())).collect()
        };
        assert_eq!(looks(&after), looks(&saved));
        assert_eq!(looks(&after).len(), after.objects().len(), "each has one");
        look(&mut after, &[FLOOR, TABLE, there], 0.0, 10..10 + frames);
        for _ in 0..4 {
            after.see_objects(&names, &config).unwrap();
        }
        let moved = after.objects().get(mug).expect("the same mug");
        assert!((moved.position_m[0] - 0.95).abs() < 0.05, "{moved:?}");
        assert_eq!(after.objects().len(), 2, "the mug and the table");
    }
}

#[test]
fn what_was_refuted_stays_away_after_a_restart() {
    let (names, config) = (names(), config());
    let mut map = map(&[FLOOR, TABLE], 0.0, 2);
    map.see_objects(&names, &config).unwrap();
    let table = map.objects().as_slice()[0].id;
    map.refute(table).unwrap();
    let mut map = restarted(&map);
    map.see_objects(&names, &config).unwrap();
    assert!(map.objects().is_empty(), "{:?}", map.objects());
}

#[test]
fn an_object_of_a_region_tells_what_else_it_looks_like() {
    // So mild that other names have a share as well.
    let (names, config) = (names(), RegionConfig { temperature: 1.0, ..config() });
    let mut map = map(&[FLOOR, TABLE], 0.0, 2);
    map.see_objects(&names, &config).unwrap();
    let table = map.objects().as_slice()[0].clone();
    let told = |map: &SceneMap| -> Vec<(String, f32)> {
        let labels = map.objects().labels(table.id).unwrap();
        labels.iter().map(|(name, share)| (name.to_owned(), share)).collect()
    };
    let shares = told(&map);
    let best = shares.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!((best.0.as_str(), table.label.as_str()), ("diningtable", "diningtable"));
    approx::assert_abs_diff_eq!(best.1, table.confidence, epsilon = 1e-4);
    let sum: f32 = shares.iter().map(|(_, share)| share).sum();
    assert!(shares.len() > 1 && sum < 1.001, "{shares:?}");
    map.see_objects(&names, &config).unwrap();
    assert_eq!(told(&map), shares, "looks do not add up");
    assert_eq!(restarted(&map).objects(), map.objects());
    let folder = tempfile::tempdir().unwrap();
    map.write_json(&folder.path().join("map.json"), &[]).unwrap();
    let text = std::fs::read_to_string(folder.path().join("map.json")).unwrap();
    let said: serde_json::Value = serde_json::from_str(&text).unwrap();
    let labels = said["objects"][0]["labels"].as_object().unwrap();
    assert!(labels.len() == shares.len() && labels["diningtable"].as_f64() > Some(0.35));

    let detection = |label: &str, position_m: [f64; 3], size_m| crate::sensing::Detection {
        label: label.into(),
        score: 0.9,
        frame_T_box: Pose::from(nalgebra::Translation3::from(position_m)),
        size_m,
        track_id: String::new(),
    };
    // What it might as well be called by its look is no name that somebody gave it.
    let other = &shares.iter().find(|(name, _)| name != "diningtable").unwrap().0;
    let on_it = detection(other.as_str(), [0.6, 0.4, 0.74], [0.08; 3]);
    assert_eq!(map.observe(&[on_it], &Pose::identity(), 5).new_objects, 1);
    // Where a detector has named it, that counts.
    let seen = detection("diningtable", table.position_m, table.size_m);
    assert_eq!(map.observe(&[seen], &Pose::identity(), 6).objects, [Some(table.id)]);
    assert_eq!(told(&map).len(), 1);
    map.see_objects(&names, &config).unwrap();
    assert_eq!(told(&map).len(), 1);
}

/// Moves the camera of a frame, and all that it sees, along the world's x.
fn aside(mut frame: RgbdFrame, x_m: f64) -> RgbdFrame {
    frame.world_T_camera.translation.vector.x += x_m;
    frame
}

/// A drive through rooms in which things move and go, under all that can happen to a map.
#[test]
fn a_search_that_follows_the_map_finds_what_a_search_of_all_finds() {
    let (names, usual) = (names(), config());
    let few = NamedVectors::new(&words(), NAMES[..6].iter().copied()).unwrap();
    let unsure = RegionConfig { temperature: 0.3, ..usual.clone() };
    let mut map = map(&[], 0.0, 0);
    let (mut removed, mut evicted, mut most) = (0, 0, 0usize);
    for step in 0..21 {
        let x_m = 0.05 * f64::from(step);
        let mug: Block = ("mug", [x_m, 0.3, 0.76], [x_m + 0.1, 0.4, 0.86]);
        let things = [FLOOR, TABLE, mug, FRIDGE];
        let things = if step % 3 == 2 { &things[..3] } else { &things[..] };
        // The clock is set back.
        let stamp_ns = i64::from(step) + if step < 17 { 1_000_000_000_000 } else { 0 };
        let (frame, mut features) = frame(things, 0.8, stamp_ns);
        if step == 6 {
            features.data.fill(0.0);
        }
        let features = (step % 5 != 4).then_some(&features);
        let frame = aside(frame, 1.7 * f64::from(step % 4));
        let report = map.integrate(&frame, features).unwrap();
        removed += report.removed_voxels;
        evicted += report.evicted_voxels;
        match step {
            8 => map = restarted(&map),
            10 => {
                let first = map.objects().as_slice()[0].id;
                map.take_away(first).unwrap();
            }
            12 => {
                let max_bytes = map.bytes() / 2;
                map.adopt(&MapConfig { max_bytes, ..MapConfig::default() }).unwrap();
            }
            19 => map.clear(),
            _ => {}
        }
        let (names, config) = match step {
            14 => (&names, &unsure),
            16 => (&few, &usual),
            _ => (&names, &usual),
        };
        let all = map.regions_and_details(names, config).unwrap();
        most = most.max(all.0.len());
        let found = map.follow_regions(names, config).unwrap();
        assert_eq!(found, all, "step {step}");
        // With no news at all.
        assert_eq!(map.see_objects(names, config).unwrap().regions, all.0, "step {step}");
    }
    assert!(removed > 0 && evicted > 0 && most > 5, "{removed} {evicted} {most}");
}

#[test]
fn a_search_looks_again_only_where_something_has_changed() {
    let (names, config) = (names(), config());
    let mut map = map(&[FLOOR, TABLE, MUG, FRIDGE], 0.0, 1);
    let look_elsewhere = |map: &mut SceneMap, stamp_ns: i64| {
        let (frame, features) = frame(&[FLOOR, TABLE], 0.0, stamp_ns);
        map.integrate(&aside(frame, 20.0), Some(&features)).unwrap();
    };
    let changed = |map: &mut SceneMap, config: &RegionConfig| {
        map.follow_regions(&names, config).unwrap();
        map.search.changed()
    };
    look_elsewhere(&mut map, 1);
    let all = changed(&mut map, &config);
    assert_eq!(changed(&mut map, &config), 0);
    look_elsewhere(&mut map, 2);
    let there = changed(&mut map, &config);
    assert!(there > 0 && 3 * there < 2 * all, "{there} of {all}");
    let other = RegionConfig { nothing: 0.2, ..config.clone() };
    assert_eq!(changed(&mut map, &other), all, "settings hold for all");
    assert!(restarted(&map) == map, "what is kept is no part of the map");
}
