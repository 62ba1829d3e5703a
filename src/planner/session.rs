//! From events to a map: the perception half of the loop.
//!
//! Comes in: [`SensorEvent`]s in order of arrival. Goes out: [`Output`]s, and the [`SceneMap`] that
//! plans rest on. Synchronous and without a clock of its own, so that a bag gives the same map on
//! every replay; the node runs it on its own thread.

use super::{Found, FrameRecord, Output, PlannerConfig, Spotted, StageTimings};
use crate::geometry::{Pose, TransformError};
use crate::model::TokenKind;
use crate::scene::{
    EgoConfig, EgoFrame, NamedVectors, ObjectState, Region, RegionConfig, Relation, SceneError,
    SceneMap, SeenObjects, frame_regions, select_frame_tokens, select_scene_tokens,
};
use crate::sensing::{
    Assembled, AssembledFrame, DetectionsEvent, FrameAssembler, RgbdFrame, SensorEvent,
};
use crate::tasks::{SceneView, ViewSpec, map_relations};
use crate::vision::{
    Detector, FeatureExtractor, FeatureMap, VisionError, WordHash, extractor_of_kind,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Detections of one message that are taken in: each is held against those of its place, and no view
/// shows more things.
const MAX_DETECTIONS: usize = 1024;
/// Detections that wait for their transform; older ones are dropped beyond it.
const MAX_WAITING_DETECTIONS: usize = 100;

/// What was seen so far, and how what comes next is taken in.
pub struct Session {
    assembler: FrameAssembler,
    extractor: Option<Box<dyn FeatureExtractor>>,
    map: SceneMap,
    world_frame: String,
    /// How far ahead of its transforms a detection may be to be waited with, nanoseconds.
    tf_wait_ns: i64,
    waiting_detections: VecDeque<DetectionsEvent>,
    /// The newest frame, and the optical frame it stands in.
    newest: Option<(Arc<RgbdFrame>, String)>,
    /// The newest frame that has features, with these.
    newest_features: Option<(Arc<RgbdFrame>, FeatureMap)>,
    features_every: u32,
    /// Frames of each camera since features were last computed of one.
    frames_since_features: Vec<u32>,
    /// Where the first camera was last, world frame, metres.
    robot_m: Option<[f64; 3]>,
    /// Names of things, where features can be compared with names.
    names: Option<NamedVectors>,
    regions: RegionConfig,
    /// Frames since the objects last followed the regions of the map.
    frames_since_look: u32,
    seen: SeenObjects,
    detector: Option<Box<dyn Detector>>,
    detect_every: u32,
    /// Frames of each camera since things were last looked for by words in one.
    frames_since_detection: Vec<u32>,
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
            world_frame: config.sensing.world_frame.clone(),
            tf_wait_ns: config.sensing.tf_wait_ns(),
            waiting_detections: VecDeque::new(),
            newest: None,
            newest_features: None,
            features_every: config.vision.every_frames,
            frames_since_features: vec![config.vision.every_frames; cameras],
            robot_m: None,
            names,
            regions: config.regions.clone(),
            frames_since_look: 0,
            seen: SeenObjects::default(),
            detector: None,
            detect_every: config.detector.every_frames,
            frames_since_detection: vec![config.detector.every_frames; cameras],
            spotted: None,
        })
    }

    /// Lets objects be made of what looks like `names`, which replace those there were.
    ///
    /// # Errors
    ///
    /// When they do not stand in the space of the map's features.
    pub fn name_things(&mut self, names: NamedVectors) -> Result<(), SceneError> {
        self.map.check_names(&names)?;
        self.names = Some(names);
        Ok(())
    }

    /// Lets things be looked for by words: in the first frame of each camera from now on, and then as
    /// often as the configuration says. A frame waits until its detections are in the map.
    pub fn set_detector(&mut self, detector: Box<dyn Detector>) {
        self.detector = Some(detector);
    }

    /// Takes the detector away, so that it can work elsewhere; what it finds there is put in with
    /// [`Self::place`].
    pub fn take_detector(&mut self) -> Option<Box<dyn Detector>> {
        self.detector.take()
    }

    /// Of the pictures that the session's own detector looked at, the one in which it found most.
    pub fn spotted(&self) -> Option<&Spotted> {
        self.spotted.as_ref()
    }

    /// Puts what a detector found in a frame into the map; of a frame that is no longer the newest,
    /// what is still there ([`SceneMap::still_there`]). A look may take minutes, and what went
    /// meanwhile would stay in the map for good: its voxels cannot go once more. What has none goes when
    /// looks do not find it ([`SceneMap::observe_frame`]).
    pub fn place(&mut self, found: &Found) {
        let Found { frame, detections, names, .. } = found;
        let is_old = self.newest_frame().is_some_and(|newest| newest.stamp_ns > frame.stamp_ns);
        let left = is_old.then(|| self.map.still_there(detections, frame));
        let detections = left.as_ref().unwrap_or(detections);
        self.map.observe_frame(detections, frame, names);
    }

    /// What a model that takes in `spec` is shown: regions that were seen, or voxels, and those of the
    /// newest frame that has features. `None` where the map has no such features, or, for regions,
    /// no names are known.
    ///
    /// # Errors
    ///
    /// As [`Self::frame_regions`].
    pub fn view(&self, spec: &ViewSpec) -> Result<Option<SceneView>, SceneError> {
        let view = match spec.tokens {
            TokenKind::Regions => {
                if self.names.as_ref().is_none_or(|names| names.width() != spec.width) {
                    return Ok(None);
                }
                let frame = self.frame_regions()?;
                SceneView::of_regions(&self.seen.confirmed(&self.map), Some(&frame), spec)
            }
            TokenKind::Voxels => {
                let is_other = |name| name != extractor_of_kind(&spec.extractor);
                let (map, extractor) = (&self.map, self.extractor_name());
                if extractor.is_some_and(is_other) {
                    return Ok(None);
                }
                let found = map.config().feature_width;
                if found != spec.width {
                    let (kind, wanted) = (&spec.extractor, spec.width);
                    tracing::warn!(
                        "the model is shown nothing: it takes features of `{kind}` of width {wanted}, \
                         and those of the map have width {found}"
                    );
                    return Ok(None);
                }
                let voxel_m = map.config().voxel_size_m;
                let frame = self.newest_points()?.map(|(points, features, _)| {
                    select_frame_tokens(&points, Some(features), voxel_m, spec.frame)
                });
                let scene = Some(select_scene_tokens(map, spec.scene));
                SceneView { frame, scene, ..SceneView::default() }
            }
        };
        let in_frame = self.newest_frame().map(|frame| self.map.objects_in(frame));
        Ok(Some(SceneView { in_frame, states: self.states(), ..view }))
    }

    /// Names of the things that are looked for, if any are.
    pub fn names(&self) -> Option<&NamedVectors> {
        self.names.as_ref()
    }

    /// Name of the extractor that gives voxels their features, if there is one.
    pub fn extractor_name(&self) -> Option<&str> {
        self.extractor.as_ref().map(|extractor| extractor.name())
    }

    /// Lets the objects of the map follow its regions now, and not only with the next frame whose
    /// turn it is. Without names nothing changes.
    ///
    /// # Errors
    ///
    /// When the map was replaced by one whose features do not stand in the space of the names.
    pub fn refresh_objects(&mut self) -> Result<&SeenObjects, SceneError> {
        if let Some(names) = &self.names {
            self.seen = self.map.see_objects(names, &self.regions)?;
            self.frames_since_look = 0;
        }
        Ok(&self.seen)
    }

    /// The regions of the map when its objects last followed them, and which object each is.
    pub fn seen(&self) -> &SeenObjects {
        &self.seen
    }

    /// The regions of the newest frame that has features, in its camera's coordinates; none without
    /// names.
    ///
    /// # Errors
    ///
    /// When frame and features do not fit together.
    pub fn frame_regions(&self) -> Result<Vec<Region>, SceneError> {
        let (Some((points, features, pose)), Some(names)) = (self.newest_points()?, &self.names)
        else {
            return Ok(Vec::new());
        };
        frame_regions(&points, features, pose, names, &self.regions)
    }

    /// The points of the newest frame that has features, with these and its pose in the world.
    fn newest_points(&self) -> Result<Option<(EgoFrame, &FeatureMap, &Pose)>, SceneError> {
        let Some((frame, features)) = &self.newest_features else { return Ok(None) };
        let rays = frame.camera.ray_table();
        let [min_depth_m, max_depth_m] = self.map.config().depth_range_m();
        let config = EgoConfig { min_depth_m, max_depth_m, ..EgoConfig::default() };
        let points = EgoFrame::new(frame, &rays, Some(features), &config)?;
        Ok(Some((points, features, &frame.world_T_camera)))
    }

    /// Takes in one event. Goals, utterances and feedback are not for perception and give nothing.
    pub fn push(&mut self, event: SensorEvent) -> Vec<Output> {
        let mut outputs = Vec::new();
        match event {
            SensorEvent::Detections(mut event) => {
                outputs.extend(keep_surest(&mut event));
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

    /// How the objects of the map stand to each other, and which are nearest to which, as the robot sees them
    /// from where it was last.
    pub fn relations(&self) -> Vec<Relation> {
        map_relations(self.map.objects().iter(), self.robot_m)
    }

    /// The states that objects of the map were seen in, or seen not to be in, where names have states.
    pub fn states(&self) -> Vec<ObjectState> {
        self.names.as_ref().map(|names| self.map.states(names)).unwrap_or_default()
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
                self.waiting_detections.clear();
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

    /// The features of a frame when it is its turn among those of its camera, as it is the first
    /// one's: a slow encoder need not hold the geometry of the others back.
    fn features(
        &mut self,
        frame: &RgbdFrame,
        camera: usize,
    ) -> Result<Option<FeatureMap>, VisionError> {
        let Some(extractor) = &self.extractor else { return Ok(None) };
        let Some(since) = self.frames_since_features.get_mut(camera) else { return Ok(None) };
        *since = since.saturating_add(1);
        if *since < self.features_every {
            return Ok(None);
        }
        *since = 0;
        extractor.extract(frame).map(Some)
    }

    /// Looks for things by words when it is the frame's turn among those of its camera: counted over all
    /// of two cameras, every other turn would always be the same one's.
    fn detect(&mut self, frame: &Arc<RgbdFrame>, camera: usize) -> Result<(), VisionError> {
        let Some(detector) = &self.detector else { return Ok(()) };
        let Some(since) = self.frames_since_detection.get_mut(camera) else { return Ok(()) };
        *since = since.saturating_add(1);
        if *since >= self.detect_every {
            *since = 0;
            let found =
                Found::in_frame(detector.as_ref(), frame, self.map.config().depth_range_m())?;
            self.place(&found);
            let most = self.spotted.as_ref().map_or(0, |spotted| spotted.masks.len());
            if found.masks.len() > most {
                let picture = frame.color.clone();
                self.spotted = Some(Spotted { picture, masks: found.masks });
            }
        }
        Ok(())
    }

    /// Lets the objects follow the regions when it is the frame's turn.
    fn look(&mut self) -> Result<(), SceneError> {
        self.frames_since_look = self.frames_since_look.saturating_add(1);
        let every = self.regions.every_frames;
        if every > 0 && self.frames_since_look >= every {
            self.refresh_objects()?;
        }
        Ok(())
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
                    self.map.observe(&event.detections, &world_T_frame, event.stamp_ns);
                }
                // Farther ahead are those of a clock that was set back, or of another one: they would
                // keep all behind them waiting.
                Err(TransformError::ExtrapolationFuture(ahead))
                    if ahead.asked_ns.saturating_sub(ahead.range_ns.1) <= self.tf_wait_ns =>
                {
                    return;
                }
                Err(error) => outputs.push(Output::Dropped {
                    stamp_ns: event.stamp_ns,
                    reason: format!("{}: {error}", event.topic),
                }),
            }
            self.waiting_detections.pop_front();
        }
    }
}

