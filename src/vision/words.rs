//! Words to vectors without weights: the frozen text side that small vision models learn against.
//!
//! A word's vector is the sum of vectors of its character n-grams and of the word itself, as in
//! fastText (Bojanowski et al., TACL 2017), except that nothing is learnt: each n-gram's vector is
//! drawn from a normal distribution with the n-gram's hash as seed. Words that are written alike lie
//! near one another, all others are almost orthogonal, and every text has a vector.

use super::VisionError;
use super::feature::{TextEncoder, check_text};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Lengths of the n-grams of `<word>`.
const GRAMS: std::ops::RangeInclusive<usize> = 3..=5;
/// Share of the whole word in its vector; the n-grams have the rest.
const WHOLE: f32 = 0.7;
/// Longer texts are refused.
const MOST_TEXT_BYTES: usize = 4096;
/// Widths that make sense.
const WIDTHS: std::ops::RangeInclusive<usize> = 8..=4096;

/// Words to vectors of length 1, from the spelling alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordHash {
    width: usize,
    space: String,
}

impl WordHash {
    /// Vectors of `width` numbers, 8..=4096.
    pub fn new(width: usize) -> Result<Self, VisionError> {
        if !WIDTHS.contains(&width) {
            let reason = format!("width {width} must be {}..={}", WIDTHS.start(), WIDTHS.end());
            return Err(VisionError::BadWeights { extractor: "word_hash".into(), reason });
        }
        Ok(Self { width, space: format!("word_hash_{width}") })
    }

    /// The words of the space called `space`, if it is one of theirs: `word_hash_64`.
    pub fn of_space(space: &str) -> Option<Self> {
        let width = space.strip_prefix("word_hash_")?.parse().ok()?;
        Self::new(width).ok().filter(|words| words.space == space)
    }

    /// The vector of one word.
    fn word(&self, word: &str) -> Vec<f32> {
        let bounded: Vec<char> = format!("<{word}>").chars().collect();
        let mut grams = vec![0.0; self.width];
        for length in GRAMS {
            for gram in bounded.windows(length).filter(|gram| gram.len() < bounded.len()) {
                self.add(&gram.iter().collect::<String>(), &mut grams);
            }
        }
        let mut whole = vec![0.0; self.width];
        self.add(&bounded.iter().collect::<String>(), &mut whole);
        let (grams, whole) = (unit(grams), unit(whole));
        unit(whole.iter().zip(&grams).map(|(w, g)| WHOLE * w + (1.0 - WHOLE) * g).collect())
    }

    /// Adds the vector that belongs to `gram`.
    fn add(&self, gram: &str, sum: &mut [f32]) {
        let mut rng = Pcg64Mcg::seed_from_u64(fnv1a(gram.as_bytes()));
        for pair in sum.chunks_mut(2) {
            // Box–Muller gives two normal numbers at a time.
            let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
            for (sum, part) in pair.iter_mut().zip([cos, sin]) {
                *sum += (radius * part) as f32;
            }
        }
    }
}

impl TextEncoder for WordHash {
    fn width(&self) -> usize {
        self.width
    }

    fn space(&self) -> &str {
        &self.space
    }

    fn embed(&self, text: &str) -> Result<Vec<f32>, VisionError> {
        check_text(text, MOST_TEXT_BYTES)?;
        let mut sum = vec![0.0; self.width];
        for word in text.to_lowercase().split_whitespace() {
            sum.iter_mut().zip(self.word(word)).for_each(|(sum, part)| *sum += part);
        }
        Ok(unit(sum))
    }
}

/// FNV-1a with 64 bits: stable over platforms and versions, as vectors in checkpoints must be.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The vector with length 1; zeros stay.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|v| *v /= norm);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        // Wide, so that chance is small.
        let words = WordHash::new(1024).unwrap();
        let (a, b) = (words.embed(a).unwrap(), words.embed(b).unwrap());
        a.iter().zip(&b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn words_written_alike_lie_near_and_others_far() {
        approx::assert_abs_diff_eq!(cosine("Mug", "mug"), 1.0, epsilon = 1e-5);
        assert!(cosine("countertop", "countertops") > cosine("countertop", "fridge") + 0.05);
        assert!(cosine("red mug", "mug") > 0.5);
        assert!(cosine("mug", "fridge").abs() < 0.15);
        assert_eq!(cosine("", "mug"), 0.0);
    }

    #[test]
    fn vectors_are_those_of_earlier_versions() {
        let vector = WordHash::new(8).unwrap().embed("mug").unwrap();
        approx::assert_abs_diff_eq!(vector.iter().map(|v| v * v).sum::<f32>(), 1.0, epsilon = 1e-5);
        let sum: f32 = vector.iter().zip(1..).map(|(v, k)| v * k as f32).sum();
        approx::assert_abs_diff_eq!(sum, SUM_OF_MUG, epsilon = 1e-4);
    }

    /// Trained weights rest on these vectors; they must never change.
    const SUM_OF_MUG: f32 = -1.7149;

    #[test]
    fn a_space_leads_to_its_words() {
        assert_eq!(WordHash::of_space("word_hash_64"), WordHash::new(64).ok());
        for other in ["", "clip 1234", "word_hash_", "word_hash_064", "word_hash_1"] {
            assert_eq!(WordHash::of_space(other), None, "{other}");
        }
    }

    #[test]
    fn odd_widths_and_long_texts_are_refused() {
        assert!(WordHash::new(0).is_err() && WordHash::new(5000).is_err());
        assert_eq!(WordHash::new(9).unwrap().embed("a b").unwrap().len(), 9);
        assert!(WordHash::new(8).unwrap().embed(&"x".repeat(5000)).is_err());
    }
}
