//! One pass through a bag that notes all that the findings rest on.

use super::TopicCheck;
use super::choice::Choice;
use crate::bag::{BagError, BagReader, TopicInfo, camera_topics};
use crate::planner::PlannerConfig;
use crate::ros::{TopicRole, decode};
use crate::sensing::{
    Assembled, CameraInfoEvent, FrameAssembler, ImageEvent, RgbdFrame, SensingConfig, SensingError,
    SensorEvent, StampedTransform,
};
use std::collections::{BTreeMap, VecDeque};

/// How often something happened, and how it was the first time.
#[derive(Debug)]
pub(super) struct Repeated<T> {
    pub(super) count: u64,
    pub(super) first: T,
}

/// Counts one more of `key`.
fn note<K: Ord, T>(all: &mut BTreeMap<K, Repeated<T>>, key: K, first: T) {
    all.entry(key).or_insert(Repeated { count: 0, first }).count += 1;
}

/// Messages of a topic by log time, or samples of an edge by stamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
}

impl Times {
    fn add(times: &mut Option<Self>, at_ns: i64) {
        let times = times.get_or_insert(Self { count: 0, first_ns: at_ns, last_ns: at_ns });
        times.count += 1;
        times.first_ns = times.first_ns.min(at_ns);
        times.last_ns = times.last_ns.max(at_ns);
    }

    /// How many a second; `None` for one alone.
    pub(super) fn rate_hz(&self) -> Option<f64> {
        let span_ns = self.last_ns.saturating_sub(self.first_ns);
        (span_ns > 0).then(|| (self.count - 1) as f64 / (span_ns as f64 * 1e-9))
    }
}

/// Why images became no frames, without the numbers that differ from image to image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DropKind {
    /// A frame is unknown or not connected.
    NoEdge,
    /// Before the first transform.
    TooEarly,
    /// After the last transform.
    TooLate,
    /// No calibration.
    NoInfo,
    /// No partner in time.
    Unpaired,
    /// A queue was full.
    QueueFull,
    /// The clock was set back.
    Jumped,
    /// The message itself is bad.
    Unusable,
}

