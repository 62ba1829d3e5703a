//! What an object stands on or in, and what is next to it, as its box and those of the others tell.

use super::class_word;
use crate::scene::holding::{Body, CONTACT_M, Hold, Role, holder};
use crate::scene::{MapObject, ObjectId};
use nalgebra::{Point3, Quaternion, UnitQuaternion, Vector3};

/// Most air between a thing and what it hangs above, metres.
const ABOVE_M: f64 = 1.2;
/// Things on one receptacle that are no farther apart are next to each other, metres.
pub(crate) const BESIDE_M: f64 = 0.35;
/// Classes that things lie in rather than on.
const WITHIN: [&str; 14] = [
    "bathtubbasin",
    "bowl",
    "box",
    "cabinet",
    "cup",
    "drawer",
    "fridge",
    "garbagecan",
    "microwave",
    "mug",
    "pan",
    "pot",
    "safe",
    "sinkbasin",
];

/// On which side of a robot at `robot_m` something is, metres in the world frame, z up. `heading_rad` is
/// where the robot looks, from the world's x axis to the left.
pub(crate) fn side_of(
    robot_m: &Point3<f64>,
    heading_rad: f64,
    position_m: [f64; 3],
) -> &'static str {
    let (x, y) = (position_m[0] - robot_m.x, position_m[1] - robot_m.y);
    let (sin, cos) = heading_rad.sin_cos();
    let (ahead_m, left_m) = (x * cos + y * sin, y * cos - x * sin);
    match () {
        () if ahead_m >= left_m.abs() => "ahead",
        () if -ahead_m >= left_m.abs() => "behind",
        () if left_m > 0.0 => "to the left",
        () => "to the right",
    }
}

/// How a thing is in or on what holds it, by the class of that.
pub(crate) fn preposition(holder: &str) -> &'static str {
    if WITHIN.contains(&holder) { "in" } else { "on" }
}

/// What the object is to those that stand there.
pub(super) fn role(object: &MapObject) -> Role {
    Role::of(&class_word(&object.label))
}

/// How and on which of `others` the object stands: `in` one or `on` it ([`holder`]). World frame, z up.
pub(crate) fn stands<'a>(
    object: &MapObject,
    others: impl Iterator<Item = &'a MapObject>,
) -> Option<(&'static str, ObjectId)> {
    let others: Vec<&MapObject> = others.filter(|other| other.id != object.id).collect();
    let bodies: Vec<Body> = others.iter().map(|other| body(other)).collect();
    let (hold, at) = holder(&body(object), &bodies)?;
    let how = match hold {
        Hold::On => "on",
        Hold::In => "in",
    };
    Some((how, others[at].id))
}

/// Distance from `point` to the box of `object`, metres; 0 inside.
pub(crate) fn gap_m(object: &MapObject, point: &Point3<f64>) -> f64 {
    body_as(object, Role::Thing).gap_m(point)
}

fn body(object: &MapObject) -> Body {
    body_as(object, role(object))
}

fn body_as(object: &MapObject, role: Role) -> Body {
    let [x, y, z, w] = object.orientation_xyzw;
    let world_R_box = UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z));
    Body::new(object.position_m, object.size_m, world_R_box, role)
}

fn top_m(object: &MapObject) -> f64 {
    object.position_m[2] + object.size_m[2] / 2.0
}

fn bottom_m(object: &MapObject) -> f64 {
    object.position_m[2] - object.size_m[2] / 2.0
}

/// The highest of `others` that the object hangs above: under its centre, farther below than what it
/// could stand on, and no farther than an arm reaches. World frame, z up.
pub(crate) fn above<'a>(
    object: &MapObject,
    others: impl Iterator<Item = &'a MapObject>,
) -> Option<&'a MapObject> {
    let [x, y, _] = object.position_m;
    let is_under = |other: &&MapObject| {
        let at_its_height = Point3::new(x, y, other.position_m[2]);
        let air_m = bottom_m(object) - top_m(other);
        gap_m(other, &at_its_height) == 0.0 && (CONTACT_M..ABOVE_M).contains(&air_m)
    };
    others.filter(is_under).max_by(|a, b| top_m(a).total_cmp(&top_m(b)))
}

/// How far apart two objects are on the floor plan, from side to side, metres.
pub(crate) fn apart_m(a: &MapObject, b: &MapObject) -> f64 {
    let to_box = |from: &MapObject, to: &MapObject| {
        let [x, y, _] = from.position_m;
        gap_m(to, &Point3::new(x, y, to.position_m[2]))
    };
    let inner = |object: &MapObject| 0.5 * object.size_m[0].min(object.size_m[1]);
    let (there, back) = (to_box(a, b) - inner(a), to_box(b, a) - inner(b));
    there.min(back).max(0.0)
}

/// The object next to another, nearest of all `others` on what that stands on; `None` where it is far,
/// or one of another class is about as near.
pub(crate) fn nearest<'a>(
    object: &MapObject,
    others: impl Iterator<Item = &'a MapObject>,
) -> Option<&'a MapObject> {
    let off_m = |other: &MapObject| {
        (Vector3::from(other.position_m) - Vector3::from(object.position_m)).xy().norm()
    };
    let others: Vec<(f64, &MapObject)> =
        others.filter(|other| other.id != object.id).map(|other| (off_m(other), other)).collect();
    let (near_m, nearest) = *others.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let class = class_word(&nearest.label);
    let is_rival = |(off_m, other): &(f64, &MapObject)| {
        *off_m <= 1.25 * near_m + 0.03 && class_word(&other.label) != class
    };
    let is_clear = !others.iter().any(is_rival);
    (is_clear && apart_m(object, nearest) <= BESIDE_M).then_some(nearest)
}

