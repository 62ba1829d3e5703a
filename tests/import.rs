//! From files of ALFRED's public release to what our readers read of their lines.
#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use scenellm::learn::{alfred_files, import_alfred, read_alfred, read_alfred_tasks};
use scenellm::sim::household::{AlfredReceptacle, TaskKind};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A trajectory with all that the release tells of one.
const RELEASED: &str = r#"{
"images": [{"high_idx": 0, "image_name": "000000000.png", "low_idx": 0}],
"pddl_params": {"mrecep_target": "", "object_sliced": false, "object_target": "Mug",
    "parent_target": "Dresser", "toggle_target": ""},
"plan": {
    "high_pddl": [
        {"discrete_action": {"action": "GotoLocation", "args": ["desk"]}, "high_idx": 0,
         "planner_action": {"action": "GotoLocation", "location": "loc|0|8|0|45"}},
        {"discrete_action": {"action": "PickupObject", "args": ["mug"]}, "high_idx": 1,
         "planner_action": {"action": "PickupObject",
            "coordinateObjectId": ["Mug", [0.2016, 0.2016, 11.6, 11.6, 3.646, 3.646]],
            "coordinateReceptacleObjectId": ["Desk", [0.0, 0.0, 12.0, 12.0, -0.016, -0.016]],
            "forceVisible": true, "objectId": "Mug|+00.05|+00.91|+02.90"}},
        {"discrete_action": {"action": "GotoLocation", "args": ["dresser"]}, "high_idx": 2,
         "planner_action": {"action": "GotoLocation", "location": "loc|0|0|2|30"}},
        {"discrete_action": {"action": "PutObject", "args": ["mug", "dresser"]}, "high_idx": 3,
         "planner_action": {"action": "PutObject",
            "coordinateObjectId": ["Mug", [0.2016, 0.2016, 11.6, 11.6, 3.646, 3.646]],
            "coordinateReceptacleObjectId": ["Dresser", [0.0, 0.0, -4.0, -4.0, 0.0, 0.0]],
            "forceVisible": true, "objectId": "Mug|+00.05|+00.91|+02.90",
            "receptacleObjectId": "Dresser|+00.00|+00.00|-01.00"}},
        {"discrete_action": {"action": "NoOp", "args": []}, "high_idx": 4,
         "planner_action": {"action": "End", "value": 1}}],
    "low_actions": [
        {"api_action": {"action": "LookDown", "forceAction": true},
         "discrete_action": {"action": "LookDown_15", "args": {}}, "high_idx": 0},
        {"api_action": {"action": "MoveAhead", "forceAction": true, "moveMagnitude": 0.25},
         "discrete_action": {"action": "MoveAhead_25", "args": {}}, "high_idx": 0},
        {"api_action": {"action": "PickupObject", "objectId": "Mug|+00.05|+00.91|+02.90"},
         "discrete_action": {"action": "PickupObject", "args": {"bbox": [159, 1, 268, 143],
            "mask": [[477, 1], [776, 3]], "point": [213, 71]}}, "high_idx": 1},
        {"api_action": {"action": "RotateLeft", "forceAction": true},
         "discrete_action": {"action": "RotateLeft_90", "args": {}}, "high_idx": 2},
        {"api_action": {"action": "PutObject", "forceAction": true, "placeStationary": true,
            "objectId": "Mug|+00.05|+00.91|+02.90",
            "receptacleObjectId": "Dresser|+00.00|+00.00|-01.00"},
         "discrete_action": {"action": "PutObject", "args": {"bbox": [0, 47, 299, 216],
            "mask": [[1, 299]], "point": [151, 131]}}, "high_idx": 3}]},
"scene": {"dirty_and_empty": false, "floor_plan": "FloorPlan301",
    "init_action": {"action": "TeleportFull", "horizon": 30, "rotateOnTeleport": true,
        "rotation": 90, "x": 0.0, "y": 0.9009992, "z": 1.75},
    "object_poses": [{"objectName": "Mug_291e6e8a",
        "position": {"x": 0.0504, "y": 0.9115, "z": 2.9},
        "rotation": {"x": 0.0, "y": 90.0, "z": 0.0}}],
    "object_toggles": [{"isOn": true, "objectType": "DeskLamp"}],
    "random_seed": 3619629972, "scene_num": 301},
"task_id": "trial_T1",
"task_type": "pick_and_place_simple",
"turk_annotations": {"anns": [
    {"assignment_id": "A1", "high_descs": ["Walk to the desk. ", "Take the mug.", "Turn around.",
        "Put it down."], "task_desc": "Move the mug to the dresser. ", "votes": [1, 1, 0]},
    {"assignment_id": "A2", "high_descs": ["go", "pick", "go", "put"], "task_desc": "mug to dresser",
        "votes": [1, 1, 1]}]}}"#;

