//! `scenellm train scenes`: let a robot tour homes, and keep what it saw to learn from.

use crate::{Outcome, progress};
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use scenellm::language::parse_device;
use scenellm::learn::LearnError;
use scenellm::learn::scenes::{Keep, SceneCache, Toured, tour};
use scenellm::learn::seeing::{AlfredData, Homes};
use scenellm::model::TokenKind;
use scenellm::planner::PlannerConfig;
use scenellm::sim::episode::{Episode, EpisodeOptions};
use scenellm::sim::household::World;
use scenellm::vision::open_extractor;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Let a robot tour homes with its own eyes, and keep the regions or the voxels of its maps.
///
/// Each home is kept in a file of its own: stop it at any time, and the same command goes on with
/// what is missing. `train align` and `train finetune` take the folder with `--scenes`. Several
/// homes are toured at a time, each with weights of its own: RAYON_NUM_THREADS says how many.
#[derive(Args)]
pub struct TrainScenes {
    /// ALFRED trajectories whose homes are toured (.jsonl or .jsonl.gz).
    #[arg(long)]
    data: Option<PathBuf>,
    /// Further trajectories that tell of the furniture of the same homes.
    #[arg(long, requires = "data")]
    furniture: Vec<PathBuf>,
    /// Tour the first so many of these homes only.
    #[arg(long, requires = "data")]
    limit: Option<usize>,
    /// Number of homes from seeds alone, the same as `syllabus.seeds` of the training.
    #[arg(long, default_value_t = 0)]
    seeds: u64,
    /// Seed of what trajectories do not tell, the same as that of the training, which refuses homes of
    /// another.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is kept: regions, which only an extractor that was taught names tells apart, or voxels,
    /// which any extractor gives features, for a training whose `vision.tokens` is `voxels`.
    #[arg(long, value_enum, default_value_t = Tokens::Regions)]
    tokens: Tokens,
    /// Most voxels of a scene that are kept, as the training's `tokens.scene` says or more.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65536))]
    scene_tokens: u32,
    /// Most voxels of a view that are kept, as the training's `tokens.frame` says or more.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    view_tokens: u32,
    /// Weights of the extractor: its model folder.
    #[arg(long, required_unless_present_any = ["true_eyes", "extractor"])]
    vision: Option<PathBuf>,
    /// Name of the extractor.
    #[arg(long, default_value = "scene_vit")]
    extractor: String,
    /// Instead of an extractor, eyes that see what there is, with noise of this length on features of
    /// length 1.
    #[arg(long, conflicts_with = "vision")]
    true_eyes: Option<f32>,
    /// Length of a feature, as the training's `vision.width` says; that of the extractor.
    #[arg(long, default_value_t = 64)]
    width: usize,
    /// Images of a tour.
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=2000))]
    frames: u32,
    /// Every how many-th image is kept as a view of its own.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=2000))]
    view_every: u32,
    /// Folder to write.
    #[arg(long)]
    out: PathBuf,
    /// Parameter file of the node, for the map and its regions and voxels.
    #[arg(long, value_name = "FILE")]
    params_file: Option<PathBuf>,
    /// Where the extractor runs: auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

/// What is kept of homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tokens {
    Regions,
    Voxels,
}

impl TrainScenes {
    /// Tours all homes that are not there yet.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = match &self.params_file {
            Some(path) => PlannerConfig::read(path)?,
            None => PlannerConfig::of_homes(),
        };
        let furniture: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
        let from = self.data.as_ref().map(|data| AlfredData {
            data,
            furniture: &furniture,
            limit: self.limit,
        });
        let homes = Homes::read(from.as_ref(), self.seeds, self.seed)?;
        let tokens = match self.tokens {
            Tokens::Regions => TokenKind::Regions,
            Tokens::Voxels => TokenKind::Voxels,
        };
        let cache = SceneCache::open(&self.out, self.width, tokens)?;
        let mut left = Vec::new();
        for at in 0..homes.len() {
            match cache.has(&homes.id(at)) {
                true => cache.check(&homes.id(at), homes.seed(at))?,
                false => left.push(at),
            }
        }
        // Trajectories come sorted: stopped at any time, what is there is a sample of all.
        left.shuffle(&mut Pcg64Mcg::seed_from_u64(self.seed));
        let count = progress::Count::new(left.len(), "touring");
        let (kept, skipped) = (AtomicUsize::new(0), AtomicUsize::new(0));
        left.par_iter().try_for_each(|at| -> anyhow::Result<()> {
            match homes.world(*at) {
                Ok(world) => {
                    let id = homes.id(*at);
                    let toured = self.tour(world, &config).with_context(|| id.clone())?;
                    cache.save(&id, homes.seed(*at), &toured)?;
                    kept.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {
                    skipped.fetch_add(1, Ordering::Relaxed);
                }
            }
            count.add();
            Ok(())
        })?;
        count.finish();
        writeln!(
            std::io::stdout(),
            "{} homes toured, {} were there, {} could not be built",
            kept.into_inner(),
            homes.len() - left.len(),
            skipped.into_inner()
        )?;
        Ok(Outcome::Done)
    }

    fn tour(&self, world: World, config: &PlannerConfig) -> anyhow::Result<Toured> {
        let tour_frames = self.frames as usize;
        let options = EpisodeOptions { tour_frames, ..EpisodeOptions::default() };
        let episode = match (self.true_eyes, &self.vision) {
            (Some(noise), _) => Episode::with_true_eyes(world, config, &options, noise),
            (None, weights) => {
                let device = parse_device(&self.device)?;
                let extractor = open_extractor(&self.extractor, weights.as_deref(), &device)
                    .context("--extractor and --vision")?;
                match self.tokens {
                    Tokens::Regions => Episode::with_extractor(world, config, &options, extractor),
                    Tokens::Voxels => Episode::of_looks(world, config, &options, extractor),
                }
            }
        };
        let episode = episode.map_err(LearnError::from)?;
        let found = episode.session().map().config().feature_width;
        // Told before the tour, which takes minutes.
        ensure!(
            found == self.width,
            "--width is {}, and the features of the extractor have width {found}",
            self.width
        );
        let keep = match self.tokens {
            Tokens::Regions => Keep::Regions,
            Tokens::Voxels => {
                Keep::Voxels { scene: self.scene_tokens as usize, view: self.view_tokens as usize }
            }
        };
        Ok(tour(episode, config, self.view_every as usize, keep)?)
    }
}
