//! The first three principal components of the features of a map, as colours.
//!
//! What looks alike to the eyes gets a like colour, as in the pictures of DINO's papers (arXiv
//! 2104.14294, 2304.07193). The components are found by subspace iteration with a Rayleigh–Ritz step
//! (Halko, Martinsson and Tropp, SIAM Review 2011) over a sample, so that wide features of large maps
//! need no covariance matrix. The same map gives the same colours on every machine and with any number
//! of threads: the start is drawn with one seed, and of the two signs of a component the one counts
//! whose entry of greatest magnitude is positive.

use super::{SceneMap, VoxelView};
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Most voxels that the components are found from, spread evenly over the map.
const MOST_SAMPLES: usize = 4096;
/// Columns that are iterated; more than are wanted let the wanted ones settle sooner.
const COLUMNS: usize = 8;
/// Steps of the iteration.
const STEPS: usize = 24;
/// Seed of its start.
const SEED: u64 = 0;
/// Share of the values at either end of a component that get the end's colour.
const CLIPPED: f32 = 0.01;
/// The colour of a component along which nothing differs.
const MIDDLE: u8 = 128;
/// A component with less than this share of the variance is rounding.
const LEAST_SHARE: f64 = 1e-6;
/// So is a variance that is less than this share of the mean's square: features are halves.
const LEAST_VARIANCE: f64 = 1e-9;

/// The voxels of a map in the colours of their features.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalColors {
    /// Mean point in world coordinates, metres, and colour of each voxel that has a feature, in the
    /// order of [`SceneMap::voxels`]; red, green and blue are the first three components.
    pub voxels: Vec<([f32; 3], [u8; 3])>,
    /// Share of the variance that each component explains, 0..=1.
    pub shares: [f64; 3],
}

impl SceneMap {
    /// The voxels in the colours of their features; `None` where fewer than two have one.
    pub fn principal_colors(&self) -> Option<PrincipalColors> {
        let has_feature = |voxel: &VoxelView<'_>| voxel.has_feature();
        let count = self.voxels().filter(has_feature).count();
        if count < 2 {
            return None;
        }
        let step = count.div_ceil(MOST_SAMPLES);
        let sample: Vec<DVector<f32>> =
            self.voxels().filter(has_feature).step_by(step).filter_map(|v| row(&v)).collect();
        let Components { mean, axes, shares } = Components::of(sample)?;
        let (points, along): (Vec<[f32; 3]>, Vec<[f32; 3]>) = self
            .voxels()
            .filter_map(|voxel| {
                let feature = row(&voxel)? - &mean;
                Some((voxel.xyz_m, std::array::from_fn(|axis| axes[axis].dot(&feature))))
            })
            .unzip();
        let ranges: [_; 3] = std::array::from_fn(|axis| {
            let real = shares[axis] > LEAST_SHARE;
            real.then(|| range(along.iter().map(|value| value[axis]).collect()))
        });
        let color =
            |values: [f32; 3]| std::array::from_fn(|axis| level(values[axis], ranges[axis]));
        let voxels = points.into_iter().zip(along.into_iter().map(color)).collect();
        Some(PrincipalColors { voxels, shares })
    }
}

fn row(voxel: &VoxelView<'_>) -> Option<DVector<f32>> {
    voxel.feature().map(DVector::from_vec)
}

/// Where features differ most.
struct Components {
    mean: DVector<f32>,
    axes: [DVector<f32>; 3],
    shares: [f64; 3],
}

impl Components {
    /// Those of `rows`, which are equally long; `None` where there is nothing to compare.
    fn of(rows: Vec<DVector<f32>>) -> Option<Self> {
        let width = rows.first()?.len();
        if width == 0 {
            return None;
        }
        let count = rows.len() as f32;
        let mut mean: DVector<f32> = DVector::zeros(width);
        for row in &rows {
            mean.axpy(1.0 / count, row, 1.0);
        }
        let mut centred = DMatrix::from_columns(&rows);
        centred.column_iter_mut().for_each(|mut column| column -= &mean);
        let transposed = centred.transpose();
        let total = f64::from(centred.norm_squared());
        let of_rounding = LEAST_VARIANCE * f64::from(count * mean.norm_squared());
        let columns = COLUMNS.min(width);
        let mut rng = Pcg64Mcg::seed_from_u64(SEED);
        let start = DMatrix::from_fn(width, columns, |_, _| rng.random::<f32>() - 0.5);
        let mut basis = start.qr().q();
        for _ in 0..STEPS {
            basis = (&centred * (&transposed * &basis)).qr().q();
        }
        // Within the basis the components are eigenvectors of a small matrix.
        let within = &transposed * &basis;
        let eigen = SymmetricEigen::new(within.transpose() * &within);
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let axis = |rank: usize| match order.get(rank) {
            Some(&at) => towards_the_positive(&basis * eigen.eigenvectors.column(at)),
            None => DVector::zeros(width),
        };
        let share = |rank: usize| match order.get(rank) {
            Some(&at) if total > of_rounding => f64::from(eigen.eigenvalues[at]).max(0.0) / total,
            _ => 0.0,
        };
        let (axes, shares) = (std::array::from_fn(axis), std::array::from_fn(share));
        Some(Self { mean, axes, shares })
    }
}

