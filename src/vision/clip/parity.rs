//! CLIP against the reference; see tests/fixtures/make_vision_golden.py.

use candle_core::Device;
use serde::Deserialize;

use super::*;
use crate::vision::FeatureExtractor;
use crate::vision::TextEncoder;
use crate::vision::fixtures::*;

#[derive(Deserialize)]
struct Golden {
    image: Vec<f32>,
    patches: Vec<f32>,
    text_space: Vec<f32>,
    texts: Vec<GoldenText>,
}

#[derive(Deserialize)]
struct GoldenText {
    text: String,
    tokens: Vec<u32>,
    features: Vec<f32>,
}

#[derive(Deserialize)]
struct OpenClipGolden {
    image: Vec<f32>,
    squashed: Vec<f32>,
    text_space: Vec<f32>,
    texts: Vec<GoldenText>,
}

#[test]
fn pictures_agree_with_the_reference() {
    let golden: Golden = json("clip_tiny/golden.json");
    for (features, expected, width) in [
        (ClipFeatures::TextSpace, &golden.text_space, 20),
        (ClipFeatures::Patches, &golden.patches, 24),
    ] {
        let clip = ClipVision::load(&fixture("clip_tiny"), features, &Device::Cpu).unwrap();
        assert_close(&clip.embed(&picture()).unwrap(), &golden.image);
        let dense = clip.dense(&picture()).unwrap();
        assert_eq!((dense.rows, dense.columns, dense.width), (4, 5, width));
        assert_eq!(clip.width(), width);
        assert_close(&dense.data, expected);
    }
}

#[test]
fn texts_agree_with_the_reference_with_either_tokenizer() {
    let golden: Golden = json("clip_tiny/golden.json");
    let without_json = copied("clip_tiny");
    std::fs::remove_file(without_json.path().join("tokenizer.json")).unwrap();
    for folder in [&fixture("clip_tiny"), without_json.path()] {
        let words = ClipText::load(folder, &Device::Cpu).unwrap();
        for GoldenText { text, tokens, features } in &golden.texts {
            assert_eq!(&words.tokens(text).unwrap(), tokens, "{text:?}");
            assert_close(&words.embed(text).unwrap(), features);
        }
    }
}

/// `make_vision_golden.py --vocabulary DIR`, then
/// `SCENELLM_CLIP_VOCABULARY=DIR cargo test --lib whole_vocabulary -- --ignored`.
#[test]
#[ignore = "needs CLIP's own vocabulary, which is too large to keep here"]
fn the_whole_vocabulary_agrees_with_the_reference() {
    #[derive(Deserialize)]
    struct Tokens {
        text: String,
        tokens: Vec<u32>,
    }
    let folder = std::env::var("SCENELLM_CLIP_VOCABULARY").unwrap();
    let folder = Path::new(&folder);
    let tokenizer = tokenizer::ClipTokenizer::open(folder, 49_408, 77).unwrap();
    let texts: Vec<Tokens> =
        crate::vision::checkpoint::read_json(&folder.join("texts.json")).unwrap();
    assert!(texts.len() > 500);
    for Tokens { text, tokens } in texts {
        assert_eq!(tokenizer.encode(&text).unwrap(), tokens, "{text:?}");
    }
}

#[test]
fn names_of_marks_in_a_text_are_words() {
    let words = ClipText::load(&fixture("clip_tiny"), &Device::Cpu).unwrap();
    let tokens = words.tokens("a <|endoftext|> mug").unwrap();
    let (end, inside) = tokens.split_last().unwrap();
    assert!(!inside.contains(end), "{tokens:?}");
    assert!(words.tokens(&"mug ".repeat(99_999)).is_err());
}

#[test]
fn open_clip_agrees_with_the_reference() {
    let golden: OpenClipGolden = json("openclip_tiny/golden.json");
    let folder = fixture("openclip_tiny");
    let clip = ClipVision::load(&folder, ClipFeatures::TextSpace, &Device::Cpu).unwrap();
    assert_eq!(clip.config().layout, ClipLayout::OpenClip);
    assert_close(&clip.embed(&picture()).unwrap(), &golden.image);
    let dense = clip.dense(&picture()).unwrap();
    assert_eq!((dense.rows, dense.columns, dense.width), (4, 5, 20));
    assert_close(&dense.data, &golden.text_space);
    // The tokens are those that open_clip's own tokenizer makes of the texts.
    let words = ClipText::load(&folder, &Device::Cpu).unwrap();
    assert_eq!((Some(words.space()), words.width()), (clip.text_space(), 20));
    assert!(golden.texts.len() > 8);
    for GoldenText { text, tokens, features } in &golden.texts {
        assert_eq!(&words.tokens(text).unwrap(), tokens, "{text:?}");
        assert_close(&words.embed(text).unwrap(), features);
    }
}

