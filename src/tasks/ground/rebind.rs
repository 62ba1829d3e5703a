//! An open plan is held against the map, which goes on changing while the plan is carried out.
//!
//! * A word stays bound to its object; where that has moved, the word is bound to its new place.
//! * An object that went while another of its name is in its place has become that one.
//! * A word that is bound to nothing is bound as soon as the map has something it can stand for.
//! * The plan holds no more when a thing it needs is gone, or when what it acts on is not where it
//!   goes for it: the way is wrong then, and where to go is for the model to say.
//! * What the robot has in hand is left out: to pick a thing up is to move it.

use super::{Walk, center, kinds_of, same_class};
use crate::scene::{MapObject, ObjectId};
use crate::tasks::{
    ActionVocabulary, Argument, ArgumentKind, Grounding, Plan, PlanStep, SoFar, SpokenStep,
    class_word, gap_m, preposition, stands,
};
use nalgebra::Point3;

/// A thing that is no farther than this from where the plan has it has not moved, metres: boxes shift
/// and grow as they are seen from other sides.
const MOVED_M: f64 = 0.1;
/// A thing that stands on nothing known is still got at from a place whose box is no farther, metres.
const NEAR_M: f64 = 0.3;

impl Plan {
    /// Holds the steps from the index `at` on, which is under way, against `objects`, the map of
    /// now. The robot is at `robot_m` (world frame, metres), holds `held`, and has tried `so_far`.
    /// Returns the plan as it is bound now, where that has changed, and why it holds no more, where
    /// it does not.
    pub fn rebound(
        &self,
        at: usize,
        held: Option<ObjectId>,
        objects: &[MapObject],
        robot_m: [f64; 3],
        so_far: &SoFar,
        vocabulary: &ActionVocabulary,
    ) -> (Option<Plan>, Option<String>) {
        let open = Open::new(self, at, held, objects, vocabulary);
        let spoken: Vec<SpokenStep> = self.steps.iter().map(PlanStep::spoken).collect();
        let mut walk = Walk::new(objects, robot_m, so_far, vocabulary);
        let (mut plan, mut is_new, mut gone) = (self.clone(), false, None);
        for (index, step) in plan.steps.iter_mut().enumerate() {
            let known: Vec<_> = step.arguments.iter().map(|word| open.known(word)).collect();
            let found = walk.bind(&spoken, index, vocabulary, &known);
            for ((word, known), found) in step.arguments.iter_mut().zip(known).zip(found) {
                if index < at || open.is_in_hand(word) {
                    continue;
                }
                if known.is_none() && word.grounding.bound().is_some() {
                    gone.get_or_insert_with(|| format!("the {} is gone", word.name));
                }
                if is_news(&word.grounding, &found.grounding) {
                    word.grounding = found.grounding;
                    is_new = true;
                }
            }
        }
        let broken = gone.or_else(|| open.astray(&plan));
        (is_new.then_some(plan), broken)
    }
}

/// A plan that is carried out, and the map of now.
struct Open<'a> {
    plan: &'a Plan,
    /// Index of the step that is under way.
    at: usize,
    /// Kinds of the arguments, by step.
    kinds: Vec<Vec<ArgumentKind>>,
    /// What the robot holds, acts on or has acted on.
    in_hand: Vec<ObjectId>,
    /// Names of what it has acted on while they were bound to nothing.
    unknown: Vec<&'a str>,
    objects: &'a [MapObject],
}

impl<'a> Open<'a> {
    fn new(
        plan: &'a Plan,
        at: usize,
        held: Option<ObjectId>,
        objects: &'a [MapObject],
        vocabulary: &ActionVocabulary,
    ) -> Self {
        let kinds = plan.steps.iter().map(|step| kinds_of(&step.action, vocabulary)).collect();
        let (in_hand, unknown) = (held.into_iter().collect(), Vec::new());
        let mut open = Self { plan, at, kinds, in_hand, unknown, objects };
        for index in 0..plan.steps.len().min(at + 1) {
            for word in open.acted_on(index, plan) {
                match word.grounding.bound() {
                    Some((id, _)) => open.in_hand.push(id),
                    None if index < at => open.unknown.push(&word.name),
                    // What the step under way is to act on may turn up.
                    None => {}
                }
            }
        }
        open
    }

