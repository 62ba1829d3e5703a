//! Processors and plain vision transformers against the reference; see
//! tests/fixtures/make_vision_golden.py.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use image::RgbImage;

use super::checkpoint::Checkpoint;
use super::fixtures::*;
use super::processor::ImageProcessor;
use super::tower::Tower;
use super::vit_config::VitConfig;
use super::*;

#[test]
fn pictures_are_prepared_as_by_the_reference() {
    let picture = picture();
    for case in [
        "clip_down",
        "clip_up",
        "clip_pad",
        "vit_down",
        "vit_up",
        "dinov2",
        "sam",
        "grounding_dino",
        "grounding_dino_up",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = fixture(&format!("processor/{case}.json"));
        std::fs::copy(config, folder.path().join("preprocessor_config.json")).unwrap();
        let usual = match case {
            "vit_down" | "vit_up" => ImageProcessor::imagenet(9),
            "sam" => ImageProcessor::sam(9),
            "grounding_dino" | "grounding_dino_up" => ImageProcessor::detr(9, 9),
            _ => ImageProcessor::clip(9),
        };
        let processor = ImageProcessor::read(folder.path(), usual).unwrap();
        let found = processor.picture(&picture, &Device::Cpu).unwrap().squeeze(0).unwrap();
        let expected = image::open(fixture(&format!("processor/{case}.png"))).unwrap().into_rgb8();
        let (width, height) = expected.dimensions();
        assert_eq!(found.dims(), [3, height as usize, width as usize], "{case}");
        let planes: Vec<Vec<Vec<f32>>> = found.to_vec3().unwrap();
        let mut off = 0;
        for (x, y, pixel) in expected.enumerate_pixels() {
            for channel in 0..3 {
                let value = planes[channel][y as usize][x as usize];
                let value = value * processor.deviation[channel] + processor.mean[channel];
                let expected = f32::from(pixel[channel]) / 255.0;
                off += usize::from((value - expected).abs() > 1.0 / 255.0 + 1e-5);
            }
        }
        let all = (width * height * 3) as usize;
        assert!(off * 1000 <= all, "{case}: {off} of {all} levels are off by more than one");
        let first: HashMap<String, serde_json::Value> = json(&format!("processor/{case}.json"));
        let first: Vec<f32> = serde_json::from_value(first["first"].clone()).unwrap();
        let corner: Vec<f32> = planes.iter().map(|plane| plane[0][0]).collect();
        assert_close(&corner, &first);
    }
}

#[test]
fn sizes_within_two_edges_are_those_of_the_reference() {
    let processor = ImageProcessor::detr(800, 1333);
    let sizes: Vec<[u32; 4]> = json("grounding_dino_tiny/sizes.json");
    assert!(sizes.len() > 200);
    for [width, height, across, down] in sizes {
        let found = processor.scaled_size(&RgbImage::new(width, height)).unwrap();
        assert_eq!(found, (across as usize, down as usize), "{width}×{height}");
    }
}

#[test]
fn vision_transformers_agree_with_the_reference() {
    for name in ["vit_tiny", "dinov2_tiny", "dinov2_registers_tiny"] {
        let golden: HashMap<String, Vec<f32>> = json(&format!("{name}/golden.json"));
        let vit = Vit::load(&fixture(name), &Device::Cpu).unwrap();
        let frame = vit_frame(picture());
        let wide = vit.extract(&frame).unwrap();
        assert_eq!((wide.rows, wide.columns, wide.width), (4, 5, 24));
        assert_close(&wide.data, &golden["wide"]);
        let square = vit.processor().picture(&picture(), &Device::Cpu).unwrap();
        assert_close(&values(&vit.patches(&square).unwrap()), &golden["square"]);
    }
}

