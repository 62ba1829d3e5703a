//! The facts: what the pass noted, in the shape of the report.

use super::pass::{Pass, bare};
use super::{Alignment, CameraCheck, DepthCheck, EdgeCheck, SyncCheck, TransformCheck};
use crate::geometry::CameraModel;
use crate::sensing::{CameraInfoEvent, DepthImage, ImageEvent, ImagePayload, SensingConfig};

pub(super) fn depth_check(
    image: &ImageEvent,
    depth: &DepthImage,
    config: &SensingConfig,
) -> DepthCheck {
    let (ImagePayload::Raw { encoding, .. } | ImagePayload::Compressed { format: encoding, .. }) =
        &image.payload;
    let unit = if encoding.starts_with("32FC1") { "metres" } else { "millimetres" };
    let mut readings: Vec<f32> = depth.data_m.iter().copied().filter(|m| *m > 0.0).collect();
    readings.sort_by(f32::total_cmp);
    let believed = config.min_depth_m..=config.max_depth_m;
    let pixels = depth.data_m.len().max(1) as f64;
    let range_m = readings.first().zip(readings.last());
    DepthCheck {
        encoding: encoding.clone(),
        unit: unit.to_owned(),
        size: (depth.width, depth.height),
        valid_share: readings.len() as f64 / pixels,
        believed_share: readings.iter().filter(|m| believed.contains(m)).count() as f64 / pixels,
        range_m: range_m.map(|(min, max)| [*min, readings[readings.len() / 2], *max]),
    }
}

pub(super) fn transform_check(pass: &Pass<'_>) -> TransformCheck {
    let tree = pass.assembler.transforms().tree();
    let edges: Vec<EdgeCheck> = tree
        .into_iter()
        .map(|edge| {
            // The buffer forgets; the pass has counted all.
            let times = pass.edges.get(&edge.child).copied().flatten().filter(|_| !edge.is_static);
            EdgeCheck {
                parent: edge.parent,
                child: edge.child,
                level: edge.depth,
                is_static: edge.is_static,
                rate_hz: times.and_then(|times| times.rate_hz()),
                range_ns: times.map(|times| (times.first_ns, times.last_ns)),
            }
        })
        .collect();
    let mut roots: Vec<String> =
        edges.iter().filter(|edge| edge.level == 0).map(|edge| edge.parent.clone()).collect();
    roots.dedup();
    let world_frame = bare(&pass.config.world_frame).to_owned();
    let optical_frame = pass.first_color.as_ref().map(|image| bare(&image.frame_id).to_owned());
    let root = |frame: &str| root_of(&edges, frame);
    let connected = optical_frame.as_deref().is_some_and(|optical| {
        let root_above = root(optical);
        optical == world_frame || root_above.is_some() && root_above == root(&world_frame)
    });
    TransformCheck {
        connected,
        images: pass.color_ns.len() as u64,
        images_with_pose: pass.images_with_pose,
        world_frame,
        optical_frame,
        roots,
        edges,
    }
}

/// The frame at the top above `frame`; `None` when no edge names it.
pub(super) fn root_of<'e>(edges: &'e [EdgeCheck], frame: &str) -> Option<&'e str> {
    let above = |frame: &str| edges.iter().find(|edge| edge.child == frame);
    let Some(mut edge) = above(frame) else {
        return edges.iter().map(|edge| edge.parent.as_str()).find(|parent| *parent == frame);
    };
    while let Some(next) = above(&edge.parent) {
        edge = next;
    }
    Some(&edge.parent)
}

pub(super) fn sync_check(pass: &mut Pass<'_>) -> SyncCheck {
    pass.depth_ns.sort_unstable();
    let depth_ns = &pass.depth_ns;
    let nearest = |color_ns: &i64| {
        let at = depth_ns.partition_point(|ns| ns < color_ns);
        let around = depth_ns[at.saturating_sub(1)..depth_ns.len().min(at + 1)].iter();
        around.map(|ns| ns.abs_diff(*color_ns)).min()
    };
    let mut skews_ms: Vec<f64> =
        pass.color_ns.iter().filter_map(nearest).map(|ns| ns as f64 * 1e-6).collect();
    let counts = pass.assembler.status().sync;
    SyncCheck {
        slop_ms: pass.config.sync_slop_ms,
        pairs: counts.pairs,
        unpaired_color: counts.unpaired_color,
        unpaired_depth: counts.unpaired_depth,
        skew_max_ms: skews_ms.iter().copied().reduce(f64::max),
        skew_median_ms: median(&mut skews_ms),
    }
}

pub(super) fn camera_check((camera, info): (CameraModel, &CameraInfoEvent)) -> CameraCheck {
    let angle = |ray: Option<[f64; 2]>, axis: usize| Some(ray?[axis].atan());
    let span = |from: [f64; 2], to: [f64; 2], axis| {
        let from = angle(camera.unproject_ray(from[0], from[1]), axis)?;
        Some((angle(camera.unproject_ray(to[0], to[1]), axis)? - from).to_degrees())
    };
    let (right, bottom) = (f64::from(camera.width) - 0.5, f64::from(camera.height) - 0.5);
    let across = span([-0.5, camera.cy], [right, camera.cy], 0);
    let down = span([camera.cx, -0.5], [camera.cx, bottom], 1);
    CameraCheck {
        topic: info.topic.clone(),
        frame_id: info.frame_id.clone(),
        size: (camera.width, camera.height),
        intrinsics: [camera.fx, camera.fy, camera.cx, camera.cy],
        distortion_model: info.distortion_model.clone(),
        distortion: info.d.clone(),
        view_deg: across.zip(down).map(|(across, down)| [across, down]),
    }
}

pub(super) fn alignment(
    pass: &Pass<'_>,
    color_camera: Option<CameraModel>,
    depth_camera: Option<CameraModel>,
) -> Option<Alignment> {
    let (color, depth) = (pass.first_color.as_ref()?, pass.first_depth.as_ref()?);
    Some(if bare(&color.frame_id) != bare(&depth.frame_id) {
        Alignment::ByTransform
    } else if color_camera == depth_camera {
        Alignment::Registered
    } else {
        Alignment::Resampled
    })
}

pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
