//! One answer, token by token.

use std::time::{Duration, Instant};

use candle_core::Tensor;

use super::constraint::Constraint;
use super::error::LanguageError;
use super::kv_cache::KvCache;
use super::llama::Llama;
use super::sampler::{Sampler, SamplingOptions};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The model ended it.
    EndOfText,
    /// It reached its greatest length.
    MaxTokens,
    /// The cache is full.
    ContextFull,
    /// The listener wanted no more.
    Cancelled,
}

/// Where the time of an answer went.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// Positions of the prompt that were computed.
    pub prompt_tokens: usize,
    /// Time until the first logits.
    pub prefill: Duration,
    /// Steps after the prompt.
    pub steps: usize,
    /// Time of all steps.
    pub decode: Duration,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Mean over all chosen tokens, the ending one included, of their log-probability among the
    /// allowed ones; 0 when none was chosen.
    pub mean_log_probability: f32,
    /// Why it ended.
    pub stop: StopReason,
    /// Where the time went.
    pub timings: Timings,
}

/// Appends `prompt` `(1, t, hidden)` to `cache` and answers it. Every token goes to `on_token`,
/// which ends the answer by returning `false`.
pub fn generate(
    llama: &Llama,
    cache: &mut KvCache,
    prompt: &Tensor,
    mut constraint: Option<&mut dyn Constraint>,
    options: &SamplingOptions,
    on_token: &mut dyn FnMut(u32) -> bool,
) -> Result<Generation, LanguageError> {
    let begin = Instant::now();
    let mut sampler = Sampler::new(options);
    let mut timings = Timings { prompt_tokens: prompt.dim(1)?, ..Default::default() };
    let mut logits: Vec<f32> = llama.forward_embeds(prompt, cache)?.to_vec1()?;
    timings.prefill = begin.elapsed();
    let (mut tokens, mut log_probabilities) = (Vec::new(), Vec::new());
    let stop = loop {
        if tokens.len() >= options.max_tokens {
            break StopReason::MaxTokens;
        }
        let mask = constraint.as_mut().map(|constraint| constraint.allowed());
        let choice = sampler.sample(&logits, mask.as_ref())?;
        log_probabilities.push(choice.log_probability);
        if llama.config().eos.contains(&choice.token) {
            break StopReason::EndOfText;
        }
        if let Some(constraint) = constraint.as_mut() {
            constraint.advance(choice.token);
        }
        tokens.push(choice.token);
        if !on_token(choice.token) {
            break StopReason::Cancelled;
        }
        if cache.len() == cache.capacity() {
            break StopReason::ContextFull;
        }
        // The last token needs no further logits.
        if tokens.len() < options.max_tokens {
            logits = llama.forward_embeds(&llama.embed(&[choice.token])?, cache)?.to_vec1()?;
            timings.steps += 1;
        }
    };
    timings.decode = begin.elapsed() - timings.prefill;
    let count = log_probabilities.len().max(1) as f32;
    let mean_log_probability = log_probabilities.iter().sum::<f32>() / count;
    Ok(Generation { tokens, mean_log_probability, stop, timings })
}
