//! Objects made of regions: the same thing keeps its id from look to look.
//!
//! A region is the object of its name that is nearest and likest; else one in its place that was taken
//! for something else; else the one of its name that went and is clearly likest, or the only one; else a
//! new one. An object of the map's
//! own that no region confirms goes after some looks: into the object that has grown over it, where
//! there is one. Objects that a detector outside gave are left as they are.

use super::memory::ObjectMemory;
use super::region::{Details, TurnedBox};
use super::{NamedVectors, Region, RegionConfig};
use crate::geometry::Pose;
use crate::scene::objects::{
    Found, NEAR_DIAGONALS, NEAR_M, PART, diagonal_m, distance_m, holds_centre, is_inside, unlike_m,
};
use crate::scene::{LabelScores, MapObject, ObjectId, SceneError, SceneMap};
use nalgebra::Translation3;
use std::collections::HashMap;

/// Looks without a region after which an object goes.
const MISSES: u8 = 3;
/// Another name for what is there: the middles are nearer than this, metres …
const SAME_PLACE_M: f64 = 0.15;
/// … and neither box has more than this many times the diagonal of the other.
const SAME_SIZE: f64 = 2.0;

/// What a look at the map has found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenObjects {
    /// The regions of the map.
    pub regions: Vec<Region>,
    /// For each region the object it is; `None` where it was refuted, or the map is full.
    pub objects: Vec<Option<ObjectId>>,
    /// Objects that are new.
    pub new_objects: usize,
    /// Objects of the map's own that are no longer there.
    pub removed_objects: usize,
}

impl SeenObjects {
    /// The regions that are still objects of `map`: those that were refuted since are left out.
    pub fn confirmed(&self, map: &SceneMap) -> Vec<Region> {
        let is_there = |id: &Option<ObjectId>| id.is_some_and(|id| map.objects().get(id).is_some());
        let mut places = vec![None; self.regions.len()];
        let kept = (0..self.regions.len()).filter(|at| self.objects.get(*at).is_some_and(is_there));
        let kept: Vec<usize> = kept.collect();
        for (now, before) in kept.iter().enumerate() {
            places[*before] = Some(now);
        }
        let region = |before: usize| {
            let region = self.regions[before].clone();
            let on = region.on.and_then(|on| places.get(on).copied().flatten());
            Region { on, ..region }
        };
        kept.into_iter().map(region).collect()
    }

    /// The region of an object.
    pub fn region_of(&self, id: ObjectId) -> Option<&Region> {
        let at = self.objects.iter().position(|object| *object == Some(id))?;
        self.regions.get(at)
    }
}

