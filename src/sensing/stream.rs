//! One camera of the assembler: its images in pairs, and the pairs that wait for their pose.

use super::assembled::{Assembled, AssembledFrame, AssemblerStatus};
use super::calibration::{camera_model, check_size};
use super::registration::Registration;
use super::sync::{Paired, Synchronizer};
use super::{
    CameraInfoEvent, DepthImage, ImageEvent, RgbdFrame, SensingConfig, SensingError, decode_color,
    decode_depth,
};
use crate::geometry::{CameraModel, Pose, TransformBuffer, TransformError};
use std::collections::VecDeque;
use std::time::Instant;

/// What all cameras share.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub config: &'a SensingConfig,
    pub transforms: &'a TransformBuffer,
    /// Newest [`SensorEvent::Clock`](super::SensorEvent::Clock), nanoseconds.
    pub clock_ns: Option<i64>,
}

/// Colour and depth that wait for their pose.
#[derive(Debug)]
struct Waiting {
    color: ImageEvent,
    depth: ImageEvent,
    /// The clock when the pair was made, nanoseconds.
    since_ns: Option<i64>,
}

/// All that a pair needs to be decoded.
struct Ready {
    color_camera: CameraModel,
    depth_camera: CameraModel,
    world_T_camera: Pose,
    /// `None` when depth already lies on the colour pixels.
    color_T_depth: Option<Pose>,
}

/// One camera.
#[derive(Debug)]
pub(super) struct Stream {
    pub sync: Synchronizer,
    waiting: VecDeque<Waiting>,
    pub color_info: Option<CameraInfoEvent>,
    pub depth_info: Option<CameraInfoEvent>,
    registration: Option<Registration>,
    /// Why the oldest pair waits.
    waiting_for: Option<String>,
    frames: u64,
    dropped: u64,
}

impl Stream {
    /// A camera that has seen nothing.
    pub fn new(config: &SensingConfig) -> Self {
        Self {
            sync: Synchronizer::new(config.sync_slop_ns(), config.queue_length),
            waiting: VecDeque::new(),
            color_info: None,
            depth_info: None,
            registration: None,
            waiting_for: None,
            frames: 0,
            dropped: 0,
        }
    }

    /// How it is going.
    pub fn status(&self) -> AssemblerStatus {
        let (color_waiting, depth_waiting) = self.sync.queue_lengths();
        let (last_color_ns, last_depth_ns) = self.sync.newest_ns();
        AssemblerStatus {
            color_waiting,
            depth_waiting,
            pairs_waiting: self.waiting.len(),
            waiting_for: self.waiting_for.clone(),
            last_color_ns,
            last_depth_ns,
            has_color_info: self.color_info.is_some(),
            has_depth_info: self.depth_info.is_some(),
            sync: self.sync.counts(),
            frames: self.frames,
            dropped: self.dropped,
            ..AssemblerStatus::default()
        }
    }

    /// Counts what came of an image of this camera.
    pub fn count(&mut self, assembled: &Assembled) {
        match assembled {
            Assembled::Frame(_) => self.frames += 1,
            Assembled::Dropped { .. } => self.dropped += 1,
            Assembled::ClockJumpedBack { .. } => {}
        }
    }

    /// Forgets all images that wait, because the clock was set back.
    pub fn clear(&mut self, out: &mut Vec<Assembled>) {
        let pairs = self.waiting.drain(..).map(|pair| pair.color);
        for image in pairs.chain(self.sync.clear()) {
            let reason = SensingError::ClockJumped { topic: image.topic };
            out.push(Assembled::Dropped { stamp_ns: image.stamp_ns, reason });
        }
    }

    pub fn enqueue(
        &mut self,
        paired: Vec<Paired>,
        clock_ns: Option<i64>,
        out: &mut Vec<Assembled>,
    ) {
        for paired in paired {
            match paired {
                Paired::Single { image, reason } => {
                    out.push(Assembled::Dropped { stamp_ns: image.stamp_ns, reason });
                }
                Paired::Pair { color, depth } => {
                    let stamp_ns = color.stamp_ns;
                    let at = self.waiting.partition_point(|w| w.color.stamp_ns <= stamp_ns);
                    self.waiting.insert(at, Waiting { color, depth, since_ns: clock_ns });
                }
            }
        }
    }

    /// Settles pairs from the oldest on, up to the first that must wait.
    pub fn advance(&mut self, known: Known<'_>, at_end: bool, out: &mut Vec<Assembled>) {
        self.waiting_for = None;
        while let Some(pair) = self.waiting.front() {
            let settled = match self.prepare(pair, known) {
                Ok(ready) => Ok(ready),
                Err(reason) if at_end || self.is_hopeless(pair, &reason, known) => Err(reason),
                Err(reason) if self.waiting.len() > known.config.queue_length => {
                    let topic = pair.color.topic.clone();
                    let length = known.config.queue_length;
                    Err(SensingError::QueueFull { topic, length, what: reason.to_string() })
                }
                Err(reason) => {
                    self.waiting_for = Some(reason.to_string());
                    return;
                }
            };
            let Some(pair) = self.waiting.pop_front() else { return };
            let stamp_ns = pair.color.stamp_ns;
            out.push(match settled.and_then(|ready| self.assemble(pair, &ready, known.config)) {
                Ok(frame) => Assembled::Frame(Box::new(frame)),
                Err(reason) => Assembled::Dropped { stamp_ns, reason },
            });
        }
    }

