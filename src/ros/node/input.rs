//! The topics the node listens to: which they are, and what went wrong on each.

use super::NodeError;
use super::inbox::{Inbox, TopicIndex};
use super::qos_overrides::tuned;
use crate::planner::{Camera, ImageTransport, PlannerConfig};
use crate::ros::msg::{CompressedImage, Image, Message, StepFeedback, StringMsg};
use crate::ros::qos::{self, Qos};
use crate::ros::transport::{Opened, Transport};
use crate::ros::{ArgumentError, NodeNames, TopicRole};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Perception, and goals and words.
    Event(TopicRole),
    /// Outcomes of steps.
    StepFeedback,
    /// Instructions to follow.
    Instruction,
}

/// A topic the node listens to.
#[derive(Debug)]
pub struct Input {
    /// What it is for.
    pub used: Use,
    /// Which camera it comes from, where it comes from one.
    pub camera: usize,
    /// Name of that camera; empty for the only one.
    pub camera_name: String,
    /// Full name.
    pub topic: String,
    /// Type.
    pub type_name: &'static str,
    /// Quality of service.
    pub qos: Qos,
    /// Its place in the inbox.
    pub index: TopicIndex,
    malformed: AtomicU64,
    last_fault: Mutex<String>,
}

impl Input {
    /// Counts a message that cannot be used.
    pub fn fault(&self, reason: String) {
        if self.malformed.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("{reason} (further ones are counted in /diagnostics)");
        }
        *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// How many messages could not be used, and why the last could not.
    pub fn faults(&self) -> (u64, String) {
        let last = self.last_fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.malformed.load(Ordering::Relaxed), last)
    }
}

/// A topic before it is opened.
struct Wanted {
    used: Use,
    /// Index and name.
    camera: (usize, String),
    /// Name to resolve.
    name: String,
    /// What stands behind the resolved name, as `image_transport` has it.
    suffix: &'static str,
    type_name: &'static str,
    qos: Qos,
    depth: usize,
}

impl Wanted {
    fn new(used: Use, name: String, type_name: &'static str, qos: Qos, depth: usize) -> Self {
        Self { used, camera: (0, String::new()), name, suffix: "", type_name, qos, depth }
    }
}

/// Topics of one camera.
fn camera(index: usize, camera: &Camera) -> [Wanted; 4] {
    let wanted = |role: TopicRole, named: &Option<String>, base: &str, depth| {
        let name = named.clone().unwrap_or_else(|| format!("{}{base}", camera.prefix()));
        let used = Use::Event(role);
        let camera = (index, camera.name.clone());
        Wanted { camera, ..Wanted::new(used, name, role.types()[0], qos::SENSOR, depth) }
    };
    let image = |role, named, base, transport: ImageTransport| {
        let type_name = match transport {
            ImageTransport::Raw => Image::TYPE,
            ImageTransport::Compressed | ImageTransport::CompressedDepth => CompressedImage::TYPE,
        };
        let suffix = transport.suffix();
        let bare = wanted(role, named, base, 4);
        // Who names the compressed topic itself means that one.
        let name = bare.name.strip_suffix(suffix).unwrap_or(&bare.name).to_owned();
        Wanted { name, suffix, type_name, ..bare }
    };
    let Camera { color, color_info, depth, depth_info, .. } = camera;
    [
        image(TopicRole::Color, color, "color/image_raw", camera.image_transport),
        image(TopicRole::Depth, depth, "depth/image_rect_raw", camera.depth_transport),
        wanted(TopicRole::ColorInfo, color_info, "color/camera_info", 1),
        wanted(TopicRole::DepthInfo, depth_info, "depth/camera_info", 1),
    ]
}

/// Topics of perception.
fn perception(config: &PlannerConfig) -> Vec<Wanted> {
    let topics = &config.topics;
    let other = |role: TopicRole, named: &Option<String>, base: &str, qos, depth| {
        let name = named.as_deref().unwrap_or(base).to_owned();
        Wanted::new(Use::Event(role), name, role.types()[0], qos, depth)
    };
    let cameras = config.cameras();
    let mut wanted: Vec<_> =
        cameras.iter().enumerate().flat_map(|(index, one)| camera(index, one)).collect();
    wanted.extend([
        other(TopicRole::Tf, &topics.tf, "/tf", qos::TF, 1000),
        other(TopicRole::TfStatic, &topics.tf_static, "/tf_static", qos::TF_STATIC, 100),
        other(TopicRole::Detections, &topics.detections, "detections", qos::EVENT, 10),
    ]);
    if config.use_sim_time {
        wanted.push(other(TopicRole::Clock, &topics.clock, "/clock", qos::CLOCK, 1));
    }
    // An empty name leaves an optional role unserved.
    wanted.retain(|topic| !topic.name.is_empty());
    wanted
}

/// Topics of goals, words and outcomes.
fn desk(config: &PlannerConfig) -> Vec<Wanted> {
    let wanted = |used, named: Option<&str>, base: &str, type_name| {
        Wanted::new(used, named.unwrap_or(base).to_owned(), type_name, qos::EVENT, 10)
    };
    let text = |role, named: &Option<String>, base| {
        wanted(Use::Event(role), named.as_deref(), base, StringMsg::TYPE)
    };
    vec![
        text(TopicRole::Goal, &config.topics.goal, "~/goal"),
        text(TopicRole::Utterance, &config.topics.utterance, "~/dialogue/in"),
        wanted(Use::StepFeedback, None, "~/step_feedback", StepFeedback::TYPE),
        wanted(Use::Instruction, None, "~/instruction", StringMsg::TYPE),
    ]
}

