//! What a chat model may say: actions with names on the list, or what it misses there.

use std::collections::BTreeMap;

use super::list::Listed;
use crate::scene::MapObject;
use crate::tasks::{
    ActionSpec, ActionVocabulary, Argument, Grounding, Hand, SpokenStep, class_word,
};

/// Begins a line that says what the goal needs and the list lacks.
const NOT_FOUND: &str = "NotFound:";
/// Most different words of a goal that may be said to be missing.
const MOST_WORDS: usize = 64;

/// The language of one request: names of the listed objects take the place of the vocabulary's
/// words, each where its class may stand.
#[derive(Debug, Clone)]
pub struct Choices<'a> {
    vocabulary: ActionVocabulary,
    objects: BTreeMap<String, &'a MapObject>,
}

impl<'a> Choices<'a> {
    /// The choices among `listed`, for a goal in a person's words.
    pub fn new(base: &ActionVocabulary, listed: &[Listed<'a>], goal: &str) -> Self {
        let (mut objects, mut receptacles) = (Vec::new(), Vec::new());
        for one in listed {
            let class = class_word(&one.object.label);
            let is_object = base.objects.contains(&class);
            let is_receptacle = base.receptacles.contains(&class);
            // A class the vocabulary does not know may be both.
            if is_object || !is_receptacle {
                objects.push(one.name.clone());
            }
            if is_receptacle || !is_object {
                receptacles.push(one.name.clone());
            }
        }
        let (mut actions, mut lacking) = (base.actions.clone(), Vec::new());
        for action in &mut actions {
            // Of tools there are those on the list. Where there is none, that can be said.
            if let Some(Hand::OneOf(classes)) = &mut action.hand {
                let is_one = |one: &&Listed<'_>| {
                    let class = class_word(&one.object.label);
                    classes.iter().any(|tool| class.ends_with(tool.as_str()))
                };
                let names: Vec<_> =
                    listed.iter().filter(is_one).map(|one| one.name.clone()).collect();
                let classes = std::mem::replace(classes, names.clone());
                lacking.extend(classes.into_iter().filter(|_| names.is_empty()));
            }
        }
        let base = ActionVocabulary { actions, ..base.clone() };
        let goal = format!("{goal} {}", lacking.join(" "));
        let vocabulary = with_missing(&base, objects, receptacles, &goal);
        let names = listed.iter().map(|one| (one.name.clone(), one.object));
        Self { vocabulary, objects: names.collect() }
    }

    /// The choices where no map is known: the words of the vocabulary themselves.
    pub fn words(base: &ActionVocabulary, goal: &str) -> Self {
        let (objects, receptacles) = (base.objects.clone(), base.receptacles.clone());
        let vocabulary = with_missing(base, objects, receptacles, goal);
        Self { vocabulary, objects: BTreeMap::new() }
    }

    /// All that may be said, as a vocabulary: what is missing is an action without arguments.
    pub fn vocabulary(&self) -> &ActionVocabulary {
        &self.vocabulary
    }

    /// Whether they are names of objects, not words.
    pub fn are_of_a_map(&self) -> bool {
        !self.objects.is_empty()
    }

    /// The actions a robot can do, without those for which there is no word on the list.
    pub fn actions(&self) -> impl Iterator<Item = &ActionSpec> {
        let doable = move |action: &&ActionSpec| {
            missing_word(&action.name).is_none() && self.vocabulary.can_say(action)
        };
        self.vocabulary.actions.iter().filter(doable)
    }

    /// Parts the steps of a plan from what it says is missing.
    pub fn part(&self, steps: Vec<SpokenStep>) -> (Vec<SpokenStep>, Vec<String>) {
        let (mut kept, mut missing): (_, Vec<String>) = (Vec::new(), Vec::new());
        for step in steps {
            match missing_word(&step.action) {
                Some(word) if missing.iter().any(|known| known == word) => {}
                Some(word) => missing.push(word.to_owned()),
                None => kept.push(step),
            }
        }
        (kept, missing)
    }

    /// A name as an argument of a plan: its class, bound to its object.
    pub fn argument(&self, name: &str) -> Argument {
        match self.objects.get(name) {
            Some(object) => Argument {
                name: class_word(&object.label),
                grounding: Grounding::Grounded {
                    object_id: object.id,
                    position_m: object.position_m,
                    confidence: object.confidence,
                },
            },
            None => Argument {
                name: name.to_owned(),
                grounding: Grounding::Ungrounded { reason: "no map was asked about it".into() },
            },
        }
    }
}

