//! A whole household task from the command line, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

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
    for part in ["tour: 47 images", "behind the robot's back", "planning anew", "conditions hold"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let page = std::fs::read_to_string(folder.path().join("out/demo.html")).unwrap();
    assert!(page.contains("Plan 2") && page.contains("I saw: ") && !page.contains("✗"));
    assert!(page.matches("data:image/jpeg;base64,").count() > 12);
    assert!(page.matches("data:image/png;base64,").count() >= 2, "a map with every plan");
    let strip = image::open(folder.path().join("out/strip.png")).unwrap();
    assert!(strip.width() > 1000);
}

/// What `scenellm eval` says to these arguments, and the scores that it writes.
fn evaluated(arguments: &[&str]) -> (String, serde_json::Value) {
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
