//! What no door hides in a simulated home, as boxes with a name and a colour.

use crate::sim::household::World;
use crate::sim::{Entity, Shape};

/// A thing or a piece of furniture as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// Id of its entity.
    pub id: u32,
    /// Category in lower case without spaces.
    pub category: &'static str,
    /// Middle of its box, world frame, metres.
    pub centre_m: [f64; 3],
    /// Edges of its box along the axes of the world, metres.
    pub size_m: [f64; 3],
    /// Mean colour, 0..=1.
    pub rgb: [f32; 3],
    /// Index of what it stands on or in.
    pub on: Option<usize>,
}

/// All that can be seen in `world`, in the order of their ids; walls, floor and ceiling are no things.
pub fn things_of(world: &World) -> Vec<Thing> {
    let entities = &world.home().entities;
    let shows = |entity: &&Entity| !entity.is_structure() && !world.is_hidden(entity.id);
    let shown: Vec<&Entity> = entities.iter().filter(shows).collect();
    let index_of = |id: u32| shown.iter().position(|entity| entity.id == id);
    let thing = |entity: &&Entity| Thing {
        id: entity.id,
        category: entity.category,
        centre_m: entity.world_T_entity.translation.vector.into(),
        size_m: (entity.world_half_m() * 2.0).into(),
        rgb: mean_colour(entity),
        on: world.holder(entity.id).or(entity.parent).and_then(index_of),
    };
    shown.iter().map(thing).collect()
}

/// Colours of the parts, each by the area of the largest side of its box.
fn mean_colour(entity: &Entity) -> [f32; 3] {
    let (mut sum, mut total) = ([0.0; 3], 0.0);
    for part in &entity.parts {
        let (low, high) = part.bounds_m();
        let mut edges: [f64; 3] = (high - low).into();
        edges.sort_by(f64::total_cmp);
        let [_, middle, longest] = edges;
        // A bowl or a tube hides half of its wall.
        let open = matches!(part.shape, Shape::Frustum { open: true, .. });
        let area = (middle * longest) as f32 * if open { 0.5 } else { 1.0 };
        for (sum, channel) in sum.iter_mut().zip(part.material.rgb) {
            *sum += area * channel;
        }
        total += area;
    }
    sum.map(|channel| if total > 0.0 { channel / total } else { 0.5 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::household::household;

    #[test]
    fn all_that_shows_is_there_and_stands_on_what_holds_it() {
        let world = household(3).unwrap();
        let things = things_of(&world);
        assert!(things.len() > 30 && things.iter().all(|thing| thing.category != "wall"));
        assert!(things.iter().all(|thing| !world.is_hidden(thing.id)));
        let mug = things.iter().find(|thing| thing.category == "mug").unwrap();
        let on = &things[mug.on.unwrap()];
        assert_eq!(Some(on.id), world.holder(mug.id));
        assert!(mug.centre_m[2] > on.centre_m[2] - 0.5 * on.size_m[2]);
        assert!(things.iter().flat_map(|thing| thing.rgb).all(|c| (0.0..=1.0).contains(&c)));
    }
}
