//! What of a plan has been tried in vain and can only fail again: the map has nothing else of the name.
//!
//! A model that knows only the goal says the same words every time. Where they may be bound to another
//! object of the name the next plan is another one ([`SoFar::in_vain`]); where there is none, the words
//! themselves have to change.

use super::held::PICK_UP;
use super::mention::{named_in, of_class};
use super::{ActionVocabulary, PlanRequest, PlanStep, SpokenStep};

/// Words that lead nowhere for a goal any more.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DeadEnds {
    /// Names of what was gone to or filled, and the map has none of.
    missing: Vec<String>,
    /// The same, but for those that the goal itself names: what a person asked for is not swapped for
    /// something else.
    swapped: Vec<String>,
    /// Acts on what nobody knows where it is, with the place that was gone to: each as often as there are
    /// places of the name.
    fruitless: Vec<[String; 3]>,
}

impl DeadEnds {
    /// What failed so far, held against the map of now.
    pub fn of(request: &PlanRequest<'_>, vocabulary: &ActionVocabulary) -> Self {
        let mut ends = Self::default();
        let mut tried: Vec<[String; 3]> = Vec::new();
        for failed in &request.so_far.failed {
            let Some(word) = failed.step.arguments.last() else { continue };
            if word.grounding.bound().is_some() {
                continue;
            }
            let step = &failed.step;
            if vocabulary.only_goes(&step.action) || step.arguments.len() > 1 {
                if of_class(request.objects, &word.name).next().is_none() {
                    ends.missing.push(word.name.clone());
                }
                continue;
            }
            let before = request.so_far.done.get(..failed.after).unwrap_or_default();
            let place = before.iter().rev().find(|step| vocabulary.only_goes(&step.action));
            if let Some(place) = place.and_then(place_of) {
                tried.push([step.action.clone(), word.name.clone(), place]);
            }
        }
        let times = |act: &[String; 3]| tried.iter().filter(|other| *other == act).count();
        let places = |act: &[String; 3]| of_class(request.objects, &act[2]).count();
        ends.fruitless = tried.iter().filter(|act| times(act) >= places(act)).cloned().collect();
        let asked = |name: &&String| named_in(request.goal, [name.as_str()]).is_empty();
        ends.swapped = ends.missing.iter().filter(asked).cloned().collect();
        ends
    }

    /// Whether nothing has been tried in vain.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.fruitless.is_empty()
    }

    /// Whether acts, told without ways, need a place or a lamp that the map lacks and the goal does not ask
    /// for. What is taken up is what the goal is about: that is never swapped.
    pub fn bar_acts(&self, acts: &[SpokenStep]) -> bool {
        let taken = acts.iter().filter(|act| act.action == PICK_UP).flat_map(|act| &act.arguments);
        let taken: Vec<&String> = taken.collect();
        let mut words = acts.iter().flat_map(|act| &act.arguments);
        words.any(|word| self.swapped.contains(word) && !taken.contains(&word))
    }

    /// Whether a plan goes where nothing is to be had.
    pub fn bar_ways(&self, steps: &[SpokenStep], vocabulary: &ActionVocabulary) -> bool {
        let goes = |step: &SpokenStep| vocabulary.only_goes(&step.action);
        let nowhere = |step: &SpokenStep| {
            goes(step) && step.arguments.last().is_some_and(|word| self.missing.contains(word))
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
        // One has turned up since.
        let objects = [object(4, "coffeetable", [1.0, 0.0, 0.5], 0.3)];
        assert!(ends("put a watch on a table", &failed, &objects).is_empty());
    }

    #[test]
    fn what_a_person_asked_for_is_not_swapped() {
        let failed = [(false, "PutObject watch coffeetable", &[4, 0][..])];
        let ends = ends("put the watch on the coffee table", &failed, &[]);
        assert!(!ends.is_empty());
        assert!(!ends.bar_acts(&steps("PickupObject watch, PutObject watch coffeetable")));
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
    fn what_is_known_to_be_somewhere_is_no_dead_end() {
        let mug = [object(4, "mug", [1.0, 0.0, 1.0], 0.1)];
        let slipped = [(true, "GotoLocation mug", &[4][..]), (false, "PickupObject mug", &[4][..])];
        assert!(ends("bring the mug", &slipped, &mug).is_empty());
        assert!(ends("bring the mug", &[], &mug).is_empty());
    }
}
