//! The topics the node listens to: which they are, and what went wrong on each.

use super::NodeError;
use super::inbox::{Inbox, TopicIndex};
use crate::planner::{ImageTransport, PlannerConfig, TopicConfig};
use crate::ros::msg::{CompressedImage, Image, Message, StepFeedback, StringMsg};
use crate::ros::qos::{self, Qos};
use crate::ros::transport::Transport;
use crate::ros::{NodeNames, TopicRole};
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
    /// Name to resolve.
    name: String,
    /// What stands behind the resolved name, as `image_transport` has it.
    suffix: &'static str,
    type_name: &'static str,
    qos: Qos,
    depth: usize,
}

/// Topics of perception.
fn perception(config: &PlannerConfig) -> Vec<Wanted> {
    let topics = &config.topics;
    let image = |role, named: &Option<String>, base: &str, transport: ImageTransport| {
        let type_name = match transport {
            ImageTransport::Raw => Image::TYPE,
            ImageTransport::Compressed | ImageTransport::CompressedDepth => CompressedImage::TYPE,
        };
        let base = named.as_deref().unwrap_or(base);
        let suffix = transport.suffix();
        // Who names the compressed topic itself means that one.
        let name = base.strip_suffix(suffix).unwrap_or(base).to_owned();
        Wanted { used: Use::Event(role), name, suffix, type_name, qos: qos::SENSOR, depth: 4 }
    };
    let other = |role: TopicRole, named: &Option<String>, base: &str, qos, depth| {
        let name = named.as_deref().unwrap_or(base).to_owned();
        Wanted { used: Use::Event(role), name, suffix: "", type_name: role.types()[0], qos, depth }
    };
    let TopicConfig { color, color_info, depth, depth_info, tf, tf_static, .. } = topics;
    let mut wanted = vec![
        image(TopicRole::Color, color, "color/image_raw", config.image_transport),
        image(TopicRole::Depth, depth, "depth/image_rect_raw", config.depth_transport),
        other(TopicRole::ColorInfo, color_info, "color/camera_info", qos::SENSOR, 1),
        other(TopicRole::DepthInfo, depth_info, "depth/camera_info", qos::SENSOR, 1),
        other(TopicRole::Tf, tf, "/tf", qos::TF, 1000),
        other(TopicRole::TfStatic, tf_static, "/tf_static", qos::TF_STATIC, 100),
        other(TopicRole::Detections, &topics.detections, "detections", qos::EVENT, 10),
    ];
    if config.use_sim_time {
        wanted.push(other(TopicRole::Clock, &topics.clock, "/clock", qos::CLOCK, 1));
    }
    // An empty name leaves an optional role unserved.
    wanted.retain(|topic| !topic.name.is_empty());
    wanted
}

/// Topics of goals, words and outcomes.
fn desk(config: &PlannerConfig) -> Vec<Wanted> {
    let text = |role, named: &Option<String>, base: &str| Wanted {
        used: Use::Event(role),
        name: named.as_deref().unwrap_or(base).to_owned(),
        suffix: "",
        type_name: StringMsg::TYPE,
        qos: qos::EVENT,
        depth: 10,
    };
    vec![
        text(TopicRole::Goal, &config.topics.goal, "~/goal"),
        text(TopicRole::Utterance, &config.topics.utterance, "~/dialogue/in"),
        Wanted {
            used: Use::StepFeedback,
            name: "~/step_feedback".into(),
            suffix: "",
            type_name: StepFeedback::TYPE,
            qos: qos::EVENT,
            depth: 10,
        },
        Wanted {
            used: Use::Instruction,
            name: "~/instruction".into(),
            suffix: "",
            type_name: StringMsg::TYPE,
            qos: qos::EVENT,
            depth: 10,
        },
    ]
}

/// Listens to the topics of perception; their messages go to `inbox`.
pub fn open_perception<R: Send + 'static>(
    config: &PlannerConfig,
    names: &NodeNames,
    transport: &dyn Transport,
    inbox: &Arc<Inbox<R>>,
) -> Result<Vec<Arc<Input>>, NodeError> {
    open(perception(config), names, transport, inbox)
}

/// Listens to goals, words and outcomes; their messages go to `inbox`.
pub fn open_desk<R: Send + 'static>(
    config: &PlannerConfig,
    names: &NodeNames,
    transport: &dyn Transport,
    inbox: &Arc<Inbox<R>>,
) -> Result<Vec<Arc<Input>>, NodeError> {
    open(desk(config), names, transport, inbox)
}

fn open<R: Send + 'static>(
    wanted: Vec<Wanted>,
    names: &NodeNames,
    transport: &dyn Transport,
    inbox: &Arc<Inbox<R>>,
) -> Result<Vec<Arc<Input>>, NodeError> {
    let mut inputs = Vec::new();
    for Wanted { used, name, suffix, type_name, qos, depth } in wanted {
        let topic = format!("{}{suffix}", names.resolve(&name)?);
        let index = inbox.add_topic(depth);
        let into = Arc::clone(inbox);
        transport.subscribe(&topic, type_name, qos, Box::new(move |cdr| into.put(index, cdr)))?;
        inputs.push(Arc::new(Input {
            used,
            topic,
            type_name,
            qos,
            index,
            malformed: AtomicU64::new(0),
            last_fault: Mutex::default(),
        }));
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
