//! Which topics serve each of several cameras.

use super::error::BagError;
use super::reader::TopicInfo;
use super::topics::{TopicSelection, select};
use crate::planner::{Camera, PlannerConfig, TopicConfig};
use crate::ros::TopicRole;
use crate::ros::msg::{CameraInfo, CompressedImage, Image, Message};

/// The topics of each camera of `config`, in its order. Those that no camera has for its own, such
/// as transforms, are the same in all.
///
/// # Errors
///
/// As [`select`], for the first camera that lacks a topic; where it has a name, with it.
pub fn select_cameras(
    topics: &[TopicInfo],
    config: &PlannerConfig,
) -> Result<Vec<TopicSelection>, BagError> {
    let of = |camera: &Camera| {
        let (of_camera, named) = camera_topics(topics, config, camera);
        select(&of_camera, &named).map_err(|error| told_of(camera, topics, error))
    };
    config.cameras().iter().map(of).collect()
}

/// `error` with the name of the camera, where it lacks images or calibrations: what has another name
/// before it was left out of the search, yet it is among what the bag has, and is what to choose from.
fn told_of(camera: &Camera, topics: &[TopicInfo], error: BagError) -> BagError {
    let BagError::NoTopic { role, wanted, available } = error else { return error };
    let given = match role {
        TopicRole::Color => &camera.color,
        TopicRole::ColorInfo => &camera.color_info,
        TopicRole::Depth => &camera.depth,
        TopicRole::DepthInfo => &camera.depth_info,
        _ => return BagError::NoTopic { role, wanted, available },
    };
    let name = &camera.name;
    if name.is_empty() {
        return BagError::NoTopic { role, wanted, available };
    }
    let wanted = match given {
        Some(_) => format!("{wanted}, for the camera {name}"),
        None => format!("{wanted}, for the camera {name}: with {name} as a part of its path"),
    };
    let fits = |topic: &&TopicInfo| role.types().contains(&topic.type_name.as_str());
    let fitting: Vec<_> = topics
        .iter()
        .filter(fits)
        .map(|topic| match topic.message_count {
            Some(0) => format!("{} ({}, empty)", topic.name, topic.type_name),
            _ => format!("{} ({})", topic.name, topic.type_name),
        })
        .collect();
    let available =
        if fitting.is_empty() { "no topic of such a type".to_owned() } else { fitting.join(", ") };
    BagError::NoTopic { role, wanted, available }
}

/// The topics that may serve `camera`, and those that were named for it: of a camera with a name,
/// images that were not named are looked for among those with its name before them.
pub(crate) fn camera_topics(
    topics: &[TopicInfo],
    config: &PlannerConfig,
    camera: &Camera,
) -> (Vec<TopicInfo>, TopicConfig) {
    let is_there = |name: &str| topics.iter().any(|topic| topic.name == name);
    // On a graph a name stands for what its transport makes of it.
    let named = |name: &Option<String>, suffix: &str| {
        let name = name.clone()?;
        let transported = format!("{name}{suffix}");
        Some(if is_there(&transported) { transported } else { name })
    };
    let named = TopicConfig {
        color: named(&camera.color, camera.image_transport.suffix()),
        color_info: camera.color_info.clone(),
        depth: named(&camera.depth, camera.depth_transport.suffix()),
        depth_info: camera.depth_info.clone(),
        ..config.topics.clone()
    };
    if camera.name.is_empty() {
        return (topics.to_vec(), named);
    }
    let given = [&named.color, &named.color_info, &named.depth, &named.depth_info];
    let of_cameras = [Image::TYPE, CompressedImage::TYPE, CameraInfo::TYPE];
    let may_serve = |topic: &&TopicInfo| {
        !of_cameras.contains(&topic.type_name.as_str())
            || topic.name.split('/').any(|part| part == camera.name)
            || given.iter().any(|name| name.as_ref() == Some(&topic.name))
    };
    (topics.iter().filter(may_serve).cloned().collect(), named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Vec<TopicInfo> {
        let topic = |name: &str, type_name: &str| TopicInfo {
            name: name.into(),
            type_name: type_name.into(),
            message_count: Some(3),
            serialization_format: "cdr".into(),
        };
        let mut topics = vec![topic("/tf", "tf2_msgs/msg/TFMessage")];
        for base in ["/front", "/rear", "/arm/eye"] {
            topics.extend([
                topic(&format!("{base}/color/image_raw/compressed"), CompressedImage::TYPE),
                topic(&format!("{base}/color/camera_info"), CameraInfo::TYPE),
                topic(&format!("{base}/depth/image_rect_raw"), Image::TYPE),
                topic(&format!("{base}/depth/camera_info"), CameraInfo::TYPE),
            ]);
        }
        topics
    }

    fn chosen(parameters: &str) -> Result<Vec<TopicSelection>, String> {
        let text = format!("scenellm_planner: {{ros__parameters: {parameters}}}");
        let config = PlannerConfig::parse(&text, "mine.yaml").unwrap();
        select_cameras(&topics(), &config).map_err(|error| error.to_string())
    }

    #[test]
    fn each_camera_has_its_topics_by_name_or_by_parameter() {
        let cameras = chosen(
            "{cameras: [front, hand], camera: {hand: {
                color: /arm/eye/color/image_raw, image_transport: compressed,
                color_info: /arm/eye/color/camera_info, depth: /arm/eye/depth/image_rect_raw,
                depth_info: /arm/eye/depth/camera_info}}}",
        )
        .unwrap();
        assert_eq!(cameras[0].color.name, "/front/color/image_raw/compressed");
        assert_eq!(cameras[0].depth_info.name, "/front/depth/camera_info");
        assert_eq!(cameras[1].color.name, "/arm/eye/color/image_raw/compressed");
        assert!(cameras.iter().all(|camera| camera.tf.as_ref().unwrap().name == "/tf"));
    }

    #[test]
    fn the_only_camera_travels_as_the_transports_say() {
        let named = |more: &str| {
            chosen(&format!(
                "{{topics: {{color: /front/color/image_raw, depth: /front/depth/image_rect_raw}}, \
                 {more}}}"
            ))
        };
        let cameras =
            named("image_transport: compressed, depth_transport: compressedDepth").unwrap();
        let [only] = &cameras[..] else { panic!("{cameras:?}") };
        assert_eq!(only.color.name, "/front/color/image_raw/compressed");
        assert_eq!(only.color_info.name, "/front/color/camera_info");
        // Recorded raw, whatever the node was told.
        assert_eq!(only.depth.name, "/front/depth/image_rect_raw");
        let error = named("image_transport: raw").unwrap_err();
        assert!(error.contains("named /front/color/image_raw; the bag has"), "{error}");
    }

    #[test]
    fn a_camera_that_is_not_there_is_told() {
        let error = chosen("{cameras: [front, left]}").unwrap_err();
        assert!(error.contains("no topic for color"), "{error}");
        assert!(error.contains("for the camera left: with left as a part of its path"), "{error}");
        for base in ["/front", "/rear", "/arm/eye"] {
            let image = format!("{base}/color/image_raw/compressed ({})", CompressedImage::TYPE);
            assert!(error.contains(&image), "{error}");
        }
        assert!(!error.contains("/tf") && !error.contains(CameraInfo::TYPE), "{error}");
        let error = chosen("{cameras: [left], camera: {left: {color: /nope}}}").unwrap_err();
        assert!(error.contains("named /nope, for the camera left; the bag has"), "{error}");
    }
}