fn missing_word(action: &str) -> Option<&str> {
    action.strip_prefix(NOT_FOUND)
}

/// `base` with other words, without tasks, and with an action for each word that may be missing: the
/// words of the goal, letters and digits only.
fn with_missing(
    base: &ActionVocabulary,
    objects: Vec<String>,
    receptacles: Vec<String>,
    goal: &str,
) -> ActionVocabulary {
    let mut words: Vec<String> =
        goal.split_whitespace().map(class_word).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    words.truncate(MOST_WORDS);
    let missing = words.iter().map(|word| ActionSpec {
        name: format!("{NOT_FOUND}{word}"),
        arguments: Vec::new(),
        hand: None,
    });
    ActionVocabulary {
        actions: base.actions.iter().cloned().chain(missing).collect(),
        end: base.end.clone(),
        tasks: Vec::new(),
        objects,
        receptacles,
        closed: Vec::new(),
        called: BTreeMap::new(),
        example: base.example.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::ObjectList;
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::ArgumentKind;
    use crate::tasks::fixtures::spoken;

    #[test]
    fn names_stand_where_their_classes_may() {
        let objects = [
            object(1, "Mug", [0.0; 3], 0.1),
            object(2, "Fridge", [1.0; 3], 0.1),
            object(3, "tomato", [2.0; 3], 0.1),
            object(4, "robot arm", [3.0; 3], 0.1),
        ];
        let list = ObjectList::new(&objects, "", [0.0; 3], None);
        let alfred = ActionVocabulary::alfred();
        let choices = Choices::new(&alfred, &list.first(4), "find the Drill!");
        let words = |kind| choices.vocabulary().words(kind);
        assert_eq!(words(ArgumentKind::Object), ["mug_1", "robot_arm_4", "tomato_3"]);
        assert_eq!(words(ArgumentKind::Receptacle), ["fridge_2", "mug_1", "robot_arm_4"]);
        // There is no knife to slice with.
        assert_eq!(choices.actions().count(), alfred.actions.len() - 1);
        assert!(choices.vocabulary().action("NotFound:drill").is_some());

        let said = vec![spoken("PickupObject mug_1"), spoken("NotFound:drill")];
        let (steps, missing) = choices.part(said);
        assert_eq!((steps.len(), missing), (1, vec!["drill".to_string()]));
        let argument = choices.argument("mug_1");
        let Grounding::Grounded { object_id, confidence, .. } = argument.grounding else {
            panic!("it is on the list")
        };
        assert_eq!((argument.name.as_str(), object_id.0, confidence), ("mug", 1, 0.75));
    }

    #[test]
    fn tools_are_those_on_the_list() {
        let knife = object(7, "kitchen knife", [0.0; 3], 0.1);
        let objects = [knife, object(8, "apple", [0.0; 3], 0.1)];
        let list = ObjectList::new(&objects, "", [0.0; 3], None);
        let alfred = ActionVocabulary::alfred();
        let can_slice = |choices: &Choices<'_>| choices.actions().any(|a| a.name == "SliceObject");
        let choices = Choices::new(&alfred, &list.first(2), "");
        let slice = choices.vocabulary().action("SliceObject").unwrap();
        assert_eq!(slice.hand, Some(Hand::OneOf(vec!["kitchen_knife_7".into()])));
        assert!(can_slice(&choices));
        let list = ObjectList::new(&objects[1..], "", [0.0; 3], None);
        let choices = Choices::new(&alfred, &list.first(1), "slice the apple");
        assert!(!can_slice(&choices) && choices.vocabulary().action("NotFound:knife").is_some());
    }

    #[test]
    fn an_empty_list_leaves_only_what_is_missing() {
        let choices = Choices::new(&ActionVocabulary::alfred(), &[], "bring a mug");
        let actions: Vec<_> = choices.actions().map(|action| action.name.as_str()).collect();
        assert_eq!(actions, ["NoOp"]);
        let speakable = choices.vocabulary().speakable();
        let names: Vec<_> = speakable.actions.iter().map(|action| action.name.as_str()).collect();
        let missing = ["a", "bring", "butterknife", "knife", "mug"];
        let missing = missing.iter().map(|word| format!("NotFound:{word}"));
        assert_eq!(names, ["NoOp".to_owned()].into_iter().chain(missing).collect::<Vec<_>>());
        let many: String = (0..500).map(|n| format!("w{n} ")).collect();
        let choices = Choices::new(&ActionVocabulary::alfred(), &[], &many);
        assert_eq!(choices.vocabulary().actions.len(), 11 + MOST_WORDS);
    }
}
