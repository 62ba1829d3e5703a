//! `scenellm bench vision`: how long the dense features of a picture take.

use super::peer::{self, TURNS};
use super::report::{Table, median};
use crate::settings::weight_format;
use anyhow::{Context, bail};
use candle_core::Device;
use clap::Args;
use image::RgbImage;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use scenellm::geometry::{CameraModel, Pose};
use scenellm::sensing::{DepthImage, RgbdFrame};
use scenellm::vision::{FeatureExtractor, Placement, WeightFormat, open_extractor};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Size of the picture, pixels.
const SIZE_PX: (u32, u32) = (640, 480);
/// Measured rounds of a run.
const ROUNDS: usize = 5;
const PEER_SCRIPT: &str = include_str!("../../../../benches/peers/vision_torch.py");

/// Seconds an encoder takes for the dense features of a picture of 640×480, scaling included.
///
/// Where the folder holds no weights, the peer makes RANDOM ones, which take the time of trained ones
/// and say nothing of sense. The number of threads is all cores, or RAYON_NUM_THREADS of the
/// environment; the peer gets the same.
#[derive(Args)]
pub struct VisionBench {
    /// Name of the extractor: vit, dino, dinov2, clip_patches.
    #[arg(long, default_value = "dinov2")]
    extractor: String,
    /// Folder with config.json in Hugging Face's layout, and weights or none.
    #[arg(long, default_value = "tests/fixtures/vision/public/dinov2-small")]
    weights: PathBuf,
    /// As what numbers our weights are kept: f32, f16, bf16 or q8_0.
    #[arg(long, value_name = "NAME", default_value = "f32", value_parser = weight_format)]
    weight_format: WeightFormat,
    /// Python interpreter with torch and transformers: runs them on the same weights in turns with
    /// ours.
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Seconds of one run; of a peer, as its script tells.
#[derive(Debug, Deserialize, Serialize)]
struct Run {
    program: String,
    picture_s: f64,
    threads: usize,
}

#[derive(Serialize)]
struct VisionResult {
    extractor: String,
    weights: &'static str,
    weight_format: WeightFormat,
    rows: usize,
    columns: usize,
    ours: Vec<Run>,
    peer: Vec<Run>,
    /// Median of our time over that of the peer.
    time_ratio: Option<f64>,
}

impl VisionBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let made = tempfile::tempdir()?;
        let has_weights = std::fs::read_dir(&self.weights)
            .with_context(|| format!("cannot read {}", self.weights.display()))?
            .filter_map(Result::ok)
            .any(|file| file.path().extension().is_some_and(|end| end == "safetensors"));
        let folder = match (&self.peer, has_weights) {
            (_, true) => self.weights.as_path(),
            (Some(python), false) => {
                make(python, &self.weights, made.path())?;
                made.path()
            }
            (None, false) => {
                let shown = self.weights.display();
                bail!("{shown} holds no weights; with --peer, random ones are made");
            }
        };
        let on = Placement { device: Device::Cpu, weights: self.weight_format };
        let extractor = open_extractor(&self.extractor, Some(folder), &on)?;
        let frame = frame();
        // The first picture only warms up.
        let grid = extractor.extract(&frame)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..if self.peer.is_some() { TURNS } else { 1 } {
            ours.push(ours_once(extractor.as_ref(), &frame)?);
            if let Some(python) = &self.peer {
                theirs.push(peer_once(python, folder, [grid.rows, grid.columns])?);
            }
        }
        let middle =
            |runs: &[Run]| median(&runs.iter().map(|run| run.picture_s).collect::<Vec<_>>());
        let result = VisionResult {
            extractor: self.extractor,
            weights: if has_weights { "from the folder" } else { "RANDOM" },
            weight_format: self.weight_format,
            rows: grid.rows,
            columns: grid.columns,
            time_ratio: (!theirs.is_empty()).then(|| middle(&ours) / middle(&theirs)),
            ours,
            peer: theirs,
        };
        let mut table = Table::new(format!(
            "bench vision: {}, weights {}, {}, {}×{} patches of a picture of {}×{}",
            self.weights.display(),
            result.weights,
            self.weight_format.name(),
            result.rows,
            result.columns,
            SIZE_PX.0,
            SIZE_PX.1
        ));
        for runs in [&result.ours, &result.peer] {
            let Some(first) = runs.first() else { continue };
            let name = format!("{}, {} threads", first.program, first.threads);
            table.row(name, format!("{:.3} s a picture", middle(runs)));
        }
        if let Some(ratio) = result.time_ratio {
            table.row("ours / peer", format!("{ratio:.2} (medians of {TURNS} turns)"));
        }
        table.finish(self.json.as_deref(), &result)
    }
}

/// Has the peer make weights for the configuration in `from`.
fn make(python: &Path, from: &Path, to: &Path) -> anyhow::Result<()> {
    let config = from.join("config.json");
    std::fs::copy(&config, to.join("config.json"))
        .with_context(|| format!("cannot read {}", config.display()))?;
    let script: [&OsStr; 3] = ["-c".as_ref(), PEER_SCRIPT.as_ref(), "make".as_ref()];
    let done = std::process::Command::new(python).args(script).arg(to).status();
    let done = done.with_context(|| format!("cannot run {}", python.display()))?;
    if !done.success() {
        bail!("the peer made no weights ({done}); its message is above");
    }
    Ok(())
}

/// A picture of noise.
fn frame() -> RgbdFrame {
    let (width, height) = SIZE_PX;
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    RgbdFrame {
        stamp_ns: 0,
        color: RgbImage::from_fn(width, height, |_, _| image::Rgb(rng.random())),
        depth_m: DepthImage { width, height, data_m: vec![1.0; (width * height) as usize] },
        camera: CameraModel::pinhole(width, height, 525.0, 525.0, 319.5, 239.5),
        world_T_camera: Pose::identity(),
    }
}

fn ours_once(extractor: &dyn FeatureExtractor, frame: &RgbdFrame) -> anyhow::Result<Run> {
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        extractor.extract(frame)?;
        seconds.push(begin.elapsed().as_secs_f64());
    }
    Ok(Run {
        program: format!("scenellm {}", env!("CARGO_PKG_VERSION")),
        picture_s: median(&seconds),
        threads: candle_core::utils::get_num_threads(),
    })
}

fn peer_once(python: &Path, folder: &Path, grid: [usize; 2]) -> anyhow::Result<Run> {
    let [rows, columns] = grid;
    let numbers = [rows, columns, candle_core::utils::get_num_threads()].map(|n| n.to_string());
    let arguments: Vec<&OsStr> = ["run".as_ref(), folder.as_os_str()]
        .into_iter()
        .chain(numbers.iter().map(AsRef::as_ref))
        .collect();
    peer::run(python, PEER_SCRIPT, &arguments)
}
