//! What trainings in tests have in common.

use super::weights::fresh;
use super::{
    Augmentation, DinoConfig, DistillConfig, Frames, HomesConfig, LabelsConfig, MocoConfig,
    ObjectiveConfig, VisionTraining,
};
use crate::learn::AdamWConfig;
use crate::vision::gradients::tensors;
use crate::vision::scene_vit::fixtures::{TINY, write_model};
use crate::vision::{SceneVitConfig, SceneVitShape};
use rand_pcg::Pcg64Mcg;
use std::path::Path;

/// Two homes from seeds, one of them held out.
pub(super) const HOMES: HomesConfig = HomesConfig {
    seed: 1,
    procedural: 2,
    alfred: 0,
    moved: 0.3,
    views: 2,
    close: 0.5,
    hold_out_every: 2,
};

/// Views stay as they are.
pub(super) const UNCHANGED: Augmentation = Augmentation {
    mirror: 0.0,
    brightness: 0.0,
    tint: 0.0,
    contrast: 0.0,
    holes: 0.0,
    no_depth: 0.0,
    floor_m: 0.0,
};

/// To see the words for what is there.
pub(super) const LABELS: LabelsConfig =
    LabelsConfig { weight: 1.0, temperature: 0.1, rarity: 0.5, tilt: 0.2, most: 30.0 };

/// To sort cells into a few prototypes.
pub(super) const DINO: DinoConfig = DinoConfig {
    weight: 1.0,
    prototypes: 8,
    student_temperature: 0.2,
    teacher_temperature: 0.1,
    centre_momentum: 0.9,
    cells: 64,
};

/// To know cells again.
pub(super) const MOCO: MocoConfig =
    MocoConfig { weight: 1.0, temperature: 0.2, queue: 64, cells: 32 };

/// To see what a finished model sees.
pub(super) fn distill(teacher: &Path) -> DistillConfig {
    DistillConfig { weight: 1.0, teacher: teacher.into(), temperature: 0.1, softening: 2.0 }
}

/// One step on two views of [`HOMES`] as they are, learnt from as a whole.
pub(super) fn config(objective: ObjectiveConfig) -> VisionTraining {
    VisionTraining {
        seed: 5,
        init: None,
        homes: HOMES,
        model: TINY,
        objective,
        crops: None,
        augmentation: UNCHANGED,
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

/// The views of homes, rendered into `folder`.
pub(super) fn frames(folder: &Path, homes: &HomesConfig) -> Frames {
    Frames::render(folder, homes, &[], &mut |_, _| true).unwrap().unwrap()
}

/// Writes a finished model of fresh weights that knows mugs.
pub(super) fn write_fresh(folder: &Path, shape: SceneVitShape, rng: &mut Pcg64Mcg) {
    let config = SceneVitConfig::new(shape, 1, vec!["mug".into()]);
    write_model(folder, &config, &tensors(&fresh(&shape, rng).unwrap()));
}
