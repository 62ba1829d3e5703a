//! What of a plan can only fail again: the map has nothing else of the name.
//!
//! A model that knows only the goal says the same words every time. Where they may be bound to another
//! object of the name the next plan is another one ([`super::SoFar::in_vain`]); where there is none, the
//! words themselves have to change, but not those that are done.

use super::held::PICK_UP;
use super::mention::{named_in, of_class};
use super::so_far::left_behind;
use super::{ActionVocabulary, PlanRequest, PlanStep, SpokenStep};

/// Words that lead nowhere for a goal any more, and those that led somewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DeadEnds {
    /// Names of what was to be gone to and the map has none of. Where it has one, the way may be free the
    /// next time.
    nowhere: Vec<String>,
    /// These, and names of what could not be filled, but for those that the goal itself names: what a
    /// person asked for is not swapped for something else.
    swapped: Vec<String>,
    /// Acts on what nobody knows where it is, with the place that was gone to: each as often as there are
    /// places of the name. For a second thing nobody looks where the first was put away.
    fruitless: Vec<[String; 3]>,
    /// The acts that were done.
    begun: Vec<SpokenStep>,
    /// Whether something was looked for in vain.
    seeks: bool,
}

impl DeadEnds {
    /// What failed so far, held against the map of now.
    pub fn of(request: &PlanRequest<'_>, vocabulary: &ActionVocabulary) -> Self {
        let PlanRequest { objects, so_far, goal, .. } = request;
        let in_vain = so_far.in_vain(vocabulary);
        let is_there = |name: &str| of_class(objects, name).next().is_some();
        let has_room = |name: &str| of_class(objects, name).any(|one| !in_vain.contains(&one.id));
        let acts = so_far.done.iter().filter(|step| !vocabulary.only_goes(&step.action));
        let mut ends = Self { begun: acts.map(PlanStep::spoken).collect(), ..Self::default() };
        let mut tried: Vec<[String; 3]> = Vec::new();
        for failed in &so_far.failed {
            let step = &failed.step;
            let Some(word) = step.arguments.last() else { continue };
            let goes = vocabulary.only_goes(&step.action);
            ends.seeks |= word.grounding.bound().is_none();
            if goes || step.arguments.len() > 1 {
                let is_lacking = if goes { !is_there(&word.name) } else { !has_room(&word.name) };
                let is_asked_for = !named_in(goal, [word.name.as_str()]).is_empty();
                ends.nowhere.extend((goes && is_lacking).then(|| word.name.clone()));
                ends.swapped.extend((is_lacking && !is_asked_for).then(|| word.name.clone()));
            } else if word.grounding.bound().is_none() {
                let before = so_far.done.get(..failed.after).unwrap_or_default();
                let place = before.iter().rev().find(|step| vocabulary.only_goes(&step.action));
                if let Some(place) = place.and_then(place_of) {
                    tried.push([step.action.clone(), word.name.clone(), place]);
                }
            }
        }
        let times = |act: &[String; 3]| tried.iter().filter(|other| *other == act).count();
        let places = |act: &[String; 3]| of_class(objects, &act[2]).count();
        ends.fruitless = tried.iter().filter(|act| times(act) >= places(act)).cloned().collect();
        let put_away = ends.begun.iter().filter_map(|act| match &act.arguments[..] {
            [thing, place] if ends.seeks => Some([PICK_UP, thing, place].map(String::from)),
            _ => None,
        });
        let put_away: Vec<[String; 3]> = put_away.collect();
        ends.fruitless.extend(put_away);
        ends
    }

    /// Whether every way may be gone.
    pub fn bar_no_way(&self) -> bool {
        self.nowhere.is_empty() && self.fruitless.is_empty()
    }

    /// Whether something that the map has not was looked for in vain.
    pub fn seeks(&self) -> bool {
        self.seeks
    }

