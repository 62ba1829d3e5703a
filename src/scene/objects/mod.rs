//! The objects of a map: detections over time become objects with lasting ids.
//!
//! [`ObjectStore`] is the list and what is known beside it; `observe` takes detections in, `join`
//! makes one of what turns out to be one.

mod boxes;
mod doubts;
mod join;
mod labels;
mod looks;
mod numbers;
mod observe;
mod spans;
mod views;

#[cfg(test)]
pub(super) mod tests;

pub(super) use boxes::{diagonal_m, distance_m, holds_centre, is_inside, rotation};
pub use labels::LabelScores;
pub(super) use looks::{Looks, MOST_LOOKS, unlike_m, unlikeness};
pub use numbers::LabelNumbers;
pub use observe::ObserveReport;
pub(super) use observe::{Found, in_world};

use super::{MapObject, ObjectId};
use doubts::Doubts;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Objects of one label whose centres are nearer than this are one, metres.
pub(super) const NEAR_M: f64 = 0.25;
/// The same as a share of the mean diagonal of their boxes, for large ones.
pub(super) const NEAR_DIAGONALS: f64 = 0.25;
/// A part of a thing has at least this share of its box in that of the thing.
pub(super) const PART: f64 = 0.6;
/// Objects a map takes; detections of more are refused.
const MAX_OBJECTS: usize = 100_000;
/// Tracks that lead to one object: a tracker that lost it so often does not find the first ones again.
const MAX_TRACKS: usize = 16;
/// Ids of objects that turned out to be another that are remembered.
const MAX_MERGED: usize = 4096;

/// The objects of one map, in order of id. Ids are never reused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "StoreParts", into = "StoreParts")]
pub struct ObjectStore {
    parts: StoreParts,
    doubts: Doubts,
    looks: Looks,
    numbers: LabelNumbers,
}

/// What of an object store is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreParts {
    pub next_id: u32,
    pub objects: Vec<MapObject>,
    /// Objects by the identity a tracker outside gave them.
    pub tracks: BTreeMap<String, ObjectId>,
    /// Objects made of regions of the map, which no detector outside has confirmed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub own: BTreeSet<ObjectId>,
    /// What detections have called objects, and what the regions of the map's own ones look like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<ObjectId, LabelScores>,
    /// Ids of objects that turned out to be another, and that one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub merged: BTreeMap<ObjectId, ObjectId>,
}

impl From<ObjectStore> for StoreParts {
    fn from(store: ObjectStore) -> Self {
        store.parts
    }
}

impl TryFrom<StoreParts> for ObjectStore {
    type Error = String;

    /// Refuses ids that are out of order, reused or unknown.
    fn try_from(parts: StoreParts) -> Result<Self, String> {
        if !parts.objects.is_sorted_by(|a, b| a.id < b.id) {
            return Err("objects are not in order of their ids".into());
        }
        if parts.objects.last().is_some_and(|last| last.id.0 >= parts.next_id) {
            return Err("`next_id` is not above all ids".into());
        }
        let store = Self { parts, ..Self::default() };
        let missing = |id: &ObjectId| store.index(*id).is_none();
        let StoreParts { next_id, tracks, own, labels, merged, .. } = &store.parts;
        if let Some(id) = own.iter().find(|id| missing(id)) {
            return Err(format!("missing object {} is said to be the map's own", id.0));
        }
        if let Some((track, id)) = tracks.iter().find(|(_, id)| missing(id)) {
            return Err(format!("track `{track}` names missing object {}", id.0));
        }
        if let Some((id, _)) = labels.iter().find(|(id, of)| missing(id) || !of.is_sound()) {
            return Err(format!("the names of object {} make no sense", id.0));
        }
        let wrong = |(gone, id): &(&ObjectId, &ObjectId)| {
            gone.0 >= *next_id || !missing(gone) || missing(id)
        };
        match merged.iter().find(wrong) {
            Some((gone, id)) => Err(format!("object {} cannot be object {}", gone.0, id.0)),
            None => Ok(store),
        }
    }
}

/// Stores are equal when what of them is kept is.
impl PartialEq for ObjectStore {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl ObjectStore {
    /// Most bytes that objects take beside the voxels of a map whose features have `width` numbers: as
    /// many as a map takes, half a KiB each with some names, and the looks that are remembered.
    pub const fn most_bytes(width: usize) -> u64 {
        const OBJECT_BYTES: usize = 512;
        (MAX_OBJECTS * OBJECT_BYTES + MOST_LOOKS * width * size_of::<f32>()) as u64
    }

    /// What of the store is kept.
    pub(super) fn parts(&self) -> &StoreParts {
        &self.parts
    }

    /// Whether a detector outside has told of a thing of this name.
    pub(super) fn is_reported(&self, label: &str) -> bool {
        self.iter().any(|object| object.label == label && !self.is_own(object.id))
    }

    /// Whether an object was made of a region of the map, and no detector outside has confirmed it.
    pub fn is_own(&self, id: ObjectId) -> bool {
        self.parts.own.contains(&id)
    }

    /// All objects in order of id.
    pub fn iter(&self) -> std::slice::Iter<'_, MapObject> {
        self.parts.objects.iter()
    }

