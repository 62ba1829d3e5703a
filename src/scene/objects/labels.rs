//! What an object is called: by detections, or by the region of the map that it is made of.

use super::MapObject;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names an object remembers at most.
const MOST_NAMES: usize = 8;

/// Names of an object.
///
/// Of one that detections told of, each with the scores of all that called it so, added up. Of one that
/// only a region tells of, each with the mean probability, 0..=1, that the voxels of the region's look
/// give it as it is now: a softmax of the cosines between their features and the names' vectors, divided
/// by `regions.temperature`, after neighbours have talked it over. What they lack of 1 is that it is none
/// of these names; the object's own has the greatest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelScores(BTreeMap<String, f32>);

impl LabelScores {
    /// What is known of an object with one name.
    pub(super) fn of(object: &MapObject) -> Self {
        Self([(object.label.clone(), object.confidence)].into())
    }

    /// What a region looks like: names, the likeliest first, with their probabilities. Only so many are
    /// kept.
    pub(in crate::scene) fn of_shares<'a>(shares: impl Iterator<Item = (&'a str, f32)>) -> Self {
        let named = shares.filter(|(label, _)| !label.is_empty()).take(MOST_NAMES);
        Self(named.map(|(label, share)| (label.to_owned(), share)).collect())
    }

    /// A detection of `score` says `label`. Of too many names the one with the least score goes.
    pub(in crate::scene) fn add(&mut self, label: &str, score: f32) {
        match self.0.get_mut(label) {
            Some(sum) => *sum += score,
            None => {
                self.0.insert(label.to_owned(), score);
            }
        }
        if self.0.len() > MOST_NAMES {
            let least = self.iter().filter(|(name, _)| *name != label);
            let least = least.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name.to_owned());
            least.and_then(|name| self.0.remove(&name));
        }
    }

    /// Adds up what was said of two objects that are one.
    pub(super) fn join(&mut self, other: &Self) {
        other.iter().for_each(|(label, score)| self.add(label, score));
    }

    /// Whether `label` is among the names.
    pub fn contains(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }

    /// The name that was said most; of equals the one that is `now` the name.
    pub fn best(&self, now: &str) -> Option<&str> {
        let rank = |entry: &(&str, f32)| (entry.1, entry.0 == now);
        let best = self.iter().max_by(|a, b| {
            let (a, b) = (rank(a), rank(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        });
        best.map(|(label, _)| label)
    }

    /// Names in their order, each with its score.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.0.iter().map(|(label, score)| (label.as_str(), *score))
    }

    /// Whether the numbers can have come from detections or regions.
    pub(super) fn is_sound(&self) -> bool {
        self.0.len() <= MOST_NAMES
            && self.0.iter().all(|(name, sum)| !name.is_empty() && sum.is_finite() && *sum >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_said_most_counts() {
        let mut scores = LabelScores::default();
        assert_eq!(scores.best("cup"), None);
        scores.add("mug", 0.5);
        scores.add("cup", 0.5);
        assert_eq!((scores.best("cup"), scores.best("mug")), (Some("cup"), Some("mug")));
        scores.add("mug", 0.1);
        assert_eq!(scores.best("cup"), Some("mug"));
        let mut other = LabelScores::default();
        other.add("cup", 0.3);
        scores.join(&other);
        assert_eq!(scores.best("mug"), Some("cup"));
    }

    #[test]
    fn an_object_has_not_any_number_of_names() {
        let mut scores = LabelScores::default();
        (0..100).for_each(|at| scores.add(&format!("name {at}"), 1.0 + at as f32));
        scores.add("new", 0.1);
        assert_eq!(scores.iter().count(), MOST_NAMES);
        assert!(scores.contains("new") && scores.contains("name 99") && !scores.contains("name 0"));
        assert!(scores.is_sound());
    }

    #[test]
    fn of_a_region_the_likeliest_names_are_kept() {
        let names: Vec<String> = (0..20).map(|at| format!("name {at}")).collect();
        let shares =
            names.iter().zip(0u8..).map(|(name, at)| (name.as_str(), 0.5f32.powi(at.into())));
        let scores = LabelScores::of_shares([("", 0.9)].into_iter().chain(shares));
        assert_eq!((scores.iter().count(), scores.best("name 1")), (MOST_NAMES, Some("name 0")));
        assert!(scores.contains("name 7") && !scores.contains("name 8") && scores.is_sound());
    }
}
