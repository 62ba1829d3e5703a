//! From the cells of a component to its region.

use super::belief::{Belief, mean_shares};
use super::cells::{Cells, to_unit};
use super::region::{Details, TurnedBox};
use super::{Region, RegionConfig};
use crate::scene::upright::upright_box;
use nalgebra::Point3;

/// From this many cells on, a box is drawn around all but a few of them.
const TRIMMED_FROM: usize = 60;
/// Share of the cells left out at either end of such a box.
const TRIMMED: f64 = 0.01;
/// A turned box is taken where its floor plan is no larger than this share of that of the box along the
/// axes of the world: what stands along them keeps that one, whatever its noise.
const SMALLER: f64 = 0.85;

/// The cells of a component.
pub(super) struct Shape<'a> {
    pub name: u16,
    /// With their features.
    pub cells: &'a Cells,
    /// What each believes after talking to its neighbours.
    pub agreed: &'a [Belief],
    pub config: &'a RegionConfig,
}

impl Shape<'_> {
    /// Sum of the probabilities that the cells give the name.
    pub fn mass(&self) -> f32 {
        self.agreed.iter().map(|belief| belief.in_name(self.name)).sum()
    }

    /// The region, if it is believed enough.
    pub fn region(&self) -> Option<Region> {
        let (cells, count) = (self.cells, self.agreed.len());
        let mass = self.mass();
        let score = mass / count as f32;
        if score < self.config.min_score || mass < self.config.least_mass(cells.edge_m) {
            return None;
        }
        let mut feature = vec![0.0; cells.width];
        let (mut rgb, mut alike) = ([0.0f32; 3], 0.0f32);
        let mut seen_ns = [i64::MAX, i64::MIN];
        for (cell, agreed) in self.agreed.iter().enumerate() {
            let seen = cells.seen_ns[cell];
            seen_ns = [seen_ns[0].min(seen[0]), seen_ns[1].max(seen[1])];
            // Fragments that were put back have another look.
            if agreed.name() != self.name {
                continue;
            }
            alike += 1.0;
            let own = cells.feature(cell);
            feature.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
            for (sum, value) in rgb.iter_mut().zip(cells.rgb[cell]) {
                *sum += value;
            }
        }
        if !to_unit(&mut feature) {
            return None;
        }
        let axes = [0, 1, 2].map(|axis| self.extent(axis));
        Some(Region {
            name: usize::from(self.name),
            score: score.clamp(0.0, 1.0),
            feature,
            centre_m: axes.map(|[low, high]| (low + high) / 2.0),
            size_m: axes.map(|[low, high]| high - low),
            rgb: rgb.map(|sum| sum / alike / 255.0),
            voxels: count,
            on: None,
            seen_ns,
        })
    }

    /// What else the object of its region is told, of `names` names.
    pub fn details(&self, region: &Region, names: usize) -> Details {
        // Those cells that make its look: its name comes first.
        let alike = self.agreed.iter().copied().filter(|belief| belief.name() == self.name);
        Details { turned: self.turned(region), names: mean_shares(alike, names) }
    }

    /// The turned box around the region of a large component: furniture along walls that the map's axes do
    /// not follow.
    fn turned(&self, region: &Region) -> Option<TurnedBox> {
        if self.cells.len() < TRIMMED_FROM {
            return None;
        }
        let point = |xyz_m: &[f32; 3]| Point3::from(xyz_m.map(f64::from));
        let points: Vec<Point3<f64>> = self.cells.xyz_m.iter().map(point).collect();
        let (world_T_box, size_m) = upright_box(&points)?;
        let size_m = size_m.map(|edge_m| edge_m + 2.0 * self.beyond_m());
        let plan_m2 = |size_m: &[f64; 3]| size_m[0] * size_m[1];
        let is_smaller = plan_m2(&size_m) <= SMALLER * plan_m2(&region.size_m);
        is_smaller.then_some((world_T_box, size_m))
    }

    /// The mean point of the last cell lies in the middle of its share of the thing, which is on average
    /// half of the cell: a quarter of its edge is missing at either end of a box around such points.
    fn beyond_m(&self) -> f64 {
        self.cells.edge_m / 4.0
    }

    /// Lower and upper end along an axis, metres.
    fn extent(&self, axis: usize) -> [f64; 2] {
        let mut sorted: Vec<f32> = self.cells.xyz_m.iter().map(|point| point[axis]).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let out = if sorted.len() < TRIMMED_FROM { 0.0 } else { TRIMMED * sorted.len() as f64 };
        let out = out as usize;
        let end = |at: usize| sorted.get(at).copied().map_or(0.0, f64::from);
        let beyond_m = self.beyond_m();
        [end(out) - beyond_m, end(sorted.len().saturating_sub(1 + out)) + beyond_m]
    }
}
