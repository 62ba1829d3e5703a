//! Light in a home: a lamp in the middle of the ceiling, daylight from the window, and the glow of
//! the room itself; with a map of what the lamp reaches, so that things cast shadows.

use super::home::Home;
use super::material::{Material, Pattern};
use crate::geometry::{CameraModel, Pose};
use nalgebra::{Translation3, UnitQuaternion, Vector3};

/// Edge of the shadow map in pixels.
const EDGE: usize = 640;
/// Tangent of the widest angle from straight down that the map covers.
const REACH: f64 = 1.6;
/// How far a point is moved off a surface that faces the lamp before it is looked up, metres.
const OFFSET_M: f32 = 0.012;
/// How much farther if the light only grazes the surface, metres.
const GRAZING_OFFSET_M: f32 = 0.04;

/// Depth below the lamp of the first thing its light meets.
#[derive(Debug, Clone)]
pub(super) struct ShadowMap {
    depth_m: Vec<f32>,
}

impl ShadowMap {
    /// The camera that looks straight down from the lamp.
    pub fn camera() -> CameraModel {
        let (edge, middle) = (EDGE as u32, 0.5 * (EDGE as f64 - 1.0));
        let focal = 0.5 * EDGE as f64 / REACH;
        CameraModel::pinhole(edge, edge, focal, focal, middle, middle)
    }

    /// Where that camera is: optical x along world x, optical y along world −y.
    pub fn world_T_camera(home: &Home) -> Pose {
        let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        Pose::from_parts(Translation3::new(0.0, 0.0, home.size_m[2] - 0.15), down)
    }

    /// A map from the depth that [`Self::camera`] sees; infinity where it sees nothing.
    pub fn new(depth_m: Vec<f32>) -> Self {
        Self { depth_m }
    }

    /// How much of the lamp's light reaches a point `p` metres from the lamp, 0..=1.
    fn reached(&self, p: &Vector3<f32>) -> f32 {
        let (depth, focal) = (-p.z, 0.5 * EDGE as f32 / REACH as f32);
        let middle = 0.5 * (EDGE as f32 - 1.0);
        let (u, v) = (focal * p.x / depth + middle, -focal * p.y / depth + middle);
        let inside = 1.0..(EDGE as f32 - 3.0);
        if depth <= 0.0 || !inside.contains(&u) || !inside.contains(&v) {
            return 1.0;
        }
        // A soft edge: nine neighbours, weighted by the place between the pixels.
        let (i, j, fu, fv) = (u as usize, v as usize, u.fract(), v.fract());
        let row = |j: usize| {
            let start = j * EDGE + i - 1;
            let lit = |at: usize| if self.depth_m[start + at] > depth { 1.0 } else { 0.0 };
            (1.0 - fu) * lit(0) + lit(1) + lit(2) + fu * lit(3)
        };
        ((1.0 - fv) * row(j - 1) + row(j) + row(j + 1) + fv * row(j + 2)) / 9.0
    }
}

/// The lights of one home.
pub(super) struct Lights<'a> {
    lamp: Vector3<f32>,
    window: Vector3<f32>,
    shadow: Option<&'a ShadowMap>,
}

impl<'a> Lights<'a> {
    pub fn new(home: &Home, shadow: Option<&'a ShadowMap>) -> Self {
        let window = home.entities.iter().find(|entity| entity.category == "window");
        let window = window.map_or(Vector3::z() * 3.0, |w| w.world_T_entity.translation.vector);
        let lamp = ShadowMap::world_T_camera(home).translation.vector;
        Self { lamp: lamp.cast(), window: window.cast(), shadow }
    }

    /// Colour of a surface of colour `base` at world point `p` with normal `n`, seen from `toward`.
    pub fn lit(
        &self,
        base: &Vector3<f32>,
        material: &Material,
        p: &Vector3<f32>,
        n: &Vector3<f32>,
        toward: &Vector3<f32>,
    ) -> Vector3<f32> {
        if material.pattern == Pattern::Glow {
            return *base;
        }
        let to_lamp = (self.lamp - p).normalize();
        let to_window = self.window - p;
        let near = to_window.norm().max(0.3);
        let facing = n.dot(&to_lamp).max(0.0);
        let offset_m = OFFSET_M + GRAZING_OFFSET_M * (1.0 - facing);
        let reached = match self.shadow {
            Some(map) if facing > 0.0 => map.reached(&(p + n * offset_m - self.lamp)),
            _ => 1.0,
        };
        // The room itself glows: more from above than from below.
        let ambient = Vector3::new(0.40, 0.40, 0.42) * (1.0 + 0.25 * n.z);
        let lamp = Vector3::new(0.54, 0.52, 0.48) * (facing * reached);
        let day = (n.dot(&to_window) / near).max(0.0) / (2.4 + 1.5 * near);
        // Blinn's highlight, by squaring: the cosine to the 24th power.
        let half = to_lamp + toward;
        let cos2 = n.dot(&half).max(0.0).powi(2) / half.norm_squared().max(1e-6);
        let cos8 = cos2.powi(4);
        let shine = 0.6 * material.gloss * cos8 * cos8 * cos8 * reached;
        let light = ambient + lamp + Vector3::new(0.9, 0.97, 1.0) * day;
        base.component_mul(&light) + Vector3::repeat(shine)
    }
}
