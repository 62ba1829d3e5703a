//! The objects of a map: detections over time become objects with lasting ids.

use super::{MapObject, ObjectId};
use crate::geometry::Pose;
use crate::sensing::Detection;
use nalgebra::{Point3, Quaternion, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Objects of one label whose centres are nearer than this are one, metres.
pub(super) const NEAR_M: f64 = 0.25;
/// The same as a share of the mean diagonal of their boxes, for large ones.
pub(super) const NEAR_DIAGONALS: f64 = 0.25;
/// A tracked object whose centre jumped farther than this was carried: its mean starts anew.
const CARRIED_M: f64 = 0.5;
/// Observations a mean remembers at most, so that it can follow.
const MEMORY: u32 = 30;
/// Share of a detection's score that counts as new evidence.
const GAIN: f32 = 0.5;
/// Objects a map takes; detections of more are refused.
const MAX_OBJECTS: usize = 100_000;

/// What a message of detections did to the objects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ObserveReport {
    /// For each detection the object it was merged into or has become; `None` when it was refused
    /// because its numbers are not usable or the map is full.
    pub objects: Vec<Option<ObjectId>>,
    /// How many objects are new.
    pub new_objects: usize,
}

/// The objects of one map, in order of id. Ids are never reused.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct ObjectStore {
    next_id: u32,
    objects: Vec<MapObject>,
    /// Objects by the identity a tracker outside gave them.
    tracks: BTreeMap<String, ObjectId>,
    /// Objects made of regions of the map, which no detector outside has confirmed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    own: BTreeSet<ObjectId>,
}

/// An object store as it is read, before its promises are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    next_id: u32,
    objects: Vec<MapObject>,
    tracks: BTreeMap<String, ObjectId>,
    #[serde(default)]
    own: BTreeSet<ObjectId>,
}

impl TryFrom<Unchecked> for ObjectStore {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Self, String> {
        Self::from_parts(read.next_id, read.objects, read.tracks, read.own)
    }
}

impl ObjectStore {
    /// Puts a store together; refuses ids that are out of order, reused or unknown.
    pub(super) fn from_parts(
        next_id: u32,
        objects: Vec<MapObject>,
        tracks: BTreeMap<String, ObjectId>,
        own: BTreeSet<ObjectId>,
    ) -> Result<Self, String> {
        if !objects.is_sorted_by(|a, b| a.id < b.id) {
            return Err("objects are not in order of their ids".into());
        }
        if objects.last().is_some_and(|last| last.id.0 >= next_id) {
            return Err("`next_id` is not above all ids".into());
        }
        let store = Self { next_id, objects, tracks, own };
        if let Some(id) = store.own.iter().find(|id| store.get(**id).is_none()) {
            return Err(format!("missing object {} is said to be the map's own", id.0));
        }
        match store.tracks.iter().find(|(_, id)| store.get(**id).is_none()) {
            Some((track, id)) => Err(format!("track `{track}` names missing object {}", id.0)),
            None => Ok(store),
        }
    }

    /// Next id, the objects by track, and those made of regions.
    pub(super) fn parts(&self) -> (u32, &BTreeMap<String, ObjectId>, &BTreeSet<ObjectId>) {
        (self.next_id, &self.tracks, &self.own)
    }

    /// Whether a detector outside has told of a thing of this name.
    pub(super) fn is_reported(&self, label: &str) -> bool {
        self.objects.iter().any(|object| object.label == label && !self.is_own(object.id))
    }

    /// Whether an object was made of a region of the map, and no detector outside has confirmed it.
    pub fn is_own(&self, id: ObjectId) -> bool {
        self.own.contains(&id)
    }