/// What is known after the pass.
pub(super) struct Pass<'a> {
    pub(super) config: &'a SensingConfig,
    pub(super) choice: Choice,
    pub(super) topics: BTreeMap<String, Option<Times>>,
    /// Moving edges by child.
    pub(super) edges: BTreeMap<String, Option<Times>>,
    pub(super) color_ns: Vec<i64>,
    pub(super) depth_ns: Vec<i64>,
    pub(super) first_color: Option<ImageEvent>,
    pub(super) first_depth: Option<ImageEvent>,
    pub(super) color_info: Option<CameraInfoEvent>,
    pub(super) depth_info: Option<CameraInfoEvent>,
    /// Colour stamps whose pose is not known yet.
    waiting_ns: VecDeque<i64>,
    pub(super) images_with_pose: u64,
    pub(super) assembler: FrameAssembler,
    pub(super) first_frame: Option<Box<RgbdFrame>>,
    pub(super) frames_without_depth: u64,
    pub(super) decode_ms: Vec<f64>,
    /// By topic and kind.
    pub(super) drops: BTreeMap<(String, DropKind), Repeated<SensingError>>,
    /// Messages that are no events, by topic.
    pub(super) unreadable: BTreeMap<String, Repeated<String>>,
    /// Jumps of the clock: from and to, nanoseconds.
    pub(super) jumps: Option<Repeated<(i64, i64)>>,
    pub(super) damage: Option<BagError>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(bag: &BagReader, config: &'a PlannerConfig) -> Self {
        // Of several cameras, the first.
        let camera = config.cameras().swap_remove(0);
        let (topics, named) = camera_topics(bag.topics(), config, &camera);
        Self {
            config: &config.sensing,
            choice: Choice::new(&topics, &named),
            topics: bag.topics().iter().map(|topic| (topic.name.clone(), None)).collect(),
            edges: BTreeMap::new(),
            color_ns: Vec::new(),
            depth_ns: Vec::new(),
            first_color: None,
            first_depth: None,
            color_info: None,
            depth_info: None,
            waiting_ns: VecDeque::new(),
            images_with_pose: 0,
            assembler: FrameAssembler::new(config.sensing.clone()),
            first_frame: None,
            frames_without_depth: 0,
            decode_ms: Vec::new(),
            drops: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            jumps: None,
            damage: None,
        }
    }

    /// Reads every message of the bag.
    pub(super) fn run(&mut self, bag: &BagReader, watch: &mut dyn FnMut(i64)) {
        let mut served = BTreeMap::<String, (String, Vec<TopicRole>)>::new();
        for (role, topic) in self.choice.served() {
            let entry = served.entry(topic.name.clone());
            entry.or_insert((topic.type_name.clone(), Vec::new())).1.push(role);
        }
        for message in bag.messages(&[]) {
            let message = match message {
                Ok(message) => message,
                Err(error) => {
                    self.damage = Some(error);
                    break;
                }
            };
            watch(message.log_time_ns);
            Times::add(
                self.topics.entry(message.topic.to_string()).or_default(),
                message.log_time_ns,
            );
            let Some((type_name, roles)) = served.get(&*message.topic) else { continue };
            for role in roles {
                match decode(*role, &message.topic, type_name, &message.data) {
                    Ok(event) => self.take_in(event),
                    Err(error) => {
                        note(&mut self.unreadable, message.topic.to_string(), error.to_string());
                    }
                }
            }
        }
        let rest = self.assembler.flush();
        self.take_out(rest);
    }

    /// The topics with their counts.
    pub(super) fn topic_checks(&self, bag: &BagReader) -> Vec<TopicCheck> {
        let times = |topic: &TopicInfo| self.topics.get(&topic.name).copied().flatten();
        let check = |topic: &TopicInfo| TopicCheck {
            name: topic.name.clone(),
            type_name: topic.type_name.clone(),
            messages: times(topic).map_or(0, |times| times.count),
            rate_hz: times(topic).and_then(|times| times.rate_hz()),
        };
        bag.topics().iter().map(check).collect()
    }

    fn take_in(&mut self, event: SensorEvent) {
        match &event {
            SensorEvent::Color(image) => {
                self.color_ns.push(image.stamp_ns);
                self.waiting_ns.push_back(image.stamp_ns);
                self.first_color.get_or_insert_with(|| image.clone());
            }
            SensorEvent::Depth(image) => {
                self.depth_ns.push(image.stamp_ns);
                self.first_depth.get_or_insert_with(|| image.clone());
            }
            SensorEvent::ColorInfo(info) => {
                self.color_info.get_or_insert_with(|| info.clone());
            }
            SensorEvent::DepthInfo(info) => {
                self.depth_info.get_or_insert_with(|| info.clone());
            }
            SensorEvent::Transforms(transforms) => {
                for StampedTransform { child, stamp_ns, .. } in transforms {
                    Times::add(self.edges.entry(bare(child).to_owned()).or_default(), *stamp_ns);
                }
            }
            _ => {}
        }
        let out = self.assembler.push(event);
        self.find_poses();
        self.take_out(out);
    }

    /// Settles the images whose pose is known by now, or cannot be known any more.
    fn find_poses(&mut self) {
        let Some(image) = &self.first_color else { return };
        let transforms = self.assembler.transforms();
        while let Some(stamp_ns) = self.waiting_ns.front() {
            use crate::geometry::TransformError::ExtrapolationPast;
            match transforms.lookup(&self.config.world_frame, &image.frame_id, *stamp_ns) {
                Ok(_) => self.images_with_pose += 1,
                Err(ExtrapolationPast(_)) => {}
                Err(_) => return,
            }
            self.waiting_ns.pop_front();
        }
    }

    fn take_out(&mut self, out: Vec<Assembled>) {
        for assembled in out {
            match assembled {
                Assembled::Frame(assembled) => {
                    self.decode_ms.push(assembled.decode_ms);
                    let empty = assembled.frame.depth_m.data_m.iter().all(|m| *m == 0.0);
                    self.frames_without_depth += u64::from(empty);
                    // A frame without depth makes no picture.
                    if !empty && self.first_frame.is_none() {
                        self.first_frame = Some(Box::new(assembled.frame));
                    }
                }
                Assembled::Dropped { reason, .. } => {
                    let (topic, kind) = sort_drop(&reason);
                    note(&mut self.drops, (topic, kind), reason);
                }
                Assembled::ClockJumpedBack { from_ns, to_ns } => {
                    let first = Repeated { count: 0, first: (from_ns, to_ns) };
                    self.jumps.get_or_insert(first).count += 1;
                    self.waiting_ns.clear();
                }
            }
        }
    }
}

/// The topic of a drop, and its kind.
fn sort_drop(reason: &SensingError) -> (String, DropKind) {
    use crate::geometry::TransformError;
    let (topic, kind) = match reason {
        SensingError::UnsupportedEncoding { topic, .. }
        | SensingError::Truncated { topic, .. }
        | SensingError::BadShape { topic, .. }
        | SensingError::BrokenStream { topic, .. }
        | SensingError::BadCalibration { topic, .. }
        | SensingError::SizeMismatch { image_topic: topic, .. }
        | SensingError::Repeated { topic } => (topic.as_str(), DropKind::Unusable),
        SensingError::NoCalibration { topic, .. } => (topic.as_str(), DropKind::NoInfo),
        SensingError::NoPose { topic, source } => (
            topic.as_str(),
            match source {
                TransformError::ExtrapolationPast(_) => DropKind::TooEarly,
                TransformError::ExtrapolationFuture(_) => DropKind::TooLate,
                _ => DropKind::NoEdge,
            },
        ),
        SensingError::Unpaired { topic, .. } => (topic.as_str(), DropKind::Unpaired),
        SensingError::QueueFull { topic, .. } => (topic.as_str(), DropKind::QueueFull),
        SensingError::ClockJumped { topic } => (topic.as_str(), DropKind::Jumped),
        SensingError::BadSetting { setting, .. } => (*setting, DropKind::Unusable),
    };
    (topic.to_owned(), kind)
}

/// The frame name without the leading slash of ROS 1.
pub(super) fn bare(name: &str) -> &str {
    name.trim_start_matches('/')
}
