//! How long encoders look at one 320×240 picture: the shipped eyes; towers as large as those of CLIP
//! ViT-B/32 and DINOv2-small, with weights from chance; MobileSAM and Grounding DINO at the small sizes
//! of the tests, where what is around the large products weighs most.

use candle_core::Device;
use criterion::{Criterion, criterion_group, criterion_main};
use scenellm::geometry::CameraModel;
use scenellm::sensing::RgbdFrame;
use scenellm::sim::household::household;
use scenellm::sim::{Rendered, Renderer};
use scenellm::vision::{
    ClipConfig, FeatureExtractor, GroundingDino, PositionFilter, Sam, SamPrompt, Vit, VitConfig,
    open_extractor,
};
use std::hint::black_box;
use std::path::{Path, PathBuf};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a robot sees of a simulated home.
fn frame() -> RgbdFrame {
    let camera = CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5);
    let world = household(1).expect("a home");
    let world_T_camera = world.robot().world_T_camera();
    let renderer = Renderer::new(camera).expect("a pinhole camera");
    let Rendered { color, depth_m, .. } = renderer.render(&world.shown(), &world_T_camera);
    RgbdFrame { stamp_ns: 0, color, depth_m, camera, world_T_camera }
}

/// The picture tower of CLIP ViT-B/32.
fn clip_sizes() -> VitConfig {
    let folder = repository("tests/fixtures/vision/public/clip-vit-base-patch32");
    ClipConfig::read(&folder).expect("published sizes").0.vision
}

fn dinov2_sizes() -> VitConfig {
    VitConfig {
        image_px: 518,
        patch_px: 14,
        width: 384,
        depth: 12,
        heads: 6,
        hidden: 1536,
        class_token: true,
        layer_scale: true,
        positions: PositionFilter::FourNeighbours,
        ..VitConfig::default()
    }
}

fn features(c: &mut Criterion) {
    let frame = frame();
    let eyes = open_extractor("scene_vit", Some(&repository("models/nano/vision")), &Device::Cpu);
    let from_chance = |sizes: VitConfig| -> Box<dyn FeatureExtractor> {
        Box::new(Vit::untrained(sizes, 1, &Device::Cpu).expect("sizes that fit together"))
    };
    for (name, extractor) in [
        ("the shipped eyes", eyes.expect("the shipped weights")),
        ("a tower like CLIP ViT-B/32", from_chance(clip_sizes())),
        ("a tower like DINOv2-small", from_chance(dinov2_sizes())),
    ] {
        let grid = extractor.extract(&frame).expect("a good picture");
        let name = format!("{name}, {}×{} cells", grid.rows, grid.columns);
        c.bench_function(&name, |b| {
            b.iter(|| black_box(extractor.extract(black_box(&frame))).expect("a good picture"));
        });
    }
}

fn detectors(c: &mut Criterion) {
    let (image, fixtures) = (frame().color, repository("tests/fixtures/vision"));
    let sam = Sam::load(&fixtures.join("mobile_sam_tiny"), &Device::Cpu).expect("a small SAM");
    c.bench_function("a small MobileSAM looks", |b| {
        b.iter(|| black_box(sam.look(black_box(&image))).expect("a good picture"));
    });
    let picture = sam.look(&image).expect("a good picture");
    let box_px = Some([100.0, 80.0, 220.0, 200.0]);
    let prompt = SamPrompt { box_px, ..SamPrompt::default() };
    c.bench_function("a small MobileSAM cuts out a box", |b| {
        b.iter(|| black_box(sam.segment(&picture, black_box(&prompt), false)).expect("a mask"));
    });
    let dino = fixtures.join("grounding_dino_tiny");
    let dino = GroundingDino::load(&dino, &Device::Cpu).expect("a small Grounding DINO");
    c.bench_function("a small Grounding DINO looks for two names", |b| {
        let names = ["a mug", "the table"];
        b.iter(|| black_box(dino.detect(black_box(&image), &names, 0.25, 0.25)).expect("boxes"));
    });
}

criterion_group! {
    name = benches;
    // DINOv2's tower alone takes seconds.
    config = Criterion::default().sample_size(10);
    targets = features, detectors
}
criterion_main!(benches);
