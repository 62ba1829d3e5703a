//! The command line from a bag to a plan, run as a user runs it.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

use scenellm::bag::{BagMessage, BagReader, BagWriter};
use scenellm::ros::from_cdr;
use scenellm::ros::msg::{
    self, CameraInfo, CompressedImage, Detection3DArray, Message, StringMsg, TFMessage,
};
use scenellm::tasks::{ActionVocabulary, Grounding, Plan, PlanStep};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const GOAL: &str = "put a chilled tomato in the microwave";

fn scenellm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scenellm"))
        .args(arguments)
        .current_dir(ROOT)
        .output()
        .expect("the program was built with the tests")
}

fn replay(bag: &str, goal: &str, out: &Path) -> Output {
    scenellm(&["replay", bag, "--goal", goal, "--out", &out.display().to_string()])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn plan(out: &Path) -> Plan {
    serde_json::from_str(&std::fs::read_to_string(out.join("plan.json")).unwrap()).unwrap()
}

/// The columns of frames.csv but the milliseconds.
fn poses(out: &Path) -> Vec<String> {
    let csv = std::fs::read_to_string(out.join("frames.csv")).unwrap();
    let columns = |line: &str| line.split(',').take(19).collect::<Vec<_>>().join(",");
    csv.lines().map(columns).collect()
}

#[test]
fn the_shipped_bag_becomes_a_grounded_plan_twice_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for out in [&first, &second] {
        let done = replay("bags/kitchen_sim", GOAL, out);
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert!(!text(&done.stderr).contains("is blind"), "{}", text(&done.stderr));
    }
    for name in ["plan.json", "map.ply", "map.json", "topdown.png", "features.png"] {
        let read = |out: &Path| std::fs::read(out.join(name)).unwrap();
        assert!(read(&first) == read(&second), "{name} differs between two replays");
    }
    assert_eq!(poses(&first), poses(&second));
    assert!(poses(&first).len() > 40, "a header and a row for each frame");

    let plan = plan(&first);
    let vocabulary = ActionVocabulary::alfred();
    assert_eq!(plan.refusal, None);
    assert!(plan.steps.len() >= 3, "{plan:?}");
    for step in &plan.steps {
        let action = vocabulary.action(&step.action).expect("an action of the vocabulary");
        assert_eq!(action.arguments.len(), step.arguments.len());
        assert!(step.expires_ns > plan.stamp_ns);
    }
    let bound = plan.steps.iter().flat_map(|step| &step.arguments).filter(|argument| {
        matches!(argument.grounding, Grounding::Grounded { confidence, .. } if confidence > 0.5)
    });
    assert!(bound.count() >= 4, "the kitchen holds what the goal speaks of: {plan:?}");

    let ply = std::fs::read(first.join("map.ply")).unwrap();
    let header = text(&ply[..ply.len().min(400)]);
    let voxels = poses(&first).last().unwrap().rsplit(',').next().unwrap().to_string();
    assert!(header.contains(&format!("element vertex {voxels}\n")), "{header}");
    let page = std::fs::read_to_string(first.join("report.html")).unwrap();
    for part in [
        "PickupObject",
        "data:image/png;base64,",
        "data:image/jpeg;base64,",
        "Objects: ",
        "<td>color<td>/camera/color/image_raw/compressed<td>sensor_msgs/msg/CompressedImage<td>48<td>2.0",
        "<td>features<td>",
    ] {
        assert!(page.contains(part), "report.html lacks {part}");
    }
    let session = BagReader::open(first.join("session.mcap")).unwrap();
    let topics: Vec<_> = session.topics().iter().map(|topic| topic.name.as_str()).collect();
    let of_objects = ["objects", "scene_objects", "label_info", "relations"];
    for topic in ["/tf", "plan", "map"].into_iter().chain(of_objects) {
        let own = format!("/scenellm_planner/{topic}");
        assert!(topics.iter().any(|name| *name == topic || *name == own), "{topics:?}");
    }

    let map = first.join("map.scenemap").display().to_string();
    let asked = scenellm(&["ask", "--map", &map, "--json", GOAL]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let asked: Plan = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(asked.steps.len(), plan.steps.len());

    // Of the floor there is no object: what looks like it is told, and drawn.
    let heat = folder.path().join("heat.png").display().to_string();
    let asked = scenellm(&["ask", "--map", &map, "--picture", &heat, "where is the floor?"]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let said = text(&asked.stdout);
    assert!(said.starts_with("no object is called floor; what looks most like it is at"), "{said}");
    assert!(image::open(&heat).unwrap().width() > 400);
    let asked = scenellm(&["ask", "--map", &map, "where is the microwave?"]);
    assert!(!text(&asked.stdout).contains("likeness"), "{}", text(&asked.stdout));
}

/// What a replay of the shipped bag comes to: what a reviewer looks at when it changes.
#[derive(Debug, Serialize, Deserialize)]
struct Golden {
    steps: Vec<String>,
    voxels: u64,
    /// By label, in order of their ids: centres in the map frame, metres.
    objects: BTreeMap<String, Vec<[f64; 3]>>,
}

/// The golden is reviewed like code. `UPDATE_GOLDENS=1 cargo test --test replay golden` writes it.
#[test]
fn the_shipped_bag_comes_to_the_golden_plan_and_map() {
    const VOXELS: f64 = 0.01;
    const POSITION_M: f64 = 0.01;
    let folder = tempfile::tempdir().unwrap();
    assert!(replay("bags/kitchen_sim", GOAL, folder.path()).status.success());
    let map: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("map.json")).unwrap()).unwrap();
    let mut objects = BTreeMap::<String, Vec<[f64; 3]>>::new();
    for object in map["objects"].as_array().unwrap() {
        let rounded =
            |axis: usize| (object["position_m"][axis].as_f64().unwrap() * 1e3).round() / 1e3;
        let label = object["label"].as_str().unwrap().to_owned();
        objects.entry(label).or_default().push([0, 1, 2].map(rounded));
    }
    let ids: Vec<_> = map["objects"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    let relations = map["relations"].as_array().unwrap();
    assert!(relations.iter().any(|one| one["relation"] == "on"), "{relations:?}");
    assert!(relations.iter().any(|one| one["relation"] == "nearest"), "{relations:?}");
    assert!(relations.len() <= 9 * ids.len());
    let is_known =
        |one: &serde_json::Value| ids.contains(&&one["subject"]) && ids.contains(&&one["object"]);
    assert!(relations.iter().all(is_known), "{relations:?}");
    let found = Golden {
        steps: plan(folder.path()).steps.iter().map(PlanStep::summary).collect(),
        voxels: map["counts"]["voxels"].as_u64().unwrap(),
        objects,
    };

    let path = Path::new(ROOT).join("tests/fixtures/kitchen_sim_golden.json");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let golden: Golden = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(found.steps, golden.steps);
    let apart = found.voxels.abs_diff(golden.voxels) as f64;
    assert!(apart <= VOXELS * golden.voxels as f64, "{} voxels, {}", found.voxels, golden.voxels);
    let labels = |one: &Golden| {
        one.objects.iter().map(|(label, all)| (label.clone(), all.len())).collect::<Vec<_>>()
    };
    assert_eq!(labels(&found), labels(&golden));
    for (label, golden) in &golden.objects {
        for (found, golden) in found.objects[label].iter().zip(golden) {
            let is_near = found.iter().zip(golden).all(|(a, b)| (a - b).abs() <= POSITION_M);
            assert!(is_near, "{label} at {found:?}, not {golden:?}");
        }
    }
}

/// Those topics of the shipped bag that `keep` wants, with a goal that is said before anything is seen.
fn copy_shipped(path: &Path, goal: Option<&str>, keep: impl Fn(&str) -> bool) {
    fn copy<M: Message>(writer: &mut BagWriter, message: &BagMessage) {
        let read: M = from_cdr(&message.data).unwrap();
        writer.write(&message.topic, message.log_time_ns, &read).unwrap();
    }
    let shipped = BagReader::open(Path::new(ROOT).join("bags/kitchen_sim")).unwrap();
    let mut writer = BagWriter::create(path).unwrap();
    if let Some(goal) = goal {
        let goal = StringMsg { data: goal.into() };
        writer.write("/goal", shipped.start_ns().unwrap() - 1, &goal).unwrap();
    }
    for message in shipped.messages(&[]) {
        let message = message.unwrap();
        if !keep(&message.topic) {
            continue;
        }
        let topic = shipped.topics().iter().find(|topic| *topic.name == *message.topic).unwrap();
        let copy = match topic.type_name.as_str() {
            CameraInfo::TYPE => copy::<CameraInfo>,
            CompressedImage::TYPE => copy::<CompressedImage>,
            Detection3DArray::TYPE => copy::<Detection3DArray>,
            TFMessage::TYPE => copy::<TFMessage>,
            other => panic!("{other} in the shipped bag"),
        };
        copy(&mut writer, &message);
    }
    writer.finish().unwrap();
}

#[test]
fn the_plan_for_a_recorded_goal_follows_the_map_twice_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let bag = folder.path().join("early");
    copy_shipped(&bag, Some(GOAL), |_| true);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for out in [&first, &second] {
        let (bag, out) = (bag.display().to_string(), out.display().to_string());
        let done = scenellm(&["replay", &bag, "--out", &out]);
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
    let read = |out: &Path| std::fs::read(out.join("plan.json")).unwrap();
    assert!(read(&first) == read(&second), "plan.json differs between two replays");

    let session = BagReader::open(first.join("session.mcap")).unwrap();
    let plans = session.messages(&["/scenellm_planner/plan"]);
    let plans: Vec<msg::Plan> =
        plans.map(|message| from_cdr(&message.unwrap().data).unwrap()).collect();
    let bound = |plan: &msg::Plan| {
        let words = plan.steps.iter().flat_map(|step| &step.arguments);
        words.filter(|word| word.grounded).count()
    };
    let (before, after) = (&plans[0], plans.last().unwrap());
    assert_eq!((bound(before), before.header.stamp.to_ns()), (0, 0), "nothing was seen yet");
    assert!(bound(after) >= 2, "the kitchen holds what the goal speaks of: {after:?}");
    assert!(after.header.stamp.to_ns() > 0 && after.goal == GOAL);
    assert_eq!(plan(&first).steps.len(), after.steps.len(), "the newest one is kept");
}

/// A printed line but for its numbers, whose last places depend on the processor.
fn without_numbers(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_ascii_digit() && *letter != '-').collect()
}

