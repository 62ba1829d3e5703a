//! Detections of one message become views of objects.
//!
//! Which object a detection shows is decided by track, name, place and look; what becomes of the objects
//! stands in `views`. As in ConceptGraphs (arXiv 2309.16650), objects of one kind that overlap are
//! joined; but not every so often and all with all: asked are the objects that a message shows, and one
//! message alone decides nothing (`doubts`).

use super::boxes::{diagonal_m, distance_m, holds_centre, is_inside, volume_m3};
use super::looks::unlike_m;
use super::spans::Spans;
use super::{MapObject, NEAR_DIAGONALS, NEAR_M, ObjectId, ObjectStore, PART};
use crate::geometry::Pose;
use crate::scene::regions::ObjectMemory;
use crate::sensing::Detection;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Objects that are looked at for one detection at most, the nearest and likest.
const MOST_CANDIDATES: usize = 16;
/// Parts of one object in one message that are looked at at most, the largest.
const MOST_PARTS: usize = 8;
/// Two boxes that have this share of each other are one place: whatever they are called, no two
/// solid things are there.
const SAME_PLACE: f64 = 0.7;
/// What a message of detections did to the objects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ObserveReport {
    /// For each detection the object it was merged into or has become; `None` when it was refused
    /// because its numbers are not usable, the map is full, or what it shows went after it was seen.
    pub objects: Vec<Option<ObjectId>>,
    /// How many objects are new.
    pub new_objects: usize,
}

/// An object that was found, and how it looks, where that is known.
pub(in crate::scene) type Found<'a> = (&'a MapObject, Option<&'a [f32]>);

/// The detections of a message, and what they show.
struct Message<'a> {
    detections: &'a [Detection],
    /// In world coordinates, where the numbers are usable.
    seen: Vec<Option<MapObject>>,
    /// How what each shows looks.
    looks: Vec<Option<Vec<f32>>>,
    /// The object that each shows, as far as that is known.
    given: Vec<Option<ObjectId>>,
    /// Where the objects of the store were when the message came.
    spans: Spans,
    /// Objects that have a track.
    tracked: BTreeSet<ObjectId>,
}

impl Message<'_> {
    /// Detections that show no known object so far.
    fn open(&self) -> impl Iterator<Item = (usize, &MapObject)> {
        let seen = self.seen.iter().zip(&self.given).enumerate();
        seen.filter_map(|(at, (seen, given))| given.is_none().then_some((at, seen.as_ref()?)))
    }

    fn is_tracked(&self, at: usize) -> bool {
        !self.detections[at].track_id.is_empty()
    }

    /// What shows no known object, and how it looks.
    fn unknown(&self) -> Vec<(usize, Found<'_>)> {
        let found = |(at, seen): (usize, _)| (at, (seen, self.looks[at].as_deref()));
        self.open().map(found).collect()
    }

    /// For each object that is shown, the detections that show it, largest first.
    fn views(&self) -> BTreeMap<ObjectId, Vec<(usize, MapObject)>> {
        let mut views: BTreeMap<ObjectId, Vec<(usize, MapObject)>> = BTreeMap::new();
        for (at, (seen, given)) in self.seen.iter().zip(&self.given).enumerate() {
            if let (Some(seen), Some(id)) = (seen, given) {
                views.entry(*id).or_default().push((at, seen.clone()));
            }
        }
        for parts in views.values_mut() {
            parts.sort_by(|a, b| volume_m3(&b.1).total_cmp(&volume_m3(&a.1)));
            parts.truncate(MOST_PARTS);
        }
        views
    }
}

