//! What an object stands on or in, and what is next to it, as its box and those of the others tell.

use nalgebra::{Point3, Quaternion, UnitQuaternion, Vector3};

use super::{class_word, gap_m};
use crate::scene::{HAS_PLACES, MapObject, ObjectId, PLACE};

/// How far the bottom of a thing may be from the box it stands on, metres.
pub(super) const CONTACT_M: f64 = 0.08;
/// How much lower than the bottom of a thing that of what it is in is at least, metres: what stands beside a
/// lettuce is not in it.
const LOWER_M: f64 = 0.02;
/// The bottom of a thing is no farther from the top of what it stands on than this share of how wide that is.
const NARROW: f64 = 0.5;
/// Tops are as high as each other by so much, metres.
const LEVEL_M: f64 = 0.025;
/// What has less volume may carry a thing when its floor plan is larger than that of the thing by more than
/// this factor: a microwave is larger than the worktop under it. Half of what is in a thing is not wider.
const WIDER: f64 = 2.0;
/// A thing is at a place when their centres are no farther apart on the floor plan, metres.
pub(super) const PLACE_M: f64 = 0.4;
/// Share of the floor plan of a thing that lies over what it stands on: what merely touches the edge of a
/// drawer stands on the countertop behind it.
const OVER: f64 = 0.5;
/// Points along each edge of a floor plan that are asked for what is under them.
const PLAN_POINTS: u8 = 5;
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

/// Whether it is a place on a stove, which what stands there hides.
pub(super) fn is_place(object: &MapObject) -> bool {
    class_word(&object.label) == PLACE
}

/// Whether it has such places.
pub(super) fn has_places(object: &MapObject) -> bool {
    class_word(&object.label) == HAS_PLACES
}

/// How and on which of `others` the object stands, of those that are under half of it: `in` the smallest
/// box around its centre that reaches lower, else `on` the smallest box that its bottom touches from above;
/// of tops one above another only the highest counts. What stands on a stove stands on the nearest burner that
/// is known, within 0.4 m. World frame, z up.
pub(crate) fn stands<'a>(
    object: &MapObject,
    others: impl Iterator<Item = &'a MapObject>,
) -> Option<(&'static str, ObjectId)> {
    let others: Vec<&MapObject> = others.filter(|other| other.id != object.id).collect();
    let center = Point3::from(object.position_m);
    let bottom = Point3::new(center.x, center.y, bottom_m(object));
    let volume = |object: &MapObject| object.size_m.iter().product::<f64>();
    let by_volume = |a: &&MapObject, b: &&MapObject| volume(a).total_cmp(&volume(b));
    let is_place = is_place(object);
    let is_under = |other: &&MapObject| {
        (volume(other) > volume(object) || plan_m2(other) > WIDER * plan_m2(object))
            // No pot holds the burner under it.
            && !(is_place && other.position_m[2] > bottom.z)
            && share_over(object, other) >= OVER
    };
    let under: Vec<&MapObject> = others.iter().copied().filter(is_under).collect();
    let is_around = |other: &&MapObject| {
        volume(other) > volume(object)
            && gap_m(other, &center) == 0.0
            && bottom.z > bottom_m(other) + LOWER_M
    };
    if let Some(around) = under.iter().copied().filter(is_around).min_by(by_volume) {
        return Some(("in", around.id));
    }
    let touches = |other: &&MapObject| {
        // What stands beside a mug is not on it.
        let reach_m = NARROW * plan_m2(other).sqrt();
        center.z > other.position_m[2]
            && gap_m(other, &bottom) < CONTACT_M.min(reach_m)
            && top_m(other) - bottom.z <= reach_m
    };
    let touched: Vec<&MapObject> = under.into_iter().filter(touches).collect();
    let highest_m = touched.iter().map(|other| top_m(other)).fold(f64::NEG_INFINITY, f64::max);
    let highest = touched.into_iter().filter(|other| top_m(other) >= highest_m - LEVEL_M);
    let holder = highest.min_by(by_volume)?;
    let is_led = has_places(holder) && !is_place;
    let place = if is_led { place_on(holder, object, &others) } else { None };
    Some(("on", place.unwrap_or(holder).id))
}

