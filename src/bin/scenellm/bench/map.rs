//! `scenellm bench map`: from compressed images to the map.

mod flatness;
mod passes;
mod recording;

use super::peer::{self, TURNS};
use super::report::{Table, cores, median};
use crate::paths;
use crate::settings::Source;
use anyhow::bail;
use clap::Args;
use flatness::Flatness;
use passes::{Passes, load};
use scenellm::planner::PlannerConfig;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The bag that comes with the repository.
const DEFAULT_BAG: &str = "bags/kitchen_sim";
const PEER_SCRIPT: &str = include_str!("../../../../benches/peers/open3d_map.py");

/// Frames a second from a bag into the map: decode, register, integrate, without features.
///
/// The bag is in memory before the clock starts, and is repeated into an empty map until the time
/// is up. Flatness is the time a frame takes in a map ten times as large over the time it takes in
/// the map of the bag alone: 1 means that a frame costs the same however large the map is.
#[derive(Args)]
pub struct MapBench {
    /// rosbag2 folder or file; bags/kitchen_sim unless given, or a drive simulated for the bench
    /// where that is not there.
    #[arg(long)]
    bag: Option<PathBuf>,
    /// Python interpreter with open3d, rosbags and opencv-python-headless: runs Open3D's
    /// VoxelBlockGrid over the same bag, pinned to one core, in turns with ours on one thread.
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Threads of the run on many; all cores unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Least time of a run, seconds.
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Edge length of a voxel, metres.
    #[arg(long, value_name = "METRES", default_value_t = 0.05)]
    voxel_size: f64,
    /// Fixed frame of the map.
    #[arg(long, value_name = "FRAME", default_value = "map")]
    world_frame: String,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

/// What Open3D did; read from its script.
#[derive(Deserialize, Serialize)]
struct PeerRun {
    program: String,
    frames_per_s: f64,
    decode_ms: f64,
    integrate_ms: f64,
    threads: usize,
}

/// Ours and the peer in turns, frames a second.
#[derive(Serialize)]
struct Comparison {
    program: String,
    threads: usize,
    ours_per_s: Vec<f64>,
    peer: Vec<PeerRun>,
    /// Median of ours over median of the peer.
    ratio: f64,
}

#[derive(Serialize)]
struct MapResult {
    bag: String,
    width: u32,
    height: u32,
    voxel_size_m: f64,
    runs: Vec<Passes>,
    flatness: Flatness,
    comparison: Option<Comparison>,
}

impl MapBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let mut config = PlannerConfig::default();
        config.sensing.world_frame.clone_from(&self.world_frame);
        config.map.frame_id.clone_from(&self.world_frame);
        config.map.voxel_size_m = self.voxel_size;
        config.map.feature_width = 0;
        config.map.validate()?;
        // Lives until the end: the peer reads the recording too.
        let folder = tempfile::tempdir()?;
        let bag = match &self.bag {
            Some(bag) => bag.clone(),
            None if Path::new(DEFAULT_BAG).exists() => DEFAULT_BAG.into(),
            None => recording::record(folder.path())?,
        };
        let source = Source::open(&bag, &config)?;
        let events = load(&source)?;
        let one = Passes::run(&events, &config, 1, self.seconds)?;
        let threads = self.threads.map_or_else(cores, usize::from);
        let mut runs = vec![one];
        if threads > 1 {
            runs.push(Passes::run(&events, &config, threads, self.seconds)?);
        }
        let flatness = Flatness::measure(&events, &config)?;
        let comparison = match &self.peer {
            Some(python) => {
                let mut ours_per_s = Vec::new();
                let mut peers = Vec::new();
                for _ in 0..TURNS {
                    let ours = Passes::run(&events, &config, 1, self.seconds)?;
                    ours_per_s.push(ours.frames_per_s);
                    peers.push(self.peer_run(python, &bag, &source)?);
                }
                Some(compare(ours_per_s, peers)?)
            }
            None => None,
        };
        let (width, height) = flatness.image;
        let result = MapResult {
            bag: bag.display().to_string(),
            width,
            height,
            voxel_size_m: self.voxel_size,
            runs,
            flatness,
            comparison,
        };
        result.table().finish(self.json.as_deref(), &result)
    }

    fn peer_run(&self, python: &Path, bag: &Path, source: &Source) -> anyhow::Result<PeerRun> {
        let (seconds, voxel) = (self.seconds.to_string(), self.voxel_size.to_string());
        let selection = source.selection();
        let arguments = [
            bag.as_os_str(),
            selection.color.name.as_ref(),
            selection.depth.name.as_ref(),
            selection.depth_info.name.as_ref(),
            self.world_frame.as_ref(),
            voxel.as_ref(),
            seconds.as_ref(),
        ];
        peer::run(python, PEER_SCRIPT, &arguments)
    }
}

fn compare(ours_per_s: Vec<f64>, peer: Vec<PeerRun>) -> anyhow::Result<Comparison> {
    let theirs: Vec<f64> = peer.iter().map(|run| run.frames_per_s).collect();
    let Some(first) = peer.first().filter(|_| median(&theirs) > 0.0) else {
        bail!("the peer made no frame of the bag");
    };
    Ok(Comparison {
        program: first.program.clone(),
        threads: first.threads,
        ratio: median(&ours_per_s) / median(&theirs),
        ours_per_s,
        peer,
    })
}

impl MapResult {
    fn table(&self) -> Table {
        let mut table = Table::new(format!(
            "bench map: {}, {}×{}, voxels of {} m, no features",
            self.bag, self.width, self.height, self.voxel_size_m
        ));
        for run in &self.runs {
            let name = match run.threads {
                1 => "1 thread".to_string(),
                threads => format!("{threads} threads"),
            };
            table.row(
                name,
                format!(
                    "{:.1} frames/s: decode {:.2} ms, register {:.2} ms, integrate {:.2} ms \
                     ({} frames, {} passes)",
                    run.frames_per_s,
                    run.decode_ms,
                    run.register_ms,
                    run.integrate_ms,
                    run.frames,
                    run.passes
                ),
            );
        }
        if let Some(run) = self.runs.first() {
            table.row(
                "map",
                format!("{} voxels, {:.1} bytes a voxel", run.voxels, run.bytes_per_voxel),
            );
        }
        let flat = &self.flatness;
        table.row(
            "flatness, 1 thread",
            format!(
                "{:.2}: {:.2} ms a frame in {} voxels, {:.2} ms in {}",
                flat.ratio, flat.small_ms, flat.small_voxels, flat.large_ms, flat.large_voxels
            ),
        );
        if let Some(comparison) = &self.comparison {
            let median_of = |pick: fn(&PeerRun) -> f64| {
                median(&comparison.peer.iter().map(pick).collect::<Vec<_>>())
            };
            table.row(
                format!("{}, {} thread", comparison.program, comparison.threads),
                format!(
                    "{:.1} frames/s: decode {:.2} ms, integrate {:.2} ms",
                    median_of(|run| run.frames_per_s),
                    median_of(|run| run.decode_ms),
                    median_of(|run| run.integrate_ms)
                ),
            );
            table.row(
                "ours / peer, 1 thread",
                format!(
                    "{:.2} (ours {:.1} frames/s; medians of {TURNS} turns)",
                    comparison.ratio,
                    median(&comparison.ours_per_s)
                ),
            );
        }
        table
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0 to 600".into()),
    }
}
