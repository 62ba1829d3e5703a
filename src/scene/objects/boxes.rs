//! The boxes of objects: what two have in common, and what is between them.

use super::MapObject;
use nalgebra::{Point3, Quaternion, UnitQuaternion, Vector3};

/// Points along each edge of a box that are asked whether they lie in another.
const SAMPLES: usize = 6;
/// Boxes are at least as thick as this where they are compared, metres: a picture on a wall has no
/// volume.
const LEAST_EDGE_M: f64 = 0.02;

pub(in crate::scene) fn distance_m(a: &MapObject, b: &MapObject) -> f64 {
    nalgebra::distance(&Point3::from(a.position_m), &Point3::from(b.position_m))
}

pub(in crate::scene) fn diagonal_m(object: &MapObject) -> f64 {
    Vector3::from(object.size_m).norm()
}

pub(super) fn volume_m3(object: &MapObject) -> f64 {
    half_m(object).iter().map(|half| 2.0 * half).product()
}

/// Whether the centre of `other` lies in the box of `object`.
pub(in crate::scene) fn holds_centre(object: &MapObject, other: &MapObject) -> bool {
    let offset = Point3::from(other.position_m) - Point3::from(object.position_m);
    let offset = rotation(&object.orientation_xyzw).inverse() * offset;
    offset.iter().zip(object.size_m).all(|(along, edge_m)| 2.0 * along.abs() <= edge_m)
}

/// The share of the box of `part` that lies in the box of `whole`, 0..=1: of points in a grid.
fn share_within(part: &MapObject, whole: &MapObject) -> f64 {
    let into = rotation(&whole.orientation_xyzw).inverse();
    let turn = into * rotation(&part.orientation_xyzw);
    let offset = into * (Point3::from(part.position_m) - Point3::from(whole.position_m));
    let (half, most) = (half_m(part), half_m(whole));
    let along = |at: usize| (2 * at + 1) as f64 / SAMPLES as f64 - 1.0;
    let all = SAMPLES.pow(3);
    let inside = (0..all).filter(|at| {
        let corner = [at % SAMPLES, at / SAMPLES % SAMPLES, at / SAMPLES.pow(2)].map(along);
        let point = offset + turn * Vector3::from(corner).component_mul(&half);
        (0..3).all(|axis| point[axis].abs() <= most[axis])
    });
    inside.count() as f64 / all as f64
}

/// Whether at least `share`, more than half, of the box of `part` lies in that of `whole`.
pub(in crate::scene) fn is_inside(part: &MapObject, whole: &MapObject, share: f64) -> bool {
    // A plane through the centre halves a box: with its centre outside, less than half is inside.
    let offset = Point3::from(part.position_m) - Point3::from(whole.position_m);
    let offset = rotation(&whole.orientation_xyzw).inverse() * offset;
    let most = half_m(whole);
    (0..3).all(|axis| offset[axis].abs() <= most[axis]) && share_within(part, whole) >= share
}

/// How far two boxes are apart along the edge, of either, along which they are farthest; below 0
/// where they reach into each other along all edges.
pub(super) fn gap_m(a: &MapObject, b: &MapObject) -> f64 {
    let offset = Point3::from(b.position_m) - Point3::from(a.position_m);
    let axes =
        |object: &MapObject| *rotation(&object.orientation_xyzw).to_rotation_matrix().matrix();
    let ([of_a, of_b], [half_a, half_b]) = ([axes(a), axes(b)], [half_m(a), half_m(b)]);
    let reach = |edges: &nalgebra::Matrix3<f64>, half: &Vector3<f64>, along: &Vector3<f64>| {
        (edges.transpose() * along).abs().dot(half)
    };
    let apart = |along: Vector3<f64>| {
        offset.dot(&along).abs() - reach(&of_a, &half_a, &along) - reach(&of_b, &half_b, &along)
    };
    let edges = of_a.column_iter().chain(of_b.column_iter());
    edges.map(|edge| apart(edge.into_owned())).fold(f64::NEG_INFINITY, f64::max)
}

/// The box of `object`, given by that of its quarter turns about its own z which is nearest to `like`:
/// orientation, and edge lengths. They all are the same box.
pub(super) fn turned_like(
    like: &UnitQuaternion<f64>,
    object: &MapObject,
) -> (UnitQuaternion<f64>, [f64; 3]) {
    let (given, [x, y, z]) = (rotation(&object.orientation_xyzw), object.size_m);
    let turned = (0..4).map(|quarters| {
        let turn = f64::from(quarters) * std::f64::consts::FRAC_PI_2;
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn);
        (given * turn, if quarters % 2 == 0 { [x, y, z] } else { [y, x, z] })
    });
    let nearest = turned.min_by(|a, b| a.0.angle_to(like).total_cmp(&b.0.angle_to(like)));
    nearest.unwrap_or((given, [x, y, z]))
}

pub(in crate::scene) fn rotation([x, y, z, w]: &[f64; 4]) -> UnitQuaternion<f64> {
    UnitQuaternion::new_normalize(Quaternion::new(*w, *x, *y, *z))
}

fn half_m(object: &MapObject) -> Vector3<f64> {
    Vector3::from(object.size_m.map(|edge_m| edge_m.max(LEAST_EDGE_M) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::objects::tests::object;

    fn turned(degrees: f64, one: MapObject) -> MapObject {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), degrees.to_radians());
        MapObject { orientation_xyzw: turn.coords.into(), ..one }
    }

    #[test]
    fn a_box_has_its_share_in_another() {
        let whole = object("sofa", [0.0; 3], [2.0, 1.0, 1.0]);
        let part = object("sofa", [1.1, 0.0, 0.0], [1.0, 0.6, 0.6]);
        assert!((share_within(&part, &whole) - 0.4).abs() < 0.1);
        assert!((share_within(&whole, &part) - 0.072).abs() < 0.02);
        // Turned by a quarter, the whole lies across.
        let across = turned(90.0, whole);
        assert_eq!(share_within(&part, &across), 0.0);
        // A diamond in the square around it: half the square's area.
        let square = object("mat", [0.0; 3], [1.0, 1.0, 0.0]);
        let diamond = turned(45.0, object("mat", [0.0; 3], [0.5f64.sqrt(), 0.5f64.sqrt(), 0.0]));
        assert_eq!(share_within(&diamond, &square), 1.0);
        assert!((share_within(&square, &diamond) - 0.5).abs() < 0.2);
    }

    #[test]
    fn a_gap_is_what_is_between_two_boxes() {
        let a = object("mug", [0.0; 3], [0.1; 3]);
        let b = object("mug", [0.13, 0.02, 0.0], [0.1; 3]);
        approx::assert_relative_eq!(gap_m(&a, &b), 0.03, epsilon = 1e-9);
        approx::assert_relative_eq!(gap_m(&b, &a), 0.03, epsilon = 1e-9);
        // A corner of one reaches farther than its side.
        let corner_m = 0.05 * 2f64.sqrt() - 0.05;
        approx::assert_relative_eq!(gap_m(&a, &turned(45.0, b)), 0.03 - corner_m, epsilon = 1e-9);
        assert!(gap_m(&a, &object("mug", [0.05; 3], [0.1; 3])) < 0.0);
    }
}
