//! How the objects of a scene stand to each other, all at once, as language models read it. What is
//! published and exported tells of neighbours as well ([`super::map_relations`]).

use super::relation::{above, nearest, role, stands};
use crate::scene::holding::{CONTACT_M, PLACE_M, Role};
use crate::scene::{MapObject, ObjectId, Relation, RelationKind};
use nalgebra::{Point3, Vector2, Vector3};
use std::collections::BTreeMap;

/// Of each of `objects`, in their order: what it stands on or in, what is next to it there and, for a
/// robot that is known to be at `robot_m` (world frame, metres), on which side of that it is; or what it
/// hangs above. No more than three an object.
///
/// What is under a thing is looked for only among the boxes that reach to its place, and what is next to
/// it only on what it stands on. What is left to do for thousands of things on one floor, a distance between
/// any two, is meant for exports and for what is published once a second, not for every frame.
pub fn scene_relations<'a>(
    objects: impl IntoIterator<Item = &'a MapObject>,
    robot_m: Option<[f64; 3]>,
) -> Vec<Relation> {
    let objects: Vec<&MapObject> = objects.into_iter().collect();
    let places: Vec<Place<'_>> =
        objects.iter().zip(reaching(&objects)).map(|(object, near)| place(object, &near)).collect();
    let mut held: BTreeMap<ObjectId, Vec<&MapObject>> = BTreeMap::new();
    for (&object, place) in objects.iter().zip(&places) {
        if let Place::Held(_, holder) = place {
            held.entry(holder.id).or_default().push(object);
        }
    }
    let mut relations = Vec::new();
    for (object, place) in objects.into_iter().zip(places) {
        let mut tell = |kind, other| relations.push(relation(object, kind, other));
        match place {
            Place::Free => {}
            Place::Above(under) => tell(RelationKind::Above, under),
            Place::Held(how, holder) => {
                tell(how, holder);
                let others = held.get(&holder.id).into_iter().flatten().copied();
                let Some(beside) = nearest(object, others) else { continue };
                tell(RelationKind::NextTo, beside);
                if let Some(side) = robot_m.and_then(|at_m| side_seen(at_m, object, beside)) {
                    tell(side, beside);
                }
            }
        }
    }
    relations
}

/// What is under an object.
enum Place<'a> {
    /// It stands on this or is in it.
    Held(RelationKind, &'a MapObject),
    /// It hangs above this.
    Above(&'a MapObject),
    /// Nothing that is known.
    Free,
}

/// What of the objects `near` is under `object`.
fn place<'a>(object: &MapObject, near: &[&'a MapObject]) -> Place<'a> {
    let Some((how, holder)) = stands(object, near.iter().copied()) else {
        return above(object, near.iter().copied()).map_or(Place::Free, Place::Above);
    };
    let how = if how == "in" { RelationKind::In } else { RelationKind::On };
    let holder = near.iter().copied().find(|other| other.id == holder);
    holder.map_or(Place::Free, |holder| Place::Held(how, holder))
}

/// For each object those whose boxes may reach to its centre on the floor plan: what it can stand on, be
/// in or hang above. Places reach farther.
fn reaching<'a>(objects: &[&'a MapObject]) -> Vec<Vec<&'a MapObject>> {
    let mut by_x: Vec<(usize, &MapObject)> = objects.iter().copied().enumerate().collect();
    by_x.sort_by(|(_, a), (_, b)| a.position_m[0].total_cmp(&b.position_m[0]));
    let mut reaching = vec![Vec::new(); objects.len()];
    for &holder in objects {
        let [x, y, _] = holder.position_m;
        let about_m = if role(holder) == Role::Place { PLACE_M } else { CONTACT_M };
        let reach_m = Vector3::from(holder.size_m).norm() / 2.0 + about_m;
        let first = by_x.partition_point(|(_, object)| object.position_m[0] < x - reach_m);
        let near = by_x[first..].iter().take_while(|(_, one)| one.position_m[0] <= x + reach_m);
        for (at, _) in near.filter(|(_, one)| (one.position_m[1] - y).abs() <= reach_m) {
            reaching[*at].push(holder);
        }
    }
    reaching
}

/// What `a` is to `b` for a robot at `robot_m` that looks at the middle between their centres, all on the
/// floor plan: left or right of it where they are farther apart across the view than along it, else in
/// front of it (nearer) or behind. `None` where the two, or that middle and the robot, are at one place.
///
/// These are the sides of the robot's own frame (REP 103: x forward, y left) when it faces the two. Of things
/// that it has behind it now it is told how it will see them when it has turned to them, as a person is told:
/// a side does not change with where the robot happens to look.
pub(super) fn side_seen(robot_m: [f64; 3], a: &MapObject, b: &MapObject) -> Option<RelationKind> {
    let on_plan = |[x, y, _]: [f64; 3]| Vector2::new(x, y);
    let [robot, a, b] = [robot_m, a.position_m, b.position_m].map(on_plan);
    let (view, off) = ((a + b) / 2.0 - robot, a - b);
    // Both longer than they are by the length of the view.
    let (left, ahead) = (view.x * off.y - view.y * off.x, view.dot(&off));
    match () {
        () if left == 0.0 && ahead == 0.0 => None,
        () if left.abs() < ahead.abs() && ahead < 0.0 => Some(RelationKind::InFrontOf),
        () if left.abs() < ahead.abs() => Some(RelationKind::Behind),
        () if left > 0.0 => Some(RelationKind::LeftOf),
        () => Some(RelationKind::RightOf),
    }
}

