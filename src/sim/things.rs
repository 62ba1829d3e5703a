//! What the small things of a kitchen look like.

use super::catalogue::{Model, Palette, pick, tint};
use super::material::{Material, Pattern};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// Makes one of a kind.
pub(super) type Build = fn(&mut Pcg64Mcg, &Palette) -> Model;

/// Every kind of small thing, and how it is made.
pub(super) const THINGS: &[(&str, Build)] = &[
    ("plate", plate),
    ("knife", knife),
    ("mug", mug),
    ("apple", apple),
    ("pot", pot),
    ("pan", pan),
    ("bowl", bowl),
    ("bread", bread),
    ("lettuce", lettuce),
    ("tomato", tomato),
    ("potato", potato),
    ("egg", egg),
    ("cup", cup),
    ("fork", fork),
    ("spoon", spoon),
    ("butterknife", butter_knife),
    ("saltshaker", salt_shaker),
    ("peppershaker", pepper_shaker),
    ("winebottle", bottle),
    ("soapbottle", soap_bottle),
    ("dishsponge", sponge),
    ("spatula", spatula),
    ("papertowelroll", paper_towels),
    ("kettle", kettle),
    ("vase", vase),
    ("book", book),
    ("box", cereal),
];

/// A glazed colour, as of crockery.
fn glaze(rng: &mut Pcg64Mcg) -> Material {
    const COLOURS: [[f32; 3]; 7] = [
        [0.92, 0.92, 0.90],
        [0.80, 0.16, 0.14],
        [0.16, 0.35, 0.66],
        [0.95, 0.76, 0.22],
        [0.22, 0.55, 0.42],
        [0.90, 0.50, 0.25],
        [0.35, 0.30, 0.48],
    ];
    let rgb = pick(rng, &COLOURS);
    tint(rng, rgb, 0.05).glossy(0.5)
}

fn darker(m: Material, by: f32) -> Material {
    Material { rgb: m.rgb.map(|c| c * by), ..m }
}

fn mug(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (r, h, look) = (rng.random_range(0.038..0.044), rng.random_range(0.09..0.105), glaze(rng));
    let coffee = Material::plain([0.22, 0.12, 0.06]).glossy(0.6);
    Model::default()
        .vessel([0.0; 3], (0.94 * r, r), h, look)
        .round([0.0, 0.0, 0.01], (0.9 * r, 0.9 * r), 0.6 * h, coffee)
        .bar([0.0, -r - 0.022, 0.5 * h], 2, 0.006, 0.05, look)
        .bar([0.0, -r - 0.010, 0.5 * h + 0.025], 1, 0.006, 0.03, look)
        .bar([0.0, -r - 0.010, 0.5 * h - 0.025], 1, 0.006, 0.03, look)
}

fn cup(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (r, h, look) = (rng.random_range(0.034..0.042), rng.random_range(0.10..0.13), glaze(rng));
    Model::default().vessel([0.0; 3], (0.72 * r, r), h, look)
}

fn apple(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let rgb = pick(rng, &[[0.78, 0.10, 0.10], [0.52, 0.72, 0.16], [0.85, 0.32, 0.14]]);
    let look = tint(rng, rgb, 0.05).with(Pattern::Speckle { size_m: 0.03, contrast: 0.35 });
    let (d, brown) = (rng.random_range(0.072..0.086), Material::plain([0.3, 0.2, 0.1]));
    Model::default().ball([0.0; 3], [d, d, 0.9 * d], look.glossy(0.4)).round(
        [0.0, 0.0, 0.87 * d],
        (0.002, 0.003),
        0.018,
        brown,
    )
}

fn tomato(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (d, look) = (rng.random_range(0.066..0.080), tint(rng, [0.86, 0.16, 0.08], 0.04));
    let green = Material::plain([0.20, 0.45, 0.14]);
    Model::default().ball([0.0; 3], [d, d, 0.82 * d], look.glossy(0.6)).round(
        [0.0, 0.0, 0.79 * d],
        (0.016, 0.004),
        0.007,
        green,
    )
}

fn potato(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let look = tint(rng, [0.70, 0.54, 0.32], 0.05);
    let size = [rng.random_range(0.09..0.12), rng.random_range(0.06..0.07), 0.058];
    let earth = Pattern::Speckle { size_m: 0.012, contrast: 0.4 };
    Model::default().ball([0.0; 3], size, look.with(earth))
}

fn egg(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let rgb = pick(rng, &[[0.94, 0.91, 0.86], [0.86, 0.66, 0.48]]);
    Model::default().ball([0.0; 3], [0.058, 0.044, 0.044], tint(rng, rgb, 0.03).glossy(0.2))
}

