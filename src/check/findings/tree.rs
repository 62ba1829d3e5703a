//! What is wrong with the tree of frames.

use super::super::TransformCheck;
use super::super::facts::root_of;
use super::super::pass::{Pass, bare};
use super::Findings;
use nalgebra::Vector3;

/// Share of a camera's axis along the vertical from which on it looks up.
const UPWARDS: f64 = 0.8;

/// Frames: what is not named, not connected.
pub(super) fn tree(pass: &Pass<'_>, check: &TransformCheck, findings: &mut Findings) {
    let Some(color) = &pass.first_color else { return };
    let (world, optical) = (check.world_frame.as_str(), bare(&color.frame_id));
    if optical.is_empty() {
        let what = format!("images on {} name no frame", color.topic);
        findings.error(&color.topic, what, "set header.frame_id in the camera driver");
        return;
    }
    connection(check, world, optical, findings);
    if let Some(depth) = &pass.first_depth
        && bare(&depth.frame_id) != optical
    {
        connection(check, optical, bare(&depth.frame_id), findings);
    }
}

/// Axes: a camera that looks at the ceiling. More likely its frame is that of the body, x forward and z
/// up, as simulators stamp their images with; the map would lie on its side.
pub(super) fn axes(pass: &Pass<'_>, check: &TransformCheck, findings: &mut Findings) {
    let (Some(frame), Some(optical)) = (&pass.first_frame, &check.optical_frame) else { return };
    let ahead = frame.world_T_camera.rotation * Vector3::z();
    if ahead.z > UPWARDS {
        let what = format!("the camera looks up by frame {optical:?} in {:?}", check.world_frame);
        let advice = "unless it does, stamp the images with an optical frame (z forward, x right, y \
                      down: REP 103), in a world with z up";
        findings.warning(optical, what, advice);
    }
}

/// Says what is missing between two frames.
fn connection(check: &TransformCheck, target: &str, source: &str, findings: &mut Findings) {
    if target == source {
        return;
    }
    let between = format!("{target} <- {source}");
    let roots = check.roots.join(", ");
    if check.edges.is_empty() {
        let what = format!(
            "no transforms between {target:?} and {source:?}: the bag has no transform at all"
        );
        return findings.error(&between, what, "record /tf and /tf_static with the images");
    }
    match (root_of(&check.edges, target), root_of(&check.edges, source)) {
        (Some(a), Some(b)) if a == b => {}
        (Some(a), Some(b)) => {
            let what = format!(
                "no transforms between {target:?} and {source:?}: they stand in two trees, under \
                 {a:?} and {b:?}"
            );
            let advice = format!(
                "record the transform that joins {a:?} and {b:?} (localisation, odometry, or \
                 robot_state_publisher)"
            );
            findings.error(&between, what, advice);
        }
        (None, _) if target == check.world_frame => {
            let what = format!(
                "no transforms between {target:?} and {source:?}: no transform names {target:?}"
            );
            let advice = format!(
                "set sensing.world_frame (--world-frame) to a root of the tree: {roots}; or record \
                 the localisation that publishes {target:?}"
            );
            findings.error(&between, what, advice);
        }
        (None, _) | (_, None) => {
            let missing = if root_of(&check.edges, source).is_none() { source } else { target };
            let what = format!(
                "no transforms between {target:?} and {source:?}: no transform names {missing:?}"
            );
            let advice = format!(
                "record /tf_static; the camera driver or robot_state_publisher must publish \
                 {missing:?} (roots of the tree: {roots})"
            );
            findings.error(&between, what, advice);
        }
    }
}
