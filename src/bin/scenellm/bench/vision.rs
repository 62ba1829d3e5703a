//! `scenellm bench vision`: how long an encoder takes, and whether it computes what PyTorch does.

mod encoder;
mod ours;
mod theirs;
mod weights;

use super::peer::TURNS;
use super::report::{Table, median};
use crate::paths;
use crate::settings::weight_format;
use anyhow::{Context, bail};
use candle_core::Device;
use candle_core::utils::get_num_threads;
use clap::Args;
use encoder::Encoder;
use image::RgbImage;
use ours::{NAMES, Ours, POINT_PX, Step};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use scenellm::geometry::{CameraModel, Pose};
use scenellm::sensing::{DepthImage, RgbdFrame};
use scenellm::vision::{Placement, WeightFormat};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use theirs::{Job, Told};

/// Size of the picture, pixels.
const SIZE_PX: (u32, u32) = (640, 480);
/// Most measured rounds of a turn.
const ROUNDS: usize = 5;
/// Slow steps have fewer: only as many as take about so long, seconds, though one at least.
const TURN_S: f64 = 10.0;
/// What tells how many threads compute.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Seconds that an encoder takes for a picture of 640×480, scaling included, and for what may follow: a
/// text, or the masks of a point.
///
/// Random weights of a public model's shapes are made unless a folder is named; they take the time of
/// trained ones and say nothing of sense. The peer loads the same file and sees the same picture; how
/// far apart the numbers are that both give is told, too.
#[derive(Args)]
pub struct VisionBench {
    /// The encoder.
    #[arg(long, value_enum, default_value_t = Encoder::Dinov2)]
    encoder: Encoder,
    /// The public model whose shapes it has, as config/models names it; the first of its kind there
    /// unless given.
    #[arg(long, value_name = "NAME")]
    size: Option<String>,
    /// Folder with weights in place of random ones.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["size", "keep"])]
    weights: Option<PathBuf>,
    /// As what numbers our weights are kept: f32, f16, bf16 or q8_0.
    #[arg(long, value_name = "NAME", default_value = "f32", value_parser = weight_format)]
    weight_format: WeightFormat,
    /// Python interpreter with torch, transformers and pillow, for MobileSAM with mobile_sam: runs
    /// them on the same weights in turns with ours.
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Turns of ours and the peer.
    #[arg(long, value_name = "N", default_value_t = TURNS)]
    turns: usize,
    /// Threads of ours and of the peer; unless given, all cores, or RAYON_NUM_THREADS of the
    /// environment.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Keep random weights in this folder, and use them again when they are there.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Where the shapes of public models are, in a copy of the repository.
    #[arg(long, value_name = "FOLDER", default_value = "tests/fixtures/vision")]
    fixtures: PathBuf,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct VisionResult {
    encoder: &'static str,
    model: String,
    weights: &'static str,
    weight_format: WeightFormat,
    threads: usize,
    /// Rows and columns of patches.
    grid: Option<[usize; 2]>,
    /// What the peer is.
    peer: Option<String>,
    /// Why there is none though one was asked for.
    no_peer: Option<String>,
    steps: Vec<StepResult>,
}

#[derive(Serialize)]
struct StepResult {
    step: Step,
    /// Measured rounds of a turn.
    rounds: usize,
    /// The median of each turn, seconds.
    ours_s: Vec<f64>,
    peer_s: Vec<f64>,
    /// Median of our times over that of the peer's.
    time_ratio: Option<f64>,
    /// The largest difference between our numbers and the peer's, as a share of the largest number.
    difference: Option<f64>,
    /// Our numbers.
    #[serde(skip)]
    values: Vec<f32>,
}

impl VisionBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(threads) = self.threads.map(|threads| threads.to_string())
            && std::env::var(THREADS).ok().as_ref() != Some(&threads)
        {
            return again_with(&threads);
        }
        let scratch = tempfile::tempdir()?;
        let (model, folder) = self.model(scratch.path())?;
        let on = Placement { device: Device::Cpu, weights: self.weight_format };
        let mut ours = Ours::load(self.encoder, &folder, &on)?;
        let frame = frame();
        let mut steps = Vec::new();
        for step in ours.steps() {
            steps.push(StepResult::first(*step, &mut ours, &frame)?);
        }
        let picture = scratch.path().join("picture.png");
        frame.color.save(&picture)?;
        let job = Job {
            encoder: self.encoder.name(),
            weights: &folder,
            picture: &picture,
            outputs: scratch.path(),
            threads: get_num_threads(),
            rounds: steps.iter().map(|step| step.rounds).collect(),
            grid: ours.grid(),
            tokens: ours.tokens()?,
            names: NAMES,
            point_px: POINT_PX,
        };
        let (mut peer, mut no_peer) = (None, None);
        for _ in 0..self.turns.max(1) {
            for step in &mut steps {
                step.turn(&mut ours, &frame)?;
            }
            let Some(python) = &self.peer else { break };
            match job.run(python)? {
                Told::Ran { program, seconds } => {
                    peer = Some(program);
                    for (step, seconds) in steps.iter_mut().zip(seconds) {
                        step.peer_s.push(seconds);
                    }
                }
                Told::Lacks { no_peer: why } => {
                    no_peer = Some(why);
                    break;
                }
            }
        }
        for (at, step) in steps.iter_mut().enumerate() {
            step.compare(job.output(at)?.as_deref())?;
        }
        let result = VisionResult {
            encoder: self.encoder.name(),
            model,
            weights: if self.weights.is_some() { "from the folder" } else { "RANDOM" },
            weight_format: self.weight_format,
            threads: job.threads,
            grid: job.grid,
            peer,
            no_peer,
            steps,
        };
        result.table().finish(self.json.as_deref(), &result)
    }

    /// What the model is called, and the folder with its weights, which are made where none is named.
    fn model(&self, scratch: &Path) -> anyhow::Result<(String, PathBuf)> {
        if let Some(folder) = &self.weights {
            return Ok((folder.display().to_string(), folder.clone()));
        }
        let model = self.encoder.public(self.size.as_deref())?;
        let folder = self.keep.as_deref().unwrap_or(scratch).join(&model);
        weights::make(&self.fixtures, &model, self.encoder.tokenizer(), &folder)?;
        Ok((model, folder))
    }
}

