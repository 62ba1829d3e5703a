//! How long what a detector found in one 640×480 picture takes to enter a map of 500 objects, the networks
//! aside, and how long it takes to tell how those stand to each other.

use criterion::{Criterion, criterion_group, criterion_main};
use image::RgbImage;
use scenellm::geometry::{CameraModel, Pose};
use scenellm::scene::{MapConfig, SceneMap, lift};
use scenellm::sensing::{DepthImage, Detection, RgbdFrame};
use scenellm::tasks::scene_relations;
use scenellm::vision::{DetectedMask, Mask};
use std::hint::black_box;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Masks in a picture, in rows of eight.
const MASKS: usize = 32;
const OBJECTS: u32 = 500;

/// A wall 2 m away, with cubes before it where the masks are.
fn picture() -> (RgbdFrame, Vec<DetectedMask>) {
    let inside = |at: usize, x: usize, y: usize| {
        let (left, top) = (at % 8 * 80 + 10, at / 8 * 120 + 20);
        (left..left + 60).contains(&x) && (top..top + 80).contains(&y)
    };
    let mask = |at: usize| DetectedMask {
        label: format!("thing {}", at % 5),
        score: 0.6,
        mask: Mask::from_fn(WIDTH as usize, HEIGHT as usize, |x, y| inside(at, x, y)),
    };
    let masks: Vec<DetectedMask> = (0..MASKS).map(mask).collect();
    let depth = |pixel: usize| {
        let (x, y) = (pixel % WIDTH as usize, pixel / WIDTH as usize);
        let is_thing = masks.iter().any(|one| one.mask.contains(x, y));
        if is_thing { 1.8 } else { 2.0 }
    };
    let data_m = (0..(WIDTH * HEIGHT) as usize).map(depth).collect();
    let frame = RgbdFrame {
        stamp_ns: 0,
        color: RgbImage::new(WIDTH, HEIGHT),
        depth_m: DepthImage { width: WIDTH, height: HEIGHT, data_m },
        camera: CameraModel::pinhole(WIDTH, HEIGHT, 554.0, 554.0, 319.5, 239.5),
        world_T_camera: Pose::identity(),
    };
    (frame, masks)
}

/// Things on a grid of 0.4 m, apart from those of the picture.
fn things() -> Vec<Detection> {
    let thing = |at: u32| Detection {
        label: format!("thing {}", at % 5),
        score: 0.6,
        frame_T_box: Pose::translation(
            5.0 + 0.4 * f64::from(at % 25),
            0.4 * f64::from(at / 25),
            0.8,
        ),
        size_m: [0.2; 3],
        track_id: String::new(),
    };
    (0..OBJECTS).map(thing).collect()
}

fn objects(c: &mut Criterion) {
    let (frame, masks) = picture();
    let mut map = SceneMap::new(MapConfig::default()).expect("default settings");
    map.integrate(&frame, None).expect("a good frame");
    map.observe(&things(), &Pose::identity(), 0);
    let depth_m = map.config().depth_range_m();
    c.bench_function(&format!("{MASKS} masks become boxes"), |b| {
        b.iter(|| black_box(lift(&frame, black_box(&masks), depth_m)));
    });
    let found = lift(&frame, &masks, depth_m);
    let mut stamp_ns = 0;
    let name = format!("{} boxes enter a map of {} objects", found.len(), map.objects().len());
    c.bench_function(&name, |b| {
        b.iter(|| {
            stamp_ns += 1;
            black_box(map.observe(&found, &frame.world_T_camera, stamp_ns))
        });
    });
    let name = format!("relations of {} objects", map.objects().len());
    c.bench_function(&name, |b| {
        b.iter(|| black_box(scene_relations(map.objects().iter(), Some([0.0; 3]))));
    });
}

criterion_group!(benches, objects);
criterion_main!(benches);
