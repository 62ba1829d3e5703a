//! How long the simulator takes, on one thread, for one picture of 320×240: colour, depth and which
//! thing is at each pixel; and with the noise of a real sensor on top. The views are those of a
//! robot on its way round four kitchens.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scenellm::geometry::{CameraModel, Pose};
use scenellm::sim::{
    Agent, Home, HomeKind, Renderer, SensorNoise, base_T_camera_link, camera_link_T_optical,
};
use std::hint::black_box;

const KITCHENS: u64 = 4;
/// Views of each kitchen, evenly over a way round it.
const VIEWS: u32 = 12;

struct Kitchen {
    home: Home,
    renderer: Renderer,
    world_T_camera: Vec<Pose>,
}

fn kitchen(seed: u64) -> Kitchen {
    let camera = CameraModel::pinhole(320, 240, 292.5, 292.5, 159.5, 119.5);
    let home = Home::generate(HomeKind::Kitchen, seed);
    let agent = Agent::new(&home).expect("kitchens have room to drive");
    let base_T_camera = base_T_camera_link() * camera_link_T_optical();
    let at = |view: u32| agent.lap_s() * f64::from(view) / f64::from(VIEWS);
    let world_T_camera = (0..VIEWS).map(|view| agent.pose(at(view)) * base_T_camera).collect();
    let renderer = Renderer::new(camera).expect("a good camera").with_shadows_of(&home);
    Kitchen { home, renderer, world_T_camera }
}

fn render(c: &mut Criterion) {
    let kitchens: Vec<Kitchen> = (0..KITCHENS).map(kitchen).collect();
    let views: Vec<(&Kitchen, &Pose)> = kitchens
        .iter()
        .flat_map(|kitchen| kitchen.world_T_camera.iter().map(move |pose| (kitchen, pose)))
        .collect();
    let mut group = c.benchmark_group("48 views of kitchens, 320x240");
    group.throughput(Throughput::Elements(views.len() as u64)).sample_size(20);
    group.bench_function("colour, depth and ids", |b| {
        b.iter(|| {
            for (kitchen, world_T_camera) in &views {
                black_box(kitchen.renderer.render(&kitchen.home, world_T_camera));
            }
        });
    });
    let mut noise = SensorNoise::new(1);
    group.bench_function("with the noise of a sensor", |b| {
        b.iter(|| {
            for (kitchen, world_T_camera) in &views {
                let mut seen = kitchen.renderer.render(&kitchen.home, world_T_camera);
                noise.color(&mut seen.color);
                black_box(noise.depth_mm(&seen.depth_m, kitchen.renderer.camera()));
                black_box(seen);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