#[test]
fn the_shorter_edge_of_pictures_may_be_chosen() {
    // Of 122×90 pixels.
    let frame = vit_frame(picture());
    for (kind, folder, patch_px) in [
        ("clip", "clip_tiny", 8),
        ("clip_patches", "clip_tiny", 8),
        ("vit", "vit_tiny", 8),
        ("dino", "dino_tiny", 4),
        ("dinov2", "dinov2_tiny", 8),
    ] {
        let mut eyes = open_extractor(kind, Some(&fixture(folder)), &Device::Cpu).unwrap();
        let usual = eyes.extract(&frame).unwrap();
        for (image_px, rows, columns) in
            [(10 * patch_px, 10, 14), (10 * patch_px + 1, 10, 14), (1, 1, 1)]
        {
            eyes.set_image_px(image_px).unwrap();
            let map = eyes.extract(&frame).unwrap();
            assert_eq!((map.rows, map.columns), (rows, columns), "{kind} of {image_px}");
            assert!(map.data.iter().all(|value| value.is_finite()), "{kind} of {image_px}");
        }
        for far_too_large in [8192, usize::MAX] {
            let refused = eyes.set_image_px(far_too_large).unwrap_err();
            assert!(refused.contains("attention of 3 heads"), "{refused}");
        }
        // All were trained with 32 pixels.
        eyes.set_image_px(32).unwrap();
        assert!(eyes.extract(&frame).unwrap() == usual, "{kind}");
    }
    let mut analytic = open_extractor("color_geometry", None, &Device::Cpu).unwrap();
    let refused = analytic.set_image_px(64).unwrap_err();
    assert!(refused.contains("`color_geometry` have a size of their own"), "{refused}");
}

fn third(values: Vec<f32>) -> Vec<f32> {
    values.into_iter().step_by(3).collect()
}

/// Its names have no head before them, its pooler is of no use, its processor is of the older form.
#[test]
fn dino_agrees_with_the_reference() {
    let golden: HashMap<String, Vec<f32>> = json("dino_tiny/golden.json");
    let folder = fixture("dino_tiny");
    let dino = open_extractor("dino", Some(&folder), &Device::Cpu).unwrap();
    let wide = dino.extract(&vit_frame(picture())).unwrap();
    assert_eq!((wide.rows, wide.columns, wide.width), (8, 11, 24));
    assert_close(&third(wide.data), &golden["wide"]);
    let vit = Vit::load(&folder, &Device::Cpu).unwrap();
    let square = vit.processor().picture(&picture(), &Device::Cpu).unwrap();
    assert_eq!(square.dims(), [1, 3, 32, 32]);
    assert_close(&third(values(&vit.patches(&square).unwrap())), &golden["square"]);
    let (config, names) = VitConfig::of_hf(&folder).unwrap();
    let mut checkpoint = Checkpoint::open("vit", &folder, &Device::Cpu).unwrap();
    let tower = Tower::load(&config, names, "", &mut checkpoint).unwrap();
    let wide = vit.processor().whole(&picture(), 32, 4, &Device::Cpu).unwrap();
    for (pixels, kind) in [(square, "square_class"), (wide, "wide_class")] {
        let tokens = tower.forward(&pixels, super::tower::LastBlock::Attends).unwrap();
        assert_close(&values(&tokens.narrow(1, 0, 1).unwrap()), &golden[kind]);
    }
}

#[test]
fn timms_vision_transformer_agrees_with_timm() {
    let golden: HashMap<String, Vec<f32>> = json("timm_tiny/golden.json");
    let vit = Vit::load(&fixture("timm_tiny/model.safetensors"), &Device::Cpu).unwrap();
    assert_eq!((vit.config().depth, vit.config().heads), (2, 2));
    let wide = vit.extract(&vit_frame(picture())).unwrap();
    assert_eq!((wide.rows, wide.columns, wide.width), (4, 5, 128));
    assert_close(&third(wide.data), &golden["wide"]);
    let square = vit.processor().picture(&picture(), &Device::Cpu).unwrap();
    assert_close(&third(values(&vit.patches(&square).unwrap())), &golden["square"]);
}

