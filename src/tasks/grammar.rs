//! The grammar of plans: a byte automaton over the vocabulary, walked by the tokenizer's tokens.
//!
//! Whatever the weights, text decoded under it is a task name (where the vocabulary has tasks), at
//! most [`MAX_STEPS`] lines of known actions with known words, and the end action. Where the acts
//! are given already, they must come in their order, and only going is added between them. Plans of
//! models that were not taught to plan keep to what is in the hand, too ([`super::hand`]). Tokens
//! need not respect words: a token is allowed when all of its bytes can be walked.

use super::hand::{Grip, HandRules, InHand};
use super::token_set::{Node, TokenSet, Trie};
use super::{ActionSpec, ActionVocabulary, ArgumentKind, SpokenStep, step_text};
use crate::language::{Constraint, TokenMask};
use std::sync::Arc;

/// Longest plan, steps. ALFRED's longest has 19.
pub const MAX_STEPS: usize = 32;

/// Why a tokenizer cannot write the plans of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// A task has no token of its own.
    #[error("the tokenizer has no token `<{0}>` for the task of that name")]
    NoTaskToken(String),
    /// A byte that some word needs is not a token, so decoding could get stuck.
    #[error("the tokenizer has no token for the byte {byte:#04x}, which `{word}` needs")]
    NoByteToken {
        /// The byte.
        byte: u8,
        /// A word with it.
        word: String,
    },
}

#[derive(Debug)]
struct Rules {
    vocabulary: ActionVocabulary,
    tokens: TokenSet,
    actions: Trie,
    /// Words by [`ArgumentKind`], in the order of its variants.
    words: [Trie; 3],
    /// Lines that must come in this order, with nothing but going between them.
    acts: Option<Vec<Vec<u8>>>,
    hand: Option<HandRules>,
}

/// Where in a plan the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    state: State,
    /// Complete steps so far.
    steps: usize,
    /// Given acts so far.
    acts: usize,
    /// Bytes of this line, if they are those with which the next given act begins.
    on_act: Option<usize>,
    hand: InHand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the token of the task.
    Task,
    /// Before the newline of the first step.
    Newline,
    /// Before the first step, where no newline is needed; one blank may stand before it.
    Begin,
    /// Inside the name of an action.
    Action(u32),
    /// Inside argument `slot` of `action`, at a node of the words of its kind.
    Word { action: u32, slot: usize, node: u32 },
    /// After the end of text.
    Done,
}

impl Rules {
    /// The place after `byte`; `None` when the grammar forbids it.
    fn after(&self, place: Place, byte: u8) -> Option<Place> {
        let mut next = self.after_in_any_plan(place, byte)?;
        if let Some(hand) = &self.hand {
            next.hand = self.after_in_hand(hand, place, next)?;
        }
        let Some(acts) = &self.acts else { return Some(next) };
        let line = |act: usize| acts.get(act).map_or(self.vocabulary.end.as_bytes(), Vec::as_slice);
        if byte == b'\n' {
            // The line that ends here is the next act, or goes somewhere.
            let whole = place.on_act.is_some_and(|at| at > 0 && at == line(place.acts).len());
            let ends = whole || place.state == State::Newline || self.may_go(place.state);
            let acts = place.acts + usize::from(whole);
            return ends.then_some(Place { acts, on_act: Some(0), ..next });
        }
        let on_act = place.on_act.filter(|&at| line(place.acts).get(at) == Some(&byte));
        let next = Place { on_act: on_act.map(|at| at + 1), ..next };
        let left = acts.len() - place.acts;
        let may_go = place.steps + left < MAX_STEPS && self.may_go(next.state);
        (next.on_act.is_some() || may_go).then_some(next)
    }

