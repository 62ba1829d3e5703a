//! How long one 640×480 frame takes to enter the map, with and without features, and whether that
//! stays so as the map grows tenfold; and how long it takes to look for the things of a map, of all of it
//! and of what a few frames have changed.

use criterion::{Criterion, criterion_group, criterion_main};
use image::{Rgb, RgbImage};
use nalgebra::Vector3;
use scenellm::geometry::{CameraModel, Pose};
use scenellm::scene::{MapConfig, NamedVectors, RegionConfig, SceneMap};
use scenellm::sensing::{DepthImage, RgbdFrame};
use scenellm::tasks::ActionVocabulary;
use scenellm::vision::{FeatureMap, WordHash};
use std::hint::black_box;
use std::time::{Duration, Instant};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// A room of 4 m around (`x_m`, 0, 0) with bumps on its walls and a little noise, seen from inside.
fn frame(x_m: f64, yaw: f64, stamp_ns: i64) -> RgbdFrame {
    let camera = CameraModel::pinhole(WIDTH, HEIGHT, 585.0, 585.0, 319.5, 239.5);
    let world_T_camera = Pose::new(Vector3::new(x_m, 0.0, 0.0), Vector3::y() * yaw);
    let mut data_m = Vec::with_capacity((WIDTH * HEIGHT) as usize);
    for v in 0..HEIGHT {
        for u in 0..WIDTH {
            let x = (f64::from(u) - camera.cx) / camera.fx;
            let y = (f64::from(v) - camera.cy) / camera.fy;
            let ray = world_T_camera.rotation * Vector3::new(x, y, 1.0);
            let wall = ray.iter().map(|d| 2.0 / d.abs()).fold(f64::INFINITY, f64::min);
            let bump = 0.1 * ((x * 9.0).sin() * (y * 7.0).cos()).max(0.0);
            let noise = 0.006 * ((u * 7919 + v * 104_729) % 101) as f64 / 101.0;
            data_m.push((wall - bump + noise) as f32);
        }
    }
    let color = RgbImage::from_fn(WIDTH, HEIGHT, |u, v| Rgb([u as u8, v as u8, (u + v) as u8]));
    let depth_m = DepthImage { width: WIDTH, height: HEIGHT, data_m };
    RgbdFrame { stamp_ns, color, depth_m, camera, world_T_camera }
}

fn views(x_m: f64) -> Vec<RgbdFrame> {
    (0..12).map(|turn| frame(x_m, 0.5 * f64::from(turn), i64::from(turn))).collect()
}

fn integrate(c: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let here = views(0.0);
    for rooms in [1, 10] {
        let mut map = SceneMap::new(MapConfig::default()).expect("default settings");
        for room in 0..rooms {
            for frame in views(5.0 * f64::from(room)) {
                map.integrate(&frame, None).expect("a good frame");
            }
        }
        let mut turns = here.iter().cycle();
        let name = format!("one thread, map of {} voxels", map.len());
        c.bench_function(&name, |b| {
            b.iter(|| {
                let frame = turns.next().expect("cycle has no end");
                pool.install(|| black_box(map.integrate(frame, None)).expect("a good frame"))
            });
        });
    }
    let features = FeatureMap { rows: 16, columns: 16, width: 1024, data: vec![0.5; 256 * 1024] };
    let config = MapConfig { feature_width: 1024, ..MapConfig::default() };
    let mut map = SceneMap::new(config).expect("good settings");
    let mut turns = here.iter().cycle();
    c.bench_function("all threads, features of width 1024", |b| {
        b.iter(|| {
            let frame = turns.next().expect("cycle has no end");
            black_box(map.integrate(frame, Some(&features))).expect("a good frame")
        });
    });
}

/// Features of `width` that look like one name after another, cell by cell in patches, and like
/// neighbouring names a little.
fn patches(names: &NamedVectors, turn: usize) -> FeatureMap {
    let (rows, columns, width) = (60, 80, names.width());
    let mut data = Vec::with_capacity(rows * columns * width);
    for cell in 0..rows * columns {
        let (row, column) = (cell / columns, cell % columns);
        let vector = |at: usize| &names.vectors()[(at + turn) % names.len()];
        let (this, other) = (vector(row / 6 * 14 + column / 6), vector(row + column));
        data.extend(this.iter().zip(other).map(|(a, b)| 0.8 * a + 0.4 * b));
    }
    FeatureMap { rows, columns, width, data }
}

/// The names of ALFRED's things, as hashed words.
fn names() -> NamedVectors {
    let words = ActionVocabulary::alfred();
    let named = words.objects.iter().chain(&words.receptacles);
    let encoder = WordHash::new(64).expect("a width");
    NamedVectors::new(&encoder, named).expect("names with vectors")
}

/// An empty map whose features can be compared with `names`.
fn map_for(names: &NamedVectors, voxel_size_m: f64) -> SceneMap {
    let (feature_width, feature_space) = (names.width(), names.space().to_owned());
    let config = MapConfig { voxel_size_m, feature_width, feature_space, ..MapConfig::default() };
    SceneMap::new(config).expect("good settings")
}

fn regions(c: &mut Criterion) {
    let names = names();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    for voxel_size_m in [MapConfig::default().voxel_size_m, 0.03] {
        let mut map = map_for(&names, voxel_size_m);
        for (turn, frame) in views(0.0).iter().enumerate() {
            map.integrate(frame, Some(&patches(&names, turn))).expect("a good frame");
        }
        let name = format!("one thread, things among {} voxels, {} names", map.len(), names.len());
        c.bench_function(&name, |b| {
            let regions = || map.regions(&names, &RegionConfig::default()).expect("one space");
            b.iter(|| pool.install(|| black_box(regions())));
        });
    }
}

/// A look after as many frames as lie between two, in maps of one room and of ten.
fn regions_again(c: &mut Criterion) {
    let names = names();
    let config = RegionConfig::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let here = views(0.0);
    for rooms in [1, 10] {
        let mut map = map_for(&names, MapConfig::default().voxel_size_m);
        for room in 0..rooms {
            for (turn, frame) in views(5.0 * f64::from(room)).iter().enumerate() {
                map.integrate(frame, Some(&patches(&names, turn))).expect("a good frame");
            }
        }
        map.see_objects(&names, &config).expect("one space");
        let features: Vec<FeatureMap> = (0..here.len()).map(|turn| patches(&names, turn)).collect();
        let mut turns = here.iter().zip(&features).cycle();
        let frames = config.every_frames;
        let name = format!("one thread, things of {} voxels after {frames} frames", map.len());
        c.bench_function(&name, |b| {
            b.iter_custom(|looks| {
                let mut spent = Duration::ZERO;
                for _ in 0..looks {
                    for (frame, features) in turns.by_ref().take(frames as usize) {
                        map.integrate(frame, Some(features)).expect("a good frame");
                    }
                    let start = Instant::now();
                    let seen = pool.install(|| map.see_objects(&names, &config));
                    spent += start.elapsed();
                    black_box(seen).expect("one space");
                }
                spent
            });
        });
    }
}

criterion_group!(benches, integrate, regions, regions_again);
criterion_main!(benches);
