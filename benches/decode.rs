//! How long one 640×480 pair of compressed images takes to become pixels and metres.

use criterion::{Criterion, criterion_group, criterion_main};
use scenellm::geometry::CameraModel;
use scenellm::sensing::{ImageEvent, SensorEvent, decode_color, decode_depth};
use scenellm::sim::{Home, HomeKind, RecordOptions, record};
use std::hint::black_box;

/// The first colour and depth image of a simulated drive.
fn pair() -> (ImageEvent, ImageEvent) {
    let options = RecordOptions {
        camera: CameraModel::pinhole(640, 480, 554.0, 554.0, 319.5, 239.5),
        seconds: 0.1,
        compressed: true,
        ..RecordOptions::default()
    };
    let (mut color, mut depth) = (None, None);
    record(&Home::generate(HomeKind::Kitchen, 1), &options, &mut |_, event| match event {
        SensorEvent::Color(image) => color = Some(image),
        SensorEvent::Depth(image) => depth = Some(image),
        _ => {}
    })
    .expect("good options");
    (color.expect("a colour image"), depth.expect("a depth image"))
}

fn decode(c: &mut Criterion) {
    let (color, depth) = pair();
    c.bench_function("JPEG colour", |b| {
        b.iter(|| black_box(decode_color(black_box(&color))).expect("a good image"));
    });
    c.bench_function("PNG depth", |b| {
        b.iter(|| black_box(decode_depth(black_box(&depth))).expect("a good image"));
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
