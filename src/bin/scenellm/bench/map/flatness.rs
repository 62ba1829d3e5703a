//! Whether a frame costs the same in a large map as in a small one.

use super::super::report::median;
use super::passes::{assemble, pool};
use nalgebra::Vector3;
use scenellm::planner::PlannerConfig;
use scenellm::scene::SceneMap;
use scenellm::sensing::{RgbdFrame, SensorEvent};
use serde::Serialize;
use std::time::Instant;

/// Frames of the bag that are used, spread evenly over it.
const FRAMES: usize = 40;
/// How much larger the large map is.
const GROWTH: usize = 10;
/// Copies of the bag's world at most; more are needed only when copies remove each other.
const MAX_COPIES: usize = 40;
/// How often each map is driven through.
const ROUNDS: usize = 5;

/// Time of a frame in the map of the bag, and in one of ten such worlds, on one thread.
#[derive(Debug, Serialize)]
pub struct Flatness {
    pub small_voxels: usize,
    pub large_voxels: usize,
    /// Median time to integrate a frame into the small map, milliseconds.
    pub small_ms: f64,
    /// The same frames into the large map.
    pub large_ms: f64,
    /// `large_ms / small_ms`.
    pub ratio: f64,
    /// Width and height of the images, pixels.
    #[serde(skip)]
    pub image: (u32, u32),
}

impl Flatness {
    /// Builds both maps and drives the bag's frames through each in turns.
    pub fn measure(events: &[SensorEvent], config: &PlannerConfig) -> anyhow::Result<Self> {
        let frames = sample(events, config)?;
        let mut settings = config.map.clone();
        // Growth is what is measured; the byte cap would undo it.
        settings.max_bytes = usize::MAX;
        let mut small = SceneMap::new(settings)?;
        for frame in &frames {
            small.integrate(frame, None)?;
        }
        let mut large = small.clone();
        let apart_m = match small.bounds_m() {
            // Copies stand so far apart that no camera of one sees into the next.
            Some((low, high)) => {
                f64::from(high[0] - low[0]) + 2.0 * f64::from(config.map.max_depth_m)
            }
            None => anyhow::bail!("the frames of the bag left the map empty"),
        };
        for copy in 1..MAX_COPIES {
            if large.len() >= GROWTH * small.len() {
                break;
            }
            for frame in &frames {
                let mut moved = frame.clone();
                moved.world_T_camera.translation.vector += Vector3::x() * apart_m * copy as f64;
                large.integrate(&moved, None)?;
            }
        }
        let pool = pool(1)?;
        let (mut small_ms, mut large_ms) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            small_ms.extend(pool.install(|| times_ms(&mut small, &frames))?);
            large_ms.extend(pool.install(|| times_ms(&mut large, &frames))?);
        }
        let (small_ms, large_ms) = (median(&small_ms), median(&large_ms));
        Ok(Self {
            small_voxels: small.len(),
            large_voxels: large.len(),
            small_ms,
            large_ms,
            ratio: large_ms / small_ms,
            image: frames.first().map_or((0, 0), |frame| (frame.camera.width, frame.camera.height)),
        })
    }
}

/// Frames of the bag, evenly spread.
fn sample(events: &[SensorEvent], config: &PlannerConfig) -> anyhow::Result<Vec<RgbdFrame>> {
    let images = events.iter().filter(|event| matches!(event, SensorEvent::Color(_))).count();
    let (every, mut seen, mut frames) = (images.div_ceil(FRAMES).max(1), 0, Vec::new());
    assemble(events.to_vec(), config, |assembled| {
        if seen % every == 0 {
            frames.push(assembled.frame);
        }
        seen += 1;
        Ok(())
    })?;
    Ok(frames)
}

fn times_ms(map: &mut SceneMap, frames: &[RgbdFrame]) -> anyhow::Result<Vec<f64>> {
    let time_ms = |frame| {
        let begin = Instant::now();
        map.integrate(frame, None)?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    };
    frames.iter().map(time_ms).collect()
}
