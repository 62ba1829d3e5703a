//! Glimpses: where a little of a thing shows that became no region.
//!
//! A fork fills less of a voxel than the table under it, and a keychain three voxels, which is too little to
//! be believed. Yet who looks for the keychain had better begin where something looked like it.

use super::belief::beliefs;
use super::cells::Source;
use super::relate::under;
use super::{NamedVectors, Region, RegionConfig};
use crate::scene::{SceneError, SceneMap};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Beliefs below this say nothing.
const LEAST_BELIEF: f32 = 0.05;
/// Cells that are no farther apart may be of one small thing, metres.
const REACH_M: f32 = 0.12;

/// A few voxels that look somewhat like a thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Glimpse {
    /// What they look like.
    pub name: String,
    /// Name of the region that they stand on or lie in.
    pub on: String,
    /// How much of it there is, as a share of what makes a region ([`RegionConfig::min_mass`]), 0..=1.
    pub share: f32,
}

/// A point, world frame, metres, and the belief that it is of some name.
type Faint = ([f32; 3], f32);

impl SceneMap {
    /// What of `names` shows a little on or in `regions`, of which it is none; at most one glimpse of a name for
    /// each region. What belongs to the room is never glimpsed. It goes through the whole map.
    ///
    /// # Errors
    ///
    /// When the features of the map and the vectors of the names cannot be compared.
    pub fn glimpses(
        &self,
        regions: &[Region],
        names: &NamedVectors,
        config: &RegionConfig,
    ) -> Result<Vec<Glimpse>, SceneError> {
        self.check_names(names)?;
        let structure = names.are_in(&config.structure);
        let of_tile = |tile: &[i32; 3]| {
            let (mut cells, mut found) = (self.no_cells(), Vec::new());
            self.gather(*tile, None, true, &mut cells);
            for (belief, xyz_m) in beliefs(&cells, names, config).iter().zip(&cells.xyz_m) {
                let Some(on) = under(regions, xyz_m.map(f64::from)) else { continue };
                for (name, share) in belief.names.into_iter().zip(belief.shares) {
                    let is_other = usize::from(name) != regions[on].name;
                    if share >= LEAST_BELIEF && is_other && !structure[usize::from(name)] {
                        found.push(((on, name), (*xyz_m, share)));
                    }
                }
            }
            found
        };
        let tiles: Vec<Vec<_>> = self.news(|_| false).par_iter().map(of_tile).collect();
        let mut faint: BTreeMap<(usize, u16), Vec<Faint>> = BTreeMap::new();
        for (at, point) in tiles.into_iter().flatten() {
            faint.entry(at).or_default().push(point);
        }
        let enough = config.least_mass(self.config().voxel_size_m);
        let glimpse = |((on, name), mut points): ((usize, u16), Vec<Faint>)| Glimpse {
            name: names.names()[usize::from(name)].clone(),
            on: names.names()[regions[on].name].clone(),
            share: (most_within_reach(&mut points) / enough).min(1.0),
        };
        Ok(faint.into_iter().map(glimpse).collect())
    }
}

/// The greatest sum of beliefs around one of the points.
fn most_within_reach(points: &mut [Faint]) -> f32 {
    points.sort_by(|(a, _), (b, _)| a[0].total_cmp(&b[0]));
    let is_near = |a: &[f32; 3], b: &[f32; 3]| {
        let [x, y, z]: [f32; 3] = std::array::from_fn(|axis| a[axis] - b[axis]);
        x * x + y * y + z * z <= REACH_M * REACH_M
    };
    let (mut first, mut most) = (0, 0.0f32);
    for (middle, _) in points.iter() {
        while points[first].0[0] < middle[0] - REACH_M {
            first += 1;
        }
        let around = points[first..].iter().take_while(|(at, _)| at[0] <= middle[0] + REACH_M);
        most = most.max(around.filter(|(at, _)| is_near(at, middle)).map(|(_, share)| share).sum());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_together_counts_together() {
        let mut points = vec![
            ([0.3, 0.0, 0.0], 0.5),
            ([0.0; 3], 0.2),
            ([0.25, 0.1, 0.0], 0.4),
            ([0.3, 0.9, 0.0], 1.0),
        ];
        approx::assert_abs_diff_eq!(most_within_reach(&mut points), 1.0);
        points.pop();
        approx::assert_abs_diff_eq!(most_within_reach(&mut points), 0.9, epsilon = 1e-6);
        assert_eq!(most_within_reach(&mut []), 0.0);
    }
}