    /// All objects in order of id.
    pub fn iter(&self) -> std::slice::Iter<'_, MapObject> {
        self.objects.iter()
    }

    /// All objects in order of id.
    pub fn as_slice(&self) -> &[MapObject] {
        &self.objects
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The object with this id.
    pub fn get(&self, id: ObjectId) -> Option<&MapObject> {
        self.index(id).map(|index| &self.objects[index])
    }

    /// Takes an object out.
    pub fn remove(&mut self, id: ObjectId) -> Option<MapObject> {
        let index = self.index(id)?;
        self.tracks.retain(|_, tracked| *tracked != id);
        self.own.remove(&id);
        Some(self.objects.remove(index))
    }

    /// Takes all objects out. Their ids are not used again.
    pub fn clear(&mut self) {
        self.objects.clear();
        self.tracks.clear();
        self.own.clear();
    }

    fn index(&self, id: ObjectId) -> Option<usize> {
        self.objects.binary_search_by_key(&id, |object| object.id).ok()
    }

    /// Merges the detections of one message, whose poses stand in a frame at `world_T_frame`.
    ///
    /// A detection belongs to the object of its track; else to the nearest object of its label that
    /// is near enough, or of which it may be a part (one's centre lies in the box of the other), and
    /// that is not yet taken by another detection of the message; else it is new.
    pub fn observe(
        &mut self,
        detections: &[Detection],
        world_T_frame: &Pose,
        stamp_ns: i64,
    ) -> ObserveReport {
        let seen: Vec<Option<MapObject>> =
            detections.iter().map(|one| in_world(one, world_T_frame, stamp_ns)).collect();
        let mut report = ObserveReport { objects: vec![None; seen.len()], new_objects: 0 };
        for (index, detection) in detections.iter().enumerate() {
            if seen[index].is_some() && !detection.track_id.is_empty() {
                report.objects[index] = self.tracks.get(&detection.track_id).copied();
            }
        }
        self.match_by_place(detections, &seen, &mut report.objects);
        for (index, object) in seen.into_iter().enumerate() {
            let Some(object) = object else { continue };
            let id = match report.objects[index] {
                Some(id) => {
                    self.merge(id, &object);
                    Some(id)
                }
                None => self.add(object),
            };
            report.new_objects += usize::from(report.objects[index].is_none() && id.is_some());
            report.objects[index] = id;
            let track = &detections[index].track_id;
            if let Some(id) = id
                && !track.is_empty()
            {
                self.tracks.insert(track.clone(), id);
            }
        }
        report
    }

    /// Gives detections without an object the nearest one of their label, nearest pairs first.
    fn match_by_place(
        &self,
        detections: &[Detection],
        seen: &[Option<MapObject>],
        matched: &mut [Option<ObjectId>],
    ) {
        let mut pairs = Vec::new();
        for (index, found) in seen.iter().enumerate() {
            let Some(found) = found.as_ref().filter(|_| matched[index].is_none()) else { continue };
            // A new track is a new thing to its tracker; it only joins objects without a track.
            let tracked = !detections[index].track_id.is_empty();
            let candidates = self.objects.iter().filter(|object| {
                object.label == found.label
                    && !(tracked && self.tracks.values().any(|id| *id == object.id))
            });
            for object in candidates {
                let distance_m = distance_m(found, object);
                let diagonals = (diagonal_m(found) + diagonal_m(object)) / 2.0;
                let is_part = holds_centre(object, found) || holds_centre(found, object);
                if distance_m <= NEAR_M.max(NEAR_DIAGONALS * diagonals) || is_part {
                    pairs.push((distance_m, index, object.id));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, index, id) in pairs {
            if matched[index].is_none() && !matched.contains(&Some(id)) {
                matched[index] = Some(id);
            }
        }
    }

    fn add(&mut self, object: MapObject) -> Option<ObjectId> {
        if self.objects.len() >= MAX_OBJECTS {
            return None;
        }
        let id = ObjectId(self.next_id);
        self.next_id = self.next_id.checked_add(1)?;
        self.objects.push(MapObject { id, ..object });
        Some(id)
    }

    /// Adds an object made of a region: with the id `was`, if it is one that went, or a new one.
    pub(super) fn add_own(&mut self, object: MapObject, was: Option<ObjectId>) -> Option<ObjectId> {
        let back = was.filter(|id| id.0 < self.next_id && self.objects.len() < MAX_OBJECTS);
        let id = match back.map(|id| (id, self.objects.binary_search_by_key(&id, |o| o.id))) {
            Some((id, Err(at))) => {
                self.objects.insert(at, MapObject { id, ..object });
                id
            }
            _ => self.add(object)?,
        };
        self.own.insert(id);
        Some(id)
    }

    /// Lets an object made of a region be what its region is now.
    pub(super) fn update_own(&mut self, id: ObjectId, seen: MapObject) {
        let Some(index) = self.index(id).filter(|_| self.own.contains(&id)) else { return };
        let object = &mut self.objects[index];
        let observations = object.observations.saturating_add(1);
        let first_seen_ns = object.first_seen_ns.min(seen.first_seen_ns);
        *object = MapObject { id, observations, first_seen_ns, ..seen };
    }

    fn merge(&mut self, id: ObjectId, seen: &MapObject) {
        let Some(index) = self.index(id) else { return };
        // What a detector has seen is no longer the map's to take out.
        self.own.remove(&id);
        let object = &mut self.objects[index];
        object.observations = object.observations.saturating_add(1);
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
        object.confidence = 1.0 - (1.0 - object.confidence) * (1.0 - GAIN * seen.confidence);
        object.first_seen_ns = object.first_seen_ns.min(seen.first_seen_ns);
        object.last_seen_ns = object.last_seen_ns.max(seen.last_seen_ns);
    }
}

/// A detection as a new object in world coordinates; `None` when its numbers are not usable.
fn in_world(detection: &Detection, world_T_frame: &Pose, stamp_ns: i64) -> Option<MapObject> {
    let world_T_box = world_T_frame * detection.frame_T_box;
    let position_m: [f64; 3] = world_T_box.translation.vector.into();
    let orientation_xyzw: [f64; 4] = world_T_box.rotation.coords.into();
    let finite = position_m.iter().chain(&orientation_xyzw).all(|v| v.is_finite());
    let sized = detection.size_m.iter().all(|v| v.is_finite() && *v >= 0.0);
    let usable = finite && sized && detection.score.is_finite() && !detection.label.is_empty();
    usable.then(|| MapObject {
        id: ObjectId::default(),
        label: detection.label.clone(),
        position_m,
        orientation_xyzw,
        size_m: detection.size_m,
        confidence: detection.score.clamp(0.0, 1.0),
        observations: 1,
        first_seen_ns: stamp_ns,
        last_seen_ns: stamp_ns,
    })
}

pub(super) fn distance_m(a: &MapObject, b: &MapObject) -> f64 {
    nalgebra::distance(&Point3::from(a.position_m), &Point3::from(b.position_m))
}

pub(super) fn diagonal_m(object: &MapObject) -> f64 {
    object.size_m.iter().map(|edge| edge * edge).sum::<f64>().sqrt()
}

/// Whether the centre of `other` lies in the box of `object`.
fn holds_centre(object: &MapObject, other: &MapObject) -> bool {
    let offset = Point3::from(other.position_m) - Point3::from(object.position_m);
    let offset = rotation(&object.orientation_xyzw).inverse() * offset;
    offset.iter().zip(object.size_m).all(|(along, edge_m)| 2.0 * along.abs() <= edge_m)
}

/// The box of `object`, given by that of its quarter turns about its own z which is nearest to `like`:
/// orientation, and edge lengths. They all are the same box.
fn turned_like(like: &UnitQuaternion<f64>, object: &MapObject) -> (UnitQuaternion<f64>, [f64; 3]) {
    let (given, [x, y, z]) = (rotation(&object.orientation_xyzw), object.size_m);
    let turned = (0..4).map(|quarters| {
        let turn = f64::from(quarters) * std::f64::consts::FRAC_PI_2;
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn);
        (given * turn, if quarters % 2 == 0 { [x, y, z] } else { [y, x, z] })
    });
    let nearest = turned.min_by(|a, b| a.0.angle_to(like).total_cmp(&b.0.angle_to(like)));
    nearest.unwrap_or((given, [x, y, z]))
}

fn rotation([x, y, z, w]: &[f64; 4]) -> UnitQuaternion<f64> {
    UnitQuaternion::new_normalize(Quaternion::new(*w, *x, *y, *z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Translation3;

    fn cup(x: f64, track: &str) -> Detection {
        Detection {
            label: "cup".into(),
            score: 0.6,
            frame_T_box: Pose::translation(x, 0.0, 0.0),
            size_m: [0.1, 0.1, 0.12],
            track_id: track.into(),
        }
    }

    #[test]
    fn near_detections_merge_and_confidence_grows() {
        let mut store = ObjectStore::default();
        let world_T_camera = Pose::from_parts(
            Translation3::new(10.0, 0.0, 0.0),
            UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_2),
        );
        for (turn, x) in [1.0, 1.02, 0.98, 1.0].iter().enumerate() {
            store.observe(&[cup(*x, "")], &world_T_camera, turn as i64);
        }
        let cup = &store.as_slice()[0];
        assert_eq!((store.len(), cup.observations), (1, 4));
        approx::assert_relative_eq!(cup.position_m[0], 10.0, epsilon = 1e-9);
        approx::assert_relative_eq!(cup.position_m[1], 1.0, epsilon = 1e-9);
        assert!(cup.confidence > 0.8 && cup.confidence < 1.0);
        assert_eq!((cup.first_seen_ns, cup.last_seen_ns), (0, 3));
    }

    #[test]
    fn neighbours_stay_apart_and_ids_are_not_reused() {
        let mut store = ObjectStore::default();
        let pair = [cup(0.0, ""), cup(0.2, "")];
        store.observe(&pair, &Pose::identity(), 0);
        let report = store.observe(&[pair[1].clone(), pair[0].clone()], &Pose::identity(), 1);
        assert_eq!(report.objects, [Some(ObjectId(1)), Some(ObjectId(0))]);
        store.remove(ObjectId(1));
        store.remove(ObjectId(0));
        let report = store.observe(&[cup(5.0, "")], &Pose::identity(), 2);
        assert_eq!((report.objects, report.new_objects), (vec![Some(ObjectId(2))], 1));
    }

    #[test]
    fn a_box_with_its_edges_swapped_is_the_same_box() {
        let turned = |degrees: f64, size_m| {
            let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), degrees.to_radians());
            let frame_T_box = Pose::from_parts(Translation3::new(1.0, 2.0, 0.4), turn);
            Detection { frame_T_box, size_m, ..cup(0.0, "") }
        };
        let mut store = ObjectStore::default();
        store.observe(&[turned(44.0, [1.2, 0.6, 0.8])], &Pose::identity(), 0);
        store.observe(&[turned(-44.0, [0.6, 1.2, 0.8])], &Pose::identity(), 1);
        let table = &store.as_slice()[0];
        let at = rotation(&table.orientation_xyzw).angle().to_degrees();
        assert!((at - 45.0).abs() < 0.1, "{at}");
        assert_eq!(table.size_m, [1.2, 0.6, 0.8]);
    }

    #[test]
    fn a_part_of_a_long_thing_is_that_thing_and_its_neighbour_is_not() {
        let counter = |x: f64, length_m: f64| Detection {
            label: "counter".into(),
            size_m: [length_m, 0.6, 0.9],
            ..cup(x, "")
        };
        let mut store = ObjectStore::default();
        store.observe(&[counter(0.0, 3.0)], &Pose::identity(), 0);
        let report = store.observe(&[counter(1.2, 0.5)], &Pose::identity(), 1);
        assert_eq!(report.objects, [Some(ObjectId(0))]);
        let report = store.observe(&[counter(2.1, 0.8)], &Pose::identity(), 2);
        assert_eq!((report.objects, store.len()), (vec![Some(ObjectId(1))], 2));
    }

    #[test]
    fn a_track_is_followed_when_it_is_carried() {
        let mut store = ObjectStore::default();
        store.observe(&[cup(0.0, "t7")], &Pose::identity(), 0);
        store.observe(&[cup(3.0, "t7")], &Pose::identity(), 1);
        assert_eq!(store.len(), 1);
        assert_eq!(store.as_slice()[0].position_m, [3.0, 0.0, 0.0]);
    }

    #[test]
    fn unusable_detections_are_refused() {
        let mut store = ObjectStore::default();
        let mut bad = [cup(f64::NAN, ""), cup(0.0, ""), cup(0.0, "")];
        bad[1].size_m[0] = -1.0;
        bad[2].score = f32::NAN;
        let report = store.observe(&bad, &Pose::identity(), 0);
        assert_eq!(report.objects, [None, None, None]);
        assert!(store.is_empty());
    }

    #[test]
    fn json_round_trip_and_its_checks() {
        let mut store = ObjectStore::default();
        store.observe(&[cup(0.5, "a"), cup(2.5, "")], &Pose::identity(), 4);
        let text = serde_json::to_string(&store).unwrap();
        assert_eq!(serde_json::from_str::<ObjectStore>(&text).unwrap(), store);
        let reused = text.replace("\"next_id\":2", "\"next_id\":1");
        assert!(serde_json::from_str::<ObjectStore>(&reused).is_err());
    }
}
