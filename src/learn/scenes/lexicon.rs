//! The names of things with their vectors, and which are easily taken for one another.

use super::truth::Thing;
use crate::vision::{TextEncoder, VisionError};
use std::collections::BTreeMap;

/// Things whose longest edges differ by no more than this factor look alike from afar.
const ALIKE: f64 = 1.8;

/// A name with its vector and what it is taken for.
#[derive(Debug, Clone)]
struct Entry {
    vector: Vec<f32>,
    longest_m: f64,
    alike: Vec<usize>,
}

/// The vectors of all names that come up in some homes.
#[derive(Debug, Clone)]
pub struct Lexicon {
    width: usize,
    index: BTreeMap<String, usize>,
    entries: Vec<Entry>,
}

impl Lexicon {
    /// Of all names of `things`, in the space of `encoder`.
    ///
    /// # Errors
    ///
    /// When the encoder has no vector for a name.
    pub fn of<'a>(
        things: impl IntoIterator<Item = &'a Thing>,
        encoder: &dyn TextEncoder,
    ) -> Result<Self, VisionError> {
        let mut sizes: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        for thing in things {
            let longest_m = thing.size_m.iter().copied().fold(0.0, f64::max);
            let (sum, count) = sizes.entry(thing.category).or_default();
            *sum += longest_m;
            *count += 1;
        }
        let mut entries = Vec::with_capacity(sizes.len());
        for (name, (sum, count)) in &sizes {
            let longest_m = sum / *count as f64;
            entries.push(Entry { vector: encoder.embed(name)?, longest_m, alike: Vec::new() });
        }
        let lengths: Vec<f64> = entries.iter().map(|entry| entry.longest_m).collect();
        for (at, entry) in entries.iter_mut().enumerate() {
            let is_alike = |(other, longest): &(usize, &f64)| {
                let ratio = *longest / entry.longest_m.max(1e-3);
                *other != at && (1.0 / ALIKE..=ALIKE).contains(&ratio)
            };
            entry.alike =
                lengths.iter().enumerate().filter(is_alike).map(|(other, _)| other).collect();
        }
        let index = sizes.keys().enumerate().map(|(at, name)| ((*name).to_string(), at)).collect();
        Ok(Self { width: encoder.width(), index, entries })
    }

    /// Length of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names, in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The vector of a name; none for a number that has no name.
    pub fn vector(&self, number: usize) -> &[f32] {
        self.entries.get(number).map_or(&[], |entry| &entry.vector)
    }

    /// The number of the name whose vector is nearest to the first [`Self::width`] numbers of
    /// `feature` by direction; `None` for a feature of zeros.
    pub fn nearest(&self, feature: &[f32]) -> Option<usize> {
        let along = |vector: &[f32]| vector.iter().zip(feature).map(|(a, b)| a * b).sum::<f32>();
        let scores = self.entries.iter().map(|entry| along(&entry.vector)).enumerate();
        let (number, score) = scores.max_by(|a, b| a.1.total_cmp(&b.1))?;
        (score > 0.0).then_some(number)
    }

    /// The names a thing of this name may be taken for.
    pub fn alike(&self, number: usize) -> &[usize] {
        self.entries.get(number).map_or(&[], |entry| &entry.alike)
    }
}