    /// All objects in order of id.
    pub fn as_slice(&self) -> &[MapObject] {
        &self.parts.objects
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.parts.objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.parts.objects.is_empty()
    }

    /// The object with this id, or the one that it turned out to be.
    pub fn get(&self, id: ObjectId) -> Option<&MapObject> {
        self.index(self.current(id)).map(|index| &self.parts.objects[index])
    }

    /// The names of an object, with the scores of the detections that called it so added up; of one that
    /// only regions of the map tell of, with what its region gives them now. `None` where only its
    /// label is known.
    pub fn labels(&self, id: ObjectId) -> Option<&LabelScores> {
        self.parts.labels.get(&self.current(id))
    }

    /// Takes an object out, or the one that it turned out to be.
    pub fn remove(&mut self, id: ObjectId) -> Option<MapObject> {
        self.take(id).map(|(object, _)| object)
    }

    /// [`Self::remove`], with how the object looked last.
    pub(super) fn take(&mut self, id: ObjectId) -> Option<(MapObject, Option<Vec<f32>>)> {
        let id = self.current(id);
        let index = self.index(id)?;
        let parts = &mut self.parts;
        parts.tracks.retain(|_, tracked| *tracked != id);
        parts.merged.retain(|_, kept| *kept != id);
        parts.own.remove(&id);
        parts.labels.remove(&id);
        self.doubts.forget(id);
        let look = self.looks.forget(id);
        Some((self.parts.objects.remove(index), look))
    }

    /// Whether an object has just this id.
    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.index(id).is_some()
    }

    /// Whether the id is that of an object that went, and has not become another.
    pub(super) fn is_past(&self, id: ObjectId) -> bool {
        id.0 < self.parts.next_id && !self.has(id) && !self.parts.merged.contains_key(&id)
    }

    /// How objects looked last, in order of id.
    pub(super) fn looks(&self) -> impl Iterator<Item = (ObjectId, &[f32])> {
        self.iter().filter_map(|object| Some((object.id, self.looks.of(object.id)?)))
    }

    /// How an object looked last, a vector of length 1 in the space of the map's features.
    pub(super) fn look(&self, id: ObjectId) -> Option<&[f32]> {
        self.looks.of(id)
    }

    /// Remembers how an object looks.
    pub(super) fn set_look(&mut self, id: ObjectId, look: Option<Vec<f32>>) {
        self.looks.set(id, look);
    }

    /// Lets nothing have been seen later than `stamp_ns`.
    pub(super) fn set_back(&mut self, stamp_ns: i64) {
        self.parts.objects.iter_mut().for_each(|object| object.set_back(stamp_ns));
    }

    /// Takes all objects out. Their ids are not used again, and their names keep their numbers.
    pub fn clear(&mut self) {
        let next_id = self.parts.next_id;
        let numbers = std::mem::take(&mut self.numbers);
        *self = Self { numbers, ..Self::default() };
        self.parts.next_id = next_id;
    }

    /// The id of the object that `id` is by now.
    fn current(&self, id: ObjectId) -> ObjectId {
        self.parts.merged.get(&id).copied().unwrap_or(id)
    }

    fn index(&self, id: ObjectId) -> Option<usize> {
        self.parts.objects.binary_search_by_key(&id, |object| object.id).ok()
    }

    fn add(&mut self, object: MapObject) -> Option<ObjectId> {
        if self.len() >= MAX_OBJECTS {
            return None;
        }
        let id = ObjectId(self.parts.next_id);
        self.parts.next_id = id.0.checked_add(1)?;
        self.parts.objects.push(MapObject { id, ..object });
        Some(id)
    }

    /// Adds an object: with the id `was`, if it is one that went, or with a new one.
    fn add_again(&mut self, object: MapObject, was: Option<ObjectId>) -> Option<ObjectId> {
        let back = was.filter(|id| id.0 < self.parts.next_id && self.len() < MAX_OBJECTS);
        let objects = &mut self.parts.objects;
        match back.map(|id| (id, objects.binary_search_by_key(&id, |o| o.id))) {
            Some((id, Err(at))) => {
                objects.insert(at, MapObject { id, ..object });
                Some(id)
            }
            _ => self.add(object),
        }
    }

    /// [`Self::add_again`] for an object made of a region.
    pub(super) fn add_own(&mut self, object: MapObject, was: Option<ObjectId>) -> Option<ObjectId> {
        let id = self.add_again(object, was)?;
        self.parts.own.insert(id);
        Some(id)
    }

    /// Lets an object made of a region be what its region is now.
    pub(super) fn update_own(&mut self, id: ObjectId, seen: MapObject) {
        let Some(index) = self.index(id).filter(|_| self.is_own(id)) else { return };
        let object = &mut self.parts.objects[index];
        let observations = object.observations.saturating_add(1);
        let first_seen_ns = object.first_seen_ns.min(seen.first_seen_ns);
        *object = MapObject { id, observations, first_seen_ns, ..seen };
    }

    /// Lets an object made of a region be called what its region looks like now, whatever that looked
    /// like before.
    pub(super) fn call_own(&mut self, id: ObjectId, labels: LabelScores) {
        if self.is_own(id) {
            self.parts.labels.insert(id, labels);
        }
    }
}
