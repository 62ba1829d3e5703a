//! The transform buffer: where every frame stood at every recent time, by the rules of tf2.
//!
//! Frames form a forest. A child has one parent at a time; its history is a list of stamped
//! samples, and a lookup interpolates each edge between the two samples around the asked time
//! (translation linearly, rotation by slerp). Nothing is extrapolated: the caller waits for the
//! future, and the past does not come back. A static edge holds at every time.

use super::Pose;
use crate::sensing::StampedTransform;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fmt;

/// Frames a buffer may know; more means that someone makes up names.
const MAX_FRAMES: usize = 10_000;
/// Samples kept of one edge, whatever the cache length: 20 s at 1 kHz.
const MAX_SAMPLES: usize = 20_000;
/// How far a squared quaternion norm may be from 1: the tolerance of tf2.
const NORM_TOLERANCE: f64 = 1e-2;

/// A transform was refused, or cannot be looked up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TransformError {
    /// A frame name is missing.
    #[error("transform {parent:?} -> {child:?} has an empty frame name: fix its publisher")]
    EmptyFrame {
        /// Parent frame as published.
        parent: String,
        /// Child frame as published.
        child: String,
    },
    /// A frame is its own parent.
    #[error("transform from frame {frame:?} to itself: fix its publisher")]
    SelfEdge {
        /// The frame.
        frame: String,
    },
    /// A number is NaN or infinite.
    #[error("transform {parent:?} -> {child:?} contains NaN or infinity: fix its publisher")]
    NotFinite {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
    },
    /// The quaternion is not a rotation.
    #[error("transform {parent:?} -> {child:?} has a quaternion of norm {norm:.4}, not 1")]
    NotNormalised {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
        /// Norm of the quaternion.
        norm: f64,
    },
    /// A sample came later than the cache is long.
    #[error(
        "transform {parent:?} -> {child:?} at {} s is more than the cache length behind the newest \
         at {} s", Seconds(*stamp_ns), Seconds(*newest_ns)
    )]
    TooOld {
        /// Parent frame.
        parent: String,
        /// Child frame.
        child: String,
        /// Its stamp, nanoseconds.
        stamp_ns: i64,
        /// Newest stamp of the edge, nanoseconds.
        newest_ns: i64,
    },
    /// Too many different frame names.
    #[error("frame {frame:?} refused: {MAX_FRAMES} frames are known already")]
    TooManyFrames {
        /// The frame that did not fit.
        frame: String,
    },
    /// No transform ever named the frame.
    #[error(
        "frame {frame:?} is unknown, asked for {target} <- {source_frame}: no transform names it"
    )]
    UnknownFrame {
        /// The unknown frame.
        frame: String,
        /// Target of the lookup.
        target: String,
        /// Source of the lookup.
        source_frame: String,
    },
    /// The frames stand in different trees.
    #[error(
        "frames {target:?} and {source_frame:?} are not connected: a transform between them is missing"
    )]
    NotConnected {
        /// Target of the lookup.
        target: String,
        /// Source of the lookup.
        source_frame: String,
    },
    /// The parents of a frame lead back to it.
    #[error("the parents of frame {frame:?} form a loop: two publishers disagree")]
    Loop {
        /// The frame.
        frame: String,
    },
    /// The newest sample of an edge is older than the asked time. It may still come.
    #[error("transform is not there yet: {0}")]
    ExtrapolationFuture(Box<Extrapolation>),
    /// The oldest sample of an edge is newer than the asked time. It will not come.
    #[error("transform is gone or never was: {0}")]
    ExtrapolationPast(Box<Extrapolation>),
}

/// A lookup outside the times that an edge covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Extrapolation {
    /// Target of the lookup.
    pub target: String,
    /// Source of the lookup.
    pub source: String,
    /// Parent frame of the edge.
    pub parent: String,
    /// Child frame of the edge.
    pub child: String,
    /// The asked time, nanoseconds.
    pub asked_ns: i64,
    /// Oldest and newest stamps of the edge, nanoseconds.
    pub range_ns: (i64, i64),
}

