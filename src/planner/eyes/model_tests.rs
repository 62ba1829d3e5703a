//! Public encoders behind a Scene-LLM: what a session sees is what the model's projector takes in.
//! Weights are random, so the answers mean nothing.

use super::*;
use crate::bag::{BagReader, Events, select_cameras};
use crate::language::SamplingOptions;
use crate::model::{PromptInput, SceneLlm, checkpoint_of};
use crate::scene::VisualTokens;
use crate::tasks::ViewSpec;
use std::path::{Path, PathBuf};

const MANIFEST: &str = r#"
name: seer
description: A small model for tests.
license: Apache-2.0
provenance: untrained
language: {kind: llama, format: safetensors, weights: model.safetensors}
tokenizer: tokenizer.json
vision: {extractor: EXTRACTOR, provenance: trained, width: WIDTH, tokens: voxels}
projector: {weights: projector.safetensors, input: INPUT, hidden: 12, output: 32}
tokens: {frame: 6, scene: 8, context: 96}
prompt: {begin: "<s>", ego: "I saw ", scene: "Scene: ", goal_prefix: "\nTask: ", answer: "\nPlan:",
  end: ["</s>"]}
decoding: {max_tokens: 8}
"#;

/// A model folder whose projector takes features of this extractor and width.
fn model_of(extractor: &str, width: usize) -> tempfile::TempDir {
    let manifest = MANIFEST.replace("EXTRACTOR", extractor).replace("WIDTH", &width.to_string());
    checkpoint_of(&manifest.replace("INPUT", &(width + 6).to_string()), 96)
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The eyes of the model in `folder`, with the weights of a fixture.
fn config(folder: &Path, weights: &str) -> PlannerConfig {
    let mut config = PlannerConfig::default();
    config.plan.model = folder.into();
    config.vision.weights = Some(repository("tests/fixtures/vision").join(weights));
    config
}

/// A session that has seen the first frame of the shipped recording.
fn seen(config: &PlannerConfig) -> Session {
    let mut session = Session::open(config, &Device::Cpu).unwrap();
    let bag = BagReader::open(repository("bags/kitchen_sim")).unwrap();
    let selections = select_cameras(bag.topics(), config).unwrap();
    for (_, event) in Events::of_cameras(&bag, &selections) {
        session.push(event.unwrap());
        if session.newest_frame().is_some() {
            return session;
        }
    }
    panic!("the recording has no frame");
}

/// What `model` is shown: the tokens of the frame and those of the scene.
fn shown(session: &Session, model: &SceneLlm) -> (VisualTokens, VisualTokens) {
    let spec = ViewSpec::of(model.manifest()).unwrap();
    let view = session.view(&spec).unwrap().expect("the map has what the model takes");
    (view.frame.unwrap(), view.scene.unwrap())
}

/// Tokens of the prompt that the model has read, or why it could not.
fn read(
    model: &mut SceneLlm,
    frame: VisualTokens,
    scene: VisualTokens,
) -> Result<usize, ModelError> {
    let input = PromptInput {
        frame: Some(frame),
        scene: Some(scene),
        goal: "look".into(),
        ..PromptInput::default()
    };
    let segments = model.prompt(input)?;
    let options =
        SamplingOptions { temperature: 0.0, top_k: None, top_p: None, seed: 0, max_tokens: 4 };
    let answer = model.generate(&segments, None, &options, &mut |_| true)?;
    Ok(answer.timings.prompt_tokens)
}

#[test]
fn features_of_public_encoders_are_the_tokens_of_a_model() {
    for (extractor, weights, width) in [
        ("clip", "clip_tiny", 20),
        ("clip_patches", "clip_tiny", 24),
        ("openclip", "openclip_tiny", 20),
        ("dinov2", "dinov2_registers_tiny", 24),
    ] {
        let folder = model_of(extractor, width);
        let session = seen(&config(folder.path(), weights));
        assert_eq!(session.map().config().feature_width, width, "{extractor}");
        let mut model = SceneLlm::load(folder.path(), &Device::Cpu).unwrap();
        let (frame, scene) = shown(&session, &model);
        for (tokens, count) in [(&frame, 6), (&scene, 8)] {
            assert_eq!((tokens.len(), tokens.width), (count, width), "{extractor}");
            assert_eq!(tokens.features.len(), count * width, "{extractor}");
            // Where nothing was seen features are zeros.
            let is_seen = |row: &[f32]| row.iter().any(|number| *number != 0.0);
            assert!(tokens.features.chunks(width).all(is_seen), "{extractor}");
        }
        let words = model.tokenizer().encode_plain("I saw Scene: \nTask: look\nPlan:").unwrap();
        let prompt = read(&mut model, frame, scene).unwrap();
        // The mark at the beginning, words, and a place for each 3D token.
        assert_eq!(prompt, 1 + words.len() + 6 + 8, "{extractor}");
    }
}

#[test]
fn a_model_of_another_width_is_refused_with_both_widths() {
    let (fitting, other) = (model_of("clip", 20), model_of("clip", 24));
    let opened = Session::open(&config(other.path(), "clip_tiny"), &Device::Cpu);
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("`clip` of width 24") && error.contains("width 20"), "{error}");
    // Who chose the eyes may map with them, and the model is shown nothing of that.
    let mut chosen = config(other.path(), "clip_tiny");
    chosen.vision.extractor = "clip".into();
    let session = seen(&chosen);
    let mut model = SceneLlm::load(other.path(), &Device::Cpu).unwrap();
    let spec = ViewSpec::of(model.manifest()).unwrap();
    assert_eq!(session.view(&spec).unwrap(), None);
    // What reaches it all the same its projector refuses.
    let of_fitting = SceneLlm::load(fitting.path(), &Device::Cpu).unwrap();
    let (frame, scene) = shown(&session, &of_fitting);
    let error = read(&mut model, frame, scene).unwrap_err().to_string();
    assert!(error.contains("features have width 20, the projector takes 24"), "{error}");
}

#[test]
fn public_weights_that_the_user_names_are_those_of_the_model() {
    let folder = model_of("clip", 20);
    let mut config = config(folder.path(), "clip_tiny");
    let eyes = config.eyes().unwrap();
    assert_eq!((eyes.extractor.as_str(), &eyes.weights), ("clip", &config.vision.weights));
    config.vision.weights = None;
    assert_eq!(config.eyes().unwrap().extractor, "color_geometry", "there are no weights");
}
