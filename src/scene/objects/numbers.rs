//! A number for each name that objects of a map have had, by which viewers colour label maps.

use super::ObjectStore;
use std::collections::BTreeMap;

/// Names that get a number: what an open vocabulary makes up must not fill the memory.
const MOST_NUMBERED: usize = 10_000;

/// Numbers of names, from 1, in the order in which a map has met them. No two names have the same, and
/// a name keeps its own as long as the map lives, through files as well, whatever becomes of its objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelNumbers(BTreeMap<String, u32>);

impl LabelNumbers {
    /// The number of a name; 0 of one that has none.
    pub fn of(&self, label: &str) -> u32 {
        self.0.get(label).copied().unwrap_or(0)
    }

    /// The names in the order of their numbers; that of the first is 1.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<(u32, &str)> =
            self.0.iter().map(|(name, number)| (*number, name.as_str())).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Gives a name the next number. `false` where it gets none: it has one, is empty, or too many have.
    pub(in crate::scene) fn add(&mut self, label: &str) -> bool {
        if label.is_empty() || self.0.contains_key(label) || self.0.len() >= MOST_NUMBERED {
            return false;
        }
        let number = self.0.len() as u32 + 1;
        self.0.insert(label.to_owned(), number);
        true
    }
}

impl ObjectStore {
    /// The numbers of the names that its objects have and have had.
    pub fn label_numbers(&self) -> &LabelNumbers {
        &self.numbers
    }

    /// Gives the names of objects that have none their numbers, in the order of ids.
    pub(in crate::scene) fn number_names(&mut self) {
        for object in &self.parts.objects {
            self.numbers.add(&object.label);
        }
    }

    /// Takes the numbers of a map that was saved.
    pub(in crate::scene) fn set_label_numbers(&mut self, numbers: LabelNumbers) {
        self.numbers = numbers;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Pose;
    use crate::sensing::Detection;

    #[test]
    fn names_keep_their_numbers_when_their_objects_go() {
        let mut store = ObjectStore::default();
        let see = |store: &mut ObjectStore, label: &str, x_m: f64| {
            let one = Detection {
                label: label.into(),
                score: 0.9,
                frame_T_box: Pose::translation(x_m, 0.0, 0.0),
                size_m: [0.1; 3],
                track_id: String::new(),
            };
            store.observe(&[one], &Pose::identity(), 1).objects[0]
        };
        let mug = see(&mut store, "mug", 0.0);
        see(&mut store, "apple", 2.0);
        see(&mut store, "mug", 4.0);
        assert_eq!(store.label_numbers().names(), ["mug", "apple"]);
        store.remove(mug.unwrap());
        store.clear();
        see(&mut store, "bowl", 0.0);
        see(&mut store, "apple", 2.0);
        let number = |label: &str| store.label_numbers().of(label);
        assert_eq!(["mug", "apple", "bowl", "fork"].map(number), [1, 2, 3, 0]);
    }

    #[test]
    fn not_any_number_of_names_gets_one() {
        let mut numbers = LabelNumbers::default();
        (0..2 * MOST_NUMBERED).for_each(|at| {
            numbers.add(&format!("name {at}"));
        });
        assert_eq!(numbers.names().len(), MOST_NUMBERED);
        assert_eq!((numbers.of("name 1"), numbers.of(&format!("name {MOST_NUMBERED}"))), (2, 0));
        assert!(!LabelNumbers::default().add(""));
    }
}
