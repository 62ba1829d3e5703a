//! 3D tokens of voxels, of homes that are known as regions.
//!
//! A map is voxels on surfaces. Of a home that was never mapped, points on the sides of its boxes stand
//! for them, each with the feature of its region, and tokens are chosen of these points as they are of
//! those of a frame: each far from the others.

use super::super::scenes::{Arrangement, arranged};
use crate::geometry::Pose;
use crate::scene::{EgoFrame, Region, TokenFrame, VisualTokens, select_frame_tokens};
use crate::vision::FeatureMap;
use nalgebra::{Point3, UnitQuaternion, Vector3};
use rand::Rng;

/// Distance of points on a surface, and edge of the voxels they are pooled into, metres.
const VOXEL_M: f64 = 0.1;
/// Most points along an edge: no thing in a home is longer than ten metres.
const MOST_POINTS: f64 = 100.0;
/// Sides of a box that are ever seen, by axis: what stands on something hides its own underside.
const SIDES: [(usize, f64); 5] = [(0, -1.0), (0, 1.0), (1, -1.0), (1, 1.0), (2, 1.0)];

/// At most `budget` tokens of regions whose features are `width` long, varied as `how` says. `turn`
/// turns the axes of the world, along which boxes have their edges, to those of `frame`.
pub fn voxel_tokens(
    regions: Vec<Region>,
    (frame, turn): (TokenFrame, UnitQuaternion<f64>),
    width: usize,
    budget: usize,
    how: Arrangement,
    rng: &mut impl Rng,
) -> VisualTokens {
    // Turned boxes cannot be mirrored one by one; their points can.
    let mirrored = how.mirror > 0.0 && rng.random_bool(how.mirror);
    let regions = arranged(regions, frame, how.unmirrored(), rng);
    let mut points = EgoFrame::default();
    let mut features = FeatureMap { rows: 0, columns: 1, width, data: Vec::new() };
    for region in regions.iter().filter(|region| region.feature.len() == width) {
        let rgb = region.rgb.map(|channel| (channel * 255.0).round() as u8);
        for at_m in surface(region, frame, turn) {
            points.xyz_m.push(at_m.cast::<f32>().into());
            points.rgb.push(rgb);
            points.cell.push(features.rows as u32);
        }
        features.data.extend_from_slice(&region.feature);
        features.rows += 1;
    }
    let mut tokens = select_frame_tokens(&points, Some(&features), VOXEL_M, budget);
    tokens.frame = frame;
    if mirrored {
        let side = if frame == TokenFrame::World { 1 } else { 0 };
        tokens.xyz_m.iter_mut().for_each(|xyz_m| xyz_m[side] = -xyz_m[side]);
    }
    tokens
}

/// The tokens of a view in world coordinates, turned and moved there as `how` says.
pub fn in_world(
    mut tokens: VisualTokens,
    camera_T_world: &Pose,
    how: Arrangement,
    rng: &mut impl Rng,
) -> VisualTokens {
    let world_T_camera = how.moved(rng) * camera_T_world.inverse();
    for xyz_m in &mut tokens.xyz_m {
        let at_m = world_T_camera * Point3::from(xyz_m.map(f64::from));
        *xyz_m = at_m.coords.cast::<f32>().into();
    }
    tokens.frame = TokenFrame::World;
    tokens
}

/// Points on the sides of a box; for a camera only on those before it that face it.
fn surface(region: &Region, frame: TokenFrame, turn: UnitQuaternion<f64>) -> Vec<Vector3<f64>> {
    let centre_m = Vector3::from(region.centre_m);
    let size_m = region.size_m;
    let mut points = Vec::new();
    for (axis, sign) in SIDES {
        let (a, b) = ((axis + 1) % 3, (axis + 2) % 3);
        let mut outwards = Vector3::<f64>::zeros();
        outwards[axis] = sign;
        for along_a in parts(size_m[a]) {
            for along_b in parts(size_m[b]) {
                let mut offset_m = outwards * (0.5 * size_m[axis]);
                offset_m[a] = along_a;
                offset_m[b] = along_b;
                let at_m = centre_m + turn * offset_m;
                let shows = match frame {
                    TokenFrame::World => true,
                    TokenFrame::Camera => at_m.z > 0.0 && (turn * outwards).dot(&at_m) < 0.0,
                };
                if shows {
                    points.push(at_m);
                }
            }
        }
    }
    points
}

