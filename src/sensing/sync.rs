//! Pairing of colour and depth images by their stamps.
//!
//! Each image has at most one partner, the one nearest in time and within the slop. A pair leaves
//! as soon as no image that can still come would fit better: images of one topic come in order,
//! and at least half of the shortest gap seen so far lies between two of them. So nothing waits
//! for a next image when the rate is known, and equal stamps never wait at all.

use super::{ImageEvent, SensingError};
use std::collections::VecDeque;

/// A pair of images, or an image that will have no partner.
#[derive(Debug)]
pub enum Paired {
    /// One colour and one depth image of nearly the same time.
    Pair {
        /// The colour image.
        color: ImageEvent,
        /// The depth image.
        depth: ImageEvent,
    },
    /// An image that was let go.
    Single {
        /// The image.
        image: ImageEvent,
        /// Why it has no partner.
        reason: SensingError,
    },
}

/// What the pairing did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SyncCounts {
    /// Pairs made.
    pub pairs: u64,
    /// Colour images without depth.
    pub unpaired_color: u64,
    /// Depth images without colour.
    pub unpaired_depth: u64,
    /// Stamp of depth minus stamp of colour in the newest pair, nanoseconds.
    pub last_skew_ns: i64,
    /// Largest absolute skew, nanoseconds.
    pub max_skew_ns: i64,
}

/// The images of one topic, ordered by stamp.
#[derive(Debug, Default)]
struct Side {
    queue: VecDeque<ImageEvent>,
    newest_ns: Option<i64>,
    /// Shortest time between two images so far, nanoseconds.
    gap_ns: Option<i64>,
}

impl Side {
    /// The image back if its stamp is there already.
    fn insert(&mut self, image: ImageEvent) -> Option<ImageEvent> {
        let stamp_ns = image.stamp_ns;
        let at = self.queue.partition_point(|other| other.stamp_ns < stamp_ns);
        if self.newest_ns == Some(stamp_ns)
            || self.queue.get(at).is_some_and(|other| other.stamp_ns == stamp_ns)
        {
            return Some(image);
        }
        if let Some(newest_ns) = self.newest_ns {
            let gap_ns = stamp_ns.saturating_sub(newest_ns).max(0);
            self.gap_ns = Some(self.gap_ns.map_or(gap_ns, |least| least.min(gap_ns)));
        }
        self.newest_ns = self.newest_ns.max(Some(stamp_ns));
        self.queue.insert(at, image);
        None
    }

    fn front_ns(&self) -> Option<i64> {
        self.queue.front().map(|image| image.stamp_ns)
    }

    /// Images still to come have at least this stamp.
    fn horizon_ns(&self) -> i64 {
        self.newest_ns.map_or(i64::MIN, |ns| ns.saturating_add(self.gap_ns.unwrap_or(0) / 2))
    }

    /// Whether another image of this side is, or may yet be, closer to `other_ns` than the front
    /// at `front_ns`; `None` when that is not known yet.
    fn front_is_nearest(&self, front_ns: i64, other_ns: i64) -> Option<bool> {
        let skew_ns = other_ns.saturating_sub(front_ns);
        if let Some(second) = self.queue.get(1) {
            return Some(second.stamp_ns.saturating_sub(other_ns).saturating_abs() >= skew_ns);
        }
        (self.horizon_ns() >= other_ns.saturating_add(skew_ns)).then_some(true)
    }
}

/// Pairs the images of two topics.
#[derive(Debug)]
pub struct Synchronizer {
    slop_ns: i64,
    queue_length: usize,
    color: Side,
    depth: Side,
    counts: SyncCounts,
}

impl Synchronizer {
    /// Stamps of a pair differ by at most `slop_ns` (0: exact); each queue holds at most
    /// `queue_length` images.
    pub fn new(slop_ns: i64, queue_length: usize) -> Self {
        let (color, depth) = (Side::default(), Side::default());
        let counts = SyncCounts::default();
        Self { slop_ns, queue_length: queue_length.max(1), color, depth, counts }
    }

    /// Takes in a colour image.
    pub fn push_color(&mut self, image: ImageEvent) -> Vec<Paired> {
        let repeated = self.color.insert(image);
        self.advance(repeated)
    }

    /// Takes in a depth image.
    pub fn push_depth(&mut self, image: ImageEvent) -> Vec<Paired> {
        let repeated = self.depth.insert(image);
        self.advance(repeated)
    }

    /// Nothing more comes: the rest, as pairs where they fit.
    pub fn flush(&mut self) -> Vec<Paired> {
        let mut out = Vec::new();
        while let Some(step) = self.step(true) {
            out.push(step);
        }
        out
    }