impl fmt::Display for Extrapolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} <- {} at {} s, but edge {} -> {} covers {} s to {} s",
            self.target,
            self.source,
            Seconds(self.asked_ns),
            self.parent,
            self.child,
            Seconds(self.range_ns.0),
            Seconds(self.range_ns.1)
        )
    }
}

/// Nanoseconds, printed as seconds without loss.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

/// One edge of the tree, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeEdge {
    /// Parent frame.
    pub parent: String,
    /// Child frame.
    pub child: String,
    /// Edges between the parent and its root.
    pub depth: usize,
    /// Whether the edge holds at every time.
    pub is_static: bool,
    /// Samples a second; `None` for static edges and single samples.
    pub rate_hz: Option<f64>,
    /// Oldest and newest stamps, nanoseconds; `None` for static edges.
    pub range_ns: Option<(i64, i64)>,
}

impl fmt::Display for TreeEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} -> {}: ", "  ".repeat(self.depth), self.parent, self.child)?;
        match (self.range_ns, self.rate_hz) {
            (None, _) => write!(f, "static"),
            (Some((at, _)), None) => write!(f, "one sample at {} s", Seconds(at)),
            (Some((from, to)), Some(rate)) => {
                write!(f, "{rate:.1} Hz, {} s to {} s", Seconds(from), Seconds(to))
            }
        }
    }
}

/// Index of a frame in [`TransformBuffer::names`].
type FrameId = usize;

#[derive(Debug, Clone, Copy)]
struct Sample {
    stamp_ns: i64,
    parent: FrameId,
    parent_T_child: Pose,
}

/// How a child hangs on its parent.
#[derive(Debug)]
enum Edge {
    Static(Sample),
    /// Ordered by stamp, never empty, no stamp twice. Each sample has its own parent, so that a
    /// child may be moved to another parent and looked up before and after.
    Dynamic(VecDeque<Sample>),
}

/// What an edge says about a time.
enum Sampled {
    Known(Sample),
    /// Too late or too early; the sample is the nearest one, good for its parent only.
    Future(Sample),
    Past(Sample),
}

