//! The tree of frames, printed for people.

use super::error::Seconds;
use super::{Edge, FrameId, TransformBuffer};
use std::fmt;

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

impl TransformBuffer {
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
        let range_ns = edge.range_ns();
        let rate_hz = range_ns
            .filter(|(from, to)| to > from)
            .map(|(from, to)| (edge.samples() - 1) as f64 / ((to - from) as f64 * 1e-9));
        TreeEdge {
            parent: self.names[edge.newest().parent].clone(),
            child: self.names[child].clone(),
            depth,
            is_static: matches!(edge, Edge::Static(_)),
            rate_hz,
            range_ns,
        }
    }
}
