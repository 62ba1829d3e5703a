//! The grammar of texts whose lines come from a given list, such as programs of motions.

use super::grammar::GrammarError;
use super::token_set::{TokenSet, Trie};
use crate::language::{Constraint, TokenMask};
use std::sync::Arc;

#[derive(Debug)]
struct Rules {
    tokens: TokenSet,
    lines: Trie,
    /// Most lines.
    most: usize,
}

/// Where in a text it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: At,
    /// Lines before this one.
    before: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a line; one blank may stand there.
    Begin,
    /// At a node of the lines.
    Within(u32),
    /// After the end of text.
    Done,
}

impl Rules {
    /// The place after `byte`; `None` when the grammar forbids it.
    fn after(&self, place: Place, byte: u8) -> Option<Place> {
        match place.at {
            At::Done => None,
            At::Begin if byte == b' ' => Some(Place { at: At::Within(0), ..place }),
            At::Begin => self.after(Place { at: At::Within(0), ..place }, byte),
            At::Within(node) => match self.lines.step(node, byte) {
                Some(next) => Some(Place { at: At::Within(next), ..place }),
                None if byte == b'\n' && self.is_line(node) && place.before + 1 < self.most => {
                    Some(Place { at: At::Begin, before: place.before + 1 })
                }
                None => None,
            },
        }
    }

    /// Whether a whole line ends at this node.
    fn is_line(&self, node: u32) -> bool {
        self.lines.nodes.get(node as usize).is_some_and(|node| !node.values.is_empty())
    }
}

/// A walk through the grammar: one line of the list at least, so many at most, newlines between.
#[derive(Debug, Clone)]
pub(super) struct LineGrammar {
    rules: Arc<Rules>,
    place: Place,
}

impl LineGrammar {
    /// The grammar of at most `most` of `lines` for a tokenizer.
    ///
    /// # Errors
    ///
    /// When the tokenizer cannot spell a line.
    pub(super) fn new(
        lines: &[String],
        tokens: TokenSet,
        most: usize,
    ) -> Result<Self, GrammarError> {
        tokens.can_spell(lines.iter().map(String::as_str).chain(["\n", " "]))?;
        let lines = Trie::new(lines.iter().map(String::as_bytes));
        let rules = Rules { tokens, lines, most };
        Ok(Self { rules: Arc::new(rules), place: Place { at: At::Begin, before: 0 } })
    }
}

impl Constraint for LineGrammar {
    fn allowed(&mut self) -> TokenMask {
        let rules = &self.rules;
        let table = &rules.tokens.0.table;
        let mut mask = TokenMask::none(table.bytes.len());
        rules.tokens.allow(self.place, &|at, byte| rules.after(at, byte), &mut mask);
        let may_end = match self.place.at {
            At::Within(node) => rules.is_line(node),
            At::Done => true,
            At::Begin => false,
        };
        if may_end {
            mask.allow(table.end);
        }
        mask
    }

    fn advance(&mut self, token: u32) {
        let table = &self.rules.tokens.0.table;
        if token == table.end {
            self.place.at = At::Done;
        } else if let Some(bytes) = table.bytes.get(token as usize) {
            for &byte in bytes {
                self.place = self.rules.after(self.place, byte).unwrap_or(self.place);
            }
        }
    }

    fn fork(&self) -> Box<dyn Constraint> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::TokenTable;
    use proptest::prelude::*;

    const LINES: [&str; 4] = ["go to the mug", "go to the mugtree", "turn left", "stop"];
    const END: u32 = 260;

    fn grammar(most: usize) -> (LineGrammar, Vec<Vec<u8>>) {
        let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        let longer = ["go to", "\nturn", "left\nstop", " the mug"];
        bytes.extend(longer.map(|token| token.as_bytes().to_vec()));
        bytes.push(Vec::new());
        let table = TokenTable { bytes: bytes.clone(), end: END, tasks: vec![] };
        (LineGrammar::new(&LINES.map(String::from), table.into(), most).unwrap(), bytes)
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_is_lines_of_the_list(choices in prop::collection::vec(any::<u16>(), 0..200)) {
            let (mut grammar, bytes) = grammar(5);
            let (mut text, mut choices) = (Vec::new(), choices.into_iter().chain(std::iter::repeat(0)));
            loop {
                let mask = grammar.allowed();
                let allowed: Vec<u32> = (0..=END).filter(|token| mask.allows(*token)).collect();
                prop_assert!(!allowed.is_empty(), "stuck after {:?}", text);
                // The end comes first among equals, so that an exhausted choice ends the text.
                let drawn = choices.next().unwrap_or(0) as usize;
                let token = match drawn {
                    0 if mask.allows(END) => END,
                    drawn => allowed[drawn % allowed.len()],
                };
                grammar.advance(token);
                if token == END {
                    break;
                }
                text.extend(&bytes[token as usize]);
            }
            let text = String::from_utf8(text).unwrap();
            prop_assert!((1..=5).contains(&text.lines().count()), "{text:?}");
            for line in text.lines() {
                prop_assert!(LINES.contains(&line.trim_start()), "{line:?}");
            }
        }
    }

    #[test]
    fn a_line_too_many_is_not_begun() {
        let (mut grammar, _) = grammar(1);
        " stop".bytes().for_each(|byte| grammar.advance(u32::from(byte)));
        let mask = grammar.allowed();
        assert!(mask.allows(END) && !mask.allows(u32::from(b'\n')));
    }

    #[test]
    fn a_line_that_cannot_be_spelt_is_refused() {
        let table = TokenTable { bytes: vec![vec![b'a']], end: 1, tasks: vec![] };
        let error = LineGrammar::new(&["ab".into()], table.into(), 3).unwrap_err();
        assert!(matches!(error, GrammarError::NoByteToken { byte: b'b', .. }), "{error}");
    }
}
