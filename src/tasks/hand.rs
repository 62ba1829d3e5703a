//! What must be in the robot's hand before an action, and plans that keep to it.

use serde::{Deserialize, Serialize};

use super::held::PICK_UP;
use super::{ActionSpec, ActionVocabulary, ArgumentKind};

/// What must be in the hand before an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hand {
    /// Nothing.
    #[serde(rename = "empty")]
    Empty,
    /// The object that is its first argument.
    #[serde(rename = "it")]
    It,
    /// A thing of one of these classes.
    #[serde(untagged)]
    OneOf(Vec<String>),
}

impl Hand {
    /// What is wrong with it for `action`, in a vocabulary of `objects`.
    pub(super) fn fault(&self, action: &ActionSpec, objects: &[String]) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::It if action.arguments.first() == Some(&ArgumentKind::Object) => None,
            Self::It => Some("`it` is an object, and that is not its first argument".into()),
            Self::OneOf(classes) => {
                let unknown = classes.iter().find(|class| !objects.contains(class))?;
                Some(format!("`{unknown}` is not among the objects"))
            }
        }
    }
}

/// What a plan has done so far, as far as it bears on what it may do next. Words are places in the
/// vocabulary's list of objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct InHand {
    /// What is held then.
    held: Option<u32>,
    /// The first argument of this step, once it is complete.
    first: Option<u32>,
    /// The step before, where it has no more than one argument.
    last: Option<(u32, Option<u32>)>,
}

/// A step must not need what is not in the hand, and nothing is done twice in a row.
#[derive(Debug)]
pub(super) struct HandRules {
    /// By action: what must be in the hand, and what it does to that.
    actions: Vec<(Need, Effect)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Empty,
    It,
    OneOf(Vec<u32>),
}

/// As [`super::held_after`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Takes,
    Gives,
}

impl HandRules {
    pub(super) fn new(vocabulary: &ActionVocabulary) -> Self {
        let words = vocabulary.words(ArgumentKind::Object);
        let place = |word: &String| words.iter().position(|known| known == word);
        let of = |action: &ActionSpec| {
            let need = match &action.hand {
                None => Need::Nothing,
                Some(Hand::Empty) => Need::Empty,
                Some(Hand::It) => Need::It,
                Some(Hand::OneOf(classes)) => {
                    Need::OneOf(classes.iter().filter_map(place).map(|at| at as u32).collect())
                }
            };
            let effect = match action.arguments.as_slice() {
                [ArgumentKind::Object] if action.name == PICK_UP => Effect::Takes,
                [ArgumentKind::Object, _] => Effect::Gives,
                _ => Effect::None,
            };
            (need, effect)
        };
        Self { actions: vocabulary.actions.iter().map(of).collect() }
    }

    /// Holding `held`, or nothing, before the first step.
    pub(super) fn holding(vocabulary: &ActionVocabulary, held: Option<&str>) -> InHand {
        let words = vocabulary.words(ArgumentKind::Object);
        // What is held and is not on the list is some thing all the same.
        let place = |held| words.iter().position(|word| *word == held).unwrap_or(usize::MAX);
        InHand { held: held.map(|held| place(held) as u32), ..InHand::default() }
    }

    /// Whether `action` may be begun, of which there are `words` for the first argument.
    pub(super) fn may_begin(&self, action: u32, words: Option<usize>, now: InHand) -> bool {
        let can = match &self.actions[action as usize].0 {
            Need::Nothing => true,
            Need::Empty => now.held.is_none(),
            Need::It => now.held.is_some_and(|held| words.is_some_and(|all| (held as usize) < all)),
            Need::OneOf(tools) => now.held.is_some_and(|held| tools.contains(&held)),
        };
        // With one word, or none, it could only be said again.
        let (only, not) = self.first(action, now);
        let again = match now.last {
            Some((last, None)) => last == action,
            Some((last, Some(_))) => last == action && (words == Some(1) || only == not),
            None => false,
        };
        can && !again
    }

    /// Which words the first argument of `action` may be: one alone, or all but one.
    pub(super) fn first(&self, action: u32, now: InHand) -> (Option<u32>, Option<u32>) {
        let only = match self.actions[action as usize].0 {
            Need::It => now.held,
            _ => None,
        };
        let not = now.last.filter(|(last, _)| *last == action).and_then(|(_, word)| word);
        (only, not)
    }

    /// Once the first argument is `word`.
    pub(super) fn named(now: InHand, word: u32) -> InHand {
        InHand { first: Some(word), ..now }
    }

