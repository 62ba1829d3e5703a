//! Names with their vectors, made once and compared with many features.

use crate::scene::SceneError;
use crate::vision::TextEncoder;

/// Most names that are told apart.
const MOST_NAMES: usize = 4096;
/// Names that are scored side by side.
const LANES: usize = 32;

/// Names, and for each a vector of length 1 in the space of the features it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedVectors {
    names: Vec<String>,
    vectors: Vec<Vec<f32>>,
    space: String,
    /// Names by `LANES`, and of those each number of their vectors in turn: so that some names are
    /// scored side by side in the registers.
    tiles: Vec<[f32; LANES]>,
    states: Vec<NamedState>,
}

/// A state in which what has a name may be, and the vector of both.
#[derive(Debug, Clone, PartialEq)]
struct NamedState {
    state: String,
    name: usize,
    vector: Vec<f32>,
}

impl NamedVectors {
    /// The vectors that `encoder` gives `names`. A name that comes twice is taken once.
    ///
    /// # Errors
    ///
    /// When a name has no word in it, or there are none or more than 4096.
    pub fn new(
        encoder: &dyn TextEncoder,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, SceneError> {
        let refuse = |reason: String| SceneError::Names { reason };
        // All are counted before the first has its vector: of a large encoder each takes its time.
        let mut kept = Vec::<String>::new();
        for name in names {
            let name: String = name.into();
            if kept.contains(&name) {
                continue;
            }
            if kept.len() == MOST_NAMES {
                return Err(refuse(format!("more than {MOST_NAMES} names")));
            }
            kept.push(name);
        }
        if kept.is_empty() {
            return Err(refuse("there are none to tell things apart by".into()));
        }
        let mut vectors = Vec::with_capacity(kept.len());
        for name in &kept {
            let vector = encoder.embed(name).map_err(|error| refuse(error.to_string()))?;
            if vector.iter().all(|value| *value == 0.0) || vector.len() != encoder.width() {
                return Err(refuse(format!("`{name}` has no vector")));
            }
            vectors.push(vector);
        }
        let tiles = vectors.chunks(LANES).flat_map(|some: &[Vec<f32>]| {
            let number = move |at: usize, lane: usize| some.get(lane).map_or(0.0, |row| row[at]);
            (0..encoder.width()).map(move |at| std::array::from_fn(|lane| number(at, lane)))
        });
        let tiles = tiles.collect();
        Ok(Self {
            names: kept,
            vectors,
            space: encoder.space().to_owned(),
            tiles,
            states: Vec::new(),
        })
    }

    /// The same with the states, each before the name of what may be in it, that features tell:
    /// `open`, `fridge`. Those of other names are left out.
    ///
    /// # Errors
    ///
    /// When `encoder` has no vector for one.
    pub fn with_states(
        mut self,
        encoder: &dyn TextEncoder,
        states: &[[String; 2]],
    ) -> Result<Self, SceneError> {
        for [state, name] in states {
            let Some(index) = self.index_of(name) else { continue };
            let vector = encoder
                .embed(&format!("{state} {name}"))
                .map_err(|error| SceneError::Names { reason: error.to_string() })?;
            self.states.push(NamedState { state: state.clone(), name: index, vector });
        }
        Ok(self)
    }

    /// The states in which what is called `name` may be, each with whether it looks as if it were:
    /// whether `feature` lies nearer to both words than to the name alone.
    pub(in crate::scene) fn states_of(
        &self,
        name: &str,
        feature: &[f32],
    ) -> impl Iterator<Item = (&str, bool)> {
        let name = self.index_of(name);
        let states = self.states.iter().filter(move |state| Some(state.name) == name);
        let dot = move |vector: &[f32]| vector.iter().zip(feature).map(|(a, b)| a * b).sum::<f32>();
        states.filter_map(move |state| {
            let plain = self.vectors.get(state.name)?;
            Some((state.state.as_str(), dot(&state.vector) > dot(plain)))
        })
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Their vectors, in the same order.
    pub fn vectors(&self) -> &[Vec<f32>] {
        &self.vectors
    }

    /// Number of names; never 0.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Length of a vector.
    pub fn width(&self) -> usize {
        self.vectors.first().map_or(0, Vec::len)
    }

    /// Name of the space the vectors stand in.
    pub fn space(&self) -> &str {
        &self.space
    }

    /// Index of a name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// For each name whether it is one of `set`.
    pub(super) fn are_in(&self, set: &[String]) -> Vec<bool> {
        self.names.iter().map(|name| set.contains(name)).collect()
    }

    /// Writes the dot product of `feature` with each name's vector into `scores`.
    #[inline(always)]
    pub(super) fn score(&self, feature: &[f32], scores: &mut [f32]) {
        let tiles = self.tiles.chunks_exact(self.width().max(1));
        for (scores, tile) in scores.chunks_mut(LANES).zip(tiles) {
            let mut sums = [0.0; LANES];
            for (value, numbers) in feature.iter().zip(tile) {
                for (sum, number) in sums.iter_mut().zip(numbers) {
                    *sum += value * number;
                }
            }
            scores.copy_from_slice(&sums[..scores.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{VisionError, WordHash};

    #[test]
    fn a_name_scores_highest_with_its_own_vector() {
        let words = WordHash::new(32).unwrap();
        let named = NamedVectors::new(&words, ["mug", "fridge", "mug", "apple"]).unwrap();
        assert_eq!((named.len(), named.width(), named.space()), (3, 32, "word_hash_32"));
        let mut scores = vec![9.0; 3];
        for (index, vector) in named.vectors().iter().enumerate() {
            named.score(vector, &mut scores);
            approx::assert_abs_diff_eq!(scores[index], 1.0, epsilon = 1e-5);
            assert!(scores.iter().enumerate().all(|(at, score)| at == index || *score < 0.9));
        }
        assert_eq!(named.are_in(&["apple".into()]), [false, false, true]);
        assert_eq!(named.index_of("fridge"), Some(1));
    }

    #[test]
    fn a_feature_tells_states() {
        let words = WordHash::new(64).unwrap();
        let states = [["open", "fridge"], ["open", "safe"]].map(|pair| pair.map(String::from));
        let named = NamedVectors::new(&words, ["mug", "fridge"]).unwrap();
        let named = named.with_states(&words, &states).unwrap();
        let of = |name: &str, looks: &str| -> Vec<(String, bool)> {
            let feature = words.embed(looks).unwrap();
            named.states_of(name, &feature).map(|(state, is)| (state.to_owned(), is)).collect()
        };
        assert_eq!(of("fridge", "open fridge"), [("open".to_owned(), true)]);
        assert_eq!(of("fridge", "fridge"), [("open".to_owned(), false)]);
        assert!(of("mug", "open mug").is_empty() && of("safe", "open safe").is_empty());
    }

    #[test]
    fn names_without_words_are_refused() {
        let words = WordHash::new(32).unwrap();
        assert!(NamedVectors::new(&words, ["mug", " "]).is_err());
        assert!(NamedVectors::new(&words, Vec::<String>::new()).is_err());
        let many = (0..5000).map(|number| format!("thing{number}"));
        assert!(NamedVectors::new(&words, many).unwrap_err().to_string().contains("4096"));
    }

    /// An encoder that must not be asked.
    struct Unasked;

    impl TextEncoder for Unasked {
        fn width(&self) -> usize {
            32
        }

        fn space(&self) -> &str {
            "none"
        }

        fn embed(&self, text: &str) -> Result<Vec<f32>, VisionError> {
            panic!("`{text}` was embedded");
        }
    }

    #[test]
    fn too_many_names_are_counted_before_they_are_embedded() {
        let many = (0..5000).map(|number| format!("thing{number}"));
        let error = NamedVectors::new(&Unasked, many).unwrap_err().to_string();
        assert!(error.contains("more than 4096 names"), "{error}");
    }
}