fn lettuce(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let look = tint(rng, [0.45, 0.68, 0.24], 0.05);
    let look = look.with(Pattern::Speckle { size_m: 0.03, contrast: 0.9 });
    let d = rng.random_range(0.13..0.16);
    let leaf = darker(look, 0.8);
    let mut model = Model::default().ball([0.0; 3], [d, d, 0.85 * d], look);
    for i in 0..5 {
        let turn = std::f64::consts::TAU * f64::from(i) / 5.0 + rng.random_range(-0.2..0.2);
        let (y, x) = turn.sin_cos();
        let at = [0.36 * d * x, 0.36 * d * y, 0.04 * d];
        model = model.ball(at, [0.55 * d, 0.55 * d, 0.62 * d], leaf);
    }
    model
}

fn bread(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let crust = tint(rng, [0.70, 0.44, 0.20], 0.05);
    let crust = crust.with(Pattern::Speckle { size_m: 0.02, contrast: 0.35 });
    let l = rng.random_range(0.20..0.26);
    Model::default().block([0.0; 3], [l, 0.10, 0.07], crust).ball(
        [0.0, 0.0, 0.035],
        [1.02 * l, 0.115, 0.08],
        darker(crust, 0.9),
    )
}

fn plate(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (r, look) = (rng.random_range(0.105..0.13), glaze(rng));
    Model::default().vessel([0.0; 3], (0.62 * r, r), 0.022, look).round(
        [0.0, 0.0, 0.001],
        (0.6 * r, 0.6 * r),
        0.006,
        darker(look, 0.92),
    )
}

fn bowl(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (r, look) = (rng.random_range(0.07..0.09), glaze(rng));
    Model::default()
        .round([0.0; 3], (0.45 * r, 0.45 * r), 0.008, look)
        .vessel([0.0, 0.0, 0.008], (0.48 * r, 0.86 * r), 0.03, look)
        .vessel([0.0, 0.0, 0.037], (0.85 * r, r), 0.03, darker(look, 0.95))
}

fn pot(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let (r, h) = (rng.random_range(0.09..0.105), rng.random_range(0.11..0.14));
    let enamel = tint(rng, [0.65, 0.16, 0.12], 0.05).glossy(0.5);
    let look = pick(rng, &[p.steel, p.black, enamel]);
    Model::default()
        .vessel([0.0; 3], (r, r), h, look)
        .round([0.0, 0.0, 0.5 * h], (0.95 * r, 0.95 * r), 0.01, darker(look, 0.6))
        .block([0.0, r + 0.02, 0.75 * h], [0.06, 0.045, 0.015], p.black)
        .block([0.0, -r - 0.02, 0.75 * h], [0.06, 0.045, 0.015], p.black)
}

fn pan(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let r = rng.random_range(0.095..0.115);
    let iron = pick(rng, &[p.black, Material::plain([0.28, 0.28, 0.30]).glossy(0.4)]);
    let grip = pick(rng, &[p.black, Material::plain([0.45, 0.27, 0.14])]);
    Model::default().vessel([0.0; 3], (0.85 * r, r), 0.045, iron).block(
        [r + 0.08, 0.0, 0.03],
        [0.17, 0.024, 0.015],
        grip,
    )
}

fn kettle(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let teal = tint(rng, [0.2, 0.45, 0.5], 0.05).glossy(0.4);
    let look = pick(rng, &[p.steel, p.white, teal]);
    Model::default()
        .round([0.0; 3], (0.085, 0.085), 0.02, p.black)
        .round([0.0, 0.0, 0.02], (0.08, 0.058), 0.18, look)
        .ball([0.0, 0.0, 0.18], [0.11, 0.11, 0.05], p.black)
        .block([0.08, 0.0, 0.165], [0.05, 0.03, 0.02], look)
        .bar([-0.105, 0.0, 0.12], 2, 0.011, 0.15, p.black)
        .bar([-0.075, 0.0, 0.19], 0, 0.011, 0.07, p.black)
}

/// A blade with a handle, lying along x.
fn blade(length_m: f64, width_m: f64, steel: Material, grip: Material) -> Model {
    let handle = 0.11;
    Model::default()
        .block([0.5 * handle, 0.0, 0.004], [length_m - handle, width_m, 0.003], steel)
        .block([-0.5 * length_m + 0.5 * handle, 0.0, 0.0], [handle, 0.022, 0.016], grip)
}

fn knife(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let red = Material::plain([0.6, 0.1, 0.1]);
    let grip = pick(rng, &[p.black, Material::plain([0.35, 0.20, 0.11]), red]);
    blade(rng.random_range(0.27..0.33), rng.random_range(0.034..0.042), p.steel.glossy(0.9), grip)
}

fn butter_knife(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    blade(rng.random_range(0.20..0.23), 0.02, p.steel.glossy(0.9), darker(p.steel, 0.85))
}

fn fork(_: &mut Pcg64Mcg, p: &Palette) -> Model {
    let model = Model::default().block([-0.04, 0.0, 0.0], [0.12, 0.012, 0.008], p.steel).block(
        [0.035, 0.0, 0.004],
        [0.03, 0.026, 0.005],
        p.steel,
    );
    [-0.010, 0.0, 0.010]
        .iter()
        .fold(model, |m, &y| m.block([0.07, y, 0.004], [0.045, 0.005, 0.004], p.steel))
}