#[test]
fn public_vision_transformers_have_the_tensors_that_are_asked_for() {
    let names = public_folders(|name| name.starts_with("vit-") || name.starts_with("dino"));
    assert_eq!(names.len(), 12);
    for name in names {
        let (config, names) = VitConfig::of_hf(&fixture(&format!("public/{name}"))).unwrap();
        let head = if name.starts_with("vit-") { "vit." } else { "" };
        let asked =
            Checkpoint::listing("vit", |from| Tower::load(&config, names, head, from)).unwrap();
        assert_same_tensors(&name, asked, &["classifier.", "pooler.", "embeddings.mask_token"]);
    }
}

/// The public sizes with weights from chance; see docs/verified.md.
/// `cargo test --lib full_size -- --ignored --nocapture`
#[test]
#[ignore = "needs 5 GB and minutes"]
#[allow(clippy::print_stdout, reason = "it tells how long it took")]
fn full_size_vision_transformers_run() {
    for name in public_folders(|name| name.starts_with("vit-") || name.starts_with("dino")) {
        let (config, names) = VitConfig::of_hf(&fixture(&format!("public/{name}"))).unwrap();
        let (patch, width) = (config.patch_px, config.width);
        let mut chance = Checkpoint::chance("vit", 1, &Device::Cpu);
        let tower = Tower::load(&config, names, "", &mut chance).unwrap();
        let pixels =
            Tensor::randn(0f32, 1.0, (1, 3, 16 * patch, 21 * patch), &Device::Cpu).unwrap();
        let start = std::time::Instant::now();
        let tokens = tower.forward(&pixels, super::tower::LastBlock::Attends).unwrap();
        let features = tower.patches_of(&tokens).unwrap();
        println!("{name}, 16×21 patches: {:.2?}; {}", start.elapsed(), most_held());
        assert_eq!(features.dims(), [1, 16 * 21, width]);
        assert!(values(&features).iter().all(|x| x.is_finite()));
    }
}

fn vit_frame(color: RgbImage) -> crate::sensing::RgbdFrame {
    let (width, height) = color.dimensions();
    let data_m = vec![1.0; (width * height) as usize];
    crate::sensing::RgbdFrame {
        stamp_ns: 0,
        color,
        depth_m: crate::sensing::DepthImage { width, height, data_m },
        camera: crate::geometry::CameraModel::pinhole(width, height, 90.0, 90.0, 60.5, 44.5),
        world_T_camera: crate::geometry::Pose::identity(),
    }
}

#[test]
fn shorter_numbers_give_nearly_the_same_features() {
    let frame = crate::sensing::RgbdFrame {
        stamp_ns: 0,
        color: picture(),
        depth_m: crate::sensing::DepthImage { width: 1, height: 1, data_m: vec![1.0] },
        camera: crate::geometry::CameraModel::pinhole(1, 1, 1.0, 1.0, 0.0, 0.0),
        world_T_camera: crate::geometry::Pose::identity(),
    };
    for (kind, folder) in
        [("vit", "vit_tiny"), ("dinov2", "dinov2_registers_tiny"), ("clip", "clip_tiny")]
    {
        let of = |weights: WeightFormat| {
            let on = Placement { device: Device::Cpu, weights };
            let extractor = open_extractor(kind, Some(&fixture(folder)), &on).unwrap();
            extractor.extract(&frame).unwrap().data
        };
        let exact = of(WeightFormat::F32);
        for format in [WeightFormat::F16, WeightFormat::Bf16, WeightFormat::Q8_0] {
            let found = of(format);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let cosine = dot(&exact, &found) / (dot(&exact, &exact) * dot(&found, &found)).sqrt();
            // The fixtures are 16-bit floats already, and not all have maps that are blocks.
            assert!(found != exact || format != WeightFormat::Bf16, "{kind}");
            assert!(cosine > 0.999, "{kind} as {}: {cosine}", format.name());
        }
    }
}
