use super::*;
use crate::learn::checkpoint::lose_weights;
use crate::learn::vision::fixtures::{self, DINO, LABELS, MOCO, distill, frames};
use crate::learn::vision::{Augmentation, CropsConfig, HomesConfig, MocoConfig, ObjectiveConfig};
use crate::vision::scene_vit::fixtures::TINY;
use crate::vision::{FeatureExtractor, SceneVit, SceneVitShape};

const HOMES: HomesConfig =
    HomesConfig { seed: 3, procedural: 4, hold_out_every: 4, ..fixtures::HOMES };

fn config() -> VisionTraining {
    let labels = ObjectiveConfig { labels: Some(LABELS), ..ObjectiveConfig::default() };
    VisionTraining {
        homes: HOMES,
        model: SceneVitShape { embed: 24, cell: 16, hidden: 24, refine: 0, ..TINY },
        crops: Some(CropsConfig { share: 0.5, rows: 12, columns: 16 }),
        augmentation: Augmentation {
            mirror: 0.5,
            brightness: 0.2,
            tint: 0.05,
            contrast: 0.1,
            holes: 0.2,
            no_depth: 0.1,
            floor_m: 0.02,
        },
        steps: 24,
        warmup_steps: 4,
        checkpoint_steps: 12,
        watched_views: 2,
        ..fixtures::config(labels)
    }
}

#[test]
fn training_learns_goes_on_where_it_stopped_and_leaves_a_model() {
    let frames_at = tempfile::tempdir().unwrap();
    let frames = frames(frames_at.path(), &HOMES);
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = config();
    let mut losses = Vec::new();
    train_vision(&config, &frames, &Device::Cpu, whole.path(), &mut |step| {
        losses.push(step.loss);
        true
    })
    .unwrap();
    assert_eq!(losses.len(), 24);
    assert!(losses[23] < 0.9 * losses[0], "{losses:?}");
    train_vision(&config, &frames, &Device::Cpu, parts.path(), &mut |step| step.step < 12).unwrap();
    train_vision(&config, &frames, &Device::Cpu, parts.path(), &mut |_| true).unwrap();
    let read = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(read(whole.path()) == read(parts.path()), "a stop changes nothing");
    let vit = SceneVit::load(whole.path(), &Device::Cpu).unwrap();
    let (with_state, plain): (Vec<&String>, Vec<&String>) =
        frames.names().iter().partition(|name| name.contains(' '));
    assert_eq!(vit.names().iter().collect::<Vec<_>>(), plain);
    let states: Vec<String> = vit.states().iter().map(|both| both.join(" ")).collect();
    assert_eq!(states.iter().collect::<Vec<_>>(), with_state);
    assert!(states.contains(&"open fridge".to_owned()), "{states:?}");
    let other = VisionTraining { seed: 6, ..config };
    let error =
        train_vision(&other, &frames, &Device::Cpu, whole.path(), &mut |_| true).unwrap_err();
    assert!(error.to_string().contains("another configuration"), "{error}");
}

