//! Binding the words of a plan to objects of the map.
//!
//! A plan says `GotoLocation dresser, PickupObject mug`; the map knows three dressers and two mugs.
//! The words are bound in the order of the plan, as the robot would meet them:
//!
//! * A target is the instance that what happens next is nearest to: going to *a dresser* to pick up
//!   *a mug* means the dresser the mug stands on. Where nothing else decides, the nearest one.
//! * What is picked up stands on what was gone to for it, if anything of its name does: of two mugs
//!   the one on the dresser, even if the other is nearer to the dresser's middle.
//! * A thing that was picked up stays the same thing until it is put down, and a thing that was put
//!   down is not what is picked up next: two mugs are two mugs.
//! * What was tried in vain on the way to the goal comes last: the other mug is picked up, and the
//!   thing is looked for in the next cabinet. Where there is no other, it is tried again.
//! * A word with no object in the map stays unbound, with the reason. Nothing is guessed.
//!
//! How an open plan stays bound while the map changes stands in `rebind`.

mod rebind;

use super::{
    ActionVocabulary, Argument, ArgumentKind, Grounding, PlanRequest, SoFar, class_word, gap_m,
    stands,
};
use crate::scene::{MapObject, ObjectId};
use nalgebra::Point3;

/// An action and its words, before they are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenStep {
    /// Action name.
    pub action: String,
    /// Class names of its arguments, in order.
    pub arguments: Vec<String>,
}

/// Binds the arguments of `steps` to the objects of `request`, from where its robot is and from
/// what it has tried so far. Returns the arguments of each step.
pub fn ground(
    steps: &[SpokenStep],
    vocabulary: &ActionVocabulary,
    request: &PlanRequest<'_>,
) -> Vec<Vec<Argument>> {
    let mut walk = Walk::new(request.objects, request.robot_m, request.so_far, vocabulary);
    (0..steps.len()).map(|at| walk.bind(steps, at, vocabulary, &[])).collect()
}

/// The kinds of the arguments of an action; none where the vocabulary does not know it.
fn kinds_of(action: &str, vocabulary: &ActionVocabulary) -> Vec<ArgumentKind> {
    vocabulary.action(action).map(|action| action.arguments.clone()).unwrap_or_default()
}

/// The first thing acted on before the plan moves on to another place.
fn next_object<'a>(rest: &'a [SpokenStep], vocabulary: &ActionVocabulary) -> Option<&'a str> {
    let step = rest.first()?;
    match kinds_of(&step.action, vocabulary).as_slice() {
        [ArgumentKind::Object] => step.arguments.first().map(String::as_str),
        _ => None,
    }
}

/// The robot's imagined way through the plan.
struct Walk<'a> {
    objects: &'a [MapObject],
    place: Point3<f64>,
    /// What was gone to last.
    at: Option<ObjectId>,
    /// Things taken and not yet put down, by name.
    held: Vec<(String, ObjectId)>,
    /// Things already put where they belong.
    done: Vec<ObjectId>,
    /// What was gone to, taken or filled in vain.
    in_vain: Vec<ObjectId>,
}

impl<'a> Walk<'a> {
    /// A way that begins at `robot_m` (world frame, metres), after what was tried so far.
    fn new(
        objects: &'a [MapObject],
        robot_m: [f64; 3],
        so_far: &SoFar,
        vocabulary: &ActionVocabulary,
    ) -> Self {
        Self {
            objects,
            place: Point3::from(robot_m),
            at: None,
            held: so_far.in_hand().into_iter().collect(),
            done: so_far.placed(objects),
            in_vain: so_far.in_vain(vocabulary),
        }
    }

