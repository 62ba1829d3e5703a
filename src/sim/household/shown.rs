//! What there is to be seen of a home: open doors, lit lamps, sliced things, nothing behind what
//! is closed.

use super::interior::{PULL, WALL_M, inside};
use super::kinds::{is_lamp, may_be_sliced, opens};
use super::world::{Condition, World};
use crate::geometry::Pose;
use crate::sim::{Entity, Home, Material, Pattern, Primitive, Shape};
use nalgebra::{Translation3, UnitQuaternion, Vector3};
use std::f64::consts::FRAC_PI_2;

/// Widest part of an open door that stands into the room, metres.
const DOOR_M: f64 = 0.42;
/// Slices of a sliced thing.
const SLICES: u32 = 4;
/// Share of its place that a slice leaves free.
const SLICE_GAP: f64 = 0.22;

impl Condition {
    /// The states in which a thing of this category is seen to be or not to be: `open`, `sliced`,
    /// `lit`.
    pub fn visible(&self, category: &str) -> impl Iterator<Item = (&'static str, bool)> + use<> {
        let states = [
            ("open", opens(category), self.is_open),
            ("sliced", may_be_sliced(category), self.is_sliced),
            ("lit", is_lamp(category), self.is_on),
        ];
        let shown = states.into_iter().filter(|(_, shows, _)| *shows);
        shown.map(|(state, _, holds)| (state, holds))
    }
}

impl World {
    /// What an entity is called: its category, behind the word for the state in which it is seen, if
    /// any: `open fridge`.
    pub fn called(&self, entity: &Entity) -> String {
        let category = entity.category;
        match self.condition(entity.id).visible(category).find(|(_, holds)| *holds) {
            Some((state, _)) => format!("{state} {category}"),
            None => category.to_owned(),
        }
    }

    /// The home as cameras see it. Ids are those of [`World::home`]; what is hidden has no parts.
    pub fn shown(&self) -> Home {
        let mut shown = self.home.clone();
        for entity in &mut shown.entities {
            let condition = self.condition(entity.id);
            if self.is_hidden(entity.id) {
                entity.parts.clear();
            } else if condition.is_open && opens(entity.category) {
                open(entity);
            } else if condition.is_sliced {
                entity.parts = slices(entity);
            } else if condition.is_on && is_lamp(entity.category) {
                light(entity);
            }
        }
        shown
    }
}

/// Opens an entity: its solid parts become walls around what is inside, with the door swung aside
/// or the drawer pulled out.
fn open(entity: &mut Entity) {
    let [depth, width, height] = entity.size_m;
    let look = entity.parts.first().map_or(Material::plain([0.8; 3]), |part| part.material);
    let pale = Material::plain([0.86, 0.87, 0.88]);
    let mut parts = Vec::new();
    let mut block = |at: [f64; 3], size: [f64; 3], material: Material| {
        parts.push(Primitive {
            shape: Shape::Cuboid { size_m: size.map(|edge| edge as f32) },
            entity_T_part: Pose::translation(at[0], at[1], at[2]),
            material,
        });
    };
    let (x, y, z) = (0.5 * depth, 0.5 * width, 0.5 * height);
    if entity.category == "drawer" {
        let out = PULL * depth;
        block([out, 0.0, 0.5 * WALL_M - z], [depth, width, WALL_M], pale);
        for side in [-1.0, 1.0] {
            block([out, side * (y - 0.5 * WALL_M), -0.2 * z], [depth, WALL_M, 0.8 * height], look);
            let front = if side > 0.0 { height } else { 0.7 * height };
            block([out + side * x, 0.0, 0.5 * (front - height)], [WALL_M, width, front], look);
        }
    } else {
        block([0.5 * WALL_M - x, 0.0, 0.0], [WALL_M, width, height], pale);
        for side in [-1.0, 1.0] {
            block([0.0, side * (y - 0.5 * WALL_M), 0.0], [depth, WALL_M, height], look);
            block([0.0, 0.0, side * (z - 0.5 * WALL_M)], [depth, width, WALL_M], look);
        }
        for shelf in inside(entity) {
            let [sx, sy, sz] = shelf.centre_m;
            block(
                [sx, sy, sz - 0.25 * WALL_M],
                [2.0 * shelf.half_m[0], width - 2.0 * WALL_M, 0.5 * WALL_M],
                pale,
            );
        }
        let door = width.min(DOOR_M);
        block([x + 0.5 * door, y - 0.5 * WALL_M, 0.0], [door, WALL_M, height], look);
    }
    entity.parts = parts;
    fit_box(entity);
}

/// Makes the box hold all parts again, as the renderer needs it.
fn fit_box(entity: &mut Entity) {
    let mut half = Vector3::from(entity.size_m) * 0.5;
    for (low, high) in entity.parts.iter().map(Primitive::bounds_m) {
        half = half.sup(&low.abs()).sup(&high.abs());
    }
    entity.size_m = (half * 2.0).into();
}

/// A thing cut across its longest edge.
fn slices(entity: &Entity) -> Vec<Primitive> {
    let peel = entity.parts.first().map_or(Material::plain([0.7; 3]), |part| part.material);
    let flesh = Material::plain(peel.rgb.map(|c| 0.45 * c + 0.5));
    let size = Vector3::from(entity.size_m);
    let axis = if size.x >= size.y { 0 } else { 1 };
    let place = size[axis] / f64::from(SLICES);
    let (wide, tall) = (size[1 - axis], size.z);
    let turn = match axis {
        0 => UnitQuaternion::from_euler_angles(0.0, FRAC_PI_2, 0.0),
        _ => UnitQuaternion::from_euler_angles(FRAC_PI_2, 0.0, 0.0),
    };
    (0..SLICES)
        .map(|slice| {
            let mut at = Vector3::zeros();
            at[axis] = place * (f64::from(slice) + 0.5) - 0.5 * size[axis];
            let radius_m = (0.5 * wide.min(tall)) as f32;
            Primitive {
                shape: Shape::Frustum {
                    bottom_radius_m: radius_m,
                    top_radius_m: radius_m,
                    height_m: (place * (1.0 - SLICE_GAP)) as f32,
                    open: false,
                },
                entity_T_part: Pose::from_parts(Translation3::from(at), turn),
                material: if slice % 2 == 0 { peel } else { flesh },
            }
        })
        .collect()
}

/// Lights a lamp: its highest part is the shade.
fn light(entity: &mut Entity) {
    let top = |part: &Primitive| part.bounds_m().1.z;
    if let Some(shade) = entity.parts.iter_mut().max_by(|a, b| top(a).total_cmp(&top(b))) {
        shade.material = Material::plain([1.0, 0.95, 0.75]).with(Pattern::Glow);
    }
}
