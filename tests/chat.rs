//! Chat models as a user runs them: from the command line over a recording, and in the node.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

#[allow(dead_code, reason = "each program of tests needs other parts of it")]
mod chat_server;
#[cfg(feature = "dds")]
mod graph;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chat_server::{Act, ChatServer};
use scenellm::scene::SceneMap;
use scenellm::tasks::{Grounding, Plan};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const GOAL: &str = "put the tomato into the microwave";

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

fn manifest(folder: &Path, model: &str) -> String {
    std::fs::create_dir_all(folder).unwrap();
    let text = format!("kind: chat\nname: mine\n{model}\n");
    std::fs::write(folder.join("scenellm.yaml"), text).unwrap();
    folder.display().to_string()
}

#[test]
fn a_recording_and_a_chat_model_make_a_grounded_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);

    // A model of random weights: whatever it says, it is a plan over the map or a typed refusal.
    let weights = format!("{ROOT}/tests/fixtures/chat_planner/model.gguf");
    let tiny = manifest(
        &path("tiny"),
        &format!("local: {{weights: '{weights}'}}\ndecoding: {{max_tokens: 900}}"),
    );
    let out = path("out").display().to_string();
    let arguments = ["replay", "bags/kitchen_sim", "--goal", GOAL, "--model", &tiny, "--out", &out];
    let done = scenellm(&arguments);
    assert!(matches!(done.status.code(), Some(0 | 3)), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("mine sees no picture"), "{}", text(&done.stderr));
    let plan: Plan =
        serde_json::from_str(&std::fs::read_to_string(path("out/plan.json")).unwrap()).unwrap();
    let shown = plan.shown.expect("it read the list");
    assert!(shown.listed > 10, "{shown:?}");
    assert_eq!(plan.refusal.is_some(), done.status.code() == Some(3));

    // A server, asked about the map that the replay saved.
    let map = path("out/map.scenemap");
    let (scene, _) = SceneMap::load(&map).unwrap();
    let id = |label: &str| {
        let found = scene.objects().iter().find(|object| object.label.eq_ignore_ascii_case(label));
        found.unwrap_or_else(|| panic!("{label} is in the kitchen")).id.0
    };
    let (tomato, microwave) = (id("tomato"), id("microwave"));
    let answer = serde_json::json!({"steps": [
        {"action": "GotoLocation", "target": format!("tomato_{tomato}")},
        {"action": "PickupObject", "object": format!("tomato_{tomato}")},
        {"action": "GotoLocation", "target": format!("microwave_{microwave}")},
        {"action": "PutObject", "object": format!("tomato_{tomato}"),
            "receptacle": format!("microwave_{microwave}")},
    ], "not_found": []});
    let act = ChatServer::stream(&answer.to_string(), Duration::from_millis(2));
    let server = ChatServer::start(vec![act]);
    let served = manifest(
        &path("served"),
        &format!("endpoint: {{url: '{}', model: some/model, timeout_s: 60}}", server.url),
    );
    let map = map.display().to_string();
    let looking = ["--robot", "1,0.5,0", "--heading-deg", "-90"];
    let asked = ["ask", "--map", &map, "--model", &served, "--json", GOAL];
    let done = scenellm(&[&asked[..], &looking[..]].concat());
    assert!(done.status.success(), "{}", text(&done.stderr));
    let plan: Plan = serde_json::from_str(&text(&done.stdout)).unwrap();
    let bound: Vec<u32> = plan
        .steps
        .iter()
        .flat_map(|step| &step.arguments)
        .map(|argument| match argument.grounding {
            Grounding::Grounded { object_id, .. } => object_id.0,
            Grounding::Ungrounded { .. } => panic!("{argument:?}"),
        })
        .collect();
    assert_eq!(bound, [tomato, tomato, microwave, tomato, microwave]);
    let request = &server.requests()[0];
    assert!(request.contains(&format!("tomato_{tomato} at (")), "{request}");
    assert!(request.contains("at (1.0, 0.5, 0.0), faces 270° counterclockwise"), "{request}");

    // A manifest that names no file is refused before anything is read.
    let none = manifest(&path("none"), "local: {weights: nowhere.gguf}");
    let done = scenellm(&["ask", "--model", &none, GOAL]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("local.weights"), "{}", text(&done.stderr));
}