    /// Forgets the order of time and gives back all images that waited.
    pub fn clear(&mut self) -> Vec<ImageEvent> {
        let sides = [std::mem::take(&mut self.color), std::mem::take(&mut self.depth)];
        sides.into_iter().flat_map(|side| side.queue).collect()
    }

    /// What happened so far.
    pub fn counts(&self) -> SyncCounts {
        self.counts
    }

    /// Waiting colour and depth images.
    pub fn queue_lengths(&self) -> (usize, usize) {
        (self.color.queue.len(), self.depth.queue.len())
    }

    /// Newest stamps of colour and depth, nanoseconds.
    pub fn newest_ns(&self) -> (Option<i64>, Option<i64>) {
        (self.color.newest_ns, self.depth.newest_ns)
    }

    fn advance(&mut self, repeated: Option<ImageEvent>) -> Vec<Paired> {
        let mut out: Vec<Paired> = repeated
            .map(|image| {
                let reason = SensingError::Repeated { topic: image.topic.clone() };
                Paired::Single { image, reason }
            })
            .into_iter()
            .collect();
        while let Some(step) = self.step(false) {
            out.push(step);
        }
        for is_color in [true, false] {
            let side = if is_color { &mut self.color } else { &mut self.depth };
            while side.queue.len() > self.queue_length {
                let Some(image) = side.queue.pop_front() else { break };
                let what = if is_color { "depth" } else { "colour" }.to_owned();
                let (topic, length) = (image.topic.clone(), self.queue_length);
                let reason = SensingError::QueueFull { topic, length, what };
                let unpaired = [&mut self.counts.unpaired_depth, &mut self.counts.unpaired_color];
                *unpaired[usize::from(is_color)] += 1;
                out.push(Paired::Single { image, reason });
            }
        }
        out
    }

    /// Decides about the older of the two front images, if that can be done already.
    fn step(&mut self, at_end: bool) -> Option<Paired> {
        match (self.color.front_ns(), self.depth.front_ns()) {
            (None, None) => None,
            (Some(color_ns), None) => {
                let hopeless = self.depth.horizon_ns() > color_ns.saturating_add(self.slop_ns);
                (at_end || hopeless).then(|| self.single(true))?
            }
            (None, Some(depth_ns)) => {
                let hopeless = self.color.horizon_ns() > depth_ns.saturating_add(self.slop_ns);
                (at_end || hopeless).then(|| self.single(false))?
            }
            (Some(color_ns), Some(depth_ns)) => {
                let color_first = color_ns <= depth_ns;
                let (older, first_ns, second_ns) = if color_first {
                    (&self.color, color_ns, depth_ns)
                } else {
                    (&self.depth, depth_ns, color_ns)
                };
                // The other side's front is the nearest to the older one: the rest is later.
                if second_ns.saturating_sub(first_ns) > self.slop_ns {
                    return self.single(color_first);
                }
                match older.front_is_nearest(first_ns, second_ns) {
                    Some(false) => self.single(color_first),
                    Some(true) => self.pair(),
                    None if at_end => self.pair(),
                    None => None,
                }
            }
        }
    }

    fn pair(&mut self) -> Option<Paired> {
        let (color, depth) = (self.color.queue.pop_front()?, self.depth.queue.pop_front()?);
        self.counts.pairs += 1;
        self.counts.last_skew_ns = depth.stamp_ns.saturating_sub(color.stamp_ns);
        let skew_ns = self.counts.last_skew_ns.saturating_abs();
        self.counts.max_skew_ns = self.counts.max_skew_ns.max(skew_ns);
        Some(Paired::Pair { color, depth })
    }