/// `cargo run` itself is not started here: it would build again under the test's own lock.
#[test]
fn the_first_command_of_the_readme_works_as_written() {
    let read = |name: &str| std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let (readme, manifest) = (read("README.md"), read("Cargo.toml"));
    let line = readme.lines().find(|line| line.starts_with("cargo run")).unwrap();
    let (cargo, words) = line.split_once(" -- ").unwrap();
    assert_eq!(cargo, "cargo run --release", "no --bin: the package must say which one runs");
    assert!(manifest.contains("\ndefault-run = \"scenellm\"\n"));

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let words = words.replace("--out out", &format!("--out {out}"));
    let done = Command::new("sh")
        .args(["-c", &format!("\"$0\" {words}"), env!("CARGO_BIN_EXE_scenellm")])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(done.status.success(), "{words}: {}", text(&done.stderr));
    let written = folder.path().join("out");
    for name in ["plan.json", "topdown.png", "report.html"] {
        assert!(written.join(name).exists(), "{name}");
    }

    let (_, shown) = readme.split_once("It ends like this:\n\n```\n").unwrap();
    let (shown, _) = shown.split_once("\n```").unwrap();
    let printed = text(&done.stdout).replace(&out, "out");
    assert_eq!(printed.lines().count(), shown.lines().count(), "{printed}");
    for (printed, shown) in printed.lines().zip(shown.lines()) {
        let (found, wanted) = (without_numbers(printed), without_numbers(shown));
        let is_shown = match wanted.strip_suffix('…') {
            Some(beginning) => found.starts_with(beginning),
            None => found == wanted,
        };
        assert!(is_shown, "README.md shows `{shown}`, printed is `{printed}`");
    }
    let saw = printed.lines().find(|line| line.starts_with("i saw ")).unwrap();
    let page = std::fs::read_to_string(written.join("report.html")).unwrap();
    assert!(page.contains(saw), "what the model says that it saw: {saw}");

    let plan = plan(&written);
    let words = || plan.steps.iter().flat_map(|step| &step.arguments);
    let bound = words().filter(|word| matches!(word.grounding, Grounding::Grounded { .. }));
    assert!(2 * bound.count() > words().count(), "its own eyes find what it speaks of: {plan:?}");
}

