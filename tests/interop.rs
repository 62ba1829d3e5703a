//! Bags written here, read by the readers of third parties: PyPI `rosbags` and `mcap-ros2-support`.
//!
//! Runs where a Python that has both is named by `SCENELLM_INTEROP_PYTHON` or is `python3`:
//!
//! ```sh
//! python3 -m venv .venv && .venv/bin/pip install rosbags mcap-ros2-support
//! SCENELLM_INTEROP_PYTHON=.venv/bin/python cargo test --test interop
//! ```

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use scenellm::bag::BagReader;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PYTHON: &str = "SCENELLM_INTEROP_PYTHON";

/// A Python with both readers. One that was named must have them.
fn python() -> Option<String> {
    let named = std::env::var(PYTHON).ok();
    let python = named.clone().unwrap_or("python3".into());
    let has_both = Command::new(&python)
        .args(["-c", "import rosbags.highlevel, mcap_ros2.reader"])
        .output()
        .is_ok_and(|done| done.status.success());
    assert!(has_both || named.is_none(), "{PYTHON}={python} has no rosbags and mcap-ros2-support");
    has_both.then_some(python)
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).current_dir(ROOT).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// What our own reader says: type and number of messages by topic.
fn own(bag: &Path) -> Value {
    let bag = BagReader::open(bag).unwrap();
    let topics = bag.topics().iter().map(|topic| {
        let count = bag.messages(&[&topic.name]).map(Result::unwrap).count();
        (topic.name.clone(), json!({"type": topic.type_name, "count": count}))
    });
    Value::Object(topics.collect())
}

#[test]
fn third_parties_read_every_message() {
    let Some(python) = python() else {
        println!("skipped: {PYTHON} names no Python, and python3 lacks rosbags, mcap-ros2-support");
        return;
    };
    let scenellm = env!("CARGO_BIN_EXE_scenellm");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (raw, packed, out) = (path("raw.mcap"), path("packed.mcap"), path("out"));
    let drive = ["--home", "5", "--seconds", "1", "--fps", "4", "--goal", "put the mug away"];
    run(scenellm, &[&["sim", "record", &raw], &drive[..]].concat());
    run(scenellm, &[&["sim", "record", &packed, "--compressed"], &drive[..]].concat());
    run(scenellm, &["replay", "bags/kitchen_sim", "--goal", "heat an apple", "--out", &out]);

    let bags = [&raw, &packed, &format!("{out}/session.mcap")];
    let script = "tests/interop/read_mcap.py";
    let said = run(&python, &[&[script], &bags.map(String::as_str)[..]].concat());
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), bags.len());
    for (bag, readers) in bags.iter().zip(&said) {
        assert_eq!(readers["rosbags"], readers["mcap_ros2"], "{bag}");
        let mut read = readers["rosbags"].clone();
        for topic in read.as_object_mut().unwrap().values_mut() {
            topic.as_object_mut().unwrap().remove("last");
        }
        assert_eq!(read, own(Path::new(bag)), "{bag}");
    }

    let last = |bag: usize, topic: &str| said[bag]["rosbags"][topic]["last"].clone();
    assert_eq!(last(0, "/scenellm_planner/goal"), "put the mug away");
    assert_eq!(last(0, "/camera/color/image_raw"), json!([320, 240, "rgb8", 320 * 240 * 3]));
    assert_eq!(last(0, "/camera/color/camera_info")[2][0], 277.0);
    let plan = std::fs::read_to_string(format!("{out}/plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let steps: Vec<Value> = plan["steps"].as_array().unwrap().iter().map(spoken).collect();
    assert!(!steps.is_empty());
    assert_eq!(last(2, "/scenellm_planner/plan"), Value::from(steps));
    assert_eq!(last(2, "/scenellm_planner/map")[0], json!(["x", "y", "z", "rgb"]));
}

/// A step of `plan.json` as the script tells it.
fn spoken(step: &Value) -> Value {
    let arguments = step["arguments"].as_array().unwrap();
    let names: Vec<&Value> = arguments.iter().map(|argument| &argument["name"]).collect();
    json!([step["id"], step["action"], names])
}
