//! Grounding DINO against the reference; see tests/fixtures/make_grounding_dino_golden.py.

use serde::Deserialize;

use super::*;
use crate::vision::fixtures::*;

#[derive(Deserialize)]
struct Golden {
    names: Vec<String>,
    tokens: Vec<u32>,
    texts: Vec<GoldenText>,
    /// Every third number of each map.
    backbone: Vec<Vec<f32>>,
    text: Vec<f32>,
    /// Every fifth number.
    encoder_vision: Vec<f32>,
    encoder_text: Vec<f32>,
    logits: Vec<f32>,
    boxes: Vec<f32>,
    box_threshold: f32,
    text_threshold: f32,
    found: GoldenFound,
    padded: GoldenPadded,
}

#[derive(Deserialize)]
struct GoldenText {
    text: String,
    tokens: Vec<u32>,
}

#[derive(Deserialize)]
struct GoldenFound {
    scores: Vec<f32>,
    boxes: Vec<f32>,
    phrases: Vec<String>,
}

/// Of a picture that was filled up to 100×72, asked for the first two names.
#[derive(Deserialize)]
struct GoldenPadded {
    encoder_vision: Vec<f32>,
    /// Pixels that are the picture's.
    valid: usize,
    logits: Vec<f32>,
    boxes: Vec<f32>,
}

fn tiny() -> (GroundingDino, Golden) {
    let dino = GroundingDino::load(&fixture("grounding_dino_tiny"), &Device::Cpu).unwrap();
    (dino, json("grounding_dino_tiny/golden.json"))
}

fn names(golden: &Golden) -> Vec<&str> {
    golden.names.iter().map(String::as_str).collect()
}

fn every(values: Vec<f32>, step: usize) -> Vec<f32> {
    values.into_iter().step_by(step).collect()
}

#[track_caller]
fn assert_answers(answer: &Answer, logits: &[f32], boxes: &[f32]) {
    assert_close(&answer.logits.concat(), logits);
    assert_close(&answer.boxes.concat(), boxes);
}

#[test]
fn texts_become_the_tokens_of_the_reference() {
    let (dino, golden) = tiny();
    let prompts = dino.prompter.prompts(&names(&golden)).unwrap();
    assert_eq!((prompts.len(), &prompts[0].tokens), (1, &golden.tokens));
    let path = fixture("grounding_dino_tiny/tokenizer.json");
    let tokenizer = crate::language::Tokenizer::open(&path).unwrap();
    assert!(golden.texts.len() > 10);
    for GoldenText { text, tokens } in golden.texts {
        assert_eq!(tokenizer.encode(&text).unwrap(), tokens, "{text}");
    }
}

#[test]
fn every_part_agrees_with_the_reference() {
    let (dino, golden) = tiny();
    let (pixels, seen_px) = dino.pixels(&picture()).unwrap();
    assert_eq!((pixels.dims(), seen_px), (&[1, 3, 59, 80][..], [80, 59]));
    let maps = dino.parts.backbone.forward(&pixels, &|| true).unwrap();
    assert_eq!(maps.len(), golden.backbone.len());
    for (map, expected) in maps.iter().zip(&golden.backbone) {
        assert_close(&every(values(map), 3), expected);
    }
    let prompt = &dino.prompter.prompts(&names(&golden)).unwrap()[0];
    let count = prompt.tokens.len();
    let mask = Tensor::from_vec(prompt.mask(), (count, count), &Device::Cpu).unwrap();
    assert_close(&values(&dino.parts.words(prompt, &mask).unwrap()), &golden.text);
    let pyramid = dino.parts.pyramid(&pixels, seen_px, &|| true).unwrap();
    assert!(pyramid.filling.is_none());
    let encoded = dino.parts.encode(&pyramid, prompt, &|| true).unwrap();
    assert_close(&every(values(&encoded.places), 5), &golden.encoder_vision);
    assert_close(&values(&encoded.words), &golden.encoder_text);
    let answer = dino.parts.answer(&pyramid, &encoded).unwrap();
    assert_answers(&answer, &golden.logits, &golden.boxes);
}

