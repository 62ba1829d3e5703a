//! SAM against the reference; see tests/fixtures/make_vision_golden.py.

use candle_core::Device;
use serde::Deserialize;

use super::*;
use crate::vision::fixtures::*;

#[derive(Deserialize)]
struct Golden {
    /// Every third number.
    embedding: Vec<f32>,
    prompts: Vec<GoldenPrompt>,
    /// A mask that a later prompt begins with.
    before: Vec<f32>,
    everything: GoldenEverything,
}

#[derive(Deserialize)]
struct GoldenPrompt {
    quality: Vec<f32>,
    /// Every seventh number of each mask.
    logits: Vec<Vec<f32>>,
    area: Vec<usize>,
}

#[derive(Deserialize)]
struct GoldenEverything {
    points_per_side: usize,
    least_quality: f32,
    least_stability: f32,
    quality: Vec<f32>,
    boxes: Vec<[u32; 4]>,
    area: Vec<usize>,
}

fn tiny() -> (Sam, SamPicture, Golden) {
    let sam = Sam::load(&fixture("sam_tiny"), &Device::Cpu).unwrap();
    let picture = sam.look(&picture()).unwrap();
    (sam, picture, json("sam_tiny/golden.json"))
}

fn every(values: Vec<f32>, step: usize) -> Vec<f32> {
    values.into_iter().step_by(step).collect()
}

#[test]
fn pictures_agree_with_the_reference() {
    let (_, picture, golden) = tiny();
    assert_close(&every(values(&picture.embedding), 3), &golden.embedding);
}

#[test]
fn prompts_agree_with_the_reference() {
    let (sam, picture, golden) = tiny();
    let points = |points: &[([f32; 2], bool)]| SamPrompt {
        points_px: points.to_vec(),
        ..SamPrompt::default()
    };
    let box_px = Some([20.0, 11.0, 90.0, 80.0]);
    let prompts = [
        (points(&[([40.0, 30.0], true), ([100.0, 71.0], false)]), true),
        (SamPrompt { box_px, ..SamPrompt::default() }, false),
        (SamPrompt { box_px, ..points(&[([61.0, 44.0], true)]) }, true),
        (SamPrompt { mask: Some(golden.before.clone()), ..points(&[([40.0, 30.0], true)]) }, false),
    ];
    assert_eq!(prompts.len(), golden.prompts.len());
    for ((prompt, several), golden) in prompts.into_iter().zip(golden.prompts) {
        let answers = sam.segment(&picture, &prompt, several).unwrap();
        let mut order: Vec<usize> = (0..golden.quality.len()).collect();
        order.sort_by(|a, b| golden.quality[*b].total_cmp(&golden.quality[*a]));
        assert_eq!(answers.len(), order.len());
        let quality: Vec<f32> = answers.iter().map(|answer| answer.mask.quality).collect();
        let expected: Vec<f32> = order.iter().map(|index| golden.quality[*index]).collect();
        assert_close(&quality, &expected);
        for (answer, index) in answers.into_iter().zip(order) {
            assert_close(&every(answer.logits, 7), &golden.logits[index]);
            let (mask, area) = (&answer.mask.mask, golden.area[index]);
            assert_eq!((mask.width(), mask.height()), (122, 90));
            // A pixel whose number is all but zero may fall to either side.
            assert!(mask.area().abs_diff(area) <= 2, "{} pixels, not {area}", mask.area());
        }
    }
}

#[test]
fn masks_of_everything_agree_with_the_reference() {
    let (sam, picture, Golden { everything: golden, .. }) = tiny();
    let settings = AutomaticMasks {
        points_per_side: golden.points_per_side,
        least_quality: golden.least_quality,
        least_stability: golden.least_stability,
        most_overlap: 0.7,
    };
    let masks = sam.everything(&picture, &settings).unwrap();
    assert!(masks.len() > 1);
    let quality: Vec<f32> = masks.iter().map(|mask| mask.quality).collect();
    assert_close(&quality, &golden.quality);
    for (mask, (box_px, area)) in masks.iter().zip(golden.boxes.into_iter().zip(golden.area)) {
        assert_eq!(mask.box_px, box_px);
        assert!(mask.mask.area().abs_diff(area) <= 2, "{} is not {area}", mask.mask.area());
    }
}

#[test]
fn public_models_have_the_tensors_that_are_asked_for() {
    let names = public_folders(|name| name.starts_with("sam-"));
    assert_eq!(names.len(), 3);
    for name in names {
        let asked = Sam::wanted(&fixture(&format!("public/{name}"))).unwrap();
        assert_same_tensors(&name, asked, &UNUSED);
    }
}

#[test]
fn small_empty_and_odd_input() {
    let (sam, seen, _) = tiny();
    let one = sam.look(&RgbImage::from_pixel(1, 1, image::Rgb([9, 200, 3]))).unwrap();
    let at = SamPrompt { points_px: vec![([0.0, 0.0], true)], ..SamPrompt::default() };
    assert_eq!(sam.segment(&one, &at, true).unwrap().len(), 3);
    let sliver = sam.look(&RgbImage::new(3000, 1)).unwrap();
    assert_eq!(sam.segment(&sliver, &at, false).unwrap()[0].mask.mask.width(), 3000);
    assert!(matches!(sam.look(&RgbImage::new(0, 5)), Err(VisionError::BadImage { .. })));
    // No prompt at all, and places that are nowhere, still have an answer.
    assert_eq!(sam.segment(&seen, &SamPrompt::default(), false).unwrap().len(), 1);
    let nowhere = SamPrompt { points_px: vec![([f32::NAN, 1e30], true)], ..at.clone() };
    sam.segment(&seen, &nowhere, false).unwrap();
    let short = SamPrompt { mask: Some(vec![0.0; 7]), ..at };
    assert!(sam.segment(&seen, &short, false).unwrap_err().to_string().contains("7 numbers"));
}

#[test]
fn absurd_sizes_are_named() {
    for (from, to, message) in [
        ("\"image_size\":64", "\"image_size\":0", "image_size: is 0"),
        ("\"window_size\":3", "\"window_size\":0", "window_size: is 0"),
        ("\"num_hidden_layers\":3", "\"num_hidden_layers\":99999999", "num_hidden_layers"),
        ("\"num_pos_feats\":16", "\"num_pos_feats\":17", "must be 32"),
        ("\"mlp_dim\":40", "\"mlp_dim\":41", "tensor `vision_encoder.layers.0.mlp.lin1.weight`"),
        ("\"num_attention_heads\":4", "\"num_attention_heads\":5", "decoder's heads"),
        ("\"model_type\":\"sam\"", "\"model_type\":\"sam2\"", "must be 'sam'"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::copy(fixture("sam_tiny/model.safetensors"), file("model.safetensors")).unwrap();
        let text = std::fs::read_to_string(fixture("sam_tiny/config.json")).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        std::fs::write(file("config.json"), changed).unwrap();
        let error = Sam::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(message), "{error} does not say {message}");
    }
}