    /// What is in the hand once the plan stands at `next`, coming from `place`; `None` where it is the
    /// wrong thing.
    fn after_in_hand(&self, hand: &HandRules, place: Place, next: Place) -> Option<InHand> {
        let mut now = place.hand;
        if let State::Word { action, slot: 0, node } = place.state
            && !matches!(next.state, State::Word { slot: 0, .. })
        {
            let word = self.first_word(action, node, place.hand, hand)?;
            now = HandRules::named(now, word);
        }
        if next.steps > place.steps {
            let action = match place.state {
                State::Word { action, .. } => action,
                State::Action(node) => {
                    let &action = self.actions.nodes[node as usize].values.first()?;
                    // Its name may begin another one that was meant to be possible.
                    self.may_begin(action, now, hand).then_some(action)?
                }
                _ => return None,
            };
            let arguments = self.vocabulary.actions[action as usize].arguments.len();
            now = hand.done(action, arguments, now);
        }
        let can = match next.state {
            State::Action(node) => self
                .actions
                .below(node)
                .any(|node| node.values.iter().any(|&action| self.may_begin(action, now, hand))),
            State::Word { action, slot: 0, node } => {
                self.may_begin(action, now, hand) && self.can_name(action, node, now, hand)
            }
            _ => true,
        };
        can.then_some(now)
    }

    fn may_begin(&self, action: u32, now: InHand, hand: &HandRules) -> bool {
        let first = self.vocabulary.actions[action as usize].arguments.first();
        hand.may_begin(action, first.map(|kind| self.words[*kind as usize].count), now)
    }

    /// Whether a word that may be the first argument can still be written at `node`.
    fn can_name(&self, action: u32, node: u32, now: InHand, hand: &HandRules) -> bool {
        let (only, not) = hand.first(action, now);
        if only.is_none() && not.is_none() {
            return true;
        }
        let kind = self.vocabulary.actions[action as usize].arguments[0];
        let may = |word: &u32| only.is_none_or(|only| only == *word) && not != Some(*word);
        self.words[kind as usize].below(node).any(|node: &Node| node.values.iter().any(may))
    }

    /// The word that ends at `node`, where it may be the first argument.
    fn first_word(&self, action: u32, node: u32, now: InHand, hand: &HandRules) -> Option<u32> {
        let (only, not) = hand.first(action, now);
        let kind = self.vocabulary.actions[action as usize].arguments[0];
        let word = *self.words[kind as usize].nodes[node as usize].values.first()?;
        (only.is_none_or(|only| only == word) && not != Some(word)).then_some(word)
    }

    /// Whether a line in this state can be one that only goes somewhere.
    fn may_go(&self, state: State) -> bool {
        let goes = |&action: &u32| self.vocabulary.actions[action as usize].only_goes();
        match state {
            State::Action(node) => {
                self.actions.below(node).any(|node| node.values.iter().any(goes))
            }
            State::Word { action, .. } => goes(&action),
            _ => false,
        }
    }

    fn after_in_any_plan(&self, place: Place, byte: u8) -> Option<Place> {
        let here = |state| Some(Place { state, ..place });
        match place.state {
            State::Task | State::Done => None,
            State::Newline => (byte == b'\n').then_some(State::Action(0)).and_then(here),
            State::Begin if matches!(byte, b' ' | b'\n') => here(State::Action(0)),
            State::Begin => {
                self.after_in_any_plan(Place { state: State::Action(0), ..place }, byte)
            }
            State::Action(node) => {
                if let Some(next) = self.actions.step(node, byte) {
                    // After the last step allowed, only the end action may be begun.
                    let open = place.steps < MAX_STEPS || self.leads_to_end(next);
                    return open.then_some(State::Action(next)).and_then(here);
                }
                let &action = self.actions.nodes[node as usize].values.first()?;
                let spec = &self.vocabulary.actions[action as usize];
                match (byte, spec.arguments.is_empty()) {
                    (b' ', false) => here(State::Word { action, slot: 0, node: 0 }),
                    (b'\n', true) if spec.name != self.vocabulary.end => Self::next_line(place),
                    _ => None,
                }
            }
            State::Word { action, slot, node } => {
                let kinds = &self.vocabulary.actions[action as usize].arguments;
                let words = &self.words[kinds[slot] as usize];
                if let Some(next) = words.step(node, byte) {
                    return here(State::Word { action, slot, node: next });
                }
                let whole = !words.nodes[node as usize].values.is_empty();
                match byte {
                    b' ' if whole && slot + 1 < kinds.len() => {
                        here(State::Word { action, slot: slot + 1, node: 0 })
                    }
                    b'\n' if whole && slot + 1 == kinds.len() => Self::next_line(place),
                    _ => None,
                }
            }
        }
    }

    fn next_line(place: Place) -> Option<Place> {
        Some(Place { state: State::Action(0), steps: place.steps + 1, ..place })
    }

