//! From numbers of boxes and words to detections.

use std::ops::Range;

use super::decoder::BoxShare;
use super::prompt::{Prompt, Prompter};
use crate::vision::VisionError;

/// A box around something that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection2d {
    /// Left, top, right, bottom, pixels of the picture as it came. Corners may lie outside it.
    pub box_px: [f32; 4],
    /// How sure the model is that something of the whole text is there, 0..=1.
    pub score: f32,
    /// The name that is meant, by its place in the list: of those with a token that reaches the
    /// threshold of words, the one whose tokens are meant most on average. None where there is none.
    pub name_index: Option<usize>,
    /// The words that reach that threshold, as the reference tells them. They may be some of a name
    /// only, or of several.
    pub phrase: String,
}

/// What the model says of one prompt.
#[derive(Debug)]
pub(super) struct Answer {
    /// How much each box is like each token, before the sigmoid.
    pub logits: Vec<Vec<f32>>,
    pub boxes: Vec<BoxShare>,
}

/// From what on something counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    pub of_box: f32,
    pub of_word: f32,
    /// Most tokens of a text: the last place never counts as a word.
    pub context: usize,
}

impl Answer {
    /// Boxes that are sure enough, in a picture of `size_px`.
    pub fn detections(
        &self,
        prompt: &Prompt,
        prompter: &Prompter,
        thresholds: Thresholds,
        size_px: [f32; 2],
    ) -> Result<Vec<Detection2d>, VisionError> {
        let mut found = Vec::new();
        for (logits, share) in self.logits.iter().zip(&self.boxes) {
            let shares: Vec<f32> =
                logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
            let score = shares.iter().fold(0f32, |most, share| most.max(*share));
            if score <= thresholds.of_box || thresholds.of_box.is_nan() {
                continue;
            }
            let counts = |at: usize, share: f32| {
                (1..thresholds.context - 1).contains(&at) && share > thresholds.of_word
            };
            let words = prompt.tokens.iter().zip(&shares).enumerate();
            let words = words.filter(|(at, (_, share))| counts(*at, **share));
            let words: Vec<u32> = words.map(|(_, (token, _))| *token).collect();
            found.push(Detection2d {
                box_px: corners(*share, size_px),
                score,
                name_index: name_of(prompt, &shares, counts),
                phrase: prompter.text(&words)?,
            });
        }
        Ok(found)
    }
}

/// Of the names that have a token which counts, the one whose tokens are meant most on average.
fn name_of(prompt: &Prompt, shares: &[f32], counts: impl Fn(usize, f32) -> bool) -> Option<usize> {
    let share = |at: usize| shares.get(at).copied().unwrap_or_default();
    let is_meant = |phrase: &Range<usize>| phrase.clone().any(|at| counts(at, share(at)));
    let mean = |phrase: &Range<usize>| phrase.clone().map(share).sum::<f32>() / phrase.len() as f32;
    let meant = prompt.phrases.iter().filter(|(_, phrase)| is_meant(phrase));
    let names = meant.map(|(name, phrase)| (*name, mean(phrase)));
    names.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
}

fn corners([x, y, width, height]: BoxShare, size_px: [f32; 2]) -> [f32; 4] {
    let [across, down] = size_px;
    [
        (x - 0.5 * width) * across,
        (y - 0.5 * height) * down,
        (x + 0.5 * width) * across,
        (y + 0.5 * height) * down,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `fire extinguisher` comes in pieces, most of which say little by themselves.
    #[test]
    fn a_name_of_which_no_word_counts_is_not_meant() {
        let prompt = Prompt { tokens: vec![0; 9], phrases: vec![(0, 1..5), (1, 6..7)] };
        let named = |of_fire: f32, of_door: f32| {
            let shares = [0.4, of_fire, 0.05, 0.05, 0.05, 0.1, of_door, 0.4, 0.4];
            name_of(&prompt, &shares, |_, share| share > 0.25)
        };
        assert_eq!(named(0.3, 0.2), Some(0), "the mean of its pieces is below that of `door`");
        assert_eq!(named(0.2, 0.3), Some(1));
        assert_eq!(named(0.2, 0.2), None);
    }
}
