//! What the looks at a map have left behind beside its objects.

use super::objects::is_near;
use crate::scene::objects::{Found, unlikeness};
use crate::scene::{MapObject, ObjectId};
use std::collections::BTreeMap;

/// Of two that may be the one that went, it is the one that is so much more like it, cosine.
const CLEARLY: f64 = 0.1;
/// Objects that went and may come back, and places that were said to be something else.
pub(in crate::scene) const REMEMBERED: usize = 64;

/// What is remembered of objects that are no more, and of those that looks at regions miss; no part of
/// the map. All but the misses is saved with it: looks count anew after that.
#[derive(Debug, Clone, Default)]
pub(in crate::scene) struct ObjectMemory {
    /// Looks in a row without a region.
    pub(super) misses: BTreeMap<ObjectId, u8>,
    /// Objects that went, the latest last.
    gone: Vec<Gone>,
    /// Objects that were said to be none.
    pub(super) refuted: Vec<MapObject>,
}

/// An object that went, and how it looked.
#[derive(Debug, Clone)]
struct Gone {
    object: MapObject,
    look: Option<Vec<f32>>,
    /// When it was seen to be no longer where it was, nanoseconds; not saved.
    missed_ns: Option<i64>,
}

impl ObjectMemory {
    /// An object went; it may turn up elsewhere. `missed_ns` is when it was seen to be no longer where it
    /// was, where that is known.
    pub fn went(&mut self, object: MapObject, look: Option<Vec<f32>>, missed_ns: Option<i64>) {
        self.misses.remove(&object.id);
        self.gone.retain(|gone| gone.object.id != object.id);
        remember(&mut self.gone, Gone { object, look, missed_ns });
    }

    /// Whether what was `seen` shows an object before it went: a message that was long on its way must
    /// not bring back what is gone.
    pub fn went_since(&self, seen: &MapObject) -> bool {
        self.gone.iter().any(|gone| {
            gone.missed_ns.is_some_and(|missed_ns| seen.last_seen_ns < missed_ns)
                && gone.object.label == seen.label
                && is_near(seen, &gone.object)
        })
    }

    /// Lets nothing have been seen or missed later than `stamp_ns`.
    pub fn set_back(&mut self, stamp_ns: i64) {
        for gone in &mut self.gone {
            gone.object.set_back(stamp_ns);
            gone.missed_ns = gone.missed_ns.min(Some(stamp_ns));
        }
    }

    /// An object was said to be none.
    pub fn refute(&mut self, object: MapObject) {
        remember(&mut self.refuted, object);
    }

    /// What went and how it looked, the latest last.
    pub fn gone(&self) -> impl Iterator<Item = Found<'_>> {
        self.gone.iter().map(|gone| (&gone.object, gone.look.as_deref()))
    }

    /// What was said to be no object, the latest last.
    pub fn refuted(&self) -> &[MapObject] {
        &self.refuted
    }

    /// For each new object, with its look, the id under which it was known before it went. Of each name
    /// it is the only new one that is the only one that went, or those that look clearly more alike than
    /// others.
    pub fn return_to(&mut self, found: &[Found<'_>]) -> Vec<Option<ObjectId>> {
        let mut pairs = Vec::new();
        for (at, (one, look)) in found.iter().enumerate() {
            for gone in self.gone.iter().filter(|gone| gone.object.label == one.label) {
                let unlike = unlikeness(*look, gone.look.as_deref());
                pairs.push((unlike, at, gone.object.id));
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut back = vec![None; found.len()];
        for (unlike, at, id) in &pairs {
            let is_open = |(_, at, id): &(f64, usize, ObjectId)| {
                back[*at].is_none() && !back.contains(&Some(*id))
            };
            let shares = |other: &&(f64, usize, ObjectId)| (other.1 == *at) != (other.2 == *id);
            let rival = pairs.iter().filter(shares).find(|other| is_open(other));
            let is_clear = rival.is_none_or(|rival| rival.0 - unlike > CLEARLY);
            if is_clear && is_open(&(*unlike, *at, *id)) {
                back[*at] = Some(*id);
            }
        }
        self.gone.retain(|gone| !back.contains(&Some(gone.object.id)));
        back
    }
}

fn remember<T>(list: &mut Vec<T>, one: T) {
    list.push(one);
    if list.len() > REMEMBERED {
        list.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures;

    fn object(id: u32, label: &str) -> MapObject {
        fixtures::object(id, label, [0.0; 3], 0.1)
    }

    #[test]
    fn what_comes_back_is_known_by_its_look_where_that_is_clear() {
        let (red, blue, new) = ([1.0, 0.0], [0.0, 1.0], object(9, "mug"));
        let memory = |gone: &[(u32, &[f32; 2])]| {
            let mut memory = ObjectMemory::default();
            memory.went(object(7, "fork"), Some(red.to_vec()), None);
            let looks = gone.iter().map(|(id, look)| (*id, Some(look.to_vec())));
            looks.for_each(|(id, look)| memory.went(object(id, "mug"), look, None));
            memory
        };
        let of = |gone: &[(u32, &[f32; 2])], found: &[&[f32]]| {
            let found: Vec<Found<'_>> = found.iter().map(|look| (&new, Some(*look))).collect();
            let back = memory(gone).return_to(&found).into_iter();
            back.map(|id| id.map(|id| id.0)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[(1, &red)], &[&blue]), [Some(1)], "the only one, however it looks");
        assert_eq!(of(&[(1, &red), (2, &blue)], &[&blue]), [Some(2)]);
        assert_eq!(of(&[(1, &red), (2, &blue)], &[&blue, &red]), [Some(2), Some(1)]);
        assert_eq!(of(&[(1, &red), (2, &red)], &[&red]), [None], "either may be it");
        assert_eq!(of(&[(1, &red)], &[&red, &red]), [None, None]);
        assert_eq!(of(&[(1, &red)], &[&blue, &red]), [None, Some(1)]);
        assert_eq!(of(&[], &[&red]), [None]);
        let mut twice = memory(&[(1, &red)]);
        let found: Found<'_> = (&new, None);
        assert_eq!(twice.return_to(&[found]), [Some(ObjectId(1))], "the only one, unseen");
        assert_eq!(twice.return_to(&[found]), [None], "it is back already");
    }

    #[test]
    fn a_message_from_before_an_object_went_does_not_bring_it_back() {
        let mut memory = ObjectMemory::default();
        memory.went(object(1, "mug"), None, Some(100));
        memory.went(object(2, "bowl"), None, None);
        let went = |memory: &ObjectMemory, label: &str, x_m: f64, last_seen_ns: i64| {
            let seen = fixtures::object(0, label, [x_m, 0.0, 0.0], 0.1);
            memory.went_since(&MapObject { last_seen_ns, ..seen })
        };
        assert!(went(&memory, "mug", 0.1, 99));
        assert!(!went(&memory, "mug", 0.1, 100), "it was put there again");
        assert!(!went(&memory, "mug", 0.9, 99), "another one");
        assert!(!went(&memory, "fork", 0.1, 99) && !went(&memory, "bowl", 0.1, 99));
        memory.set_back(50);
        assert!(!went(&memory, "mug", 0.1, 60), "by the clock that was set back it came later");
    }

    #[test]
    fn memory_is_bounded() {
        let mut memory = ObjectMemory::default();
        for id in 0..3 * REMEMBERED as u32 {
            memory.went(object(id, "mug"), None, None);
            memory.refute(object(id, "mug"));
        }
        assert_eq!((memory.gone.len(), memory.refuted.len()), (REMEMBERED, REMEMBERED));
    }
}
