//! What the list of objects says, in words: facts of the map and nothing else. Where it says nothing, the
//! map may look like what is asked for; that is said to be a likeness.

use crate::scene::{MapObject, ObjectId, Place};
use crate::tasks::{akin, inventory, lacks, named};

/// Words, and the objects they rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// In words.
    pub words: String,
    /// The objects.
    pub objects: Vec<ObjectId>,
}

/// Where the things called `name` are, in the frame `frame_id`; `None` when there are none.
pub fn whereabouts(objects: &[MapObject], name: &str, frame_id: &str) -> Option<Fact> {
    let found = named(objects, name);
    let places: Vec<_> = found.iter().map(|object| place(object)).collect();
    let words = match &places[..] {
        [] => return None,
        [one] => format!("{one} in {frame_id}"),
        many => format!("{} of them in {frame_id}: {}", many.len(), many.join("; ")),
    };
    Some(Fact { words, objects: found.iter().map(|object| object.id).collect() })
}

/// Whether `name` is what a person calls the robot: "where are you".
pub fn is_robot(name: &str) -> bool {
    name == "you"
}

/// Where the robot is, in the frame `frame_id`.
pub fn standing([x, y, z]: [f64; 3], frame_id: &str) -> Fact {
    Fact { words: format!("i am at ({x:.2}, {y:.2}, {z:.2}) m in {frame_id}"), objects: Vec::new() }
}

/// That none of `objects` is called `name`, and what comes near it: who says "sink" may mean a sinkbasin.
pub fn unknown(objects: &[MapObject], name: &str) -> String {
    let near: Vec<String> =
        akin(name, objects).iter().map(|class| format!("\"{class}\"")).collect();
    match near.is_empty() {
        true => format!("nothing in the map is called \"{name}\""),
        false => format!("nothing in the map is called \"{name}\", but {}", near.join(", ")),
    }
}

/// Where the map looks most like `name`, of which it has no object, in the frame `frame_id`.
pub fn likeness(name: &str, place: &Place, frame_id: &str) -> Fact {
    let [x, y, z] = place.position_m;
    let words = format!(
        "no object is called {name}; what looks most like it is at ({x:.2}, {y:.2}, {z:.2}) m in \
         {frame_id}, likeness {:.2}",
        place.similarity
    );
    Fact { words, objects: Vec::new() }
}

/// How many things called `name` there are; `None` where their names do not tell: a red mug is called "mug".
pub fn count(objects: &[MapObject], name: &str) -> Option<Fact> {
    let found = named(objects, name);
    let is_told = !found.is_empty() || objects.is_empty() || lacks(name, objects);
    is_told.then(|| Fact {
        words: format!("{} in the map", found.len()),
        objects: found.iter().map(|object| object.id).collect(),
    })
}

/// What the map holds, by place and class; of `max_objects` objects at most, the surest ones (0: of all).
pub fn describe(objects: &[MapObject], max_objects: usize) -> Fact {
    let mut told: Vec<_> = objects.iter().collect();
    told.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.id.cmp(&b.id)));
    if max_objects > 0 {
        told.truncate(max_objects);
    }
    let words = match (inventory(&told, |_| true), objects.len() - told.len()) {
        (None, _) => "no objects yet".to_owned(),
        (Some(told), 0) => told,
        (Some(told), more) => format!("{told}, and {more} more"),
    };
    Fact { words, objects: told.iter().map(|object| object.id).collect() }
}

fn place(object: &MapObject) -> String {
    let [x, y, z] = object.position_m;
    format!("{} #{} at ({x:.2}, {y:.2}, {z:.2}) m", object.label, object.id.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures;

    fn object(id: u32, label: &str, confidence: f32) -> MapObject {
        let position_m = [f64::from(id), 0.5, -1.0];
        MapObject { confidence, ..fixtures::object(id, label, position_m, 0.1) }
    }

    #[test]
    fn where_and_how_many() {
        let objects =
            [object(1, "Coffee Mug", 0.5), object(4, "knife", 0.9), object(6, "knife", 0.7)];
        let mug = whereabouts(&objects, "coffee mug", "map").unwrap();
        assert_eq!(mug.words, "Coffee Mug #1 at (1.00, 0.50, -1.00) m in map");
        let knives = whereabouts(&objects, "knives", "map").unwrap();
        assert!(knives.words.starts_with("2 of them in map: knife #4 at"), "{}", knives.words);
        assert_eq!(knives.objects, [ObjectId(4), ObjectId(6)]);
        assert_eq!(whereabouts(&objects, "spoon", "map"), None);
        assert!(is_robot("you") && !is_robot("mug"));
        assert_eq!(standing([1.0, 0.5, 0.0], "map").words, "i am at (1.00, 0.50, 0.00) m in map");
        let number = |name: &str| Some(count(&objects, name)?.words);
        assert_eq!(number("knife").as_deref(), Some("2 in the map"));
        assert_eq!(number("unicorns").as_deref(), Some("0 in the map"));
        for not_told in ["sharp knives", "knives and forks", "things", "mugs"] {
            assert_eq!(number(not_told), None, "{not_told}");
        }
        let near = unknown(&objects, "mug or knife");
        assert_eq!(near, "nothing in the map is called \"mug or knife\", but \"knife\"");
        assert_eq!(unknown(&objects, "mugs").split(", but ").nth(1), Some("\"coffeemug\""));
        assert_eq!(unknown(&objects, "spoon"), "nothing in the map is called \"spoon\"");
    }

    #[test]
    fn a_likeness_is_said_to_be_one() {
        let place = Place {
            position_m: [1.2, 0.4, 0.9],
            size_m: [0.2; 3],
            confidence: 0.8,
            similarity: 0.31,
            voxels: 9,
            last_seen_ns: 0,
        };
        let fact = likeness("kettle", &place, "map");
        let told = "no object is called kettle; what looks most like it is at (1.20, 0.40, 0.90) m in \
                    map, likeness 0.31";
        assert_eq!((fact.words.as_str(), fact.objects.len()), (told, 0));
    }

    #[test]
    fn descriptions_count_classes_and_say_what_is_left_out() {
        let objects = [object(1, "mug", 0.5), object(2, "knife", 0.9), object(3, "knife", 0.7)];
        assert_eq!(describe(&objects, 0).words, "two knives, a mug");
        let short = describe(&objects, 2);
        assert_eq!((short.words.as_str(), short.objects.len()), ("two knives, and 1 more", 2));
        assert_eq!(describe(&[], 0).words, "no objects yet");
    }
}