/// The burner on a stove that is nearest to the object, where there is one near.
fn place_on<'a>(
    holder: &MapObject,
    object: &MapObject,
    others: &[&'a MapObject],
) -> Option<&'a MapObject> {
    let off_m = |place: &MapObject| {
        (Vector3::from(place.position_m) - Vector3::from(object.position_m)).xy().norm()
    };
    let is_on = |place: &MapObject| gap_m(holder, &Point3::from(place.position_m)) <= CONTACT_M;
    let near = others
        .iter()
        .copied()
        .filter(|place| off_m(place) <= PLACE_M && is_place(place) && is_on(place));
    near.min_by(|a, b| off_m(a).total_cmp(&off_m(b)))
}

fn plan_m2(object: &MapObject) -> f64 {
    object.size_m[0] * object.size_m[1]
}

fn top_m(object: &MapObject) -> f64 {
    object.position_m[2] + object.size_m[2] / 2.0
}

fn bottom_m(object: &MapObject) -> f64 {
    object.position_m[2] - object.size_m[2] / 2.0
}

/// The share of the object's floor plan that lies over another, 0..=1.
fn share_over(object: &MapObject, other: &MapObject) -> f64 {
    let [x, y, z, w] = object.orientation_xyzw;
    let world_R_box = UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z));
    // Middles of equal parts of an edge, from its own middle.
    let along = |i: u8| (f64::from(i) + 0.5) / f64::from(PLAN_POINTS) - 0.5;
    let points = (0..PLAN_POINTS).flat_map(|i| (0..PLAN_POINTS).map(move |j| [i, j].map(along)));
    let is_over = |[i, j]: &[f64; 2]| {
        let [length_m, width_m, _] = object.size_m;
        let out_m = world_R_box * Vector3::new(i * length_m, j * width_m, 0.0);
        let at_m = Point3::from(object.position_m) + out_m;
        gap_m(other, &Point3::new(at_m.x, at_m.y, other.position_m[2])) == 0.0
    };
    points.filter(is_over).count() as f64 / f64::from(PLAN_POINTS).powi(2)
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
    fn on_the_table_in_the_fridge_and_beside_both() {
        let objects = [
            object(1, "table", [0.0, 0.0, 0.5], 1.0),
            object(2, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(3, "mug", [0.1, 0.2, 1.05], 0.1),
            object(4, "egg", [5.1, 0.0, 0.9], 0.05),
            object(5, "ball", [2.0, 0.0, 0.1], 0.2),
            object(6, "tray", [0.1, 0.2, 1.0], 0.3),
        ];
        let of = |at: usize| stands(&objects[at], objects.iter());
        // The tray's box holds the mug's centre.
        assert_eq!(of(2), Some(("in", ObjectId(6))));
        assert_eq!(of(3), Some(("in", ObjectId(2))));
        assert_eq!((of(4), of(0), of(1)), (None, None, None));
        let without_tray = objects[..5].iter();
        assert_eq!(stands(&objects[2], without_tray), Some(("on", ObjectId(1))));
    }

    #[test]
    fn what_touches_a_drawer_stands_on_the_countertop_behind_it() {
        let mut objects = [
            sized(1, "countertop", [0.0, 0.0, 0.88], [0.9, 0.6, 0.08]),
            sized(2, "drawer", [0.0, -0.26, 0.76], [0.9, 0.1, 0.2]),
            sized(3, "mug", [0.1, -0.19, 0.97], [0.1, 0.12, 0.1]),
        ];
        assert_eq!(share_over(&objects[2], &objects[0]), 1.0);
        assert_eq!(share_over(&objects[2], &objects[1]), 0.4);
        assert_eq!(stands(&objects[2], objects.iter()), Some(("on", ObjectId(1))));
        // A quarter of a turn later the drawer's front reaches no farther than half its depth.
        let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), FRAC_PI_2);
        objects[1].orientation_xyzw = turned.coords.into();
        assert_eq!(share_over(&objects[2], &objects[1]), 0.0);
        objects[2].position_m = [0.02, -0.3, 0.97];
        assert_eq!(share_over(&objects[2], &objects[1]), 0.8);
    }

    #[test]
    fn of_tops_one_above_another_the_highest_counts() {
        let objects = [
            sized(1, "countertop", [0.0, 0.0, 0.9], [1.0, 0.6, 0.05]),
            sized(2, "drawer", [0.0, 0.0, 0.77], [0.3, 0.6, 0.2]),
            sized(3, "egg", [0.1, 0.1, 0.94], [0.06, 0.05, 0.04]),
            sized(4, "plate", [0.1, 0.1, 0.93], [0.24, 0.24, 0.03]),
        ];
        assert_eq!(stands(&objects[2], objects[..3].iter()), Some(("on", ObjectId(1))));
        assert_eq!(stands(&objects[2], objects.iter()), Some(("on", ObjectId(4))));
        // More volume than the worktop has.
        let microwave = sized(5, "microwave", [-0.2, 0.0, 1.06], [0.5, 0.36, 0.28]);
        assert_eq!(stands(&microwave, objects.iter()), Some(("on", ObjectId(1))));
    }

    #[test]
    fn what_stands_beside_a_mug_is_neither_on_it_nor_in_it() {
        let objects = [
            sized(1, "countertop", [0.0, 0.0, 0.9], [1.0, 0.6, 0.05]),
            sized(2, "mug", [0.1, 0.1, 0.98], [0.14, 0.14, 0.11]),
            sized(3, "apple", [0.12, 0.12, 0.965], [0.08, 0.08, 0.08]),
            sized(4, "apple", [0.1, 0.1, 1.0], [0.08, 0.08, 0.08]),
            sized(5, "apple", [0.12, 0.12, 1.0], [0.08, 0.08, 0.15]),
        ];
        let of = |at: usize| stands(&objects[at], objects[..2].iter());
        assert_eq!(of(2), Some(("on", ObjectId(1))), "as low as the mug");
        assert_eq!(of(3), Some(("in", ObjectId(2))), "higher: in it");
        assert_eq!(of(4), Some(("on", ObjectId(1))), "as low, and taller");
    }

    #[test]
    fn a_pot_is_on_the_burner_that_it_hides() {
        let objects = [
            sized(1, "stove", [0.0, 0.0, 0.45], [0.6, 0.6, 0.9]),
            sized(2, "stoveburner", [0.15, -0.15, 0.91], [0.15, 0.15, 0.02]),
            sized(3, "Stove Burner", [0.15, 0.18, 0.91], [0.15, 0.15, 0.02]),
            sized(4, "stoveburner", [-0.45, -0.15, 0.91], [0.15, 0.15, 0.02]),
            sized(5, "pot", [-0.15, -0.15, 0.98], [0.22, 0.22, 0.12]),
        ];
        let of = |at: usize| stands(&objects[at], objects.iter());
        assert_eq!(of(4), Some(("on", ObjectId(2))), "the nearest on this stove");
        assert_eq!([of(1), of(2)], [Some(("on", ObjectId(1))); 2]);
        let without = [&objects[0], &objects[4]].into_iter();
        assert_eq!(stands(&objects[4], without), Some(("on", ObjectId(1))), "none shows");
        // What is over the stove is not on its burners, and no burner is in the pot that hides it.
        let egg = sized(6, "egg", [-0.15, -0.15, 1.06], [0.06, 0.05, 0.04]);
        assert_eq!(stands(&egg, objects.iter()), Some(("on", ObjectId(5))));
        let low = sized(7, "pan", [0.15, -0.15, 0.93], [0.25, 0.25, 0.12]);
        let all = || objects[..4].iter().chain([&low]);
        assert_eq!(stands(&low, all()), Some(("on", ObjectId(2))));
        assert_eq!(stands(&objects[1], all()), Some(("on", ObjectId(1))));
        // A worktop has no places, whatever is on it.
        let top = sized(8, "countertop", [0.0, 0.0, 0.88], [1.2, 0.6, 0.05]);
        let with_top = || objects[1..].iter().chain([&top]);
        assert_eq!(stands(&objects[4], with_top()), Some(("on", ObjectId(8))));
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
