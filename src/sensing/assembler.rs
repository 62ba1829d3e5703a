//! The assembler: events in, posed RGB-D frames out.
//!
//! ```text
//! Color ─┐
//!        ├ Synchronizer ─ pairs waiting for transforms ─ decode ─ register ─ RgbdFrame
//! Depth ─┘                     │
//! Transforms ─ TransformBuffer ┘
//! ```
//!
//! A pair waits until the pose of the colour camera at the stamp of the colour image is known, and
//! only then is decoded. It waits for `tf_wait_s` at most and in a bounded queue; one whose pose
//! cannot come any more is dropped at once. Every image that becomes no frame is reported.

use super::assembled::{Assembled, AssembledFrame, AssemblerStatus};
use super::calibration::{camera_model, check_size};
use super::registration::Registration;
use super::sync::{Paired, Synchronizer};
use super::{
    CameraInfoEvent, DepthImage, ImageEvent, RgbdFrame, SensingConfig, SensingError, SensorEvent,
    StampedTransform, decode_color, decode_depth,
};
use crate::geometry::{CameraModel, Pose, TransformBuffer, TransformError};
use std::collections::VecDeque;
use std::time::Instant;

/// A stamp this far behind the newest of its stream means that the clock was set back, as when a
/// bag starts over; less is disorder of the network. Nanoseconds.
const JUMP_NS: i64 = 1_000_000_000;

/// Colour and depth that wait for their pose.
#[derive(Debug)]
struct Waiting {
    color: ImageEvent,
    depth: ImageEvent,
    /// [`SensorEvent::Clock`] when the pair was made, nanoseconds.
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

/// Makes frames of events.
#[derive(Debug)]
pub struct FrameAssembler {
    config: SensingConfig,
    transforms: TransformBuffer,
    sync: Synchronizer,
    waiting: VecDeque<Waiting>,
    color_info: Option<CameraInfoEvent>,
    depth_info: Option<CameraInfoEvent>,
    registration: Option<Registration>,
    clock_ns: Option<i64>,
    status: AssemblerStatus,
}

impl FrameAssembler {
    /// An assembler that has seen nothing. Check `config` first ([`SensingConfig::check`]).
    pub fn new(config: SensingConfig) -> Self {
        Self {
            transforms: TransformBuffer::new(config.tf_cache_ns()),
            sync: Synchronizer::new(config.sync_slop_ns(), config.queue_length),
            waiting: VecDeque::new(),
            color_info: None,
            depth_info: None,
            registration: None,
            clock_ns: None,
            status: AssemblerStatus::default(),
            config,
        }
    }

    /// Takes in one event and gives out what it settles, in the order of stamps. Events that are
    /// none of sensing's business are ignored.
    pub fn push(&mut self, event: SensorEvent) -> Vec<Assembled> {
        let mut out = Vec::new();
        match event {
            SensorEvent::Color(image) => {
                self.notice_jump(self.sync.newest_ns().0, image.stamp_ns, &mut out);
                let paired = self.sync.push_color(image);
                self.enqueue(paired, &mut out);
            }
            SensorEvent::Depth(image) => {
                self.notice_jump(self.sync.newest_ns().1, image.stamp_ns, &mut out);
                let paired = self.sync.push_depth(image);
                self.enqueue(paired, &mut out);
            }
            SensorEvent::ColorInfo(info) => self.color_info = Some(info),
            SensorEvent::DepthInfo(info) => self.depth_info = Some(info),
            SensorEvent::Transforms(transforms) => {
                for transform in &transforms {
                    self.notice_transform_jump(transform, &mut out);
                    self.set_transform(transform, false);
                }
            }
            SensorEvent::StaticTransforms(transforms) => {
                transforms.iter().for_each(|transform| self.set_transform(transform, true));
            }
            SensorEvent::Clock { stamp_ns } => {
                self.notice_jump(self.clock_ns, stamp_ns, &mut out);
                self.clock_ns = Some(stamp_ns);
            }
            SensorEvent::Detections(_)
            | SensorEvent::Utterance(_)
            | SensorEvent::Goal(_)
            | SensorEvent::StepFeedback(_) => return out,
        }
        self.advance(false, &mut out);
        self.count(out)
    }