#[test]
fn pictures_that_are_filled_up_agree_with_the_reference() {
    let (mut dino, golden) = tiny();
    dino.processor = ImageProcessor { pad_px: Some((100, 72)), ..ImageProcessor::detr(50, 80) };
    let (pixels, seen_px) = dino.pixels(&picture()).unwrap();
    assert_eq!(pixels.dims(), [1, 3, 72, 100]);
    assert_eq!(seen_px[0] * seen_px[1], golden.padded.valid);
    let pyramid = dino.parts.pyramid(&pixels, seen_px, &|| true).unwrap();
    let prompt = &dino.prompter.prompts(&names(&golden)[..2]).unwrap()[0];
    let encoded = dino.parts.encode(&pyramid, prompt, &|| true).unwrap();
    assert_close(&every(values(&encoded.places), 5), &golden.padded.encoder_vision);
    let answer = dino.parts.answer(&pyramid, &encoded).unwrap();
    assert_answers(&answer, &golden.padded.logits, &golden.padded.boxes);
}

#[test]
fn detections_agree_with_the_reference() {
    let (dino, golden) = tiny();
    let names = names(&golden);
    let (of_box, of_word) = (golden.box_threshold, golden.text_threshold);
    let found = dino.detect(&picture(), &names, of_box, of_word).unwrap();
    let expected = &golden.found;
    let mut order: Vec<usize> = (0..expected.scores.len()).collect();
    order.sort_by(|a, b| expected.scores[*b].total_cmp(&expected.scores[*a]));
    assert!(order.len() > 5);
    let scores: Vec<f32> = found.iter().map(|one| one.score).collect();
    assert_close(&scores, &order.iter().map(|at| expected.scores[*at]).collect::<Vec<_>>());
    for (one, at) in found.iter().zip(order) {
        assert_close(&one.box_px, &expected.boxes[4 * at..4 * at + 4]);
        assert_eq!(one.phrase, expected.phrases[at]);
        // A phrase of full stops and marks means no name.
        let words = one.phrase.replace("[SEP]", "").contains(char::is_alphabetic);
        assert_eq!(one.name_index.is_some(), words, "{one:?}");
        assert!(one.name_index.is_none_or(|name| name < names.len()));
    }
}

