//! Open-vocabulary eyes from the command line: a map with CLIP features, and texts found in it. The
//! weights are random, so what is found means nothing; that it is found by the same path does.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CLIP: &str = "tests/fixtures/vision/clip_tiny";

fn scenellm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scenellm"))
        .args(arguments)
        .current_dir(ROOT)
        .output()
        .expect("the program was built with the tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The map of the shipped bag with features of `extractor`.
fn map(extractor: &str, weights: Option<&str>, out: &Path) -> PathBuf {
    let folder = out.display().to_string();
    let mut arguments =
        vec!["replay", "bags/kitchen_sim", "--extractor", extractor, "--out", &folder];
    if let Some(weights) = weights {
        arguments.extend(["--vision-weights", weights]);
    }
    let done = scenellm(&arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    out.join("map.scenemap")
}

fn find(map: &Path, weights: &str, more: &[&str]) -> Output {
    let map = map.display().to_string();
    let arguments = ["find", "--text", "a mug", "--map", &map, "--weights", weights];
    scenellm(&[&arguments, more].concat())
}

#[test]
fn texts_are_found_in_a_map_of_clip_features() {
    let folder = tempfile::tempdir().unwrap();
    let map = map("clip", Some(CLIP), &folder.path().join("clip"));
    let picture = folder.path().join("heat.png");
    let found = find(&map, CLIP, &["--json", "--picture", &picture.display().to_string()]);
    // 0: found; 3: nothing fits better than just anything.
    assert!(matches!(found.status.code(), Some(0 | 3)), "{}", text(&found.stderr));
    let lines = text(&found.stdout);
    let places: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!((1..=5).contains(&places.len()), "{lines}");
    for place in &places {
        let confidence = place["confidence"].as_f64().unwrap();
        assert!(confidence > 0.0 && confidence < 1.0, "{place}");
        let position: Vec<f64> =
            place["position_m"].as_array().unwrap().iter().filter_map(|x| x.as_f64()).collect();
        assert!(position.len() == 3 && position.iter().all(|x| x.abs() < 20.0), "{place}");
    }
    assert_eq!(found.status.code() == Some(0), places[0]["confidence"].as_f64() > Some(0.5));
    assert!(image::open(&picture).unwrap().width() > 400);
    let said = find(&map, CLIP, &["--most", "1"]);
    assert!(text(&said.stdout).starts_with(" 1  at "), "{}", text(&said.stdout));

    // A question goes the same way: nothing in the map is called so, and weights from chance may find it.
    let shown = [map.display().to_string(), folder.path().join("asked.png").display().to_string()];
    let found = scenellm(&["find", "--text", "piano", "--map", &shown[0], "--weights", CLIP]);
    let eyes = ["ask", "--map", &shown[0], "--extractor", "clip", "--vision-weights", CLIP];
    let asked = scenellm(&[&eyes[..], &["--picture", &shown[1], "where is the piano?"]].concat());
    assert_eq!(asked.status.code(), found.status.code(), "{}", text(&asked.stderr));
    let said = text(&asked.stdout);
    assert_eq!(said.contains("likeness"), asked.status.success(), "{said}");
    assert!(image::open(&shown[1]).unwrap().width() > 400);

    // Another model with a space of the same width is told apart.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    for entry in std::fs::read_dir(Path::new(ROOT).join(CLIP)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), other.join(entry.file_name())).unwrap();
    }
    let weights = other.join("model.safetensors");
    let device = candle_core::Device::Cpu;
    let mut tensors = candle_core::safetensors::load(&weights, &device).unwrap();
    let turned = tensors["visual_projection.weight"].neg().unwrap();
    tensors.insert("visual_projection.weight".into(), turned);
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    let refused = find(&map, &other.display().to_string(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("other weights"), "{}", text(&refused.stderr));
}

#[test]
fn maps_without_words_are_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let map = map("color_geometry", None, &folder.path().join("colours"));
    let refused = find(&map, CLIP, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--extractor clip"), "{}", text(&refused.stderr));
}

#[test]
fn folders_of_weights_are_checked() {
    let good = scenellm(&["models", "check", CLIP]);
    assert!(good.status.success(), "{}", text(&good.stderr));
    assert!(text(&good.stdout).contains("clip: ") && text(&good.stdout).contains(" 0 faults"));
    let folder = tempfile::tempdir().unwrap();
    let fixture = |name: &str| Path::new(ROOT).join("tests/fixtures/vision").join(name);
    std::fs::copy(fixture("vit_tiny/config.json"), folder.path().join("config.json")).unwrap();
    let weights = fixture("dinov2_tiny/model.safetensors");
    std::fs::copy(weights, folder.path().join("model.safetensors")).unwrap();
    let bad = scenellm(&["models", "check", &folder.path().display().to_string()]);
    assert_eq!(bad.status.code(), Some(3));
    let said = text(&bad.stdout);
    assert!(said.contains("no tensor `encoder.layer.0.layernorm_before.weight`"), "{said}");
    for model in ["chat_planner", "chat_planner/model.gguf"] {
        let chat = scenellm(&["models", "check", &format!("tests/fixtures/{model}")]);
        assert!(text(&chat.stdout).contains("qwen2: 26 tensors"), "{}", text(&chat.stderr));
        assert!(chat.status.success(), "{}", text(&chat.stdout));
    }
    let wordless = scenellm(&["models", "check", "tests/fixtures/chat_tiny/gemma2/model.gguf"]);
    assert_eq!(wordless.status.code(), Some(3));
    assert!(text(&wordless.stdout).contains("chat template: there is none"));
    let list = scenellm(&["models", "list"]);
    assert!(text(&list.stdout).contains("openai/clip-vit-base-patch32"));
    let list = text(&scenellm(&["models", "list", "--json"]).stdout);
    let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let numbers = first["parameters"].as_u64().unwrap();
    assert_eq!(first["memory_bytes"]["f32"], 4 * numbers);
    assert_eq!(first["memory_bytes"]["bf16"], 2 * numbers);
}
