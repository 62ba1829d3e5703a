//! Lists in plain words that say no item twice.
//!
//! A small model that lists what it sees, likeliest word by likeliest word, falls into "a fork, a fork,
//! a fork". What begins an item behind a comma may not go on as an item did before: behind a comma, before
//! all places, or since the last "on" or "in", which begins a place with items of its own.

use crate::language::{Constraint, TokenMask, Tokenizer};

/// What was said of a list so far.
#[derive(Debug, Clone)]
pub struct Listing {
    vocabulary: usize,
    comma: u32,
    places: Vec<u32>,
    said: Vec<u32>,
}

impl Listing {
    /// A list in the tokens of `tokenizer`, for a model of so many tokens; `None` where a comma is not
    /// one of them.
    pub fn new(tokenizer: &Tokenizer, vocabulary: usize) -> Option<Self> {
        let single = |text: &str| match tokenizer.encode_plain(text).ok()?.as_slice() {
            [token] => Some(*token),
            _ => None,
        };
        let places = [" on", " in"].into_iter().filter_map(single).collect();
        Some(Self { vocabulary, comma: single(",")?, places, said: Vec::new() })
    }

    /// Tokens that would say an item again.
    fn repeated(&self) -> Vec<u32> {
        let [before @ .., comma, first] = self.said.as_slice() else { return Vec::new() };
        // Places begin alike: "on the table, on the shelf".
        if *comma != self.comma || self.places.contains(first) {
            return Vec::new();
        }
        let place = self.said.iter().rposition(|token| self.places.contains(token));
        let opening = before.iter().position(|token| token == first);
        let is_before_places =
            |at: usize| !self.said[..at].iter().any(|token| self.places.contains(token));
        let begins = |at: usize| {
            let led = at.checked_sub(1).is_some_and(|comma| self.said[comma] == self.comma);
            let opens = opening == Some(at) && is_before_places(at);
            self.said[at] == *first && (led || opens || place.is_none_or(|place| at > place))
        };
        (0..before.len()).filter(|at| begins(*at)).map(|at| self.said[at + 1]).collect()
    }
}

impl Constraint for Listing {
    fn allowed(&mut self) -> TokenMask {
        let repeated = self.repeated();
        let mut mask = TokenMask::none(self.vocabulary);
        let tokens = 0..u32::try_from(self.vocabulary).unwrap_or(u32::MAX);
        tokens.filter(|token| !repeated.contains(token)).for_each(|token| mask.allow(token));
        mask
    }

    fn advance(&mut self, token: u32) {
        self.said.push(token);
    }

    fn fork(&self) -> Box<dyn Constraint> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 0;
    const FORK: u32 = 1;
    const MUG: u32 = 2;
    const COMMA: u32 = 3;
    const ON: u32 = 4;
    const THE: u32 = 5;
    const TABLE: u32 = 6;

    fn after(said: &[u32]) -> Vec<u32> {
        let listing =
            Listing { vocabulary: 7, comma: COMMA, places: vec![ON], said: said.to_vec() };
        let mask = listing.clone().allowed();
        (0..7).filter(|token| !mask.allows(*token)).collect()
    }

    #[test]
    fn an_item_is_not_said_again() {
        assert_eq!(after(&[A, FORK, COMMA, A]), [FORK]);
        assert_eq!(after(&[A, FORK, COMMA, A, MUG, COMMA, A]), [FORK, MUG]);
        assert_eq!(after(&[ON, THE, TABLE, A, FORK, COMMA, A]), [FORK]);
        assert_eq!(after(&[A, FORK, ON, THE, TABLE, COMMA, A]), [FORK], "the first one neither");
    }

    #[test]
    fn all_else_may_be_said() {
        assert_eq!(after(&[]), [0u32; 0]);
        assert_eq!(after(&[A, FORK, COMMA]), [0u32; 0]);
        // On another place there may be one, too.
        assert_eq!(after(&[A, FORK, ON, THE, TABLE, A]), [0u32; 0]);
        // And another place may begin as the one before.
        assert_eq!(after(&[ON, THE, TABLE, A, FORK, COMMA, ON]), [0u32; 0]);
        // A word inside an item may come back.
        assert_eq!(after(&[A, FORK, ON, THE, TABLE, COMMA, A, MUG, ON, THE]), [0u32; 0]);
    }
}
