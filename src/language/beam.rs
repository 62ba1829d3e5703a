//! Beam search: the likeliest of several answers grown side by side.

use candle_core::Tensor;

use super::constraint::{Constraint, TokenMask};
use super::error::LanguageError;
use super::kv_cache::KvCache;
use super::llama::Llama;
use super::sampler::log_probabilities;

/// How wide and how long is searched.
#[derive(Debug, Clone, PartialEq)]
pub struct BeamOptions {
    /// Answers grown side by side.
    pub beams: usize,
    /// Longest answer, in tokens.
    pub max_tokens: usize,
    /// Answers are ranked by log-probability over length to this power: 0 favours short answers,
    /// 1 ranks by the mean.
    pub length_penalty: f32,
    /// Whole answers that are wanted: the search goes on until so many have ended, or no beam is left.
    pub answers: usize,
}

impl Default for BeamOptions {
    fn default() -> Self {
        Self { beams: 4, max_tokens: 256, length_penalty: 1.0, answers: 1 }
    }
}

/// One answer of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Log-probability of all chosen tokens, the ending one included, each among the allowed ones.
    pub log_probability: f32,
    /// What answers are ranked by.
    pub score: f32,
    /// Whether it was ended by the model; if not, it reached its greatest length.
    pub finished: bool,
}

struct Beam {
    cache: KvCache,
    constraint: Option<Box<dyn Constraint>>,
    tokens: Vec<u32>,
    log_probability: f32,
    logits: Vec<f32>,
}

/// A way on: beam, token, log-probability of everything up to it.
type Way = (usize, u32, f32);

/// Appends `prompt` `(1, t, hidden)` to `cache` and searches its likeliest answers, best first,
/// finished ones before unfinished ones. One beam finds what greedy sampling finds.
///
/// Before every step `on_agreed` is told the tokens that all answers begin with, which no later step
/// can take back; the search ends where it says `false`.
pub fn beam_search(
    llama: &Llama,
    cache: &mut KvCache,
    prompt: &Tensor,
    constraint: Option<Box<dyn Constraint>>,
    options: &BeamOptions,
    on_agreed: &mut dyn FnMut(&[u32]) -> bool,
) -> Result<Vec<Hypothesis>, LanguageError> {
    if options.beams == 0 {
        return Err(LanguageError::Argument("a search needs at least one beam".into()));
    }
    let logits = llama.forward_embeds(prompt, cache)?.to_vec1()?;
    let prompt_length = cache.len();
    let steps = options.max_tokens.min(cache.capacity() - prompt_length + 1);
    let capacity = (prompt_length + steps).min(cache.capacity());
    let first = Beam {
        cache: cache.fork(capacity)?,
        constraint,
        tokens: Vec::new(),
        log_probability: 0.0,
        logits,
    };
    let mut alive = vec![first];
    let mut spare: Vec<KvCache> = Vec::new();
    let mut finished: Vec<Hypothesis> = Vec::new();
    for step in 0..steps {
        if !on_agreed(agreed(&alive, &finished)) {
            break;
        }
        let ways = best_ways(&mut alive, options.beams - finished.len())?;
        let (ended, going): (Vec<Way>, Vec<Way>) =
            ways.into_iter().partition(|(_, token, _)| llama.config().eos.contains(token));
        finished.extend(ended.into_iter().map(|(beam, _, log_probability)| {
            let tokens = alive[beam].tokens.clone();
            let score = score(log_probability, tokens.len() + 1, options.length_penalty);
            Hypothesis { tokens, log_probability, score, finished: true }
        }));
        alive = follow(alive, going, &mut spare, prompt_length, capacity)?;
        if step + 1 == steps || !worth_going_on(&alive, &finished, steps, options) {
            break;
        }
        compute_logits(llama, &mut alive)?;
    }
    let unfinished = alive.into_iter().map(|beam| Hypothesis {
        score: score(beam.log_probability, beam.tokens.len(), options.length_penalty),
        tokens: beam.tokens,
        log_probability: beam.log_probability,
        finished: false,
    });
    finished.extend(unfinished);
    finished.sort_by(|a, b| b.finished.cmp(&a.finished).then(b.score.total_cmp(&a.score)));
    Ok(finished)
}

