//! Solids that a ray can meet: cuboid, ellipsoid, and frustum (which is cylinder, cone and bowl).
//!
//! Coordinates are those of the part: origin at the centre of the solid, z along its axis.

use crate::geometry::Pose;
use nalgebra::Vector3;

use super::material::Material;

/// The form of one part of an entity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A box with these edge lengths.
    Cuboid {
        /// Edge lengths along x, y, z, metres.
        size_m: [f32; 3],
    },
    /// An ellipsoid with these diameters.
    Ellipsoid {
        /// Diameters along x, y, z, metres.
        size_m: [f32; 3],
    },
    /// A round solid along z: a cylinder when both radii are equal, else a cone cut off.
    Frustum {
        /// Radius of the lower end, metres.
        bottom_radius_m: f32,
        /// Radius of the upper end, metres.
        top_radius_m: f32,
        /// Length along z, metres.
        height_m: f32,
        /// Whether the upper end is open, as that of a cup: then the wall is a thin shell.
        open: bool,
    },
}

impl Shape {
    /// Half the edge lengths of the smallest box around the solid, metres.
    pub fn half_m(&self) -> Vector3<f32> {
        match *self {
            Self::Cuboid { size_m } | Self::Ellipsoid { size_m } => Vector3::from(size_m) * 0.5,
            Self::Frustum { bottom_radius_m, top_radius_m, height_m, .. } => {
                let radius_m = bottom_radius_m.max(top_radius_m);
                Vector3::new(radius_m, radius_m, 0.5 * height_m)
            }
        }
    }

    /// Unit normal at the surface point `p`, turned against the ray `direction`.
    pub fn normal(&self, p: &Vector3<f32>, direction: &Vector3<f32>) -> Vector3<f32> {
        let outward = match *self {
            Self::Cuboid { size_m } => {
                // The face on which the point lies: its share of the half edge is greatest.
                let share = |i: usize| p[i].abs() / size_m[i];
                let (x, y, z) = (share(0), share(1), share(2));
                let axis = if x >= y && x >= z {
                    0
                } else if y >= z {
                    1
                } else {
                    2
                };
                let mut n = Vector3::zeros();
                n[axis] = p[axis].signum();
                n
            }
            Self::Ellipsoid { size_m } => {
                Vector3::from_fn(|i, _| p[i] / (size_m[i] * size_m[i])).normalize()
            }
            Self::Frustum { bottom_radius_m, top_radius_m, height_m, .. } => {
                let slope = (top_radius_m - bottom_radius_m) / height_m;
                let wall_m = 0.5 * (bottom_radius_m + top_radius_m) + slope * p.z;
                let radius_m = (p.x * p.x + p.y * p.y).sqrt();
                // Nearer to an end than to the wall: it is on that end.
                if 0.5 * height_m - p.z.abs() < (wall_m - radius_m).abs() || radius_m < 1e-6 {
                    Vector3::z() * p.z.signum()
                } else {
                    Vector3::new(p.x, p.y, -slope * radius_m).normalize()
                }
            }
        };
        if outward.dot(direction) > 0.0 { -outward } else { outward }
    }
}

/// Where the ray `o + t d` first meets the box with half edges `h`, or infinity. `o` is outside.
#[inline(always)]
pub(super) fn meet_cuboid(h: &Vector3<f32>, o: &Vector3<f32>, d: &Vector3<f32>) -> f32 {
    let (mut enter, mut leave) = (0.0f32, f32::INFINITY);
    for i in 0..3 {
        let inverse = 1.0 / d[i];
        let (a, b) = ((-h[i] - o[i]) * inverse, (h[i] - o[i]) * inverse);
        enter = enter.max(a.min(b));
        leave = leave.min(a.max(b));
    }
    if enter <= leave && enter > 0.0 { enter } else { f32::INFINITY }
}

/// Where the ray first meets the ellipsoid with half diameters `h`, or infinity.
#[inline(always)]
pub(super) fn meet_ellipsoid(h: &Vector3<f32>, o: &Vector3<f32>, d: &Vector3<f32>) -> f32 {
    let (o, d) = (o.component_div(h), d.component_div(h));
    let dd = d.dot(&d);
    // From the point of closest approach on, so that nothing cancels for far, small solids.
    let closest = -o.dot(&d) / dd;
    let p = o + d * closest;
    let inside = 1.0 - p.dot(&p);
    if inside < 0.0 {
        return f32::INFINITY;
    }
    let t = closest - (inside / dd).sqrt();
    if t > 0.0 { t } else { f32::INFINITY }
}

