//! Looks of a surface: a colour and a procedural pattern in part coordinates.

use nalgebra::Vector3;

/// The pattern that varies a colour over a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pattern {
    /// One colour.
    Plain,
    /// Wood with its grain along axis 0, 1 or 2.
    Wood {
        /// Axis of the grain.
        axis: usize,
    },
    /// Boards of wood side by side, grain along x.
    Planks {
        /// Width of a board, metres.
        width_m: f32,
    },
    /// Square tiles with light joints; every second one is darker by `contrast`.
    Tiles {
        /// Edge of a tile, metres.
        size_m: f32,
        /// How much darker, 0..=1.
        contrast: f32,
    },
    /// Speckled stone, or the crumb of bread.
    Speckle {
        /// Size of a speckle, metres.
        size_m: f32,
        /// Strength, 0..=1.
        contrast: f32,
    },
    /// Bright by itself: daylight behind a window, a lamp, a display.
    Glow,
}

/// Colour, pattern and gloss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material {
    /// Red, green, blue, 0..=1.
    pub rgb: [f32; 3],
    /// How it varies.
    pub pattern: Pattern,
    /// Strength of highlights, 0..=1.
    pub gloss: f32,
}

impl Material {
    /// One dull colour.
    pub fn plain(rgb: [f32; 3]) -> Self {
        Self { rgb, pattern: Pattern::Plain, gloss: 0.05 }
    }

    /// The same with another pattern.
    pub fn with(self, pattern: Pattern) -> Self {
        Self { pattern, ..self }
    }

    /// The same with another gloss.
    pub fn glossy(self, gloss: f32) -> Self {
        Self { gloss, ..self }
    }

    /// Colour at point `p` with normal `n`, both in part coordinates. Detail smaller than
    /// `footprint_m`, the width of a pixel on the surface, is left out: it would only flicker.
    pub fn rgb_at(&self, p: &Vector3<f32>, n: &Vector3<f32>, footprint_m: f32) -> Vector3<f32> {
        let visible = |detail_m: f32| (1.5 - footprint_m / detail_m).clamp(0.0, 1.0);
        let base = Vector3::from(self.rgb);
        match self.pattern {
            Pattern::Plain | Pattern::Glow => base,
            Pattern::Wood { axis } => base * grain(p, axis, visible(0.012)),
            Pattern::Planks { width_m } => {
                let row = (p.y / width_m).floor();
                let along = p.x / (9.0 * width_m) + 0.37 * row;
                let tone = 0.85 + 0.3 * hash(row as i32, along.floor() as i32, 7);
                let joint = (p.y / width_m - row).min(1.0 - (p.y / width_m - row)) * width_m;
                let end = (along - along.floor()) * 9.0 * width_m;
                let dark = if joint.min(end) < 0.0025 { 1.0 - 0.4 * visible(0.008) } else { 1.0 };
                base * (tone * dark * grain(&(p + Vector3::z() * row), 0, visible(0.012)))
            }
            Pattern::Tiles { size_m, contrast } => {
                let (a, b) = plane(p, n);
                let (i, j) = ((a / size_m).floor(), (b / size_m).floor());
                let edge = |x: f32, k: f32| (x / size_m - k).min(1.0 - (x / size_m - k)) * size_m;
                if edge(a, i).min(edge(b, j)) < 0.004 {
                    let joint = visible(0.008);
                    return base * (1.0 - joint) + Vector3::repeat(0.72) * joint;
                }
                let odd = if (i as i32 + j as i32) & 1 == 0 { 0.0 } else { contrast };
                base * (1.0 - odd) * (0.95 + 0.1 * hash(i as i32, j as i32, 3))
            }
            Pattern::Speckle { size_m, contrast } => {
                let cell = p / size_m;
                let layer = |scale: f32| match visible(size_m / scale) {
                    0.0 => 0.0,
                    share => share * (noise(&(cell * scale)) - 0.5),
                };
                base * (1.0 + contrast * (layer(1.0) + layer(2.7)))
            }
        }
    }
}

/// Brightness of wood at `p` with the grain along `axis`.
fn grain(p: &Vector3<f32>, axis: usize, fine: f32) -> f32 {
    let mut q = p * 55.0;
    q[axis] = p[axis] * 3.0;
    let mut wide = p * 9.0;
    wide[axis] = p[axis] * 0.8;
    let fine = if fine > 0.0 { fine * (noise(&q) - 0.3) } else { 0.0 };
    0.86 + 0.18 * noise(&wide) + 0.16 * fine
}

/// The two coordinates of `p` in the plane that faces along `n`.
fn plane(p: &Vector3<f32>, n: &Vector3<f32>) -> (f32, f32) {
    let a = n.abs();
    if a.z >= a.x && a.z >= a.y {
        (p.x, p.y)
    } else if a.x >= a.y {
        (p.y, p.z)
    } else {
        (p.x, p.z)
    }
}

/// A number in 0..1 for each cell of a grid.
fn hash(i: i32, j: i32, k: i32) -> f32 {
    let mut h = (i as u32).wrapping_mul(0x8da6_b343)
        ^ (j as u32).wrapping_mul(0xd816_3841)
        ^ (k as u32).wrapping_mul(0xcb1a_b31f);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 13)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 16)) >> 8) as f32 / (1u32 << 24) as f32
}

/// The whole number below `x`. Not `f32::floor`, which is a call into the C library on x86-64.
fn floor(x: f32) -> i32 {
    let toward_zero = x as i32;
    toward_zero - i32::from(toward_zero as f32 > x)
}

/// Smooth noise in 0..1 with cells of edge 1.
fn noise(p: &Vector3<f32>) -> f32 {
    let (i, j, k) = (floor(p.x), floor(p.y), floor(p.z));
    let cell = Vector3::new(i as f32, j as f32, k as f32);
    let f = (p - cell).map(|x| x * x * (3.0 - 2.0 * x));
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let row = |j: i32, k: i32| mix(hash(i, j, k), hash(i.wrapping_add(1), j, k), f.x);
    let (j1, k1) = (j.wrapping_add(1), k.wrapping_add(1));
    mix(mix(row(j, k), row(j1, k), f.y), mix(row(j, k1), row(j1, k1), f.y), f.z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_bounded() {
        let mut last = noise(&Vector3::new(-4.0, 0.3, 0.7));
        for i in 1..800 {
            let now = noise(&Vector3::new(-4.0 + 0.01 * i as f32, 0.3, 0.7));
            assert!((0.0..=1.0).contains(&now) && (now - last).abs() < 0.03);
            last = now;
        }
    }

    #[test]
    fn patterns_fade_to_their_colour_from_afar() {
        let tiles = Material::plain([0.5; 3]).with(Pattern::Tiles { size_m: 0.3, contrast: 0.0 });
        let on_joint = Vector3::new(0.001, 0.15, 0.0);
        let near = tiles.rgb_at(&on_joint, &Vector3::z(), 0.001);
        let far = tiles.rgb_at(&on_joint, &Vector3::z(), 0.1);
        assert!(near.x > 0.7 && (far.x - 0.5).abs() < 1e-6);
    }
}
