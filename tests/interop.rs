//! Bags written here, read by the readers of third parties: PyPI `rosbags` and `mcap-ros2-support`.
//!
//! Runs where [`python`] finds a Python that has them.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

mod python;

use python::python;
use scenellm::bag::BagReader;
use scenellm::ros::{msg, srv, with_dependencies};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

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
    let Some(python) = python("rosbags.highlevel, mcap_ros2.reader") else { return };
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
    assert_eq!(
        last(2, "/scenellm_planner/map")[0],
        json!(["x", "y", "z", "rgb", "object", "label"])
    );
}

/// A step of `plan.json` as the script tells it.
fn spoken(step: &Value) -> Value {
    let arguments = step["arguments"].as_array().unwrap();
    let names: Vec<&Value> = arguments.iter().map(|argument| &argument["name"]).collect();
    json!([step["id"], step["action"], names])
}

/// Name and text of every message and of both halves of every service, with what reads and writes
/// it, and the hash of the messages.
fn catalogue() -> Vec<(String, String, Recode, Option<&'static str>)> {
    let mut all: Vec<_> = (msg::CATALOGUE.iter())
        .map(|one| {
            let text = (one.definition)();
            (one.type_name.to_owned(), text, one.recode, Some(one.type_hash))
        })
        .collect();
    for one in srv::CATALOGUE {
        let (request, response) = one.definition.split_once("---\n").unwrap();
        let (package, short) = one.type_name.split_once("/srv/").unwrap();
        let halves =
            [("Request", request, one.recode_request), ("Response", response, one.recode_response)];
        for (half, text, recode) in halves {
            let text = with_dependencies(package, text);
            // `rosbags` knows messages only.
            all.push((format!("{package}/msg/{short}_{half}"), text, recode, None));
        }
    }
    all
}

type Recode = fn(&[u8]) -> Result<Vec<u8>, scenellm::ros::CdrError>;

/// Bytes that `rosbags` wrote are read, and what is written from them is the same byte for byte, so
/// that `rosbags` reads it too. Hashes are those `rosbags` computes.
#[test]
fn every_struct_agrees_with_rosbags() {
    let Some(python) = python("rosbags.typesys") else { return };
    let catalogue = catalogue();
    let asked: Vec<_> =
        catalogue.iter().map(|(name, text, ..)| json!({"name": name, "text": text})).collect();
    let mut script = Command::new(python)
        .arg("tests/interop/recode.py")
        .current_dir(ROOT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(Value::from(asked).to_string().as_bytes()).unwrap();
    let done = script.wait_with_output().unwrap();
    assert!(done.status.success());
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(said.lines().count(), catalogue.len());
    for (line, (name, _, recode, hash)) in said.lines().zip(&catalogue) {
        let theirs: Value = serde_json::from_str(line).unwrap();
        assert_eq!(&theirs["name"], name);
        if let Some(hash) = hash {
            assert_eq!(&theirs["hash"], hash, "{name}");
        }
        let hex = theirs["cdr"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let theirs: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        assert_eq!(recode(&theirs).as_ref(), Ok(&theirs), "{name}");
    }
}
