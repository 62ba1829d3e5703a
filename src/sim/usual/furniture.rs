//! Furniture by category, of typical size.

use crate::sim::catalogue::{Model, Palette, tint};
use crate::sim::furniture as kitchen;
use crate::sim::material::Material;
use nalgebra::Vector3;
use rand_pcg::Pcg64Mcg;

/// How a piece of furniture is built.
#[derive(Clone, Copy)]
enum Build {
    /// A top on four legs, on the floor.
    Table,
    /// A solid on the floor, things on its top.
    Block,
    /// A seat on the floor with a back; its seat at this height, metres.
    Seat(f64),
    /// A solid with its lower end at the receptacle's point.
    Standing,
    /// A solid with its middle at the receptacle's point.
    Hanging,
    /// A slab with its top at the receptacle's point.
    Slab,
    /// A tub with its bottom at the receptacle's point.
    Basin,
}

/// Category, how it is built, usual edge lengths (depth, width, height, metres), colour.
type Kind = (&'static str, Build, [f64; 3], [f32; 3]);

const KINDS: &[Kind] = &[
    ("armchair", Build::Seat(0.42), [0.8, 0.8, 0.85], [0.45, 0.35, 0.30]),
    ("bathtubbasin", Build::Basin, [0.7, 1.4, 0.45], [0.92, 0.92, 0.90]),
    ("bed", Build::Seat(0.52), [1.9, 1.4, 0.95], [0.55, 0.60, 0.72]),
    ("cabinet", Build::Hanging, [0.40, 0.6, 0.6], [0.70, 0.56, 0.40]),
    ("cart", Build::Table, [0.45, 0.7, 0.85], [0.60, 0.62, 0.65]),
    ("coffeetable", Build::Table, [0.6, 1.0, 0.45], [0.50, 0.34, 0.22]),
    ("countertop", Build::Slab, [0.6, 1.2, 0.05], [0.52, 0.50, 0.48]),
    ("desk", Build::Table, [0.6, 1.2, 0.74], [0.62, 0.45, 0.30]),
    ("diningtable", Build::Table, [0.8, 1.2, 0.75], [0.66, 0.47, 0.29]),
    ("drawer", Build::Hanging, [0.40, 0.45, 0.18], [0.72, 0.60, 0.45]),
    ("dresser", Build::Block, [0.45, 1.0, 0.85], [0.42, 0.27, 0.17]),
    ("handtowelholder", Build::Hanging, [0.08, 0.30, 0.04], [0.75, 0.76, 0.78]),
    ("ottoman", Build::Block, [0.5, 0.6, 0.42], [0.50, 0.42, 0.38]),
    ("safe", Build::Standing, [0.40, 0.40, 0.42], [0.30, 0.32, 0.34]),
    ("shelf", Build::Slab, [0.30, 0.8, 0.03], [0.64, 0.48, 0.32]),
    ("sidetable", Build::Table, [0.45, 0.5, 0.60], [0.48, 0.32, 0.20]),
    ("sinkbasin", Build::Basin, [0.42, 0.55, 0.15], [0.80, 0.82, 0.84]),
    ("sofa", Build::Seat(0.42), [0.85, 1.7, 0.80], [0.38, 0.42, 0.50]),
    ("toilet", Build::Seat(0.42), [0.65, 0.4, 0.78], [0.94, 0.94, 0.93]),
    ("toiletpaperhanger", Build::Hanging, [0.10, 0.14, 0.04], [0.75, 0.76, 0.78]),
];
/// Heights at which things are found on furniture that stands on the floor, metres.
const TOPS_M: std::ops::RangeInclusive<f64> = 0.25..=1.3;
/// Free height above furniture, metres.
const HEADROOM_M: f64 = 0.6;
/// Room between the edge of a top and what stands on it, metres.
const EDGE_M: f64 = 0.03;
/// Thickness of tops and backs, metres.
const THICK_M: f64 = 0.05;

/// The furniture of a category, made a `share` of its usual width and depth, and the height of its
/// underside. `z_m` is the height of the receptacle's point, `held_m` where things on it were.
/// `None` for categories that are no furniture.
pub(in crate::sim) fn furniture(
    category: &str,
    z_m: f64,
    held_m: &[Vector3<f64>],
    share: f64,
    rng: &mut Pcg64Mcg,
    p: &Palette,
) -> Option<(&'static str, Model, f64)> {
    let kitchen = match category {
        "fridge" => Some(("fridge", kitchen::fridge(0.75 * share, rng, p), 0.0)),
        "microwave" => Some(("microwave", kitchen::microwave(rng, p), z_m)),
        "coffeemachine" => Some(("coffeemachine", kitchen::coffee_machine(rng, p), z_m)),
        "garbagecan" => Some(("garbagecan", kitchen::garbage_can(rng, p), 0.0)),
        "stoveburner" => Some(("stoveburner", kitchen::stove_burner(0.09, p), z_m)),
        _ => None,
    };
    if kitchen.is_some() {
        return kitchen;
    }
    let &(name, build, usual, rgb) = KINDS.iter().find(|(name, ..)| *name == category)?;
    let look = tint(rng, rgb, 0.04);
    // Things on it tell its height best.
    let lowest = held_m.iter().map(|at| at.z).fold(f64::INFINITY, f64::min);
    let top = if TOPS_M.contains(&lowest) { lowest } else { usual[2] };
    let (d, w) = (usual[0] * share, usual[1] * share);
    let half = [0.5 * d - EDGE_M, 0.5 * w - EDGE_M];
    Some(match build {
        Build::Table => {
            (name, table([d, w, top], look).surface([0.0, 0.0, top], half, HEADROOM_M), 0.0)
        }
        Build::Block => {
            let model = Model::default().block([0.0; 3], [d, w, top], look);
            (name, model.surface([0.0, 0.0, top], half, HEADROOM_M), 0.0)
        }
        Build::Seat(usual_seat) => {
            let seat = if TOPS_M.contains(&lowest) { lowest } else { usual_seat };
            let model = Model::default()
                .block([0.0; 3], [d, w, seat], look)
                .block(
                    [0.5 * (THICK_M - d), 0.0, seat],
                    [THICK_M, w, (usual[2] - seat).max(0.1)],
                    look,
                )
                .surface(
                    [0.5 * THICK_M, 0.0, seat],
                    [half[0] - 0.5 * THICK_M, half[1]],
                    HEADROOM_M,
                );
            (name, model, 0.0)
        }
        Build::Standing => (name, Model::default().block([0.0; 3], [d, w, usual[2]], look), z_m),
        Build::Hanging => {
            let model = Model::default().block([0.0; 3], [d, w, usual[2]], look);
            (name, model, (z_m - 0.5 * usual[2]).max(0.0))
        }
        Build::Slab => {
            let top = if TOPS_M.contains(&lowest) { lowest } else { z_m };
            let model = Model::default().block([0.0; 3], [d, w, usual[2]], look).surface(
                [0.0, 0.0, usual[2]],
                half,
                HEADROOM_M,
            );
            (name, model, (top - usual[2]).max(0.0))
        }
        Build::Basin => (name, basin([d, w, usual[2]], look), (z_m - THICK_M).max(0.0)),
    })
}

fn table([d, w, h]: [f64; 3], look: Material) -> Model {
    let leg = 0.05;
    let (x, y) = (0.5 * (d - leg) - 0.01, 0.5 * (w - leg) - 0.01);
    let top = Model::default().block([0.0, 0.0, h - THICK_M], [d, w, THICK_M], look);
    [(x, y), (x, -y), (-x, y), (-x, -y)]
        .into_iter()
        .fold(top, |model, (x, y)| model.block([x, y, 0.0], [leg, leg, h - THICK_M], look))
}

fn basin([d, w, h]: [f64; 3], look: Material) -> Model {
    let rim = 0.03;
    let sides = Model::default().block([0.0; 3], [d, w, THICK_M], look);
    let sides = [-1.0, 1.0].into_iter().fold(sides, |model, side| {
        model.block([side * 0.5 * (d - rim), 0.0, THICK_M], [rim, w, h - THICK_M], look).block(
            [0.0, side * 0.5 * (w - rim), THICK_M],
            [d, rim, h - THICK_M],
            look,
        )
    });
    sides.surface([0.0, 0.0, THICK_M], [0.5 * d - 2.0 * rim, 0.5 * w - 2.0 * rim], HEADROOM_M)
}