/// Middles of the parts of an edge, as long as a voxel at most, from the middle of the edge.
fn parts(edge_m: f64) -> impl Iterator<Item = f64> {
    let count = (edge_m / VOXEL_M).ceil().clamp(1.0, MOST_POINTS);
    (0..count as usize).map(move |part| edge_m * ((part as f64 + 0.5) / count - 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    /// A region a metre long, 0.6 m deep and 0.8 m high.
    fn region(centre_m: [f64; 3]) -> Region {
        Region {
            name: 0,
            score: 1.0,
            feature: vec![0.6, 0.8],
            centre_m,
            size_m: [1.0, 0.6, 0.8],
            rgb: [0.2, 0.4, 0.6],
            voxels: 1,
            on: None,
            seen_ns: [0, 0],
        }
    }

    fn tokens(
        centre_m: [f64; 3],
        frame: TokenFrame,
        turn: UnitQuaternion<f64>,
        how: Arrangement,
    ) -> VisualTokens {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        voxel_tokens(vec![region(centre_m)], (frame, turn), 2, 32, how, &mut rng)
    }

    /// How the world lies before a level camera that looks along its y axis.
    fn level() -> UnitQuaternion<f64> {
        let quarter = std::f64::consts::FRAC_PI_2;
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), quarter)
    }

    #[test]
    fn a_scene_is_covered_by_tokens_on_what_is_there() {
        let turn = UnitQuaternion::identity();
        let found = tokens([2.0, 1.0, 0.4], TokenFrame::World, turn, Arrangement::NONE);
        assert_eq!((found.len(), found.width, found.frame), (32, 2, TokenFrame::World));
        for (at, xyz_m) in found.xyz_m.iter().enumerate() {
            let off = [xyz_m[0] - 2.0, xyz_m[1] - 1.0, xyz_m[2] - 0.4];
            let inside = off.iter().zip([0.5, 0.3, 0.4]).all(|(off, half)| off.abs() < half + 1e-5);
            assert!(inside, "{xyz_m:?} is outside the box");
            let feature = &found.features[2 * at..2 * at + 2];
            approx::assert_abs_diff_eq!(feature, [0.6f32, 0.8].as_slice(), epsilon = 1e-5);
            approx::assert_abs_diff_eq!(found.rgb[at][1], 0.4, epsilon = 0.01);
        }
        let heights = || found.xyz_m.iter().map(|xyz_m| xyz_m[2]);
        assert!(heights().fold(1.0, f32::min) < 0.35 && heights().fold(0.0, f32::max) > 0.6);
    }

    #[test]
    fn a_camera_sees_the_sides_that_face_it() {
        let found = tokens([0.0, 0.0, 3.0], TokenFrame::Camera, level(), Arrangement::NONE);
        assert!(!found.is_empty());
        // Half of the 0.6 m along the world's y axis, which is ahead.
        assert!(found.xyz_m.iter().all(|xyz_m| (xyz_m[2] - 2.7).abs() < 1e-5), "{found:?}");
        let behind = tokens([0.0, 0.0, -3.0], TokenFrame::Camera, level(), Arrangement::NONE);
        assert!(behind.is_empty());
    }

    #[test]
    fn what_is_mirrored_is_mirrored_to_the_side() {
        let how = Arrangement { mirror: 1.0, ..Arrangement::NONE };
        let found = tokens([1.0, 0.0, 3.0], TokenFrame::Camera, level(), how);
        assert!(!found.is_empty() && found.xyz_m.iter().all(|xyz_m| xyz_m[0] < -0.4));
    }
}