#[test]
fn what_cannot_be_done_says_so_by_exit_code_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused = replay("bags/kitchen_sim", " ", &folder.path().join("empty"));
    assert_eq!(refused.status.code(), Some(3), "a refusal is an answer");
    assert!(text(&refused.stdout).contains("no plan: the goal cannot be planned for"));

    let absent = replay("bags/no_such_bag", GOAL, &folder.path().join("absent"));
    assert_eq!(absent.status.code(), Some(1));
    assert!(text(&absent.stderr).contains("bags/no_such_bag"));

    let model = ["--model", "launch", "--out", "unused", "--goal", GOAL];
    let no_model = scenellm(&[&["replay", "bags/kitchen_sim"], &model[..]].concat());
    assert_eq!(no_model.status.code(), Some(1));
    assert!(text(&no_model.stderr).contains("launch/scenellm.yaml"));

    assert_eq!(scenellm(&["replay"]).status.code(), Some(2));
}

#[test]
fn a_recording_made_here_replays_with_every_image() {
    let folder = tempfile::tempdir().unwrap();
    let bag = folder.path().join("drive.mcap").display().to_string();
    let recorded =
        scenellm(&["sim", "record", &bag, "--home", "5", "--seconds", "2", "--fps", "5"]);
    assert!(recorded.status.success(), "{}", text(&recorded.stderr));
    let out = folder.path().join("out");
    let done = scenellm(&["replay", &bag, "--out", &out.display().to_string()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(poses(&out).len(), 1 + 10);
    assert!(!out.join("plan.json").exists(), "no goal, no plan");
}

#[test]
fn a_model_that_was_named_and_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let params = folder.path().join("nope.yaml");
    let parameters = "scenellm_planner: {ros__parameters: {plan: {model: models/nope}}}";
    std::fs::write(&params, parameters).unwrap();
    let params = params.display().to_string();
    let out = folder.path().join("out");
    let shown = out.display().to_string();
    for named in [["--model", "models/nope"], ["--params-file", &params]] {
        let arguments = ["replay", "bags/kitchen_sim", "--out", &shown];
        let done = scenellm(&[&arguments[..], &named[..]].concat());
        assert_eq!(done.status.code(), Some(1), "{named:?}: {}", text(&done.stdout));
        assert!(text(&done.stderr).contains("no model in models/nope"), "{}", text(&done.stderr));
        assert!(!out.exists(), "nothing was begun");
    }
}

/// A recording of a second at `path`.
fn record_drive(path: &Path) {
    let path = path.display().to_string();
    let recorded =
        scenellm(&["sim", "record", &path, "--home", "5", "--seconds", "1", "--fps", "5"]);
    assert!(recorded.status.success(), "{}", text(&recorded.stderr));
}

/// `scenellm replay` with these arguments in this folder.
fn replay_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scenellm"))
        .arg("replay")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn away_from_the_clone_the_shipped_model_is_found() {
    let folder = tempfile::tempdir().unwrap();
    record_drive(&folder.path().join("drive.mcap"));
    let done = replay_in(folder.path(), &["drive.mcap", "--goal", GOAL, "--out", "out"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("model nano"), "{}", text(&done.stdout));
    assert!(folder.path().join("out/features.png").exists(), "its eyes are there, too");
}

#[test]
fn files_of_an_older_replay_go_even_where_the_new_one_fails() {
    let folder = tempfile::tempdir().unwrap();
    record_drive(&folder.path().join("drive.mcap"));
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let ours = ["plan.json", "map.json", "features.png", "masks.png"];
    let replay = |frame: &str| {
        for name in ours.into_iter().chain(["mine.txt"]) {
            std::fs::write(out.join(name), "old").unwrap();
        }
        let more = ["--extractor", "none", "--world-frame", frame];
        replay_in(folder.path(), &[&["drive.mcap", "--out", "out"][..], &more[..]].concat())
    };
    let failed = replay("nowhere");
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stderr));
    for name in ours {
        assert!(!out.join(name).exists(), "{name} is of an older replay");
    }
    let done = replay("map");
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(!out.join("plan.json").exists(), "there was no goal");
    assert_ne!(std::fs::read_to_string(out.join("map.json")).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(out.join("mine.txt")).unwrap(), "old");
}

