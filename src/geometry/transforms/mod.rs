//! The transform buffer: where every frame stood at every recent time, by the rules of tf2.
//!
//! Frames form a forest. A child has one parent at a time; its history is a list of stamped
//! samples, and a lookup interpolates each edge between the two samples around the asked time
//! (translation linearly, rotation by slerp). Nothing is extrapolated: the caller waits for the
//! future, and the past does not come back. A static edge holds at every time.

mod edge;
mod error;
#[cfg(test)]
mod tests;
mod tree;

use super::Pose;
use crate::sensing::StampedTransform;
use edge::{Edge, FrameId, Sample, Sampled};
use error::MAX_FRAMES;
pub use error::{Extrapolation, TransformError};
use rustc_hash::FxHashMap;
pub use tree::TreeEdge;

/// How far a squared quaternion norm may be from 1: the tolerance of tf2.
const NORM_TOLERANCE: f64 = 1e-2;

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
        let sample = Sample { stamp_ns: new.stamp_ns, parent, parent_T_child };
        match &mut self.edges[child] {
            Some(edge) if !is_static => edge.insert(sample, self.cache_length_ns),
            edge => *edge = Some(Edge::new(sample, is_static)),
        }
        Ok(())
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
        // A frame stands on itself, whether or not a transform names it.
        if target == source {
            return Ok(Pose::identity());
        }
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

    /// The newest pose `target_T_source` that every edge between the frames covers, and its time
    /// in nanoseconds: `i64::MAX` where all of them are static.
    ///
    /// # Errors
    /// As [`Self::lookup`]; the past is named when an edge has ended before another began.
    pub fn lookup_newest(&self, target: &str, source: &str) -> Result<(i64, Pose), TransformError> {
        let (target, source) = (bare(target), bare(source));
        if target == source {
            return Ok((i64::MAX, Pose::identity()));
        }
        let [target_id, source_id] =
            [self.id(target, target, source)?, self.id(source, target, source)?];
        let up_target = self.climb(target_id, i64::MAX)?;
        let up_source = self.climb(source_id, i64::MAX)?;
        let is_in = |links: &[Link], child| links.iter().any(|link| link.child == child);
        // Above the nearest common ancestor edges do not matter.
        let between = (up_target.iter().filter(|link| !is_in(&up_source, link.child)))
            .chain(up_source.iter().filter(|link| !is_in(&up_target, link.child)));
        let ends = between.filter_map(|link| Some(self.edges[link.child].as_ref()?.range_ns()?.1));
        let stamp_ns = ends.min().unwrap_or(i64::MAX);
        Ok((stamp_ns, self.lookup(target, source, stamp_ns)?))
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

    /// Forgets what the moving edge above `child` tells of the times after `stamp_ns`, nanoseconds.
    pub fn forget_after(&mut self, child: &str, stamp_ns: i64) {
        let Some(id) = self.ids.get(bare(child)) else { return };
        let edge = &mut self.edges[*id];
        if let Some(Edge::Dynamic(history)) = edge {
            history.retain(|sample| sample.stamp_ns <= stamp_ns);
            if history.is_empty() {
                *edge = None;
            }
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