/// A frustum made ready for rays.
pub(super) struct Round {
    middle_m: f32,
    slope: f32,
    half_height_m: f32,
    open: bool,
}

impl Round {
    pub(super) fn new(bottom_m: f32, top_m: f32, height_m: f32, open: bool) -> Self {
        Self {
            middle_m: 0.5 * (bottom_m + top_m),
            slope: (top_m - bottom_m) / height_m,
            half_height_m: 0.5 * height_m,
            open,
        }
    }

    /// Where the ray first meets the solid, or infinity.
    #[inline(always)]
    pub(super) fn meet(&self, o: &Vector3<f32>, d: &Vector3<f32>) -> f32 {
        let (h, mut best) = (self.half_height_m, f32::INFINITY);
        let shift = -o.dot(d) / d.dot(d);
        let p = o + d * shift;
        let radius = self.middle_m + self.slope * p.z;
        let growth = self.slope * d.z;
        let a = d.x * d.x + d.y * d.y - growth * growth;
        let b = p.x * d.x + p.y * d.y - radius * growth;
        let c = p.x * p.x + p.y * p.y - radius * radius;
        let root = b * b - a * c;
        if root >= 0.0 {
            let root = root.sqrt();
            for t in [(-b - root) / a, (-b + root) / a] {
                if (p.z + t * d.z).abs() <= h && t + shift > 0.0 {
                    best = best.min(t + shift);
                }
            }
        }
        for (end, closed) in [(-h, true), (h, !self.open)] {
            let t = (end - p.z) / d.z;
            let (x, y) = (p.x + t * d.x, p.y + t * d.y);
            let radius = self.middle_m + self.slope * end;
            if closed && x * x + y * y <= radius * radius && t + shift > 0.0 {
                best = best.min(t + shift);
            }
        }
        best
    }
}

/// One part of an entity: a coloured solid at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Primitive {
    /// The solid.
    pub shape: Shape,
    /// Maps part coordinates to entity coordinates.
    pub entity_T_part: Pose,
    /// Its looks.
    pub material: Material,
}

impl Primitive {
    /// Lower and upper corner of a box in entity coordinates that holds the part, metres.
    pub fn bounds_m(&self) -> (Vector3<f64>, Vector3<f64>) {
        let turn = self.entity_T_part.rotation.to_rotation_matrix();
        let reach = turn.matrix().abs() * self.shape.half_m().cast::<f64>();
        let centre = self.entity_T_part.translation.vector;
        (centre - reach, centre + reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rays_meet_solids_where_they_should() {
        let x = Vector3::x();
        let from = Vector3::new(-3.0f32, 0.0, 0.0);
        let half = Vector3::new(0.5f32, 1.0, 1.0);
        assert_eq!(meet_cuboid(&half, &from, &x), 2.5);
        assert_eq!(meet_cuboid(&half, &Vector3::new(-3.0, 1.5, 0.0), &x), f32::INFINITY);
        assert!((meet_ellipsoid(&half, &from, &x) - 2.5).abs() < 1e-6);
        assert!((Round::new(0.2, 0.4, 1.0, false).meet(&from, &x) - 2.7).abs() < 1e-6);
        let down = -Vector3::z();
        let above = Vector3::new(0.01f32, 0.0, 2.0);
        assert!((Round::new(0.2, 0.4, 1.0, false).meet(&above, &down) - 1.5).abs() < 1e-6);
        assert!((Round::new(0.2, 0.4, 1.0, true).meet(&above, &down) - 2.5).abs() < 1e-6);
    }

    #[test]
    fn normals_face_the_ray() {
        let cup =
            Shape::Frustum { bottom_radius_m: 0.1, top_radius_m: 0.1, height_m: 0.2, open: true };
        let wall = Vector3::new(0.1, 0.0, 0.03);
        assert!((cup.normal(&wall, &-Vector3::x()) - Vector3::x()).norm() < 1e-6);
        assert!((cup.normal(&wall, &Vector3::x()) + Vector3::x()).norm() < 1e-6);
        let floor = Vector3::new(0.05, 0.0, -0.1);
        assert!((cup.normal(&floor, &-Vector3::z()) - Vector3::z()).norm() < 1e-6);
        let block = Shape::Cuboid { size_m: [2.0, 1.0, 1.0] };
        let side = Vector3::new(0.9, 0.5, 0.0);
        assert!((block.normal(&side, &-Vector3::y()) - Vector3::y()).norm() < 1e-6);
    }
}
