//! Furniture and appliances of a kitchen, as models; some of them stand in other rooms too. Sizes are
//! those of shops.

use super::catalogue::{Model, Palette, pick, tint};
use super::material::{Material, Pattern};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// Depth of the row of base cabinets, metres.
pub(super) const BASE_DEPTH_M: f64 = 0.60;
/// Height of a worktop above the floor, metres.
pub(super) const TOP_HEIGHT_M: f64 = 0.90;
const SLAB_M: f64 = 0.04;
const DRAWER_FROM_M: f64 = 0.67;

/// A panelled front with a handle, `width × height`, its lower middle at `(x, y, z)`.
fn front(model: Model, at: [f64; 3], size: [f64; 2], upright: bool, p: &Palette) -> Model {
    let [x, y, z] = at;
    let (w, h) = (size[0] - 0.008, size[1] - 0.008);
    let dark = Material { rgb: p.cabinet.rgb.map(|c| c * 0.90), ..p.cabinet };
    let model = model.block([x + 0.009, y, z + 0.004], [0.018, w, h], p.cabinet).block(
        [x + 0.0185, y, z + 0.06],
        [0.003, w - 0.11, h - 0.112],
        dark,
    );
    let (axis, length, side) = if upright { (2, 0.14, 0.5 * w - 0.03) } else { (1, 0.16, 0.0) };
    let height = if upright && z < 0.9 { z + h - 0.14 } else { z + 0.5 * h };
    let height = if upright && z > 0.9 { z + 0.14 } else { height };
    model.bar([x + 0.035, y + side, height], axis, 0.007, length, p.steel)
}

/// The lower part of a base unit: plinth, carcass and doors, up to the drawer.
pub(super) fn base_cabinet(width_m: f64, p: &Palette) -> Model {
    let (depth, height) = (BASE_DEPTH_M - 0.05, DRAWER_FROM_M - 0.10);
    let model = Model::default()
        .block([-0.05, 0.0, 0.0], [depth - 0.05, width_m - 0.002, 0.10], p.black)
        .block([-0.025, 0.0, 0.10], [depth, width_m - 0.002, height - 0.002], p.cabinet);
    let doors = if width_m > 0.65 { 2 } else { 1 };
    let width = width_m / f64::from(doors);
    (0..doors).fold(model, |model, i| {
        let y = width * (f64::from(i) + 0.5) - 0.5 * width_m;
        front(model, [0.5 * depth - 0.025, y, 0.10], [width, height], true, p)
    })
}

/// The drawer between a base cabinet and its worktop.
pub(super) fn drawer(width_m: f64, p: &Palette) -> Model {
    let depth = BASE_DEPTH_M - 0.05;
    let height = TOP_HEIGHT_M - SLAB_M - DRAWER_FROM_M - 0.002;
    let body =
        Model::default().block([-0.025, 0.0, 0.0], [depth, width_m - 0.002, height], p.cabinet);
    front(body, [0.5 * depth - 0.025, 0.0, 0.0], [width_m, height], false, p)
}

/// Height at which [`drawer`] stands, metres.
pub(super) const DRAWER_HEIGHT_M: f64 = DRAWER_FROM_M;
/// Height at which [`countertop`] stands, metres.
pub(super) const SLAB_HEIGHT_M: f64 = TOP_HEIGHT_M - SLAB_M;

/// A worktop.
pub(super) fn countertop(width_m: f64, headroom_m: f64, p: &Palette) -> Model {
    let half = [0.5 * BASE_DEPTH_M - 0.03, 0.5 * width_m - 0.01];
    Model::default().block([0.0, 0.0, 0.0], [BASE_DEPTH_M, width_m - 0.001, SLAB_M], p.top).surface(
        [0.0, 0.0, SLAB_M],
        half,
        headroom_m,
    )
}

