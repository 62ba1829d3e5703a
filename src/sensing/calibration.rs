//! From `sensor_msgs/CameraInfo` to a [`CameraModel`].

use super::{CameraInfoEvent, SensingError};
use crate::geometry::{CameraModel, Distortion};

/// Focal lengths accepted, as multiples of the longer image side: 174° to 0.6° of view.
const FOCAL_RANGE: (f64, f64) = (0.03, 100.0);

/// The camera that took the images on `image_topic`.
///
/// Unrectified images have `K` and `D`; rectified ones (by `images_rectified`, or `rect` in the
/// topic's name) have `P` and no distortion. Region of interest and binning are applied.
///
/// # Errors
/// When the calibration makes no sense or describes something this crate does not model; the text
/// says what.
pub fn camera_model(
    info: &CameraInfoEvent,
    image_topic: &str,
    images_rectified: bool,
) -> Result<CameraModel, SensingError> {
    let rectified = images_rectified || image_topic.contains("rect");
    model(info, rectified)
        .map_err(|reason| SensingError::BadCalibration { topic: info.topic.clone(), reason })
}

/// Refuses an image that is not of the calibrated size.
///
/// # Errors
/// Names both sizes and both topics.
pub fn check_size(
    camera: &CameraModel,
    info_topic: &str,
    image: (u32, u32),
    image_topic: &str,
) -> Result<(), SensingError> {
    let info = (camera.width, camera.height);
    if info == image {
        return Ok(());
    }
    Err(SensingError::SizeMismatch {
        image_topic: image_topic.to_owned(),
        image,
        info_topic: info_topic.to_owned(),
        info,
    })
}

fn model(info: &CameraInfoEvent, rectified: bool) -> Result<CameraModel, String> {
    if info.width == 0 || info.height == 0 {
        return Err(format!("its size is {}x{}", info.width, info.height));
    }
    let (full, distortion) = if rectified {
        (projection(info)?, Distortion::None)
    } else {
        (intrinsics(info)?, distortion(info)?)
    };
    let camera = crop_and_bin(info, full, rectified)?;
    Ok(CameraModel { distortion, ..camera })
}

/// fx, fy, cx, cy of the full sensor image.
type Intrinsics = [f64; 4];

fn intrinsics(info: &CameraInfoEvent) -> Result<Intrinsics, String> {
    let [fx, skew, cx, a, fy, cy, b, c, d] = info.k;
    if info.k.iter().all(|v| *v == 0.0) {
        return Err("K is all zero: the camera is not calibrated".to_owned());
    }
    if skew != 0.0 || [a, b, c] != [0.0; 3] || (d - 1.0).abs() > 1e-6 {
        return Err(format!("K = {:?} is not [fx 0 cx; 0 fy cy; 0 0 1]", info.k));
    }
    sane("K", info, [fx, fy, cx, cy])
}

fn projection(info: &CameraInfoEvent) -> Result<Intrinsics, String> {
    let [fx, skew, cx, tx, a, fy, cy, ty, b, c, d, tz] = info.p;
    if info.p.iter().all(|v| *v == 0.0) {
        // Many drivers fill in K only; without distortion it is the same camera.
        return match distortion(info)? {
            Distortion::None => intrinsics(info),
            _ => Err("the images are said to be rectified, but P is all zero".to_owned()),
        };
    }
    if skew != 0.0 || [a, b, c] != [0.0; 3] || (d - 1.0).abs() > 1e-6 {
        return Err(format!("P = {:?} is not [fx 0 cx Tx; 0 fy cy Ty; 0 0 1 0]", info.p));
    }
    if [tx, ty, tz] != [0.0; 3] {
        return Err(format!(
            "P has the translation [{tx} {ty} {tz}]: this is the second camera of a stereo pair; \
             use the first one"
        ));
    }
    sane("P", info, [fx, fy, cx, cy])
}

fn sane(name: &str, info: &CameraInfoEvent, intrinsics: Intrinsics) -> Result<Intrinsics, String> {
    let [fx, fy, cx, cy] = intrinsics;
    let (width, height) = (f64::from(info.width), f64::from(info.height));
    let focal = FOCAL_RANGE.0 * width.max(height)..=FOCAL_RANGE.1 * width.max(height);
    for (what, value) in [("fx", fx), ("fy", fy)] {
        if !focal.contains(&value) {
            return Err(format!("{what} = {value} px in {name} cannot be true"));
        }
    }
    for (what, value, size) in [("cx", cx, width), ("cy", cy, height)] {
        if !(-size..=2.0 * size).contains(&value) {
            return Err(format!("{what} = {value} px in {name} lies far outside the image"));
        }
    }
    Ok(intrinsics)
}

