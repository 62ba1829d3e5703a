//! Which topic serves which role: by type, then by name.

use super::error::BagError;
use super::reader::TopicInfo;
use super::topic_names::{
    color_rank, depth_rank, has_word, info_name, info_rank, is_of_planner, tf_rank,
};
use crate::planner::TopicConfig;
use crate::ros::TopicRole;

/// The topic the user named for `role`.
fn named(topics: &TopicConfig, role: TopicRole) -> Option<&str> {
    match role {
        TopicRole::Color => &topics.color,
        TopicRole::ColorInfo => &topics.color_info,
        TopicRole::Depth => &topics.depth,
        TopicRole::DepthInfo => &topics.depth_info,
        TopicRole::Tf => &topics.tf,
        TopicRole::TfStatic => &topics.tf_static,
        TopicRole::Detections => &topics.detections,
        TopicRole::Goal => &topics.goal,
        TopicRole::Utterance => &topics.utterance,
        TopicRole::Clock => &topics.clock,
    }
    .as_deref()
}

/// A topic chosen for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedTopic {
    /// Full name.
    pub name: String,
    /// Type.
    pub type_name: String,
}

/// The topic of each role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSelection {
    /// Colour images.
    pub color: SelectedTopic,
    /// Calibration of the colour camera.
    pub color_info: SelectedTopic,
    /// Depth images.
    pub depth: SelectedTopic,
    /// Calibration of the depth camera; the colour camera's when depth is registered to colour.
    pub depth_info: SelectedTopic,
    /// Moving transforms.
    pub tf: Option<SelectedTopic>,
    /// Fixed transforms.
    pub tf_static: Option<SelectedTopic>,
    /// Objects from a detector outside.
    pub detections: Option<SelectedTopic>,
    /// Goals to plan for.
    pub goal: Option<SelectedTopic>,
    /// What a person said.
    pub utterance: Option<SelectedTopic>,
    /// Simulated time.
    pub clock: Option<SelectedTopic>,
}

impl TopicSelection {
    /// The roles that are served, with their topics.
    pub fn iter(&self) -> impl Iterator<Item = (TopicRole, &SelectedTopic)> {
        let must = [
            (TopicRole::Color, &self.color),
            (TopicRole::ColorInfo, &self.color_info),
            (TopicRole::Depth, &self.depth),
            (TopicRole::DepthInfo, &self.depth_info),
        ];
        let may = [
            (TopicRole::Tf, &self.tf),
            (TopicRole::TfStatic, &self.tf_static),
            (TopicRole::Detections, &self.detections),
            (TopicRole::Goal, &self.goal),
            (TopicRole::Utterance, &self.utterance),
            (TopicRole::Clock, &self.clock),
        ];
        let may = may.into_iter().filter_map(|(role, topic)| Some((role, topic.as_ref()?)));
        must.into_iter().chain(may)
    }
}