    /// After a step of `arguments` arguments.
    pub(super) fn done(&self, action: u32, arguments: usize, now: InHand) -> InHand {
        let held = match self.actions[action as usize].1 {
            Effect::Takes => now.first,
            Effect::Gives if now.first == now.held => None,
            _ => now.held,
        };
        let last = (arguments < 2).then_some((action, now.first));
        InHand { held, first: None, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Constraint;
    use crate::tasks::{MAX_STEPS, PlanGrammar, TokenTable, parse_plan};
    use proptest::prelude::*;

    const END: u32 = 256;

    /// ALFRED's actions over a few things, of which one is called as another begins.
    fn vocabulary() -> ActionVocabulary {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut vocabulary = ActionVocabulary {
            tasks: Vec::new(),
            objects: words(&["mug_1", "mug_12", "knife_3", "lamp_4"]),
            receptacles: words(&["desk_5", "shelf_6"]),
            ..ActionVocabulary::alfred()
        };
        let slice = vocabulary.actions.iter_mut().find(|action| action.name == "SliceObject");
        slice.unwrap().hand = Some(Hand::OneOf(words(&["knife_3"])));
        vocabulary
    }

    fn grammar(held: Option<&str>) -> PlanGrammar {
        let bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).chain([Vec::new()]).collect();
        let table = TokenTable { bytes, end: END, tasks: Vec::new() };
        PlanGrammar::of_steps(&vocabulary(), table, held).unwrap()
    }

    /// How much of `text` can be said.
    fn said<'a>(text: &'a str, held: Option<&str>) -> &'a str {
        let mut grammar = grammar(held);
        let stops = text.bytes().position(|byte| {
            let allowed = grammar.allowed().allows(u32::from(byte));
            grammar.advance(u32::from(byte));
            !allowed
        });
        &text[..stops.unwrap_or(text.len())]
    }

    #[test]
    fn a_step_needs_what_is_in_the_hand() {
        for plan in [
            "PickupObject mug_1\nHeatObject mug_1\nPutObject mug_1 desk_5\nPickupObject mug_12\nNoOp",
            "PickupObject knife_3\nSliceObject mug_1\nSliceObject mug_12\nPutObject knife_3 desk_5\nNoOp",
            "ToggleObject lamp_4\nPickupObject lamp_4\nToggleObject lamp_4\nNoOp",
            "GotoLocation desk_5\nGotoLocation shelf_6\nGotoLocation desk_5\nNoOp",
        ] {
            assert_eq!(said(plan, None), plan);
        }
        for (plan, stops) in [
            ("PutObject mug_1 desk_5", "P"),
            ("HeatObject mug_1", ""),
            ("SliceObject mug_1", ""),
            ("PickupObject mug_1\nPickupObject knife_3", "PickupObject mug_1\nP"),
            ("PickupObject mug_1\nSliceObject knife_3", "PickupObject mug_1\n"),
            ("PickupObject mug_1\nHeatObject mug_12", "PickupObject mug_1\nHeatObject mug_1"),
            ("PickupObject mug_12\nHeatObject mug_1\n", "PickupObject mug_12\nHeatObject mug_1"),
            ("GotoLocation desk_5\nGotoLocation desk_5", "GotoLocation desk_5\nGotoLocation "),
            (
                "PickupObject mug_1\nHeatObject mug_1\nHeat",
                "PickupObject mug_1\nHeatObject mug_1\n",
            ),
        ] {
            assert_eq!(said(plan, None), stops);
        }
    }

    #[test]
    fn what_is_held_before_is_in_the_hand() {
        assert_eq!(
            said("PutObject mug_1 desk_5\nNoOp", Some("mug_1")),
            "PutObject mug_1 desk_5\nNoOp"
        );
        assert_eq!(said("PickupObject", Some("mug_1")), "P");
        assert_eq!(said("SliceObject mug_1", Some("knife_3")), "SliceObject mug_1");
        // What it is nobody knows: it cannot be put down by a name.
        assert_eq!(said("PickupObject", Some("")), "");
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_keeps_to_the_hand(choices in prop::collection::vec(any::<u16>(), 0..600)) {
            let mut grammar = grammar(None);
            let (mut text, mut choices) = (Vec::new(), choices.into_iter().chain(std::iter::repeat(0)));
            while !grammar.is_done() {
                let mask = grammar.allowed();
                let allowed: Vec<u32> = (0..=END).filter(|token| mask.allows(*token)).collect();
                prop_assert!(!allowed.is_empty(), "stuck after {:?}", String::from_utf8_lossy(&text));
                let token = allowed[choices.next().unwrap() as usize % allowed.len()];
                grammar.advance(token);
                text.extend(u8::try_from(token));
            }
            let steps = parse_plan(&String::from_utf8(text).unwrap(), &vocabulary()).unwrap();
            prop_assert!(steps.len() <= MAX_STEPS);
            prop_assert!(steps.windows(2).all(|two| two[0] != two[1] || two[0].arguments.len() > 1));
            let mut held: Option<String> = None;
            for step in &steps {
                let first = step.arguments.first().cloned();
                match step.action.as_str() {
                    PICK_UP => prop_assert!(held.is_none()),
                    "SliceObject" => prop_assert_eq!(held.as_deref(), Some("knife_3")),
                    "PutObject" | "CleanObject" | "HeatObject" | "CoolObject" => {
                        prop_assert_eq!(&held, &first);
                    }
                    _ => {}
                }
                match step.action.as_str() {
                    PICK_UP => held = first,
                    "PutObject" => held = None,
                    _ => {}
                }
            }
        }
    }
}
