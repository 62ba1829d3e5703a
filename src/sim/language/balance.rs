//! Which questions are worth asking: those that nobody can answer without looking.
//!
//! "Is there a fridge" is answered by yes in every kitchen; a reader who sees nothing is right all
//! the same. So it is counted over many homes how each question is answered, and a question whose
//! usual answer holds again is asked as rarely as the next most usual one comes up. Then the usual
//! answer is right no more often than the next one, and a blind reader at most half the time.

use super::facts::SceneFacts;
use super::pair::PairFrame;
use super::question::candidates;
use crate::sim::SimError;
use crate::sim::household::World;
use std::collections::BTreeMap;

/// Weight of a question that is always answered alike.
const KNOWN: f64 = 0.002;

/// How often each question has each answer, over many homes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Balance {
    answers: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Balance {
    /// Counts the answers in a home: those about all of it, and those about what its robot sees.
    ///
    /// # Errors
    ///
    /// When the view cannot be rendered.
    pub fn add(&mut self, world: &World) -> Result<(), SimError> {
        self.count([&SceneFacts::of_world(world)], PairFrame::Scene);
        let view = SceneFacts::in_view(world, &world.robot().world_T_camera())?;
        self.count([&view], PairFrame::Ego);
        Ok(())
    }

    /// Counts the answers in these scenes, told from `frame`.
    pub fn count<'a>(
        &mut self,
        scenes: impl IntoIterator<Item = &'a SceneFacts>,
        frame: PairFrame,
    ) {
        for facts in scenes {
            for candidate in candidates(facts, frame) {
                let key = candidate.key(facts.room, frame);
                *self.answers.entry(key).or_default().entry(candidate.answer).or_default() += 1;
            }
        }
    }

    /// Whether anything was counted.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// How much a question with this answer is worth asking, 0..=1; 1 where nothing was counted.
    pub(super) fn weight(&self, key: &str, answer: &str) -> f64 {
        let Some(answers) = self.answers.get(key) else { return 1.0 };
        let of = |answer: &str| answers.get(answer).copied().unwrap_or(0);
        let usual = of(answer);
        let next = answers.iter().filter(|(other, _)| *other != answer).map(|(_, n)| *n).max();
        match next {
            _ if usual == 0 => 1.0,
            None => KNOWN,
            Some(next) => (f64::from(next) / f64::from(usual)).clamp(KNOWN, 1.0),
        }
    }
}
