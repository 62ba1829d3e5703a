//! The same goals where things stand elsewhere.
//!
//! Many trajectories of ALFRED share a floor plan, and a decoder that has read their goals knows by
//! heart where things were: it has no reason to look. So what a plan takes is put elsewhere, and the
//! plan goes there.

use super::super::Trajectory;
use super::super::alfred::complete_plan;
use crate::sim::household::{World, is_portable, opens, spoken};
use crate::tasks::{ActionVocabulary, SpokenStep};
use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// `world` with all things of the classes that the plan takes on another kind of furniture in the
/// open, and the trajectory that fits; goals that tell where the things were are left out. `None`
/// where there is no room elsewhere, or no goal is left.
pub fn moved(
    world: &World,
    trajectory: &Trajectory,
    vocabulary: &ActionVocabulary,
    rng: &mut impl Rng,
) -> Option<(World, Trajectory)> {
    let mut world = world.clone();
    let mut plan = complete_plan(&trajectory.plan);
    let taken: BTreeMap<String, String> = plan
        .windows(2)
        .filter_map(|pair| {
            let ([place], [thing, ..]) = (&pair[0].arguments[..], &pair[1].arguments[..]) else {
                return None;
            };
            let takes = vocabulary.only_goes(&pair[0].action) && pair[1].action == "PickupObject";
            takes.then(|| (thing.clone(), place.clone()))
        })
        .collect();
    let ends: Vec<String> = plan.iter().filter_map(|step| step.arguments.get(1).cloned()).collect();
    let mut to: BTreeMap<String, String> = BTreeMap::new();
    for (thing, place) in &taken {
        let elsewhere = put_elsewhere(&mut world, thing, &[place.as_str()], &ends, rng)?;
        to.insert(thing.clone(), elsewhere);
    }
    if to.is_empty() {
        return None;
    }
    for at in 0..plan.len().saturating_sub(1) {
        let thing = stands_at(&plan[at + 1]);
        let place = thing.and_then(|thing| to.get(thing));
        if let (Some(place), true) = (place, vocabulary.only_goes(&plan[at].action)) {
            plan[at].arguments = vec![place.clone()];
        }
    }
    let tells = |goal: &str| {
        let goal = goal.to_lowercase();
        taken.values().any(|place| goal.contains(place) || goal.contains(&*spoken(place)))
    };
    let goals: Vec<_> =
        trajectory.goals.iter().filter(|goal| !tells(&goal.goal)).cloned().collect();
    let (task, scene) = (trajectory.task.clone(), trajectory.scene.clone());
    (!goals.is_empty()).then_some((world, Trajectory { task, scene, goals, plan }))
}

/// The thing beside which one stands for a step: what is taken or sliced, or what something is put
/// into.
fn stands_at(step: &SpokenStep) -> Option<&String> {
    match step.action.as_str() {
        "PickupObject" | "SliceObject" => step.arguments.first(),
        "PutObject" => step.arguments.get(1),
        _ => None,
    }
}

/// Puts all things of a class on one piece of furniture of another class than `from`, none of
/// `ends`. The class.
fn put_elsewhere(
    world: &mut World,
    class: &str,
    from: &[&str],
    ends: &[String],
    rng: &mut impl Rng,
) -> Option<String> {
    let things: Vec<u32> = world.named(class).map(|thing| thing.id).collect();
    let fits = |category: &str| {
        !opens(category)
            && !is_portable(category)
            && !from.contains(&category)
            && !ends.iter().any(|end| end == category)
    };
    let mut places: Vec<(u32, &'static str)> = world
        .home()
        .entities
        .iter()
        .filter(|entity| world.is_receptacle(entity) && fits(entity.category))
        .map(|entity| (entity.id, entity.category))
        .collect();
    places.shuffle(rng);
    if things.is_empty() {
        return None;
    }
    places.into_iter().find_map(|(place, category)| {
        let mut trial = world.clone();
        things.iter().try_for_each(|thing| trial.displace(*thing, place)).ok()?;
        *world = trial;
        Some(category.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Goal;
    use crate::sim::household::household;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    #[test]
    fn things_and_plans_move_together() {
        let world = household(3).unwrap();
        let mug = world.named("mug").next().unwrap().id;
        let place = world.home().entity(world.holder(mug).unwrap()).unwrap().category;
        let step = |action: &str, words: &[&str]| SpokenStep {
            action: action.into(),
            arguments: words.iter().map(|word| word.to_string()).collect(),
        };
        let goal = |goal: &str| Goal { goal: goal.into(), steps: vec![] };
        let told = format!("Put the mug on the {place} into the fridge.");
        let trajectory = Trajectory {
            task: "pick_and_place_simple".into(),
            scene: None,
            goals: vec![goal("Put a mug into the fridge."), goal(&told)],
            plan: vec![
                step("GotoLocation", &[place]),
                step("PickupObject", &["mug"]),
                step("GotoLocation", &["fridge"]),
                step("PutObject", &["mug", "fridge"]),
            ],
        };
        let vocabulary = ActionVocabulary::alfred();
        let mut places = Vec::new();
        for seed in 0..8 {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let (after, fits) = moved(&world, &trajectory, &vocabulary, &mut rng).unwrap();
            let now = &fits.plan[0].arguments[0];
            assert_ne!(now, place);
            for mug in after.named("mug") {
                let on = after.home().entity(after.holder(mug.id).unwrap()).unwrap();
                assert_eq!(on.category, now);
                assert!(!after.is_hidden(mug.id));
            }
            assert_eq!(fits.plan[1..], trajectory.plan[1..]);
            assert_eq!(fits.goals.len(), 1, "who tells the old place is not asked");
            places.push(now.clone());
        }
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 1, "{places:?}");
        let nothing = Trajectory { plan: vec![], ..trajectory };
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        assert!(moved(&world, &nothing, &vocabulary, &mut rng).is_none());
    }
}
