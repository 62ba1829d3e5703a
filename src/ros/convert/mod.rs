//! Messages to [`SensorEvent`]s, and the core's types back to messages for topics and recordings.

mod cloud;
mod detection;
mod follow;
mod geometry;
mod image;
mod legend;
mod markers;
mod object;
mod plan;
mod relation;
mod transform;

pub use cloud::{cloud_message, heat_message, map_message};
pub use detection::{detections_message, objects_message};
pub use follow::{follow_error_code, vln_action};
pub use image::{ImageMessage, camera_info_message, image_message};
pub use legend::{label_info_message, label_markers};
pub use markers::{no_markers, plan_markers};
pub use object::scene_objects_message;
pub use plan::{plan_message, plan_step_message, step_feedback};
pub use relation::relations_message;
pub use transform::tf_message;

use super::cdr::{CdrError, from_cdr};
use super::msg::{
    CameraInfo, Clock, CompressedImage, Detection3DArray, Image, Message, StringMsg, TFMessage,
};
use crate::sensing::SensorEvent;

/// Why a message cannot become an event.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConvertError {
    /// The bytes are no message of the type.
    #[error("{topic}: not a {type_name}: {source}")]
    Cdr {
        /// The topic.
        topic: String,
        /// The type it should have.
        type_name: String,
        /// What is wrong with the bytes.
        source: CdrError,
    },
    /// The topic's type does not serve the role.
    #[error("{topic}: has type {found}; as {role} it must be {wanted}")]
    WrongType {
        /// The topic.
        topic: String,
        /// What it should serve as.
        role: TopicRole,
        /// Its type.
        found: String,
        /// The types that would do.
        wanted: String,
    },
    /// The message says something that cannot be.
    #[error("{topic}: {field} {reason}")]
    Value {
        /// The topic.
        topic: String,
        /// Where in the message.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a topic is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicRole {
    /// Colour images.
    Color,
    /// Calibration of the colour camera.
    ColorInfo,
    /// Depth images.
    Depth,
    /// Calibration of the depth camera.
    DepthInfo,
    /// Moving transforms.
    Tf,
    /// Fixed transforms.
    TfStatic,
    /// Objects from a detector outside.
    Detections,
    /// Goals to plan for.
    Goal,
    /// What a person said.
    Utterance,
    /// Simulated or replayed time.
    Clock,
}

impl TopicRole {
    /// Every role.
    pub const ALL: [Self; 10] = [
        Self::Color,
        Self::ColorInfo,
        Self::Depth,
        Self::DepthInfo,
        Self::Tf,
        Self::TfStatic,
        Self::Detections,
        Self::Goal,
        Self::Utterance,
        Self::Clock,
    ];

    /// Whether each camera has a topic of its own for the role.
    pub fn is_of_camera(self) -> bool {
        matches!(self, Self::Color | Self::ColorInfo | Self::Depth | Self::DepthInfo)
    }

    /// The message types that can serve the role.
    pub fn types(self) -> &'static [&'static str] {
        match self {
            Self::Color | Self::Depth => &[Image::TYPE, CompressedImage::TYPE],
            Self::ColorInfo | Self::DepthInfo => &[CameraInfo::TYPE],
            Self::Tf | Self::TfStatic => &[TFMessage::TYPE],
            Self::Detections => &[Detection3DArray::TYPE],
            Self::Goal | Self::Utterance => &[StringMsg::TYPE],
            Self::Clock => &[Clock::TYPE],
        }
    }
}

impl std::fmt::Display for TopicRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Color => "color",
            Self::ColorInfo => "color_info",
            Self::Depth => "depth",
            Self::DepthInfo => "depth_info",
            Self::Tf => "tf",
            Self::TfStatic => "tf_static",
            Self::Detections => "detections",
            Self::Goal => "goal",
            Self::Utterance => "utterance",
            Self::Clock => "clock",
        })
    }
}