    /// Whether waiting any longer is of no use.
    fn is_hopeless(&self, pair: &Waiting, reason: &SensingError, known: Known<'_>) -> bool {
        let may_come = match reason {
            SensingError::NoCalibration { .. } => true,
            SensingError::NoPose { source, .. } => matches!(
                source,
                TransformError::UnknownFrame { .. }
                    | TransformError::NotConnected { .. }
                    | TransformError::ExtrapolationFuture(_)
            ),
            _ => false,
        };
        // Time goes on by the clock, and by the stamps of the images when a bag is read fast.
        let newest_ns = self.sync.newest_ns().0.unwrap_or(pair.color.stamp_ns);
        let by_images_ns = newest_ns.saturating_sub(pair.color.stamp_ns);
        let by_clock_ns = match (known.clock_ns, pair.since_ns) {
            (Some(now_ns), Some(since_ns)) => now_ns.saturating_sub(since_ns),
            _ => 0,
        };
        !may_come || by_images_ns.max(by_clock_ns) > known.config.tf_wait_ns()
    }

    /// Finds cameras and poses of a pair.
    fn prepare(&self, pair: &Waiting, known: Known<'_>) -> Result<Ready, SensingError> {
        let Waiting { color, depth, .. } = pair;
        let same_frame = bare(&color.frame_id) == bare(&depth.frame_id);
        // One info serves both cameras where both stand in the same frame.
        let other = |info| if same_frame { info } else { None };
        let color_info = self.color_info.as_ref().or(other(self.depth_info.as_ref()));
        let depth_info = self.depth_info.as_ref().or(other(self.color_info.as_ref()));
        let color_camera = camera(color_info, color, known.config)?;
        let depth_camera = camera(depth_info, depth, known.config)?;
        let lookup = |target: &str, source: &str| {
            known
                .transforms
                .lookup(target, source, color.stamp_ns)
                .map_err(|source| SensingError::NoPose { topic: color.topic.clone(), source })
        };
        let world_T_camera = lookup(&known.config.world_frame, &color.frame_id)?;
        let color_T_depth = if !same_frame {
            Some(lookup(&color.frame_id, &depth.frame_id)?)
        } else if color_camera != depth_camera {
            Some(Pose::identity())
        } else {
            None
        };
        Ok(Ready { color_camera, depth_camera, world_T_camera, color_T_depth })
    }

    fn assemble(
        &mut self,
        pair: Waiting,
        ready: &Ready,
        config: &SensingConfig,
    ) -> Result<AssembledFrame, SensingError> {
        let start = Instant::now();
        let (color, depth) =
            rayon::join(|| decode_color(&pair.color), || decode_depth(&pair.depth));
        let (color, mut depth_m) = (color?, depth?);
        let decode_ms = start.elapsed().as_secs_f64() * 1e3;
        let info_topic = |own: &Option<CameraInfoEvent>, other: &Option<CameraInfoEvent>| {
            own.as_ref().or(other.as_ref()).map_or_else(String::new, |info| info.topic.clone())
        };
        check_size(
            &ready.color_camera,
            &info_topic(&self.color_info, &self.depth_info),
            color.dimensions(),
            &pair.color.topic,
        )?;
        check_size(
            &ready.depth_camera,
            &info_topic(&self.depth_info, &self.color_info),
            (depth_m.width, depth_m.height),
            &pair.depth.topic,
        )?;
        let start = Instant::now();
        if let Some(color_T_depth) = &ready.color_T_depth {
            depth_m = self.registration(ready).register(&depth_m, color_T_depth);
        }
        let register_ms = match ready.color_T_depth {
            Some(_) => start.elapsed().as_secs_f64() * 1e3,
            None => 0.0,
        };
        limit(&mut depth_m, config);
        Ok(AssembledFrame {
            frame: RgbdFrame {
                stamp_ns: pair.color.stamp_ns,
                color,
                depth_m,
                camera: ready.color_camera,
                world_T_camera: ready.world_T_camera,
            },
            camera: pair.color.camera,
            color_frame_id: bare(&pair.color.frame_id).to_owned(),
            decode_ms,
            register_ms,
        })
    }

    /// The registration of these cameras; made anew only when a calibration changes.
    fn registration(&mut self, ready: &Ready) -> &Registration {
        let cameras = (&ready.depth_camera, &ready.color_camera);
        let kept = self.registration.take().filter(|kept| kept.cameras() == cameras);
        let make = || Registration::new(ready.depth_camera, ready.color_camera);
        self.registration.insert(kept.unwrap_or_else(make))
    }
}

/// Depths outside the believed range become "no reading".
fn limit(depth: &mut DepthImage, config: &SensingConfig) {
    let believed = config.min_depth_m..=config.max_depth_m;
    depth.data_m.iter_mut().filter(|m| !believed.contains(m)).for_each(|m| *m = 0.0);
}

fn camera(
    info: Option<&CameraInfoEvent>,
    image: &ImageEvent,
    config: &SensingConfig,
) -> Result<CameraModel, SensingError> {
    let info = info.ok_or_else(|| SensingError::NoCalibration {
        topic: image.topic.clone(),
        frame_id: image.frame_id.clone(),
    })?;
    camera_model(info, &image.topic, config.images_rectified)
}

/// The frame name without the leading slash of ROS 1.
fn bare(frame_id: &str) -> &str {
    frame_id.trim_start_matches('/')
}
