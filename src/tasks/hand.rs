//! What must be in the robot's hand before an action, and plans that keep to it.

use serde::{Deserialize, Serialize};

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
    /// What is held then; nothing, where that is known.
    held: Option<u32>,
    /// Whether it is not known: what must be in the hand may be there.
    unknown: bool,
    /// The first argument of this step, once it is complete.
    first: Option<u32>,
    /// The step before, where it has no more than one argument.
    last: Option<(u32, Option<u32>)>,
}

/// What is in the hand before a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grip<'a> {
    /// Nothing.
    Empty,
    /// What is called so on the list.
    Holds(&'a str),
    /// Nobody knows, or what was believed is in doubt.
    Unknown,
}

/// A step must not need what is not in the hand; the robot goes nowhere twice in a row, and does nothing
/// twice in a row to what it has in its hand.
#[derive(Debug)]
pub(super) struct HandRules {
    /// By action.
    actions: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    need: Need,
    effect: Effect,
    /// Whether it may come twice in a row.
    repeats: bool,
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
                _ if action.takes() => Effect::Takes,
                [ArgumentKind::Object, _] => Effect::Gives,
                _ => Effect::None,
            };
            Rule { need, effect, repeats: action.hand.is_none() && !action.only_goes() }
        };
        Self { actions: vocabulary.actions.iter().map(of).collect() }
    }

    /// Before the first step.
    pub(super) fn begin(vocabulary: &ActionVocabulary, grip: Grip<'_>) -> InHand {
        let words = vocabulary.words(ArgumentKind::Object);
        let held = match grip {
            Grip::Holds(held) => words.iter().position(|word| *word == held),
            Grip::Empty | Grip::Unknown => None,
        };
        // What is held and cannot be named is as good as unknown.
        let unknown = grip != Grip::Empty && held.is_none();
        InHand { held: held.map(|held| held as u32), unknown, ..InHand::default() }
    }

    /// Whether `action` may be begun, of which there are `words` for the first argument.
    pub(super) fn may_begin(&self, action: u32, words: Option<usize>, now: InHand) -> bool {
        let can = match &self.actions[action as usize].need {
            Need::Nothing => true,
            Need::Empty => now.held.is_none(),
            Need::It => now.unknown || now.held.is_some(),
            Need::OneOf(tools) => now.unknown || now.held.is_some_and(|held| tools.contains(&held)),
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
        let only = match self.actions[action as usize].need {
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
        let Rule { need, effect, repeats } = &self.actions[action as usize];
        let held = match effect {
            Effect::Takes => now.first,
            Effect::Gives if now.unknown || now.first == now.held => None,
            // It was in the hand, then.
            Effect::None if now.unknown && *need == Need::It => now.first,
            _ => now.held,
        };
        let tells = *effect != Effect::None || *need == Need::It;
        let last = (arguments < 2 && !repeats).then_some((action, now.first));
        InHand { held, unknown: now.unknown && !tells, first: None, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Constraint;
    use crate::tasks::held::PICK_UP;
    use crate::tasks::{MAX_STEPS, PlanGrammar, SpokenStep, TokenTable, parse_plan};
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

    fn grammar(grip: Grip<'_>) -> PlanGrammar {
        let bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).chain([Vec::new()]).collect();
        let table = TokenTable { bytes, end: END, tasks: Vec::new() };
        PlanGrammar::of_steps(&vocabulary(), table, grip).unwrap()
    }

    /// How much of `text` can be said.
    fn said<'a>(text: &'a str, grip: Grip<'_>) -> &'a str {
        let mut grammar = grammar(grip);
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
            assert_eq!(said(plan, Grip::Empty), plan);
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
            assert_eq!(said(plan, Grip::Empty), stops);
        }
    }

    #[test]
    fn what_is_held_before_is_in_the_hand() {
        let put = "PutObject mug_1 desk_5\nPickupObject mug_1\nNoOp";
        let holds = |grip, plan| said(plan, grip);
        assert_eq!(holds(Grip::Holds("mug_1"), put), put);
        assert_eq!(holds(Grip::Holds("mug_1"), "PickupObject"), "P");
        assert_eq!(holds(Grip::Holds("knife_3"), "SliceObject mug_1"), "SliceObject mug_1");
        // What nobody knows may be so or so, until a step tells.
        for grip in [Grip::Unknown, Grip::Holds("no such thing")] {
            for plan in
                [put, "PickupObject knife_3\nSliceObject mug_1\nNoOp", "SliceObject mug_1\nNoOp"]
            {
                assert_eq!(holds(grip, plan), plan);
            }
            let heated = "HeatObject mug_12\nPutObject mug_1";
            assert_eq!(holds(grip, heated), "HeatObject mug_12\nPutObject mug_1");
            assert_eq!(holds(grip, "HeatObject mug_12\nPick"), "HeatObject mug_12\nP");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_keeps_to_the_hand(choices in prop::collection::vec(any::<u16>(), 0..600)) {
            let mut grammar = grammar(Grip::Empty);
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
            // What needs nothing in the hand may be done again, unless it is going.
            let free = ["OpenObject", "CloseObject", "ToggleObject"];
            let again = |two: &[SpokenStep]| two[0] == two[1] && !free.contains(&two[0].action.as_str());
            prop_assert!(!steps.windows(2).any(again));
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
