//! Where in the map something looks like a text, by the features of its voxels.
//!
//! A cosine between a picture's and a text's feature says little by itself: any two are somewhat
//! alike. So the text competes with phrases that fit anything, as LERF does it (arXiv 2303.09553):
//! a voxel's relevance is the probability with which it goes to the text and not to the phrase that
//! fits it best. At ½ it looks like the text no more than like just anything.

use super::regions::to_unit;
use super::{SceneError, SceneMap};
use crate::vision::{TextEncoder, VisionError, WordHash};
use hashbrown::HashMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

/// By what cosines are multiplied before they become probabilities; LERF's.
const SHARPNESS: f32 = 10.0;
/// Fewer voxels than this, next to one another, are no place but noise.
const LEAST_VOXELS: usize = 2;
/// Confidence of what fits no better than just anything.
const CHANCE: f32 = 0.5;
/// Words before a noun, which the names that features in the space of hashed words were taught lack.
const ARTICLES: [&str; 5] = ["the", "a", "an", "my", "some"];
/// Phrases that fit anything; LERF's.
const ANYTHING: [&str; 4] = ["object", "things", "stuff", "texture"];

/// A text and what it competes with, as vectors of one space.
#[derive(Debug, Clone, PartialEq)]
pub struct TextQuery {
    text: Vec<f32>,
    rivals: Vec<Vec<f32>>,
}

impl TextQuery {
    /// `text` against phrases that fit anything and, in the space of hashed words, which knows no
    /// such, against all other `names` of things instead. There "the fridge" is looked for as "fridge".
    ///
    /// # Errors
    ///
    /// As [`Self::against`].
    pub fn new(
        words: &dyn TextEncoder,
        text: &str,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, VisionError> {
        if WordHash::of_space(words.space()).is_none() {
            return Self::against(words, text, ANYTHING);
        }
        // A name must not compete with itself, however it is written.
        let wanted = bare(text);
        Self::against(words, text, names.into_iter().filter(|name| bare(name.as_ref()) != wanted))
    }

    /// `text` against `rivals`.
    ///
    /// # Errors
    ///
    /// When `words` has no vector for one of them, or there is no rival.
    pub fn against(
        words: &dyn TextEncoder,
        text: &str,
        rivals: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, VisionError> {
        let is_hashed = WordHash::of_space(words.space()).is_some();
        let embed =
            |text: &str| if is_hashed { words.embed(&bare(text)) } else { words.embed(text) };
        let rivals: Result<Vec<_>, _> =
            rivals.into_iter().map(|rival| embed(rival.as_ref())).collect();
        let rivals = rivals?;
        if rivals.is_empty() {
            let reason = format!("`{text}` has nothing to compete with");
            return Err(VisionError::BadText { extractor: words.space().to_owned(), reason });
        }
        Ok(Self { text: embed(text)?, rivals })
    }
}

/// `text` as names are written: in lower case, one space between words, and no article before them. To
/// hashed words an article is a word like any other, and takes its share of the vector; those of CLIP
/// were learnt from sentences with articles. An article that nothing follows stays.
fn bare(text: &str) -> String {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let articles = words.iter().take_while(|word| ARTICLES.contains(*word)).count();
    words[articles.min(words.len().saturating_sub(1))..].join(" ")
}

/// A voxel and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelScore {
    /// Voxel coordinates.
    pub key: [i32; 3],
    /// Mean point in world coordinates, metres.
    pub xyz_m: [f32; 3],
    /// Probability, 0..=1, with which it goes to the text and not to what fits anything.
    pub relevance: f32,
    /// Cosine between its feature and the text's.
    pub similarity: f32,
    /// When it was last hit, nanoseconds.
    pub last_seen_ns: i64,
}

/// Voxels next to one another that fit.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Place {
    /// Their mean point, weighted by relevance, in world coordinates, metres.
    pub position_m: [f64; 3],
    /// Edge lengths of the box around them along the axes of the world, metres.
    pub size_m: [f64; 3],
    /// Their mean relevance, 0..=1; ½ is no better than just anything.
    pub confidence: f32,
    /// The greatest cosine among them.
    pub similarity: f32,
    /// How many they are.
    pub voxels: usize,
    /// When any of them was last hit, nanoseconds.
    pub last_seen_ns: i64,
}

/// How well a map fits a text, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// All voxels that have a feature which is not all zeros.
    pub scores: Vec<VoxelScore>,
    /// Where they fit, best first.
    pub places: Vec<Place>,
}

impl Likeness {
    /// The best place, where it fits the text better than just anything does.
    pub fn found(&self) -> Option<&Place> {
        self.places.first().filter(|place| place.confidence > CHANCE)
    }
}

impl SceneMap {
    /// How well the map fits a text, and where: `most` places at most.
    ///
    /// # Errors
    ///
    /// As [`Self::relevance`].
    pub fn likeness(&self, query: &TextQuery, most: usize) -> Result<Likeness, SceneError> {
        let scores = self.relevance(&query.text, &query.rivals)?;
        let places = places(&scores, self.config.voxel_size_m, most);
        Ok(Likeness { scores, places })
    }