impl StepResult {
    /// The first round of a step, which warms up, and tells how many rounds a turn may have.
    fn first(step: Step, ours: &mut Ours, frame: &RgbdFrame) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let values = ours.run(step, frame)?;
        let rounds = (TURN_S / begin.elapsed().as_secs_f64()) as usize;
        Ok(Self {
            step,
            rounds: rounds.clamp(1, ROUNDS),
            ours_s: Vec::new(),
            peer_s: Vec::new(),
            time_ratio: None,
            difference: None,
            values,
        })
    }

    /// Our turn.
    fn turn(&mut self, ours: &mut Ours, frame: &RgbdFrame) -> anyhow::Result<()> {
        let mut seconds = Vec::new();
        for _ in 0..self.rounds {
            let begin = Instant::now();
            ours.run(self.step, frame)?;
            seconds.push(begin.elapsed().as_secs_f64());
        }
        self.ours_s.push(median(&seconds));
        Ok(())
    }

    /// Holds times and numbers against those of the peer, as far as there are any.
    fn compare(&mut self, theirs: Option<&[f32]>) -> anyhow::Result<()> {
        let ratio = || median(&self.ours_s) / median(&self.peer_s);
        self.time_ratio = (!self.peer_s.is_empty()).then(ratio);
        if let Some(theirs) = theirs {
            let apart = theirs::apart(&self.values, theirs);
            self.difference = Some(apart.with_context(|| self.step.name())?);
        }
        Ok(())
    }
}

impl VisionResult {
    fn table(&self) -> Table {
        let Self { encoder, model, weights, threads, .. } = self;
        let grid = self.grid.map(|[rows, columns]| format!(", {rows}×{columns} patches"));
        let mut table = Table::new(format!(
            "bench vision: {encoder}, {model}, weights {weights}, {}; a picture of {}×{}{}; \
             {threads} threads",
            self.weight_format.name(),
            SIZE_PX.0,
            SIZE_PX.1,
            grid.unwrap_or_default()
        ));
        let ours = format!("scenellm {}", env!("CARGO_PKG_VERSION"));
        for step in &self.steps {
            let name = step.step.name();
            table.row(format!("{name}, {ours}"), format!("{:.3} s", median(&step.ours_s)));
            if let Some(peer) = &self.peer {
                table.row(format!("{name}, {peer}"), format!("{:.3} s", median(&step.peer_s)));
            }
            if let Some(ratio) = step.time_ratio {
                let turns = step.peer_s.len();
                table.row(
                    format!("{name}, ours / peer"),
                    format!("{ratio:.2} (medians of {turns} turns of {} rounds)", step.rounds),
                );
            }
            if let Some(difference) = step.difference {
                table.row(
                    format!("{name}, largest difference"),
                    format!("{difference:.1e} of the largest of {} numbers", step.values.len()),
                );
            }
        }
        if let Some(why) = &self.no_peer {
            table.row("no peer", why);
        }
        table
    }
}

/// Runs this very command with so many threads. They are read from the environment, which a running
/// program can not safely change for itself.
fn again_with(threads: &str) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    let done = command.args(std::env::args_os().skip(1)).env(THREADS, threads).status();
    let done = done.context("cannot run this program once more")?;
    if !done.success() {
        bail!("with {threads} threads it failed ({done}); its message is above");
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