    /// Whether a node of the action names lies on the way to the end action.
    fn leads_to_end(&self, node: u32) -> bool {
        let mut at = Some(0);
        self.vocabulary.end.bytes().any(|byte| {
            at = at.and_then(|at| self.actions.step(at, byte));
            at == Some(node)
        })
    }

    /// Whether the end action stands complete.
    fn may_end(&self, place: Place) -> bool {
        let State::Action(node) = place.state else { return false };
        if self.acts.as_ref().is_some_and(|acts| place.acts < acts.len()) {
            return false;
        }
        let ends =
            |&action: &u32| self.vocabulary.actions[action as usize].name == self.vocabulary.end;
        self.actions.nodes[node as usize].values.iter().any(ends)
    }
}

/// A walk through the grammar.
#[derive(Debug, Clone)]
pub struct PlanGrammar {
    rules: Arc<Rules>,
    place: Place,
}

impl PlanGrammar {
    /// The grammar of `vocabulary` for a tokenizer. Fails where decoding could get stuck.
    pub fn new(
        vocabulary: &ActionVocabulary,
        tokens: impl Into<TokenSet>,
    ) -> Result<Self, GrammarError> {
        let tokens = tokens.into();
        let state = if tokens.0.table.tasks.is_empty() { State::Newline } else { State::Task };
        Self::starting(vocabulary, tokens, state, None, None)
    }

    /// The grammar of plans that begin with their first step at once, as chat models write them:
    /// without a task and without the newline before it. A vocabulary may lack words for an action,
    /// which is then no action of the grammar. No step needs what is not in the robot's hand then, which
    /// holds what `grip` says before; it goes nowhere twice in a row.
    pub fn of_steps(
        vocabulary: &ActionVocabulary,
        tokens: impl Into<TokenSet>,
        grip: Grip<'_>,
    ) -> Result<Self, GrammarError> {
        Self::starting(&vocabulary.speakable(), tokens.into(), State::Begin, None, Some(grip))
    }

    /// The grammar of plans that do `acts`, in order, and otherwise only go from place to place.
    /// They begin with their first step, not with the task.
    pub fn around(
        vocabulary: &ActionVocabulary,
        tokens: impl Into<TokenSet>,
        acts: &[SpokenStep],
    ) -> Result<Self, GrammarError> {
        let line = |act| step_text(act).trim_start().as_bytes().to_vec();
        let acts = acts.iter().map(line).collect();
        Self::starting(vocabulary, tokens.into(), State::Newline, Some(acts), None)
    }

    fn starting(
        vocabulary: &ActionVocabulary,
        tokens: TokenSet,
        state: State,
        acts: Option<Vec<Vec<u8>>>,
        grip: Option<Grip<'_>>,
    ) -> Result<Self, GrammarError> {
        let names = || vocabulary.actions.iter().map(|action| action.name.as_str());
        let words = names().chain(vocabulary.words(ArgumentKind::Target)).chain(["\n", " "]);
        tokens.can_spell(words)?;
        if let Some(task) = vocabulary.tasks.get(tokens.0.table.tasks.len()) {
            return Err(GrammarError::NoTaskToken(task.clone()));
        }
        let trie = |kind| Trie::new(vocabulary.words(kind).into_iter().map(str::as_bytes));
        let rules = Rules {
            actions: Trie::new(names().map(str::as_bytes)),
            words: [
                trie(ArgumentKind::Target),
                trie(ArgumentKind::Object),
                trie(ArgumentKind::Receptacle),
            ],
            vocabulary: vocabulary.clone(),
            tokens,
            acts,
            hand: grip.map(|_| HandRules::new(vocabulary)),
        };
        let hand = HandRules::begin(vocabulary, grip.unwrap_or(Grip::Unknown));
        let place = Place { state, steps: 0, acts: 0, on_act: None, hand };
        Ok(Self { rules: Arc::new(rules), place })
    }

    /// Whether the text so far is a whole plan with its end of text.
    pub fn is_done(&self) -> bool {
        self.place.state == State::Done
    }
}

/// `word` as a regular expression of itself.
fn escaped(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ' ');
    let letter = |letter| match plain(letter) {
        true => letter.to_string(),
        false => format!("\\{letter}"),
    };
    word.chars().map(letter).collect()
}