    /// How well acts, told without ways, go with what was tried: what can only fail comes last, and what
    /// goes on from what was done first.
    pub fn rank(&self, acts: &[SpokenStep]) -> u8 {
        match (self.bar_acts(acts), acts.starts_with(&self.begun)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    }

    /// Whether acts, told without ways, need a place or a lamp that is not to be had and the goal does not
    /// ask for. What is taken up is what the goal is about: that is never swapped.
    fn bar_acts(&self, acts: &[SpokenStep]) -> bool {
        let taken = acts.iter().filter(|act| act.action == PICK_UP).flat_map(|act| &act.arguments);
        let taken: Vec<&String> = taken.collect();
        let mut words = acts.iter().flat_map(|act| &act.arguments);
        words.any(|word| self.swapped.contains(word) && !taken.contains(&word))
    }

    /// What of a whole plan is still to be done.
    pub fn left_of<'a>(
        &self,
        steps: &'a [SpokenStep],
        vocabulary: &ActionVocabulary,
    ) -> &'a [SpokenStep] {
        left_behind(&self.begun, steps, vocabulary)
    }

    /// Whether a plan goes where nothing is to be had.
    pub fn bar_ways(&self, steps: &[SpokenStep], vocabulary: &ActionVocabulary) -> bool {
        let goes = |step: &SpokenStep| vocabulary.only_goes(&step.action);
        let nowhere = |step: &SpokenStep| {
            goes(step) && step.arguments.last().is_some_and(|word| self.nowhere.contains(word))
        };
        let again = |pair: &[SpokenStep]| {
            let [way, act] = pair else { return false };
            goes(way)
                && self.fruitless.iter().any(|[action, thing, place]| {
                    act.action == *action
                        && act.arguments.last() == Some(thing)
                        && way.arguments.last() == Some(place)
                })
        };
        steps.iter().any(nowhere) || steps.windows(2).any(again)
    }
}

