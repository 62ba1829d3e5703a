//! Clocks that were set back: a bag that starts over, a simulator that was reset, a map that was saved in
//! another run.
//!
//! Times that lie ahead of the clock would turn what the map does upside down until it has caught up:
//! objects that were seen later than now cannot be seen to go, and their voxels go only once; of a full map
//! the blocks that are seen now would be dropped first.

use super::SceneMap;

/// A frame so far behind what the map has seen comes by another clock; less is a camera that is slow.
/// Nanoseconds.
const JUMP_NS: i64 = 10_000_000_000;

impl SceneMap {
    /// Takes note of the time of a frame. When the clock was set back, what the map has seen later than that
    /// was seen just before.
    pub(super) fn set_clock(&mut self, stamp_ns: i64) {
        let newest_ns = self.newest_ns.or_else(|| self.newest_seen_ns()).unwrap_or(stamp_ns);
        let was_set_back = stamp_ns < newest_ns.saturating_sub(JUMP_NS);
        if was_set_back {
            let before_ns = stamp_ns.saturating_sub(1);
            self.store.set_back(before_ns);
            self.objects.set_back(before_ns);
            self.memory.set_back(before_ns);
        }
        self.newest_ns = Some(if was_set_back { stamp_ns } else { newest_ns.max(stamp_ns) });
    }

    /// When anything of the map was seen last, nanoseconds.
    fn newest_seen_ns(&self) -> Option<i64> {
        let objects_ns = self.objects.iter().map(|object| object.last_seen_ns).max();
        self.store.newest_ns().max(objects_ns)
    }
}
