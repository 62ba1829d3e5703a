//! The assembler: events in, posed RGB-D frames out.
//!
//! ```text
//! Color ─┐
//!        ├ Synchronizer ─ pairs waiting for transforms ─ decode ─ register ─ RgbdFrame
//! Depth ─┘                     │
//! Transforms ─ TransformBuffer ┘
//! ```
//!
//! Each camera has its own queues ([`Stream`]); transforms and the clock are shared. A pair waits
//! until the pose of the colour camera at the stamp of the colour image is known, and
//! only then is decoded. It waits for `tf_wait_s` at most and in a bounded queue; one whose pose
//! cannot come any more is dropped at once. Every image that becomes no frame is reported.

use super::assembled::{Assembled, AssemblerStatus};
use super::stream::{Known, Stream};
use super::{ImageEvent, SensingConfig, SensorEvent, StampedTransform};
use crate::geometry::TransformBuffer;

/// A stamp this far behind the newest of its stream means that the clock was set back, as when a
/// bag starts over; less is disorder of the network. Nanoseconds.
const JUMP_NS: i64 = 1_000_000_000;

/// Makes frames of events.
#[derive(Debug)]
pub struct FrameAssembler {
    config: SensingConfig,
    transforms: TransformBuffer,
    cameras: Vec<Stream>,
    clock_ns: Option<i64>,
    /// What is not of one camera.
    status: AssemblerStatus,
}

impl FrameAssembler {
    /// An assembler of one camera that has seen nothing. Check `config` first
    /// ([`SensingConfig::check`]).
    pub fn new(config: SensingConfig) -> Self {
        Self::of_cameras(config, 1)
    }

    /// An assembler of several cameras.
    pub fn of_cameras(config: SensingConfig, cameras: usize) -> Self {
        Self {
            transforms: TransformBuffer::new(config.tf_cache_ns()),
            cameras: (0..cameras).map(|_| Stream::new(&config)).collect(),
            clock_ns: None,
            status: AssemblerStatus::default(),
            config,
        }
    }

    /// Takes in one event and gives out what it settles, of each camera in the order of stamps.
    /// Events that are none of sensing's business, or of a camera that is not known, are ignored.
    pub fn push(&mut self, event: SensorEvent) -> Vec<Assembled> {
        let mut out = Vec::new();
        match event {
            SensorEvent::Color(image) => self.take_image(image, true, &mut out),
            SensorEvent::Depth(image) => self.take_image(image, false, &mut out),
            SensorEvent::ColorInfo(info) => {
                let Some(camera) = self.cameras.get_mut(info.camera) else { return out };
                camera.color_info = Some(info);
            }
            SensorEvent::DepthInfo(info) => {
                let Some(camera) = self.cameras.get_mut(info.camera) else { return out };
                camera.depth_info = Some(info);
            }
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
        out
    }

    /// Nothing more comes: settles everything that waits. A pair whose pose is not known is
    /// dropped, not guessed.
    pub fn flush(&mut self) -> Vec<Assembled> {
        let mut out = Vec::new();
        for index in 0..self.cameras.len() {
            let mut settled = Vec::new();
            let camera = &mut self.cameras[index];
            let paired = camera.sync.flush();
            camera.enqueue(paired, self.clock_ns, &mut settled);
            self.count(index, settled, &mut out);
        }
        self.advance(true, &mut out);
        out
    }

    /// The transforms, for everyone who needs a pose.
    pub fn transforms(&self) -> &TransformBuffer {
        &self.transforms
    }

    /// How it is going with the first camera.
    pub fn status(&self) -> AssemblerStatus {
        self.statuses().into_iter().next().unwrap_or_default()
    }

    /// How it is going with each camera.
    pub fn statuses(&self) -> Vec<AssemblerStatus> {
        let shared = |camera: &Stream| AssemblerStatus {
            last_transform_ns: self.status.last_transform_ns,
            refused_transforms: self.status.refused_transforms,
            last_refused_transform: self.status.last_refused_transform.clone(),
            ..camera.status()
        };
        self.cameras.iter().map(shared).collect()
    }

    fn take_image(&mut self, image: ImageEvent, is_color: bool, out: &mut Vec<Assembled>) {
        let index = image.camera;
        let Some(camera) = self.cameras.get(index) else { return };
        let (color_ns, depth_ns) = camera.sync.newest_ns();
        self.notice_jump(if is_color { color_ns } else { depth_ns }, image.stamp_ns, out);
        let camera = &mut self.cameras[index];
        let paired = match is_color {
            true => camera.sync.push_color(image),
            false => camera.sync.push_depth(image),
        };
        let mut settled = Vec::new();
        camera.enqueue(paired, self.clock_ns, &mut settled);
        self.count(index, settled, out);
    }

    /// Settles what can be settled of every camera.
    fn advance(&mut self, at_end: bool, out: &mut Vec<Assembled>) {
        for index in 0..self.cameras.len() {
            let mut settled = Vec::new();
            let Self { config, transforms, clock_ns, cameras, .. } = self;
            let known = Known { config, transforms, clock_ns: *clock_ns };
            cameras[index].advance(known, at_end, &mut settled);
            self.count(index, settled, out);
        }
    }

    fn count(&mut self, camera: usize, settled: Vec<Assembled>, out: &mut Vec<Assembled>) {
        for assembled in settled {
            self.cameras[camera].count(&assembled);
            out.push(assembled);
        }
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
    /// publisher is slow; when it is behind both, the clock was set back. When its edge is ahead of
    /// images and clock, too, the edge holds what was sent before the clock was set back and came
    /// after: that would refuse, or bend, all that comes until that time is reached again.
    fn notice_transform_jump(&mut self, transform: &StampedTransform, out: &mut Vec<Assembled>) {
        let Some(edge_ns) = self.transforms.newest_stamp_ns(&transform.child) else { return };
        let color_ns = self.cameras.iter().filter_map(|camera| camera.sync.newest_ns().0).max();
        if let Some(color_ns) = color_ns {
            self.notice_jump(Some(edge_ns.min(color_ns)), transform.stamp_ns, out);
        }
        let Some(now_ns) = color_ns.max(self.clock_ns) else { return };
        let latest_ns = now_ns.max(transform.stamp_ns).saturating_add(JUMP_NS);
        if edge_ns > latest_ns {
            self.transforms.forget_after(&transform.child, latest_ns);
            self.status.last_transform_ns = None;
        }
    }

    fn notice_jump(&mut self, from_ns: Option<i64>, to_ns: i64, out: &mut Vec<Assembled>) {
        let Some(from_ns) = from_ns.filter(|ns| to_ns < ns.saturating_sub(JUMP_NS)) else {
            return;
        };
        for index in 0..self.cameras.len() {
            let mut settled = Vec::new();
            self.cameras[index].clear(&mut settled);
            self.count(index, settled, out);
        }
        self.transforms.clear_dynamic();
        self.clock_ns = None;
        self.status.last_transform_ns = None;
        out.push(Assembled::ClockJumpedBack { from_ns, to_ns });
    }
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