impl ObjectStore {
    /// Merges the detections of one message, whose poses stand in a frame at `world_T_frame`.
    ///
    /// A detection belongs to the object of its track; else to the nearest object of its name that
    /// is near enough, or of which it may be a part (one's centre lies in the box of the other), and
    /// that is not yet taken by another detection of the message; else, without a track, to the one
    /// of its name that it lies in; else it is new. What looks otherwise counts as farther away; how
    /// things look, [`super::super::SceneMap::observe`] knows.
    ///
    /// What would be new is the one of its name that went, where it is the only one or clearly the
    /// likest: a thing that was carried keeps its id. What was seen where an object was before that went
    /// is refused. Both [`super::super::SceneMap::observe`] knows.
    ///
    /// When messages keep showing that two objects are one, or that one is several, they become so:
    /// see [`Self::get`] for the id that is no more.
    pub fn observe(
        &mut self,
        detections: &[Detection],
        world_T_frame: &Pose,
        stamp_ns: i64,
    ) -> ObserveReport {
        let nothing = &mut ObjectMemory::default();
        self.observe_looking(detections, world_T_frame, stamp_ns, |_| None, nothing)
    }

    /// [`Self::observe`], with a look at what is in the box of each detection, and with what is
    /// remembered of objects that went.
    pub(in crate::scene) fn observe_looking(
        &mut self,
        detections: &[Detection],
        world_T_frame: &Pose,
        stamp_ns: i64,
        look: impl Fn(&MapObject) -> Option<Vec<f32>>,
        memory: &mut ObjectMemory,
    ) -> ObserveReport {
        let in_world = |one| in_world(one, world_T_frame, stamp_ns);
        let seen: Vec<Option<MapObject>> = detections.iter().map(in_world).collect();
        let tracks = &self.parts.tracks;
        let by_track = |(one, seen): (&Detection, &Option<MapObject>)| {
            seen.as_ref().and_then(|_| tracks.get(&one.track_id).copied())
        };
        let mut message = Message {
            detections,
            looks: seen.iter().map(|seen| look(seen.as_ref()?)).collect(),
            given: detections.iter().zip(&seen).map(by_track).collect(),
            seen,
            spans: Spans::of(self.as_slice()),
            tracked: tracks.values().copied().collect(),
        };
        self.match_by_place(&mut message);
        self.match_parts(&mut message);
        let views = message.views();
        let shown: Vec<ObjectId> = views.keys().copied().collect();
        self.doubts.are_apart(&shown);
        let covered: Vec<Vec<ObjectId>> = views
            .iter()
            .map(|(id, parts)| self.covered(*id, &parts[0].1, &shown, &message))
            .collect();
        let before = self.parts.next_id;
        for ((id, parts), covered) in views.into_iter().zip(covered) {
            for (at, part) in self.take_in(id, parts, &covered) {
                message.given[at] = Some(part);
            }
        }
        let went = message.open().filter(|(_, seen)| memory.went_since(seen));
        let went: Vec<usize> = went.map(|(at, _)| at).collect();
        went.into_iter().for_each(|at| message.seen[at] = None);
        let (unknown, found): (Vec<usize>, Vec<Found<'_>>) = message.unknown().into_iter().unzip();
        let was: BTreeMap<usize, Option<ObjectId>> =
            unknown.into_iter().zip(memory.return_to(&found)).collect();
        for (at, seen) in message.seen.into_iter().enumerate() {
            let given = &mut message.given[at];
            *given = match (*given, seen) {
                (Some(id), _) => Some(self.current(id)),
                (None, Some(seen)) => self.add_seen(seen, was.get(&at).copied().flatten()),
                (None, None) => None,
            };
            let track = &detections[at].track_id;
            if let (Some(id), false) = (*given, track.is_empty()) {
                self.parts.tracks.insert(track.clone(), id);
            }
            if let Some(id) = *given {
                self.looks.set(id, message.looks[at].take());
            }
        }
        self.number_names();
        let new_objects = (self.parts.next_id - before) as usize;
        ObserveReport { objects: message.given, new_objects }
    }

    /// Gives detections without an object the nearest and likest one of their name, such pairs first.
    fn match_by_place(&self, message: &mut Message<'_>) {
        let mut pairs = Vec::new();
        for (at, found) in message.open() {
            // A new track is a new thing to its tracker; it only joins objects without a track.
            let is_free = |object: &&MapObject| {
                !(message.is_tracked(at) && message.tracked.contains(&object.id))
                    && self.is_called(object, &found.label)
            };
            let mut near: Vec<(f64, ObjectId)> = message
                .spans
                .near(found, self.as_slice())
                .filter(is_free)
                .filter(|object| may_be(found, object))
                .map(|object| {
                    let looks = (message.looks[at].as_deref(), self.looks.of(object.id));
                    (distance_m(found, object) + unlike_m(looks.0, looks.1), object.id)
                })
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            near.truncate(MOST_CANDIDATES);
            pairs.extend(near.into_iter().map(|(cost_m, id)| (cost_m, at, id)));
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut taken: BTreeSet<ObjectId> = message.given.iter().flatten().copied().collect();
        for (_, at, id) in pairs {
            if message.given[at].is_none() && taken.insert(id) {
                message.given[at] = Some(id);
            }
        }
    }

    /// Gives detections that have no object, and no track, one that is shown and that they lie in:
    /// the nearest.
    fn match_parts(&self, message: &mut Message<'_>) {
        let shown: BTreeSet<ObjectId> = message.given.iter().flatten().copied().collect();
        let mut found_parts = Vec::new();
        for (at, part) in message.open().filter(|(at, _)| !message.is_tracked(*at)) {
            let near = message.spans.near(part, self.as_slice());
            let whole = near
                .filter(|whole| shown.contains(&whole.id) && self.is_called(whole, &part.label))
                .filter(|whole| is_inside(part, whole, PART))
                .min_by(|a, b| distance_m(part, a).total_cmp(&distance_m(part, b)));
            found_parts.extend(whole.map(|whole| (at, whole.id)));
        }
        for (at, id) in found_parts {
            message.given[at] = Some(id);
        }
    }

    /// The objects that are not among those `shown` although the view of one of these, `id`, covers
    /// them: those of the view's name, and those of any name in just its place.
    fn covered(
        &self,
        id: ObjectId,
        view: &MapObject,
        shown: &[ObjectId],
        message: &Message<'_>,
    ) -> Vec<ObjectId> {
        let is_tracked = |id| message.tracked.contains(&id);
        let is_covered = |other: &&MapObject| {
            if shown.binary_search(&other.id).is_ok() {
                return false;
            }
            match self.is_called(other, &view.label) {
                true => is_inside(other, view, PART),
                // A tracker that tells two things apart by name is believed.
                false if is_tracked(id) && is_tracked(other.id) => false,
                false => is_inside(other, view, SAME_PLACE) && is_inside(view, other, SAME_PLACE),
            }
        };
        let near = message.spans.near(view, self.as_slice());
        near.filter(is_covered).map(|other| other.id).take(MOST_CANDIDATES).collect()
    }

    /// Whether `label` is, or was said to be, the name of an object. What else the region of an own one
    /// looks like nobody has said.
    fn is_called(&self, object: &MapObject, label: &str) -> bool {
        let said = self.parts.labels.get(&object.id).filter(|_| !self.is_own(object.id));
        object.label == label || said.is_some_and(|said| said.contains(label))
    }
}

/// Whether a detection may show an object of its name.
fn may_be(found: &MapObject, object: &MapObject) -> bool {
    let diagonals = (diagonal_m(found) + diagonal_m(object)) / 2.0;
    distance_m(found, object) <= NEAR_M.max(NEAR_DIAGONALS * diagonals)
        || holds_centre(object, found)
        || holds_centre(found, object)
}

/// A detection as a new object in world coordinates; `None` when its numbers are not usable.
pub(in crate::scene) fn in_world(
    detection: &Detection,
    world_T_frame: &Pose,
    stamp_ns: i64,
) -> Option<MapObject> {
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