    /// How well each voxel that has a feature fits `text` rather than any of `others`; all are
    /// vectors of the map's feature width, in the order of [`SceneMap::voxels`]. A feature of zeros
    /// alone, as where no mask was, is like nothing, and would fit as well as just anything.
    ///
    /// # Errors
    ///
    /// When one of them is of another width.
    pub fn relevance(
        &self,
        text: &[f32],
        others: &[Vec<f32>],
    ) -> Result<Vec<VoxelScore>, SceneError> {
        let expected = self.config.feature_width;
        let mut rows = std::iter::once(text).chain(others.iter().map(Vec::as_slice));
        if let Some(row) = rows.find(|row| row.len() != expected || row.is_empty()) {
            return Err(SceneError::FeatureWidth { expected, found: row.len() });
        }
        let text = unit(text);
        let others: Vec<Vec<f32>> = others.iter().map(|other| unit(other)).collect();
        let voxels: Vec<_> = self.voxels().collect();
        let score = |voxel: &super::VoxelView<'_>| {
            let mut feature = voxel.feature()?;
            if !to_unit(&mut feature) {
                return None;
            }
            let similarity = dot(&feature, &text);
            let rival = others.iter().map(|other| dot(&feature, other)).fold(f32::MIN, f32::max);
            let relevance = 1.0 / (1.0 + (SHARPNESS * (rival - similarity)).exp());
            let (key, xyz_m, last_seen_ns) = (voxel.key, voxel.xyz_m, voxel.last_seen_ns);
            Some(VoxelScore { key, xyz_m, relevance, similarity, last_seen_ns })
        };
        Ok(voxels.par_iter().filter_map(score).collect())
    }
}

/// The places where `scores` are high, best first, `most` at most: what hangs together of the voxels
/// whose relevance is nearer to the best one's than to the middle one's.
pub fn places(scores: &[VoxelScore], voxel_size_m: f64, most: usize) -> Vec<Place> {
    let mut order: Vec<f32> = scores.iter().map(|score| score.relevance).collect();
    order.sort_unstable_by(f32::total_cmp);
    let (Some(best), Some(middle)) = (order.last(), order.get(order.len() / 2)) else {
        return Vec::new();
    };
    let least = (best + middle) / 2.0;
    let mut free: HashMap<[i32; 3], &VoxelScore, FxBuildHasher> = scores
        .iter()
        .filter(|score| score.relevance >= least)
        .map(|score| (score.key, score))
        .collect();
    let mut found = Vec::new();
    for seed in scores {
        let Some(seed) = free.remove(&seed.key) else { continue };
        let (mut members, mut next) = (vec![seed], 0);
        while let Some(member) = members.get(next) {
            next += 1;
            let around = (0..27).map(|side| {
                let step = [side / 9 - 1, side / 3 % 3 - 1, side % 3 - 1];
                std::array::from_fn(|axis| member.key[axis].saturating_add(step[axis]))
            });
            let neighbours: Vec<_> = around.filter_map(|key: [i32; 3]| free.remove(&key)).collect();
            members.extend(neighbours);
        }
        found.push(place(&members, voxel_size_m));
    }
    let large = found.iter().any(|place| place.voxels >= LEAST_VOXELS);
    found.retain(|place| !large || place.voxels >= LEAST_VOXELS);
    // Of two that fit alike, the one of which more was seen.
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(b.voxels.cmp(&a.voxels)));
    found.truncate(most);
    found
}

fn place(members: &[&VoxelScore], voxel_size_m: f64) -> Place {
    let total: f64 = members.iter().map(|member| f64::from(member.relevance)).sum();
    let along = |axis: usize| {
        let values = members.iter().map(move |member| f64::from(member.xyz_m[axis]));
        let weighed = values.clone().zip(members).map(|(x, m)| x * f64::from(m.relevance));
        let mean = weighed.sum::<f64>() / total.max(f64::MIN_POSITIVE);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
        // Points lie inside their voxels: half a voxel belongs to either end.
        (mean, high - low + voxel_size_m)
    };
    let axes = [along(0), along(1), along(2)];
    Place {
        position_m: axes.map(|(mean, _)| mean),
        size_m: axes.map(|(_, size)| size),
        confidence: (total / members.len() as f64) as f32,
        similarity: members.iter().map(|member| member.similarity).fold(f32::MIN, f32::max),
        voxels: members.len(),
        last_seen_ns: members.iter().map(|member| member.last_seen_ns).max().unwrap_or_default(),
    }
}