impl Edge {
    fn sample(&self, stamp_ns: i64) -> Sampled {
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

    fn range_ns(&self) -> Option<(i64, i64)> {
        match self {
            Edge::Static(_) => None,
            Edge::Dynamic(history) => Some((history.front()?.stamp_ns, history.back()?.stamp_ns)),
        }
    }

    /// The newest sample.
    fn newest(&self) -> &Sample {
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

/// One step from a frame to its parent at the asked time.
struct Link {
    child: FrameId,
    sampled: Sampled,
}

impl Link {
    fn sample(&self) -> &Sample {
        match &self.sampled {
            Sampled::Known(s) | Sampled::Future(s) | Sampled::Past(s) => s,
        }
    }
}

/// The transforms of the last `cache_length_ns`, and the static ones.
#[derive(Debug)]
pub struct TransformBuffer {
    cache_length_ns: i64,
    names: Vec<String>,
    ids: FxHashMap<String, FrameId>,
    /// For every frame the edge to its parent, if it has one.
    edges: Vec<Option<Edge>>,
}

impl TransformBuffer {
    /// An empty buffer; each moving edge remembers `cache_length_ns` before its newest sample.
    pub fn new(cache_length_ns: i64) -> Self {
        Self {
            cache_length_ns: cache_length_ns.max(0),
            names: Vec::new(),
            ids: FxHashMap::default(),
            edges: Vec::new(),
        }
    }

    /// Takes in one transform. A static one holds at every time, whatever its stamp; of moving
    /// ones with the same stamp the first is kept. A leading `/` of a frame name is ignored.
    ///
    /// # Errors
    /// When the transform makes no sense or is older than the cache is long. The buffer is then
    /// unchanged.
    pub fn set(&mut self, new: &StampedTransform, is_static: bool) -> Result<(), TransformError> {
        let (parent, child) = (bare(&new.parent), bare(&new.child));
        let names = || (parent.to_owned(), child.to_owned());
        if parent.is_empty() || child.is_empty() {
            let (parent, child) = names();
            return Err(TransformError::EmptyFrame { parent, child });
        }
        if parent == child {
            return Err(TransformError::SelfEdge { frame: child.to_owned() });
        }
        let rotation = new.parent_T_child.rotation.into_inner();
        let vector = new.parent_T_child.translation.vector;
        if !rotation.coords.iter().chain(vector.iter()).all(|v| v.is_finite()) {
            let (parent, child) = names();
            return Err(TransformError::NotFinite { parent, child });
        }
        if (rotation.norm_squared() - 1.0).abs() > NORM_TOLERANCE {
            let (parent, child) = names();
            return Err(TransformError::NotNormalised { parent, child, norm: rotation.norm() });
        }
        if let (false, Some(newest_ns)) = (is_static, self.newest_stamp_ns(child))
            && new.stamp_ns < newest_ns.saturating_sub(self.cache_length_ns)
        {
            let (parent, child) = names();
            return Err(TransformError::TooOld {
                parent,
                child,
                stamp_ns: new.stamp_ns,
                newest_ns,
            });
        }
        let unit = nalgebra::UnitQuaternion::new_normalize(rotation);
        let parent_T_child = Pose::from_parts(vector.into(), unit);
        let (parent, child) = (self.intern(parent)?, self.intern(child)?);
        self.insert(child, Sample { stamp_ns: new.stamp_ns, parent, parent_T_child }, is_static);
        Ok(())
    }

    fn insert(&mut self, child: FrameId, sample: Sample, is_static: bool) {
        let edge = &mut self.edges[child];
        match edge {
            _ if is_static => *edge = Some(Edge::Static(sample)),
            Some(Edge::Dynamic(history)) => {
                let at = history.partition_point(|s| s.stamp_ns < sample.stamp_ns);
                if history.get(at).is_some_and(|s| s.stamp_ns == sample.stamp_ns) {
                    return;
                }
                history.insert(at, sample);
                let newest_ns = history[history.len() - 1].stamp_ns;
                let oldest_ns = newest_ns.saturating_sub(self.cache_length_ns);
                while history.len() > MAX_SAMPLES || history[0].stamp_ns < oldest_ns {
                    history.pop_front();
                }
            }
            _ => *edge = Some(Edge::Dynamic(VecDeque::from([sample]))),
        }
    }

    /// The pose `target_T_source` at `stamp_ns`: it maps coordinates in frame `source` to frame
    /// `target`.
    ///
    /// # Errors
    /// When a frame is unknown, the frames are not connected, or an edge between them does not
    /// cover the time. If some edges lie in the future and some in the past, the past is named:
    /// waiting would not help.
    pub fn lookup(
        &self,
        target: &str,
        source: &str,
        stamp_ns: i64,
    ) -> Result<Pose, TransformError> {
        let (target, source) = (bare(target), bare(source));
        let [target_id, source_id] =
            [self.id(target, target, source)?, self.id(source, target, source)?];
        let mut up_target = self.climb(target_id, stamp_ns)?;
        let mut up_source = self.climb(source_id, stamp_ns)?;
        if top(target_id, &up_target) != top(source_id, &up_source) {
            return Err(TransformError::NotConnected {
                target: target.to_owned(),
                source_frame: source.to_owned(),
            });
        }
        // Edges above the nearest common ancestor do not matter, nor whether they are known.
        while let (Some(a), Some(b)) = (up_target.last(), up_source.last())
            && a.child == b.child
        {
            up_target.pop();
            up_source.pop();
        }
        let mut future = None;
        for link in up_source.iter().chain(&up_target) {
            let extrapolation = || {
                Box::new(Extrapolation {
                    target: target.to_owned(),
                    source: source.to_owned(),
                    parent: self.names[link.sample().parent].clone(),
                    child: self.names[link.child].clone(),
                    asked_ns: stamp_ns,
                    range_ns: self.edges[link.child]
                        .as_ref()
                        .and_then(Edge::range_ns)
                        .unwrap_or((stamp_ns, stamp_ns)),
                })
            };
            match link.sampled {
                Sampled::Known(_) => {}
                Sampled::Past(_) => return Err(TransformError::ExtrapolationPast(extrapolation())),
                Sampled::Future(_) => {
                    future.get_or_insert_with(extrapolation);
                }
            }
        }
        match future {
            Some(extrapolation) => Err(TransformError::ExtrapolationFuture(extrapolation)),
            None => Ok(product(&up_target).inverse() * product(&up_source)),
        }
    }

    /// The steps from `frame` to its root at `stamp_ns`.
    fn climb(&self, frame: FrameId, stamp_ns: i64) -> Result<Vec<Link>, TransformError> {
        let mut links: Vec<Link> = Vec::new();
        let mut child = frame;
        while let Some(edge) = &self.edges[child] {
            if links.len() >= self.names.len() {
                return Err(TransformError::Loop { frame: self.names[frame].clone() });
            }
            let link = Link { child, sampled: edge.sample(stamp_ns) };
            child = link.sample().parent;
            links.push(link);
        }
        Ok(links)
    }

    /// The newest stamp of the moving edge above `child`, nanoseconds.
    pub fn newest_stamp_ns(&self, child: &str) -> Option<i64> {
        let id = *self.ids.get(bare(child))?;
        self.edges[id].as_ref()?.range_ns().map(|(_, newest)| newest)
    }

    /// Forgets the moving edges, as after a jump of the clock. Static edges stay.
    pub fn clear_dynamic(&mut self) {
        for edge in &mut self.edges {
            if matches!(edge, Some(Edge::Dynamic(_))) {
                *edge = None;
            }
        }
    }

    /// All edges as they stand now, parents before children, for printing.
    pub fn tree(&self) -> Vec<TreeEdge> {
        let mut children: Vec<Vec<FrameId>> = vec![Vec::new(); self.names.len()];
        let mut open = Vec::new();
        let mut by_name: Vec<FrameId> = (0..self.names.len()).collect();
        by_name.sort_by(|a, b| self.names[*b].cmp(&self.names[*a]));
        for frame in by_name {
            match &self.edges[frame] {
                Some(edge) => children[edge.newest().parent].push(frame),
                None => open.push((frame, 0)),
            }
        }
        let mut tree = Vec::new();
        while let Some((parent, depth)) = open.pop() {
            if let Some(edge) = &self.edges[parent] {
                tree.push(self.tree_edge(parent, edge, depth - 1));
            }
            open.extend(children[parent].iter().map(|child| (*child, depth + 1)));
        }
        tree
    }

    fn tree_edge(&self, child: FrameId, edge: &Edge, depth: usize) -> TreeEdge {
        let samples = match edge {
            Edge::Static(_) => 0,
            Edge::Dynamic(history) => history.len(),
        };
        let range_ns = edge.range_ns();
        let rate_hz = range_ns
            .filter(|(from, to)| to > from)
            .map(|(from, to)| (samples - 1) as f64 / ((to - from) as f64 * 1e-9));
        TreeEdge {
            parent: self.names[edge.newest().parent].clone(),
            child: self.names[child].clone(),
            depth,
            is_static: matches!(edge, Edge::Static(_)),
            rate_hz,
            range_ns,
        }
    }

    fn intern(&mut self, name: &str) -> Result<FrameId, TransformError> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        if self.names.len() >= MAX_FRAMES {
            return Err(TransformError::TooManyFrames { frame: name.to_owned() });
        }
        let id = self.names.len();
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        self.edges.push(None);
        Ok(id)
    }

    fn id(&self, name: &str, target: &str, source: &str) -> Result<FrameId, TransformError> {
        self.ids.get(name).copied().ok_or_else(|| TransformError::UnknownFrame {
            frame: name.to_owned(),
            target: target.to_owned(),
            source_frame: source.to_owned(),
        })
    }
}

/// The frame name without the leading slash of ROS 1.
fn bare(name: &str) -> &str {
    name.trim_start_matches('/')
}

/// The root that the links lead to.
fn top(frame: FrameId, links: &[Link]) -> FrameId {
    links.last().map_or(frame, |link| link.sample().parent)
}

/// The transform from the first child of the links to the last parent.
fn product(links: &[Link]) -> Pose {
    links.iter().fold(Pose::identity(), |pose, link| link.sample().parent_T_child * pose)
}

#[cfg(test)]
#[path = "transforms_tests.rs"]
mod tests;
