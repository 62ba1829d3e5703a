//! Two objects that turn out to be one.

use super::{LabelScores, MAX_MERGED, MAX_TRACKS, MapObject, ObjectId, ObjectStore};

impl ObjectStore {
    /// Makes one of two objects, with the box that `shown` has: that of the older id, which is
    /// returned. Counts, names, times and tracks are those of both; the other id leads to it from
    /// now on.
    pub(in crate::scene) fn join(&mut self, pair: [ObjectId; 2], shown: &MapObject) -> ObjectId {
        let [kept, gone] = if pair[0] < pair[1] { pair } else { [pair[1], pair[0]] };
        let (Some(at), Some(from)) = (self.index(kept), self.index(gone)) else { return kept };
        if at == from {
            return kept;
        }
        let parts = &mut self.parts;
        let other = parts.objects.remove(from);
        let object = &mut parts.objects[at];
        object.position_m = shown.position_m;
        object.orientation_xyzw = shown.orientation_xyzw;
        object.size_m = shown.size_m;
        object.confidence = 1.0 - (1.0 - object.confidence) * (1.0 - other.confidence);
        object.observations = object.observations.saturating_add(other.observations);
        object.first_seen_ns = object.first_seen_ns.min(other.first_seen_ns);
        object.last_seen_ns = object.last_seen_ns.max(other.last_seen_ns);
        let (gone_own, kept_own) = (parts.own.remove(&gone), parts.own.contains(&kept));
        let said = parts.labels.remove(&gone).filter(|_| !gone_own);
        if !(gone_own && kept_own) {
            // One that any detector has confirmed is not the map's to take out, nor to name.
            if parts.own.remove(&kept) {
                parts.labels.remove(&kept);
            }
            let said = said.unwrap_or_else(|| LabelScores::of(&other));
            let labels = parts.labels.entry(kept).or_insert_with(|| LabelScores::of(object));
            labels.join(&said);
            if let Some(best) = labels.best(&object.label).filter(|best| *best != object.label) {
                object.label = best.to_owned();
            }
        }
        let of_gone = parts.tracks.values().filter(|id| **id == gone).count();
        let mut room = MAX_TRACKS.saturating_sub(of_gone);
        parts.tracks.retain(|_, id| {
            let stays = *id != kept || room > 0;
            room -= usize::from(stays && *id == kept);
            stays
        });
        let lead_to_gone = |id: &&mut ObjectId| **id == gone;
        parts.tracks.values_mut().filter(lead_to_gone).for_each(|id| *id = kept);
        parts.merged.values_mut().filter(lead_to_gone).for_each(|id| *id = kept);
        parts.merged.insert(gone, kept);
        if parts.merged.len() > MAX_MERGED {
            parts.merged.pop_first();
        }
        self.looks.forget(gone);
        self.doubts.forget(gone);
        self.doubts.forget(kept);
        kept
    }
}
