//! A language model with its cache: what a prompt shares with the one before is not computed again.

use candle_core::Tensor;

use super::error::ModelError;
use super::prompt::{SplicedPrompt, token_key};
use crate::language::{
    BeamOptions, Constraint, Detokenizer, Generation, Hypothesis, KvCache, LanguageError, Llama,
    SamplingOptions, Tokenizer, beam_search, generate,
};

/// An answer in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Its words.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// Log-probability of its tokens among the allowed ones.
    pub log_probability: f32,
    /// Its mean over the tokens.
    pub mean_log_probability: f32,
    /// Whether the model ended it, rather than its greatest length.
    pub finished: bool,
}

/// A language model that answers prompts.
#[derive(Debug)]
pub(super) struct Decoder {
    llama: Llama,
    cache: KvCache,
    /// What the positions of the cache hold; see [`SplicedPrompt::keys`].
    cached: Vec<u64>,
}

impl Decoder {
    /// With room for `context` positions.
    pub(super) fn new(llama: Llama, context: usize) -> Result<Self, LanguageError> {
        let cache = llama.new_cache(context)?;
        Ok(Self { llama, cache, cached: Vec::new() })
    }

    /// The language model.
    pub(super) fn llama(&self) -> &Llama {
        &self.llama
    }

    /// Positions there is room for.
    pub(super) fn context(&self) -> usize {
        self.cache.capacity()
    }

    /// Answers `prompt` token by token; see [`super::SceneLlm::generate`].
    pub(super) fn generate(
        &mut self,
        prompt: SplicedPrompt,
        tokenizer: &Tokenizer,
        constraint: Option<&mut dyn Constraint>,
        options: &SamplingOptions,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError> {
        let (rest, keys) = self.prepare(prompt)?;
        let mut detokenizer = Detokenizer::new();
        let mut on_token = |token| {
            let text = detokenizer.push(tokenizer.token_bytes(token));
            on_text(&text)
        };
        let (llama, cache) = (&self.llama, &mut self.cache);
        let answer = generate(llama, cache, &rest, constraint, options, &mut on_token)?;
        on_text(&detokenizer.finish());
        self.cached = keys;
        let fed = self.cache.len() - self.cached.len();
        self.cached.extend(answer.tokens[..fed].iter().copied().map(token_key));
        Ok(answer)
    }

    /// Searches answers to `prompt`, best first; see [`super::SceneLlm::search`].
    pub(super) fn search(
        &mut self,
        prompt: SplicedPrompt,
        tokenizer: &Tokenizer,
        constraint: Option<Box<dyn Constraint>>,
        options: &BeamOptions,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<Reply>, ModelError> {
        let (rest, keys) = self.prepare(prompt)?;
        let (mut detokenizer, mut told) = (Detokenizer::new(), 0);
        let mut tell = |tokens: &[u32]| {
            let new = tokens.iter().skip(told).filter(|token| !tokenizer.is_special(**token));
            let bytes = new.flat_map(|token| tokenizer.token_bytes(*token));
            let text = detokenizer.push(&bytes.copied().collect::<Vec<_>>());
            told = told.max(tokens.len());
            on_text(&text)
        };
        let (llama, cache) = (&self.llama, &mut self.cache);
        let found = beam_search(llama, cache, &rest, constraint, options, &mut tell)?;
        if let Some(best) = found.first().filter(|answer| answer.finished) {
            tell(&best.tokens);
        }
        self.cached = keys;
        let reply = |hypothesis: Hypothesis| {
            let chosen = hypothesis.tokens.len() + usize::from(hypothesis.finished);
            Reply {
                text: tokenizer.decode(&hypothesis.tokens),
                log_probability: hypothesis.log_probability,
                mean_log_probability: hypothesis.log_probability / chosen.max(1) as f32,
                finished: hypothesis.finished,
                tokens: hypothesis.tokens,
            }
        };
        Ok(found.into_iter().map(reply).collect())
    }

    /// Rolls the cache back to what it shares with `prompt`; the embeddings of the rest, and the
    /// keys of all.
    fn prepare(&mut self, prompt: SplicedPrompt) -> Result<(Tensor, Vec<u64>), ModelError> {
        let SplicedPrompt { embeds, keys } = prompt;
        if keys.is_empty() {
            return Err(LanguageError::Argument("the prompt is empty".into()).into());
        }
        let equal = keys.iter().zip(&self.cached).take_while(|(new, old)| new == old).count();
        // The last position is computed in any case: its logits begin the answer.
        let common = equal.min(keys.len() - 1);
        self.cached.truncate(common);
        self.cache.truncate(common);
        Ok((embeds.narrow(1, common, keys.len() - common)?, keys))
    }
}