impl SceneMap {
    /// Looks at the regions of the map and lets its objects follow them. What a look costs follows what has
    /// changed since the last one with these names and settings. No new object is made of what
    /// a detector outside knows by name: it would have told of it.
    ///
    /// # Errors
    ///
    /// As [`SceneMap::regions`].
    pub fn see_objects(
        &mut self,
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> Result<SeenObjects, SceneError> {
        let (regions, details) = self.follow_regions(names, config)?;
        let found = regions.iter().zip(&details);
        let found: Vec<MapObject> =
            found.map(|(one, details)| as_object(one, details.turned, names)).collect();
        let labels: Vec<LabelScores> =
            details.iter().map(|details| as_labels(details, names)).collect();
        let mut memory = std::mem::take(&mut self.memory);
        let is_same = |a: &MapObject, b: &MapObject| a.label == b.label && is_near(a, b);
        // A place that looks otherwise by now may be looked at anew.
        memory.refuted.retain(|refuted| found.iter().any(|one| is_same(one, refuted)));
        let is_refuted = |one: &MapObject| memory.refuted.iter().any(|no| is_same(one, no));
        let open: Vec<bool> = found.iter().map(|one| !is_refuted(one)).collect();
        self.join_reported();
        let mut objects = self.associate(&found, &regions, &open);
        let mut seen = SeenObjects { regions, ..SeenObjects::default() };
        for (at, one) in found.iter().enumerate() {
            if let Some(id) = objects[at] {
                self.objects.update_own(id, one.clone());
                self.objects.call_own(id, labels[at].clone());
                self.objects.set_look(id, Some(seen.regions[at].feature.clone()));
            }
        }
        seen.removed_objects = self.count_misses(&mut objects, &mut memory);
        let is_new = |at: &usize| {
            objects[*at].is_none() && open[*at] && !self.objects.is_reported(&found[*at].label)
        };
        let new: Vec<usize> = (0..found.len()).filter(is_new).collect();
        let look = |at: usize| Some(seen.regions[at].feature.as_slice());
        let looks: Vec<Found<'_>> = new.iter().map(|at| (&found[*at], look(*at))).collect();
        for (at, back) in new.iter().zip(memory.return_to(&looks)) {
            seen.new_objects += usize::from(back.is_none());
            objects[*at] = self.objects.add_own(found[*at].clone(), back);
            if let Some(id) = objects[*at] {
                self.objects.call_own(id, labels[*at].clone());
                self.objects.set_look(id, Some(seen.regions[*at].feature.clone()));
            }
        }
        self.objects.number_names();
        self.memory = memory;
        seen.objects = objects;
        Ok(seen)
    }

    /// Lets an own object that lies in one of its name which a detector has told of be that one: the map
    /// had found first what the detector told later.
    fn join_reported(&mut self) {
        let is_own = |object: &&MapObject| self.objects.is_own(object.id);
        let (own, told): (Vec<&MapObject>, Vec<&MapObject>) = self.objects.iter().partition(is_own);
        let mut by_name: HashMap<&str, Vec<&MapObject>> = HashMap::new();
        told.into_iter().for_each(|one| by_name.entry(&one.label).or_default().push(one));
        let whole_of = |part: &MapObject| {
            let mut wholes = by_name.get(part.label.as_str())?.iter();
            wholes.find(|whole| is_inside(part, whole, PART)).map(|whole| (*whole).clone())
        };
        let parts: Vec<(ObjectId, MapObject)> =
            own.into_iter().filter_map(|part| Some((part.id, whole_of(part)?))).collect();
        for (part, whole) in parts {
            self.objects.join([whole.id, part], &whole);
        }
    }

    /// Gives regions the objects they are, the nearest and likest pairs first.
    fn associate(
        &self,
        found: &[MapObject],
        regions: &[Region],
        open: &[bool],
    ) -> Vec<Option<ObjectId>> {
        let mut pairs = Vec::new();
        for (at, one) in found.iter().enumerate().filter(|(at, _)| open[*at]) {
            for object in self.objects.iter() {
                let (apart_m, own) = (distance_m(one, object), self.objects.is_own(object.id));
                let rank = match (object.label == one.label, own) {
                    (true, _) if !is_near(one, object) => continue,
                    (true, own) => u8::from(!own),
                    (false, true) if is_in_place_of(one, object) => 2,
                    (false, _) => continue,
                };
                let look = self.objects.look(object.id);
                let cost_m = apart_m + unlike_m(Some(&regions[at].feature), look);
                pairs.push((rank, cost_m, at, object.id));
            }
        }
        pairs.sort_by(|a, b| {
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then((a.2, a.3).cmp(&(b.2, b.3)))
        });
        let mut objects = vec![None; found.len()];
        for (_, _, at, id) in pairs {
            if objects[at].is_none() && !objects.contains(&Some(id)) {
                objects[at] = Some(id);
            }
        }
        objects
    }

    /// Takes out the own objects that too many looks have missed, those that lie in one of their name
    /// that this look has `seen` by joining the two. Returns how many.
    fn count_misses(&mut self, seen: &mut [Option<ObjectId>], memory: &mut ObjectMemory) -> usize {
        let own = self.objects.iter().filter(|object| self.objects.is_own(object.id));
        let missed: Vec<ObjectId> =
            own.map(|object| object.id).filter(|id| !seen.contains(&Some(*id))).collect();
        memory.misses.retain(|id, _| missed.contains(id));
        let mut removed = 0;
        for id in missed {
            let misses = memory.misses.entry(id).or_default();
            *misses += 1;
            if *misses < MISSES {
                continue;
            }
            removed += 1;
            if let Some(whole) = self.whole_of(id, seen) {
                let kept = self.objects.join([whole.id, id], &whole);
                let is_whole = |object: &&mut Option<ObjectId>| **object == Some(whole.id);
                seen.iter_mut().filter(is_whole).for_each(|object| *object = Some(kept));
                memory.misses.remove(&id);
            } else if let Some((object, look)) = self.objects.take(id) {
                memory.went(object, look, None);
            }
        }
        removed
    }

    /// The own object of the same name, among those that were seen, in whose box `id` lies.
    fn whole_of(&self, id: ObjectId, seen: &[Option<ObjectId>]) -> Option<MapObject> {
        let part = self.objects.get(id)?;
        let seen = seen.iter().flatten().filter(|whole| self.objects.is_own(**whole));
        let mut wholes = seen.filter_map(|whole| self.objects.get(*whole));
        wholes.find(|whole| whole.label == part.label && is_inside(part, whole, PART)).cloned()
    }

    /// Takes an object out that turned out to be none, or to be something else. While its place
    /// looks the same, no object is made of it again.
    pub fn refute(&mut self, id: ObjectId) -> Option<MapObject> {
        let object = self.objects.remove(id)?;
        self.memory.refute(object.clone());
        Some(object)
    }

    /// Takes an object out that the robot took away, and what stands in its box with it. Where one
    /// of its name turns up next, it is the same.
    pub fn take_away(&mut self, id: ObjectId) -> Option<MapObject> {
        let object = self.objects.get(id)?.clone();
        self.clear_box(&object);
        let (object, look) = self.objects.take(id)?;
        self.memory.went(object.clone(), look, None);
        Some(object)
    }
}

/// A region as an object of the map, in the `turned` box around it if there is one.
fn as_object(region: &Region, turned: Option<TurnedBox>, names: &NamedVectors) -> MapObject {
    let along = || (Pose::from(Translation3::from(region.centre_m)), region.size_m);
    let (world_T_box, size_m) = turned.unwrap_or_else(along);
    MapObject {
        id: ObjectId::default(),
        label: names.names().get(region.name).cloned().unwrap_or_default(),
        position_m: world_T_box.translation.vector.into(),
        orientation_xyzw: world_T_box.rotation.coords.into(),
        size_m,
        confidence: region.score,
        observations: 1,
        first_seen_ns: region.seen_ns[0],
        last_seen_ns: region.seen_ns[1],
    }
}

/// What an object is called by the voxels of its region.
fn as_labels(details: &Details, names: &NamedVectors) -> LabelScores {
    let named = details.names.iter().filter_map(|(name, share)| {
        let label = names.names().get(usize::from(*name))?;
        Some((label.as_str(), *share))
    });
    LabelScores::of_shares(named)
}

/// Whether two objects of one name may be one.
pub(super) fn is_near(a: &MapObject, b: &MapObject) -> bool {
    let diagonals = (diagonal_m(a) + diagonal_m(b)) / 2.0;
    distance_m(a, b) <= NEAR_M.max(NEAR_DIAGONALS * diagonals)
        || holds_centre(a, b)
        || holds_centre(b, a)
}

/// Whether two objects of different names are in one place and alike in size.
fn is_in_place_of(a: &MapObject, b: &MapObject) -> bool {
    let (a_m, b_m) = (diagonal_m(a), diagonal_m(b));
    distance_m(a, b) <= SAME_PLACE_M && a_m.max(b_m) <= SAME_SIZE * a_m.min(b_m)
}
