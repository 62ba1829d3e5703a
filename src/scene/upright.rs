//! The smallest box that stands upright around points.

use crate::geometry::Pose;
use nalgebra::{Point3, Translation3, UnitQuaternion, Vector3};
use std::f64::consts::FRAC_PI_2;

/// Share of the points that may stick out of a box at each of its sides: noise.
const STICK_OUT: f64 = 0.01;
/// Turns about the vertical that are tried, in a quarter.
const TURNS: usize = 18;
/// Most points that they are tried with.
const MOST_TURNED: usize = 512;

/// The smallest box around nearly all of the `points` (world frame, z up, metres) that is turned about
/// the vertical alone: `world_T_box` and its edge lengths. `None` for no points.
pub(super) fn upright_box(points: &[Point3<f64>]) -> Option<(Pose, [f64; 3])> {
    if points.is_empty() {
        return None;
    }
    let about = |yaw_rad: f64| UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad);
    let some: Vec<Point3<f64>> =
        points.iter().step_by(points.len().div_ceil(MOST_TURNED)).copied().collect();
    let area = |yaw_rad: f64| {
        let turn = about(yaw_rad).inverse();
        let turned: Vec<Point3<f64>> = some.iter().map(|point| turn * point).collect();
        let edge = |axis: usize| {
            let (low, high) = extent(turned.iter().map(|point| point[axis]).collect());
            high - low
        };
        edge(0) * edge(1)
    };
    // Less than an eighth to both sides, as a box turned by a quarter is the same one; no turn first.
    let turns = (0..TURNS).map(|at| {
        let side = if at % 2 == 0 { 1.0 } else { -1.0 };
        side * at.div_ceil(2) as f64 * FRAC_PI_2 / TURNS as f64
    });
    let (yaw_rad, _) =
        turns.map(|yaw_rad| (yaw_rad, area(yaw_rad))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    let turn = about(yaw_rad);
    let spans = [0, 1, 2]
        .map(|axis| extent(points.iter().map(|point| (turn.inverse() * point)[axis]).collect()));
    let centre = turn * Point3::from(spans.map(|(low, high)| 0.5 * (low + high)));
    let world_T_box = Pose::from_parts(Translation3::from(centre.coords), turn);
    Some((world_T_box, spans.map(|(low, high)| high - low)))
}

/// Between what nearly all numbers lie.
fn extent(mut numbers: Vec<f64>) -> (f64, f64) {
    let last = numbers.len().saturating_sub(1);
    let out = (STICK_OUT * last as f64).floor() as usize;
    let mut at = |index: usize| *numbers.select_nth_unstable_by(index, f64::total_cmp).1;
    (at(out), at(last - out))
}