    /// The arguments of step `at`. A word for which an object is `known` stands for that one.
    fn bind(
        &mut self,
        steps: &[SpokenStep],
        at: usize,
        vocabulary: &ActionVocabulary,
        known: &[Option<ObjectId>],
    ) -> Vec<Argument> {
        let names = &steps[at].arguments;
        let kinds = kinds_of(&steps[at].action, vocabulary);
        let known = known.iter().copied().chain(std::iter::repeat(None));
        let bound: Vec<_> = names
            .iter()
            .zip(&kinds)
            .zip(known)
            .map(|((name, kind), known)| match (known, kind) {
                (Some(id), _) => self.meet(name, *kind, id),
                (None, ArgumentKind::Target) => {
                    self.go_to(name, next_object(&steps[at + 1..], vocabulary))
                }
                (None, ArgumentKind::Object) => self.take(name),
                (None, ArgumentKind::Receptacle) => self.nearest(name),
            })
            .collect();
        if kinds == [ArgumentKind::Object, ArgumentKind::Receptacle] {
            self.put_down(&names[0]);
        }
        names
            .iter()
            .zip(bound)
            .map(|(name, object)| Argument {
                name: name.clone(),
                grounding: self.grounding(name, object),
            })
            .collect()
    }

    /// Goes to or takes what a word is known to stand for, which the map need not have any more.
    fn meet(&mut self, name: &str, kind: ArgumentKind, id: ObjectId) -> Option<&'a MapObject> {
        let object = self.objects.iter().find(|object| object.id == id);
        match kind {
            ArgumentKind::Target => {
                self.place = object.map_or(self.place, center);
                self.at = Some(id);
            }
            ArgumentKind::Object => {
                self.held.retain(|(held, _)| held != name);
                self.held.push((name.to_string(), id));
            }
            ArgumentKind::Receptacle => {}
        }
        object
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &'a MapObject> + use<'a> {
        let name = name.to_string();
        self.objects.iter().filter(move |object| same_class(&object.label, &name))
    }

    /// Those of `candidates` that were not tried in vain; all of them where there are no others,
    /// for to try again is better than no plan.
    fn hopeful(&self, candidates: impl Iterator<Item = &'a MapObject>) -> Vec<&'a MapObject> {
        let (in_vain, hopeful): (Vec<_>, Vec<_>) =
            candidates.partition(|object| self.in_vain.contains(&object.id));
        if hopeful.is_empty() { in_vain } else { hopeful }
    }

    /// What may be taken under a name.
    fn takeable(&self, name: &str) -> Vec<&'a MapObject> {
        self.hopeful(self.named(name).filter(|object| !self.done.contains(&object.id)))
    }

