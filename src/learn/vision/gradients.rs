//! What comes of views: every objective reaches every weight, and parts of a batch add up.

use super::frames::Frames;
use super::lesson::{Learnt, Lesson, Mind};
use super::objective::dino::PROTOTYPES;
use super::weights::fresh;
use super::{
    Augmentation, CropsConfig, DinoConfig, DistillConfig, HomesConfig, LabelsConfig, MocoConfig,
    ObjectiveConfig, VisionTraining,
};
use crate::learn::AdamWConfig;
use crate::vision::gradients::{Gradients, assert_alike, length, numbers};
use crate::vision::{SceneVitConfig, SceneVitShape};
use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const HOMES: HomesConfig = HomesConfig {
    seed: 1,
    procedural: 2,
    alfred: 0,
    moved: 0.3,
    views: 2,
    close: 0.5,
    hold_out_every: 2,
};
const SHAPE: SceneVitShape = SceneVitShape {
    embed: 12,
    cell: 8,
    width: 16,
    layers: 1,
    heads: 2,
    hidden: 20,
    refine: 1,
    head: 24,
    features: 16,
};
const LABELS: LabelsConfig =
    LabelsConfig { weight: 1.0, temperature: 0.1, rarity: 0.5, tilt: 0.2, most: 30.0 };

/// Views as they are, learnt from as a whole.
fn config(objective: ObjectiveConfig) -> VisionTraining {
    VisionTraining {
        seed: 5,
        init: None,
        homes: HOMES,
        model: SHAPE,
        objective,
        crops: None,
        augmentation: Augmentation {
            mirror: 0.0,
            brightness: 0.0,
            tint: 0.0,
            contrast: 0.0,
            holes: 0.0,
            no_depth: 0.0,
            floor_m: 0.0,
        },
        steps: 1,
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
        warmup_steps: 1,
        checkpoint_steps: 1,
        watched_views: 1,
    }
}

fn frames(folder: &Path) -> Frames {
    Frames::render(folder, &HOMES, &[], &mut |_, _| true).unwrap().unwrap()
}

/// What comes of `views` with weights of chance; and the names of these weights.
fn learnt(config: &VisionTraining, frames: &Frames, views: &[usize]) -> (Learnt, Vec<String>) {
    let lesson = Lesson::new(config, frames, &frames.indices(false), &Device::Cpu).unwrap();
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let weights = lesson.weights(&mut rng).unwrap();
    let memory = lesson.memory(&mut rng).unwrap();
    let average: BTreeMap<String, Tensor> =
        weights.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect();
    let mind = Mind { weights: &weights, average: &average, memory: &memory };
    let learnt = lesson.learn(views, &mind, &mut rng).unwrap();
    (learnt, weights.keys().cloned().collect())
}

/// A finished model of chance weights, for a teacher.
fn write_teacher(folder: &Path) {
    let config = SceneVitConfig::new(SHAPE, 1, vec!["mug".into()]);
    std::fs::write(folder.join("config.json"), serde_json::to_string(&config).unwrap()).unwrap();
    let weights = fresh(&SHAPE, &mut Pcg64Mcg::seed_from_u64(9)).unwrap();
    let half: HashMap<String, Tensor> = weights
        .iter()
        .map(|(name, var)| (name.clone(), var.to_dtype(DType::F16).unwrap()))
        .collect();
    candle_core::safetensors::save(&half, folder.join("model.safetensors")).unwrap();
}

#[test]
fn every_objective_reaches_every_weight() {
    let (folder, teacher) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let frames = frames(folder.path());
    write_teacher(teacher.path());
    let dino = DinoConfig {
        weight: 1.0,
        prototypes: 8,
        student_temperature: 0.2,
        teacher_temperature: 0.1,
        centre_momentum: 0.9,
        cells: 64,
    };
    let moco = MocoConfig { weight: 1.0, temperature: 0.2, queue: 64, cells: 32 };
    let teacher = teacher.path().to_owned();
    let distill = DistillConfig { weight: 1.0, teacher, temperature: 0.1, softening: 2.0 };
    let none = ObjectiveConfig::default;
    for objective in [
        ObjectiveConfig { labels: Some(LABELS), ..none() },
        ObjectiveConfig { dino: Some(dino), ..none() },
        ObjectiveConfig { moco: Some(moco), ..none() },
        ObjectiveConfig { distill: Some(distill), ..none() },
    ] {
        let crops = Some(CropsConfig { share: 1.0, rows: 12, columns: 16 });
        let config = VisionTraining { crops, ..config(objective) };
        let (learnt, names) = learnt(&config, &frames, &frames.indices(false)[..1]);
        assert_eq!(names.iter().any(|name| name == PROTOTYPES), config.objective.dino.is_some());
        let reached: BTreeMap<String, Tensor> = learnt.gradients.into_iter().collect();
        for name in names {
            let size = reached.get(&name).map_or(0.0, |gradient| length(&numbers(gradient)));
            let objective = &config.objective;
            assert!(size.is_finite() && size > 0.0, "{objective:?}: {name} learns {size}");
        }
    }
}

#[test]
fn gradients_of_the_parts_of_a_batch_add_up_to_those_of_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let frames = frames(folder.path());
    let config = config(ObjectiveConfig { labels: Some(LABELS), ..ObjectiveConfig::default() });
    let views = frames.indices(false);
    assert_eq!(views.len(), 2);
    let of = |learnt: Learnt| -> (f64, Gradients) {
        let gradients = learnt.gradients.iter();
        let gradients = gradients.map(|(name, gradient)| (name.clone(), numbers(gradient)));
        (learnt.weight, gradients.collect())
    };
    let [a, b] = [&views[..1], &views[1..]].map(|view| of(learnt(&config, &frames, view).0));
    let (weight, right) = of(learnt(&config, &frames, &views).0);
    assert!((a.0 + b.0 - weight).abs() < 1e-4 * weight);
    let both = a.1.iter().map(|(name, of_a)| {
        let sum = of_a.iter().zip(&b.1[name]).map(|(of_a, of_b)| a.0 * of_a + b.0 * of_b);
        (name.clone(), sum.map(|sum| sum / weight).collect::<Vec<f64>>())
    });
    assert_alike(&both.collect(), &right, 1e-3);
}
