//! Samples as tensors: encoded, sorted into batches of like length, padded.

use super::LearnError;
use super::samples::{PAD, Sample};
use crate::scene::VisualTokens;
use candle_core::{D, Device, Result, Tensor};
use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;
use tokenizers::Tokenizer;

/// A sample as token ids: the prompt, then the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// All tokens.
    pub ids: Vec<u32>,
    /// Where the answer begins.
    pub answer_at: usize,
    /// What is to be predicted, in the order of the answer.
    pub targets: Vec<Target>,
    /// 3D tokens, and where in `ids` they stand; padding keeps their places there.
    pub seen: Vec<(usize, VisualTokens)>,
    /// Where it should look, each kind of look apart.
    pub looks: [Vec<Look>; LOOKS],
}

/// Kinds of looks: of names at what bears them, of answers at the names they follow from, and of
/// answers at what tells them.
pub const LOOKS: usize = 3;

/// A position in a row, and positions before it at least one of which it should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Who looks.
    pub at: usize,
    /// At what, in any order.
    pub upon: Vec<usize>,
}

/// A token to predict. The expert's answer has one at each position; a teacher's answers may go on
/// in several ways from one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Index of the token in whose place it stands.
    pub at: usize,
    /// The token.
    pub token: u32,
    /// Its probability.
    pub probability: f32,
    /// Whether it names a place to go to.
    pub is_place: bool,
}

/// Encodes `samples`; those longer than `max_length` tokens are left out and counted. Words of
/// prompts are torn in two with probability `tear`, which spells them in other tokens: what BPE
/// dropout does (Provilkov et al., 2020), from a seed.
pub fn encode(
    tokenizer: &Tokenizer,
    samples: &[Sample],
    max_length: usize,
    tear: f64,
    rng: &mut impl Rng,
) -> std::result::Result<(Vec<Encoded>, usize), LearnError> {
    let failed = |error: tokenizers::Error| LearnError::Tokenizer(error.to_string());
    let mut kept = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut ids = Vec::new();
        for piece in torn(&sample.prompt, tear, rng) {
            ids.extend(tokenizer.encode_fast(piece, false).map_err(failed)?.get_ids());
        }
        let answer_at = ids.len();
        let answer = tokenizer.encode(sample.answer.as_str(), false).map_err(failed)?;
        ids.extend(answer.get_ids());
        let targets = if sample.taught.is_empty() {
            expert_targets(&answer, answer_at, &sample.places)
        } else {
            let answers = taught_ids(tokenizer, &sample.taught).map_err(failed)?;
            taught_targets(answer.get_ids(), answer_at, answers)
        };
        if ids.len() <= max_length {
            kept.push(Encoded {
                answer_at,
                ids,
                targets,
                seen: Vec::new(),
                looks: Default::default(),
            });
        }
    }
    let dropped = samples.len() - kept.len();
    Ok((kept, dropped))
}

/// The tokens of an expert's answer, those marked whose text begins in one of `places`.
pub fn expert_targets(
    answer: &tokenizers::Encoding,
    answer_at: usize,
    places: &[std::ops::Range<usize>],
) -> Vec<Target> {
    let tokens = answer.get_ids().iter().zip(answer.get_offsets());
    let target = |(at, (&token, offsets)): (usize, (&u32, &(usize, usize)))| Target {
        at,
        token,
        probability: 1.0,
        is_place: places.iter().any(|place| place.contains(&offsets.0)),
    };
    (answer_at..).zip(tokens).map(target).collect()
}

/// What a teacher expects at each token of the answer `path`: of its answers that began like the
/// path, how they go on.
pub fn taught_targets(
    path: &[u32],
    answer_at: usize,
    mut answers: Vec<(Vec<u32>, f64)>,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for (at, &taken) in path.iter().enumerate() {
        let total: f64 = answers.iter().map(|(_, probability)| probability).sum();
        let mut next: BTreeMap<u32, f64> = BTreeMap::new();
        for (answer, probability) in &answers {
            if let Some(&token) = answer.get(at) {
                *next.entry(token).or_default() += probability / total;
            }
        }
        targets.extend(next.into_iter().map(|(token, probability)| Target {
            at: answer_at + at,
            token,
            probability: probability as f32,
            is_place: false,
        }));
        answers.retain(|(answer, _)| answer.get(at) == Some(&taken));
    }
    targets
}

