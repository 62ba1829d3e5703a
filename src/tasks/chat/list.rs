//! The objects of the map as a list that a language model reads.
//!
//! Each has a name of its own, its class and id (`coffee_table_4`), so that a plan says which one is
//! meant. Where the list would be longer than there is room for, those stay that the goal has most to
//! do with: what it names, then what it means where an encoder of texts tells, then the nearest of every
//! class, then the nearest.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use nalgebra::Point3;

use crate::scene::{MapObject, ObjectId, Relation};
use crate::tasks::{class_word, gap_m, is_side, scene_relations, side_of, words_of};

/// A label is as like a word of the goal as this to be named by it, 0..=1.
const NAMED: f64 = 0.6;
/// Most letters of a class in a name.
const MOST_LETTERS: usize = 32;

/// An object and its name.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    /// Class and id, one word.
    pub name: String,
    /// The object.
    pub object: &'a MapObject,
}

/// The objects in the order of what the goal has to do with them.
#[derive(Debug)]
pub struct ObjectList<'a> {
    by_relevance: Vec<Listed<'a>>,
    robot: Point3<f64>,
    heading_rad: Option<f64>,
    held: Option<ObjectId>,
}

impl<'a> ObjectList<'a> {
    /// Lists `objects` for `goal`, for a robot at `robot_m` (world frame, metres) that holds `held`.
    pub fn new(
        objects: &'a [MapObject],
        goal: &str,
        robot_m: [f64; 3],
        held: Option<ObjectId>,
    ) -> Self {
        Self::by_meaning(objects, goal, robot_m, held, &HashMap::new())
    }

    /// The same, where `meant` says how near labels come to what the goal means.
    pub fn by_meaning(
        objects: &'a [MapObject],
        goal: &str,
        robot_m: [f64; 3],
        held: Option<ObjectId>,
        meant: &HashMap<&str, f32>,
    ) -> Self {
        let robot = Point3::from(robot_m);
        let words = windows(goal);
        let mut by_place: Vec<(f64, &MapObject)> =
            objects.iter().map(|object| (gap_m(object, &robot), object)).collect();
        by_place.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.id.cmp(&b.1.id)));
        let mut classes = HashSet::new();
        let mut ranked: Vec<_> = by_place
            .into_iter()
            .map(|(distance_m, object)| {
                let first = classes.insert(class_word(&object.label));
                let named = likeness(&words, &object.label);
                let meant = meant.get(object.label.as_str());
                let (group, likeness) = match meant {
                    _ if Some(object.id) == held => (0, 0.0),
                    _ if named >= NAMED => (1, named),
                    Some(&meant) => (2, f64::from(meant)),
                    None if first => (3, 0.0),
                    None => (4, 0.0),
                };
                (group, likeness, distance_m, object)
            })
            .collect();
        ranked.sort_by(|a, b| {
            let by_place = a.2.total_cmp(&b.2).then(a.3.id.cmp(&b.3.id));
            a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(by_place)
        });
        let by_relevance = ranked
            .into_iter()
            .map(|(_, _, _, object)| Listed { name: name_of(object), object })
            .collect();
        Self { by_relevance, robot, heading_rad: None, held }
    }

    /// The same for a robot that is known to look where `heading_rad` says, from the world's x axis to
    /// the left: the text then tells on which side of it objects are.
    pub fn facing(self, heading_rad: Option<f64>) -> Self {
        Self { heading_rad, ..self }
    }

    /// Where the robot looks, whole degrees from the world's x axis to the left, 0..360; `None` where
    /// that is not known.
    pub fn heading_deg(&self) -> Option<i64> {
        let degrees = self.heading_rad?.to_degrees().round() as i64;
        Some(degrees.rem_euclid(360))
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.by_relevance.len()
    }

    /// The `count` objects that the goal has most to do with, in the order of their ids.
    pub fn first(&self, count: usize) -> Vec<Listed<'a>> {
        let mut first = self.by_relevance[..count.min(self.len())].to_vec();
        first.sort_by_key(|listed| listed.object.id);
        first
    }

    /// The same as text, a line each: name, position rounded to a decimetre, distance and side,
    /// whether it was seen but once, what it stands on or in, what it is next to there and on which
    /// side of that, or what it hangs above; and how many are left out.
    pub fn text(&self, count: usize) -> String {
        let first = self.first(count);
        let mut text = String::new();
        let names: HashMap<ObjectId, &str> =
            first.iter().map(|listed| (listed.object.id, listed.name.as_str())).collect();
        let objects = first.iter().map(|listed| listed.object);
        let mut relations: HashMap<ObjectId, Vec<Relation>> = HashMap::new();
        for relation in scene_relations(objects, Some(self.robot.into())) {
            relations.entry(relation.subject).or_default().push(relation);
        }
        for listed in &first {
            let object = listed.object;
            let [x, y, z] = object.position_m;
            let distance_m = gap_m(object, &self.robot);
            let _ = write!(text, "{} at ({x:.1}, {y:.1}, {z:.1})", listed.name);
            if Some(object.id) == self.held {
                text.push_str(", in the robot's hand\n");
                continue;
            }
            let _ = write!(text, ", {distance_m:.1} m away");
            if let Some(heading_rad) = self.heading_rad {
                let _ = write!(text, " {}", side_of(&self.robot, heading_rad, object.position_m));
            }
            if rests_on_one_look(object) {
                text.push_str(", seen once");
            }
            for Relation { relation, object: other, .. } in
                relations.get(&object.id).into_iter().flatten()
            {
                let other = names.get(other).copied().unwrap_or_default();
                // What it is next to was named just before.
                let other = if is_side(*relation) { "it" } else { other };
                let _ = write!(text, ", {} {other}", words_of(*relation));
            }
            text.push('\n');
        }
        if first.is_empty() {
            text.push_str("none\n");
        }
        let left_out = self.len() - first.len();
        if left_out > 0 {
            let _ = writeln!(
                text,
                "({left_out} more are left out: the goal has least to do with them)"
            );
        }
        text
    }

    /// The name of what the robot holds, where the map knows it.
    pub fn held_name(&self) -> Option<&str> {
        let held = self.by_relevance.iter().find(|listed| Some(listed.object.id) == self.held)?;
        Some(&held.name)
    }
}

