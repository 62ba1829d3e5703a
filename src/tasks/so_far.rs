//! What was tried for a goal before: what the next plan goes on from, and what it does otherwise.
//!
//! A model that knows only the goal plans from the beginning every time. What was done is left out
//! of its plan ([`SoFar::left_of`]), and where the rest is bound to the map, what was tried in vain
//! comes last ([`SoFar::in_vain`]). A chat model is told what was done and what failed, and why.

use super::mention::of_class;
use super::{ActionVocabulary, PlanStep, SpokenStep, class_word, held_after, stands};
use crate::scene::{MapObject, ObjectId};

/// Longest reason that is kept, characters.
const MOST_REASON: usize = 200;

/// The steps that ended on the way to a goal, of all its plans.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SoFar {
    /// Those that succeeded, in their order.
    pub done: Vec<PlanStep>,
    /// Those that failed, in their order.
    pub failed: Vec<FailedStep>,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedStep {
    /// The step.
    pub step: PlanStep,
    /// Why, in a line of words; empty where nobody said.
    pub why: String,
    /// How many steps had succeeded before.
    pub after: usize,
    /// What the robot held then, where that is known.
    pub held: Option<ObjectId>,
}

impl SoFar {
    /// Nothing: the goal is new.
    pub fn nothing() -> &'static Self {
        static NOTHING: SoFar = SoFar { done: Vec::new(), failed: Vec::new() };
        &NOTHING
    }

    /// A step failed while the robot held `held`. `why` are the words of whoever carried it out,
    /// and no more of them is kept than fits in a line: models and people are told it.
    pub fn fail(&mut self, step: PlanStep, why: &str, held: Option<ObjectId>) {
        let words = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = words.chars().take(MOST_REASON).collect();
        self.failed.push(FailedStep { step, why, after: self.done.len(), held });
    }

    /// Lets no word of a step stay bound, for `reason`: what was tried is still known, but no more with
    /// which objects.
    pub fn unbind(&mut self, reason: &str) {
        self.failed.iter_mut().for_each(|failed| failed.held = None);
        let failed = self.failed.iter_mut().map(|failed| &mut failed.step);
        self.done.iter_mut().chain(failed).for_each(|step| step.unbind(reason));
    }

    /// What is left of a plan that begins where the work began: the steps behind the last act that
    /// was done. A plan that begins otherwise than what was done is left whole. Going somewhere is
    /// no act.
    pub fn left_of(
        &self,
        mut steps: Vec<SpokenStep>,
        vocabulary: &ActionVocabulary,
    ) -> Vec<SpokenStep> {
        let acts = self.done.iter().filter(|step| !vocabulary.only_goes(&step.action));
        let acts: Vec<SpokenStep> = acts.map(PlanStep::spoken).collect();
        let left = left_behind(&acts, &steps, vocabulary).len();
        steps.drain(..steps.len() - left);
        steps
    }

    /// The objects that failed steps speak against, until something is done with them after all:
    /// what could not be reached, taken, opened or filled; and where it is not known which thing
    /// that was, or where it is in the hand, the place that was gone to for it.
    pub fn in_vain(&self, vocabulary: &ActionVocabulary) -> Vec<ObjectId> {
        let goes = |step: &PlanStep| vocabulary.only_goes(&step.action);
        let is_of = |step: &PlanStep, id: ObjectId| {
            step.arguments.iter().any(|word| word.grounding.bound().is_some_and(|b| b.0 == id))
        };
        let against = |failed: &FailedStep| {
            let id = self.blamed(failed, vocabulary)?;
            let since = self.done.get(failed.after..).unwrap_or_default();
            // Who gets to a place has not done there what failed.
            let is_made_good =
                since.iter().any(|step| is_of(step, id) && (goes(&failed.step) || !goes(step)));
            (!is_made_good).then_some(id)
        };
        self.failed.iter().filter_map(against).collect()
    }

    /// The object that a failed step speaks against.
    fn blamed(&self, failed: &FailedStep, vocabulary: &ActionVocabulary) -> Option<ObjectId> {
        let bound = |step: &PlanStep| Some(step.arguments.last()?.grounding.bound()?.0);
        let (step, acted_on) = (&failed.step, bound(&failed.step));
        if vocabulary.only_goes(&step.action) || step.arguments.is_empty() {
            return acted_on;
        }
        let before = self.done.get(..failed.after).unwrap_or_default();
        let place = || bound(before.iter().rev().find(|step| vocabulary.only_goes(&step.action))?);
        acted_on.filter(|id| Some(*id) != failed.held).or_else(place)
    }

    /// The things among `objects` that were put where they belong. What nobody had seen before it was taken,
    /// as it came from behind a door, is the newest of its name there.
    pub(super) fn placed(&self, objects: &[MapObject]) -> Vec<ObjectId> {
        let mut placed: Vec<ObjectId> = self.done.iter().filter_map(PlanStep::brought).collect();
        for step in self.done.iter().filter(|step| step.brought().is_none()) {
            let [thing, place] = &step.arguments[..] else { continue };
            let place = class_word(&place.name);
            let is_there = |thing: &&MapObject| {
                let holder = stands(thing, objects.iter()).map(|(_, id)| id);
                let holder = objects.iter().find(|object| Some(object.id) == holder);
                holder.is_some_and(|holder| class_word(&holder.label) == place)
            };
            let unknown = of_class(objects, &thing.name).filter(|one| !placed.contains(&one.id));
            let newest = unknown.filter(is_there).map(|one| one.id).max();
            placed.extend(newest);
        }
        placed
    }

    /// What was taken and is still in the hand, and the word for it.
    pub(super) fn in_hand(&self) -> Option<(String, ObjectId)> {
        let held = self.done.iter().fold(None, |held, step| held_after(step, held))?;
        let mut words = self.done.iter().rev().flat_map(|step| &step.arguments);
        let word = words.find(|word| word.grounding.bound().is_some_and(|b| b.0 == held))?;
        Some((word.name.clone(), held))
    }
}