/// A teacher's answers as tokens, with their probabilities.
///
/// # Errors
///
/// When an answer cannot be encoded.
pub fn taught_ids(
    tokenizer: &Tokenizer,
    answers: &[(String, f64)],
) -> tokenizers::Result<Vec<(Vec<u32>, f64)>> {
    let encode = |(answer, probability): &(String, f64)| {
        Ok((tokenizer.encode(answer.as_str(), false)?.get_ids().to_vec(), *probability))
    };
    answers.iter().map(encode).collect()
}

/// `prompt` in pieces: some words are torn at a random place. Only words behind white space are,
/// which special tokens never are.
pub fn torn<'a>(prompt: &'a str, probability: f64, rng: &mut impl Rng) -> Vec<&'a str> {
    let (mut pieces, mut rest) = (Vec::new(), 0);
    let starts = prompt.match_indices(char::is_whitespace).map(|(at, space)| at + space.len());
    for start in starts {
        let word = &prompt[start..];
        let inside: Vec<usize> = word
            .char_indices()
            .take_while(|(_, letter)| letter.is_alphabetic())
            .map(|(at, _)| start + at)
            .skip(1)
            .collect();
        if !inside.is_empty() && rng.random_bool(probability) {
            let cut = inside[rng.random_range(0..inside.len())];
            pieces.push(&prompt[rest..cut]);
            rest = cut;
        }
    }
    pieces.push(&prompt[rest..]);
    pieces
}

/// Cuts samples of these lengths into batches of `batch_size` samples of like length, in random
/// order. Each batch holds indices into `lengths`.
pub fn batches(lengths: &[usize], batch_size: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(rng);
    // Sorting pools, not everything, keeps batches of one length from holding the same samples.
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for pool in order.chunks_mut(batch_size * 50) {
        pool.sort_by_key(|&at| lengths[at]);
        batches.extend(pool.chunks(batch_size).map(<[usize]>::to_vec));
    }
    batches.shuffle(rng);
    batches
}

/// One batch for the forward pass.
pub struct Batch {
    /// Inputs `(samples, length)`, padded at the end.
    pub tokens: Tensor,
    /// Rows of the flattened `(samples * length)` positions that predict an answer token; one stands
    /// here as often as there are tokens to predict from it.
    pub rows: Tensor,
    /// The token to predict of each row.
    pub targets: Tensor,
    /// How much each row counts.
    pub weights: Tensor,
    /// Sum of `weights`.
    pub weight: f64,
    /// 3D tokens among the inputs.
    pub seen: Option<Spliced>,
    /// Where it should be looked, as in [`Encoded::looks`]; `None` where nobody says so.
    pub looks: [Option<Looks>; LOOKS],
}

/// Where positions of a batch should look.
pub struct Looks {
    /// Rows of the flattened positions that look.
    pub rows: Tensor,
    /// For each of them 1 at the positions of its sample that it should look at, `(rows, length)`.
    pub upon: Tensor,
}

/// 3D tokens among words.
pub struct Spliced {
    /// All 3D tokens of the batch, one sample's behind another's.
    pub tokens: VisualTokens,
    /// For each of the flattened positions, its row in the table of all words of the batch followed
    /// by all its 3D tokens.
    pub order: Tensor,
}