const TASK: &str = "pick_and_place_simple-Mug-None-Dresser-301";

/// A release whose training split has these trajectories.
fn release(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in files.iter().enumerate() {
        let trial = folder.path().join(format!("train/{TASK}/trial_{number}"));
        std::fs::create_dir_all(&trial).unwrap();
        std::fs::write(trial.join("traj_data.json"), text).unwrap();
    }
    folder
}

fn import(release: &Path, out: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scenellm"))
        .args(["import", "alfred"])
        .arg(release)
        .args(["--split", "train", "--out"])
        .arg(out)
        .args(more)
        .env_remove("SCENELLM_LOG")
        .output()
        .unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_line_tells_what_the_release_tells() {
    let folder = release(&[RELEASED]);
    let path = folder.path().join("train.jsonl");
    let done = import(folder.path(), &path, &["--strict"]);
    let (out, error) = (said(&done.stdout), said(&done.stderr));
    assert!(done.status.success(), "{error}");
    assert!(out.ends_with(": 1 trajectories in 1 homes, 2 goals\n"), "{out}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
    let line: Value = serde_json::from_str(&text).unwrap();
    let mug = json!(["Mug", 0.05, 0.911, 2.9]);
    let expected = json!({
        "id": "trial_T1",
        "task": TASK,
        "scene": "FloorPlan301",
        "goals": [
            {"goal": "Move the mug to the dresser.", "steps": ["Walk to the desk.",
                "Take the mug.", "Turn around.", "Put it down."]},
            {"goal": "mug to dresser", "steps": ["go", "pick", "go", "put"]},
        ],
        "start": [0.0, 0.901, 1.75, 90.0, 30.0],
        "type": "pick_and_place_simple",
        "params": {"mrecep_target": "", "object_sliced": false, "object_target": "Mug",
            "parent_target": "Dresser", "toggle_target": ""},
        "plan": [
            {"action": "GotoLocation", "args": ["desk"], "at": [0.0, 2.0, 0.0, 45.0],
                "low": ["LookDown", "MoveAhead"]},
            {"action": "PickupObject", "args": ["mug"], "object": mug,
                "receptacle": ["Desk", 0.0, -0.004, 3.0], "low": ["PickupObject"]},
            {"action": "GotoLocation", "args": ["dresser"], "at": [0.0, 0.0, 180.0, 30.0],
                "low": ["RotateLeft"]},
            {"action": "PutObject", "args": ["mug", "dresser"], "object": mug,
                "receptacle": ["Dresser", 0.0, 0.0, -1.0], "low": ["PutObject"]},
            {"action": "NoOp", "args": [], "low": []},
        ],
        "objects": [mug],
        "toggles": [["DeskLamp", true]],
        "dirty_and_empty": false,
    });
    assert_eq!(line, expected);
}

#[test]
fn our_readers_read_the_line() {
    let folder = release(&[RELEASED]);
    let path = folder.path().join("train.jsonl.gz");
    assert!(import(folder.path(), &path, &[]).status.success());

    let trajectories = read_alfred(&path).unwrap();
    assert_eq!(trajectories[0].goals[0].goal, "Move the mug to the dresser.");
    assert_eq!(trajectories[0].goals[1].steps, ["go", "pick", "go", "put"]);
    let steps = trajectories[0].plan.iter();
    let plan: Vec<String> =
        steps.map(|step| format!("{} {}", step.action, step.arguments.join(" "))).collect();
    let expected =
        ["GotoLocation desk", "PickupObject mug", "GotoLocation dresser", "PutObject mug dresser"];
    assert_eq!(plan, expected, "the end action is left out");

    let tasks = read_alfred_tasks(&path, &[]).unwrap();
    let (home, mug_m) = (&tasks[0].home, [0.05, 0.911, 2.9]);
    assert_eq!(tasks[0].task.kind, TaskKind::PickAndPlaceSimple);
    assert_eq!((tasks[0].task.object.as_str(), tasks[0].scene.as_str()), ("mug", "FloorPlan301"));
    assert_eq!(home.start, [0.0, 0.901, 1.75, 90.0, 30.0]);
    assert_eq!(home.objects, [("mug".to_string(), mug_m)]);
    assert_eq!(home.lamps_on, ["desklamp"]);
    let receptacle = |category: &str, at_m, seen_towards_deg, held_m| AlfredReceptacle {
        category: category.into(),
        at_m,
        seen_towards_deg: Some(seen_towards_deg),
        held_m,
    };
    let desk = receptacle("desk", [0.0, -0.004, 3.0], 0.0, vec![mug_m]);
    let dresser = receptacle("dresser", [0.0, 0.0, -1.0], 180.0, vec![]);
    assert_eq!(home.receptacles, [desk, dresser]);
}

#[test]
fn damaged_files_are_left_out_and_told_or_refused() {
    let (damaged, last) =
        (RELEASED.replace("task_type", "kind"), RELEASED.replace("trial_T1", "trial_T9"));
    let folder = release(&[RELEASED, &damaged, "no JSON", &last]);
    let path = folder.path().join("train.jsonl.gz");
    let done = import(folder.path(), &path, &[]);
    let (out, error) = (said(&done.stdout), said(&done.stderr));
    assert!(done.status.success(), "{error}");
    assert!(out.contains("2 trajectories in 1 homes, 4 goals"), "{out}");
    assert!(out.contains("2 damaged files were left out"), "{out}");
    assert!(error.contains("trial_1/traj_data.json: missing field `task_type`"), "{error}");
    assert!(error.contains("trial_2/traj_data.json: "), "{error}");
    let tasks = read_alfred_tasks(&path, &[]).unwrap();
    let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["trial_T1", "trial_T9"], "in the order of the folders");

    let there = std::fs::read(&path).unwrap();
    let done = import(folder.path(), &path, &["--strict"]);
    let error = said(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(error.contains("trial_1/traj_data.json: missing field `task_type`"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), there, "what was there is there");
    assert!(import(folder.path(), &path, &[]).status.success());
    assert_eq!(std::fs::read(&path).unwrap(), there, "the same files, the same bytes");
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let cases = [
        (RELEASED.replace("\"plan\"", "\"plans\""), "missing field `plan`"),
        (RELEASED.replace("\"position\"", "\"place\""), "missing field `position`"),
        (RELEASED.replace("pick_and_place_simple", "dance"), "unknown variant `dance`"),
        (RELEASED.replace("0.9009992", "1e999"), "number out of range"),
        (RELEASED.replace("0.9009992", "1e9"), "scene.init_action: 1000000000.0 m is in no home"),
        (RELEASED.replace("0.0504", "-1e300"), "scene.object_poses[0]: -1e300 m is in no home"),
        (RELEASED.replace("loc|0|0|2", "loc|0|0|south"), "plan.high_pddl[2]: planner_action.loc"),
        (RELEASED.replace("[0.0, 0.0, -4.0", "[1e308, 1e308, -4.0"), "plan.high_pddl[3]: inf m"),
        (RELEASED.replace("}}, \"high_idx\": 3}", "}}, \"high_idx\": 33}"), "has high_idx 33"),
        (RELEASED.replace("\"anns\"", "\"anns\": [], \"old\""), "nobody has said anything"),
        (RELEASED[..RELEASED.len() / 2].to_string(), "EOF while parsing"),
        ("[".repeat(100_000), "invalid type"),
    ];
    for (text, reason) in cases {
        let folder = release(&[&text]);
        let files = alfred_files(&folder.path().join("train")).unwrap();
        let error = import_alfred(&files[0]).unwrap_err().to_string();
        assert!(error.contains("trial_0/traj_data.json: ") && error.contains(reason), "{error}");
    }
    let folder = release(&[RELEASED]);
    let files = alfred_files(&folder.path().join("train")).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&files[0]).unwrap();
    file.set_len(1 << 30).unwrap();
    let error = import_alfred(&files[0]).unwrap_err().to_string();
    assert!(error.contains("traj_data.json: longer than 4194304 bytes"), "{error}");
}

#[test]
fn a_folder_that_is_no_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.jsonl.gz");
    let done = import(folder.path(), &path, &[]);
    let error = said(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(error.contains("is not the unpacked release of ALFRED") && error.contains("/train: "));
    // Folders without trajectories in them, and a file where a folder should be.
    std::fs::create_dir_all(folder.path().join("train").join(TASK).join("trial_0")).unwrap();
    std::fs::write(folder.path().join("train/traj_data.json"), RELEASED).unwrap();
    let done = import(folder.path(), &path, &[]);
    let error = said(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(error.contains("there is no <task>/<trial>/traj_data.json in it"), "{error}");
    // Nothing but damaged files gives no file.
    let damaged = release(&["{}"]);
    let done = import(damaged.path(), &path, &[]);
    let error = said(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(error.contains("no line to write") && !path.exists(), "{error}");
}
