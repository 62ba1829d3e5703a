//! Doubts whether two objects are one, or one is two.
//!
//! One message proves neither: a mask may spill over to the neighbour, and somebody may stand before
//! the middle of a sofa. So each message counts for or against, and only when the ones for it have a
//! lead is anything done. Messages that take turns never get it.

use super::ObjectId;
use std::collections::BTreeMap;

/// The lead that decides, messages.
const LEAD: u8 = 3;
/// Doubts of either kind that are kept.
const MOST_DOUBTS: usize = 4096;

/// What messages have said so far; no part of the map.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubts {
    /// The lead of messages that say that two objects, the older one first, are one.
    one: BTreeMap<[ObjectId; 2], u8>,
    /// The lead of messages that say that an object is more than one.
    several: BTreeMap<ObjectId, u8>,
}

impl Doubts {
    /// A message says that two objects are one. Whether that settles it.
    pub fn are_one(&mut self, mut pair: [ObjectId; 2]) -> bool {
        pair.sort_unstable();
        count(&mut self.one, pair)
    }

    /// A message shows of these objects, in order of id, each by itself.
    pub fn are_apart(&mut self, shown: &[ObjectId]) {
        let is_shown = |id: &ObjectId| shown.binary_search(id).is_ok();
        self.one.retain(|pair, lead| {
            *lead -= u8::from(pair.iter().all(is_shown));
            *lead > 0
        });
    }

    /// A message shows several things in one object. Whether that settles it.
    pub fn is_several(&mut self, id: ObjectId) -> bool {
        count(&mut self.several, id)
    }

    /// A message shows an object in one piece.
    pub fn is_whole(&mut self, id: ObjectId) {
        if let Some(lead) = self.several.get_mut(&id) {
            *lead -= 1;
            if *lead == 0 {
                self.several.remove(&id);
            }
        }
    }

    /// An object is gone or another.
    pub fn forget(&mut self, id: ObjectId) {
        self.several.remove(&id);
        self.one.retain(|pair, _| !pair.contains(&id));
    }
}

/// One more message for `key`. Whether they have the lead; then they are forgotten.
fn count<K: Ord + Copy>(leads: &mut BTreeMap<K, u8>, key: K) -> bool {
    let lead = leads.entry(key).or_default();
    *lead += 1;
    if *lead >= LEAD {
        leads.remove(&key);
        return true;
    }
    if leads.len() > MOST_DOUBTS {
        leads.pop_first();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_decides_and_turns_do_not() {
        let (a, b) = (ObjectId(3), ObjectId(8));
        let mut doubts = Doubts::default();
        for _ in 0..20 {
            assert!(!doubts.are_one([a, b]) && !doubts.is_several(a));
            doubts.are_apart(&[a, b]);
            doubts.is_whole(a);
        }
        doubts.are_apart(&[a, ObjectId(9)]);
        let said: Vec<bool> = [[a, b], [b, a], [a, b]].map(|pair| doubts.are_one(pair)).into();
        assert_eq!(said, [false, false, true]);
        assert_eq!([a; 4].map(|id| doubts.is_several(id)), [false, false, true, false]);
        doubts.forget(a);
        assert_eq!([a; 3].map(|id| doubts.is_several(id)), [false, false, true]);
    }

    #[test]
    fn doubts_are_bounded() {
        let mut doubts = Doubts::default();
        (0..3 * MOST_DOUBTS as u32).for_each(|id| {
            doubts.is_several(ObjectId(id));
            doubts.are_one([ObjectId(id), ObjectId(id + 1)]);
        });
        assert!(doubts.one.len() <= MOST_DOUBTS && doubts.several.len() <= MOST_DOUBTS);
    }
}