fn place_of(way: &PlanStep) -> Option<String> {
    Some(way.arguments.last()?.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::MapObject;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::{bound_step, request};
    use crate::tasks::{SoFar, parse_plan};

    /// What is barred after steps ended so: whether they succeed, in which words, and the objects that these
    /// are bound to, 0 for none.
    fn ends(goal: &str, so_far: &[(bool, &str, &[u32])], objects: &[MapObject]) -> DeadEnds {
        let mut past = SoFar::default();
        for (is_done, line, ids) in so_far {
            let step = bound_step(1, line, ids);
            if *is_done {
                past.done.push(step);
            } else {
                past.fail(step, "nothing there", None);
            }
        }
        let request = PlanRequest { objects, so_far: &past, ..request(goal) };
        DeadEnds::of(&request, &ActionVocabulary::alfred())
    }

    fn steps(text: &str) -> Vec<SpokenStep> {
        let text = format!("{}\nNoOp", text.replace(", ", "\n"));
        parse_plan(&text, &ActionVocabulary::alfred()).unwrap()
    }

    #[test]
    fn what_the_map_lacks_is_not_gone_to_again() {
        let objects = [object(3, "sidetable", [1.0, 0.0, 0.5], 0.3)];
        let failed = [(false, "GotoLocation coffeetable", &[0][..])];
        let ends_now = ends("put a watch on a table", &failed, &objects);
        let vocabulary = ActionVocabulary::alfred();
        let bars = |text: &str| ends_now.bar_ways(&steps(text), &vocabulary);
        assert!(bars("GotoLocation coffeetable, PutObject watch coffeetable"));
        assert!(!bars("GotoLocation sidetable, PutObject watch sidetable"));
        assert!(ends_now.bar_acts(&steps("PickupObject watch, PutObject watch coffeetable")));
        assert!(!ends_now.bar_acts(&steps("PickupObject watch, PutObject watch sidetable")));
        let dark = ends("turn on the lamp", &[(false, "GotoLocation desklamp", &[0])], &objects);
        assert!(dark.bar_acts(&steps("PickupObject mug, ToggleObject desklamp")));
        assert!(!dark.bar_acts(&steps("PickupObject mug, ToggleObject floorlamp")));
        assert!(!dark.bar_acts(&steps("PickupObject desklamp, PutObject desklamp bed")));
        // What is known and could not be got to may be got to the next time.
        let blocked = ends("a watch", &[(false, "GotoLocation sidetable", &[3])], &objects);
        assert_eq!(blocked, DeadEnds::default());
        // One has turned up since.
        let objects = [object(4, "coffeetable", [1.0, 0.0, 0.5], 0.3)];
        assert!(ends("put a watch on a table", &failed, &objects).bar_no_way());
        assert!(ends_now.seeks());
    }

    #[test]
    fn what_a_person_asked_for_is_not_swapped() {
        let failed = [(false, "PutObject watch coffeetable", &[4, 0][..])];
        let ends = ends("put the watch on the coffee table", &failed, &[]);
        assert_eq!(ends, DeadEnds { seeks: true, ..DeadEnds::default() });
    }

    #[test]
    fn what_has_no_room_is_not_filled_again_but_gone_to() {
        let objects = [object(3, "sinkbasin", [1.0, 0.0, 0.8], 0.3)];
        let past = [
            (true, "PickupObject knife", &[5][..]),
            (true, "GotoLocation sinkbasin", &[3][..]),
            (false, "PutObject knife sinkbasin", &[5, 3][..]),
        ];
        let full = ends("a washed slice of tomato", &past, &objects);
        assert!(full.bar_acts(&steps("PickupObject knife, PutObject knife sinkbasin")));
        let wash = steps("GotoLocation sinkbasin, CleanObject tomato");
        assert!(!full.bar_ways(&wash, &ActionVocabulary::alfred()));
        let another = [objects[0].clone(), object(4, "sinkbasin", [3.0, 0.0, 0.8], 0.3)];
        let one_left = ends("a washed slice of tomato", &past, &another);
        assert!(!one_left.bar_acts(&steps("PickupObject knife, PutObject knife sinkbasin")));
    }

    #[test]
    fn a_thing_is_looked_for_in_every_place_of_a_name_before_the_name_changes() {
        let cabinets = [1, 2].map(|id| object(id, "cabinet", [f64::from(id), 0.0, 1.0], 0.3));
        let miss = (false, "PickupObject mug", &[0][..]);
        let (first, second) = ((true, "GotoLocation cabinet", &[1][..]), &[2][..]);
        let vocabulary = ActionVocabulary::alfred();
        let plan = steps("GotoLocation cabinet, PickupObject mug");
        let once = ends("bring a mug", &[first, miss], &cabinets);
        assert!(!once.bar_ways(&plan, &vocabulary));
        let both = [first, miss, (true, "GotoLocation cabinet", second), miss];
        let twice = ends("bring a mug", &both, &cabinets);
        assert!(twice.bar_ways(&plan, &vocabulary));
        assert!(!twice.bar_ways(&steps("GotoLocation shelf, PickupObject mug"), &vocabulary));
        assert!(!twice.bar_ways(&steps("GotoLocation cabinet, PickupObject cup"), &vocabulary));
    }

    #[test]
    fn a_second_thing_is_not_looked_for_where_the_first_was_put_away() {
        let past = [
            (true, "PickupObject mug", &[4][..]),
            (true, "PutObject mug cabinet", &[4, 1][..]),
            (true, "GotoLocation shelf", &[2][..]),
            (false, "PickupObject mug", &[0][..]),
        ];
        let places = [object(1, "cabinet", [1.0; 3], 0.3), object(2, "shelf", [2.0; 3], 0.3)];
        let vocabulary = ActionVocabulary::alfred();
        let again = steps("GotoLocation cabinet, PickupObject mug");
        assert!(ends("put two mugs away", &past, &places).bar_ways(&again, &vocabulary));
        let so_far = &past[..3];
        assert!(!ends("put two mugs away", so_far, &places).bar_ways(&again, &vocabulary));
    }

    #[test]
    fn what_is_known_to_be_somewhere_is_no_dead_end() {
        let mug = [object(4, "mug", [1.0, 0.0, 1.0], 0.1)];
        let slipped = [(true, "GotoLocation mug", &[4][..]), (false, "PickupObject mug", &[4][..])];
        assert_eq!(ends("bring the mug", &slipped, &mug), DeadEnds::default());
        assert_eq!(ends("bring the mug", &[], &mug), DeadEnds::default());
    }

    #[test]
    fn what_goes_on_from_what_was_done_comes_first() {
        let past =
            [(true, "PickupObject knife", &[5][..]), (false, "GotoLocation sidetable", &[0][..])];
        let ends = ends("slice the potato", &past, &[]);
        assert_eq!(ends.rank(&steps("PickupObject knife, SliceObject potato")), 2);
        assert_eq!(ends.rank(&steps("PickupObject butterknife, SliceObject potato")), 1);
        assert_eq!(ends.rank(&steps("PickupObject knife, PutObject knife sidetable")), 0);
    }
}
