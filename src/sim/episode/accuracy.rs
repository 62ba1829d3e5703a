//! How well regions of a map tell what is in the home.

use crate::scene::Region;
use crate::sim::Entity;
use crate::sim::household::{World, is_portable};
use nalgebra::Vector3;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How far the middle of a region may be from what it is taken for, metres.
const NEAR_M: f64 = 0.3;

/// Things or furniture, and regions that bear names of such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FoundCounts {
    /// Entities that were in sight.
    pub entities: usize,
    /// Those with a region of their name in their place.
    pub found: usize,
    /// Regions.
    pub regions: usize,
    /// Those with an entity of their name in their place.
    pub right: usize,
}

impl FoundCounts {
    /// Share of entities that were found; 1 where there are none.
    pub fn recall(&self) -> f64 {
        share(self.found, self.entities)
    }

    /// Share of regions that are right; 1 where there are none.
    pub fn precision(&self) -> f64 {
        share(self.right, self.regions)
    }

    fn add(&mut self, other: &Self) {
        self.entities += other.entities;
        self.found += other.found;
        self.regions += other.regions;
        self.right += other.right;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Regions held against the home.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RegionAccuracy {
    /// What can be lifted: one region finds one thing.
    pub things: FoundCounts,
    /// All else but the room itself: a row of cabinets may be one region.
    pub furniture: FoundCounts,
    /// Things found that stand on or in furniture.
    pub standing: usize,
    /// Those whose region knows the name of what they stand on or in.
    pub relations: usize,
    /// Names of wrong regions, and of the visible entity whose middle is nearest to each.
    pub mistaken: BTreeMap<String, usize>,
    /// Names of entities that were not found.
    pub missed: BTreeMap<String, usize>,
}

impl RegionAccuracy {
    /// Adds what was counted in another home.
    pub fn add(&mut self, other: &Self) {
        self.things.add(&other.things);
        self.furniture.add(&other.furniture);
        self.standing += other.standing;
        self.relations += other.relations;
        let lists = [(&mut self.mistaken, &other.mistaken), (&mut self.missed, &other.missed)];
        for (sum, part) in lists {
            part.iter().for_each(|(name, times)| *sum.entry(name.clone()).or_default() += times);
        }
    }
}

/// Holds `regions` of a map in world coordinates, which bear `names`, against `world`; `seen` are the
/// ids of the entities that were in sight.
pub fn region_accuracy(
    world: &World,
    seen: &BTreeSet<u32>,
    regions: &[Region],
    names: &[String],
) -> RegionAccuracy {
    let entities: Vec<&Entity> = world
        .home()
        .entities
        .iter()
        .filter(|entity| seen.contains(&entity.id) && !entity.is_structure())
        .collect();
    let name = |region: &Region| names.get(region.name).map_or("", String::as_str);
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (e, entity) in entities.iter().enumerate() {
        for (r, region) in regions.iter().enumerate() {
            let off_m = off_m(entity, region);
            if name(region) == entity.category && off_m <= NEAR_M {
                pairs.push((off_m, e, r));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut is_found, mut is_right) = (vec![false; entities.len()], vec![false; regions.len()]);
    let mut accuracy = RegionAccuracy::default();
    for (_, e, r) in pairs {
        let entity = entities[e];
        if is_portable(entity.category) {
            if is_found[e] || is_right[r] {
                continue;
            }
            let holder = world.holder(entity.id).and_then(|holder| world.home().entity(holder));
            if let Some(holder) = holder {
                let on = regions[r].on.and_then(|on| regions.get(on)).map(name);
                accuracy.standing += 1;
                accuracy.relations += usize::from(on == Some(holder.category));
            }
        }
        (is_found[e], is_right[r]) = (true, true);
    }
    for (entity, is_found) in entities.iter().zip(is_found) {
        let counts = match is_portable(entity.category) {
            true => &mut accuracy.things,
            false => &mut accuracy.furniture,
        };
        counts.entities += 1;
        counts.found += usize::from(is_found);
        if !is_found {
            *accuracy.missed.entry(entity.category.into()).or_default() += 1;
        }
    }
    for (region, is_right) in regions.iter().zip(is_right) {
        let counts = match is_portable(name(region)) {
            true => &mut accuracy.things,
            false => &mut accuracy.furniture,
        };
        counts.regions += 1;
        counts.right += usize::from(is_right);
        if !is_right {
            let at = Vector3::from(region.centre_m);
            let apart = |entity: &Entity| (entity.world_T_entity.translation.vector - at).norm();
            let nearest = entities.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
            let nearest = nearest.map_or("nothing", |entity| entity.category);
            *accuracy.mistaken.entry(format!("{} at {nearest}", name(region))).or_default() += 1;
        }
    }
    accuracy
}

/// How far a region is from an entity, metres: between their middles for a thing; from the middle of
/// either to the box of the other for furniture, of which often only a part is seen.
fn off_m(entity: &Entity, region: &Region) -> f64 {
    let middle = entity.world_T_entity.translation.vector;
    let apart = (Vector3::from(region.centre_m) - middle).abs();
    if is_portable(entity.category) {
        return apart.norm();
    }
    let beyond = |half: Vector3<f64>| (apart - half).map(|gap| gap.max(0.0)).norm();
    beyond(entity.world_half_m()).min(beyond(Vector3::from(region.size_m) * 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::household::household;

    fn region_of(entity: &Entity, name: usize, on: Option<usize>) -> Region {
        Region {
            name,
            score: 1.0,
            feature: vec![1.0],
            centre_m: entity.world_T_entity.translation.vector.into(),
            size_m: (entity.world_half_m() * 2.0).into(),
            rgb: [0.5; 3],
            voxels: 9,
            on,
            seen_ns: [0, 1],
        }
    }

    #[test]
    fn found_wrong_and_missed_are_told_apart() {
        let world = household(3).unwrap();
        let mug = world.named("mug").find(|mug| !world.is_hidden(mug.id)).unwrap();
        let holder = world.home().entity(world.holder(mug.id).unwrap()).unwrap();
        let fridge = world.named("fridge").next().unwrap();
        let names = ["mug", holder.category, "fork", "fridge"].map(str::to_owned);
        let seen = BTreeSet::from([mug.id, holder.id, fridge.id]);
        let regions = [
            region_of(mug, 0, Some(1)),
            region_of(holder, 1, None),
            region_of(mug, 0, None),
            region_of(fridge, 2, None),
        ];
        let accuracy = region_accuracy(&world, &seen, &regions, &names);
        let counts =
            |entities, found, regions, right| FoundCounts { entities, found, regions, right };
        assert_eq!(accuracy.things, counts(1, 1, 3, 1), "a second mug is one too many");
        assert_eq!(accuracy.furniture, counts(2, 1, 1, 1));
        assert_eq!((accuracy.standing, accuracy.relations), (1, 1));
        assert_eq!(accuracy.missed, BTreeMap::from([("fridge".to_owned(), 1)]));
        assert_eq!(accuracy.mistaken.get("fork at fridge"), Some(&1));
        let mut twice = accuracy.clone();
        twice.add(&accuracy);
        assert_eq!((twice.things.regions, twice.missed["fridge"]), (6, 2));
        assert!((twice.things.precision() - 1.0 / 3.0).abs() < 1e-9);
    }
}
