//! A whole household task, and what a model is measured by, from the command line, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use serde_json::Value;
use std::process::{Command, Output};

fn scenellm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scenellm"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program was built with the tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demo_tells_its_steps_and_shows_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let done = scenellm(&["demo", "--expert", "--tour-frames", "48", "--out", &out]);
    let said = text(&done.stdout);
    assert!(done.status.success(), "{said}{}", text(&done.stderr));
    for part in ["tour: ", "behind the robot's back", "planning anew", "conditions hold"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let page = std::fs::read_to_string(folder.path().join("out/demo.html")).unwrap();
    assert!(page.contains("Plan 2") && !page.contains("✗"));
    let (_, told) = page.split_once("The map holds: ").unwrap();
    assert!(told.split_once("</p>").unwrap().0.contains("fridge"), "what cools stands on the list");
    assert!(!page.to_lowercase().contains("i saw"), "the expert looks at nothing");
    assert!(page.matches("data:image/jpeg;base64,").count() > 12);
    assert!(page.matches("data:image/png;base64,").count() >= 2, "a map with every plan");
    let strip = image::open(folder.path().join("out/strip.png")).unwrap();
    assert!(strip.width() > 1000);
}

/// What `scenellm eval` says to these arguments, and the scores that it writes.
fn evaluated(arguments: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("scores.json").display().to_string();
    let done = scenellm(&[&["eval"][..], arguments, &["--json", &json]].concat());
    let said = text(&done.stdout);
    assert!(done.status.success(), "{said}{}", text(&done.stderr));
    let scores = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    (said, scores)
}

#[test]
fn the_shipped_planner_is_measured_beside_its_blind_twin() {
    let (said, scores) = evaluated(&["sim", "--seeds", "2", "--eyes", "oracle"]);
    assert!(said.contains("seeing") && said.contains("PLWGC"), "{said}");
    for run in ["seeing", "blind"] {
        let scores = &scores["runs"][run];
        let episodes = scores["episodes"].as_array().unwrap();
        assert_eq!((scores["n"].as_u64(), episodes.len()), (Some(2), 2));
        for episode in episodes {
            assert!(episode["expert_actions"].as_u64().unwrap() > 0);
            assert!(episode["met"].as_u64() <= episode["conditions"].as_u64());
        }
    }
    let [seeing, blind] =
        ["seeing", "blind"].map(|run| scores["runs"][run]["goal_conditions"].as_f64().unwrap());
    assert!(seeing >= blind && seeing > 0.5, "who sees does no less: {said}");
}

/// In 20 homes 0.946 of the questions are answered rightly, 0.417 blindly and about 0.7 by the model
/// alone; of few questions in three homes far less is asked. The list of objects answers most of
/// them whatever the weights are, so what these have learnt shows without it.
#[test]
fn the_shipped_model_answers_by_what_it_sees() {
    let homes = ["qa", "--seeds", "3", "--questions", "12", "6", "--eyes", "oracle"];
    let (said, scores) = evaluated(&[&homes[..], &["--ablate", "no_list"]].concat());
    let [seeing, alone, blind] = ["seeing", "no_list", "blind"].map(|run| {
        let scores = &scores["runs"][run];
        assert!(scores["n"].as_u64().unwrap() > 30, "{said}");
        scores["exact_match"].as_f64().unwrap()
    });
    assert!(seeing > 0.8 && seeing > blind + 0.25, "{said}");
    assert!(alone > 0.45 && alone > blind + 0.05, "3D tokens tell too little: {said}");
    assert!(blind > 0.15, "it does not know how one answers: {said}");
}

/// A line such as `scenellm import alfred` writes: a mug on a desk, and a dresser at the other end.
const LINE: &str = r#"{"id": "trial_1", "scene": "FloorPlan301", "type": "pick_and_place_simple",
    "params": {"mrecep_target": "", "object_sliced": false, "object_target": "Mug",
    "parent_target": "Dresser", "toggle_target": ""},
    "goals": [{"goal": "Put the mug on the dresser."}],
    "start": [0.0, 0.9, 1.0, 90.0, 30.0], "objects": [["Mug", 0.05, 0.74, 2.9]], "plan": [
    {"action": "GotoLocation", "args": ["desk"], "at": [0.0, 2.0, 0.0, 30.0],
     "low": ["RotateLeft", "MoveAhead", "MoveAhead", "MoveAhead", "MoveAhead"]},
    {"action": "PickupObject", "args": ["mug"], "object": ["Mug", 0.05, 0.74, 2.9],
     "receptacle": ["Desk", 0.0, 0.0, 3.0], "low": ["PickupObject"]},
    {"action": "GotoLocation", "args": ["dresser"], "at": [0.0, 0.0, 180.0, 30.0],
     "low": ["RotateLeft", "RotateLeft", "MoveAhead"]},
    {"action": "PutObject", "args": ["mug", "dresser"], "object": ["Mug", 0.05, 0.74, 2.9],
     "receptacle": ["Dresser", 0.0, 0.0, -1.0], "low": ["PutObject"]}]}"#;

#[test]
fn plans_in_a_home_that_was_looked_at_are_measured_beside_those_of_closed_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("line.jsonl");
    std::fs::write(&data, LINE.replace('\n', " ")).unwrap();
    let data = data.display().to_string();
    let (_, alone) = evaluated(&["alfred", "--data", &data]);
    let look = ["alfred", "--data", &data, "--limit", "1", "--scene"];
    let (_, truth) = evaluated(&[&look[..], &["oracle"]].concat());
    let (said, seen) = evaluated(&[&look[..], &["seen", "--frames", "16"]].concat());
    for scores in [&truth, &seen] {
        assert_eq!(scores["runs"]["blind"], alone, "who looks at nothing is measured alike");
        assert_eq!(scores["runs"]["seeing"]["n"], 1, "{said}");
        assert!(scores["mean_scene_tokens"].as_f64().unwrap() >= 1.0, "no 3D tokens: {said}");
    }
    assert_eq!((&seen["frames"], &truth["frames"]), (&Value::from(16), &Value::Null));
    // The goal does not tell where the mug is.
    let full = |run: &str| truth["runs"][run]["full_plan_exact"].as_f64().unwrap();
    assert!(full("seeing") > full("blind"), "{truth:#}");
}

#[test]
fn changes_captions_ways_and_talks_are_measured_beside_those_who_know_less() {
    for (what, path, others) in [
        (&["qa", "--change"][..], "/after/exact_match", &["blind"][..]),
        (&["caption"][..], "/scene/recall", &["blind"][..]),
        (&["vln", "--instructions", "1", "1"][..], "/all/success", &["rules"][..]),
        (&["dialogue", "--dialogues", "1"][..], "/turns/right", &["forgetful"][..]),
    ] {
        let home = ["--eyes", "oracle", "--seeds", "1"];
        let (said, scores) = evaluated(&[what, &home].concat());
        assert_eq!(scores["homes"], 1, "{said}");
        let of = |run: &str| scores["runs"][run].pointer(path).and_then(Value::as_f64).unwrap();
        for other in others {
            assert!(of(other) < of("seeing"), "{other}: {said}");
        }
        if let Some(old) = scores.get("old_answers") {
            assert_eq!(old["seeing"], serde_json::json!({"right": 1, "kept": 0}), "{said}");
            assert_eq!(old["blind"]["kept"], old["blind"]["right"], "who sees no change: {said}");
        }
    }
}
