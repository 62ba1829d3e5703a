//! What the names of topics tell: ranks, the lowest first, by the habits of ROS drivers.

use crate::planner::NODE_NAME;

/// Whether one of the words of a topic name (between `/` and `_`) is in `words`.
pub(super) fn has_word(name: &str, words: &[&str]) -> bool {
    name.to_lowercase().split(['/', '_', '-']).any(|word| words.contains(&word))
}

const DEPTH_WORDS: [&str; 2] = ["depth", "compresseddepth"];
const COLOR_WORDS: [&str; 4] = ["color", "colour", "rgb", "bgr"];
/// Images that are neither colour nor depth.
const OTHER_WORDS: [&str; 15] = [
    "ir",
    "infra",
    "infra1",
    "infra2",
    "infrared",
    "mask",
    "segmentation",
    "semantic",
    "label",
    "labels",
    "confidence",
    "disparity",
    "normals",
    "theora",
    "debug",
];

/// The image's own topic and how it is transported: 0 for raw.
fn transport<'n>(name: &'n str, order: [&str; 2]) -> (&'n str, u32) {
    for (rank, suffix) in (1..).zip(order) {
        if let Some(base) = name.strip_suffix(suffix) {
            return (base, rank);
        }
    }
    (name, 0)
}

/// Colour: names with a colour word before any other image; raw before compressed.
pub(super) fn color_rank(name: &str) -> Option<u32> {
    if has_word(name, &DEPTH_WORDS) || has_word(name, &OTHER_WORDS) {
        return None;
    }
    let (base, transported) = transport(name, ["/compressed", "/compressed"]);
    let named = if has_word(base, &COLOR_WORDS) { 0 } else { 20 };
    Some(named + 4 * processed(base) + transported)
}

/// Depth: registered to colour before the depth camera's own view; lossless before JPEG. Colour in the
/// depth camera's view is none.
pub(super) fn depth_rank(name: &str) -> Option<u32> {
    if !has_word(name, &DEPTH_WORDS)
        || has_word(name, &OTHER_WORDS)
        || name.contains("color_to_depth")
        || name.contains("rgb_to_depth")
    {
        return None;
    }
    let (base, transported) = transport(name, ["/compressedDepth", "/compressed"]);
    let own_view = if is_registered(base) { 0 } else { 20 };
    Some(own_view + 4 * processed(base) + transported)
}

/// What drivers publish beside their plain images: the raw image fits its calibration as it is.
fn processed(base: &str) -> u32 {
    match base.rsplit('/').next() {
        Some("image_raw" | "image") => 0,
        Some("image_rect" | "image_rect_raw" | "image_rect_color") => 1,
        _ => 2,
    }
}

/// Whether depth stands in the colour camera's view.
fn is_registered(name: &str) -> bool {
    has_word(name, &["aligned", "registered"])
        || name.contains("depth_to_color")
        || name.contains("depth_to_rgb")
}

/// The calibration that belongs to an image: in the same namespace.
pub(super) fn info_name(image: &str) -> String {
    let base = transport(image, ["/compressedDepth", "/compressed"]).0;
    let namespace = base.rsplit_once('/').map_or("", |(namespace, _)| namespace);
    format!("{namespace}/camera_info")
}

/// The calibration of `image`: its own, else for depth that is registered to colour the colour
/// camera's (`color_info`).
pub(super) fn info_rank(image: &str, name: &str, color_info: Option<&str>) -> Option<u32> {
    if name == info_name(image) {
        Some(0)
    } else if color_info == Some(name) && is_registered(image) {
        Some(1)
    } else {
        None
    }
}

/// Whether the planner itself has published the topic: a bag that was recorded while it ran has what it
/// made of the sensors beside them.
pub(super) fn is_of_planner(name: &str) -> bool {
    name.split('/').any(|part| part == NODE_NAME)
}

/// `/tf` itself before a robot's own `/robot/tf`.
pub(super) fn tf_rank(name: &str, wanted: &str) -> Option<u32> {
    let name = name.strip_prefix('/').unwrap_or(name);
    match name.rsplit('/').next() {
        Some(last) if last == wanted => Some(u32::from(name != wanted)),
        _ => None,
    }
}
