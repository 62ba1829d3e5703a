//! From logits to one token.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};

use super::constraint::TokenMask;
use super::error::LanguageError;

/// How tokens are chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingOptions {
    /// 0 takes the likeliest token; above, logits are divided by it before drawing.
    pub temperature: f32,
    /// Draw from at most this many of the likeliest tokens.
    pub top_k: Option<usize>,
    /// Draw from the likeliest tokens that together reach this probability; 1 and more is no limit.
    pub top_p: Option<f32>,
    /// The same seed draws the same tokens.
    pub seed: u64,
    /// Longest answer, in tokens.
    pub max_tokens: usize,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: None, top_p: None, seed: 0, max_tokens: 256 }
    }
}

/// A token and its log-probability among the allowed ones, at temperature 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: u32,
    /// Natural logarithm of its probability.
    pub log_probability: f32,
}

/// Log-probabilities of the allowed tokens, renormalised over them, in order of token.
pub fn log_probabilities(
    logits: &[f32],
    mask: Option<&TokenMask>,
) -> Result<Vec<Choice>, LanguageError> {
    let mut choices: Vec<Choice> = (0..)
        .zip(logits)
        .filter(|(token, _)| mask.is_none_or(|mask| mask.allows(*token)))
        .map(|(token, logit)| Choice { token, log_probability: *logit })
        .collect();
    if choices.is_empty() {
        let allowed = mask.map_or(0, TokenMask::count);
        return Err(LanguageError::Sampling(format!(
            "none of the {allowed} allowed tokens is among the model's {}",
            logits.len()
        )));
    }
    let most = choices.iter().map(|c| c.log_probability).fold(f32::NEG_INFINITY, f32::max);
    let broken = choices.iter().any(|choice| choice.log_probability.is_nan());
    if broken || !most.is_finite() {
        return Err(LanguageError::Sampling("the model's logits are not numbers".into()));
    }
    let sum: f32 = choices.iter().map(|choice| (choice.log_probability - most).exp()).sum();
    let shift = most + sum.ln();
    for choice in &mut choices {
        choice.log_probability -= shift;
    }
    Ok(choices)
}

/// Draws tokens by its options and its own random numbers.
pub struct Sampler {
    processor: LogitsProcessor,
}

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    pub fn new(options: &SamplingOptions) -> Self {
        Self { processor: LogitsProcessor::from_sampling(options.seed, sampling(options)) }
    }

    /// One token of those `mask` allows. The processor sees the allowed ones only.
    pub fn sample(
        &mut self,
        logits: &[f32],
        mask: Option<&TokenMask>,
    ) -> Result<Choice, LanguageError> {
        let choices = log_probabilities(logits, mask)?;
        if let [only] = choices[..] {
            return Ok(only);
        }
        let allowed: Vec<f32> = choices.iter().map(|choice| choice.log_probability).collect();
        let allowed = Tensor::from_vec(allowed, choices.len(), &Device::Cpu)?;
        Ok(choices[self.processor.sample(&allowed)? as usize])
    }
}