/// The vector with length 1; one without direction stays as it is.
fn unit(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    vector.iter().map(|x| x / length.max(1e-12)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::MapConfig;
    use crate::scene::fixtures::wall;

    /// A wall whose left third has features that point one way, and the rest another.
    fn two_parts() -> SceneMap {
        let cells = [[1.0, 0.2, 0.0], [0.0, 1.0, 0.1], [0.0, 1.0, 0.1]];
        wall(3, |column| cells[column].to_vec())
    }

    #[test]
    fn what_looks_like_the_text_is_found_where_it_is() {
        let map = two_parts();
        let others = [vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0]];
        let scores = map.relevance(&[3.0, 0.0, 0.0], &others).unwrap();
        assert_eq!(scores.len(), map.len());
        let places = places(&scores, 0.05, 5);
        assert_eq!(places.len(), 1);
        let place = &places[0];
        // Pixels 0..20 of 60 at 2 m: x from −1.475 to −0.475.
        assert!((place.position_m[0] + 0.98).abs() < 0.05, "{place:?}");
        assert!((place.size_m[0] - 1.0).abs() < 0.1, "{place:?}");
        assert!(place.confidence > 0.9 && place.similarity > 0.97, "{place:?}");
        assert_eq!(place.last_seen_ns, 7);
        let away = scores.iter().find(|score| score.xyz_m[0] > 0.5).unwrap();
        assert!(away.relevance < 0.01 && away.similarity.abs() < 0.01, "{away:?}");
    }

    #[test]
    fn where_features_say_nothing_nothing_is_found() {
        let cells = [[0.0, 0.0], [0.0, 1.0], [0.1, 1.0]];
        let map = wall(3, |column| cells[column].to_vec());
        let scores = map.relevance(&[1.0, 0.0], &[vec![0.0, 1.0]]).unwrap();
        assert!(!scores.is_empty() && scores.len() < map.len());
        assert!(scores.iter().all(|score| score.xyz_m[0] > -0.55 && score.relevance < 0.5));
    }

    #[test]
    fn what_fits_nothing_has_no_confidence() {
        let map = two_parts();
        let scores = map.relevance(&[0.0, 0.0, 1.0], &[vec![0.5, 1.0, 0.0]]).unwrap();
        let places = places(&scores, 0.05, 1);
        assert_eq!(places.len(), 1);
        assert!(places[0].confidence < 0.1, "{places:?}");
    }

    #[test]
    fn a_text_is_found_where_the_map_looks_like_it_and_like_no_other_name() {
        let words = WordHash::new(64).unwrap();
        let map = wall(3, |column| words.embed(["kettle", "wall", "wall"][column]).unwrap());
        let look_for = |text: &str| {
            let query = TextQuery::new(&words, text, ["kettle", "wall", "mug"]).unwrap();
            map.likeness(&query, 5).unwrap()
        };
        let kettle = look_for("kettle");
        let place = kettle.found().unwrap();
        assert!((place.position_m[0] + 0.98).abs() < 0.1 && place.similarity > 0.95, "{place:?}");
        assert_eq!(kettle.scores.len(), map.len());
        assert!(look_for("wall").found().is_some());
        for not_there in ["mug", "unicorn"] {
            assert_eq!(look_for(not_there).found(), None, "{not_there}");
        }
        let alone = TextQuery::new(&words, "kettle", ["kettle"]).unwrap_err();
        assert!(alone.to_string().contains("nothing to compete with"), "{alone}");
        assert!(map.likeness(&TextQuery { text: vec![1.0], rivals: vec![] }, 1).is_err());
    }

    #[test]
    fn articles_before_a_name_change_nothing_in_hashed_words() {
        let words = WordHash::new(64).unwrap();
        let names = ["open fridge", "wall", "mug"];
        let query = |text: &str| TextQuery::new(&words, text, names).unwrap();
        for (plain, others) in [
            ("mug", ["a mug", "The Mug", " my  mug"]),
            ("open fridge", ["the open fridge", "an open fridge", "Open  fridge"]),
        ] {
            assert_eq!(query(plain).rivals.len(), 2, "it does not compete with itself");
            for other in others {
                assert_eq!(query(other), query(plain), "{other}");
            }
        }
        let against = |text: &str, rival: &str| TextQuery::against(&words, text, [rival]).unwrap();
        assert_eq!(against("some mug", "the wall"), against("mug", "wall"));
        // Only before the name, and not where it is all there is.
        for (text, kept) in [("mug on the table", "mug on the table"), ("the", "the"), ("", "")] {
            assert_eq!(query(text).text, words.embed(kept).unwrap(), "{text}");
        }
        assert_eq!(query("the mug").text, words.embed("mug").unwrap());
    }

    #[test]
    fn vectors_of_another_width_are_refused_and_empty_maps_give_nothing() {
        let map = two_parts();
        let wrong = map.relevance(&[1.0; 4], &[]).unwrap_err();
        assert!(matches!(wrong, SceneError::FeatureWidth { expected: 3, found: 4 }));
        assert!(map.relevance(&[1.0; 3], &[vec![1.0; 2]]).is_err());
        let empty = SceneMap::new(MapConfig { feature_width: 3, ..MapConfig::default() }).unwrap();
        assert!(places(&empty.relevance(&[1.0; 3], &[]).unwrap(), 0.05, 3).is_empty());
        // A map without features has nothing to compare.
        let blind = SceneMap::new(MapConfig::default()).unwrap();
        assert!(blind.relevance(&[], &[]).is_err());
    }
}