    /// What step `index` of `plan`, which has the actions of the open one, acts on.
    fn acted_on<'p>(&self, index: usize, plan: &'p Plan) -> Vec<&'p Argument> {
        let words = plan.steps[index].arguments.iter().zip(&self.kinds[index]);
        words.filter(|(_, kind)| **kind == ArgumentKind::Object).map(|(word, _)| word).collect()
    }

    fn is_in_hand(&self, word: &Argument) -> bool {
        match word.grounding.bound() {
            Some((id, _)) => self.in_hand.contains(&id),
            None => self.unknown.contains(&word.name.as_str()),
        }
    }

    fn find(&self, id: ObjectId) -> Option<&'a MapObject> {
        self.objects.iter().find(|object| object.id == id)
    }

    /// The object that a word was bound to, or what that has become; `None` where it is gone.
    fn known(&self, word: &Argument) -> Option<ObjectId> {
        let (id, was_m) = word.grounding.bound()?;
        if self.in_hand.contains(&id) || self.find(id).is_some() {
            return Some(id);
        }
        let words = || self.plan.steps.iter().flat_map(|step| &step.arguments);
        let is_free =
            |id: ObjectId| !words().any(|word| word.grounding.bound().is_some_and(|b| b.0 == id));
        let is_in_place = |object: &&MapObject| {
            same_class(&object.label, &word.name)
                && gap_m(object, &Point3::from(was_m)) <= MOVED_M
                && is_free(object.id)
        };
        self.objects.iter().find(is_in_place).map(|object| object.id)
    }

    /// Why the ways of the plan, as it is bound `now`, lead past what it goes for, if one does. A way
    /// that never led there was the model's guess and is left to it.
    fn astray(&self, now: &Plan) -> Option<String> {
        let (mut way, mut met) = (None, Vec::new());
        for (index, step) in now.steps.iter().enumerate() {
            if self.kinds[index] == [ArgumentKind::Target] {
                way = step.arguments.first().and_then(|word| word.grounding.bound());
                continue;
            }
            let words = self.acted_on(index, self.plan).into_iter().zip(self.acted_on(index, now));
            for (before, word) in words {
                let Some((id, _)) = word.grounding.bound().filter(|(id, _)| !met.contains(id))
                else {
                    continue;
                };
                // After that it is in the hand, and goes where the robot goes.
                met.push(id);
                if index < self.at || self.is_in_hand(word) {
                    continue;
                }
                let (Some((way, _)), Some(thing)) = (way, self.find(id)) else { continue };
                let is_meant = match before.grounding.bound() {
                    Some((_, was_m)) => {
                        is_apart(was_m, thing.position_m) && leads(way, id, &self.before())
                    }
                    None => true,
                };
                if is_meant && !leads(way, id, self.objects) {
                    return Some(whereabouts(&word.name, thing, self.objects));
                }
            }
        }
        None
    }

    /// The map as the plan has it: what it is bound to stands where it did.
    fn before(&self) -> Vec<MapObject> {
        let words = self.plan.steps.iter().flat_map(|step| &step.arguments);
        let bound: Vec<_> = words.filter_map(|word| word.grounding.bound()).collect();
        let was = |object: &MapObject| {
            let (_, was_m) = bound.iter().rev().find(|(id, _)| *id == object.id)?;
            Some(MapObject { position_m: *was_m, ..object.clone() })
        };
        self.objects.iter().map(|object| was(object).unwrap_or_else(|| object.clone())).collect()
    }
}

/// Whether what a word is bound to now is news. Why it is bound to nothing is none.
fn is_news(before: &Grounding, now: &Grounding) -> bool {
    match (before.bound(), now.bound()) {
        (Some((was, was_m)), Some((is, is_m))) => was != is || is_apart(was_m, is_m),
        (before, now) => before.is_some() || now.is_some(),
    }
}

fn is_apart(a_m: [f64; 3], b_m: [f64; 3]) -> bool {
    (Point3::from(a_m) - Point3::from(b_m)).norm() > MOVED_M
}

