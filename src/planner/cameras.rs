//! One camera, or several by name. All feed the same map.

use super::{ImageTransport, PlannerConfig};
use serde::{Deserialize, Serialize};

/// Most cameras.
const MAX_CAMERAS: usize = 16;

/// What the parameters `camera.NAME` say of a camera; what is left out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraConfig {
    /// Colour images; `NAME/color/image_raw` unless given.
    pub color: Option<String>,
    /// Their calibration; `NAME/color/camera_info` unless given.
    pub color_info: Option<String>,
    /// Depth images; `NAME/depth/image_rect_raw` unless given.
    pub depth: Option<String>,
    /// Their calibration; `NAME/depth/camera_info` unless given.
    pub depth_info: Option<String>,
    /// How colour images travel; as `image_transport` says unless given.
    pub image_transport: Option<ImageTransport>,
    /// How depth images travel; as `depth_transport` says unless given.
    pub depth_transport: Option<ImageTransport>,
}

/// A camera with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Its name; empty for the only one.
    pub name: String,
    /// Topic of its colour images, where it was named.
    pub color: Option<String>,
    /// Topic of their calibration, where it was named.
    pub color_info: Option<String>,
    /// Topic of its depth images, where it was named.
    pub depth: Option<String>,
    /// Topic of their calibration, where it was named.
    pub depth_info: Option<String>,
    /// How its colour images travel.
    pub image_transport: ImageTransport,
    /// How its depth images travel.
    pub depth_transport: ImageTransport,
}

impl Camera {
    /// What stands before the topics that were not named: nothing, or such as `front/`.
    pub fn prefix(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}/", self.name) }
    }
}

impl PlannerConfig {
    /// The cameras: those of the parameter `cameras`, or the only one, whose topics are `topics`.
    pub fn cameras(&self) -> Vec<Camera> {
        if self.cameras.is_empty() {
            let topics = self.topics.clone();
            return vec![Camera {
                name: String::new(),
                color: topics.color,
                color_info: topics.color_info,
                depth: topics.depth,
                depth_info: topics.depth_info,
                image_transport: self.image_transport,
                depth_transport: self.depth_transport,
            }];
        }
        let camera = |name: &String| {
            let given = self.camera.get(name).cloned().unwrap_or_default();
            Camera {
                name: name.clone(),
                color: given.color,
                color_info: given.color_info,
                depth: given.depth,
                depth_info: given.depth_info,
                image_transport: given.image_transport.unwrap_or(self.image_transport),
                depth_transport: given.depth_transport.unwrap_or(self.depth_transport),
            }
        };
        self.cameras.iter().map(camera).collect()
    }

    /// The first setting of a camera that cannot be used, and why.
    pub(super) fn camera_fault(&self) -> Option<String> {
        let names = &self.cameras;
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if names.len() > MAX_CAMERAS {
            return Some(format!("cameras: more than {MAX_CAMERAS}"));
        }
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Some(format!(
                "cameras: {name:?} is no name: letters, digits and _ are allowed"
            ));
        }
        if let Some((_, name)) =
            names.iter().enumerate().find(|(index, name)| names[..*index].contains(name))
        {
            return Some(format!("cameras: {name} stands there twice"));
        }
        if let Some(name) = self.camera.keys().find(|name| !names.contains(name)) {
            return Some(format!("camera.{name}: the list cameras does not name it"));
        }
        let topics = &self.topics;
        let of_one = [
            ("color", &topics.color),
            ("color_info", &topics.color_info),
            ("depth", &topics.depth),
            ("depth_info", &topics.depth_info),
        ];
        if let (Some(first), Some((role, _))) =
            (names.first(), of_one.iter().find(|(_, topic)| topic.is_some()))
        {
            return Some(format!("topics.{role}: with cameras, give it as camera.{first}.{role}"));
        }
        let transports = std::iter::once(("image_transport".to_owned(), self.image_transport));
        let own = self.cameras().into_iter().map(|camera| {
            (format!("camera.{}.image_transport", camera.name), camera.image_transport)
        });
        let bad = transports.chain(own).find(|(_, used)| *used == ImageTransport::CompressedDepth);
        bad.map(|(name, _)| format!("{name} must be raw or compressed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &str) -> Result<PlannerConfig, String> {
        let text = format!("scenellm_planner: {{ros__parameters: {parameters}}}");
        PlannerConfig::parse(&text, "mine.yaml").map_err(|error| error.to_string())
    }

    #[test]
    fn one_camera_needs_no_name() {
        let cameras =
            parse("{topics: {color: /rgb}, image_transport: compressed}").unwrap().cameras();
        let [only] = &cameras[..] else { panic!("{cameras:?}") };
        assert_eq!((only.prefix().as_str(), only.color.as_deref()), ("", Some("/rgb")));
        assert_eq!(only.image_transport, ImageTransport::Compressed);
    }

    #[test]
    fn several_have_their_own_topics_and_transports() {
        let config = parse(
            "{cameras: [front, rear], image_transport: compressed,
              camera: {rear: {color: /back/rgb, image_transport: raw}}}",
        );
        let cameras = config.unwrap().cameras();
        assert_eq!(cameras[0].prefix(), "front/");
        assert_eq!(
            (&cameras[0].color, cameras[0].image_transport),
            (&None, ImageTransport::Compressed)
        );
        assert_eq!(cameras[1].color.as_deref(), Some("/back/rgb"));
        assert_eq!(cameras[1].image_transport, ImageTransport::Raw);
    }

    #[test]
    fn faults_are_named() {
        let fault = |parameters: &str| parse(parameters).unwrap_err();
        assert!(fault("{cameras: [a-b]}").contains("\"a-b\" is no name"));
        assert!(fault("{cameras: [a, a]}").contains("a stands there twice"));
        assert!(fault("{cameras: [a], camera: {b: {color: /rgb}}}").contains("camera.b"));
        assert!(fault("{cameras: [a], topics: {color: /rgb}}").contains("camera.a.color"));
        assert!(fault("{cameras: [a], camera: {a: {speed: 1}}}").contains("speed"));
        let wrong = "{cameras: [a], camera: {a: {image_transport: compressedDepth}}}";
        assert!(fault(wrong).contains("camera.a.image_transport must be raw or compressed"));
    }
}