fn spoon(_: &mut Pcg64Mcg, p: &Palette) -> Model {
    Model::default().block([-0.035, 0.0, 0.002], [0.13, 0.011, 0.006], p.steel).ball(
        [0.055, 0.0, 0.0],
        [0.065, 0.042, 0.014],
        p.steel,
    )
}

fn spatula(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let look = pick(rng, &[p.black, Material::plain([0.7, 0.2, 0.15]), p.wood]);
    Model::default().bar([-0.06, 0.0, 0.009], 0, 0.009, 0.2, look).block(
        [0.085, 0.0, 0.004],
        [0.10, 0.075, 0.006],
        look,
    )
}

fn shaker(glass: Material, p: &Palette) -> Model {
    Model::default().round([0.0; 3], (0.021, 0.017), 0.075, glass).round(
        [0.0, 0.0, 0.075],
        (0.018, 0.014),
        0.02,
        p.steel,
    )
}

fn salt_shaker(_: &mut Pcg64Mcg, p: &Palette) -> Model {
    shaker(Material::plain([0.92, 0.92, 0.94]).glossy(0.5), p)
}

fn pepper_shaker(_: &mut Pcg64Mcg, p: &Palette) -> Model {
    shaker(Material::plain([0.25, 0.22, 0.20]).glossy(0.5), p)
}

fn bottle(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let rgb = pick(rng, &[[0.10, 0.22, 0.10], [0.22, 0.10, 0.06], [0.55, 0.62, 0.45]]);
    let glass = tint(rng, rgb, 0.03).glossy(0.9);
    let label = tint(rng, [0.88, 0.84, 0.72], 0.05);
    Model::default()
        .round([0.0; 3], (0.037, 0.037), 0.19, glass)
        .round([0.0, 0.0, 0.06], (0.0378, 0.0378), 0.08, label)
        .round([0.0, 0.0, 0.19], (0.037, 0.015), 0.04, glass)
        .round([0.0, 0.0, 0.23], (0.015, 0.015), 0.08, darker(glass, 0.8))
}

fn soap_bottle(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let rgb = pick(rng, &[[0.30, 0.70, 0.40], [0.95, 0.60, 0.25], [0.35, 0.60, 0.85]]);
    Model::default()
        .round([0.0; 3], (0.034, 0.030), 0.14, tint(rng, rgb, 0.05).glossy(0.5))
        .round([0.0, 0.0, 0.14], (0.010, 0.010), 0.045, p.white)
        .block([0.015, 0.0, 0.18], [0.05, 0.014, 0.012], p.white)
}

fn sponge(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let pores = Pattern::Speckle { size_m: 0.006, contrast: 0.5 };
    let rgb = pick(rng, &[[0.92, 0.80, 0.25], [0.45, 0.65, 0.85]]);
    Model::default().block([0.0; 3], [0.10, 0.065, 0.025], tint(rng, rgb, 0.05).with(pores)).block(
        [0.0, 0.0, 0.025],
        [0.10, 0.065, 0.008],
        Material::plain([0.15, 0.40, 0.20]),
    )
}

fn paper_towels(_: &mut Pcg64Mcg, p: &Palette) -> Model {
    Model::default()
        .round([0.0; 3], (0.07, 0.07), 0.012, p.wood)
        .round([0.0, 0.0, 0.012], (0.055, 0.055), 0.24, Material::plain([0.95, 0.95, 0.93]))
        .round([0.0, 0.0, 0.252], (0.010, 0.010), 0.04, p.wood)
}

fn vase(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (look, h) = (glaze(rng), rng.random_range(0.16..0.22));
    Model::default()
        .round([0.0; 3], (0.035, 0.06), 0.45 * h, look)
        .round([0.0, 0.0, 0.45 * h], (0.06, 0.028), 0.35 * h, look)
        .vessel([0.0, 0.0, 0.8 * h], (0.028, 0.042), 0.2 * h, look)
}

fn book(rng: &mut Pcg64Mcg, _: &Palette) -> Model {
    let (cover, page) = (glaze(rng).glossy(0.1), Material::plain([0.93, 0.91, 0.84]));
    let (l, w) = (rng.random_range(0.18..0.23), rng.random_range(0.13..0.16));
    let t = rng.random_range(0.015..0.035);
    Model::default()
        .block([0.0; 3], [w, l, 0.003], cover)
        .block([0.002, 0.0, 0.003], [w - 0.008, l - 0.008, t], page)
        .block([0.0, 0.0, 0.003 + t], [w, l, 0.003], cover)
        .block([-0.5 * w + 0.0015, 0.0, 0.003], [0.003, l, t], cover)
}

fn cereal(rng: &mut Pcg64Mcg, p: &Palette) -> Model {
    let look = glaze(rng).glossy(0.1);
    let (w, h) = (rng.random_range(0.13..0.18), rng.random_range(0.20..0.27));
    Model::default().block([0.0; 3], [0.06, w, h], look).block(
        [0.0305, 0.0, 0.55 * h],
        [0.001, 0.7 * w, 0.25 * h],
        p.white,
    )
}