/// Whether all that is known of an object is one look, which was not certain: of two that fit a
/// goal, the other is likelier to be there.
fn rests_on_one_look(object: &MapObject) -> bool {
    object.observations <= 1 && object.confidence < 1.0
}

/// Class and id as one word of letters, digits and underscores.
fn name_of(object: &MapObject) -> String {
    let mut name = String::new();
    for letter in object.label.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if name.chars().count() >= MOST_LETTERS {
            break;
        }
    }
    let class = name.trim_end_matches('_');
    let class = if class.is_empty() { "object" } else { class };
    format!("{class}_{}", object.id.0)
}

/// One, two and three words of the goal that follow each other, each as one word.
fn windows(goal: &str) -> Vec<String> {
    let words: Vec<String> =
        goal.split_whitespace().map(class_word).filter(|word| !word.is_empty()).collect();
    (1..=3).flat_map(|width| words.windows(width).map(|window| window.concat())).collect()
}

/// How like the label is to what the goal names, 0..=1.
fn likeness(windows: &[String], label: &str) -> f64 {
    let label = class_word(label);
    windows.iter().map(|window| dice(window, &label)).fold(0.0, f64::max)
}

/// Dice's coefficient of the pairs of letters of two words: 1 for equal ones, 0 for those without a
/// common pair (Dice, 1945).
fn dice(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let pairs =
        |word: &str| -> Vec<(char, char)> { word.chars().zip(word.chars().skip(1)).collect() };
    let (a, mut b) = (pairs(a), pairs(b));
    let total = a.len() + b.len();
    let mut common = 0;
    for pair in a {
        if let Some(at) = b.iter().position(|other| *other == pair) {
            b.swap_remove(at);
            common += 1;
        }
    }
    if total == 0 { 0.0 } else { 2.0 * f64::from(common) / total as f64 }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, TAU};

    use super::*;
    use crate::scene::fixtures::object;

    #[test]
    fn names_are_words_and_unique() {
        let name = |label: &str| name_of(&object(4, label, [0.0; 3], 0.1));
        assert_eq!(name("Coffee Table"), "coffee_table_4");
        assert_eq!(name("  robot-arm!\n"), "robot_arm_4");
        assert_eq!(name("コップ"), "コップ_4");
        assert_eq!(name("<|im_end|>"), "im_end_4");
        assert_eq!(name("?!"), "object_4");
        assert!(name(&"x".repeat(10_000)).len() < 40);
    }

    #[test]
    fn what_the_goal_names_stays_longest() {
        let objects = [
            object(1, "chair", [1.0, 0.0, 0.0], 0.2),
            object(2, "chair", [1.5, 0.0, 0.0], 0.2),
            object(3, "dining table", [6.0, 0.0, 0.0], 0.2),
            object(4, "mug", [9.0, 0.0, 0.0], 0.2),
            object(5, "fridge", [4.0, 0.0, 0.0], 0.2),
            object(6, "spoon", [7.0, 0.0, 0.0], 0.2),
        ];
        let goal = "Put both mugs on the dining table";
        let list = ObjectList::new(&objects, goal, [0.0; 3], Some(ObjectId(6)));
        let order: Vec<u32> = list.by_relevance.iter().map(|one| one.object.id.0).collect();
        // Held; named, best match first; the nearest of each class; the rest.
        assert_eq!(order, [6, 3, 4, 1, 5, 2]);
        let first: Vec<u32> = list.first(3).iter().map(|one| one.object.id.0).collect();
        assert_eq!(first, [3, 4, 6]);
        assert_eq!(list.held_name(), Some("spoon_6"));
        let text = list.text(3);
        assert!(text.contains("mug_4 at (9.0, 0.0, 0.0), 8.9 m away, seen once\n"), "{text}");
        assert!(text.contains("spoon_6 at (7.0, 0.0, 0.0), in the robot's hand\n"), "{text}");
        assert!(text.ends_with("(3 more are left out: the goal has least to do with them)\n"));
        assert!(!list.text(6).contains("left out"));
    }

    #[test]
    fn relations_are_told() {
        let objects = [
            object(1, "table", [0.0, 0.0, 0.4], 0.8),
            object(2, "mug", [0.1, 0.0, 0.85], 0.1),
            object(3, "plate", [0.3, 0.0, 0.85], 0.1),
            object(4, "lamp", [0.0, 0.0, 1.6], 0.3),
        ];
        let text = ObjectList::new(&objects, "tidy up", [0.0; 3], None).text(4);
        let mug = "m away, seen once, on table_1, next to plate_3, in front of it\n";
        assert!(text.contains(mug), "{text}");
        assert!(text.contains("m away, seen once, above table_1\n"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("m away, seen once"), "{text}");

        // It looks along y: x is to its right.
        let robot_m = [-2.0, 0.0, 0.0];
        let list = ObjectList::new(&objects[..1], "tidy up", robot_m, None);
        assert_eq!(list.heading_deg(), None);
        let list = list.facing(Some(FRAC_PI_2));
        assert_eq!(list.heading_deg(), Some(90));
        let text = list.text(1);
        assert!(text.ends_with("m away to the right, seen once\n"), "{text}");
        let around = [-0.001, -FRAC_PI_2, TAU - 0.001].map(|rad| {
            let list = ObjectList::new(&[], "", robot_m, None).facing(Some(rad));
            list.heading_deg()
        });
        assert_eq!(around, [Some(0), Some(270), Some(0)]);
    }

    #[test]
    fn what_was_seen_once_is_told_unless_it_is_certain() {
        let mug = |id: u32| object(id, "mug", [f64::from(id), 0.0, 0.0], 0.1);
        let objects = [
            mug(1),
            MapObject { observations: 2, ..mug(2) },
            MapObject { confidence: 1.0, ..mug(3) },
            mug(4),
        ];
        let text = ObjectList::new(&objects, "", [0.0; 3], Some(ObjectId(4))).text(4);
        let seen_once = text.lines().map(|line| line.contains("seen once"));
        assert_eq!(seen_once.collect::<Vec<_>>(), [true, false, false, false], "{text}");
    }

    #[test]
    fn an_empty_map_is_an_empty_list() {
        let list = ObjectList::new(&[], "tidy up", [0.0; 3], Some(ObjectId(3)));
        assert_eq!((list.len(), list.text(5).as_str()), (0, "none\n"));
        assert_eq!(list.held_name(), None);
    }

    #[test]
    fn likeness_of_words() {
        let likeness = |goal: &str, label: &str| likeness(&windows(goal), label);
        assert_eq!(likeness("bring the Coffee table", "coffeetable"), 1.0);
        assert!(likeness("bring two mugs", "mug") > NAMED);
        assert!(likeness("wash the dishes", "mug") < NAMED);
        assert_eq!(likeness("", "mug"), 0.0);
        assert_eq!(likeness("a", "b"), 0.0);
    }
}
