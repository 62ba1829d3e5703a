//! What a message makes of an object that it shows: one piece, several, or one with a neighbour.

use super::boxes::{diagonal_m, distance_m, gap_m, is_inside, rotation, turned_like, volume_m3};
use super::{LabelScores, MapObject, ObjectId, ObjectStore, PART};

/// A tracked object whose centre jumped farther than this was carried: its mean starts anew.
const CARRIED_M: f64 = 0.5;
/// Observations a mean remembers at most, so that it can follow.
const MEMORY: u32 = 30;
/// Share of a detection's score that counts as new evidence.
const GAIN: f32 = 0.5;
/// Things with at least this between them are two, metres. Masks that noise cuts out of one thing
/// are nearer to each other.
const GAP_M: f64 = 0.02;
/// Of parts that are at least this share of the largest, the nearest to where the object was keeps
/// its id.
const AS_LARGE: f64 = 0.8;

impl ObjectStore {
    /// Lets an object know of the views of it, largest first, which also cover other objects.
    /// Returns the views that have become objects of their own.
    pub(super) fn take_in(
        &mut self,
        id: ObjectId,
        views: Vec<(usize, MapObject)>,
        covered: &[ObjectId],
    ) -> Vec<(usize, ObjectId)> {
        let Some((_, view)) = views.first() else { return Vec::new() };
        self.note(id, view);
        let rest = &views[1..];
        let apart = |(a, b): (&MapObject, &MapObject)| gap_m(a, b) >= GAP_M;
        let pairs = (0..views.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        if rest.iter().all(|(_, part)| is_inside(part, view, PART)) {
            // One piece, which a detector may have told of twice.
            self.doubts.is_whole(id);
            if covered.is_empty() {
                self.follow(id, view);
            }
            for other in covered {
                let is_there = self.index(*other).is_some();
                let id = self.current(id);
                if is_there && self.doubts.are_one([id, *other]) {
                    self.join([id, *other], view);
                }
            }
        } else if pairs.into_iter().all(|(a, b)| apart((&views[a].1, &views[b].1)))
            && self.doubts.is_several(id)
        {
            return self.split(id, views);
        }
        Vec::new()
    }

    /// Makes an object of each of several parts, largest first. The one that is larger or nearer than
    /// the others keeps the id; returned are those that do not.
    fn split(&mut self, id: ObjectId, parts: Vec<(usize, MapObject)>) -> Vec<(usize, ObjectId)> {
        let Some(index) = self.index(id) else { return Vec::new() };
        let object = &mut self.parts.objects[index];
        let least_m3 = parts.iter().map(|(_, part)| volume_m3(part)).fold(0.0, f64::max) * AS_LARGE;
        let large = parts.iter().filter(|(_, part)| volume_m3(part) >= least_m3);
        let keeps =
            large.min_by(|a, b| distance_m(&a.1, object).total_cmp(&distance_m(&b.1, object)));
        let Some((keeps, part)) = keeps.cloned() else { return Vec::new() };
        object.position_m = part.position_m;
        object.orientation_xyzw = part.orientation_xyzw;
        object.size_m = part.size_m;
        let others = parts.into_iter().filter(|(at, _)| *at != keeps);
        others.filter_map(|(at, part)| Some((at, self.add_seen(part, None)?))).collect()
    }

    /// Adds an object as a detection has shown it, with the id `was` if it is one that went.
    pub(super) fn add_seen(&mut self, seen: MapObject, was: Option<ObjectId>) -> Option<ObjectId> {
        let said = LabelScores::of(&seen);
        let id = self.add_again(seen, was)?;
        self.parts.labels.insert(id, said);
        Some(id)
    }

    /// Counts a view of an object: that it is there, when, and what it is called.
    fn note(&mut self, id: ObjectId, seen: &MapObject) {
        let Some(index) = self.index(id) else { return };
        let object = &mut self.parts.objects[index];
        // What a detector has seen is no longer the map's to take out, nor to name.
        if self.parts.own.remove(&id) {
            self.parts.labels.remove(&id);
        }
        object.observations = object.observations.saturating_add(1);
        let said = self.parts.labels.entry(id).or_insert_with(|| LabelScores::of(object));
        said.add(&seen.label, seen.confidence);
        if let Some(best) = said.best(&object.label).filter(|best| *best != object.label) {
            object.label = best.to_owned();
        }
        object.confidence = 1.0 - (1.0 - object.confidence) * (1.0 - GAIN * seen.confidence);
        object.first_seen_ns = object.first_seen_ns.min(seen.first_seen_ns);
        object.last_seen_ns = object.last_seen_ns.max(seen.last_seen_ns);
    }

    /// Lets the box of an object follow a view of all of it.
    fn follow(&mut self, id: ObjectId, seen: &MapObject) {
        let Some(index) = self.index(id) else { return };
        let object = &mut self.parts.objects[index];
        let carried = distance_m(object, seen) > CARRIED_M.max(diagonal_m(object));
        let share = if carried { 1.0 } else { 1.0 / f64::from(object.observations.min(MEMORY)) };
        let from = rotation(&object.orientation_xyzw);
        let (to, size_m) = turned_like(&from, seen);
        let edges = object.size_m.iter_mut().zip(size_m);
        for (mean, seen) in object.position_m.iter_mut().zip(seen.position_m).chain(edges) {
            *mean += (seen - *mean) * share;
        }
        // Opposite rotations have no mean; the newer one is taken.
        let mean = from.try_slerp(&to, share, 1e-9).unwrap_or(to);
        object.orientation_xyzw = mean.coords.into();
    }
}