#[test]
fn open_clips_file_tells_how_pictures_are_scaled() {
    let golden: OpenClipGolden = json("openclip_tiny/golden.json");
    let read = |said: &str| {
        let folder = copied("openclip_tiny");
        let path = folder.path().join("open_clip_config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let changed =
            text.replace("\"preprocess_cfg\":{", &format!("\"preprocess_cfg\":{{{said},"));
        assert_ne!(changed, text);
        std::fs::write(&path, changed).unwrap();
        ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu)
    };
    let clip = read(r#""resize_mode":"squash","interpolation":"bilinear""#).unwrap();
    assert_close(&clip.embed(&picture()).unwrap(), &golden.squashed);
    let usual = read(r#""resize_mode":null,"interpolation":"random""#).unwrap();
    assert_close(&usual.embed(&picture()).unwrap(), &golden.image);
    let unknown = read(r#""resize_mode":"longest""#).unwrap_err().to_string();
    assert!(unknown.contains("open_clip_config.json"), "{unknown}");
    assert!(unknown.contains("unknown variant `longest`, expected `shortest`"), "{unknown}");
}

#[test]
fn files_that_texts_need_are_named() {
    let folder = copied("openclip_tiny");
    let said = || ClipText::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let neither = said();
    assert!(neither.contains("vocab.json: is not there, nor is tokenizer.json"), "{neither}");
    assert!(neither.contains("both vocab.json and merges.txt"), "{neither}");
    std::fs::copy(fixture("clip_tiny/vocab.json"), folder.path().join("vocab.json")).unwrap();
    let half = said();
    assert!(half.contains("merges.txt: is not there"), "{half}");
    std::fs::copy(fixture("clip_tiny/merges.txt"), folder.path().join("merges.txt")).unwrap();
    ClipText::load(folder.path(), &Device::Cpu).unwrap();
    // Pictures need none.
    std::fs::remove_file(folder.path().join("vocab.json")).unwrap();
    ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu).unwrap();
}

#[test]
fn folders_with_both_layouts_are_read_by_the_weights_that_are_there() {
    let folder = copied("clip_tiny");
    let other = fixture("openclip_tiny/open_clip_config.json");
    std::fs::copy(other, folder.path().join("open_clip_config.json")).unwrap();
    let clip = ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu).unwrap();
    assert_eq!(clip.config().layout, ClipLayout::HuggingFace);
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let weights = fixture("openclip_tiny/open_clip_model.safetensors");
    std::fs::copy(weights, folder.path().join("open_clip_model.safetensors")).unwrap();
    let clip = ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu).unwrap();
    assert_eq!(clip.config().layout, ClipLayout::OpenClip);
}

/// `cargo test --lib full_size -- --ignored --nocapture`
#[test]
#[ignore = "needs 4 GB and minutes"]
#[allow(clippy::print_stdout, reason = "it tells how long it took")]
fn full_size_clips_run() {
    for name in public_folders(|name| name.to_lowercase().contains("clip")) {
        let ClipFolder { config, .. } =
            ClipFolder::read(&fixture(&format!("public/{name}"))).unwrap();
        let mut chance = Checkpoint::chance(NAME, 1, &Device::Cpu);
        let (tower, projection) = load_vision(&config, &mut chance).unwrap();
        let patch = config.vision.patch_px;
        let pixels =
            Tensor::randn(0f32, 1.0, (1, 3, 16 * patch, 21 * patch), &Device::Cpu).unwrap();
        let start = std::time::Instant::now();
        let tokens = tower.forward(&pixels, super::super::tower::LastBlock::KeepsPlaces).unwrap();
        let features = projection.unit(&tower.patches_of(&tokens).unwrap()).unwrap();
        println!("{name}, 16×21 patches: {:.2?}; {}", start.elapsed(), most_held());
        assert_eq!(features.dims(), [1, 16 * 21, config.projection]);
        assert!(values(&features).iter().all(|x| x.is_finite()));
    }
}

#[test]
fn public_models_have_the_tensors_that_are_asked_for() {
    let names = public_folders(|name| name.to_lowercase().contains("clip"));
    assert_eq!(names.len(), 6);
    for name in names {
        let folder = ClipFolder::read(&fixture(&format!("public/{name}"))).unwrap();
        assert_same_tensors(&name, folder.wanted().unwrap(), &UNUSED);
    }
}

