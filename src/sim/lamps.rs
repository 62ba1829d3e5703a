//! Lamps, as models. Their highest part is the shade, which glows when they are on.

use super::catalogue::{Model, Palette, pick, tint};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// A lamp that stands on a table.
pub(super) fn desk_lamp(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let (h, r) = (rng.random_range(0.28..0.34), rng.random_range(0.075..0.09));
    let rgb = pick(rng, &[[0.85, 0.80, 0.70], [0.55, 0.20, 0.18], [0.25, 0.40, 0.35]]);
    let shade = tint(rng, rgb, 0.05);
    Model::default()
        .round([0.0; 3], (0.065, 0.055), 0.02, p.black)
        .round([0.0, 0.0, 0.02], (0.01, 0.01), h - 0.10, p.steel)
        .round([0.0, 0.0, h - 0.09], (r, 0.55 * r), 0.11, shade)
}
