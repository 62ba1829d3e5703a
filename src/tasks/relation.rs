//! What an object stands on or in, as its box and those of the others tell.

use nalgebra::Point3;

use super::gap_m;
use crate::scene::{MapObject, ObjectId};

/// How far the bottom of a thing may be from the box it stands on, metres.
const CONTACT_M: f64 = 0.08;
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

/// How a thing is in or on what holds it, by the class of that.
pub(crate) fn preposition(holder: &str) -> &'static str {
    if WITHIN.contains(&holder) { "in" } else { "on" }
}

/// How and on which of `others` the object stands: `in` the smallest box around its centre, else
/// `on` the smallest box that its bottom touches from above. World frame, z up.
pub(crate) fn stands<'a>(
    object: &MapObject,
    others: impl Iterator<Item = &'a MapObject>,
) -> Option<(&'static str, ObjectId)> {
    let center = Point3::from(object.position_m);
    let bottom = Point3::new(center.x, center.y, center.z - object.size_m[2] / 2.0);
    let volume = |object: &MapObject| object.size_m.iter().product::<f64>();
    let around = others
        .filter(|other| other.id != object.id && volume(other) > volume(object))
        .filter_map(|other| {
            let is_above = center.z > other.position_m[2];
            let how = match other {
                _ if gap_m(other, &center) == 0.0 => "in",
                _ if is_above && gap_m(other, &bottom) < CONTACT_M => "on",
                _ => return None,
            };
            Some((how, other))
        });
    // `in` before `on`, which is also their order in the alphabet.
    let nearest = around.min_by(|a, b| a.0.cmp(b.0).then(volume(a.1).total_cmp(&volume(b.1))));
    nearest.map(|(how, other)| (how, other.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: u32, label: &str, position_m: [f64; 3], edge_m: f64) -> MapObject {
        MapObject {
            id: ObjectId(id),
            label: label.into(),
            position_m,
            orientation_xyzw: [0.0, 0.0, 0.0, 1.0],
            size_m: [edge_m; 3],
            confidence: 1.0,
            observations: 1,
            first_seen_ns: 0,
            last_seen_ns: 0,
        }
    }

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
}
