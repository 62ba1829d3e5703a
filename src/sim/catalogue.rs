//! How models are put together: parts, surfaces to stand on, and the colours of one home.
//!
//! A model stands on the origin (z = 0 is its underside), faces along x, and has y to its left.

use super::material::{Material, Pattern};
use super::shape::{Primitive, Shape};
use crate::geometry::Pose;
use nalgebra::{Translation3, UnitQuaternion, Vector3};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// A level rectangle that things can stand on, in model coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surface {
    /// Its centre, metres.
    pub centre_m: [f64; 3],
    /// Half its edges along x and y, metres.
    pub half_m: [f64; 2],
    /// Free height above it, metres.
    pub headroom_m: f64,
}

/// The parts of one piece of furniture or one small thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub parts: Vec<Primitive>,
    pub surfaces: Vec<Surface>,
}

impl Model {
    pub fn part(mut self, shape: Shape, at_m: [f64; 3], rpy: [f64; 3], look: Material) -> Self {
        let pose = Pose::from_parts(
            Translation3::from(at_m),
            UnitQuaternion::from_euler_angles(rpy[0], rpy[1], rpy[2]),
        );
        self.parts.push(Primitive { shape, entity_T_part: pose, material: look });
        self
    }

    /// A box whose underside has its centre at `at_m`.
    pub fn block(self, at_m: [f64; 3], size_m: [f64; 3], look: Material) -> Self {
        // The grain of wood runs along the longest edge.
        let axis = (0..3).max_by(|&a, &b| size_m[a].total_cmp(&size_m[b])).unwrap_or(0);
        let look = match look.pattern {
            Pattern::Wood { .. } => look.with(Pattern::Wood { axis }),
            _ => look,
        };
        let centre = [at_m[0], at_m[1], at_m[2] + 0.5 * size_m[2]];
        self.part(Shape::Cuboid { size_m: size_m.map(|s| s as f32) }, centre, [0.0; 3], look)
    }

    /// An upright round solid standing at `at_m`.
    pub fn round(
        self,
        at_m: [f64; 3],
        (bottom_m, top_m): (f64, f64),
        height_m: f64,
        look: Material,
    ) -> Self {
        let shape = frustum(bottom_m, top_m, height_m, false);
        self.part(shape, [at_m[0], at_m[1], at_m[2] + 0.5 * height_m], [0.0; 3], look)
    }

    /// An upright round vessel, open above, standing at `at_m`.
    pub fn vessel(
        self,
        at_m: [f64; 3],
        (bottom_m, top_m): (f64, f64),
        height_m: f64,
        look: Material,
    ) -> Self {
        let shape = frustum(bottom_m, top_m, height_m, true);
        self.part(shape, [at_m[0], at_m[1], at_m[2] + 0.5 * height_m], [0.0; 3], look)
    }

    /// A thin round bar along axis 0, 1 or 2 with its middle at `at_m`.
    pub fn bar(
        self,
        at_m: [f64; 3],
        axis: usize,
        radius_m: f64,
        length_m: f64,
        look: Material,
    ) -> Self {
        use std::f64::consts::FRAC_PI_2;
        let rpy = [[0.0, FRAC_PI_2, 0.0], [FRAC_PI_2, 0.0, 0.0], [0.0; 3]][axis];
        self.part(frustum(radius_m, radius_m, length_m, false), at_m, rpy, look)
    }

    /// An ellipsoid whose lowest point is at `at_m`.
    pub fn ball(self, at_m: [f64; 3], size_m: [f64; 3], look: Material) -> Self {
        let centre = [at_m[0], at_m[1], at_m[2] + 0.5 * size_m[2]];
        self.part(Shape::Ellipsoid { size_m: size_m.map(|s| s as f32) }, centre, [0.0; 3], look)
    }

    pub fn surface(mut self, centre_m: [f64; 3], half_m: [f64; 2], headroom_m: f64) -> Self {
        self.surfaces.push(Surface { centre_m, half_m, headroom_m });
        self
    }

    /// Lower and upper corner of the box around all parts, metres.
    pub fn bounds_m(&self) -> (Vector3<f64>, Vector3<f64>) {
        let nothing = (Vector3::repeat(f64::INFINITY), Vector3::repeat(f64::NEG_INFINITY));
        self.parts.iter().map(Primitive::bounds_m).fold(nothing, |all, part| {
            (all.0.zip_map(&part.0, f64::min), all.1.zip_map(&part.1, f64::max))
        })
    }
}