impl Constraint for PlanGrammar {
    fn allowed(&mut self) -> TokenMask {
        let rules = &self.rules;
        let table = &rules.tokens.0.table;
        let mut mask = TokenMask::none(table.bytes.len());
        match self.place.state {
            State::Task => table.tasks.iter().for_each(|&task| mask.allow(task)),
            State::Done => mask.allow(table.end),
            _ => rules.tokens.allow(self.place, &|at, byte| rules.after(at, byte), &mut mask),
        }
        if rules.may_end(self.place) {
            mask.allow(table.end);
        }
        mask
    }

    fn advance(&mut self, token: u32) {
        let table = &self.rules.tokens.0.table;
        if token == table.end {
            self.place.state = State::Done;
        } else if self.place.state == State::Task {
            self.place.state = State::Newline;
        } else if let Some(bytes) = table.bytes.get(token as usize) {
            for &byte in bytes {
                self.place = self.rules.after(self.place, byte).unwrap_or(self.place);
            }
        }
    }

    fn regex(&self) -> Option<String> {
        let Rules { vocabulary, acts, .. } = &*self.rules;
        let any = |words: Vec<&str>| words.into_iter().map(escaped).collect::<Vec<_>>().join("|");
        let begin = match self.place.state {
            State::Task => {
                let tasks = vocabulary.tasks.iter().map(|task| format!("<{}>", escaped(task)));
                format!("({})\\n", tasks.collect::<Vec<_>>().join("|"))
            }
            State::Newline => "\\n".to_owned(),
            // Plans that keep to what is in the hand have none that is short.
            _ => return None,
        };
        let line = |action: &ActionSpec| {
            let words = |&kind: &ArgumentKind| format!(" ({})", any(vocabulary.words(kind)));
            let arguments = action.arguments.iter().map(words);
            escaped(&action.name) + &arguments.collect::<String>()
        };
        let sayable =
            |action: &&ActionSpec| action.arguments.iter().all(|&k| vocabulary.has_words(k));
        let is_free = |action: &&ActionSpec| {
            action.name != vocabulary.end && (acts.is_none() || action.only_goes())
        };
        let actions = vocabulary.actions.iter().filter(is_free);
        let lines: Vec<String> = actions.filter(sayable).map(line).collect();
        // Between given acts steps are not counted: every plan has an expression of its own there, and
        // one that counts takes a server long to compile.
        let often = match acts {
            None => format!("{{0,{MAX_STEPS}}}"),
            Some(_) => "*".to_owned(),
        };
        let free = match lines.is_empty() {
            true => String::new(),
            false => format!("(({})\\n){often}", lines.join("|")),
        };
        let act = |act: &Vec<u8>| format!("{free}{}\\n", escaped(&String::from_utf8_lossy(act)));
        let acts: String = acts.iter().flatten().map(act).collect();
        Some(format!("{begin}{acts}{free}{}", escaped(&vocabulary.end)))
    }

    fn fork(&self) -> Box<dyn Constraint> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{TokenTable, parse_plan, step_text};
    use proptest::prelude::*;

    /// All bytes as tokens, then some longer ones, then `</s>` and the tasks.
    fn grammar(longer: &[&str]) -> (PlanGrammar, Vec<Vec<u8>>) {
        let vocabulary = ActionVocabulary::alfred();
        let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        bytes.extend(longer.iter().map(|token| token.as_bytes().to_vec()));
        bytes.resize(bytes.len() + 1 + vocabulary.tasks.len(), Vec::new());
        (PlanGrammar::new(&vocabulary, table(&bytes, &vocabulary)).unwrap(), bytes)
    }

    /// The table of the tokens that [`grammar`] made.
    fn table(bytes: &[Vec<u8>], vocabulary: &ActionVocabulary) -> TokenTable {
        let end = (bytes.len() - 1 - vocabulary.tasks.len()) as u32;
        let tasks = (end + 1..bytes.len() as u32).collect();
        TokenTable { bytes: bytes.to_vec(), end, tasks }
    }

