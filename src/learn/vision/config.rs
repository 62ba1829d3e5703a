//! What a training of the eyes is told.

use super::augment::Augmentation;
use super::homes::HomesConfig;
use super::objective::ObjectiveConfig;
use crate::learn::fault::{read_config, share_fault};
use crate::learn::{AdamWConfig, LearnError};
use crate::vision::SceneVitShape;
use crate::vision::scene_vit::{COLUMNS, ROWS};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that decides what a training gives, but for ALFRED's trajectories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionTraining {
    /// Seed of all chance but that of the homes.
    pub seed: u64,
    /// Folder of a finished model to begin with, which grows where `model` has more layers or wider
    /// hidden ones; fresh weights where none is named.
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// Which homes are seen.
    pub homes: HomesConfig,
    /// Size of the network.
    pub model: SceneVitShape,
    /// What is to be learnt.
    pub objective: ObjectiveConfig,
    /// Whether parts of views are learnt from, too.
    #[serde(default)]
    pub crops: Option<CropsConfig>,
    /// How views are changed.
    pub augmentation: Augmentation,
    /// Number of steps.
    pub steps: u64,
    /// Views a step.
    pub batch_size: usize,
    /// Parts of a batch that are worked on side by side. Part of the result, so not the number of
    /// cores of whatever machine trains.
    pub replicas: usize,
    /// The optimiser.
    pub optimizer: AdamWConfig,
    /// Steps over which the learning rate rises before it falls along a cosine.
    pub warmup_steps: u64,
    /// Steps between two checkpoints.
    pub checkpoint_steps: u64,
    /// Held-out views that are measured at each checkpoint.
    pub watched_views: usize,
}

/// Views of which a part is learnt from: most of a home is wall, and a part around something rare
/// costs a fraction of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropsConfig {
    /// Share of the views of which only a part is learnt from.
    pub share: f64,
    /// Rows of cells of a part, an even number.
    pub rows: usize,
    /// Columns of cells of a part, an even number.
    pub columns: usize,
}

impl VisionTraining {
    /// Reads a training configuration.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a field is not what it should be.
    pub fn read(path: &Path) -> Result<Self, LearnError> {
        read_config(path, Self::fault)
    }

    fn fault(&self) -> Option<String> {
        if let Some(reason) = self.model.fault() {
            return Some(format!("model: {reason}"));
        }
        if let Some(crops) = &self.crops {
            let fits =
                |size: usize, all: usize| size.is_multiple_of(2) && (2..=all).contains(&size);
            let good = fits(crops.rows, ROWS) && fits(crops.columns, COLUMNS);
            if !good || !(0.0..=1.0).contains(&crops.share) {
                return Some(format!(
                    "crops: share must be within 0..=1, rows and columns even numbers up to {ROWS} \
                     and {COLUMNS}"
                ));
            }
        }
        let counts = [
            ("steps", self.steps, u64::MAX),
            ("batch_size", self.batch_size as u64, 65_536),
            ("replicas", self.replicas as u64, 65_536),
            ("checkpoint_steps", self.checkpoint_steps, u64::MAX),
            ("homes.views", self.homes.views as u64, 1000),
        ];
        let wrong = counts.into_iter().find(|(_, count, most)| !(1..=*most).contains(count));
        if let Some((what, count, most)) = wrong {
            return Some(format!("{what}: is {count}, must lie within 1..={most}"));
        }
        let HomesConfig { moved, close, .. } = self.homes;
        for (what, share) in [("moved", moved), ("close", close)] {
            if !(0.0..=1.0).contains(&share) {
                return Some(format!("homes.{what}: is {share}, must lie within 0..=1"));
            }
        }
        let Augmentation { mirror, holes, no_depth, .. } = self.augmentation;
        let shares = [
            ("augmentation.mirror", mirror),
            ("augmentation.holes", holes),
            ("augmentation.no_depth", no_depth),
        ];
        share_fault(&shares)
            .or_else(|| self.objective.fault().map(|reason| format!("objective: {reason}")))
            .or_else(|| self.optimizer.fault())
    }
}