/// The options as the processor takes them.
fn sampling(options: &SamplingOptions) -> Sampling {
    let temperature = f64::from(options.temperature);
    // Not above zero also catches a temperature that is no number.
    if temperature.partial_cmp(&0.0).is_none_or(|order| order.is_le()) {
        return Sampling::ArgMax;
    }
    // The processor takes a share of 0 for no limit; here it leaves the likeliest token.
    let share = |p: f32| f64::from(p.max(f32::MIN_POSITIVE));
    match (options.top_k.map(|k| k.max(1)), options.top_p.map(share)) {
        (None, None) => Sampling::All { temperature },
        (Some(k), None) => Sampling::TopK { k, temperature },
        (None, Some(p)) => Sampling::TopP { p, temperature },
        (Some(k), Some(p)) => Sampling::TopKThenTopP { k, p, temperature },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(temperature: f32) -> SamplingOptions {
        SamplingOptions { temperature, ..Default::default() }
    }

    fn draw(options: &SamplingOptions, logits: &[f32], count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(options);
        (0..count).map(|_| sampler.sample(logits, None).unwrap().token).collect()
    }

    #[test]
    fn greedy_takes_the_first_of_equals() {
        assert_eq!(draw(&options(0.0), &[1.0, 3.0, 3.0, 2.0], 2), [1, 1]);
        assert_eq!(draw(&options(f32::NAN), &[1.0, 3.0, 3.0, 2.0], 1), [1]);
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let logits = [0.1f32, 0.2, 0.7].map(f32::ln);
        let drawn = draw(&options(1.0), &logits, 20_000);
        for (token, expected) in [(0, 0.1), (1, 0.2), (2, 0.7)] {
            let share = drawn.iter().filter(|t| **t == token).count() as f64 / 20_000.0;
            assert!((share - expected).abs() < 0.02, "{token}: {share}");
        }
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        let logits = [0.1f32, 0.2, 0.7].map(f32::ln);
        let top_k = SamplingOptions { top_k: Some(2), ..options(1.0) };
        assert!(draw(&top_k, &logits, 500).iter().all(|token| *token != 0));
        for top_p in [0.65, 0.0] {
            let top_p = SamplingOptions { top_p: Some(top_p), ..options(1.0) };
            assert!(draw(&top_p, &logits, 500).iter().all(|token| *token == 2));
        }
        let both = SamplingOptions { top_k: Some(0), top_p: Some(0.0), ..options(1.0) };
        assert!(draw(&both, &logits, 500).iter().all(|token| *token == 2));
    }

    #[test]
    fn probabilities_are_renormalised_over_the_allowed() {
        let mut mask = TokenMask::none(3);
        mask.allow(0);
        mask.allow(1);
        let choices = log_probabilities(&[0.1f32, 0.2, 0.7].map(f32::ln), Some(&mask)).unwrap();
        let probabilities: Vec<f32> = choices.iter().map(|c| c.log_probability.exp()).collect();
        approx::assert_relative_eq!(probabilities[..], [1.0 / 3.0, 2.0 / 3.0][..], epsilon = 1e-6);
    }

    #[test]
    fn nothing_allowed_and_broken_logits_are_errors() {
        let mask = TokenMask::none(3);
        let error = log_probabilities(&[0.0; 3], Some(&mask)).unwrap_err().to_string();
        assert!(error.contains("none of the 0 allowed"), "{error}");
        assert!(log_probabilities(&[f32::NAN, 0.0], None).is_err());
        assert!(log_probabilities(&[f32::NEG_INFINITY; 2], None).is_err());
        assert!(log_probabilities(&[], None).is_err());
    }

    proptest! {
        #[test]
        fn a_seed_fixes_the_draw_and_the_mask_is_obeyed(
            logits in proptest::collection::vec(-20f32..20.0, 1..200),
            allowed in proptest::collection::vec(any::<bool>(), 200),
            temperature in 0f32..3.0,
            top_k in proptest::option::of(0usize..50),
            top_p in proptest::option::of(0f32..1.0),
            seed in any::<u64>(),
        ) {
            let mut mask = TokenMask::none(logits.len());
            let allowed = (0..logits.len()).filter(|token| allowed[*token]);
            allowed.for_each(|token| mask.allow(token as u32));
            prop_assume!(mask.count() > 0);
            let options = SamplingOptions { temperature, top_k, top_p, seed, max_tokens: 1 };
            let choice = Sampler::new(&options).sample(&logits, Some(&mask)).unwrap();
            prop_assert!(mask.allows(choice.token));
            prop_assert!(choice.log_probability <= 1e-5);
            let again = Sampler::new(&options).sample(&logits, Some(&mask)).unwrap();
            prop_assert_eq!(choice, again);
        }
    }
}