/// The tokens that all answers begin with.
fn agreed<'a>(alive: &'a [Beam], finished: &'a [Hypothesis]) -> &'a [u32] {
    let ended = finished.iter().map(|answer| answer.tokens.as_slice());
    let mut all = alive.iter().map(|beam| beam.tokens.as_slice()).chain(ended);
    let first = all.next().unwrap_or_default();
    all.fold(first, |common, tokens| {
        let equal = common.iter().zip(tokens).take_while(|(one, other)| one == other).count();
        &common[..equal]
    })
}

/// The `count` likeliest ways on from all beams; the earlier beam and token of equals first.
fn best_ways(alive: &mut [Beam], count: usize) -> Result<Vec<Way>, LanguageError> {
    let mut ways: Vec<Way> = Vec::new();
    for (number, beam) in alive.iter_mut().enumerate() {
        let mask: Option<TokenMask> = beam.constraint.as_mut().map(|c| c.allowed());
        let mut choices = log_probabilities(&beam.logits, mask.as_ref())?;
        choices.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        let far = choices.into_iter().take(count);
        ways.extend(far.map(|c| (number, c.token, beam.log_probability + c.log_probability)));
    }
    ways.sort_by(|a, b| b.2.total_cmp(&a.2));
    ways.truncate(count);
    Ok(ways)
}

/// The beams after `ways`. The last way of a beam takes its cache; others copy what lies behind
/// the common prompt into a cache nobody needs any more.
fn follow(
    alive: Vec<Beam>,
    ways: Vec<Way>,
    spare: &mut Vec<KvCache>,
    prompt_length: usize,
    capacity: usize,
) -> Result<Vec<Beam>, LanguageError> {
    let mut left: Vec<Option<Beam>> = alive.into_iter().map(Some).collect();
    for (number, slot) in left.iter_mut().enumerate() {
        if !ways.iter().any(|way| way.0 == number) {
            spare.extend(slot.take().map(|beam| beam.cache));
        }
    }
    let mut next = Vec::with_capacity(ways.len());
    for (index, (parent, token, log_probability)) in ways.iter().enumerate() {
        let again = ways[index + 1..].iter().any(|way| way.0 == *parent);
        let mut beam = match (&left[*parent], again) {
            (Some(beam), true) => beam.fork(spare.pop(), prompt_length, capacity)?,
            _ => left[*parent].take().expect("a beam is taken by its last way only"),
        };
        if let Some(constraint) = beam.constraint.as_mut() {
            constraint.advance(*token);
        }
        beam.tokens.push(*token);
        beam.log_probability = *log_probability;
        next.push(beam);
    }
    Ok(next)
}

impl Beam {
    fn fork(
        &self,
        spare: Option<KvCache>,
        prompt_length: usize,
        capacity: usize,
    ) -> Result<Self, LanguageError> {
        let cache = match spare {
            Some(mut cache) => {
                cache.copy_tail(&self.cache, prompt_length)?;
                cache
            }
            None => self.cache.fork(capacity)?,
        };
        Ok(Self {
            cache,
            constraint: self.constraint.as_ref().map(|constraint| constraint.fork()),
            tokens: self.tokens.clone(),
            log_probability: self.log_probability,
            logits: Vec::new(),
        })
    }
}

/// One step of the model for all beams at once.
fn compute_logits(llama: &Llama, alive: &mut [Beam]) -> Result<(), LanguageError> {
    let last: Vec<u32> = alive.iter().filter_map(|beam| beam.tokens.last().copied()).collect();
    let embeds = llama.embed(&last)?.transpose(0, 1)?;
    let mut caches: Vec<&mut KvCache> = alive.iter_mut().map(|beam| &mut beam.cache).collect();
    let logits = llama.forward_batch(&embeds, &mut caches)?.to_vec2::<f32>()?;
    for (beam, logits) in alive.iter_mut().zip(logits) {
        beam.logits = logits;
    }
    Ok(())
}

fn score(log_probability: f32, length: usize, penalty: f32) -> f32 {
    log_probability / (length.max(1) as f32).powf(penalty)
}

/// Whether answers are missing, or a living beam could still beat the best finished one: its
/// log-probability can only fall, and its length can at most reach `steps`.
fn worth_going_on(
    alive: &[Beam],
    finished: &[Hypothesis],
    steps: usize,
    options: &BeamOptions,
) -> bool {
    let best = finished.iter().map(|one| one.score).fold(f32::NEG_INFINITY, f32::max);
    let length = if options.length_penalty > 0.0 { steps } else { 1 };
    if finished.len() < options.answers {
        return !alive.is_empty();
    }
    alive.iter().any(|beam| score(beam.log_probability, length, options.length_penalty) > best)
}