#[test]
fn a_chat_model_speaks_of_a_scene_and_what_is_false_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let object = |id: u32, label: &str, position_m: [f64; 3], size_m: [f64; 3]| {
        serde_json::json!({"id": id, "label": label, "position_m": position_m, "size_m": size_m,
            "orientation_xyzw": [0.0, 0.0, 0.0, 1.0], "confidence": 1.0, "observations": 1,
            "first_seen_ns": 0, "last_seen_ns": 0})
    };
    let objects = serde_json::json!([
        object(1, "Dining Table", [0.0, 0.0, 0.4], [1.0, 1.0, 0.8]),
        object(2, "mug", [0.1, 0.0, 0.85], [0.1, 0.1, 0.1]),
    ]);
    std::fs::write(path("objects.json"), objects.to_string()).unwrap();
    let question = |said: &str, reply: &str| serde_json::json!({"kind": "question", "turns": [{"said": said, "reply": reply}]});
    let said = serde_json::json!({"pairs": [
        question("Where is the mug?", "On the diningtable."),
        question("How many mugs are there?", "four"),
    ]});
    let server = ChatServer::start(vec![ChatServer::whole(&said.to_string())]);
    let served = manifest(
        &folder.path().join("served"),
        &format!("endpoint: {{url: '{}', model: some/model, timeout_s: 60}}", server.url),
    );
    let (objects, out) = (path("objects.json"), path("pairs.jsonl"));
    let done = scenellm(&["label", "--objects", &objects, "--model", &served, "--out", &out]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let pairs = std::fs::read_to_string(&out).unwrap();
    let pair: serde_json::Value = serde_json::from_str(pairs.trim()).unwrap();
    assert_eq!(pair["answer"], "on the diningtable");
    assert!(text(&done.stdout).contains("wrong_answer 1"), "{}", text(&done.stdout));
    assert!(server.requests()[0].contains("mug 2 at (0.10, 0.00, 0.85)"));
}

#[cfg(feature = "dds")]
#[test]
fn a_server_that_hangs_leaves_the_node_running() {
    use graph::{Again, Node, Peer, loopback_works, settings, wait_for};
    use scenellm::ros::msg::{
        Detection3DArray, DiagnosticArray, Header, Plan, StringMsg, TFMessage, Transform,
        TransformStamped,
    };
    use scenellm::ros::{detections_message, qos};
    use scenellm::sensing::{Detection, DetectionsEvent};

    if !loopback_works() {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
        return;
    }
    let answer = r#"{"steps": [{"action": "PickupObject", "object": "mug_0"}], "not_found": []}"#;
    let server = ChatServer::start(vec![Act::Hang, ChatServer::whole(answer)]);
    let folder = tempfile::tempdir().unwrap();
    let model = manifest(
        folder.path(),
        &format!("endpoint: {{url: '{}', model: some/model, timeout_s: 5}}", server.url),
    );
    let settings = settings();
    let peer = Peer::join(settings);
    // While a plan is made nothing else is heard: it must not join anew.
    let _company = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let plans = peer.hear::<Plan>("/scenellm_planner/plan", qos::LATCHED);
    let objects = peer.hear::<Detection3DArray>("/scenellm_planner/objects", qos::LATCHED);
    let mut node = Node::start(settings, &["-p", &format!("plan.model:={model}")]);
    let mug = Detection {
        label: "mug".into(),
        score: 0.9,
        frame_T_box: nalgebra::Isometry3::translation(-1.0, 2.0, 0.8),
        size_m: [0.1; 3],
        track_id: String::new(),
    };
    let seen = wait_for(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let stamp_ns = now.as_nanos() as i64;
        // The frame of the map is known as soon as anything stands in it.
        let base = TransformStamped {
            header: Header::new(stamp_ns, "map"),
            child_frame_id: "base_link".into(),
            transform: Transform::default(),
        };
        peer.publish("/tf", &TFMessage { transforms: vec![base] });
        let event = DetectionsEvent {
            topic: "/detections".into(),
            stamp_ns,
            frame_id: "map".into(),
            detections: vec![mug.clone()],
        };
        peer.publish("/detections", &detections_message(&event));
        objects.newest::<Detection3DArray>().filter(|all| !all.detections.is_empty())
    });
    assert!(seen.is_some(), "the mug is in the map");

    // A goal may meet a transport that joins anew: say it until it has come to the server.
    let plan_for = |goal: &str| {
        let said = StringMsg { data: goal.into() };
        let (asked, mut again) = (server.requests().len(), Again::default());
        wait_for(|| {
            if server.requests().len() == asked && again.is_due() {
                peer.publish("/scenellm_planner/goal", &said);
            }
            plans.newest::<Plan>().filter(|plan| plan.goal == goal)
        })
        .expect("a plan or a refusal")
    };
    let refused = plan_for("bring the mug");
    assert_eq!(refused.refusal, Plan::REFUSAL_MODEL_FAILED);
    assert!(refused.refusal_reason.contains("within 5 s"), "{}", refused.refusal_reason);
    let plan = plan_for("bring me the mug");
    assert_eq!(plan.refusal, Plan::REFUSAL_NONE, "{}", plan.refusal_reason);
    assert!(plan.steps[0].arguments[0].grounded);
    node.signal("TERM");
    assert!(node.end().is_some_and(|status| status.success()));
}

