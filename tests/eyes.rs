//! Open-vocabulary eyes: maps with features of CLIP and of ConceptFusion, and texts found in them from
//! the command line. The weights are random, so what is found means nothing; that it is found by the
//! same path does.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use candle_core::Device;
use scenellm::bag::{BagReader, Events, select_cameras};
use scenellm::planner::{PlannerConfig, Session};
use scenellm::tasks::GoalPlanner;
use scenellm::vision::{AutomaticMasks, ConceptFusion};
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
    let other = copied(CLIP, folder.path().join("other"));
    let weights = other.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
    let turned = tensors["visual_projection.weight"].neg().unwrap();
    tensors.insert("visual_projection.weight".into(), turned);
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    let refused = find(&map, &other.display().to_string(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("other weights"), "{}", text(&refused.stderr));
}

/// A folder with what is in the folder `from`.
fn copied(from: &str, to: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(Path::new(ROOT).join(from)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to
}

/// Lets a session see the first frame of the shipped bag.
fn see_a_frame(session: &mut Session, config: &PlannerConfig) {
    let bag = BagReader::open(Path::new(ROOT).join("bags/kitchen_sim")).unwrap();
    let selections = select_cameras(bag.topics(), config).unwrap();
    let mut events = Events::of_cameras(&bag, &selections);
    while session.newest_frame().is_none() {
        let (_, event) = events.next().expect("the bag has a frame");
        session.push(event.unwrap());
    }
}

#[test]
fn texts_are_found_in_a_map_of_concept_fusion() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("fusion");
    copied(CLIP, weights.join("clip"));
    copied("tests/fixtures/vision/sam_tiny", weights.join("sam"));
    let mut config = PlannerConfig::default();
    config.vision.extractor = "concept_fusion".into();
    config.vision.weights = Some(weights.clone());
    // Weights from chance are sure of nothing: whatever they cut out stays.
    let all = AutomaticMasks {
        points_per_side: 4,
        least_quality: f32::NEG_INFINITY,
        least_stability: -1.0,
        ..AutomaticMasks::default()
    };
    let eyes = ConceptFusion::load(&weights, all, &Device::Cpu).unwrap();
    let mut session = Session::new(&config, Some(Box::new(eyes))).unwrap();
    see_a_frame(&mut session, &config);
    let map = folder.path().join("fusion.scenemap");
    session.map().save(&map).unwrap();

    let shown = weights.display().to_string();
    let found = find(&map, &shown, &["--json"]);
    assert!(matches!(found.status.code(), Some(0 | 3)), "{}", text(&found.stderr));
    assert!(text(&found.stdout).contains("\"confidence\""), "{}", text(&found.stdout));
    // The folder of its CLIP does as well.
    let of_clip = find(&map, CLIP, &["--json"]);
    assert_eq!(text(&found.stdout), text(&of_clip.stdout));

    let picture = folder.path().join("asked.png");
    let paths = [&map, &picture].map(|path| path.display().to_string());
    let piano = scenellm(&["find", "--text", "piano", "--map", &paths[0], "--weights", &shown]);
    let eyes = ["ask", "--map", &paths[0], "--extractor", "concept_fusion"];
    let more = ["--vision-weights", &shown, "--picture", &paths[1], "where is the piano?"];
    let asked = scenellm(&[&eyes[..], &more].concat());
    assert_eq!(asked.status.code(), piano.status.code(), "{}", text(&asked.stderr));
    assert!(image::open(&picture).is_ok(), "the heat map of the question");

    // What the node loads: things by names, and the encoder of what people ask for.
    config.regions.names = vec!["mug".into(), "table".into()];
    let session = Session::open(&config, &Device::Cpu).unwrap();
    let space = &session.map().config().feature_space;
    assert_eq!(session.names().unwrap().space(), space);
    let mut planner =
        GoalPlanner::load(&Path::new(ROOT).join("models/nano"), &Device::Cpu).unwrap();
    config.give_text_encoder(&mut planner, session.map(), &Device::Cpu);
    assert_eq!(planner.text_encoder().unwrap().space(), space);
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
    let nano = scenellm(&["models", "check", "models/nano"]);
    let said = text(&nano.stdout);
    assert!(nano.status.success(), "{said}");
    assert!(said.contains("llama (decoder, projector, eyes scene_vit, prior): "), "{said}");
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
    let last: serde_json::Value = serde_json::from_str(list.lines().last().unwrap()).unwrap();
    assert_eq!(last["format"], "q4_k_m", "{last}");
    let memory = &last["memory_bytes"];
    assert!(memory["gpu"].as_u64() > Some(1 << 30) && memory["f32"].is_null(), "{last}");
}
