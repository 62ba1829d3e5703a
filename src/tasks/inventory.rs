//! What there is and where, in words: "on the countertop a mug, two apples; in the sinkbasin a cup; also a
//! fridge".

use super::relation::preposition;
use super::scene_relations::scene_relations;
use super::vocabulary::class_word;
use super::wording::so_many_of_each;
use crate::scene::{MapObject, ObjectId, RelationKind};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// All of `objects` by what of those that `can_hold` anything they stand on or in, the most crowded place
/// first, what stands on nothing last; `None` where there are none. What lies on a thing that holds nothing is
/// told to be where that is. Names are said as they are, in lower case.
pub fn inventory(objects: &[&MapObject], can_hold: impl Fn(&MapObject) -> bool) -> Option<String> {
    let mut held: BTreeMap<Option<String>, Vec<&MapObject>> = BTreeMap::new();
    let holders = holders(objects);
    for object in objects {
        // From holder to holder there is an end.
        let mut holder = holders.get(&object.id);
        while let Some(other) = holder.filter(|other| !can_hold(other)) {
            holder = holders.get(&other.id);
        }
        held.entry(holder.map(|holder| holder.label.to_lowercase())).or_default().push(object);
    }
    let mut places: Vec<_> = held.into_iter().collect();
    places.sort_by_key(|(holder, things)| (holder.is_none(), Reverse(things.len())));
    let has_places = places.iter().any(|(holder, _)| holder.is_some());
    let told: Vec<String> = places
        .into_iter()
        .map(|(holder, things)| {
            let things = so_many_of_each(things.iter().map(|thing| thing.label.to_lowercase()));
            match holder {
                Some(holder) => {
                    format!("{} the {holder} {things}", preposition(&class_word(&holder)))
                }
                None if has_places => format!("also {things}"),
                None => things,
            }
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What each object that stands on or in another stands on or in.
fn holders<'a>(objects: &[&'a MapObject]) -> BTreeMap<ObjectId, &'a MapObject> {
    let by_id: BTreeMap<ObjectId, &MapObject> =
        objects.iter().map(|object| (object.id, *object)).collect();
    let relations = scene_relations(objects.iter().copied(), None);
    let holds = |kind| matches!(kind, RelationKind::On | RelationKind::In);
    let held = relations.into_iter().filter(|one| holds(one.relation));
    held.filter_map(|one| Some((one.subject, *by_id.get(&one.object)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    #[test]
    fn things_are_told_by_place_and_number() {
        let objects = [
            object(1, "Coffee Table", [0.0, 0.0, 0.4], 0.8),
            object(2, "egg", [0.1, 0.0, 0.85], 0.1),
            object(3, "fork", [0.3, 0.0, 0.85], 0.1),
            object(4, "fork", [-0.3, 0.0, 0.85], 0.1),
            object(5, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(6, "egg", [5.1, 0.0, 0.9], 0.05),
        ];
        let all: Vec<&MapObject> = objects.iter().collect();
        let told = inventory(&all, |_| true).unwrap();
        let wanted = "on the coffee table an egg, two forks; in the fridge an egg; also a coffee table, a \
                      fridge";
        assert_eq!(told, wanted);
        let loose = inventory(&all[1..4], |_| true).unwrap();
        assert_eq!(loose, "an egg, two forks", "nothing that holds them");
        let on_egg = object(7, "fork", [0.1, 0.0, 0.92], 0.04);
        let tables = |object: &MapObject| object.label.contains("Table");
        let told = inventory(&[all[0], all[1], &on_egg], tables).unwrap();
        assert_eq!(told, "on the coffee table an egg, a fork; also a coffee table");
        assert_eq!(inventory(&[], |_| true), None);
    }
}
