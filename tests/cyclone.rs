//! The built node and a peer on another vendor's stack: Cyclone DDS, through PyPI `cyclonedds`.
//!
//! Runs where [`python`] finds a Python that has it.

#![cfg(feature = "dds")]
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

mod graph;
mod python;

use graph::{KITCHEN, Node, loopback_works, settings};
use python::python;
use scenellm::ros::msg::{Marker, Plan};
use scenellm::ros::transport::ServiceMapping;
use serde_json::{Value, json};
use std::process::Command;

const NODE: &str = "/scenellm_planner";
const GOAL: &str = "put a chilled tomato in the microwave";
/// Cyclone on loopback, which by itself does not call itself able to multicast.
const LOOPBACK: &str = "<General><Interfaces><NetworkInterface name='lo' multicast='true'/>\
    </Interfaces></General>";

#[test]
fn a_peer_on_cyclone_dds_plays_talks_and_hears() {
    let Some(python) = python("cyclonedds.domain, rosbags.highlevel") else { return };
    if !loopback_works() {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
        return;
    }
    let settings =
        scenellm::ros::transport::DdsSettings { mapping: ServiceMapping::Cyclone, ..settings() };
    let mut node = Node::start(settings, &KITCHEN);
    let done = Command::new(python)
        .arg("tests/interop/cyclone_peer.py")
        .args([&settings.domain_id.to_string(), "bags/kitchen_sim", NODE, GOAL])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CYCLONEDDS_URI", LOOPBACK)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaint}");
    let told: Value = serde_json::from_slice(&done.stdout).expect(&complaint);
    eprintln!("{told:#}");

    // What it sent arrived: objects of its detections, the path of its transforms.
    assert!(told["objects"].as_u64() > Some(5));
    assert!(told["path"].as_u64() >= Some(1));
    assert_eq!(told["map"][0], "map");
    assert!(told["map"][1].as_u64() > Some(500));
    assert_eq!(told["frame"][0], "camera_color_optical_frame");

    let plan = &told["plan"];
    assert_eq!((&plan["goal"], &plan["refusal"]), (&json!(GOAL), &json!(Plan::REFUSAL_NONE)));
    let steps = plan["steps"].as_array().unwrap();
    assert!(steps.len() >= 3 && plan["grounded"].as_u64() >= Some(3), "{plan}");
    assert_eq!(told["step"], json!([1, steps[0][1]]));

    // The parts of the stream are the text, which is the plan; what is said whole may follow.
    let stream = told["stream"].as_array().unwrap().iter().filter(|part| part[0] == true);
    let stream: Vec<_> = stream.collect();
    let (last, parts) = stream.split_last().unwrap();
    assert!(parts.iter().all(|part| part[1] == false));
    let text: String = parts.iter().map(|part| part[2].as_str().unwrap()).collect();
    assert_eq!(**last, json!([true, true, text]));
    let lines: Vec<_> = text.trim().lines().collect();
    let written = |step: &Value| {
        let words = step[2].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        [step[1].as_str().unwrap()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(lines[..steps.len()], steps.iter().map(written).collect::<Vec<_>>());

    // Every step has a numbered text, after a marker that takes the old ones away.
    let markers = told["markers"].as_array().unwrap();
    assert_eq!(markers[0][3], Marker::DELETEALL);
    let texts: Vec<_> = markers.iter().filter(|one| one[0] == "steps").collect();
    assert!(texts.len() >= 3 && texts[0][4].as_str().unwrap().starts_with("1 "), "{texts:?}");
    assert!(markers.iter().any(|one| one[2] == Marker::SPHERE));
    assert_eq!(told["cleared"], json!([[Marker::DELETEALL]]));

    // "it" is the microwave.
    let answers = told["answers"].as_array().unwrap();
    assert!(answers[0].as_str().unwrap().contains("microwave #"), "{answers:?}");
    assert_eq!(answers[0], answers[2]);
    assert_eq!(told["ask"][0], 0, "{}", told["ask"]);
    let [stale_s, set, now_s, refused, still_s] = &told["parameters"].as_array().unwrap()[..]
    else {
        panic!("{told}")
    };
    assert!(stale_s != 9.5 && set == true && now_s == 9.5 && still_s == 9.5);
    assert!(refused.as_str().unwrap().contains("must lie between"), "{refused}");
    assert_eq!(told["withdrawn"]["refusal"], json!(Plan::REFUSAL_WITHDRAWN));

    node.signal("TERM");
    assert_eq!(node.end().and_then(|ended| ended.code()), Some(0));
}
