//! How a fresh projector begins: with words that the language model knows.
//!
//! A language model that has read about mugs finds a 3D token by itself once it looks like the word
//! *mug*; from random weights it needs tens of thousands of lessons to find out that there is
//! anything to look for. So the projector is first fitted to the words: a token of a mug on a
//! countertop becomes the embedding of *mug* and, its coordinates in another order so that the two
//! cannot be mistaken, that of *countertop*. No home is needed for it.

use super::super::LearnError;
use super::super::optimizer::{AdamW, AdamWConfig};
use super::super::scenes::Lexicon;
use super::config::SeeingTraining;
use super::spell::Speller;
use crate::model::Projector;
use crate::scene::{TokenFrame, VisualTokens};
use candle_core::{Device, Tensor, Var};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use std::collections::{BTreeMap, HashMap};

/// Steps of the fit, and tokens in each.
const STEPS: usize = 600;
const TOKENS: usize = 256;
const OPTIMIZER: AdamWConfig = AdamWConfig {
    learning_rate: 3e-3,
    beta1: 0.9,
    beta2: 0.98,
    weight_decay: 0.0,
    gradient_clip: 1.0,
    average_decay: 0.98,
};
/// Share of the things that stand on nothing with a name.
const ON_THE_FLOOR: f64 = 0.3;
/// Largest deviation of a feature's number from its word's.
const NOISE: f32 = 0.1;

/// Fits the projector of these `tensors` to the words of `lexicon` as `embedding (vocabulary, width)`
/// has them.
///
/// # Errors
///
/// When a word cannot be spelled or the shapes do not belong together.
pub fn fit_to_words(
    tensors: BTreeMap<String, Tensor>,
    config: &SeeingTraining,
    lexicon: &Lexicon,
    speller: &Speller,
    embedding: &Tensor,
    rng: &mut Pcg64Mcg,
) -> Result<BTreeMap<String, Tensor>, LearnError> {
    let words = Words::new(lexicon, speller, embedding, rng)?;
    let weights: BTreeMap<String, Var> = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), Var::from_tensor(tensor)?)))
        .collect::<candle_core::Result<_>>()?;
    let of: HashMap<String, Tensor> =
        weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    let spec = config.projector_spec();
    let invalid = |error: crate::model::ModelError| LearnError::invalid(&config.init, error);
    let projector =
        Projector::from_tensors(&spec, config.coordinates, &of, &config.init).map_err(invalid)?;
    let mut optimizer = AdamW::new(OPTIMIZER, &weights)?;
    for step in 0..STEPS {
        let (tokens, targets) = words.lesson(config, rng)?;
        let inputs = projector.inputs(&tokens).map_err(invalid)?;
        let loss = (projector.forward(&inputs)? - targets)?.sqr()?.sum_all()?;
        let loss = (loss / (TOKENS as f64 * words.square))?;
        let store = loss.backward()?;
        let gradients = weights
            .iter()
            .filter_map(|(name, var)| Some((name.clone(), store.get(var)?.detach())))
            .collect();
        let left = 1.0 - step as f64 / STEPS as f64;
        optimizer.step(&weights, &gradients, OPTIMIZER.learning_rate * left)?;
    }
    Ok(optimizer.average().clone())
}

/// Vectors of names in both spaces.
struct Words {
    /// In that of features.
    features: Vec<Vec<f32>>,
    /// In that of the language model, as what a thing is and as what it stands on.
    own: Vec<Vec<f32>>,
    below: Vec<Vec<f32>>,
    /// Mean square length of a word.
    square: f64,
}

impl Words {
    fn new(
        lexicon: &Lexicon,
        speller: &Speller,
        embedding: &Tensor,
        rng: &mut Pcg64Mcg,
    ) -> Result<Self, LearnError> {
        let width = embedding.dim(1)?;
        let mut order: Vec<usize> = (0..width).collect();
        order.shuffle(rng);
        let (mut features, mut own, mut below) = (Vec::new(), Vec::new(), Vec::new());
        for (name, vector) in lexicon.names() {
            // A space before it, as words have it in sentences.
            let ids = speller.spell(&format!(" {name}"))?;
            if ids.is_empty() {
                continue;
            }
            let ids = Tensor::new(ids, embedding.device())?;
            let word: Vec<f32> = embedding.index_select(&ids, 0)?.mean(0)?.to_vec1()?;
            below.push(order.iter().map(|at| word[*at]).collect());
            features.push(vector.to_vec());
            own.push(word);
        }
        let squares: f64 = own.iter().flatten().map(|v| f64::from(v * v)).sum();
        let square = (squares / own.len().max(1) as f64).max(1e-12);
        Ok(Self { features, own, below, square })
    }

    /// Tokens of things here and there, and what they should become, `(tokens, width)`.
    fn lesson(
        &self,
        config: &SeeingTraining,
        rng: &mut Pcg64Mcg,
    ) -> Result<(VisualTokens, Tensor), LearnError> {
        let width = config.vision.width;
        let names = self.features.len();
        if names == 0 {
            return Err(LearnError::invalid(&config.init, "there is no name to begin with"));
        }
        let mut tokens = VisualTokens {
            frame: TokenFrame::World,
            width: config.vision.token_width(),
            features: Vec::new(),
            xyz_m: Vec::new(),
            rgb: Vec::new(),
        };
        let mut targets = Vec::new();
        for _ in 0..TOKENS {
            let own = rng.random_range(0..names);
            let on = (!rng.random_bool(ON_THE_FLOOR)).then(|| rng.random_range(0..names));
            let mut seen = |feature: &[f32]| -> Vec<f32> {
                feature.iter().map(|v| v + NOISE * rng.random_range(-1.0..1.0f32)).collect()
            };
            tokens.features.extend(seen(&self.features[own]));
            tokens
                .features
                .extend(on.map_or_else(|| vec![0.0; width], |on| seen(&self.features[on])));
            let rest = tokens.width - 2 * width;
            tokens.features.extend((0..rest).map(|_| rng.random_range(0.02..1.0f32)));
            tokens.xyz_m.push(std::array::from_fn(|_| rng.random_range(-3.0..3.0)));
            tokens.rgb.push(std::array::from_fn(|_| rng.random_range(0.0..1.0)));
            targets.extend(
                (0..self.own[own].len())
                    .map(|at| self.own[own][at] + on.map_or(0.0, |on| self.below[on][at])),
            );
        }
        let targets = Tensor::from_vec(targets, (TOKENS, self.own[0].len()), &Device::Cpu)?;
        Ok((tokens, targets))
    }
}