    fn go_to(&mut self, name: &str, next: Option<&str>) -> Option<&'a MapObject> {
        // What is already in the hand says nothing about where to go.
        let next = next.filter(|next| !self.held.iter().any(|(held, _)| held == next));
        let things: Vec<_> = next
            .filter(|next| !same_class(next, name))
            .map(|next| self.takeable(next))
            .unwrap_or_default();
        let cost = |object: &MapObject| {
            let from_robot = (center(object) - self.place).norm();
            let holds = |thing: &&MapObject| self.holder(thing) == Some(object.id);
            let to_thing = things.iter().map(|thing| match holds(thing) {
                true => 0.0,
                false => gap_m(object, &center(thing)),
            });
            // Where the thing is known to be one goes again, even if it was in vain before.
            let in_vain = self.in_vain.contains(&object.id);
            (to_thing.fold(f64::INFINITY, f64::min), in_vain, from_robot)
        };
        let candidates = self.named(name).filter(|object| !self.done.contains(&object.id));
        let chosen = candidates.min_by(|a, b| {
            let (a, b) = (cost(a), cost(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2))
        })?;
        self.place = center(chosen);
        self.at = Some(chosen.id);
        Some(chosen)
    }

    /// What a thing stands on or in, as the boxes tell.
    fn holder(&self, thing: &MapObject) -> Option<ObjectId> {
        stands(thing, self.objects.iter()).map(|(_, id)| id)
    }

    fn take(&mut self, name: &str) -> Option<&'a MapObject> {
        if let Some((_, id)) = self.held.iter().find(|(held, _)| held == name) {
            return self.objects.iter().find(|object| object.id == *id);
        }
        let there = |object: &&MapObject| self.at.is_some() && self.holder(object) == self.at;
        let all = self.takeable(name);
        let near = self.nearest_of(all.iter().copied().filter(there));
        let chosen = near.or_else(|| self.nearest_of(all.iter().copied()))?;
        self.held.push((name.to_string(), chosen.id));
        Some(chosen)
    }

    fn put_down(&mut self, name: &str) {
        if let Some(at) = self.held.iter().position(|(held, _)| held == name) {
            self.done.push(self.held.remove(at).1);
        }
    }

    fn nearest(&self, name: &str) -> Option<&'a MapObject> {
        self.nearest_of(self.hopeful(self.named(name)).into_iter())
    }

    fn nearest_of(&self, candidates: impl Iterator<Item = &'a MapObject>) -> Option<&'a MapObject> {
        candidates.min_by(|a, b| gap_m(a, &self.place).total_cmp(&gap_m(b, &self.place)))
    }

    fn grounding(&self, name: &str, object: Option<&MapObject>) -> Grounding {
        match object {
            Some(object) => Grounding::Grounded {
                object_id: object.id,
                position_m: object.position_m,
                confidence: object.confidence,
            },
            None if self.objects.is_empty() => {
                Grounding::Ungrounded { reason: "the map has no labelled objects".to_string() }
            }
            None if self.named(name).next().is_some() => Grounding::Ungrounded {
                reason: format!("every {name} in the map is already used by an earlier step"),
            },
            None => Grounding::Ungrounded {
                reason: format!(
                    "no {name} among the {} labelled objects of the map",
                    self.objects.len()
                ),
            },
        }
    }
}

/// Class names agree when they are equal but for case, spaces and punctuation: `Dining Table` is
/// `diningtable`.
fn same_class(a: &str, b: &str) -> bool {
    class_word(a) == class_word(b)
}