/// The largest of these objects; `None` where they are all of one class, or one of another class is
/// about as large.
pub(crate) fn largest<'a>(objects: impl Iterator<Item = &'a MapObject>) -> Option<&'a MapObject> {
    let volume_m3 = |object: &MapObject| object.size_m.iter().product::<f64>();
    let mut objects: Vec<&MapObject> = objects.collect();
    objects.sort_by(|a, b| volume_m3(b).total_cmp(&volume_m3(a)));
    let largest = *objects.first()?;
    let class = class_word(&largest.label);
    let rival = objects.iter().find(|other| class_word(&other.label) != class)?;
    (volume_m3(largest) > 1.5 * volume_m3(rival)).then_some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{object, sized};
    use std::f64::consts::FRAC_PI_2;

    #[test]
    fn an_object_stands_on_others_and_not_on_itself() {
        let objects = [
            sized(1, "stove", [0.0, 0.0, 0.45], [0.6, 0.6, 0.9]),
            sized(2, "Stove Burner", [0.15, -0.15, 0.91], [0.15, 0.15, 0.02]),
            sized(3, "pot", [0.1, -0.15, 0.98], [0.22, 0.22, 0.12]),
            sized(4, "egg", [0.1, -0.15, 0.97], [0.06, 0.05, 0.04]),
        ];
        let of = |at: usize| stands(&objects[at], objects.iter());
        assert_eq!(of(0), None);
        assert_eq!(of(1), Some(("on", ObjectId(1))));
        assert_eq!(of(2), Some(("on", ObjectId(2))), "whatever way its class is written");
        assert_eq!(of(3), Some(("in", ObjectId(3))));
        // A quarter of a turn, and the board reaches under the egg.
        let mut board = sized(5, "board", [0.3, 0.3, 0.02], [0.1, 0.7, 0.04]);
        let egg = object(6, "egg", [0.5, 0.3, 0.06], 0.04);
        assert_eq!(stands(&egg, [&board].into_iter()), None);
        let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), FRAC_PI_2);
        board.orientation_xyzw = turned.coords.into();
        assert_eq!(stands(&egg, [&board].into_iter()), Some(("on", ObjectId(5))));
    }

    #[test]
    fn a_cabinet_hangs_above_the_stove() {
        let objects = [
            object(1, "stove", [0.0, 0.0, 0.45], 0.9),
            object(2, "pan", [0.1, 0.0, 0.93], 0.06),
            object(3, "cabinet", [0.1, 0.1, 1.8], 0.6),
            object(4, "lamp", [0.1, 0.1, 2.8], 0.2),
            object(5, "fridge", [0.9, 0.0, 0.9], 0.8),
        ];
        let of = |at: usize| above(&objects[at], objects.iter()).map(|under| under.id.0);
        assert_eq!([of(0), of(1), of(2), of(3), of(4)], [None, None, Some(1), Some(3), None]);
    }

    #[test]
    fn the_nearest_and_the_largest_are_told_where_they_are_clear() {
        let objects = [
            object(1, "mug", [0.0, 0.0, 1.0], 0.1),
            object(2, "knife", [0.2, 0.0, 1.0], 0.05),
            object(3, "bread", [0.5, 0.0, 1.0], 0.2),
            object(4, "egg", [-0.22, 0.0, 1.0], 0.05),
        ];
        let id = |object: Option<&MapObject>| object.map(|object| object.id.0);
        let beside = |of: usize, among: &[MapObject]| id(nearest(&objects[of], among.iter()));
        assert_eq!(beside(0, &objects[..3]), Some(2));
        assert_eq!(beside(0, &objects), None, "an egg is as near as the knife");
        assert_eq!(beside(2, &objects[..2]), Some(2));
        assert_eq!(beside(2, &objects[3..]), None, "too far away to be next to it");
        assert_eq!(id(largest(objects.iter())), Some(3));
        assert_eq!(id(largest(objects[2..3].iter())), None, "largest of what");
        assert_eq!(id(largest([&objects[1], &objects[3]].into_iter())), None, "of one size");
        assert!((apart_m(&objects[0], &objects[2]) - 0.35).abs() < 1e-9);
    }

    #[test]
    fn sides_are_those_of_the_robot() {
        let robot_m = Point3::new(1.0, 1.0, 0.0);
        let side = |heading_rad: f64, x: f64, y: f64| side_of(&robot_m, heading_rad, [x, y, 5.0]);
        assert_eq!(side(0.0, 3.0, 1.5), "ahead");
        assert_eq!(side(0.0, 1.5, 3.0), "to the left");
        assert_eq!(side(0.0, 1.5, -1.0), "to the right");
        assert_eq!(side(0.0, -1.0, 1.0), "behind");
        assert_eq!(side(FRAC_PI_2, 3.0, 1.5), "to the right");
    }
}