/// Whether who goes to `way` gets at `thing`: it is the thing, or what that stands on or in.
fn leads(way: ObjectId, thing: ObjectId, objects: &[MapObject]) -> bool {
    let find = |id: ObjectId| objects.iter().find(|object| object.id == id);
    let under = |object: &MapObject| stands(object, objects.iter()).and_then(|(_, id)| find(id));
    let Some(thing) = find(thing).filter(|thing| thing.id != way) else { return true };
    let mut holder = under(thing);
    if holder.is_none() {
        return find(way).is_some_and(|place| gap_m(place, &center(thing)) <= NEAR_M);
    }
    // A mug on a tray on the table is on the table.
    for _ in 0..objects.len() {
        let Some(object) = holder.filter(|object| object.id != way) else { break };
        holder = under(object);
    }
    holder.is_some_and(|object| object.id == way)
}

/// Where a thing is, in words.
fn whereabouts(name: &str, thing: &MapObject, objects: &[MapObject]) -> String {
    let holder = stands(thing, objects.iter());
    let holder = holder.and_then(|(_, id)| objects.iter().find(|object| object.id == id));
    match holder.map(|holder| class_word(&holder.label)) {
        Some(holder) => format!("the {name} is {} the {holder} now", preposition(&holder)),
        None => format!("the {name} is elsewhere now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{object, sized};
    use crate::tasks::PlanRequest;
    use crate::tasks::fixtures::{bound_plan, bound_step, request};

    const WAY: &str = "GotoLocation diningtable\nPickupObject mug\nGotoLocation shelf\n\
        PutObject mug shelf\nNoOp";

    fn mug(id: u32, x: f64) -> MapObject {
        object(id, "mug", [x, 0.0, 0.85], 0.1)
    }

    /// Two tables, at x = 0 m and 5 m, and a shelf at 9 m.
    fn furniture() -> Vec<MapObject> {
        let table = [1.0, 1.0, 0.8];
        vec![
            sized(1, "Dining Table", [0.0, 0.0, 0.4], table),
            sized(2, "Dining Table", [5.0, 0.0, 0.4], table),
            sized(3, "shelf", [9.0, 0.0, 0.4], table),
        ]
    }

    fn with(things: &[MapObject]) -> Vec<MapObject> {
        [&furniture()[..], things].concat()
    }

    fn plan(text: &str, objects: &[MapObject]) -> Plan {
        bound_plan(text, &PlanRequest { objects, ..request("put the mug away") })
    }

    fn look(plan: &Plan, at: usize, objects: &[MapObject]) -> (Option<Plan>, Option<String>) {
        look_after(SoFar::nothing(), plan, at, objects)
    }

    /// A look after what was tried before.
    fn look_after(
        so_far: &SoFar,
        plan: &Plan,
        at: usize,
        objects: &[MapObject],
    ) -> (Option<Plan>, Option<String>) {
        plan.rebound(at, None, objects, [0.0; 3], so_far, &ActionVocabulary::alfred())
    }

    /// The ids that the words of the plan are bound to, step by step.
    fn ids(plan: &Plan) -> Vec<Option<u32>> {
        let words = plan.steps.iter().flat_map(|step| &step.arguments);
        words.map(|word| word.grounding.bound().map(|(id, _)| id.0)).collect()
    }

    #[test]
    fn what_another_of_its_name_stands_in_for_has_become_that() {
        let plan = plan(WAY, &with(&[mug(4, 0.2)]));
        let (rebound, broken) = look(&plan, 0, &with(&[mug(9, 0.25)]));
        assert_eq!(broken, None);
        assert_eq!(ids(&rebound.unwrap()), [1, 9, 3, 9, 3].map(Some));
        let (_, broken) = look(&plan, 0, &with(&[mug(9, 4.8)]));
        assert_eq!(broken.unwrap(), "the mug is gone", "the other mug is another");
    }

    #[test]
    fn a_way_to_the_thing_itself_is_right_wherever_that_is() {
        let text = "GotoLocation mug\nPickupObject mug\nNoOp";
        let (rebound, broken) = look(&plan(text, &with(&[mug(4, 0.2)])), 0, &with(&[mug(4, 4.8)]));
        assert_eq!(broken, None);
        let places = rebound.unwrap().steps.into_iter().map(|step| step.target_position_m());
        assert!(places.eq([Some([4.8, 0.0, 0.85]); 2]));
    }

    #[test]
    fn a_table_that_moves_with_its_mug_is_still_the_way_to_it() {
        let plan = plan(WAY, &with(&[mug(4, 0.2)]));
        let mut now = with(&[mug(4, 1.2)]);
        now[0].position_m[0] = 1.0;
        let (rebound, broken) = look(&plan, 0, &now);
        assert_eq!(broken, None);
        assert_eq!(rebound.unwrap().steps[0].target_position_m(), Some([1.0, 0.0, 0.4]));
    }

    #[test]
    fn a_mug_on_a_tray_on_the_table_is_on_the_table() {
        let tray = sized(5, "tray", [0.2, 0.0, 0.81], [0.4, 0.4, 0.02]);
        let plan = plan(WAY, &with(&[mug(4, -0.3), tray.clone()]));
        let on_it = MapObject { position_m: [0.2, 0.0, 0.87], ..mug(4, 0.2) };
        let (rebound, broken) = look(&plan, 0, &with(&[on_it, tray]));
        assert_eq!((broken, rebound.is_some()), (None, true));
        let (_, broken) = look(&plan, 0, &with(&[mug(4, 4.8)]));
        assert_eq!(broken.unwrap(), "the mug is on the diningtable now");
    }

    #[test]
    fn a_way_that_was_a_guess_is_left_to_the_model() {
        let text = "GotoLocation shelf\nPickupObject mug\nNoOp";
        let (rebound, broken) = look(&plan(text, &with(&[mug(4, 0.2)])), 0, &with(&[mug(4, 4.8)]));
        assert_eq!((broken, rebound.is_some()), (None, true));
    }

    #[test]
    fn of_two_mugs_the_second_one_to_turn_up_is_the_second_one_to_be_taken() {
        let both = "GotoLocation diningtable\nPickupObject mug\nPutObject mug shelf\n\
            GotoLocation diningtable\nPickupObject mug\nPutObject mug shelf\nNoOp";
        let plan = plan(both, &with(&[mug(4, 0.2)]));
        let known = [Some(1), Some(4), Some(4), Some(3), Some(1), None, None, Some(3)];
        assert_eq!(ids(&plan), known);
        let (rebound, broken) = look(&plan, 1, &with(&[mug(4, 0.2), mug(6, 0.1)]));
        assert_eq!(broken, None);
        assert_eq!(ids(&rebound.unwrap()), [1, 4, 4, 3, 1, 6, 6, 3].map(Some));
        // What was taken while nobody knew which it was may be any that turns up.
        let unbound = self::plan(both, &furniture());
        assert_eq!(look(&unbound, 2, &with(&[mug(4, 0.2)])), (None, None));
    }

    #[test]
    fn what_an_earlier_plan_put_away_or_could_not_take_is_not_what_turns_up() {
        let plan = plan(WAY, &furniture());
        let put = bound_step(4, "PutObject mug shelf", &[4, 3]);
        let so_far = SoFar { done: vec![put], ..SoFar::default() };
        let put_away = mug(4, 9.0);
        let found = |so_far: &SoFar, things: &[MapObject]| {
            let (rebound, broken) = look_after(so_far, &plan, 0, &with(things));
            (rebound.and_then(|plan| ids(&plan)[1]), broken)
        };
        assert_eq!(found(&so_far, std::slice::from_ref(&put_away)), (None, None));
        assert_eq!(found(&so_far, &[put_away, mug(6, 0.1)]), (Some(6), None));
        let mut so_far = SoFar::default();
        so_far.fail(bound_step(2, "PickupObject mug", &[4]), "it slipped", None);
        assert_eq!(found(&so_far, &[mug(4, 0.2), mug(6, 0.1)]), (Some(6), None));
        assert_eq!(found(&so_far, &[mug(4, 0.2)]), (Some(4), None));
    }
}
