//! Whose eyes see the homes that a model is measured in.

use anyhow::Context;
use clap::ValueEnum;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::scenes::{Faults, Lexicon, Oracle, things_of};
use scenellm::sim::household::World;
use scenellm::tasks::{SceneView, ViewSpec};
use scenellm::vision::WordHash;
use serde::Serialize;

/// How a home is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// All that no door hides, as the simulator knows it.
    Oracle,
    /// The same with the faults that eyes have.
    Faulty,
}

/// Eyes that make views for one model.
pub struct HomeEyes {
    look: Look,
    spec: ViewSpec,
    words: WordHash,
}

impl HomeEyes {
    /// Eyes for a model that takes in `spec`.
    ///
    /// # Errors
    ///
    /// When no words fit its features.
    pub fn new(look: Look, spec: ViewSpec) -> anyhow::Result<Self> {
        let words =
            WordHash::new(spec.width).context("features that no word can be compared with")?;
        Ok(Self { look, spec, words })
    }

    /// The view of a home. `seed` decides the faults.
    pub fn look(&self, world: &World, seed: u64) -> anyhow::Result<SceneView> {
        let things = things_of(world);
        let faults = match self.look {
            Look::Oracle => Faults::NONE,
            Look::Faulty => Faults::default(),
        };
        let oracle = Oracle { lexicon: Lexicon::of(&things, &self.words)?, faults };
        let regions = oracle.regions(&things, |_| 1.0, &mut Pcg64Mcg::seed_from_u64(seed));
        Ok(SceneView::of_regions(&regions, None, &self.spec))
    }
}
