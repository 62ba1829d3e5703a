//! The tokens of a tokenizer, made ready to be walked byte by byte.

use super::grammar::GrammarError;
use crate::language::{TokenMask, Tokenizer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the grammar needs to know of a tokenizer.
#[derive(Debug)]
pub struct TokenTable {
    /// Bytes each token writes; empty for special tokens, which the grammar never allows but for
    /// those named below.
    pub bytes: Vec<Vec<u8>>,
    /// The token that ends a text.
    pub end: u32,
    /// Token of each task of the vocabulary, in its order.
    pub tasks: Vec<u32>,
}

/// The table of a tokenizer for a model of `rows` tokens whose answers end with `end`, with the
/// tokens that the first of `tasks` have of their own.
pub(crate) fn token_table(
    tokenizer: &Tokenizer,
    rows: usize,
    end: u32,
    tasks: &[String],
) -> TokenTable {
    let bytes = (0..rows as u32)
        .map(|token| match tokenizer.is_special(token) {
            true => Vec::new(),
            false => tokenizer.token_bytes(token).to_vec(),
        })
        .collect();
    let tasks = tasks.iter().map_while(|task| {
        tokenizer.token(&format!("<{task}>")).filter(|token| (*token as usize) < rows)
    });
    TokenTable { bytes, end, tasks: tasks.collect() }
}

/// A trie over byte strings.
#[derive(Debug, Default)]
pub(super) struct Trie {
    pub(super) nodes: Vec<Node>,
    /// How many strings it has, empty ones left out.
    pub(super) count: usize,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) next: BTreeMap<u8, u32>,
    /// What ends here: places in the list the trie was made from.
    pub(super) values: Vec<u32>,
}

impl Trie {
    /// Empty strings are left out.
    pub(super) fn new<'a>(strings: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut trie = Self { nodes: vec![Node::default()], count: 0 };
        for (value, bytes) in strings.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            let mut at = 0;
            for &byte in bytes {
                at = match trie.nodes[at].next.get(&byte) {
                    Some(&next) => next as usize,
                    None => {
                        let next = trie.nodes.len();
                        trie.nodes[at].next.insert(byte, next as u32);
                        trie.nodes.push(Node::default());
                        next
                    }
                };
            }
            trie.nodes[at].values.push(value as u32);
            trie.count += 1;
        }
        trie
    }

    pub(super) fn step(&self, node: u32, byte: u8) -> Option<u32> {
        self.nodes[node as usize].next.get(&byte).copied()
    }

    /// A node and all nodes that can be reached from it.
    pub(super) fn below(&self, node: u32) -> impl Iterator<Item = &Node> {
        let mut ahead = vec![node];
        std::iter::from_fn(move || {
            let node = &self.nodes[ahead.pop()? as usize];
            ahead.extend(node.next.values());
            Some(node)
        })
    }
}

/// A token table made ready to be walked; the grammars of many vocabularies share it.
#[derive(Debug, Clone)]
pub struct TokenSet(pub(super) Arc<Tokens>);

#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) table: TokenTable,
    pub(super) trie: Trie,
}

impl From<TokenTable> for TokenSet {
    fn from(table: TokenTable) -> Self {
        let trie = Trie::new(table.bytes.iter().map(Vec::as_slice));
        Self(Arc::new(Tokens { table, trie }))
    }
}

impl TokenSet {
    /// Allows every token whose bytes can be walked from `place` on; `after` tells where a byte leads.
    pub(super) fn allow<P: Copy>(
        &self,
        place: P,
        after: &impl Fn(P, u8) -> Option<P>,
        mask: &mut TokenMask,
    ) {
        self.allow_from(0, place, after, mask);
    }

    /// The same, being at `node` of the tokens.
    fn allow_from<P: Copy>(
        &self,
        node: u32,
        place: P,
        after: &impl Fn(P, u8) -> Option<P>,
        mask: &mut TokenMask,
    ) {
        let trie = &self.0.trie;
        for (&byte, &next) in &trie.nodes[node as usize].next {
            let Some(place) = after(place, byte) else { continue };
            trie.nodes[next as usize].values.iter().for_each(|&token| mask.allow(token));
            self.allow_from(next, place, after, mask);
        }
    }

    /// Whether every byte of `words` is a token, so that no walk through them can get stuck.
    pub(super) fn can_spell<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), GrammarError> {
        let trie = &self.0.trie;
        let is_token = |node: u32| !trie.nodes[node as usize].values.is_empty();
        let single = |byte: u8| trie.step(0, byte).is_some_and(is_token);
        for word in words {
            if let Some(byte) = word.bytes().find(|&byte| !single(byte)) {
                return Err(GrammarError::NoByteToken { byte, word: word.to_string() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_without_a_row_are_left_out() {
        let tokenizer = crate::language::test_tokenizer().with_special(&["<open>", "<close>"]);
        let tasks = ["open", "close"].map(String::from);
        let of = |rows: usize| token_table(&tokenizer, rows, 1, &tasks);
        assert_eq!((of(265).bytes.len(), of(265).tasks), (265, vec![263, 264]));
        assert_eq!((of(264).bytes.len(), of(264).tasks), (264, vec![263]));
    }
}
