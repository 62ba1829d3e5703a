//! How objects look: the mean feature of their voxels when they were seen last.
//!
//! Which object a detection shows is decided by where it is and how it looks, as in ConceptGraphs
//! (arXiv 2309.16650): two mugs that changed places keep their ids where features tell them apart.

use super::ObjectId;
use std::collections::BTreeMap;

/// Objects whose look is remembered.
pub(in crate::scene) const MOST_LOOKS: usize = 4096;
/// What counts for the likeness of two of which one has no look, of 1.
const UNKNOWN: f64 = 0.5;
/// What looks altogether otherwise counts as if it were so much farther away, metres.
const UNLIKE_M: f64 = 0.25;

/// Looks by object: vectors of length 1; no part of the map, in whose voxels they are, but saved with it:
/// what moved since is known by how it looked.
#[derive(Debug, Clone, Default)]
pub(in crate::scene) struct Looks(BTreeMap<ObjectId, Vec<f32>>);

impl Looks {
    /// How an object looked last.
    pub fn of(&self, id: ObjectId) -> Option<&[f32]> {
        self.0.get(&id).map(Vec::as_slice)
    }

    /// Remembers how an object looks.
    pub fn set(&mut self, id: ObjectId, look: Option<Vec<f32>>) {
        let Some(look) = look else { return };
        self.0.insert(id, look);
        if self.0.len() > MOST_LOOKS {
            self.0.pop_first();
        }
    }

    /// Forgets an object, and tells how it looked last.
    pub fn forget(&mut self, id: ObjectId) -> Option<Vec<f32>> {
        self.0.remove(&id)
    }
}

/// How much farther away it counts that two look unlike, metres.
pub(in crate::scene) fn unlike_m(a: Option<&[f32]>, b: Option<&[f32]>) -> f64 {
    UNLIKE_M * unlikeness(a, b)
}

/// 0 for two that look the same, 1 for two that have nothing in common.
pub(in crate::scene) fn unlikeness(a: Option<&[f32]>, b: Option<&[f32]>) -> f64 {
    match (a, b) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            (1.0 - f64::from(cosine)).clamp(0.0, 1.0)
        }
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_compared_by_direction_and_bounded_in_number() {
        let (a, b) = ([1.0, 0.0], [0.6, 0.8]);
        approx::assert_relative_eq!(unlikeness(Some(&a), Some(&b)), 0.4, epsilon = 1e-6);
        assert_eq!(unlikeness(Some(&a), Some(&a)), 0.0);
        assert_eq!(unlikeness(Some(&a), None), UNKNOWN);
        assert_eq!(unlikeness(Some(&a), Some(&[1.0])), UNKNOWN, "of another space");
        let mut looks = Looks::default();
        (0..2 * MOST_LOOKS as u32).for_each(|id| looks.set(ObjectId(id), Some(vec![1.0])));
        looks.set(ObjectId(7), None);
        assert_eq!((looks.0.len(), looks.of(ObjectId(7))), (MOST_LOOKS, None));
        let last = ObjectId(2 * MOST_LOOKS as u32 - 1);
        assert_eq!(looks.forget(last), Some(vec![1.0]));
        assert_eq!(looks.of(last), None);
    }
}