/// What a model that sees pictures on a server says about frames, as `label --captions` reads it.
#[test]
fn a_server_describes_the_frames_of_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("captions.txt");
    // What is too long is cut off.
    let cut = serde_json::json!({"choices": [{"index": 0, "finish_reason": "length",
        "message": {"role": "assistant", "content": "A microwave."}}]});
    let server = ChatServer::start(vec![
        ChatServer::whole("A red tomato lies\non the countertop."),
        Act::Whole(200, cut.to_string()),
        Act::Whole(400, r#"{"error": "this model sees no images"}"#.into()),
    ]);
    let endpoint = format!("endpoint: {{url: '{}', model: vlm, retries: 0}}", server.url);
    let model = manifest(&folder.path().join("vlm"), &endpoint);
    let caption = |every: &str| {
        let to = out.display().to_string();
        scenellm(&[
            "caption",
            "bags/kitchen_sim",
            "--model",
            &model,
            "--out",
            &to,
            "--every-frames",
            every,
        ])
    };
    let done = caption("30");
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).starts_with("2 captions in "), "{}", text(&done.stdout));
    let captions = std::fs::read_to_string(&out).unwrap();
    assert_eq!(captions, "A red tomato lies on the countertop.\nA microwave.\n");

    // The picture is that of the camera.
    let request = server.requests().remove(0);
    let (_, data) = request.split_once("data:image/jpeg;base64,").unwrap();
    let data = data.split('"').next().unwrap();
    let jpeg = BASE64.decode(data).unwrap();
    let picture = image::load_from_memory(&jpeg).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (320, 240));
    let mean = picture.pixels().map(|pixel| u64::from(pixel[0])).sum::<u64>() / (320 * 240);
    assert!((20..235).contains(&mean), "{mean}");

    // No frame of no place, and the reason.
    let to = out.display().to_string();
    let of = ["caption", "bags/kitchen_sim", "--model", &model, "--out", &to];
    let nowhere = scenellm(&[&of[..], &["--world-frame", "earth"]].concat());
    assert_eq!(nowhere.status.code(), Some(3), "{}", text(&nowhere.stderr));
    let said = text(&nowhere.stderr);
    assert!(said.contains("48 not described: ") && said.contains("earth"), "{said}");

    // A model without eyes is told by its server, and one in this process before any work.
    let done = caption("30");
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("sees no images"), "{}", text(&done.stderr));
    let to = out.display().to_string();
    let local = "tests/fixtures/chat_planner/model.gguf";
    let done = scenellm(&["caption", "bags/kitchen_sim", "--model", local, "--out", &to]);
    assert!(
        text(&done.stderr).contains("runs here and sees no pictures"),
        "{}",
        text(&done.stderr)
    );
}