/// Chooses the topic of each role: what the user named, else what type and name say.
///
/// # Errors
///
/// When a needed role (colour, depth, their calibrations, any transforms) has no topic, several
/// topics fit equally well, or a named topic is missing, of the wrong type or not CDR.
pub fn select(topics: &[TopicInfo], overrides: &TopicConfig) -> Result<TopicSelection, BagError> {
    let choose = Chooser { topics, overrides };
    let color = choose.needed(TopicRole::Color, "with color or rgb in its name", color_rank)?;
    let depth = choose.needed(TopicRole::Depth, "with depth in its name", depth_rank)?;
    let color_info = choose.needed(
        TopicRole::ColorInfo,
        &format!("such as {}", info_name(&color.name)),
        |name| info_rank(&color.name, name, None),
    )?;
    let depth_info = choose.needed(
        TopicRole::DepthInfo,
        &format!("such as {}", info_name(&depth.name)),
        |name| info_rank(&depth.name, name, Some(&color_info.name)),
    )?;
    let tf = choose.optional(TopicRole::Tf, |name| tf_rank(name, "tf"))?;
    let tf_static = choose.optional(TopicRole::TfStatic, |name| tf_rank(name, "tf_static"))?;
    if tf.is_none() && tf_static.is_none() {
        return Err(choose.none(TopicRole::Tf, "named /tf or /tf_static"));
    }
    Ok(TopicSelection {
        tf,
        tf_static,
        detections: choose
            .optional(TopicRole::Detections, |name| (!is_of_planner(name)).then_some(0))?,
        goal: choose.optional(TopicRole::Goal, |name| has_word(name, &["goal"]).then_some(0))?,
        utterance: choose.optional(TopicRole::Utterance, |name| {
            let is_speech = has_word(name, &["utterance", "speech", "said", "dialogue"]);
            (is_speech && !has_word(name, &["out"])).then_some(0)
        })?,
        clock: choose.optional(TopicRole::Clock, |_| Some(0))?,
        color,
        color_info,
        depth,
        depth_info,
    })
}

struct Chooser<'a> {
    topics: &'a [TopicInfo],
    overrides: &'a TopicConfig,
}