/// An apron-front sink with its rim at worktop height; stands on a base cabinet.
pub(super) fn sink_basin(width_m: f64, p: &Palette) -> Model {
    let look = if p.appliance == p.white { p.white } else { p.steel };
    let (w, d, h) = (width_m - 0.002, BASE_DEPTH_M, TOP_HEIGHT_M - DRAWER_FROM_M);
    let (rim, back) = (0.035, 0.11);
    let inner = [d - rim - back, w - 2.0 * rim];
    let middle = 0.5 * (back - rim);
    Model::default()
        .block([0.0, 0.0, 0.0], [d, w, 0.05], look)
        .block([0.5 * (d - rim), 0.0, 0.05], [rim, w, h - 0.05], look)
        .block([-0.5 * (d - back), 0.0, 0.05], [back, w, h - 0.05], look)
        .block([middle, 0.5 * (w - rim), 0.05], [inner[0], rim, h - 0.05], look)
        .block([middle, -0.5 * (w - rim), 0.05], [inner[0], rim, h - 0.05], look)
        .round([middle, 0.0, 0.05], (0.04, 0.04), 0.003, p.black)
        .surface([middle, 0.0, 0.05], [0.5 * inner[0] - 0.03, 0.5 * inner[1] - 0.03], 0.5)
}

/// The tap behind a sink.
pub(super) fn faucet(p: &Palette) -> Model {
    Model::default()
        .round([0.0, 0.0, 0.0], (0.024, 0.020), 0.02, p.steel)
        .round([0.0, 0.0, 0.02], (0.012, 0.012), 0.25, p.steel)
        .bar([0.09, 0.0, 0.268], 0, 0.011, 0.20, p.steel)
        .round([0.18, 0.0, 0.215], (0.011, 0.011), 0.05, p.steel)
        .bar([0.0, 0.045, 0.07], 1, 0.008, 0.08, p.steel)
}

/// A fridge with its freezer below.
pub(super) fn fridge(width_m: f64, rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let (d, h, split) = (0.64, rng.random_range(1.65..1.9), rng.random_range(0.5..0.75));
    let w = width_m - 0.02;
    let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 } * (0.5 * w - 0.06);
    let dark = Material { rgb: p.appliance.rgb.map(|c| c * 0.8), ..p.appliance };
    Model::default()
        .block([-0.03, 0.0, 0.0], [d, w, h], dark)
        .block([0.5 * d + 0.01, 0.0, 0.06], [0.08, w, split - 0.07], p.appliance)
        .block([0.5 * d + 0.01, 0.0, split], [0.08, w, h - split], p.appliance)
        .bar([0.5 * d + 0.08, side, split + 0.35], 2, 0.012, 0.5, p.steel)
        .bar([0.5 * d + 0.08, side, split - 0.2], 2, 0.012, 0.25, p.steel)
}

/// An oven with its hob; the four burners are things of their own.
pub(super) fn stove(width_m: f64, p: &Palette) -> Model {
    let (d, w) = (BASE_DEPTH_M, width_m - 0.002);
    let mut model = Model::default()
        .block([-0.02, 0.0, 0.0], [d - 0.04, w, TOP_HEIGHT_M - 0.015], p.appliance)
        .block([0.0, 0.0, TOP_HEIGHT_M - 0.015], [d, w, 0.015], p.black)
        .block([0.5 * d - 0.035, 0.0, 0.16], [0.03, w - 0.04, 0.52], p.appliance)
        .block([0.5 * d - 0.018, 0.0, 0.25], [0.004, w - 0.16, 0.30], p.glass)
        .bar([0.5 * d + 0.015, 0.0, 0.63], 1, 0.011, w - 0.14, p.steel);
    for i in 0..4 {
        let y = (f64::from(i) - 1.5) * 0.12;
        model = model.bar([0.5 * d - 0.03, y, 0.79], 0, 0.018, 0.05, p.steel);
    }
    model
}

/// One burner of a stove.
pub(super) fn stove_burner(radius_m: f64, p: &Palette) -> Model {
    let iron = Material::plain([0.25, 0.25, 0.26]).glossy(0.2);
    Model::default()
        .round([0.0; 3], (radius_m, radius_m), 0.008, iron)
        .round([0.0, 0.0, 0.008], (0.6 * radius_m, 0.6 * radius_m), 0.004, p.black)
        .surface([0.0, 0.0, 0.012], [0.01, 0.01], 0.5)
}

/// A hood over the stove.
pub(super) fn hood(width_m: f64, p: &Palette) -> Model {
    Model::default().block([0.0, 0.0, 0.0], [0.45, width_m - 0.04, 0.08], p.steel).block(
        [-0.08, 0.0, 0.08],
        [0.28, 0.3, 0.6],
        p.steel,
    )
}

