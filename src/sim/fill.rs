//! The first pass of the renderer: the nearest hit of every pixel, part by part.

use super::shape::{Primitive, Round, Shape, meet_cuboid, meet_ellipsoid};
use nalgebra::Vector3;

/// Nothing nearer than this is seen, metres.
pub(super) const NEAR_M: f64 = 0.05;

/// The pixels `x[0]..x[1]`, `y[0]..y[1]`, and the depth before which nothing of a solid lies.
pub(super) struct ScreenRect {
    pub x: [usize; 2],
    pub y: [usize; 2],
    pub nearest_m: f32,
}

/// Camera position and pixel ray in the coordinates of a part. The ray of pixel (u, v) is
/// `corner + u · right + v · down`; its parameter is depth.
pub(super) struct Rays {
    pub origin: Vector3<f32>,
    pub corner: Vector3<f32>,
    pub right: Vector3<f32>,
    pub down: Vector3<f32>,
}

/// First pass: the nearest hit of one part. One loop per shape, so that the shape is not asked for
/// at every pixel.
#[allow(clippy::too_many_arguments)]
pub(super) fn draw(
    part: &Primitive,
    half: &Vector3<f32>,
    rays: &Rays,
    rect: &ScreenRect,
    width: usize,
    code: u32,
    depth_m: &mut [f32],
    owner: &mut [u32],
) {
    let o = rays.origin;
    let mut fill = Fill { rays, rect, width, code, depth_m, owner };
    match part.shape {
        Shape::Cuboid { .. } => fill.each(|d| meet_cuboid(half, &o, d)),
        Shape::Ellipsoid { .. } => fill.each(|d| meet_ellipsoid(half, &o, d)),
        Shape::Frustum { bottom_radius_m, top_radius_m, height_m, open } => {
            let round = Round::new(bottom_radius_m, top_radius_m, height_m, open);
            fill.each(|d| round.meet(&o, d));
        }
    }
}

struct Fill<'a> {
    rays: &'a Rays,
    rect: &'a ScreenRect,
    width: usize,
    code: u32,
    depth_m: &'a mut [f32],
    owner: &'a mut [u32],
}

impl Fill<'_> {
    #[inline(always)]
    fn each(&mut self, meet: impl Fn(&Vector3<f32>) -> f32) {
        let ([x0, x1], [y0, y1]) = (self.rect.x, self.rect.y);
        for v in y0..y1 {
            let row = v * self.width;
            let start = self.rays.corner + self.rays.down * v as f32;
            let depth = &mut self.depth_m[row + x0..row + x1];
            let owner = &mut self.owner[row + x0..row + x1];
            for (i, (depth, owner)) in depth.iter_mut().zip(owner).enumerate() {
                if *depth > self.rect.nearest_m {
                    let t = meet(&(start + self.rays.right * (x0 + i) as f32));
                    if t < *depth && t >= NEAR_M as f32 {
                        (*depth, *owner) = (t, self.code);
                    }
                }
            }
        }
    }
}