/// What is left of `steps` behind the last of the acts `done` with which they begin; going somewhere is no
/// act.
pub(super) fn left_behind<'a>(
    done: &[SpokenStep],
    steps: &'a [SpokenStep],
    vocabulary: &ActionVocabulary,
) -> &'a [SpokenStep] {
    let acts = steps.iter().enumerate().filter(|(_, step)| !vocabulary.only_goes(&step.action));
    let agreed = acts.zip(done).take_while(|((_, step), done)| step == done);
    agreed.last().map_or(steps, |((at, _), _)| &steps[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{object, sized};
    use crate::tasks::fixtures::{bound_step, step};
    use crate::tasks::{parse_plan, plan_text};

    const WHOLE: &str =
        "GotoLocation fridge\nPickupObject apple\nGotoLocation microwave\nHeatObject apple\nNoOp";
    const REST: &str = "\nGotoLocation microwave\nHeatObject apple\nNoOp";

    fn left(done: &[&str]) -> String {
        let vocabulary = ActionVocabulary::alfred();
        let done = done.iter().map(|line| step(1, line)).collect();
        let so_far = SoFar { done, ..SoFar::default() };
        let steps = parse_plan(WHOLE, &vocabulary).unwrap();
        plan_text(&so_far.left_of(steps, &vocabulary), &vocabulary)
    }

    #[test]
    fn what_was_done_is_left_out_and_the_way_to_the_next_act_stays() {
        assert_eq!(left(&["GotoLocation fridge", "PickupObject apple"]), REST);
        assert_eq!(left(&["PickupObject apple", "HeatObject apple"]), "\nNoOp");
    }

    #[test]
    fn a_plan_that_begins_otherwise_is_taken_whole() {
        assert_eq!(left(&[]).trim(), WHOLE);
        assert_eq!(left(&["GotoLocation fridge"]).trim(), WHOLE);
        assert_eq!(left(&["PickupObject tomato"]).trim(), WHOLE);
    }

    #[test]
    fn only_the_part_that_agrees_counts_as_done() {
        assert_eq!(left(&["PickupObject apple", "CoolObject apple"]), REST);
    }

    /// What steps speak against that end so: whether they succeed, in which words, and the objects
    /// that these are bound to, 0 for none.
    fn in_vain(ends: &[(bool, &str, &[u32])]) -> Vec<u32> {
        let (mut so_far, mut held) = (SoFar::default(), None);
        for (is_done, line, ids) in ends {
            let step = bound_step(1, line, ids);
            if *is_done {
                held = held_after(&step, held);
                so_far.done.push(step);
            } else {
                so_far.fail(step, "it slipped", held);
            }
        }
        so_far.in_vain(&ActionVocabulary::alfred()).iter().map(|id| id.0).collect()
    }

    #[test]
    fn what_failed_speaks_against_what_it_was_done_to() {
        assert_eq!(in_vain(&[(false, "PickupObject mug", &[4])]), [4]);
        assert_eq!(in_vain(&[(false, "GotoLocation fridge", &[8])]), [8]);
        assert_eq!(in_vain(&[(false, "OpenObject drawer", &[5])]), [5]);
        assert_eq!(in_vain(&[(false, "PutObject mug shelf", &[4, 3])]), [3]);
        assert!(in_vain(&[(false, "GotoLocation fridge", &[0])]).is_empty());
        assert!(in_vain(&[]).is_empty());
    }

    #[test]
    fn what_nobody_knows_speaks_against_where_it_was_looked_for() {
        let (first, second) = ((true, "GotoLocation cabinet", &[1][..]), &[2][..]);
        let miss = (false, "PickupObject mug", &[0][..]);
        assert_eq!(in_vain(&[first, miss]), [1]);
        assert_eq!(in_vain(&[first, miss, (true, "GotoLocation cabinet", second), miss]), [1, 2]);
        assert_eq!(in_vain(&[(false, "GotoLocation cabinet", second), miss]), [2]);
        assert_eq!(in_vain(&[first, (false, "PutObject mug shelf", &[4, 0])]), [1]);
    }

    #[test]
    fn what_is_in_the_hand_is_not_to_blame() {
        let took = (true, "PickupObject mug", &[4][..]);
        let sink = (true, "GotoLocation sinkbasin", &[7][..]);
        let wash = (false, "CleanObject mug", &[4][..]);
        assert_eq!(in_vain(&[took, sink, wash]), [7]);
        assert!(in_vain(&[took, wash]).is_empty());
    }

    #[test]
    fn what_succeeds_after_all_makes_it_good() {
        let slip = (false, "PickupObject mug", &[4][..]);
        assert!(in_vain(&[slip, (true, "PickupObject mug", &[4])]).is_empty());
        assert_eq!(in_vain(&[slip, (true, "GotoLocation mug", &[4])]), [4], "it is only there");
        let slices = |is_done| (is_done, "SliceObject apple", &[5][..]);
        assert_eq!(in_vain(&[slices(true), slices(false)]), [5], "that was before");
        assert!(in_vain(&[slices(false), slices(true)]).is_empty());
        let blocked = (false, "GotoLocation fridge", &[8][..]);
        assert!(in_vain(&[blocked, (true, "GotoLocation fridge", &[8])]).is_empty());
    }

    #[test]
    fn what_was_taken_is_in_the_hand_until_it_is_put_down() {
        let mut so_far = SoFar::default();
        so_far.done.push(bound_step(1, "PickupObject mug", &[4]));
        assert_eq!(so_far.in_hand(), Some(("mug".into(), ObjectId(4))));
        assert_eq!(so_far.placed(&[]), []);
        so_far.done.push(bound_step(2, "PutObject mug shelf", &[4, 3]));
        assert_eq!(so_far.in_hand(), None);
        assert_eq!(so_far.placed(&[]), [ObjectId(4)]);
    }

    #[test]
    fn what_came_from_behind_a_door_is_known_where_it_was_put() {
        let (table, mug) = ([1.0, 1.0, 0.8], |id, x| object(id, "mug", [x, 0.0, 0.85], 0.1));
        let objects = [
            sized(1, "Dining Table", [0.0, 0.0, 0.4], table),
            sized(2, "shelf", [5.0, 0.0, 0.4], table),
            mug(3, 0.2),
            mug(7, -0.2),
            mug(9, 5.0),
        ];
        let mut so_far = SoFar::default();
        so_far.done.push(bound_step(1, "PickupObject mug", &[0]));
        so_far.done.push(bound_step(2, "PutObject mug diningtable", &[0, 1]));
        assert_eq!(so_far.placed(&objects), [ObjectId(7)]);
        so_far.done.push(bound_step(4, "PutObject mug diningtable", &[0, 1]));
        assert_eq!(so_far.placed(&objects), [7, 3].map(ObjectId));
        // Behind the next door nobody sees it.
        so_far.done.push(bound_step(6, "PutObject mug drawer", &[0, 0]));
        assert_eq!(so_far.placed(&objects), [7, 3].map(ObjectId));
    }

    #[test]
    fn a_reason_is_a_line_and_not_a_long_one() {
        let mut so_far = SoFar::default();
        so_far.fail(step(1, "NoOp"), " it \r\n\u{2028}slipped\t", None);
        so_far.fail(step(1, "NoOp"), &"ä".repeat(10_000), None);
        assert_eq!(so_far.failed[0].why, "it slipped");
        assert_eq!(so_far.failed[1].why.chars().count(), MOST_REASON);
    }
}