/// A cabinet on the wall.
pub(super) fn wall_cabinet(width_m: f64, p: &Palette) -> Model {
    let (d, h) = (0.32, 0.70);
    let body = Model::default().block([-0.01, 0.0, 0.0], [d - 0.02, width_m - 0.002, h], p.cabinet);
    let doors = if width_m > 0.65 { 2 } else { 1 };
    let width = width_m / f64::from(doors);
    (0..doors).fold(body, |model, i| {
        let y = width * (f64::from(i) + 0.5) - 0.5 * width_m;
        let mut part = front(Model::default(), [0.5 * d - 0.02, y, 0.0], [width, h], true, p);
        let mut model = model;
        model.parts.append(&mut part.parts);
        model
    })
}

/// A microwave oven.
pub(super) fn microwave(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let look = pick(rng, &[p.steel, p.white, p.black]);
    let (d, w, h) = (0.36, rng.random_range(0.44..0.50), rng.random_range(0.26..0.30));
    let green = Material::plain([0.25, 0.85, 0.55]).with(Pattern::Glow);
    let mut model = Model::default()
        .block([-0.01, 0.0, 0.01], [d - 0.02, w, h - 0.01], look)
        .block([0.5 * d - 0.01, 0.5 * 0.26 * w, 0.02], [0.02, 0.70 * w, h - 0.04], look)
        .block([0.5 * d + 0.001, 0.5 * 0.30 * w, 0.06], [0.004, 0.56 * w, h - 0.12], p.glass)
        .block([0.5 * d - 0.018, -0.37 * w, 0.02], [0.008, 0.22 * w, h - 0.04], p.black)
        .block([0.5 * d - 0.012, -0.37 * w, h - 0.07], [0.004, 0.16 * w, 0.03], green)
        .bar([0.5 * d + 0.025, -0.20 * w, 0.5 * h], 2, 0.008, 0.6 * h, p.steel);
    for (x, y) in [(0.12, 0.18), (0.12, -0.18), (-0.12, 0.18), (-0.12, -0.18)] {
        model = model.round([x, y, 0.0], (0.012, 0.012), 0.01, p.black);
    }
    model
}

/// A filter coffee machine with its jug.
pub(super) fn coffee_machine(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let red = tint(rng, [0.65, 0.12, 0.10], 0.04).glossy(0.4);
    let body = pick(rng, &[p.black, p.steel, red]);
    let coffee = Material::plain([0.16, 0.08, 0.04]).glossy(0.7);
    Model::default()
        .block([0.0, 0.0, 0.0], [0.26, 0.19, 0.035], body)
        .block([-0.09, 0.0, 0.035], [0.08, 0.19, 0.215], body)
        .block([0.0, 0.0, 0.25], [0.26, 0.19, 0.09], body)
        .block([0.131, 0.0, 0.27], [0.003, 0.10, 0.045], p.steel)
        .round([0.035, 0.0, 0.035], (0.068, 0.072), 0.08, coffee)
        .round([0.035, 0.0, 0.115], (0.072, 0.045), 0.05, p.glass)
        .round([0.035, 0.0, 0.165], (0.047, 0.047), 0.02, p.black)
        .block([0.035, 0.085, 0.07], [0.02, 0.018, 0.08], p.black)
}

/// A toaster for two slices.
pub(super) fn toaster(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let red = tint(rng, [0.70, 0.18, 0.14], 0.05).glossy(0.4);
    let look = pick(rng, &[p.steel, red, p.white]);
    Model::default()
        .block([0.0, 0.0, 0.0], [0.17, 0.28, 0.015], p.black)
        .block([0.0, 0.0, 0.015], [0.16, 0.27, 0.165], look)
        .block([0.035, 0.0, 0.18], [0.028, 0.19, 0.002], p.black)
        .block([-0.035, 0.0, 0.18], [0.028, 0.19, 0.002], p.black)
        .block([0.0, -0.142, 0.11], [0.03, 0.014, 0.018], p.black)
}