#[test]
fn a_replay_does_not_write_over_its_bag() {
    let folder = tempfile::tempdir().unwrap();
    let bag = folder.path().join("session.mcap");
    record_drive(&bag);
    let before = std::fs::read(&bag).unwrap();
    for named in ["session.mcap", "."] {
        let done = replay_in(folder.path(), &[named, "--extractor", "none", "--out", "."]);
        assert_eq!(done.status.code(), Some(1), "{named}: {}", text(&done.stdout));
        assert!(text(&done.stderr).contains("the bag itself is there"), "{}", text(&done.stderr));
        assert!(std::fs::read(&bag).unwrap() == before, "{named}: the bag is another one");
    }
}

#[test]
fn another_plan_than_expected_is_a_no() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    record_drive(&at.join("drive.mcap"));
    let replay = |goal: &str, expected: &[&str]| {
        let arguments = ["drive.mcap", "--goal", goal, "--out", "out"];
        replay_in(at, &[&arguments[..], expected].concat())
    };
    let first = replay(GOAL, &[]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    std::fs::copy(at.join("out/plan.json"), at.join("expected.json")).unwrap();

    let expected = ["--expect", "expected.json"];
    let same = replay(GOAL, &expected);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stderr));
    let other = replay("put a clean plate on the countertop", &expected);
    assert_eq!(other.status.code(), Some(3), "{}", text(&other.stderr));
    let said = text(&other.stderr);
    assert!(said.contains("not as expected: the goal is \"put a clean plate"), "{said}");
    assert!(said.contains("not as expected: step "), "{said}");

    std::fs::write(at.join("none.json"), "{}").unwrap();
    let unread = replay(GOAL, &["--expect", "none.json"]);
    assert_eq!(unread.status.code(), Some(1));
    assert!(text(&unread.stderr).contains("none.json: not the plan.json of a replay"));
}