/// The direction, or its opposite, whose entry of greatest magnitude is positive; of several such
/// entries the first counts.
fn towards_the_positive(axis: DVector<f32>) -> DVector<f32> {
    if axis.get(axis.iamax()).is_some_and(|entry| *entry < 0.0) { -axis } else { axis }
}

/// The values between which colours change.
fn range(mut values: Vec<f32>) -> [f32; 2] {
    values.sort_unstable_by(f32::total_cmp);
    let clipped = (values.len() as f32 * CLIPPED) as usize;
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    [at(clipped), at(values.len().saturating_sub(1 + clipped))]
}

fn level(value: f32, range: Option<[f32; 2]>) -> u8 {
    match range {
        Some([low, high]) if high > low => {
            (255.0 * ((value - low) / (high - low)).clamp(0.0, 1.0)).round() as u8
        }
        _ => MIDDLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::MapConfig;
    use crate::scene::fixtures::wall;

    #[test]
    fn a_known_axis_gives_known_colours() {
        // From the left of the wall to its right the features go along a line. The line's greatest
        // entry is its second, which is negative: so the component points the other way, and red is
        // at the left, where that entry is greatest.
        let line = [0.25, -0.5, 0.25, 0.0];
        let map = wall(2, |c| line.iter().map(|entry| 1.0 + c as f32 * entry).collect());
        let colors = map.principal_colors().unwrap();
        assert_eq!(colors.voxels.len(), map.len());
        assert!(colors.shares[0] > 0.999, "{:?}", colors.shares);
        assert!(colors.shares[1] < 1e-3, "{:?}", colors.shares);
        for (point, [red, ..]) in &colors.voxels {
            match point[0] {
                x if x < -0.1 => assert_eq!(*red, 255, "{point:?}"),
                x if x > 0.1 => assert_eq!(*red, 0, "{point:?}"),
                _ => {}
            }
        }
    }

    #[test]
    fn axes_come_in_the_order_of_their_variance() {
        // Three directions at right angles, each with more variance than the next; of the eight
        // corners each column is one.
        let map = wall(8, |c| {
            let side = |bit: usize| if c >> bit & 1 == 1 { 1.0 } else { -1.0 };
            vec![0.0, 0.5 * side(1), 2.0 * side(2), side(0), 0.0]
        });
        let colors = map.principal_colors().unwrap();
        let corner = |c: usize| {
            // The middle of the pixels of a column, at 2 m.
            let x_m = ((c as f32 + 0.5) * 7.5 - 30.0) / 40.0 * 2.0;
            let near = colors
                .voxels
                .iter()
                .min_by(|a, b| (a.0[0] - x_m).abs().total_cmp(&(b.0[0] - x_m).abs()));
            near.unwrap().1
        };
        let end = |bit: bool| if bit { 255 } else { 0 };
        for c in 0..8 {
            let expected = [c >> 2 & 1 == 1, c & 1 == 1, c >> 1 & 1 == 1].map(end);
            let close = corner(c).iter().zip(expected).all(|(a, b): (&u8, u8)| a.abs_diff(b) < 8);
            assert!(close, "column {c}: {:?}, expected {expected:?}", corner(c));
        }
        // 4 : 1 : ¼ of the variance, whatever the share of voxels at the borders of columns.
        let [first, second, third] = colors.shares;
        assert!((first - 0.76).abs() < 0.05 && (second - 0.19).abs() < 0.05, "{first} {second}");
        assert!((first + second + third - 1.0).abs() < 1e-3);
        assert_eq!(map.principal_colors().unwrap(), colors, "the same again");
    }

    #[test]
    fn what_is_all_alike_is_grey_and_without_features_there_is_no_picture() {
        let colors = wall(3, |_| vec![0.5, 0.25]).principal_colors().unwrap();
        assert!(colors.voxels.iter().all(|(_, color)| *color == [MIDDLE; 3]));
        assert_eq!(colors.shares, [0.0; 3]);
        // Fewer directions than colours: the rest stay grey.
        let colors = wall(2, |c| vec![c as f32]).principal_colors().unwrap();
        assert!(colors.voxels.iter().all(|(_, [_, green, blue])| (green, blue) == (&128, &128)));
        assert!(SceneMap::new(MapConfig::default()).unwrap().principal_colors().is_none());
    }
}
