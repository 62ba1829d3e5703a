use super::*;
use crate::learn::AdamWConfig;
use crate::learn::vision::{
    Augmentation, CropsConfig, DinoConfig, DistillConfig, HomesConfig, LabelsConfig, MocoConfig,
    ObjectiveConfig,
};
use crate::vision::{FeatureExtractor, SceneVit, SceneVitShape};

const HOMES: HomesConfig = HomesConfig {
    seed: 3,
    procedural: 4,
    alfred: 0,
    moved: 0.3,
    views: 2,
    close: 0.5,
    hold_out_every: 4,
};

const LABELS: LabelsConfig =
    LabelsConfig { weight: 1.0, temperature: 0.1, rarity: 0.5, tilt: 0.2, most: 30.0 };

fn config() -> VisionTraining {
    VisionTraining {
        seed: 5,
        init: None,
        homes: HOMES,
        model: SceneVitShape {
            embed: 24,
            cell: 16,
            width: 16,
            layers: 1,
            heads: 2,
            hidden: 24,
            refine: 0,
            head: 24,
            features: 16,
        },
        objective: ObjectiveConfig { labels: Some(LABELS), ..ObjectiveConfig::default() },
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
        batch_size: 2,
        replicas: 2,
        optimizer: AdamWConfig {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.98,
            weight_decay: 0.01,
            gradient_clip: 1.0,
            average_decay: 0.9,
        },
        warmup_steps: 4,
        checkpoint_steps: 12,
        watched_views: 2,
    }
}

#[test]
fn training_learns_goes_on_where_it_stopped_and_leaves_a_model() {
    let frames_at = tempfile::tempdir().unwrap();
    let frames = Frames::render(frames_at.path(), &HOMES, &[], &mut |_, _| true).unwrap().unwrap();
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

#[test]
fn every_objective_learns_and_goes_on_where_it_stopped() {
    let frames_at = tempfile::tempdir().unwrap();
    let frames = Frames::render(frames_at.path(), &HOMES, &[], &mut |_, _| true).unwrap().unwrap();
    let teacher = tempfile::tempdir().unwrap();
    train_vision(&config(), &frames, &Device::Cpu, teacher.path(), &mut |_| true).unwrap();
    let dino = DinoConfig {
        weight: 1.0,
        prototypes: 8,
        student_temperature: 0.2,
        teacher_temperature: 0.1,
        centre_momentum: 0.9,
        cells: 64,
    };
    let moco = MocoConfig { weight: 1.0, temperature: 0.2, queue: 128, cells: 32 };
    let distill = DistillConfig {
        weight: 1.0,
        teacher: teacher.path().to_owned(),
        temperature: 0.1,
        softening: 2.0,
    };
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
