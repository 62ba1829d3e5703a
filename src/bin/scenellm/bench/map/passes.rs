//! A bag driven into an empty map, again and again.

use super::super::report::median;
use crate::settings::Source;
use anyhow::{Context, bail};
use scenellm::bag::EventError;
use scenellm::planner::PlannerConfig;
use scenellm::scene::SceneMap;
use scenellm::sensing::{Assembled, AssembledFrame, FrameAssembler, ImagePayload, SensorEvent};
use serde::Serialize;
use std::time::Instant;

/// Most bytes of compressed images that are kept in memory.
const MAX_BYTES: usize = 4 << 30;

/// What passes on a number of threads came to. Times are means over the frames of a pass, and the
/// pass of median speed is told.
#[derive(Debug, Clone, Serialize)]
pub struct Passes {
    pub threads: usize,
    pub passes: usize,
    pub frames: usize,
    pub frames_per_s: f64,
    pub decode_ms: f64,
    pub register_ms: f64,
    /// Removal of what has gone included.
    pub integrate_ms: f64,
    pub voxels: usize,
    pub bytes_per_voxel: f64,
}

/// The usable events of a bag, in order.
pub fn load(source: &Source) -> anyhow::Result<Vec<SensorEvent>> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    for (_, event) in source.events() {
        match event {
            Ok(event) => {
                if let SensorEvent::Color(image) | SensorEvent::Depth(image) = &event {
                    bytes += size(&image.payload);
                }
                events.push(event);
            }
            Err(EventError::Message(_)) => {}
            Err(error @ EventError::Bag(_)) => return Err(error).context("while loading the bag"),
        }
        if bytes > MAX_BYTES {
            bail!("the bag holds more than 4 GiB of images; bench a shorter one");
        }
    }
    Ok(events)
}

fn size(payload: &ImagePayload) -> usize {
    let (ImagePayload::Raw { data, .. } | ImagePayload::Compressed { data, .. }) = payload;
    data.len()
}

/// Drives `events` through a fresh assembler; every frame goes to `take`.
pub fn assemble(
    events: Vec<SensorEvent>,
    config: &PlannerConfig,
    mut take: impl FnMut(AssembledFrame) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut assembler = FrameAssembler::new(config.sensing.clone());
    let (mut frames, mut reason) = (0, None);
    let mut settle = |assembled: Vec<Assembled>| -> anyhow::Result<()> {
        for assembled in assembled {
            match assembled {
                Assembled::Frame(frame) => {
                    frames += 1;
                    take(*frame)?;
                }
                Assembled::Dropped { reason: why, .. } => reason = Some(why),
                Assembled::ClockJumpedBack { .. } => {}
            }
        }
        Ok(())
    };
    for event in events {
        settle(assembler.push(event))?;
    }
    settle(assembler.flush())?;
    match reason {
        Some(reason) if frames == 0 => Err(reason).context("no image of the bag became a frame"),
        _ if frames == 0 => bail!("the bag holds no images"),
        _ => Ok(()),
    }
}

/// A pool of `threads` threads.
pub fn pool(threads: usize) -> anyhow::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")
}

impl Passes {
    /// Runs passes on `threads` threads for at least `seconds`, after one that only warms up.
    pub fn run(
        events: &[SensorEvent],
        config: &PlannerConfig,
        threads: usize,
        seconds: f64,
    ) -> anyhow::Result<Self> {
        let pool = pool(threads)?;
        let mut passes: Vec<Self> = Vec::new();
        let mut spent_s = 0.0;
        pool.install(|| Self::once(events, config, threads))?;
        while passes.is_empty() || spent_s < seconds {
            let pass = pool.install(|| Self::once(events, config, threads))?;
            spent_s += pass.frames as f64 / pass.frames_per_s;
            passes.push(pass);
        }
        let of = |pick: fn(&Self) -> f64| median(&passes.iter().map(pick).collect::<Vec<_>>());
        let last = passes.last().context("at least one pass was made")?;
        Ok(Self {
            passes: passes.len(),
            frames_per_s: of(|pass| pass.frames_per_s),
            decode_ms: of(|pass| pass.decode_ms),
            register_ms: of(|pass| pass.register_ms),
            integrate_ms: of(|pass| pass.integrate_ms),
            ..last.clone()
        })
    }

    fn once(
        events: &[SensorEvent],
        config: &PlannerConfig,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let events = events.to_vec();
        let mut map = SceneMap::new(config.map.clone())?;
        let (mut frames, mut decode_ms, mut register_ms, mut integrate_ms) = (0, 0.0, 0.0, 0.0);
        let start = Instant::now();
        assemble(events, config, |assembled| {
            let begin = Instant::now();
            map.integrate(&assembled.frame, None)?;
            integrate_ms += begin.elapsed().as_secs_f64() * 1e3;
            decode_ms += assembled.decode_ms;
            register_ms += assembled.register_ms;
            frames += 1;
            Ok(())
        })?;
        let wall_s = start.elapsed().as_secs_f64();
        let count = frames as f64;
        Ok(Self {
            threads,
            passes: 1,
            frames,
            frames_per_s: count / wall_s,
            decode_ms: decode_ms / count,
            register_ms: register_ms / count,
            integrate_ms: integrate_ms / count,
            voxels: map.len(),
            bytes_per_voxel: map.bytes_per_voxel(),
        })
    }
}
