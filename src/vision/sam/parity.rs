//! SAM against the reference; see tests/fixtures/make_vision_golden.py and
//! make_original_sam_golden.py.

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
    of(&fixture("sam_tiny"), "sam_tiny")
}

fn of(path: &Path, golden: &str) -> (Sam, SamPicture, Golden) {
    let sam = Sam::load(path, &Device::Cpu).unwrap();
    let picture = sam.look(&picture()).unwrap();
    (sam, picture, json(&format!("{golden}/golden.json")))
}

/// The model of `sam_tiny` as its authors would have it, with what its tensors do not tell.
fn segment_anything() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "segment_anything_tiny/sam_vit_tiny.pth",
        "sam_tiny/config.json",
        "sam_tiny/preprocessor_config.json",
    ] {
        let name = Path::new(file).file_name().unwrap();
        std::fs::copy(fixture(file), folder.path().join(name)).unwrap();
    }
    folder
}

/// Of each layout one: what [`of`] gives.
fn all() -> [(Sam, SamPicture, Golden); 3] {
    let theirs = segment_anything();
    [tiny(), of(theirs.path(), "sam_tiny"), of(&fixture("mobile_sam_tiny"), "mobile_sam_tiny")]
}

fn every(values: Vec<f32>, step: usize) -> Vec<f32> {
    values.into_iter().step_by(step).collect()
}

#[test]
fn pictures_agree_with_the_reference() {
    for (_, picture, golden) in all() {
        // The reference has channels first.
        let embedding = picture.embedding.transpose(1, 2).unwrap();
        assert_close(&every(values(&embedding), 3), &golden.embedding);
    }
}

#[test]
fn prompts_agree_with_the_reference() {
    all().into_iter().for_each(assert_prompts);
}

fn assert_prompts((sam, picture, golden): (Sam, SamPicture, Golden)) {
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
    all().into_iter().for_each(assert_everything);
}

fn assert_everything((sam, picture, golden): (Sam, SamPicture, Golden)) {
    let golden = golden.everything;
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
        let config = SamConfig::read(&fixture(&format!("public/{name}"))).unwrap();
        let asked = Sam::wanted(&config, SamLayout::HuggingFace).unwrap();
        assert_same_tensors(&name, asked, SamLayout::HuggingFace.unused());
    }
}

/// The sizes of a public model in its authors' layout, read off its tensors' shapes.
fn public_sizes(name: &str, layout: SamLayout) -> SamConfig {
    let shapes = public_shapes(name);
    let shapes = shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()));
    SamConfig::of_authors().sized(layout, &TensorSizes(shapes.collect())).unwrap()
}

#[test]
fn public_models_of_the_authors_have_the_tensors_that_are_asked_for() {
    for (name, twin) in [("b", "base"), ("l", "large"), ("h", "huge")] {
        let name = format!("segment-anything-vit-{name}");
        let config = public_sizes(&name, SamLayout::SegmentAnything);
        let asked = Sam::wanted(&config, SamLayout::SegmentAnything).unwrap();
        assert_same_tensors(&name, asked, SamLayout::SegmentAnything.unused());
        let mut twin = SamConfig::read(&fixture(&format!("public/sam-vit-{twin}"))).unwrap();
        twin.mask_decoder_config.layer_norm_eps = config.mask_decoder_config.layer_norm_eps;
        assert_eq!(config, twin);
    }
    let config = public_sizes("mobile-sam", SamLayout::MobileSam);
    assert_eq!(config.grid(), 64);
    let published = TinyVitConfig {
        widths: [64, 128, 160, 320],
        depths: [2, 2, 6, 2],
        heads: [4, 5, 10],
        windows: [7, 14, 7],
    };
    assert_eq!(config.tiny_vit, Some(published));
    let asked = Sam::wanted(&config, SamLayout::MobileSam).unwrap();
    assert_same_tensors("mobile-sam", asked, SamLayout::MobileSam.unused());
}

#[test]
fn one_file_is_enough() {
    let path = fixture("segment_anything_tiny/sam_vit_tiny.pth");
    let sam = Sam::load(&path, &Device::Cpu).unwrap();
    let vision = &sam.config().vision_config;
    assert_eq!((vision.image_size, vision.patch_size, vision.window_size), (64, 8, 3));
    assert_eq!((vision.num_attention_heads, vision.global_attn_indexes.as_slice()), (2, &[1][..]));
    let (with_config, seen, _) = tiny();
    assert_eq!(*vision, with_config.config().vision_config);
    let looked = sam.look(&picture()).unwrap();
    assert_close(&values(&looked.embedding), &values(&seen.embedding));
}

/// The public sizes with weights from chance; see docs/verified.md.
/// `cargo test --lib full_size -- --ignored --nocapture`
#[test]
#[ignore = "takes a while"]
fn full_size_sams_run() {
    for name in public_folders(|name| name.starts_with("sam-") || name == "mobile-sam") {
        let (layout, config) = match name.as_str() {
            "mobile-sam" => (SamLayout::MobileSam, public_sizes(&name, SamLayout::MobileSam)),
            _ => {
                let folder = fixture(&format!("public/{name}"));
                (SamLayout::HuggingFace, SamConfig::read(&folder).unwrap())
            }
        };
        let mut chance = Checkpoint::chance(NAME, 7, &Device::Cpu);
        let parts = Parts::load(&config, layout, &mut chance).unwrap();
        let sam = Sam { config, processor: ImageProcessor::sam(1024), parts };
        let start = std::time::Instant::now();
        let seen = sam.look(&picture()).unwrap();
        let looked = start.elapsed();
        assert_eq!(seen.embedding.dims(), [1, 64 * 64, 256]);
        assert!(values(&seen.embedding).iter().all(|value| value.is_finite()));
        let at = SamPrompt { points_px: vec![([40.0, 30.0], true)], ..SamPrompt::default() };
        let start = std::time::Instant::now();
        assert_eq!(sam.segment(&seen, &at, true).unwrap().len(), 3);
        println!("{name}: picture {looked:.2?}, prompt {:.2?}; {}", start.elapsed(), most_held());
    }
}

#[test]
fn faults_of_an_authors_file_are_named_by_its_own_names() {
    let folder = segment_anything();
    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replacen("\"num_attention_heads\":4", "\"num_attention_heads\":5", 1),
    )
    .unwrap();
    let error = Sam::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("decoder's heads"), "{error}");
    let weights = fixture("mobile_sam_tiny/mobile_sam.pt");
    let mut shapes: Vec<TensorShape> = {
        let checkpoint = Checkpoint::open(NAME, &weights, &Device::Cpu).unwrap();
        let shapes = checkpoint.shapes().into_iter();
        shapes.map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect()
    };
    let sizes = |shapes: &[TensorShape]| {
        let shapes = shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()));
        SamConfig::of_authors().sized(SamLayout::MobileSam, &TensorSizes(shapes.collect()))
    };
    sizes(&shapes).unwrap();
    let name = "image_encoder.layers.3.blocks.0.attn.attention_biases";
    let biases = shapes.iter_mut().find(|(found, _)| found == name).unwrap();
    biases.1[0] = 7;
    assert!(sizes(&shapes).unwrap_err().contains("20 channels are no multiple of 7"));
    shapes.retain(|(found, _)| found != name);
    assert!(sizes(&shapes).unwrap_err().contains(name));
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
        (
            "\"window_size\":3",
            "\"window_size\":4096",
            "attention of 2 heads among 16777216 patches",
        ),
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