#[test]
fn a_recording_that_cannot_be_made_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let bag = folder.path().join("drive.mcap");
    let path = bag.display().to_string();
    let refused = scenellm(&["sim", "record", &path, "--fps", "0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("`fps`"), "{}", text(&refused.stderr));
    assert!(!bag.exists());
    record_drive(&bag);
}

#[test]
fn a_log_in_a_file_has_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    record_drive(&folder.path().join("drive.mcap"));
    let arguments = ["drive.mcap", "--extractor", "none", "--out", "out", "--log", "info"];
    let done = replay_in(folder.path(), &arguments);
    let said = text(&done.stderr);
    assert!(said.contains("memory: ") && !said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn a_check_of_a_bag_without_depth_says_that_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let bag = folder.path().join("flat");
    copy_shipped(&bag, None, |topic| !topic.contains("depth"));
    let done = scenellm(&["check", &bag.display().to_string()]);
    assert_eq!(done.status.code(), Some(3), "{}", text(&done.stderr));
    let said = text(&done.stdout);
    assert!(
        said.contains("no topic for depth: wanted one of type sensor_msgs/msg/Image"),
        "{said}"
    );
    assert!(!said.contains("the bag has") && !said.contains("no topic for depth ("), "{said}");
    assert!(!said.contains("sensing.queue_length"), "no queue waits for depth: {said}");
}

#[test]
fn a_check_takes_the_names_of_topics_as_a_replay_does() {
    let done = scenellm(&["check", "bags/kitchen_sim", "--color", "/nope"]);
    assert_eq!(done.status.code(), Some(3), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("named /nope"), "{}", text(&done.stdout));
}

#[test]
fn real_kitchen_recordings_give_the_same_map_twice() {
    let shared = PathBuf::from(ROOT).join("../shared/bags");
    if !shared.exists() {
        eprintln!("skipped: no recordings beside the project");
        return;
    }
    for (bag, frames) in [("kitchen_compressed", 99), ("kitchen_raw", 9)] {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        for out in [&first, &second] {
            let done = replay(&shared.join(bag).display().to_string(), GOAL, out);
            assert!(done.status.success(), "{}", text(&done.stderr));
        }
        assert_eq!(poses(&first).len(), 1 + frames, "{bag}: all images but the first");
        assert_eq!(poses(&first), poses(&second));
        for name in ["plan.json", "map.ply"] {
            let read = |out: &Path| std::fs::read(out.join(name)).unwrap();
            assert!(read(&first) == read(&second), "{bag}: {name} differs");
        }
        let page = std::fs::read_to_string(first.join("report.html")).unwrap();
        assert!(page.contains("Not used"), "{bag}: the first image is reported");
    }
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    for arguments in [&["completions", "bash"][..], &["check", "bags/kitchen_sim", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = Command::new(env!("CARGO_BIN_EXE_scenellm"))
            .args(arguments)
            .current_dir(ROOT)
            .stdout(writer)
            .output()
            .unwrap();
        let said = text(&done.stderr);
        assert!(done.status.success() && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn two_cameras_feed_one_map() {
    let folder = tempfile::tempdir().unwrap();
    let (params, out) = (folder.path().join("two.yaml"), folder.path().join("out"));
    // The bag has one camera; the other one is its twin, whose topics are named.
    let text = "scenellm_planner: {ros__parameters: {
        cameras: [camera, twin], camera: {twin: {
            color: /camera/color/image_raw, image_transport: compressed,
            color_info: /camera/color/camera_info,
            depth: /camera/aligned_depth_to_color/image_raw, depth_transport: compressedDepth,
            depth_info: /camera/aligned_depth_to_color/camera_info}}}}";
    std::fs::write(&params, text).unwrap();
    let (params, shown) = (params.display().to_string(), out.display().to_string());
    let bag = "bags/kitchen_sim";
    let done = scenellm(&["replay", bag, "--params-file", &params, "--out", &shown]);
    assert!(done.status.success(), "{}", self::text(&done.stderr));
    let csv = std::fs::read_to_string(out.join("frames.csv")).unwrap();
    let names: Vec<_> = csv.lines().next().unwrap().split(',').collect();
    let column = names.iter().position(|name| *name == "camera").unwrap();
    let of = |camera: &str| {
        csv.lines().filter(|line| line.split(',').nth(column) == Some(camera)).count()
    };
    assert!(of("0") > 40 && of("0") == of("1"), "{} and {} frames", of("0"), of("1"));
}