impl Chooser<'_> {
    fn needed(
        &self,
        role: TopicRole,
        names: &str,
        rank: impl Fn(&str) -> Option<u32>,
    ) -> Result<SelectedTopic, BagError> {
        self.optional(role, rank)?.ok_or_else(|| self.none(role, names))
    }

    /// The topic of lowest rank among those of a right type that have messages.
    fn optional(
        &self,
        role: TopicRole,
        rank: impl Fn(&str) -> Option<u32>,
    ) -> Result<Option<SelectedTopic>, BagError> {
        let found = match named(self.overrides, role) {
            Some("") => return Ok(None),
            Some(name) => Some(self.named(role, name)?),
            None => self.ranked(role, rank)?,
        };
        let Some(topic) = found else { return Ok(None) };
        if topic.serialization_format != "cdr" {
            return Err(BagError::Serialization {
                topic: topic.name.clone(),
                found: topic.serialization_format.clone(),
            });
        }
        let (name, type_name) = (topic.name.clone(), topic.type_name.clone());
        Ok(Some(SelectedTopic { name, type_name }))
    }

    fn named(&self, role: TopicRole, name: &str) -> Result<&TopicInfo, BagError> {
        let topic = self
            .topics
            .iter()
            .find(|topic| topic.name == name)
            .ok_or_else(|| self.none(role, &format!("named {name}")))?;
        if !role.types().contains(&topic.type_name.as_str()) {
            return Err(BagError::WrongType {
                role,
                topic: name.to_owned(),
                found: topic.type_name.clone(),
                wanted: role.types().join(" or "),
            });
        }
        Ok(topic)
    }

    fn ranked(
        &self,
        role: TopicRole,
        rank: impl Fn(&str) -> Option<u32>,
    ) -> Result<Option<&TopicInfo>, BagError> {
        let candidates: Vec<_> = self
            .topics
            .iter()
            .filter(|topic| role.types().contains(&topic.type_name.as_str()))
            .filter(|topic| topic.message_count != Some(0))
            .filter_map(|topic| Some((rank(&topic.name)?, topic)))
            .collect();
        let best = candidates.iter().map(|(rank, _)| *rank).min();
        let mut equals = candidates.iter().filter(|(rank, _)| Some(*rank) == best);
        let first = equals.next().map(|(_, topic)| *topic);
        if equals.next().is_some() {
            let names: Vec<_> = candidates
                .iter()
                .filter(|(rank, _)| Some(*rank) == best)
                .map(|(_, topic)| topic.name.as_str())
                .collect();
            return Err(BagError::Ambiguous { role, candidates: names.join(", ") });
        }
        Ok(first)
    }

    fn none(&self, role: TopicRole, names: &str) -> BagError {
        let topics: Vec<_> = self
            .topics
            .iter()
            .map(|topic| match topic.message_count {
                Some(0) => format!("{} ({}, empty)", topic.name, topic.type_name),
                _ => format!("{} ({})", topic.name, topic.type_name),
            })
            .collect();
        BagError::NoTopic {
            role,
            wanted: format!("{}, {names}", role.types().join(" or ")),
            available: if topics.is_empty() { "no topics".into() } else { topics.join(", ") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, kind: &str) -> TopicInfo {
        let type_name = match kind {
            "i" => "sensor_msgs/msg/Image",
            "c" => "sensor_msgs/msg/CompressedImage",
            "k" => "sensor_msgs/msg/CameraInfo",
            "t" => "tf2_msgs/msg/TFMessage",
            "d" => "vision_msgs/msg/Detection3DArray",
            _ => "std_msgs/msg/String",
        };
        TopicInfo {
            name: name.into(),
            type_name: type_name.into(),
            message_count: Some(3),
            serialization_format: "cdr".into(),
        }
    }

    fn realsense() -> Vec<TopicInfo> {
        vec![
            topic("/camera/color/image_raw", "i"),
            topic("/camera/color/image_raw/compressed", "c"),
            topic("/camera/color/camera_info", "k"),
            topic("/camera/depth/image_rect_raw", "i"),
            topic("/camera/depth/camera_info", "k"),
            topic("/camera/infra1/image_rect_raw", "i"),
            topic("/camera/aligned_depth_to_color/image_raw", "i"),
            topic("/camera/aligned_depth_to_color/camera_info", "k"),
            topic("/camera/aligned_depth_to_color/image_raw/compressedDepth", "c"),
            topic("/tf", "t"),
            topic("/robot/tf", "t"),
            topic("/tf_static", "t"),
            topic("/objects", "d"),
            topic("/planner/goal", "s"),
            topic("/rosout_text", "s"),
        ]
    }

    fn chosen(topics: &[TopicInfo]) -> Vec<String> {
        let selection = select(topics, &TopicConfig::default()).unwrap();
        selection.iter().map(|(role, topic)| format!("{role} {}", topic.name)).collect()
    }

    #[test]
    fn a_realsense_with_everything() {
        assert_eq!(
            chosen(&realsense()),
            [
                "color /camera/color/image_raw",
                "color_info /camera/color/camera_info",
                "depth /camera/aligned_depth_to_color/image_raw",
                "depth_info /camera/aligned_depth_to_color/camera_info",
                "tf /tf",
                "tf_static /tf_static",
                "detections /objects",
                "goal /planner/goal",
            ]
        );
    }

    #[test]
    fn an_azure_kinect_with_everything() {
        let cameras = ["rgb", "depth", "depth_to_rgb", "rgb_to_depth", "ir"];
        let mut topics = vec![topic("/tf_static", "t")];
        for camera in cameras {
            topics.push(topic(&format!("/{camera}/image_raw"), "i"));
            topics.push(topic(&format!("/{camera}/camera_info"), "k"));
        }
        assert_eq!(
            chosen(&topics),
            [
                "color /rgb/image_raw",
                "color_info /rgb/camera_info",
                "depth /depth_to_rgb/image_raw",
                "depth_info /depth_to_rgb/camera_info",
                "tf_static /tf_static",
            ]
        );
    }

    #[test]
    fn what_the_planner_said_while_it_was_recorded_is_no_input() {
        let mut topics = realsense();
        topics.retain(|topic| topic.name != "/planner/goal");
        for (name, kind) in
            [("objects", "d"), ("goal", "s"), ("dialogue/in", "s"), ("dialogue/out", "s")]
        {
            topics.push(topic(&format!("/robot/scenellm_planner/{name}"), kind));
        }
        let with_detector = chosen(&topics);
        for wanted in [
            "detections /objects",
            "goal /robot/scenellm_planner/goal",
            "utterance /robot/scenellm_planner/dialogue/in",
        ] {
            assert!(with_detector.iter().any(|one| one == wanted), "{with_detector:?}");
        }
        topics.retain(|topic| topic.name != "/objects");
        assert_eq!(select(&topics, &TopicConfig::default()).unwrap().detections, None);
    }

    #[test]
    fn registered_depth_borrows_the_colour_calibration() {
        let topics = [
            topic("/camera/color/image_raw/compressed", "c"),
            topic("/camera/color/camera_info", "k"),
            topic("/camera/aligned_depth_to_color/image_raw/compressedDepth", "c"),
            topic("/tf", "t"),
        ];
        assert!(chosen(&topics).contains(&"depth_info /camera/color/camera_info".to_owned()));
        let mut own_view = topics.to_vec();
        own_view[2] = topic("/camera/depth/image_raw", "i");
        let error = select(&own_view, &TopicConfig::default()).unwrap_err().to_string();
        assert!(error.contains("no topic for depth_info"), "{error}");
        assert!(error.contains("sensor_msgs/msg/CameraInfo, such as /camera/depth/camera_info"));
    }

    #[test]
    fn two_cameras_are_ambiguous_until_one_is_named() {
        let topics = [
            topic("/left/rgb/image_raw", "i"),
            topic("/left/rgb/camera_info", "k"),
            topic("/right/rgb/image_raw", "i"),
            topic("/right/rgb/camera_info", "k"),
            topic("/left/depth/image_raw", "i"),
            topic("/left/depth/camera_info", "k"),
            topic("/tf_static", "t"),
        ];
        let error = select(&topics, &TopicConfig::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            "several topics could be color: /left/rgb/image_raw, /right/rgb/image_raw. \
             Name one of them"
        );
        let named =
            TopicConfig { color: Some("/right/rgb/image_raw".into()), ..Default::default() };
        let selection = select(&topics, &named).unwrap();
        assert_eq!(selection.color_info.name, "/right/rgb/camera_info");
        assert_eq!(selection.tf, None);
    }

    #[test]
    fn errors_name_topic_found_and_wanted() {
        let named = |color: &str| TopicConfig { color: Some(color.into()), ..Default::default() };
        let wrong = select(&realsense(), &named("/tf")).unwrap_err().to_string();
        assert_eq!(
            wrong,
            "/tf has type tf2_msgs/msg/TFMessage; as color it must be \
             sensor_msgs/msg/Image or sensor_msgs/msg/CompressedImage"
        );
        let missing = select(&realsense(), &named("/nope")).unwrap_err().to_string();
        assert!(missing.contains("named /nope; the bag has /camera/color/image_raw (sensor_msgs"));
        let without_tf: Vec<_> =
            realsense().into_iter().filter(|t| !t.name.contains("tf")).collect();
        let missing = select(&without_tf, &TopicConfig::default()).unwrap_err().to_string();
        assert!(missing.contains("no topic for tf: wanted one of type tf2_msgs/msg/TFMessage"));
        let mut foreign = realsense();
        foreign[0].serialization_format = "protobuf".into();
        let foreign = select(&foreign, &TopicConfig::default()).unwrap_err().to_string();
        assert!(foreign.contains("\"protobuf\""), "{foreign}");
    }

    #[test]
    fn an_optional_role_can_be_left_out() {
        let none = TopicConfig { detections: Some(String::new()), ..Default::default() };
        assert_eq!(select(&realsense(), &none).unwrap().detections, None);
    }

    #[test]
    fn empty_topics_do_not_serve() {
        let mut topics = realsense();
        topics[6].message_count = Some(0);
        let selection = select(&topics, &TopicConfig::default()).unwrap();
        assert_eq!(
            selection.depth.name,
            "/camera/aligned_depth_to_color/image_raw/compressedDepth"
        );
    }
}
