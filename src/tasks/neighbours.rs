//! Which objects are nearest to which, whatever they stand on, beside how all stand to each other: what is
//! published and exported. Lists for language models leave the neighbours out, which they would have to
//! read for every object.

use super::scene_relations::{relation, scene_relations, side_seen};
use crate::scene::{MapObject, ObjectId, Relation, RelationKind};
use nalgebra::{Point3, distance};
use std::collections::HashSet;

/// Neighbours of an object that are told.
const MOST: usize = 3;
/// What is farther away is no neighbour, metres between centres.
const FARTHEST_M: f64 = 2.0;

/// How `objects`, which come in the order of their ids, stand to each other: [`scene_relations`]; and of
/// each the three others that are nearest, no farther than 2 m, nearest first. For a robot that is known to
/// be at `robot_m` (world frame, metres) it is told as well on which side of each of these the object is,
/// unless one of the two stands on the other, is in it or hangs above it. No more than nine an object, in
/// the order of ids.
pub fn map_relations<'a>(
    objects: impl IntoIterator<Item = &'a MapObject>,
    robot_m: Option<[f64; 3]>,
) -> Vec<Relation> {
    let mut by_x: Vec<&MapObject> = objects.into_iter().collect();
    let mut relations = scene_relations(by_x.iter().copied(), robot_m);
    // Pairs of which the side is told already, or would say nothing.
    let mut settled: HashSet<(ObjectId, ObjectId)> = HashSet::new();
    for one in &relations {
        settled.insert((one.subject, one.object));
        if matches!(one.relation, RelationKind::On | RelationKind::In | RelationKind::Above) {
            settled.insert((one.object, one.subject));
        }
    }
    by_x.sort_by(|a, b| a.position_m[0].total_cmp(&b.position_m[0]));
    for (at, object) in by_x.iter().copied().enumerate() {
        for other in nearest_to(at, &by_x) {
            relations.push(relation(object, RelationKind::Nearest, other));
            let seen_from = robot_m.filter(|_| !settled.contains(&(object.id, other.id)));
            if let Some(side) = seen_from.and_then(|at_m| side_seen(at_m, object, other)) {
                relations.push(relation(object, side, other));
            }
        }
    }
    relations.sort_by_key(|one| one.subject);
    relations
}

/// The neighbours of the object at `at` in the order of their x, nearest first. Both ways are gone only until
/// the next is too far away in x alone, so that few of a large home are looked at.
fn nearest_to<'a>(at: usize, by_x: &[&'a MapObject]) -> Vec<&'a MapObject> {
    let object = by_x[at];
    let mut found: Vec<(f64, &MapObject)> = Vec::with_capacity(MOST + 1);
    // Whether one farther on may still be near.
    let mut weigh = |other: &'a MapObject| {
        let most_m = found.get(MOST - 1).map_or(FARTHEST_M, |(apart_m, _)| *apart_m);
        if (other.position_m[0] - object.position_m[0]).abs() > most_m {
            return false;
        }
        let apart_m = distance(&Point3::from(object.position_m), &Point3::from(other.position_m));
        if apart_m <= most_m {
            found.push((apart_m, other));
            found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.id.cmp(&b.1.id)));
            found.truncate(MOST);
        }
        true
    };
    for other in by_x[..at].iter().rev().copied() {
        if !weigh(other) {
            break;
        }
    }
    for other in by_x[at + 1..].iter().copied() {
        if !weigh(other) {
            break;
        }
    }
    found.into_iter().map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;
    use RelationKind::{Behind, InFrontOf, LeftOf, Nearest, NextTo, On, RightOf};

    /// What is told of the object `id`.
    fn told(
        objects: &[MapObject],
        robot_m: Option<[f64; 3]>,
        id: u32,
    ) -> Vec<(RelationKind, u32, f64)> {
        let relations = map_relations(objects, robot_m);
        let of = relations.into_iter().filter(|one| one.subject.0 == id);
        of.map(|one| (one.relation, one.object.0, one.distance_m)).collect()
    }

    #[test]
    fn neighbours_are_told_whatever_they_stand_on() {
        let objects = [
            object(1, "sofa", [0.0, 0.0, 0.5], 0.4),
            object(2, "lamp", [1.0, 0.0, 0.5], 0.4),
            object(3, "plant", [0.0, 1.5, 0.5], 0.4),
            object(4, "shelf", [-1.9, 0.0, 0.5], 0.4),
            object(5, "box", [0.0, -1.2, 0.5], 0.4),
            object(6, "bed", [9.0, 0.0, 0.5], 0.4),
        ];
        let of_sofa = [(Nearest, 2, 1.0), (Nearest, 5, 1.2), (Nearest, 3, 1.5)];
        assert_eq!(told(&objects, None, 1), of_sofa, "the shelf would be the fourth");
        assert_eq!(told(&objects, None, 4), [(Nearest, 1, 1.9)]);
        assert!(told(&objects, None, 6).is_empty(), "nothing is near the bed");
        // The robot looks along x.
        let sides = told(&objects, Some([-5.0, 0.0, 1.0]), 1);
        let sides: Vec<_> = sides.into_iter().map(|(kind, other, _)| (kind, other)).collect();
        let wanted =
            [(Nearest, 2), (InFrontOf, 2), (Nearest, 5), (LeftOf, 5), (Nearest, 3), (RightOf, 3)];
        assert_eq!(sides, wanted);
        let from_there = told(&objects, Some([5.0, 0.0, 1.0]), 1);
        assert_eq!(from_there[1], (Behind, 2, 1.0));
        assert!(map_relations(&[], None).is_empty());
    }

    #[test]
    fn no_side_is_told_twice_nor_of_what_a_thing_stands_on() {
        let objects = [
            object(1, "table", [0.0, 0.0, 0.4], 0.8),
            object(2, "mug", [0.1, 0.0, 0.85], 0.1),
            object(3, "plate", [0.3, 0.0, 0.85], 0.1),
        ];
        let robot_m = Some([0.2, -2.0, 1.5]);
        let kinds = |id: u32| -> Vec<(RelationKind, u32)> {
            told(&objects, robot_m, id).into_iter().map(|(kind, other, _)| (kind, other)).collect()
        };
        assert_eq!(kinds(1), [(Nearest, 2), (Nearest, 3)]);
        let of_mug = [(On, 1), (NextTo, 3), (LeftOf, 3), (Nearest, 3), (Nearest, 1)];
        assert_eq!(kinds(2), of_mug);
    }

    /// Against a distance between any two.
    #[test]
    fn no_neighbour_is_missed() {
        let place = |id: u32| {
            let wave = |k: f64| (f64::from(id) * k).sin();
            object(id, "thing", [3.0 * wave(1.3), 3.0 * wave(2.1), 0.5 * wave(0.7)], 0.01)
        };
        let objects: Vec<MapObject> = (0..200).map(place).collect();
        for one in &objects {
            let apart_m = |other: &MapObject| {
                distance(&Point3::from(one.position_m), &Point3::from(other.position_m))
            };
            let others = objects.iter().filter(|other| other.id != one.id);
            let mut all: Vec<f64> = others.map(apart_m).filter(|m| *m <= FARTHEST_M).collect();
            all.sort_by(f64::total_cmp);
            all.truncate(MOST);
            let told = told(&objects, None, one.id.0).into_iter();
            let found: Vec<f64> =
                told.filter(|(kind, ..)| *kind == Nearest).map(|(_, _, apart_m)| apart_m).collect();
            assert_eq!(found, all);
        }
    }
}
