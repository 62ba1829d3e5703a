//! From events to a map: the perception half of the loop.
//!
//! Comes in: [`SensorEvent`]s in order of arrival. Goes out: [`Output`]s, and the [`SceneMap`] that
//! plans rest on. Synchronous and without a clock of its own, so that a bag gives the same map on
//! every replay; the node runs it on its own thread.

use super::{FrameRecord, Output, PlannerConfig, StageTimings};
use crate::geometry::TransformError;
use crate::scene::{SceneError, SceneMap};
use crate::sensing::{
    Assembled, AssembledFrame, DetectionsEvent, FrameAssembler, RgbdFrame, SensorEvent,
};
use crate::vision::FeatureExtractor;
use std::collections::VecDeque;
use std::time::Instant;

/// Detections that wait for their transform; older ones are dropped beyond it.
const MAX_WAITING_DETECTIONS: usize = 100;

/// What was seen so far, and how what comes next is taken in.
pub struct Session {
    assembler: FrameAssembler,
    extractor: Option<Box<dyn FeatureExtractor>>,
    map: SceneMap,
    world_frame: String,
    waiting_detections: VecDeque<DetectionsEvent>,
    /// The newest frame, and the optical frame it stands in.
    newest: Option<(RgbdFrame, String)>,
}

impl Session {
    /// A session with an empty map, which all cameras of `config` feed. `extractor` gives voxels their features.
    pub fn new(
        config: &PlannerConfig,
        extractor: Option<Box<dyn FeatureExtractor>>,
    ) -> Result<Self, SceneError> {
        let mut map = config.map.clone();
        map.feature_width = extractor.as_ref().map_or(0, |extractor| extractor.width());
        let space = extractor.as_ref().and_then(|extractor| extractor.text_space());
        map.feature_space = space.unwrap_or_default().to_owned();
        Ok(Self {
            assembler: FrameAssembler::of_cameras(config.sensing.clone(), config.cameras().len()),
            extractor,
            map: SceneMap::new(map)?,
            world_frame: config.sensing.world_frame.clone(),
            waiting_detections: VecDeque::new(),
            newest: None,
        })
    }

    /// Takes in one event. Goals, utterances and feedback are not for perception and give nothing.
    pub fn push(&mut self, event: SensorEvent) -> Vec<Output> {
        let mut outputs = Vec::new();
        match event {
            SensorEvent::Detections(event) => {
                self.waiting_detections.push_back(event);
                if self.waiting_detections.len() > MAX_WAITING_DETECTIONS {
                    let oldest = self.waiting_detections.pop_front();
                    outputs.extend(oldest.map(|event| too_late(&event)));
                }
            }
            event => {
                for assembled in self.assembler.push(event) {
                    self.take(assembled, &mut outputs);
                }
            }
        }
        self.place_detections(&mut outputs);
        outputs
    }

    /// Ends the session: what still waits is used if it can be, and reported if not.
    pub fn finish(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        for assembled in self.assembler.flush() {
            self.take(assembled, &mut outputs);
        }
        self.place_detections(&mut outputs);
        outputs.extend(self.waiting_detections.drain(..).map(|event| too_late(&event)));
        outputs
    }

    /// The map so far.
    pub fn map(&self) -> &SceneMap {
        &self.map
    }

    /// The map, to be changed or replaced from outside.
    pub fn map_mut(&mut self) -> &mut SceneMap {
        &mut self.map
    }

    /// The newest frame that went into the map.
    pub fn newest_frame(&self) -> Option<&RgbdFrame> {
        self.newest.as_ref().map(|(frame, _)| frame)
    }

    /// Optical frame that it stands in; empty before the first.
    pub fn newest_frame_id(&self) -> &str {
        self.newest.as_ref().map_or("", |(_, frame_id)| frame_id)
    }

    /// The assembler, for diagnostics.
    pub fn assembler(&self) -> &FrameAssembler {
        &self.assembler
    }

    fn take(&mut self, assembled: Assembled, outputs: &mut Vec<Output>) {
        match assembled {
            Assembled::Frame(frame) => outputs.push(self.integrate(*frame)),
            Assembled::Dropped { stamp_ns, reason } => {
                outputs.push(Output::Dropped { stamp_ns, reason: reason.to_string() });
            }
            Assembled::ClockJumpedBack { from_ns, to_ns } => {
                // The map stays: what stood in the room before the jump still stands there.
                self.waiting_detections.clear();
                outputs.push(Output::ClockJumpedBack { from_ns, to_ns });
            }
        }
    }

    fn integrate(&mut self, assembled: AssembledFrame) -> Output {
        let AssembledFrame { frame, camera, color_frame_id, decode_ms, register_ms } = assembled;
        let stamp_ns = frame.stamp_ns;
        let dropped = |reason: String| Output::Dropped {
            stamp_ns,
            reason: format!("frame of {color_frame_id}: {reason}"),
        };
        let start = Instant::now();
        let features = match self.extractor.as_ref().map(|extractor| extractor.extract(&frame)) {
            None => None,
            Some(Ok(features)) => Some(features),
            Some(Err(error)) => return dropped(error.to_string()),
        };
        let features_ms = milliseconds(start);
        let start = Instant::now();
        let report = match self.map.integrate(&frame, features.as_ref()) {
            Ok(report) => report,
            Err(error) => return dropped(error.to_string()),
        };
        let record = FrameRecord {
            stamp_ns,
            camera,
            world_T_camera: frame.world_T_camera,
            points: report.points,
            voxels: self.map.len(),
            removed_voxels: report.removed_voxels,
            timings: StageTimings {
                decode_ms,
                register_ms,
                features_ms,
                integrate_ms: milliseconds(start),
            },
        };
        self.newest = Some((frame, color_frame_id));
        Output::Frame(record)
    }

    /// Puts detections whose transform has come into the map, in order.
    fn place_detections(&mut self, outputs: &mut Vec<Output>) {
        while let Some(event) = self.waiting_detections.front() {
            let pose = self.assembler.transforms().lookup(
                &self.world_frame,
                &event.frame_id,
                event.stamp_ns,
            );
            match pose {
                Ok(world_T_frame) => {
                    let objects = self.map.objects_mut();
                    objects.observe(&event.detections, &world_T_frame, event.stamp_ns);
                }
                Err(TransformError::ExtrapolationFuture(_)) => return,
                Err(error) => outputs.push(Output::Dropped {
                    stamp_ns: event.stamp_ns,
                    reason: format!("{}: {error}", event.topic),
                }),
            }
            self.waiting_detections.pop_front();
        }
    }
}

fn too_late(event: &DetectionsEvent) -> Output {
    Output::Dropped {
        stamp_ns: event.stamp_ns,
        reason: format!(
            "{}: no transform of {} came in time; check that its publisher runs",
            event.topic, event.frame_id
        ),
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