/// A relation in words, with which the name of the other object goes on.
pub(super) fn words_of(relation: RelationKind) -> &'static str {
    match relation {
        RelationKind::On => "on",
        RelationKind::In => "in",
        RelationKind::Above => "above",
        RelationKind::NextTo => "next to",
        RelationKind::LeftOf => "left of",
        RelationKind::RightOf => "right of",
        RelationKind::InFrontOf => "in front of",
        RelationKind::Behind => "behind",
        RelationKind::Nearest => "near",
    }
}

/// Whether a relation tells on which side the other object is, as the robot sees it.
pub(super) fn is_side(relation: RelationKind) -> bool {
    use RelationKind::{Behind, InFrontOf, LeftOf, RightOf};
    matches!(relation, LeftOf | RightOf | InFrontOf | Behind)
}

/// The relation with the distance of the two.
pub(super) fn relation(
    subject: &MapObject,
    relation: RelationKind,
    object: &MapObject,
) -> Relation {
    let [from, to] = [subject, object].map(|one| Point3::from(one.position_m));
    let distance_m = nalgebra::distance(&from, &to);
    Relation { subject: subject.id, relation, object: object.id, distance_m }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{object, sized};
    use RelationKind::{Above, Behind, In, InFrontOf, LeftOf, NextTo, On, RightOf};

    fn told(objects: &[MapObject], robot_m: Option<[f64; 3]>) -> Vec<(u32, RelationKind, u32)> {
        let relations = scene_relations(objects, robot_m);
        relations.iter().map(|one| (one.subject.0, one.relation, one.object.0)).collect()
    }

    #[test]
    fn a_scene_tells_what_is_on_in_above_and_next_to_what() {
        let objects = [
            object(1, "table", [0.0, 0.0, 0.4], 0.8),
            object(2, "mug", [0.1, 0.0, 0.85], 0.1),
            object(3, "plate", [0.3, 0.0, 0.85], 0.1),
            object(4, "lamp", [0.0, 0.0, 1.6], 0.3),
            object(5, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(6, "egg", [5.1, 0.0, 0.9], 0.05),
            object(7, "ball", [2.0, 3.0, 0.1], 0.2),
        ];
        let all =
            [(2, On, 1), (2, NextTo, 3), (3, On, 1), (3, NextTo, 2), (4, Above, 1), (6, In, 5)];
        assert_eq!(told(&objects, None), all);
        let apart = scene_relations(&objects, None)[1].distance_m;
        assert!((apart - 0.2).abs() < 1e-9, "{apart}");
        // Seen from the side of the table, along y.
        let sides = told(&objects, Some([0.2, -2.0, 1.5]));
        assert_eq!(sides.len(), all.len() + 2);
        assert_eq!((sides[2], sides[5]), ((2, LeftOf, 3), (3, RightOf, 2)));
        assert!(told(&objects[..1], None).is_empty() && told(&[], None).is_empty());
    }

    #[test]
    fn sides_are_as_the_robot_sees_the_two() {
        let (a, b) = (object(1, "a", [1.0, 0.0, 0.5], 0.1), object(2, "b", [1.0, 1.0, 2.0], 0.1));
        let from = |x: f64, y: f64| side_seen([x, y, 0.0], &a, &b);
        assert_eq!(from(-1.0, 0.5), Some(RightOf));
        assert_eq!(from(3.0, 0.5), Some(LeftOf), "from the other side");
        assert_eq!(from(1.0, -2.0), Some(InFrontOf));
        assert_eq!(from(1.5, 4.0), Some(Behind));
        assert_eq!(side_seen([-1.0, 0.5, 0.0], &b, &a), Some(LeftOf));
        assert_eq!(from(1.0, 0.5), None, "in the middle of them");
        assert_eq!(side_seen([0.0; 3], &a, &a), None);
    }

    /// Few are held against few, and none is missed.
    #[test]
    fn no_object_is_asked_about_all_others() {
        let mug = |id: u32| {
            let at_m = [f64::from(id % 30) * 0.4, f64::from(id / 30) * 0.4, 0.05];
            object(id, "mug", at_m, 0.1)
        };
        let floor = sized(900, "floor", [5.8, 5.8, -0.05], [12.0, 12.0, 0.1]);
        let objects: Vec<MapObject> = (0..900).map(mug).chain([floor]).collect();
        let all: Vec<&MapObject> = objects.iter().collect();
        let asked: Vec<usize> = reaching(&all).iter().map(Vec::len).collect();
        assert!(asked.iter().all(|asked| *asked <= 2), "itself and the floor");
        let on = |told: &&(u32, RelationKind, u32)| (told.1, told.2) == (On, 900);
        assert_eq!(told(&objects, None).iter().filter(on).count(), 900);
    }
}