/// Joins `samples` into a batch, where names of places count `place_weight` and other answer tokens
/// count 1, in the share of their probability. Each prompt token is hidden behind padding with probability
/// `hide`, which keeps the model from leaning on a single word.
pub fn collate<'a>(
    samples: impl Iterator<Item = &'a Encoded> + Clone,
    pad: u32,
    place_weight: f32,
    hide: f64,
    rng: &mut impl Rng,
) -> Result<Batch> {
    let length = samples.clone().map(|sample| sample.ids.len() - 1).max().unwrap_or(0);
    let (mut tokens, mut rows) = (Vec::new(), Vec::new());
    let (mut targets, mut weights) = (Vec::new(), Vec::new());
    let mut seen: Option<(VisualTokens, Vec<usize>)> = None;
    let mut looks: [(Vec<u32>, Vec<f32>); LOOKS] = Default::default();
    let mut count = 0;
    for sample in samples {
        let start = tokens.len();
        for (at, visual) in &sample.seen {
            let (all, places) = seen.get_or_insert_with(|| (nothing_like(visual), Vec::new()));
            if visual.width != all.width {
                let widths = (all.width, visual.width);
                candle_core::bail!("3D tokens of widths {widths:?} in one batch");
            }
            all.features.extend_from_slice(&visual.features);
            all.xyz_m.extend_from_slice(&visual.xyz_m);
            all.rgb.extend_from_slice(&visual.rgb);
            places.extend((0..visual.len()).map(|token| start + at + token));
        }
        let input = &sample.ids[..sample.ids.len() - 1];
        for (at, &id) in input.iter().enumerate() {
            // The first two tokens and the last of the prompt say what is asked.
            let hidable = at > 1 && at + 1 < sample.answer_at;
            tokens.push(if hidable && hide > 0.0 && rng.random_bool(hide) { pad } else { id });
        }
        for target in &sample.targets {
            rows.push((start + target.at - 1) as u32);
            targets.push(target.token);
            weights.push(target.probability * if target.is_place { place_weight } else { 1.0 });
        }
        for ((rows, upon), of_sample) in looks.iter_mut().zip(&sample.looks) {
            for look in of_sample.iter().filter(|look| look.at < input.len()) {
                rows.push((start + look.at) as u32);
                let row = upon.len();
                upon.resize(row + length, 0.0);
                look.upon.iter().for_each(|at| upon[row + at] = 1.0);
            }
        }
        tokens.resize(start + length, pad);
        count += 1;
    }
    let answers = rows.len();
    let spliced = |(visual, places): (VisualTokens, Vec<usize>)| {
        let mut order: Vec<u32> = (0..tokens.len() as u32).collect();
        for (token, place) in places.into_iter().enumerate() {
            order[place] = (tokens.len() + token) as u32;
        }
        let order = Tensor::from_vec(order, tokens.len(), &Device::Cpu)?;
        Ok::<_, candle_core::Error>(Spliced { tokens: visual, order })
    };
    let seen = seen.map(spliced).transpose()?;
    let looked = |(rows, upon): (Vec<u32>, Vec<f32>)| {
        let count = rows.len();
        if count == 0 {
            return Ok(None);
        }
        let rows = Tensor::from_vec(rows, count, &Device::Cpu)?;
        let upon = Tensor::from_vec(upon, (count, length), &Device::Cpu)?;
        Ok::<_, candle_core::Error>(Some(Looks { rows, upon }))
    };
    let [names, follow, tell] = looks;
    let looks = [looked(names)?, looked(follow)?, looked(tell)?];
    Ok(Batch {
        seen,
        looks,
        tokens: Tensor::from_vec(tokens, (count, length), &Device::Cpu)?,
        rows: Tensor::from_vec(rows, answers, &Device::Cpu)?,
        targets: Tensor::from_vec(targets, answers, &Device::Cpu)?,
        weight: weights.iter().map(|&weight| f64::from(weight)).sum(),
        weights: Tensor::from_vec(weights, answers, &Device::Cpu)?,
    })
}

fn nothing_like(tokens: &VisualTokens) -> VisualTokens {
    VisualTokens {
        frame: tokens.frame,
        width: tokens.width,
        features: Vec::new(),
        xyz_m: Vec::new(),
        rgb: Vec::new(),
    }
}

impl Batch {
    /// The same on `device`.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let seen = match &self.seen {
            Some(Spliced { tokens, order }) => {
                Some(Spliced { tokens: tokens.clone(), order: order.to_device(device)? })
            }
            None => None,
        };
        let moved = |looks: &Option<Looks>| match looks {
            Some(Looks { rows, upon }) => {
                let (rows, upon) = (rows.to_device(device)?, upon.to_device(device)?);
                Ok::<_, candle_core::Error>(Some(Looks { rows, upon }))
            }
            None => Ok(None),
        };
        let [names, follow, tell] = &self.looks;
        let looks = [moved(names)?, moved(follow)?, moved(tell)?];
        Ok(Self {
            tokens: self.tokens.to_device(device)?,
            rows: self.rows.to_device(device)?,
            targets: self.targets.to_device(device)?,
            weights: self.weights.to_device(device)?,
            weight: self.weight,
            seen,
            looks,
        })
    }

    /// Weighted mean of the negative log-likelihood of the targets under `logits (rows,
    /// vocabulary)`.
    pub fn loss(&self, logits: &Tensor) -> Result<Tensor> {
        let likelihood = candle_nn::ops::log_softmax(logits, D::Minus1)?
            .gather(&self.targets.unsqueeze(1)?, 1)?
            .squeeze(1)?;
        (likelihood * &self.weights)?.sum_all()? * (-1.0 / self.weight.max(1e-9))
    }
}