    /// Decodes by drawing among the allowed tokens with the numbers of `choices`.
    fn decode(mut grammar: PlanGrammar, bytes: &[Vec<u8>], choices: &[u16]) -> String {
        let mut text = Vec::new();
        let mut choices = choices.iter().copied().chain(std::iter::repeat(0));
        while !grammar.is_done() {
            let mask = grammar.allowed();
            let allowed: Vec<u32> = (0..bytes.len() as u32).filter(|&t| mask.allows(t)).collect();
            assert!(!allowed.is_empty(), "stuck after {:?}", String::from_utf8_lossy(&text));
            let drawn = choices.next().unwrap_or(0) as usize % allowed.len();
            grammar.advance(allowed[drawn]);
            text.extend(&bytes[allowed[drawn] as usize]);
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn plans_of_steps_begin_at_once_or_after_a_blank() {
        let mut vocabulary = ActionVocabulary { tasks: Vec::new(), ..ActionVocabulary::alfred() };
        let bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).chain([Vec::new()]).collect();
        let walk = |vocabulary: &ActionVocabulary, text: &str| {
            let table = TokenTable { bytes: bytes.clone(), end: 256, tasks: Vec::new() };
            let mut grammar = PlanGrammar::of_steps(vocabulary, table, Grip::Unknown).unwrap();
            let follows = text.bytes().all(|byte| {
                let allowed = grammar.allowed().allows(u32::from(byte));
                grammar.advance(u32::from(byte));
                allowed
            });
            follows && grammar.allowed().allows(256)
        };
        for begin in ["", " ", "\n"] {
            assert!(walk(&vocabulary, &format!("{begin}PickupObject mug\nNoOp")));
            assert!(walk(&vocabulary, &format!("{begin}NoOp")));
        }
        assert!(!walk(&vocabulary, "  NoOp") && !walk(&vocabulary, "mug\nNoOp"));
        // With no word for a receptacle, nothing that needs one can be begun.
        vocabulary.receptacles.clear();
        assert!(walk(&vocabulary, "PickupObject mug\nNoOp"));
        assert!(!walk(&vocabulary, "PutObject mug"));
    }

    #[test]
    fn the_grammar_of_plans_is_a_regular_expression() {
        let vocabulary = ActionVocabulary {
            tasks: Vec::new(),
            objects: vec!["mug".into(), "t-shirt".into()],
            receptacles: vec!["desk".into()],
            ..ActionVocabulary::alfred()
        };
        let bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).chain([Vec::new()]).collect();
        let table = || TokenTable { bytes: bytes.clone(), end: 256, tasks: Vec::new() };
        let regex = PlanGrammar::new(&vocabulary, table()).unwrap().regex().unwrap();
        assert!(regex.starts_with(r"\n((") && regex.ends_with(r")\n){0,32}NoOp"), "{regex}");
        assert!(regex.contains(r"|PutObject (mug|t\-shirt) (desk)|"), "{regex}");
        assert!(!regex.contains("|NoOp|"), "{regex}");
        let act = SpokenStep { action: "PickupObject".into(), arguments: vec!["t-shirt".into()] };
        let around = PlanGrammar::around(&vocabulary, table(), &[act]).unwrap();
        let going = r"((GotoLocation (desk|mug|t\-shirt))\n)*";
        let expected = format!(r"\n{going}PickupObject t\-shirt\n{going}NoOp");
        assert_eq!(around.regex(), Some(expected));

        let vocabulary = ActionVocabulary { tasks: vec!["go".into(), "a-b".into()], ..vocabulary };
        let bytes = [bytes, vec![Vec::new(); 2]].concat();
        let table = TokenTable { bytes, end: 256, tasks: vec![257, 258] };
        let of_tasks = PlanGrammar::new(&vocabulary, table).unwrap().regex().unwrap();
        assert_eq!(of_tasks, format!(r"(<go>|<a\-b>){regex}"));
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_parses(choices in prop::collection::vec(any::<u16>(), 0..400)) {
            let (grammar, bytes) = grammar(&["\nPick", " mug", "Object", "\nNoOp", "table\n"]);
            let vocabulary = ActionVocabulary::alfred();
            let steps = parse_plan(&decode(grammar, &bytes, &choices), &vocabulary).unwrap();
            prop_assert!(steps.len() <= MAX_STEPS);
            for step in &steps {
                let kinds = &vocabulary.action(&step.action).unwrap().arguments;
                for (word, &kind) in step.arguments.iter().zip(kinds) {
                    prop_assert!(vocabulary.words(kind).contains(&word.as_str()), "{word}");
                }
            }
            let _ = steps.iter().map(step_text).collect::<String>();
        }
    }