fn frustum(bottom_m: f64, top_m: f64, height_m: f64, open: bool) -> Shape {
    Shape::Frustum {
        bottom_radius_m: bottom_m as f32,
        top_radius_m: top_m as f32,
        height_m: height_m as f32,
        open,
    }
}

/// The materials of one home.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub wall: Material,
    pub floor: Material,
    pub splash: Material,
    pub cabinet: Material,
    pub top: Material,
    pub wood: Material,
    pub steel: Material,
    pub appliance: Material,
    pub black: Material,
    pub white: Material,
    pub glass: Material,
}

impl Palette {
    pub fn new(rng: &mut Pcg64Mcg) -> Self {
        const WALLS: [[f32; 3]; 5] = [
            [0.90, 0.87, 0.80],
            [0.80, 0.86, 0.88],
            [0.87, 0.89, 0.80],
            [0.93, 0.90, 0.88],
            [0.91, 0.83, 0.72],
        ];
        const CABINETS: [([f32; 3], bool); 6] = [
            ([0.92, 0.91, 0.88], false),
            ([0.62, 0.42, 0.25], true),
            ([0.33, 0.42, 0.46], false),
            ([0.78, 0.62, 0.42], true),
            ([0.45, 0.55, 0.45], false),
            ([0.40, 0.25, 0.16], true),
        ];
        const TOPS: [[f32; 3]; 4] =
            [[0.30, 0.30, 0.32], [0.80, 0.77, 0.72], [0.52, 0.46, 0.40], [0.64, 0.66, 0.67]];
        const WOODS: [[f32; 3]; 3] = [[0.66, 0.45, 0.26], [0.82, 0.66, 0.45], [0.45, 0.29, 0.18]];
        let steel = Material::plain([0.70, 0.71, 0.73]).glossy(0.6);
        let white = Material::plain([0.93, 0.93, 0.91]).glossy(0.3);
        let black = Material::plain([0.09, 0.09, 0.10]).glossy(0.5);
        let (cabinet, wooden) = pick(rng, &CABINETS);
        let cabinet = tint(rng, cabinet, 0.04).glossy(0.12);
        let wood = tint_of(rng, &WOODS, 0.04).with(Pattern::Wood { axis: 0 });
        let floor = match rng.random_range(0..3) {
            0 => tint(rng, [0.72, 0.68, 0.62], 0.05)
                .with(Pattern::Tiles { size_m: rng.random_range(0.28..0.45), contrast: 0.08 }),
            1 => tint(rng, [0.82, 0.80, 0.76], 0.03)
                .with(Pattern::Tiles { size_m: rng.random_range(0.22..0.3), contrast: 0.55 }),
            _ => tint_of(rng, &WOODS, 0.05)
                .with(Pattern::Planks { width_m: rng.random_range(0.09..0.16) }),
        };
        let splash = tint_of(rng, &[[0.86, 0.90, 0.90], [0.90, 0.86, 0.78]], 0.05)
            .with(Pattern::Tiles { size_m: rng.random_range(0.08..0.14), contrast: 0.04 })
            .glossy(0.3);
        Self {
            wall: tint_of(rng, &WALLS, 0.03).with(Pattern::Speckle { size_m: 0.5, contrast: 0.05 }),
            floor: floor.glossy(0.15),
            splash,
            cabinet: if wooden { cabinet.with(Pattern::Wood { axis: 2 }) } else { cabinet },
            top: tint_of(rng, &TOPS, 0.03)
                .with(Pattern::Speckle { size_m: 0.012, contrast: 0.5 })
                .glossy(0.3),
            wood: wood.glossy(0.15),
            steel,
            appliance: pick(rng, &[steel, white, black]),
            black,
            white,
            glass: Material::plain([0.12, 0.14, 0.16]).glossy(0.7),
        }
    }
}

/// One of `choices`.
pub(super) fn pick<T: Copy>(rng: &mut Pcg64Mcg, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}

/// A dull colour near `rgb`.
pub(super) fn tint(rng: &mut Pcg64Mcg, rgb: [f32; 3], by: f32) -> Material {
    let light = rng.random_range(-by..by);
    Material::plain(
        rgb.map(|c| (c + light + rng.random_range(-0.5 * by..0.5 * by)).clamp(0.02, 1.0)),
    )
}

/// A dull colour near one of `choices`.
pub(super) fn tint_of(rng: &mut Pcg64Mcg, choices: &[[f32; 3]], by: f32) -> Material {
    let rgb = pick(rng, choices);
    tint(rng, rgb, by)
}