/// Id of the padding token.
pub fn pad_id(tokenizer: &Tokenizer) -> std::result::Result<u32, LearnError> {
    tokenizer
        .token_to_id(PAD)
        .ok_or_else(|| LearnError::Tokenizer(format!("the tokenizer has no token `{PAD}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    /// An expert's answer: the last of `ids`, those that name places marked.
    fn encoded(ids: &[u32], places: &[bool]) -> Encoded {
        let answer_at = ids.len() - places.len();
        let target = |(at, &is_place): (usize, &bool)| Target {
            at,
            token: ids[at],
            probability: 1.0,
            is_place,
        };
        let targets = (answer_at..).zip(places).map(target).collect();
        Encoded { ids: ids.to_vec(), answer_at, targets, seen: vec![], looks: Default::default() }
    }

    #[test]
    fn a_teachers_answers_part_where_they_differ() {
        let answers = vec![(vec![1, 2, 9], 0.5), (vec![1, 3, 9], 0.25), (vec![4], 0.25)];
        let targets = taught_targets(&[1, 3, 9], 5, answers);
        let found: Vec<_> =
            targets.iter().map(|target| (target.at, target.token, target.probability)).collect();
        let third = 1.0 / 3.0;
        let expected =
            [(5, 1, 0.75), (5, 4, 0.25), (6, 2, 2.0 * third), (6, 3, third), (7, 9, 1.0)];
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_point_at_the_positions_that_predict_the_answer() {
        let samples = [encoded(&[1, 2, 3, 10, 11], &[false, true]), encoded(&[1, 2, 12], &[false])];
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let batch = collate(samples.iter(), 0, 0.25, 0.0, &mut rng).unwrap();
        let tokens = batch.tokens.to_vec2::<u32>().unwrap();
        assert_eq!(tokens, [[1, 2, 3, 10], [1, 2, 0, 0]]);
        assert_eq!(batch.rows.to_vec1::<u32>().unwrap(), [2, 3, 5]);
        assert_eq!(batch.targets.to_vec1::<u32>().unwrap(), [10, 11, 12]);
        assert_eq!(batch.weights.to_vec1::<f32>().unwrap(), [1.0, 0.25, 1.0]);
    }

    #[test]
    fn the_loss_without_weights_is_the_cross_entropy() {
        let sample = encoded(&[1, 2, 0, 2], &[false, true]);
        let of = |place_weight| {
            let mut rng = Pcg64Mcg::seed_from_u64(0);
            collate([sample.clone()].iter(), 0, place_weight, 0.0, &mut rng).unwrap()
        };
        let logits = Tensor::new(&[[1.0f32, 0.0, -1.0], [0.3, 0.2, 0.1]], &Device::Cpu).unwrap();
        let number = |loss: Tensor| loss.to_scalar::<f32>().unwrap();
        let plain = candle_nn::loss::cross_entropy(&logits, &of(1.0).targets).unwrap();
        approx::assert_relative_eq!(number(of(1.0).loss(&logits).unwrap()), number(plain));
        let first = -(1f32.exp() / (1f32.exp() + 1.0 + (-1f32).exp())).ln();
        approx::assert_relative_eq!(
            number(of(0.0).loss(&logits).unwrap()),
            first,
            max_relative = 1e-5
        );
    }

    #[test]
    fn only_words_are_torn() {
        let prompt = "<s><goal> put a mug\n on it<draft>";
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let pieces = torn(prompt, 1.0, &mut rng);
        assert_eq!(pieces.concat(), prompt);
        assert_eq!(pieces.len(), 5, "each of four words that can be torn: {pieces:?}");
        assert!(pieces[0].starts_with("<s><goal> p") && pieces[4].ends_with("t<draft>"));
        assert_eq!(torn(prompt, 0.0, &mut rng), [prompt]);
    }

    #[test]
    fn every_sample_comes_once_an_epoch() {
        let lengths: Vec<usize> = (0..103).map(|n| 3 + n % 7).collect();
        let batches = batches(&lengths, 8, &mut Pcg64Mcg::seed_from_u64(3));
        let mut seen: Vec<_> = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..103).collect::<Vec<_>>());
    }
}
