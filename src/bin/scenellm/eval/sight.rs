//! `scenellm eval eyes`: what a robot that sees by itself finds in homes.

use super::table::write_json;
use crate::room::Room;
use crate::settings::Settings;
use crate::{Outcome, paths, progress};
use anyhow::{Context, bail};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::learn::read_alfred_tasks;
use scenellm::planner::PlannerConfig;
use scenellm::sim::Renderer;
use scenellm::sim::episode::{
    Episode, EpisodeOptions, FoundCounts, Moment, RegionAccuracy, region_accuracy,
};
use scenellm::sim::household::{World, alfred_world, household_in};
use scenellm::vision::open_extractor;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Fewest pixels of an entity in an image that count as seeing it: as for the simulator's boxes.
const MIN_PIXELS: usize = 40;
/// Mistakes that are listed.
const LISTED: usize = 12;

/// Tour homes with the robot's own eyes, and hold the regions of its map against what was in sight.
///
/// Things and furniture are found when a region of their name is within 0.3 m; relations say what
/// found things stand on. The extractor must tell things apart by name, such as `scene_vit`.
#[derive(Args)]
pub struct SightEval {
    /// ALFRED trajectories (.jsonl or .jsonl.gz): homes built after them.
    #[arg(long, conflicts_with = "seeds")]
    data: Option<PathBuf>,
    /// Further trajectories that tell of the furniture of the same homes.
    #[arg(long, requires = "data")]
    furniture: Vec<PathBuf>,
    /// So many homes of the trajectories, evenly spread over them.
    #[arg(long, requires = "data")]
    limit: Option<usize>,
    /// Number of homes from seeds.
    #[arg(long, default_value_t = 12)]
    seeds: u64,
    /// Which rooms homes from seeds are.
    #[arg(long, value_enum, default_value_t = Room::Kitchen, conflicts_with = "data")]
    room: Room,
    /// The first seed.
    #[arg(long, default_value_t = 1000)]
    first_seed: u64,
    /// Images of the tour, at most.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    tour_frames: u32,
    /// See what there is, with noise of this length on features of length 1, instead of by an
    /// extractor: what the rest can reach at best.
    #[arg(long, value_name = "NOISE", conflicts_with = "extractor")]
    truth: Option<f32>,
    /// Write all counts as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// What is written.
#[derive(Default, Serialize)]
struct Scores {
    homes: usize,
    accuracy: RegionAccuracy,
    things_recall: f64,
    things_precision: f64,
    furniture_recall: f64,
    furniture_precision: f64,
    /// Milliseconds that the regions of a map took, and its voxels, on average.
    regions_ms: f64,
    voxels: f64,
}

impl SightEval {
    /// Tours, counts and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = self.settings.home_config()?;
        let worlds = self.worlds()?;
        let count = progress::Count::new(worlds.len(), "looking");
        let mut scores = Scores::default();
        for world in worlds {
            let world = world?;
            self.look(world, &config, &mut scores)?;
            count.add();
        }
        count.finish();
        if scores.homes == 0 {
            bail!("there is no home to look at");
        }
        scores.regions_ms /= scores.homes as f64;
        scores.voxels /= scores.homes as f64;
        let (things, furniture) = (&scores.accuracy.things, &scores.accuracy.furniture);
        (scores.things_recall, scores.things_precision) = (things.recall(), things.precision());
        (scores.furniture_recall, scores.furniture_precision) =
            (furniture.recall(), furniture.precision());
        print(&scores)?;
        write_json(self.json.as_deref(), &scores)?;
        Ok(Outcome::Done)
    }

    fn worlds(&self) -> anyhow::Result<Vec<anyhow::Result<World>>> {
        let Some(data) = &self.data else {
            let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
            let kind = self.room.kind();
            return Ok(seeds.map(|seed| Ok(household_in(kind, seed)?)).collect());
        };
        let more: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
        let tasks = read_alfred_tasks(data, &more)?;
        let limit = self.limit.unwrap_or(tasks.len()).clamp(1, tasks.len().max(1));
        let chosen = tasks.iter().step_by((tasks.len() / limit).max(1)).take(limit);
        // A home that cannot be built has no eyes to fail in it.
        let built = (0u64..).zip(chosen).filter_map(|(at, task)| alfred_world(&task.home, at).ok());
        Ok(built.map(Ok).collect())
    }

    fn look(
        &self,
        world: World,
        config: &PlannerConfig,
        scores: &mut Scores,
    ) -> anyhow::Result<()> {
        let tour_frames = self.tour_frames as usize;
        let options = EpisodeOptions { tour_frames, ..EpisodeOptions::default() };
        let mut episode = match self.truth {
            Some(noise) => Episode::with_true_eyes(world, config, &options, noise)?,
            None => {
                let eyes = config.eyes()?;
                let device = parse_device(&config.plan.device)?;
                let extractor = open_extractor(
                    &eyes.extractor,
                    eyes.weights.as_deref(),
                    eyes.placement(&device),
                )?;
                Episode::with_extractor(world, config, &options, extractor)?
            }
        };
        let renderer = Renderer::new(options.camera)?;
        let mut seen = BTreeSet::new();
        episode.tour(&mut |moment| {
            if let Moment::Saw { world, .. } = moment {
                let ids = renderer.instances(&world.shown(), &world.robot().world_T_camera());
                let mut pixels: BTreeMap<u32, usize> = BTreeMap::new();
                ids.iter().for_each(|id| *pixels.entry(*id).or_default() += 1);
                seen.extend(pixels.iter().filter(|(_, n)| **n >= MIN_PIXELS).map(|(id, _)| *id));
            }
        })?;
        let session = episode.session();
        let names = session.names().context("nothing has a name")?;
        let start = Instant::now();
        let regions = session.map().regions(names, &config.regions)?;
        scores.regions_ms += start.elapsed().as_secs_f64() * 1e3;
        scores.voxels += session.map().len() as f64;
        scores.homes += 1;
        let accuracy = region_accuracy(episode.world(), &seen, &regions, names.names());
        scores.accuracy.add(&accuracy);
        Ok(())
    }
}

fn print(scores: &Scores) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let accuracy = &scores.accuracy;
    writeln!(
        out,
        "{:<12} {:>8} {:>7} {:>8} {:>9}",
        "", "in sight", "recall", "regions", "precision"
    )?;
    for (name, counts) in [("things", accuracy.things), ("furniture", accuracy.furniture)] {
        let FoundCounts { entities, regions, .. } = counts;
        let (recall, precision) = (counts.recall(), counts.precision());
        writeln!(out, "{name:<12} {entities:>8} {recall:>7.3} {regions:>8} {precision:>9.3}")?;
    }
    writeln!(
        out,
        "of {} things found on something, {} are known to stand on it",
        accuracy.standing, accuracy.relations
    )?;
    writeln!(
        out,
        "{} homes, {:.0} voxels each, whose regions took {:.1} ms",
        scores.homes, scores.voxels, scores.regions_ms
    )?;
    for (what, list) in [("missed", &accuracy.missed), ("wrong", &accuracy.mistaken)] {
        let mut most: Vec<_> = list.iter().collect();
        most.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let most = most.iter().take(LISTED).map(|(name, times)| format!("{times} × {name}"));
        writeln!(out, "{what}: {}", most.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}
