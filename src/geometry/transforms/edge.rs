//! One edge of the tree: where a child stood on its parent over time.

use super::Pose;
use std::collections::VecDeque;

/// Samples kept of one edge, whatever the cache length: 20 s at 1 kHz.
pub(super) const MAX_SAMPLES: usize = 20_000;

/// Index of a frame in the buffer's list of names.
pub(super) type FrameId = usize;

/// Where the child stood at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) stamp_ns: i64,
    pub(super) parent: FrameId,
    pub(super) parent_T_child: Pose,
}

/// How a child hangs on its parent.
#[derive(Debug)]
pub(super) enum Edge {
    Static(Sample),
    /// Ordered by stamp, never empty, no stamp twice. Each sample has its own parent, so that a
    /// child may be moved to another parent and looked up before and after.
    Dynamic(VecDeque<Sample>),
}

/// What an edge says about a time.
pub(super) enum Sampled {
    Known(Sample),
    /// Too late or too early; the sample is the nearest one, good for its parent only.
    Future(Sample),
    Past(Sample),
}

impl Edge {
    /// An edge known at one time, or for ever.
    pub(super) fn new(sample: Sample, is_static: bool) -> Self {
        if is_static { Edge::Static(sample) } else { Edge::Dynamic(VecDeque::from([sample])) }
    }

    /// Adds a moving sample; of two with the same stamp the first stays. What is older than
    /// `cache_length_ns` before the newest is forgotten. A static edge becomes a moving one.
    pub(super) fn insert(&mut self, sample: Sample, cache_length_ns: i64) {
        let Edge::Dynamic(history) = self else {
            *self = Edge::new(sample, false);
            return;
        };
        let at = history.partition_point(|s| s.stamp_ns < sample.stamp_ns);
        if history.get(at).is_some_and(|s| s.stamp_ns == sample.stamp_ns) {
            return;
        }
        history.insert(at, sample);
        let oldest_ns = history[history.len() - 1].stamp_ns.saturating_sub(cache_length_ns);
        while history.len() > MAX_SAMPLES || history[0].stamp_ns < oldest_ns {
            history.pop_front();
        }
    }

    /// Number of samples; one for static edges.
    pub(super) fn samples(&self) -> usize {
        match self {
            Edge::Static(_) => 1,
            Edge::Dynamic(history) => history.len(),
        }
    }

    /// What is known about the time `stamp_ns`.
    pub(super) fn sample(&self, stamp_ns: i64) -> Sampled {
        let history = match self {
            Edge::Static(sample) => return Sampled::Known(*sample),
            Edge::Dynamic(history) => history,
        };
        let after = history.partition_point(|s| s.stamp_ns <= stamp_ns);
        let Some(before) = after.checked_sub(1).map(|i| history[i]) else {
            return Sampled::Past(history[0]);
        };
        if before.stamp_ns == stamp_ns {
            return Sampled::Known(before);
        }
        match history.get(after) {
            None => Sampled::Future(before),
            Some(next) if next.parent != before.parent => Sampled::Known(before),
            Some(next) => Sampled::Known(before.interpolate(next, stamp_ns)),
        }
    }

    /// Oldest and newest stamps, nanoseconds; `None` for static edges.
    pub(super) fn range_ns(&self) -> Option<(i64, i64)> {
        match self {
            Edge::Static(_) => None,
            Edge::Dynamic(history) => Some((history.front()?.stamp_ns, history.back()?.stamp_ns)),
        }
    }

    /// The newest sample.
    pub(super) fn newest(&self) -> &Sample {
        match self {
            Edge::Static(sample) => sample,
            Edge::Dynamic(history) => history.back().expect("a dynamic edge is never empty"),
        }
    }
}

impl Sample {
    fn interpolate(&self, next: &Sample, stamp_ns: i64) -> Sample {
        let span_ns = next.stamp_ns.saturating_sub(self.stamp_ns);
        let t = stamp_ns.saturating_sub(self.stamp_ns) as f64 / span_ns as f64;
        let (a, b) = (&self.parent_T_child, &next.parent_T_child);
        // Half turns have no shortest way: keep the older rotation, as good as any.
        let rotation = a.rotation.try_slerp(&b.rotation, t, 1e-9).unwrap_or(a.rotation);
        let vector = a.translation.vector.lerp(&b.translation.vector, t);
        let parent_T_child = Pose::from_parts(vector.into(), rotation);
        Sample { stamp_ns, parent: self.parent, parent_T_child }
    }
}