/// As where the disk is full when the last model is written.
#[test]
fn a_model_that_could_not_be_written_is_written_by_the_training_that_goes_on() {
    let frames_at = tempfile::tempdir().unwrap();
    let frames = frames(frames_at.path(), &HOMES);
    let out = tempfile::tempdir().unwrap();
    let config = config();
    let train = |end: u64| {
        train_vision(&config, &frames, &Device::Cpu, out.path(), &mut |step| step.step < end)
    };
    train(12).unwrap();
    let read = || std::fs::read(out.path().join("model.safetensors")).unwrap();
    let before = read();
    let in_the_way = out.path().join("model.safetensors.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let error = train(u64::MAX).unwrap_err().to_string();
    assert!(error.contains("model.safetensors: cannot be written"), "{error}");
    assert!(read() == before);
    std::fs::remove_dir(&in_the_way).unwrap();
    train(u64::MAX).unwrap();
    assert!(read() != before, "the folder still holds the model of the first half");
}

#[test]
fn a_gradient_that_is_no_number_ends_a_training_and_leaves_what_it_has() {
    let frames_at = tempfile::tempdir().unwrap();
    let frames = frames(frames_at.path(), &HOMES);
    let out = tempfile::tempdir().unwrap();
    let config = config();
    train_vision(&config, &frames, &Device::Cpu, out.path(), &mut |step| step.step < 12).unwrap();
    lose_weights(out.path());
    let names = ["checkpoint/state.safetensors", "model.safetensors", "held_out.json"];
    let read = || names.map(|name| std::fs::read(out.path().join(name)).unwrap());
    let before = read();
    let error =
        train_vision(&config, &frames, &Device::Cpu, out.path(), &mut |_| true).unwrap_err();
    assert!(matches!(&error, LearnError::Gradient { step: 13, .. }), "{error}");
    assert!(read() == before, "it was written over");
}

#[test]
fn a_training_goes_on_with_the_views_it_began_with() {
    let frames_at = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let all = frames(frames_at.path(), &HOMES);
    let config = config();
    train_vision(&config, &all, &Device::Cpu, out.path(), &mut |step| step.step < 12).unwrap();
    // The folder of other views may tell of the same configuration: of other trajectories.
    let path = frames_at.path().join("frames.json");
    let mut header: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    header["homes"].as_array_mut().unwrap().pop().unwrap();
    std::fs::write(&path, header.to_string()).unwrap();
    let fewer = frames(frames_at.path(), &HOMES);
    let error = train_vision(&config, &fewer, &Device::Cpu, out.path(), &mut |_| true);
    let told = error.unwrap_err().to_string();
    let lost = all.indices(false).len() - fewer.indices(false).len();
    let (what, all, fewer) = match lost {
        0 => ("held-out views", all.indices(true).len(), fewer.indices(true).len()),
        _ => ("views to learn from", all.indices(false).len(), fewer.indices(false).len()),
    };
    assert!(told.contains(&format!("{what}: {all} then, {fewer} now")), "{told}");
}

#[test]
fn every_objective_learns_and_goes_on_where_it_stopped() {
    let frames_at = tempfile::tempdir().unwrap();
    let frames = frames(frames_at.path(), &HOMES);
    let teacher = tempfile::tempdir().unwrap();
    train_vision(&config(), &frames, &Device::Cpu, teacher.path(), &mut |_| true).unwrap();
    let (dino, moco) = (DINO, MocoConfig { queue: 128, ..MOCO });
    let distill = distill(teacher.path());
    let none = ObjectiveConfig::default();
    for (objective, falls) in [
        (ObjectiveConfig { dino: Some(dino), ..none.clone() }, false),
        (ObjectiveConfig { moco: Some(moco), ..none.clone() }, false),
        (ObjectiveConfig { distill: Some(distill), ..none.clone() }, true),
        (
            ObjectiveConfig { labels: Some(LABELS), dino: Some(dino), moco: Some(moco), ..none },
            false,
        ),
    ] {
        let config = VisionTraining { objective: objective.clone(), ..config() };
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut losses = Vec::new();
        train_vision(&config, &frames, &Device::Cpu, whole.path(), &mut |step| {
            losses.push(step.loss);
            true
        })
        .unwrap();
        assert!(losses.iter().all(|loss| loss.is_finite()));
        // DINO's target moves with the student, and MoCo's queue fills with cells that are harder
        // to tell apart than chance is: their losses tell little.
        assert!(!falls || losses[23] < losses[0], "{objective:?}: {losses:?}");
        train_vision(&config, &frames, &Device::Cpu, parts.path(), &mut |step| step.step < 12)
            .unwrap();
        train_vision(&config, &frames, &Device::Cpu, parts.path(), &mut |_| true).unwrap();
        let read = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert!(read(whole.path()) == read(parts.path()), "{objective:?}");
    }
}