/// The names that features of `extractor` are compared with, where words have hashed vectors in
/// their space.
fn names_of(
    extractor: &dyn FeatureExtractor,
    config: &RegionConfig,
) -> Result<Option<NamedVectors>, SceneError> {
    let Some(words) = extractor.text_space().and_then(WordHash::of_space) else { return Ok(None) };
    let names = match config.names.is_empty() {
        true => extractor.names().to_vec(),
        false => config.names_and_structure(),
    };
    if names.is_empty() {
        return Ok(None);
    }
    NamedVectors::new(&words, names)?.with_states(&words, extractor.states()).map(Some)
}

/// Leaves the surest of too many detections, and says so.
fn keep_surest(event: &mut DetectionsEvent) -> Option<Output> {
    let found = event.detections.len();
    if found <= MAX_DETECTIONS {
        return None;
    }
    event.detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    event.detections.truncate(MAX_DETECTIONS);
    let reason = format!(
        "{}: {found} detections at {} ns; the {MAX_DETECTIONS} surest are taken in",
        event.topic, event.stamp_ns
    );
    Some(Output::Dropped { stamp_ns: event.stamp_ns, reason })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::CameraModel;
    use crate::sensing::{DepthImage, Detection, StampedTransform};
    use crate::vision::{DetectedMask, Mask, Provenance};
    use image::RgbImage;
    use nalgebra::{Matrix3, Rotation3, Translation3, Vector3};
    use std::ops::Range;
    use std::sync::Mutex;

    const WIDTH: usize = 160;
    const HEIGHT: usize = 120;
    /// Columns of the pictures in which the things are, and the rows of both.
    const MUG: Range<usize> = 50..70;
    const VASE: Range<usize> = 90..110;
    const ROWS: Range<usize> = 50..70;

    /// What a camera sees that looks along the world's x axis, one metre above the floor: a wall,
    /// and things before it in these columns.
    fn frame(stamp_ns: i64, things: &[Range<usize>]) -> RgbdFrame {
        let depth_m = |pixel: usize| {
            let (column, row) = (pixel % WIDTH, pixel / WIDTH);
            let is_thing = things.iter().any(|columns| columns.contains(&column));
            if is_thing && ROWS.contains(&row) { 1.52 } else { 3.02 }
        };
        let data_m: Vec<f32> = (0..WIDTH * HEIGHT).map(depth_m).collect();
        let (width, height) = (WIDTH as u32, HEIGHT as u32);
        let columns = [-Vector3::y(), -Vector3::z(), Vector3::x()];
        let rotation = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&columns));
        RgbdFrame {
            stamp_ns,
            color: RgbImage::new(width, height),
            depth_m: DepthImage { width, height, data_m },
            camera: CameraModel::pinhole(width, height, 145.0, 145.0, 79.5, 59.5),
            world_T_camera: Pose::from_parts(Translation3::new(0.0, 0.0, 1.0), rotation.into()),
        }
    }

    /// Lets a session see a frame, all of whose points must go into the map.
    fn show(session: &mut Session, camera: usize, frame: RgbdFrame) {
        let color_frame_id = "camera".into();
        let (decode_ms, register_ms) = (0.0, 0.0);
        let mut outputs = Vec::new();
        session.integrate(
            AssembledFrame { frame, camera, color_frame_id, decode_ms, register_ms },
            &mut outputs,
        );
        let [Output::Frame(record)] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!((record.camera, record.points), (camera, WIDTH * HEIGHT));
    }

    /// Finds the mug and the vase of [`frame`].
    struct Things;

    impl Detector for Things {
        fn name(&self) -> &str {
            "things"
        }

        fn detect(&self, _: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
            let found = [("mug", MUG), ("vase", VASE)].map(|(label, columns)| {
                let inside = |x: usize, y: usize| columns.contains(&x) && ROWS.contains(&y);
                let mask = Mask::from_fn(WIDTH, HEIGHT, inside);
                DetectedMask { label: label.into(), score: 0.9, mask }
            });
            Ok(found.into())
        }
    }

    #[test]
    fn what_went_during_a_look_is_not_put_into_the_map() {
        let labels_after = |later: &[RgbdFrame]| -> Vec<String> {
            let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
            show(&mut session, 0, frame(0, &[MUG, VASE]));
            let depth_m = session.map().config().depth_range_m();
            let newest = session.newest_frame().unwrap();
            let mut found = Found::in_frame(&Things, newest, depth_m).unwrap();
            // The depth behind glass is that of the wall: the map never had anything in its box.
            found.detections.push(Detection {
                label: "glass".into(),
                frame_T_box: Pose::translation(0.0, -0.5, 2.0),
                ..found.detections[0].clone()
            });
            later.iter().for_each(|frame| show(&mut session, 0, frame.clone()));
            session.place(&found);
            session.map().objects().iter().map(|object| object.label.clone()).collect()
        };
        assert_eq!(labels_after(&[]), ["mug", "vase", "glass"]);
        assert_eq!(labels_after(&[frame(9, &[MUG, VASE])]), ["mug", "vase", "glass"]);
        assert_eq!(labels_after(&[frame(5, &[VASE]), frame(90, &[VASE])]), ["vase", "glass"]);
        // Another thing is in the mug's place by now.
        let other = [frame(5, &[]), frame(90, &[MUG])];
        assert_eq!(labels_after(&other), ["glass"]);
    }

    #[test]
    fn what_is_seen_from_straight_ahead_goes_with_its_voxels() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        show(&mut session, 0, frame(0, &[MUG, VASE]));
        let depth_m = session.map().config().depth_range_m();
        let found = Found::in_frame(&Things, session.newest_frame().unwrap(), depth_m).unwrap();
        assert!(found.detections[0].size_m[0] < 1e-6, "its box has no depth");
        session.place(&found);
        (1..20).for_each(|stamp_ns| show(&mut session, 0, frame(stamp_ns, &[VASE])));
        let left: Vec<&str> =
            session.map().objects().iter().map(|object| object.label.as_str()).collect();
        assert_eq!(left, ["vase"]);
    }

    #[test]
    fn what_is_looked_for_in_vain_goes() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        let mut labels_after_look = |stamp_ns: i64, sees_glass: bool| -> Vec<String> {
            show(&mut session, 0, frame(stamp_ns, &[MUG, VASE]));
            let depth_m = session.map().config().depth_range_m();
            let newest = session.newest_frame().unwrap();
            let mut found = Found::in_frame(&Things, newest, depth_m).unwrap();
            found.names = ["mug", "vase", "glass"].map(String::from).to_vec();
            if sees_glass {
                found.detections.push(Detection {
                    label: "glass".into(),
                    frame_T_box: Pose::translation(0.0, -0.5, 2.0),
                    size_m: [0.2; 3],
                    ..found.detections[0].clone()
                });
            }
            session.place(&found);
            session.map().objects().iter().map(|object| object.label.clone()).collect()
        };
        assert_eq!(labels_after_look(0, true), ["mug", "vase", "glass"]);
        for stamp_ns in 1..3 {
            assert_eq!(labels_after_look(stamp_ns, false), ["mug", "vase", "glass"]);
        }
        assert_eq!(labels_after_look(3, false), ["mug", "vase"]);
    }

    /// Notes of which camera a picture is: red tells its index.
    struct Noticing(Arc<Mutex<Vec<u8>>>);

    impl Detector for Noticing {
        fn name(&self) -> &str {
            "noticing"
        }

        fn detect(&self, image: &RgbImage) -> Result<Vec<DetectedMask>, VisionError> {
            self.0.lock().unwrap().push(image.get_pixel(0, 0).0[0]);
            Ok(Vec::new())
        }
    }

    #[test]
    fn each_camera_has_its_turns_of_the_detector() {
        let mut config = PlannerConfig::default();
        config.detector.every_frames = 2;
        config.cameras = vec!["front".into(), "rear".into()];
        let noticed = Arc::new(Mutex::new(Vec::new()));
        let mut session = Session::new(&config, None).unwrap();
        session.set_detector(Box::new(Noticing(Arc::clone(&noticed))));
        for stamp_ns in 0..8 {
            let camera = stamp_ns as usize % 2;
            let mut shown = frame(stamp_ns, &[]);
            shown.color.put_pixel(0, 0, image::Rgb([camera as u8, 0, 0]));
            show(&mut session, camera, shown);
        }
        assert_eq!(*noticed.lock().unwrap(), [0, 1, 0, 1]);
    }

    /// Says of which frames its features are.
    struct Noting(Arc<Mutex<Vec<i64>>>);

    impl FeatureExtractor for Noting {
        fn name(&self) -> &str {
            "noting"
        }

        fn width(&self) -> usize {
            1
        }

        fn provenance(&self) -> Provenance {
            Provenance::Analytic
        }

        fn extract(&self, frame: &RgbdFrame) -> Result<FeatureMap, VisionError> {
            self.0.lock().unwrap().push(frame.stamp_ns);
            let data = vec![frame.stamp_ns as f32];
            Ok(FeatureMap { rows: 1, columns: 1, width: 1, data })
        }
    }

    #[test]
    fn one_of_so_many_frames_of_a_camera_is_given_features() {
        let mut config = PlannerConfig::default();
        config.vision.every_frames = 3;
        config.cameras = vec!["front".into(), "rear".into()];
        let noted = Arc::new(Mutex::new(Vec::new()));
        let extractor = Box::new(Noting(Arc::clone(&noted)));
        let mut session = Session::new(&config, Some(extractor)).unwrap();
        assert!(session.newest_points().unwrap().is_none());
        for stamp_ns in 0..12 {
            show(&mut session, stamp_ns as usize % 2, frame(stamp_ns, &[]));
        }
        assert_eq!(*noted.lock().unwrap(), [0, 1, 6, 7], "the first of each, and each third");
        assert_eq!(session.map().counts().points, 12 * (WIDTH * HEIGHT) as u64);
        assert_eq!(session.newest_frame().unwrap().stamp_ns, 11);
        // What is shown of a frame is that of its own features.
        let (points, features, _) = session.newest_points().unwrap().unwrap();
        assert_eq!((points.stamp_ns, features.data[0]), (7, 7.0));
    }

    #[test]
    fn detections_of_a_time_that_does_not_come_hold_up_none() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        let seen = |label: &str, stamp_ns| {
            SensorEvent::Detections(DetectionsEvent {
                topic: "/detections".into(),
                stamp_ns,
                frame_id: "camera".into(),
                detections: vec![Detection {
                    label: label.into(),
                    score: 0.9,
                    frame_T_box: Pose::translation(0.0, 0.0, 2.0),
                    size_m: [0.1; 3],
                    track_id: String::new(),
                }],
            })
        };
        let moving = |stamp_ns| {
            SensorEvent::Transforms(vec![StampedTransform {
                stamp_ns,
                parent: "map".into(),
                child: "camera".into(),
                parent_T_child: Pose::identity(),
            }])
        };
        let second_ns = 1_000_000_000;
        session.push(moving(0));
        let late = session.push(seen("ghost", 90 * second_ns));
        let [Output::Dropped { reason, .. }] = &late[..] else { panic!("{late:?}") };
        assert!(reason.starts_with("/detections: transform is not there yet"), "{reason}");
        // One whose transform may still come is waited with.
        assert!(session.push(seen("mug", second_ns / 2)).is_empty());
        assert!(session.map().objects().is_empty());
        assert!(session.push(moving(second_ns)).is_empty());
        let labels: Vec<_> = session.map().objects().iter().map(|object| &object.label).collect();
        assert_eq!(labels, ["mug"]);
    }

    #[test]
    fn of_too_many_detections_the_surest_are_taken_in() {
        let mut session = Session::new(&PlannerConfig::default(), None).unwrap();
        let at = |index: u32| Detection {
            label: "cup".into(),
            score: index as f32 / 10_000.0,
            frame_T_box: Pose::translation(f64::from(index), 0.0, 0.0),
            size_m: [0.1; 3],
            track_id: String::new(),
        };
        let event = DetectionsEvent {
            topic: "/detections".into(),
            stamp_ns: 1,
            frame_id: "camera".into(),
            detections: (0..10_000).map(at).collect(),
        };
        let map_T_camera = StampedTransform {
            stamp_ns: 0,
            parent: session.map().config().frame_id.clone(),
            child: "camera".into(),
            parent_T_child: Pose::identity(),
        };
        session.push(SensorEvent::StaticTransforms(vec![map_T_camera]));
        let outputs = session.push(SensorEvent::Detections(event));
        let [Output::Dropped { reason, .. }] = &outputs[..] else { panic!("{outputs:?}") };
        assert!(reason.starts_with("/detections: 10000 detections"), "{reason}");
        let objects = session.map().objects();
        assert_eq!(objects.len(), MAX_DETECTIONS);
        assert!(objects.iter().all(|object| object.position_m[0] >= 8976.0));
    }
}