    proptest! {
        #[test]
        fn given_acts_come_in_order_with_only_going_between(
            acts in prop::collection::vec(any::<u16>(), 0..60),
            choices in prop::collection::vec(any::<u16>(), 0..400),
        ) {
            let (_, bytes) = grammar(&["\nPick", " mug", "\nGoto", "\nNoOp", "desk\n", "\nP"]);
            let vocabulary = ActionVocabulary::alfred();
            let table = || table(&bytes, &vocabulary);
            let draft = PlanGrammar::new(&vocabulary.without_going(), table()).unwrap();
            let acts = parse_plan(&decode(draft, &bytes, &acts), &vocabulary).unwrap();
            let around = PlanGrammar::around(&vocabulary, table(), &acts).unwrap();
            let steps = parse_plan(&decode(around, &bytes, &choices), &vocabulary).unwrap();
            prop_assert!(steps.len() <= MAX_STEPS);
            let goes = |step: &SpokenStep| vocabulary.action(&step.action).unwrap().only_goes();
            let done: Vec<_> = steps.into_iter().filter(|step| !goes(step)).collect();
            prop_assert_eq!(done, acts);
        }
    }

    #[test]
    fn a_given_act_is_not_cut_to_a_shorter_word() {
        let (_, bytes) = grammar(&[]);
        let vocabulary = ActionVocabulary::alfred();
        let arguments = vec!["mug".into(), "toiletpaperhanger".into()];
        let act = SpokenStep { action: "PutObject".into(), arguments };
        let mut around =
            PlanGrammar::around(&vocabulary, table(&bytes, &vocabulary), &[act]).unwrap();
        for byte in b"\nPutObject mug toilet" {
            around.advance(u32::from(*byte));
        }
        let mask = around.allowed();
        assert!(mask.allows(u32::from(b'p')) && !mask.allows(u32::from(b'\n')));
    }

    #[test]
    fn a_token_across_words_is_allowed_only_where_both_parts_fit() {
        let (mut grammar, bytes) = grammar(&["\nPutObject mug d", "esk\nNoOp", "esk mug"]);
        let id =
            |text: &str| bytes.iter().position(|token| token == text.as_bytes()).unwrap() as u32;
        let task = bytes.len() as u32 - 1;
        grammar.advance(task);
        assert!(grammar.allowed().allows(id("\nPutObject mug d")));
        grammar.advance(id("\nPutObject mug d"));
        let allowed = grammar.allowed();
        assert!(allowed.allows(id("esk\nNoOp")) && !allowed.allows(id("esk mug")));
    }

    #[test]
    fn thousands_of_words_share_their_beginnings() {
        let words: Vec<String> = (0..5000).map(|number| format!("thing{number}")).collect();
        let vocabulary = ActionVocabulary {
            tasks: vec![],
            objects: words.clone(),
            receptacles: words,
            ..ActionVocabulary::alfred()
        };
        let bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).chain([Vec::new()]).collect();
        let start = std::time::Instant::now();
        let mut grammar = PlanGrammar::new(&vocabulary, table(&bytes, &vocabulary)).unwrap();
        // Each number below 5000 begins with a shorter one.
        let nodes = grammar.rules.words.each_ref().map(|words| words.nodes.len());
        assert_eq!(nodes, [1 + "thing".len() + 5000; 3]);
        let regex = grammar.regex().unwrap();
        let places = vocabulary.actions.iter().map(|action| action.arguments.len()).sum::<usize>();
        assert!(regex.len() < places * 5000 * "|thing4999".len() + 1000, "{}", regex.len());
        for byte in b"\nPutObject thing4999 thing0\nNoOp" {
            assert!(grammar.allowed().allows(u32::from(*byte)));
            grammar.advance(u32::from(*byte));
        }
        assert!(grammar.allowed().allows(256));
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }

    #[test]
    fn a_tokenizer_that_cannot_spell_a_word_is_refused() {
        let vocabulary = ActionVocabulary { tasks: vec![], ..ActionVocabulary::alfred() };
        let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        bytes[b'w' as usize].clear();
        let table = TokenTable { bytes, end: 0, tasks: vec![] };
        let error = PlanGrammar::new(&vocabulary, table).unwrap_err();
        assert!(matches!(error, GrammarError::NoByteToken { byte: b'w', .. }), "{error}");
    }
}