/// What loading a changed copy of the fixture says.
fn said(change: impl FnOnce(&mut std::collections::HashMap<String, Tensor>)) -> String {
    let folder = copied("clip_tiny");
    let path = folder.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let loaded = ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu);
    loaded.unwrap_err().to_string()
}

#[test]
fn faults_of_weights_are_named() {
    let missing = said(|tensors| drop(tensors.remove("visual_projection.weight")));
    assert!(missing.contains("no tensor `visual_projection.weight`"), "{missing}");
    assert!(missing.contains("[20, 24]"), "{missing}");
    let name = "vision_model.encoder.layers.1.mlp.fc2.weight";
    let wrong = said(|tensors| {
        let short = tensors[name].narrow(1, 0, 39).unwrap();
        tensors.insert(name.into(), short);
        tensors.remove("text_projection.weight");
    });
    assert!(wrong.contains("expected [24, 40], found [24, 39] (and 1 more faults)"), "{wrong}");
    let strange = said(|tensors| {
        let other = tensors["visual_projection.weight"].clone();
        tensors.insert("vision_model.encoder.layers.0.mlp.gate.weight".into(), other);
    });
    assert!(strange.contains("`vision_model.encoder.layers.0.mlp.gate.weight`"), "{strange}");
    let nan = said(|tensors| {
        let zero = tensors["vision_model.post_layernorm.bias"].zeros_like().unwrap();
        tensors.insert("vision_model.post_layernorm.bias".into(), (&zero / &zero).unwrap());
    });
    assert!(nan.contains("'vision_model.post_layernorm.bias' holds numbers"), "{nan}");
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_allocated() {
    let cases = [
        ("\"patch_size\":8", "\"patch_size\":0", "patch size is 0"),
        ("\"image_size\":32", "\"image_size\":33", "image size over patch size"),
        ("\"num_hidden_layers\":3", "\"num_hidden_layers\":4000000000", "layers is 4000000000"),
        ("\"hidden_size\":24", "\"hidden_size\":18446744073709551615", "width is"),
        ("\"hidden_size\":24", "\"hidden_size\":25", "width over heads"),
        ("\"hidden_size\":24", "\"hidden_size\":48", "tensor `vision_model"),
        ("\"vocab_size\"", "\"vocab_size\":999999999,\"old\"", "vocabulary is 999999999"),
        ("\"model_type\":\"clip\"", "\"model_type\":\"siglip\"", "'siglip'"),
        ("\"hidden_act\":\"quick_gelu\"", "\"hidden_act\":\"swish\"", "swish"),
    ];
    for (from, to, message) in cases {
        let folder = copied("clip_tiny");
        let path = folder.path().join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        std::fs::write(&path, changed).unwrap();
        let loaded = ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu);
        let error = loaded.unwrap_err().to_string();
        assert!(error.contains(message), "{error} does not say {message}");
    }
    let folder = copied("clip_tiny");
    std::fs::write(folder.path().join("merges.txt"), "a b c\n").unwrap();
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let error = ClipText::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("merges.txt: line 1"), "{error}");
}

#[test]
fn small_and_empty_pictures() {
    let clip = ClipVision::load(&fixture("clip_tiny"), ClipFeatures::TextSpace, &Device::Cpu);
    let clip = clip.unwrap();
    let one = image::RgbImage::from_pixel(1, 1, image::Rgb([200, 0, 90]));
    assert!(clip.embed(&one).unwrap().iter().all(|x| x.is_finite()));
    assert_eq!(clip.dense(&one).unwrap().data.len(), 4 * 4 * 20);
    // A sliver is squeezed.
    let sliver = image::RgbImage::new(1, 4000);
    assert_eq!(clip.dense(&sliver).unwrap().rows, 16);
    // A processor's size that would fill the memory.
    let folder = copied("clip_tiny");
    let path = folder.path().join("preprocessor_config.json");
    std::fs::write(path, r#"{"size": {"shortest_edge": 4000}, "crop_size": 4000}"#).unwrap();
    let huge = ClipVision::load(folder.path(), ClipFeatures::TextSpace, &Device::Cpu).unwrap();
    let error = huge.dense(&one).unwrap_err().to_string();
    assert!(error.contains("250001 patches"), "{error}");
    for (width, height) in [(0, 0), (0, 7), (7, 0)] {
        let empty = image::RgbImage::new(width, height);
        assert!(matches!(clip.embed(&empty), Err(VisionError::BadImage { .. })));
        assert!(matches!(clip.dense(&empty), Err(VisionError::BadImage { .. })));
    }
}