    fn single(&mut self, is_color: bool) -> Option<Paired> {
        let (side, count, partner) = if is_color {
            (&mut self.color, &mut self.counts.unpaired_color, "depth")
        } else {
            (&mut self.depth, &mut self.counts.unpaired_depth, "colour")
        };
        let image = side.queue.pop_front()?;
        *count += 1;
        let slop_ms = self.slop_ns as f64 * 1e-6;
        let reason = SensingError::Unpaired { topic: image.topic.clone(), partner, slop_ms };
        Some(Paired::Single { image, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensing::ImagePayload;
    use proptest::prelude::*;

    fn image(stamp_ns: i64) -> ImageEvent {
        let payload = ImagePayload::Compressed { format: String::new(), data: Vec::new() };
        ImageEvent { camera: 0, topic: "/t".into(), stamp_ns, frame_id: "eye".into(), payload }
    }

    /// Feeds (is colour, stamp) and returns pairs of stamps and stamps of singles.
    fn feed(sync: &mut Synchronizer, events: &[(bool, i64)]) -> (Vec<(i64, i64)>, Vec<i64>) {
        let mut out = Vec::new();
        for (is_color, stamp) in events {
            out.extend(match is_color {
                true => sync.push_color(image(*stamp)),
                false => sync.push_depth(image(*stamp)),
            });
        }
        sort(out)
    }

    fn sort(out: Vec<Paired>) -> (Vec<(i64, i64)>, Vec<i64>) {
        let (mut pairs, mut singles) = (Vec::new(), Vec::new());
        for paired in out {
            match paired {
                Paired::Pair { color, depth } => pairs.push((color.stamp_ns, depth.stamp_ns)),
                Paired::Single { image, .. } => singles.push(image.stamp_ns),
            }
        }
        (pairs, singles)
    }

    #[test]
    fn equal_stamps_leave_at_once_and_others_when_the_rate_is_known() {
        let mut sync = Synchronizer::new(20, 10);
        assert_eq!(feed(&mut sync, &[(true, 0), (false, 0)]).0, [(0, 0)]);
        assert_eq!(feed(&mut sync, &[(true, 100), (false, 103)]).0, [(100, 103)]);
        assert_eq!(feed(&mut sync, &[(false, 203), (true, 200)]).0, [(200, 203)]);
        assert_eq!(sync.counts().last_skew_ns, 3);
    }

    #[test]
    fn exact_pairing_takes_equal_stamps_only() {
        let mut sync = Synchronizer::new(0, 10);
        let (pairs, singles) =
            feed(&mut sync, &[(true, 0), (false, 1), (true, 10), (false, 10), (true, 20)]);
        assert_eq!((pairs, singles), (vec![(10, 10)], vec![0, 1]));
        assert_eq!(sort(sync.flush()), (vec![], vec![20]));
    }

    #[test]
    fn the_nearest_wins() {
        let mut sync = Synchronizer::new(50, 10);
        let (pairs, singles) = feed(&mut sync, &[(true, 0), (false, 30), (true, 40), (true, 90)]);
        // A depth image at 45 would fit better than the one at 30: wait for the next.
        assert_eq!((pairs, singles), (vec![], vec![0]));
        assert_eq!(feed(&mut sync, &[(false, 130)]).0, [(40, 30)]);
    }

    #[test]
    fn queues_are_bounded_and_repeats_are_named() {
        let mut sync = Synchronizer::new(5, 3);
        let (_, singles) =
            feed(&mut sync, &[(true, 0), (true, 10), (true, 10), (true, 20), (true, 30)]);
        assert_eq!(singles, [10, 0]);
        assert_eq!(sync.queue_lengths(), (3, 0));
        assert_eq!(sync.counts().unpaired_color, 1);
        assert_eq!(sync.clear().len(), 3);
        assert_eq!(sync.newest_ns(), (None, None));
    }

    #[test]
    fn flush_pairs_what_fits_and_names_the_rest() {
        let mut sync = Synchronizer::new(20, 10);
        assert_eq!(feed(&mut sync, &[(true, 0), (false, 3)]), (vec![], vec![]));
        assert_eq!(sort(sync.flush()), (vec![(0, 3)], vec![]));
        let counts = sync.counts();
        assert_eq!((counts.pairs, counts.unpaired_color, counts.max_skew_ns), (1, 0, 3));
    }

    proptest! {
        #[test]
        fn every_image_comes_out_once_and_pairs_are_close(
            events in proptest::collection::vec((any::<bool>(), 0..500_i64), 0..80)
        ) {
            let mut sync = Synchronizer::new(20, 8);
            let (mut pairs, mut singles) = feed(&mut sync, &events);
            let (more_pairs, more_singles) = sort(sync.flush());
            pairs.extend(more_pairs);
            singles.extend(more_singles);
            prop_assert_eq!(2 * pairs.len() + singles.len(), events.len());
            prop_assert!(pairs.iter().all(|(a, b)| a.abs_diff(*b) <= 20));
        }

        #[test]
        fn steady_streams_lose_nothing(skew in -9..9_i64, jitter in proptest::collection::vec(-3..3_i64, 60)) {
            let mut sync = Synchronizer::new(20, 8);
            let mut events: Vec<(i64, bool, i64)> = Vec::new();
            for i in 0..30 {
                let (a, b) = (i * 33 + jitter[i as usize], i * 33 + skew + jitter[30 + i as usize]);
                events.push((a + 5, true, a));
                events.push((b + 11, false, b));
            }
            events.sort();
            let events: Vec<(bool, i64)> = events.into_iter().map(|(_, c, s)| (c, s)).collect();
            let (pairs, _) = feed(&mut sync, &events);
            let (more, singles) = sort(sync.flush());
            prop_assert_eq!((pairs.len() + more.len(), singles.len()), (30, 0));
        }
    }
}
