//! From masks to objects of the map: with a detector that is right about pixels, in a simulated home,
//! and with Grounded-SAM of random weights on the shipped bag, whose finds mean nothing.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use nalgebra::{Point3, distance};
use scenellm::geometry::CameraModel;
use scenellm::scene::{MapConfig, MapObject, SceneMap, lift};
use scenellm::sensing::RgbdFrame;
use scenellm::sim::Renderer;
use scenellm::sim::household::{World, household, is_portable};
use scenellm::vision::{DetectedMask, Mask};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Pixels by which masks are larger than the thing: what is behind it is seen through them.
const BORDER_PX: usize = 2;
/// Fewest pixels that a detector would see.
const LEAST_PX: usize = 100;

/// What a robot that tours a home sees, and masks of all things in it.
fn frames(world: &mut World) -> Vec<(RgbdFrame, Vec<DetectedMask>, BTreeSet<u32>)> {
    let camera = CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5);
    let renderer = Renderer::new(camera).unwrap();
    let mut frames = Vec::new();
    world.tour(32, &mut |world, _| {
        let (home, world_T_camera) = (world.shown(), world.robot().world_T_camera());
        let rendered = renderer.render(&home, &world_T_camera);
        let mut pixels: BTreeMap<u32, usize> = BTreeMap::new();
        rendered.instance.iter().for_each(|id| *pixels.entry(*id).or_default() += 1);
        let (mut masks, mut seen) = (Vec::new(), BTreeSet::new());
        for entity in home.entities.iter().filter(|entity| is_portable(entity.category)) {
            if pixels.get(&entity.id).is_none_or(|count| *count < LEAST_PX) {
                continue;
            }
            let is_thing = |x: usize, y: usize| rendered.instance[y * 320 + x] == entity.id;
            let near = |at: usize, most: usize| {
                at.saturating_sub(BORDER_PX)..=(at + BORDER_PX).min(most - 1)
            };
            let mask = Mask::from_fn(320, 240, |x, y| {
                near(y, 240).any(|y| near(x, 320).any(|x| is_thing(x, y)))
            });
            masks.push(DetectedMask { label: entity.category.into(), score: 0.6, mask });
            seen.insert(entity.id);
        }
        let (color, depth_m) = (rendered.color, rendered.depth_m);
        let stamp_ns = frames.len() as i64;
        let frame = RgbdFrame { stamp_ns, color, depth_m, camera, world_T_camera };
        frames.push((frame, masks, seen));
    });
    frames
}

#[test]
fn masks_become_objects_where_the_things_are() {
    let (mut errors_m, mut missed, mut kept, mut true_things) = (Vec::new(), 0, 0, 0);
    for seed in [3, 4, 5] {
        let mut world = household(seed).unwrap();
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        let mut seen = BTreeSet::new();
        for (frame, masks, of_frame) in frames(&mut world) {
            let found = lift(&frame, &masks, map.config().depth_range_m());
            assert!(found.len() <= masks.len());
            let stamp_ns = frame.stamp_ns;
            map.objects_mut().observe(&found, &frame.world_T_camera, stamp_ns);
            seen.extend(of_frame);
        }
        kept += map.objects().len();
        true_things += seen.len();
        for id in seen {
            let thing = World::as_map_object(world.home().entity(id).unwrap());
            let apart = |object: &MapObject| {
                distance(&Point3::from(object.position_m), &Point3::from(thing.position_m))
            };
            let of_name = map.objects().iter().filter(|object| object.label == thing.label);
            match of_name.map(apart).min_by(f64::total_cmp).filter(|metres| *metres < 0.2) {
                Some(metres) => errors_m.push(metres),
                None => missed += 1,
            }
        }
    }
    errors_m.sort_by(f64::total_cmp);
    let median_m = errors_m[errors_m.len() / 2];
    assert!(
        errors_m.len() > 20 && 20 * missed <= errors_m.len(),
        "{missed} of {true_things} missed"
    );
    // Half a thing is behind what is seen of it.
    assert!(median_m < 0.08, "median error {median_m} m");
    // The same thing seen from another side is no other thing.
    assert!(4 * kept <= 5 * true_things, "{kept} objects of {true_things} things");
}

#[test]
fn a_detector_of_random_weights_goes_all_the_way_in_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = folder.path().join("params.yaml");
    let text = "scenellm_planner: {ros__parameters: {
        topics: {detections: ''}, vision: {extractor: color_geometry},
        detector: {grounding_dino: tests/fixtures/vision/grounding_dino_tiny,
                   sam: tests/fixtures/vision/sam_tiny, names: [a mug, the table],
                   every_frames: 40, box_threshold: 0.0, text_threshold: 0.0, most_masks: 3}}}";
    std::fs::write(&parameters, text).unwrap();
    let out = folder.path().join("out");
    let done = Command::new(env!("CARGO_BIN_EXE_scenellm"))
        .args(["replay", "bags/kitchen_sim", "--params-file", &parameters.display().to_string()])
        .args(["--out", &out.display().to_string()])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let objects = objects(&out.join("map.json"));
    assert!(!objects.is_empty() && objects.len() < 60, "{} objects", objects.len());
    assert!(objects.iter().all(|label| ["a mug", "the table"].contains(&label.as_str())));
    let frames = std::fs::read_to_string(out.join("frames.csv")).unwrap();
    assert!(frames.lines().next().unwrap().contains("detect_ms"), "{frames}");
    let masks = image::open(out.join("masks.png")).unwrap().into_rgb8();
    assert_eq!(masks.dimensions(), (320, 240), "as large as the camera's pictures");
}

/// Labels of the objects in an exported map.
fn objects(path: &Path) -> Vec<String> {
    let map: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let objects = map["objects"].as_array().unwrap().iter();
    objects.map(|object| object["label"].as_str().unwrap().to_owned()).collect()
}