    /// Nothing more comes: settles everything that waits. A pair whose pose is not known is
    /// dropped, not guessed.
    pub fn flush(&mut self) -> Vec<Assembled> {
        let mut out = Vec::new();
        let paired = self.sync.flush();
        self.enqueue(paired, &mut out);
        self.advance(true, &mut out);
        self.count(out)
    }

    /// The transforms, for everyone who needs a pose.
    pub fn transforms(&self) -> &TransformBuffer {
        &self.transforms
    }

    /// How it is going.
    pub fn status(&self) -> AssemblerStatus {
        let (color_waiting, depth_waiting) = self.sync.queue_lengths();
        let (last_color_ns, last_depth_ns) = self.sync.newest_ns();
        AssemblerStatus {
            color_waiting,
            depth_waiting,
            pairs_waiting: self.waiting.len(),
            last_color_ns,
            last_depth_ns,
            has_color_info: self.color_info.is_some(),
            has_depth_info: self.depth_info.is_some(),
            sync: self.sync.counts(),
            ..self.status.clone()
        }
    }

    fn count(&mut self, out: Vec<Assembled>) -> Vec<Assembled> {
        for assembled in &out {
            match assembled {
                Assembled::Frame(_) => self.status.frames += 1,
                Assembled::Dropped { .. } => self.status.dropped += 1,
                Assembled::ClockJumpedBack { .. } => {}
            }
        }
        out
    }

    fn set_transform(&mut self, transform: &StampedTransform, is_static: bool) {
        match self.transforms.set(transform, is_static) {
            Ok(()) if is_static => {}
            Ok(()) => {
                let newest_ns = &mut self.status.last_transform_ns;
                *newest_ns = (*newest_ns).max(Some(transform.stamp_ns));
            }
            Err(error) => {
                self.status.refused_transforms += 1;
                self.status.last_refused_transform = Some(error.to_string());
            }
        }
    }

    /// A transform is behind its edge when two publishers disagree, and behind the images when its
    /// publisher is slow; when it is behind both, the clock was set back.
    fn notice_transform_jump(&mut self, transform: &StampedTransform, out: &mut Vec<Assembled>) {
        let edge_ns = self.transforms.newest_stamp_ns(&transform.child);
        if let (Some(edge_ns), Some(color_ns)) = (edge_ns, self.sync.newest_ns().0) {
            self.notice_jump(Some(edge_ns.min(color_ns)), transform.stamp_ns, out);
        }
    }

    fn notice_jump(&mut self, from_ns: Option<i64>, to_ns: i64, out: &mut Vec<Assembled>) {
        let Some(from_ns) = from_ns.filter(|ns| to_ns < ns.saturating_sub(JUMP_NS)) else {
            return;
        };
        let pairs = self.waiting.drain(..).map(|pair| pair.color);
        for image in pairs.chain(self.sync.clear()) {
            let reason = SensingError::ClockJumped { topic: image.topic };
            out.push(Assembled::Dropped { stamp_ns: image.stamp_ns, reason });
        }
        self.transforms.clear_dynamic();
        self.clock_ns = None;
        self.status.last_transform_ns = None;
        out.push(Assembled::ClockJumpedBack { from_ns, to_ns });
    }

    fn enqueue(&mut self, paired: Vec<Paired>, out: &mut Vec<Assembled>) {
        for paired in paired {
            match paired {
                Paired::Single { image, reason } => {
                    out.push(Assembled::Dropped { stamp_ns: image.stamp_ns, reason });
                }
                Paired::Pair { color, depth } => {
                    let stamp_ns = color.stamp_ns;
                    let at = self.waiting.partition_point(|w| w.color.stamp_ns <= stamp_ns);
                    self.waiting.insert(at, Waiting { color, depth, since_ns: self.clock_ns });
                }
            }
        }
    }

