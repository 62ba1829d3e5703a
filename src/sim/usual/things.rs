//! Small things by category, of typical size.

use crate::sim::catalogue::{Model, Palette, tint};
use crate::sim::things::THINGS;
use rand_pcg::Pcg64Mcg;

/// What a thing looks like at its simplest.
#[derive(Clone, Copy)]
enum Form {
    Block,
    Round,
    Ball,
}

/// Category, form, edge lengths (depth, width, height, metres), colour.
type Kind = (&'static str, Form, [f64; 3], [f32; 3]);

const KINDS: &[Kind] = &[
    ("alarmclock", Form::Block, [0.06, 0.12, 0.10], [0.75, 0.20, 0.18]),
    ("baseballbat", Form::Block, [0.07, 0.75, 0.06], [0.70, 0.52, 0.32]),
    ("basketball", Form::Ball, [0.24, 0.24, 0.24], [0.85, 0.42, 0.15]),
    ("boots", Form::Block, [0.26, 0.20, 0.22], [0.32, 0.22, 0.15]),
    ("candle", Form::Round, [0.06, 0.06, 0.12], [0.92, 0.88, 0.75]),
    ("cd", Form::Round, [0.12, 0.12, 0.008], [0.78, 0.80, 0.88]),
    ("cellphone", Form::Block, [0.075, 0.15, 0.012], [0.10, 0.10, 0.12]),
    ("cloth", Form::Block, [0.22, 0.22, 0.02], [0.45, 0.60, 0.75]),
    ("creditcard", Form::Block, [0.055, 0.086, 0.006], [0.20, 0.35, 0.70]),
    ("glassbottle", Form::Round, [0.07, 0.07, 0.24], [0.55, 0.70, 0.62]),
    ("handtowel", Form::Block, [0.05, 0.28, 0.35], [0.80, 0.72, 0.55]),
    ("keychain", Form::Block, [0.05, 0.09, 0.012], [0.80, 0.66, 0.25]),
    ("ladle", Form::Block, [0.08, 0.30, 0.05], [0.66, 0.67, 0.70]),
    ("laptop", Form::Block, [0.25, 0.34, 0.03], [0.40, 0.42, 0.45]),
    ("newspaper", Form::Block, [0.28, 0.36, 0.015], [0.85, 0.84, 0.80]),
    ("pen", Form::Block, [0.012, 0.14, 0.012], [0.15, 0.20, 0.55]),
    ("pencil", Form::Block, [0.010, 0.17, 0.010], [0.90, 0.70, 0.20]),
    ("pillow", Form::Ball, [0.40, 0.55, 0.16], [0.86, 0.84, 0.80]),
    ("plunger", Form::Round, [0.14, 0.14, 0.40], [0.55, 0.22, 0.18]),
    ("remotecontrol", Form::Block, [0.05, 0.18, 0.025], [0.14, 0.14, 0.16]),
    ("scrubbrush", Form::Round, [0.10, 0.10, 0.36], [0.90, 0.90, 0.88]),
    ("soapbar", Form::Ball, [0.06, 0.09, 0.03], [0.88, 0.80, 0.60]),
    ("spraybottle", Form::Round, [0.08, 0.08, 0.24], [0.35, 0.62, 0.80]),
    ("statue", Form::Round, [0.12, 0.12, 0.28], [0.58, 0.52, 0.40]),
    ("teddybear", Form::Ball, [0.26, 0.28, 0.34], [0.60, 0.42, 0.26]),
    ("tennisracket", Form::Block, [0.28, 0.68, 0.03], [0.25, 0.55, 0.35]),
    ("tissuebox", Form::Block, [0.12, 0.23, 0.09], [0.62, 0.72, 0.85]),
    ("toiletpaper", Form::Round, [0.11, 0.11, 0.10], [0.95, 0.95, 0.94]),
    ("towel", Form::Block, [0.05, 0.45, 0.50], [0.55, 0.62, 0.58]),
    ("watch", Form::Round, [0.07, 0.07, 0.02], [0.30, 0.30, 0.33]),
    ("wateringcan", Form::Round, [0.18, 0.18, 0.24], [0.30, 0.50, 0.40]),
];

/// A thing of a category; `None` where it is not known.
pub(in crate::sim) fn thing(
    category: &str,
    rng: &mut Pcg64Mcg,
    p: &Palette,
) -> Option<(&'static str, Model)> {
    if let Some((name, build)) = THINGS.iter().find(|(name, _)| *name == category) {
        return Some((name, build(rng, p)));
    }
    let &(name, form, size, rgb) = KINDS.iter().find(|(name, ..)| *name == category)?;
    let look = tint(rng, rgb, 0.05).glossy(0.2);
    let model = Model::default();
    let model = match form {
        Form::Block => model.block([0.0; 3], size, look),
        Form::Round => model.round([0.0; 3], (0.5 * size[0], 0.45 * size[0]), size[2], look),
        Form::Ball => model.ball([0.0; 3], size, look),
    };
    Some((name, model))
}

/// A table lamp on a pole: a lamp that stands on the floor.
pub(in crate::sim) fn on_a_pole(lamp: Model, p: &Palette) -> Model {
    const POLE_M: f64 = 1.1;
    let mut model = Model::default().round([0.0; 3], (0.14, 0.14), 0.02, p.black).round(
        [0.0, 0.0, 0.02],
        (0.012, 0.012),
        POLE_M,
        p.steel,
    );
    for mut part in lamp.parts {
        part.entity_T_part.translation.vector.z += POLE_M;
        model.parts.push(part);
    }
    model
}
