//! From events to a map: the perception half of the loop.
//!
//! Comes in: [`SensorEvent`]s in order of arrival. Goes out: [`Output`]s, and the [`SceneMap`] that
//! plans rest on. Synchronous and without a clock of its own, so that a bag gives the same map on
//! every replay; the node runs it on its own thread.
//!
//! A frame gets its [`features`] and goes into the map; a detector may look at it ([`spotting`]),
//! and the [`objects`] follow the map. [`detections`] of messages come in beside. A [`view`] is what
//! a model is shown of it all.

mod detections;
mod features;
mod objects;
mod spotting;
mod turns;
mod view;

#[cfg(test)]
mod fixtures;

use super::{FrameRecord, Output, PlannerConfig, Spotted, StageTimings};
use crate::scene::{NamedVectors, RegionConfig, SceneError, SceneMap, SeenObjects};
use crate::sensing::{Assembled, AssembledFrame, FrameAssembler, RgbdFrame, SensorEvent};
use crate::vision::{Detector, FeatureExtractor, FeatureMap};
use detections::WaitingDetections;
use objects::names_of;
use std::sync::Arc;
use std::time::Instant;
use turns::Turns;

/// What was seen so far, and how what comes next is taken in.
pub struct Session {
    assembler: FrameAssembler,
    extractor: Option<Box<dyn FeatureExtractor>>,
    map: SceneMap,
    detections: WaitingDetections,
    /// The newest frame, and the optical frame it stands in.
    newest: Option<(Arc<RgbdFrame>, String)>,
    /// The newest frame that has features, with these.
    newest_features: Option<(Arc<RgbdFrame>, FeatureMap)>,
    /// The frames that get features.
    features_turns: Turns,
    /// Where the first camera was last, world frame, metres.
    robot_m: Option<[f64; 3]>,
    /// Names of things, where features can be compared with names.
    names: Option<NamedVectors>,
    regions: RegionConfig,
    /// Frames since the objects last followed the regions of the map.
    frames_since_look: u32,
    seen: SeenObjects,
    detector: Option<Box<dyn Detector>>,
    /// The frames in which things are looked for by words.
    detector_turns: Turns,
    /// The look for things by words that found most.
    spotted: Option<Spotted>,
}

impl Session {
    /// A session with an empty map, which all cameras of `config` feed. `extractor` gives voxels
    /// their features. Where it was taught names, or `regions.names` has some and words have hashed
    /// vectors in its space, objects are made of what looks like them; see
    /// [`Session::name_things`] for other spaces.
    pub fn new(
        config: &PlannerConfig,
        extractor: Option<Box<dyn FeatureExtractor>>,
    ) -> Result<Self, SceneError> {
        let mut map = config.map.clone();
        map.feature_width = extractor.as_ref().map_or(0, |extractor| extractor.width());
        let space = extractor.as_ref().and_then(|extractor| extractor.text_space());
        map.feature_space = space.unwrap_or_default().to_owned();
        config.regions.validate()?;
        let names = match &extractor {
            Some(extractor) => names_of(extractor.as_ref(), &config.regions)?,
            None => None,
        };
        let cameras = config.cameras().len();
        Ok(Self {
            assembler: FrameAssembler::of_cameras(config.sensing.clone(), cameras),
            extractor,
            map: SceneMap::new(map)?,
            detections: WaitingDetections::new(&config.sensing),
            newest: None,
            newest_features: None,
            features_turns: Turns::new(config.vision.every_frames, cameras),
            robot_m: None,
            names,
            regions: config.regions.clone(),
            frames_since_look: 0,
            seen: SeenObjects::default(),
            detector: None,
            detector_turns: Turns::new(config.detector.every_frames, cameras),
            spotted: None,
        })
    }

    /// Takes in one event. Goals, utterances and feedback are not for perception and give nothing.
    pub fn push(&mut self, event: SensorEvent) -> Vec<Output> {
        let mut outputs = Vec::new();
        match event {
            SensorEvent::Detections(event) => self.detections.push(event, &mut outputs),
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
        self.detections.give_up(&mut outputs);
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
    pub fn newest_frame(&self) -> Option<&Arc<RgbdFrame>> {
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
            Assembled::Frame(frame) => self.integrate(*frame, outputs),
            Assembled::Dropped { stamp_ns, reason } => {
                outputs.push(Output::Dropped { stamp_ns, reason: reason.to_string() });
            }
            Assembled::ClockJumpedBack { from_ns, to_ns } => {
                // The map stays: what stood in the room before the jump still stands there.
                self.detections.forget();
                outputs.push(Output::ClockJumpedBack { from_ns, to_ns });
            }
        }
    }

    fn integrate(&mut self, assembled: AssembledFrame, outputs: &mut Vec<Output>) {
        let AssembledFrame { frame, camera, color_frame_id, decode_ms, register_ms } = assembled;
        let (stamp_ns, frame) = (frame.stamp_ns, Arc::new(frame));
        let dropped = |reason: String| Output::Dropped {
            stamp_ns,
            reason: format!("frame of {color_frame_id}: {reason}"),
        };
        let start = Instant::now();
        let features = match self.features(&frame, camera) {
            Ok(features) => features,
            Err(error) => return outputs.push(dropped(error.to_string())),
        };
        let features_ms = milliseconds(start);
        let start = Instant::now();
        let report = match self.map.integrate(&frame, features.as_ref()) {
            Ok(report) => report,
            Err(error) => return outputs.push(dropped(error.to_string())),
        };
        let integrate_ms = milliseconds(start);
        let start = Instant::now();
        if let Err(error) = self.detect(&frame, camera) {
            outputs.push(Output::Dropped { stamp_ns, reason: format!("detector: {error}") });
        }
        let detect_ms = milliseconds(start);
        let start = Instant::now();
        if let Err(error) = self.look() {
            let reason = format!("objects of the map: {error}");
            outputs.push(Output::Dropped { stamp_ns, reason });
        }
        let regions_ms = milliseconds(start);
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
                integrate_ms,
                detect_ms,
                regions_ms,
            },
        };
        // Of several cameras, the first is where the robot is.
        if camera == 0 {
            self.robot_m = Some(frame.world_T_camera.translation.vector.into());
        }
        if let Some(features) = features {
            self.newest_features = Some((Arc::clone(&frame), features));
        }
        self.newest = Some((frame, color_frame_id));
        outputs.push(Output::Frame(record));
    }

    fn place_detections(&mut self, outputs: &mut Vec<Output>) {
        self.detections.place(self.assembler.transforms(), &mut self.map, outputs);
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