/// The event in the CDR bytes of one message of `type_name` that came on `topic`.
///
/// # Errors
///
/// When the type does not serve the role, the bytes are no such message, or the message says
/// something that cannot be (such as a box whose rotation is none). Transforms that cannot be are
/// given as they are.
pub fn decode(
    role: TopicRole,
    topic: &str,
    type_name: &str,
    cdr: &[u8],
) -> Result<SensorEvent, ConvertError> {
    if !role.types().contains(&type_name) {
        return Err(ConvertError::WrongType {
            topic: topic.to_owned(),
            role,
            found: type_name.to_owned(),
            wanted: role.types().join(" or "),
        });
    }
    Ok(match role {
        TopicRole::Color => SensorEvent::Color(image::event(topic, type_name, cdr)?),
        TopicRole::Depth => SensorEvent::Depth(image::event(topic, type_name, cdr)?),
        TopicRole::ColorInfo => {
            SensorEvent::ColorInfo(image::camera_info_event(topic, parse(topic, cdr)?))
        }
        TopicRole::DepthInfo => {
            SensorEvent::DepthInfo(image::camera_info_event(topic, parse(topic, cdr)?))
        }
        TopicRole::Tf => SensorEvent::Transforms(transform::event(parse(topic, cdr)?)),
        TopicRole::TfStatic => SensorEvent::StaticTransforms(transform::event(parse(topic, cdr)?)),
        TopicRole::Detections => {
            SensorEvent::Detections(detection::event(topic, parse(topic, cdr)?)?)
        }
        TopicRole::Goal => SensorEvent::Goal(parse::<StringMsg>(topic, cdr)?.data),
        TopicRole::Utterance => SensorEvent::Utterance(parse::<StringMsg>(topic, cdr)?.data),
        TopicRole::Clock => {
            SensorEvent::Clock { stamp_ns: parse::<Clock>(topic, cdr)?.clock.to_ns() }
        }
    })
}

fn parse<T: Message>(topic: &str, cdr: &[u8]) -> Result<T, ConvertError> {
    from_cdr(cdr).map_err(|source| ConvertError::Cdr {
        topic: topic.to_owned(),
        type_name: T::TYPE.to_owned(),
        source,
    })
}

fn value_error(topic: &str, field: impl Into<String>, reason: impl Into<String>) -> ConvertError {
    ConvertError::Value { topic: topic.to_owned(), field: field.into(), reason: reason.into() }
}

/// A frame name as tf2 takes it: without the leading slash of ROS 1.
fn frame(frame_id: String) -> String {
    frame_id.strip_prefix('/').map_or_else(|| frame_id.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::cdr::to_cdr;
    use super::super::msg::Time;
    use super::*;

    #[test]
    fn texts_and_clocks() {
        let text = to_cdr(&StringMsg { data: "tidy up".into() });
        let goal = decode(TopicRole::Goal, "/goal", StringMsg::TYPE, &text).unwrap();
        assert!(matches!(goal, SensorEvent::Goal(text) if text == "tidy up"));
        let said = decode(TopicRole::Utterance, "/say", StringMsg::TYPE, &text).unwrap();
        assert!(matches!(said, SensorEvent::Utterance(text) if text == "tidy up"));
        let clock = to_cdr(&Clock { clock: Time::from_ns(1_500_000_007) });
        let clock = decode(TopicRole::Clock, "/clock", Clock::TYPE, &clock).unwrap();
        assert!(matches!(clock, SensorEvent::Clock { stamp_ns: 1_500_000_007 }));
    }

    #[test]
    fn errors_name_topic_and_types() {
        let wrong = decode(TopicRole::Depth, "/tf", TFMessage::TYPE, &[]).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "/tf: has type tf2_msgs/msg/TFMessage; as depth it must be \
             sensor_msgs/msg/Image or sensor_msgs/msg/CompressedImage"
        );
        let short = decode(TopicRole::Goal, "/goal", StringMsg::TYPE, &[0]).unwrap_err();
        assert!(short.to_string().starts_with("/goal: not a std_msgs/msg/String: 1 bytes"));
    }
}
