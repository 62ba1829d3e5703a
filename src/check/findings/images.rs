//! What is wrong with the images and their calibrations.

use super::super::DepthCheck;
use super::super::pass::bare;
use super::Findings;
use crate::geometry::CameraModel;
use crate::sensing::{
    CameraInfoEvent, ImageEvent, SensingConfig, SensingError, camera_model, check_size,
};

/// Depth with fewer readings than this share of the pixels is worth a word.
const FEW_READINGS: f64 = 0.05;

/// The camera of an info, and whether image and info speak of the same frame.
pub(super) fn camera(
    info: Option<&CameraInfoEvent>,
    image: &Option<ImageEvent>,
    config: &SensingConfig,
    findings: &mut Findings,
) -> Option<CameraModel> {
    let (info, image) = (info?, image.as_ref());
    if let Some(image) = image
        && bare(&image.frame_id) != bare(&info.frame_id)
    {
        let what = format!(
            "images on {} are in frame {:?}, their camera info in {:?}",
            image.topic, image.frame_id, info.frame_id
        );
        findings.warning(&info.topic, what, "the frame of the images is used; fix the driver");
    }
    let image_topic = image.map_or("", |image| image.topic.as_str());
    camera_model(info, image_topic, config.images_rectified)
        .map_err(|error| {
            findings.error(&info.topic, error, "calibrate the camera (camera_calibration)")
        })
        .ok()
}

/// Whether the first image decodes and has the size of its calibration.
pub(super) fn image_fits(
    image: &ImageEvent,
    size: Result<(u32, u32), SensingError>,
    camera: Option<&CameraModel>,
    info: Option<&CameraInfoEvent>,
    findings: &mut Findings,
) {
    let fits = size.and_then(|size| match (camera, info) {
        (Some(camera), Some(info)) => check_size(camera, &info.topic, size, &image.topic),
        _ => Ok(()),
    });
    match fits {
        Ok(()) => {}
        Err(error @ SensingError::SizeMismatch { .. }) => findings.error(
            &image.topic,
            error,
            "name the right camera info: topics.color_info or topics.depth_info",
        ),
        Err(error) => {
            findings.error(
                &image.topic,
                error,
                "record the images raw, as JPEG or PNG, or as compressedDepth",
            );
        }
    }
}

pub(super) fn depth_readings(
    topic: &str,
    depth: &DepthCheck,
    config: &SensingConfig,
    findings: &mut Findings,
) {
    let Some([min_m, median_m, max_m]) = depth.range_m else {
        let advice =
            "check that the depth camera was on; the first image often is empty, others count";
        return findings.warning(topic, "the first depth image has no valid reading", advice);
    };
    if depth.believed_share == 0.0 {
        let what = format!(
            "all readings of the first depth image ({min_m:.3} to {max_m:.3} m, median \
             {median_m:.3} m) are outside {} to {} m",
            config.min_depth_m, config.max_depth_m
        );
        let advice = format!(
            "the unit of {:?} is taken as {}; fix the encoding, or set sensing.min_depth_m and \
             sensing.max_depth_m",
            depth.encoding, depth.unit
        );
        findings.error(topic, what, advice);
    } else if depth.believed_share < FEW_READINGS {
        let what = format!(
            "only {:.1} % of the first depth image are readings between {} and {} m",
            100.0 * depth.believed_share,
            config.min_depth_m,
            config.max_depth_m
        );
        findings.warning(topic, what, "look at the picture (--out) and at sensing.max_depth_m");
    }
}