fn distortion(info: &CameraInfoEvent) -> Result<Distortion, String> {
    let d = &info.d;
    if !d.iter().all(|v| v.is_finite()) {
        return Err("D contains NaN or infinity".to_owned());
    }
    // Whatever the model, zeros bend nothing.
    if d.iter().all(|v| *v == 0.0) {
        return Ok(Distortion::None);
    }
    let wrong_length = |expected: &str| {
        Err(format!(
            "{} needs {expected} coefficients in D, found {}",
            info.distortion_model,
            d.len()
        ))
    };
    match (info.distortion_model.as_str(), d.as_slice()) {
        ("plumb_bob", &[k1, k2, p1, p2]) => Ok(Distortion::PlumbBob([k1, k2, p1, p2, 0.0])),
        ("plumb_bob", &[k1, k2, p1, p2, k3]) => Ok(Distortion::PlumbBob([k1, k2, p1, p2, k3])),
        ("plumb_bob", _) => wrong_length("4 or 5"),
        ("rational_polynomial", &[k1, k2, p1, p2, k3, k4, k5, k6, ref more @ ..]) => {
            if more.iter().any(|v| *v != 0.0) {
                return Err("thin-prism and tilt coefficients (D[8..]) are not supported: \
                            subscribe to rectified images"
                    .to_owned());
            }
            Ok(Distortion::RationalPolynomial([k1, k2, p1, p2, k3, k4, k5, k6]))
        }
        ("rational_polynomial", _) => wrong_length("8"),
        ("equidistant" | "fisheye", &[k1, k2, k3, k4]) => {
            Ok(Distortion::Equidistant([k1, k2, k3, k4]))
        }
        ("equidistant" | "fisheye", _) => wrong_length("4"),
        (other, _) => Err(format!(
            "distortion model {other:?} is not supported (plumb_bob, rational_polynomial, \
             equidistant are): subscribe to rectified images"
        )),
    }
}

/// The camera of the images: a window of the sensor, then blocks of pixels joined into one.
fn crop_and_bin(
    info: &CameraInfoEvent,
    [fx, fy, cx, cy]: Intrinsics,
    rectified: bool,
) -> Result<CameraModel, String> {
    let [x, y, width, height] = match info.roi {
        [0, 0, 0, 0] => [0, 0, info.width, info.height],
        // Some drivers give offsets only.
        [x, y, 0, 0] => [x, y, info.width.saturating_sub(x), info.height.saturating_sub(y)],
        roi => roi,
    };
    let whole = [x, y, width, height] == [0, 0, info.width, info.height];
    let inside = |start: u32, size: u32, full: u32| {
        size > 0 && start.checked_add(size).is_some_and(|end| end <= full)
    };
    if !inside(x, width, info.width) || !inside(y, height, info.height) {
        return Err(format!(
            "region of interest {width}x{height} at ({x}, {y}) does not fit the {}x{} image",
            info.width, info.height
        ));
    }
    if rectified && !whole && info.roi_do_rectify {
        return Err("a region of interest that is yet to be rectified is not supported: rectify \
                    the full image"
            .to_owned());
    }
    let (bin_x, bin_y) = (info.binning_x.max(1), info.binning_y.max(1));
    if width / bin_x == 0 || height / bin_y == 0 {
        return Err(format!("binning {bin_x}x{bin_y} leaves no pixel of {width}x{height}"));
    }
    // A block's centre lies half a block from its first edge, which is half a pixel before the
    // centre of its first pixel.
    let centre = |c: f64, start: u32, bin: u32| (c - f64::from(start) + 0.5) / f64::from(bin) - 0.5;
    Ok(CameraModel::pinhole(
        width / bin_x,
        height / bin_y,
        fx / f64::from(bin_x),
        fy / f64::from(bin_y),
        centre(cx, x, bin_x),
        centre(cy, y, bin_y),
    ))
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