/// Listens to the topics of perception; their messages go to `inbox` until what is opened is
/// dropped.
pub fn open_perception<R: Send + 'static>(
    config: &PlannerConfig,
    names: &NodeNames,
    transport: &dyn Transport,
    inbox: &Arc<Inbox<R>>,
) -> Result<(Vec<Arc<Input>>, Vec<Opened>), NodeError> {
    open(perception(config), config, names, transport, inbox)
}

/// Listens to goals, words and outcomes; their messages go to `inbox`.
pub fn open_desk<R: Send + 'static>(
    config: &PlannerConfig,
    names: &NodeNames,
    transport: &dyn Transport,
    inbox: &Arc<Inbox<R>>,
) -> Result<(Vec<Arc<Input>>, Vec<Opened>), NodeError> {
    open(desk(config), config, names, transport, inbox)
}

fn open<R: Send + 'static>(
    wanted: Vec<Wanted>,
    config: &PlannerConfig,
    names: &NodeNames,
    transport: &dyn Transport,
    inbox: &Arc<Inbox<R>>,
) -> Result<(Vec<Arc<Input>>, Vec<Opened>), NodeError> {
    let (mut inputs, mut opened) = (Vec::new(), Vec::new());
    for Wanted { used, camera, name, suffix, type_name, qos, depth } in wanted {
        let topic = full_name(names, &name, suffix)?;
        let qos = tuned(&config.qos_overrides, &topic, true, qos);
        let index = inbox.add_topic(depth);
        let into = Arc::clone(inbox);
        let take = Box::new(move |cdr| into.put(index, cdr));
        opened.push(transport.subscribe(&topic, type_name, qos, take)?);
        let (camera, camera_name) = camera;
        inputs.push(Arc::new(Input {
            used,
            camera,
            camera_name,
            topic,
            type_name,
            qos,
            index,
            malformed: AtomicU64::new(0),
            last_fault: Mutex::default(),
        }));
    }
    Ok((inputs, opened))
}

/// The name on the graph of what the node calls `name`, with what its transport puts behind it. Rules
/// may be for either: those for image_transport are for the whole in ROS 2.
fn full_name(names: &NodeNames, name: &str, suffix: &str) -> Result<String, ArgumentError> {
    let topic = names.resolve(name)?;
    if suffix.is_empty() { Ok(topic) } else { names.resolve(&format!("{topic}{suffix}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::{Remap, RosArguments};

    fn names(config: &PlannerConfig) -> Vec<String> {
        let wanted = perception(config);
        wanted.iter().map(|topic| format!("{}{}", topic.name, topic.suffix)).collect()
    }

    #[test]
    fn topics_of_a_bare_node() {
        let wanted = [
            "color/image_raw",
            "depth/image_rect_raw",
            "color/camera_info",
            "depth/camera_info",
            "/tf",
            "/tf_static",
            "detections",
        ];
        assert_eq!(names(&PlannerConfig::default()), wanted);
    }

    #[test]
    fn transports_and_named_topics() {
        let mut config = PlannerConfig {
            image_transport: ImageTransport::Compressed,
            depth_transport: ImageTransport::CompressedDepth,
            use_sim_time: true,
            ..PlannerConfig::default()
        };
        config.topics.color = Some("/cam/rgb/compressed".into());
        config.topics.detections = Some(String::new());
        let found = names(&config);
        assert_eq!(found[..2], ["/cam/rgb/compressed", "depth/image_rect_raw/compressedDepth"]);
        assert!(found.contains(&"/clock".into()) && !found.contains(&"detections".into()));
        assert_eq!(perception(&config)[1].type_name, CompressedImage::TYPE);
    }

    #[test]
    fn rules_are_for_a_topic_or_for_what_its_transport_makes_of_it() {
        let rules = [("color", "/cam/rgb"), ("depth/compressedDepth", "/cam/z16")];
        let remaps = rules.map(|(from, to)| Remap { from: from.into(), to: to.into() }).to_vec();
        let arguments = RosArguments { remaps, ..RosArguments::default() };
        let names = NodeNames::new(&arguments, "planner").unwrap();
        let full = |name, suffix| full_name(&names, name, suffix).unwrap();
        assert_eq!(full("color", "/compressed"), "/cam/rgb/compressed");
        assert_eq!(full("depth", "/compressedDepth"), "/cam/z16");
        assert_eq!(full("depth", ""), "/depth");
    }

    #[test]
    fn several_cameras_have_topics_of_their_own() {
        let cameras = vec!["front".to_owned(), "rear".to_owned()];
        let config = PlannerConfig { cameras, ..PlannerConfig::default() };
        let wanted = perception(&config);
        let of = |index: usize| (wanted[index].name.as_str(), wanted[index].camera.0);
        assert_eq!(of(0), ("front/color/image_raw", 0));
        assert_eq!(of(5), ("rear/depth/image_rect_raw", 1));
        assert_eq!((wanted[5].camera.1.as_str(), wanted.len()), ("rear", 4 + 4 + 3));
    }
}
