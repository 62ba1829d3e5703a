//! What comes of views: every objective reaches every weight, and parts of a batch add up.

use super::fixtures::{DINO, HOMES, LABELS, MOCO, config, distill, frames, write_fresh};
use super::frames::Frames;
use super::lesson::{Learnt, Lesson, Mind};
use super::objective::dino::PROTOTYPES;
use super::{CropsConfig, ObjectiveConfig, VisionTraining};
use crate::vision::gradients::{Gradients, assert_alike, length, numbers};
use crate::vision::scene_vit::fixtures::TINY;
use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

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

#[test]
fn every_objective_reaches_every_weight() {
    let (folder, teacher) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let frames = frames(folder.path(), &HOMES);
    write_fresh(teacher.path(), TINY, &mut Pcg64Mcg::seed_from_u64(9));
    let none = ObjectiveConfig::default;
    for objective in [
        ObjectiveConfig { labels: Some(LABELS), ..none() },
        ObjectiveConfig { dino: Some(DINO), ..none() },
        ObjectiveConfig { moco: Some(MOCO), ..none() },
        ObjectiveConfig { distill: Some(distill(teacher.path())), ..none() },
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
    let frames = frames(folder.path(), &HOMES);
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
