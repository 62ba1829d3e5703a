//! Which objects of the map a frame shows.

use super::objects::{diagonal_m, rotation};
use super::{MapObject, ObjectId, SceneMap};
use crate::sensing::RgbdFrame;
use nalgebra::{Point3, Vector3};

/// Points of a box that are looked for stand this far apart along its edges, metres: a worktop may reach
/// out of the image to both sides ...
const STEP_M: f64 = 0.15;
/// ... but there are no fewer and no more along an edge.
const POINTS: std::ops::RangeInclusive<usize> = 3..=16;
/// So many of them must be seen.
const LEAST_POINTS: usize = 3;
/// What seems smaller than this is not seen, radians: four pixels of an image 160 pixels wide.
const LEAST_RAD: f64 = 0.03;
/// Error of depth and of the box, metres.
const SLACK_M: f64 = 0.05;
/// Share of a box that is seen where all of it is, but for what lies at its rim.
const WHOLE: f64 = 0.8;
/// What is nearer than the front of a box by more than this is before it, metres: things stand close
/// together.
const FRONT_SLACK_M: f64 = 0.02;

/// An object that a frame shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownObject {
    /// The object.
    pub id: ObjectId,
    /// The turn from straight ahead to what is seen of it, radians, positive to the left.
    pub bearing_rad: f64,
}

impl SceneMap {
    /// The objects that `frame` shows, in order of id: parts of their boxes are in the image, and no
    /// reading is nearer than the box.
    pub fn objects_in(&self, frame: &RgbdFrame) -> Vec<ShownObject> {
        let shown = self.objects.iter().filter_map(|object| {
            let bearing_rad = bearing_rad(object, frame)?;
            Some(ShownObject { id: object.id, bearing_rad })
        });
        shown.collect()
    }
}

/// Whether a frame shows the box of an object as a whole, so that who looks at the frame can find what is
/// in it: nearly all of it is in the image and between the two depths, seems large enough, and has
/// readings, none of which is nearer than the box. What has no reading may be hidden.
pub(super) fn shows_whole(
    object: &MapObject,
    frame: &RgbdFrame,
    [near_m, far_m]: [f32; 2],
) -> bool {
    let points = points_of(object, frame);
    let in_range = f64::from(near_m)..=f64::from(far_m);
    let front_m = points.iter().map(|at| at.z).fold(f64::INFINITY, f64::min) - FRONT_SLACK_M;
    let is_seen = |at: &&Point3<f64>| {
        let is_clear = |depth_m: f64| depth_m > 0.0 && depth_m >= front_m;
        in_range.contains(&at.z)
            && seems_large(object, at)
            && reading_m(frame, at).is_some_and(is_clear)
    };
    let seen = points.iter().filter(is_seen).count();
    seen as f64 >= WHOLE * points.len() as f64
}

/// The mean turn to the points of a box that are seen; `None` for too few.
fn bearing_rad(object: &MapObject, frame: &RgbdFrame) -> Option<f64> {
    let reach_m = diagonal_m(object);
    let is_seen = |at: &Point3<f64>| {
        let is_clear = |depth_m: f64| depth_m <= 0.0 || depth_m >= at.z - reach_m - SLACK_M;
        seems_large(object, at) && reading_m(frame, at).is_some_and(is_clear)
    };
    let points = points_of(object, frame).into_iter();
    let seen: Vec<f64> = points.filter(is_seen).map(|at| -(at.x / at.z).atan()).collect();
    (seen.len() >= LEAST_POINTS).then(|| seen.iter().sum::<f64>() / seen.len() as f64)
}

/// Points spread evenly over the box of an object, in coordinates of the frame's camera.
fn points_of(object: &MapObject, frame: &RgbdFrame) -> Vec<Point3<f64>> {
    let camera_T_world = frame.world_T_camera.inverse();
    let turn = rotation(&object.orientation_xyzw);
    let count = object
        .size_m
        .map(|edge_m| ((edge_m / STEP_M).ceil() as usize).clamp(*POINTS.start(), *POINTS.end()));
    let point = |index: usize| {
        let [x, y, _] = count;
        let at = [index % x, index / x % y, index / (x * y)];
        // The middles of equal parts of the edge.
        let share = |axis: usize| (at[axis] as f64 + 0.5) / count[axis] as f64 - 0.5;
        let offset: [f64; 3] = std::array::from_fn(|axis| share(axis) * object.size_m[axis]);
        camera_T_world * (Point3::from(object.position_m) + turn * Vector3::from(offset))
    };
    let all = count.iter().product();
    (0..all).map(point).collect()
}

/// Whether an object seems large enough to be seen from a camera in whose coordinates a point of it is `at`.
fn seems_large(object: &MapObject, at: &Point3<f64>) -> bool {
    diagonal_m(object) >= LEAST_RAD * at.z
}

/// The reading of the pixel that sees a point in camera coordinates, metres: 0 where it is missing, `None`
/// where no pixel of the image sees the point.
fn reading_m(frame: &RgbdFrame, at: &Point3<f64>) -> Option<f64> {
    let pixel = frame.camera.project((*at).into());
    let [u, v] = pixel.filter(|pixel| frame.camera.contains(*pixel))?;
    // Depth is registered to colour.
    let pixel = v.round() as usize * frame.depth_m.width as usize + u.round() as usize;
    Some(frame.depth_m.data_m.get(pixel).copied().map_or(0.0, f64::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{CameraModel, Pose};
    use crate::scene::MapConfig;
    use crate::sensing::{DepthImage, Detection};
    use image::RgbImage;

    /// A camera at the world's origin that looks along z at a wall 3 m away, which a screen 1 m away
    /// hides on the right.
    fn frame() -> RgbdFrame {
        let (width, height) = (160u32, 120u32);
        let depth = |pixel: u32| if pixel % width < 100 { 3.0 } else { 1.0 };
        RgbdFrame {
            stamp_ns: 0,
            color: RgbImage::new(width, height),
            depth_m: DepthImage { width, height, data_m: (0..width * height).map(depth).collect() },
            camera: CameraModel::pinhole(width, height, 138.0, 138.0, 79.5, 59.5),
            world_T_camera: Pose::identity(),
        }
    }

    #[test]
    fn what_is_in_the_image_and_not_hidden_is_shown() {
        let thing = |x: f64, z: f64, edge_m: f64| Detection {
            label: "thing".into(),
            score: 0.9,
            frame_T_box: Pose::translation(x, 0.0, z),
            size_m: [edge_m; 3],
            track_id: String::new(),
        };
        let things = [
            thing(0.0, 2.0, 0.2),
            thing(-0.6, 2.0, 0.2),
            thing(0.6, 2.5, 0.2),
            thing(0.0, -2.0, 0.2),
            thing(5.0, 2.0, 0.2),
            thing(-0.3, 2.9, 0.02),
            Detection { size_m: [9.0, 0.1, 0.5], ..thing(-3.9, 2.9, 0.1) },
        ];
        let mut map = SceneMap::new(MapConfig::default()).unwrap();
        map.observe(&things, &Pose::identity(), 0);
        let shown = map.objects_in(&frame());
        let ids: Vec<u32> = shown.iter().map(|one| one.id.0).collect();
        assert_eq!(ids, [0, 1, 6], "hidden, behind, beside the image, too small");
        assert!(shown[0].bearing_rad.abs() < 1e-6, "straight ahead");
        assert!((shown[1].bearing_rad - (0.3f64).atan()).abs() < 0.01, "to the left");
    }
}