    /// Settles pairs from the oldest on, up to the first that must wait.
    fn advance(&mut self, at_end: bool, out: &mut Vec<Assembled>) {
        self.status.waiting_for = None;
        while let Some(pair) = self.waiting.front() {
            let settled = match self.prepare(pair) {
                Ok(ready) => Ok(ready),
                Err(reason) if at_end || self.is_hopeless(pair, &reason) => Err(reason),
                Err(reason) if self.waiting.len() > self.config.queue_length => {
                    let topic = pair.color.topic.clone();
                    let length = self.config.queue_length;
                    Err(SensingError::QueueFull { topic, length, what: reason.to_string() })
                }
                Err(reason) => {
                    self.status.waiting_for = Some(reason.to_string());
                    return;
                }
            };
            let Some(pair) = self.waiting.pop_front() else { return };
            let stamp_ns = pair.color.stamp_ns;
            out.push(match settled.and_then(|ready| self.assemble(pair, &ready)) {
                Ok(frame) => Assembled::Frame(Box::new(frame)),
                Err(reason) => Assembled::Dropped { stamp_ns, reason },
            });
        }
    }

    /// Whether waiting any longer is of no use.
    fn is_hopeless(&self, pair: &Waiting, reason: &SensingError) -> bool {
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
        let by_clock_ns = match (self.clock_ns, pair.since_ns) {
            (Some(now_ns), Some(since_ns)) => now_ns.saturating_sub(since_ns),
            _ => 0,
        };
        !may_come || by_images_ns.max(by_clock_ns) > self.config.tf_wait_ns()
    }

    /// Finds cameras and poses of a pair.
    fn prepare(&self, pair: &Waiting) -> Result<Ready, SensingError> {
        let Waiting { color, depth, .. } = pair;
        let same_frame = bare(&color.frame_id) == bare(&depth.frame_id);
        // One info serves both cameras where both stand in the same frame.
        let other = |info| if same_frame { info } else { None };
        let color_info = self.color_info.as_ref().or(other(self.depth_info.as_ref()));
        let depth_info = self.depth_info.as_ref().or(other(self.color_info.as_ref()));
        let color_camera = self.camera(color_info, color)?;
        let depth_camera = self.camera(depth_info, depth)?;
        let lookup = |target: &str, source: &str| {
            self.transforms
                .lookup(target, source, color.stamp_ns)
                .map_err(|source| SensingError::NoPose { topic: color.topic.clone(), source })
        };
        let world_T_camera = lookup(&self.config.world_frame, &color.frame_id)?;
        let color_T_depth = if !same_frame {
            Some(lookup(&color.frame_id, &depth.frame_id)?)
        } else if color_camera != depth_camera {
            Some(Pose::identity())
        } else {
            None
        };
        Ok(Ready { color_camera, depth_camera, world_T_camera, color_T_depth })
    }

    fn camera(
        &self,
        info: Option<&CameraInfoEvent>,
        image: &ImageEvent,
    ) -> Result<CameraModel, SensingError> {
        let info = info.ok_or_else(|| SensingError::NoCalibration {
            topic: image.topic.clone(),
            frame_id: image.frame_id.clone(),
        })?;
        camera_model(info, &image.topic, self.config.images_rectified)
    }

    fn assemble(&mut self, pair: Waiting, ready: &Ready) -> Result<AssembledFrame, SensingError> {
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
        self.limit(&mut depth_m);
        Ok(AssembledFrame {
            frame: RgbdFrame {
                stamp_ns: pair.color.stamp_ns,
                color,
                depth_m,
                camera: ready.color_camera,
                world_T_camera: ready.world_T_camera,
            },
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

    /// Depths outside the believed range become "no reading".
    fn limit(&self, depth: &mut DepthImage) {
        let believed = self.config.min_depth_m..=self.config.max_depth_m;
        depth.data_m.iter_mut().filter(|m| !believed.contains(m)).for_each(|m| *m = 0.0);
    }
}

/// The frame name without the leading slash of ROS 1.
fn bare(frame_id: &str) -> &str {
    frame_id.trim_start_matches('/')
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