/// A table with four legs.
pub(super) fn dining_table(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let (l, w, h) = (rng.random_range(1.1..1.3), rng.random_range(0.72..0.82), 0.75);
    let mut model = Model::default().block([0.0, 0.0, h - 0.035], [l, w, 0.035], p.wood).surface(
        [0.0, 0.0, h],
        [0.5 * l - 0.04, 0.5 * w - 0.04],
        1.0,
    );
    let (x, y) = (0.5 * l - 0.06, 0.5 * w - 0.06);
    for (x, y) in [(x, y), (x, -y), (-x, y), (-x, -y)] {
        model = model.block([x, y, 0.0], [0.06, 0.06, h - 0.035], p.wood);
    }
    let (x, y) = (0.5 * l - 0.07, 0.5 * w - 0.07);
    for y in [y, -y] {
        model = model.block([0.0, y, h - 0.115], [2.0 * x - 0.08, 0.02, 0.08], p.wood);
    }
    model
}

/// A chair, its back at −x.
pub(super) fn chair(seat: Material, p: &Palette) -> Model {
    let mut model = Model::default()
        .block([0.0, 0.0, 0.43], [0.40, 0.40, 0.03], seat)
        .block([-0.185, 0.0, 0.80], [0.022, 0.40, 0.10], p.wood)
        .block([-0.185, 0.0, 0.62], [0.018, 0.34, 0.06], p.wood);
    for (x, y) in [(0.17, 0.17), (0.17, -0.17)] {
        model = model.block([x, y, 0.0], [0.036, 0.036, 0.43], p.wood);
    }
    for y in [0.18, -0.18] {
        model = model.block([-0.185, y, 0.0], [0.036, 0.036, 0.86], p.wood);
    }
    model
}

/// An open shelf standing at the wall.
pub(super) fn shelf(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let (d, w, h) = (0.30, rng.random_range(0.75..0.95), 1.15);
    let mut model = Model::default()
        .block([0.0, 0.5 * w - 0.01, 0.0], [d, 0.02, h], p.wood)
        .block([0.0, -0.5 * w + 0.01, 0.0], [d, 0.02, h], p.wood)
        .block([-0.5 * d + 0.005, 0.0, 0.0], [0.01, w - 0.04, h], p.wood);
    let gap = (h - 0.08) / 3.0;
    for i in 0..4 {
        let z = 0.06 + gap * f64::from(i);
        let headroom = if i < 3 { gap - 0.03 } else { 0.8 };
        model = model.block([0.005, 0.0, z - 0.02], [d - 0.01, w - 0.04, 0.02], p.wood);
        model = model.surface([0.01, 0.0, z], [0.5 * d - 0.03, 0.5 * w - 0.05], headroom);
    }
    model
}

/// A bin, open above.
pub(super) fn garbage_can(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let blue = tint(rng, [0.25, 0.38, 0.55], 0.05);
    let look = pick(rng, &[p.steel, blue, p.black, p.white]);
    let (r, h) = (rng.random_range(0.15..0.18), rng.random_range(0.50..0.62));
    Model::default().vessel([0.0; 3], (0.82 * r, r), h, look).round(
        [0.0, 0.0, 0.55 * h],
        (0.88 * r, 0.88 * r),
        0.01,
        tint(rng, [0.3, 0.3, 0.28], 0.05),
    )
}

/// A picture in its frame, hanging flat on the wall.
pub(super) fn painting(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let (w, h) = (rng.random_range(0.4..0.7), rng.random_range(0.35..0.5));
    let rgb = [0; 3].map(|_| rng.random_range(0.2..0.9));
    let canvas = Material::plain(rgb).with(Pattern::Speckle { size_m: 0.09, contrast: 0.9 });
    Model::default().block([0.0; 3], [0.025, w, h], p.wood).block(
        [0.014, 0.0, 0.03],
        [0.003, w - 0.06, h - 0.06],
        canvas,
    )
}

/// A window in its frame, flat on the wall, with the sky behind it.
pub(super) fn window(width_m: f64, p: &Palette) -> Model {
    let (w, h) = (width_m, 0.75);
    let sky = Material::plain([0.78, 0.88, 0.97]).with(Pattern::Glow);
    Model::default()
        .block([0.01, 0.0, 0.0], [0.02, w, h], sky)
        .block([0.02, 0.0, 0.0], [0.04, w, 0.05], p.white)
        .block([0.02, 0.0, h - 0.05], [0.04, w, 0.05], p.white)
        .block([0.02, 0.5 * w - 0.025, 0.0], [0.04, 0.05, h], p.white)
        .block([0.02, 0.025 - 0.5 * w, 0.0], [0.04, 0.05, h], p.white)
        .block([0.015, 0.0, 0.0], [0.03, 0.03, h], p.white)
}
