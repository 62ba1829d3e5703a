//! How long what a detector found in one 640×480 picture takes to enter a map of 500 objects, the
//! networks aside, with and without features that tell how things look, how long it takes to
//! tell how those objects stand to each other, and how much longer a frame that removes voxels takes
//! where there are so many objects.

use criterion::{Criterion, criterion_group, criterion_main};
use image::RgbImage;
use nalgebra::Vector3;
use scenellm::geometry::{CameraModel, Pose};
use scenellm::scene::{MapConfig, SceneMap, lift};
use scenellm::sensing::{DepthImage, Detection, RgbdFrame};
use scenellm::tasks::scene_relations;
use scenellm::vision::{DetectedMask, FeatureMap, Mask};
use std::f64::consts::FRAC_PI_2;
use std::hint::black_box;
use std::time::{Duration, Instant};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Columns and rows of masks in a picture: 32 masks, and as many as a detector keeps unless told
/// otherwise (`most_masks`).
const GRIDS: [[usize; 2]; 2] = [[8, 4], [10, 10]];
const OBJECTS: u32 = 500;
/// Length of the features of CLIP B/32 ...
const FEATURE_WIDTH: usize = 512;
/// ... and how many rows and columns of them such a picture has.
const FEATURE_GRID: [usize; 2] = [7, 9];

/// A wall 2 m ahead, with pillars before it where the masks are, which cover half of the picture.
fn picture([columns, rows]: [usize; 2]) -> (RgbdFrame, Vec<DetectedMask>) {
    let (wide, high) = (WIDTH as usize / columns, HEIGHT as usize / rows);
    let inside = |at: usize, x: usize, y: usize| {
        let (left, top) = (at % columns * wide + wide / 8, at / columns * high + high / 6);
        (left..left + wide * 3 / 4).contains(&x) && (top..top + high * 2 / 3).contains(&y)
    };
    let mask = |at: usize| DetectedMask {
        // No two of one name are so near that they could be one.
        label: format!("thing {}", at % 7),
        score: 0.6,
        mask: Mask::from_fn(WIDTH as usize, HEIGHT as usize, |x, y| inside(at, x, y)),
    };
    let masks: Vec<DetectedMask> = (0..columns * rows).map(mask).collect();
    let depth = |pixel: usize| {
        let (x, y) = (pixel % WIDTH as usize, pixel / WIDTH as usize);
        // Round: no voxel lies inside the box of a flat thing.
        let across = (x % wide) as f32 / wide as f32 - 0.5;
        let is_thing = inside(y / high * columns + x / wide, x, y);
        if is_thing { 1.8 + 0.6 * across * across } else { 2.0 }
    };
    (frame((0..(WIDTH * HEIGHT) as usize).map(depth).collect()), masks)
}

/// What a level camera sees along the world's y.
fn frame(data_m: Vec<f32>) -> RgbdFrame {
    RgbdFrame {
        stamp_ns: 0,
        color: RgbImage::new(WIDTH, HEIGHT),
        depth_m: DepthImage { width: WIDTH, height: HEIGHT, data_m },
        camera: CameraModel::pinhole(WIDTH, HEIGHT, 554.0, 554.0, 319.5, 239.5),
        world_T_camera: Pose::rotation(Vector3::x() * -FRAC_PI_2),
    }
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

/// A map of what the frame shows and of the things, with features of `width` numbers or none.
fn map_of(frame: &RgbdFrame, width: usize) -> SceneMap {
    let config = MapConfig { feature_width: width, ..MapConfig::default() };
    let mut map = SceneMap::new(config).expect("good settings");
    let [rows, columns] = FEATURE_GRID;
    let features = (width > 0).then(|| {
        let number = |at: usize| (at * 7919 % 101) as f32 / 101.0 - 0.5;
        let data = (0..rows * columns * width).map(number).collect();
        FeatureMap { rows, columns, width, data }
    });
    map.integrate(frame, features.as_ref()).expect("a good frame");
    map.observe(&things(), &Pose::identity(), 0);
    map
}

fn objects(c: &mut Criterion) {
    let depth_m = MapConfig::default().depth_range_m();
    for grid in GRIDS {
        let (frame, masks) = picture(grid);
        c.bench_function(&format!("{} masks become boxes", masks.len()), |b| {
            b.iter(|| black_box(lift(&frame, black_box(&masks), depth_m)));
        });
        let found = lift(&frame, &masks, depth_m);
        for width in [0, FEATURE_WIDTH] {
            let mut map = map_of(&frame, width);
            let (boxes, objects) = (found.len(), map.objects().len());
            let mut name = format!("{boxes} boxes enter a map of {objects} objects");
            if width > 0 {
                name += &format!(", features of width {width}");
            }
            let mut stamp_ns = 0;
            c.bench_function(&name, |b| {
                b.iter(|| {
                    stamp_ns += 1;
                    black_box(map.observe(&found, &frame.world_T_camera, stamp_ns))
                });
            });
        }
        let mut map = map_of(&frame, 0);
        map.observe(&found, &frame.world_T_camera, 1);
        let name = format!("relations of {} objects", map.objects().len());
        c.bench_function(&name, |b| {
            b.iter(|| black_box(scene_relations(map.objects().iter(), Some([0.0; 3]))));
        });
    }
}

/// A screen 2 m ahead is taken away: the wall behind it shows that its voxels are gone.
fn removal(c: &mut Criterion) {
    let all = things();
    for things in [&all[..0], &all[..]] {
        let mut map = SceneMap::new(MapConfig::default()).expect("default settings");
        let [mut screen, mut wall] =
            [2.0, 4.0].map(|depth_m| frame(vec![depth_m; (WIDTH * HEIGHT) as usize]));
        let mut round = || {
            screen.stamp_ns += 2;
            wall.stamp_ns = screen.stamp_ns + 1;
            map.integrate(&screen, None).expect("a good frame");
            map.observe(things, &Pose::identity(), screen.stamp_ns);
            let start = Instant::now();
            let report = map.integrate(&wall, None).expect("a good frame");
            (start.elapsed(), report.removed_voxels)
        };
        let (_, removed) = round();
        let name = format!("a frame removes {removed} voxels, {} objects", things.len());
        c.bench_function(&name, |b| {
            b.iter_custom(|rounds| (0..rounds).map(|_| round().0).sum::<Duration>());
        });
    }
}

criterion_group!(benches, objects, removal);
criterion_main!(benches);