#[test]
fn names_in_several_passes_keep_their_numbers() {
    let (dino, _) = tiny();
    let names: Vec<String> = (0..30).map(|at| format!("red cup {at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let passes = dino.prompter.prompts(&names).unwrap().len();
    assert!(passes > 2);
    let found = dino.detect(&picture(), &names, 0.0, 0.0).unwrap();
    assert_eq!(found.len(), 20 * passes);
    assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    let alone = dino.detect(&picture(), &names[29..], 0.0, 0.0).unwrap();
    assert!(alone.iter().all(|one| one.name_index == Some(0)));
    let last: Vec<_> = dino.prompter.prompts(&names).unwrap().pop().unwrap().phrases;
    let of_last = found.iter().filter(|one| one.name_index.unwrap() >= last[0].0).count();
    assert_eq!(of_last, 20);
}

#[test]
fn names_are_read_once_and_mean_the_same_in_the_next_picture() {
    let (dino, golden) = tiny();
    let names = names(&golden);
    let read = || dino.parts.read.lock().unwrap().len();
    let other = image::imageops::flip_horizontal(&picture());
    let look = |image: &RgbImage, names: &[&str]| dino.detect(image, names, 0.0, 0.0).unwrap();
    let first = look(&picture(), &names);
    assert_ne!(look(&other, &names), first);
    assert_eq!((look(&picture(), &names), read()), (first, 1));
    // Others take their place beside them, and of too many all go.
    look(&picture(), &names[..1]);
    assert_eq!(read(), 2);
    let many: Vec<String> = (0..3000).map(|at| format!("red cup {at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let prompts = dino.prompter.prompts(&many).unwrap();
    assert!(prompts.len() > MOST_READ);
    for prompt in &prompts {
        let count = prompt.tokens.len();
        let mask = Tensor::from_vec(prompt.mask(), (count, count), &Device::Cpu).unwrap();
        dino.parts.words(prompt, &mask).unwrap();
        assert!(read() <= MOST_READ);
    }
}

#[test]
fn a_look_that_nobody_wants_any_more_ends_within_a_pass() {
    let (dino, _) = tiny();
    let names: Vec<String> = (0..5000).map(|at| format!("red cup {at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let passes = GroundingDino::passes(&fixture("grounding_dino_tiny"), &names).unwrap();
    assert!(passes > 300, "{passes}");
    // Four stages, and in every pass two layers and the decoder: the second pass is cut short.
    for most in [0, 2, 4, 7, 9] {
        let asked = std::cell::Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() <= most
        };
        let ended = dino.detect_while(&picture(), &names, [0.0; 2], &wanted).unwrap_err();
        assert!(matches!(ended, VisionError::Unwanted { .. }), "{ended}");
        assert_eq!(asked.get(), most + 1, "nothing goes on behind a no");
    }
}

#[test]
fn passes_are_known_before_any_weights_are_read() {
    let folder = copied("grounding_dino_tiny");
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let passes = |names: &[&str]| GroundingDino::passes(folder.path(), names);
    assert_eq!(passes(&["mug", "the kitchen table"]).unwrap(), 1);
    let many = ["mug"; 20];
    assert_eq!(passes(&many).unwrap(), 2, "19 names of two tokens fill a prompt of 40");
    assert!(matches!(passes(&[]), Err(VisionError::BadText { .. })));
    assert!(matches!(passes(&["mug", " "]), Err(VisionError::BadText { .. })));
}

#[test]
fn a_check_tells_what_keeps_names_from_being_read() {
    let folder = copied("grounding_dino_tiny");
    assert!(GroundingDino::faults(folder.path()).unwrap().is_empty());
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let faults = GroundingDino::faults(folder.path()).unwrap();
    assert!(matches!(&faults[..], [fault] if fault.contains("tokenizer.json")), "{faults:?}");
}

#[test]
fn public_models_have_the_tensors_that_are_asked_for() {
    let names = public_folders(|name| name.starts_with("grounding-dino-"));
    assert_eq!(names.len(), 2);
    for name in names {
        let asked = GroundingDino::wanted(&fixture(&format!("public/{name}"))).unwrap();
        // Of the unused, none stands in the reference's list; all that is asked for does.
        assert_same_tensors(&name, asked, &UNUSED[..2]);
    }
}

#[test]
fn small_empty_and_odd_input() {
    let (dino, _) = tiny();
    for (width, height) in [(1, 1), (3000, 1), (1, 700)] {
        let image = RgbImage::from_pixel(width, height, image::Rgb([9, 200, 3]));
        let found = dino.detect(&image, &["mug"], 0.0, 0.0).unwrap();
        assert!(!found.is_empty(), "{width}×{height}");
        assert!(found.iter().all(|one| one.box_px.iter().all(|edge| edge.is_finite())));
    }
    let empty = dino.detect(&RgbImage::new(0, 5), &["mug"], 0.0, 0.0);
    assert!(matches!(empty, Err(VisionError::BadImage { .. })));
    let wordless = dino.detect(&picture(), &[], 0.0, 0.0);
    assert!(matches!(wordless, Err(VisionError::BadText { .. })));
    assert!(dino.detect(&picture(), &["mug"], f32::NAN, 0.0).unwrap().is_empty());
    assert!(dino.detect(&picture(), &["mug"], 1.0, 0.0).unwrap().is_empty());
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let folder = copied("grounding_dino_tiny");
    let config = GroundingDinoConfig::read(folder.path()).unwrap();
    let mut weights = Checkpoint::random_tensors(3, |from| Parts::load(&config, from));
    let name = "model.encoder.layers.1.fusion_layer.vision_param";
    weights.insert(name.into(), Tensor::new(&[f32::NAN; 64], &Device::Cpu).unwrap());
    candle_core::safetensors::save(&weights, folder.path().join("model.safetensors")).unwrap();
    let error = GroundingDino::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains(name) && error.contains("not finite"), "{error}");
}

#[test]
fn absurd_sizes_are_named() {
    for (from, to, message) in [
        ("\"grounding-dino\"", "\"grounding\"", "must be 'grounding-dino'"),
        ("\"model_type\":\"swin\"", "\"model_type\":\"resnet\"", "must be 'swin'"),
        ("\"num_queries\":20", "\"num_queries\":0", "num_queries: is 0"),
        ("\"encoder_layers\":2", "\"encoder_layers\":99999999", "encoder_layers"),
        ("\"d_model\":64", "\"d_model\":72", "72 is no multiple of 32"),
        ("\"decoder_attention_heads\":8", "\"decoder_attention_heads\":7", "decoder's heads"),
        ("\"window_size\":5", "\"window_size\":0", "window_size: is 0"),
        ("\"num_heads\":[1,2,2,4]", "\"num_heads\":[1,2,2]", "4 depths, but 3"),
        ("\"num_heads\":[1,2,2,4]", "\"num_heads\":[1,3,2,4]", "16 is no multiple of 3"),
        ("\"mlp_ratio\":2.0", "\"mlp_ratio\":-2.0", "mlp_ratio"),
        ("[\"stage2\",", "[\"stage9\",", "out_features"),
        ("\"max_text_len\":40", "\"max_text_len\":3", "hold no phrase"),
        (
            "\"vocab_size\":1100",
            "\"vocab_size\":1000",
            "has 1100 tokens, the text tower knows 1000",
        ),
        ("\"encoder_ffn_dim\":48", "\"encoder_ffn_dim\":52", "fc1.weight`: expected [26, 64]"),
    ] {
        let folder = copied("grounding_dino_tiny");
        let path = folder.path().join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        std::fs::write(path, changed).unwrap();
        let error = GroundingDino::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(message), "{error} does not say {message}");
    }
}

/// `cargo test --lib full_size -- --ignored --nocapture`. The smaller model goes first: what is told is the
/// most memory so far.
#[test]
#[ignore = "takes minutes and gigabytes"]
fn a_picture_of_full_size_goes_through_the_public_sizes() {
    let pixels = Tensor::rand(-2f32, 2.0, (1, 3, 800, 1333), &Device::Cpu).unwrap();
    let tokens: Vec<u32> = (1000..1024).collect();
    let prompt = Prompt { tokens, phrases: vec![(0, 1..11), (1, 12..22)] };
    for name in ["grounding-dino-tiny", "grounding-dino-base"] {
        let config = GroundingDinoConfig::read(&fixture(&format!("public/{name}"))).unwrap();
        let mut chance = Checkpoint::chance(NAME, 1, &Device::Cpu);
        let parts = Parts::load(&config, &mut chance).unwrap();
        let start = std::time::Instant::now();
        let pyramid = parts.pyramid(&pixels, [1333, 800], &|| true).unwrap();
        println!("{name}: picture {:.2?}", start.elapsed());
        let start = std::time::Instant::now();
        let encoded = parts.encode(&pyramid, &prompt, &|| true).unwrap();
        println!("{name}: encoder {:.2?}", start.elapsed());
        let start = std::time::Instant::now();
        let answer = parts.answer(&pyramid, &encoded).unwrap();
        println!("{name}: decoder {:.2?}; {}", start.elapsed(), most_held());
        assert_eq!(encoded.places.dims(), [1, 22_223, 256]);
        assert_eq!((answer.boxes.len(), answer.logits[0].len()), (900, 24));
        assert!(answer.boxes.concat().iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
