//! What may come next: the contract between a grammar and the sampler.

/// One bit for each token of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMask {
    words: Vec<u64>,
}

impl TokenMask {
    /// A mask over `vocabulary_size` tokens that allows none.
    pub fn none(vocabulary_size: usize) -> Self {
        Self { words: vec![0; vocabulary_size.div_ceil(64)] }
    }

    /// Allows `token`; a token outside the vocabulary is ignored.
    pub fn allow(&mut self, token: u32) {
        if let Some(word) = self.words.get_mut(token as usize / 64) {
            *word |= 1 << (token % 64);
        }
    }

    /// Whether `token` is allowed.
    pub fn allows(&self, token: u32) -> bool {
        self.words.get(token as usize / 64).is_some_and(|word| word >> (token % 64) & 1 == 1)
    }

    /// Number of allowed tokens.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// A grammar walked token by token. Cloning it forks the walk, as beam search needs.
pub trait Constraint: Send {
    /// Tokens that keep the text inside the grammar, the end-of-text token included where the text
    /// may end. Never empty: a constraint that could reach a dead end is wrong.
    fn allowed(&mut self) -> TokenMask;
    /// Moves past `token`, which must be allowed.
    fn advance(&mut self, token: u32);
    /// The whole grammar as a regular expression, where it is one that is short enough to be sent: a
    /// server may be held to it.
    fn regex(&self) -> Option<String> {
        None
    }
    /// A copy at the same place.
    fn fork(&self) -> Box<dyn Constraint>;
}
