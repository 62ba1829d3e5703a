//! A warm start for a projector: each 3D token at the embedding of its name.
//!
//! A fresh projector speaks noise, and the decoder learns to pass over it before the projector has
//! learnt a word. But where features stand in a space of words, it is known what a token should say
//! at first: the name of the thing, and, turned so that the two are not mixed up, the name of what it
//! stands on. A few hundred steps of regression on made-up tokens teach that without the decoder.

use super::super::LearnError;
use super::super::optimizer::{AdamW, AdamWConfig};
use super::super::scenes::Lexicon;
use super::super::trainer::learning_rate;
use crate::model::Projector;
use candle_core::{Device, Tensor, Var};
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;
use tokenizers::Tokenizer;

/// Tokens a step.
const BATCH: usize = 256;
/// How much of a token is the name of what it stands on.
const BELOW: f64 = 1.0;
/// Length of the noise on features of length 1, at most.
const NOISE: f32 = 0.9;
const OPTIMIZER: AdamWConfig = AdamWConfig {
    learning_rate: 0.003,
    beta1: 0.9,
    beta2: 0.98,
    weight_decay: 0.01,
    gradient_clip: 1.0,
    average_decay: 0.0,
};

/// What a projector is warmed with.
pub struct Warmth<'a> {
    /// Names with their vectors.
    pub lexicon: &'a Lexicon,
    /// Spells the names.
    pub tokenizer: &'a Tokenizer,
    /// The decoder's embedding, `(tokens, hidden)`.
    pub embedding: &'a Tensor,
}

impl Warmth<'_> {
    /// Takes `steps` steps with `vars`, the variables of the projector that `of` builds. Returns the
    /// mean squared error left, as a share of that of saying nothing.
    pub fn give(
        &self,
        vars: &BTreeMap<String, Var>,
        projector: &Projector,
        steps: u64,
        rng: &mut Pcg64Mcg,
    ) -> Result<f64, LearnError> {
        let device = self.embedding.device();
        let names = self.names()?;
        let below = Tensor::cat(&[turned(&names)?, names.zeros_like()?.narrow(0, 0, 1)?], 0)?;
        let mut optimizer = AdamW::new(OPTIMIZER, vars)?;
        let mut left = 1.0;
        for step in 0..steps {
            let (inputs, own, on) = self.tokens(projector.feature_width(), rng, device)?;
            let target = (names.index_select(&own, 0)? + (below.index_select(&on, 0)? * BELOW)?)?;
            let loss = (projector.forward(&inputs)? - &target)?.sqr()?.mean_all()?;
            let store = loss.backward()?;
            let gradients = vars
                .iter()
                .filter_map(|(name, var)| Some((name.clone(), store.get(var)?.detach())))
                .collect();
            let share = step as f64 / steps as f64;
            let rate = learning_rate(OPTIMIZER.learning_rate, steps / 10, step, share);
            optimizer.step(vars, &gradients, rate)?;
            let nothing = f64::from(target.sqr()?.mean_all()?.to_scalar::<f32>()?);
            left = f64::from(loss.to_scalar::<f32>()?) / nothing.max(1e-12);
        }
        Ok(left)
    }

    /// The mean embedding of each name's tokens, `(names, hidden)`.
    fn names(&self) -> Result<Tensor, LearnError> {
        let failed = |error: tokenizers::Error| LearnError::Tokenizer(error.to_string());
        let mut rows = Vec::with_capacity(self.lexicon.len());
        for name in self.lexicon.names() {
            let encoding = self.tokenizer.encode_fast(format!(" {name}"), false).map_err(failed)?;
            let ids = Tensor::new(encoding.get_ids(), self.embedding.device())?;
            rows.push(self.embedding.index_select(&ids, 0)?.mean(0)?.detach());
        }
        Ok(Tensor::stack(&rows, 0)?)
    }

    /// Made-up tokens: inputs of the projector, the number of each own name, and of that below.
    fn tokens(
        &self,
        feature_width: usize,
        rng: &mut Pcg64Mcg,
        device: &Device,
    ) -> Result<(Tensor, Tensor, Tensor), LearnError> {
        let (count, width) = (self.lexicon.len(), self.lexicon.width());
        // A voxel, unlike a region, does not tell what it stands on.
        let tells_below = feature_width >= 2 * width;
        let (mut rows, mut own, mut on) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let name = rng.random_range(0..count);
            // One more than there are names: on nothing.
            let below = if tells_below { rng.random_range(0..=count) } else { count };
            let start = rows.len();
            for number in [name, below].into_iter().take(1 + usize::from(tells_below)) {
                let mut feature = self.lexicon.vector(number).to_vec();
                feature.resize(width, 0.0);
                let most = NOISE * 3f32.sqrt() / (width as f32).sqrt();
                let noise = if number == count { 0.0 } else { rng.random_range(0.0..most) };
                feature.iter_mut().for_each(|f| *f += noise * rng.random_range(-1.0..1.0f32));
                let length = feature.iter().map(|f| f * f).sum::<f32>().sqrt().max(1e-6);
                rows.extend(feature.iter().map(|f| f / length));
            }
            // Edges of the box, where there is room for them, then place and colour.
            let edges = (start + feature_width).saturating_sub(rows.len());
            rows.extend((0..edges).map(|_| rng.random_range(0.0..1.0f32)));
            rows.extend((0..3).map(|_| rng.random_range(-1.0..1.0f32)));
            rows.extend((0..3).map(|_| rng.random_range(0.0..1.0f32)));
            own.push(name as u32);
            on.push(below as u32);
        }
        let inputs = Tensor::from_vec(rows, (BATCH, feature_width + 6), device)?;
        Ok((inputs, Tensor::new(own, device)?, Tensor::new(on, device)?))
    }
}

/// Rows turned half way round: what a name is below another is not what it is by itself.
fn turned(rows: &Tensor) -> candle_core::Result<Tensor> {
    let width = rows.dim(1)?;
    let half = width / 2;
    Tensor::cat(&[rows.narrow(1, half, width - half)?, rows.narrow(1, 0, half)?], 1)
}
