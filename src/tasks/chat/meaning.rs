//! Which things a goal means without naming them: "something to drink from" is a cup.
//!
//! Goal and labels go through the encoder of texts whose space the map's features share. A cosine of
//! two texts says little by itself, so a label counts as meant only where it stands out among those of
//! the map: nearer to the one that fits best than to the middle one, as places on the map are found.

use std::collections::HashMap;
use std::sync::Arc;

use crate::vision::{TextEncoder, VisionError};

/// Most labels whose vectors are kept; a map has far fewer classes.
const MOST_KEPT: usize = 4096;

/// An encoder of texts with the labels it has read.
pub struct Meaning {
    encoder: Arc<dyn TextEncoder>,
    labels: HashMap<String, Vec<f32>>,
}

impl Meaning {
    /// By this encoder.
    pub fn new(encoder: Arc<dyn TextEncoder>) -> Self {
        Self { encoder, labels: HashMap::new() }
    }

    /// Which of `labels` the goal means, and how near each comes to it (cosine, −1..=1).
    pub fn of<'a>(
        &mut self,
        goal: &str,
        labels: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<&'a str, f32>, VisionError> {
        let goal = self.encoder.embed(goal)?;
        let mut near: HashMap<&str, f32> = HashMap::new();
        for label in labels {
            if !near.contains_key(label) {
                near.insert(label, dot(&goal, self.vector(label)?));
            }
        }
        let mut order: Vec<f32> = near.values().copied().collect();
        order.sort_unstable_by(f32::total_cmp);
        let (Some(&best), Some(&middle)) = (order.last(), order.get(order.len() / 2)) else {
            return Ok(near);
        };
        let least = (best + middle) / 2.0;
        // Where none fits better than the middle one, none stands out.
        near.retain(|_, cosine| *cosine >= least && *cosine > middle);
        Ok(near)
    }

    fn vector(&mut self, label: &str) -> Result<&[f32], VisionError> {
        if !self.labels.contains_key(label) {
            if self.labels.len() >= MOST_KEPT {
                self.labels.clear();
            }
            let vector = self.encoder.embed(label)?;
            self.labels.insert(label.to_owned(), vector);
        }
        Ok(self.labels.get(label).map(Vec::as_slice).unwrap_or_default())
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vision::WordHash;

    /// Knows two subjects: what one drinks from or with, and what one sits on.
    pub(crate) struct Subjects;

    impl TextEncoder for Subjects {
        fn width(&self) -> usize {
            3
        }

        fn space(&self) -> &str {
            "subjects"
        }

        fn embed(&self, text: &str) -> Result<Vec<f32>, VisionError> {
            let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
            let drink = if has(&["drink", "cup", "glass"]) { 1.0 } else { 0.1 };
            let sit = if has(&["sit", "chair", "sofa"]) { 1.0 } else { 0.1 };
            let length = f32::sqrt(drink * drink + sit * sit + 1.0);
            Ok(vec![drink / length, sit / length, 1.0 / length])
        }
    }

    #[test]
    fn what_stands_out_is_meant() {
        let mut meaning = Meaning::new(Arc::new(Subjects));
        let labels = ["chair", "lamp", "cup", "sofa", "cup", "door"];
        let mut meant = |goal: &str| {
            let meant = meaning.of(goal, labels.into_iter()).unwrap();
            let mut labels: Vec<_> = meant.into_keys().collect();
            labels.sort_unstable();
            labels
        };
        assert_eq!(meant("bring something to drink from"), ["cup"]);
        assert_eq!(meant("find a place to sit"), ["chair", "sofa"]);
        let alike = meaning.of("drink", ["lamp", "door"].into_iter()).unwrap();
        assert!(alike.is_empty(), "{alike:?}");
        assert!(meaning.of("drink", std::iter::empty()).unwrap().is_empty());
    }

    #[test]
    fn hashed_words_mean_what_is_written_alike() {
        let mut meaning = Meaning::new(Arc::new(WordHash::new(1024).unwrap()));
        let labels = ["fridge", "countertops", "mug", "lamp", "door"];
        let meant = meaning.of("wipe the countertop", labels.into_iter()).unwrap();
        assert!(meant.contains_key("countertops"), "{meant:?}");
        let long = "word ".repeat(5000);
        assert!(meaning.of(&long, labels.into_iter()).is_err());
    }
}