fn center(object: &MapObject) -> Point3<f64> {
    Point3::from(object.position_m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{self, sized};
    use crate::tasks::ActionSpec;
    use crate::tasks::fixtures::{bound_step, request, spoken};

    fn vocabulary() -> ActionVocabulary {
        use ArgumentKind::{Object, Receptacle, Target};
        let action = |name: &str, arguments: &[ArgumentKind]| ActionSpec {
            name: name.into(),
            arguments: arguments.to_vec(),
            hand: None,
        };
        ActionVocabulary {
            actions: vec![
                action("GotoLocation", &[Target]),
                action("PickupObject", &[Object]),
                action("PutObject", &[Object, Receptacle]),
                action("HeatObject", &[Object]),
                action("NoOp", &[]),
            ],
            end: "NoOp".into(),
            tasks: vec![],
            objects: vec!["mug".into()],
            receptacles: vec!["table".into(), "shelf".into()],
            closed: vec![],
            called: std::collections::BTreeMap::new(),
            example: None,
        }
    }

    fn object(id: u32, label: &str, x: f64) -> MapObject {
        fixtures::object(id, label, [x, 0.0, 0.5], 0.2)
    }

    fn steps(lines: &[&str]) -> Vec<SpokenStep> {
        lines.iter().map(|line| spoken(line)).collect()
    }

    fn ids(lines: &[&str], objects: &[MapObject]) -> Vec<Vec<Option<u32>>> {
        ids_after(SoFar::nothing(), lines, objects)
    }

    /// The ids that words are bound to after what was tried.
    fn ids_after(so_far: &SoFar, lines: &[&str], objects: &[MapObject]) -> Vec<Vec<Option<u32>>> {
        let id = |argument: &Argument| argument.grounding.bound().map(|(id, _)| id.0);
        let request = PlanRequest { objects, so_far, ..request("") };
        ground(&steps(lines), &vocabulary(), &request)
            .iter()
            .map(|arguments| arguments.iter().map(id).collect())
            .collect()
    }

    #[test]
    fn the_table_gone_to_is_the_one_the_mug_stands_on() {
        let objects = [object(1, "Table", 1.0), object(2, "table", 8.0), object(3, "mug", 8.1)];
        let bound = ids(&["GotoLocation table", "PickupObject mug"], &objects);
        assert_eq!(bound, [[Some(2)], [Some(3)]]);
    }

    #[test]
    fn the_mug_picked_up_is_the_one_on_what_was_gone_to() {
        let mug_m = [0.1, 0.1, 0.1];
        // A long table with a mug at its end, and beside its middle a shelf with another.
        let objects = [
            sized(1, "table", [3.0, 0.0, 0.45], [4.0, 0.6, 0.9]),
            sized(2, "mug", [4.8, 0.0, 0.95], mug_m),
            sized(3, "shelf", [3.0, 0.6, 0.45], [0.5, 0.5, 0.9]),
            sized(4, "mug", [3.0, 0.6, 0.95], mug_m),
        ];
        let bound = ids(&["GotoLocation table", "PickupObject mug"], &objects);
        assert_eq!(bound, [[Some(1)], [Some(2)]]);
        let bound = ids(&["GotoLocation shelf", "PickupObject mug"], &objects);
        assert_eq!(bound, [[Some(3)], [Some(4)]]);
    }

    #[test]
    fn two_mugs_are_two_mugs_and_a_held_mug_stays_the_same() {
        let objects = [object(1, "mug", 1.0), object(2, "mug", 2.0), object(3, "shelf", 5.0)];
        let bound = ids(
            &[
                "PickupObject mug",
                "HeatObject mug",
                "GotoLocation shelf",
                "PutObject mug shelf",
                "GotoLocation mug",
                "PickupObject mug",
                "PutObject mug shelf",
            ],
            &objects,
        );
        assert_eq!(bound[0], [Some(1)]);
        assert_eq!(bound[1], [Some(1)]);
        assert_eq!(bound[3], [Some(1), Some(3)]);
        assert_eq!(bound[4], [Some(2)]);
        assert_eq!(bound[6], [Some(2), Some(3)]);
    }

    #[test]
    fn what_is_not_in_the_map_says_why() {
        let reason = |objects: &[MapObject], lines: &[&str]| {
            let request = PlanRequest { objects, ..request("") };
            let bound = ground(&steps(lines), &vocabulary(), &request);
            match &bound.last().unwrap()[0].grounding {
                Grounding::Ungrounded { reason } => reason.clone(),
                Grounding::Grounded { .. } => panic!("bound to nothing"),
            }
        };
        assert!(reason(&[], &["PickupObject mug"]).contains("no labelled objects"));
        let shelf = [object(1, "shelf", 1.0)];
        assert!(reason(&shelf, &["PickupObject mug"]).contains("no mug among the 1"));
        let one = [object(1, "mug", 1.0), object(2, "shelf", 1.0)];
        let twice = ["PickupObject mug", "PutObject mug shelf", "PickupObject mug"];
        assert!(reason(&one, &twice).contains("already used"));
    }

    /// What is known after a step that failed, its words bound to these objects, and those before
    /// it.
    fn after(done: &[(&str, &[u32])], failed: (&str, &[u32])) -> SoFar {
        let mut so_far = SoFar::default();
        so_far.done.extend(done.iter().map(|(line, ids)| bound_step(1, line, ids)));
        so_far.fail(bound_step(1, failed.0, failed.1), "it slipped", None);
        so_far
    }

    #[test]
    fn of_two_mugs_the_one_that_was_not_picked_up_in_vain_is_taken() {
        let tables = [object(1, "table", 1.0), object(2, "table", 5.0)];
        let on = |id: u32, x: f64| sized(id, "mug", [x, 0.0, 0.63], [0.05; 3]);
        let two = [tables.as_slice(), &[on(3, 1.0), on(4, 5.0)]].concat();
        let way = ["GotoLocation table", "PickupObject mug"];
        assert_eq!(ids(&way, &two), [[Some(1)], [Some(3)]]);
        let slipped = after(&[], ("PickupObject mug", &[3]));
        assert_eq!(ids_after(&slipped, &way, &two), [[Some(2)], [Some(4)]]);
        // On one table, too.
        let beside = [tables.as_slice(), &[on(3, 1.0), on(4, 1.05)]].concat();
        assert_eq!(ids_after(&slipped, &way, &beside), [[Some(1)], [Some(4)]]);
        assert_eq!(ids_after(&slipped, &way, &two[..3]), [[Some(1)], [Some(3)]], "there is one");
        // A table that cannot be reached is left for the other one, if something is to be had
        // there.
        let unreached = after(&[], ("GotoLocation table", &[1]));
        assert_eq!(ids_after(&unreached, &way, &two), [[Some(2)], [Some(4)]]);
        assert_eq!(ids_after(&unreached, &way, &two[..3]), [[Some(1)], [Some(3)]]);
    }

    #[test]
    fn what_is_not_in_one_place_is_looked_for_in_the_next() {
        let shelves = [object(1, "shelf", 1.0), object(2, "shelf", 4.0), object(3, "shelf", 6.0)];
        let way = ["GotoLocation shelf", "PickupObject mug"];
        assert_eq!(ids(&way, &shelves), [[Some(1)], [None]]);
        let went = ("GotoLocation shelf", &[1][..]);
        let mut missed = after(&[went], ("PickupObject mug", &[0]));
        assert_eq!(ids_after(&missed, &way, &shelves), [[Some(2)], [None]]);
        assert_eq!(ids_after(&missed, &way, &shelves[..1]), [[Some(1)], [None]]);
        missed.done.push(bound_step(1, "GotoLocation shelf", &[2]));
        missed.fail(bound_step(2, "PickupObject mug", &[0]), "", None);
        assert_eq!(ids_after(&missed, &way, &shelves), [[Some(3)], [None]]);
        // What has turned up since is fetched where it is.
        let mug = sized(4, "mug", [1.0, 0.0, 0.63], [0.05; 3]);
        let found = [shelves.as_slice(), &[mug]].concat();
        assert_eq!(ids_after(&missed, &way, &found), [[Some(1)], [Some(4)]]);
    }

    #[test]
    fn what_has_no_room_is_left_for_another() {
        let objects = [object(1, "mug", 0.0), object(2, "shelf", 1.0), object(3, "shelf", 4.0)];
        let full = after(&[("PickupObject mug", &[1])], ("PutObject mug shelf", &[1, 2]));
        let rest = ["GotoLocation shelf", "PutObject mug shelf"];
        assert_eq!(ids_after(&full, &rest, &objects), [vec![Some(3)], vec![Some(1), Some(3)]]);
    }

    #[test]
    fn what_is_in_the_hand_stays_the_same_in_a_plan_that_goes_on() {
        let objects = [object(1, "mug", 0.0), object(2, "mug", 4.2), object(3, "shelf", 4.0)];
        let mut so_far = SoFar::default();
        so_far.done.push(bound_step(1, "PickupObject mug", &[1]));
        let rest = ["GotoLocation shelf", "HeatObject mug", "PutObject mug shelf"];
        let bound = ids_after(&so_far, &rest, &objects);
        assert_eq!(bound, [vec![Some(3)], vec![Some(1)], vec![Some(1), Some(3)]]);
        // What was put down is not taken again.
        so_far.done.push(bound_step(2, "PutObject mug shelf", &[1, 3]));
        assert_eq!(ids_after(&so_far, &["PickupObject mug"], &objects), [[Some(2)]]);
    }
}
